import { OrganizationsClient } from '@aws-sdk/client-organizations'
import { SendEmailCommand, SESClient } from '@aws-sdk/client-ses'
import { SFNClient, StartExecutionCommand } from '@aws-sdk/client-sfn'
import { mockClient } from 'aws-sdk-client-mock'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { requestAccount } from '../../functions/request-account/request-account.ts'
import { controlTower } from '../../functions/shared/control-tower.ts'
import { IdempotencyKeyReusedError, InvalidInputError } from '../../functions/shared/errors.ts'
import { readItem } from '../../functions/shared/ledger.ts'
import { readIntent, readRequest, recordOpeningFailure, takeIntent } from '../../functions/shared/opening.ts'
import { awsError, managementAccountId, theDefaults } from '../support/builders.ts'
import { realLedger } from '../support/real-ledger.ts'

const theLedger = realLedger()
const sfn = mockClient(SFNClient)
const ses = mockClient(SESClient)

const stateMachineArn = `arn:aws:states:us-east-1:${managementAccountId}:stateMachine:account-vending-dev`
const sessionOf = (role: string, session = 'ada') =>
  `arn:aws:sts::${managementAccountId}:assumed-role/${role}/${session}`
const operator = sessionOf('operators-1')

const config = {
  accessRole: 'OrganizationAccountAccessRole',
  automatic: 'organizations' as const,
  ...theDefaults(),
  protected: { accounts: [], organizationalUnits: [] },
  requests: { organizationalUnits: [], maxPerDay: 2 },
  sender: 'account-vending@example.com',
  organizationName: 'Example',
  notify: ['team@example.com'],
  stateMachineArn,
}

// All tests share one ledger, so each asks for accounts of its own.
let address = ''
let n = 0
beforeEach(() => {
  address = `a${++n}@example.com`
  for (const mock of [sfn, ses]) mock.reset()
  sfn.onAnyCommand().resolves({})
  ses.on(SendEmailCommand).resolves({ MessageId: 'mail' })
  vi.useFakeTimers({ toFake: ['Date'] })
})
afterEach(() => void vi.useRealTimers())

type Input = Parameters<typeof requestAccount>[1]
type Config = Parameters<typeof requestAccount>[2]
const organizations = new OrganizationsClient({ region: 'us-east-1' })
const request = (body: object = {}, input: Partial<Input> = {}, more: Partial<Config> = {}) =>
  requestAccount(
    {
      organizations,
      controlTower: controlTower(organizations, { region: 'us-east-1', endpointUrl: undefined }),
      sfn: new SFNClient({}),
      ses: new SESClient({}),
      ledger: theLedger(),
    },
    {
      body: JSON.stringify({ name: 'Payments', email: address, ...body }),
      idempotencyKey: undefined,
      callerArn: operator,
      stateMachineArn,
      operatorRole: 'operators-1',
      ...input,
    },
    { ...config, ...more },
  )
const started = () => sfn.commandCalls(StartExecutionCommand).map(({ args }) => args[0].input)
const mails = () => ses.commandCalls(SendEmailCommand).map(({ args }) => args[0].input)

/** Lets the execution of a request begin, and fail. */
const fail = async (email: string, accountId?: string) => {
  const executionArn = `${stateMachineArn.replace('stateMachine', 'execution')}:open`
  const intent = (await readIntent(theLedger(), email))!
  await takeIntent(theLedger(), {
    email,
    intent: { ...intent, ...(accountId && { accountId }) },
    vend: { id: '', executionArn },
  })
  await recordOpeningFailure(theLedger(), { email, executionArn, status: 'FAILED', error: 'E', cause: '' })
  // No function of the failed execution can be at work any more.
  vi.setSystemTime(Date.now() + 91_000)
}

test('puts the request on record, then starts the execution that carries it out', async () => {
  const { requestId, status } = await request({ tags: { Team: 'Payments' } })
  expect(requestId).toMatch(/^[\da-f]{32}$/)
  expect(status).toBe('accepted')
  expect(await readRequest(theLedger(), requestId)).toMatchObject({
    body: { name: 'Payments', email: address, tags: { Team: 'Payments' } },
    requestedBy: operator,
    needsApproval: false,
  })
  expect(await readIntent(theLedger(), address)).toMatchObject({ requestId, status: 'accepted' })
  expect(started()).toMatchObject([{ stateMachineArn, name: `open-${requestId}` }])
  expect(JSON.parse(started()[0]?.input ?? '')).toEqual({
    account: { name: 'Payments', email: address, tags: { Team: 'Payments' }, alternateContacts: {} },
    groups: [],
    requestId,
    requestedBy: operator,
  })
})

