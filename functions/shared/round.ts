import { PutItemCommand } from '@aws-sdk/client-dynamodb'
import { marshall } from '@aws-sdk/util-dynamodb'
import * as z from 'zod/mini'
import { BatchGoneError } from './errors.ts'
import { type Ledger, readItem } from './ledger.ts'
import { pace } from './pace.ts'

// The items that name the accounts which a daily round looks at. Sweep writes them, and the functions that work on a
// batch read them.

/** An account to look at. */
export type RoundAccount = {
  accountId: string
  name: string
  /** The place in the organization, from Account.Paths; empty if Organizations does not tell. */
  path: string
  /** CREATED by Organizations, or INVITED. */
  joinedMethod: string
  /** ISO 8601. */
  joinedAt: string
}

/** How many accounts are in one batch. */
export const batchSize = 100
/** A round ends within a day. A redrive on the next day still finds its batches. */
const batchDays = 2

/** The most batches at once: MaxConcurrency in statemachine/daily-round.asl.yml. */
const mostAtOnce = 40
// STS allows an account 600 calls a second in a Region (IAM User Guide, reference_iam-quotas), and half of them are for
// others. Some calls come a moment late: with 280 calls a second on average, no second has more than 300.
const mostSignIns = 280

/** How many accounts the functions of one batch may sign in to in a second. */
export const signInsPerSecond = (batches: number) =>
  Math.floor(mostSignIns / Math.max(1, Math.min(batches, mostAtOnce)))

/** What each function that works on a batch gets. */
export const batchInput = z.object({
  executionArn: z.string(),
  /** The batch's key in the ledger. */
  key: z.string(),
})

// A batch takes about 20 write units, and DynamoDB takes 4,000 a second for a new table (DynamoDB Developer Guide,
// on-demand-capacity-mode). So many batches take about a quarter, and less than half if all names are long.
const batchesPerSecond = 50

/** The key names the day and the round, so that a second round on this day has batches of its own. */
const batchKey = (roundId: string, n: number) =>
  `round#${new Date().toISOString().slice(0, 10)}#${roundId.slice(0, 8)}#${n}`

/** Writes the accounts to look at, in batches. Answers the keys of the batches. Safe to run twice. */
export const writeBatches = async ({ dynamodb, tableName }: Ledger, roundId: string, accounts: RoundAccount[]) => {
  const batches: { key: string }[] = []
  const turn = pace(batchesPerSecond)
  for (let first = 0; first < accounts.length; first += batchSize) {
    const key = batchKey(roundId, batches.length)
    const expiresAt = Math.floor(Date.now() / 1000) + batchDays * 24 * 60 * 60
    const batch = accounts.slice(first, first + batchSize)
    await turn()
    await dynamodb.send(
      new PutItemCommand({ TableName: tableName, Item: marshall({ pk: key, accounts: batch, expiresAt }) }),
    )
    batches.push({ key })
  }
  return batches
}

/** Reads the accounts of a batch. Throws `BatchGoneError` if DynamoDB has deleted the batch. */
export const readBatch = async (ledger: Ledger, key: string): Promise<RoundAccount[]> => {
  const batch = await readItem<{ accounts: RoundAccount[] }>(ledger, key)
  if (!batch)
    throw new BatchGoneError(`The ledger has no item ${key}: a batch of a round is kept for ${batchDays} days`)
  return batch.accounts
}
