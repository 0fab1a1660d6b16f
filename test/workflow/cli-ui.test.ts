import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { request, type IncomingHttpHeaders } from 'node:http'
import path from 'node:path'
import { text } from 'node:stream/consumers'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { clientMaker } from '../../cli/clients.ts'
import { type Account, type Accounts, serveUi } from '../../cli/ui.ts'
import { deleteItem } from '../../functions/shared/ledger.ts'
import { lookKey } from '../../functions/shared/look.ts'
import { loadVending } from '../../infra/build/check-vending.ts'
import { AwsError } from '../../local/aws/aws-error.ts'
import { addAccount } from '../../local/aws/world.ts'
import { vend } from '../../local/vend-input.ts'
import { accountCreated } from '../support/events.ts'
import { aFinding, aLook, putLook } from '../support/looks.ts'
import { anOrganization, exampleVending, ledgerOf, type TestOrganization } from '../support/organization.ts'

// Runs `vend ui` as a person does: in a process, against a local organization over HTTP.

const vended = '620000000001'
let organization: TestOrganization
let child: ReturnType<typeof spawn>
let address: URL
let callsBefore: number
/** While the test of a refusal runs: an operation that Organizations refuses, and when the list of accounts arrives. */
let refusal: { operation: string; listArrives: Promise<void> } | undefined

beforeAll(async () => {
  organization = await anOrganization({}, async ({ operation }) => {
    if (operation === refusal?.operation)
      throw new AwsError('AccessDeniedException', `not authorized: ${operation}`, 403)
    if (operation === 'ListAccounts') await refusal?.listArrives
  })
  addAccount(organization.world, { id: vended, name: 'Payments', email: 'payments@example.com' })
  await vend(organization, { door: 'event', event: accountCreated(vended) })
  await organization.settled()
  callsBefore = organization.world.calls.length
  const { port } = new URL(organization.endpointUrl)
  child = spawn(
    process.execPath,
    [path.join(import.meta.dirname, '..', '..', 'dist', 'vend.cjs'), 'ui', '--local', port, '--config', exampleVending],
    { stdio: ['ignore', 'pipe', 'pipe'] },
  )
  const [line] = (await once(child.stdout!, 'data')) as [Buffer]
  address = new URL(line.toString().trim())
})
afterAll(async () => {
  child.kill('SIGINT')
  const [code] = (await once(child, 'exit')) as [number | null]
  await organization.close()
  expect(code).toBe(0)
})

const bodies: string[] = []
type Asked = { method?: string; headers?: Record<string, string>; token?: string; at?: URL; message?: string }
/** Sends a request with any header, also those that fetch does not allow. */
const ask = async (
  path: string,
  { method = 'GET', headers = {}, at = address, token = at.pathname, message }: Asked = {},
) => {
  const length = message === undefined ? {} : { 'content-length': Buffer.byteLength(message) }
  const sent = request({
    host: at.hostname,
    port: at.port,
    path: token + path,
    method,
    headers: { ...length, ...headers },
  }).end(message)
  const [response] = (await once(sent, 'response')) as [
    NodeJS.ReadableStream & { statusCode: number; headers: IncomingHttpHeaders },
  ]
  const body = await text(response)
  bodies.push(body)
  return { status: response.statusCode, headers: response.headers, body }
}
const data = async <Data>(path: string) => JSON.parse((await ask(`data/${path}`)).body) as Data

/** Asks until the accounts are read. */
const accounts = async (path = 'accounts') => {
  await data(path)
  await expect.poll(async () => (await data<Accounts>('accounts')).state).toBe('read')
  return data<Extract<Accounts, { state: 'read' }>>('accounts')
}

