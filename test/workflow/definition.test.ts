import { describe, expect, test } from 'vitest'
import { loadVending } from '../../infra/build/check-vending.ts'
import { readDeployed } from '../../local/deployed.ts'
import { exampleVending } from '../support/organization.ts'
import * as errors from '../../functions/shared/errors.ts'
import { batchSize, signInsPerSecond } from '../../functions/shared/round.ts'
import { leaseRestSeconds } from '../../functions/shared/record-and-lease.ts'

const { definition, round, functions, lambdaArn } = readDeployed(loadVending(exampleVending), {
  partition: 'aws',
  region: 'us-east-1',
  accountId: '111122223333',
})

type Retry = {
  ErrorEquals: string[]
  IntervalSeconds: number
  BackoffRate: number
  MaxDelaySeconds?: number
  MaxAttempts: number
  JitterStrategy?: string
}
type State = {
  Type: string
  Resource?: string
  TimeoutSeconds?: number
  Retry?: Retry[]
  Catch?: unknown
  ItemProcessor?: { States: Record<string, State> }
}

const allStates = (states: Record<string, State>): [string, State][] =>
  Object.entries(states).flatMap(([name, state]): [string, State][] => [
    [name, state],
    ...(state.ItemProcessor ? allStates(state.ItemProcessor.States) : []),
  ])
const states = allStates(definition.States as Record<string, State>)
const statesOfRound = allStates(round.definition.States as Record<string, State>)
const tasks = [...states, ...statesOfRound].filter(([, { Type }]) => Type === 'Task')

/** The mean of all pauses together: full jitter halves the mean of each pause. */
const meanSeconds = ({
  IntervalSeconds,
  BackoffRate,
  MaxDelaySeconds = Infinity,
  MaxAttempts,
  JitterStrategy,
}: Retry) =>
  Array.from({ length: MaxAttempts }, (_, i) => Math.min(IntervalSeconds * BackoffRate ** i, MaxDelaySeconds)).reduce(
    (sum, pause) => sum + pause / (JitterStrategy === 'FULL' ? 2 : 1),
    0,
  )

test('a step has one name in its three spellings', () => {
  expect(tasks).toHaveLength(16)
  for (const [name, { Resource }] of tasks) {
    const camel = name.charAt(0).toLowerCase() + name.slice(1)
    expect(Resource).toBe(lambdaArn(camel))
    const folder = camel.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)
    expect(functions.map(({ name }) => name)).toContain(folder)
  }
})

test.each(tasks)('%s times out after its function does, and retries only by name and with an end', (name, task) => {
  const folder = name.replace(/(?<=.)[A-Z]/g, (letter) => `-${letter}`).toLowerCase()
  expect(task.TimeoutSeconds).toBeGreaterThan(functions.find(({ name }) => name === folder)?.timeoutSeconds ?? NaN)
  expect(task.Retry?.length).toBeGreaterThan(0)
  for (const retry of task.Retry ?? []) {
    expect(retry.MaxAttempts).toBeGreaterThan(0)
    expect(retry.ErrorEquals).not.toContain('States.ALL')
    expect(retry.ErrorEquals).not.toContain('States.TaskFailed')
    // Organizations and Control Tower may take an hour to open an account. Nothing else is waited for as long.
    const most = ['AccountNotOpenError', 'AccountNotEnrolledError'].includes(retry.ErrorEquals[0] ?? '') ? 65 : 30
    expect(meanSeconds(retry)).toBeLessThan(most * 60)
  }
})

test('no state has a Catch: a failure keeps its own name, and a redrive continues at its step', () => {
  const all = [...states, ...statesOfRound]
  for (const [, state] of all) expect(state).not.toHaveProperty('Catch')
  expect(all.map(([, { Type }]) => Type)).not.toContain('Fail')
})

const retryOf = (state: string, error: string) =>
  tasks.find(([name]) => name === state)?.[1].Retry?.find(({ ErrorEquals }) => ErrorEquals.includes(error))

test.each([
  ['OpenAccount', 'AccountNotOpenError'],
  ['AwaitAccount', 'AccountNotOpenError'],
  ['PlaceAccount', 'AccountNotEnrolledError'],
])('%s waits an hour for %s', (state, error) => {
  const retry = retryOf(state, error)
  expect(retry && meanSeconds(retry)).toBeGreaterThanOrEqual(60 * 60)
})

test.each(['CreateAdminGroup', 'CreateAdminUser'])('%s waits 15 minutes for a new account’s role', (state) => {
  const retry = retryOf(state, 'AccountNotReadyError')
  expect(retry).toMatchObject({ IntervalSeconds: 3, BackoffRate: 1 })
  expect(retry && meanSeconds(retry)).toBe(15 * 60)
})

test.each(['CreateAdminGroup', 'CreateAdminUser'])('%s waits a minute for IAM to catch up', (state) => {
  const retry = retryOf(state, 'NoSuchEntityException')
  expect(retry && meanSeconds(retry)).toBeGreaterThan(60)
  expect(retry && meanSeconds(retry)).toBeLessThan(75)
})

test('the waits of 20 administrators fit into the history of an execution, which Step Functions ends at 25,000 events', () => {
  // A try of a function makes three events.
  const events = tasks
    .filter(([name]) => name === 'CreateAdminUser')
    .flatMap(([, { Retry = [] }]) => Retry)
    .filter(({ ErrorEquals }) => ErrorEquals.includes('AccountNotReadyError'))
    .reduce((sum, { MaxAttempts }) => sum + 20 * 3 * MaxAttempts, 0)
  expect(events).toBeGreaterThan(0)
  expect(events).toBeLessThan(20_000)
})

