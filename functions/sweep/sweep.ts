import { type Account, type OrganizationsClient, paginateListAccounts } from '@aws-sdk/client-organizations'
import { DeleteSecretCommand, type SecretsManagerClient } from '@aws-sdk/client-secrets-manager'
import type { SESClient } from '@aws-sdk/client-ses'
import { type SFNClient, StartExecutionCommand } from '@aws-sdk/client-sfn'
import { findMemberAccount } from '../shared/account.ts'
import { isNamed } from '../shared/aws-errors.ts'
import { ListIncompleteError } from '../shared/errors.ts'
import { eventOfSweep } from '../shared/event-shape.ts'
import { isRunning } from '../shared/execution.ts'
import { explanationOf } from '../shared/failure.ts'
import { allFollowUps } from '../shared/follow.ts'
import { type Ledger, ledgerMadeAt, scan } from '../shared/ledger.ts'
import { allLooks, deleteLook, type Look } from '../shared/look.ts'
import { toldFailures } from '../shared/notes.ts'
import { allIntents, type Intent, isOpenedByRequest } from '../shared/opening.ts'
import { allAccounts, leaseRestSeconds, readAccount, recordGone } from '../shared/record-and-lease.ts'
import { pace } from '../shared/pace.ts'
import { signInsPerSecond, writeBatches } from '../shared/round.ts'
import { secretName } from '../shared/secret-name.ts'
import { together } from '../shared/together.ts'
import { placeOf, vendOf } from '../shared/vend.ts'
import { chooseAccounts, type RoundConfig } from './choose-accounts.ts'
import { mayBeVended } from './may-be-vended.ts'
import { type RequestsConfig, settleRequests } from './settle-requests.ts'
import { tellFailures, type Unsettled } from './tell-failures.ts'

type Clients = {
  organizations: OrganizationsClient
  sfn: SFNClient
  secrets: SecretsManagerClient
  ses: SESClient
  ledger: Ledger
}
type Config = RequestsConfig &
  RoundConfig &
  Parameters<typeof tellFailures>[2] & { automatic: 'organizations' | 'control-tower' }

const hour = 60 * 60 * 1000
/** How long the sweep waits for the event of a new account. Only Control Tower knows when its accounts are ready. */
const patience = { organizations: hour, 'control-tower': 24 * hour }
const recoveryDays = 7
// Half of the 8 calls of ListAccounts a second that Organizations allows (Organizations User Guide,
// orgs_reference_limits), so that others can list accounts, too. A page has 20 accounts.
const listsPerSecond = 4

/**
 * Compares the organization's accounts with the ledger, and makes up for events that did not come.
 *
 * - An account that was not vended: the sweep starts its vend, as its event would have done.
 * - A vend that failed, or the opening of an account: one mail tells all of them again. The sweep does not start them
 *   again.
 * - A request to open an account that nobody has decided about in time: the sweep ends the request. An accepted request
 *   that has no execution gets its execution.
 * - An account that left the organization or is closed: the sweep ends its lease and schedules its secrets for
 *   deletion. What the round found in the account is no longer of interest, so the sweep deletes it.
 * - An account that AWS has suspended: the sweep changes nothing, because a suspension is often lifted. The mail says
 *   so if the account is on record.
 *
 * Then writes the accounts that the round looks at into the ledger, in batches.
 *
 * Answers the keys of the batches, how many accounts a batch may sign in to in a second, and the number of accounts and
 * the ids of the accounts and requests of each kind. Safe to run twice, and beside events.
 * Throws AWS's own errors, and `ListIncompleteError`: an incomplete list of accounts ends nothing.
 */
