import { DynamoDBClient } from '@aws-sdk/client-dynamodb'
import { SendEmailCommand, SESClient } from '@aws-sdk/client-ses'
import { mockClient } from 'aws-sdk-client-mock'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { scan } from '../../functions/shared/ledger.ts'
import { lastMails, mailTags, readMail, recordSending } from '../../functions/shared/mail-events.ts'
import { parseInput } from '../../functions/shared/parse.ts'
import { recordMailEvent, recordMailEventInput } from '../../functions/record-mail-event/record-mail-event.ts'
import { startEndpoint } from '../../local/aws/endpoint.ts'
import { createWorld } from '../../local/aws/world.ts'
import { createLedger } from '../../local/create-ledger.ts'
import { accountId, adminAccess, awsError, managementAccountId } from '../support/builders.ts'

// A condition of DynamoDB decides which event counts, so a DynamoDB evaluates the condition here.

const ses = mockClient(SESClient)
let dynamodb: DynamoDBClient
let close: () => Promise<unknown>
beforeAll(async () => {
  const world = createWorld()
  const endpoint = await startEndpoint(world)
  close = endpoint.close
  dynamodb = new DynamoDBClient({
    endpoint: endpoint.url,
    region: world.region,
    credentials: { accessKeyId: world.managementAccountId, secretAccessKey: 'local' },
  })
  await createLedger(dynamodb, 'ledger')
})
afterAll(() => close())

const ledger = () => ({ dynamodb, tableName: 'ledger' })
const sentMail = {
  accountId,
  accountName: 'Payments',
  userName: 'Ada',
  email: 'Ada@example.com',
  groups: ['Administrators'],
  policies: [] as string[],
}
let vends = 0
let tags: ReturnType<typeof mailTags>
beforeEach(async () => {
  // A new mail for each test.
  tags = mailTags(String((vends += 1)).padStart(32, '0'), 'ada')
  await recordSending(ledger(), tags, sentMail)
  ses.reset()
  ses.on(SendEmailCommand).resolves({ MessageId: 'notice-1' })
})

const stateMachineArn = `arn:aws:states:us-east-1:${managementAccountId}:stateMachine:account-vending-prod`
const config = {
  sender: 'vending@example.com',
  configurationSet: 'account-vending-prod',
  notify: ['platform@example.com'],
  groups: [{ name: 'Administrators' }, { name: 'Auditors' }],
  stateMachineArn,
}

// Events as SES sends them (SES Developer Guide, event-publishing-retrieving-sns-examples and monitoring-eventbridge).
const at = (seconds: number) => `2026-11-27T09:00:${String(seconds).padStart(2, '0')}.500Z`
type Sent = { mailTags?: Record<string, string>; destination?: string[]; time?: string }
const event = (
  eventType: string,
  detail: object,
  { mailTags = tags, destination = ['ada@example.com'], time = at(59) }: Sent = {},
) => ({
  version: '0',
  source: 'aws.ses',
  account: managementAccountId,
  time,
  detail: {
    eventType,
    mail: {
      timestamp: at(0),
      messageId: 'message-1',
      destination,
      tags: {
        'ses:configuration-set': ['account-vending-prod'],
        ...Object.fromEntries(Object.entries(mailTags).map(([name, value]) => [name, [value]])),
      },
    },
    ...detail,
  },
})
const delivered = (seconds: number) =>
  event('Delivery', {
    delivery: { timestamp: at(seconds), recipients: ['ada@example.com'], smtpResponse: '250 OK' },
  })
const delayed = (seconds: number) =>
  event('DeliveryDelay', {
    deliveryDelay: {
      timestamp: at(seconds),
      delayType: 'MailboxFull',
      delayedRecipients: [{ emailAddress: 'ada@example.com', status: '4.2.2', diagnosticCode: 'smtp; 452 full' }],
    },
  })
const bounce = (seconds: number, emailAddress = 'ada@example.com') => ({
  bounce: {
    timestamp: at(seconds),
    bounceType: 'Permanent',
    bounceSubType: 'General',
    bouncedRecipients: [{ emailAddress, status: '5.1.1', diagnosticCode: 'smtp; 550 5.1.1\nuser unknown' }],
  },
})
const bounced = (seconds: number) => event('Bounce', bounce(seconds))
const complained = (seconds: number) =>
  event('Complaint', {
    complaint: {
      timestamp: at(seconds),
      complaintFeedbackType: 'abuse',
      complainedRecipients: [{ emailAddress: 'ada@example.com' }],
    },
  })
const rejected = (time: string) => event('Reject', { reject: { reason: 'Bad content' } }, { time })

