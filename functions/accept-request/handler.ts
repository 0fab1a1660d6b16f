import { DynamoDBClient } from '@aws-sdk/client-dynamodb'
import { OrganizationsClient } from '@aws-sdk/client-organizations'
import { SFNClient } from '@aws-sdk/client-sfn'
import vending from '../../vending.yml'
import { readEnv } from '../shared/env.ts'
import { step } from '../shared/step.ts'
import { acceptRequest, acceptRequestInput } from './accept-request.ts'

const env = readEnv('LEDGER_TABLE')
const clients = {
  // Organizations answers in only one Region of a partition. The SDK's endpoint rules know that Region.
  organizations: new OrganizationsClient(),
  sfn: new SFNClient(),
  ledger: { dynamodb: new DynamoDBClient(), tableName: env.LEDGER_TABLE },
}

export const handler = step(acceptRequestInput, (input) => acceptRequest(clients, input, vending))
