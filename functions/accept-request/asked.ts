import { isAllowedRecipient, notAllowed } from '../shared/address.ts'
import { RecipientNotAllowedError, UserKeptError, UserNotOnRecordError } from '../shared/errors.ts'
import { accountOfEvent } from '../shared/event.ts'
import { disownedIn, isEvent, isOfSweep } from '../shared/event-shape.ts'
import { readHandover } from '../shared/handover.ts'
import type { Ledger } from '../shared/ledger.ts'
import { parseInput } from '../shared/parse.ts'
import { type AccountRecord, entryOf, isGone } from '../shared/record-and-lease.ts'
import { type AdminsRequest, type Ask, manualRequest } from '../shared/request.ts'

export type Asked = AdminsRequest & {
  accountId: string
  requestedBy: string
  /** The administrator on record who gets a new password. */
  renew?: string | undefined
  /** The new password is mailed to nobody: somebody else may read the administrator's mail. */
  silent?: boolean
}
type Renewal = Asked & { renew: string }

/**
 * What an execution's input asks for, whatever door the input came through.
 * Throws `InvalidInputError`.
 */
export const askedBy = (request: unknown, managementAccountId: string): Asked => {
  const disowned = disownedIn(request)
  if (disowned) {
    const { accountId, renew } = parseInput(manualRequest, {
      accountId: disowned.accountId,
      renew: disowned.userName,
    })
    return { accountId, groups: [], again: true, requestedBy: 'the report “That was not me”', renew, silent: true }
  }
  if (isEvent(request)) {
    const accountId = accountOfEvent(request, managementAccountId)
    return { accountId, groups: [], again: false, requestedBy: isOfSweep(request) ? 'sweep' : 'event' }
  }
  const { requestedBy = 'manual execution', ...asked } = parseInput(manualRequest, request)
  return { ...asked, requestedBy, again: asked.again === true || asked.renew !== undefined }
}

export const isRenewal = (asked: Asked): asked is Renewal => asked.renew !== undefined

/** Whether the ledger says that the administrator's claim was disowned. The event alone is not believed. */
export const isDisowned = async (ledger: Ledger, { accountId, renew: userName = '' }: Asked) =>
  (await readHandover(ledger, { accountId, userName }))?.claim?.disownedAt !== undefined

/** Leaves out what is no longer in an account that left the organization or was closed. */
export const withoutWhatIsGone = (record: AccountRecord | undefined) =>
  record && isGone(record.status) ? { ...record, groups: {}, admins: {} } : record

/**
 * The administrator who gets a new password, as on record.
 * Throws `UserNotOnRecordError`, `UserKeptError` and `RecipientNotAllowedError`.
 */
export const renewalOf = (
  record: AccountRecord | undefined,
  { renew, silent }: Pick<Renewal, 'renew' | 'silent'>,
  { allowedRecipients }: { allowedRecipients: string[] },
): Ask => {
  const admins = withoutWhatIsGone(record)?.admins
  const known = entryOf(admins, renew.toLowerCase())
  if (!known) {
    const ours = Object.values(admins ?? {}).flatMap(({ userName, kept }) => (kept ? [] : [userName]))
    throw new UserNotOnRecordError(
      `Account vending has created no user ${renew} in this account; it has created ${ours.join(', ') || 'nobody'}`,
    )
  }
  if (known.kept)
    throw new UserKeptError(
      `The user ${known.userName} existed before a vend requested this user. Account vending has no password for this user`,
    )
  // Today's vending.yml decides whether the policy for MFA is required.
  const { kept: _kept, inline: _inline, ...admin } = known
  if (!silent && !isAllowedRecipient(allowedRecipients, admin.email))
    throw new RecipientNotAllowedError(
      `The address of ${admin.userName}, ${admin.email}, ${notAllowed(allowedRecipients)}`,
    )
  return { groups: [], admins: [admin] }
}
