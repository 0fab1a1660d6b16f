import { SendEmailCommand, type SESClient } from '@aws-sdk/client-ses'
import { isNamed } from './aws-errors.ts'
import { MailQuotaExceededError } from './errors.ts'
import type { Ledger } from './ledger.ts'
import { oneLine } from './mail.ts'
import { noteOnce, readNote } from './notes.ts'

export type SenderConfig = {
  sender: string
  /** ARN of the sender's SES identity, if the identity belongs to another account. */
  senderIdentity?: string | undefined
  configurationSet?: string | undefined
}

export type Mail = {
  to: string[]
  subject: string
  text: string
  html?: string
  /** SES message tags. */
  tags?: Record<string, string>
}

/**
 * Sends a mail by SES. Answers its message id.
 * Throws SES's own errors, and `MailQuotaExceededError`.
 */
export const sendMail = async (
  ses: SESClient,
  { to, subject, text, html, tags }: Mail,
  { sender, senderIdentity, configurationSet }: SenderConfig,
) => {
  const utf8 = (Data: string) => ({ Charset: 'UTF-8', Data })
  try {
    const { MessageId = '' } = await ses.send(
      new SendEmailCommand({
        Source: sender,
        SourceArn: senderIdentity,
        Destination: { ToAddresses: to },
        Message: {
          Subject: utf8(oneLine(subject)),
          Body: { ...(html !== undefined && { Html: utf8(html) }), Text: utf8(text) },
        },
        ConfigurationSetName: configurationSet,
        ...(tags && { Tags: Object.entries(tags).map(([Name, Value]) => ({ Name, Value })) }),
      }),
    )
    return MessageId
  } catch (error) {
    // SES throttles by both of its limits under one name. Waiting helps only against the limit per second.
    if (isNamed(error, 'Throttling', 'ThrottlingException') && error.message.includes('Daily message quota'))
      throw new MailQuotaExceededError(
        'The SES sending quota for 24 hours is used up. Request a higher quota (Service Quotas, Amazon SES), or continue tomorrow',
        { cause: error },
      )
    throw error
  }
}

/** Where it is on record that a mail was sent. */
type MailRecord = {
  isSent: () => boolean | Promise<boolean>
  recordSent: (messageId: string) => Promise<unknown>
}

/**
 * Sends a mail unless it is on record as sent, and then puts it on record. Answers whether it was sent now.
 *
 * The mail is recorded after it was sent: a mail that comes twice is better than a mail that never comes. SES takes no
 * idempotency token, so a mail whose answer was lost can come twice.
 * Throws what `sendMail` throws.
 */
export const tellOnce = async (
  ses: SESClient,
  mail: Mail,
  { isSent, recordSent }: MailRecord,
  config: SenderConfig,
) => {
  if (await isSent()) return false
  await recordSent(await sendMail(ses, mail, config))
  return true
}

/** Records a mail in a note of the ledger. `more` is kept in the note besides the message id. */
export const inNote = (ledger: Ledger, name: string, more: Record<string, string> = {}): MailRecord => ({
  isSent: async () => (await readNote(ledger, name)) !== undefined,
  recordSent: (messageId) => noteOnce(ledger, name, { messageId, ...more }),
})
