import { OrganizationsClient } from '@aws-sdk/client-organizations'
import { SFNClient } from '@aws-sdk/client-sfn'
import { afterEach, describe, expect, test, vi } from 'vitest'
import { acceptOpening } from '../../functions/accept-request/accept-opening.ts'
import { AccountBusyError, FailedJustNowError, LeaseLostError } from '../../functions/shared/errors.ts'
import { openRequest } from '../../functions/shared/new-account.ts'
import {
  askOf,
  beginOpeningStep,
  changeOpening,
  createRequest,
  decideApproval,
  type Intent,
  isOpenedByRequest,
  readIntent,
  readRequest,
  recordOpeningFailure,
  statusOfRequest,
  takeIntent,
} from '../../functions/shared/opening.ts'
import { aRecord, aVend, anotherVend, theDefaults } from '../support/builders.ts'
import { realLedger } from '../support/real-ledger.ts'

const ledgerIn = realLedger()
afterEach(() => vi.useRealTimers())
let emails = 0
const aBody = (more: object = {}) =>
  openRequest.parse({ name: 'Sandbox', email: `Sandbox-${(emails += 1)}@example.com`, ...more })
const create = (body = aBody(), needsApproval = false) =>
  createRequest(ledgerIn(), { body, requestedBy: 'ada', needsApproval })
const vend = aVend()
const failure = { status: 'FAILED', error: 'EmailAlreadyExistsError', cause: 'taken' } as const
/** A request whose execution holds the intent. */
const held = async () => {
  const body = aBody()
  const { intent, requestId } = await create(body)
  await takeIntent(ledgerIn(), { email: body.email, vend, intent })
  return { body, requestId, email: body.email }
}
const notAsked = () => Promise.reject(new Error('is not asked'))
/** AcceptRequest of the execution that opens the account. */
const accept = ({ body, email, requestId }: Awaited<ReturnType<typeof held>>) =>
  acceptOpening(
    { organizations: new OrganizationsClient(), controlTower: notAsked, sfn: new SFNClient(), ledger: ledgerIn() },
    { request: { account: { name: body.name, email }, requestId }, executionArn: vend.executionArn },
    {
      ...theDefaults(),
      protected: { accounts: [], organizationalUnits: [] },
      requests: { organizationalUnits: [] },
      accessRole: 'OrganizationAccountAccessRole',
      automatic: 'organizations',
    },
  )
const passes = (seconds: number) => vi.setSystemTime(Date.now() + seconds * 1000)

describe('the open request for an address', () => {
  test('of 30 requests at the same moment, one is new, and all others learn its id', async () => {
    const body = aBody()
    const all = await Promise.all(Array.from({ length: 30 }, () => create(body)))
    expect(all.filter(({ isNew }) => isNew)).toHaveLength(1)
    expect(new Set(all.map(({ requestId }) => requestId)).size).toBe(1)
  })

  test('is found whatever the case of the address', async () => {
    const body = aBody()
    const { requestId } = await create(body)
    expect(await create({ ...body, email: body.email.toUpperCase() })).toMatchObject({ isNew: false, requestId })
  })

  test('has an id that says nothing about the request', async () => {
    const body = aBody()
    const [first, second] = [await create(body), await create(aBody())]
    expect(first.requestId).toMatch(/^[\da-f]{32}$/)
    expect(first.requestId).not.toBe(second.requestId)
    expect(first.requestId).not.toBe(askOf(body))
  })

  test('is replaced after it has failed without an account, 90 seconds later', async () => {
    vi.useFakeTimers({ toFake: ['Date'] })
    const { body, requestId, email } = await held()
    await recordOpeningFailure(ledgerIn(), { email, executionArn: vend.executionArn, ...failure })
    await expect(create(body)).rejects.toBeInstanceOf(AccountBusyError)
    passes(91)
    const next = await create(body)
    expect(next.isNew).toBe(true)
    // The earlier request still says why it failed, and its execution is too late for anything.
    expect(await readRequest(ledgerIn(), requestId)).toMatchObject({ failure })
    await expect(beginOpeningStep(ledgerIn(), { email, vend, state: 'OpenAccount' })).rejects.toBeInstanceOf(
      LeaseLostError,
    )
  })

  test('is not replaced after its account exists', async () => {
    vi.useFakeTimers({ toFake: ['Date'] })
    const { body, requestId, email } = await held()
    await changeOpening(ledgerIn(), { email, vend }, { set: { accountId: '444455556666' } })
    await recordOpeningFailure(ledgerIn(), { email, executionArn: vend.executionArn, ...failure })
    passes(91)
    expect(await create(body)).toMatchObject({ isNew: false, requestId })
  })
})

