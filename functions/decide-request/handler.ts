import { DynamoDBClient } from '@aws-sdk/client-dynamodb'
import { SFNClient } from '@aws-sdk/client-sfn'
import { api, bodyOf } from '../shared/api.ts'
import { readEnv } from '../shared/env.ts'
import { readBody } from '../shared/parse.ts'
import { decideRequest } from './decide-request.ts'

const env = readEnv('LEDGER_TABLE', 'STATE_MACHINE_ARN')
const clients = {
  sfn: new SFNClient(),
  ledger: { dynamodb: new DynamoDBClient(), tableName: env.LEDGER_TABLE },
}

export const handler = api(async (event) => ({
  status: 200,
  body: await decideRequest(clients, {
    requestId: event.pathParameters?.['requestId'] ?? '',
    body: readBody(bodyOf(event)),
    callerArn: event.requestContext.authorizer.iam.userArn,
    stateMachineArn: env.STATE_MACHINE_ARN,
  }),
}))
