import { setTimeout } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest'
import { startApi } from '../../local/aws/api-gateway.ts'
import { addAccount } from '../../local/aws/world.ts'
import { snapshotOf } from '../../local/snapshot.ts'
import { vend } from '../../local/vend-input.ts'
import { readAccount } from '../../functions/shared/record-and-lease.ts'
import { openBox } from '../../functions/shared/sealed-box.ts'
import { type Answer, claimOf, postLink, scalarIn } from '../support/link.ts'
import { anOrganization, ledgerOf, type TestOrganization } from '../support/organization.ts'

// The whole way of a link: from the mail to the password, in the local organization.

let organization: TestOrganization
beforeAll(async () => void (organization = await anOrganization()))
afterAll(() => organization.close())

let accounts = 0
const anAccountId = () => {
  const id = `6${String((accounts += 1)).padStart(11, '0')}`
  addAccount(organization.world, { id, email: `account-${id}@example.com` })
  return id
}
const ada = { userName: 'ada', email: 'ada@example.com' }
const start = (accountId: string, request: object) =>
  vend(organization, { door: 'manual', input: JSON.stringify({ accountId, ...request }) })

/** The secret part of the link in the sign-in mail: other mails may arrive at the same time. */
const linkOf = (mails: { subject: string; text?: string | undefined }[], accountId: string) =>
  scalarIn(mails.find(({ subject }) => subject.includes('Sign in') && subject.includes(accountId))?.text ?? '')

const mailed = async (accountId = anAccountId()) => {
  const { mails, execution } = await start(accountId, { admins: [ada] })
  expect(execution?.status).toBe('SUCCEEDED')
  const scalar = linkOf(mails, accountId)
  return { accountId, scalar, claim: await claimOf(scalar, accountId) }
}
const claim = (body: object) => postLink(organization.apiUrl, '/link/claim', body)
const opened = async (scalar: string, { publicKey, box }: Answer) =>
  JSON.parse(await openBox({ scalar, publicKey, box })) as Record<string, string>
const passwordOf = (accountId: string) => organization.world.accounts.get(accountId)?.users.get('ada')?.login?.password
const noticesTo = async (address: string, about: string) =>
  (await organization.mails()).filter(({ to, text }) => to.includes(address) && (text ?? '').includes(about))

test('the link in the mail shows the password that signs in', async () => {
  const { accountId, scalar, claim: asked } = await mailed()
  const { status, body, headers } = await claim(asked)
  expect(status).toBe(200)
  expect(headers.get('cache-control')).toBe('no-store')
  expect(await opened(scalar, body)).toEqual({
    accountId,
    accountName: expect.any(String) as unknown,
    signInUrl: `https://${accountId}.signin.aws.amazon.com/console`,
    userName: 'ada',
    password: passwordOf(accountId),
    mustChangePassword: true,
  })
})

test('opening the address reveals nothing and spends nothing, also for a program that sends anything', async () => {
  const { claim: asked } = await mailed()
  const page = await fetch(`${organization.apiUrl}/link`)
  expect(page.status).toBe(200)
  expect(page.headers.get('content-type')).toBe('text/html; charset=utf-8')
  expect(page.headers.get('content-security-policy')).toContain("default-src 'none'")
  expect(await page.text()).toContain('Example Organization')
  expect(await (await fetch(`${organization.apiUrl}/link`, { method: 'HEAD' })).text()).toBe('')
  expect((await fetch(`${organization.apiUrl}/link`, { method: 'OPTIONS' })).status).toBe(404)
  expect((await fetch(`${organization.apiUrl}/link/claim`)).status).toBe(404)
  expect((await claim({ id: asked.id })).body).toEqual({ state: 'unknown' })
  expect((await claim({ ...asked, digits: '' })).body.state).toBe('wrong-digits')
  expect((await claim(asked)).status).toBe(200)
})

test('a claim is told to the administrator and to the account’s own address, and not twice', async () => {
  const { accountId, claim: asked } = await mailed()
  await claim(asked)
  await claim(asked)
  await organization.settled()
  const notices = await noticesTo('ada@example.com', `(${accountId})`)
  expect(notices.filter(({ subject }) => subject.includes('was shown'))).toHaveLength(1)
  expect(await noticesTo(`account-${accountId}@example.com`, `(${accountId})`)).toHaveLength(1)
})

