import * as z from 'zod/mini'
import { isNamed } from './aws-errors.ts'
import type { Ledger } from './ledger.ts'
import {
  type AccountRecord,
  isUnchanged,
  leaseTaken,
  readAccount,
  updateAccount,
  updateWhileHeld,
} from './record-and-lease.ts'
import { accountId, fields, trueOrFalse, userName } from './request.ts'
import type { Vend } from './vend.ts'

// Taking out of an account what this service has put in: what can be asked for, and what the record says about it.

/** What to take out of an account. */
export const remove = fields({
  /**
   * `sign-in`: the login profile and the secret. `everything`: also the users and groups that account vending has
   * created, with all that belongs to them.
   */
  what: z.enum(['sign-in', 'everything'], 'must be sign-in or everything'),
  /** Only this user. Without a name: all users that account vending has created in the account. */
  userName: z.optional(userName),
  /** Removes also if nobody could sign in to the account with a password any more. */
  lastWayIn: z.optional(trueOrFalse),
  /** Leaves a user who has signed in with the present login profile. */
  unclaimed: z.optional(trueOrFalse),
}).check(
  z.refine(({ what, unclaimed }) => !unclaimed || what === 'sign-in', {
    path: ['unclaimed'],
    error: 'goes with sign-in only: a user who has never signed in can still be at work with access keys',
  }),
)
export type Remove = z.output<typeof remove>

/** The input of an execution that removes. */
export const removalRequest = fields({
  accountId,
  remove,
  requestedBy: z.optional(z.string('must be text').check(z.maxLength(2048, 'must have at most 2048 characters'))),
})

/** What a user can still sign in with when the login profile is gone, and how many of each there are. */
export type Credentials = Partial<
  Record<'access key' | 'MFA device' | 'signing certificate' | 'SSH public key' | 'service-specific credential', number>
>

/** What a removal took out of an account, and what it left there. */
export type Removal = Pick<Remove, 'what' | 'userName'> & {
  /** ISO 8601. */
  at: string
  /** The ARN of the execution. */
  by: string
  /** `left`: what the user still has. `gone`: the user was not in the account any more. */
  users: { userName: string; is: 'deleted' | 'without sign-in' | 'gone'; left?: Credentials }[]
  /** The groups that were deleted. */
  groups: string[]
  /** What looks like ours and was left, and why. */
  stays: Stays[]
}
export type Stays = { kind: 'user' | 'group' | 'secret' | 'MFA device'; name: string; why: string }

/** What a person must know about the credentials that a user still has; empty if there are none. */
export const sayCredentials = (left: Credentials = {}) =>
  Object.entries(left)
    .map(([kind, count]) => `${count} ${kind}${count === 1 ? '' : 's'}`)
    .join(', ')

const now = () => new Date().toISOString()

/**
 * Takes the account's lease for an execution that removes, on condition that the record did not change since it was
 * read. Answers whether the execution holds the lease now. An execution may take its own lease again.
 */
export const takeLeaseToRemove = async (
  ledger: Ledger,
  {
    vend,
    account,
    record,
    ask,
    requestedBy,
  }: { vend: Vend; account: { id: string; name: string }; record: AccountRecord; ask: string; requestedBy: string },
) => {
  const taken = await updateAccount(ledger, account.id, {
    set: leaseTaken({ vend, account, askHash: ask, requestedBy, record }),
    remove: ['failure'],
    condition: isUnchanged(record),
  })
  return taken !== undefined
}

/** Records the serial numbers of the virtual MFA devices that a removal takes out. Throws `LeaseLostError`. */
export const recordDevices = (
  ledger: Ledger,
  { accountId, vend, devices }: { accountId: string; vend: Vend; devices: string[] },
) => updateWhileHeld(ledger, accountId, vend, { set: { devices } })

/** Gives back the lease of a removal that was refused before it changed anything. Throws `LeaseLostError`. */
export const endRefused = (
  ledger: Ledger,
  { accountId, vend, record }: { accountId: string; vend: Vend; record: AccountRecord },
) =>
  updateWhileHeld(ledger, accountId, vend, {
    // A vend that did not finish is still unfinished.
    set: { status: record.vendedAt ? 'VENDED' : record.removal ? 'REMOVED' : 'FAILED', updatedAt: now() },
    remove: ['lease'],
  })

const without = <Entry>(entries: Record<string, Entry>, isRemoved: (key: string) => boolean) =>
  Object.fromEntries(Object.entries(entries).filter(([key]) => !isRemoved(key)))

type Removed = {
  accountId: string
  vend: Vend
  remove: Remove
  /** The record as it was when the step began. */
  record: AccountRecord
  result: Pick<Removal, 'users' | 'groups' | 'stays'>
}

/**
 * Records what a removal took out, and gives the lease back.
 *
 * After a removal of everything, the record stays with the status REMOVED, so that neither an event nor the sweep vends
 * the account again. The record then names no group, no user and no address.
 * Throws `LeaseLostError`.
 */
export const recordRemoval = async (ledger: Ledger, { accountId, vend, remove, record, result }: Removed) => {
  const at = now()
  const { what, userName } = remove
  const names = result.users.map(({ userName }) => userName.toLowerCase())
  const isRemoved = (name: string) => names.includes(name)
  const removal: Removal = { what, ...(userName && { userName }), at, by: vend.executionArn, ...result }
  const passwords =
    what === 'everything'
      ? without(record.passwords, isRemoved)
      : Object.fromEntries(
          Object.entries(record.passwords).map(([name, { renewing: _, ...password }]) => [
            name,
            isRemoved(name) ? { ...password, removedAt: at } : record.passwords[name]!,
          ]),
        )
  const isWhole = what === 'everything' && !userName
  const isVended = !isWhole && record.vendedAt !== undefined && Object.keys(passwords).length > 0
  await updateWhileHeld(ledger, accountId, vend, {
    set: {
      status: isVended ? 'VENDED' : 'REMOVED',
      updatedAt: at,
      removal,
      ...(isWhole
        ? { groups: {}, admins: {}, passwords: {}, mails: {}, asked: { groups: [], users: [] } }
        : {
            passwords,
            ...(what === 'everything' && {
              admins: without(record.admins, isRemoved),
              mails: without(record.mails, (key) => isRemoved(key.slice(0, key.indexOf(' ')))),
            }),
          }),
    },
    remove: ['lease', 'failure', 'devices', ...(isVended ? [] : (['vendedAt'] as const))],
  })
  return removal
}

/** The removal that this execution has finished; undefined if it has finished none. */
export const removalBy = (record: AccountRecord | undefined, executionArn: string) =>
  record?.removal?.by === executionArn ? record.removal : undefined

/** Rethrows `LeaseLostError` unless this execution has finished its removal: then it gave the lease back itself. */
export const unlessRemoved =
  (ledger: Ledger, { accountId, vend }: { accountId: string; vend: Vend }) =>
  async (error: unknown): Promise<Removal> => {
    const removal = isNamed(error, 'LeaseLostError')
      ? removalBy(await readAccount(ledger, accountId), vend.executionArn)
      : undefined
    if (!removal) throw error
    return removal
  }