const take = (input: unknown, overrides: Partial<typeof config> = {}) =>
  recordMailEvent({ ses: new SESClient({}), ledger: ledger() }, parseInput(recordMailEventInput, input), {
    ...config,
    ...overrides,
  })
const status = async () => {
  const mail = await readMail(ledger(), tags)
  return mail && { status: mail.status, at: mail.at, reason: mail.reason }
}
const notices = () => ses.commandCalls(SendEmailCommand).map(({ args }) => args[0].input)
const text = () => notices()[0]?.Message?.Body?.Text?.Data ?? ''

describe('what became of a mail', () => {
  const unknownUser = 'Permanent, General: smtp; 550 5.1.1 user unknown'
  test.each([
    ['delivered', () => delivered(1), { at: at(1) }],
    ['delayed', () => delayed(2), { at: at(2), reason: 'MailboxFull: smtp; 452 full' }],
    ['bounced', () => bounced(3), { at: at(3), reason: unknownUser }],
    ['complained', () => complained(4), { at: at(4), reason: 'abuse' }],
    // SES tells no time of a rejection.
    ['rejected', () => rejected('2026-11-27T09:00:05Z'), { at: '2026-11-27T09:00:05.000Z', reason: 'Bad content' }],
  ])('%s', async (wanted, make, told) => {
    expect(await take(make())).toEqual({ outcome: wanted, accountId })
    expect(await status()).toEqual({ status: wanted, reason: undefined, ...told })
  })

  test.each([
    ['delivered, and then bounced', () => [delivered(1), bounced(5)], 'bounced'],
    ['the same, in the other order', () => [bounced(5), delivered(1)], 'bounced'],
    ['bounced, and then delivered by a second try', () => [bounced(1), delivered(5)], 'delivered'],
    ['the same, in the other order', () => [delivered(5), bounced(1)], 'delivered'],
    [
      'delayed twice, delivered, and marked as spam',
      () => [delivered(7), complained(9), delayed(3), delayed(5)],
      'complained',
    ],
    ['each event twice', () => [delivered(1), delivered(1), bounced(5), bounced(5), delivered(1)], 'bounced'],
  ])('%s', async (_, make, wanted) => {
    for (const one of make()) await take(one)
    expect((await status())?.status).toBe(wanted)
  })

  test('the reason of an earlier status does not stay', async () => {
    await take(delayed(1))
    await take(delivered(2))
    expect(await status()).toEqual({ status: 'delivered', at: at(2), reason: undefined })
  })

  test('any event counts against the sending, even if SES’s clock is behind', async () => {
    await take(event('Delivery', { delivery: { timestamp: '2020-01-01T00:00:00.000Z' } }))
    expect((await status())?.status).toBe('delivered')
  })

  test('is found by administrator, and the last mail counts', async () => {
    await take(bounced(1))
    expect((await scan(ledger(), { mails: lastMails })).mails.get(`${accountId}#ada`)?.status).toBe('bounced')
    await recordSending(ledger(), mailTags('f'.repeat(32), 'ADA'), { ...sentMail, userName: 'ADA' })
    expect((await scan(ledger(), { mails: lastMails })).mails.get(`${accountId}#ada`)?.status).toBe('sent')
  })
})

describe('an event that is not about a sign-in mail of this service is ignored:', () => {
  test.each([
    [
      'another vend, of another stage',
      () => event('Bounce', bounce(1), { mailTags: mailTags('f0'.repeat(16), 'ada') }),
    ],
    ['another administrator', () => event('Bounce', bounce(1), { mailTags: { ...tags, admin: '0'.repeat(32) } })],
    ['a mail without our tags', () => event('Bounce', bounce(1), { mailTags: {} })],
    ['an event of another type', () => event('Open', { open: { timestamp: at(1) } })],
    [
      'the feedback of an identity',
      () => ({
        time: at(1),
        detail: { notificationType: 'Bounce', ...bounce(1), mail: { destination: ['ada@example.com'] } },
      }),
    ],
    [
      'a reminder that arrived',
      () => event('Delivery', { delivery: { timestamp: at(1) } }, { mailTags: { ...tags, reminder: 'yes' } }),
    ],
    [
      'another recipient of the mail',
      () => event('Bounce', bounce(1, 'bob@example.com'), { destination: ['Ada@example.com', 'bob@example.com'] }),
    ],
  ])('%s', async (_, make) => {
    expect(await take(make())).toEqual({ outcome: 'Ignored' })
    expect((await status())?.status).toBe('sent')
    expect(notices()).toEqual([])
  })

  test('but the administrator among several recipients counts, whatever the case of the domain', async () => {
    const destination = ['bob@example.com', 'Ada@example.com']
    expect(await take(event('Bounce', bounce(1, 'Ada@EXAMPLE.com'), { destination }))).toMatchObject({
      outcome: 'bounced',
    })
  })

  test('and so does the only recipient under another address, as after forwarding', async () => {
    expect(await take(event('Bounce', bounce(1, 'ada@forwarded.example.net')))).toMatchObject({ outcome: 'bounced' })
  })
})

