import { execFile } from 'node:child_process'
import { readFileSync, statSync } from 'node:fs'
import path from 'node:path'
import { promisify } from 'node:util'
import { DeleteItemCommand, ScanCommand } from '@aws-sdk/client-dynamodb'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import type { Drift } from '../../cli/drift.ts'
import { addAccount, addOrganizationalUnit } from '../../local/aws/world.ts'
import { aVendedRecord } from '../support/builders.ts'
import { temporaryFolder } from '../support/folder.ts'
import { aFinding, aLook, putItem, putLook } from '../support/looks.ts'
import { anOrganization, exampleVending, ledgerOf, type TestOrganization } from '../support/organization.ts'

// Runs `vend drift` as a person does: in a process, against a local organization over HTTP.

const root = path.join(import.meta.dirname, '..', '..')
const folder = temporaryFolder()
let organization: TestOrganization
let ledger: ReturnType<typeof ledgerOf>
let units: { workloads: string; sandbox: string }
beforeAll(async () => {
  organization = await anOrganization()
  ledger = ledgerOf(organization)
  const { world } = organization
  const { id: workloads } = addOrganizationalUnit(world, { name: 'Production' })
  units = { workloads, sandbox: addOrganizationalUnit(world, { name: 'Sandbox', parentId: workloads }).id }
})
afterAll(() => organization.close())
beforeEach(async () => {
  const { dynamodb, tableName } = ledger
  const { Items = [] } = await dynamodb.send(new ScanCommand({ TableName: tableName, ProjectionExpression: 'pk' }))
  for (const Key of Items) await dynamodb.send(new DeleteItemCommand({ TableName: tableName, Key }))
})

const vend = async (...args: string[]) => {
  const local = ['--local', new URL(organization.endpointUrl).port, '--config', exampleVending]
  const env = { PATH: process.env['PATH'], HOME: folder, AWS_EC2_METADATA_DISABLED: 'true' }
  return promisify(execFile)(process.execPath, [path.join(root, 'dist', 'vend.cjs'), ...args, ...local], {
    cwd: folder,
    env,
    maxBuffer: 64 * 1024 * 1024,
  }).then(
    (ended) => ({ code: 0, ...ended }),
    (failure: { code: number; stdout: string; stderr: string }) => failure,
  )
}
const drift = async (...args: string[]) => {
  const { code, stdout } = await vend('drift', ...args, '--json')
  return { code, ...(JSON.parse(stdout) as Drift) }
}

const at = (...ids: string[]) => ['o-exam', organization.world.rootId, ...ids, ''].join('/')
const twoAccounts = async () => {
  await putLook(ledger, aLook([aFinding('never-signed-in'), aFinding('mfa-off')], { path: at(units.workloads) }))
  await putLook(
    ledger,
    aLook([aFinding('root-credentials', '')], {
      accountId: '777788889999',
      accountName: 'Sandbox',
      at: '2026-11-21T06:12:00.000Z',
      path: at(units.workloads, units.sandbox),
    }),
  )
}

describe('lists', () => {
  test('what is open, the worst first, and exits with 1', async () => {
    await twoAccounts()
    const { code, accounts, lookedAt, findings } = await drift()
    expect({ code, accounts, lookedAt }).toEqual({ code: 1, accounts: 2, lookedAt: '2026-11-21T06:12:00.000Z' })
    expect(findings.map(({ accountId, kind }) => `${accountId} ${kind}`)).toEqual([
      '777788889999 root-credentials',
      '444455556666 mfa-off',
      '444455556666 never-signed-in',
    ])
    expect(findings[1]).toEqual({
      accountId: '444455556666',
      accountName: 'Payments',
      path: at(units.workloads),
      kind: 'mfa-off',
      subject: 'ada',
      text: 'ada has mfa-off. Ask ada.',
      since: '2026-11-20T06:12:00.000Z',
      lookedAt: '2026-11-20T06:12:00.000Z',
    })
  })

  test('a table for a person', async () => {
    await twoAccounts()
    const { code, stdout } = await vend('drift')
    expect(code).toBe(1)
    expect(stdout.split('\n').map((line) => line.replace(/ {2,}/g, '|'))).toEqual([
      'Account|Name|Finding|About|Since|What to do',
      '777788889999|Sandbox|root-credentials|2026-11-20|has root-credentials. Ask .',
      '444455556666|Payments|mfa-off|ada|2026-11-20|ada has mfa-off. Ask ada.',
      '444455556666|Payments|never-signed-in|ada|2026-11-20|ada has never-signed-in. Ask ada.',
      '3 findings. The daily round has looked at 2 accounts, most recently at 2026-11-21 06:12:00 UTC.',
      '',
    ])
  })

  test('nothing, and exits with 0', async () => {
    await putLook(ledger, aLook([]))
    const { code, stdout } = await vend('drift')
    expect({ code, stdout }).toEqual({
      code: 0,
      stdout:
        'Nothing was found.\n0 findings. The daily round has looked at 1 account, most recently at 2026-11-20 06:12:00 UTC.\n',
    })
  })

  test('no account that left the organization, and says if no round has run', async () => {
    await putLook(ledger, aLook([aFinding()]))
    await putItem(ledger, 'account#444455556666', aVendedRecord({ status: 'DEPARTED' }))
    const { code, stdout } = await vend('drift')
    expect(code).toBe(0)
    expect(stdout).toContain(
      'The daily round has not looked at any account yet. To start a round: npx vend round --wait --local',
    )
  })
})

