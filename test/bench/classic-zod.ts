import { z } from 'zod'

// Replaces `zod/mini` in the bundles that are made the usual way, for comparison: the same schemas with classic zod,
// imported as zod's documentation shows. This function exists in classic zod only as a method.
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
