import { Logger } from '@aws-lambda-powertools/logger'
import middy from '@middy/core'
import type { APIGatewayProxyEventV2WithIAMAuthorizer, APIGatewayProxyStructuredResultV2 } from 'aws-lambda'
import { nameConnectionFailure } from './aws-errors.ts'
import { faultsOf } from './parse.ts'
import { leaseRestSeconds } from './record-and-lease.ts'
import { lambdaEndsIt } from './step.ts'

export type ApiEvent = APIGatewayProxyEventV2WithIAMAuthorizer
/** The body of a request as the client sent it. */
export const bodyOf = ({ body = '', isBase64Encoded }: ApiEvent) =>
  isBase64Encoded ? Buffer.from(body, 'base64').toString() : body

type Answer = { status: number; headers?: Record<string, string>; body: object }

// Statuses and titles for the errors of a request. Any other error is a fault of this service, and only the log has its
// message.
const refusals: Record<string, [status: number, title: string]> = {
  InvalidInputError: [400, 'The request is not valid'],
  ManagementAccountError: [403, 'The management account is never vended'],
  ProtectedAccountError: [403, 'The account is protected'],
  RecipientNotAllowedError: [403, 'The recipient is not allowed'],
  AccountNotFoundError: [404, 'The account is not in the organization'],
  UserNotOnRecordError: [404, 'Account vending did not create this user'],
  UserKeptError: [409, 'The user is kept unchanged'],
  AccountPendingError: [409, 'The account is not active yet'],
  AccountNotActiveError: [409, 'The account is not active'],
  RequestNotFoundError: [404, 'There is no such request'],
  AccountBusyError: [409, 'The last request for this account has only just failed'],
  RequestOpenError: [409, 'Another request asked for this account'],
  RequestDecidedError: [409, 'The request is decided'],
  DeniedByPolicyError: [409, 'A service control policy would stop the vend'],
  AutoEnrolmentOffError: [409, 'Control Tower would not enroll the account'],
  TooManyAccountsTodayError: [429, 'Requesters have asked for too many accounts today'],
  IdempotencyKeyReusedError: [422, 'The Idempotency-Key was used before with another request'],
  TooManyRequestsException: [503, 'AWS throttles requests'],
  ThrottlingException: [503, 'AWS throttles requests'],
  Throttling: [503, 'AWS throttles requests'],
}

/** The seconds after which the same request may succeed. */
const retryAfter = (name: string, status: number) => {
  if (status === 503) return 5
  if (name === 'AccountBusyError') return leaseRestSeconds
  const day = 24 * 60 * 60
  // The limit is one of a day (UTC).
  return name === 'TooManyAccountsTodayError' ? day - (Math.floor(Date.now() / 1000) % day) : undefined
}

const logger = new Logger()

const json = ({ status, headers, body }: Answer, contentType: string): APIGatewayProxyStructuredResultV2 => ({
  statusCode: status,
  headers: { 'content-type': contentType, 'cache-control': 'no-store', ...headers },
  body: JSON.stringify(body),
})

/**
 * An error in the form of RFC 9457. `field` is the first wrong field, and `errors` has all of them with their messages.
 * `detail` is only there for an error without a field, so that each fault is named once.
 */
const problem = (error: unknown) => {
  const name = error instanceof Error ? error.name : ''
  const refusal = Object.hasOwn(refusals, name) ? refusals[name] : undefined
  const [status, title] = refusal ?? [500, 'The service failed; its log has the reason']
  // The words of an error of AWS or of a fault may name what the caller must not know.
  const detail = status >= 500 || !(error instanceof Error) ? undefined : error.message
  const seconds = retryAfter(name, status)
  const issues = detail === undefined ? [] : faultsOf(error)
  const errors = issues.length ? issues : undefined
  return json(
    {
      status,
      ...(seconds !== undefined && { headers: { 'retry-after': String(seconds) } }),
      body: {
        type: `urn:account-vending:${refusal ? name : 'InternalError'}`,
        title,
        status,
        detail: errors ? undefined : detail,
        field: errors?.[0]?.field,
        errors,
      },
    },
    'application/problem+json',
  )
}

/** Turns a core function into the handler of an HTTP API route: errors become `application/problem+json`. */
export const api = (run: (event: ApiEvent) => Promise<Answer>) =>
  middy<ApiEvent, APIGatewayProxyStructuredResultV2>(lambdaEndsIt).handler(async (event: ApiEvent) => {
    logger.resetKeys()
    logger.appendKeys({ route: event.routeKey, accountId: event.pathParameters?.['accountId'] })
    try {
      const answer = await run(event)
      logger.info('done', { status: answer.status })
      return json(answer, 'application/json')
    } catch (error) {
      const answer = problem(nameConnectionFailure(error))
      const { name, message } = error instanceof Error ? error : { name: 'Error', message: String(error) }
      logger[answer.statusCode === 500 ? 'error' : 'info']('refused', {
        status: answer.statusCode,
        error: name,
        reason: message,
      })
      return answer
    }
  })
