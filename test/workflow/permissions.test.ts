import { readFileSync } from 'node:fs'
import path from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { parse } from 'yaml'
import { ensureAccount, vend } from '../../local/vend.ts'
import { addUser } from '../../local/world.ts'
import { accountCreated, accountCreationFailed } from '../support/events.ts'
import { anOrganization, type TestOrganization } from '../support/organization.ts'

// Each function's role against the calls that the function makes.

const root = path.join(import.meta.dirname, '..', '..')
type Statement = { Action: string | string[] }
type Role = { Properties: { Policies: { PolicyName: string; PolicyDocument: { Statement: Statement[] } }[] } }
const { Resources } = parse(readFileSync(path.join(root, 'infra', 'roles.yml'), 'utf8'), {
  merge: true,
  customTags: ['!Sub', '!GetAtt', '!Ref'].map((tag) => ({ tag, resolve: (text: string) => text })),
}) as { Resources: Record<string, Role> }

const allowed = new Map(
  Object.values(Resources).map(({ Properties }) => {
    const [policy] = Properties.Policies
    return [policy?.PolicyName ?? '', policy?.PolicyDocument.Statement.flatMap(({ Action }) => [Action].flat()) ?? []]
  }),
)

// What no call shows: logs and traces, tags on a secret that is being made (Secrets Manager API, CreateSecret), and the
// dead letter that Lambda itself sends.
const withoutCalls = [
  'logs:CreateLogStream',
  'logs:PutLogEvents',
  'xray:PutTraceSegments',
  'xray:PutTelemetryRecords',
  'secretsmanager:TagResource',
  'sqs:SendMessage',
]

let organization: TestOrganization
const called = new Map<string, Set<string>>()

beforeAll(async () => {
  organization = await anOrganization({ protected: { accounts: [], organizationalUnits: ['ou-exam-security'] } })
  const { world } = organization
  const account = (id: string) => {
    ensureAccount(organization, id, `a${id}`)
    return world.accounts.get(id)
  }
  const manual = (accountId: string, more: object = {}) =>
    vend(organization, { door: 'manual', input: JSON.stringify({ accountId, ...more }) })

  account('700000000001')
  await vend(organization, { door: 'event', event: accountCreated('700000000001') })
  await vend(organization, { door: 'event', event: accountCreationFailed('EMAIL_ALREADY_EXISTS') })
  // A failure in the middle, the same again, and a secret that was on its way out.
  const failing = account('700000000002')
  if (failing) failing.deniedActions = ['iam:CreateUser']
  await manual('700000000002')
  if (failing) failing.deniedActions = []
  await manual('700000000002')
  const secret = world.secrets.get('account-vending/700000000002/administrator')
  if (secret) secret.deletionAt = world.now() + 7 * 24 * 60 * 60 * 1000
  await manual('700000000002', { again: true })
  // Somebody who is kept, and the API with its key.
  const kept = account('700000000003')
  if (kept) addUser(world, kept, { name: 'Administrator' })
  for (let times = 0; times < 2; times++)
    await vend(organization, {
      door: 'api',
      request: {
        method: 'POST',
        path: '/accounts/700000000003/admins',
        headers: { 'idempotency-key': 'k' },
        body: '{}',
      },
    })
  account('700000000004')
  await vend(organization, {
    door: 'api',
    request: { method: 'GET', path: '/accounts/700000000004', headers: {}, body: '' },
  })
  // Two events at the same moment: one asks whether the other still runs.
  account('700000000005')
  organization.putEvent(accountCreated('700000000005'))
  organization.putEvent(accountCreated('700000000005'))
  await organization.settled()

  // One that was missed, one whose failure is told again, one that is closed.
  const missed = account('700000000006')
  if (missed) missed.joinedAt = world.now()
  await new Promise((resolve) => setTimeout(resolve, (61 * 60 * 1000) / organization.clock.speed))
  account('700000000007')!.deniedActions = ['iam:CreateUser']
  await manual('700000000007')
  world.accounts.get('700000000001')!.state = 'CLOSED'
  await organization.sweep()
  await organization.settled()

  for (const { function: name, service, operation } of world.calls) {
    // What is done in an account is the session's, not the role's.
    if (!name || service === 'iam') continue
    called.set(name, (called.get(name) ?? new Set()).add(`${service}:${operation}`))
  }
}, 60_000)
afterAll(() => organization.close())

test.each([...allowed.keys()])('%s is allowed what it calls, and calls what it is allowed', (name) => {
  const actions = new Set(allowed.get(name))
  const calls = called.get(name) ?? new Set()
  expect([...calls].filter((action) => !actions.has(action))).toEqual([])
  // These read the record only where a write's condition did not hold: unit/ledger.test.ts shows that.
  const steps = ['create-admin-group', 'store-password', 'create-admin-user', 'send-login-email', 'record-vended']
  const unseen = steps.includes(name) ? ['dynamodb:GetItem'] : []
  expect([...actions].filter((action) => !calls.has(action) && ![...withoutCalls, ...unseen].includes(action))).toEqual(
    [],
  )
})
