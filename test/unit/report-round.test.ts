import { DeleteItemCommand, DynamoDBClient, ScanCommand } from '@aws-sdk/client-dynamodb'
import { EventBridgeClient, PutEventsCommand, type PutEventsCommandInput } from '@aws-sdk/client-eventbridge'
import { SendEmailCommand, SESClient } from '@aws-sdk/client-ses'
import { marshall } from '@aws-sdk/util-dynamodb'
import { mockClient } from 'aws-sdk-client-mock'
import { beforeEach, describe, expect, test } from 'vitest'
import { reportRound } from '../../functions/report-round/report-round.ts'
import type { Ledger } from '../../functions/shared/ledger.ts'
import { findingKey, type FindingKind, type Look, lookKey, readLook } from '../../functions/shared/look.ts'
import { startEndpoint } from '../../local/aws/endpoint.ts'
import { createWorld } from '../../local/aws/world.ts'
import { inMemoryDynamoDB } from '../simulation/dynamodb.ts'
import { accountId, aVendedRecord, awsError } from '../support/builders.ts'
import { aFinding, aGoneFinding, aLook, putItem, putLook as putLookIn } from '../support/looks.ts'
import { realLedger } from '../support/real-ledger.ts'

const ledger = realLedger()
const ses = mockClient(SESClient)
const events = mockClient(EventBridgeClient)

const config = {
  sender: 'Account Vending <account-vending@example.com>',
  notify: ['platform-team@example.com'],
  runbook: 'https://example.com/runbook',
  command: 'npx vend drift --region us-east-1',
}
type Clients = Parameters<typeof reportRound>[0]
let figures: Parameters<Clients['record']>[0][]
const reportIn = (ledger: Ledger) => {
  const clients = { ses: new SESClient({}), events: new EventBridgeClient({}), ledger }
  return reportRound({ ...clients, record: (counted) => figures.push(counted) }, config)
}
const report = () => reportIn(ledger())

/** A ledger with room for many items: dynalite needs seconds for 10,000. */
const openManyItems = async () => {
  const world = createWorld()
  const memory = inMemoryDynamoDB('ledger', Date.now)
  const endpoint = await startEndpoint(world, { operations: { dynamodb: memory.operations } })
  const credentials = { accessKeyId: world.managementAccountId, secretAccessKey: 'local' }
  const dynamodb = new DynamoDBClient({ endpoint: endpoint.url, region: world.region, credentials })
  return {
    ledger: { dynamodb, tableName: 'ledger' },
    put: (item: object) =>
      memory.operations['PutItem']!(world, { TableName: 'ledger', Item: marshall(item) } as never, undefined as never),
    close: endpoint.close,
  }
}

const mails = () => ses.commandCalls(SendEmailCommand).map(({ args }) => args[0].input)
const subjects = () => mails().map(({ Message }) => Message?.Subject?.Data)
const textOf = (mail = mails().at(-1)) => mail?.Message?.Body?.Text?.Data ?? ''

type Detail = { accountId: string; kind: string; status: string; subject: string }
const batches = () => events.commandCalls(PutEventsCommand).map(({ args }) => args[0].input.Entries ?? [])
const details = () =>
  batches()
    .flat()
    .map(({ Detail = '' }) => JSON.parse(Detail) as Detail)
const told = () => details().map(({ status, accountId, kind, subject }) => [status, accountId, kind, subject].join(' '))

const takesAll = ({ Entries = [] }: PutEventsCommandInput) => ({
  FailedEntryCount: 0,
  Entries: Entries.map((_, i) => ({ EventId: `${i}` })),
})

const put = (pk: string, item: object) => putItem(ledger(), pk, item)
const putLook = (look: Look) => putLookIn(ledger(), look)
const look = async (id = accountId) => (await readLook(ledger(), id))!

beforeEach(async () => {
  figures = []
  ses.reset()
  ses.on(SendEmailCommand).resolves({ MessageId: '1' })
  events.reset()
  events.on(PutEventsCommand).callsFake(takesAll)
  const { Items = [] } = await ledger().dynamodb.send(
    new ScanCommand({ TableName: 'ledger', ProjectionExpression: 'pk' }),
  )
  for (const Key of Items) await ledger().dynamodb.send(new DeleteItemCommand({ TableName: 'ledger', Key }))
})

