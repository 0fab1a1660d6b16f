import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { getRequest } from '../../functions/get-request/get-request.ts'
import { openRequest } from '../../functions/shared/new-account.ts'
import {
  beginOpeningStep,
  changeOpening,
  createRequest,
  decideApproval,
  type Intent,
  readIntent,
  recordOpeningFailure,
  takeIntent,
} from '../../functions/shared/opening.ts'
import { beginStep, recordFailure, recordVend, takeLease } from '../../functions/shared/record-and-lease.ts'
import { anAdmin, aVend } from '../support/builders.ts'
import { realLedger } from '../support/real-ledger.ts'

const theLedger = realLedger()
const vend = aVend()

let email = ''
let accountId = ''
let n = 0
beforeEach(() => {
  email = `a${++n}@example.com`
  accountId = String(700000000000 + n)
  vi.useFakeTimers({ toFake: ['Date'] })
})
afterEach(() => void vi.useRealTimers())

const create = async (needsApproval = false) => {
  const body = openRequest.parse({ name: 'Payments', email })
  return (await createRequest(theLedger(), { body, requestedBy: 'ada', needsApproval })).requestId
}
const get = (requestId: string) => getRequest({ ledger: theLedger() }, { requestId })
const take = async () => takeIntent(theLedger(), { email, vend, intent: (await readIntent(theLedger(), email))! })
const change = (set: Partial<Intent>) => changeOpening(theLedger(), { email, vend }, { set })
const begin = (state: string) => beginOpeningStep(theLedger(), { email, vend, state })
const failOpening = (error: string) =>
  recordOpeningFailure(theLedger(), {
    email,
    executionArn: vend.executionArn,
    status: 'FAILED',
    error,
    cause: JSON.stringify({ errorMessage: 'because' }),
  })
const beginVend = async () => {
  const account = { id: accountId, name: 'Payments' }
  const ask = { groups: [], admins: [] }
  await takeLease(theLedger(), { vend, account, ask, askHash: '', requestedBy: 'ada', record: undefined })
  await beginStep(theLedger(), { accountId, vend, state: 'CreateAdminGroup' })
  await beginStep(theLedger(), { accountId, vend, state: 'StorePassword', userName: 'ada' })
}

test('tells a request on its way from accepted to vended', async () => {
  const requestId = await create()
  expect(await get(requestId)).toEqual({
    requestId,
    status: 'accepted',
    name: 'Payments',
    email,
    requestedBy: 'ada',
    requestedAt: expect.stringMatching(/^\d{4}-.*Z$/) as string,
    timeline: [],
    links: { self: `/requests/${requestId}` },
  })

  await take()
  await begin('OpenAccount')
  const until = '2026-11-27T12:00:00.000Z'
  await change({ waiting: { for: 'CreateAccount', until } })
  expect(await get(requestId)).toMatchObject({ status: 'opening', waiting: { for: 'CreateAccount', until } })

  await change({ accountId })
  await begin('PlaceAccount')
  const placing = await get(requestId)
  expect(placing).toMatchObject({
    status: 'placing',
    accountId,
    links: { self: `/requests/${requestId}`, account: `/accounts/${accountId}` },
  })
  expect(placing.waiting).toBeUndefined()

  await beginVend()
  const vending = await get(requestId)
  expect(vending.status).toBe('vending')
  expect(vending.timeline.map(({ state }) => state)).toEqual([
    'AcceptRequest',
    'OpenAccount',
    'PlaceAccount',
    'CreateAdminGroup',
    'StorePassword',
  ])
  expect(vending.timeline.at(-1)).toEqual({
    state: 'StorePassword',
    userName: 'ada',
    at: expect.any(String) as string,
  })

  await recordVend(theLedger(), { accountId, vend, groups: [], admins: [{ ...anAdmin(), kept: false }] })
  expect(await get(requestId)).toMatchObject({ status: 'vended', accountId })
})

describe('a request that needs approval', () => {
  test('waits for it for seven days', async () => {
    const requestId = await create(true)
    const { status, waiting, requestedAt } = await get(requestId)
    expect(status).toBe('awaiting-approval')
    expect(waiting?.for).toBe('approval')
    expect(Date.parse(waiting?.until ?? '') - Date.parse(requestedAt)).toBe(7 * 24 * 60 * 60 * 1000)
  })

  test('tells who declined it, and why', async () => {
    const requestId = await create(true)
    await decideApproval(theLedger(), requestId, { decision: 'declined', by: 'grace', reason: 'no budget' })
    expect(await get(requestId)).toMatchObject({
      status: 'declined',
      approval: { decision: 'declined', by: 'grace', reason: 'no budget' },
    })
  })
})

describe('a failure is told in words, with what to do:', () => {
  test('before there is an account, the request can be sent again', async () => {
    const requestId = await create()
    await take()
    await failOpening('InvalidInputError')
    const { status, failure } = await get(requestId)
    expect(status).toBe('failed')
    expect(failure).toEqual({
      error: 'InvalidInputError',
      what: 'The request is not valid.',
      cause: 'because',
      advice: 'The cause names each wrong field and what is allowed there. Send a corrected request.',
      at: expect.any(String) as string,
    })
  })

  test('an earlier request keeps its failure when a later one has taken its place', async () => {
    const requestId = await create()
    await take()
    await failOpening('ThrottlingException')
    // No function of the failed execution can be at work any more.
    vi.setSystemTime(Date.now() + 91_000)
    const later = await create()
    expect(await get(requestId)).toMatchObject({ status: 'failed', failure: { error: 'ThrottlingException' } })
    expect((await get(requestId)).failure?.advice).toBe('Nothing needs to be fixed. Send the request again.')
    expect((await get(requestId)).timeline).toEqual([])
    expect(await get(later)).toMatchObject({ status: 'accepted' })
    expect((await get(later)).failure).toBeUndefined()
  })

  test('when there is an account, an operator continues', async () => {
    const requestId = await create()
    await take()
    await change({ accountId })
    await beginVend()
    const { executionArn } = vend
    await recordFailure(theLedger(), { accountId, executionArn, status: 'FAILED', error: 'Throttling', cause: 'x' })
    const { status, failure } = await get(requestId)
    expect(status).toBe('failed')
    expect(failure?.advice).toContain(`npx vend status ${accountId}`)
  })
})

test.each(['', 'x', '0'.repeat(31), '0'.repeat(32), 'G'.repeat(32), `${'0'.repeat(32)}\n`])(
  'RequestNotFoundError for %o, which is no request’s id',
  async (requestId) => {
    await expect(get(requestId)).rejects.toMatchObject({
      name: 'RequestNotFoundError',
      message: 'requestId: there is no request with this id',
    })
  },
)
