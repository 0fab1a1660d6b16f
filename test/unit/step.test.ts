import type { Context } from 'aws-lambda'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import * as z from 'zod/mini'
import { AccountNotReadyError, AwsUnreachableError, InvalidInputError } from '../../functions/shared/errors.ts'
import { parseInput } from '../../functions/shared/parse.ts'
import { step } from '../../functions/shared/step.ts'
import { placeOf } from '../../functions/shared/vend.ts'
import { anAccount, anAdmin, aVend, awsError, issuesOf } from '../support/builders.ts'

const context = { functionName: 'step', awsRequestId: '1', getRemainingTimeInMillis: () => 60_000 } as Context
const input = z.object({ userName: z.string('must be text') })
const invoke = <Out>(run: (input: { userName: string }) => Promise<Out>, event: unknown = { userName: 'ada' }) =>
  step(input, run)(event, context)

const logged: string[] = []
beforeEach(() => {
  logged.length = 0
  for (const stream of [process.stdout, process.stderr])
    vi.spyOn(stream, 'write').mockImplementation((chunk) => logged.push(String(chunk)) > 0)
})
afterEach(() => {
  vi.restoreAllMocks()
})

describe('step', () => {
  test('gives the checked input to the core function, and its answer back', async () => {
    const run = vi.fn(async ({ userName }: { userName: string }) => ({ made: userName }))
    expect(await invoke(run, { userName: 'ada', unknown: 1 })).toEqual({ made: 'ada' })
    expect(run).toHaveBeenCalledExactlyOnceWith({ userName: 'ada' })
  })

  test('running twice calls the core function twice', async () => {
    const run = vi.fn(async () => 'done')
    const handler = step(input, run)
    await handler({ userName: 'ada' }, context)
    await handler({ userName: 'ada' }, context)
    expect(run).toHaveBeenCalledTimes(2)
  })

  test('leaves it to Lambda to end what takes too long: an answer before that would leave it frozen, to go on later', async () => {
    const end = Date.now() + 20
    const run = () => new Promise<string>((resolve) => setTimeout(() => resolve('done'), 60))
    const late = { ...context, getRemainingTimeInMillis: () => end - Date.now() }
    expect(await step(input, run)({ userName: 'ada' }, late)).toBe('done')
  })

  test('refuses an input that does not parse before anything runs', async () => {
    const run = vi.fn(async () => 'done')
    await expect(invoke(run, { userName: 7 })).rejects.toThrow(InvalidInputError)
    await expect(invoke(run, null)).rejects.toThrow(InvalidInputError)
    expect(run).not.toHaveBeenCalled()
  })

  test.each([new AccountNotReadyError('not yet'), awsError('NoSuchEntityException'), new TypeError('ours')])(
    'lets an error leave as it is: $name',
    async (error) => {
      await expect(invoke(() => Promise.reject(error))).rejects.toBe(error)
    },
  )

  test.each(['ECONNRESET', 'ECONNREFUSED', 'ETIMEDOUT', 'EPIPE', 'ENOTFOUND', 'EAI_AGAIN'])(
    'gives the broken connection %s a name',
    async (code) => {
      const error = Object.assign(new Error('broken'), { code })
      const thrown = invoke(() => Promise.reject(error))
      await expect(thrown).rejects.toThrow(AwsUnreachableError)
      await expect(thrown).rejects.toMatchObject({ message: `No answer from AWS (${code}): broken`, cause: error })
    },
  )

  test('gives the SDK’s TimeoutError a name, and no other one', async () => {
    await expect(invoke(() => Promise.reject(awsError('TimeoutError')))).rejects.toThrow(AwsUnreachableError)
    const other = Object.assign(new Error('slow'), { name: 'TimeoutError' })
    await expect(invoke(() => Promise.reject(other))).rejects.toBe(other)
  })

  test('logs identifiers only, of a vend that is done and of one that failed', async () => {
    const event = { userName: 'x', vend: aVend(), account: anAccount(), admin: anAdmin(), secretArn: 'hidden-secret' }
    await invoke(async () => 'hidden-answer', event)
    await expect(invoke(() => Promise.reject(new AccountNotReadyError('the reason')), event)).rejects.toThrow()
    const [done, failed, ...more] = logged.map((line) => JSON.parse(line) as Record<string, unknown>)
    expect(more).toEqual([])
    const identifiers = { execution: aVend().executionArn, accountId: anAccount().id, userName: 'Administrator' }
    expect(done).toMatchObject({ level: 'INFO', message: 'done', ...identifiers })
    expect(failed).toMatchObject({
      level: 'ERROR',
      message: 'failed',
      error: 'AccountNotReadyError',
      reason: 'the reason',
      ...identifiers,
    })
    expect(logged.join()).not.toMatch(/hidden|payments@example\.com|Payments/)
  })

  test('does not log the identifiers of the invocation before', async () => {
    await invoke(async () => 'done', { userName: 'x', vend: aVend(), account: anAccount() })
    await invoke(async () => 'done')
    expect(JSON.parse(logged[1] ?? '')).not.toHaveProperty('accountId')
  })
})

