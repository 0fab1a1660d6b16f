import { DescribeExecutionCommand, RedriveExecutionCommand, SFNClient, StopExecutionCommand } from '@aws-sdk/client-sfn'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { makeClients } from '../support/clients.ts'
import { status } from '../../cli/status.ts'
import type { Execution } from '../../local/aws/step-functions-execution.ts'
import { ensureAccount } from '../../local/make-account.ts'
import { snapshotOf } from '../../local/snapshot.ts'
import { anOrganization, type TestOrganization } from '../support/organization.ts'

let organization: TestOrganization
let sfn: SFNClient
beforeAll(async () => {
  organization = await anOrganization()
  sfn = new SFNClient({
    endpoint: organization.endpointUrl,
    region: 'us-east-1',
    credentials: { accessKeyId: '111122223333', secretAccessKey: 'local' },
  })
})
afterAll(() => organization.close())

const account = (id: string) => {
  ensureAccount(organization, id, `a${id}`)
  return organization.world.accounts.get(id)!
}
const start = (accountId: string, ...userNames: string[]) => {
  const admins = userNames.map((userName) => ({ userName, email: `${userName}@example.com` }))
  return organization.startExecution(`for-${accountId}`, JSON.stringify({ accountId, admins })) as Execution
}
const redrive = async ({ executionArn }: Execution) => {
  await sfn.send(new RedriveExecutionCommand({ executionArn }))
  await organization.settled()
}
const callsOf = (name: string, since: number) =>
  organization.world.calls.slice(since).filter((call) => call.function === name).length
const mailsTo = async (address: string) => (await organization.mails()).filter(({ to }) => to.includes(address))

test('a redrive continues at the step that failed, and repeats no earlier step', async () => {
  const { users, deniedActions } = account('310000000001')
  deniedActions.push('iam:CreateUser')
  const execution = start('310000000001', 'ada')
  await organization.settled()
  expect(execution).toMatchObject({ status: 'FAILED', error: 'DeniedByPolicyError' })
  expect(execution.states.at(-1)).toMatchObject({ name: 'CreateAdminUser', status: 'FAILED' })

  deniedActions.pop()
  const since = organization.world.calls.length
  await redrive(execution)
  expect(execution).toMatchObject({ status: 'SUCCEEDED', redriveCount: 1, output: { outcome: 'Vended' } })
  expect(execution.error).toBeUndefined()
  expect(['accept-request', 'create-admin-group', 'store-password'].map((name) => callsOf(name, since))).toEqual([
    0, 0, 0,
  ])
  expect(execution.states.every(({ status }) => status === 'SUCCEEDED')).toBe(true)
  expect([...users.keys()]).toEqual(['ada'])
  expect(await mailsTo('ada@example.com')).toHaveLength(1)
})

test('a redrive repeats only the administrator that failed', async () => {
  const { users } = account('310000000002')
  organization.world.sesIdentities.clear()
  const execution = start('310000000002', 'bob', 'eve')
  await organization.settled()
  expect(execution).toMatchObject({ status: 'FAILED', error: 'MessageRejected' })

  organization.world.sesIdentities.add('example.com')
  const since = organization.world.calls.length
  await redrive(execution)
  expect(execution.status).toBe('SUCCEEDED')
  expect(callsOf('store-password', since)).toBe(0)
  expect([...users.keys()].sort()).toEqual(['bob', 'eve'])
  for (const name of ['bob', 'eve']) expect(await mailsTo(`${name}@example.com`)).toHaveLength(1)
})

test('a second failure after a redrive is reported again', async () => {
  account('310000000003').deniedActions.push('iam:CreateUser')
  const execution = start('310000000003', 'ada')
  await organization.settled()
  await redrive(execution)
  expect(execution).toMatchObject({ status: 'FAILED', redriveCount: 1 })
  const notices = (await organization.mails()).filter(({ subject }) => subject.includes('310000000003'))
  expect(notices).toHaveLength(2)
})

