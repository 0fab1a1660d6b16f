import { SendEmailCommand, SESClient } from '@aws-sdk/client-ses'
import { mockClient } from 'aws-sdk-client-mock'
import { beforeEach, describe, expect, test } from 'vitest'
import { LeaseLostError, MailQuotaExceededError } from '../../functions/shared/errors.ts'
import { type MailConfig, sendLoginEmail } from '../../functions/send-login-email/send-login-email.ts'
import { securityCredentialsUrl, signInUrl } from '../../functions/shared/sign-in-url.ts'
import { accountId, anAccount, aRecord, aVend, awsError, ledgerMock } from '../support/builders.ts'

const ses = mockClient(SESClient)
const { ledger, ...onRecord } = ledgerMock()

const secretName = `account-vending/${accountId}/administrator`
const config: MailConfig = {
  sender: 'Account Vending <account-vending@example.com>',
  organizationName: 'Example Organization',
  handover: 'Ask the platform team.\nIn person or by phone.',
  contact: 'platform-team@example.com',
  delivery: 'secret',
  linkDays: 7,
  linkUrl: 'https://access.example.com/link',
}

type Input = Parameters<typeof sendLoginEmail>[1]
const send = (input: Partial<Input> = {}, overrides: Partial<MailConfig> = {}) =>
  sendLoginEmail(
    { ses: new SESClient({}), ledger },
    {
      vend: aVend(),
      account: anAccount(),
      admin: { userName: 'Administrator', email: 'payments@example.com', passwordResetRequired: true },
      secretName,
      secretVersion: aVend().id,
      ...input,
    },
    { ...config, ...overrides },
  )
const sent = () => ses.commandCalls(SendEmailCommand).map(({ args }) => args[0].input)
const bodies = () => {
  const { Html, Text } = sent()[0]?.Message?.Body ?? {}
  return [Html?.Data ?? '', Text?.Data ?? '']
}
const mailsRecorded = () =>
  onRecord.changes().flatMap(({ set }) => Object.entries(set).filter(([path]) => path.startsWith('mails/')))

beforeEach(() => {
  onRecord.holds(aRecord())
  ses.reset()
  ses.onAnyCommand().resolves({})
  ses.on(SendEmailCommand).resolves({ MessageId: 'message-1' })
})

