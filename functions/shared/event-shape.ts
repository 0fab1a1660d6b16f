// Apart from event.ts, because event.ts imports the schemas of requests, which not every bundle needs.

/** Whether an execution's input is an event: from EventBridge, or from the sweep in the place of a lost event. */
export const isEvent = (input: unknown) => typeof input === 'object' && input !== null && 'detail-type' in input

/** Whether an execution's input asks to open an account. An event has an account, too: the one that it comes from. */
export const isOpening = (input: unknown): input is { account: { name?: unknown; email?: unknown } } =>
  typeof input === 'object' && input !== null && 'account' in input && !isEvent(input)

/** Whether an execution's input asks to remove administrators. No event does. */
export const isRemoval = (input: unknown): input is { remove: unknown } =>
  typeof input === 'object' && input !== null && 'remove' in input && !isEvent(input)

/** The source of this service's own events. */
export const ourSource = 'account-vending'

/** The input with which the sweep starts the workflow: the event that did not come, with this service as its source. */
export const eventOfSweep = (accountId: string) => ({
  source: ourSource,
  'detail-type': 'Account Found By Sweep',
  detail: { eventName: 'AccountJoinedOrganization', accountId },
})

type Shape = { source?: unknown; 'detail-type'?: unknown; detail?: unknown }
const isOurs = (input: unknown, detailType: string): input is Shape =>
  isEvent(input) && (input as Shape).source === ourSource && (input as Shape)['detail-type'] === detailType

/** Whether an execution's input is from the sweep. */
export const isOfSweep = (input: unknown) => isOurs(input, eventOfSweep('')['detail-type'])

/** The address and the name of the account that an execution's input asks to open, whether or not the rest is valid. */
export const openedBy = (input: unknown) => {
  const { email, name } = isOpening(input) ? (input.account ?? {}) : {}
  return typeof email === 'string' ? { email, name: typeof name === 'string' ? name : email } : undefined
}

/** The event that a password was shown. */
export const linkClaimed = 'Link Claimed'
/** The event that somebody else claimed a password. */
export const claimDisowned = 'Claim Disowned'

/** The administrator whose claim was disowned, if an execution's input is the event about that. */
export const disownedIn = (input: unknown) => {
  const { accountId, userName } = (isOurs(input, claimDisowned) ? (input.detail ?? {}) : {}) as Record<string, unknown>
  return typeof accountId === 'string' && typeof userName === 'string' ? { accountId, userName } : undefined
}
