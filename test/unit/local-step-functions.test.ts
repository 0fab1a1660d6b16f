import { DescribeExecutionCommand, ListExecutionsCommand, SFNClient, StartExecutionCommand } from '@aws-sdk/client-sfn'
import { afterAll, expect, test } from 'vitest'
import { startClock } from '../../local/clock.ts'
import { startEndpoint } from '../../local/aws/endpoint.ts'
import { startStepFunctions } from '../../local/aws/step-functions.ts'
import { createWorld } from '../../local/aws/world.ts'
import { inVirtualTime, sleep } from '../simulation/virtual-time.ts'
import { manualClock } from '../support/manual-clock.ts'

const world = createWorld(manualClock())
const stateMachineArn = `arn:aws:states:us-east-1:${world.managementAccountId}:stateMachine:machine`
const run = (definition: object) =>
  startStepFunctions({
    definition: definition as never,
    stateMachineArn,
    clock: startClock(1),
    invoke: async () => undefined,
    onProgress: () => {},
    onEnd: () => {},
  })
const { operations } = run({ StartAt: 'Done', States: { Done: { Type: 'Pass', Result: 1, End: true } } })
const endpoint = await startEndpoint(world, { operations: { states: operations } })
afterAll(() => endpoint.close())

const client = new SFNClient({
  endpoint: endpoint.url,
  region: 'us-east-1',
  credentials: { accessKeyId: world.managementAccountId, secretAccessKey: 'local' },
  maxAttempts: 1,
})
const start = (name: string, arn = stateMachineArn) =>
  client.send(new StartExecutionCommand({ stateMachineArn: arn, name, input: '{}' }))
const describe = (executionArn?: string) => client.send(new DescribeExecutionCommand({ executionArn }))

test.each(['a.b', 'ünï', 'a+b=c@d', 'x'.repeat(80)])('an execution may be named %j', async (name) => {
  const { executionArn } = await start(name)
  await expect.poll(async () => (await describe(executionArn)).status).toBe('SUCCEEDED')
  expect(await describe(executionArn)).toMatchObject({
    name,
    inputDetails: { included: true },
    output: '1',
    outputDetails: { included: true },
    redriveCount: 0,
  })
})

test.each(['', 'a b', 'a/b', 'a:b', 'x'.repeat(81)])('an execution may not be named %j', async (name) => {
  await expect(start(name)).rejects.toMatchObject({ name: 'InvalidName' })
})

test('executions are listed by status, the newest first, in pages', async () => {
  for (const name of ['first', 'second', 'third']) {
    const { executionArn } = await start(name)
    await expect.poll(async () => (await describe(executionArn)).status).toBe('SUCCEEDED')
  }
  const list = (more: object = {}) => client.send(new ListExecutionsCommand({ stateMachineArn, ...more }))
  const page = await list({ maxResults: 2 })
  expect(page.executions?.map(({ name }) => name)).toEqual(['third', 'second'])
  expect(page.executions?.[0]).toMatchObject({ status: 'SUCCEEDED', startDate: expect.any(Date) as Date })
  const next = await list({ maxResults: 2, nextToken: page.nextToken })
  expect(next.executions?.[0]?.name).toBe('first')
  expect(await list({ statusFilter: 'FAILED' })).toMatchObject({ executions: [] })
  await expect(list({ stateMachineArn: `${stateMachineArn}-of-nobody` })).rejects.toMatchObject({
    name: 'StateMachineDoesNotExist',
  })
})

test('an invalid ARN and a missing resource get different errors', async () => {
  await expect(start('a', 'nonsense')).rejects.toMatchObject({ name: 'InvalidArn' })
  await expect(start('a', `${stateMachineArn}-of-nobody`)).rejects.toMatchObject({ name: 'StateMachineDoesNotExist' })
  await expect(describe('nonsense')).rejects.toMatchObject({ name: 'InvalidArn' })
  await expect(describe(`${stateMachineArn.replace(':stateMachine:', ':execution:')}:nobody`)).rejects.toMatchObject({
    name: 'ExecutionDoesNotExist',
  })
})

// In both cases only the output of the state is too large, and not the input of a task.
const twice = { Type: 'Pass', Parameters: { 'a.$': '$', 'b.$': '$' } }
const inItems = {
  Type: 'Map',
  ItemsPath: '$.items',
  ItemSelector: { 'text.$': '$.text' },
  ItemProcessor: { StartAt: 'Item', States: { Item: { Type: 'Pass', End: true } } },
}
test.each<[what: string, state: object, input: object]>([
  ['a state', twice, { text: 'x'.repeat(140_000) }],
  ['a Map', inItems, { items: [1, 2], text: 'x'.repeat(140_000) }],
])(
  '%s whose output is larger than 256 KiB fails the execution, and nothing comes after it',
  async (_, state, input) => {
    const { start: startOne, executions } = run({
      StartAt: 'Large',
      States: { Large: { ...state, Next: 'After' }, After: { Type: 'Pass', Result: 1, End: true } },
    })
    for (const [name, given] of Object.entries({ large: input, small: { ...input, text: 'x' } }))
      startOne(name, JSON.stringify(given))
    const [large, small] = [...executions.values()]
    await expect.poll(() => [large?.status, small?.status]).toEqual(['FAILED', 'SUCCEEDED'])
    expect(large).toMatchObject({
      error: 'States.DataLimitExceeded',
      states: expect.arrayContaining([{ name: 'Large', status: 'FAILED' }]) as unknown,
    })
    expect(large?.states.map(({ name }) => name)).not.toContain('After')
  },
)

test('a Wait state may wait for days', async () => {
  const week = 7 * 24 * 60 * 60 * 1000
  const statuses = await inVirtualTime(Math.random, async () => {
    const States = { Wait: { Type: 'Wait', TimestampPath: '$.until', End: true } }
    const { start: begin, executions } = run({ StartAt: 'Wait', States })
    begin('waits', JSON.stringify({ until: new Date(Date.now() + week).toISOString() }))
    const statusAfter = async (milliseconds: number) => {
      await sleep(milliseconds)
      return [...executions.values()].map(({ status }) => status).join()
    }
    return [await statusAfter(week - 1000), await statusAfter(2000)]
  })
  expect(statuses).toEqual(['RUNNING', 'SUCCEEDED'])
})
