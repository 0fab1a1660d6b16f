import type * as z from 'zod/mini'
import { isNamed } from './aws-errors.ts'
import { InvalidInputError, type Issues, RecipientNotAllowedError } from './errors.ts'

/** Refusals whose message begins with the field that they are about. */
const aboutField = [
  ...['AccountNotFoundError', 'ManagementAccountError', 'ProtectedAccountError', 'AccountPendingError'],
  ...['AccountNotActiveError', 'AccountBusyError', 'DeniedByPolicyError', 'RequestOpenError', 'RequestNotFoundError'],
  'IdempotencyKeyReusedError',
]

/** The wrong fields that a refusal names. None for any other error. */
export const faultsOf = (error: unknown): Issues => {
  if (error instanceof InvalidInputError || error instanceof RecipientNotAllowedError) return error.issues
  if (!(error instanceof Error) || !isNamed(error, ...aboutField)) return []
  const [, field, message] = /^([\w[\].-]+): (.+)$/s.exec(error.message) ?? []
  return field !== undefined && message !== undefined ? [{ field, message }] : []
}

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
  throw new InvalidInputError(issuesIn(result.error.issues, value))
}

const issuesIn = (found: z.core.$ZodIssue[], value: unknown) => {
  const issues = found.flatMap(({ path, message, ...issue }) =>
    (issue.code === 'unrecognized_keys' ? issue.keys.map((key) => [...path, key]) : [path]).map((where) => ({
      field: fieldName(where),
      message: isMissing(value, where) ? `is missing; ${message}` : message,
    })),
  )
  const seen = new Set<string>()
  // Of several issues of one field, the first is the one to correct.
  return issues.filter(({ field }) => !seen.has(field) && seen.add(field))
}

const nothing = () => undefined

/**
 * Checks `value` against `schema`, and then with `check`, which only reads. If fields are wrong, `check` still looks at
 * the others, so that one refusal names the faults of both.
 * Throws `InvalidInputError` and what `check` throws.
 */
export const parseAndCheck = async <S extends z.ZodMiniType, Checked>(
  schema: S,
  value: unknown,
  check: (parsed: z.output<S>) => Promise<Checked>,
): Promise<{ parsed: z.output<S>; checked: Checked }> => {
  let parsed
  try {
    parsed = parseInput(schema, value)
  } catch (wrong) {
    const rest = asFarAsRight(schema, value)
    const more = rest && (await check(rest).then(nothing, (error: unknown) => error))
    throw oneRefusal([wrong, more])
  }
  return { parsed, checked: await check(parsed) }
}

/**
 * The value as a schema reads it, with the wrong fields in it, and an empty text for each that is missing. Undefined if
 * the value is too large to be checked further.
 */
const asFarAsRight = <S extends z.ZodMiniType>(schema: S, value: unknown): z.output<S> | undefined => {
  if (isTooDeep(value) || hasProto(value)) return undefined
  const read = schema._zod.run({ value, issues: [] }, { async: false })
  if (read instanceof Promise) throw new Error('A schema of this service needs no promise')
  if (typeof read.value !== 'object' || read.value === null) return undefined
  if (read.issues.some((issue) => issue.code === 'too_big' && issue.origin === 'array')) return undefined
  for (const { code, path = [] } of read.issues) {
    const holder = path.slice(0, -1).reduce<unknown>((part, key) => (part as Fields | undefined)?.[key], read.value)
    const key = path.at(-1)
    if (code === 'invalid_type' && key !== undefined && typeof holder === 'object' && holder)
      (holder as Fields)[key] ??= ''
  }
  return read.value as z.output<S>
}
type Fields = Record<PropertyKey, unknown>

/**
 * Waits for checks that do not depend on each other, and answers their results. If one check refuses, throws its error.
 * If several refuse, throws an `InvalidInputError` that names the faults of all. Any other failure is thrown if no
 * check refuses.
 */
export const allChecks = async <Results extends unknown[]>(
  checks: [...{ [Key in keyof Results]: Promise<Results[Key]> | undefined }],
): Promise<Results> => {
  const results: PromiseSettledResult<unknown>[] = await Promise.allSettled(checks as Promise<unknown>[])
  const errors = results.flatMap((result) => (result.status === 'rejected' ? [result.reason as unknown] : []))
  if (errors.length) throw oneRefusal(errors)
  return results.map((result) => (result.status === 'fulfilled' ? result.value : undefined)) as Results
}

/** The one error that names the faults of all refusals. Other errors count only if nothing is refused. */
const oneRefusal = (errors: unknown[]) => {
  const refusals = errors.filter((error) => faultsOf(error).length)
  return refusals.length > 1
    ? new InvalidInputError(refusals.map(faultsOf).reduce(withMore))
    : (refusals[0] ?? errors[0])
}

/** Adds the issues of a further check. Where a field is wrong, what is wrong inside it says nothing new. */
const withMore = (before: Issues, more: Issues) => [
  ...before,
  ...more.filter(
    ({ field }) =>
      !before.some((known) => field === known.field || ['.', '['].some((next) => field.startsWith(known.field + next))),
  ),
]
