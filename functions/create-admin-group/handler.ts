import { DynamoDBClient } from '@aws-sdk/client-dynamodb'
import { STSClient } from '@aws-sdk/client-sts'
import vending from '../../vending.yml'
import { signIn } from '../shared/iam-client.ts'
import { readEnv } from '../shared/env.ts'
import { step } from '../shared/step.ts'
import { createAdminGroup, createAdminGroupInput, createAdminGroupPermissions } from './create-admin-group.ts'

const env = readEnv('LEDGER_TABLE', 'ACCESS_ROLE_NAME')
const ledger = { dynamodb: new DynamoDBClient(), tableName: env.LEDGER_TABLE }
const sts = new STSClient()

export const handler = step(createAdminGroupInput, (input) => {
  const session = { ...input, roleName: env.ACCESS_ROLE_NAME, permissions: createAdminGroupPermissions(input, vending) }
  return createAdminGroup({ ledger, signIn: () => signIn(sts, session) }, input, vending)
})