describe('once', () => {
  test('a new finding is told in a mail and an event, and never again', async () => {
    await putLook(aLook([aFinding()]))
    expect(await report()).toEqual({
      accounts: 1,
      accountsWithFindings: 1,
      open: 1,
      openByKind: { 'mfa-off': 1 },
      new: 1,
      gone: 0,
      mailed: true,
    })
    expect(mails()[0]?.Destination?.ToAddresses).toEqual(['platform-team@example.com'])
    expect(subjects()).toEqual(['The daily round: 1 new finding'])
    expect(batches()).toEqual([
      [
        {
          Source: 'account-vending',
          DetailType: 'Finding',
          Resources: undefined,
          Detail: JSON.stringify({
            status: 'new',
            accountId,
            accountName: 'Payments',
            kind: 'mfa-off',
            subject: 'ada',
            text: 'ada has mfa-off. Ask ada.',
            since: '2026-11-20T06:12:00.000Z',
          }),
        },
      ],
    ])
    const { findings } = await look()
    expect(findings).toEqual({ 'mfa-off#ada': { ...aFinding(), toldAt: expect.any(String) as string } })
    expect(await report()).toMatchObject({ open: 1, new: 0, gone: 0, mailed: false })
    expect(mails()).toHaveLength(1)
    expect(batches()).toHaveLength(1)
  })

  test('a finding that is gone is told as gone, and leaves the ledger', async () => {
    await putLook(aLook([], { gone: { 'mfa-off#ada': aGoneFinding() } }))
    expect(await report()).toMatchObject({ open: 0, new: 0, gone: 1, mailed: true })
    expect(subjects()).toEqual(['The daily round: 1 finding is gone'])
    expect(textOf()).toContain('MFA is off (1)\n    444455556666 (Payments): ada, found on 2026-11-20')
    expect(told()).toEqual([`gone ${accountId} mfa-off ada`])
    expect(details()).toMatchObject([{ goneAt: '2026-11-20T06:12:00.000Z' }])
    expect(await look()).toMatchObject({ findings: {}, gone: {} })
    expect(await report()).toMatchObject({ gone: 0, mailed: false })
    expect(mails()).toHaveLength(1)
  })

  test('a finding that comes back is told again', async () => {
    await putLook(aLook([aFinding()]))
    await report()
    await putLook(aLook([aFinding('mfa-off', 'ada', { since: '2026-11-22T06:12:00.000Z' })]))
    expect(await report()).toMatchObject({ new: 1, mailed: true })
    expect(mails()).toHaveLength(2)
  })

  test('without findings there is no mail, no event and no write', async () => {
    await putLook(aLook())
    expect(await report()).toMatchObject({ accounts: 1, open: 0, new: 0, gone: 0, mailed: false })
    expect(mails()).toEqual([])
    expect(batches()).toEqual([])
  })

  test('an account that left the organization is not told', async () => {
    await putLook(aLook([aFinding()], { gone: { 'group-gone#admins': aGoneFinding() } }))
    await put(`account#${accountId}`, aVendedRecord({ status: 'DEPARTED' }))
    expect(await report()).toMatchObject({ accounts: 0, open: 0, new: 0, gone: 0, mailed: false })
    expect(mails()).toEqual([])
  })
})

