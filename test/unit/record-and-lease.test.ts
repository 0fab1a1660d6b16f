import type { Server } from 'node:http'
import { createRequire } from 'node:module'
import type { AddressInfo } from 'node:net'
import { DeleteTableCommand, DynamoDBClient, GetItemCommand } from '@aws-sdk/client-dynamodb'
import { marshall, unmarshall } from '@aws-sdk/util-dynamodb'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest'
import { FailedJustNowError, LeaseLostError } from '../../functions/shared/errors.ts'
import {
  beginStep,
  giveLeaseBack,
  hasVended,
  isMailed,
  mailKey,
  readAccount,
  recordFailure,
  recordKept,
  recordMail,
  recordVend,
  takeLease,
} from '../../functions/shared/record-and-lease.ts'
import { type Kind, type Ledger, scan } from '../../functions/shared/ledger.ts'
import { recordRenewal } from '../../functions/store-password/store-password.ts'
import { failureNote, noteOnce, readNote, toldFailures } from '../../functions/shared/notes.ts'
import { createLedger } from '../../local/create-ledger.ts'
import { accountId, aDocument, aGroup, anAccount, anAdmin, anotherVend, aVend } from '../support/builders.ts'

const dynalite = createRequire(import.meta.url)('dynalite') as (options: { createTableMs: number }) => Server

let server: Server
let dynamodb: DynamoDBClient
let ledger: Ledger
let tables = 0

beforeAll(async () => {
  server = dynalite({ createTableMs: 0 })
  await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening))
  const { port } = server.address() as AddressInfo
  dynamodb = new DynamoDBClient({
    region: 'us-east-1',
    endpoint: `http://127.0.0.1:${port}`,
    credentials: { accessKeyId: 'key', secretAccessKey: 'secret' },
    maxAttempts: 1,
  })
})
afterAll(async () => {
  dynamodb.destroy()
  await new Promise((closed) => server.close(closed))
})

const start = Date.parse('2026-11-01T09:21:00.000Z')
const secondsLater = (seconds: number) => vi.setSystemTime(start + seconds * 1000)

beforeEach(async () => {
  vi.useFakeTimers({ toFake: ['Date'] })
  secondsLater(0)
  ledger = { dynamodb, tableName: `ledger-${++tables}` }
  await createLedger(dynamodb, ledger.tableName)
})
afterEach(async () => {
  vi.useRealTimers()
  await dynamodb.send(new DeleteTableCommand({ TableName: ledger.tableName }))
})

/** Takes the lease, with the current record unless `record` is given. */
const take = async (overrides: Partial<Parameters<typeof takeLease>[1]> = {}) =>
  takeLease(ledger, {
    vend: aVend(),
    account: anAccount(),
    ask: { groups: [aGroup()], admins: [anAdmin()] },
    askHash: 'ask-1',
    requestedBy: 'event',
    record: await readAccount(ledger, accountId),
    ...overrides,
  })
/** Records that a vend has failed. */
const failVend = ({ executionArn } = aVend()) =>
  recordFailure(ledger, { accountId, executionArn, status: 'FAILED', error: 'GroupNotOursError', cause: 'why' })
const begin = (overrides: Partial<Parameters<typeof beginStep>[1]> = {}) =>
  beginStep(ledger, { accountId, vend: aVend(), state: 'CreateAdminGroup', ...overrides })
const mail = {
  userName: 'Administrator',
  email: 'payments@example.com',
  secretVersion: aVend().id,
  messageId: 'message-1',
}
const vended = { groups: [aGroup()], admins: [{ ...anAdmin(), kept: false }] }

describe('readAccount', () => {
  test('finds nothing without a record', async () => {
    expect(await readAccount(ledger, accountId)).toBeUndefined()
  })
})

