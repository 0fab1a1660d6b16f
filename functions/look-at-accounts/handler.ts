import { DynamoDBClient } from '@aws-sdk/client-dynamodb'
import { STSClient } from '@aws-sdk/client-sts'
import vending from '../../vending.yml'
import { readEnv } from '../shared/env.ts'
import { signIn } from '../shared/iam-client.ts'
import { step } from '../shared/step.ts'
import { vendOf } from '../shared/vend.ts'
import { lookAtAccounts, lookAtAccountsInput } from './look-at-accounts.ts'

const env = readEnv('LEDGER_TABLE', 'ACCESS_ROLE_NAME', 'STATE_MACHINE_ARN')
const ledger = { dynamodb: new DynamoDBClient(), tableName: env.LEDGER_TABLE }
const sts = new STSClient()

export const handler = step(lookAtAccountsInput, (input) => {
  const { id, executionArn } = vendOf(input.executionArn)
  return lookAtAccounts(
    {
      ledger,
      signIn: ({ accountId, joinedMethod, joinedAt }, permissions) =>
        signIn(sts, {
          account: { id: accountId, joinedMethod, joinedAt },
          roleName: env.ACCESS_ROLE_NAME,
          vend: { id, executionArn },
          sessionName: `round-${id}`,
          permissions,
        }),
    },
    input,
    {
      ...vending,
      accessRole: env.ACCESS_ROLE_NAME,
      stateMachineArn: env.STATE_MACHINE_ARN,
      endpointUrl: process.env['AWS_ENDPOINT_URL'],
    },
  )
})
