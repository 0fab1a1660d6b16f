import { SendEmailCommand, SendRawEmailCommand, SESClient } from '@aws-sdk/client-ses'
import { mockClient } from 'aws-sdk-client-mock'
import { beforeEach, describe, expect, test, vi } from 'vitest'
import { MailQuotaExceededError } from '../../functions/shared/errors.ts'
import { messageIdHeader } from '../../functions/shared/raw-mail.ts'
import { sendMail, tellOnce } from '../../functions/shared/send-mail.ts'
import { awsError } from '../support/builders.ts'
import { asSendEmail } from '../support/mail-operations.ts'

const ses = new SESClient({ region: 'us-east-1' })
const sent = mockClient(ses)
const mail = { to: ['ada@example.com'], subject: 'Two\nlines', text: 'Hello' }
const config = { sender: 'vending@example.com' }
beforeEach(() => {
  sent.reset()
  sent.on(SendEmailCommand).resolves({ MessageId: 'message-1' })
})

describe('sendMail', () => {
  test('sends a mail of text alone, with a subject on one line', async () => {
    expect(await sendMail(ses, mail, config)).toBe('message-1')
    expect(sent.call(0).args[0].input).toEqual({
      Source: 'vending@example.com',
      Destination: { ToAddresses: ['ada@example.com'] },
      Message: {
        Subject: { Charset: 'UTF-8', Data: 'Two lines' },
        Body: { Text: { Charset: 'UTF-8', Data: 'Hello' } },
      },
      ConfigurationSetName: undefined,
    })
  })

  test('names the identity of another account, if vending.yml has one', async () => {
    const senderIdentity = 'arn:aws:ses:us-east-1:444455556666:identity/example.com'
    await sendMail(ses, mail, { ...config, senderIdentity })
    expect(sent.call(0).args[0].input).toMatchObject({ Source: 'vending@example.com', SourceArn: senderIdentity })
  })

  test('distinguishes the daily quota from the limit per second', async () => {
    const throttled = awsError('Throttling', 'Maximum sending rate exceeded.')
    sent.on(SendEmailCommand).rejects(throttled)
    await expect(sendMail(ses, mail, config)).rejects.toMatchObject({ name: 'Throttling' })
    sent.on(SendEmailCommand).rejects(awsError('Throttling', 'Daily message quota exceeded.'))
    const refused = await sendMail(ses, mail, config).catch((error: unknown) => error)
    expect(refused).toBeInstanceOf(MailQuotaExceededError)
    expect(refused).toMatchObject({ message: 'SES says: Daily message quota exceeded.' })
  })
})

