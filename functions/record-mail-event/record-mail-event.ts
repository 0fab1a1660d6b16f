import type { SESClient } from '@aws-sdk/client-ses'
import * as z from 'zod/mini'
import { addressIdentity } from '../shared/address.ts'
import type { Ledger } from '../shared/ledger.ts'
import { fillText, oneLine } from '../shared/mail.ts'
import { type MailItem, readMail, recordStatus, recordTold } from '../shared/mail-events.ts'
import { reach, sameRequest } from '../shared/next-command.ts'
import { type Mail, type SenderConfig, tellOnce } from '../shared/send-mail.ts'
import text from './mail-notice.txt'

const optionalText = z.optional(z.string())
const recipients = z.optional(z.array(z.object({ emailAddress: z.string(), diagnosticCode: optionalText })))

/**
 * An event of SES. Source: SES Developer Guide, event-publishing-retrieving-sns-contents and monitoring-eventbridge.
 * The feedback that SES can send for an identity has no `eventType` and no tags.
 */
export const recordMailEventInput = z.object({
  /** When EventBridge got the event. */
  time: z.string(),
  detail: z.object({
    eventType: optionalText,
    mail: z.optional(
      z.object({
        destination: z.optional(z.array(z.string())),
        tags: z.optional(z.record(z.string(), z.array(z.string()))),
      }),
    ),
    delivery: z.optional(z.object({ timestamp: optionalText, recipients: z.optional(z.array(z.string())) })),
    deliveryDelay: z.optional(
      z.object({ timestamp: optionalText, delayType: optionalText, delayedRecipients: recipients }),
    ),
    bounce: z.optional(
      z.object({
        timestamp: optionalText,
        bounceType: optionalText,
        bounceSubType: optionalText,
        bouncedRecipients: recipients,
      }),
    ),
    complaint: z.optional(
      z.object({ timestamp: optionalText, complaintFeedbackType: optionalText, complainedRecipients: recipients }),
    ),
    reject: z.optional(z.object({ reason: optionalText })),
  }),
})
type Event = z.output<typeof recordMailEventInput>

type Config = SenderConfig & {
  notify: string[]
  runbook?: string | undefined
  groups: { name: string }[]
  stateMachineArn: string
  /** The endpoint of an AWS that is not the real one: the notice's commands must not reach the real AWS. */
  endpointUrl?: string | undefined
}

/**
 * Records what became of a sign-in mail, as an event of SES tells, and tells the platform team at once of a mail that
 * bounced, was marked as spam or was rejected.
 *
 * Answers the status in the event, or Ignored for an event about another mail. Safe to run twice: the event with the
 * later time counts, whatever order the events come in, and each status is told once.
 * Throws what `sendMail` throws. Lambda then retries the event, and in the end keeps it in the dead-letter queue.
 */
export async function recordMailEvent(
  { ses, ledger }: { ses: SESClient; ledger: Ledger },
  { time, detail }: Event,
  config: Config,
) {
  const { vend: [vend] = [], admin: [admin] = [], reminder } = detail.mail?.tags ?? {}
  const event = whatHappened(detail)
  const tags = vend && admin ? { vend, admin } : undefined
  const mail = tags && event && (await readMail(ledger, tags))
  if (!mail || !concerns(mail, detail, event)) return { outcome: 'Ignored' as const }

  const { status } = event
  // A reminder that arrives says nothing about the sign-in mail. A reminder in trouble says that the address is.
  if (reminder && (status === 'delivered' || status === 'delayed')) return { outcome: 'Ignored' as const }
  const reason = oneLine([event.kind, event.diagnosis].filter(Boolean).join(': ')).slice(0, 500)
  await recordStatus(ledger, tags, { status, at: new Date(event.timestamp ?? time).toISOString(), reason })
  // A status that a later event has replaced is told as well: the later event can be about a second mail.
  if (status === 'bounced' || status === 'complained' || status === 'rejected')
    await tellOnce(
      ses,
      notice({ mail, what: reminder ? 'reminder' : 'sign-in mail', status, reason }, config),
      {
        isSent: () => mail.told[status] !== undefined,
        recordSent: (messageId) => recordTold(ledger, tags, status, messageId),
      },
      config,
    )
  return { outcome: status, accountId: mail.accountId }
}

