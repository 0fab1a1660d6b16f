import { execFile } from 'node:child_process'
import path from 'node:path'
import { promisify } from 'node:util'
import { DynamoDBClient } from '@aws-sdk/client-dynamodb'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { allHandovers } from '../../functions/shared/handover.ts'
import { scan } from '../../functions/shared/ledger.ts'
import { signIn } from '../../local/aws/iam.ts'
import { addAccount, addUser } from '../../local/aws/world.ts'
import { vend as vendThrough } from '../../local/vend-input.ts'
import { temporaryFolder } from '../support/folder.ts'
import { claimOf, postLink, scalarIn } from '../support/link.ts'
import { anOrganization, exampleVending, type TestOrganization, vendingFile } from '../support/organization.ts'

// Runs `vend link` and `vend links` as a person does: in a process, against a local organization over HTTP.

const root = path.join(import.meta.dirname, '..', '..')
const folder = temporaryFolder()
let organization: TestOrganization
let config = exampleVending
beforeAll(async () => void (organization = await anOrganization()))
afterAll(() => organization.close())

const vend = async (...args: string[]) => {
  const local = ['--local', new URL(organization.endpointUrl).port, '--config', config]
  const env = { PATH: process.env['PATH'], HOME: folder, AWS_EC2_METADATA_DISABLED: 'true' }
  const { code, stdout, stderr } = await promisify(execFile)(
    process.execPath,
    [path.join(root, 'dist', 'vend.cjs'), ...args, ...local],
    { cwd: folder, env },
  ).then(
    (ended) => ({ code: 0, ...ended }),
    (failure: { code: number; stdout: string; stderr: string }) => failure,
  )
  return { code, stdout, stderr: stderr.replace(/\s+/g, ' ') }
}
const vendJson = async (...args: string[]) => JSON.parse((await vend(...args, '--json')).stdout) as never

let accounts = 0
const newAccount = () => {
  accounts += 1
  return addAccount(organization.world, { id: String(370000000000 + accounts), name: `Team ${accounts}` })
}
const vended = async (...userNames: string[]) => {
  const account = newAccount()
  const admins = userNames.map((userName) => ({ userName, email: `${userName}@example.com` }))
  await vendThrough(organization, { door: 'manual', input: JSON.stringify({ accountId: account.id, admins }) })
  return account
}
/** The keys of the links that were mailed about an account, the oldest first. */
const keysFor = async (accountId: string) =>
  (await organization.mails()).flatMap(({ subject, text }) =>
    subject.startsWith('Sign in') && subject.includes(accountId) ? [scalarIn(text ?? '')] : [],
  )
const claim = async (scalar: string, accountId: string) =>
  postLink(organization.apiUrl, '/link/claim', await claimOf(scalar, accountId))
const passwordOf = (accountId: string, userName: string) =>
  [...(organization.world.secrets.get(`account-vending/${accountId}/${userName}`)?.versions.values() ?? [])].find(
    ({ stages }) => stages.includes('AWSCURRENT'),
  )?.value ?? ''
const ledger = () => {
  const { endpointUrl, world, deployed } = organization
  const credentials = { accessKeyId: world.managementAccountId, secretAccessKey: 'local' }
  const dynamodb = new DynamoDBClient({ endpoint: endpointUrl, region: world.region, credentials })
  return { dynamodb, tableName: deployed.ledgerTable }
}
const executions = () => organization.executions.size