describe('only this computer’s browser gets an answer, by the printed address', () => {
  test.each<[string, Asked]>([
    ['another token', { token: '/AAAAAAAAAAAAAAAAAAAAAA/' }],
    ['no token', { token: '/' }],
    ['another host’s name, which may point to this computer', { headers: { host: 'evil.example:80' } }],
    ['a page of another site', { headers: { origin: 'https://evil.example' } }],
    ['another port of this computer', { headers: { origin: 'http://127.0.0.1:1' } }],
    ['a page in a sandbox', { headers: { origin: 'null' } }],
    ['an image in a page of another site', { headers: { 'sec-fetch-site': 'cross-site' } }],
  ])('%s gets nothing', async (_, asked) => {
    for (const path of ['', 'data/accounts', `data/accounts/${vended}`, 'data/requests']) {
      const { status, body } = await ask(path, asked)
      expect(status).toBe(403)
      expect(body).toMatch(
        /^(Only this computer’s own browser gets an answer|Open the address that npx vend ui has printed)\.$/,
      )
    }
  })

  test('localhost and the page itself get an answer', async () => {
    const host = `localhost:${address.port}`
    expect((await ask('', { headers: { host } })).status).toBe(200)
    expect(
      (await ask('data/accounts', { headers: { origin: address.origin, 'sec-fetch-site': 'same-origin' } })).status,
    ).toBe(200)
  })

  test('whatever is asked, nothing is kept, sent on or framed', async () => {
    for (const path of ['', 'accounts/1', 'data/accounts', 'data/nothing']) {
      const { headers } = await ask(path)
      expect(headers).toMatchObject({
        'cache-control': 'no-store',
        'referrer-policy': 'no-referrer',
        'x-content-type-options': 'nosniff',
      })
    }
    expect((await ask('')).headers['content-security-policy']).toMatch(/^default-src 'none'.*frame-ancestors 'none'/)
  })

  test('nothing but GET is answered', async () => {
    for (const method of ['POST', 'PUT', 'DELETE', 'OPTIONS'])
      expect(await ask('data/accounts', { method })).toMatchObject({ status: 405, body: 'Only GET is answered here.' })
  })
})

test('the table has every account, with what the filters of vend list mean', async () => {
  const { rows } = await accounts()
  expect(rows.map(({ accountId }) => accountId).sort()).toEqual([...organization.world.accounts.keys()].sort())
  const row = rows.find(({ accountId }) => accountId === vended)
  expect(row).toMatchObject({ name: 'Payments', status: 'VENDED', unit: '', filters: [], findings: 0 })
  // No round has looked yet.
  expect(row?.people).toEqual([{ userName: 'Administrator', words: [] }])
  expect(rows.find(({ name }) => name === 'Audit')?.unit).toBe('Security')
})

test('the list is kept until it is asked for again', async () => {
  await accounts()
  addAccount(organization.world, { id: '620000000002', name: 'New' })
  const names = async (path?: string) => (await accounts(path)).rows.map(({ name }) => name)
  expect(await names()).not.toContain('New')
  expect(await names('accounts?fresh')).toContain('New')
})

test('a list that could not be read says why, and can be read again', async () => {
  const { world, endpointUrl: endpoint } = organization
  const credentials = { accessKeyId: world.managementAccountId, secretAccessKey: 'local' }
  const make = clientMaker({ region: world.region, endpoint, credentials })
  const server = await serveUi({
    make,
    stage: 'local',
    vending: loadVending(exampleVending),
    options: '',
    operates: false,
  })
  const get = async (query = '') => (await fetch(`${server.url}data/accounts${query}`)).json() as Promise<Accounts>
  const list = Promise.withResolvers<void>()
  try {
    refusal = { operation: 'ListOrganizationalUnitsForParent', listArrives: list.promise }
    const failed = { state: 'failed', error: expect.stringContaining(refusal.operation) as string }
    await expect.poll(() => get()).toMatchObject(failed)
    // The list arrives later, and does not hide the failure.
    list.resolve()
    const listing = organization.world.calls.findLast(({ operation }) => operation === 'ListAccounts')
    await expect.poll(() => listing?.end).toBeDefined()
    for (let turn = 0; turn < 20; turn++) expect(await get()).toMatchObject(failed)
    refusal = undefined
    await get('?fresh')
    await expect.poll(() => get()).toMatchObject({ state: 'read' })
  } finally {
    refusal = undefined
    server.close()
  }
})

