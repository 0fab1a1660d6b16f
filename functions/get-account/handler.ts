import { DynamoDBClient } from '@aws-sdk/client-dynamodb'
import { OrganizationsClient } from '@aws-sdk/client-organizations'
import { api } from '../shared/api.ts'
import { readEnv } from '../shared/env.ts'
import { getAccount } from './get-account.ts'

const env = readEnv('LEDGER_TABLE')
const clients = {
  organizations: new OrganizationsClient(),
  ledger: { dynamodb: new DynamoDBClient(), tableName: env.LEDGER_TABLE },
}

export const handler = api(async ({ pathParameters }) => ({
  status: 200,
  body: await getAccount(clients, { accountId: pathParameters?.['accountId'] ?? '' }),
}))
