import { RedriveExecutionCommand, SFNClient } from '@aws-sdk/client-sfn'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { makeClients } from '../support/clients.ts'
import { list, showList } from '../../cli/list.ts'
import { showStatus, status } from '../../cli/status.ts'
import { ensureAccount } from '../../local/make-account.ts'
import { vend } from '../../local/vend-input.ts'
import { addAccount } from '../../local/aws/world.ts'
import { accountCreated, accountJoined } from '../support/events.ts'
import { readLook } from '../../functions/shared/look.ts'
import { anOrganization, ledgerOf, type TestOrganization } from '../support/organization.ts'

// Runs the deployed round with its sweep in the local organization: the bundles, with the ledger and the workflows.

let organization: TestOrganization
let clients: ReturnType<typeof makeClients>
const local = { accessKeyId: '111122223333', secretAccessKey: 'local' }
const hour = 60 * 60 * 1000

beforeAll(async () => {
  organization = await anOrganization({ automatic: 'organizations' })
  clients = makeClients({
    region: 'us-east-1',
    endpoint: organization.endpointUrl,
    credentials: local,
  })
  for (const id of ['400000000001', '400000000002', '400000000003']) account(id)
  for (let n = 100; n < 130; n++) account(`400000000${n}`)
  organization.world.accounts.get('666666666666')!.joinedAt = organization.world.now() - 40 * 24 * hour
  // Waits until these accounts have waited for their events for an hour.
  await new Promise((resolve) => setTimeout(resolve, (61 * 60 * 1000) / organization.clock.speed))
}, 60_000)
afterAll(() => organization.close())

const account = (id: string) => {
  ensureAccount(organization, id, `a${id}`)
  return organization.world.accounts.get(id)!
}
const outcomes = (id: string) =>
  [...organization.executions.values()]
    .filter(({ input }) => input.includes(id))
    .map(({ status, output }) => (output as { outcome?: string } | undefined)?.outcome ?? status)
    .sort()
/** Runs a round. Answers what its sweep counted. */
const sweep = async () => {
  const { output } = await organization.round()
  await organization.settled()
  return output as Record<string, number>
}
const mailsTo = async (address: string) => (await organization.mails()).filter(({ to }) => to.includes(address))
const sweepMails = async () => (await organization.mails()).filter(({ function: by }) => by === 'sweep')
const standing = async (accountId: string) => (await status(clients, { accountId, stage: 'local', options: '' })).status
const asked = async (accountId: string) =>
  JSON.parse(
    (await organization.requestApi({ method: 'GET', path: `/accounts/${accountId}`, headers: {}, body: '' })).body,
  ) as { status: string; requestedBy: string; admins: object[] }

test('the sweep and the event at the same moment make one vend and one mail', async () => {
  const { email, users } = account('400000000001')
  const swept = organization.round()
  organization.putEvent(accountCreated('400000000001'))
  organization.putEvent(accountJoined('400000000001'))
  await swept
  expect([...organization.executions.values()].map(({ name }) => name.slice(0, 19))).toContain('sweep-400000000001-')
  await organization.settled()
  expect(outcomes('400000000001').filter((outcome) => outcome === 'Vended')).toHaveLength(1)
  expect(outcomes('400000000001').filter((outcome) => !/^(Vended|Already)/.test(outcome))).toEqual([])
  expect([...users.keys()]).toEqual(['administrator'])
  expect(await mailsTo(email)).toHaveLength(1)
}, 60_000)

test('every missed account, over several pages, is vended once, and no other account is vended', async () => {
  for (const id of ['400000000002', '400000000003', ...Array.from({ length: 30 }, (_, n) => `400000000${100 + n}`)]) {
    expect(await asked(id), id).toMatchObject({ status: 'VENDED', requestedBy: 'sweep' })
    expect(await mailsTo(account(id).email)).toHaveLength(1)
  }
  const old = ['111111111111', '222222222222', '333333333333', '555555555555', '666666666666', '111122223333']
  const started = [...organization.executions.values()].flatMap(({ name }) => /^sweep-(\d+)-/.exec(name)?.[1] ?? [])
  expect(started).toHaveLength(33)
  expect(started.filter((id) => old.includes(id))).toEqual([])
  expect(await sweepMails()).toEqual([])
})

