import { createHash } from 'node:crypto'
import { isDeepStrictEqual } from 'node:util'
import type { OrganizationsClient } from '@aws-sdk/client-organizations'
import type { SFNClient } from '@aws-sdk/client-sfn'
import * as z from 'zod/mini'
import { addressIdentity } from '../shared/address.ts'
import { findMemberAccount, type ProtectedPlaces } from '../shared/account.ts'
import { InvalidInputError } from '../shared/errors.ts'
import { isEvent, isOpening, isRemoval } from '../shared/event-shape.ts'
import { isRunning } from '../shared/execution.ts'
import {
  type AccountRecord,
  entryOf,
  giveLeaseBack,
  hasVended,
  isGone,
  readAccount,
  takeLease,
  wasMailedElsewhere,
} from '../shared/record-and-lease.ts'
import { type Ledger, ledgerMadeAt } from '../shared/ledger.ts'
import { withMfaPolicy, withoutMfaPolicy } from '../shared/mfa-policy.ts'
import {
  type Admin,
  type AdminsRequest,
  type Ask,
  completeRequest,
  type Defaults,
  type Group,
  type PolicyDocument,
  sizeIssues,
} from '../shared/request.ts'
import { isOpenedByRequest, readIntent } from '../shared/opening.ts'
import { placeOf, vendOf } from '../shared/vend.ts'
import { acceptOpening } from './accept-opening.ts'
import { acceptRemoval } from './accept-removal.ts'
import { askedBy, isDisowned, isRenewal, renewalOf, withoutWhatIsGone } from './asked.ts'
import { busy, isVendedByAnother } from './held.ts'

export const acceptRequestInput = z.object({
  /** The execution's input, as it came through one of the doors. */
  request: z.unknown(),
  executionArn: z.string(),
})

const includesAll = <T>(all: T[], wanted: T[]) => wanted.every((item) => all.includes(item))

type Inline = Record<string, PolicyDocument> | undefined
const hasInline = (known: Inline, asked: Inline = {}) =>
  Object.entries(asked).every(([name, document]) => isDeepStrictEqual(entryOf(known, name), document))

const isOnRecord = (record: AccountRecord | undefined, { groups }: Ask) => {
  const groupDone = (asked: Group) => {
    const known = entryOf(record?.groups, asked.name.toLowerCase())
    return known !== undefined && includesAll(known.policies, asked.policies) && hasInline(known.inline, asked.inline)
  }
  const adminDone = (asked: Admin) => {
    const known = entryOf(record?.admins, asked.userName.toLowerCase())
    return (
      known?.kept === false &&
      // A removal may have taken the console sign-in away, and left the user.
      entryOf(record?.passwords, asked.userName.toLowerCase())?.removedAt === undefined &&
      addressIdentity(known.email) === addressIdentity(asked.email) &&
      includesAll(known.groups, asked.groups) &&
      includesAll(known.policies, asked.policies) &&
      hasInline(known.inline, asked.inline) &&
      Object.entries(asked.tags).every(([tag, value]) => entryOf(known.tags, tag) === value)
    )
  }
  return { groups: groups.every(groupDone), adminDone }
}

type Clients = { organizations: OrganizationsClient; sfn: SFNClient; ledger: Ledger }
type Config = Defaults & { protected: ProtectedPlaces }

/**
 * A request must not change the permissions of the present members of a group. vending.yml may add to them, and may
 * begin or cease to require MFA.
 */
const redefinedGroups = (
  record: AccountRecord | undefined,
  ask: Ask,
  request: Pick<AdminsRequest, 'groups'>,
  config: Config,
) =>
  request.groups.flatMap(({ name }, i) => {
    const isThis = (group: { name: string }) => group.name.toLowerCase() === name.toLowerCase()
    const known = entryOf(record?.groups, name.toLowerCase())
    const wanted = ask.groups.find(isThis)
    const same =
      isDeepStrictEqual(new Set(known?.policies), new Set(wanted?.policies)) &&
      isDeepStrictEqual(withoutMfaPolicy(known?.inline), withoutMfaPolicy(wanted?.inline))
    if (!known || same || config.groups.some(isThis)) return []
    const message = `the group ${name} already exists in the account, with other permissions; use another name for this group`
    return [{ field: `groups[${i}].name`, message }]
  })

