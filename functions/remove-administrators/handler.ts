import { DynamoDBClient } from '@aws-sdk/client-dynamodb'
import { SecretsManagerClient } from '@aws-sdk/client-secrets-manager'
import { STSClient } from '@aws-sdk/client-sts'
import { readEnv } from '../shared/env.ts'
import { signIn } from '../shared/iam-client.ts'
import { step } from '../shared/step.ts'
import { removeAdministrators, removeAdministratorsInput } from './remove-administrators.ts'

const env = readEnv('LEDGER_TABLE', 'ACCESS_ROLE_NAME', 'PASSWORD_KEY_ARN')
const sts = new STSClient()
const clients = {
  secrets: new SecretsManagerClient(),
  ledger: { dynamodb: new DynamoDBClient(), tableName: env.LEDGER_TABLE },
}

export const handler = step(removeAdministratorsInput, (input) => {
  const session = { ...input, roleName: env.ACCESS_ROLE_NAME }
  return removeAdministrators(
    { ...clients, signIn: (permissions) => signIn(sts, { ...session, permissions }) },
    input,
    { keyArn: env.PASSWORD_KEY_ARN },
  )
})
