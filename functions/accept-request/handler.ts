import { DynamoDBClient } from '@aws-sdk/client-dynamodb'
import { OrganizationsClient } from '@aws-sdk/client-organizations'
import { SFNClient } from '@aws-sdk/client-sfn'
import vending from '../../vending.yml'
import { controlTower } from '../shared/control-tower.ts'
import { readEnv } from '../shared/env.ts'
import { step } from '../shared/step.ts'
import { acceptRequest, acceptRequestInput } from './accept-request.ts'

const env = readEnv('LEDGER_TABLE', 'AWS_REGION')
// Organizations answers in only one Region of a partition. The SDK's endpoint rules know that Region.
const organizations = new OrganizationsClient()
const clients = {
  organizations,
  controlTower: controlTower(organizations, { region: env.AWS_REGION, endpointUrl: process.env['AWS_ENDPOINT_URL'] }),
  sfn: new SFNClient(),
  ledger: { dynamodb: new DynamoDBClient(), tableName: env.LEDGER_TABLE },
}

export const handler = step(acceptRequestInput, (input) => acceptRequest(clients, input, vending))