describe('takeLease', () => {
  test('takes a free lease and records who asked for what', async () => {
    expect(await take()).toBe(true)
    expect(await readAccount(ledger, accountId)).toEqual({
      pk: `account#${accountId}`,
      accountName: 'Payments',
      status: 'VENDING',
      updatedAt: '2026-11-01T09:21:00.000Z',
      executionArn: aVend().executionArn,
      requestedBy: 'event',
      asked: { groups: ['Administrators'], users: ['Administrator'] },
      lease: { holder: aVend().executionArn, ask: 'ask-1', renewedAt: start },
      steps: { AcceptRequest: { state: 'AcceptRequest', at: '2026-11-01T09:21:00.000Z' } },
      passwords: {},
      mails: {},
      groups: {},
      admins: {},
    })
  })

  test('running twice takes the execution’s own lease again, and keeps the steps that have begun', async () => {
    await take()
    await begin()
    const seen = await readAccount(ledger, accountId)
    secondsLater(10)
    expect(await take({ record: seen })).toBe(true)
    const record = await readAccount(ledger, accountId)
    expect(Object.keys(record?.steps ?? {})).toEqual(['AcceptRequest', 'CreateAdminGroup'])
    expect(record?.lease?.renewedAt).toBe(start + 10_000)
  })

  test('does not take another execution’s lease that it has not seen, and changes nothing', async () => {
    await take({ vend: anotherVend() })
    const before = await readAccount(ledger, accountId)
    expect(await take({ record: undefined })).toBe(false)
    expect(await readAccount(ledger, accountId)).toEqual(before)
  })

  test('takes over a lease that is still as it was seen, and forgets the steps that had begun', async () => {
    await take({ vend: anotherVend() })
    await begin({ vend: anotherVend() })
    const seen = await readAccount(ledger, accountId)
    expect(await take({ record: seen })).toBe(true)
    const record = await readAccount(ledger, accountId)
    expect(record?.lease?.holder).toBe(aVend().executionArn)
    expect(Object.keys(record?.steps ?? {})).toEqual(['AcceptRequest'])
  })

  test('does not take over a lease that was renewed after it was seen', async () => {
    await take({ vend: anotherVend() })
    const seen = await readAccount(ledger, accountId)
    secondsLater(1)
    await begin({ vend: anotherVend() })
    expect(await take({ record: seen })).toBe(false)
  })

  test('does not take over a lease that a third execution took over meanwhile', async () => {
    await take({ vend: anotherVend() })
    const seen = await readAccount(ledger, accountId)
    expect(await take({ vend: aVend({ executionArn: `${aVend().executionArn}-third` }), record: seen })).toBe(true)
    expect(await take({ record: seen })).toBe(false)
  })

  test('does not take a lease that was given back after the record was read: the new record must be read first', async () => {
    await take({ vend: anotherVend() })
    const seen = await readAccount(ledger, accountId)
    await recordVend(ledger, { accountId, vend: anotherVend(), ...vended })
    expect(await take({ record: seen })).toBe(false)
  })

  test('a stopped try does not take a lease late, after a redrive of the same execution gave the lease back', async () => {
    const seen = await readAccount(ledger, accountId)
    secondsLater(30)
    await take()
    await recordVend(ledger, { accountId, vend: aVend(), ...vended })
    expect(await take({ record: seen })).toBe(false)
    const later = await readAccount(ledger, accountId)
    secondsLater(60)
    await take()
    secondsLater(61)
    await recordVend(ledger, { accountId, vend: aVend(), ...vended })
    expect(await take({ record: later })).toBe(false)
    expect(await readAccount(ledger, accountId)).not.toHaveProperty('lease')
  })

  test('lets exactly one of many have a free lease', async () => {
    const vends = Array.from({ length: 10 }, (_, i) => aVend({ executionArn: `${aVend().executionArn}-${i}` }))
    const taken = await Promise.all(vends.map((vend) => take({ vend, record: undefined })))
    expect(taken.filter(Boolean)).toHaveLength(1)
  })

  test('lets exactly one of many take over the lease of an ended execution', async () => {
    await take({ vend: anotherVend() })
    const seen = await readAccount(ledger, accountId)
    const vends = Array.from({ length: 10 }, (_, i) => aVend({ executionArn: `${aVend().executionArn}-${i}` }))
    const taken = await Promise.all(vends.map((vend) => take({ vend, record: seen })))
    expect(taken.filter(Boolean)).toHaveLength(1)
  })

  test('keeps what earlier vends made, and forgets their failure', async () => {
    await take()
    await begin({ state: 'StorePassword', userName: 'Administrator', storesPassword: true })
    await recordMail(ledger, { accountId, vendId: aVend().id, ...mail })
    await recordVend(ledger, { accountId, vend: aVend(), ...vended })
    expect(await take({ vend: anotherVend() })).toBe(true)
    await failVend(anotherVend())
    const seen = await readAccount(ledger, accountId)
    expect(await take({ vend: anotherVend(), record: seen })).toBe(true)
    const record = await readAccount(ledger, accountId)
    expect(record).toMatchObject({
      status: 'VENDING',
      vendedBy: aVend().executionArn,
      groups: { administrators: aGroup() },
      admins: { administrator: { userName: 'Administrator' } },
      passwords: { administrator: { vendId: aVend().id } },
      mails: { 'administrator payments@example.com': { messageId: 'message-1' } },
    })
    expect(record).not.toHaveProperty('failure')
  })

  test('an error of DynamoDB leaves under its name', async () => {
    await expect(
      takeLease(
        { dynamodb, tableName: 'no-such-table' },
        {
          vend: aVend(),
          account: anAccount(),
          ask: { groups: [], admins: [] },
          askHash: '',
          requestedBy: 'event',
          record: undefined,
        },
      ),
    ).rejects.toMatchObject({ name: 'ResourceNotFoundException' })
  })
})