export async function sweep(clients: Clients, { executionArn }: { executionArn: string }, config: Config) {
  const [accounts, { records, toldEarlier, intents, looks, followUps }, installedAt] = await Promise.all([
    listAccounts(clients, config),
    scan(clients.ledger, {
      records: allAccounts(['admins', 'passwords', 'mails']),
      toldEarlier: toldFailures,
      intents: allIntents,
      looks: allLooks,
      followUps: allFollowUps,
    }),
    ledgerMadeAt(clients.ledger),
  ])
  const sorted = [...accounts].flatMap(([accountId, account]) => {
    const record = records.get(accountId)
    const task = taskFor(account, {
      record,
      toldFailure: toldEarlier.get(accountId),
      isOpening: isOpenedByRequest(intents.get((account.Email ?? '').toLowerCase()), accountId, record),
      installedAt,
      patience: patience[config.automatic],
    })
    return task ? [{ accountId, name: account.Name ?? '', ...task }] : []
  })
  const closed = sorted.filter(({ is }) => is === 'closed')
  const departed = [...records]
    .filter(([accountId, { status }]) => !accounts.has(accountId) && status !== 'DEPARTED')
    .map(([accountId]) => ({ accountId }))
  const missed = sorted.filter(({ is }) => is === 'missed')
  const suspended = sorted
    .filter(({ is }) => is === 'suspended')
    .map(({ accountId, name }) => ({ accountId, name, status: records.get(accountId)?.status ?? '' }))
  const unsettled = sorted.flatMap(({ accountId, name, executionArn }) =>
    executionArn
      ? [
          {
            accountId,
            name,
            executionArn,
            isOnRecord: records.has(accountId),
            failure: records.get(accountId)?.failure,
          },
        ]
      : [],
  )
  const toLookAt = chooseAccounts(accounts.values(), { records, looks, followUps }, config)
  // A failure in one of these must not prevent the others.
  const [batches, started, ended, told, settled] = await together([
    writeBatches(clients.ledger, vendOf(executionArn).id, toLookAt),
    startMissed(clients, config, missed),
    endGone(clients, config, { closed, departed }),
    tellFailures(clients, { unsettled: [...unsettled, ...unsettledOpenings(intents)], suspended }, config),
    settleRequests(clients, config, intents.values()),
    forgetLooks(clients, config, { looks, accounts }),
  ])
  const ids = suspended.map(({ accountId }) => accountId)
  return {
    batches,
    signInsPerSecond: signInsPerSecond(batches.length),
    auditsRoot: config.rootCredentials === 'audit',
    accounts: accounts.size,
    toLookAt: toLookAt.length,
    started,
    ...ended,
    ...told,
    suspended: ids,
    ...settled,
  }
}

/**
 * All member accounts by id. Throws `ListIncompleteError`: a complete list includes the management account.
 */
const listAccounts = async ({ organizations }: Clients, { stateMachineArn }: Config) => {
  const accounts = new Map<string, Account>()
  const turn = pace(listsPerSecond)
  await turn()
  for await (const { Accounts = [] } of paginateListAccounts({ client: organizations, pageSize: 20 }, {})) {
    for (const account of Accounts) accounts.set(account.Id ?? '', account)
    await turn()
  }
  const { managementAccountId } = placeOf(stateMachineArn)
  if (!accounts.delete(managementAccountId))
    throw new ListIncompleteError(
      `The list of accounts is incomplete: the management account ${managementAccountId} is missing`,
    )
  return accounts
}

/** Step Functions redrives an execution for so many days after its end. */
const redriveDays = 14
/**
 * A request that a person must correct has ended. The corrected request is a new one, often for another address, so the
 * ledger does not show that the failure is settled.
 */
const correctDays = 2

/**
 * The executions of openings that may have failed and whose account's id is not known. No account's record tells about
 * them.
 */
const unsettledOpenings = (intents: Map<string, Intent>): Unsettled[] =>
  [...intents].flatMap(([email, { requestId, status, holder, accountId, failure }]) => {
    const days = failure && explanationOf(failure).goOn === 'correct' ? correctDays : redriveDays
    const isPast = failure !== undefined && Date.now() - Date.parse(failure.at) > days * 24 * hour
    return holder === undefined || accountId !== undefined || status === 'declined' || isPast
      ? []
      : [{ accountId: email, name: '', executionArn: holder, isOnRecord: false, failure, requestId }]
  })

type Task =
  { is: 'missed' | 'closed' | 'suspended'; executionArn?: undefined } | { is: 'unsettled'; executionArn: string }

type Known = {
  record: { status: string; executionArn: string; vendedAt?: string } | undefined
  /** The execution of a request that was refused and left no record. */
  toldFailure: string | undefined
  /** A request opens the account. */
  isOpening: boolean
  installedAt: Date | undefined
  /** Milliseconds. */
  patience: number
}

const isClosed = ({ State }: Pick<Account, 'State'>) => State === 'CLOSED' || State === 'PENDING_CLOSURE'

