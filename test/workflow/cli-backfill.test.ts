import { spawn } from 'node:child_process'
import { once } from 'node:events'
import path from 'node:path'
import { DynamoDBClient, ScanCommand } from '@aws-sdk/client-dynamodb'
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import { type Backfill, backfill, budget } from '../../cli/backfill.ts'
import { AwsError } from '../../local/aws/aws-error.ts'
import type { Interception } from '../../local/aws/endpoint.ts'
import { addAccount, addOrganizationalUnit, addUser } from '../../local/aws/world.ts'
import { clientConfig } from '../../local/start-organization.ts'
import { vend } from '../../local/vend-input.ts'
import { makeClients } from '../support/clients.ts'
import { temporaryFolder } from '../support/folder.ts'
import { anOrganization, exampleVending, type TestOrganization } from '../support/organization.ts'
import { writes } from '../support/writes.ts'

// Old accounts are planned and vended in the local organization. Each test has a unit of its own.

const root = path.join(import.meta.dirname, '..', '..')
const folder = temporaryFolder()
const managementAccountId = '111122223333'
type Intercept = (call: Interception) => ((error: string | undefined) => void) | void
let organization: TestOrganization
let intercept: Intercept = () => undefined
beforeAll(async () => {
  organization = await anOrganization({}, (call) => intercept(call))
})
beforeEach(() => void (intercept = () => undefined))
afterAll(async () => {
  await organization.settled()
  await organization.close()
})

let accounts = 0
const unit = (name: string) => addOrganizationalUnit(organization.world, { name }).id
/** An account that joined before the service was installed. */
const old = (parentId: string, options: Parameters<typeof addAccount>[1] = {}) =>
  addAccount(organization.world, {
    id: String(340000000000 + (accounts += 1)),
    name: `Old ${accounts}`,
    joinedAt: 0,
    parentId,
    ...options,
  })

const unlimited = { ...budget, pagesPerSecond: Infinity, plansPerSecond: Infinity, startsPerSecond: Infinity }
type Watch = Parameters<typeof backfill>[2]
const run = (input: { ou: string; apply?: boolean }, watch: Watch = {}, rates = unlimited) =>
  backfill(
    makeClients({ ...clientConfig(organization, managementAccountId), maxAttempts: 1 }),
    { stage: 'local', vending: organization.vending, apply: false, ...input },
    watch,
    rates,
  )
const outcomes = ({ accounts }: Backfill) => Object.fromEntries(accounts.map((one) => [one.accountId, one.outcome]))
const backfills = () => [...organization.executions.values()].filter(({ name }) => name.startsWith('backfill-'))
const backfillsOf = (ids: string[]) => backfills().filter(({ name }) => ids.some((id) => name === `backfill-${id}`))

/** Runs the bundled command. `onLine` hears each line of its output. */
const command = async (args: string[], onLine: (line: string, kill: () => void) => void = () => undefined) => {
  const where = ['--local', new URL(organization.endpointUrl).port, '--config', exampleVending]
  const child = spawn(process.execPath, [path.join(root, 'dist', 'vend.cjs'), 'backfill', ...args, ...where], {
    cwd: folder,
    env: { PATH: process.env['PATH'], HOME: folder },
  })
  let out = ''
  let err = ''
  child.stdout.on('data', (chunk: Buffer) => {
    out += String(chunk)
    onLine(String(chunk), () => child.kill('SIGINT'))
  })
  child.stderr.on('data', (chunk: Buffer) => (err += String(chunk)))
  const [code] = (await once(child, 'close')) as [number | null]
  return { code, out, err }
}

/** Everything in the world except its calls and its sessions, which AssumeRole makes. */
const everything = async () => {
  const { calls: _calls, sessions: _sessions, ...world } = organization.world
  const data = Object.entries(world).filter(([, value]) => typeof value !== 'function')
  const dynamodb = new DynamoDBClient(clientConfig(organization, managementAccountId))
  const { Items } = await dynamodb.send(new ScanCommand({ TableName: organization.deployed.ledgerTable }))
  return structuredClone({ world: Object.fromEntries(data), Items, executions: [...organization.executions.keys()] })
}

