import { existsSync, readFileSync } from 'node:fs'
import { homedir } from 'node:os'
import path from 'node:path'
import { isDenied, isNamed, nameConnectionFailure } from '../functions/shared/aws-errors.ts'
import type { InvalidInputError } from '../functions/shared/errors.ts'
import { explanations } from '../functions/shared/explanations.ts'

/**
 * The IAM action of the call that failed, as a client of clients.ts records it. AWS's messages do not always name it.
 */
export const actionOf = (error: unknown): string | undefined =>
  error instanceof Error && 'action' in error ? String(error.action) : undefined

/** A mistake of the person at the keyboard. */
export class UsageError extends Error {
  override readonly name = 'UsageError'
}

/** The service's stack does not exist, or its deployment did not finish. */
export class NotDeployedError extends Error {
  override readonly name = 'NotDeployedError'
}

/** The request cannot be carried out. The message says what can be done instead. */
export class RefusedError extends Error {
  override readonly name = 'RefusedError'
}

/** A person pressed Ctrl-C, or ended the input, at a question. */
export class InterruptedError extends Error {
  override readonly name = 'InterruptedError'
}

const signIn =
  'Sign in to the management account (aws sso login, or new keys in the environment), and name the profile with AWS_PROFILE'

const sentences: Record<string, string> = {
  CredentialsProviderError: `There are no AWS credentials. ${signIn}.`,
  TokenProviderError: `There are no AWS credentials. ${signIn}.`,
  ExpiredToken: `Your AWS session has expired. ${signIn}.`,
  ExpiredTokenException: `Your AWS session has expired. ${signIn}.`,
  RequestExpired: `Your AWS session has expired, or this computer's clock is wrong. ${signIn}.`,
  InvalidClientTokenId: `AWS does not know these credentials. ${signIn}.`,
  UnrecognizedClientException: `AWS does not know these credentials. ${signIn}.`,
  InvalidSignatureException: `AWS refuses these credentials: the secret access key does not belong to the access key ID, or this computer's clock is wrong.`,
  SignatureDoesNotMatch: `AWS refuses these credentials: the secret access key does not belong to the access key ID, or this computer's clock is wrong.`,
  AWSOrganizationsNotInUseException:
    'This account is not in an organization. Use credentials of the management account.',
}

/** Whether AWS refuses the caller's credentials, so that every other call would fail as well. */
export const isSignedOut = (error: unknown) => isNamed(error, ...Object.keys(sentences))

/** The permission that was missing. */
export const missingAction = (error: Error) =>
  /not authorized to perform: ([\w-]+:\w+)/.exec(error.message)?.[1] ?? actionOf(error) ?? 'the call'

const isThrottled = (error: Error) => /Throttl|TooManyRequests|RequestLimitExceeded|SlowDown/.test(error.name)

/** A message about an account or a request without the name of the field, which only a caller of the API needs. */
export const withoutField = (message: string) =>
  message.replace(/^(?:accountId|requestId|email|name|ou): (.)/, (_, first: string) => first.toUpperCase())

/** Errors whose own message is enough. */
const selfExplanatory = [
  'AccountNotFoundError',
  'ManagementAccountError',
  'ProtectedAccountError',
  'AccountPendingError',
  'AccountNotActiveError',
  'RecipientNotAllowedError',
  'UserNotOnRecordError',
  'UserKeptError',
  'LastWayInError',
  'AutoEnrolmentOffError',
  'DeniedByPolicyError',
  'RequestOpenError',
  'RequestNotFoundError',
  'RequestDecidedError',
  'EmailAlreadyExistsError',
]
export const isRefusal = (error: unknown): boolean => isNamed(error, ...selfExplanatory)

const isRegionMissing = (error: Error) => error.message.includes('Region is missing')

