import * as z from 'zod/mini'
import { InvalidInputError } from './errors.ts'
import { disownedIn, isEvent } from './event-shape.ts'
import { accountId } from './request.ts'
import { parseInput } from './parse.ts'

const result = <Shape extends z.core.$ZodShape>(shape: Shape) =>
  z.optional(
    z.object({
      state: z.literal('SUCCEEDED', 'must be SUCCEEDED: an account whose creation failed cannot be vended'),
      ...shape,
    }),
  )
// The field of Control Tower's API (EnabledBaselineDetails). AWS publishes no sample of the event EnableBaseline.
const baselineOfAccount = z.object({
  targetIdentifier: z
    .string()
    .check(z.regex(/^arn:[\w-]+:organizations::\d{12}:account\/[\w-]+\/\d{12}$/, 'must be the ARN of an account')),
  statusSummary: z.object({ status: z.literal('SUCCEEDED', 'must be SUCCEEDED: the account is not enrolled yet') }),
})
const managedAccount = { account: z.object({ accountId }, 'must be an object') }
// Events of Organizations (by CloudTrail) and lifecycle events of Control Tower. Event versions add and drop fields, so
// only the needed fields are read.
const eventSchema = z.object({
  source: z.string('must be the source of an event'),
  detail: z.looseObject(
    {
      eventName: z.optional(z.string()),
      serviceEventDetails: z.optional(
        z.looseObject({
          createAccountStatus: result({ accountId }),
          createManagedAccountStatus: result(managedAccount),
          updateManagedAccountStatus: result(managedAccount),
          enableBaselineStatus: z.optional(z.object({ enabledBaselineDetails: baselineOfAccount })),
        }),
      ),
    },
    'must be an object',
  ),
})

/** The account ids in a value, each with the key that it is under. */
const accountIdsIn = (value: unknown, key = ''): { key: string; id: string }[] =>
  typeof value === 'string' && /^\d{12}$/.test(value)
    ? [{ key, id: value }]
    : typeof value === 'object' && value
      ? Object.entries(value).flatMap(([key, part]) => accountIdsIn(part, key))
      : []

/**
 * The account that an EventBridge event of Organizations or Control Tower is about.
 * Throws `InvalidInputError` if the event is about no account, or about a failure.
 */
export const accountOfEvent = (event: unknown, managementAccountId: string): string => {
  const { detail } = parseInput(eventSchema, event)
  const details = detail.serviceEventDetails
  const managed = details?.createManagedAccountStatus ?? details?.updateManagedAccountStatus
  const enrolled = details?.enableBaselineStatus?.enabledBaselineDetails.targetIdentifier.slice(-12)
  const documented = details?.createAccountStatus?.accountId ?? managed?.account.accountId ?? enrolled
  if (documented) return documented
  const notVended = (message: string) => new InvalidInputError([{ field: 'detail', message }])
  if (detail.eventName !== 'AccountJoinedOrganization')
    throw notVended(
      'must belong to an event that starts a vend: CreateAccountResult, AccountJoinedOrganization, CreateManagedAccount, UpdateManagedAccount or EnableBaseline',
    )
  // AWS publishes no sample of this event. Its account is the only account in it besides the caller's accounts. If it
  // also names an account of a previous organization, only the account that joined is under the key accountId.
  const { userIdentity: _caller, recipientAccountId: _recipient, ...about } = detail
  const others = accountIdsIn(about).filter(({ id }) => id !== managementAccountId)
  const ids = [...new Set(others.map(({ id }) => id))]
  const joined = [...new Set(others.filter(({ key }) => key === 'accountId').map(({ id }) => id))]
  const [id] = joined.length === 1 ? joined : ids
  if (id && (joined.length === 1 || ids.length === 1)) return id
  throw notVended(`must name exactly one member account, but names ${ids.join(', ') || 'none'}`)
}

/**
 * The account that the input of an execution asks for, parsed from JSON; undefined if the input names none. An event
 * names its account in its own way.
 */
export const accountAskedFor = (input: unknown, managementAccountId: string): string | undefined => {
  try {
    const disowned = disownedIn(input)
    if (disowned) return accountId.safeParse(disowned.accountId).data
    if (isEvent(input)) return accountOfEvent(input, managementAccountId)
  } catch {
    return undefined
  }
  const id = typeof input === 'object' && input && 'accountId' in input ? input.accountId : undefined
  return accountId.safeParse(id).data
}
