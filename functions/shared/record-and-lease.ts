import { addressIdentity } from './address.ts'
import { isNamed } from './aws-errors.ts'
import { FailedJustNowError, LeaseLostError } from './errors.ts'
import type { FailedStatus } from './failure.ts'
import { type Change, type Condition, entries, type Kind, type Ledger, readItem, updateItem } from './ledger.ts'
import type { Removal } from './removal.ts'
import type { Admin, Ask, Group } from './request.ts'
import type { Vend } from './vend.ts'

// The records of accounts with their leases. Both are in one item, so that one conditional write checks the lease and
// records a step.

export type Lease = {
  /** ARN of the execution that may write into the account. */
  holder: string
  /** Hash of what that execution makes: it tells the same request from a different one. */
  ask: string
  /** Milliseconds since 1970. */
  renewedAt: number
}

/** What a sign-in mail is about. */
type AboutPassword = { email: string; secretVersion: string }

export type AccountRecord = {
  accountName: string
  /**
   * DEPARTED from the organization, or CLOSED: the sweep found the account in this state and ended its secrets.
   * REMOVED: an execution took out the administrators.
   */
  status: 'VENDING' | 'VENDED' | 'FAILED' | 'DEPARTED' | 'CLOSED' | 'REMOVED'
  /** ISO 8601, as are all times except the lease's. */
  updatedAt: string
  /** The last execution that worked on the account. */
  executionArn: string
  requestedBy?: string
  /** An execution holds the lease while it works, and keeps the lease after a failure for a redrive. */
  lease?: Lease
  /** What the last execution was asked to make. */
  asked: { groups: string[]; users: string[]; kept?: string[]; signingIn?: string[] }
  /** The steps that the last execution has begun, by state and user. */
  steps: Record<string, { state: string; userName?: string; at: string; mail?: AboutPassword }>
  /**
   * Users for whom a password was stored or was about to be stored. A login profile of any other user is not ours. Keys
   * are in lower case. `removedAt`: when a removal took the login profile and the secret away, and left the user.
   */
  passwords: Record<string, { vendId: string; at: string; renewing?: boolean; removedAt?: string }>
  /**
   * Mails that were sent, by user (in lower case) and address. Records that an older version of this service wrote have
   * the whole address in lower case in the key, and no `email`. `vendId` names the vend that sent the mail.
   */
  mails: Record<string, { messageId: string; secretVersion: string; at: string; email?: string; vendId?: string }>
  /** What finished vends made. Keys are in lower case, because IAM ignores case. */
  groups: Record<string, Group>
  admins: Record<string, Admin & { kept: boolean }>
  vendedAt?: string
  vendedBy?: string
  /** The executions that vended the account before `vendedBy`, up to 10, the latest last. */
  vendedEarlier?: string[]
  /** What the last removal that finished took out. */
  removal?: Removal
  /** The serial numbers of virtual MFA devices that a removal deactivates and then deletes. */
  devices?: string[]
  failure?: {
    /** How the execution ended. Records that an older version of this service wrote do not have it. */
    status?: FailedStatus
    error: string
    cause: string
    at: string
  }
}

/** Reads an entry of a record's map by its key. Properties that every object inherits are not entries. */
export const entryOf = <Entry>(entries: Record<string, Entry> | undefined, key: string): Entry | undefined =>
  entries && Object.hasOwn(entries, key) ? entries[key] : undefined

/** Whether an account with this status left the organization or was closed: nobody can sign in there. */
export const isGone = (status: string | undefined) => status === 'DEPARTED' || status === 'CLOSED'

/**
 * An execution that has ended or was aborted may have left a function running. Its lease can be taken over only this
 * many seconds later.
 */
export const leaseRestSeconds = 90

const key = (accountId: string) => `account#${accountId}`

/** Reads the record of an account; undefined if there is none. */
export const readAccount = (ledger: Ledger, accountId: string) => readItem<AccountRecord>(ledger, key(accountId))

export const updateAccount = (ledger: Ledger, accountId: string, change: Change<AccountRecord>) =>
  updateItem(ledger, key(accountId), change)

type Standing = Pick<AccountRecord, 'accountName' | 'status' | 'updatedAt' | 'executionArn' | 'vendedAt' | 'failure'>

const standing = ['accountName', 'status', 'updatedAt', 'executionArn', 'vendedAt', 'failure'] as const

