import { stripVTControlCharacters } from 'node:util'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { list, showList } from '../../cli/list.ts'
import { showStatus, status } from '../../cli/status.ts'
import { type Account, addAccount } from '../../local/aws/world.ts'
import { snapshotOf } from '../../local/snapshot.ts'
import { vend } from '../../local/vend-input.ts'
import { makeClients } from '../support/clients.ts'
import { anOrganization, type TestOrganization } from '../support/organization.ts'

// Fifteen days of two administrators, a round on each: ada never comes, and grace settles. Every place that shows
// administrators tells the same about them.

const day = 24 * 60 * 60 * 1000
const accountId = '840000000001'
let organization: TestOrganization
let account: Account
let start: number
beforeAll(async () => {
  organization = await anOrganization({ unclaimed: { removeAfterDays: 14 } })
  account = addAccount(organization.world, { id: accountId, name: 'Payments' })
  const admins = ['ada', 'grace'].map((userName) => ({ userName, email: `${userName}@example.com` }))
  // Half past midnight: the clock runs fast, and everything that a round does must be on the round's day.
  organization.clock.pass(day - (organization.world.now() % day) + day / 48)
  start = organization.world.now()
  await vend(organization, { door: 'manual', input: JSON.stringify({ accountId, admins }) })
})
afterAll(() => organization.close())

/** Lets the days pass until this one, with a round on each of them. */
let today = 0
const untilDay = async (last: number) => {
  for (; today < last; today++) {
    organization.clock.pass(day)
    expect((await organization.round()).status).toBe('SUCCEEDED')
    await organization.settled()
  }
}
const dateOf = (days: number) => new Date(start + days * day).toISOString().slice(0, 10)

const makeThem = () =>
  makeClients({
    region: 'us-east-1',
    endpoint: organization.endpointUrl,
    credentials: { accessKeyId: organization.world.managementAccountId, secretAccessKey: 'local' },
  })
/** What each place says about an administrator. */
const said = async (userName: string) => {
  // The links are judged by the organization's clock.
  const clients = { ...makeThem(), now: organization.world.now }
  const [one, listed, snapshot] = await Promise.all([
    status(clients, { accountId, stage: 'local', options: '' }),
    list(clients, { stage: 'local', status: [] }),
    snapshotOf(organization),
  ])
  const row = listed.find((one) => one.accountId === accountId)!
  const inStatus = stripVTControlCharacters(showStatus(one, { withSteps: true })).replace(/\s+/g, ' ')
  const inList = stripVTControlCharacters(showList([row], Number.MAX_SAFE_INTEGER))
  const shown = snapshot.accounts.find(({ id }) => id === accountId)!
  const words = shown.users.find(({ name }) => name === userName)!.followThrough.join(', ')
  expect(inStatus).toContain(`${userName}: ${words}.`)
  expect(inList).toContain(`${userName}: ${words}`)
  const { userName: _, ...known } = row.followThrough!.find((admin) => admin.userName === userName)!
  expect(one.admins.find((admin) => admin.userName === userName)).toMatchObject(known)
  return { words, known, findings: row.findings, onPage: shown.findings, inList }
}

test('an administrator who signs in, chooses a password and sets up MFA', async () => {
  const grace = account.users.get('grace')!
  grace.passwordLastUsed = organization.world.now() + 1000
  await untilDay(1)
  expect((await said('grace')).words).toBe(`last signed in on ${dateOf(0)}, password not changed, MFA off`)
  grace.login!.resetRequired = false
  const serialNumber = `arn:aws:iam::${accountId}:mfa/phone`
  account.mfaDevices.set(serialNumber, { serialNumber, createdAt: 0, user: grace, enabledAt: 0 })
  await untilDay(2)
  const { words, known } = await said('grace')
  expect(words).toBe(
    `last signed in on ${dateOf(0)}, password changed, MFA on, secret scheduled for deletion on ${dateOf(2)}`,
  )
  expect(known.signIn?.lastSignInAt).toBe(new Date(grace.passwordLastUsed).toISOString())
})

test('an administrator who never comes', async () => {
  await untilDay(5)
  const first = await said('ada')
  const reminders = `reminder of day 2 sent on ${dateOf(2)}, reminder of day 5 sent on ${dateOf(5)}`
  expect(first.words).toBe(`not signed in, ${reminders}`)
  expect([first.findings, first.onPage]).toEqual([[], []])
  await untilDay(8)
  const second = await said('ada')
  // The link has ended on day 7, or on day 8 if the sign-in mail was sent a moment later.
  const renewed = second.known.followUps!.find(({ act }) => act === 'renew')!.at.slice(0, 10)
  expect([dateOf(7), dateOf(8)]).toContain(renewed)
  expect(second.words).toBe(`not signed in, ${reminders}, link renewed on ${renewed}, platform team told on ${renewed}`)
  expect(second.findings).toMatchObject([{ kind: 'link-unclaimed', subject: 'ada' }])
  expect(second.onPage).toMatchObject([{ what: 'A link was not opened in time', text: second.findings![0]!.text }])
  expect(second.inList).toContain('found: link-unclaimed (ada)')
  await untilDay(15)
  const third = await said('ada')
  const removed = third.known.signInRemovedAt!.slice(0, 10)
  expect([dateOf(14), dateOf(15)]).toContain(removed)
  expect(third.words).toContain(`sign-in removed on ${removed}`)
  expect(third.words).not.toContain('not signed in')
  expect(account.users.get('ada')!.login).toBeUndefined()
})
