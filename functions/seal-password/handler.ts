import { DynamoDBClient } from '@aws-sdk/client-dynamodb'
import { SecretsManagerClient } from '@aws-sdk/client-secrets-manager'
import { readEnv } from '../shared/env.ts'
import { step } from '../shared/step.ts'
import { sealPassword, sealPasswordInput } from './seal-password.ts'

const env = readEnv('LEDGER_TABLE')
const clients = {
  secrets: new SecretsManagerClient(),
  ledger: { dynamodb: new DynamoDBClient(), tableName: env.LEDGER_TABLE },
}

export const handler = step(sealPasswordInput, (input) => sealPassword(clients, input))