/** The status of every account's vend, by account id, with `more` of each record. */
export const allAccounts = <More extends keyof AccountRecord = never>(
  more: More[] = [],
): Kind<Standing & Pick<AccountRecord, More>, Map<string, Standing & Pick<AccountRecord, More>>> => ({
  prefix: 'account#',
  attributes: [...standing, ...more],
  collect: (accounts) => accounts,
})

const recordExists: Condition = () => 'attribute_exists(pk)'
const isHeldBy =
  (executionArn: string): Condition =>
  ({ value }) =>
    `lease.holder = ${value(executionArn)}`
/** The record did not change since it was read. */
export const isUnchanged =
  ({ updatedAt, lease }: Pick<AccountRecord, 'updatedAt' | 'lease'>): Condition =>
  ({ value }) =>
    `updatedAt = ${value(updatedAt)} AND ` +
    (lease
      ? `lease.holder = ${value(lease.holder)} AND lease.renewedAt = ${value(lease.renewedAt)}`
      : 'attribute_not_exists(lease)')

const now = () => new Date().toISOString()

type LeaseRequest = {
  vend: Vend
  account: { id: string; name: string }
  ask: Ask
  askHash: string
  requestedBy: string
  /** The record as it was read; undefined if there was none. */
  record: Pick<AccountRecord, 'lease' | 'updatedAt' | 'passwords' | 'vendedBy' | 'vendedEarlier'> | undefined
  /** The account is back: what was made before no longer counts. Which passwords are ours stays on record. */
  returned?: boolean
  /** Users whose secrets get a new password. */
  renew?: string[]
  /** The state of the workflow that takes the lease. */
  state?: string
}

// A late try of an execution comes within minutes, so that few other vends can finish before it.
const mostVendedEarlier = 10

type Vended = Pick<AccountRecord, 'vendedBy' | 'vendedEarlier'>

/** The executions that have vended the account, the latest last. */
const vendedUntilNow = ({ vendedBy, vendedEarlier = [] }: Vended) =>
  vendedBy === undefined ? vendedEarlier : [...vendedEarlier.filter((arn) => arn !== vendedBy), vendedBy]

/** Whether the record says that this execution has vended the account, even if other executions vended it later. */
export const hasVended = (record: Vended | undefined, executionArn: string) =>
  record !== undefined && vendedUntilNow(record).includes(executionArn)

/** What every execution writes that takes the account's lease. */
export const leaseTaken = (request: Omit<LeaseRequest, 'ask'>) => {
  const { vend, account, askHash, requestedBy, record, state = 'AcceptRequest' } = request
  const at = now()
  return {
    accountName: account.name,
    status: 'VENDING' as const,
    updatedAt: at,
    executionArn: vend.executionArn,
    requestedBy,
    lease: { holder: vend.executionArn, ask: askHash, renewedAt: Date.parse(at) },
    ...(record?.lease?.holder !== vend.executionArn && { steps: { [state]: { state, at } } }),
  }
}

/**
 * Takes the account's lease for an execution, on condition that the record did not change since it was read. Answers
 * whether the execution holds the lease now. An execution may take its own lease again.
 */
export const takeLease = async (ledger: Ledger, request: LeaseRequest) => {
  const { vend, account, ask, record, returned = false, renew = [] } = request
  const held = leaseTaken(request)
  // When this execution has vended, `vendedBy` no longer names the vend before it.
  const vendedEarlier = vendedUntilNow(record ?? {}).slice(-mostVendedEarlier)
  const renewal = { vendId: vend.id, at: held.updatedAt, renewing: true }
  const renewed = Object.fromEntries(renew.map((userName) => [userName.toLowerCase(), renewal]))
  const taken = await updateAccount(ledger, account.id, {
    set: {
      ...held,
      asked: { groups: ask.groups.map(({ name }) => name), users: ask.admins.map(({ userName }) => userName) },
      ...(returned && { groups: {}, admins: {} }),
      ...(vendedEarlier.length && { vendedEarlier }),
      ...(renew.length && { passwords: { ...record?.passwords, ...renewed } }),
    },
    setIfMissing: { ...(!renew.length && { passwords: {} }), mails: {}, ...(!returned && { groups: {}, admins: {} }) },
    remove: ['failure', ...(returned ? (['vendedAt', 'vendedBy'] as const) : [])],
    // The lease alone is not enough: a try that was stopped may write late, after the same execution was redriven and
    // gave the lease back.
    condition: record ? isUnchanged(record) : () => 'attribute_not_exists(pk)',
  })
  return taken !== undefined
}

