import { DynamoDBClient } from '@aws-sdk/client-dynamodb'
import { EventBridgeClient } from '@aws-sdk/client-eventbridge'
import { readEnv } from '../shared/env.ts'
import { step } from '../shared/step.ts'
import { recordVended, recordVendedInput } from './record-vended.ts'

const env = readEnv('LEDGER_TABLE')
const clients = {
  events: new EventBridgeClient(),
  ledger: { dynamodb: new DynamoDBClient(), tableName: env.LEDGER_TABLE },
}

export const handler = step(recordVendedInput, (input) => recordVended(clients, input))
