import { execFile } from 'node:child_process'
import path from 'node:path'
import { promisify } from 'node:util'
import { SendMessageCommand } from '@aws-sdk/client-sqs'
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import { makeClients } from '../support/clients.ts'
import { replay } from '../../cli/replay.ts'
import { ensureAccount } from '../../local/make-account.ts'
import { vend } from '../../local/vend-input.ts'
import { accountCreated } from '../support/events.ts'
import { temporaryFolder } from '../support/folder.ts'
import { anOrganization, type TestOrganization } from '../support/organization.ts'

// Tests the dead-letter queue, and the command that retries its messages.

const folder = temporaryFolder()
let organization: TestOrganization
let clients: ReturnType<typeof makeClients>
beforeAll(async () => {
  organization = await anOrganization()
  clients = makeClients({
    region: 'us-east-1',
    endpoint: organization.endpointUrl,
    credentials: { accessKeyId: organization.world.managementAccountId, secretAccessKey: 'local' },
    maxAttempts: 1,
  })
})
afterAll(() => organization.close())
beforeEach(() => void organization.deadLetters.splice(0))

const again = (overrides: { dryRun?: boolean; limit?: number } = {}) =>
  replay(clients, { stage: 'local', dryRun: false, limit: 100, ...overrides })
const account = (id: string) => {
  ensureAccount(organization, id, `a${id}`)
  return organization.world.accounts.get(id)!
}
const queueUrl = () =>
  `https://sqs.us-east-1.amazonaws.com/${organization.world.managementAccountId}/${organization.deployed.deadLetters}`
/** Sends a message as EventBridge does for an event that it could not deliver. */
const deadEvent = (target: string, event: unknown) =>
  clients.sqs.send(
    new SendMessageCommand({
      QueueUrl: queueUrl(),
      MessageBody: typeof event === 'string' ? event : JSON.stringify(event),
      MessageAttributes: Object.fromEntries(
        Object.entries({
          RULE_ARN: 'arn:aws:events:us-east-1:111122223333:rule/account-vending-local-AccountCreatedRule-LOCAL0123456',
          TARGET_ARN: target,
          ERROR_CODE: 'NO_PERMISSIONS',
          ERROR_MESSAGE: 'not authorized',
        }).map(([name, StringValue]) => [name, { DataType: 'String', StringValue }]),
      ),
    }),
  )
const withoutSes = async (run: () => Promise<unknown>) => {
  const { sesIdentities } = organization.world
  const verified = [...sesIdentities]
  sesIdentities.clear()
  await run()
  verified.forEach((identity) => sesIdentities.add(identity))
}
const notices = async () => (await organization.mails()).filter(({ function: by }) => by === 'report-failure')
/** Waits until SQS shows a received message again: SQS hides it for a minute. */
const untilVisible = () => new Promise((resolve) => setTimeout(resolve, (61 * 1000) / organization.clock.speed))

const failUnreported = async (id: string) => {
  account(id)
  await withoutSes(() => vend(organization, { door: 'manual', input: `{"accountId":"${id}"}` }))
}

test('a failure that could not be reported is reported when SES works again, and only then is its message deleted', async () => {
  await failUnreported('500000000001')
  const before = (await notices()).length
  expect(organization.deadLetters).toHaveLength(1)

  await withoutSes(async () =>
    expect(await again()).toMatchObject([
      { target: 'reportFailure', outcome: 'failed', error: expect.stringContaining('MessageRejected') as string },
    ]),
  )
  expect(organization.deadLetters).toHaveLength(1)
  await untilVisible()

  expect(await again()).toMatchObject([{ outcome: 'replayed' }])
  expect(organization.deadLetters).toEqual([])
  const told = (await notices()).slice(before)
  expect(told).toHaveLength(1)
  expect(told[0]?.subject).toContain('Vending account a500000000001 (500000000001) failed')
  expect(await again()).toEqual([])
})

test('an event that could not be delivered starts the workflow once', async () => {
  const { users } = account('500000000002')
  await deadEvent(organization.deployed.stateMachineArn, accountCreated('500000000002'))
  expect(await again()).toMatchObject([
    {
      target: 'VendAccount',
      about: expect.stringContaining('500000000002') as string,
      why: 'NO_PERMISSIONS',
      outcome: 'replayed',
    },
  ])
  await organization.settled()
  expect([...users.keys()]).toEqual(['administrator'])
  expect(organization.deadLetters).toEqual([])
})

