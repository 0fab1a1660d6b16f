import { DynamoDBClient } from '@aws-sdk/client-dynamodb'
import * as z from 'zod/mini'
import { readEnv } from '../shared/env.ts'
import { step } from '../shared/step.ts'
import { reportRound } from './report-round.ts'

const env = readEnv('LEDGER_TABLE')
const clients = { ledger: { dynamodb: new DynamoDBClient(), tableName: env.LEDGER_TABLE } }

/** `swept` is what Sweep answered, without the batches' keys. */
const input = z.object({ executionArn: z.string(), swept: z.object({ accounts: z.number(), toLookAt: z.number() }) })

export const handler = step(input, () => reportRound(clients))
