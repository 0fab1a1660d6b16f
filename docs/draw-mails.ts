import { readFileSync } from 'node:fs'
import path from 'node:path'
import { fillHtml } from '../functions/shared/mail.ts'
import { compileMail } from '../infra/build/compile-mail.ts'
import { startChromium } from '../test/support/chromium.ts'

// Draws the sign-in mail and the reminder into docs/pictures, as a mail program of 600 pixels shows them, in light and
// dark.

const functions = path.join(import.meta.dirname, '../functions')
const values = {
  organizationName: 'Example Organization',
  contact: 'platform-team@example.com',
  accountName: 'Payments',
  accountId: '444455556666',
  userName: 'ada',
  signInUrl: 'https://444455556666.signin.aws.amazon.com/console',
  mustChangePassword: 'yes',
  managementAccountId: '111122223333',
  region: 'us-east-1',
}
const kinds = {
  link: {
    file: 'send-login-email/login-email.mjml',
    linkUrl: 'https://access.example.com/link#jHtIMdUbF1mNpgc0YGCp2Ir0WFQYOlIyLrm7GBPYzBI',
    linkDays: '7 days',
    handover: '',
    secretName: '',
  },
  secret: {
    file: 'send-login-email/login-email.mjml',
    linkUrl: '',
    linkDays: '7 days',
    handover: 'Ask the platform team for your password. They check who you are and hand it over by phone.',
    secretName: 'account-vending/444455556666/ada',
  },
  reminder: {
    file: 'follow-up/reminder.mjml',
    title: 'Reminder: sign in to the AWS account Payments (444455556666) as ada',
    mailSubject: 'Sign in to the AWS account Payments (444455556666) as ada',
    mailedAt: '2026-11-27 09:31 UTC',
    linkUntil: '2026-12-04 09:31 UTC',
    shownAt: '',
    handover: '',
    choosePassword: '',
    turnOnMfa: '',
  },
}

const browser = await startChromium()
for (const [kind, { file, ...about }] of Object.entries(kinds)) {
  const template = await compileMail(path.join(functions, file))
  for (const colorScheme of ['light', 'dark'] as const) {
    const page = await browser.newPage({ viewport: { width: 600, height: 400 }, colorScheme })
    await page.setContent(fillHtml(template, { ...values, mfa: '', ...about }))
    const picture = path.join(import.meta.dirname, `pictures/mail-${kind}-${colorScheme}.png`)
    await page.screenshot({ path: picture, fullPage: true })
    process.stdout.write(`${path.relative(process.cwd(), picture)} ${readFileSync(picture).length} bytes\n`)
    await page.close()
  }
}
await browser.close()