describe('without Idempotency-Key, the intent decides:', () => {
  test('the same body again, by anybody, is the same request and the same execution', async () => {
    const first = await request()
    expect(await request({ groups: [] }, { callerArn: sessionOf('operators-1', 'grace') })).toEqual(first)
    expect(await request({ email: address })).toEqual(first)
    expect(new Set(started().map(({ input }) => input)).size).toBe(1)
  })

  test('the same address in another case with another name is another body: RequestOpenError', async () => {
    await request()
    await expect(request({ name: 'Other', email: address.toUpperCase() })).rejects.toMatchObject({
      name: 'RequestOpenError',
    })
    expect(started()).toHaveLength(1)
  })

  test('an execution that could not be started is started by the same request', async () => {
    sfn.on(StartExecutionCommand).rejectsOnce(awsError('ThrottlingException')).resolves({})
    await expect(request()).rejects.toMatchObject({ name: 'ThrottlingException' })
    const { requestId } = await request()
    expect(started().map(({ name }) => name)).toEqual([`open-${requestId}`, `open-${requestId}`])
  })

  test('an execution that exists already is no failure', async () => {
    const first = await request()
    sfn.on(StartExecutionCommand).rejects(awsError('ExecutionAlreadyExists'))
    expect(await request()).toEqual(first)
  })

  test('after a failure without an account, it is a new request', async () => {
    const first = await request()
    await fail(address)
    const second = await request()
    expect(second.requestId).not.toBe(first.requestId)
    expect(await readIntent(theLedger(), address)).toMatchObject({ requestId: second.requestId })
  })

  test('at the same moment, 20 equal requests are one', async () => {
    const all = await Promise.all(Array.from({ length: 20 }, () => request()))
    expect(new Set(all.map(({ requestId }) => requestId)).size).toBe(1)
    expect(new Set(started().map(({ name }) => name)).size).toBe(1)
  })
})

describe('with an Idempotency-Key,', () => {
  test('the same request is the same one even after it has failed', async () => {
    const idempotencyKey = `key-${n}`
    const first = await request({}, { idempotencyKey })
    await fail(address)
    expect(await request({}, { idempotencyKey })).toEqual(first)
    expect((await request({}, { idempotencyKey: `other-${n}` })).requestId).not.toBe(first.requestId)
  })

  test('another body is refused, and nothing is put on record', async () => {
    const idempotencyKey = `key-${n}`
    await request({}, { idempotencyKey })
    await expect(request({ email: `other-${address}` }, { idempotencyKey })).rejects.toThrow(IdempotencyKeyReusedError)
    expect(await readIntent(theLedger(), `other-${address}`)).toBeUndefined()
  })
})

