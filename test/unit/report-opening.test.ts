import { OrganizationsClient } from '@aws-sdk/client-organizations'
import { SendEmailCommand, SESClient } from '@aws-sdk/client-ses'
import {
  DescribeExecutionCommand,
  DescribeStateMachineCommand,
  DescribeStateMachineForExecutionCommand,
  SFNClient,
} from '@aws-sdk/client-sfn'
import { mockClient } from 'aws-sdk-client-mock'
import { beforeEach, expect, test } from 'vitest'
import { reportFailure, reportFailureInput } from '../../functions/report-failure/report-failure.ts'
import { inputOf, openRequest } from '../../functions/shared/new-account.ts'
import { accountResultNote, noteOnce } from '../../functions/shared/notes.ts'
import { changeOpening, createRequest, readIntent, readRequest, takeIntent } from '../../functions/shared/opening.ts'
import { parseInput } from '../../functions/shared/parse.ts'
import { readAccount, takeLease } from '../../functions/shared/record-and-lease.ts'
import { vendOf } from '../../functions/shared/vend.ts'
import { aGroup, anAccount, anAdmin, aSample, managementAccountId, theDefaults } from '../support/builders.ts'
import { realLedger } from '../support/real-ledger.ts'

// The failure of an execution that opens an account.

const ses = mockClient(SESClient)
const sfn = mockClient(SFNClient)
const ledger = realLedger()
const stateMachineArn = `arn:aws:states:us-east-1:${managementAccountId}:stateMachine:account-vending-prod`
const config = {
  ...theDefaults(),
  sender: 'vending@example.com',
  notify: ['platform@example.com'],
  protected: { accounts: [], organizationalUnits: [] },
  stateMachineArn,
}
const stopDate = Date.parse('2026-11-25T08:00:00Z')

beforeEach(() => {
  ses.reset()
  sfn.reset()
  ses.on(SendEmailCommand).resolves({ MessageId: 'message-1' })
  sfn.on(DescribeStateMachineCommand).resolves({ definition: '{}' })
  sfn.on(DescribeStateMachineForExecutionCommand).resolves({ definition: '{}' })
})

/** An opening whose execution has taken the intent. */
const anOpening = async (name: string) => {
  const body = parseInput(openRequest, { name, email: `${name}@example.com` })
  const { requestId, intent } = await createRequest(ledger(), { body, requestedBy: 'somebody', needsApproval: false })
  const executionArn = `${stateMachineArn.replace(':stateMachine:', ':execution:')}:open-${requestId}`
  const vend = vendOf(executionArn)
  await takeIntent(ledger(), { email: body.email, vend, intent })
  const input = JSON.stringify({ ...inputOf(body), requestId, requestedBy: 'somebody' })
  return { email: body.email, vend, requestId, input }
}
type Opening = Awaited<ReturnType<typeof anOpening>>
const report = (event: object) =>
  reportFailure(
    { ses: new SESClient({}), sfn: new SFNClient({}), organizations: new OrganizationsClient({}), ledger: ledger() },
    parseInput(reportFailureInput, event),
    config,
  )
const fails = ({ vend: { executionArn }, input }: Opening, error: string, more: object = {}) => {
  const startDate = new Date(stopDate)
  sfn.on(DescribeExecutionCommand).resolves({
    executionArn,
    stateMachineArn,
    status: 'FAILED',
    startDate,
    input,
    error,
    cause: 'The cause.',
    ...more,
  })
  return report({ source: 'aws.states', detail: { executionArn, status: 'FAILED', stopDate } })
}
const mail = () => {
  const { Subject, Body } = ses.commandCalls(SendEmailCommand)[0]?.args[0].input.Message ?? {}
  return { subject: Subject?.Data ?? '', text: Body?.Text?.Data ?? '' }
}

test('until the account’s id is known, the failure is on record in intent and request, and names the account', async () => {
  const opening = await anOpening('early')
  await changeOpening(ledger(), opening, { set: { createRequestId: 'car-1' } })
  expect(await fails(opening, 'AccountNotOpenError')).toEqual({ told: config.notify })
  const failure = { status: 'FAILED', error: 'AccountNotOpenError', cause: 'The cause.' }
  expect(await readIntent(ledger(), opening.email)).toMatchObject({ status: 'failed', failure })
  expect(await readRequest(ledger(), opening.requestId)).toMatchObject({ failure })
  expect(mail().subject).toBe('Opening account early (early@example.com) failed: AccountNotOpenError')
  expect(mail().text).toContain('– the account (creation request in Organizations: car-1)')
  expect(mail().text).toContain(`npx vend redrive ${opening.vend.executionArn} --region us-east-1`)
})

test('afterwards, the failure is on the account’s record, and the notice says what is done', async () => {
  const opening = await anOpening('late')
  const account = anAccount({ id: '444455556666', name: 'late' })
  const ask = { groups: [aGroup()], admins: [anAdmin()] }
  await takeLease(ledger(), { ...opening, account, ask, askHash: 'a', requestedBy: 'somebody', record: undefined })
  await changeOpening(ledger(), opening, { set: { accountId: account.id } })
  await fails(opening, 'AccountNotEnrolledError')
  expect(await readAccount(ledger(), account.id)).toMatchObject({ status: 'FAILED' })
  expect(await readIntent(ledger(), opening.email)).not.toHaveProperty('failure')
  expect(mail().subject).toBe('Opening account late (444455556666) failed: AccountNotEnrolledError')
  const [, done = '', notDone = ''] = /Done:([^]*)Not done:([^]*)Or with the AWS CLI/.exec(mail().text) ?? []
  expect(done).toContain('the account')
  expect(notDone).toContain('its organizational unit, tags and contacts')
  expect(mail().text).toContain('npx vend redrive 444455556666')
})

test('a late event about an execution that is at work again, or that holds nothing, changes no record', async () => {
  const opening = await anOpening('again')
  await fails(opening, 'AccountNotOpenError', { status: 'RUNNING', redriveDate: new Date(stopDate + 1) })
  expect(await readIntent(ledger(), opening.email)).toMatchObject({ status: 'opening' })
  const other = { ...opening, vend: vendOf(`${opening.vend.executionArn}-2`) }
  await fails(other, 'RequestOpenError')
  expect(await readIntent(ledger(), opening.email)).toMatchObject({ status: 'opening' })
})

test('Organizations’ event about a creation that an execution waits for is told to nobody', async () => {
  const event = aSample('create-account-result-failed') as {
    detail: { serviceEventDetails: { createAccountStatus: { id: string } } }
  }
  const { id } = event.detail.serviceEventDetails.createAccountStatus
  await noteOnce(ledger(), accountResultNote(id), { executionArn: 'any' })
  expect(await report(event)).toEqual({ told: [] })
  expect(ses.calls()).toEqual([])
})
