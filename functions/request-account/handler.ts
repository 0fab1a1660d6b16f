import { DynamoDBClient } from '@aws-sdk/client-dynamodb'
import { OrganizationsClient } from '@aws-sdk/client-organizations'
import { SESClient } from '@aws-sdk/client-ses'
import { SFNClient } from '@aws-sdk/client-sfn'
import vending from '../../vending.yml'
import { api, bodyOf } from '../shared/api.ts'
import { controlTower } from '../shared/control-tower.ts'
import { readEnv } from '../shared/env.ts'
import { requestAccount } from './request-account.ts'

const env = readEnv('LEDGER_TABLE', 'STATE_MACHINE_ARN', 'CONFIGURATION_SET', 'OPERATOR_ROLE', 'AWS_REGION')
// Many may ask at the same moment, and Organizations takes few calls a second.
const organizations = new OrganizationsClient({ maxAttempts: 6 })
const clients = {
  organizations,
  controlTower: controlTower(organizations, { region: env.AWS_REGION, endpointUrl: process.env['AWS_ENDPOINT_URL'] }),
  sfn: new SFNClient(),
  ses: new SESClient({ maxAttempts: 1 }),
  ledger: { dynamodb: new DynamoDBClient(), tableName: env.LEDGER_TABLE },
}
const config = {
  ...vending,
  configurationSet: env.CONFIGURATION_SET,
  stateMachineArn: env.STATE_MACHINE_ARN,
  endpointUrl: process.env['AWS_ENDPOINT_URL'],
}

export const handler = api(async (event) => {
  const input = {
    body: bodyOf(event),
    idempotencyKey: event.headers['idempotency-key'],
    callerArn: event.requestContext.authorizer.iam.userArn,
    stateMachineArn: env.STATE_MACHINE_ARN,
    operatorRole: env.OPERATOR_ROLE,
  }
  const accepted = await requestAccount(clients, input, config)
  return { status: 202, headers: { location: `/requests/${accepted.requestId}`, 'retry-after': '30' }, body: accepted }
})
