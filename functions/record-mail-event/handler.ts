import { DynamoDBClient } from '@aws-sdk/client-dynamodb'
import { SESClient } from '@aws-sdk/client-ses'
import vending from '../../vending.yml'
import { readEnv } from '../shared/env.ts'
import { step } from '../shared/step.ts'
import { recordMailEvent, recordMailEventInput } from './record-mail-event.ts'

const env = readEnv('LEDGER_TABLE', 'STATE_MACHINE_ARN', 'CONFIGURATION_SET')
const clients = {
  ses: new SESClient({ maxAttempts: 1 }),
  ledger: { dynamodb: new DynamoDBClient(), tableName: env.LEDGER_TABLE },
}

export const handler = step(recordMailEventInput, (input) =>
  recordMailEvent(clients, input, {
    ...vending,
    configurationSet: env.CONFIGURATION_SET,
    stateMachineArn: env.STATE_MACHINE_ARN,
    endpointUrl: process.env['AWS_ENDPOINT_URL'],
  }),
)
