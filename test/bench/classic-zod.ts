import { z } from 'zod'

// Replaces `zod/mini` in the bundles of the usual way: the same schemas by classic zod, with the import that its
// documentation shows. One function of `zod/mini` is a method of classic zod, and is wrapped.
export const extend = <Shape extends z.core.$ZodShape, More extends z.core.$ZodShape>(
  schema: z.ZodObject<Shape>,
  more: More,
) => schema.extend(more)
const zod = z
export const { _default, array, boolean, gte, int, literal, looseObject, lte, maxLength, minLength, nullable, number } =
  zod
export const { object, optional, record, refine, regex, strictObject, string, union, unknown } = zod
const { enum: oneOf } = zod
export { oneOf as enum }