test('a second sweep starts nothing, and neither do two sweeps at the same time', async () => {
  const before = organization.executions.size
  expect(await sweep()).toMatchObject({ started: 0, failed: 0, departed: 0, closed: 0 })
  await Promise.all([organization.round(), organization.round()])
  await organization.settled()
  expect(organization.executions.size).toBe(before)
})

test('a failed vend is reported again and not started, even if its status event was lost', async () => {
  const denied = account('400000000004')
  denied.deniedActions = ['iam:CreateUser']
  await vend(organization, { door: 'manual', input: '{"accountId":"400000000004"}' })
  const lost = account('400000000005')
  lost.deniedActions = ['iam:CreateUser']
  const { rules } = organization.deployed
  const rule = rules.find(({ name }) => name === 'VendFailedRule')!
  rule.enabled = false
  await vend(organization, { door: 'manual', input: '{"accountId":"400000000005"}' })
  rule.enabled = true
  expect((await asked('400000000005')).status).toBe('VENDING')
  const before = organization.executions.size
  expect((await sweep())['failed']).toBe(2)
  expect(organization.executions.size).toBe(before)
  expect((await asked('400000000005')).status).toBe('FAILED')
  const mails = await sweepMails()
  expect(mails).toHaveLength(1)
  expect(mails[0]?.to).toEqual(organization.vending.notify)
  expect(mails[0]?.text).toContain('400000000004 (a400000000004): DeniedByPolicyError')
  expect(mails[0]?.text?.match(/npx vend redrive \d{12} --local \d+/g)).toHaveLength(2)
  denied.deniedActions = lost.deniedActions = []
})

test('a refused request leaves no record: the sweep reports it and starts nothing', async () => {
  const fresh = addAccount(organization.world, {
    id: '400000000013',
    name: 'Refused',
    email: 'b@elsewhere.invalid',
    // An hour ago: long enough for the sweep to act, but after the ledger was created.
    joinedAt: organization.world.now() - 61 * 60 * 1000,
  })
  organization.putEvent(accountCreated(fresh.id))
  await organization.settled()
  expect(outcomes(fresh.id)).toEqual(['FAILED'])
  await sweep()
  expect(outcomes(fresh.id)).toEqual(['FAILED'])
  expect((await sweepMails()).at(-1)?.text).toContain(`${fresh.id} (Refused): RecipientNotAllowedError`)
})

test('a closed account’s secrets are scheduled for deletion; a reopened account is vended on request, and not by an event', async () => {
  const { id } = account('400000000006')
  const manual = { door: 'manual', input: `{"accountId":"${id}"}` } as const
  await vend(organization, manual)
  const secret = organization.world.secrets.get(`account-vending/${id}/administrator`)!
  const first = [...secret.versions.keys()].at(-1)
  await sweep()
  expect(await readLook(ledgerOf(organization), id)).toMatchObject({ accountId: id })
  account(id).state = 'CLOSED'
  expect((await sweep())['closed']).toBe(1)
  expect(secret.deletionAt).toBeGreaterThan(organization.world.now() + 6 * 24 * hour)
  expect(await standing(id)).toBe('CLOSED')
  expect(await readLook(ledgerOf(organization), id)).toBeUndefined()
  expect((await list(clients, { stage: 'local', status: ['CLOSED'] })).map(({ accountId }) => accountId)).toEqual([id])
  expect((await sweep())['closed']).toBe(0)

  account(id).state = 'ACTIVE'
  expect((await sweep())['started']).toBe(0)
  const byEvent = await vend(organization, { door: 'event', event: accountCreated(id) })
  expect(byEvent.execution?.output).toMatchObject({ outcome: 'AlreadyVended' })
  const byHand = await vend(organization, manual)
  expect(byHand.execution?.output).toMatchObject({ outcome: 'Vended' })
  // Nobody had signed in yet, so the vend makes a new password and sends a mail about it.
  expect(secret.deletionAt).toBeUndefined()
  expect([...secret.versions.keys()].at(-1)).not.toBe(first)
  expect(byHand.mails).toHaveLength(1)
  expect(await standing(id)).toBe('VENDED')
})