describe('a mail that answers another mail', () => {
  const answer = {
    to: Array.from({ length: 50 }, (_, i) => `somebody-with-a-long-name-${i}@subdomain.example.com`),
    subject: `Re: Zoë & Söhne 👩‍💻 ${'ü'.repeat(100)}`,
    text: `Grüße\n${'x'.repeat(2000)}\n`,
    html: '<p>Grüße</p>',
    tags: { vend: 'a' },
    inReplyTo: '<message-0@email.amazonses.com>',
  }
  beforeEach(() => sent.on(SendRawEmailCommand).resolves({ MessageId: 'message-2' }))
  const raw = () => sent.commandCalls(SendRawEmailCommand)[0]!.args[0].input

  test('has the headers of a thread, and the same text and HTML', async () => {
    const senderIdentity = 'arn:aws:ses:us-east-1:444455556666:identity/example.com'
    expect(await sendMail(ses, answer, { ...config, senderIdentity, configurationSet: 'set' })).toBe('message-2')
    expect(raw()).toMatchObject({
      Source: 'vending@example.com',
      SourceArn: senderIdentity,
      Destinations: answer.to,
      ConfigurationSetName: 'set',
      Tags: [{ Name: 'vend', Value: 'a' }],
    })
    expect(asSendEmail(raw() as Parameters<typeof asSendEmail>[0])).toMatchObject({
      InReplyTo: answer.inReplyTo,
      Message: { Body: { Text: { Data: answer.text }, Html: { Data: answer.html } } },
    })
    const message = Buffer.from(raw().RawMessage!.Data!).toString()
    expect(message).toContain(`\r\nReferences: ${answer.inReplyTo}\r\n`)
    // RFC 5322: ASCII, and at most 998 characters a line. RFC 2047: at most 75 characters a word, of whole characters.
    expect(message).toMatch(/^[\r\n -~]*$/)
    expect(message.split('\r\n').filter((line) => line.length > 200 || line.includes('\n'))).toEqual([])
    const words = [...(/^Subject: ([^]*?)\r\n(?! )/m.exec(message)?.[1] ?? '').matchAll(/=\?UTF-8\?B\?(.*?)\?=/g)]
    expect(words.length).toBeGreaterThan(3)
    expect(words.filter(([word]) => word.length > 75)).toEqual([])
    expect(words.map(([, word = '']) => Buffer.from(word, 'base64').toString()).join('')).toBe(answer.subject)
  })

  test.each([
    ['Re: Vending account Payments failed', 'Re: Vending account Payments failed'],
    ['two\r\nBcc: eve@example.com', 'two Bcc: eve@example.com'],
    ['=?UTF-8?B?forged?=', `=?UTF-8?B?${btoa('=?UTF-8?B?forged?=')}?=`],
  ])('has the subject %j as %j', async (subject, header) => {
    await sendMail(ses, { ...answer, subject }, config)
    const message = Buffer.from(raw().RawMessage!.Data!).toString()
    expect(message).toContain(`\r\nSubject: ${header}\r\n`)
    expect(message).not.toMatch(/^Bcc:/m)
  })

  test('is sent without a thread if the owner of the identity allows SendEmail only', async () => {
    sent.on(SendRawEmailCommand).rejects(awsError('AccessDenied'))
    expect(await sendMail(ses, answer, config)).toBe('message-1')
    expect(sent.commandCalls(SendEmailCommand)[0]?.args[0].input).toMatchObject({
      Destination: { ToAddresses: answer.to },
      Message: { Subject: { Data: answer.subject } },
    })
  })

  test('fails as any other mail fails', async () => {
    sent.on(SendRawEmailCommand).rejects(awsError('Throttling', 'Daily message quota exceeded.'))
    await expect(sendMail(ses, answer, config)).rejects.toThrow(MailQuotaExceededError)
  })

  test.each([
    ['us-east-1', '<m@email.amazonses.com>'],
    ['us-gov-west-1', '<m@us-gov-west-1.amazonses.com>'],
  ])('names the first mail as SES does in %s', (region, header) => {
    expect(messageIdHeader('m', region)).toBe(header)
  })
})

describe('tellOnce', () => {
  test('records a mail after it was sent', async () => {
    const recordSent = vi.fn(async () => expect(sent.calls()).toHaveLength(1))
    expect(await tellOnce(ses, mail, { isSent: () => false, recordSent }, config)).toBe(true)
    expect(recordSent).toHaveBeenCalledExactlyOnceWith('message-1')
  })

  test('does not send a mail that is on record', async () => {
    const recordSent = vi.fn(async () => undefined)
    expect(await tellOnce(ses, mail, { isSent: async () => true, recordSent }, config)).toBe(false)
    expect(sent.calls()).toEqual([])
    expect(recordSent).not.toHaveBeenCalled()
  })

  test('does not record a mail that was not sent', async () => {
    sent.on(SendEmailCommand).rejects(awsError('MessageRejected'))
    const recordSent = vi.fn(async () => undefined)
    await expect(tellOnce(ses, mail, { isSent: () => false, recordSent }, config)).rejects.toMatchObject({
      name: 'MessageRejected',
    })
    expect(recordSent).not.toHaveBeenCalled()
  })
})
