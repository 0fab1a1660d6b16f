import { readFileSync } from 'node:fs'
import path from 'node:path'
import { fillHtml } from '../functions/shared/mail.ts'
import { compileMail } from '../infra/build/compile-mail.ts'
import { startChromium } from '../test/support/chromium.ts'

// Draws each mail into docs/pictures, in light and dark, with ordinary and with the longest values. A picture shows the
// mail twice: 390 pixels wide, as on a phone, and 800 pixels wide. A mail that is wider than its window is an error.

const widths = [390, 800]
const functions = path.join(import.meta.dirname, '../functions')

const executionArn = 'arn:aws:states:us-east-1:111122223333:execution:account-vending-prod:event-car-4f2a'
const ordinary = {
  organizationName: 'Example Organization',
  contact: 'platform-team@example.com',
  accountName: 'Payments',
  accountId: '444455556666',
  userName: 'ada',
  signInUrl: 'https://444455556666.signin.aws.amazon.com/console',
  execution: executionArn,
}
/** Names as long as AWS allows, and everything else long enough to need several lines on a phone. */
const longest: typeof ordinary = {
  organizationName: 'Example Organization for Research, Development and Shared Services (Europe, Middle East, Africa)',
  contact: 'The platform team of the shared services, platform-team-of-the-shared-services@it.research.example.com',
  accountName: 'Payments-and-Settlements-Production-Europe-Central',
  accountId: '444455556666',
  userName: 'ada-augusta-king-countess-of-lovelace+payments-production.europe',
  signInUrl: 'https://444455556666.signin.amazonaws-us-gov.com/console',
  execution: `arn:aws-us-gov:states:us-gov-west-1:111122223333:execution:account-vending-production:${'0123456789'.repeat(8)}`,
}

type Values = Record<string, string>
type Kind = { file: string; values: (common: typeof ordinary, isLong: boolean) => Values }

const signIn = (common: typeof ordinary): Values => ({
  ...common,
  credentialsUrl: 'https://console.aws.amazon.com/iam/home#/security_credentials',
  mustChangePassword: 'yes',
  mfa: 'required',
  linkUrl: '',
  linkUntil: '2026-12-04 09:31 UTC',
  linkDays: '7 days',
  secretName: '',
  handover: '',
  requestedBy: 'grace@example.com (permission set PlatformAdmin)',
  whyYou: `${common.userName}@example.com was named as the address of the user ${common.userName}`,
  contactUrl: 'mailto:platform-team@example.com',
  contactText: '',
  reference: `account ${common.accountId}, user ${common.userName}, execution ${common.execution.split(':').at(-1)}`,
})

const titleOf = ({ accountName, accountId }: typeof ordinary) => `Vending account ${accountName} (${accountId}) failed`
const failure = (common: typeof ordinary, isLong: boolean): Values => ({
  title: titleOf(common),
  what: 'A service control policy, a permissions boundary or a policy of the access role denies a call in the account.',
  cause: `The role OrganizationAccountAccessRole may not call iam:CreateUser in account ${common.accountId}${isLong ? `. ${'AWS says that an explicit deny in a service control policy applies to this call. '.repeat(4)}` : ''}`,
  error: 'DeniedByPolicyError',
  verbatim: '',
  advice: `Allow the call. Then ${isLong ? 'start again' : 'redrive the execution'}:`,
  request: isLong
    ? JSON.stringify({
        accountId: common.accountId,
        admins: [{ userName: common.userName, tags: { Team: 'x'.repeat(100) } }],
      })
    : '',
  save: 'Save this line as request.json',
  command: isLong
    ? `npx vend start ${common.accountId} --file request.json --stage production --region us-gov-west-1`
    : `npx vend redrive ${common.accountId} --region us-east-1`,
  done: isLong
    ? Array.from({ length: 5 }, (_, i) => `password of ${common.userName}${i} in Secrets Manager`).join('\n')
    : 'groups Administrators\npassword of ada in Secrets Manager: account-vending/444455556666/ada',
  notDone: `user ${common.userName} with console sign-in\nsign-in mail for ${common.userName}`,
  awsWords: 'Or with the AWS CLI',
  awsCommand: `aws stepfunctions redrive-execution --region us-east-1 --execution-arn '${common.execution}'`,
  execution: '',
  runbook: isLong ? `https://wiki.example.com/${'vending/'.repeat(8)}` : 'https://wiki.example.com/vending',
})