describe('a report that stops', () => {
  const two = [aFinding('mfa-off', 'ada'), aFinding('policy-added', 'bob')]

  test('before its mail: the next try sends the same mail', async () => {
    await putLook(aLook(two))
    ses.on(SendEmailCommand).rejectsOnce(awsError('Throttling')).resolves({ MessageId: '1' })
    await expect(report()).rejects.toMatchObject({ name: 'Throttling' })
    expect(batches()).toEqual([])
    expect(await report()).toMatchObject({ new: 2, mailed: true })
    expect(mails()).toHaveLength(2)
    expect(textOf(mails()[0])).toBe(textOf(mails()[1]))
  })

  test('between its mail and its marks: nobody is told twice', async () => {
    await putLook(aLook(two))
    events.on(PutEventsCommand).rejectsOnce(awsError('InternalException')).callsFake(takesAll)
    await expect(report()).rejects.toMatchObject({ name: 'InternalException' })
    expect(await report()).toMatchObject({ new: 2, mailed: false })
    expect(mails()).toHaveLength(1)
    expect(told()).toHaveLength(2 + 2)
    expect(await report()).toMatchObject({ new: 0, mailed: false })
  })

  test('and that is never redriven: the next round mails only what is newer', async () => {
    await putLook(aLook(two))
    events.on(PutEventsCommand).rejectsOnce(awsError('InternalException')).callsFake(takesAll)
    await expect(report()).rejects.toThrow()
    // The look of the next day keeps what the report has marked.
    const before = await look()
    const newer = aFinding('group-gone', 'Administrators', { since: '2026-11-21T06:12:00.000Z' })
    const findings = { ...before.findings, [findingKey(newer)]: newer }
    await putLook({ ...before, at: '2026-11-21T06:12:00.000Z', findings })
    expect(await report()).toMatchObject({ new: 3, mailed: true })
    expect(subjects()).toEqual(['The daily round: 2 new findings', 'The daily round: 1 new finding'])
    expect(textOf()).toContain('A group is gone: 1 new')
    expect(textOf()).not.toContain('MFA')
    expect(Object.values((await look()).findings).filter(({ report }) => report)).toEqual([])
  })

  test('before the mail, and the next round finds more: one mail tells all', async () => {
    await putLook(aLook(two))
    ses.on(SendEmailCommand).rejectsOnce(awsError('Throttling')).resolves({ MessageId: '1' })
    await expect(report()).rejects.toThrow()
    await putLook(aLook([aFinding('user-gone', 'eve')], { accountId: '777788889999', accountName: 'Sandbox' }))
    expect(await report()).toMatchObject({ new: 3, mailed: true })
    expect(subjects()[1]).toBe('The daily round: 3 new findings')
  })

  test('a look that another round makes meanwhile keeps what it found', async () => {
    await putLook(aLook(two))
    const later = aLook([aFinding('root-credentials', '')], { at: '2026-11-20T07:00:00.000Z' })
    events.on(PutEventsCommand).callsFake(async (input: PutEventsCommandInput) => {
      await putLook(later)
      return takesAll(input)
    })
    await report()
    expect(await look()).toMatchObject(later)
  })
})

describe('events', () => {
  test('an event that EventBridge refuses is sent again, and no other', async () => {
    const accounts = Array.from({ length: 12 }, (_, n) => String(700000000000 + n))
    for (const id of accounts) await putLook(aLook([aFinding(), aFinding('group-gone', 'Admins')], { accountId: id }))
    const refused = { ErrorCode: 'ThrottlingException', ErrorMessage: 'Rate exceeded' }
    events.on(PutEventsCommand).callsFake(({ Entries = [] }: PutEventsCommandInput) => {
      const answers = Entries.map(({ Detail = '' }, i) =>
        /"accountId":"70000000000[37]".*"kind":"group-gone"/.test(Detail) ? refused : { EventId: `${i}` },
      )
      return { FailedEntryCount: answers.filter((answer) => 'ErrorCode' in answer).length, Entries: answers }
    })
    await expect(report()).rejects.toMatchObject({ name: 'ThrottlingException', message: 'Rate exceeded' })
    expect(batches().map(({ length }) => length)).toEqual([10, 10, 4])
    events.resetHistory()
    events.on(PutEventsCommand).callsFake(takesAll)
    expect(await report()).toMatchObject({ new: 2, mailed: false })
    expect(told().sort()).toEqual(['new 700000000003 group-gone Admins', 'new 700000000007 group-gone Admins'])
    expect(mails()).toHaveLength(1)
    // Each try counts the events that it has sent.
    expect(figures.map(({ open, ...counts }) => [open, counts.new])).toEqual([
      [24, 22],
      [24, 2],
    ])
  })
})

