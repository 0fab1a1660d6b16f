import { createHash } from 'node:crypto'
import { isDeepStrictEqual } from 'node:util'
import type { OrganizationsClient } from '@aws-sdk/client-organizations'
import type { SFNClient } from '@aws-sdk/client-sfn'
import * as z from 'zod/mini'
import { findMemberAccount, type ProtectedPlaces } from '../shared/account.ts'
import { AccountBusyError, InvalidInputError } from '../shared/errors.ts'
import { accountOfEvent } from '../shared/event.ts'
import { isEvent, isOfSweep } from '../shared/event-shape.ts'
import { isRunning } from '../shared/execution.ts'
import {
  type AccountRecord,
  entryOf,
  giveLeaseBack,
  type Ledger,
  ledgerMadeAt,
  leaseRestSeconds,
  readAccount,
  takeLease,
} from '../shared/ledger.ts'
import {
  type Admin,
  type AdminsRequest,
  type Ask,
  completeRequest,
  type Defaults,
  type Group,
  manualRequest,
  sizeIssues,
} from '../shared/request.ts'
import { parseInput } from '../shared/parse.ts'
import { placeOf } from '../shared/vend.ts'

export const acceptRequestInput = z.object({
  /** The execution's input, as it came through any door. */
  request: z.unknown(),
  executionArn: z.string(),
})

const includesAll = <T>(all: T[], some: T[]) => some.every((one) => all.includes(one))

const isOnRecord = (record: AccountRecord | undefined, { groups }: Ask) => {
  const groupDone = (asked: Group) => {
    const known = entryOf(record?.groups, asked.name.toLowerCase())
    return (
      known !== undefined &&
      includesAll(known.policies, asked.policies) &&
      Object.entries(asked.inline).every(([name, document]) => isDeepStrictEqual(entryOf(known.inline, name), document))
    )
  }
  const adminDone = (asked: Admin) => {
    const known = entryOf(record?.admins, asked.userName.toLowerCase())
    return (
      known?.kept === false &&
      known.email.toLowerCase() === asked.email.toLowerCase() &&
      includesAll(known.groups, asked.groups) &&
      includesAll(known.policies, asked.policies) &&
      Object.entries(asked.tags).every(([tag, value]) => entryOf(known.tags, tag) === value)
    )
  }
  return { groups: groups.every(groupDone), adminDone }
}

type Clients = { organizations: OrganizationsClient; sfn: SFNClient; ledger: Ledger }
type Config = Defaults & { protected: ProtectedPlaces }

/** A request must not change the rights of those who are in a group already; vending.yml may add to them. */
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
      isDeepStrictEqual(known?.inline, wanted?.inline)
    if (!known || same || config.groups.some(isThis)) return []
    const message = `the group ${name} is in the account already, with other rights; name another group for these`
    return [{ field: `groups[${i}].name`, message }]
  })

const union = <T>(some: T[] = [], more: T[]) => [...new Set([...some, ...more])]

/** What is on record stays: a later request adds to it. */
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
    return { ...group, policies: union(known?.policies, group.policies), inline: { ...known?.inline, ...group.inline } }
  })
  // The groups that these administrators are in already belong to the vend as well.
  const asked = groups.map(({ name }) => name.toLowerCase())
  const others = union(
    [],
    admins.flatMap(({ groups }) => groups.map((name) => name.toLowerCase())),
  )
    .filter((name) => !asked.includes(name))
    .flatMap((name) => entryOf(record?.groups, name) ?? [])
  return { groups: [...groups, ...others], admins }
}

/** What is on record of an account that left or was closed is no longer what is there. */
const isGone = (record: AccountRecord | undefined) => record?.status === 'DEPARTED' || record?.status === 'CLOSED'

/**
 * Decides what becomes of a request, by reading alone: nothing is written, so that `vend plan` decides by it as well.
 *
 * `outcome` is Accepted, or one of the end states AlreadyVended, AlreadyInProgress, NotNew. Throws what `acceptRequest` does.
 */
