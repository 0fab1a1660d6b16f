import { createHash } from 'node:crypto'
import { PutItemCommand } from '@aws-sdk/client-dynamodb'
import { marshall } from '@aws-sdk/util-dynamodb'
import { entries, type Kind, type Ledger, readItem, updateItem } from './ledger.ts'

// The items about what became of each sign-in mail, as SES tells in events. They change without the account's lease,
// because an event can come at any time.

export type MailStatus = 'sent' | 'delivered' | 'delayed' | 'bounced' | 'complained' | 'rejected'

/** The tags with which SES's events name a sign-in mail. */
export type MailTags = {
  /** The vend's id. */
  vend: string
  /** 32 hexadecimal digits: SES allows few characters in a tag, and IAM allows more of them in a user name. */
  admin: string
}

export type SignInMail = {
  accountId: string
  accountName: string
  userName: string
  email: string
  /** What the administrator is given, so that a person can make the request again with another address. */
  groups: string[]
  policies: string[]
}

/** A sign-in mail and what became of it. */
export type MailItem = SignInMail & {
  /** ISO 8601. */
  sentAt: string
  status: MailStatus
  /** When this status began, ISO 8601: when the mail was sent, or the time that SES's event states. */
  at: string
  /** SES's reason for a status. */
  reason?: string
  /** The message ids of the notices that told the platform team of a status. */
  told: Partial<Record<MailStatus, string>>
}

/** The subject of a sign-in mail. A reminder names the mail by this subject. */
export const signInSubject = ({
  accountName,
  accountId,
  userName,
  organizationName,
}: Pick<SignInMail, 'accountName' | 'accountId' | 'userName'> & { organizationName: string }) =>
  `Sign in to the AWS account ${accountName} (${accountId}) of ${organizationName} as ${userName}`

/** The tags of the sign-in mail that a vend sends to a user. */
export const mailTags = (vendId: string, userName: string): MailTags => ({
  vend: vendId,
  admin: createHash('sha256').update(userName.toLowerCase()).digest('hex').slice(0, 32),
})

const itemKey = ({ vend, admin }: MailTags) => `mail#${vend}#${admin}`

/** Reads what became of a sign-in mail; undefined if this service did not send the mail, or sent it 90 days ago. */
export const readMail = (ledger: Ledger, tags: MailTags) => readItem<MailItem>(ledger, itemKey(tags))

/**
 * Puts a sign-in mail on record. This comes before the mail is sent, because SES's first event can be faster than the
 * answer of SendEmail.
 */
export const recordSending = async (ledger: Ledger, tags: MailTags, mail: SignInMail) => {
  const sentAt = new Date().toISOString()
  const days = 90
  const item: MailItem = { ...mail, sentAt, status: 'sent', at: sentAt, told: {} }
  await ledger.dynamodb.send(
    new PutItemCommand({
      TableName: ledger.tableName,
      Item: marshall({
        ...item,
        pk: itemKey(tags),
        expiresAt: Math.floor(Date.parse(sentAt) / 1000) + days * 24 * 60 * 60,
      }),
    }),
  )
}

/**
 * Records what became of a mail. Of two events, the one with the later time counts, whatever order they come in. A mail
 * that is not on record stays unrecorded.
 */
export const recordStatus = (
  ledger: Ledger,
  tags: MailTags,
  { status, at, reason }: { status: MailStatus; at: string; reason: string },
) =>
  updateItem<MailItem>(ledger, itemKey(tags), {
    set: { status, at, ...(reason && { reason }) },
    ...(!reason && { remove: ['reason'] }),
    // Any event is later than the sending, whatever the clocks say.
    condition: ({ name, value }) =>
      `attribute_exists(pk) AND (${name('status')} = ${value('sent')} OR ${name('at')} < ${value(at)})`,
  })

/** Records that the platform team was told of a mail's status. */
export const recordTold = (ledger: Ledger, tags: MailTags, status: MailStatus, messageId: string) =>
  updateItem<MailItem>(ledger, itemKey(tags), {
    set: { told: entries<MailItem['told']>({ [status]: messageId }) },
    condition: () => 'attribute_exists(pk)',
  })

/** What became of a mail, for people. */
export const mailState = ({ status, at, reason }: Pick<MailItem, 'status' | 'at' | 'reason'>) => ({
  status,
  at,
  ...(reason && { reason }),
})

type Scanned = Pick<MailItem, 'accountId' | 'userName' | 'sentAt' | 'status' | 'at' | 'reason'>

/** What became of the last mail to each administrator, by `accountId#userName` with the name in lower case. */
export const lastMails: Kind<Scanned, Map<string, Scanned>> = {
  prefix: 'mail#',
  attributes: ['accountId', 'userName', 'sentAt', 'status', 'at', 'reason'],
  collect: (mails) =>
    new Map(
      [...mails.values()]
        .sort((a, b) => a.sentAt.localeCompare(b.sentAt))
        .map((mail) => [`${mail.accountId}#${mail.userName.toLowerCase()}`, mail]),
    ),
}
