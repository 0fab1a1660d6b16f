import { DynamoDBClient } from '@aws-sdk/client-dynamodb'
import { OrganizationsClient } from '@aws-sdk/client-organizations'
import { SESClient } from '@aws-sdk/client-ses'
import { SFNClient } from '@aws-sdk/client-sfn'
import vending from '../../vending.yml'
import { readEnv } from '../shared/env.ts'
import { step } from '../shared/step.ts'
import { reportFailure, reportFailureInput } from './report-failure.ts'

const env = readEnv('LEDGER_TABLE', 'STATE_MACHINE_ARN', 'CONFIGURATION_SET')
const clients = {
  ses: new SESClient({ maxAttempts: 1 }),
  sfn: new SFNClient(),
  organizations: new OrganizationsClient(),
  ledger: { dynamodb: new DynamoDBClient(), tableName: env.LEDGER_TABLE },
}

export const handler = step(reportFailureInput, (input) =>
  reportFailure(clients, input, {
    ...vending,
    configurationSet: env.CONFIGURATION_SET,
    stateMachineArn: env.STATE_MACHINE_ARN,
    endpointUrl: process.env['AWS_ENDPOINT_URL'],
  }),
)
