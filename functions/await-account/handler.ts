import { DynamoDBClient } from '@aws-sdk/client-dynamodb'
import { OrganizationsClient } from '@aws-sdk/client-organizations'
import { SFNClient } from '@aws-sdk/client-sfn'
import { readEnv } from '../shared/env.ts'
import { step } from '../shared/step.ts'
import { awaitAccount, awaitAccountInput } from './await-account.ts'

const env = readEnv('LEDGER_TABLE')
const clients = {
  organizations: new OrganizationsClient(),
  sfn: new SFNClient(),
  ledger: { dynamodb: new DynamoDBClient(), tableName: env.LEDGER_TABLE },
}

export const handler = step(awaitAccountInput, (input) => awaitAccount(clients, input))