describe('--ou', () => {
  test.each<[string, () => string, string[]]>([
    ['a path', () => 'Production/Sandbox', ['777788889999']],
    ['a unit with units in it', () => 'Production', ['777788889999', '444455556666', '444455556666']],
    ['an id', () => units.sandbox, ['777788889999']],
  ])('lists the accounts in %s', async (_, ou, expected) => {
    await twoAccounts()
    expect((await drift('--ou', ou())).findings.map(({ accountId }) => accountId)).toEqual(expected)
  })

  test('says which units there are, and exits with 2', async () => {
    const { code, stderr } = await vend('drift', '--ou', 'Production/Nowhere')
    expect(code).toBe(2)
    expect(stderr).toContain('--ou Production/Nowhere: there is no Nowhere in Production; the units there are Sandbox.')
  })

  test('says how many accounts have no known place', async () => {
    await putLook(ledger, aLook([aFinding()], { path: '' }))
    const { code, stdout } = await vend('drift', '--ou', 'Production')
    expect(code).toBe(0)
    expect(stdout).toContain('Organizations did not say where 1 account is. Without --ou, this account is listed, too.')
  })
})

describe('--csv', () => {
  const trap = '=HYPERLINK("http://example.com","ada")'

  test('writes a file that a spreadsheet reads as text, for nobody else to read', async () => {
    await putLook(ledger, aLook([aFinding('mfa-off', trap, { text: '+1,\nsay "no"' })], { accountName: '@Payments' }))
    const { code, stdout } = await vend('drift', '--csv', 'drift.csv')
    const file = path.join(folder, 'drift.csv')
    expect({ code, stdout }).toEqual({ code: 1, stdout: `Written: ${file} (1 finding)\n` })
    expect(statSync(file).mode & 0o777).toBe(0o600)
    expect(readFileSync(file, 'utf8')).toBe(
      'Account,Name,Finding,About,Since,Looked at,Path,What to do\r\n' +
        `444455556666,'@Payments,mfa-off,"'=HYPERLINK(""http://example.com"",""ada"")",2026-11-20T06:12:00.000Z,` +
        `2026-11-20T06:12:00.000Z,o-exam/r-exam/,"'+1,\nsay ""no"""\r\n`,
    )
    const again = await vend('drift', '--csv', 'drift.csv')
    expect(again.code).toBe(2)
    expect(again.stderr.replace(/\s+/g, ' ')).toContain(
      'Name another file with --csv, or replace this file with --force.',
    )
    expect(await vend('drift', '--csv', 'drift.csv', '--force')).toMatchObject({ code: 1, stderr: '' })
  })

  test('writes to a pipe with -, and --json cannot share the pipe', async () => {
    await twoAccounts()
    const { stdout } = await vend('drift', '--csv', '-')
    expect(stdout.split('\r\n')).toHaveLength(1 + 3 + 1)
    expect(await vend('drift', '--csv', '-', '--json')).toMatchObject({ code: 2 })
  })
})

test('vend status shows what was found in one account', async () => {
  const { id: accountId } = addAccount(organization.world, { id: '444455556666', name: 'Payments' })
  await putItem(ledger, `account#${accountId}`, aVendedRecord())
  await putLook(ledger, aLook([aFinding('never-signed-in'), aFinding('mfa-off')]))
  const { code, stdout } = await vend('status', accountId)
  expect(code).toBe(0)
  expect(stdout).toContain('  looked at     2026-11-20 06:12:00 UTC: see below\n')
  expect(stdout.slice(stdout.indexOf('  The daily round'))).toBe(
    '  The daily round found at 2026-11-20 06:12:00 UTC:\n' +
      '  MFA is off (found on 2026-11-20). ada has mfa-off. Ask ada.\n' +
      '  An administrator has never signed in (found on 2026-11-20). ada has never-signed-in. Ask ada.\n',
  )
  await putLook(ledger, aLook([]))
  expect((await vend('status', accountId)).stdout).toContain('06:12:00 UTC: nothing was found\n')
})

test('a pipe gets every finding whole, however many there are', async () => {
  const text = `${'a long text '.repeat(20)}end`
  const findings = Array.from({ length: 400 }, (_, n) => aFinding('policy-added', `policy-${n}`, { text }))
  for (const accountId of ['700000000001', '700000000002', '700000000003'])
    await putLook(ledger, aLook(findings, { accountId }))
  const { stdout } = await vend('drift')
  expect(stdout.split('\n').filter((line) => line.endsWith(text))).toHaveLength(1200)
  expect(stdout).toContain('1200 findings.')
})
