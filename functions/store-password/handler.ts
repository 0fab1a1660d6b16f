import { DynamoDBClient } from '@aws-sdk/client-dynamodb'
import { SecretsManagerClient } from '@aws-sdk/client-secrets-manager'
import vending from '../../vending.yml'
import { readEnv } from '../shared/env.ts'
import { step } from '../shared/step.ts'
import { storePassword, storePasswordInput } from './store-password.ts'

const env = readEnv('LEDGER_TABLE', 'PASSWORD_KEY_ARN')
const clients = {
  secrets: new SecretsManagerClient(),
  ledger: { dynamodb: new DynamoDBClient(), tableName: env.LEDGER_TABLE },
}

export const handler = step(storePasswordInput, (input) =>
  storePassword(clients, input, { ...vending, keyArn: env.PASSWORD_KEY_ARN }),
)