/** What an event tells; undefined if the event is of another type. A rejection has no time of its own. */
const whatHappened = ({ eventType, delivery, deliveryDelay, bounce, complaint, reject }: Event['detail']) => {
  const about = (all: z.output<typeof recipients> = []) => ({
    recipients: all.map(({ emailAddress }) => emailAddress),
    diagnosis: all.find(({ diagnosticCode }) => diagnosticCode)?.diagnosticCode,
  })
  if (eventType === 'Delivery') return { status: 'delivered' as const, ...about(), kind: '', ...delivery }
  if (eventType === 'DeliveryDelay')
    return {
      status: 'delayed' as const,
      ...about(deliveryDelay?.delayedRecipients),
      kind: deliveryDelay?.delayType,
      timestamp: deliveryDelay?.timestamp,
    }
  if (eventType === 'Bounce')
    return {
      status: 'bounced' as const,
      ...about(bounce?.bouncedRecipients),
      kind: [bounce?.bounceType, bounce?.bounceSubType].filter(Boolean).join(', '),
      timestamp: bounce?.timestamp,
    }
  if (eventType === 'Complaint')
    return {
      status: 'complained' as const,
      ...about(complaint?.complainedRecipients),
      kind: complaint?.complaintFeedbackType,
      timestamp: complaint?.timestamp,
    }
  if (eventType === 'Reject')
    return { status: 'rejected' as const, ...about(), kind: reject?.reason, timestamp: undefined }
  return undefined
}

/** Whether an event is about the administrator's address. An event about another recipient of the mail is not. */
const concerns = (
  { email }: MailItem,
  { mail: { destination = [] } = {} }: Event['detail'],
  { recipients = [] }: { recipients?: string[] | undefined },
) =>
  // The address of a single recipient can differ: mail servers forward.
  destination.length < 2 ||
  !recipients.length ||
  recipients.some((recipient) => addressIdentity(recipient) === addressIdentity(email))

type Trouble = 'bounced' | 'complained' | 'rejected'

const words: Record<Trouble, { happened: string; what: string }> = {
  bounced: {
    happened: 'bounced',
    what: 'The mail server of the address did not accept the mail, or the address is on the suppression list of SES.',
  },
  complained: {
    happened: 'was marked as spam',
    what: 'The mail arrived, and its recipient marked the mail as spam. SES may send no more mails to the address. Ask the recipient whether the address is correct.',
  },
  rejected: {
    happened: 'was not sent',
    what: 'SES accepted the mail, but did not send the mail, because SES found a virus.',
  },
}

/** The mail that tells the platform team of a sign-in mail or a reminder in trouble, with the commands that help. */
const notice = (
  { mail, what, status, reason }: { mail: MailItem; what: string; status: Trouble; reason: string },
  { notify, runbook = '', groups, stateMachineArn, endpointUrl }: Config,
): Mail => {
  const { accountId, accountName, userName, email } = mail
  const { options } = reach(stateMachineArn, endpointUrl)
  const [first] = groups
  const isDefault =
    !mail.policies.length && mail.groups.map((name) => name.toLowerCase()).join() === first?.name.toLowerCase()
  const admin = {
    userName,
    email: 'CORRECT-ADDRESS',
    ...(!isDefault && { groups: mail.groups, policies: mail.policies }),
  }
  const { command, request } = sameRequest({ accountId, input: JSON.stringify({ admins: [admin] }), options })
  const title = `The ${what} for ${userName} in ${accountName} (${accountId}) ${words[status].happened}`
  return {
    to: notify,
    subject: title,
    text: fillText(text, {
      title,
      what: words[status].what,
      accountId,
      accountName,
      userName,
      email,
      reason: reason || 'no reason',
      request: request ? JSON.stringify(request) : '',
      command,
      link: `npx vend link ${accountId} ${userName}${options}`,
      runbook,
    }),
  }
}