test('shows what would be vended where, and changes nothing', async () => {
  const ou = unit('Shown')
  const below = addOrganizationalUnit(organization.world, { name: 'Below', parentId: ou }).id
  const plain = old(ou)
  const deep = old(below)
  const kept = old(ou)
  addUser(organization.world, kept, { name: 'Administrator' })
  const withoutRole = old(ou, { roleName: null })
  old(ou, { state: 'SUSPENDED' })
  old(ou, { joinedAt: organization.clock.now() + 1000 })
  old(ou, { name: 'Audit' })
  const vended = old(ou)
  await vend(organization, { door: 'manual', input: JSON.stringify({ accountId: vended.id }) })
  const everybodyKept = old(ou)
  addUser(organization.world, everybodyKept, { name: 'Administrator' })
  await vend(organization, { door: 'manual', input: JSON.stringify({ accountId: everybodyKept.id }) })
  await organization.settled()

  const before = await everything()
  const callsBefore = organization.world.calls.length
  const shown = await command(['--ou', 'Shown'])
  expect(await everything()).toEqual(before)
  const calls = organization.world.calls.slice(callsBefore)
  expect(calls.length).toBeGreaterThan(20)
  expect(writes(calls)).toEqual([])
  expect(calls.filter(({ operation }) => /^(Start|Redrive|Update|Put)/.test(operation))).toEqual([])

  expect(shown.code).toBe(1)
  const lineOf = (id: string) => shown.out.split('\n').filter((line) => line.startsWith(id))
  for (const { id, name, email } of [plain, deep])
    expect(lineOf(id)).toEqual([
      `${id}  ${name}  would be vended: group Administrators created, user Administrator created, mail to ${email}`,
    ])
  expect(lineOf(kept.id)).toEqual([expect.stringContaining('user Administrator stays unchanged')])
  expect(lineOf(withoutRole.id)).toEqual([
    expect.stringMatching(/refused: AccessRoleMissingError: The access role of the account cannot be assumed\.$/),
  ])
  expect(shown.out).toContain('4 old accounts: 3 would be vended, 1 refused.')
  const leftAlone = [
    '1 with an administrator of this service',
    '1 newer than the service',
    '1 protected',
    '1 not active',
  ]
  for (const words of leftAlone) expect(shown.out.replace(/\s+/g, ' ')).toContain(words)
  expect(shown.out).toMatch(new RegExp(`no administrator of this service:\n.*\n${everybodyKept.id} .*VENDED`))
  expect(shown.out).toMatch(
    /Nothing was changed\.\nStart these vends:\n {2}npx vend backfill --ou Shown --local \d+ --apply\n$/,
  )
})

test('starts each vend once, whoever stops the command and runs it again', async () => {
  const ou = unit('Stopped')
  const all = Array.from({ length: 8 }, () => old(ou))
  const ids = all.map(({ id }) => id)
  let stopped = false
  const first = await command(['--ou', 'Stopped', '--apply'], (_, kill) => {
    if (!stopped) kill()
    stopped = true
  })
  expect(first.code).toBe(130)
  expect(first.err).toMatch(
    /The vends that were started go on\. Continue with the others:\n {2}npx vend backfill --ou Stopped --apply --local \d+\n$/,
  )
  expect(backfillsOf(ids).length).toBeLessThan(8)

  const second = await command(['--ou', 'Stopped', '--apply'])
  expect(second.code).toBe(0)
  await organization.settled()
  expect(
    backfillsOf(ids)
      .map(({ name }) => name)
      .sort(),
  ).toEqual(ids.map((id) => `backfill-${id}`).sort())
  for (const { users } of all) expect([...users.keys()]).toEqual(['administrator'])
  const made = organization.world.calls.filter(
    ({ operation, accountId }) => operation === 'CreateUser' && ids.includes(accountId),
  )
  expect(made.length).toBe(8)
  for (const { input } of backfillsOf(ids))
    expect(JSON.parse(input)).toMatchObject({ requestedBy: `arn:aws:iam::${managementAccountId}:root` })

  const third = await command(['--ou', 'Stopped', '--apply', '--json'])
  expect(third.code).toBe(0)
  expect(JSON.parse(third.out)).toMatchObject({ accounts: [], leftAlone: { 'has an administrator': 8 } })
})

test('two backfills at once start nothing twice', async () => {
  const ou = unit('Twice')
  const ids = Array.from({ length: 5 }, () => old(ou).id)
  const both = await Promise.all([run({ ou: 'Twice', apply: true }), run({ ou: 'Twice', apply: true })])
  expect(backfillsOf(ids)).toHaveLength(5)
  for (const { accounts } of both) {
    expect(accounts).toHaveLength(5)
    for (const { outcome } of accounts) expect(['vended', 'nothing to do']).toContain(outcome)
  }
})

test('a vend that fails stops no other, is told with its error, and is not started again', async () => {
  const ou = unit('Failing')
  const [good, bad] = [old(ou), old(ou)]
  // No policy that the plan could read denies the call.
  intercept = ({ operation, caller }) => {
    if (operation === 'CreateUser' && caller.accountId === bad.id) throw new AwsError('AccessDenied', 'Denied.', 403)
  }
  const failing = await command(['--ou', 'Failing', '--apply'])
  expect(failing.code).toBe(1)
  expect(failing.out).toContain(`${good.id}  ${good.name}  vended: group Administrators created`)
  expect(failing.out).toContain(`${bad.id}  ${bad.name}  failed: DeniedByPolicyError\n`)
  expect(failing.out).toContain('2 old accounts: 1 vended, 1 failed.')
  expect(failing.out).toContain('The result of a vend, and the next step: npx vend status ACCOUNT --local')
  await organization.settled()

  const again = await command(['--ou', 'Failing', '--apply'])
  expect(again.code).toBe(1)
  expect(again.out).toContain('0 old accounts.')
  expect(again.out).toMatch(new RegExp(`${bad.id} +${bad.name} +FAILED +DeniedByPolicyError`))
  expect(backfillsOf([good.id, bad.id])).toHaveLength(2)
})