describe('“That was not me”', () => {
  test('replaces the password while nobody has signed in, mails it to nobody, and tells the platform team', async () => {
    const { accountId, scalar, claim: asked } = await mailed()
    const stolen = (await opened(scalar, (await claim(asked)).body))['password']
    // The notice about the claim is on its way.
    await organization.settled()
    const mailsBefore = (await noticesTo('ada@example.com', accountId)).length
    expect((await postLink(organization.apiUrl, '/link/disown', asked)).status).toBe(200)
    await organization.settled()
    expect(passwordOf(accountId)).not.toBe(stolen)
    const record = await readAccount(ledgerOf(organization), accountId)
    expect(record?.requestedBy).toBe('the report “That was not me”')
    expect(await noticesTo('ada@example.com', accountId)).toHaveLength(mailsBefore)
    const [notice] = await noticesTo('platform-team@example.com', accountId)
    expect(notice?.subject).toBe(`Somebody else may have the password of ada in Example (${accountId})`)
    expect(notice?.text).toContain(`npx vend link ${accountId} ada`)
    // Without the round, nobody knows whether somebody has signed in.
    expect(notice?.text).toMatch(
      new RegExp(`npx vend round --wait --local \\d+\n +npx vend status ${accountId} --local`),
    )
    const onPage = async () =>
      (await snapshotOf(organization)).accounts
        .find(({ id }) => id === accountId)
        ?.users.map(({ name, claim }) => [name, claim])
    expect(await onPage()).toEqual([['ada', 'password shown to somebody else']])

    // An operator's new link opens the new password, and the old link says that there is a newer one.
    const { mails } = await start(accountId, { renew: 'ada' })
    // What happened to the earlier password is of no interest any more.
    expect(await onPage()).toEqual([['ada', undefined]])
    const newer = linkOf(mails, accountId)
    const { body } = await claim(await claimOf(newer, accountId))
    expect((await opened(newer, body))['password']).toBe(passwordOf(accountId))
    expect(await onPage()).toEqual([['ada', 'password shown']])
    expect((await claim({ ...asked, nonce: 'm'.repeat(22) })).body).toEqual({ state: 'replaced' })
  })

  test('leaves the password of a person who signs in already', async () => {
    const { accountId, claim: asked } = await mailed()
    await claim(asked)
    const user = organization.world.accounts.get(accountId)?.users.get('ada')
    if (user) user.passwordLastUsed = organization.world.now()
    const before = passwordOf(accountId)
    await postLink(organization.apiUrl, '/link/disown', asked)
    await organization.settled()
    expect(passwordOf(accountId)).toBe(before)
    expect(await noticesTo('platform-team@example.com', accountId)).toHaveLength(1)
  })
})

test('a corrected address gets a new password: the link at the old address opens nothing', async () => {
  const { accountId, claim: asked } = await mailed()
  const { mails } = await start(accountId, { admins: [{ ...ada, email: 'ada.lovelace@example.com' }] })
  expect((await claim(asked)).body).toEqual({ state: 'replaced' })
  const scalar = linkOf(mails, accountId)
  const { body } = await claim(await claimOf(scalar, accountId))
  expect((await opened(scalar, body))['password']).toBe(passwordOf(accountId))
})

test('an administrator whom the service did not make cannot be renewed', async () => {
  const { accountId } = await mailed()
  const { execution } = await start(accountId, { renew: 'grace' })
  expect(execution).toMatchObject({ status: 'FAILED', error: 'UserNotOnRecordError' })
  expect(JSON.stringify(execution)).toContain('has created no user grace in this account; it has created ada')
})

test('a flood of requests to the page reaches its limits, and stops no vend', async () => {
  const accountId = anAccountId()
  const flood = Array.from({ length: 200 }, () => claim({ id: 'x'.repeat(43), digits: '0000', nonce: 'n'.repeat(22) }))
  const [{ execution }, answers] = await Promise.all([start(accountId, { admins: [ada] }), Promise.all(flood)])
  expect(execution?.status).toBe('SUCCEEDED')
  // The clock of the local organization runs fast, so the rate is not reached here, and the concurrency is.
  expect([...new Set(answers.map(({ status }) => status))].sort()).toEqual([404, 503])
})

test('a route with limits of its own answers as API Gateway does when a limit is reached', async () => {
  const limit = { ThrottlingBurstLimit: 20, ThrottlingRateLimit: 10 }
  const { promise, resolve } = Promise.withResolvers<object>()
  const api = await startApi({
    now: () => 0,
    functions: [
      {
        name: 'claim-link',
        environment: {},
        timeoutSeconds: 10,
        reservedConcurrency: 2,
        routes: [{ method: 'POST', path: '/link/claim' }],
      },
    ],
    throttle: { 'POST /link/claim': limit },
    roles: [],
    region: 'us-east-1',
    accountId: '111122223333',
    invoke: () => promise,
  })
  onTestFinished(api.close)
  const answers = Array.from({ length: 30 }, () => fetch(`${api.url}/link/claim`, { method: 'POST' }))
  const refused = await Promise.all(answers.map((answer) => Promise.race([answer, setTimeout(500, undefined)])))
  resolve({ statusCode: 200, headers: {}, body: '' })
  const statuses = (await Promise.all(answers)).map(({ status }) => status)
  expect(refused.filter((answer) => answer === undefined)).toHaveLength(2)
  expect(statuses.filter((status) => status === 200)).toHaveLength(2)
  expect(statuses.filter((status) => status === 503)).toHaveLength(18)
  expect(statuses.filter((status) => status === 429)).toHaveLength(10)
})
