import { DynamoDBClient } from '@aws-sdk/client-dynamodb'
import { readEnv } from '../shared/env.ts'
import { batchInput } from '../shared/round.ts'
import { step } from '../shared/step.ts'
import { lookAtAccounts } from './look-at-accounts.ts'

const env = readEnv('LEDGER_TABLE')
const clients = { ledger: { dynamodb: new DynamoDBClient(), tableName: env.LEDGER_TABLE } }

export const handler = step(batchInput, (input) => lookAtAccounts(clients, input))
