import { DynamoDBClient } from '@aws-sdk/client-dynamodb'
import { OrganizationsClient } from '@aws-sdk/client-organizations'
import { readEnv } from '../shared/env.ts'
import { step } from '../shared/step.ts'
import { openAccount, openAccountInput } from './open-account.ts'

const env = readEnv('LEDGER_TABLE', 'ACCESS_ROLE_NAME')
const clients = {
  // CreateAccount is not idempotent: the SDK must not repeat the call.
  organizations: new OrganizationsClient({ maxAttempts: 1 }),
  ledger: { dynamodb: new DynamoDBClient(), tableName: env.LEDGER_TABLE },
}

export const handler = step(openAccountInput, (input) =>
  openAccount(clients, input, { accessRole: env.ACCESS_ROLE_NAME }),
)
