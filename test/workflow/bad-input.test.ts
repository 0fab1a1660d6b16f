import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { ensureAccount } from '../../local/make-account.ts'
import { vend } from '../../local/vend-input.ts'
import { accountCreated } from '../support/events.ts'
import { anOrganization, type TestOrganization } from '../support/organization.ts'
import { writes } from '../support/writes.ts'

let organization: TestOrganization
beforeAll(async () => {
  organization = await anOrganization({
    protected: { accounts: ['Audit', '111111111111'], organizationalUnits: ['ou-exam-workload'] },
  })
  ensureAccount(organization, '400000000001')
})
afterAll(() => organization.close())

const ada = { userName: 'ada', email: 'ada@example.com' }
const own = '400000000001'
const denyIam = { Version: '2012-10-17', Statement: [{ Effect: 'Deny', Action: 'iam:*', Resource: '*' }] }
const twice = 'admins[1].userName'

const tags = Object.fromEntries(Array.from({ length: 40 }, (_, i) => [`key-${i}`, 'v'.repeat(200)]))
const twenty = Array.from({ length: 20 }, (_, i) => ({ ...ada, userName: `ada-${i}`, tags }))

// Each row: the mistake, the request, the name of the refusal, the API's status, and the field that the refusal names.
const refusals: [what: string, accountId: string, request: object, error: string, status: number, field: string][] = [
  ['an account id of 11 digits', '40000000001', {}, 'InvalidInputError', 400, 'accountId'],
  ['an account id of letters', 'four-hundred', {}, 'InvalidInputError', 400, 'accountId'],
  ['an account outside the organization', '999999999999', {}, 'AccountNotFoundError', 404, 'accountId'],
  ['the management account', '111122223333', {}, 'ManagementAccountError', 403, 'accountId'],
  ['an account protected by name', '222222222222', {}, 'ProtectedAccountError', 403, 'accountId'],
  ['an account protected by id', '111111111111', {}, 'ProtectedAccountError', 403, 'accountId'],
  ['an account in a protected unit', '555555555555', {}, 'ProtectedAccountError', 403, 'accountId'],
  ['a suspended account', '333333333333', {}, 'AccountNotActiveError', 409, 'accountId'],
  ['an unknown field', own, { admin: [ada] }, 'InvalidInputError', 400, 'admin'],
  [
    'an unknown field of an administrator',
    own,
    { admins: [{ ...ada, mail: 'x' }] },
    'InvalidInputError',
    400,
    'admins[0].mail',
  ],
  ['no administrator', own, { admins: [] }, 'InvalidInputError', 400, 'admins'],
  [
    'a user name with a space',
    own,
    { admins: [{ ...ada, userName: 'a b' }] },
    'InvalidInputError',
    400,
    'admins[0].userName',
  ],
  [
    'a user name of 65 letters',
    own,
    { admins: [{ ...ada, userName: 'a'.repeat(65) }] },
    'InvalidInputError',
    400,
    'admins[0].userName',
  ],
  [
    'names that differ only in case',
    own,
    { admins: [ada, { ...ada, userName: 'ADA' }] },
    'InvalidInputError',
    400,
    twice,
  ],
  [
    'an address that SES refuses',
    own,
    { admins: [{ ...ada, email: 'ada@exämple.com' }] },
    'InvalidInputError',
    400,
    'admins[0].email',
  ],
  [
    'two addresses in one',
    own,
    { admins: [{ ...ada, email: 'a@example.com,b@evil.test' }] },
    'InvalidInputError',
    400,
    'admins[0].email',
  ],
  [
    'an address that is not allowed',
    own,
    { admins: [{ ...ada, email: 'ada@evil.test' }] },
    'RecipientNotAllowedError',
    403,
    'admins[0].email',
  ],
  [
    'a group that nobody defined',
    own,
    { admins: [{ ...ada, groups: ['Nobodys'] }] },
    'InvalidInputError',
    400,
    'admins[0].groups[0]',
  ],
  [
    'a policy of another account',
    own,
    { admins: [{ ...ada, policies: ['arn:aws:iam::999999999999:policy/x'] }] },
    'InvalidInputError',
    400,
    'admins[0].policies[0]',
  ],
  [
    'tag keys that differ only in case',
    own,
    { admins: [{ ...ada, tags: { managedby: 'me' } }] },
    'InvalidInputError',
    400,
    'admins[0].tags',
  ],
  [
    'more policies than a user may have',
    own,
    { admins: [{ ...ada, policies: Array.from({ length: 10 }, (_, i) => `p${i}`) }] },
    'InvalidInputError',
    400,
    'admins[0].policies',
  ],
  [
    'more names of groups and policies than a session’s policy holds',
    own,
    { admins: [{ ...ada, policies: Array.from({ length: 9 }, (_, i) => `${i}`.padEnd(30, 'p')) }] },
    'InvalidInputError',
    400,
    'admins[0]',
  ],
  ['a request that no state can hold', own, { admins: twenty }, 'InvalidInputError', 400, 'input'],
  [
    'an inline policy that denies the password change at the first sign-in',
    own,
    {
      admins: [{ ...ada, groups: ['NoIam'] }],
      groups: [{ name: 'NoIam', policies: ['PowerUserAccess'], inline: { DenyIam: denyIam } }],
    },
    'InvalidInputError',
    400,
    'groups[0].inline.DenyIam',
  ],
  [
    'an AWS managed policy that denies the password change at the first sign-in',
    own,
    { admins: [{ ...ada, policies: ['AWSDenyAll'] }] },
    'InvalidInputError',
    400,
    'admins[0].policies',
  ],
  [
    'an inline policy that is none',
    own,
    { groups: [{ name: 'G', inline: { p: { Statement: [] } } }] },
    'InvalidInputError',
    400,
    'groups[0].inline.p.Version',
  ],
]

