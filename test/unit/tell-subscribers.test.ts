import { DescribeExecutionCommand, SFNClient } from '@aws-sdk/client-sfn'
import { PublishCommand, SNSClient } from '@aws-sdk/client-sns'
import { mockClient } from 'aws-sdk-client-mock'
import { randomBytes } from 'node:crypto'
import { beforeEach, describe, expect, test } from 'vitest'
import { eventOfSweep } from '../../functions/shared/event-shape.ts'
import { inputOf, openRequest } from '../../functions/shared/new-account.ts'
import { changeOpening, createRequest, readIntent, takeIntent } from '../../functions/shared/opening.ts'
import { parseInput } from '../../functions/shared/parse.ts'
import { takeLease, recordVend } from '../../functions/shared/record-and-lease.ts'
import { vendOf } from '../../functions/shared/vend.ts'
import { tellSubscribers, tellSubscribersInput } from '../../functions/tell-subscribers/tell-subscribers.ts'
import { aGroup, anAccount, anAdmin, managementAccountId } from '../support/builders.ts'
import { accountCreated } from '../support/events.ts'
import { realLedger } from '../support/real-ledger.ts'

const sns = mockClient(SNSClient)
const sfn = mockClient(SFNClient)
const ledger = realLedger()
const topicArn = `arn:aws:sns:us-east-1:${managementAccountId}:notices`
const stopDate = Date.parse('2026-11-25T08:00:00Z')
const requester = `arn:aws:sts::${managementAccountId}:assumed-role/account-vending-prod-RequesterRole/ada`

let accountId = 444455556666
beforeEach(() => {
  sns.reset()
  sfn.reset()
  sns.on(PublishCommand).resolves({ MessageId: 'message-1' })
  accountId += 1
})

const anExecution = (name = randomBytes(8).toString('hex')) =>
  `arn:aws:states:us-east-1:${managementAccountId}:execution:account-vending-prod:${name}`
const execution = (more: object) => sfn.on(DescribeExecutionCommand).resolves({ status: 'FAILED', ...more })
const tell = (event: object) =>
  tellSubscribers(
    { sns: new SNSClient({}), sfn: new SFNClient({}), ledger: ledger() },
    parseInput(tellSubscribersInput, event),
    { topicArn },
  )
const failed = (executionArn: string, more: object = {}) => ({
  source: 'aws.states',
  detail: { executionArn, status: 'FAILED', stopDate, ...more },
})
const vendedEvent = (executionArn: string) => ({
  source: 'account-vending',
  'detail-type': 'Account Vended',
  time: '2026-11-25T08:00:00Z',
  detail: { accountId: String(accountId), executionArn },
})
/** Vends an account in the ledger. */
const vend = async (executionArn: string) => {
  const account = anAccount({ id: String(accountId) })
  const ask = { groups: [aGroup()], admins: [anAdmin()] }
  const vend = vendOf(executionArn)
  const requestedBy = 'event'
  await takeLease(ledger(), { vend, account, ask, askHash: 'a', requestedBy, record: undefined })
  await recordVend(ledger(), {
    accountId: account.id,
    vend,
    groups: ask.groups,
    admins: ask.admins.map((admin) => ({ ...admin, kept: false })),
  })
}
const messages = () =>
  sns.commandCalls(PublishCommand).map(({ args: [{ input }] }) => ({
    topic: input.TopicArn,
    subject: input.Subject,
    body: JSON.parse(input.Message ?? '') as object,
    attributes: Object.fromEntries(
      Object.entries(input.MessageAttributes ?? {}).map(([name, { StringValue }]) => [name, StringValue]),
    ),
  }))

test('an account that is ready is told once, however often the event comes', async () => {
  const executionArn = anExecution()
  await vend(executionArn)
  execution({ status: 'SUCCEEDED', input: JSON.stringify(accountCreated(String(accountId))) })
  expect(await tell(vendedEvent(executionArn))).toEqual({ told: 'READY' })
  expect(await tell(vendedEvent(executionArn))).toEqual({ told: undefined })
  expect(messages()).toEqual([
    {
      topic: topicArn,
      subject: `Account ${accountId} is ready`,
      attributes: { accountId: String(accountId), status: 'READY', requestedBy: 'event' },
      body: {
        status: 'READY',
        accountId: String(accountId),
        accountName: 'Payments',
        requestedBy: 'event',
        administrators: ['Administrator'],
        at: '2026-11-25T08:00:00Z',
        executionArn,
      },
    },
  ])
})