describe('beginStep', () => {
  test('records the step, renews the lease, and returns the record', async () => {
    await take()
    secondsLater(20)
    const record = await begin({ state: 'CreateAdminUser', userName: 'Ada.L' })
    expect(record.steps['CreateAdminUser Ada.L']).toEqual({
      state: 'CreateAdminUser',
      userName: 'Ada.L',
      at: '2026-11-01T09:21:20.000Z',
    })
    expect(record).toMatchObject({
      updatedAt: '2026-11-01T09:21:20.000Z',
      lease: { renewedAt: start + 20_000, ask: 'ask-1' },
    })
    expect(await readAccount(ledger, accountId)).toEqual(record)
  })

  test('running twice records the step once', async () => {
    await take()
    await begin()
    const record = await begin()
    expect(Object.keys(record.steps)).toEqual(['AcceptRequest', 'CreateAdminGroup'])
  })

  test('records a password only in the step that stores a password, under the user’s name in lower case', async () => {
    await take()
    expect((await begin({ userName: 'Ada' })).passwords).toEqual({})
    expect((await begin({ userName: 'Ada', storesPassword: true })).passwords).toEqual({
      ada: { vendId: aVend().id, at: '2026-11-01T09:21:00.000Z' },
    })
  })

  test('after a failure, a redrive sets the status to VENDING again', async () => {
    await take()
    await failVend()
    secondsLater(120)
    const record = await begin()
    expect(record.status).toBe('VENDING')
    expect(record).not.toHaveProperty('failure')
  })

  test.each([-1, 0, 89])(
    'leaves as FailedJustNowError %i s after the failure is on record, because a step that ran at the same time may come late',
    async (seconds) => {
      await take()
      await failVend()
      const before = await readAccount(ledger, accountId)
      secondsLater(seconds)
      await expect(begin({ state: 'SendLoginEmail', userName: 'Ada' })).rejects.toThrow(FailedJustNowError)
      expect(await readAccount(ledger, accountId)).toEqual(before)
    },
  )

  test('two users at the same time keep both steps and both passwords', async () => {
    await take()
    const users = ['ada', 'bob', 'c.d+e=f@g-h_i']
    await Promise.all(users.map((userName) => begin({ state: 'StorePassword', userName, storesPassword: true })))
    const record = await readAccount(ledger, accountId)
    expect(Object.keys(record?.steps ?? {}).sort()).toEqual([
      'AcceptRequest',
      ...users.map((userName) => `StorePassword ${userName}`),
    ])
    expect(Object.keys(record?.passwords ?? {}).sort()).toEqual(users)
  })

  test.each([
    [
      'another execution took the lease over',
      async () => {
        const seen = await readAccount(ledger, accountId)
        await take({ vend: anotherVend(), record: seen })
      },
    ],
    ['the vend is finished', () => recordVend(ledger, { accountId, vend: aVend(), ...vended })],
  ])('leaves as LeaseLostError if %s, and changes nothing', async (_, meanwhile) => {
    await take()
    await meanwhile()
    const before = await readAccount(ledger, accountId)
    await expect(begin()).rejects.toThrow(LeaseLostError)
    await expect(begin()).rejects.toThrow(`Another execution has taken over account ${accountId}`)
    expect(await readAccount(ledger, accountId)).toEqual(before)
  })

  test('leaves as LeaseLostError if nothing is on record', async () => {
    await expect(begin()).rejects.toThrow(LeaseLostError)
    expect(await readAccount(ledger, accountId)).toBeUndefined()
  })
})