test('an account whose calls fail stops no other', async () => {
  const ou = unit('Refusing')
  const [good, bad] = [old(ou), old(ou)]
  intercept = ({ operation, caller }) => {
    if (operation === 'ListUsers' && caller.accountId === bad.id) throw new AwsError('ServiceFailure', 'Broken.', 500)
  }
  const shown = await run({ ou: 'Refusing' })
  expect(outcomes(shown)).toEqual({ [good.id]: 'would be vended', [bad.id]: 'failed' })
  expect(shown.accounts.find(({ accountId }) => accountId === bad.id)?.what).toContain('iam:ListUsers')
})

test('a sign-in that has expired stops the backfill, and the same command continues', async () => {
  const ou = unit('Expired')
  const ids = Array.from({ length: 3 }, () => old(ou).id)
  let starts = 0
  intercept = ({ service, operation, caller }) => {
    if (operation === 'StartExecution' && !caller.function) starts++
    if (service === 'states' && !caller.function && starts > 1)
      throw new AwsError('ExpiredTokenException', 'The security token included in the request is expired', 400)
  }
  const stopped = await command(['--ou', 'Expired', '--apply'])
  expect(stopped.code).toBe(1)
  expect(stopped.err).toContain('Your AWS session has expired.')
  intercept = () => undefined
  await organization.settled()
  expect((await command(['--ou', 'Expired', '--apply'])).code).toBe(0)
  expect(backfillsOf(ids)).toHaveLength(3)
})

test('the units that are there are named if the one that is asked for is not', async () => {
  const missing = await command(['--ou', 'Workloads/Nowhere'])
  expect(missing).toMatchObject({ code: 2, out: '' })
  expect(missing.err).toContain('there is no Nowhere in Workloads; the units there are Sandbox, Production')
})

test('an account in a protected unit is left alone, whether Organizations tells its path or not', async () => {
  const ou = unit('Guarded')
  const below = addOrganizationalUnit(organization.world, { name: 'Below', parentId: ou }).id
  old(below)
  const vending = { ...organization.vending, protected: { accounts: [], organizationalUnits: [below] } }
  const clients = makeClients({ ...clientConfig(organization, managementAccountId), maxAttempts: 1 })
  const input = { stage: 'local', vending, ou: 'Guarded', apply: false }
  const told = await backfill(clients, input, {}, unlimited)
  expect(told).toMatchObject({ accounts: [], leftAlone: { protected: 1 } })

  clients.organizations.middlewareStack.add(
    (next) => async (args) => {
      const answer = await next(args)
      for (const account of (answer.output as { Accounts?: { Paths?: string[] }[] }).Accounts ?? [])
        delete account.Paths
      return answer
    },
    { step: 'initialize' },
  )
  const walked = await backfill(clients, input, {}, unlimited)
  expect(walked).toMatchObject({ accounts: [], leftAlone: { protected: 1 } })
})

test('many accounts are planned ten at a time, with one reading of the policies', async () => {
  const ou = unit('Many')
  const ids = new Set(Array.from({ length: 200 }, () => old(ou).id))
  const begun = new Set<string>()
  let most = 0
  intercept = ({ operation, input }) => {
    if (operation === 'DescribeAccount') begun.add(String(input['AccountId']))
  }
  const before = organization.world.calls.length
  let done = 0
  const shown = await run(
    { ou: 'Many' },
    {
      onAccount: () => {
        most = Math.max(most, begun.size - done)
        done++
      },
    },
  )
  expect(new Set(shown.accounts.map(({ accountId }) => accountId))).toEqual(ids)
  expect(new Set(Object.values(outcomes(shown)))).toEqual(new Set(['would be vended']))
  expect(most).toBeGreaterThan(1)
  expect(most).toBeLessThanOrEqual(10)
  const calls = organization.world.calls.slice(before)
  const count = (name: string) => calls.filter(({ operation }) => operation === name).length
  expect(count('ListPolicies')).toBe(1)
  expect(count('ListParents')).toBe(0)
  expect(count('DescribeAccount')).toBe(200)
  expect(writes(calls)).toEqual([])
})

test('at most so many vends run at a time', async () => {
  const ou = unit('Bounded')
  const ids = Array.from({ length: 9 }, () => old(ou).id)
  let most = 0
  intercept = ({ operation, caller }) => {
    if (operation !== 'StartExecution' || caller.function) return
    most = Math.max(most, backfillsOf(ids).filter(({ status }) => status === 'RUNNING').length + 1)
  }
  const vended = await run({ ou: 'Bounded', apply: true }, {}, { ...unlimited, atOnce: 3 })
  expect(new Set(Object.values(outcomes(vended)))).toEqual(new Set(['vended']))
  expect(most).toBe(3)
})