describe('parseInput', () => {
  const schema = z.object({
    list: z.array(z.object({ name: z.string('must be text') })),
    record: z.record(z.string(), input),
  })

  test('names every wrong field, and what is allowed there', () => {
    const wrong = { list: [{ name: 'a' }, { name: 1 }], record: { x: { userName: 2 } } }
    expect(issuesOf(() => parseInput(schema, wrong))).toEqual([
      { field: 'list[1].name', message: 'must be text' },
      { field: 'record.x.userName', message: 'must be text' },
    ])
    expect(() => parseInput(schema, wrong)).toThrow('list[1].name: must be text; record.x.userName: must be text')
  })

  test('names the first 20 of many wrong fields and says how many more there are', () => {
    const strict = z.strictObject({})
    const keys = Array.from({ length: 100_000 }, (_, i) => `${i}`)
    const wrong = (amount: number) => Object.fromEntries(keys.slice(0, amount).map((key) => [key, 1]))
    const fieldsOf = (amount: number) => issuesOf(() => parseInput(strict, wrong(amount))).map(({ field }) => field)
    expect(fieldsOf(20)).toEqual(keys.slice(0, 20))
    expect(fieldsOf(100_000)).toEqual([...keys.slice(0, 20), 'input'])
    expect(() => parseInput(strict, wrong(23))).toThrow(/; input: is wrong in 3 more places$/)
  }, 2000)

  test('names a field that is as long as the input by its beginning', () => {
    const [issue] = issuesOf(() => parseInput(z.strictObject({}), { ['x'.repeat(200_000)]: 1 }))
    expect(issue?.field).toBe(`${'x'.repeat(200)}…`)
  })

  test('calls the whole input', () => {
    expect(issuesOf(() => parseInput(z.string('must be text'), 7))).toEqual([
      { field: 'input', message: 'must be text' },
    ])
  })
})

test.each([
  [aVend().executionArn, { partition: 'aws', region: 'us-east-1', managementAccountId: '111122223333' }],
  [
    'arn:aws-us-gov:states:us-gov-west-1:111122223333:stateMachine:vend',
    { partition: 'aws-us-gov', region: 'us-gov-west-1', managementAccountId: '111122223333' },
  ],
  ['', { partition: '', region: '', managementAccountId: '' }],
])('placeOf reads where the workflow runs from %s', (arn, place) => {
  expect(placeOf(arn)).toEqual(place)
})

test('parseInput refuses what is nested so deep that walking it would end the program', () => {
  const nested = (levels: number): unknown => JSON.parse(`${'['.repeat(levels)}${']'.repeat(levels)}`)
  const refused = [{ field: 'input', message: 'must not be nested deeper than 64 levels' }]
  expect(parseInput(z.unknown(), nested(64))).toBeDefined()
  for (const levels of [66, 100_000]) expect(issuesOf(() => parseInput(z.unknown(), nested(levels)))).toEqual(refused)
})
