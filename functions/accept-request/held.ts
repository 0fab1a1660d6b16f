import type { SFNClient } from '@aws-sdk/client-sfn'
import { AccountBusyError } from '../shared/errors.ts'
import { isRunning } from '../shared/execution.ts'
import { type AccountRecord, leaseRestSeconds } from '../shared/record-and-lease.ts'

export const busy = (accountId: string) => new AccountBusyError(`Another execution works on account ${accountId}`)

/**
 * Whether another execution holds the account's lease, runs, and makes what this request asks for.
 *
 * Throws `AccountBusyError` while another execution holds the lease and makes something else.
 */
export async function isVendedByAnother(
  sfn: SFNClient,
  record: AccountRecord | undefined,
  {
    accountId,
    executionArn,
    asksTheSame,
    now,
  }: { accountId: string; executionArn: string; asksTheSame: boolean; now: number },
) {
  if (!record?.lease || record.lease.holder === executionArn) return false
  const { holder, renewedAt } = record.lease
  if (await isRunning(sfn, holder)) {
    // If the ledger says that the execution has failed, do not rely on it, even if DescribeExecution still reports
    // RUNNING.
    if (record.status !== 'FAILED' && asksTheSame) return true
    throw busy(accountId)
  }
  if (now - renewedAt < leaseRestSeconds * 1000) throw busy(accountId)
  return false
}
