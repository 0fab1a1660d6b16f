// Apart from event.ts, because event.ts imports the schemas of requests, which not every bundle needs.

/** Whether an execution's input is an event: from EventBridge, or from the sweep in the place of a lost event. */
export const isEvent = (input: unknown) => typeof input === 'object' && input !== null && 'detail-type' in input

const ourSource = 'account-vending'

/** The input with which the sweep starts the workflow: the event that did not come, with this service as its source. */
export const eventOfSweep = (accountId: string) => ({
  source: ourSource,
  'detail-type': 'Account Found By Sweep',
  detail: { eventName: 'AccountJoinedOrganization', accountId },
})

/** Whether an execution's input is from the sweep. */
export const isOfSweep = (input: unknown) => isEvent(input) && (input as { source?: unknown }).source === ourSource