test('a message is found although SQS answers twice without it', async () => {
  account('500000000020')
  await deadEvent(organization.deployed.stateMachineArn, accountCreated('500000000020'))
  organization.world.emptyAnswers = 2
  expect(await again()).toMatchObject([{ target: 'VendAccount', outcome: 'replayed' }])
  await organization.settled()
})

test('a message that could not be deleted starts nothing on its second replay', async () => {
  account('500000000003')
  await deadEvent(organization.deployed.stateMachineArn, accountCreated('500000000003'))
  const [letter] = structuredClone(organization.deadLetters)
  await again()
  await organization.settled()
  const before = organization.executions.size
  organization.deadLetters.push({ ...letter!, visibleFrom: 0 })
  expect(await again()).toMatchObject([{ outcome: 'replayed' }])
  expect(organization.executions.size).toBe(before)
})

test('an event for a function invokes the function again, and a round that did not start is started', async () => {
  const failing = account('500000000004')
  failing.deniedActions = ['iam:CreateUser']
  await vend(organization, { door: 'manual', input: '{"accountId":"500000000004"}' })
  const { stateMachineArn } = organization.deployed.round
  await deadEvent(stateMachineArn, { source: 'aws.events', 'detail-type': 'Scheduled Event' })
  const status = organization.events.findLast((event) => (event as { source: string }).source === 'aws.states')
  await deadEvent(organization.deployed.lambdaArn('reportFailure'), status)
  expect((await again()).map(({ target, outcome }) => [target, outcome])).toEqual([
    ['DailyRound', 'replayed'],
    ['reportFailure', 'replayed'],
  ])
  await organization.settled()
  const told = (await organization.mails()).filter(({ function: by }) => by === 'sweep')
  expect(told.at(-1)?.text).toContain('500000000004')
  // That failure was already reported.
  expect((await notices()).filter(({ subject }) => subject.includes('500000000004'))).toHaveLength(1)
})

test('a message of another service, or without an event, stays in the queue and is listed', async () => {
  await deadEvent('arn:aws:lambda:us-east-1:111122223333:function:somebody-else', { detail: {} })
  await deadEvent('arn:aws:states:us-east-1:111122223333:stateMachine:somebody-else', { detail: {} })
  await deadEvent(organization.deployed.stateMachineArn, 'not JSON')
  const letters = await again()
  expect(letters.map(({ outcome }) => outcome)).toEqual(['failed', 'failed', 'failed'])
  expect(letters.map(({ error }) => error)).toEqual([
    expect.stringContaining('does not belong to account-vending-local'),
    expect.stringContaining('does not belong to account-vending-local'),
    expect.stringContaining('no event'),
  ])
  expect(organization.deadLetters).toHaveLength(3)
})

test('a dry run lists all messages and keeps them; a limit ends a replay', async () => {
  for (let n = 0; n < 13; n++) await deadEvent(organization.deployed.stateMachineArn, { n })
  const before = organization.executions.size
  expect((await again({ dryRun: true })).map(({ outcome }) => outcome)).toContain('listed')
  expect(organization.executions.size).toBe(before)
  expect(organization.deadLetters).toHaveLength(13)
  expect(await again({ limit: 11 })).toHaveLength(11)
  expect(organization.deadLetters).toHaveLength(2)
  await organization.settled()
})

const command = (...args: string[]) => {
  type Failure = { code: number; stdout: string; stderr: string }
  return promisify(execFile)(
    process.execPath,
    [
      path.join(import.meta.dirname, '..', '..', 'dist', 'vend.cjs'),
      'replay',
      ...args,
      '--local',
      new URL(organization.endpointUrl).port,
    ],
    { cwd: folder, env: { PATH: process.env['PATH'], HOME: folder, AWS_MAX_ATTEMPTS: '1' } },
  ).then(
    (ended) => ({ code: 0, ...ended }),
    (failure: Failure) => failure,
  )
}

test('the command says what it did, and the exit code says whether every message was retried', async () => {
  expect(await command()).toMatchObject({ code: 0, stdout: 'The dead-letter queue is empty.\n' })
  await failUnreported('500000000005')
  const listed = await command('--dry-run')
  expect(listed.code).toBe(0)
  expect(listed.stdout).toMatch(/reportFailure +Step Functions .*MessageRejected.* +waiting/)
  await deadEvent('arn:aws:lambda:us-east-1:111122223333:function:somebody-else', { detail: {} })
  const mixed = await command('--json')
  expect(mixed.code).toBe(1)
  expect((JSON.parse(mixed.stdout) as { outcome: string }[]).map(({ outcome }) => outcome)).toEqual([
    'replayed',
    'failed',
  ])
  expect(await command('--limit', '0')).toMatchObject({ code: 2 })
})
