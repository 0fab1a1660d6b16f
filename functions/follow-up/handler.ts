import { DynamoDBClient } from '@aws-sdk/client-dynamodb'
import { SecretsManagerClient } from '@aws-sdk/client-secrets-manager'
import { SESClient } from '@aws-sdk/client-ses'
import { SFNClient } from '@aws-sdk/client-sfn'
import vending from '../../vending.yml'
import { readEnv } from '../shared/env.ts'
import { step } from '../shared/step.ts'
import { followUp, followUpInput } from './follow-up.ts'

const env = readEnv('LEDGER_TABLE', 'STATE_MACHINE_ARN', 'CONFIGURATION_SET')
const clients = {
  // SES does not recognize a repeated SendEmail, so every retry is in the definition.
  ses: new SESClient({ maxAttempts: 1 }),
  sfn: new SFNClient(),
  secrets: new SecretsManagerClient(),
  // A reminder that was sent must be recorded, or the next try sends it again.
  ledger: { dynamodb: new DynamoDBClient({ maxAttempts: 10 }), tableName: env.LEDGER_TABLE },
}

export const handler = step(followUpInput, (input) =>
  followUp(clients, input, {
    ...vending,
    configurationSet: env.CONFIGURATION_SET,
    stateMachineArn: env.STATE_MACHINE_ARN,
  }),
)
