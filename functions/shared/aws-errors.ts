import { AwsUnreachableError, SecretNotFoundError } from './errors.ts'

/** Whether `error` is an AWS error, or an error of ours, with one of these names. */
export const isNamed = (error: unknown, ...names: string[]): error is Error =>
  error instanceof Error && names.includes(error.name)

/**
 * Whether AWS refused a call for lack of a permission. IAM and STS do not model this error, so the wire code is its
 * name.
 */
export const isDenied = (error: unknown): boolean => isNamed(error, 'AccessDenied', 'AccessDeniedException')

/**
 * Gives the errors of Secrets Manager about a missing secret a name of their own. Other services use the same names for
 * other things, and only these errors are worth waiting for. For a `catch` of a single call to Secrets Manager.
 * Throws `SecretNotFoundError`, and every other error unchanged.
 */
export const nameMissingSecret = (error: unknown): never => {
  if (!isNamed(error, 'ResourceNotFoundException', 'InvalidRequestException')) throw error
  throw new SecretNotFoundError(
    `Secrets Manager does not find the secret, or says that it is scheduled for deletion. AWS says: ${error.message}`,
    { cause: error },
  )
}

// The codes under which the SDK tries again: @smithy/core, NODEJS_TIMEOUT_ERROR_CODES and NODEJS_NETWORK_ERROR_CODES.
const connectionCodes = [
  'ECONNRESET',
  'ECONNREFUSED',
  'ETIMEDOUT',
  'EPIPE',
  'ENOTFOUND',
  'EAI_AGAIN',
  'EHOSTUNREACH',
  'ENETUNREACH',
]
// What the SDK calls an answer without an error name of the service.
const nameless = ['Unknown', 'UnknownError', 'Error', 'SyntaxError']

/** The HTTP status of a passing failure that has no name: a proxy of AWS answered, and not the service. */
const namelessStatus = (error: Error & { $metadata?: { httpStatusCode?: number } }) => {
  const status = error.$metadata?.httpStatusCode ?? 0
  return status >= 500 && nameless.includes(error.name) ? `HTTP ${status}` : undefined
}

/**
 * Gives a broken connection, and a server's failure that AWS did not name, a name that a Retry can match. Node calls
 * such an error `Error` or `TimeoutError`, the SDK calls it `Unknown`.
 */
export const nameConnectionFailure = (error: unknown): unknown => {
  if (!(error instanceof Error)) return error
  const code = 'code' in error ? String(error.code) : ''
  const isBroken = connectionCodes.includes(code) || (error.name === 'TimeoutError' && '$metadata' in error)
  const what = isBroken ? code || error.name : namelessStatus(error)
  return what === undefined
    ? error
    : new AwsUnreachableError(`No answer from AWS (${what}): ${error.message}`, { cause: error })
}
