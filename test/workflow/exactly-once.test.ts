import { CreateSecretCommand, SecretsManagerClient } from '@aws-sdk/client-secrets-manager'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { signIn } from '../../local/aws/iam.ts'
import { clientConfig } from '../../local/start-organization.ts'
import { ensureAccount } from '../../local/make-account.ts'
import { vend } from '../../local/vend-input.ts'
import { addGroup, addUser } from '../../local/aws/world.ts'
import { accountCreated, accountJoined } from '../support/events.ts'
import { anOrganization, type TestOrganization } from '../support/organization.ts'

let organization: TestOrganization
beforeAll(async () => void (organization = await anOrganization({ automatic: 'organizations' })))
afterAll(() => organization.close())

const outcomes = (names: string[]) =>
  [...organization.executions.values()]
    .filter(({ input }) => names.some((name) => input.includes(name)))
    .map(({ status, output }) => (output as { outcome?: string } | undefined)?.outcome ?? status)
    .sort()
const mailsTo = async (address: string) => (await organization.mails()).filter(({ to }) => to.includes(address))
const account = (id: string) => {
  ensureAccount(organization, id, `a${id}`)
  const there = organization.world.accounts.get(id)
  if (!there) throw new Error(`no account ${id}`)
  return there
}

test('a role that can be assumed before its policies take effect is waited for', async () => {
  const { email } = account('300000000031')
  const there = organization.world.accounts.get('300000000031')!
  there.policiesInEffectFrom = Infinity
  const vending = vend(organization, { door: 'event', event: accountCreated('300000000031') })
  const denied = { accountId: there.id, operation: 'ListUsers', error: 'AccessDenied' }
  await expect.poll(() => organization.world.calls).toContainEqual(expect.objectContaining(denied))
  there.policiesInEffectFrom = organization.world.now()
  const { execution } = await vending
  expect(execution?.status).toBe('SUCCEEDED')
  expect(await mailsTo(email)).toHaveLength(1)
})

test('the same event twice makes one user and one mail', async () => {
  const { email } = account('300000000001')
  const event = { door: 'event', event: accountCreated('300000000001') } as const
  await vend(organization, event)
  const second = await vend(organization, event)
  expect(second.execution).toMatchObject({ status: 'SUCCEEDED', output: { outcome: 'AlreadyVended' } })
  expect(second.users).toHaveLength(1)
  expect(await mailsTo(email)).toHaveLength(1)
})

test('the same event twice at the same moment makes one user and one mail, and both executions succeed', async () => {
  const { email, users } = account('300000000002')
  organization.putEvent(accountCreated('300000000002'))
  organization.putEvent(accountCreated('300000000002'))
  organization.putEvent(accountJoined('300000000002'))
  await organization.settled()
  expect(outcomes(['300000000002'])).toEqual(['AlreadyInProgress', 'AlreadyInProgress', 'Vended'])
  expect([...users.keys()]).toEqual(['administrator'])
  expect(await mailsTo(email)).toHaveLength(1)
})

test('two different requests at the same moment wait for each other, and both are vended', async () => {
  const { users } = account('300000000003')
  const start = (userName: string) =>
    organization.startExecution(
      `for-${userName}`,
      JSON.stringify({ accountId: '300000000003', admins: [{ userName, email: `${userName}@example.com` }] }),
    )
  start('ada')
  start('grace')
  await organization.settled()
  expect(outcomes(['300000000003'])).toEqual(['Vended', 'Vended'])
  expect([...users.keys()].sort()).toEqual(['ada', 'grace'])
  expect(await mailsTo('ada@example.com')).toHaveLength(1)
  expect(await mailsTo('grace@example.com')).toHaveLength(1)
})

test('a repair beside a running vend of the same administrators waits, and then makes again what was deleted', async () => {
  const { id, users } = account('300000000020')
  const start = (name: string, more: object = {}) =>
    organization.startExecution(name, JSON.stringify({ accountId: id, ...more }))
  start('first-vend')
  start('repair', { again: true })
  // The running vend does not touch the user after this step, so only the repair can make the user again.
  const isMade = ({ name, states }: { name: string; states: { name: string }[] }) =>
    name === 'first-vend' && states.some((state) => state.name === 'SendLoginEmail')
  while (![...organization.executions.values()].some(isMade)) await new Promise((resolve) => setTimeout(resolve, 1))
  users.delete('administrator')
  await organization.settled()
  expect(outcomes([id])).toEqual(['Vended', 'Vended'])
  expect([...users.keys()]).toEqual(['administrator'])
})

