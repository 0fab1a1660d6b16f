import { CloudFormationClient } from '@aws-sdk/client-cloudformation'
import { CloudTrailClient } from '@aws-sdk/client-cloudtrail'
import { DynamoDBClient } from '@aws-sdk/client-dynamodb'
import { EventBridgeClient } from '@aws-sdk/client-eventbridge'
import { IAMClient } from '@aws-sdk/client-iam'
import { LambdaClient } from '@aws-sdk/client-lambda'
import { OrganizationsClient } from '@aws-sdk/client-organizations'
import { SecretsManagerClient } from '@aws-sdk/client-secrets-manager'
import { SESClient } from '@aws-sdk/client-ses'
import { SESv2Client } from '@aws-sdk/client-sesv2'
import { SFNClient } from '@aws-sdk/client-sfn'
import { SQSClient } from '@aws-sdk/client-sqs'
import { STSClient } from '@aws-sdk/client-sts'

/** Where AWS is. What is left out is found as every SDK finds it: environment, profile, single sign-on. */
export type Place = {
  region?: string | undefined
  endpoint?: string | undefined
  credentials?: { accessKeyId: string; secretAccessKey: string; sessionToken?: string } | undefined
  maxAttempts?: number
}

/** The IAM actions' prefix, by the name of the client's class. */
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

/** Makes the client's errors say by which action they came. */
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

/** One client for each service that the command speaks to; `iamOf` makes one for a session in another account. */
export const makeClients = (place: Place = {}) => {
  const config = {
    ...(place.maxAttempts && { maxAttempts: place.maxAttempts }),
    ...(place.region && { region: place.region }),
    ...(place.endpoint && { endpoint: place.endpoint }),
  }
  const own = { ...config, ...(place.credentials && { credentials: place.credentials }) }
  return {
    cloudFormation: namingActions(new CloudFormationClient(own)),
    cloudTrail: namingActions(new CloudTrailClient(own)),
    dynamodb: namingActions(new DynamoDBClient(own)),
    events: namingActions(new EventBridgeClient(own)),
    lambda: namingActions(new LambdaClient(own)),
    // It allows few calls a second, and a list takes many: the SDK then keeps to the pace.
    organizations: namingActions(new OrganizationsClient({ ...own, retryMode: 'adaptive' })),
    secrets: namingActions(new SecretsManagerClient(own)),
    ses: namingActions(new SESClient(own)),
    sesv2: namingActions(new SESv2Client(own)),
    sfn: namingActions(new SFNClient(own)),
    // Else it speaks to the queue's own address, whatever endpoint is set.
    sqs: namingActions(new SQSClient({ ...own, useQueueUrlAsEndpoint: false })),
    sts: namingActions(new STSClient(own)),
    iamOf: (credentials: Place['credentials']) =>
      namingActions(new IAMClient({ ...config, ...(credentials && { credentials }) })),
  }
}
export type Clients = ReturnType<typeof makeClients>