test('the order of keys makes no other request, and every other difference does', () => {
  const tags = { a: '1', b: '2' }
  const body = openRequest.parse({ name: 'Sandbox', email: 'sandbox@example.com', tags })
  const sameBody = openRequest.parse({ tags: { b: '2', a: '1' }, email: 'sandbox@example.com', name: 'Sandbox' })
  expect(askOf(sameBody)).toBe(askOf(body))
  expect(askOf({ ...body, tags: { a: '1' } })).not.toBe(askOf(body))
  expect(askOf({ ...body, ou: 'Workloads' })).not.toBe(askOf(body))
})

describe('the intent', () => {
  test('is taken by one of two executions', async () => {
    const { intent } = await create()
    const email = (await readRequest(ledgerIn(), intent.requestId))?.body.email ?? ''
    const taken = await Promise.all(
      [vend, anotherVend()].map((by) => takeIntent(ledgerIn(), { email, vend: by, intent })),
    )
    expect(taken.filter(Boolean)).toHaveLength(1)
  })

  test('no step begins within 90 seconds after the failure, and a redrive begins after that', async () => {
    vi.useFakeTimers({ toFake: ['Date'] })
    const { email } = await held()
    await recordOpeningFailure(ledgerIn(), { email, executionArn: vend.executionArn, ...failure })
    const begin = () => beginOpeningStep(ledgerIn(), { email, vend, state: 'OpenAccount' })
    await expect(begin()).rejects.toBeInstanceOf(FailedJustNowError)
    passes(91)
    expect(await begin()).toMatchObject({ status: 'opening', steps: { OpenAccount: { state: 'OpenAccount' } } })
    expect((await readIntent(ledgerIn(), email))?.failure).toBeUndefined()
  })

  test('keeps its failure although AcceptRequest of the stopped execution comes late, so that a new request is taken', async () => {
    vi.useFakeTimers({ toFake: ['Date'] })
    const opened = await held()
    expect(await accept(opened)).toMatchObject({ outcome: 'Opening' })
    await recordOpeningFailure(ledgerIn(), { email: opened.email, executionArn: vend.executionArn, ...failure })
    await expect(accept(opened)).rejects.toBeInstanceOf(AccountBusyError)
    passes(91)
    expect(await create({ ...opened.body, tags: { Asked: 'again' } })).toMatchObject({ isNew: true })
  })

  test('knows whether an earlier request for the address has called CreateAccount', async () => {
    vi.useFakeTimers({ toFake: ['Date'] })
    const opened = await held()
    await changeOpening(ledgerIn(), { email: opened.email, vend }, { set: { triedAt: new Date().toISOString() } })
    for (const asked of ['again', 'a third time']) {
      const { holder = '' } = (await readIntent(ledgerIn(), opened.email)) ?? {}
      await recordOpeningFailure(ledgerIn(), { email: opened.email, executionArn: holder, ...failure })
      passes(91)
      const { intent } = await create({ ...opened.body, tags: { Asked: asked } })
      expect(intent.createdBefore).toBe(true)
      await takeIntent(ledgerIn(), { email: opened.email, vend, intent })
    }
  })

  test('is taken again by a redrive of AcceptRequest, 90 seconds after the failure', async () => {
    vi.useFakeTimers({ toFake: ['Date'] })
    const opened = await held()
    await recordOpeningFailure(ledgerIn(), { email: opened.email, executionArn: vend.executionArn, ...failure })
    passes(91)
    expect(await accept(opened)).toMatchObject({ outcome: 'Opening' })
    expect((await readIntent(ledgerIn(), opened.email))?.failure).toBeUndefined()
  })

  test('fails with the execution of its request, even if that execution never took it', async () => {
    vi.useFakeTimers({ toFake: ['Date'] })
    const body = aBody()
    const { requestId } = await create(body)
    const arn = (name: string) => vend.executionArn.replace(/[^:]+$/, name)
    const fail = (name: string) =>
      recordOpeningFailure(ledgerIn(), { email: body.email, executionArn: arn(name), ...failure })
    expect(await fail('by-hand')).toBeUndefined()
    expect(await fail(`open-${'0'.repeat(32)}`)).toBeUndefined()
    // The intent is that execution's from then on, so that a redrive and the sweep find it.
    expect(await fail(`open-${requestId}`)).toMatchObject({
      status: 'failed',
      failure,
      holder: arn(`open-${requestId}`),
    })
    // The address is free again.
    passes(91)
    expect((await create(body)).isNew).toBe(true)
  })

  test('that awaits approval does not fail', async () => {
    const body = aBody()
    const { requestId } = await create(body, true)
    const executionArn = vend.executionArn.replace(/[^:]+$/, `open-${requestId}`)
    expect(await recordOpeningFailure(ledgerIn(), { email: body.email, executionArn, ...failure })).toBeUndefined()
  })

  test('is changed by its holder only', async () => {
    const { email } = await held()
    const change = changeOpening(ledgerIn(), { email, vend: anotherVend() }, { set: { creations: 1 } })
    await expect(change).rejects.toBeInstanceOf(LeaseLostError)
    const recorded = recordOpeningFailure(ledgerIn(), { email, executionArn: anotherVend().executionArn, ...failure })
    expect(await recorded).toBeUndefined()
  })
})