test.each(['CreateAdminGroup', 'CreateAdminUser'])(
  '%s waits 2 minutes for a role that an invited account lacks',
  (state) => {
    const retry = retryOf(state, 'AccessRoleMissingError')
    expect(retry && meanSeconds(retry)).toBe(120)
  },
)

test.each(['CreateAdminGroup', 'CreateAdminUser'])('%s waits 25 minutes for an account that just joined', (state) => {
  const retry = retryOf(state, 'AccountJustJoinedError')
  expect(retry && meanSeconds(retry)).toBe(25 * 60)
})

test('a second request waits longer for a vend than that vend waits for an account that just joined', () => {
  const busy = retryOf('AcceptRequest', 'AccountBusyError')
  expect(busy && meanSeconds(busy)).toBeGreaterThan(27 * 60)
})

test('every step that needs the lease retries for longer than a failed execution keeps its lease', () => {
  for (const name of [
    'OpenAccount',
    'AwaitAccount',
    'PlaceAccount',
    'CreateAdminGroup',
    'StorePassword',
    'CreateAdminUser',
    'SendLoginEmail',
  ]) {
    const retry = retryOf(name, 'FailedJustNowError')
    expect(retry && meanSeconds(retry)).toBeGreaterThan(leaseRestSeconds)
  }
})

test('every error name of ours that the workflow retries is a name that the functions throw', () => {
  const foreign = /^(Lambda|States|Sandbox|Runtime)\.|^Internal\w*Error$/
  const ours = tasks
    .flatMap(([, { Retry = [] }]) => Retry.flatMap(({ ErrorEquals }) => ErrorEquals))
    .filter((name) => name.endsWith('Error') && !foreign.test(name))
  expect(new Set(ours)).toEqual(
    new Set([
      'AccessRoleMissingError',
      'AccountBusyError',
      'AccountJustJoinedError',
      'AccountNotEnrolledError',
      'AccountNotFoundError',
      'AccountNotOpenError',
      'AccountNotReadyError',
      'AccountPendingError',
      'AwsUnreachableError',
      'FailedJustNowError',
      'ListIncompleteError',
      'SecretNotFoundError',
    ]),
  )
  for (const name of ours) expect(errors).toHaveProperty(name)
})

test('the workflow’s own timeout is longer than all its longest waits together, with 20 administrators', () => {
  const { TimeoutSeconds = 0 } = definition as { TimeoutSeconds?: number }
  const longest = ({ IntervalSeconds, BackoffRate, MaxDelaySeconds = Infinity, MaxAttempts }: Retry) =>
    Array.from({ length: MaxAttempts }, (_, i) => Math.min(IntervalSeconds * BackoffRate ** i, MaxDelaySeconds)).reduce(
      (sum, pause) => sum + pause,
      0,
    )
  const waits = (names: Record<string, State>) =>
    Object.values(names)
      .flatMap(({ Retry = [] }) => Retry.map(longest))
      .reduce((sum, seconds) => sum + seconds, 0)
  const { ForEachAdministrator } = definition.States as Record<string, State & { MaxConcurrency?: number }>
  const batches = Math.ceil(20 / (ForEachAdministrator?.MaxConcurrency ?? 1))
  const all =
    waits(definition.States as Record<string, State>) +
    batches * waits(ForEachAdministrator?.ItemProcessor?.States ?? {})
  expect(all).toBeGreaterThan(60 * 60)
  // OpenAccount gives up when an opening has waited for 7 days.
  expect(TimeoutSeconds).toBeGreaterThan(all + 7 * 24 * 60 * 60)
})

describe('a round of 50,000 accounts', () => {
  const batches = 50_000 / batchSize
  const { LookAtEachBatch } = round.definition.States as Record<string, State & { MaxConcurrency?: number }>

  test('signs in to less than half as many accounts a second as STS allows, however many batches there are', () => {
    const atOnce = LookAtEachBatch?.MaxConcurrency ?? 0
    expect([1, 10, batches].map((count) => signInsPerSecond(count) * Math.min(count, atOnce))).toEqual([280, 280, 280])
    for (let count = 1; count <= 2 * atOnce; count++)
      expect(signInsPerSecond(count) * Math.min(count, atOnce)).toBeLessThanOrEqual(280)
  })

  test('fits into the history of an execution, even if every task is retried once', () => {
    const inside = Object.values(LookAtEachBatch?.ItemProcessor?.States ?? {})
    // A task is entered, scheduled, started, ends and is left. A retry is scheduled, started and ends. A choice is
    // entered and left. An item of a Map begins and ends.
    const eventsOf = ({ Type }: State) => (Type === 'Task' ? 5 + 3 : 2)
    const events = batches * (2 + inside.reduce((sum, state) => sum + eventsOf(state), 0))
    expect(inside.length).toBeGreaterThan(3)
    expect(events).toBeLessThan(20_000)
  })

  test('passes on its batches in much less than the 256 KiB of a state', () => {
    const keys = Array.from({ length: batches }, (_, n) => ({ key: `round#2026-11-20#46dc9e15#${n}` }))
    expect(JSON.stringify(keys).length).toBeLessThan(32 * 1024)
  })
})