test('a stopped execution is reported, and a redrive continues it', async () => {
  const target = account('310000000004')
  target.roleUsableFrom = organization.world.now() + 3_600_000
  const execution = start('310000000004', 'ada')
  while (!execution.history.some(({ what }) => what === 'failed'))
    await new Promise((resolve) => setTimeout(resolve, 5))
  const { executionArn } = execution
  await sfn.send(new StopExecutionCommand({ executionArn, error: 'Changed', cause: 'not now' }))
  await organization.settled()
  expect(await sfn.send(new DescribeExecutionCommand({ executionArn }))).toMatchObject({
    status: 'ABORTED',
    error: 'Changed',
    cause: 'not now',
  })
  expect((await organization.mails()).at(-1)?.subject).toContain('310000000004')
  // The explanation must not get lost because somebody gave the error a name.
  const place = { region: 'us-east-1', endpoint: organization.endpointUrl, credentials: await sfn.config.credentials() }
  const { failure } = await status(makeClients(place), { accountId: '310000000004', stage: 'local', options: '' })
  expect(failure).toMatchObject({
    error: 'Changed',
    cause: 'not now',
    what: 'Somebody stopped the execution.',
    command: 'npx vend redrive 310000000004',
  })
  target.roleUsableFrom = 0
  await redrive(execution)
  expect(await sfn.send(new DescribeExecutionCommand({ executionArn }))).toMatchObject({
    status: 'SUCCEEDED',
    redriveCount: 1,
    redriveDate: expect.any(Date) as Date,
  })
})

test('the page explains an execution that took too long', async () => {
  account('310000000008').deniedActions.push('iam:CreateUser')
  const execution = start('310000000008', 'ada')
  await organization.settled()
  // Step Functions ends an execution without an error when its TimeoutSeconds pass. The test cannot wait for 12 hours.
  execution.status = 'TIMED_OUT'
  delete execution.error
  delete execution.cause
  const { executions } = await snapshotOf(organization)
  expect(executions.find(({ executionArn }) => executionArn === execution.executionArn)).toMatchObject({
    error: 'States.Timeout',
    explained: { what: 'A step, or the whole workflow, took longer than allowed.', goOn: 'redrive' },
  })
})

test.each(['"x"', 'null', '1', '["x"]', '[null]', '[{"userName":1}]', '[{"email":"a@example.com"}]'])(
  'the page explains a refused request, whatever is in it: admins %s',
  async (admins) => {
    const input = `{"accountId":"310000000008","again":"yes","admins":${admins}}`
    const { executionArn } = organization.startExecution(crypto.randomUUID(), input) as Execution
    await organization.settled()
    const { executions, endpointPort } = await snapshotOf(organization)
    const shown = executions.find((execution) => execution.executionArn === executionArn)
    expect(shown).toMatchObject({
      error: 'InvalidInputError',
      explained: {
        goOn: 'correct',
        command: `npx vend start 310000000008 --file request.json --local ${endpointPort}`,
        again: JSON.stringify(JSON.parse(input)),
      },
    })
  },
)

test('a stopped execution begins no further step', async () => {
  const target = account('310000000007')
  const execution = start('310000000007', 'ada')
  const isAt = (state: string) => execution.history.some((happened) => happened.state === state)
  while (!isAt('StorePassword')) await new Promise((resolve) => setTimeout(resolve, 1))
  target.roleUsableFrom = organization.world.now() + 3_600_000
  while (!execution.history.some(({ state, what }) => state === 'CreateAdminUser' && what === 'failed'))
    await new Promise((resolve) => setTimeout(resolve, 5))
  const since = organization.world.calls.length
  await sfn.send(new StopExecutionCommand({ executionArn: execution.executionArn }))
  await organization.settled()
  await new Promise((resolve) => setTimeout(resolve, 200))
  // A call that had already begun may finish.
  expect(callsOf('create-admin-user', since)).toBeLessThanOrEqual(3)
})