describe('an approval', () => {
  test('is decided once', async () => {
    const body = aBody()
    const { requestId } = await create(body, true)
    const by = (decision: 'approved' | 'declined', who: string) =>
      decideApproval(ledgerIn(), requestId, { decision, by: who })
    const decided = await Promise.all([by('approved', 'grace'), by('declined', 'alan')])
    expect(decided[0]?.approval).toEqual(decided[1]?.approval)
    const status = decided[0]?.approval?.decision === 'approved' ? 'accepted' : 'declined'
    expect(await readIntent(ledgerIn(), body.email)).toMatchObject({ status })
  })

  test('is for requests that need one', async () => {
    const { requestId } = await create()
    expect(await decideApproval(ledgerIn(), requestId, { decision: 'approved', by: 'grace' })).toBeUndefined()
    expect(await decideApproval(ledgerIn(), 'f'.repeat(32), { decision: 'approved', by: 'grace' })).toBeUndefined()
  })
})

const anIntent = (more: Partial<Intent> = {}): Intent => ({
  requestId: 'one',
  ask: 'ask',
  requestedAt: '2026-11-27T12:00:00.000Z',
  updatedAt: '2026-11-27T12:00:00.000Z',
  status: 'opening',
  holder: vend.executionArn,
  steps: {},
  ...more,
})
const at = '2026-11-27T12:00:00.000Z'
const step = (state: string) => ({ [state]: { state, at } })

test.each([
  [
    'declined',
    { approval: { decision: 'declined' as const, by: 'grace', at } },
    anIntent({ status: 'declined' }),
    undefined,
  ],
  ['declined', { approval: { decision: 'expired' as const, by: 'sweep', at } }, anIntent(), undefined],
  ['failed', {}, anIntent({ requestId: 'another' }), undefined],
  ['failed', {}, anIntent({ failure: { ...failure, at } }), undefined],
  ['awaiting-approval', {}, anIntent({ status: 'awaiting-approval' }), undefined],
  ['accepted', {}, anIntent({ status: 'accepted' }), undefined],
  ['opening', {}, anIntent(), undefined],
  ['placing', {}, anIntent({ status: 'placing' }), aRecord({ executionArn: vend.executionArn, steps: {} })],
  ['vending', {}, anIntent(), aRecord({ executionArn: vend.executionArn, steps: step('CreateAdminGroup') })],
  ['failed', {}, anIntent(), aRecord({ executionArn: vend.executionArn, status: 'FAILED' })],
  [
    'vended',
    {},
    anIntent(),
    aRecord({ executionArn: vend.executionArn, status: 'VENDED', vendedBy: vend.executionArn }),
  ],
  // A later vend of the account changes nothing about the request.
  [
    'vended',
    {},
    anIntent(),
    aRecord({
      executionArn: anotherVend().executionArn,
      status: 'FAILED',
      vendedBy: anotherVend().executionArn,
      vendedEarlier: [vend.executionArn],
    }),
  ],
] as const)('a request is %s (%#)', (status, request, intent, record) => {
  expect(statusOfRequest({ requestId: 'one', ...request }, intent, record)).toBe(status)
})

test('nobody else vends an account that a request opens', () => {
  const id = '444455556666'
  const opens = (more: Partial<Intent> = {}, record?: { vendedAt?: string }) =>
    isOpenedByRequest(anIntent(more), id, record)
  expect(opens()).toBe(true)
  expect(opens({ accountId: id })).toBe(true)
  expect(opens({ failure: { ...failure, error: 'States.Timeout', at } })).toBe(true)
  expect(opens({}, {})).toBe(true)
  // The account with the address is somebody else's.
  expect(opens({ failure: { ...failure, at } })).toBe(false)
  expect(opens({ accountId: '999988887777' })).toBe(false)
  expect(opens({ status: 'awaiting-approval' })).toBe(false)
  // An earlier request may have opened the account. When somebody approves the new request, this request adopts it.
  expect(opens({ status: 'awaiting-approval', createdBefore: true })).toBe(true)
  expect(isOpenedByRequest(undefined, id, undefined)).toBe(false)
  // The account was opened and vended, has left the organization, and is back.
  expect(opens({ accountId: id }, { vendedAt: at })).toBe(false)
})
