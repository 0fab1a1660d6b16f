import { createHash } from 'node:crypto'
import {
  DescribeAccountCommand,
  DescribeCreateAccountStatusCommand,
  type OrganizationsClient,
} from '@aws-sdk/client-organizations'
import type { SFNClient } from '@aws-sdk/client-sfn'
import * as z from 'zod/mini'
import type { Account } from '../shared/account.ts'
import { isNamed } from '../shared/aws-errors.ts'
import { AccountBusyError, AccountNotOpenError, LeaseLostError } from '../shared/errors.ts'
import { isRunning } from '../shared/execution.ts'
import type { Ledger } from '../shared/ledger.ts'
import { openingSchema } from '../shared/new-account.ts'
import { beginOpeningStep, changeOpening } from '../shared/opening.ts'
import { hasVended, leaseRestSeconds, readAccount, takeLease } from '../shared/record-and-lease.ts'
import { adminSchema, groupSchema } from '../shared/request.ts'
import { vendSchema } from '../shared/vend.ts'

export const awaitAccountInput = z.object({
  vend: vendSchema,
  opening: openingSchema,
  groups: z.array(groupSchema),
  admins: z.array(adminSchema),
  /** What OpenAccount has answered. */
  opened: z.union([z.object({ createRequestId: z.string() }), z.object({ accountId: z.string() })]),
})
type Input = z.output<typeof awaitAccountInput>
type Clients = { organizations: OrganizationsClient; sfn: SFNClient; ledger: Ledger }

/**
 * Waits until Organizations has created the account, and takes the account's lease.
 *
 * Answers the account, or `creationFailure`: Organizations' reason why it could not create the account. OpenAccount
 * decides what follows then.
 * Safe to run twice. Throws `AccountNotOpenError` as long as Organizations is at work, `AccountBusyError` while another
 * execution vends the account, `LeaseLostError` and `FailedJustNowError`.
 */
export async function awaitAccount(clients: Clients, input: Input): Promise<Account | { creationFailure: string }> {
  const { vend, opening, opened } = input
  await beginOpeningStep(clients.ledger, { email: opening.email, vend, state: 'AwaitAccount' })
  const created = 'accountId' in opened ? opened : await creationOf(clients.organizations, opened)
  if ('creationFailure' in created) {
    await changeOpening(clients.ledger, { email: opening.email, vend }, { set: created, remove: ['createRequestId'] })
    return created
  }
  const account = await describeAccount(clients.organizations, created.accountId)
  await holdAccount(clients, input, account)
  await changeOpening(clients.ledger, { email: opening.email, vend }, { set: { accountId: account.id } })
  return account
}

const creationOf = async (organizations: OrganizationsClient, { createRequestId }: { createRequestId: string }) => {
  const { CreateAccountStatus } = await organizations
    .send(new DescribeCreateAccountStatusCommand({ CreateAccountRequestId: createRequestId }))
    .catch((error: unknown) => {
      // Organizations is eventually consistent.
      if (isNamed(error, 'CreateAccountStatusNotFoundException')) throw notOpen()
      throw error
    })
  const { State, AccountId, FailureReason = 'UNKNOWN' } = CreateAccountStatus ?? {}
  if (State === 'FAILED') return { creationFailure: FailureReason }
  if (State === 'SUCCEEDED' && AccountId !== undefined) return { accountId: AccountId }
  throw notOpen()
}

const notOpen = () => new AccountNotOpenError('Organizations is still creating the account')

const describeAccount = async (organizations: OrganizationsClient, id: string): Promise<Account> => {
  try {
    const { Account } = await organizations.send(new DescribeAccountCommand({ AccountId: id }))
    const { State, Name = id, Email = '', JoinedMethod = 'CREATED', JoinedTimestamp = new Date() } = Account ?? {}
    if (State !== 'ACTIVE') throw notOpen()
    return { id, name: Name, email: Email, joinedMethod: JoinedMethod, joinedAt: JoinedTimestamp.toISOString() }
  } catch (error) {
    // The list of creations can be ahead of the list of accounts.
    if (isNamed(error, 'AccountNotFoundException')) throw notOpen()
    throw error
  }
}

/** Takes the account's lease, as AcceptRequest does for an account that exists. */
const holdAccount = async ({ sfn, ledger }: Clients, { vend, opening, groups, admins }: Input, account: Account) => {
  const record = await readAccount(ledger, account.id)
  // A try that was stopped can come late, after its execution was redriven and has made everything.
  if (hasVended(record, vend.executionArn))
    throw new LeaseLostError(`This execution has vended account ${account.id} already`)
  const busy = new AccountBusyError(`Another execution is vending account ${account.id}`)
  const { lease } = record ?? {}
  if (lease && lease.holder !== vend.executionArn) {
    if (await isRunning(sfn, lease.holder)) throw busy
    if (Date.now() - lease.renewedAt < leaseRestSeconds * 1000) throw busy
  }
  const ask = { groups, admins }
  const askHash = createHash('sha256').update(JSON.stringify(ask)).digest('hex').slice(0, 32)
  const { requestedBy } = opening
  const state = 'AwaitAccount'
  const taken = await takeLease(ledger, { vend, account, ask, askHash, requestedBy, record, state })
  // If another execution was faster, the next try sees which execution.
  if (!taken) throw busy
}
