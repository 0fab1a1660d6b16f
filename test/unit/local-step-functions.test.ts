import { DescribeExecutionCommand, SFNClient, StartExecutionCommand } from '@aws-sdk/client-sfn'
import { afterAll, expect, test } from 'vitest'
import { startClock } from '../../local/clock.ts'
import { startEndpoint } from '../../local/endpoint.ts'
import { startStepFunctions } from '../../local/step-functions.ts'
import { createWorld, manualClock } from '../../local/world.ts'

const world = createWorld(manualClock())
const stateMachineArn = `arn:aws:states:us-east-1:${world.managementAccountId}:stateMachine:machine`
const { operations } = startStepFunctions({
  definition: { StartAt: 'Done', States: { Done: { Type: 'Pass', Result: 1, End: true } } } as never,
  stateMachineArn,
  clock: startClock(1),
  invoke: async () => undefined,
  onProgress: () => {},
  onEnd: () => {},
})
const endpoint = await startEndpoint(world, { handlers: { states: operations } })
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

test('what is no ARN is told from what is not there', async () => {
  await expect(start('a', 'nonsense')).rejects.toMatchObject({ name: 'InvalidArn' })
  await expect(start('a', `${stateMachineArn}-of-nobody`)).rejects.toMatchObject({ name: 'StateMachineDoesNotExist' })
  await expect(describe('nonsense')).rejects.toMatchObject({ name: 'InvalidArn' })
  await expect(describe(`${stateMachineArn.replace(':stateMachine:', ':execution:')}:nobody`)).rejects.toMatchObject({
    name: 'ExecutionDoesNotExist',
  })
})
