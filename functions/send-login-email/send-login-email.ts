import type { SESClient } from '@aws-sdk/client-ses'
import * as z from 'zod/mini'
import { accountSchema } from '../shared/account.ts'
import { beginStep, isMailed, recordMail } from '../shared/record-and-lease.ts'
import type { Ledger } from '../shared/ledger.ts'
import { fillHtml, fillText } from '../shared/mail.ts'
import { type SenderConfig, tellOnce } from '../shared/send-mail.ts'
import { signInUrl } from '../shared/sign-in-url.ts'
import { placeOf, vendSchema } from '../shared/vend.ts'
import html from './login-email.mjml'
import text from './login-email.txt'

export const sendLoginEmailInput = z.object({
  vend: vendSchema,
  account: accountSchema,
  admin: z.object({ userName: z.string(), email: z.string(), passwordResetRequired: z.boolean() }),
  /** Null if the user signs in already: there is no password to hand over. */
  secretName: z.nullable(z.string()),
  secretVersion: z.nullable(z.string()),
})
type Input = z.output<typeof sendLoginEmailInput>

export type MailConfig = SenderConfig & { organizationName: string; handover: string; contact: string }

/**
 * Mails an administrator how to sign in. The mail says where the password is stored, and never contains the password.
 * Answers whom the mail went to; null if the user signs in already.
 *
 * Safe to run twice: a mail that is on record is not sent again. SES takes no idempotency token, so a mail whose answer
 * was lost can be sent twice.
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
  if (!secretName || !secretVersion) return { mailedTo: null }

  const { partition, region, managementAccountId } = placeOf(vend.executionArn)
  const values = {
    accountName: account.name,
    accountId: account.id,
    userName,
    signInUrl: signInUrl(partition, account.id),
    mustChangePassword: admin.passwordResetRequired ? 'yes' : '',
    secretName,
    managementAccountId,
    region,
    handover: config.handover,
    contact: config.contact,
    organizationName: config.organizationName,
  }
  const mail = {
    to: [email],
    subject: `Sign in to the AWS account ${account.name} (${account.id}) as ${userName}`,
    html: fillHtml(html, values),
    text: fillText(text, values),
    tags: { vend: vend.id },
  }
  const onRecord = {
    // A new version of the password needs a new mail.
    isSent: () => isMailed(record, { userName, email, secretVersion }),
    recordSent: (messageId: string) =>
      recordMail(ledger, { accountId: account.id, userName, email, secretVersion, messageId }),
  }
  await tellOnce(ses, mail, onRecord, config)
  return { mailedTo: email }
}