test('a departed account is listed as departed; when it joins again, its event vends it', async () => {
  const there = account('400000000007')
  const { id, email } = there
  await vend(organization, { door: 'manual', input: `{"accountId":"${id}"}` })
  organization.world.accounts.delete(id)
  expect((await sweep())['departed']).toBe(1)
  expect(organization.world.secrets.get(`account-vending/${id}/administrator`)?.deletionAt).toBeDefined()
  expect(await standing(id)).toBe('DEPARTED')
  expect(await list(clients, { stage: 'local', status: ['DEPARTED'] })).toMatchObject([
    { accountId: id, name: `a${id}`, state: '–', status: 'DEPARTED' },
  ])

  addAccount(organization.world, { ...there, joinedAt: organization.world.now() })
  organization.putEvent(accountJoined(id))
  organization.putEvent(accountJoined(id))
  await organization.settled()
  expect(outcomes(id).filter((outcome) => outcome === 'Vended')).toHaveLength(2)
  expect(await mailsTo(email)).toHaveLength(2)
  expect(await asked(id)).toMatchObject({ status: 'VENDED', admins: [{ userName: 'Administrator' }] })
})

test('a suspended account keeps its password, its lease and its record, and is continued when AWS lifts the suspension', async () => {
  const vended = account('400000000009')
  const failed = account('400000000010')
  failed.deniedActions = ['iam:CreateUser']
  for (const { id } of [vended, failed]) await vend(organization, { door: 'manual', input: `{"accountId":"${id}"}` })
  vended.state = failed.state = 'SUSPENDED'
  expect(await sweep()).toMatchObject({ closed: 0, departed: 0, suspended: 2 })
  expect((await sweepMails()).at(-1)?.text).toMatch(/400000000009 \(.*\): VENDED\n {2}400000000010 \(.*\): FAILED\n/)
  for (const { id } of [vended, failed])
    expect(organization.world.secrets.get(`account-vending/${id}/administrator`)?.deletionAt).toBeUndefined()
  const shown = await status(clients, { accountId: vended.id, stage: 'local', options: '' })
  expect(showStatus(shown, { withSteps: false })).toContain('SUSPENDED: AWS has restricted the account')
  const listed = showList(await list(clients, { stage: 'local', status: ['VENDED', 'FAILED'] }))
  for (const { id } of [vended, failed]) expect(listed).toMatch(new RegExp(`${id} .*SUSPENDED`))

  vended.state = failed.state = 'ACTIVE'
  await sweep()
  expect((await sweepMails()).at(-1)?.text).toContain(failed.id)
  failed.deniedActions = []
  const sfn = new SFNClient({ endpoint: organization.endpointUrl, region: 'us-east-1', credentials: local })
  const { executionArn } = await status(clients, { accountId: failed.id, stage: 'local', options: '' })
  await sfn.send(new RedriveExecutionCommand({ executionArn }))
  await organization.settled()
  expect(await standing(failed.id)).toBe('VENDED')
}, 60_000)

test('a failed vend’s lease ends with its account', async () => {
  const there = account('400000000008')
  there.deniedActions = ['iam:CreateUser']
  await vend(organization, { door: 'manual', input: `{"accountId":"${there.id}"}` })
  await new Promise((resolve) => setTimeout(resolve, (91 * 1000) / organization.clock.speed))
  there.state = 'PENDING_CLOSURE'
  expect((await sweep())['closed']).toBe(1)
  there.state = 'ACTIVE'
  there.deniedActions = []
  const before = (await sweepMails()).length
  await sweep()
  const later = (await sweepMails()).slice(before).map(({ text }) => text)
  expect(later.join()).not.toContain(there.id)
  const again = await vend(organization, { door: 'manual', input: `{"accountId":"${there.id}"}` })
  expect(again.execution?.output).toMatchObject({ outcome: 'Vended' })
})
