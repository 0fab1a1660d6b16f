import { isNamed, nameConnectionFailure } from '../functions/shared/aws-errors.ts'
import { InvalidInputError } from '../functions/shared/errors.ts'
import { explanations } from '../functions/shared/explanations.ts'

/** The IAM action whose call an error came from, if a client of clients.ts said so: AWS's own words do not always. */
export const actionOf = (error: unknown): string | undefined =>
  error instanceof Error && 'action' in error ? String(error.action) : undefined

/** A mistake of the person at the keyboard. */
export class UsageError extends Error {
  override readonly name = 'UsageError'
}

/** The service's stack is not there, or not whole. */
export class NotDeployedError extends Error {
  override readonly name = 'NotDeployedError'
}

/** What was asked cannot be done as things stand; the message says what can. */
export class RefusedError extends Error {
  override readonly name = 'RefusedError'
}

const signIn =
  'Sign in to the management account again (aws sso login, or new keys in the environment), and name the profile with AWS_PROFILE'

const sentences: Record<string, string> = {
  CredentialsProviderError: `There are no AWS credentials. ${signIn}.`,
  TokenProviderError: `There are no AWS credentials. ${signIn}.`,
  ExpiredToken: `Your AWS session has expired. ${signIn}.`,
  ExpiredTokenException: `Your AWS session has expired. ${signIn}.`,
  RequestExpired: `Your AWS session has expired, or this computer's clock is wrong. ${signIn}.`,
  InvalidClientTokenId: `AWS does not know these credentials. ${signIn}.`,
  UnrecognizedClientException: `AWS does not know these credentials. ${signIn}.`,
  InvalidSignatureException: `AWS refuses these credentials: the secret key does not belong to the key id, or this computer's clock is wrong.`,
  SignatureDoesNotMatch: `AWS refuses these credentials: the secret key does not belong to the key id, or this computer's clock is wrong.`,
  AWSOrganizationsNotInUseException: 'This account is in no organization. Use credentials of the management account.',
}

/** Whether AWS refused for want of a permission. */
export const isDenied = (error: unknown): boolean => isNamed(error, 'AccessDenied', 'AccessDeniedException')

/** The permission that was missing. */
export const missingAction = (error: Error) =>
  /not authorized to perform: ([\w-]+:\w+)/.exec(error.message)?.[1] ?? actionOf(error) ?? 'the call'

const isThrottled = (error: Error) => /Throttl|TooManyRequests|RequestLimitExceeded|SlowDown/.test(error.name)

/** What the service says of an account, without the field's name that a caller of the API needs. */
export const withoutField = (message: string) => message.replace(/^accountId: /, '')

/** Refusals whose own sentence says all. */
const tellsAll = [
  'AccountNotFoundError',
  'ManagementAccountError',
  'ProtectedAccountError',
  'AccountPendingError',
  'AccountNotActiveError',
  'RecipientNotAllowedError',
]
export const isRefusal = (error: unknown): boolean => isNamed(error, ...tellsAll)

const isRegionMissing = (error: Error) => error.message.includes('Region is missing')

/** An answer that the SDK cannot read, or an error without a code: any AWS service would have sent one. */
const isNotAws = (error: Error) =>
  error.message.includes('Deserialization error') ||
  ('$metadata' in error && ['UnknownError', 'Unknown', 'SyntaxError'].includes(error.name))

/** Where the command looks for AWS, as its options say. */
type Where = { local?: string | undefined; endpointUrl?: string | undefined }

/** Says an error to a person: what is the matter, and what to do next. One paragraph, no stack trace. */
export const sayError = (thrown: unknown, { local, endpointUrl }: Where = {}): string => {
  const error = nameConnectionFailure(thrown)
  const url = local === undefined ? (endpointUrl ?? process.env['AWS_ENDPOINT_URL']) : `http://127.0.0.1:${local}`
  if (!(error instanceof Error)) return String(error)
  if (error instanceof UsageError || error instanceof NotDeployedError || error instanceof RefusedError)
    return error.message
  if (isRefusal(error)) return `${withoutField(error.message)}.`
  if (error instanceof InvalidInputError)
    return ['The request is not valid:', ...error.issues.map(({ field, message }) => `  ${field}: ${message}`)].join(
      '\n',
    )
  if (isRegionMissing(error))
    return 'No Region is set. Add --region us-east-1 (us-gov-west-1 in GovCloud), or set AWS_REGION.'
  if (isDenied(error))
    return `You lack the permission ${missingAction(error)}. Use a role that has it. AWS says: ${error.message}`
  if (error.name === 'AwsUnreachableError')
    return local !== undefined && error.message.includes('ECONNREFUSED')
      ? `Nothing answers at ${url}. Is npm start running? If it was started with another --port, give --local PORT: the page's port plus 1.`
      : `${error.message}. Check the network, --region and --endpoint-url.`
  if (url && isNotAws(error))
    return `What answers at ${url} is not AWS; with npm start, AWS's endpoint is the port after the page's.`
  const sentence = sentences[error.name]
  if (sentence) return sentence
  if (isThrottled(error)) return `AWS asks to slow down (${actionOf(error) ?? error.name}). Try again in a minute.`
  const action = actionOf(error)
  const what = explanations[error.name]?.what
  return [what, `${error.name}${action ? ` from ${action}` : ''}: ${error.message}`].filter(Boolean).join(' ')
}

/** 2 for a mistake in the command, 1 for everything else that went wrong. */
export const exitCodeOf = (error: unknown) =>
  error instanceof UsageError ||
  error instanceof InvalidInputError ||
  (error instanceof Error && isRegionMissing(error))
    ? 2
    : 1
