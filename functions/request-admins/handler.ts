import { DynamoDBClient } from '@aws-sdk/client-dynamodb'
import { OrganizationsClient } from '@aws-sdk/client-organizations'
import { SFNClient } from '@aws-sdk/client-sfn'
import vending from '../../vending.yml'
import { api, bodyOf } from '../shared/api.ts'
import { readEnv } from '../shared/env.ts'
import { requestAdmins, requestLink } from './request-admins.ts'

const env = readEnv('LEDGER_TABLE', 'STATE_MACHINE_ARN')
const clients = {
  organizations: new OrganizationsClient(),
  sfn: new SFNClient(),
  ledger: { dynamodb: new DynamoDBClient(), tableName: env.LEDGER_TABLE },
}

export const handler = api(async (event) => {
  const { pathParameters, headers, requestContext } = event
  const { accountId = '', userName } = pathParameters ?? {}
  const input = {
    accountId,
    body: bodyOf(event),
    idempotencyKey: headers['idempotency-key'],
    callerArn: requestContext.authorizer.iam.userArn,
    stateMachineArn: env.STATE_MACHINE_ARN,
  }
  const accepted = await (userName === undefined
    ? requestAdmins(clients, input, vending)
    : requestLink(clients, { ...input, userName }, vending))
  return { status: 202, headers: { location: `/accounts/${accepted.accountId}`, 'retry-after': '5' }, body: accepted }
})