describe.each(refusals)('%s', (_, accountId, request, error, status, field) => {
  test(`fails a manual execution as ${error}, which names ${field}, and nothing is made`, async () => {
    const { execution, calls, notices } = await vend(organization, {
      door: 'manual',
      input: JSON.stringify({ accountId, ...request }),
    })
    expect(execution).toMatchObject({ status: 'FAILED', error })
    expect(execution?.cause).toContain(`${field}: `)
    expect(writes(calls).map(({ operation, function: by }) => `${by} ${operation}`)).toEqual([
      'report-failure SendEmail',
    ])
    expect(notices).toHaveLength(1)
  })

  test(`is answered by the API with ${status}, and starts nothing`, async () => {
    // The API reads no body of more than 64 KB.
    const named = JSON.stringify(request).length > 64 * 1024 ? 'body' : field
    const { execution, response, calls } = await vend(organization, {
      door: 'api',
      request: { method: 'POST', path: `/accounts/${accountId}/admins`, headers: {}, body: JSON.stringify(request) },
    })
    expect(response).toMatchObject({
      status,
      headers: { 'content-type': 'application/problem+json' },
      body: { type: `urn:account-vending:${error}`, status, field: named },
    })
    // Each fault is named once.
    const { errors, detail } = response?.body as { errors: { field: string; message: string }[]; detail?: string }
    expect(errors[0]?.field).toBe(named)
    expect(new Set(errors.map((fault) => fault.field)).size).toBe(errors.length)
    expect(detail).toBeUndefined()
    expect(execution).toBeNull()
    expect(writes(calls)).toEqual([])
  })
})

test('a body that is not JSON is answered with 400', async () => {
  const request = { method: 'POST', path: `/accounts/${own}/admins`, headers: {}, body: '{"admins":' }
  const { response, calls } = await vend(organization, { door: 'api', request })
  expect(response).toMatchObject({ status: 400, body: { field: 'body' } })
  expect(calls).toEqual([])
})

test('a huge request with mistakes everywhere gets a short answer', async () => {
  const unknown = Object.fromEntries(Array.from({ length: 20_000 }, (_, i) => [`${i}`, 1]))
  const request = { method: 'POST', path: `/accounts/${own}/admins`, headers: {}, body: JSON.stringify(unknown) }
  const { response } = await vend(organization, { door: 'api', request })
  expect(response).toMatchObject({ status: 400, body: { field: 'body' } })
  expect(JSON.stringify(response).length).toBeLessThan(10_000)
  const { execution } = await vend(organization, {
    door: 'manual',
    input: JSON.stringify({ accountId: own, ...unknown }),
  })
  expect(execution).toMatchObject({ status: 'FAILED', error: 'InvalidInputError' })
  expect(execution?.cause).toMatch(/input: is wrong in 19980 more places$/)
})

