import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import { bundleFunctions } from '../../local/run-function.ts'
import { type Doors, openDoors } from '../fuzz/door.ts'
import { accountId, approvalRequest, type ApprovalRequest, manyUnknown, openingRequest } from '../fuzz/inputs.ts'
import { mistakes, mistakesWithApprovals } from '../fuzz/mistakes.ts'
import { withMistake } from '../simulation/mistake.ts'
import { vendingFile } from '../support/organization.ts'

const file = vendingFile({ protected: { accounts: ['Audit'], organizationalUnits: [] } })

const approval = { approval: 'required', approvers: ['arn:aws:iam::111122223333:role/approvers'] }
const withApproval = vendingFile({ ...approval, protected: { accounts: ['Audit'], organizationalUnits: [] } })

test('requests and decisions of all kinds open an account exactly if an approver has approved the request', async () => {
  const doors = await openDoors(withApproval)
  const endings = new Set<string>()
  const put = async (input: ApprovalRequest) => void endings.add(await doors.approval(input))
  await fc.assert(fc.asyncProperty(approvalRequest, put), { seed: 1, numRuns: 80 })
  await fc.assert(
    fc.asyncProperty(openingRequest, async (input) => void (await doors.opening(input))),
    { seed: 1, numRuns: 40 },
  )
  expect([...endings]).toEqual(expect.arrayContaining(['approved: Vended', 'declined', 'undecided']))
})

test.each(mistakesWithApprovals)('a mistake with approvals is found: $name', async (mistake) => {
  const bundles = await bundleFunctions(withApproval, [withMistake(mistake)])
  const doors = await openDoors(withApproval, bundles)
  const details = await fc.check(
    fc.asyncProperty(approvalRequest, async (input) => void (await doors.approval(input))),
    { seed: 1, numRuns: 80 },
  )
  expect(details.failed).toBe(true)
})

/** Puts an input for each of the mistakes, and returns what the doors say is wrong. */
const whatIsWrong = async (doors: Doors) => {
  const nasty = {
    requestedBy: '\ud83d <fuzz>\r\nBcc: eve@example.net',
    accountId: '444455556666',
    'x\ud83d\r\n<fuzz>': 1,
  }
  const aRequest = {
    route: 'POST /accounts',
    as: 'operator' as const,
    key: undefined,
    requestId: '',
    query: {},
    body: '',
    isBase64Encoded: false,
  }
  const foreign = { pk: 'request#1', status: 'VENDED', accountName: 'a' }
  const foreignCursor = Buffer.from(JSON.stringify(foreign)).toString('base64url')
  const inputs: (() => Promise<string>)[] = [
    () => doors.execution(nasty),
    () => doors.execution({ accountId: '444455556666', x: 1 }),
    () =>
      doors.execution({
        accountId: '444455556666',
        admins: [{ userName: 'ada', email: 'ada@example.com', tags: { Team: 'red' } }],
      }),
    () =>
      doors.api({
        method: 'POST',
        pathId: accountId,
        pathUser: undefined,
        key: undefined,
        body: manyUnknown,
        isBase64Encoded: false,
      }),
    () => doors.opening({ ...aRequest, body: `${' '.repeat(70_000)}{"name":"Payments","email":"new@example.com"}` }),
    () => doors.opening({ ...aRequest, route: 'GET /accounts', query: { cursor: foreignCursor } }),
    () => doors.step(`{"accountId":"444455556666","admins":${'['.repeat(100_000)}${']'.repeat(100_000)}}`),
  ]
  const found = []
  for (const put of inputs)
    found.push(
      await put().then(
        () => '',
        (error: Error) => error.message,
      ),
    )
  return found.filter(Boolean)
}

test('with the present code, no input shows a mistake', async () => {
  expect(await whatIsWrong(await openDoors(file))).toEqual([])
})

test.each(mistakes)('a mistake is found: $name', async (mistake) => {
  const doors = await openDoors(file, await bundleFunctions(file, [withMistake(mistake)]))
  expect(await whatIsWrong(doors)).not.toEqual([])
})
