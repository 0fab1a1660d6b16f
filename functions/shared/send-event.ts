import { type EventBridgeClient, PutEventsCommand, type PutEventsResultEntry } from '@aws-sdk/client-eventbridge'
import { ourSource } from './event-shape.ts'

export type OurEvent = { detailType: string; detail: object; resources?: string[] }

/** EventBridge takes so many events in one call (API Reference, PutEvents). */
const mostAtOnce = 10

/**
 * Sends events of this service to the default event bus. Answers for each event the error with which EventBridge
 * refused it, or undefined. EventBridge can refuse one event of a call, and take the others.
 * Throws EventBridge's own error if a whole call fails.
 */
export const sendEvents = async (events: EventBridgeClient, all: OurEvent[]) => {
  const refusals: (Error | undefined)[] = []
  for (let first = 0; first < all.length; first += mostAtOnce) {
    const batch = all.slice(first, first + mostAtOnce)
    const { FailedEntryCount, Entries } = await events.send(
      new PutEventsCommand({
        Entries: batch.map(({ detailType, detail, resources }) => ({
          Source: ourSource,
          DetailType: detailType,
          Resources: resources,
          Detail: JSON.stringify(detail),
        })),
      }),
    )
    refusals.push(...batch.map((_, i) => (FailedEntryCount ? refusalOf(Entries?.[i]) : undefined)))
  }
  return refusals
}

// PutEvents reports a refused entry in its answer. The error gets the name of that report, which a Retry can match.
const refusalOf = (entry: PutEventsResultEntry | undefined) =>
  entry?.EventId
    ? undefined
    : Object.assign(new Error(entry?.ErrorMessage), { name: entry?.ErrorCode ?? 'InternalException' })

/** Sends an event of this service to the default event bus. Throws EventBridge's own error if it refuses the event. */
export const sendEvent = async (events: EventBridgeClient, event: OurEvent) => {
  const [refusal] = await sendEvents(events, [event])
  if (refusal) throw refusal
}
