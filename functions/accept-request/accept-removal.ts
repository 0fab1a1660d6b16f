import { createHash } from 'node:crypto'
import type { OrganizationsClient } from '@aws-sdk/client-organizations'
import type { SFNClient } from '@aws-sdk/client-sfn'
import { findMemberAccount, type ProtectedPlaces } from '../shared/account.ts'
import { UserKeptError, UserNotOnRecordError } from '../shared/errors.ts'
import type { Ledger } from '../shared/ledger.ts'
import { parseInput } from '../shared/parse.ts'
import { type AccountRecord, entryOf, leaseRestSeconds, readAccount } from '../shared/record-and-lease.ts'
import { removalBy, removalRequest, takeLeaseToRemove } from '../shared/removal.ts'
import { placeOf, vendOf } from '../shared/vend.ts'
import { busy, isVendedByAnother } from './held.ts'

type Clients = { organizations: OrganizationsClient; sfn: SFNClient; ledger: Ledger }
type Config = { protected: ProtectedPlaces }
type Input = { request: unknown; executionArn: string }

/**
 * Decides what becomes of a request to remove, by reading only, so that `vend remove` shows what would be removed by
 * this as well.
 *
 * `outcome` is Removing, or NothingToRemove if the ledger has nothing of this account that could be removed.
 * Throws what `acceptRemoval` throws.
 */
export const decideRemoval = async (
  { organizations, ledger }: Omit<Clients, 'sfn'>,
  { request, executionArn }: Input,
  config: Config,
) => {
  const { accountId, remove, requestedBy = 'manual execution' } = parseInput(removalRequest, request)
  const { managementAccountId } = placeOf(executionArn)
  const [account, record] = await Promise.all([
    findMemberAccount(organizations, { accountId, managementAccountId, protectedPlaces: config.protected }),
    readAccount(ledger, accountId),
  ])
  const nothing = { outcome: 'NothingToRemove' as const, accountId, record }
  // A try that was stopped can come late, after its execution has removed everything.
  if (!record || removalBy(record, executionArn)) return nothing
  if (remove.userName !== undefined) refuseUnlessOurs(record, remove.userName)
  else if (record.status === 'REMOVED' && !Object.keys(record.passwords).length) return nothing
  return { outcome: 'Removing' as const, vend: vendOf(executionArn), account, record, remove, requestedBy }
}

/** Throws `UserKeptError`, or `UserNotOnRecordError` if the ledger does not list the user at all. */
const refuseUnlessOurs = ({ passwords, admins, asked }: AccountRecord, userName: string) => {
  if (entryOf(passwords, userName.toLowerCase())) return
  const isKept =
    entryOf(admins, userName.toLowerCase())?.kept ||
    asked.kept?.some((name) => name.toLowerCase() === userName.toLowerCase())
  if (isKept)
    throw new UserKeptError(
      `The user ${userName} existed before a vend requested this user. Account vending removes only users that it has created`,
    )
  const ours = Object.keys(passwords).map((name) => entryOf(admins, name)?.userName ?? name)
  throw new UserNotOnRecordError(
    `Account vending has created no user ${userName} in this account; it has created ${ours.join(', ') || 'nobody'}`,
  )
}

/**
 * Turns the input of an execution that removes administrators into one checked request, and takes the account's lease.
 *
 * `outcome` says how the execution continues: Removing, or the end state NothingToRemove.
 * Safe to run twice: an execution can take its own lease again.
 * Throws `InvalidInputError`, `ManagementAccountError`, `AccountNotFoundError`, `ProtectedAccountError`,
 * `AccountPendingError`, `AccountNotActiveError`, `UserNotOnRecordError`, `UserKeptError`, and `AccountBusyError` while
 * another execution works on the account, and for 90 seconds after its end.
 */
export const acceptRemoval = async (clients: Clients, input: Input, config: Config) => {
  const decided = await decideRemoval(clients, input, config)
  if (decided.outcome !== 'Removing') return { outcome: decided.outcome, accountId: decided.accountId }
  const { outcome, vend, account, record, remove } = decided
  // IAM and Secrets Manager may not show yet what an execution made a moment ago, and it would stay without a record.
  const isOwn = record.lease?.holder === vend.executionArn
  if (!isOwn && Date.now() - Date.parse(record.updatedAt) < leaseRestSeconds * 1000) throw busy(account.id)
  // What another execution removes is not what this request asks for: the other execution may have begun earlier.
  const held = { accountId: account.id, executionArn: vend.executionArn, asksTheSame: false, now: Date.now() }
  await isVendedByAnother(clients.sfn, record, held)
  const ask = createHash('sha256').update(JSON.stringify(remove)).digest('hex').slice(0, 32)
  // If another execution was faster, the next try sees which execution.
  if (!(await takeLeaseToRemove(clients.ledger, { ...decided, ask }))) throw busy(account.id)
  return { outcome, vend, account, remove }
}
