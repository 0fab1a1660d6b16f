import { isAllowedRecipient } from '../shared/address.ts'
import { InvalidInputError, RecipientNotAllowedError } from '../shared/errors.ts'
import { accountOfEvent } from '../shared/event.ts'
import { disownedIn, isEvent, isOfSweep } from '../shared/event-shape.ts'
import { readHandover } from '../shared/handover.ts'
import type { Ledger } from '../shared/ledger.ts'
import { parseInput } from '../shared/parse.ts'
import { type AccountRecord, entryOf } from '../shared/record-and-lease.ts'
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
    return { accountId, groups: [], again: true, requestedBy: 'disowned claim', renew, silent: true }
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

/**
 * The administrator who gets a new password, as on record.
 * Throws `InvalidInputError` and `RecipientNotAllowedError`.
 */
export const renewalOf = (
  record: AccountRecord | undefined,
  { renew, silent }: Renewal,
  { allowedRecipients }: { allowedRecipients: string[] },
): Ask => {
  const known = entryOf(record?.admins, renew.toLowerCase())
  if (!known || known.kept) {
    const ours = Object.values(record?.admins ?? {}).flatMap(({ userName, kept }) => (kept ? [] : [userName]))
    const message = `account vending has made no user ${renew} in this account; it has made ${ours.join(', ') || 'nobody'}`
    throw new InvalidInputError([{ field: 'renew', message }])
  }
  const { kept: _, ...admin } = known
  if (!silent && !isAllowedRecipient(allowedRecipients, admin.email))
    throw new RecipientNotAllowedError(
      `renew: ${admin.email}, the address of ${admin.userName}, is not within allowedRecipients of vending.yml (${allowedRecipients.join(', ')})`,
    )
  return { groups: [], admins: [admin] }
}