describe('link', () => {
  test('mails a new link with a new password, and the earlier link stops working', async () => {
    const { id } = await vended('ada')
    const before = passwordOf(id, 'ada')
    const { code, stdout } = await vend('link', id, 'Ada', '--wait')
    expect({ code, stdout }).toEqual({ code: 0, stdout: expect.stringContaining('VENDED') as string })
    const [first = '', second = ''] = await keysFor(id)
    expect(passwordOf(id, 'ada')).not.toBe(before)
    expect(await claim(first, id)).toMatchObject({ status: 410, body: { state: 'replaced' } })
    expect(await claim(second, id)).toMatchObject({ status: 200, body: { state: 'claimed-now' } })
    const [execution] = [...organization.executions.values()].slice(-1)
    expect(JSON.parse(execution?.input ?? '')).toEqual({
      accountId: id,
      renew: 'Ada',
      requestedBy: 'arn:aws:iam::111122223333:root',
    })
  })

  test('without --wait tells how to follow the vend', async () => {
    const { id } = await vended('ada')
    const { code, stdout } = await vend('link', id, 'ada')
    expect(code).toBe(0)
    expect(stdout).toMatch(new RegExp(`^Started arn:.*\\nFollow it: npx vend status ${id} --watch --local`))
    await organization.settled()
    expect(await keysFor(id)).toHaveLength(2)
  })

  test('makes no link for a user who signs in already', async () => {
    const { id } = await vended('ada')
    expect(signIn(organization.world, id, 'ada', passwordOf(id, 'ada'))).not.toBe('refused')
    const { code, stderr } = await vend('link', id, 'ada', '--wait')
    expect({ code, stderr }).toEqual({
      code: 1,
      stderr: 'No new link: ada has already signed in, and has chosen a password. ',
    })
    expect(await keysFor(id)).toHaveLength(1)
  })

  test.each<[string, string, string]>([
    ['an unknown user', 'bob', 'Account vending has created no user bob in this account; it has created ada. '],
    [
      'a kept user',
      'grace',
      'The user grace existed before a vend requested this user. Account vending has no password for this user. ',
    ],
  ])('starts nothing for %s', async (_, userName, words) => {
    const account = newAccount()
    addUser(organization.world, account, { name: 'grace' })
    const admins = ['ada', 'grace'].map((name) => ({ userName: name, email: `${name}@example.com` }))
    await vendThrough(organization, { door: 'manual', input: JSON.stringify({ accountId: account.id, admins }) })
    const before = executions()
    const { code, stdout, stderr } = await vend('link', account.id, userName, '--wait')
    expect({ code, stdout, stderr }).toEqual({ code: 1, stdout: '', stderr: `${words}Nothing was started. ` })
    expect(executions()).toBe(before)
  })

  test('starts nothing for an account without a record', async () => {
    const { stderr } = await vend('link', newAccount().id, 'ada')
    expect(stderr).toContain('has created no user ada in this account; it has created nobody. Nothing was started.')
  })

  test('a name that no user can have is a mistake', async () => {
    const { code, stderr } = await vend('link', '370000000001', 'a b')
    expect({ code, stderr }).toEqual({ code: 2, stderr: expect.stringContaining('renew: must be 1 to 64') as string })
  })
})

describe('the API', () => {
  const post = (accountId: string, userName: string, { body = '', headers = {} } = {}) => ({
    method: 'POST',
    path: `/accounts/${accountId}/admins/${userName}/link`,
    headers,
    body,
  })
  type Answer = { execution: string; type: string; field: string; detail: string }
  const ask = async (...args: Parameters<typeof post>) => {
    const { status, headers, body } = await organization.requestApi(post(...args))
    return { status, location: headers['location'], body: JSON.parse(body) as Answer }
  }

  test('mails a new link, once for each Idempotency-Key', async () => {
    const { id } = await vended('ada')
    const once = { headers: { 'idempotency-key': `link-${id}` } }
    const first = await ask(id, 'Ada', once)
    await organization.settled()
    const again = await ask(id, 'Ada', once)
    expect(first).toMatchObject({ status: 202, location: `/accounts/${id}` })
    expect(again).toEqual(first)
    await organization.settled()
    expect(await keysFor(id)).toHaveLength(2)
    expect(await ask(id, 'bob', { headers: { 'idempotency-key': 'unused' } })).toMatchObject({ status: 404 })
    const admins = { ...post(id, 'ada', once), path: `/accounts/${id}/admins` }
    expect((await organization.requestApi(admins)).status).toBe(422)
  })

  test('refuses an unknown user with 404, a kept user with 409, and a body with 400; nothing starts', async () => {
    const account = newAccount()
    addUser(organization.world, account, { name: 'grace' })
    const admins = ['ada', 'grace'].map((name) => ({ userName: name, email: `${name}@example.com` }))
    await vendThrough(organization, { door: 'manual', input: JSON.stringify({ accountId: account.id, admins }) })
    const before = executions()
    expect(await ask(account.id, 'bob')).toMatchObject({
      status: 404,
      body: {
        type: 'urn:account-vending:UserNotOnRecordError',
        detail: 'Account vending has created no user bob in this account; it has created ada',
      },
    })
    expect(await ask(account.id, 'grace')).toMatchObject({
      status: 409,
      body: { type: 'urn:account-vending:UserKeptError' },
    })
    expect(await ask(account.id, 'ada', { body: '{"admins":[]}' })).toMatchObject({
      status: 400,
      body: { field: 'body' },
    })
    expect(await ask(account.id, 'a%20b')).toMatchObject({ status: 400, body: { field: 'userName' } })
    expect(await ask('999999999999', 'ada')).toMatchObject({ status: 404, body: { field: 'accountId' } })
    expect((await organization.requestApi(post(account.id, 'ada'), 'requester')).status).toBe(403)
    expect((await fetch(`${organization.apiUrl}${post(account.id, 'ada').path}`, { method: 'POST' })).status).toBe(403)
    expect(executions()).toBe(before)
  })
})

