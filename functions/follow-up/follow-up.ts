import type * as z from 'zod/mini'
import type { Ledger } from '../shared/ledger.ts'
import { type batchInput, readBatch } from '../shared/round.ts'

/** Follows up the administrators of a batch. Answers how many accounts there are. Throws `BatchGoneError`. */
export async function followUp({ ledger }: { ledger: Ledger }, { key }: z.output<typeof batchInput>) {
  const accounts = await readBatch(ledger, key)
  return { accounts: accounts.length }
}
