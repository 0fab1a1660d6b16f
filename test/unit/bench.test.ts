import { execFile } from 'node:child_process'
import { readFileSync } from 'node:fs'
import path from 'node:path'
import { promisify } from 'node:util'
import { describe, expect, test } from 'vitest'
import type { Execution } from '../../local/aws/step-functions-execution.ts'
import { addUp, idleMonth, priceOf, usageOf } from '../bench/cost.ts'
import { type Figures, goneFrom, mark, median, quantile, worseThan } from '../bench/figures.ts'
import { figuresPage, pageOf } from '../bench/figures-page.ts'
import { historyEvents, leastSeconds } from '../bench/openings.ts'
import priceTable from '../bench/prices.json' with { type: 'json' }
import results from '../bench/results.json' with { type: 'json' }
import { dropped, leastSeconds as leastSecondsOfRound } from '../bench/round.ts'
import { secondsToMail, withFixedWait, withFormerPauses } from '../bench/time.ts'
import { fullestSecond } from '../simulation/round-many.ts'
import type { Simulated } from '../simulation/simulation.ts'

describe('quantiles', () => {
  test('lie between neighbours in proportion, whatever the order', () => {
    expect(median([3, 1, 2])).toBe(2)
    expect(median([4, 1, 2, 3])).toBe(2.5)
    const hundred = Array.from({ length: 101 }, (_, i) => 100 - i)
    expect(quantile(hundred, 0.95)).toBe(95)
    expect(quantile(hundred, 1)).toBe(100)
    expect(quantile([7], 0.95)).toBe(7)
  })

  test('do not exist without values', () => {
    expect(() => median([])).toThrow('no quantile of nothing')
  })
})

describe('--check', () => {
  const before: Figures = {
    'work: calls': { value: 25, rule: 'count' },
    'start: init': { value: 1.2, rule: 'ratio', bound: 1.4 },
    'start: bytes': { value: 358_000, rule: 'count', bound: 358_400 },
  }
  const now = (changed: Record<string, number>): Figures =>
    Object.fromEntries(
      Object.entries(before).map(([name, figure]) => [name, { ...figure, value: changed[name] ?? figure.value }]),
    )

  test('says nothing where counts are as recorded and ratios are not worse', () => {
    expect(worseThan(before, before)).toEqual([])
    expect(worseThan(before, now({ 'start: init': 0.9 }))).toEqual([])
  })

  test('names a count that is not as recorded, in both directions', () => {
    expect(worseThan(before, now({ 'work: calls': 26 }))).toEqual([
      'work: calls grew from 25 to 26. If that is meant, run npm run bench and commit test/bench/results.json.',
    ])
    expect(worseThan(before, now({ 'start: bytes': 357_999 }))).toEqual([
      'start: bytes shrank from 358000 to 357999. If that is meant, run npm run bench and commit test/bench/results.json.',
    ])
  })

  test('names a ratio that is more than a fifth worse, and lets noise pass', () => {
    expect(worseThan(before, now({ 'start: init': 1.43 }))).toEqual([])
    expect(worseThan(before, now({ 'start: init': 1.45 }))).toEqual([
      'start: init is 1.45; it was 1.2, and a fifth more is allowed.',
    ])
  })

  test('names a count above its bound even if the count was above it before', () => {
    const above: Figures = { 'start: bytes': { value: 400_000, rule: 'count', bound: 358_400 } }
    expect(worseThan(above, above)).toEqual(['start: bytes is 400000, above its bound of 358400.'])
  })

  test('holds a slow count as it holds a count', () => {
    const slow = (value: number): Figures => ({ 'openings: events': { value, rule: 'slow count', bound: 100 } })
    expect(worseThan(slow(90), slow(90))).toEqual([])
    expect(worseThan(slow(90), slow(89))).toEqual([
      'openings: events shrank from 90 to 89. If that is meant, run npm run bench and commit test/bench/results.json.',
    ])
    expect(worseThan(slow(101), slow(101))).toEqual(['openings: events is 101, above its bound of 100.'])
  })

  test('names a figure that nobody has recorded', () => {
    expect(worseThan({}, { fresh: { value: 1, rule: 'count' } })).toEqual([
      'fresh has no figure in test/bench/results.json: run npm run bench and commit test/bench/results.json.',
    ])
  })

  test('names a recorded figure that nothing gives any more', () => {
    expect(goneFrom(before, before)).toEqual([])
    const { 'work: calls': _, ...rest } = before
    expect(goneFrom(before, rest)).toEqual([
      'work: calls is in test/bench/results.json, and is no longer measured: run npm run bench and commit test/bench/results.json.',
    ])
  })

  test('--exact without --check is refused: a part is recorded whole', async () => {
    const bench = path.join(import.meta.dirname, '..', 'bench', 'bench.ts')
    await expect(promisify(execFile)(process.execPath, [bench, '--exact'])).rejects.toMatchObject({
      code: 2,
      stderr: '--exact is for --check: a part is recorded whole, with its times\n',
    })
  })

  test('a goal is met at its bound', () => {
    expect([1.4, 1.41].map((value) => mark({ value, rule: 'ratio', bound: 1.4 }))).toEqual(['✔', '✘'])
    expect(mark({ value: 1, rule: 'count' })).toBe('')
  })
})

