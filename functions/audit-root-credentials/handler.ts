import { DynamoDBClient } from '@aws-sdk/client-dynamodb'
import { STSClient } from '@aws-sdk/client-sts'
import { readEnv } from '../shared/env.ts'
import { step } from '../shared/step.ts'
import { placeOf } from '../shared/vend.ts'
import { assumeRoot, auditRootCredentials, auditRootCredentialsInput } from './audit-root-credentials.ts'

const env = readEnv('LEDGER_TABLE')
const ledger = { dynamodb: new DynamoDBClient(), tableName: env.LEDGER_TABLE }
const sts = new STSClient()

export const handler = step(auditRootCredentialsInput, (input) =>
  auditRootCredentials({ ledger, assumeRoot: assumeRoot(sts, placeOf(input.executionArn)) }, input),
)
