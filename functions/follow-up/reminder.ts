import { type Facts, type FollowConfig, linkIn, missingOf } from '../shared/follow.ts'
import { openLinks } from '../shared/handover.ts'
import { fillHtml, fillText, utcTime } from '../shared/mail.ts'
import { mailTags, signInSubject } from '../shared/mail-events.ts'
import type { Mail } from '../shared/send-mail.ts'
import { signInUrl } from '../shared/sign-in-url.ts'
import { placeOf } from '../shared/vend.ts'
import html from './reminder.mjml'
import text from './reminder.txt'

export type ReminderConfig = {
  organizationName: string
  contact: string
  handover?: string | undefined
  stateMachineArn: string
}

const titles = {
  'sign-in': (account: string, user: string) => `Reminder: sign in to the AWS account ${account} as ${user}`,
  password: (account: string, user: string) =>
    `Reminder: choose your own password for the user ${user} in the AWS account ${account}`,
  mfa: (account: string, user: string) => `Reminder: turn on MFA for the user ${user} in the AWS account ${account}`,
}

/**
 * The mail that reminds an administrator of what is left to do. It names the sign-in mail by subject and date, because
 * the key of that mail's link is written nowhere else. It contains nothing that opens the account.
 */
export const reminderOf = (
  { accountId, accountName, admin, mail, handover, seen }: Facts & { accountName: string },
  config: ReminderConfig & Pick<FollowConfig, 'mfa'>,
  now = Date.now(),
): Mail => {
  const { userName, email } = admin
  const missing = missingOf(seen, config) ?? 'sign-in'
  const link = missing === 'sign-in' ? linkIn(handover, mail, now) : undefined
  const ends = openLinks(handover, mail.secretVersion, now).map(([, { expiresAt }]) => expiresAt)
  const title = titles[missing](`${accountName} (${accountId})`, userName)
  const values = {
    title,
    accountName,
    accountId,
    userName,
    signInUrl: signInUrl(placeOf(config.stateMachineArn).partition, accountId),
    mailSubject: signInSubject({ accountName, accountId, userName, organizationName: config.organizationName }),
    mailedAt: utcTime(mail.at),
    linkUntil: link === 'open' ? utcTime(ends.sort().at(-1) ?? '') : '',
    shownAt: link === 'claimed' ? utcTime(handover?.claim?.at ?? '') : '',
    handover: link === 'none' ? (config.handover ?? `Ask ${config.contact} for your password.`) : '',
    choosePassword: missing === 'password' ? 'yes' : '',
    turnOnMfa: missing === 'mfa' ? 'yes' : '',
    organizationName: config.organizationName,
    contact: config.contact,
  }
  return {
    to: [email],
    subject: title,
    html: fillHtml(html, values),
    text: fillText(text, values),
    ...(mail.vendId && { tags: { ...mailTags(mail.vendId, userName), reminder: 'yes' } }),
  }
}
