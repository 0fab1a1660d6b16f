import type * as z from 'zod/mini'
import { InvalidInputError } from './errors.ts'

/** Leaves out the byte order mark with which some editors begin a text (RFC 8259, section 8.1). */
export const withoutMark = (text: string) => text.replace(/^\ufeff/, '')

/** Reads JSON that a person or a program outside AWS wrote. Throws SyntaxError. */
export const readJson = (text: string): unknown => JSON.parse(withoutMark(text))

const mostBytes = 64 * 1024

/** Reads the body of an API request. An empty body is an empty object. Throws `InvalidInputError`. */
export const readBody = (body: string): unknown => {
  if (Buffer.byteLength(body) > mostBytes)
    throw new InvalidInputError([{ field: 'body', message: `must have at most ${mostBytes} bytes` }])
  if (!body.trim()) return {}
  try {
    return readJson(body)
  } catch (error) {
    // The parser's message may quote the body, and messages are logged. So only the position is told.
    const place = /at position .*/.exec(error instanceof Error ? error.message : '')?.[0]
    throw new InvalidInputError([{ field: 'body', message: `must be JSON${place ? `; the mistake is ${place}` : ''}` }])
  }
}

/** Reads JSON; undefined if the text is not JSON. */
export const parseJson = (text: string | undefined): unknown => {
  try {
    return JSON.parse(text ?? '')
  } catch {
    return undefined
  }
}

// JSON can hold this key and an object cannot: the value would be lost without an error.
const hasProto = (value: unknown): boolean =>
  typeof value === 'object' &&
  value !== null &&
  (Object.hasOwn(value, '__proto__') || Object.values(value).some(hasProto))

const maxLevels = 64

/** Whether JSON is nested so deeply that recursive code could overflow the stack. */
export const isTooDeep = (value: unknown, levels = maxLevels): boolean =>
  typeof value === 'object' &&
  value !== null &&
  (levels === 0 || Object.values(value).some((member) => isTooDeep(member, levels - 1)))

const fieldName = (path: PropertyKey[]) => {
  const name = path.map((key, i) => (typeof key === 'number' ? `[${key}]` : `${i ? '.' : ''}${String(key)}`)).join('')
  return name.length > 200 ? `${name.slice(0, 200)}…` : name || 'input'
}

const isMissing = (value: unknown, path: PropertyKey[]) =>
  path.length > 0 &&
  path.reduce((part, key) => (part as Record<PropertyKey, unknown> | undefined)?.[key], value) === undefined

/**
 * Checks `value` against `schema`.
 * Throws `InvalidInputError`, which names each missing or wrong field and what is allowed there.
 */
export const parseInput = <S extends z.ZodMiniType>(schema: S, value: unknown): z.output<S> => {
  if (isTooDeep(value))
    throw new InvalidInputError([{ field: 'input', message: `must not be nested deeper than ${maxLevels} levels` }])
  const result = schema.safeParse(value)
  if (result.success) {
    if (hasProto(value)) throw new InvalidInputError([{ field: '__proto__', message: 'cannot be the name of a field' }])
    return result.data
  }
  const issues = result.error.issues.flatMap(({ path, message, ...issue }) =>
    (issue.code === 'unrecognized_keys' ? issue.keys.map((key) => [...path, key]) : [path]).map((where) => ({
      field: fieldName(where),
      message: isMissing(value, where) ? `is missing; ${message}` : message,
    })),
  )
  const seen = new Set<string>()
  // Of several issues of one field, the first is the one to correct.
  throw new InvalidInputError(issues.filter(({ field }) => !seen.has(field) && seen.add(field)))
}