/** What the list of accounts and the ledger say must be done about an account; undefined if nothing must be done. */
const taskFor = (
  { State, JoinedTimestamp }: Account,
  { record, toldFailure, isOpening, installedAt, patience }: Known,
): Task | undefined => {
  const { status } = record ?? {}
  if (isClosed({ State })) return record && status !== 'CLOSED' && status !== 'REMOVED' ? { is: 'closed' } : undefined
  // SUSPENDED means that AWS has restricted the account, and AWS often lifts that. It does not mean closed.
  if (State === 'SUSPENDED') return record && { is: 'suspended' }
  if (State !== 'ACTIVE') return undefined
  if (record && (status === 'FAILED' || status === 'VENDING'))
    return { is: 'unsettled', executionArn: record.executionArn }
  // Its own execution vends the account, or fails and is told.
  if (isOpening) return undefined
  // A closed account that is reinstated still has its administrators. An account that departed comes back as a new
  // account. Nobody gets the administrators back whom somebody has removed, unless a request asks for them.
  const isVended = status === 'VENDED' || status === 'REMOVED' || (status === 'CLOSED' && record?.vendedAt)
  const joinedAt = JoinedTimestamp ?? new Date(0)
  if (isVended || !installedAt || joinedAt < installedAt || Date.now() - joinedAt.getTime() < patience) return undefined
  return !record && toldFailure ? { is: 'unsettled', executionArn: toldFailure } : { is: 'missed' }
}

const startMissed = async (clients: Clients, config: Config, missed: { accountId: string }[]) => {
  const started: string[] = []
  for (const { accountId } of missed) {
    if (!(await mayBeVended(clients, config, accountId))) continue
    try {
      await clients.sfn.send(
        new StartExecutionCommand({
          stateMachineArn: config.stateMachineArn,
          // One execution a day for each account, however often the sweep runs.
          name: `sweep-${accountId}-${today()}`,
          input: JSON.stringify(eventOfSweep(accountId)),
        }),
      )
      started.push(accountId)
    } catch (error) {
      if (!isNamed(error, 'ExecutionAlreadyExists')) throw error
    }
  }
  return started
}

const today = () => new Date().toISOString().slice(0, 10)

const endGone = async (
  clients: Clients,
  config: Config,
  { closed, departed }: { closed: { accountId: string }[]; departed: { accountId: string }[] },
) => {
  const ended = { closed: [] as string[], departed: [] as string[] }
  for (const { accountId } of closed) if (await end(clients, accountId, 'CLOSED')) ended.closed.push(accountId)
  for (const { accountId } of departed)
    // Organizations is asked once more, by the account's id, because an end cannot be undone.
    if (await isDeparted(clients, config, accountId))
      if (await end(clients, accountId, 'DEPARTED')) ended.departed.push(accountId)
  return ended
}

const forgetLooks = async (
  clients: Clients,
  config: Config,
  { looks, accounts }: { looks: Map<string, Look>; accounts: Map<string, Account> },
) => {
  for (const [accountId, { at }] of looks) {
    const account = accounts.get(accountId)
    if (account ? isClosed(account) : await isDeparted(clients, config, accountId))
      await deleteLook(clients.ledger, { accountId, at })
  }
}

const isDeparted = async ({ organizations }: Clients, { stateMachineArn }: Config, accountId: string) => {
  const { managementAccountId } = placeOf(stateMachineArn)
  const protectedPlaces = { accounts: [], organizationalUnits: [] }
  try {
    await findMemberAccount(organizations, { accountId, managementAccountId, protectedPlaces })
    return false
  } catch (error) {
    if (isNamed(error, 'AccountNotFoundError')) return true
    if (isNamed(error, 'AccountPendingError', 'AccountNotActiveError', 'ManagementAccountError')) return false
    throw error
  }
}

/**
 * Schedules the secrets of an account for deletion, ends its lease, and marks its record. Answers whether this was
 * done: nothing is done while an execution works on the account.
 */
const end = async ({ secrets, sfn, ledger }: Clients, accountId: string, status: 'CLOSED' | 'DEPARTED') => {
  const record = await readAccount(ledger, accountId)
  if (!record) return false
  const { lease } = record
  // A function of an execution that has ended may still run and store a password.
  const isHeld = lease && Date.now() - lease.renewedAt < leaseRestSeconds * 1000
  if (isHeld || (lease && (await isRunning(sfn, lease.holder)))) return false
  const vended = Object.values(record.admins).flatMap(({ userName, kept }) => (kept ? [] : [userName.toLowerCase()]))
  for (const userName of new Set([...Object.keys(record.passwords), ...vended]))
    try {
      await secrets.send(
        new DeleteSecretCommand({ SecretId: secretName(accountId, userName), RecoveryWindowInDays: recoveryDays }),
      )
    } catch (error) {
      // The secret does not exist, or is scheduled for deletion already.
      if (!isNamed(error, 'ResourceNotFoundException', 'InvalidRequestException')) throw error
    }
  // The record is last: if something fails before it, the next sweep does everything again.
  return recordGone(ledger, { accountId, status, record })
}