test('an execution that is running, succeeded or does not exist cannot be redriven', async () => {
  account('310000000005')
  const execution = start('310000000005', 'ada')
  await expect(redrive(execution)).rejects.toMatchObject({ name: 'ExecutionNotRedrivable' })
  await organization.settled()
  await expect(redrive(execution)).rejects.toMatchObject({ name: 'ExecutionNotRedrivable' })
  await expect(redrive({ ...execution, executionArn: `${execution.executionArn}-not` })).rejects.toMatchObject({
    name: 'ExecutionDoesNotExist',
  })
})

test('a failed execution can be redriven for 14 days after its end', async () => {
  account('310000000009').deniedActions.push('iam:CreateUser')
  const execution = start('310000000009', 'ada')
  await organization.settled()
  const shown = () => sfn.send(new DescribeExecutionCommand({ executionArn: execution.executionArn }))
  const day = 24 * 60 * 60 * 1000
  execution.startDate -= 100 * day
  execution.stopDate! -= 13 * day
  expect(await shown()).toMatchObject({ redriveStatus: 'REDRIVABLE' })
  execution.stopDate! -= 2 * day
  const why = 'Execution redrivable period exceeded'
  expect(await shown()).toMatchObject({ redriveStatus: 'NOT_REDRIVABLE', redriveStatusReason: why })
  await expect(redrive(execution)).rejects.toMatchObject({ name: 'ExecutionNotRedrivable', message: why })
})

test('the history shows the longest wait of a failed step', async () => {
  const target = account('310000000006')
  // Leaves time for three tries on a busy machine: computing takes real time, while the clock runs fast.
  target.roleUsableFrom = organization.world.now() + 300_000
  const execution = start('310000000006', 'ada')
  await organization.settled()
  const waits = execution.history.flatMap(({ waitsUpTo }) => waitsUpTo ?? [])
  // The pause of the definition’s Retry.
  expect(waits.slice(0, 3)).toEqual([3, 3, 3])
  expect(Math.max(...waits)).toBeLessThanOrEqual(15)
})

test('the failure notice has commands for the local organization, and is short after a redrive that fails in the same way', async () => {
  const { deniedActions } = account('310000000091')
  deniedActions.push('iam:CreateUser')
  const execution = start('310000000091', 'ada')
  await organization.settled()
  await redrive(execution)
  const notices = (await organization.mails()).filter(({ subject }) => subject.includes('310000000091'))
  expect(notices.map(({ subject }) => subject)).toEqual([
    'Vending account a310000000091 (310000000091) failed: DeniedByPolicyError',
    'Re: Vending account a310000000091 (310000000091) failed: DeniedByPolicyError',
  ])
  expect(notices[1]?.text?.split('\n')[0]).toBe('Vending account a310000000091 (310000000091) failed again')
  expect(notices.map(({ inReplyTo }) => inReplyTo)).toEqual([
    undefined,
    `<${notices[0]?.messageId}@email.amazonses.com>`,
  ])
  const { port } = new URL(organization.endpointUrl)
  for (const { text } of notices) {
    expect(text).toContain(`\n  npx vend redrive 310000000091 --local ${port}\n`)
  }
  expect(notices[0]?.text).toContain(`--endpoint-url ${organization.endpointUrl}\n`)
  expect(notices.map(({ text = '' }) => text.includes('Not done:'))).toEqual([true, false])
  deniedActions.pop()
  await redrive(execution)
})

test('the failure notice shows a new start if the workflow was updated while the execution ran', async () => {
  const { deniedActions } = account('310000000092')
  deniedActions.push('iam:CreateUser')
  start('310000000092', 'ada')
  Object.assign(organization.deployed.definition, { Comment: 'Updated' })
  await organization.settled()
  const notice = (await organization.mails()).find(({ subject }) => subject.includes('310000000092'))
  expect(notice?.text).toContain('npx vend start 310000000092 --admin ada=ada@example.com --local ')
  expect(notice?.text).toContain('The workflow was changed after this execution started')
})
