import { AwsError } from '../../local/aws/aws-error.ts'
import type { Intercept } from '../../local/aws/endpoint.ts'
import { latencies } from './latencies.ts'
import type { AccountPlan, FaultKind, Plan } from './plan.ts'
import { draw, oneOf, type Rng } from './random.ts'
import { type Invocation, never } from './service.ts'
import { sleep } from './virtual-time.ts'

// The error names of each service, from AWS's API models and from reports of users.

const throttled: Record<string, string> = {
  iam: 'Throttling',
  sts: 'Throttling',
  organizations: 'TooManyRequestsException',
  dynamodb: 'ProvisionedThroughputExceededException',
  secretsmanager: 'ThrottlingException',
  ses: 'Throttling',
  account: 'TooManyRequestsException',
  controltower: 'ThrottlingException',
  events: 'ThrottlingException',
  states: 'ThrottlingException',
}
const failed: Record<string, string> = {
  iam: 'ServiceFailure',
  sts: 'InternalFailure',
  organizations: 'ServiceException',
  dynamodb: 'InternalServerError',
  secretsmanager: 'InternalServiceError',
  ses: 'ServiceUnavailable',
  account: 'InternalServerException',
  controltower: 'InternalServerException',
  events: 'InternalException',
  states: 'InternalFailure',
}
const notReady = ['InvalidClientTokenId', 'OptInRequired', 'SubscriptionRequiredException']
const boundaryErrors = ['Lambda.ServiceException', 'Lambda.SdkClientException', 'Lambda.TooManyRequestsException']

/** The longest that a slow call takes. It is longer than a function's timeout, so that some functions time out. */
const slowestMilliseconds = 65_000

const connectionLost = () => Object.assign(new Error('socket hang up'), { code: 'ECONNRESET' })

/** For so long after a world begins, IAM in a new account refuses some calls. */
const youngMilliseconds = 600_000

type Lag = 'role-not-usable' | 'policies-not-in-effect' | 'join-not-seen'
export type Fault = { kind: FaultKind | Lag; what: string }

/**
 * The faults of a world. `note` is called for each one. `heal` ends all faults but the permanent ones.
 * `intercept` is for the endpoint, `boundary` for the calls of functions.
 */
export const faultsOf = (
  { faults: { kinds, rate, ses } }: Plan,
  {
    random,
    start,
    accounts,
    current,
    note,
  }: {
    random: Rng
    /** When the world begins, in milliseconds since 1970. */
    start: number
    accounts: Map<string, AccountPlan>
    current: () => Invocation | undefined
    note: (fault: Fault) => void
  },
) => {
  let isHealed = false
  const strikes = () => !isHealed && kinds.length > 0 && random() < rate

  const intercept: Intercept = async ({ service, operation, input, caller, record }) => {
    const invocation = current()
    if (!invocation) return undefined
    await sleep(draw(latencies[service] ?? { median: 50, p99: 200 }, random))
    if (invocation.isDead) return never()
    const noted = (kind: Fault['kind']) => {
      note({ kind, what: `${service}:${operation}` })
      record.tag = kind
    }
    const refuse = (kind: Fault['kind'], code: string, message: string, status = 400) => {
      noted(kind)
      throw new AwsError(code, message, status)
    }

    if (operation === 'AssumeRole') {
      const [, accountId = ''] = /::(\d{12}):/.exec(String(input['RoleArn'])) ?? []
      const account = accounts.get(accountId)
      if (account && record.at < start + account.roleUsableAfter * 1000)
        return refuse('role-not-usable', account.refusal, 'The role cannot be assumed yet', 403)
      if (account && record.at < start + account.joinSeenAfter * 1000)
        return refuse('join-not-seen', 'AccessDenied', 'No identity-based policy allows the sts:AssumeRole action', 403)
    }
    const { roleUsableAfter = 0, policiesAfter = 0 } = accounts.get(caller.accountId) ?? {}
    if (service === 'iam' && policiesAfter && record.at < start + (roleUsableAfter + policiesAfter) * 1000) {
      const why = `because no identity-based policy allows the iam:${operation} action`
      return refuse('policies-not-in-effect', 'AccessDenied', `The role is not authorized ${why}`, 403)
    }
    if (service === 'ses' && !isHealed) {
      if (ses === 'ses-refused') return refuse(ses, 'MessageRejected', 'Email address is not verified.')
      if (ses === 'ses-quota') return refuse(ses, 'Throttling', 'Daily message quota exceeded.')
    }
    if (!strikes()) return undefined

    const kind = oneOf(random, kinds)
    switch (kind) {
      case 'throttled':
        return refuse(kind, throttled[service] ?? 'Throttling', 'Rate exceeded')
      case 'server-error':
        // Some failures have no name: a proxy of AWS answers.
        if (record.at % 4 === 0) return refuse(kind, '', 'Service Unavailable', 503)
        return refuse(kind, failed[service] ?? 'InternalFailure', 'An internal error occurred', 500)
      case 'reset-before-effect':
        noted(kind)
        throw connectionLost()
      case 'reset-after-effect':
        noted(kind)
        return () => {
          throw connectionLost()
        }
      case 'slow':
        noted(kind)
        await sleep(random() * slowestMilliseconds)
        return invocation.isDead ? never() : undefined
      case 'slower-than-timeout':
        noted(kind)
        // The call may take effect or not. Its answer never comes.
        return random() < 0.5 ? never() : never
      case 'killed-before-effect':
        noted(kind)
        invocation.kill('Runtime.ExitError')
        return never()
      case 'killed-after-effect':
        noted(kind)
        return () => {
          invocation.kill('Runtime.ExitError')
          return never()
        }
      case 'created-but-refused':
        if (operation !== 'CreateUser') return undefined
        noted(kind)
        return () => {
          throw new AwsError('InvalidClientTokenId', 'The security token included in the request is invalid.', 403)
        }
      case 'iam-not-ready':
        if (service !== 'iam' || record.at - start > youngMilliseconds) return undefined
        return refuse(kind, oneOf(random, notReady), 'The account is not ready', 403)
      case 'ses-throttled':
        if (service !== 'ses') return undefined
        return refuse(kind, 'Throttling', 'Maximum sending rate exceeded.')
      default:
        return undefined
    }
  }

  /**
   * Invokes a function as Step Functions does: the invocation may fail before the function begins, or after it has
   * ended.
   */
  const boundary = async <T>(what: string, call: () => Promise<T>): Promise<T> => {
    await sleep(draw(latencies['transition']!, random))
    const fail = (kind: FaultKind) => {
      note({ kind, what })
      throw Object.assign(new Error('Lambda failed'), { name: oneOf(random, boundaryErrors) })
    }
    const kind = strikes() ? oneOf(random, kinds) : undefined
    if (kind === 'boundary-before') fail(kind)
    const result = await call()
    if (kind === 'boundary-after') fail(kind)
    return result
  }

  return { intercept, boundary, heal: () => (isHealed = true) }
}