test('an event that arrives while a request for the same account is vended adds no user', async () => {
  const { users } = account('300000000004')
  const admins = [{ userName: 'linus', email: 'linus@example.com' }]
  organization.startExecution('for-linus', JSON.stringify({ accountId: '300000000004', admins }))
  await new Promise((resolve) => setTimeout(resolve, 20))
  organization.putEvent(accountCreated('300000000004'))
  await organization.settled()
  expect([...users.keys()]).toEqual(['linus'])
})

test('a later request for another person adds only what is missing', async () => {
  account('300000000005')
  const ask = (...names: string[]) => ({
    door: 'manual' as const,
    input: JSON.stringify({
      accountId: '300000000005',
      admins: names.map((userName) => ({ userName, email: `${userName}@example.com` })),
    }),
  })
  await vend(organization, ask('barbara'))
  const second = await vend(organization, ask('barbara', 'frances'))
  expect(second.users.map(({ name }) => name).sort()).toEqual(['barbara', 'frances'])
  expect(second.mails.map(({ to }) => to)).toEqual([['frances@example.com']])
  expect(second.execution?.states.filter(({ name }) => name === 'StorePassword')).toHaveLength(1)
})

test('more groups for an existing user are added, without a new password or mail', async () => {
  account('300000000006')
  const ask = (extra: object) => ({
    door: 'manual' as const,
    input: JSON.stringify({
      accountId: '300000000006',
      admins: [{ userName: 'hedy', email: 'hedy@example.com', ...extra }],
      ...('groups' in extra ? { groups: [{ name: 'Auditors', policies: ['SecurityAudit'] }] } : {}),
    }),
  })
  await vend(organization, ask({}))
  const password = [...organization.world.secrets.values()].find(({ name }) => name.endsWith('300000000006/hedy'))
  const before = JSON.stringify([...(password?.versions.entries() ?? [])])
  const second = await vend(organization, ask({ groups: ['Auditors'] }))
  expect(second.execution).toMatchObject({ status: 'SUCCEEDED', output: { outcome: 'Vended' } })
  expect(second.users[0]?.groups.sort()).toEqual(['Administrators', 'Auditors'])
  expect(second.mails).toEqual([])
  expect(JSON.stringify([...(password?.versions.entries() ?? [])])).toBe(before)
})

test('an existing group gives nobody other rights than the request asks for', async () => {
  const there = account('300000000014')
  const ask = (userName: string, policies: string[]) => ({
    door: 'manual' as const,
    input: JSON.stringify({
      accountId: there.id,
      admins: [{ userName, email: `${userName}@example.com`, groups: ['Ops'] }],
      groups: [{ name: 'Ops', policies }],
    }),
  })
  await vend(organization, ask('root1', ['AdministratorAccess']))
  const reader = await vend(organization, ask('reader', ['ReadOnlyAccess']))
  expect(reader.execution).toMatchObject({ status: 'FAILED', error: 'InvalidInputError' })
  expect(reader.groups).toMatchObject([{ policies: ['arn:aws:iam::aws:policy/AdministratorAccess'], users: ['root1'] }])
})

test('a group that a failed vend left behind gives nobody other rights either', async () => {
  const there = account('300000000015')
  const ask = (policies: string[]) => ({
    door: 'manual' as const,
    input: JSON.stringify({
      accountId: there.id,
      admins: [{ userName: 'ada', email: 'ada@example.com', groups: ['Ops'] }],
      groups: [{ name: 'Ops', policies }],
    }),
  })
  there.deniedActions = ['iam:CreateUser']
  await vend(organization, ask(['AdministratorAccess']))
  there.deniedActions = []
  const second = await vend(organization, ask(['ReadOnlyAccess']))
  expect(second.execution).toMatchObject({ status: 'FAILED', error: 'GroupDiffersError' })
  expect(second.users).toEqual([])
})

