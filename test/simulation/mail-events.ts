import { unmarshall } from '@aws-sdk/util-dynamodb'
import type { MailItem, MailStatus } from '../../functions/shared/mail-events.ts'
import type { Interception } from '../../local/aws/endpoint.ts'
import { busEvent } from '../../local/aws/eventbridge.ts'
import type { World } from '../../local/aws/world.ts'
import type { inMemoryDynamoDB } from './dynamodb.ts'
import { oneOf, type Rng } from './random.ts'
import type { Invocation } from './service.ts'
import { sleep } from './virtual-time.ts'

// What SES tells of the sign-in mails of a world, and the promises about that.

/** How likely it is that SES tells this of a sign-in mail. */
export type MailFates = {
  delayed: number
  bounced: number
  complained: number
  /** How likely it is that an event comes late, and so after a later one. */
  late: number
  /** How likely it is that EventBridge delivers an event twice. */
  twice: number
}

type Status = Exclude<MailStatus, 'sent' | 'rejected'>
type Sent = { Destination: { ToAddresses: string[] }; Tags?: { Name: string; Value: string }[] }
type Given = {
  fates: MailFates
  random: Rng
  world: World
  ledger: ReturnType<typeof inMemoryDynamoDB>
  uuid: () => string
  deliver: (event: object) => void
  notify: string[]
  count: (fault: { kind: string; what: string }) => void
  broken: (invariant: string, what: string) => void
}

const invariant = '11 mail events'
const minute = 60_000
const hour = 60 * minute
const toldStatuses: MailStatus[] = ['bounced', 'complained', 'rejected']

/** What SES publishes. Source: SES Developer Guide, event-publishing-retrieving-sns-contents. */
const detailOf = (status: Status, to: string[], timestamp: string) => {
  const recipients = to.map((emailAddress) => ({ emailAddress, diagnosticCode: 'smtp; 550 5.1.1 user unknown' }))
  return {
    delivered: { type: 'Email Delivered', eventType: 'Delivery', delivery: { timestamp, recipients: to } },
    delayed: {
      type: 'Email Delivery Delayed',
      eventType: 'DeliveryDelay',
      deliveryDelay: { timestamp, delayType: 'MailboxFull', delayedRecipients: recipients },
    },
    bounced: {
      type: 'Email Bounced',
      eventType: 'Bounce',
      bounce: { timestamp, bounceType: 'Permanent', bounceSubType: 'General', bouncedRecipients: recipients },
    },
    complained: {
      type: 'Email Complaint Received',
      eventType: 'Complaint',
      complaint: { timestamp, complaintFeedbackType: 'abuse', complainedRecipients: recipients },
    },
  }[status]
}

export const mailEventsOf = ({ fates, random, world, ledger, uuid, deliver, notify, count, broken }: Given) => {
  /** What SES has told of the mails with the same tags, by the key of their item. */
  const told = new Map<string, { status: Status; at: string }[]>()
  /** When a mail was put on record last, and when SES accepted one last. */
  const recordedAt = new Map<string, number>()
  const acceptedAt = new Map<string, number>()
  const notices = new Set<string>()
  /** What was on record when an invocation read the mail. */
  const read = new WeakMap<Invocation, MailItem['told']>()

  const itemOf = (key: string) => {
    const item = ledger.item(key)
    return item && (unmarshall(item) as MailItem)
  }
  const tell = async (key: string, { Destination: { ToAddresses: to }, Tags = [] }: Sent, status: Status) => {
    const at = new Date(world.now()).toISOString()
    const { type, ...detail } = detailOf(status, to, at)
    const tags = Object.fromEntries(Tags.map(({ Name, Value }) => [Name, [Value]]))
    told.set(key, [...(told.get(key) ?? []), { status, at }])
    count({ kind: `mail-${status}`, what: to.join() })
    if (random() < fates.late) {
      count({ kind: 'event-late', what: type })
      await sleep(random() * oneOf(random, [minute, 2 * hour]))
    }
    const event = {
      ...busEvent(world, {
        source: 'aws.ses',
        detailType: type,
        detail: { ...detail, mail: { destination: to, tags } },
      }),
      id: uuid(),
    }
    deliver(event)
    if (random() >= fates.twice) return
    count({ kind: 'event-twice', what: type })
    await sleep(random() * oneOf(random, [minute, 2 * hour]))
    deliver(event)
  }

  return {
    /** What becomes of a mail that SES has accepted, if the mail has both tags of a sign-in mail. */
    accepted: async (mail: Sent) => {
      const tags = Object.fromEntries((mail.Tags ?? []).map(({ Name, Value }) => [Name, Value]))
      if (!tags['vend'] || !tags['admin']) return
      const key = `mail#${tags['vend']}#${tags['admin']}`
      acceptedAt.set(key, world.now())
      const pass = () => sleep(1 + random() * oneOf(random, [5000, minute, 3 * hour]))
      if (random() < fates.delayed) {
        await pass()
        await tell(key, mail, 'delayed')
      }
      await pass()
      const isBounced = random() < fates.bounced
      // Many mail servers take a mail first, and return the mail later.
      const delivered = !isBounced || random() < 0.3 ? tell(key, mail, 'delivered') : undefined
      await pass()
      if (isBounced) await tell(key, mail, 'bounced')
      else if (random() < fates.complained) await tell(key, mail, 'complained')
      await delivered
    },
    /** Checks after every call of a function that reached AWS. */
    called: ({ service, operation, input }: Pick<Interception, 'service' | 'operation' | 'input'>, by: Invocation) => {
      if (service !== 'dynamodb') return
      const { pk } = (input['Item'] ?? input['Key'] ?? {}) as { pk?: { S: string } }
      if (!pk?.S.startsWith('mail#')) return
      if (operation === 'PutItem') recordedAt.set(pk.S, world.now())
      if (operation === 'GetItem') read.set(by, itemOf(pk.S)?.told ?? {})
    },
    /** After a mail that RecordMailEvent sent. */
    noticed: (by: Invocation, to: string[]) => {
      const { detail } = by.input as { detail: { eventType: string; mail: { tags: Record<string, string[]> } } }
      const { vend, admin } = detail.mail.tags
      const status = ({ Bounce: 'bounced', Complaint: 'complained' } as const)[detail.eventType]
      if (!status) return broken(invariant, `somebody was mailed about the event ${detail.eventType}`)
      if (to.join() !== notify.join()) broken(invariant, `a mail that ${status} was told to ${to.join()}`)
      if (read.get(by)?.[status]) broken(invariant, `a mail that ${status} was told again`)
      return void notices.add(`mail#${vend?.[0]}#${admin?.[0]} ${status}`)
    },
    /** Checks after everything has healed. */
    atEnd: () => {
      for (const [key, events] of told) {
        const item = itemOf(key)
        const whose = `${item?.userName} of ${item?.accountId}`
        for (const { status } of events)
          if (toldStatuses.includes(status) && !notices.has(`${key} ${status}`))
            broken(invariant, `nobody was told that the mail to ${whose} ${status}`)
        // A mail that was put on record once more, and was not accepted since, has no event of its own.
        if ((recordedAt.get(key) ?? 0) > (acceptedAt.get(key) ?? 0)) continue
        const last = events.reduce((later, event) => (event.at > later.at ? event : later))
        if (item?.status !== last.status || item.at !== last.at)
          broken(invariant, `the mail to ${whose} is ${item?.status}, and the last event says ${last.status}`)
      }
    },
  }
}