/** Changes the record while the vend's execution holds the lease. Throws `LeaseLostError`. */
export const updateWhileHeld = async (
  ledger: Ledger,
  accountId: string,
  vend: Vend,
  change: Omit<Change<AccountRecord>, 'condition'>,
) => {
  const updated = await updateAccount(ledger, accountId, { ...change, condition: isHeldBy(vend.executionArn) })
  if (!updated) throw leaseLost(accountId)
  return updated
}

const leaseLost = (accountId: string) =>
  new LeaseLostError(
    `Another execution has taken over account ${accountId}. This execution makes no further changes. ` +
      'If something is missing when the other execution has ended, start a new vend',
  )

type Beginning = {
  accountId: string
  vend: Vend
  state: string
  userName?: string
  /** The mail that the step sends. */
  mail?: AboutPassword
  /** Records as well that the user's password is ours from now on. */
  storesPassword?: boolean
}

/**
 * Records that a step begins, on condition that its execution still holds the account's lease and did not fail within
 * the last `leaseRestSeconds`. Answers the record.
 * Throws `LeaseLostError`, and `FailedJustNowError` while a function from before the failure may still be at work.
 */
export const beginStep = async (
  ledger: Ledger,
  { accountId, vend, state, userName, mail, storesPassword = false }: Beginning,
) => {
  const at = now()
  const rested = new Date(Date.parse(at) - leaseRestSeconds * 1000).toISOString()
  const step = { state, ...(userName && { userName }), at, ...(mail && { mail }) }
  const begun = await updateAccount(ledger, accountId, {
    set: {
      updatedAt: at,
      status: 'VENDING',
      lease: entries<Lease>({ renewedAt: Date.parse(at) }),
      steps: entries({ [userName ? `${state} ${userName}` : state]: step }),
    },
    ...(storesPassword &&
      userName && { setIfMissing: { passwords: entries({ [userName.toLowerCase()]: { vendId: vend.id, at } }) } }),
    remove: ['failure'],
    condition: (placeholders) =>
      `${isHeldBy(vend.executionArn)(placeholders)} AND ` +
      `(attribute_not_exists(failure) OR failure.${placeholders.name('at')} < ${placeholders.value(rested)})`,
  })
  if (begun) return begun
  if ((await readAccount(ledger, accountId))?.lease?.holder !== vend.executionArn) throw leaseLost(accountId)
  throw new FailedJustNowError(
    `The vend of account ${accountId} failed within the last ${leaseRestSeconds} seconds. ` +
      'One of its functions may still be running',
  )
}

/** The name under which a mail is on record. */
export const mailKey = (userName: string, email: string) => `${userName.toLowerCase()} ${addressIdentity(email)}`

/** The last mail that was sent to the user at this address. */
export const mailTo = (
  { mails }: Pick<AccountRecord, 'mails'>,
  { userName, email }: { userName: string; email: string },
) => {
  const before = entryOf(mails, mailKey(userName, email.toLowerCase()))
  return entryOf(mails, mailKey(userName, email)) ?? (before && !before.email ? before : undefined)
}

/** Whether the last mail to the user went to another address: that mail's link must not open the user's password. */
export const wasMailedElsewhere = (
  { mails }: Pick<AccountRecord, 'mails'>,
  { userName, email }: { userName: string; email: string },
) => {
  const last = Object.entries(mails)
    .filter(([name]) => name.startsWith(`${userName.toLowerCase()} `))
    .sort(([, a], [, b]) => a.at.localeCompare(b.at))
    .at(-1)
  return last !== undefined && last[0] !== mailKey(userName, last[1].email ? email : email.toLowerCase())
}

/** Whether the user was mailed at this address about this version of the password. */
export const isMailed = (
  record: Pick<AccountRecord, 'mails'> | undefined,
  { secretVersion, ...to }: { userName: string } & AboutPassword,
) => record !== undefined && mailTo(record, to)?.secretVersion === secretVersion

type SentMail = {
  accountId: string
  vendId: string
  userName: string
  email: string
  secretVersion: string
  messageId: string
}

