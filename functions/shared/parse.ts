import type * as z from 'zod/mini'
import { InvalidInputError } from './errors.ts'

// A key that JSON can hold and an object cannot: it would be lost without a word.
const hasProto = (value: unknown): boolean =>
  typeof value === 'object' &&
  value !== null &&
  (Object.hasOwn(value, '__proto__') || Object.values(value).some(hasProto))

const mostLevels = 64

/** Whether JSON is nested so deep that code which walks it step into step could end by that. */
export const isTooDeep = (value: unknown, levels = mostLevels): boolean =>
  typeof value === 'object' &&
  value !== null &&
  (levels === 0 || Object.values(value).some((member) => isTooDeep(member, levels - 1)))

const fieldName = (path: PropertyKey[]) => {
  const name = path.map((key, i) => (typeof key === 'number' ? `[${key}]` : `${i ? '.' : ''}${String(key)}`)).join('')
  return name.length > 200 ? `${name.slice(0, 200)}…` : name || 'input'
}

/**
 * Checks `value` against `schema`.
 * Throws `InvalidInputError`, which names the wrong fields and what is allowed there.
 */
export const parseInput = <S extends z.ZodMiniType>(schema: S, value: unknown): z.output<S> => {
  if (isTooDeep(value))
    throw new InvalidInputError([{ field: 'input', message: `must not be nested deeper than ${mostLevels} levels` }])
  const result = schema.safeParse(value)
  if (result.success) {
    if (hasProto(value))
      throw new InvalidInputError([{ field: '__proto__', message: 'cannot be the name of anything' }])
    return result.data
  }
  const issues = result.error.issues.flatMap(({ path, message, ...issue }) =>
    (issue.code === 'unrecognized_keys' ? issue.keys.map((key) => [...path, key]) : [path]).map((where) => ({
      field: fieldName(where),
      message,
    })),
  )
  const seen = new Set<string>()
  // The first thing that is wrong with a field is the one to mend.
  throw new InvalidInputError(issues.filter(({ field }) => !seen.has(field) && seen.add(field)))
}
