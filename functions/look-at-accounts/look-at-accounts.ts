import type * as z from 'zod/mini'
import type { Ledger } from '../shared/ledger.ts'
import { type batchInput, readBatch } from '../shared/round.ts'

/** Looks at the accounts of a batch. Answers how many there are. Throws `BatchGoneError`. */
export async function lookAtAccounts({ ledger }: { ledger: Ledger }, { key }: z.output<typeof batchInput>) {
  const accounts = await readBatch(ledger, key)
  return { accounts: accounts.length }
}