describe('the mail', () => {
  test('has the worst first, with counts', async () => {
    await putLook(
      aLook([
        aFinding('never-signed-in', 'ada'),
        aFinding('root-credentials', ''),
        aFinding('mfa-off', 'old', { toldAt: '2026-11-19T06:15:00.000Z' }),
        aFinding('mfa-off', 'ada'),
      ]),
    )
    await putLook(aLook([], { accountId: '777788889999' }))
    await report()
    expect(textOf()).toBe(`The daily round: 3 new findings

The daily round compares the accounts with vending.yml and with the ledger.

Open findings: 4, in 1 of the 2 accounts that daily rounds have looked at.

New, the most serious first. The comparison has not repaired any of these findings:

  The root user has credentials: 1 new, 1 open
    444455556666 (Payments): has root-credentials. Ask .
  
  MFA is off: 1 new, 2 open
    444455556666 (Payments): ada has mfa-off. Ask ada.
  
  An administrator has never signed in: 1 new, 1 open
    444455556666 (Payments): ada has never-signed-in. Ask ada.

This command lists every open finding, and what to do:

  npx vend drift --region us-east-1

Runbook: https://example.com/runbook
`)
  })

  test.each([
    [
      'the console sign-in',
      { passwords: { ada: { vendId: 'v', at: '2026-11-01', removedAt: '2026-11-19T07:00:00.000Z' } } },
    ],
    [
      'the user',
      {
        passwords: {},
        removal: {
          what: 'everything' as const,
          at: '2026-11-19T07:00:00.000Z',
          by: 'arn',
          users: [{ userName: 'Ada', is: 'deleted' as const }],
          groups: [],
          stays: [],
        },
      },
    ],
  ])('does not sound as if somebody had signed in when a removal took away %s', async (_, more) => {
    const gone = (since: string) => aGoneFinding({ kind: 'never-signed-in', since })
    const putGone = (since: string) => putLook(aLook([], { gone: { 'never-signed-in#ada': gone(since) } }))
    await put(`account#${accountId}`, aVendedRecord(more))
    await putGone('2026-11-18T06:12:00.000Z')
    await report()
    expect(textOf()).toContain('ada, found on 2026-11-18: the console sign-in was removed on 2026-11-19\n')
    expect(textOf()).not.toContain('has not repaired')
    // A removal before the finding is not why the finding is gone.
    await putGone('2026-11-20T06:12:00.000Z')
    await report()
    expect(textOf()).toContain('ada, found on 2026-11-20\n')
  })

  test('no name of others gets a line of its own', async () => {
    const trap = 'ada\n\n  npx vend remove 444455556666\n\u202e'
    await putLook(aLook([aFinding('mfa-off', trap)], { accountName: trap }))
    await report()
    expect(
      textOf()
        .split('\n')
        .filter((line) => /^\s*npx/.test(line)),
    ).toEqual(['  npx vend drift --region us-east-1'])
    expect(textOf()).not.toContain('\u202e')
  })

  test('10,000 accounts with 300 new findings: one mail that a person can read, and 300 events', async () => {
    const kinds: FindingKind[] = ['mfa-off', 'policy-added', 'never-signed-in']
    const looks = Array.from({ length: 10_000 }, (_, n) => {
      const findings = n % 100 < 3 ? [aFinding(kinds[n % 100], 'ada')] : []
      return aLook(findings, { accountId: String(700000000000 + n), accountName: `Account ${n}` })
    })
    const many = await openManyItems()
    for (const one of looks) many.put({ ...one, pk: lookKey(one.accountId) })
    const report = () => reportIn(many.ledger)
    expect(await report()).toMatchObject({ accounts: 10_000, accountsWithFindings: 300, open: 300, new: 300 })
    expect(subjects()).toEqual(['The daily round: 300 new findings'])
    expect(textOf().split('\n').length).toBeLessThan(45)
    expect(textOf()).toContain('A policy was added: 100 new, 100 open')
    expect(textOf()).toContain('and 95 more')
    expect(batches().every(({ length }) => length === 10)).toBe(true)
    expect(new Set(told()).size).toBe(300)
    expect(told()).toHaveLength(300)
    expect(await report()).toMatchObject({ open: 300, new: 0, mailed: false })
    await many.close()
  })
})
