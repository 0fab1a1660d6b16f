import { DynamoDBClient } from '@aws-sdk/client-dynamodb'
import { OrganizationsClient } from '@aws-sdk/client-organizations'
import { SecretsManagerClient } from '@aws-sdk/client-secrets-manager'
import { SESClient } from '@aws-sdk/client-ses'
import { SFNClient } from '@aws-sdk/client-sfn'
import * as z from 'zod/mini'
import vending from '../../vending.yml'
import { readEnv } from '../shared/env.ts'
import { step } from '../shared/step.ts'
import { sweep } from './sweep.ts'

const env = readEnv('LEDGER_TABLE', 'STATE_MACHINE_ARN', 'CONFIGURATION_SET')
/** New clients for each sweep: the request rate that a client has learned is of no use a day later. */
const makeClients = () => ({
  // Organizations allows a few calls of ListAccounts a second. In this mode the SDK keeps to that rate.
  organizations: new OrganizationsClient({ retryMode: 'adaptive', maxAttempts: 10 }),
  sfn: new SFNClient(),
  secrets: new SecretsManagerClient(),
  ses: new SESClient({ maxAttempts: 1 }),
  ledger: { dynamodb: new DynamoDBClient(), tableName: env.LEDGER_TABLE },
})

const input = z.object({ executionArn: z.string() })

/** A state may have 256 KiB, so a round of 50,000 accounts can only have the lengths of the lists. */
const counted = ({ batches, signInsPerSecond, auditsRoot, ...lists }: Awaited<ReturnType<typeof sweep>>) => ({
  batches,
  signInsPerSecond,
  auditsRoot,
  ...Object.fromEntries(
    Object.entries(lists).map(([name, list]) => [name, typeof list === 'number' ? list : list.length]),
  ),
})

/** The first state of the daily round. */
export const handler = step(input, async (asked) =>
  counted(
    await sweep(makeClients(), asked, {
      ...vending,
      configurationSet: env.CONFIGURATION_SET,
      stateMachineArn: env.STATE_MACHINE_ARN,
      endpointUrl: process.env['AWS_ENDPOINT_URL'],
    }),
  ),
)