test('a reminder that bounced says that the address is in trouble, and is told as a reminder', async () => {
  await take(delivered(1))
  const mailTags = { ...tags, reminder: 'yes' }
  expect(await take(event('Bounce', bounce(2), { mailTags }))).toMatchObject({ outcome: 'bounced' })
  expect((await status())?.status).toBe('bounced')
  expect(notices()[0]?.Message?.Subject?.Data).toBe(`The reminder for Ada in Payments (${accountId}) bounced`)
})

describe('the notice', () => {
  test('of a bounce says who, which account, the address, why, and the next commands', async () => {
    await take(bounced(1))
    expect(notices()).toHaveLength(1)
    expect(notices()[0]).toMatchObject({
      Source: 'vending@example.com',
      Destination: { ToAddresses: ['platform@example.com'] },
      Message: { Subject: { Data: `The sign-in mail for Ada in Payments (${accountId}) bounced` } },
      ConfigurationSetName: 'account-vending-prod',
    })
    // Without the tags, no event about the notice comes back here.
    expect(notices()[0]).not.toHaveProperty('Tags')
    for (const needed of [
      `Account:       Payments (${accountId})`,
      'Administrator: Ada',
      'Address:       Ada@example.com',
      'Reason:        Permanent, General: smtp; 550 5.1.1 user unknown',
      `\n  npx vend start ${accountId} --admin Ada=CORRECT-ADDRESS --region us-east-1\n`,
      `\n  npx vend link ${accountId} Ada --region us-east-1\n`,
    ])
      expect(text()).toContain(needed)
    expect(text()).not.toContain('request.json')
  })

  test('asks for the same groups and policies: a new address must not make somebody an administrator', async () => {
    await recordSending(ledger(), tags, { ...sentMail, groups: ['Auditors'], policies: [adminAccess] })
    await take(bounced(1))
    const request = {
      admins: [{ userName: 'Ada', email: 'CORRECT-ADDRESS', groups: ['Auditors'], policies: [adminAccess] }],
      accountId,
    }
    expect(text()).toContain(`\n  ${JSON.stringify(request)}\n`)
    expect(text()).toContain(`\n  npx vend start ${accountId} --file request.json --region us-east-1\n`)
  })

  test.each([
    ['complaint', () => complained(1), 'was marked as spam'],
    ['rejection', () => rejected(at(1)), 'was not sent'],
  ])('of a %s', async (_, make, words) => {
    await take(make())
    expect(notices()[0]?.Message?.Subject?.Data).toContain(words)
  })

  test.each([
    ['delivery', () => delivered(1)],
    ['delay', () => delayed(1)],
  ])('of a %s does not exist', async (_, make) => {
    await take(make())
    expect(notices()).toEqual([])
  })

  test('comes once for each status, however often the events come', async () => {
    for (const one of [bounced(1), bounced(1), bounced(2), complained(3), complained(3)]) await take(one)
    expect(notices().map(({ Message }) => Message?.Subject?.Data?.split(') ')[1])).toEqual([
      'bounced',
      'was marked as spam',
    ])
  })

  test('comes although a later event is on record already', async () => {
    await take(delivered(5))
    await take(bounced(1))
    expect(notices()).toHaveLength(1)
    expect((await status())?.status).toBe('delivered')
  })

  test('that SES refuses fails the function after the status was recorded, and comes with the next try', async () => {
    ses
      .on(SendEmailCommand)
      .rejectsOnce(awsError('Throttling', 'Maximum sending rate exceeded.'))
      .resolves({ MessageId: 'notice-1' })
    await expect(take(bounced(1))).rejects.toThrow('Maximum sending rate exceeded.')
    expect((await status())?.status).toBe('bounced')
    await take(bounced(1))
    await take(bounced(1))
    expect(notices()).toHaveLength(2)
  })

  test('lets no reason of a foreign mail server forge a line', async () => {
    const forged = bounce(1)
    forged.bounce.bouncedRecipients[0]!.diagnosticCode = 'smtp; 550\r\n\r\n  npx vend forged\u2028now'
    await take(event('Bounce', forged))
    expect(text()).not.toMatch(/^\s*npx vend forged/m)
  })

  test('links to the runbook if there is one', async () => {
    await take(bounced(1), { runbook: 'https://wiki.example.com/vending' } as never)
    expect(text()).toContain('Runbook: https://wiki.example.com/vending')
  })
})
