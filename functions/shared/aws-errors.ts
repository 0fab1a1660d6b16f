import { AwsUnreachableError } from './errors.ts'

/** Whether `error` is an AWS error, or an error of ours, with one of these names. */
export const isNamed = (error: unknown, ...names: string[]): error is Error =>
  error instanceof Error && names.includes(error.name)

/**
 * Whether AWS refused a call for lack of a permission. IAM and STS do not model this error, so the wire code is its
 * name.
 */
export const isDenied = (error: unknown): boolean => isNamed(error, 'AccessDenied', 'AccessDeniedException')

const connectionCodes = ['ECONNRESET', 'ECONNREFUSED', 'ETIMEDOUT', 'EPIPE', 'ENOTFOUND', 'EAI_AGAIN']

/** Gives a broken connection a name that a Retry can match. Node calls such an error `Error` or `TimeoutError`. */
export const nameConnectionFailure = (error: unknown): unknown => {
  if (!(error instanceof Error)) return error
  const code = 'code' in error ? String(error.code) : ''
  return connectionCodes.includes(code) || (error.name === 'TimeoutError' && '$metadata' in error)
    ? new AwsUnreachableError(`No answer from AWS (${code || error.name}): ${error.message}`, { cause: error })
    : error
}
