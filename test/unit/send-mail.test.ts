import { SendEmailCommand, SESClient } from '@aws-sdk/client-ses'
import { mockClient } from 'aws-sdk-client-mock'
import { beforeEach, describe, expect, test, vi } from 'vitest'
import { MailQuotaExceededError } from '../../functions/shared/errors.ts'
import { sendMail, tellOnce } from '../../functions/shared/send-mail.ts'
import { awsError } from '../support/builders.ts'

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
    await expect(sendMail(ses, mail, config)).rejects.toThrow(MailQuotaExceededError)
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