test('an account has its status and its administrators', async () => {
  const account = await data<Account>(`accounts/${vended}`)
  expect(account).toMatchObject({ accountName: 'Payments', status: 'VENDED', accountState: 'ACTIVE' })
  expect(account.admins).toMatchObject([{ userName: 'Administrator', email: 'payments@example.com' }])
  expect(account.timeline.map(({ what }) => what)).toContain('SendLoginEmail')
})

test.each([
  ['accounts/999999999999', 404, 'is not an account of this organization'],
  ['accounts/12', 404, 'accountId'],
  ['nothing', 404, 'Not found'],
])('%s is refused with a sentence', async (path, status, words) => {
  const answer = await ask(`data/${path}`)
  expect(answer.status).toBe(status)
  expect(answer.body).toContain(words)
})

test('no answer has a password, a link or a link’s id', async () => {
  const passwords = [...organization.world.secrets.values()].flatMap(({ versions }) =>
    [...versions.values()].map(({ value }) => value),
  )
  const links = (await organization.mails()).flatMap(({ text = '' }) => /\/link#([\w-]{43})/.exec(text)?.[1] ?? [])
  expect([passwords.length, links.length].every(Boolean)).toBe(true)
  for (const secret of [...passwords, ...links]) expect(bodies.join()).not.toContain(secret)
  expect(bodies.join()).not.toMatch(/"(linkId|links?Id|nonce|box)"/)
})

test('without --operate, the console changes nothing', async () => {
  for (const path of ['preview', 'act']) {
    const asked = { method: 'POST', headers: { origin: address.origin, 'content-type': 'application/json' } }
    const message = JSON.stringify({ do: 'start', accountId: vended })
    expect(await ask(path, { ...asked, message })).toMatchObject({
      status: 403,
      body: expect.stringContaining('--operate') as string,
    })
  }
  const operations = organization.world.calls
    .slice(callsBefore)
    .flatMap(({ function: by, operation }) => (by ? [] : [operation]))
  expect(operations).toContain('ListAccounts')
  expect(operations.filter((operation) => !/^(Describe|Get|List|Scan)/.test(operation))).toEqual([])
})

test('an account has no finding about a user who was mailed after the round', async () => {
  const found = [aFinding('mail-bounced', 'administrator')]
  const look = aLook(found, { accountId: vended, at: '2020-11-20T06:12:00.000Z' })
  await putLook(ledgerOf(organization), look)
  expect(await data<Account>(`accounts/${vended}`)).toMatchObject({ findings: [], hasChanged: true })
  await putLook(ledgerOf(organization), { ...look, at: '2999-11-20T06:12:00.000Z' })
  expect(await data<Account>(`accounts/${vended}`)).toMatchObject({
    findings: [{ what: 'A sign-in mail did not arrive' }],
    hasChanged: false,
  })
  await deleteItem(ledgerOf(organization), lookKey(vended))
})

describe('with --operate', () => {
  let server: Awaited<ReturnType<typeof serveUi>>
  let at: URL
  beforeAll(async () => {
    const { world, endpointUrl: endpoint } = organization
    const credentials = { accessKeyId: world.managementAccountId, secretAccessKey: 'local' }
    const make = clientMaker({ region: world.region, endpoint, credentials })
    const vending = loadVending(exampleVending)
    server = await serveUi({ make, stage: 'local', vending, options: ' --local', operates: true })
    at = new URL(server.url)
  })
  afterAll(() => server.close())

  const post = async (path: 'preview' | 'act', message: object, headers: Record<string, string> = {}) => {
    const own = { origin: at.origin, 'content-type': 'application/json' }
    const { status, body } = await ask(path, {
      at,
      method: 'POST',
      headers: { ...own, ...headers },
      message: JSON.stringify(message),
    })
    return { status, body }
  }
  const statusOf = async (accountId: string) =>
    (JSON.parse((await ask(`data/accounts/${accountId}`, { at })).body) as Account).status
  const states = () => organization.executions.size

  test.each<[string, Record<string, string>]>([
    ['a form of another site', { 'content-type': 'text/plain' }],
    ['a page of another site', { origin: 'https://evil.example' }],
    ['a page of another port', { origin: 'http://127.0.0.1:1', 'sec-fetch-site': 'same-site' }],
  ])('%s starts nothing', async (_, headers) => {
    const before = states()
    for (const path of ['preview', 'act'] as const)
      expect(await post(path, { do: 'start', accountId: '620000000002' }, headers)).toMatchObject({ status: 403 })
    expect(
      await ask('act', { at, method: 'POST', message: '{}', headers: { 'content-type': 'application/json' } }),
    ).toMatchObject({
      status: 403,
    })
    expect(states()).toBe(before)
  })

  test.each([
    [{ do: 'delete', accountId: vended }, 400, 'do: '],
    [{ do: 'start', accountId: vended, admins: [] }, 400, 'admins: is not a known field'],
    [{ do: 'start', accountId: '12' }, 400, 'accountId: '],
    [{ do: 'start', accountId: '111122223333' }, 409, 'Nothing was started.'],
    [{ do: 'redrive', accountId: vended }, 409, 'nothing is left to redrive'],
    [{ do: 'link', accountId: vended, userName: 'nobody' }, 409, 'Nothing was started.'],
    [{ do: 'approve', requestId: '0'.repeat(32) }, 409, 'There is no request with this id'],
  ])('%j is refused with a sentence', async (message, status, words) => {
    const before = states()
    const answer = await post('act', message)
    expect({ ...answer, body: answer.body.includes(words) ? words : answer.body }).toEqual({ status, body: words })
    expect(states()).toBe(before)
  })

  test('a long message is not read', async () => {
    expect(await post('act', { do: 'start', accountId: 'x'.repeat(20_000) })).toMatchObject({ status: 413 })
  })

  test('a vend is shown before it starts, and started', async () => {
    const id = '620000000003'
    addAccount(organization.world, { id, name: 'Started here', email: 'started@example.com' })
    const before = states()
    const shown = await post('preview', { do: 'start', accountId: id })
    expect(shown.body).toContain('started@example.com')
    expect(shown.body).not.toContain('\\u001b')
    expect(states()).toBe(before)
    expect(await post('act', { do: 'start', accountId: id })).toMatchObject({ status: 200 })
    await expect.poll(() => statusOf(id)).toBe('VENDED')
  })

  test('a failed execution is redriven, and an administrator gets a new link', async () => {
    const id = '620000000004'
    const account = addAccount(organization.world, { id, name: 'Refusing', email: 'refusing@example.com' })
    account.deniedActions = ['iam:CreateUser']
    await vend(organization, { door: 'event', event: accountCreated(id) })
    expect((await post('preview', { do: 'redrive', accountId: id })).body).toContain('goes on at the step that failed')
    account.deniedActions = []
    organization.clock.pass(120_000)
    expect(await post('act', { do: 'redrive', accountId: id })).toMatchObject({ status: 200 })
    await expect.poll(() => statusOf(id)).toBe('VENDED')
    await organization.settled()
    const mails = (await organization.mails()).length
    expect((await post('preview', { do: 'link', accountId: id, userName: 'Administrator' })).body).toContain(
      'Administrator',
    )
    expect(await post('act', { do: 'link', accountId: id, userName: 'Administrator' })).toMatchObject({ status: 200 })
    await organization.settled()
    expect((await organization.mails()).length).toBe(mails + 1)
  })
})
