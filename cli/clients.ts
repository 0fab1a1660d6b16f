import type { STSClient } from '@aws-sdk/client-sts'

/** Where AWS is. What is left out is found as every AWS tool finds it: environment, profile, single sign-on. */
export type Place = {
  region?: string | undefined
  endpoint?: string | undefined
  credentials?: { accessKeyId: string; secretAccessKey: string; sessionToken?: string } | undefined
  maxAttempts?: number
}

/** The prefix of a service's IAM actions, by the name of its client. */
const prefixes: Record<string, string> = {
  CloudFormationClient: 'cloudformation',
  CloudTrailClient: 'cloudtrail',
  DynamoDBClient: 'dynamodb',
  EventBridgeClient: 'events',
  IAMClient: 'iam',
  LambdaClient: 'lambda',
  OrganizationsClient: 'organizations',
  SecretsManagerClient: 'secretsmanager',
  SESClient: 'ses',
  SESv2Client: 'ses',
  SFNClient: 'states',
  SQSClient: 'sqs',
  STSClient: 'sts',
}

type Stack = Pick<STSClient['middlewareStack'], 'add'>

/** Makes the errors of a client name the IAM action of the call that failed. */
const namingActions = <Client extends { middlewareStack: unknown }>(client: Client): Client => {
  const stack = client.middlewareStack as Stack
  stack.add(
    (next, context) => async (args) => {
      try {
        return await next(args)
      } catch (error) {
        const { clientName = '', commandName = '' } = context as { clientName?: string; commandName?: string }
        if (error instanceof Error && !('action' in error))
          Object.assign(error, { action: `${prefixes[clientName]}:${commandName.replace(/Command$/, '')}` })
        throw error
      }
    },
    { step: 'initialize', name: 'namingActions' },
  )
  return client
}

/** Tells the time of each answer, also of a refusal, in milliseconds since 1970. */
const tellingTime = <Client extends { middlewareStack: unknown }>(client: Client, tell: (time: number) => void) => {
  const stack = client.middlewareStack as Stack
  stack.add(
    (next) => async (args) => {
      const answer = await next(args)
      const { headers = {} } = answer.response as { headers?: Record<string, string> }
      const time = Date.parse(headers['date'] ?? '')
      if (!Number.isNaN(time)) tell(time)
      return answer
    },
    // The innermost middleware gets the answer before the SDK makes an error of a refusal.
    { step: 'deserialize', priority: 'low', name: 'tellingTime' },
  )
  return client
}

/** Options of a client whose service allows few calls a second: the SDK then keeps to the rate that it learns. */
export const keepingToTheRate = { retryMode: 'adaptive' }

/**
 * Makes clients for a place. Each command makes only the clients that it needs, because loading all of them takes
 * longer than most commands. `more` are further options of the client.
 *
 * `now` is AWS's time as of the last answer, in milliseconds since 1970: the clock of this computer may be wrong, and
 * the local organization's clock runs fast.
 */
export const clientMaker = (place: Place = {}) => {
  // All clients share the connections of the first client.
  let requestHandler: unknown
  /** How far AWS's clock is ahead of this computer's clock, in milliseconds. */
  let ahead = 0
  const make = <Client extends { middlewareStack: unknown; config: { requestHandler: unknown } }>(
    Class: new (config: object) => Client,
    more: object = {},
  ): Client => {
    const client = new Class({
      requestHandler,
      ...(place.maxAttempts && { maxAttempts: place.maxAttempts }),
      ...(place.region && { region: place.region }),
      ...(place.endpoint && { endpoint: place.endpoint }),
      ...(place.credentials && { credentials: place.credentials }),
      ...more,
    })
    requestHandler = client.config.requestHandler
    return tellingTime(namingActions(client), (time) => (ahead = time - Date.now()))
  }
  return Object.assign(make, { now: () => Date.now() + ahead })
}
export type Make = ReturnType<typeof clientMaker>