test('a message that SNS refuses is told by the next try', async () => {
  const executionArn = anExecution()
  await vend(executionArn)
  execution({ status: 'SUCCEEDED', input: '{}' })
  sns.on(PublishCommand).rejectsOnce(new Error('refused')).resolves({ MessageId: 'message-1' })
  await expect(tell(vendedEvent(executionArn))).rejects.toThrow('refused')
  expect(await tell(vendedEvent(executionArn))).toEqual({ told: 'READY' })
})

test('an event that the ledger does not confirm is not told, and neither is a new link', async () => {
  const executionArn = anExecution()
  await vend(executionArn)
  execution({ status: 'SUCCEEDED', input: JSON.stringify({ accountId: String(accountId), renew: 'ada' }) })
  expect(await tell(vendedEvent(executionArn))).toEqual({ told: undefined })
  execution({ status: 'SUCCEEDED', input: '{}' })
  expect(await tell(vendedEvent(anExecution()))).toEqual({ told: undefined })
  expect(messages()).toEqual([])
})

test('a vend that failed is told with its error; each redrive that fails is told again', async () => {
  const executionArn = anExecution()
  const input = JSON.stringify({ accountId: String(accountId), requestedBy: requester })
  execution({ input, error: 'AccountNotFoundError', cause: 'secret text' })
  expect(await tell(failed(executionArn))).toEqual({ told: 'FAILED' })
  expect(await tell(failed(executionArn))).toEqual({ told: undefined })
  expect(await tell(failed(executionArn, { stopDate: stopDate + 1000 }))).toEqual({ told: 'FAILED' })
  const [first] = messages()
  expect(messages()).toHaveLength(2)
  expect(first).toEqual({
    topic: topicArn,
    subject: `The vend of account ${accountId} has failed`,
    attributes: { accountId: String(accountId), status: 'FAILED', requestedBy: 'account-vending-prod-RequesterRole' },
    body: {
      status: 'FAILED',
      accountId: String(accountId),
      requestedBy: 'account-vending-prod-RequesterRole',
      error: 'AccountNotFoundError',
      what: expect.stringContaining('organization') as string,
      at: '2026-11-25T08:00:00.000Z',
      executionArn,
    },
  })
})

test('an end that Step Functions does not show yet is tried again, and a redrive is told when it ends', async () => {
  execution({ status: 'RUNNING', input: '{}' })
  await expect(tell(failed(anExecution()))).rejects.toMatchObject({ name: 'ExecutionNotSettledError' })
  execution({ status: 'RUNNING', input: '{}', redriveDate: new Date(stopDate + 1) })
  expect(await tell(failed(anExecution()))).toEqual({ told: undefined })
})

test('an opening that failed is told by the account’s name, and by its id as soon as there is one', async () => {
  const body = parseInput(openRequest, { name: 'Sandbox', email: `sandbox${accountId}@example.com` })
  const request = await createRequest(ledger(), { body, requestedBy: requester, needsApproval: false })
  const { requestId } = request
  const executionArn = anExecution(`open-${requestId}`)
  execution({ input: JSON.stringify({ ...inputOf(body), requestId, requestedBy: requester }), error: 'OpeningTimeout' })
  await tell(failed(executionArn))
  const opened = { email: body.email, vend: vendOf(executionArn) }
  await takeIntent(ledger(), { ...opened, intent: (await readIntent(ledger(), body.email))! })
  await changeOpening(ledger(), opened, { set: { accountId: String(accountId) } })
  await tell(failed(executionArn, { stopDate: stopDate + 1000 }))
  expect(messages()).toMatchObject([
    {
      subject: 'The opening of an account has failed',
      attributes: { status: 'FAILED', requestedBy: 'account-vending-prod-RequesterRole' },
      body: { accountName: 'Sandbox', requestId, error: 'OpeningTimeout' },
    },
    { attributes: { accountId: String(accountId) }, body: { accountId: String(accountId), requestId } },
  ])
  expect(messages()[0]?.attributes).not.toHaveProperty('accountId')
  expect(JSON.stringify(messages())).not.toContain('@')
})

describe('who asked is told by the name of the role:', () => {
  test.each([
    [{ requestedBy: `arn:aws:iam::${managementAccountId}:user/teams/ada` }, 'ada'],
    [{ requestedBy: `arn:aws:iam::${managementAccountId}:role/teams/platform` }, 'platform'],
    [{ requestedBy: requester }, 'account-vending-prod-RequesterRole'],
    [{ requestedBy: 'I, myself' }, 'manual'],
    [{}, 'manual'],
    [eventOfSweep('444455556666'), 'sweep'],
    [accountCreated('444455556666'), 'event'],
  ])('%j', async (input, requestedBy) => {
    execution({ input: JSON.stringify(input), error: 'X' })
    await tell(failed(anExecution()))
    expect(messages()).toMatchObject([{ attributes: { requestedBy } }])
  })
})
