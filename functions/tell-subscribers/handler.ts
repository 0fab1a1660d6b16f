import { DynamoDBClient } from '@aws-sdk/client-dynamodb'
import { SFNClient } from '@aws-sdk/client-sfn'
import { SNSClient } from '@aws-sdk/client-sns'
import { readEnv } from '../shared/env.ts'
import { step } from '../shared/step.ts'
import { tellSubscribers, tellSubscribersInput } from './tell-subscribers.ts'

const env = readEnv('LEDGER_TABLE', 'NOTICES_TOPIC')
const clients = {
  sns: new SNSClient(),
  sfn: new SFNClient(),
  ledger: { dynamodb: new DynamoDBClient(), tableName: env.LEDGER_TABLE },
}

export const handler = step(tellSubscribersInput, (input) =>
  tellSubscribers(clients, input, { topicArn: env.NOTICES_TOPIC }),
)