test.each(['"text"', '[]', '5', '{}'])('the manual input %s fails by name', async (input) => {
  const { execution } = await vend(organization, { door: 'manual', input })
  expect(execution).toMatchObject({ status: 'FAILED', error: 'InvalidInputError' })
})

test('an event of a protected account fails as ProtectedAccountError', async () => {
  const { execution, calls } = await vend(organization, { door: 'event', event: accountCreated('222222222222') })
  expect(execution).toMatchObject({ status: 'FAILED', error: 'ProtectedAccountError' })
  expect(writes(calls)).toHaveLength(1)
})

test('the largest accepted request is vended: no state exceeds Step Functions’ limit of 256 KiB', async () => {
  const groups = Array.from({ length: 20 }, (_, i) => ({ name: `${i}`.padStart(128, 'g') }))
  const names = groups.map(({ name }) => name)
  const admins = (tagBytes: number) =>
    names.map((_, i) => ({
      ...ada,
      userName: `ada-${i}`.padStart(64, 'a'),
      groups: names.slice(0, 3),
      tags: Object.fromEntries(Array.from({ length: 6 }, (_, j) => [`key-${j}`, 'v'.repeat(Math.floor(tagBytes / 6))])),
    }))
  const ask = (tagBytes: number) =>
    vend(organization, {
      door: 'manual',
      input: JSON.stringify({ accountId: '400000000002', groups, admins: admins(tagBytes) }),
    })
  ensureAccount(organization, '400000000002')
  expect((await ask(1250)).execution).toMatchObject({ status: 'FAILED', error: 'InvalidInputError' })
  const { execution, mails } = await ask(1150)
  expect(execution).toMatchObject({ status: 'SUCCEEDED' })
  expect(mails).toHaveLength(20)
})

test('a policy that does not exist in the account fails before the first write', async () => {
  const { execution, calls } = await vend(organization, {
    door: 'manual',
    input: JSON.stringify({ accountId: own, admins: [{ ...ada, policies: ['NoSuchPolicy'] }] }),
  })
  expect(execution).toMatchObject({ status: 'FAILED', error: 'PolicyNotFoundError' })
  expect(execution?.cause).toContain('arn:aws:iam::aws:policy/NoSuchPolicy')
  expect(writes(calls).map(({ operation }) => operation)).toEqual(['SendEmail'])
})

test('a policy of the account that denies the password change at the first sign-in fails before the first write', async () => {
  const id = '400000000002'
  ensureAccount(organization, id)
  const arn = `arn:aws:iam::${id}:policy/DenyIam`
  organization.world.accounts.get(id)?.policies.set(arn, { name: 'DenyIam', document: JSON.stringify(denyIam) })
  const ask = (more: object) =>
    vend(organization, {
      door: 'manual',
      input: JSON.stringify({ accountId: id, admins: [{ ...ada, policies: [arn], ...more }] }),
    })
  const { execution, calls, notices } = await ask({})
  expect(execution).toMatchObject({ status: 'FAILED', error: 'FirstSignInDeniedError' })
  expect(execution?.cause).toContain(`The policy ${arn} denies ada the password change at the first sign-in.`)
  expect(writes(calls).map(({ operation }) => operation)).toEqual(['SendEmail'])
  expect(notices.map(({ subject }) => subject)).toEqual([expect.stringContaining('FirstSignInDeniedError')])
  expect((await ask({ passwordResetRequired: false })).execution).toMatchObject({ status: 'SUCCEEDED' })
})

test('an existing group with the same name and other rights fails the vend before the first write', async () => {
  const developers = { name: 'Developers', policies: ['AdministratorAccess'] }
  const other = await anOrganization()
  try {
    const { execution, calls } = await vend(other, {
      door: 'manual',
      input: JSON.stringify({
        accountId: '555555555555',
        groups: [developers],
        admins: [{ ...ada, groups: ['Developers'] }],
      }),
    })
    expect(execution).toMatchObject({ status: 'FAILED', error: 'GroupNotOursError' })
    expect(writes(calls).map(({ operation }) => operation)).toEqual(['SendEmail'])
  } finally {
    await other.close()
  }
})
