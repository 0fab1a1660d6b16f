import type { SESClient } from '@aws-sdk/client-ses'
import * as z from 'zod/mini'
import { accountSchema } from '../shared/account.ts'
import { createLink } from '../shared/handover.ts'
import { beginStep, isMailed, recordMail } from '../shared/record-and-lease.ts'
import type { Ledger } from '../shared/ledger.ts'
import { fillHtml, fillText, utcTime } from '../shared/mail.ts'
import { mailTags, recordSending, signInSubject } from '../shared/mail-events.ts'
import { makeLinkKey } from '../shared/sealed-box.ts'
import { sendMail, type SenderConfig } from '../shared/send-mail.ts'
import { securityCredentialsUrl, signInUrl } from '../shared/sign-in-url.ts'
import { placeOf, vendSchema } from '../shared/vend.ts'
import type { Vending } from '../shared/vending.ts'
import { contactUrl, requesterInWords, whyInWords } from './about-access.ts'
import html from './login-email.mjml'
import text from './login-email.txt'

export const sendLoginEmailInput = z.object({
  vend: vendSchema,
  account: accountSchema,
  admin: z.object({
    userName: z.string(),
    email: z.string(),
    passwordResetRequired: z.boolean(),
    groups: z.optional(z.array(z.string())),
    policies: z.optional(z.array(z.string())),
    /** Nothing goes to this address: somebody else may read its mail. */
    silent: z.optional(z.boolean()),
  }),
  /** Null if the user signs in already: there is no password to hand over. */
  secretName: z.nullable(z.string()),
  secretVersion: z.nullable(z.string()),
})
type Input = z.output<typeof sendLoginEmailInput>

export type MailConfig = SenderConfig &
  Pick<Vending, 'delivery' | 'linkDays' | 'mfa'> & {
    organizationName: string
    handover?: string | undefined
    contact: string
    /** The address of the page that opens a link. */
    linkUrl: string
  }

/**
 * Mails an administrator how to sign in: with a link that shows the password once, or with the place where the password
 * is stored. The mail never contains the password, and only the mail contains the link's key.
 * Answers whom the mail went to; null if the user signs in already, or if nothing may go to the address.
 *
 * Safe to run twice: a mail that is on record is not sent again. SES takes no idempotency token, so a mail whose answer
 * was lost can be sent twice, with another link.
 * Throws what `sendMail` throws, and `LeaseLostError`.
 */
export async function sendLoginEmail(
  { ses, ledger }: { ses: SESClient; ledger: Ledger },
  { vend, account, admin, secretName, secretVersion }: Input,
  config: MailConfig,
) {
  const { userName, email } = admin
  const about = secretVersion ? { mail: { email, secretVersion } } : {}
  const record = await beginStep(ledger, { accountId: account.id, vend, state: 'SendLoginEmail', userName, ...about })
  if (!secretName || !secretVersion || admin.silent) return { mailedTo: null }

  const { partition, region, managementAccountId } = placeOf(vend.executionArn)
  // A new version of the password needs a new mail.
  if (isMailed(record, { userName, email, secretVersion })) return { mailedTo: email }
  const recordSent = (messageId: string) =>
    recordMail(ledger, { accountId: account.id, vendId: vend.id, userName, email, secretVersion, messageId })
  const link = config.delivery === 'link' ? await makeLinkKey() : undefined
  let linkUntil = ''
  if (link) {
    const { linkDays: days } = config
    const { id, publicKey } = link
    const about = { accountId: account.id, userName, email, secretVersion }
    const until = await createLink(ledger, { ...about, id, publicKey, days })
    // SES's answer to an earlier try was lost, and the person was faster than this try: the mail has arrived.
    if (!until) {
      await recordSent('unknown: its link was claimed')
      return { mailedTo: email }
    }
    linkUntil = utcTime(until)
  }
  const { organizationName, contact } = config
  const reference = `account ${account.id}, user ${userName}, execution ${vend.executionArn.split(':').at(-1)}`
  const mailContact = contactUrl(contact, `Sign-in to AWS: ${reference}`)
  const values = {
    accountName: account.name,
    accountId: account.id,
    userName,
    signInUrl: signInUrl(partition, account.id),
    credentialsUrl: securityCredentialsUrl(partition),
    mustChangePassword: admin.passwordResetRequired ? 'yes' : '',
    mfa: config.mfa ?? '',
    linkUrl: link ? `${config.linkUrl}#${link.scalar}` : '',
    linkUntil,
    linkDays: config.linkDays === 1 ? '1 day' : `${config.linkDays} days`,
    secretName: link ? '' : secretName,
    handover: config.handover ?? '',
    requestedBy: requesterInWords(record.requestedBy, organizationName),
    whyYou: whyInWords({ email, userName, accountEmail: account.email }),
    contact,
    contactUrl: mailContact,
    contactText: mailContact ? '' : contact,
    reference: link
      ? reference
      : `${reference}, AWS Secrets Manager of ${managementAccountId}, Region ${region}, secret ${secretName}`,
    organizationName,
  }
  const mail = {
    to: [email],
    subject: signInSubject({ accountName: account.name, accountId: account.id, userName, organizationName }),
    html: fillHtml(html, values),
    text: fillText(text, values),
    tags: mailTags(vend.id, userName),
  }
  const { groups = [], policies = [] } = admin
  const sent = { accountId: account.id, accountName: account.name, userName, email, groups, policies }
  await recordSending(ledger, mail.tags, sent)
  // Recorded after it was sent: a mail that comes twice is better than a mail that never comes.
  await recordSent(await sendMail(ses, mail, config))
  return { mailedTo: email }
}
