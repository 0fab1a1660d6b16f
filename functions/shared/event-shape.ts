// Apart from event.ts, which brings the schemas of requests along.

/** Whether an execution's input came from EventBridge, or from the sweep as if it had. */
export const isEvent = (input: unknown) => typeof input === 'object' && input !== null && 'detail-type' in input

const ourSource = 'account-vending'

/** What the sweep starts the workflow with: the event that did not come, in our own name. */
export const eventOfSweep = (accountId: string) => ({
  source: ourSource,
  'detail-type': 'Account Found By Sweep',
  detail: { eventName: 'AccountJoinedOrganization', accountId },
})

/** Whether an input is the sweep's. */
export const isOfSweep = (input: unknown) => isEvent(input) && (input as { source?: unknown }).source === ourSource