describe('cost', () => {
  test('is usage times price, and usages add up', () => {
    // 1,000 transitions, one mail, and a secret for half a month.
    expect(priceOf({ transition: 1000, mail: 1, secretMonth: 0.5 })).toBeCloseTo(0.025 + 0.00016 + 0.2, 10)
    expect(addUp([{ transition: 9 }, { transition: 12, mail: 1 }])).toEqual({ transition: 21, mail: 1 })
    expect(priceOf({})).toBe(0)
  })

  test('bills an invocation by its memory and by the millisecond, rounded up', () => {
    const world = {
      calls: [
        { service: 'secretsmanager', operation: 'CreateSecret' },
        { service: 'secretsmanager', operation: 'GetSecretValue' },
        { service: 'events', operation: 'PutEvents' },
        { service: 'iam', operation: 'CreateUser' },
      ],
      invocations: [
        { start: 0, end: 499.2 },
        { start: 1000, end: 1500 },
      ],
      transitions: 9,
      logBytes: 200,
      mails: [{}],
      units: { read: 1, write: 10 },
      ledgerBytes: 1500,
    } as unknown as Simulated
    expect(usageOf(world, 512)).toEqual({
      transition: 9,
      lambdaRequest: 2,
      lambdaGigabyteSecond: 0.5,
      ledgerWriteUnit: 10,
      ledgerReadUnit: 1,
      ledgerGigabyteMonth: 0.0000015,
      secretsManagerCall: 2,
      kmsRequest: 3,
      mail: 1,
      customEvent: 1,
      logGigabyte: 0.000001,
      trace: 1,
    })
  })

  test('of an idle month is counted from the resources; a resource without a known price is refused', () => {
    const resources = [
      { Type: 'AWS::KMS::Key', Properties: { EnableKeyRotation: true } },
      { Type: 'AWS::CloudWatch::Alarm' },
      { Type: 'AWS::CloudWatch::Alarm' },
      { Type: 'AWS::IAM::Role' },
    ]
    expect([0, 1, 2, 9].map((rotations) => priceOf(idleMonth(resources, rotations)))).toEqual([1.2, 2.2, 3.2, 3.2])
    expect(() => idleMonth([{ Type: 'AWS::EC2::NatGateway' }], 0)).toThrow('AWS::EC2::NatGateway')
  })

  test('rests on a dated table with a source for each price', () => {
    expect(priceTable.date).toMatch(/^\d{4}-\d\d-\d\d$/)
    for (const { source } of Object.values(priceTable.prices)) expect(source).toMatch(/^https:\/\/aws\.amazon\.com\//)
  })
})

describe('time', () => {
  const definition = {
    States: {
      IsThereAnythingToDo: { Type: 'Choice', Default: 'CreateAdminGroup' },
      CreateAdminGroup: { Retry: [{ ErrorEquals: ['AccountNotReadyError'] }, { ErrorEquals: ['Throttling'] }] },
    },
  }

  test('a fixed wait replaces the retry before the account is entered', () => {
    expect(withFixedWait(definition, 65).States).toEqual({
      IsThereAnythingToDo: { Type: 'Choice', Default: 'WaitForTheAccount' },
      WaitForTheAccount: { Type: 'Wait', Seconds: 65, Next: 'CreateAdminGroup' },
      CreateAdminGroup: { Retry: [{ ErrorEquals: ['Throttling'] }] },
    })
  })

  test('a workflow with another kind of wait is not compared', () => {
    expect(() => withFixedWait({ States: {} }, 65)).toThrow('does not enter the account')
  })

  test('the former pauses replace those of both steps that enter the account', () => {
    const Retry = [
      { ErrorEquals: ['AccountNotReadyError'], IntervalSeconds: 1, MaxAttempts: 1 },
      { ErrorEquals: ['NoSuchEntityException', 'OptInRequired'], IntervalSeconds: 1, MaxAttempts: 1 },
      { ErrorEquals: ['Throttling'], IntervalSeconds: 1, MaxAttempts: 1 },
    ]
    const Each = { ItemProcessor: { States: { CreateAdminUser: { Retry } } } }
    const former = { BackoffRate: 1.5, IntervalSeconds: 2, JitterStrategy: 'FULL', MaxDelaySeconds: 15 }
    const replaced = [
      { ErrorEquals: ['AccountNotReadyError'], MaxAttempts: 124, ...former },
      { ErrorEquals: ['NoSuchEntityException', 'OptInRequired'], MaxAttempts: 12, ...former },
      Retry[2],
    ]
    expect(withFormerPauses({ States: { CreateAdminGroup: { Retry }, Each } }).States).toEqual({
      CreateAdminGroup: { Retry: replaced },
      Each: { ItemProcessor: { States: { CreateAdminUser: { Retry: replaced } } } },
    })
    expect(() => withFormerPauses({ States: { CreateAdminGroup: { Retry } } })).toThrow('does not wait where')
  })

  test('ends when SES accepts the mail, not at a try that failed', () => {
    const calls = [
      { operation: 'SendEmail', error: 'Throttling', end: 5000 },
      { operation: 'SendEmail', end: 9000 },
    ]
    const account = { roleUsableFrom: 0, policiesInEffectFrom: 1000 }
    expect(secondsToMail({ calls, account } as unknown as Simulated)).toBe(8)
    expect(secondsToMail({ calls: [], account } as unknown as Simulated)).toBeUndefined()
  })
})

describe('openings', () => {
  test('the least time is that of the rate, or that of five creations at a time', () => {
    expect(leastSeconds([80])).toBe(80)
    expect(leastSeconds([30, 80, 40, 50, 60])).toBe(80)
    expect(leastSeconds(Array<number>(10).fill(90))).toBe(180)
    expect(leastSeconds(Array<number>(10).fill(40))).toBe(100)
  })

  test('events are counted as Step Functions counts them', () => {
    const task = { Type: 'Task', Resource: 'f' }
    const definition = {
      States: {
        Task: task,
        Choice: { Type: 'Choice' },
        Wait: { Type: 'Wait', TimestampPath: '$' },
        Each: { Type: 'Map', ItemProcessor: { States: { Item: task } } },
      },
    }
    type Event = Execution['history'][number]
    const happened = (state: string, ...what: Event['what'][]): Event[] => what.map((what) => ({ at: 0, state, what }))
    const eventsOf = (...history: Event[][]) => historyEvents({ history: history.flat() }, definition)
    const nothing = eventsOf()
    // ExecutionStarted and ExecutionSucceeded.
    expect(nothing).toBe(2)
    // TaskStateEntered, LambdaFunctionScheduled, LambdaFunctionStarted, LambdaFunctionSucceeded, TaskStateExited.
    expect(eventsOf(happened('Task', 'entered', 'succeeded')) - nothing).toBe(5)
    // A retry schedules the function again, starts it, and ends it.
    expect(eventsOf(happened('Task', 'entered', 'failed', 'retried', 'succeeded')) - nothing).toBe(8)
    expect(eventsOf(happened('Choice', 'entered', 'succeeded'), happened('Wait', 'entered', 'succeeded'))).toBe(6)
    // MapStateEntered, MapStateStarted, MapIterationStarted, the five of the item, MapIterationSucceeded,
    // MapStateSucceeded, MapStateExited.
    const item = happened('Item', 'entered', 'succeeded').map((event) => ({ ...event, index: 0 }))
    expect(eventsOf(happened('Each', 'entered'), item, happened('Each', 'succeeded')) - nothing).toBe(11)
  })
})

describe('rounds', () => {
  test('the fullest second is any second, and ends before the same moment of the next', () => {
    const used = fullestSecond()
    for (const at of [0, 600, 900, 1000, 1599, 1600, 1899, 5000]) used.add(at, 2)
    // From 900 to 1899.
    expect(used.most()).toBe(10)
    used.add(5999, 9)
    expect(used.most()).toBe(11)
    used.add(6000, 1)
    expect(used.most()).toBe(11)
  })

  test('the least time is that of the lists, the sign-ins and the scan one after the other, at half of each limit', () => {
    // 51 lists of 20 accounts, with the management account; 4 lists, 300 sign-ins and 1,500 read units a second.
    expect(leastSecondsOfRound(1000, { signIns: 1000, scanned: 3000 })).toBeCloseTo(51 / 4 + 1000 / 300 + 2, 10)
  })

  test('an account without a look is dropped, and so is a finding that is missing or made up', () => {
    const expected = { 'access-role-missing': 1, 'account-refuses': 2, 'policy-detached': 3 }
    expect(dropped({ looks: 300, findings: expected, expected }, 300)).toBe(0)
    expect(dropped({ looks: 298, findings: expected, expected }, 300)).toBe(2)
    expect(dropped({ looks: 300, findings: { ...expected, 'policy-detached': 2 }, expected }, 300)).toBe(1)
    expect(dropped({ looks: 300, findings: { ...expected, 'user-gone': 1 }, expected }, 300)).toBe(1)
  })
})

test('the figures in the repository come from a whole run', () => {
  expect(results.time.worlds).toBe(1000)
  expect(results.start.processes).toBe(30)
  for (const part of ['start', 'work', 'time', 'round', 'cost'] as const) {
    // A part tells by itself of which commit it is: a run of one part leaves the others' figures as they were.
    expect(results[part]).toMatchObject({
      commit: expect.stringMatching(/^[0-9a-f]{40}$/) as string,
      date: expect.stringMatching(/^\d{4}-\d\d-\d\d$/) as string,
      isDirty: expect.any(Boolean) as boolean,
    })
    expect(Object.keys(results.figures).some((name) => name.startsWith(`${part}: `))).toBe(true)
  }
})

test('docs/figures.md shows the recorded figures (npm run bench writes the page)', async () => {
  expect(readFileSync(figuresPage, 'utf8')).toBe(await pageOf(results))
})