describe('links', () => {
  test('lists who has not opened the link, and with --all also who has', async () => {
    const { id, name } = await vended('ada', 'bob', 'cleo')
    const keys = await keysFor(id)
    const [mailOfBob] = (await organization.mails()).filter(
      ({ subject, to }) => subject.includes(id) && JSON.stringify(to).includes('bob@'),
    )
    await claim(scalarIn(mailOfBob?.text ?? ''), id)

    const open = { accountId: id, accountName: name, state: 'open' }
    const mine = (all: { accountId: string }[]) => all.filter(({ accountId }) => accountId === id)
    expect(mine(await vendJson('links'))).toEqual(
      ['ada', 'cleo'].map((userName) => ({
        ...open,
        userName,
        email: `${userName}@example.com`,
        mailedAt: expect.stringMatching(/Z$/) as string,
        until: expect.stringMatching(/Z$/) as string,
      })),
    )
    expect(mine(await vendJson('links', '--all'))).toMatchObject([
      { userName: 'ada', state: 'open' },
      { userName: 'bob', state: 'claimed', claimedAt: expect.stringMatching(/Z$/) as string, network: '127.0.0.0/24' },
      { userName: 'cleo', state: 'open' },
    ])

    const { code, stdout } = await vend('links', '--all')
    expect(code).toBe(0)
    expect(stdout).toMatch(new RegExp(`${id} +${name} +ada +open +\\d{4}-.*UTC +\\d{4}-.*UTC`))
    expect(stdout).toMatch(/^Account +Name +User +Link +Mailed at +Open until\n/)
    expect(stdout).toMatch(new RegExp(`${id} +${name} +bob +claimed +\\d{4}-[^ ]+ [^ ]+ UTC +\\d{4}-.*UTC`))
    expect(keys).toHaveLength(3)
    for (const key of keys) expect(stdout).not.toContain(key)
  })

  test('leaves out an account that left the organization', async () => {
    const { id } = await vended('ada')
    expect(JSON.stringify(await vendJson('links'))).toContain(id)
    organization.world.accounts.delete(id)
    await organization.round()
    expect(JSON.stringify(await vendJson('links', '--all'))).not.toContain(id)
  })
})

test('status, list and the API tell how far each handover is, and never what opens or names a link', async () => {
  const { id } = await vended('ada', 'bob')
  const [first = '', second = ''] = await keysFor(id)
  await claim(first, id)
  await organization.settled()
  const get = () => organization.requestApi({ method: 'GET', path: `/accounts/${id}`, headers: {}, body: '' })
  const answers = await Promise.all([
    get().then(({ body }) => body),
    ...[['status', id], ['list'], ['links', '--all']].flatMap((words) =>
      [words, [...words, '--json']].map(async (args) => (await vend(...args)).stdout),
    ),
  ])
  const [api = '', status = '', statusJson = '', list = '', listJson = ''] = answers
  const states = (text: string) =>
    (JSON.parse(text) as { admins: { handover: { state: string } }[] }).admins.map(({ handover }) => handover.state)
  expect(states(api).sort()).toEqual(['claimed', 'open'])
  expect(states(statusJson).sort()).toEqual(['claimed', 'open'])
  expect(status.replace(/\s+/g, ' ')).toMatch(/The password of \w+ was shown at .* UTC to 127\.0\.0\.0\/24, /)
  expect(status).toMatch(/The link of \w+ can be opened until .* UTC\./)
  expect(list).toMatch(new RegExp(`${id} .* VENDED +(1 open, 1 claimed|1 claimed, 1 open) `))
  expect(JSON.parse(listJson)).toContainEqual(
    expect.objectContaining({ accountId: id, links: { open: 1, claimed: 1 } }) as object,
  )
  const { handovers } = await scan(ledger(), { handovers: allHandovers })
  const hidden = [...handovers.values()].flatMap(({ links, claim }) => [
    ...Object.keys(links),
    ...Object.values(links).flatMap(({ publicKey, box }) => [publicKey, ...Object.values(box ?? {})]),
    ...(claim ? [claim.nonce] : []),
  ])
  expect(hidden.length).toBeGreaterThan(9)
  for (const word of [...hidden, first, second]) for (const text of answers) expect(text).not.toContain(word)
})

describe('with delivery: secret', () => {
  const secret = { delivery: 'secret', handover: 'Ask the platform team for your first password.' }
  let withLinks: TestOrganization
  beforeAll(async () => {
    withLinks = organization
    organization = await anOrganization(secret)
    config = vendingFile(secret)
  })
  afterAll(async () => {
    await organization.close()
    organization = withLinks
    config = exampleVending
  })

  test('link makes a new password, and the mail says how to get the password', async () => {
    const { id } = await vended('ada')
    const first = passwordOf(id, 'ada')
    const { code, stdout } = await vend('link', id, 'ada', '--wait')
    expect({ code, stdout }).toEqual({ code: 0, stdout: expect.stringContaining('VENDED') as string })
    expect(passwordOf(id, 'ada')).not.toBe(first)
    expect(signIn(organization.world, id, 'ada', passwordOf(id, 'ada'))).not.toBe('refused')
    const mails = (await organization.mails()).filter(({ subject }) => subject.includes(id))
    expect(mails).toHaveLength(2)
    for (const { text } of mails) {
      expect(text).toContain(secret.handover)
      expect(text).not.toContain('/link#')
    }
    expect(JSON.parse((await vend('links', '--all', '--json')).stdout)).toEqual([])
    // Nobody has opened anything.
    expect((await vend('links')).stdout).toMatch(/^No link is on record\./)
  })
})