describe('recordMail', () => {
  test('records a mail by user, whatever the case, and by the identity of the address', async () => {
    await take()
    await recordMail(ledger, { accountId, vendId: aVend().id, ...mail, email: 'Payments@Example.com' })
    const record = await readAccount(ledger, accountId)
    expect(record?.mails[mailKey('ADMINISTRATOR', 'Payments@EXAMPLE.com')]).toEqual({
      messageId: 'message-1',
      secretVersion: aVend().id,
      at: '2026-11-01T09:21:00.000Z',
      email: 'Payments@Example.com',
      vendId: aVend().id,
    })
    expect(record?.mails[mailKey('ADMINISTRATOR', 'payments@example.com')]).toBeUndefined()
  })

  test('finds a mail that an older version recorded with the whole address in lower case', () => {
    const old = { messageId: 'message-1', secretVersion: 'v1', at: '2026-11-01T09:21:00.000Z' }
    const to = (email: string) => ({ userName: 'Ada', email, secretVersion: 'v1' })
    const before = { mails: { 'ada ada@example.com': old } }
    expect(isMailed(before, to('Ada@Example.com'))).toBe(true)
    const now = { mails: { 'ada ada@example.com': { ...old, email: 'ada@example.com' } } }
    expect(isMailed(now, to('Ada@Example.com'))).toBe(false)
    expect(isMailed(now, to('ada@EXAMPLE.com'))).toBe(true)
    expect(isMailed({ mails: {} }, to('constructor'))).toBe(false)
    expect(isMailed(undefined, to('ada@example.com'))).toBe(false)
  })

  test('records a mail even if another execution holds the lease by now, because the mail was sent', async () => {
    await take({ vend: anotherVend() })
    const record = await recordMail(ledger, { accountId, vendId: aVend().id, ...mail })
    expect(Object.keys(record.mails)).toHaveLength(1)
    expect(record.lease?.holder).toBe(anotherVend().executionArn)
  })
})

describe('recordRenewal and recordKept', () => {
  test('write their record, and the renewal outlasts the vend that began it', async () => {
    await take()
    await recordRenewal(ledger, { accountId, vend: aVend(), userName: 'Ada' })
    const record = await recordKept(ledger, { accountId, vend: aVend(), kept: ['Bob'], signingIn: ['Eve'] })
    expect(record.asked).toMatchObject({ kept: ['Bob'], signingIn: ['Eve'] })
    expect(record.passwords['ada']).toMatchObject({ vendId: aVend().id, renewing: true })
    const again = await beginStep(ledger, {
      accountId,
      vend: aVend(),
      state: 'StorePassword',
      userName: 'Ada',
      storesPassword: true,
    })
    expect(again.passwords['ada']).toMatchObject({ renewing: true })
  })

  test('leave as LeaseLostError if another execution holds the lease', async () => {
    await take({ vend: anotherVend() })
    await expect(recordRenewal(ledger, { accountId, vend: aVend(), userName: 'Ada' })).rejects.toThrow(LeaseLostError)
    await expect(recordKept(ledger, { accountId, vend: aVend(), kept: [], signingIn: [] })).rejects.toThrow(
      LeaseLostError,
    )
  })
})

describe('giveLeaseBack', () => {
  test('ends the execution’s own lease and sets the status to VENDED', async () => {
    await take()
    await failVend()
    await giveLeaseBack(ledger, { accountId, executionArn: aVend().executionArn })
    const record = await readAccount(ledger, accountId)
    expect(record?.status).toBe('VENDED')
    expect(record).not.toHaveProperty('lease')
    expect(record).not.toHaveProperty('failure')
  })

  test('leaves another holder’s lease unchanged', async () => {
    await take({ vend: anotherVend() })
    const before = await readAccount(ledger, accountId)
    await giveLeaseBack(ledger, { accountId, executionArn: aVend().executionArn })
    expect(await readAccount(ledger, accountId)).toEqual(before)
  })
})

