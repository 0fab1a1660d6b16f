import { DescribeAccountCommand, OrganizationsClient } from '@aws-sdk/client-organizations'
import { SendEmailCommand, SESClient } from '@aws-sdk/client-ses'
import { mockClient } from 'aws-sdk-client-mock'
import { beforeEach, expect, test } from 'vitest'
import { reportClaim } from '../../functions/report-claim/report-claim.ts'
import { changeClaim, claimLink, createLink, readHandover, recordBox } from '../../functions/shared/handover.ts'
import { makeLinkKey, sealBox } from '../../functions/shared/sealed-box.ts'
import { awsError } from '../support/builders.ts'
import { realLedger } from '../support/real-ledger.ts'

const ledger = realLedger()
const ses = mockClient(SESClient)
const organizations = mockClient(OrganizationsClient)

let accounts = 100000000000
let accountId: string
beforeEach(() => {
  accountId = String((accounts += 1))
  ses.reset()
  ses.on(SendEmailCommand).resolves({ MessageId: '1' })
  organizations.reset()
  organizations.on(DescribeAccountCommand).resolves({ Account: { Name: 'Payments', Email: 'payments@example.com' } })
})

const config = {
  sender: 'Account Vending <account-vending@example.com>',
  organizationName: 'Example Organization',
  contact: 'platform-team@example.com',
  notify: ['platform-team@example.com'],
  allowedRecipients: ['example.com'],
  stateMachineArn: 'arn:aws:states:us-east-1:111122223333:stateMachine:account-vending-prod',
}
const report = (type: 'Link Claimed' | 'Claim Disowned', overrides: object = {}) =>
  reportClaim(
    { ses: new SESClient({}), organizations: new OrganizationsClient({}), ledger: ledger() },
    { 'detail-type': type, detail: { accountId, userName: 'ada' } },
    { ...config, ...overrides },
  )
const mails = () => ses.commandCalls(SendEmailCommand).map(({ args }) => args[0].input)
const textOf = (mail = mails()[0]) => mail?.Message?.Body?.Text?.Data ?? ''

const administrator = () => ({ accountId, userName: 'ada' })
const handover = async () => (await readHandover(ledger(), administrator()))!
const claim = async () => {
  const { id, publicKey } = await makeLinkKey()
  const secretVersion = 'version-1'
  await createLink(ledger(), { ...administrator(), id, publicKey, email: 'ada@example.com', secretVersion, days: 7 })
  const box = await sealBox({ publicKey, id, text: 'p' })
  await recordBox(ledger(), administrator(), { id, link: (await handover()).links[id]!, box, secretVersion })
  const visitor = { network: '203.0.113.0/24', browser: 'Firefox' }
  await claimLink(ledger(), await handover(), { id, nonce: 'n'.repeat(22), ...visitor })
}
const disown = async () => changeClaim(ledger(), await handover(), { disownedAt: '2026-11-27T09:00:00.000Z' })

test('a claim is told to the link’s address and to the account’s own, with when, from where, and what to do', async () => {
  await claim()
  expect(await report('Link Claimed')).toEqual({ told: ['ada@example.com', 'payments@example.com'] })
  expect(mails()[0]?.Message?.Subject?.Data).toBe(`The password of ada in Payments (${accountId}) was shown`)
  for (const part of ['203.0.113.0/24', 'Firefox', 'That was not me', 'platform-team@example.com', 'UTC'])
    expect(textOf()).toContain(part)
})

test.each([
  ['the account’s own address is not allowed', { allowedRecipients: ['ada@example.com'] }],
  ['the account’s own address is the link’s', {}],
])('if %s, only the link’s address is told', async (why, overrides) => {
  await claim()
  if (why.endsWith('link’s'))
    organizations.on(DescribeAccountCommand).resolves({ Account: { Name: 'Payments', Email: 'ada@EXAMPLE.com' } })
  expect(await report('Link Claimed', overrides)).toEqual({ told: ['ada@example.com'] })
})

test('a disowned claim is told to the platform team only, with the commands that help', async () => {
  await claim()
  await disown()
  expect(await report('Claim Disowned')).toEqual({ told: ['platform-team@example.com'] })
  expect(textOf()).toContain(`npx vend status ${accountId} --region us-east-1`)
  expect(textOf()).toContain(`npx vend link ${accountId} ada --region us-east-1`)
})

test('each is told once', async () => {
  await claim()
  await report('Link Claimed')
  expect(await report('Link Claimed')).toEqual({ told: [] })
  await disown()
  await report('Claim Disowned')
  expect(await report('Claim Disowned')).toEqual({ told: [] })
  expect(mails()).toHaveLength(2)
})

test('an event that the ledger does not know is not believed', async () => {
  expect(await report('Link Claimed')).toEqual({ told: [] })
  await claim()
  expect(await report('Claim Disowned')).toEqual({ told: [] })
  expect(mails()).toEqual([])
})

test('a mail that SES refused is sent at the next try', async () => {
  await claim()
  ses.on(SendEmailCommand).rejectsOnce(awsError('Throttling')).resolves({ MessageId: '1' })
  await expect(report('Link Claimed')).rejects.toThrow('Throttling')
  expect((await report('Link Claimed')).told).toHaveLength(2)
})

test('people are told even if the account has left the organization', async () => {
  organizations.on(DescribeAccountCommand).rejects(awsError('AccountNotFoundException'))
  await claim()
  expect(await report('Link Claimed')).toEqual({ told: ['ada@example.com'] })
  await disown()
  expect(await report('Claim Disowned')).toEqual({ told: ['platform-team@example.com'] })
})

test('a claim is told even if a newer link was made before the event came', async () => {
  await claim()
  const email = 'ada-new@example.com'
  await createLink(ledger(), {
    ...administrator(),
    ...(await makeLinkKey()),
    email,
    secretVersion: 'version-2',
    days: 7,
  })
  expect(await report('Link Claimed')).toEqual({ told: ['ada@example.com', 'payments@example.com'] })
  expect(await report('Link Claimed')).toEqual({ told: [] })
})

test('a disowned claim is told even if a newer link was made before the event came', async () => {
  await claim()
  await disown()
  const { id, publicKey } = await makeLinkKey()
  const newer = { ...administrator(), id, publicKey, email: 'ada@example.com', secretVersion: 'version-2', days: 7 }
  await createLink(ledger(), newer)
  expect(await report('Claim Disowned')).toEqual({ told: ['platform-team@example.com'] })
  expect(textOf()).toContain('203.0.113.0/24')
  expect(await report('Claim Disowned')).toEqual({ told: [] })
})
