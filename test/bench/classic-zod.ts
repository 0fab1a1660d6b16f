import { z } from 'zod'

// What `zod/mini` is replaced by in the bundles that are made the usual way: the same schemas, of classic zod, from the
// import that its documentation shows. The one function that classic zod has as a method is put round it.
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