describe('recordVend', () => {
  const record = (vend = aVend()) => recordVend(ledger, { accountId, vend, ...vended })

  test('records what was made and gives the lease back', async () => {
    await take()
    secondsLater(30)
    await record()
    const after = await readAccount(ledger, accountId)
    expect(after).toMatchObject({
      status: 'VENDED',
      updatedAt: '2026-11-01T09:21:30.000Z',
      vendedAt: '2026-11-01T09:21:30.000Z',
      vendedBy: aVend().executionArn,
      groups: { administrators: aGroup() },
      admins: { administrator: vended.admins[0] },
    })
    expect(after).not.toHaveProperty('lease')
    expect(await take({ vend: anotherVend() })).toBe(true)
  })

  test('running twice changes nothing more', async () => {
    await take()
    await record()
    const before = await readAccount(ledger, accountId)
    secondsLater(60)
    await record()
    expect(await readAccount(ledger, accountId)).toEqual(before)
  })

  test('running twice succeeds even if the next execution already works on the account', async () => {
    await take()
    await record()
    await take({ vend: anotherVend() })
    await record()
    expect((await readAccount(ledger, accountId))?.lease?.holder).toBe(anotherVend().executionArn)
  })

  test('running twice succeeds even if other executions have vended the account since', async () => {
    await take()
    await record()
    for (let nth = 1; nth <= 10; nth++) {
      const vend = aVend({ executionArn: `${aVend().executionArn}-${nth}` })
      expect(await take({ vend })).toBe(true)
      await record(vend)
      const before = await readAccount(ledger, accountId)
      await record()
      expect(await readAccount(ledger, accountId)).toEqual(before)
    }
  })

  test('an execution that has not vended is refused, even if others vended before and after it', async () => {
    await take()
    await record()
    await take({ vend: anotherVend() })
    const third = aVend({ executionArn: `${aVend().executionArn}-3` })
    expect(await take({ vend: third })).toBe(true)
    await record(third)
    await expect(record(anotherVend())).rejects.toThrow(LeaseLostError)
  })

  test('the record names the last 10 earlier vends, each once', async () => {
    const vends = Array.from({ length: 13 }, (_, nth) => aVend({ executionArn: `${aVend().executionArn}-${nth}` }))
    for (const vend of vends) {
      // An execution may take its own lease again.
      for (let tries = 0; tries < 2; tries++) expect(await take({ vend })).toBe(true)
      await record(vend)
    }
    const after = await readAccount(ledger, accountId)
    expect(after?.vendedEarlier).toEqual(vends.slice(2, 12).map(({ executionArn }) => executionArn))
    expect(vends.map(({ executionArn }) => hasVended(after, executionArn))).toEqual(vends.map((_, nth) => nth >= 2))
  })

  test('keeps a tag whose key is a property of every object', async () => {
    await take()
    const tags = { constructor: 'red', toString: 'blue' } as unknown as Record<string, string>
    await recordVend(ledger, { accountId, vend: aVend(), groups: [], admins: [{ ...anAdmin({ tags }), kept: false }] })
    expect((await readAccount(ledger, accountId))?.admins['administrator']?.tags).toEqual(tags)
  })

  test('adds to what earlier vends made', async () => {
    await take()
    await record()
    await take({ vend: anotherVend() })
    await recordVend(ledger, {
      accountId,
      vend: anotherVend(),
      groups: [aGroup({ name: 'Readers', inline: { mine: aDocument() } })],
      admins: [{ ...anAdmin({ userName: 'Ada' }), kept: true }],
    })
    const after = await readAccount(ledger, accountId)
    expect(Object.keys(after?.groups ?? {}).sort()).toEqual(['administrators', 'readers'])
    expect(Object.keys(after?.admins ?? {}).sort()).toEqual(['ada', 'administrator'])
    expect(after?.groups['readers']?.inline).toEqual({ mine: aDocument() })
  })

  test('leaves as LeaseLostError if another execution took the account over', async () => {
    await take()
    const seen = await readAccount(ledger, accountId)
    await take({ vend: anotherVend(), record: seen })
    await expect(record()).rejects.toThrow(LeaseLostError)
    expect(await readAccount(ledger, accountId)).not.toHaveProperty('vendedAt')
  })
})

