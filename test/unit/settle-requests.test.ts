import { SendEmailCommand, SESClient } from '@aws-sdk/client-ses'
import { SFNClient, StartExecutionCommand } from '@aws-sdk/client-sfn'
import { mockClient } from 'aws-sdk-client-mock'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { allIntents, createRequest, decideApproval, readIntent } from '../../functions/shared/opening.ts'
import { scan, updateItem } from '../../functions/shared/ledger.ts'
import { openRequest } from '../../functions/shared/new-account.ts'
import { parseInput } from '../../functions/shared/parse.ts'
import { settleRequests } from '../../functions/sweep/settle-requests.ts'
import { managementAccountId } from '../support/builders.ts'
import { realLedger } from '../support/real-ledger.ts'

const ses = mockClient(SESClient)
const sfn = mockClient(SFNClient)
const ledger = realLedger()
const stateMachineArn = `arn:aws:states:us-east-1:${managementAccountId}:stateMachine:account-vending-prod`
const config = {
  stateMachineArn,
  sender: 'vending@example.com',
  organizationName: 'Example Organization',
  contact: 'platform-team@example.com',
  allowedRecipients: ['example.com'],
  notify: ['approvers@example.com'],
  admins: [],
}
const hour = 60 * 60 * 1000
const day = 24 * hour
let now = Date.parse('2026-11-20T06:10:00.000Z')
const pass = (milliseconds: number) => vi.setSystemTime((now += milliseconds))

beforeEach(() => {
  vi.useFakeTimers({ now, toFake: ['Date'] })
  ses.reset()
  sfn.reset()
  ses.on(SendEmailCommand).resolves({ MessageId: 'message-1' })
  sfn.on(StartExecutionCommand).resolves({})
})
afterEach(() => {
  vi.useRealTimers()
  // The requests of the next test are younger than everything before.
  now += 30 * day
})

const ask = async (
  name: string,
  { needsApproval, domain = 'example.com' }: { needsApproval: boolean; domain?: string },
) => {
  const body = parseInput(openRequest, { name, email: `${name}@${domain}` })
  const { requestId } = await createRequest(ledger(), { body, requestedBy: 'somebody', needsApproval })
  return { requestId, email: body.email }
}
const settle = async () => {
  const { intents } = await scan(ledger(), { intents: allIntents })
  const clients = { ledger: ledger(), ses: new SESClient({}), sfn: new SFNClient({}) }
  return settleRequests(clients, config, intents.values())
}
const allMails = () =>
  ses.commandCalls(SendEmailCommand).map(({ args }) => args[0].input.Destination?.ToAddresses?.join() ?? '')
const mails = () => allMails().filter((to) => to !== 'approvers@example.com')
const started = () => sfn.commandCalls(StartExecutionCommand).map(({ args }) => args[0].input.name)

test('a request that nobody has decided about ends after 7 days, and its account’s address is told once', async () => {
  const { requestId, email } = await ask('late', { needsApproval: true })
  pass(7 * day - 1000)
  expect(await settle()).toEqual({ expired: [], resumed: [] })
  pass(2000)
  expect(await settle()).toEqual({ expired: [requestId], resumed: [] })
  expect(await settle()).toEqual({ expired: [], resumed: [] })
  expect(mails()).toEqual([email])
  const sent = ses.commandCalls(SendEmailCommand).at(-1)
  expect(sent?.args[0].input.Message).toMatchObject({
    Subject: { Data: 'The request for the AWS account late has ended' },
    Body: { Text: { Data: expect.stringContaining('within 7 days') as string } },
  })
  expect(await readIntent(ledger(), email)).toMatchObject({ status: 'declined' })
})

test('the approvers of a request that nobody was mailed about are mailed once, and not after a decision', async () => {
  const { requestId } = await ask('by-command', { needsApproval: true })
  const decided = await ask('decided', { needsApproval: true })
  await decideApproval(ledger(), decided.requestId, { decision: 'declined', by: 'an approver' })
  await settle()
  await settle()
  expect(allMails()).toEqual(['approvers@example.com'])
  const [sent] = ses.commandCalls(SendEmailCommand)
  expect(JSON.stringify(sent?.args[0].input.Message)).toContain(`npx vend approve ${requestId}`)
  await decideApproval(ledger(), requestId, { decision: 'declined', by: 'an approver' })
})

test('a mail that was refused is sent by the next sweep', async () => {
  const { email } = await ask('unlucky', { needsApproval: true })
  pass(8 * day)
  ses.on(SendEmailCommand).rejectsOnce(new Error('SES')).resolves({ MessageId: 'message-1' })
  await expect(settle()).rejects.toThrow('SES')
  pass(day)
  await settle()
  expect(mails()).toEqual([email, email])
})

test('nothing is mailed to an address outside allowedRecipients', async () => {
  const { requestId } = await ask('outside', { needsApproval: true, domain: 'elsewhere.org' })
  pass(8 * day)
  expect(await settle()).toMatchObject({ expired: [requestId] })
  expect(mails()).toEqual([])
})

test('an accepted request without an execution gets it after an hour; one that waits for approval does not', async () => {
  const { requestId } = await ask('lost', { needsApproval: false })
  const approved = await ask('approved', { needsApproval: true })
  await ask('waiting', { needsApproval: true })
  await settle()
  expect(started()).toEqual([])
  pass(30 * 60 * 1000)
  await decideApproval(ledger(), approved.requestId, { decision: 'approved', by: 'an approver' })
  pass(31 * 60 * 1000)
  expect(await settle()).toEqual({ expired: [], resumed: [requestId] })
  pass(hour)
  sfn.reset()
  sfn.on(StartExecutionCommand).resolves({})
  const { resumed } = await settle()
  expect(resumed.sort()).toEqual([requestId, approved.requestId].sort())
  expect(started().sort()).toEqual([requestId, approved.requestId].map((id) => `open-${id}`).sort())
})

test.each([
  ['approved', 'accepted'],
  ['declined', 'declined'],
] as const)(
  'a request is %s although the function of the decision ended between its writes',
  async (decision, status) => {
    const { requestId, email } = await ask(`half-${decision}`, { needsApproval: true })
    await updateItem(ledger(), `request#${requestId}`, {
      set: { approval: { decision, by: 'an approver', at: new Date(now).toISOString() } },
      condition: () => 'attribute_exists(pk)',
    })
    const { resumed } = await settle()
    expect(resumed.includes(requestId)).toBe(decision === 'approved')
    expect(started().includes(`open-${requestId}`)).toBe(decision === 'approved')
    expect(await readIntent(ledger(), email)).toMatchObject({ status })
    expect(allMails()).not.toContain('approvers@example.com')
  },
)