const union = <T>(first: T[] = [], second: T[]) => [...new Set([...first, ...second])]

/**
 * Adds a request to what is on record: a later request takes nothing away. The record does not decide about the policy
 * for MFA: today's `vending.yml` does.
 */
const addToRecord = (record: AccountRecord | undefined, ask: Ask): Ask => {
  const admins = ask.admins.map((admin) => {
    const known = entryOf(record?.admins, admin.userName.toLowerCase())
    if (!known || known.kept) return admin
    return {
      ...admin,
      groups: union(known.groups, admin.groups),
      policies: union(known.policies, admin.policies),
      tags: { ...known.tags, ...admin.tags },
    }
  })
  const groups = ask.groups.map((group) => {
    const known = entryOf(record?.groups, group.name.toLowerCase())
    return {
      ...group,
      policies: union(known?.policies, group.policies),
      inline: { ...withoutMfaPolicy(known?.inline), ...group.inline },
    }
  })
  // The groups that these administrators are members of already belong to the vend as well.
  const asked = groups.map(({ name }) => name.toLowerCase())
  const others = union(
    [],
    admins.flatMap(({ groups }) => groups.map((name) => name.toLowerCase())),
  )
    .filter((name) => !asked.includes(name))
    .flatMap((name) => entryOf(record?.groups, name) ?? [])
    .map((group) => ({ ...group, inline: withoutMfaPolicy(group.inline) }))
  return { groups: [...groups, ...others], admins }
}

/**
 * Whether another execution may be making a user. It may have mailed the user's link already, and puts the user on
 * record when it has finished.
 */
const isBeingMade = async (
  sfn: SFNClient,
  record: AccountRecord | undefined,
  { renew, executionArn }: { renew: string; executionArn: string },
) => {
  const { lease, admins } = record ?? {}
  if (!lease || lease.holder === executionArn || entryOf(admins, renew.toLowerCase())) return false
  return isRunning(sfn, lease.holder)
}

/**
 * Decides what becomes of a request, by reading only, so that `vend plan` decides by this as well.
 *
 * `outcome` is Accepted, or one of the end states AlreadyVended, AlreadyInProgress, NotNew. Throws what `acceptRequest`
 * throws.
 */
