import { builtInOperations } from '../../local/aws/endpoint.ts'
import type { Operation } from '../../local/aws/operation.ts'
import type { Deployed } from '../../local/deployed.ts'
import type { inMemoryDynamoDB } from './dynamodb.ts'
import { epoch } from './virtual-time.ts'

const schedule = 'cron(10 6 * * ? *)'
const day = 24 * 60 * 60

/** When the schedule fires on the nth day of a world, in seconds from the world's beginning. */
export const sweepAt = (nth: number) => (Date.parse('2026-11-02T06:10:00Z') - epoch) / 1000 + nth * day
/** The first day on which the schedule has not fired yet. */
export const nextSweepDay = (seconds: number) => Math.max(0, Math.ceil((seconds - sweepAt(0)) / day))

/** Throws if the deployed rule is not the one that is simulated. */
export const checkSchedule = ({ rules }: Deployed) => {
  const rule = rules.find(({ target }) => target === 'DailyRound')
  if (!rule?.enabled || rule.schedule !== schedule)
    throw new Error(`The simulation sweeps by ${schedule}, the deployed rule by ${rule?.schedule ?? 'none'}`)
}

/** What the first state of a round gets. */
export const sweepInput = (uuid: string) => ({
  executionArn: `arn:aws:states:us-east-1:111122223333:execution:account-vending-local_round:${uuid}`,
})

/**
 * List operations for the endpoint, with small pages: `pageSize` items of the ledger. ListAccounts, which is
 * eventually consistent, sometimes omits an account while the world has `staleness`.
 */
export const listing = (
  ledger: ReturnType<typeof inMemoryDynamoDB>,
  note: (left: string) => void,
  { pageSize = 3 } = {},
) => {
  const [listAccounts, scan] = [
    builtInOperations['organizations']?.['ListAccounts'],
    ledger.operations['Scan'],
  ] as Operation<object>[]
  const ListAccounts: Operation<object> = (world, input, caller) => {
    const page = listAccounts?.(world, { ...input, MaxResults: 4 }, caller) as { Accounts: { Id: string }[] }
    const Accounts = page.Accounts.filter(({ Id }) => {
      const isThere = world.staleness === 0 || world.random() >= world.staleness / 5
      if (!isThere) note(Id)
      return isThere
    })
    return { ...page, Accounts }
  }
  const Scan: Operation<object> = (world, input, caller) => scan?.(world, { ...input, Limit: pageSize }, caller)
  return { organizations: { ListAccounts }, dynamodb: { ...ledger.operations, Scan } }
}
