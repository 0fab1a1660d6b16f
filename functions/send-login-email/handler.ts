import { DynamoDBClient } from '@aws-sdk/client-dynamodb'
import { SESClient } from '@aws-sdk/client-ses'
import vending from '../../vending.yml'
import { readEnv } from '../shared/env.ts'
import { step } from '../shared/step.ts'
import { sendLoginEmail, sendLoginEmailInput } from './send-login-email.ts'

const env = readEnv('LEDGER_TABLE', 'LINK_URL', 'CONFIGURATION_SET')
const clients = {
  // SES does not recognize a repeated SendEmail, so every retry is in the definition.
  ses: new SESClient({ maxAttempts: 1 }),
  // A mail that was sent must be recorded, or the next try sends it again.
  ledger: { dynamodb: new DynamoDBClient({ maxAttempts: 10 }), tableName: env.LEDGER_TABLE },
}

export const handler = step(sendLoginEmailInput, (input) =>
  sendLoginEmail(clients, input, { ...vending, configurationSet: env.CONFIGURATION_SET, linkUrl: env.LINK_URL }),
)