test('a secret that was scheduled for deletion gets a new password, and the new password signs in', async () => {
  const there = account('300000000010')
  const input = { door: 'manual', input: '{"accountId":"300000000010"}' } as const
  there.deniedActions = ['iam:CreateUser']
  await vend(organization, input)
  there.deniedActions = []
  const secret = organization.world.secrets.get('account-vending/300000000010/administrator')
  const current = () =>
    [...(secret?.versions.values() ?? [])].find(({ stages }) => stages.includes('AWSCURRENT'))?.value
  const old = current()
  if (secret) secret.deletionAt = organization.world.now() + 7 * 24 * 60 * 60 * 1000
  const { execution } = await vend(organization, input)
  expect(execution?.output).toMatchObject({ outcome: 'Vended' })
  expect(current()).not.toBe(old)
  expect(signIn(organization.world, '300000000010', 'Administrator', current() ?? '')).toBe('must-change-password')
})

test('a user who was deleted in the account is made again on request, with a new password and a new mail', async () => {
  const there = account('300000000012')
  const ask = (again?: boolean) => ({
    door: 'manual' as const,
    input: JSON.stringify({ accountId: there.id, ...(again && { again }) }),
  })
  await vend(organization, ask())
  const secret = organization.world.secrets.get('account-vending/300000000012/administrator')
  const current = () =>
    [...(secret?.versions.values() ?? [])].find(({ stages }) => stages.includes('AWSCURRENT'))?.value
  const old = current()
  there.users.clear()
  expect((await vend(organization, ask())).execution?.output).toMatchObject({ outcome: 'AlreadyVended' })
  const again = await vend(organization, ask(true))
  expect(again.execution?.output).toMatchObject({ outcome: 'Vended' })
  expect(again.users.map(({ name }) => name)).toEqual(['Administrator'])
  expect(again.mails).toHaveLength(1)
  expect(current()).not.toBe(old)
  expect(signIn(organization.world, there.id, 'Administrator', current() ?? '')).toBe('must-change-password')
})

test('a repeated request changes nothing and sends no mail if nothing is missing', async () => {
  const there = account('300000000013')
  const input = (again: boolean) => ({ door: 'manual' as const, input: JSON.stringify({ accountId: there.id, again }) })
  await vend(organization, input(false))
  const second = await vend(organization, input(true))
  expect(second.execution?.output).toMatchObject({ outcome: 'Vended' })
  expect(second.mails).toEqual([])
  expect(second.secrets).toHaveLength(1)
})

test('a failed vend started again finishes, and nothing is made twice', async () => {
  const { email } = account('300000000007')
  const { sesIdentities } = organization.world
  const verified = [...sesIdentities]
  sesIdentities.clear()
  const input = { door: 'manual', input: '{"accountId":"300000000007"}' } as const
  const first = await vend(organization, input)
  verified.forEach((identity) => sesIdentities.add(identity))
  expect(first.execution).toMatchObject({ status: 'FAILED', error: 'MessageRejected' })
  expect(first.execution?.states.at(-1)).toEqual({ name: 'SendLoginEmail', status: 'FAILED' })
  const status = await organization.requestApi({ method: 'GET', path: '/accounts/300000000007', headers: {}, body: '' })
  expect(JSON.parse(status.body)).toMatchObject({ status: 'FAILED', failure: { error: 'MessageRejected' } })

  const second = await vend(organization, input)
  expect(second.execution).toMatchObject({ status: 'SUCCEEDED', output: { outcome: 'Vended' } })
  expect(second.users).toHaveLength(1)
  expect(second.secrets).toHaveLength(1)
  expect(await mailsTo(email)).toHaveLength(1)
})

test('a failure notice says what is done, what is not done, and which command continues', async () => {
  account('300000000008').deniedActions = ['iam:CreateUser']
  const { execution, notices } = await vend(organization, { door: 'manual', input: '{"accountId":"300000000008"}' })
  expect(execution).toMatchObject({ status: 'FAILED', error: 'DeniedByPolicyError' })
  expect(notices).toHaveLength(1)
  const text = notices[0]?.text ?? ''
  expect(text).toContain('service control policy')
  expect(text).toMatch(/Done:\s+– groups Administrators\s+– password of Administrator/)
  expect(text).toMatch(/Not done:\s+– user Administrator with console sign-in\s+– sign-in mail for Administrator/)
  expect(text).toContain('aws stepfunctions redrive-execution --region us-east-1 --execution-arn')
})

