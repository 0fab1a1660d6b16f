import { DynamoDBClient, ScanCommand } from '@aws-sdk/client-dynamodb'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { signIn } from '../../local/aws/iam.ts'
import { ensureAccount } from '../../local/make-account.ts'
import { vend } from '../../local/vend-input.ts'
import { anOrganization, type TestOrganization } from '../support/organization.ts'

let organization: TestOrganization
beforeAll(async () => void (organization = await anOrganization()))
afterAll(() => organization.close())

const passwords = () =>
  [...organization.world.secrets.values()].map(({ name, versions }) => ({
    name,
    password: [...versions.values()].find(({ stages }) => stages.includes('AWSCURRENT'))?.value ?? '',
  }))
const passwordOf = (accountId: string, user: string) =>
  passwords().find(({ name }) => name === `account-vending/${accountId}/${user}`)?.password ?? ''
const manual = (request: object) => ({ door: 'manual' as const, input: JSON.stringify(request) })

test('the stored password signs in, and must be changed', async () => {
  ensureAccount(organization, '500000000001')
  await vend(organization, manual({ accountId: '500000000001' }))
  const password = passwordOf('500000000001', 'administrator')
  expect(signIn(organization.world, '500000000001', 'Administrator', password)).toBe('must-change-password')
})

test('a request can ask for a password that need not be changed', async () => {
  ensureAccount(organization, '500000000002')
  const admins = [{ userName: 'ci', email: 'ci@example.com', passwordResetRequired: false }]
  const { mails } = await vend(organization, manual({ accountId: '500000000002', admins }))
  expect(signIn(organization.world, '500000000002', 'ci', passwordOf('500000000002', 'ci'))).toBe('signed-in')
  expect(mails[0]?.text).not.toContain('choose a new password')
})

test('a password has every class of characters that IAM counts, no look-alikes, and no start of a formula', () => {
  expect(passwords().length).toBeGreaterThan(1)
  for (const { password } of passwords()) {
    expect(password).toHaveLength(32)
    for (const wanted of [/[a-z]/, /[A-Z]/, /[0-9]/, /[!#$%^&*()_[\]{}]/]) expect(password).toMatch(wanted)
    expect(password).not.toMatch(/[0O1lI|"'`=+\-@\s]/)
  }
})

test('an account whose password policy requires a longer password gets a longer password', async () => {
  ensureAccount(organization, '500000000003')
  const account = organization.world.accounts.get('500000000003')
  if (account)
    account.passwordPolicy = {
      MinimumPasswordLength: 60,
      RequireSymbols: true,
      RequireNumbers: true,
      RequireUppercaseCharacters: true,
      RequireLowercaseCharacters: true,
      AllowUsersToChangePassword: false,
      ExpirePasswords: false,
    }
  const { execution } = await vend(organization, manual({ accountId: '500000000003' }))
  expect(execution?.status).toBe('SUCCEEDED')
  expect(passwordOf('500000000003', 'administrator')).toHaveLength(60)
})

test('a password exists only in its secret: not in states, logs, errors, events, mails, ledger or the JSON', async () => {
  ensureAccount(organization, '500000000004')
  const ada = { userName: 'ada', email: 'ada@example.com' }
  const vends = [
    await vend(organization, manual({ accountId: '500000000004', admins: [ada] })),
    // IAM refuses the login profile, so the vend fails when the password already exists.
    await (async () => {
      const account = organization.world.accounts.get('500000000004')
      if (account) account.deniedActions = ['iam:CreateLoginProfile']
      return vend(organization, manual({ accountId: '500000000004', admins: [{ ...ada, userName: 'eve' }] }))
    })(),
  ]
  expect(vends.map(({ execution }) => execution?.status)).toEqual(['SUCCEEDED', 'FAILED'])

  const dynamodb = new DynamoDBClient({
    endpoint: organization.endpointUrl,
    region: 'us-east-1',
    credentials: { accessKeyId: '111122223333', secretAccessKey: 'local' },
  })
  const { Items = [] } = await dynamodb.send(new ScanCommand({ TableName: organization.deployed.ledgerTable }))
  const places = {
    json: JSON.stringify(vends),
    executions: JSON.stringify([...organization.executions.values()]),
    logs: organization.logs.join(''),
    events: JSON.stringify(organization.events),
    mails: JSON.stringify(await organization.mails()),
    ledger: JSON.stringify(Items),
  }
  const canaries = passwords().map(({ password }) => password)
  expect(canaries.length).toBeGreaterThan(4)
  for (const [place, text] of Object.entries(places)) {
    expect(text.length, place).toBeGreaterThan(100)
    for (const canary of canaries) {
      expect(text.includes(canary), `a password in ${place}`).toBe(false)
      expect(text.includes(JSON.stringify(canary).slice(1, -1)), `a password in ${place}`).toBe(false)
    }
  }
})

test('a vend waits while Secrets Manager does not show a new secret, or a restore', async () => {
  const { world } = organization
  const id = '500000000020'
  ensureAccount(organization, id)
  const before = { staleness: world.staleness, forgetfulSeconds: world.forgetfulSeconds }
  Object.assign(world, { staleness: 1, forgetfulSeconds: 20 })
  const first = await vend(organization, manual({ accountId: id }))
  expect(first.execution).toMatchObject({ status: 'SUCCEEDED', output: { outcome: 'Vended' } })
  const secret = world.secrets.get(`account-vending/${id}/administrator`)!
  secret.deletionAt = world.now() + 10 ** 9
  const second = await vend(organization, manual({ accountId: id, again: true }))
  Object.assign(world, before)
  expect(second.execution).toMatchObject({ status: 'SUCCEEDED', output: { outcome: 'Vended' } })
  expect(signIn(world, id, 'Administrator', passwordOf(id, 'administrator'))).toBe('must-change-password')
  const refused = world.calls.map(({ operation, error }) => `${operation} ${error}`)
  expect(refused).toEqual(
    expect.arrayContaining(['GetSecretValue ResourceNotFoundException', 'PutSecretValue InvalidRequestException']),
  )
  expect(second.mails).toHaveLength(1)
})

test('a secret that was deleted is told as deleted, after about a minute', async () => {
  const id = '500000000021'
  ensureAccount(organization, id)
  const { secrets } = organization.world
  const timer = setInterval(() => secrets.delete(`account-vending/${id}/administrator`), 1)
  const { execution } = await vend(organization, manual({ accountId: id })).finally(() => clearInterval(timer))
  expect(execution).toMatchObject({ status: 'FAILED', error: 'SecretNotFoundError' })
})
