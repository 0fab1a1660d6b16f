import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import { bundleFunctions } from '../../local/run-function.ts'
import { openDoors } from '../fuzz/door.ts'
import {
  accountId,
  apiRequest,
  approvalRequest,
  type ApprovalRequest,
  deepInput,
  event,
  executionInput,
  manyUnknown,
  openingRequest,
} from '../fuzz/inputs.ts'
import { withMistake } from '../simulation/mistake.ts'
import { vendingFile } from '../support/organization.ts'

const file = vendingFile({ protected: { accounts: ['Audit'], organizationalUnits: [] } })

test('inputs of all kinds are refused with a named error, or vended exactly as they request', async () => {
  const doors = await openDoors(file)
  const run = <Input>(inputs: fc.Arbitrary<Input>, put: (input: Input) => Promise<string>, numRuns: number) =>
    fc.assert(
      fc.asyncProperty(inputs, async (input) => void (await put(input))),
      { seed: 1, numRuns },
    )
  await run(event, doors.event, 60)
  await run(executionInput, doors.execution, 60)
  await run(apiRequest, doors.api, 60)
  await run(openingRequest, doors.opening, 120)
  await run(approvalRequest, doors.approval, 10)
  await run(deepInput, doors.step, 2)
}, 60_000)

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
}, 60_000)

test.each<[what: string, file: string, right: string, wrong: string]>([
  [
    'a decision of anybody is taken for an approval',
    'decide-request/decide-request.ts',
    "asked === 'approve' ? 'approved' : 'declined'",
    "asked ? 'approved' : 'declined'",
  ],
  [
    'a request is carried out without an approval',
    'request-account/request-account.ts',
    "needsApproval: approval === 'required'",
    'needsApproval: !approval',
  ],
  ['the last decision counts', 'shared/opening.ts', ' AND attribute_not_exists(approval)`', '`'],
])('a mistake with approvals is found: %s', async (name, of, right, wrong) => {
  const bundles = await bundleFunctions(withApproval, [withMistake({ name, file: of, changes: [[right, wrong]] })])
  const doors = await openDoors(withApproval, bundles)
  const details = await fc.check(
    fc.asyncProperty(approvalRequest, async (input) => void (await doors.approval(input))),
    { seed: 1, numRuns: 80 },
  )
  expect(details.failed).toBe(true)
})

test.each<[what: string, file: string, right: string, wrong: string]>([
  [
    'mails do not escape',
    'shared/mail.ts',
    'value.replace(/[&<>"\']/g, (mark) => entities[mark]!)',
    'entities && value',
  ],
  ['half a character stops a mail', 'shared/mail.ts', '.toWellFormed()', '.normalize()'],
  ['unknown fields pass', 'shared/request.ts', 'z.strictObject(shape, {', 'z.looseObject(shape, {'],
  ['nothing is too deep', 'shared/parse.ts', 'if (isTooDeep(value))', 'if (isTooDeep(value, Infinity))'],
  ['a refusal has no end', 'shared/errors.ts', 'const maxIssues = 20', 'const maxIssues = Infinity'],
  ['a body of any size is read', 'shared/parse.ts', 'const mostBytes = 64 * 1024', 'const mostBytes = Infinity'],
  ['a cursor of somebody else is used', 'list-accounts/list-accounts.ts', '.check(z.regex(/^account#\\d{12}$/))', ''],
  [
    'a tag is forgotten',
    'create-admin-user/create-admin-user.ts',
    'Object.entries(tags).map(',
    'Object.entries(tags).slice(1).map(',
  ],
])('a mistake is found: %s', async (name, of, right, wrong) => {
  const bundles = await bundleFunctions(file, [withMistake({ name, file: of, changes: [[right, wrong]] })])
  const doors = await openDoors(file, bundles)
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
  expect(found.filter(Boolean)).not.toEqual([])
})