const kinds: Record<string, Kind> = {
  link: {
    file: 'send-login-email/login-email.mjml',
    values: (common, isLong) => ({
      ...signIn(common),
      linkUrl: `https://access.${isLong ? 'accounts.shared-services.research.' : ''}example.com/link#jHtIMdUbF1mNpgc0YGCp2Ir0WFQYOlIyLrm7GBPYzBI`,
    }),
  },
  secret: {
    file: 'send-login-email/login-email.mjml',
    values: (common, isLong) => ({
      ...signIn(common),
      handover: 'Ask the platform team for your password. They check who you are and hand it over by phone.'.repeat(
        isLong ? 4 : 1,
      ),
      secretName: 'yes',
      reference: `${signIn(common)['reference']}, AWS Secrets Manager of 111122223333, Region us-east-1, secret account-vending/${common.accountId}/${common.userName}`,
    }),
  },
  reminder: {
    file: 'follow-up/reminder.mjml',
    values: ({ execution: _, ...common }) => ({
      ...common,
      title: `Reminder: sign in to the AWS account ${common.accountName} (${common.accountId}) as ${common.userName}`,
      mailSubject: `Sign in to the AWS account ${common.accountName} (${common.accountId}) of ${common.organizationName} as ${common.userName}`,
      mailedAt: '2026-11-27 09:31 UTC',
      linkUntil: '2026-12-04 09:31 UTC',
      shownAt: '',
      handover: '',
      choosePassword: '',
      turnOnMfa: '',
    }),
  },
  failure: { file: 'report-failure/failure-notice.mjml', values: failure },
  'failure-again': {
    file: 'report-failure/failure-notice.mjml',
    values: (common, isLong) => ({
      ...failure(common, isLong),
      title: `${titleOf(common)} again`,
      what: 'The redrive failed again, with the same error and cause. The first notice about this execution has the details.',
      cause: '',
      done: '',
      notDone: '',
      awsCommand: '',
      execution: common.execution,
    }),
  },
  approval: {
    file: 'request-account/approval.mjml',
    values: (common, isLong) => ({
      organizationName: common.organizationName,
      name: common.accountName,
      email: `${common.accountName.toLowerCase()}@example.com`,
      ou: isLong ? 'Workloads/Production/Payments/Europe/Central' : 'Workloads',
      tags: Array.from({ length: isLong ? 6 : 1 }, (_, i) => `CostCentre${i} = ${'4711'.repeat(isLong ? 40 : 1)}`).join(
        '\n',
      ),
      contacts: '',
      admins: `${common.userName}, ada@example.com: groups Administrators`,
      groups: 'Administrators: AdministratorAccess',
      requestedBy: 'arn:aws:iam::111122223333:user/grace',
      requestedAt: '2026-11-27 09:31 UTC',
      approve: 'npx vend approve 3f0c2f2e --region us-east-1',
      decline: 'npx vend decline 3f0c2f2e --region us-east-1',
    }),
  },
}

const browser = await startChromium()
for (const [kind, { file, values }] of Object.entries(kinds)) {
  const template = await compileMail(path.join(functions, file))
  for (const isLong of [false, true]) {
    const html = fillHtml(template, values(isLong ? longest : ordinary, isLong))
    for (const colorScheme of ['light', 'dark'] as const) {
      const page = await browser.newPage({ viewport: { width: 1214, height: 400 }, colorScheme })
      const inAttribute = html.replaceAll('&', '&amp;').replaceAll('"', '&quot;')
      await page.setContent(
        `<style>:root { color-scheme: light dark } body { margin: 0; display: flex; gap: 24px; align-items: start }
        iframe { border: 0 }</style>${widths.map((width) => `<iframe width="${width}" srcdoc="${inAttribute}"></iframe>`).join('')}`,
      )
      for (const [i, frame] of page.mainFrame().childFrames().entries()) {
        const size = '[document.documentElement.scrollWidth, document.documentElement.scrollHeight]'
        const [width = 0, height] = await frame.evaluate<number[]>(size)
        if (width > widths[i]!) throw new Error(`The mail ${kind} is ${width} pixels wide in ${widths[i]}`)
        await page.evaluate(`document.querySelectorAll('iframe')[${i}].height = ${height}`)
      }
      const picture = path.join(
        import.meta.dirname,
        `pictures/mail-${kind}${isLong ? '-longest' : ''}-${colorScheme}.png`,
      )
      await page.screenshot({ path: picture, fullPage: true })
      process.stdout.write(`${path.relative(process.cwd(), picture)} ${readFileSync(picture).length} bytes\n`)
      await page.close()
    }
  }
}
await browser.close()
