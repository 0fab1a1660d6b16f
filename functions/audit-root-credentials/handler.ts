import { DynamoDBClient } from '@aws-sdk/client-dynamodb'
import { IAMClient } from '@aws-sdk/client-iam'
import { AssumeRootCommand, STSClient } from '@aws-sdk/client-sts'
import { readEnv } from '../shared/env.ts'
import { step } from '../shared/step.ts'
import { placeOf } from '../shared/vend.ts'
import { auditRootCredentials, auditRootCredentialsInput } from './audit-root-credentials.ts'

const env = readEnv('LEDGER_TABLE')
const ledger = { dynamodb: new DynamoDBClient(), tableName: env.LEDGER_TABLE }
const sts = new STSClient()

export const handler = step(auditRootCredentialsInput, (input) => {
  const { partition } = placeOf(input.executionArn)
  const assumeRoot = async (TargetPrincipal: string) => {
    const { Credentials } = await sts.send(
      new AssumeRootCommand({
        TargetPrincipal,
        TaskPolicyArn: { arn: `arn:${partition}:iam::aws:policy/root-task/IAMAuditRootUserCredentials` },
      }),
    )
    return new IAMClient({
      credentials: {
        accessKeyId: Credentials?.AccessKeyId ?? '',
        secretAccessKey: Credentials?.SecretAccessKey ?? '',
        sessionToken: Credentials?.SessionToken ?? '',
      },
    })
  }
  return auditRootCredentials({ ledger, assumeRoot }, input)
})
