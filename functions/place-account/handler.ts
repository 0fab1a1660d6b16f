import { AccountClient } from '@aws-sdk/client-account'
import { DynamoDBClient } from '@aws-sdk/client-dynamodb'
import { OrganizationsClient } from '@aws-sdk/client-organizations'
import vending from '../../vending.yml'
import { controlTower } from '../shared/control-tower.ts'
import { readEnv } from '../shared/env.ts'
import { step } from '../shared/step.ts'
import { placeAccount, placeAccountInput } from './place-account.ts'

const env = readEnv('LEDGER_TABLE', 'AWS_REGION')
const organizations = new OrganizationsClient()
const clients = {
  organizations,
  contacts: new AccountClient(),
  controlTower: controlTower(organizations, { region: env.AWS_REGION, endpointUrl: process.env['AWS_ENDPOINT_URL'] }),
  ledger: { dynamodb: new DynamoDBClient(), tableName: env.LEDGER_TABLE },
}

export const handler = step(placeAccountInput, (input) => placeAccount(clients, input, vending))