describe('a first mail', () => {
  test('goes only to the administrator, and is recorded', async () => {
    expect(await send()).toEqual({ mailedTo: 'payments@example.com' })
    expect(sent()).toHaveLength(1)
    expect(sent()[0]).toMatchObject({
      Source: 'Account Vending <account-vending@example.com>',
      Destination: { ToAddresses: ['payments@example.com'] },
      Message: {
        Subject: {
          Charset: 'UTF-8',
          Data: `Sign in to the AWS account Payments (${accountId}) of Example Organization as Administrator`,
        },
      },
      Tags: [
        { Name: 'vend', Value: aVend().id },
        { Name: 'admin', Value: '4194d1706ed1f408d5e02d672777019f' },
      ],
    })
    expect(sent()[0]?.ConfigurationSetName).toBeUndefined()
    expect(onRecord.begun()).toEqual(['SendLoginEmail Administrator'])
    expect(mailsRecorded()).toEqual([
      [
        'mails/administrator payments@example.com',
        {
          messageId: 'message-1',
          secretVersion: aVend().id,
          at: expect.any(String) as string,
          email: 'payments@example.com',
          vendId: aVend().id,
        },
      ],
    ])
  })

  test('says everything that the administrator needs, as HTML and as text', async () => {
    await send()
    for (const body of bodies()) {
      for (const needed of [
        'Payments',
        accountId,
        'Administrator',
        `https://${accountId}.signin.aws.amazon.com/console`,
        secretName,
        '111122223333',
        'us-east-1',
        'Ask the platform team.',
        'In person or by phone.',
        'platform-team@example.com',
        'Example Organization',
        'AWS asks you to choose a new password the first time you sign in.',
      ])
        expect(body).toContain(needed)
      expect(body).not.toMatch(/{{|}}|undefined|\[object/)
    }
  })

  test.each(['link', 'secret'] as const)(
    'with `%s` says first what to do, and its button is the first link',
    async (delivery) => {
      await send({}, { delivery })
      const [html = '', text = ''] = bodies()
      const first =
        delivery === 'link' ? 'One link, once: it shows your password.' : 'A person gives you your password.'
      const button = delivery === 'link' ? 'https://access.example.com/link#' : `https://${accountId}.signin`
      // The part after the hidden preview.
      expect(html.slice(html.indexOf('<h1')).replace(/<[^>]*>/g, ' ')).toMatch(
        new RegExp(`^\\s*Sign in to the AWS account\\s+Payments\\s+${first}`),
      )
      expect(/href="(.*?)"/.exec(html)?.[1]).toContain(button)
      expect(text.split('\n\n')[1]).toContain(first)
    },
  )

  test('links only the page, AWS and the contact, and shows each address as it is', async () => {
    await send({}, { delivery: 'link' })
    const [html = '', text = ''] = bodies()
    const link = /https:\/\/access.example.com\/link#[\w-]{43}/
    const hosts = ['access.example.com', `${accountId}.signin.aws.amazon.com`, 'console.aws.amazon.com']
    const hostsIn = (body: string) => new Set([...body.matchAll(/https?:\/\/([^/\s"#]+)/g)].map(([, host]) => host))
    expect(hostsIn(html.replace(/ xmlns="[^"]*"|<wbr>/g, ''))).toEqual(new Set(hosts))
    expect(hostsIn(text)).toEqual(new Set(hosts))
    expect(text.match(new RegExp(link, 'g'))).toHaveLength(1)
    // The button's link is the only link to the password. The address to copy is text.
    expect(html.match(new RegExp(`"${link.source}"`, 'g'))).toHaveLength(1)
    expect(html.replaceAll('<wbr>', '').match(new RegExp(link, 'g'))).toHaveLength(2)
    expect(html).toContain(`<a href="https://${accountId}.signin.aws.amazon.com/console"`)
    expect(html).toContain(`>https://<wbr>${accountId}.<wbr>signin.<wbr>aws.<wbr>amazon.<wbr>com/<wbr>console</a>`)
  })

  test.each([
    ['event', 'Example Organization, automatically: every new AWS account gets its first administrators'],
    ['sweep', 'Example Organization, automatically: every new AWS account gets its first administrators'],
    [
      'daily round',
      'Example Organization, automatically: nobody opened the link in your earlier mail, and this mail replaces it',
    ],
    ['manual execution', 'an operator of Example Organization'],
    [undefined, 'Example Organization'],
    ['arn:aws:iam::111122223333:user/team/boss', 'boss'],
    ['arn:aws:iam::111122223333:root', 'the root user'],
    ['arn:aws:sts::111122223333:assumed-role/Deployer/build-7', 'build-7 (role Deployer)'],
    [
      'arn:aws:sts::111122223333:assumed-role/AWSReservedSSO_Platform_Admin_0123456789abcdef/ada@example.com',
      'ada@example.com (permission set Platform_Admin)',
    ],
    ['ticket 4711\nSign-in URL: https://evil.example', 'ticket 4711 Sign-in URL: https://evil.example'],
    ['x'.repeat(300), 'x'.repeat(200)],
    ['constructor', 'constructor'],
  ])('says who asked: %s', async (requestedBy, words) => {
    const { requestedBy: _, ...record } = aRecord()
    onRecord.holds(requestedBy === undefined ? record : { ...record, requestedBy })
    await send()
    const [html = '', text = ''] = bodies()
    expect(text).toContain(`\nRequested by: ${words}\n`)
    expect(html).toContain(`>${words}<`)
  })

  test.each([
    ['Payments@EXAMPLE.com', 'Payments@EXAMPLE.com is the e-mail address of this AWS account'],
    ['ada@example.com', 'ada@example.com was named as the address of the user Administrator'],
  ])('says why it went to %s', async (email, words) => {
    const account = anAccount({ email: 'Payments@example.com' })
    await send({ account, admin: { userName: 'Administrator', email, passwordResetRequired: true } })
    for (const body of bodies()) expect(body).toContain(words)
  })

  test.each([
    ['platform-team@example.com', 'mailto:platform-team@example.com?subject='],
    ['the platform team (<platform+aws@example.com>, room 7)', 'mailto:platform%2Baws@example.com?subject='],
    ['the platform team, room 7', ''],
  ])('has the contact %s as a mail link with a reference', async (contact, href) => {
    await send({}, { contact })
    const [html = '', text = ''] = bodies()
    const [, found = ''] = /href="(mailto:.*?)"/.exec(html) ?? []
    expect(found.startsWith(href)).toBe(true)
    const reference = `account ${accountId}, user Administrator, execution first`
    if (href) expect(decodeURIComponent(found)).toContain(`?subject=Sign-in to AWS: ${reference}`)
    else expect(found).toBe('')
    // The operator's details are the last line.
    expect(text.trimEnd().split('\n').at(-1)).toMatch(new RegExp(`^Reference: ${reference}, .*${secretName}$`))
    expect(text).toContain(contact)
  })

  test('does not mention a new password if the administrator need not choose one', async () => {
    await send({ admin: { userName: 'Administrator', email: 'payments@example.com', passwordResetRequired: false } })
    for (const body of bodies()) expect(body).not.toContain('choose a new password')
  })

  test('says that nothing works without MFA, if vending.yml requires MFA', async () => {
    await send()
    for (const body of bodies()) expect(body).not.toContain('denies everything')
    ses.resetHistory()
    await send({}, { mfa: 'required' })
    for (const body of bodies()) expect(body).toMatch(/Until then, AWS\s+denies everything else\./)
  })

  test('is sent with the configuration set of vending.yml', async () => {
    await send({}, { configurationSet: 'vending' })
    expect(sent()[0]?.ConfigurationSetName).toBe('vending')
  })

  test('cannot contain a password, because neither the input nor the ledger has it', async () => {
    await send({ secretPassword: 'hunter2' } as Partial<Input>)
    expect(bodies().join()).not.toContain('hunter2')
    expect(bodies().join()).not.toMatch(/password\s*:\s*\S/i)
  })
})

test('values are shown as text, whatever they contain', async () => {
  const name = '<img src=x> & "Co" {{userName}}\r\nBcc: eve@example.com'
  await send({ account: anAccount({ name }) })
  const [html = '', text = ''] = bodies()
  expect(html).not.toContain('<img src=x>')
  expect(html).toContain('&lt;img src=x&gt; &amp; &quot;Co&quot; {{userName}}')
  expect(text).not.toMatch(/^Bcc:/m)
  expect(sent()[0]?.Message?.Subject?.Data).toBe(
    `Sign in to the AWS account <img src=x> & "Co" {{userName}} Bcc: eve@example.com (${accountId}) of Example Organization as Administrator`,
  )
})

describe('running twice', () => {
  test.each(['Administrator', 'ADMINISTRATOR'])(
    'does not mail %s again once the mail is on record',
    async (userName) => {
      const mail = { messageId: 'message-1', secretVersion: aVend().id, at: '2026-11-01T09:21:20.000Z' }
      onRecord.holds(aRecord({ mails: { 'administrator payments@example.com': mail } }))
      const admin = { userName, email: 'Payments@example.com', passwordResetRequired: true }
      expect(await send({ admin })).toEqual({ mailedTo: 'Payments@example.com' })
      expect(ses.calls()).toEqual([])
      expect(mailsRecorded()).toEqual([])
    },
  )

  test('mails an address whose local part has another case: it may belong to another person', async () => {
    const email = 'Payments@example.com'
    const mail = { messageId: 'message-1', secretVersion: aVend().id, at: '2026-11-01T09:21:20.000Z', email }
    onRecord.holds(aRecord({ mails: { 'administrator Payments@example.com': mail } }))
    await send()
    expect(sent()).toHaveLength(1)
  })

  test('mails another address, and another user', async () => {
    const mail = { messageId: 'message-1', secretVersion: aVend().id, at: '2026-11-01T09:21:20.000Z' }
    onRecord.holds(aRecord({ mails: { 'administrator ada@example.com': mail, 'ada payments@example.com': mail } }))
    await send()
    expect(sent()).toHaveLength(1)
  })
})

test('a mail is recorded only after SES answered', async () => {
  const order: string[] = []
  ses.on(SendEmailCommand).callsFake(() => {
    order.push(`sent, ${mailsRecorded().length} on record`)
    return { MessageId: 'message-1' }
  })
  await send()
  expect(order).toEqual(['sent, 0 on record'])
  expect(mailsRecorded()).toHaveLength(1)
})

test('a user who signs in already gets no mail', async () => {
  expect(await send({ secretName: null })).toEqual({ mailedTo: null })
  expect(ses.calls()).toEqual([])
  expect(mailsRecorded()).toEqual([])
})

describe('the error leaves under its name:', () => {
  test.each(['Throttling', 'ThrottlingException'])(
    'MailQuotaExceededError for the daily quota, which SES reports as %s',
    async (name) => {
      ses.on(SendEmailCommand).rejects(awsError(name, 'Daily message quota exceeded.'))
      await expect(send()).rejects.toThrow(MailQuotaExceededError)
      await expect(send()).rejects.toMatchObject({ cause: { name } })
      expect(mailsRecorded()).toEqual([])
    },
  )

  test('Throttling for the rate per second, which passes by waiting', async () => {
    ses.on(SendEmailCommand).rejects(awsError('Throttling', 'Maximum sending rate exceeded.'))
    await expect(send()).rejects.toMatchObject({ name: 'Throttling' })
    expect(mailsRecorded()).toEqual([])
  })

  test.each([
    'MessageRejected',
    'MailFromDomainNotVerifiedException',
    'ConfigurationSetDoesNotExistException',
    'ConfigurationSetSendingPausedException',
    'AccountSendingPausedException',
  ])('%s of SES', async (name) => {
    ses.on(SendEmailCommand).rejects(awsError(name))
    await expect(send()).rejects.toMatchObject({ name })
    expect(mailsRecorded()).toEqual([])
  })

  test('LeaseLostError, and no mail is sent', async () => {
    onRecord.losesLease()
    await expect(send()).rejects.toThrow(LeaseLostError)
    expect(ses.calls()).toEqual([])
  })
})

describe('the sign-in URL', () => {
  test.each([
    ['aws', `https://${accountId}.signin.aws.amazon.com/console`],
    ['aws-us-gov', `https://${accountId}.signin.amazonaws-us-gov.com/console`],
    ['aws-cn', `https://${accountId}.signin.amazonaws.cn/console`],
  ])('is that of the partition %s', (partition, url) => {
    expect(signInUrl(partition, accountId)).toBe(url)
  })

  test.each(['aws-eusc', ''])('is not made up for the partition %o', (partition) => {
    expect(() => signInUrl(partition, accountId)).toThrow(/sign-in page of the partition .* is not known/)
  })

  test.each([
    ['aws', 'https://console.aws.amazon.com/iam/home#/security_credentials'],
    ['aws-us-gov', 'https://console.amazonaws-us-gov.com/iam/home#/security_credentials'],
    ['aws-cn', 'https://console.amazonaws.cn/iam/home#/security_credentials'],
  ])('has beside it the page for MFA in the partition %s', (partition, url) => {
    expect(securityCredentialsUrl(partition)).toBe(url)
    expect(() => securityCredentialsUrl('aws-eusc')).toThrow(/console of the partition/)
  })

  test('follows the partition of the execution, as Region and management account do', async () => {
    await send({
      vend: aVend({ executionArn: 'arn:aws-us-gov:states:us-gov-west-1:777788889999:execution:vend:first' }),
    })
    for (const body of bodies()) {
      expect(body).toContain(`https://${accountId}.signin.amazonaws-us-gov.com/console`)
      expect(body).toContain('https://console.amazonaws-us-gov.com/iam/home#/security_credentials')
      expect(body).toContain('passkey or an authenticator app')
      expect(body).toContain('us-gov-west-1')
      expect(body).toContain('777788889999')
    }
  })
})
