import { DynamoDBClient } from '@aws-sdk/client-dynamodb'
import { IAMClient } from '@aws-sdk/client-iam'
import { SecretsManagerClient } from '@aws-sdk/client-secrets-manager'
import { STSClient } from '@aws-sdk/client-sts'
import { assumeAccountRole, iamArn, ourPath } from '../shared/account-role.ts'
import { readEnv } from '../shared/env.ts'
import { step } from '../shared/step.ts'
import { createAdminUser, createAdminUserInput, ownGroups } from './create-admin-user.ts'

const env = readEnv('LEDGER_TABLE', 'ACCESS_ROLE_NAME')
const sts = new STSClient()
const clients = {
  secrets: new SecretsManagerClient(),
  ledger: { dynamodb: new DynamoDBClient(), tableName: env.LEDGER_TABLE },
}

export const handler = step(createAdminUserInput, (input) => {
  const { account, admin, vend } = input
  const user = iamArn(vend, account.id, `user${ourPath}${admin.userName}`)
  const signIn = async () =>
    new IAMClient({
      credentials: await assumeAccountRole(sts, {
        account,
        vend,
        roleName: env.ACCESS_ROLE_NAME,
        permissions: [
          // Also where a user of that name is not ours: to see that it is not.
          { actions: ['iam:GetUser'], resources: ['*'] },
          {
            actions: ['iam:CreateUser', 'iam:TagUser', 'iam:CreateLoginProfile', 'iam:UpdateLoginProfile'],
            resources: [user],
          },
          { actions: ['iam:AttachUserPolicy'], resources: [user], policyArns: admin.policies },
          { actions: ['iam:AddUserToGroup'], resources: ownGroups(input).map(({ arn }) => arn) },
        ],
      }),
    })
  return createAdminUser({ ...clients, signIn }, input)
})