/** Records that a sign-in mail was sent. The mail is recorded whoever holds the lease by then, because it was sent. */
export const recordMail = async (
  ledger: Ledger,
  { accountId, vendId, userName, email, secretVersion, messageId }: SentMail,
) => {
  const recorded = await updateAccount(ledger, accountId, {
    set: { mails: entries({ [mailKey(userName, email)]: { messageId, secretVersion, at: now(), email, vendId } }) },
    condition: recordExists,
  })
  if (!recorded) throw new Error(`The mail cannot be recorded: the ledger has no record of account ${accountId}`)
  return recorded
}

type KeptUsers = { accountId: string; vend: Vend; kept: string[]; signingIn: string[] }

/** Records which users are kept, and which users sign in already. Throws `LeaseLostError`. */
export const recordKept = (ledger: Ledger, { accountId, vend, kept, signingIn }: KeptUsers) =>
  updateWhileHeld(ledger, accountId, vend, { set: { asked: entries<AccountRecord['asked']>({ kept, signingIn }) } })

type FinishedVend = {
  accountId: string
  vend: Vend
  groups: Group[]
  admins: AccountRecord['admins'][string][]
}

const byName = <Item>(items: Item[], nameOf: (item: Item) => string) =>
  entries(Object.fromEntries(items.map((item) => [nameOf(item).toLowerCase(), item])))

/**
 * Records what a finished vend made, and gives the lease back. Succeeds without a write if this vend has already
 * recorded its result. Throws `LeaseLostError`.
 */
export const recordVend = async (ledger: Ledger, { accountId, vend, groups, admins }: FinishedVend) => {
  const at = now()
  // A password that was being renewed is renewed now.
  const renewed: AccountRecord['passwords'] = Object.fromEntries(
    admins.flatMap(({ userName, kept }) => (kept ? [] : [[userName.toLowerCase(), { vendId: vend.id, at }]])),
  )
  try {
    await updateWhileHeld(ledger, accountId, vend, {
      set: {
        status: 'VENDED',
        updatedAt: at,
        vendedAt: at,
        vendedBy: vend.executionArn,
        steps: entries({ RecordVended: { state: 'RecordVended', at } }),
        groups: byName(groups, ({ name }) => name),
        admins: byName(admins, ({ userName }) => userName),
        passwords: entries(renewed),
      },
      remove: ['lease', 'failure'],
    })
  } catch (error) {
    // If the answer to the write was lost, another execution may have vended the account since.
    if (isNamed(error, 'LeaseLostError') && hasVended(await readAccount(ledger, accountId), vend.executionArn)) return
    throw error
  }
}

/** Gives back a lease under which nothing had to be done: everything is on record. Another holder's lease stays. */
export const giveLeaseBack = async (
  ledger: Ledger,
  { accountId, executionArn }: { accountId: string; executionArn: string },
) => {
  const giveBack = (status: 'VENDED' | 'REMOVED', isSo: string) =>
    updateAccount(ledger, accountId, {
      set: { status, updatedAt: now() },
      remove: ['lease', 'failure'],
      condition: (placeholders) => `${isHeldBy(executionArn)(placeholders)} AND ${isSo}`,
    })
  if (await giveBack('VENDED', '(attribute_exists(vendedAt) OR attribute_not_exists(removal))')) return
  await giveBack('REMOVED', 'attribute_not_exists(vendedAt)')
}

type FailedVend = { accountId: string; executionArn: string; status: FailedStatus; error: string; cause: string }

/**
 * Records that the account's vend failed, if this execution still holds the lease. The lease stays with the execution,
 * for a redrive.
 */
export const recordFailure = async (ledger: Ledger, { accountId, executionArn, status, error, cause }: FailedVend) => {
  const at = now()
  await updateAccount(ledger, accountId, {
    set: { status: 'FAILED', updatedAt: at, failure: { status, error, cause, at } },
    condition: isHeldBy(executionArn),
  })
}

/**
 * Records that an account is gone, and ends its lease, on condition that the record did not change since it was read.
 * Answers whether it was recorded: somebody may have started to vend the account.
 */
export const recordGone = async (
  ledger: Ledger,
  { accountId, status, record }: { accountId: string; status: 'DEPARTED' | 'CLOSED'; record: AccountRecord },
) => {
  const recorded = await updateAccount(ledger, accountId, {
    set: { status, updatedAt: now() },
    remove: ['lease'],
    condition: isUnchanged(record),
  })
  return recorded !== undefined
}