test('a failure notice says which users are kept', async () => {
  const there = account('300000000011')
  addUser(organization.world, there, { name: 'old' })
  there.deniedActions = ['iam:CreateUser']
  const admins = ['old', 'new'].map((userName) => ({ userName, email: `${userName}@example.com` }))
  const { notices } = await vend(organization, {
    door: 'manual',
    input: JSON.stringify({ accountId: there.id, admins }),
  })
  expect(notices[0]?.text).toMatch(
    /Done:\s+– groups Administrators\s+– user old kept unchanged: not created by account vending/,
  )
  expect(notices[0]?.text).not.toContain('password of old')
})

test('an existing user who is not ours is kept: no password, no mail, no group', async () => {
  const there = account('300000000009')
  addUser(organization.world, there, { name: 'administrator' })
  const { execution, users, secrets, mails } = await vend(organization, {
    door: 'manual',
    input: '{"accountId":"300000000009"}',
  })
  expect(execution?.output).toMatchObject({ admins: [{ kept: true, secretArn: null, mailedTo: null }] })
  expect(users).toMatchObject([{ name: 'administrator', path: '/', groups: [], kept: true, loginProfile: null }])
  expect({ secrets, mails }).toEqual({ secrets: [], mails: [] })
})

test('nobody becomes an administrator through a user or a group that somebody created on our path before', async () => {
  const squatted = account('300000000017')
  const mallory = addUser(organization.world, squatted, { name: 'mallory' })
  mallory.groups.add(addGroup(organization.world, squatted, { name: 'Administrators', path: '/account-vending/' }))
  const request = { door: 'manual', input: JSON.stringify({ accountId: squatted.id }) } as const
  expect((await vend(organization, request)).execution).toMatchObject({ status: 'FAILED', error: 'GroupNotOursError' })
  expect([...squatted.users.keys()]).toEqual(['mallory'])
  expect(squatted.groups.get('administrators')?.policies.size).toBe(0)

  const waiting = account('300000000018')
  const user = addUser(organization.world, waiting, { name: 'Administrator', path: '/account-vending/' })
  const { users } = await vend(organization, { door: 'event', event: accountCreated(waiting.id) })
  expect(users).toMatchObject([{ name: 'Administrator', kept: true, loginProfile: null }])
  expect(user.groups.size + user.policies.size).toBe(0)
})

test('a password that somebody stored under the secret’s name is not set, and the vend continues when it is deleted', async () => {
  const { id, users } = account('300000000019')
  const name = `account-vending/${id}/administrator`
  const secrets = new SecretsManagerClient(clientConfig(organization, organization.world.managementAccountId))
  await secrets.send(
    new CreateSecretCommand({ Name: name, SecretString: 'Known-to-mallory-1234', ClientRequestToken: 'm'.repeat(32) }),
  )
  const { execution } = await vend(organization, { door: 'event', event: accountCreated(id) })
  expect(execution).toMatchObject({ status: 'FAILED', error: 'SecretNotOursError' })
  expect([...users.keys()]).toEqual([])
  organization.world.secrets.delete(name)
  const again = await vend(organization, { door: 'manual', input: JSON.stringify({ accountId: id }) })
  expect(again.execution).toMatchObject({ status: 'SUCCEEDED' })
  expect(signIn(organization.world, id, 'Administrator', 'Known-to-mallory-1234')).toBe('refused')
})

test('an invited account without the access role fails under its name after two minutes', async () => {
  const { execution } = await vend(organization, { door: 'manual', input: '{"accountId":"666666666666"}' })
  expect(execution).toMatchObject({ status: 'FAILED', error: 'AccessRoleMissingError' })
  expect(execution?.cause).toContain('infra/member-account/access-role.yml')
  const { startDate = 0, stopDate = 0 } =
    [...organization.executions.values()].find(({ input }) => input.includes('666666666666')) ?? {}
  expect(stopDate - startDate).toBeGreaterThan(110_000)
})
