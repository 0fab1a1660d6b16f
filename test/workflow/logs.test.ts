import { afterAll, beforeAll, expect, test } from 'vitest'
import { AwsError } from '../../local/aws/aws-error.ts'
import { addAccount, addOrganizationalUnit } from '../../local/aws/world.ts'
import { startOrganization } from '../../local/start-organization.ts'
import { enter, vend } from '../../local/vend-input.ts'
import { accountCreated, accountCreationFailed } from '../support/events.ts'
import { claimOf, postLink, scalarIn } from '../support/link.ts'
import { vendingFile } from '../support/organization.ts'

// Inputs are not logged: a word that is in every part of every input is in no line that any function logs. Names of
// users are identifiers, and the log has them.

const canary = 'canary7f3a'
const logs: string[] = []
/** The functions that ran, and the functions that failed under an injected error. */
const ran = new Set<string>()
const failed = new Set<string>()
/** The name of a function whose next AWS call fails. */
let failing: string | undefined

let organization: Awaited<ReturnType<typeof startOrganization>>
beforeAll(async () => {
  organization = await startOrganization({
    vendingFile: vendingFile({ allowedRecipients: ['example.com'], rootCredentials: 'audit' }),
    speed: 300,
    onLog: (line) => logs.push(line),
    intercept: ({ caller }) => {
      if (!caller.function) return
      ran.add(caller.function)
      if (caller.function !== failing) return
      failed.add(caller.function)
      throw new AwsError('ValidationError', 'The call is not valid.')
    },
  })
})
afterAll(() => organization.close())

let accounts = 0
const anId = () => {
  const id = `8${String((accounts += 1)).padStart(11, '0')}`
  addAccount(organization.world, { id, name: `${canary} account`, email: `${canary}-account@example.com` })
  return id
}
const admins = [{ userName: 'ada', email: `${canary}@example.com`, tags: { [canary]: canary }, groups: [canary] }]
const document = { Version: '2012-10-17', Statement: [{ Sid: canary, Effect: 'Deny', Action: 's3:*', Resource: '*' }] }
const groups = [{ name: canary, policies: ['ReadOnlyAccess'], inline: { [canary]: document } }]
const request = (more: object = {}) => ({ admins, groups, ...more })
const manual = (more: object = {}) => ({
  door: 'manual' as const,
  input: JSON.stringify({ accountId: anId(), requestedBy: canary, ...request(more) }),
})
const api = (method: string, path: string, body: string) => ({
  door: 'api' as const,
  request: { method, path, headers: { 'idempotency-key': canary, 'user-agent': canary }, body },
})
const contact = { name: canary, title: canary, email: `${canary}@example.com`, phone: '+49 30 1234' }
/** An account to open, with the word in every part. */
const newAccount = () => ({
  name: `${canary} new`,
  email: `${canary}-${(accounts += 1)}@example.com`,
  ou: canary,
  tags: { [canary]: canary },
  alternateContacts: { billing: contact },
})
const open = () => ({
  door: 'manual' as const,
  input: JSON.stringify({ account: newAccount(), ...request(), requestedBy: canary }),
})
const ask = (account: object) => {
  const body = JSON.stringify({ ...account, ...request() })
  return organization.requestApi({ method: 'POST', path: '/accounts', headers: { 'user-agent': canary }, body })
}
const decide = (path: string) => {
  const body = JSON.stringify({ decision: 'approve', reason: canary })
  return organization.requestApi({ method: 'POST', path: `${path}/approval`, headers: {}, body }, 'approver')
}
const removal = (accountId: string | null) => ({
  door: 'manual' as const,
  input: JSON.stringify({ accountId, remove: { what: 'everything', lastWayIn: true }, requestedBy: canary }),
})
/** An event with the word in every member that no rule and no step needs. */
const marked = (event: ReturnType<typeof accountCreated>) => ({
  ...event,
  resources: [canary],
  detail: { ...event.detail, userAgent: canary, userIdentity: { arn: canary, userName: canary }, requestID: canary },
})