describe('recordFailure', () => {
  test('marks the holder’s vend as failed and leaves the lease for a redrive', async () => {
    await take()
    await failVend()
    expect(await readAccount(ledger, accountId)).toMatchObject({
      status: 'FAILED',
      failure: { error: 'GroupNotOursError', cause: 'why', at: '2026-11-01T09:21:00.000Z' },
      lease: { holder: aVend().executionArn, renewedAt: start },
    })
  })

  test('running twice marks it once', async () => {
    await take()
    await failVend()
    const before = await readAccount(ledger, accountId)
    await failVend()
    expect(await readAccount(ledger, accountId)).toEqual(before)
  })

  test.each([
    ['of an execution that does not hold the lease', () => take({ vend: anotherVend() })],
    ['of an account nothing is known of', () => Promise.resolve()],
    [
      'that comes after the vend',
      async () => {
        await take()
        await recordVend(ledger, { accountId, vend: aVend(), ...vended })
      },
    ],
  ])('marks nothing for a failure %s', async (_, before) => {
    await before()
    const unmarked = await readAccount(ledger, accountId)
    await failVend()
    expect(await readAccount(ledger, accountId)).toEqual(unmarked)
  })
})

describe('noteOnce', () => {
  test('writes a note and returns undefined; the second call returns the first note', async () => {
    expect(await noteOnce(ledger, 'idempotency#1', { request: 'first' })).toBeUndefined()
    expect(await noteOnce(ledger, 'idempotency#1', { request: 'second' })).toMatchObject({ request: 'first' })
    expect(await readNote(ledger, 'idempotency#1')).toMatchObject({ request: 'first' })
  })

  test('lets exactly one of many write it', async () => {
    const answers = await Promise.all(Array.from({ length: 10 }, (_, i) => noteOnce(ledger, 'note', { by: String(i) })))
    const [written] = answers.flatMap((answer, i) => (answer ? [] : [String(i)]))
    expect(answers.filter((answer) => !answer)).toHaveLength(1)
    expect(await readNote(ledger, 'note')).toMatchObject({ by: written })
  })

  test('keeps the notes of different names apart, and readNote finds nothing under another name', async () => {
    await noteOnce(ledger, 'a', { is: 'a' })
    expect(await noteOnce(ledger, 'b', { is: 'b' })).toBeUndefined()
    expect(await readNote(ledger, 'c')).toBeUndefined()
  })

  test('lets a note expire after the 90 days that Step Functions remembers a name', async () => {
    await noteOnce(ledger, 'a', { is: 'a' })
    const { Item = {} } = await dynamodb.send(
      new GetItemCommand({ TableName: ledger.tableName, Key: marshall({ pk: 'a' }) }),
    )
    expect(unmarshall(Item)['expiresAt']).toBe(start / 1000 + 90 * 24 * 60 * 60)
  })

  test('an error of DynamoDB leaves under its name', async () => {
    await expect(noteOnce({ dynamodb, tableName: 'no-such-table' }, 'a', {})).rejects.toMatchObject({
      name: 'ResourceNotFoundException',
    })
  })
})

test('finds the last reported failure of an account', async () => {
  const tell = (name: string, stopDate: number, note: { accountId?: string }) =>
    noteOnce(ledger, failureNote(`arn:${name}`, stopDate, 'FAILED'), { messageId: name, ...note })
  await tell('a', 1000, { accountId })
  await tell('c', 10_000, { accountId })
  await tell('b', 2000, { accountId })
  await tell('d', 20_000, {})
  const { told } = await scan(ledger, { told: toldFailures })
  expect([...told]).toEqual([[accountId, 'arn:c']])
})

test('one pass over the table finds the items of several kinds, each by the rest of its key, and no others', async () => {
  await take()
  await noteOnce(ledger, failureNote('arn:a', 1000, 'FAILED'), { messageId: 'a', accountId })
  await noteOnce(ledger, 'idempotency#1', { request: 'first' })
  const send = vi.spyOn(dynamodb, 'send')
  const names: Kind<{ accountName: string }, string[]> = {
    prefix: 'account#',
    attributes: ['accountName'],
    collect: (accounts) => [...accounts].map(([id, { accountName }]) => `${id} ${accountName}`),
  }
  const found = await scan(ledger, { names, told: toldFailures })
  expect(found).toEqual({ names: [`${accountId} ${anAccount().name}`], told: new Map([[accountId, 'arn:a']]) })
  expect(send).toHaveBeenCalledTimes(1)
  send.mockRestore()
})
