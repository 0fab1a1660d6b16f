import { SendEmailCommand, type SESClient } from '@aws-sdk/client-ses'
import * as z from 'zod/mini'
import { accountSchema } from '../shared/account.ts'
import { isNamed } from '../shared/aws-errors.ts'
import { MailQuotaExceededError } from '../shared/errors.ts'
import { beginStep, isMailed, type Ledger, recordMail } from '../shared/ledger.ts'
import { fillHtml, fillText, oneLine } from '../shared/mail.ts'
import { signInUrl } from '../shared/sign-in-url.ts'
import { placeOf, vendSchema } from '../shared/vend.ts'
import html from './login-email.mjml'
import text from './login-email.txt'

export const sendLoginEmailInput = z.object({
  vend: vendSchema,
  account: accountSchema,
  admin: z.object({ userName: z.string(), email: z.string(), passwordResetRequired: z.boolean() }),
  /** Null if the user signs in already: there is nothing to hand over. */
  secretName: z.nullable(z.string()),
  secretVersion: z.nullable(z.string()),
})
type Input = z.output<typeof sendLoginEmailInput>

export type MailConfig = {
  sender: string
  configurationSet?: string | undefined
  organizationName: string
  handover: string
  contact: string
}

/**
 * Mails an administrator how to sign in. The mail says where the password lies, and never the password.
 *
 * Safe to run twice: a mail on record is not sent again. SES takes no idempotency token, so one whose answer was lost
 * may go out a second time.
 * Throws SES's own errors, `MailQuotaExceededError`, `LeaseLostError`.
 */
export async function sendLoginEmail(
  { ses, ledger }: { ses: SESClient; ledger: Ledger },
  { vend, account, admin, secretName, secretVersion }: Input,
  config: MailConfig,
) {
  const { userName, email } = admin
  const record = await beginStep(ledger, { accountId: account.id, vend, state: 'SendLoginEmail', userName })
  if (!secretName || !secretVersion) return { mailedTo: null }
  // A new password wants a new mail.
  if (isMailed(record, { userName, email, secretVersion })) return { mailedTo: email }

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
  const MessageId = await send(
    ses,
    new SendEmailCommand({
      Source: config.sender,
      Destination: { ToAddresses: [email] },
      Message: {
        Subject: {
          Charset: 'UTF-8',
          Data: oneLine(`Sign in to the AWS account ${account.name} (${account.id}) as ${userName}`),
        },
        Body: {
          Html: { Charset: 'UTF-8', Data: fillHtml(html, values) },
          Text: { Charset: 'UTF-8', Data: fillText(text, values) },
        },
      },
      ConfigurationSetName: config.configurationSet,
      Tags: [{ Name: 'vend', Value: vend.id }],
    }),
  )
  await recordMail(ledger, { accountId: account.id, userName, email, secretVersion, messageId: MessageId })
  return { mailedTo: email }
}

const send = async (ses: SESClient, command: SendEmailCommand) => {
  try {
    return (await ses.send(command)).MessageId ?? ''
  } catch (error) {
    // SES says Throttling for both of its limits; only the one per second passes by waiting.
    if (isNamed(error, 'Throttling', 'ThrottlingException') && error.message.includes('Daily message quota'))
      throw new MailQuotaExceededError(
        'SES’s sending quota for 24 hours is used up. Ask AWS for a higher one (Service Quotas, SES), or go on tomorrow',
        { cause: error },
      )
    throw error
  }
}
