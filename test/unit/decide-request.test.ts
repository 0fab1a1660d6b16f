import { SFNClient, StartExecutionCommand } from '@aws-sdk/client-sfn'
import { mockClient } from 'aws-sdk-client-mock'
import { beforeEach, describe, expect, test } from 'vitest'
import { decideRequest } from '../../functions/decide-request/decide-request.ts'
import { openRequest } from '../../functions/shared/new-account.ts'
import { createRequest, decideApproval, readIntent, readRequest } from '../../functions/shared/opening.ts'
import { awsError, managementAccountId } from '../support/builders.ts'
import { realLedger } from '../support/real-ledger.ts'

const theLedger = realLedger()
const sfn = mockClient(SFNClient)
const stateMachineArn = `arn:aws:states:us-east-1:${managementAccountId}:stateMachine:account-vending-dev`
const ada = `arn:aws:sts::${managementAccountId}:assumed-role/approvers/ada`

let email = ''
let n = 0
beforeEach(() => {
  email = `a${++n}@example.com`
  sfn.reset()
  sfn.onAnyCommand().resolves({})
})

const create = async (needsApproval = true) => {
  const body = openRequest.parse({ name: 'Payments', email })
  return (await createRequest(theLedger(), { body, requestedBy: 'requester', needsApproval })).requestId
}
const decide = (requestId: string, body: unknown, callerArn = ada) =>
  decideRequest({ sfn: new SFNClient({}), ledger: theLedger() }, { requestId, body, callerArn, stateMachineArn })
const started = () => sfn.commandCalls(StartExecutionCommand).map(({ args }) => args[0].input)
const approve = { decision: 'approve' }

test('approving records who approved, and starts the execution of the request', async () => {
  const requestId = await create()
  const decided = await decide(requestId, approve)
  expect(decided).toMatchObject({ requestId, decision: 'approved', by: ada })
  expect((await readRequest(theLedger(), requestId))?.approval).toMatchObject({ decision: 'approved', by: ada })
  expect(await readIntent(theLedger(), email)).toMatchObject({ status: 'accepted' })
  expect(started()).toMatchObject([{ stateMachineArn, name: `open-${requestId}` }])
  expect(JSON.parse(started()[0]?.input ?? '')).toMatchObject({
    account: { name: 'Payments', email },
    requestId,
    requestedBy: 'requester',
  })
  sfn.on(StartExecutionCommand).rejects(awsError('ExecutionAlreadyExists'))
  expect(await decide(requestId, approve)).toEqual(decided)
})

test('declining starts nothing, and keeps the reason', async () => {
  const requestId = await create()
  await decide(requestId, { decision: 'decline', reason: 'no budget' })
  expect((await readRequest(theLedger(), requestId))?.approval).toMatchObject({
    decision: 'declined',
    reason: 'no budget',
  })
  expect(started()).toEqual([])
})

test('a start that failed is made up by the same decision', async () => {
  const requestId = await create()
  sfn.on(StartExecutionCommand).rejectsOnce(awsError('ThrottlingException')).resolves({})
  await expect(decide(requestId, approve)).rejects.toMatchObject({ name: 'ThrottlingException' })
  await decide(requestId, approve, ada.replace('ada', 'grace'))
  expect(started()).toHaveLength(2)
})

test('of many decisions at the same moment, one counts', async () => {
  const requestId = await create()
  const all = await Promise.allSettled(
    ['approve', 'decline', 'approve', 'decline'].map((decision) => decide(requestId, { decision })),
  )
  const decided = new Set(all.flatMap((one) => (one.status === 'fulfilled' ? [one.value.decision] : [])))
  expect(decided.size).toBe(1)
  expect(all.filter(({ status }) => status === 'rejected')).toHaveLength(2)
  expect(started().length > 0).toBe(decided.has('approved'))
})

describe('RequestDecidedError', () => {
  test('for another decision than before', async () => {
    const requestId = await create()
    await decide(requestId, { decision: 'decline' })
    await expect(decide(requestId, approve)).rejects.toMatchObject({
      name: 'RequestDecidedError',
      message: expect.stringContaining(`declined by ${ada}`) as string,
    })
    expect(started()).toEqual([])
  })

  test('for a request that ended before', async () => {
    const requestId = await create()
    await decideApproval(theLedger(), requestId, { decision: 'expired', by: 'sweep' })
    await expect(decide(requestId, approve)).rejects.toThrow(/nobody had decided/)
    await expect(decide(requestId, { decision: 'decline' })).rejects.toThrow(/nobody had decided/)
  })

  test('for a request that needs no approval', async () => {
    await expect(decide(await create(false), approve)).rejects.toMatchObject({ name: 'RequestDecidedError' })
  })
})

test.each(['x', '0'.repeat(32)])('RequestNotFoundError for %o', async (requestId) => {
  await expect(decide(requestId, approve)).rejects.toMatchObject({ name: 'RequestNotFoundError' })
})

test.each([{}, { decision: 'yes' }, { decision: 'approve', by: 'root' }, { decision: 'decline', reason: 'a\nb' }])(
  'InvalidInputError for %o',
  async (body) => {
    const requestId = await create()
    await expect(decide(requestId, body)).rejects.toMatchObject({ name: 'InvalidInputError' })
    expect((await readRequest(theLedger(), requestId))?.approval).toBeUndefined()
  },
)
