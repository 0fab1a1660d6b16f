import { execFile } from 'node:child_process'
import { readFileSync, statSync } from 'node:fs'
import path from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { Listed } from '../../cli/list.ts'
import type { AdminSeen } from '../../functions/shared/look.ts'
import { addAccount, addOrganizationalUnit } from '../../local/aws/world.ts'
import { aVendedRecord } from '../support/builders.ts'
import { temporaryFolder } from '../support/folder.ts'
import { aLook, putItem, putLook } from '../support/looks.ts'
import { anOrganization, exampleVending, ledgerOf, type TestOrganization } from '../support/organization.ts'

// Runs `vend list` with its filters as a person does: in a process, against a local organization over HTTP.

const vend = path.join(import.meta.dirname, '..', '..', 'dist', 'vend.cjs')
const folder = temporaryFolder()
let organization: TestOrganization
let sandbox: string

const seen = (more: Partial<AdminSeen>): AdminSeen => ({
  userName: 'ada',
  isThere: true,
  hasLoginProfile: true,
  hasSignedIn: true,
  mustChangePassword: false,
  hasMfa: true,
  accessKeys: 0,
  ...more,
})
/** By the account's name: what the last round saw of its administrator. */
const administrators: Record<string, AdminSeen> = {
  Settled: seen({}),
  Waiting: seen({ hasSignedIn: false, hasMfa: false }),
  Careless: seen({ hasMfa: false }),
  // Nobody can sign in here, so nobody is waited for.
  Closed: seen({ hasLoginProfile: false, hasSignedIn: false, hasMfa: false }),
}
const idOf = (name: string) => String(610000000001 + Object.keys(administrators).indexOf(name))

beforeAll(async () => {
  organization = await anOrganization()
  const { world } = organization
  const ledger = ledgerOf(organization)
  const { id: workloads } = addOrganizationalUnit(world, { name: 'Production' })
  sandbox = addOrganizationalUnit(world, { name: 'Sandbox', parentId: workloads }).id
  for (const [name, admin] of Object.entries(administrators)) {
    const accountId = idOf(name)
    addAccount(world, { id: accountId, name, ...(name === 'Waiting' && { parentId: sandbox }) })
    await putItem(ledger, `account#${accountId}`, {
      ...aVendedRecord(),
      accountId,
      accountName: name,
      status: name === 'Careless' ? 'FAILED' : 'VENDED',
      updatedAt: name === 'Settled' ? '2026-11-20T10:00:00.000Z' : '2026-11-25T10:00:00.000Z',
      admins: { ada: { userName: 'ada', email: 'ada@example.com', groups: [], policies: [] } },
    })
    await putLook(ledger, aLook([], { accountId, accountName: name, admins: { ada: admin } }))
    await putItem(ledger, `mail#${accountId}#1`, {
      accountId,
      userName: 'ada',
      sentAt: '2026-11-20T10:00:00.000Z',
      at: '2026-11-20T10:00:01.000Z',
      status: name === 'Waiting' ? 'bounced' : 'delivered',
    })
  }
})
afterAll(() => organization.close())

const run = (...args: string[]) =>
  promisify(execFile)(
    process.execPath,
    [vend, 'list', '--local', new URL(organization.endpointUrl).port, '--config', exampleVending, ...args],
    { cwd: folder, env: { PATH: process.env['PATH'], HOME: folder } },
  ).then(
    (ended) => ({ code: 0, ...ended }),
    (failure: { code: number; stdout: string; stderr: string }) => failure,
  )
const names = async (...args: string[]) => {
  const { stdout } = await run(...args, '--json')
  return (JSON.parse(stdout) as Listed[]).map(({ name }) => name)
}

test.each<[string, string[], string[]]>([
  ['who has never signed in', ['--never-signed-in'], ['Waiting']],
  ['who signs in without MFA', ['--no-mfa'], ['Careless']],
  ['whose mail bounced', ['--bounced'], ['Waiting']],
  ['whose vend failed', ['--failed'], ['Careless']],
  ['what changed since a day', ['--since', '2026-11-25'], ['Careless', 'Closed', 'Waiting']],
  ['a unit, by its path', ['--ou', 'Production/Sandbox'], ['Waiting']],
  ['the unit above it', ['--ou', 'Production'], ['Waiting']],
  ['what all options name', ['--since', '2026-11-25', '--no-mfa', '--failed'], ['Careless']],
  ['nothing, if the options exclude each other', ['--bounced', '--failed'], []],
])('lists %s', async (_, options, expected) => {
  expect(await names(...options)).toEqual(expected)
})

test('a unit can be named by its id', async () => {
  expect(await names('--ou', sandbox)).toEqual(['Waiting'])
})

test.each([
  [['--since', 'yesterday'], 'A day is written like 2026-11-28.'],
  [['--since', '2026-13-40'], 'A day is written like 2026-11-28.'],
  [['--ou', 'Nowhere'], '--ou Nowhere: there is no Nowhere in the root; the units there are'],
  [['--csv', '-', '--json'], 'Choose one of --json and --csv -.'],
])('refuses %s', async (options, words) => {
  const { code, stderr, stdout } = await run(...options)
  expect({ code, stdout }).toEqual({ code: 2, stdout: '' })
  expect(stderr.replace(/\s+/g, ' ')).toContain(words)
})

test('writes a file for a spreadsheet, which only its owner can read', async () => {
  const file = path.join(folder, 'accounts.csv')
  expect((await run('--never-signed-in', '--csv', file)).stdout).toBe(`Written: ${file} (accounts: 1)\n`)
  expect(statSync(file).mode & 0o777).toBe(0o600)
  const { rootId } = organization.world
  const [head, row, end] = readFileSync(file, 'utf8').split('\r\n')
  expect(head).toBe('Account,Name,State,Path,Vend,Last change,Error,Links,Mails,Administrators,Findings,Never vended')
  expect(row).toMatch(
    new RegExp(
      `^${idOf('Waiting')},Waiting,ACTIVE,o-\\w+/${rootId}/ou-[^,]*/${sandbox}/[^,]*,VENDED,` +
        '2026-11-25T10:00:00.000Z,,,ada: bounced,ada: not signed in,,$',
    ),
  )
  expect(end).toBe('')
  // A second time needs --force.
  expect((await run('--csv', file)).code).toBe(2)
  expect((await run('--csv', file, '--force')).code).toBe(0)
  expect((await run('--never-signed-in', '--csv', '-')).stdout.split('\r\n')).toEqual([head, row, ''])
})

test('prints only the fields that --json= names, and says which there are', async () => {
  const { stdout } = await run('--failed', '--json=accountId,status')
  expect(JSON.parse(stdout)).toEqual([{ accountId: idOf('Careless'), status: 'FAILED' }])
  const wrong = await run('--failed', '--json=accountId,colour')
  expect(JSON.parse(wrong.stdout)).toEqual([{ accountId: idOf('Careless') }])
  expect(wrong.stderr).toMatch(/^There is no colour here\. The fields are: accountId, name, state, path, status, /)
})