/** Explains that AWS_PROFILE names a profile that no AWS configuration file has; undefined if the profile is there. */
const sayMissingProfile = (profile = process.env['AWS_PROFILE']) => {
  if (!profile) return undefined
  const files = [
    process.env['AWS_CONFIG_FILE'] ?? path.join(homedir(), '.aws', 'config'),
    process.env['AWS_SHARED_CREDENTIALS_FILE'] ?? path.join(homedir(), '.aws', 'credentials'),
  ]
  const profiles = files.flatMap((file) => {
    const text = existsSync(file) ? readFileSync(file, 'utf8') : ''
    return [...text.matchAll(/^\s*\[\s*(?:profile\s+)?["']?([^\]"'\n]+?)["']?\s*\]/gm)].map(([, name = '']) => name)
  })
  if (profiles.includes(profile)) return undefined
  const known = [...new Set(profiles)].filter((name) => !name.startsWith('sso-session '))
  return (
    `AWS_PROFILE names the profile ${profile}, which is in neither ${files.join(' nor ')}. ` +
    (known.length
      ? `The profiles there are: ${known.join(', ')}.`
      : 'Neither file has a profile: run aws configure sso.')
  )
}

/** An answer that the SDK cannot read, or an error without a code, which every AWS service sends. */
const isNotAws = (error: Error) =>
  error.message.includes('Deserialization error') ||
  ('$metadata' in error && ['UnknownError', 'Unknown', 'SyntaxError'].includes(error.name))

/** The options of the command that say where AWS is. */
type Where = { local?: string | undefined; endpointUrl?: string | undefined }

/** Explains an error to a person: what is wrong, and what to do next. One paragraph, no stack trace. */
export const sayError = (thrown: unknown, { local, endpointUrl }: Where = {}): string => {
  const error = nameConnectionFailure(thrown)
  const url = local === undefined ? (endpointUrl ?? process.env['AWS_ENDPOINT_URL']) : `http://127.0.0.1:${local}`
  if (!(error instanceof Error)) return String(error)
  // By name and not by class: in the bundled command, the lazily loaded part has classes of its own.
  if (['UsageError', 'NotDeployedError', 'RefusedError', 'InterruptedError'].includes(error.name)) return error.message
  if (isRefusal(error)) return `${withoutField(error.message)}.`
  if (error.name === 'InvalidInputError')
    return [
      'The request is not valid:',
      ...(error as InvalidInputError).issues.map(({ field, message }) => `  ${field}: ${message}`),
    ].join('\n')
  const usesProfile = local === undefined && (isRegionMissing(error) || error.name === 'CredentialsProviderError')
  const profile = usesProfile ? sayMissingProfile() : undefined
  if (profile) return profile
  if (isRegionMissing(error))
    return 'No Region is set. Add --region us-east-1 (us-gov-west-1 in GovCloud), or set AWS_REGION.'
  if (isDenied(error))
    return `You do not have the permission ${missingAction(error)}. Use a role that has this permission. AWS says: ${error.message}`
  if (error.name === 'AwsUnreachableError')
    return local !== undefined && error.message.includes('ECONNREFUSED')
      ? `Nothing answers at ${url}. Is npm start running? If it was started with another --port, use --local PORT with the page's port plus 1.`
      : `${error.message}. Check the network, --region and --endpoint-url.`
  if (url && isNotAws(error))
    return `The server at ${url} is not AWS. With npm start, the port of AWS's endpoint is the page's port plus 1.`
  const sentence = sentences[error.name]
  if (sentence) return sentence
  if (isThrottled(error)) return `AWS throttles the call ${actionOf(error) ?? error.name}. Try again in a minute.`
  const action = actionOf(error)
  const what = explanations[error.name]?.what
  return [what, `${error.name}${action ? ` from ${action}` : ''}: ${error.message}`].filter(Boolean).join(' ')
}

/**
 * The exit code: 2 for a mistake in the command, 130 as a shell reports a program that Ctrl-C ended, and 1 for every
 * other error.
 */
export const exitCodeOf = (error: unknown) => {
  if (isNamed(error, 'InterruptedError')) return 130
  return isNamed(error, 'UsageError', 'InvalidInputError') || (error instanceof Error && isRegionMissing(error)) ? 2 : 1
}
