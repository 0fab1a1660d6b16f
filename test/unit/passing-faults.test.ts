import { describe, expect, test } from 'vitest'
import type { Execution } from '../../local/aws/step-functions-execution.ts'
import { passingFaultsOf } from '../simulation/passing-faults.ts'
import { drawPlan, type AccountPlan, type Plan } from '../simulation/plan.ts'
import { randomFrom } from '../simulation/random.ts'
import type { Invocation } from '../simulation/service.ts'
import { accountId, aVend } from '../support/builders.ts'

const { executionArn } = aVend()
const { intrusion: _, ...drawn } = drawPlan(1, randomFrom('passing faults'))
const calmPlan: Plan = { ...drawn, faults: { ...drawn.faults, ses: 'well' } }
const calm: AccountPlan = {
  id: accountId,
  name: 'Payments',
  joinedMethod: 'CREATED',
  roleUsableAfter: 0,
  refusal: 'AccessDenied',
  policiesAfter: 0,
  joinSeenAfter: 0,
  foreign: {},
}

/** An execution that ended with this error, after `failures` of a state, `pause` seconds from one to the next. */
const anEnd = ({ error = 'ThrottlingException', failures = 1, pause = 0, ...overrides } = {}): Execution => ({
  name: 'vend',
  executionArn,
  stateMachineArn: 'any',
  input: JSON.stringify({ accountId }),
  status: 'FAILED',
  error,
  states: [],
  history: Array.from({ length: failures }, (_, nth) => ({
    at: nth * pause * 1000,
    state: 'StorePassword',
    index: 0,
    what: 'failed',
    error,
  })),
  startDate: 0,
  redriveCount: 0,
  ...overrides,
})

/** What is broken when these executions end. */
const brokenBy = (
  ends: Execution[],
  { account = {}, by, ...plan }: Partial<Plan> & { account?: Partial<AccountPlan>; by?: Invocation } = {},
) => {
  const broken: string[] = []
  const accounts = [{ ...calm, ...account }]
  const { ended, called } = passingFaultsOf({
    plan: { ...calmPlan, accounts, ...plan },
    broken: (invariant) => broken.push(invariant),
  })
  if (by) called('UpdateItem', by)
  for (const end of ends) ended(end)
  return broken
}
const isBroken = ['9 faults pass']

describe('an execution may end by a fault that passes only after a state has endured', () => {
  test.each([
    ['ThrottlingException', 8],
    ['Runtime.ExitError', 6],
    ['NoSuchEntityException', 19],
    ['SecretNotFoundError', 9],
    ['AccountBusyError', 230],
  ])('%s: %i retries', (error, retries) => {
    expect(brokenBy([anEnd({ error, failures: retries })])).toEqual(isBroken)
    expect(brokenBy([anEnd({ error, failures: retries + 1 })])).toEqual([])
  })

  test.each([
    ['FailedJustNowError', 120],
    ['AccountNotReadyError', 900],
    ['AccountJustJoinedError', 1500],
    ['AccessRoleMissingError', 120],
  ])('%s: %i seconds', (error, seconds) => {
    expect(brokenBy([anEnd({ error, failures: 2, pause: seconds - 1 })])).toEqual(isBroken)
    expect(brokenBy([anEnd({ error, failures: 2, pause: seconds })])).toEqual([])
  })

  test('errors that are retried together, but not errors of other kinds', () => {
    const { history } = anEnd({ failures: 8 })
    const and = (error: string) => [...history, { ...history[0]!, error }]
    expect(brokenBy([{ ...anEnd(), history: and('Throttling') }])).toEqual([])
    expect(brokenBy([{ ...anEnd(), history: and('Runtime.ExitError') }])).toEqual(isBroken)
  })

  test('errors of one state and item', () => {
    const { history } = anEnd({ failures: 10 })
    const half = history.map((event, nth) => ({ ...event, index: nth % 2 }))
    expect(brokenBy([{ ...anEnd(), history: half }])).toEqual(isBroken)
  })

  test('errors since the last redrive', () => {
    const { history } = anEnd({ failures: 9, pause: 10 })
    expect(brokenBy([{ ...anEnd(), history, redriveCount: 1, redriveDate: 10_000 }])).toEqual(isBroken)
  })
})

describe('a failure needs a reason in its world:', () => {
  test.each<[error: string, reason: Parameters<typeof brokenBy>[1]]>([
    ['DeniedByPolicyError', { account: { denied: 'for-a-while' } }],
    ['GroupNotOursError', { account: { foreign: { group: { name: 'Administrators', policy: 'ReadOnlyAccess' } } } }],
    ['UserNotOursError', { intrusion: { at: 1, accountId, userName: 'ada' } }],
    ['AccountNotActiveError', { account: { suspendedAt: 1 } }],
    ['AccountNotActiveError', { account: { closedAt: 1 } }],
    ['AccountNotFoundError', { account: { departsAt: 1 } }],
    ['MailQuotaExceededError', { faults: { ...drawn.faults, ses: 'ses-quota' } }],
    ['MessageRejected', { faults: { ...drawn.faults, ses: 'ses-refused' } }],
  ])('%s', (error, reason) => {
    expect(brokenBy([anEnd({ error })])).toEqual(isBroken)
    expect(brokenBy([anEnd({ error })], reason)).toEqual([])
  })

  test('LeaseLostError only after a redrive, and never if the vend is on record', () => {
    const error = 'LeaseLostError'
    const redriven = { ...anEnd({ error }), redriveCount: 1 }
    const by = { name: 'record-vended', input: { vend: aVend() } } as unknown as Invocation
    expect(brokenBy([anEnd({ error })])).toEqual(isBroken)
    expect(brokenBy([redriven])).toEqual([])
    expect(brokenBy([redriven], { by })).toEqual(isBroken)
  })

  test('an error that nobody has foreseen, and a timeout of the whole execution, have none', () => {
    expect(brokenBy([anEnd({ error: 'TypeError', failures: 500 })])).toEqual(isBroken)
    expect(brokenBy([{ ...anEnd(), status: 'TIMED_OUT', error: 'ExecutionTimeoutError' }])).toEqual(isBroken)
  })

  test('every end counts, whatever a redrive makes of it', () => {
    expect(brokenBy([anEnd(), { ...anEnd(), status: 'SUCCEEDED' }])).toEqual(isBroken)
    expect(brokenBy([{ ...anEnd(), status: 'ABORTED' }])).toEqual([])
  })
})
