import { afterAll, beforeAll, expect, test } from 'vitest'
import { addAccount } from '../../local/aws/world.ts'
import { accountId } from '../support/builders.ts'
import { aFinding, aGoneFinding, aLook, putLook } from '../support/looks.ts'
import { anOrganization, ledgerOf, type TestOrganization } from '../support/organization.ts'

// The last state of the deployed round, in the local organization.

let organization: TestOrganization
const sent: { DetailType: string; Detail: string }[] = []
beforeAll(async () => {
  organization = await anOrganization({}, ({ operation, input, caller }) => {
    if (operation === 'PutEvents' && caller.function === 'report-round')
      sent.push(...(input['Entries'] as { DetailType: string; Detail: string }[]))
  })
})
afterAll(() => organization.close())

const round = async () => {
  const { status, error, output } = await organization.round()
  expect({ status, error }).toEqual({ status: 'SUCCEEDED', error: undefined })
  return output as { report: object }
}
const mails = async () => (await organization.mails()).filter(({ subject }) => subject.startsWith('The daily round'))

test('a round tells what was found, and the next round does not tell it again', async () => {
  // The account is in the organization, so the sweep keeps its look. The account is suspended, so nobody looks again.
  addAccount(organization.world, { id: accountId, name: 'Payments', state: 'SUSPENDED' })
  await putLook(ledgerOf(organization), aLook([aFinding()], { gone: { 'group-gone#admins': aGoneFinding() } }))
  expect((await round()).report).toMatchObject({ open: 1, new: 1, gone: 1, mailed: true })
  const [mail] = await mails()
  expect(mail?.subject).toBe('The daily round: 1 new finding, 1 finding is gone')
  // The command of the mail reaches this organization.
  expect(mail?.text).toContain(`  npx vend drift --local ${new URL(organization.endpointUrl).port}\n`)
  expect(sent.map(({ DetailType, Detail }) => [DetailType, (JSON.parse(Detail) as { status: string }).status])).toEqual(
    [
      ['Finding', 'new'],
      ['Finding', 'gone'],
    ],
  )
  const figures = organization.logs
    .filter((line) => line.includes('"message":"figures"'))
    .map((line) => JSON.parse(line) as object)
  expect(figures).toEqual([
    {
      message: 'figures',
      accounts: 1,
      accountsWithFindings: 1,
      open: 1,
      openByKind: { 'mfa-off': 1 },
      new: 1,
      gone: 1,
    },
  ])
  expect((await round()).report).toMatchObject({ open: 1, new: 0, gone: 0, mailed: false })
  expect(await mails()).toHaveLength(1)
  expect(sent).toHaveLength(2)
})
