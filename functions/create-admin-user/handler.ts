import { DynamoDBClient } from '@aws-sdk/client-dynamodb'
import { SecretsManagerClient } from '@aws-sdk/client-secrets-manager'
import { STSClient } from '@aws-sdk/client-sts'
import { signIn } from '../shared/iam-client.ts'
import { readEnv } from '../shared/env.ts'
import { step } from '../shared/step.ts'
import { createAdminUser, createAdminUserInput, createAdminUserPermissions } from './create-admin-user.ts'

const env = readEnv('LEDGER_TABLE', 'ACCESS_ROLE_NAME')
const sts = new STSClient()
const clients = {
  secrets: new SecretsManagerClient(),
  ledger: { dynamodb: new DynamoDBClient(), tableName: env.LEDGER_TABLE },
}

export const handler = step(createAdminUserInput, (input) => {
  const session = { ...input, roleName: env.ACCESS_ROLE_NAME, permissions: createAdminUserPermissions(input) }
  return createAdminUser({ ...clients, signIn: () => signIn(sts, session) }, input)
})
