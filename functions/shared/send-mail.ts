import { SendEmailCommand, SendRawEmailCommand, type SESClient } from '@aws-sdk/client-ses'
import { isNamed } from './aws-errors.ts'
import { MailQuotaExceededError } from './errors.ts'
import type { Ledger } from './ledger.ts'
import { oneLine } from './mail.ts'
import { noteOnce, readNote } from './notes.ts'
import { rawMail } from './raw-mail.ts'

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
  /** The header Message-ID of the mail that this mail answers, so that mail programs show both in one thread. */
  inReplyTo?: string
}

const envelope = ({ tags }: Mail, { sender, senderIdentity, configurationSet }: SenderConfig) => ({
  Source: sender,
  SourceArn: senderIdentity,
  ConfigurationSetName: configurationSet,
  ...(tags && { Tags: Object.entries(tags).map(([Name, Value]) => ({ Name, Value })) }),
})

const utf8 = (Data: string) => ({ Charset: 'UTF-8', Data })
const command = (mail: Mail, sender: SenderConfig) =>
  new SendEmailCommand({
    ...envelope(mail, sender),
    Destination: { ToAddresses: mail.to },
    Message: {
      Subject: utf8(oneLine(mail.subject)),
      Body: { ...(mail.html !== undefined && { Html: utf8(mail.html) }), Text: utf8(mail.text) },
    },
  })

// SendEmail takes no headers (SES API Reference, SendEmail and SendRawEmail).
const rawCommand = (mail: Mail & { inReplyTo: string }, sender: SenderConfig) =>
  new SendRawEmailCommand({
    ...envelope(mail, sender),
    Destinations: mail.to,
    RawMessage: { Data: rawMail({ ...mail, from: sender.sender, subject: oneLine(mail.subject) }) },
  })

/**
 * Sends a mail by SES. Answers its message id. A mail that answers another mail has the headers for that.
 * Throws SES's own errors, and `MailQuotaExceededError`.
 */
export const sendMail = async (ses: SESClient, mail: Mail, sender: SenderConfig): Promise<string> => {
  try {
    const { MessageId = '' } = mail.inReplyTo
      ? await ses.send(rawCommand({ ...mail, inReplyTo: mail.inReplyTo }, sender))
      : await ses.send(command(mail, sender))
    return MessageId
  } catch (error) {
    const { inReplyTo, ...alone } = mail
    // Another account's identity may allow SendEmail only. A mail outside its thread is better than none.
    if (inReplyTo && isNamed(error, 'AccessDenied', 'AccessDeniedException')) return sendMail(ses, alone, sender)
    // SES throttles by both of its limits under one name. Waiting helps only against the limit per second.
    if (isNamed(error, 'Throttling', 'ThrottlingException') && error.message.includes('Daily message quota'))
      throw new MailQuotaExceededError(`SES says: ${error.message}`, { cause: error })
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
