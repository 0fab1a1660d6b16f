import { AwsUnreachableError, DeniedByPolicyError } from './errors.ts'

/** Whether `error` is an AWS error (or one of ours) of one of these names. */
export const isNamed = (error: unknown, ...names: string[]): error is Error =>
  error instanceof Error && names.includes(error.name)

/** Names under which AWS says "not you": IAM and STS do not model them, so the wire code is the name. */
const isDenied = (error: unknown) => isNamed(error, 'AccessDenied', 'AccessDeniedException')

/** Lets AccessDenied from IAM inside the account leave as `DeniedByPolicyError`, everything else as it is. */
export const explainDenial = (error: unknown): never => {
  if (isDenied(error)) {
    throw new DeniedByPolicyError(
      `IAM refused a call in the account. A service control policy most likely forbids it: ${error.message}`,
      { cause: error },
    )
  }
  throw error
}

const connectionCodes = ['ECONNRESET', 'ECONNREFUSED', 'ETIMEDOUT', 'EPIPE', 'ENOTFOUND', 'EAI_AGAIN']

/** A broken connection has no name of its own in Node (`Error`, `TimeoutError`): give it one that a Retry can match. */
export const nameConnectionFailure = (error: unknown): unknown => {
  if (!(error instanceof Error)) return error
  const code = 'code' in error ? String(error.code) : ''
  return connectionCodes.includes(code) || (error.name === 'TimeoutError' && '$metadata' in error)
    ? new AwsUnreachableError(`No answer from AWS (${code || error.name}): ${error.message}`, { cause: error })
    : error
}