export async function decideRequest(
  { organizations, sfn, ledger }: Clients,
  { request, executionArn }: z.output<typeof acceptRequestInput>,
  config: Config,
  now = Date.now(),
) {
  const { partition, managementAccountId } = placeOf(executionArn)
  const byEvent = isEvent(request)
  const asked = byEvent
    ? { accountId: accountOfEvent(request, managementAccountId), groups: [], again: false }
    : parseInput(manualRequest, request)
  const id = asked.accountId

  const [account, onFile, installedAt] = await Promise.all([
    findMemberAccount(organizations, { accountId: id, managementAccountId, protectedPlaces: config.protected }),
    readAccount(ledger, id),
    byEvent ? ledgerMadeAt(ledger) : undefined,
  ])
  const vend = { id: createHash('sha256').update(executionArn).digest('hex').slice(0, 32), executionArn }
  const holdsLease = onFile?.lease?.holder === executionArn
  const nothingToDo = (outcome: 'AlreadyVended' | 'AlreadyInProgress' | 'NotNew') => ({
    outcome,
    accountId: id,
    holdsLease,
  })

  // A try that was stopped, and comes late: after its execution was redriven and made everything.
  if (onFile?.vendedBy === executionArn) return nothingToDo('AlreadyVended')
  // An event asks that a new account get its first administrators, not for anybody in particular.
  // One that was closed and is open again has them still; one that departed comes as a new one.
  if (byEvent && onFile?.vendedAt && onFile.status !== 'DEPARTED') return nothingToDo('AlreadyVended')
  if (installedAt && installedAt > new Date(account.joinedAt)) return nothingToDo('NotNew')

  const returned = isGone(onFile)
  const record = onFile && returned ? { ...onFile, groups: {}, admins: {} } : onFile
  const ask = completeRequest(asked, config, { accountId: id, accountEmail: account.email, partition })
  const redefined = redefinedGroups(record, ask, asked, config)
  if (redefined.length) throw new InvalidInputError(redefined)
  const onRecord = isOnRecord(record, ask)
  const isMissing = (admin: Admin) => asked.again || !onRecord.adminDone(admin)
  if (!asked.again && onRecord.groups && !ask.admins.some(isMissing)) return nothingToDo('AlreadyVended')

  const askHash = createHash('sha256').update(JSON.stringify(ask)).digest('hex').slice(0, 32)
  const lease = record?.lease
  if (lease && lease.holder !== executionArn) {
    if (await isRunning(sfn, lease.holder)) {
      // DescribeExecution is eventually consistent: an end that is on record is not a run to rely on. Nor is an event's for a
      // request: stopped and redriven, it is satisfied by whatever was vended meanwhile.
      const doesTheSame =
        byEvent || (lease.ask === askHash && record.requestedBy !== 'event' && record.requestedBy !== 'sweep')
      if (record.status !== 'FAILED' && doesTheSame) return nothingToDo('AlreadyInProgress')
      throw busy(id)
    }
    if (now - lease.renewedAt < leaseRestSeconds * 1000) throw busy(id)
  }
  const requestedBy = 'requestedBy' in asked ? asked.requestedBy : undefined
  const missing = addToRecord(record, {
    groups: ask.groups,
    admins: ask.admins.filter(isMissing),
  })
  const tooLarge = sizeIssues(missing)
  if (tooLarge.length) throw new InvalidInputError(tooLarge)
  return {
    outcome: 'Accepted' as const,
    vend,
    account,
    record,
    returned,
    ask: missing,
    askHash,
    requestedBy: byEvent ? (isOfSweep(request) ? 'sweep' : 'event') : (requestedBy ?? 'manual execution'),
  }
}

const busy = (accountId: string) => new AccountBusyError(`Account ${accountId} is being vended by another execution`)

/**
 * Turns the input of any door into one checked request, and takes the account's lease.
 *
 * `outcome` says how it goes on: Accepted, or one of the end states AlreadyVended, AlreadyInProgress, NotNew.
 * Safe to run twice: an execution's own lease is its own.
 * Throws `InvalidInputError`, `ManagementAccountError`, `AccountNotFoundError`, `ProtectedAccountError`,
 * `AccountPendingError`, `AccountNotActiveError`, `RecipientNotAllowedError`, and `AccountBusyError` while another request is being vended.
 */
export async function acceptRequest(clients: Clients, input: z.output<typeof acceptRequestInput>, config: Config) {
  const decided = await decideRequest(clients, input, config)
  if (decided.outcome !== 'Accepted') {
    const { outcome, accountId, holdsLease } = decided
    // Taken by a try that was stopped, and whose write came late: after another execution had made everything.
    if (holdsLease) await giveLeaseBack(clients.ledger, { accountId, executionArn: input.executionArn })
    return { outcome, accountId }
  }
  const { outcome, vend, account, record, returned, ask, askHash, requestedBy } = decided
  const seen = record
  const taken = await takeLease(clients.ledger, { vend, account, ask, askHash, requestedBy, seen, returned })
  // Somebody was faster: the next try sees whom, and whether it is the same request.
  if (!taken) throw busy(account.id)

  return { outcome, vend, account, ...ask }
}
