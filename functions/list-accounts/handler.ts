import { DynamoDBClient } from '@aws-sdk/client-dynamodb'
import { api } from '../shared/api.ts'
import { readEnv } from '../shared/env.ts'
import { listAccounts } from './list-accounts.ts'

const env = readEnv('LEDGER_TABLE')
const clients = { ledger: { dynamodb: new DynamoDBClient(), tableName: env.LEDGER_TABLE } }

export const handler = api(async ({ queryStringParameters = {} }) => ({
  status: 200,
  body: await listAccounts(clients, queryStringParameters),
}))
