import { type EventBridgeClient, PutEventsCommand } from '@aws-sdk/client-eventbridge'
import { ourSource } from './event-shape.ts'

type OurEvent = { detailType: string; detail: object; resources?: string[] }

/** Sends an event of this service to the default event bus. Throws EventBridge's own error if it refuses the event. */
export const sendEvent = async (events: EventBridgeClient, { detailType, detail, resources }: OurEvent) => {
  const { FailedEntryCount, Entries } = await events.send(
    new PutEventsCommand({
      Entries: [{ Source: ourSource, DetailType: detailType, Resources: resources, Detail: JSON.stringify(detail) }],
    }),
  )
  if (FailedEntryCount)
    // PutEvents reports a refused entry in its answer. The error gets the name of that report, which a Retry can match.
    throw Object.assign(new Error(Entries?.[0]?.ErrorMessage), { name: Entries?.[0]?.ErrorCode ?? 'InternalException' })
}