test('a word in every part of every input is in no log line of any function, whether the function succeeds or fails', async () => {
  const made = await vend(organization, manual())
  expect(made.execution?.status).toBe('SUCCEEDED')
  expect(JSON.stringify(made.execution)).toContain(canary)
  const byEvent = await vend(organization, { door: 'event', event: marked(accountCreated(anId())) })
  expect(byEvent.execution?.status).toBe('SUCCEEDED')
  const asked = await vend(organization, api('POST', `/accounts/${anId()}/admins`, JSON.stringify(request())))
  expect(asked.response?.status).toBe(202)
  const path = `/accounts/${anId()}`
  expect((await vend(organization, api('GET', path, ''))).response?.status).toBe(200)
  await vend(organization, { door: 'event', event: marked(accountCreationFailed('EMAIL_ALREADY_EXISTS')) })
  organization.world.trustedServices.add('account.amazonaws.com')
  addOrganizationalUnit(organization.world, { name: canary })
  expect((await vend(organization, open())).execution?.status).toBe('SUCCEEDED')
  const account = newAccount()
  const requestPath = (await ask(account)).headers['location'] ?? ''
  expect((await vend(organization, api('GET', requestPath, ''))).response?.status).toBe(200)
  expect((await decide(requestPath)).status).toBe(409)
  expect((await ask({ ...account, tags: {} })).status).toBe(409)
  expect((await vend(organization, api('GET', '/accounts', ''))).response?.status).toBe(200)
  await organization.round()
  const mail = made.mails[0]!
  const claim = await claimOf(scalarIn(mail.text ?? ''), made.accountId ?? '')
  expect((await postLink(organization.apiUrl, '/link/claim', claim)).status).toBe(200)
  await organization.settled()

  // Each step fails under an error of AWS once, and its failure is reported.
  const steps = ['accept-request', 'create-admin-group', 'store-password', 'create-admin-user', 'send-login-email']
  for (const step of [...steps, 'seal-password', 'record-vended']) {
    failing = step
    const { execution } = await vend(organization, manual())
    expect({ step, status: execution?.status }).toEqual({ step, status: 'FAILED' })
    failing = undefined
  }
  for (const step of ['open-account', 'await-account', 'place-account']) {
    failing = step
    const { execution } = await vend(organization, open())
    expect({ step, status: execution?.status }).toEqual({ step, status: 'FAILED' })
    failing = undefined
  }
  failing = 'remove-administrators'
  expect((await vend(organization, removal(made.accountId))).execution?.status).toBe('FAILED')
  failing = undefined
  const removed = await vend(organization, removal(asked.accountId))
  expect(removed.execution?.output).toMatchObject({ outcome: 'Removed' })
  expect(JSON.stringify(removed.execution?.output)).toContain(canary)
  // So does each function that is no step.
  failing = 'tell-subscribers'
  await vend(organization, manual())
  failing = 'report-failure'
  await vend(organization, { door: 'event', event: marked(accountCreationFailed('INTERNAL_FAILURE')) })
  failing = 'request-admins'
  const refused = await vend(organization, api('POST', `${path}/admins`, JSON.stringify(request({ again: true }))))
  expect(refused.response?.status).toBe(500)
  failing = 'get-account'
  expect((await vend(organization, api('GET', path, ''))).response?.status).toBe(500)
  failing = 'request-account'
  expect((await ask(newAccount())).status).toBe(500)
  failing = 'get-request'
  expect((await vend(organization, api('GET', requestPath, ''))).response?.status).toBe(500)
  failing = 'decide-request'
  expect((await decide(requestPath)).status).toBe(500)
  failing = 'list-accounts'
  expect((await vend(organization, api('GET', '/accounts', ''))).response?.status).toBe(500)
  failing = 'claim-link'
  expect((await postLink(organization.apiUrl, '/link/disown', { ...claim, [canary]: canary })).status).toBe(500)
  failing = 'report-claim'
  expect((await postLink(organization.apiUrl, '/link/disown', claim)).status).toBe(200)
  await organization.settled()
  failing = 'record-mail-event'
  await vend(organization, manual())
  // FollowUp has something to do for an administrator who has settled: the secret has served.
  for (const user of organization.world.accounts.get(made.accountId ?? '')?.users.values() ?? []) {
    user.passwordLastUsed = organization.world.now()
    if (user.login) user.login.resetRequired = false
  }
  for (const step of ['sweep', 'look-at-accounts', 'audit-root-credentials', 'follow-up', 'report-round']) {
    failing = step
    await organization.round()
  }
  failing = undefined

  // A request with a mistake: the other fields stay out of the log, too.
  await vend(organization, manual({ again: 'yes' }))
  await vend(organization, api('POST', `${path}/admins`, JSON.stringify(request({ again: 'yes' }))))
  await enter(organization, api('POST', `${path}/admins`, `{"admins": ${canary}`))
  await organization.settled()

  const names = organization.deployed.functions.map(({ name }) => name).sort()
  expect([...ran].sort()).toEqual(names)
  expect([...failed].sort()).toEqual(names)
  const lines = logs.flatMap((text) => text.split('\n')).filter(Boolean)
  expect(lines.filter((line) => line.includes(canary))).toEqual([])
  const levels = lines.map((line) => (JSON.parse(line) as { level: string }).level)
  expect(levels.filter((level) => level === 'ERROR').length).toBeGreaterThanOrEqual(names.length)
})
