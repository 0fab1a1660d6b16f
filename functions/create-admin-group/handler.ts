import { DynamoDBClient } from '@aws-sdk/client-dynamodb'
import { IAMClient } from '@aws-sdk/client-iam'
import { STSClient } from '@aws-sdk/client-sts'
import { assumeAccountRole, iamArn, ourPath } from '../shared/account-role.ts'
import { readEnv } from '../shared/env.ts'
import { step } from '../shared/step.ts'
import { createAdminGroup, createAdminGroupInput, inspectActions } from './create-admin-group.ts'

const env = readEnv('LEDGER_TABLE', 'ACCESS_ROLE_NAME')
const ledger = { dynamodb: new DynamoDBClient(), tableName: env.LEDGER_TABLE }
const sts = new STSClient()

export const handler = step(createAdminGroupInput, (input) => {
  const { account, groups, vend } = input
  const ourGroups = iamArn(vend, account.id, `group${ourPath}*`)
  const signIn = async () =>
    new IAMClient({
      credentials: await assumeAccountRole(sts, {
        account,
        vend,
        roleName: env.ACCESS_ROLE_NAME,
        permissions: [
          { actions: inspectActions, resources: ['*'] },
          { actions: ['iam:CreateGroup', 'iam:PutGroupPolicy'], resources: [ourGroups] },
          {
            actions: ['iam:AttachGroupPolicy'],
            resources: [ourGroups],
            policyArns: [...new Set(groups.flatMap(({ policies }) => policies))],
          },
        ],
      }),
    })
  return createAdminGroup({ ledger, signIn }, input)
})
