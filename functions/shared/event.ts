import * as z from 'zod/mini'
import { InvalidInputError } from './errors.ts'
import { accountId } from './request.ts'
import { parseInput } from './parse.ts'

const result = <Shape extends z.core.$ZodShape>(shape: Shape) =>
  z.optional(
    z.object({ state: z.literal('SUCCEEDED', 'must be SUCCEEDED: nothing can be vended after a failure'), ...shape }),
  )
const managedAccount = { account: z.object({ accountId }) }
// Event versions add and drop fields, so only what is needed is read: CloudTrail for Organizations, Control Tower's
// lifecycle events.
const eventSchema = z.object({
  source: z.string('must be the source of an event'),
  detail: z.looseObject({
    eventName: z.optional(z.string()),
    serviceEventDetails: z.optional(
      z.looseObject({
        createAccountStatus: result({ accountId }),
        createManagedAccountStatus: result(managedAccount),
        updateManagedAccountStatus: result(managedAccount),
      }),
    ),
  }),
})

const accountIdsIn = (value: unknown): string[] =>
  typeof value === 'string' && /^\d{12}$/.test(value)
    ? [value]
    : typeof value === 'object' && value
      ? Object.values(value).flatMap(accountIdsIn)
      : []

/**
 * The account that an EventBridge event of Organizations or Control Tower is about.
 * Throws `InvalidInputError` if it is about none, or about a failure.
 */
export const accountOfEvent = (event: unknown, managementAccountId: string): string => {
  const { detail } = parseInput(eventSchema, event)
  const details = detail.serviceEventDetails
  const managed = details?.createManagedAccountStatus ?? details?.updateManagedAccountStatus
  const documented = details?.createAccountStatus?.accountId ?? managed?.account.accountId
  if (documented) return documented
  const notVended = (message: string) => new InvalidInputError([{ field: 'detail', message }])
  if (detail.eventName !== 'AccountJoinedOrganization')
    throw notVended(
      'must be of an event that vends: CreateAccountResult, AccountJoinedOrganization, CreateManagedAccount or UpdateManagedAccount',
    )
  // AWS publishes no sample of this one: its account is the one named beside those of the caller.
  const { userIdentity: _caller, recipientAccountId: _recipient, ...about } = detail
  const ids = [...new Set(accountIdsIn(about))].filter((id) => id !== managementAccountId)
  if (ids.length === 1 && ids[0]) return ids[0]
  throw notVended(`must name exactly one member account, but names ${ids.join(', ') || 'none'}`)
}