export async function decideRequest(
  { organizations, sfn, ledger }: Clients,
  { request, executionArn }: z.output<typeof acceptRequestInput>,
  config: Config,
  now = Date.now(),
) {
  const { partition, managementAccountId } = placeOf(executionArn)
  const input = askedBy(request, managementAccountId)
  const id = input.accountId
  // An event asks for the first administrators of a new account, and not for any person.
  const byEvent = isEvent(request) && !isRenewal(input)

  const [account, record, installedAt, disowned] = await Promise.all([
    findMemberAccount(organizations, { accountId: id, managementAccountId, protectedPlaces: config.protected }),
    readAccount(ledger, id).then(withoutWhatIsGone),
    byEvent ? ledgerMadeAt(ledger) : undefined,
    input.silent ? isDisowned(ledger, input) : true,
  ])
  const lease = record?.lease
  const nothingToDo = (outcome: 'AlreadyVended' | 'AlreadyInProgress' | 'NotNew') => ({
    outcome,
    accountId: id,
    holdsLease: lease?.holder === executionArn,
  })

  // A try that was stopped can come late, after its execution was redriven and has made everything.
  if (hasVended(record, executionArn) || !disowned) return nothingToDo('AlreadyVended')
  // An account that was closed and reinstated still has its administrators. An account that departed comes back as a
  // new account.
  if (byEvent && record?.vendedAt && record.status !== 'DEPARTED') return nothingToDo('AlreadyVended')
  // Nobody gets the administrators back whom somebody has removed, unless a request asks for them.
  const isRemoved = byEvent && record?.status === 'REMOVED'
  if (isRemoved || (installedAt && installedAt > new Date(account.joinedAt))) return nothingToDo('NotNew')
  // The event about an account that a request opens can come before the workflow knows the account's id.
  if (byEvent && isOpenedByRequest(await readIntent(ledger, account.email), id, record))
    return nothingToDo('AlreadyInProgress')

  if (isRenewal(input) && (await isBeingMade(sfn, record, { ...input, executionArn }))) throw busy(id)
  const ask = isRenewal(input)
    ? renewalOf(record, input, config)
    : completeRequest(input, config, { accountId: id, accountEmail: account.email, partition })
  const redefined = redefinedGroups(record, ask, input, config)
  if (redefined.length) throw new InvalidInputError(redefined)
  const onRecord = isOnRecord(record, ask)
  const isMissing = (admin: Admin) => input.again || !onRecord.adminDone(admin)
  if (!input.again && onRecord.groups && !ask.admins.some(isMissing)) return nothingToDo('AlreadyVended')

  const askHash = createHash('sha256').update(JSON.stringify(ask)).digest('hex').slice(0, 32)
  // A request must not rely on an event's execution: after a stop and a redrive, that execution accepts whatever was
  // vended in the meantime. A repair must not rely on any other execution: that execution may have inspected the
  // account before the damage.
  const asksTheSame =
    byEvent ||
    (!input.again && lease?.ask === askHash && record?.requestedBy !== 'event' && record?.requestedBy !== 'sweep')
  if (await isVendedByAnother(sfn, record, { accountId: id, executionArn, asksTheSame, now }))
    return nothingToDo('AlreadyInProgress')
  // A link to an earlier address must not open the password any more: it may be the address of somebody else.
  const needsNewPassword = (admin: Admin) =>
    isRenewal(input) || (config.delivery === 'link' && record !== undefined && wasMailedElsewhere(record, admin))
  const missing = withMfaPolicy(addToRecord(record, { groups: ask.groups, admins: ask.admins.filter(isMissing) }), {
    ...config,
    partition,
  })
  const tooLarge = sizeIssues(missing)
  if (tooLarge.length) throw new InvalidInputError(tooLarge)
  return {
    outcome: 'Accepted' as const,
    vend: vendOf(executionArn),
    account,
    record,
    returned: isGone(record?.status),
    ask: missing,
    askHash,
    requestedBy: input.requestedBy,
    silent: input.silent ?? false,
    renew: missing.admins.filter(needsNewPassword).map(({ userName }) => userName),
  }
}

/**
 * Turns the input of any door into one checked request, and takes the account's lease.
 *
 * `outcome` says how the execution continues: Accepted, Opening (as `acceptOpening` answers), Removing (as
 * `acceptRemoval` answers), or one of the end states AlreadyVended, AlreadyInProgress, NotNew, NothingToRemove.
 * Safe to run twice: an execution can take its own lease again.
 * Throws `InvalidInputError`, `ManagementAccountError`, `AccountNotFoundError`, `ProtectedAccountError`,
 * `AccountPendingError`, `AccountNotActiveError`, `RecipientNotAllowedError`, `UserNotOnRecordError`, `UserKeptError`,
 * and `AccountBusyError` while another execution vends the account.
 */
export async function acceptRequest(
  clients: Clients & Parameters<typeof acceptOpening>[0],
  input: z.output<typeof acceptRequestInput>,
  config: Config & Parameters<typeof acceptOpening>[2],
) {
  if (isOpening(input.request)) return acceptOpening(clients, input, config)
  if (isRemoval(input.request)) return acceptRemoval(clients, input, config)
  const decided = await decideRequest(clients, input, config)
  if (decided.outcome !== 'Accepted') {
    const { outcome, accountId, holdsLease } = decided
    // A try that was stopped took the lease late, after another execution had made everything.
    if (holdsLease) await giveLeaseBack(clients.ledger, { accountId, executionArn: input.executionArn })
    return { outcome, accountId }
  }
  const { outcome, vend, account, ask, silent } = decided
  // If another execution was faster, the next try sees which execution, and whether its request is the same.
  if (!(await takeLease(clients.ledger, decided))) throw busy(account.id)

  return {
    outcome,
    vend,
    account,
    groups: ask.groups,
    admins: ask.admins.map((admin) => ({ ...admin, ...(silent && { silent }) })),
  }
}