describe('requesters', () => {
  const requester = { callerArn: sessionOf('requesters-1') }
  const another = (name: string) => ({ email: `${name}-${address}` })
  const today = () => new Date().toISOString().slice(0, 10)
  const counted = async () => (await readItem<{ count: number }>(theLedger(), `day#${today()}`))?.count ?? 0
  const freeToday = async () => ({
    requests: { organizationalUnits: [], maxPerDay: (await counted()) + 2 },
  })

  test('can ask for as many accounts on one day as vending.yml says; a repeated request does not count', async () => {
    const limit = await freeToday()
    await request(another('first'), requester, limit)
    await request(another('first'), requester, limit)
    await request(another('second'), requester, limit)
    await expect(request(another('third'), requester, limit)).rejects.toMatchObject({
      name: 'TooManyAccountsTodayError',
    })
    expect(await readIntent(theLedger(), another('third').email)).toBeUndefined()
    await request(another('second'), requester, limit)
    await request(another('third'), {}, limit)
    // A new request after a failure counts again.
    await fail(another('first').email)
    await expect(request(another('first'), requester, limit)).rejects.toMatchObject({
      name: 'TooManyAccountsTodayError',
    })
  })

  test('at the same moment get no more either', async () => {
    const limit = await freeToday()
    const all = await Promise.allSettled(
      Array.from({ length: 12 }, (_, i) => request(another(`m${i % 6}`), requester, limit)),
    )
    const ids = all.flatMap((one) => (one.status === 'fulfilled' ? [one.value.requestId] : []))
    expect(new Set(ids).size).toBe(2)
    expect(await counted()).toBe(limit.requests.maxPerDay)
  })

  test.each([
    ['the requester role', sessionOf('requesters-1')],
    ['a session named like the operator role', sessionOf('requesters-1', 'operators-1')],
    ['a role whose name begins like the operator role', sessionOf('operators-12')],
    ['the operator role’s name in another account', operator.replace(managementAccountId, '999999999999')],
    ['a user of the operator role’s name', `arn:aws:iam::${managementAccountId}:user/operators-1`],
  ])('are all but the operator role: %s', async (_, callerArn) => {
    const group = { groups: [{ name: 'Own', policies: ['ReadOnlyAccess'] }] }
    await expect(request(group, { callerArn }, await freeToday())).rejects.toThrow(InvalidInputError)
    await expect(request(group)).resolves.toMatchObject({ status: 'accepted' })
  })
})

describe('with approval: required,', () => {
  const approval = { approval: 'required' as const }

  test('nothing is started, and the approvers get one mail with the request and the command', async () => {
    const body = {
      ou: undefined,
      tags: { Team: 'Payments' },
      admins: [{ userName: 'ada', email: 'ada@example.com', policies: ['ReadOnlyAccess'] }],
      alternateContacts: { security: { name: 'Grace', title: 'CISO', email: 'grace@example.com', phone: '+1 555' } },
    }
    const { requestId, status } = await request(body, {}, { ...approval, approvalMails: ['board@example.com'] })
    expect(status).toBe('awaiting-approval')
    expect(await request(body, {}, approval)).toEqual({ requestId, status })
    expect(started()).toEqual([])
    expect(mails()).toHaveLength(1)
    const { Destination, Message } = mails()[0]!
    expect(Destination?.ToAddresses).toEqual(['board@example.com'])
    const told = Message?.Body?.Text?.Data ?? ''
    for (const part of [
      `npx vend approve ${requestId} --stage dev --region us-east-1`,
      `npx vend decline ${requestId} --stage dev --region us-east-1`,
      'Payments',
      address,
      'ada, ada@example.com: policies ReadOnlyAccess',
      'Team = Payments',
      'security, Grace, CISO, grace@example.com, +1 555',
      operator,
    ])
      expect(told).toContain(part)
  })

  test('a mail that could not be sent is sent by the same request', async () => {
    ses.on(SendEmailCommand).rejectsOnce(awsError('Throttling')).resolves({ MessageId: 'mail' })
    await expect(request({}, {}, approval)).rejects.toMatchObject({ name: 'Throttling' })
    await request({}, {}, approval)
    await request({}, {}, approval)
    expect(mails()).toHaveLength(2)
    expect(mails()[1]?.Destination?.ToAddresses).toEqual(['team@example.com'])
  })
})

test.each([
  ['no body', '', 'name: is missing'],
  ['a body that is not JSON', '{"name":', 'body: must be JSON'],
  ['an unknown field', '{"account":"Payments"}', 'account: is not a known field'],
  [
    'a body over 64 KB',
    JSON.stringify({ name: 'Payments', tags: { a: 'x'.repeat(65_536) } }),
    'body: must have at most',
  ],
  ['our own tag', '{"name":"P","email":"p@example.com","tags":{"account-vending:request":"a"}}', 'tags: must not have'],
  [
    'a short text that is no address',
    '{"name":"P","email":"wrong"}',
    'email: must be the e-mail address of an account',
  ],
  [
    'an address of 65 characters',
    JSON.stringify({ name: 'P', email: `${'p'.repeat(53)}@example.com` }),
    'email: must have 6 to 64 characters',
  ],
])('%s is refused before anything is put on record', async (_, body, message) => {
  await expect(request({}, { body })).rejects.toThrow(message)
  expect(started()).toEqual([])
})
