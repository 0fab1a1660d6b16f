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

/** Options of a client whose service allows few calls a second: the SDK then keeps to the rate that it learns. */
export const keepingToTheRate = { retryMode: 'adaptive' }

/**
 * Makes clients for a place. Each command makes only the clients that it needs, because loading all of them takes
 * longer than most commands. `more` are further options of the client.
 */
export const clientMaker = (place: Place = {}) => {
  // All clients share the connections of the first client.
  let requestHandler: unknown
  return <Client extends { middlewareStack: unknown; config: { requestHandler: unknown } }>(
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
    return namingActions(client)
  }
}
export type Make = ReturnType<typeof clientMaker>
