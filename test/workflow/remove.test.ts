import { execFile } from 'node:child_process'
import path from 'node:path'
import { promisify } from 'node:util'
import { RedriveExecutionCommand, SFNClient } from '@aws-sdk/client-sfn'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { signIn } from '../../local/aws/iam.ts'
import type { Execution } from '../../local/aws/step-functions-execution.ts'
import { type Account, addAccount, addGroup, addUser } from '../../local/aws/world.ts'
import { clientConfig } from '../../local/start-organization.ts'
import { vend } from '../../local/vend-input.ts'
import { accountCreated } from '../support/events.ts'
import { temporaryFolder } from '../support/folder.ts'
import { claimOf, postLink, scalarIn } from '../support/link.ts'
import { anOrganization, exampleVending, type TestOrganization } from '../support/organization.ts'
import { writes } from '../support/writes.ts'

// Takes administrators out of accounts that were vended, by executions and by `vend remove` in a process of its own.

let organization: TestOrganization
beforeAll(async () => void (organization = await anOrganization()))
afterAll(() => organization.close())

let accounts = 0
const newAccount = () => {
  accounts += 1
  return addAccount(organization.world, { id: String(380000000000 + accounts), name: `Team ${accounts}` })
}
const manual = (accountId: string, more: object = {}) =>
  vend(organization, { door: 'manual', input: JSON.stringify({ accountId, ...more }) })
const everything = { what: 'everything', lastWayIn: true }
const people = (...names: string[]) => ({
  admins: names.map((userName) => ({ userName, email: `${userName}@example.com` })),
})
const vended = async (...names: string[]) => {
  const account = newAccount()
  await manual(account.id, people(...(names.length ? names : ['ada'])))
  return account
}
const status = async (accountId: string) =>
  JSON.parse(
    (await organization.requestApi({ method: 'GET', path: `/accounts/${accountId}`, headers: {}, body: '' })).body,
  ) as { status: string; removal?: { users: object[] }; admins: { signInRemovedAt?: string }[] }
const secret = (accountId: string, userName: string) =>
  organization.world.secrets.get(`account-vending/${accountId}/${userName}`)
const passwordOf = (accountId: string, userName: string) =>
  [...(secret(accountId, userName)?.versions.values() ?? [])].find(({ stages }) => stages.includes('AWSCURRENT'))
    ?.value ?? ''
/** A person of the account who can sign in, and who is not ours. */
const somebodyElse = (account: Account) => {
  const user = addUser(organization.world, account, { name: 'bob' })
  user.login = { password: 'Held-since-2022', resetRequired: false, createdAt: 0 }
  return user
}
const noticesAbout = async (accountId: string) =>
  (await organization.mails()).filter(
    ({ function: by, subject }) => by === 'report-failure' && subject.includes(accountId),
  )

describe('the life of an account', () => {
  test('everything goes, nobody vends the account again by itself, and a request does', async () => {
    const account = newAccount()
    await vend(organization, { door: 'event', event: accountCreated(account.id) })
    expect((await status(account.id)).status).toBe('VENDED')
    const scalar = scalarIn((await organization.mails()).at(-1)?.text ?? '')

    const { execution, users, groups } = await manual(account.id, { remove: everything })
    expect(execution).toMatchObject({
      status: 'SUCCEEDED',
      output: { outcome: 'Removed', users: [{ userName: 'Administrator', is: 'deleted' }], groups: ['Administrators'] },
    })
    expect(execution?.states.map(({ name }) => name)).toEqual([
      'AcceptRequest',
      'IsThereAnythingToDo',
      'RemoveAdministrators',
    ])
    expect([users, groups]).toEqual([[], []])
    expect(secret(account.id, 'administrator')?.deletionAt).toBeGreaterThan(organization.world.now())
    expect((await status(account.id)).status).toBe('REMOVED')
    const claim = await claimOf(scalar, account.id)
    expect(await postLink(organization.apiUrl, '/link/claim', claim)).toMatchObject({ status: 404 })

    const again = await vend(organization, { door: 'event', event: accountCreated(account.id) })
    expect(again.execution?.output).toMatchObject({ outcome: 'NotNew' })
    expect((await organization.round()).status).toBe('SUCCEEDED')
    await organization.settled()
    const after = [...organization.executions.values()].filter(({ name }) => name.startsWith(`sweep-${account.id}`))
    expect(after).toEqual([])
    expect(account.users.size).toBe(0)
    const repeated = await manual(account.id, { remove: everything })
    expect(repeated.execution).toMatchObject({ status: 'SUCCEEDED', output: { outcome: 'NothingToRemove' } })

    const before = passwordOf(account.id, 'administrator')
    const asked = await manual(account.id)
    expect(asked.execution?.output).toMatchObject({ outcome: 'Vended' })
    expect(asked.mails).toHaveLength(1)
    expect(passwordOf(account.id, 'administrator')).not.toBe(before)
    expect(signIn(organization.world, account.id, 'Administrator', passwordOf(account.id, 'administrator'))).toBe(
      'must-change-password',
    )
    expect((await status(account.id)).status).toBe('VENDED')
  })

  test('a sign-in goes, the user stays, and a new link gives the sign-in back', async () => {
    const account = await vended('ada', 'grace')
    const user = account.users.get('ada')!
    user.accessKeys.set('AKIAADA', { createdAt: 0 })
    const { execution } = await manual(account.id, { remove: { what: 'sign-in', userName: 'ada' } })
    expect(execution?.output).toMatchObject({
      users: [{ userName: 'ada', is: 'without sign-in', left: { 'access key': 1 } }],
    })
    expect(user.login).toBeUndefined()
    expect(account.users.get('grace')?.login).toBeDefined()
    expect(await status(account.id)).toMatchObject({
      status: 'VENDED',
      admins: [{ userName: 'ada', signInRemovedAt: expect.any(String) as string }, { userName: 'grace' }],
    })

    const { mails } = await manual(account.id, { renew: 'ada' })
    expect(mails.map(({ to }) => to)).toEqual([['ada@example.com']])
    expect(signIn(organization.world, account.id, 'ada', passwordOf(account.id, 'ada'))).toBe('must-change-password')
    expect((await status(account.id)).admins[0]).not.toHaveProperty('signInRemovedAt')
  })

  test('a request for an administrator whose sign-in was removed makes the sign-in again', async () => {
    const account = await vended('ada', 'grace')
    await manual(account.id, { remove: { what: 'sign-in', userName: 'ada' } })
    const { execution } = await manual(account.id, people('ada'))
    expect(execution?.output).toMatchObject({ outcome: 'Vended' })
    expect(account.users.get('ada')?.login).toBeDefined()
  })

  test('an administrator goes, and the others stay', async () => {
    const account = await vended('ada', 'grace')
    await manual(account.id, { remove: { what: 'everything', userName: 'Ada' } })
    expect([...account.users.keys()]).toEqual(['grace'])
    expect(account.groups.size).toBe(1)
    expect((await status(account.id)).status).toBe('VENDED')
  })

  test('what an unfinished vend has made goes, too', async () => {
    const account = newAccount()
    account.deniedActions = ['iam:CreateLoginProfile']
    expect((await manual(account.id, people('ada'))).execution?.status).toBe('FAILED')
    account.deniedActions = []
    expect([account.users.size, account.groups.size]).toEqual([1, 1])
    await manual(account.id, { remove: { what: 'everything' } })
    expect([account.users.size, account.groups.size]).toEqual([0, 0])
    expect((await status(account.id)).status).toBe('REMOVED')
  })
})

describe('refusals', () => {
  test.each<[string, object, string, RegExp]>([
    ['no what', { remove: {} }, 'InvalidInputError', /remove.what: is missing; must be sign-in or everything/],
    ['another what', { remove: { what: 'groups' } }, 'InvalidInputError', /must be sign-in or everything/],
    ['no object', { remove: 'everything' }, 'InvalidInputError', /remove: must be an object/],
    ['an unknown field', { remove: { what: 'sign-in', user: 'ada' } }, 'InvalidInputError', /allowed fields are what/],
    ['administrators as well', { remove: everything, ...people('ada') }, 'InvalidInputError', /admins: is not a known/],
    [
      'everything that is unused',
      { remove: { what: 'everything', unclaimed: true } },
      'InvalidInputError',
      /sign-in only/,
    ],
    [
      'a user whom nobody vended',
      { remove: { what: 'sign-in', userName: 'eve' } },
      'UserNotOnRecordError',
      /created ada/,
    ],
  ])('%s is refused before anything is removed', async (_, input, error, cause) => {
    const account = await vended()
    const { execution, calls } = await manual(account.id, input)
    expect(execution).toMatchObject({ status: 'FAILED', error, cause: expect.stringMatching(cause) as string })
    expect(writes(calls.filter(({ function: by }) => by === 'accept-request'))).toEqual([])
    expect(account.users.get('ada')?.login).toBeDefined()
    expect((await status(account.id)).status).toBe('VENDED')
    expect((await noticesAbout(account.id)).at(-1)?.text).toContain('– the removal: nothing was removed')
  })

  test('a user who was kept is not removed', async () => {
    const account = newAccount()
    addUser(organization.world, account, { name: 'ada' })
    await manual(account.id, people('ada', 'grace'))
    const { execution } = await manual(account.id, { remove: { what: 'everything', userName: 'ada' } })
    expect(execution).toMatchObject({ status: 'FAILED', error: 'UserKeptError' })
    await manual(account.id, { remove: everything })
    expect([...account.users.keys()]).toEqual(['ada'])
  })

  test('the last way in stays, and the notice has the command that removes it', async () => {
    const account = await vended()
    const { execution } = await manual(account.id, { remove: { what: 'everything' } })
    expect(execution).toMatchObject({ status: 'FAILED', error: 'LastWayInError' })
    expect(account.users.get('ada')?.login).toBeDefined()
    expect((await status(account.id)).status).toBe('VENDED')
    const notice = (await noticesAbout(account.id)).at(-1)
    expect(notice?.subject).toContain('Removing administrators from account Team')
    expect(notice?.text).toMatch(new RegExp(`npx vend remove ${account.id} --last-way-in --local`))
    expect(notice?.text).toContain('"lastWayIn":true')
  })

  test('the last way in may go when another user can sign in', async () => {
    const account = await vended()
    somebodyElse(account)
    const { execution } = await manual(account.id, { remove: { what: 'everything' } })
    expect(execution?.output).toMatchObject({ outcome: 'Removed' })
    expect([...account.users.keys()]).toEqual(['bob'])
  })

  test('an event cannot ask for a removal', async () => {
    const account = await vended()
    const event = { ...accountCreated(account.id), remove: everything }
    const { execution } = await vend(organization, { door: 'event', event })
    expect(execution?.output).toMatchObject({ outcome: 'AlreadyVended' })
    expect(account.users.size).toBe(1)
  })

  test('an account without a record has nothing to remove', async () => {
    const { execution } = await manual(newAccount().id, { remove: everything })
    expect(execution?.output).toMatchObject({ outcome: 'NothingToRemove' })
  })
})

describe('with other executions', () => {
  test('a removal waits for a vend that is under way', async () => {
    const account = newAccount()
    const start = (name: string, input: object) =>
      organization.startExecution(name, JSON.stringify({ accountId: account.id, ...input })) as Execution
    const first = start('vend-first', people('ada'))
    while (!first.states.some(({ name }) => name === 'CreateAdminGroup'))
      await new Promise((done) => setTimeout(done, 1))
    const second = start('then-remove', { remove: everything })
    await organization.settled()
    expect([first, second].map(({ output }) => output)).toMatchObject([
      { outcome: 'Vended' },
      { outcome: 'Removed', users: [{ userName: 'ada', is: 'deleted' }] },
    ])
    expect(account.users.size).toBe(0)
  })

  test('a removal that fails in the middle is redriven, and removes the rest', async () => {
    const account = await vended('ada', 'grace')
    account.deniedActions = ['iam:DeleteGroup']
    const { execution } = await manual(account.id, { remove: everything })
    expect(execution).toMatchObject({ status: 'FAILED', error: 'DeniedByPolicyError' })
    expect([account.users.size, account.groups.size]).toEqual([0, 1])
    expect((await status(account.id)).status).toBe('FAILED')
    const notice = (await noticesAbout(account.id)).at(-1)
    expect(notice?.text).toContain(`npx vend redrive ${account.id}`)
    expect(notice?.text).toContain('a part of the removal may already be finished')

    account.deniedActions = []
    const sfn = new SFNClient(clientConfig(organization, organization.world.managementAccountId))
    const failed = [...organization.executions.values()].at(-1)!
    await sfn.send(new RedriveExecutionCommand({ executionArn: failed.executionArn }))
    await organization.settled()
    expect(failed.output).toMatchObject({ outcome: 'Removed', groups: ['Administrators'] })
    expect(account.groups.size).toBe(0)
    expect((await status(account.id)).status).toBe('REMOVED')
  })

  test('a group that gets a member in the meantime stays, and the removal goes on', async () => {
    const account = await vended()
    const bob = somebodyElse(account)
    bob.groups.add(account.groups.get('administrators')!)
    const { execution } = await manual(account.id, { remove: { what: 'everything' } })
    expect(execution?.output).toMatchObject({
      outcome: 'Removed',
      groups: [],
      stays: [{ kind: 'group', name: 'Administrators', why: 'has other members: bob' }],
    })
    expect(bob.groups.size).toBe(1)
  })
})

// The command

const root = path.join(import.meta.dirname, '..', '..')
const folder = temporaryFolder()
const command = async (...args: string[]) => {
  const local = ['--local', new URL(organization.endpointUrl).port, '--config', exampleVending]
  const env = { PATH: process.env['PATH'], HOME: folder, AWS_EC2_METADATA_DISABLED: 'true' }
  const { code, stdout, stderr } = await promisify(execFile)(
    process.execPath,
    [path.join(root, 'dist', 'vend.cjs'), ...args, ...local],
    { cwd: folder, env },
  ).then(
    (ended) => ({ code: 0, ...ended }),
    (failure: { code: number; stdout: string; stderr: string }) => failure,
  )
  return { code, stdout, stderr: stderr.replace(/\s+/g, ' ').trim() }
}

describe('vend remove', () => {
  test('shows what goes and what stays, and removes nothing without a yes', async () => {
    const account = await vended('ada', 'grace')
    somebodyElse(account)
    addUser(organization.world, account, { name: 'eve', path: '/account-vending/' })
    addGroup(organization.world, account, { name: 'Strangers', path: '/account-vending/' })
    account.users.get('ada')!.accessKeys.set('AKIAADA', { createdAt: 0 })
    const before = organization.world.calls.length
    const { code, stdout, stderr } = await command('remove', account.id)
    expect({ code, stderr }).toEqual({ code: 1, stderr: 'Nothing was removed. To remove, add --yes.' })
    expect(stdout).toMatch(
      /user ada +would be deleted, with 1 access key; the secret would be scheduled for\s+deletion/,
    )
    expect(stdout).toMatch(/user grace +would be deleted; the secret/)
    expect(stdout).toMatch(/group Administrators +would be deleted, with its policies/)
    expect(stdout).toMatch(/user eve +the ledger does not list this user/)
    expect(stdout).toMatch(/group Strangers +the ledger does not list this group/)
    expect(stdout).not.toContain('bob')
    expect(writes(organization.world.calls.slice(before))).toEqual([])
    expect(account.users.size).toBe(4)
  })

  test('removes, follows, and says what was removed', async () => {
    const account = await vended('ada', 'grace')
    const { code, stdout } = await command('remove', account.id, '--yes', '--last-way-in', '--wait')
    expect(code).toBe(0)
    expect(stdout).toContain('RemoveAdministrators')
    expect(stdout).toMatch(/REMOVED/)
    expect(stdout).toMatch(/Deleted at .*: user ada, user grace, group Administrators\./)
    expect(account.users.size).toBe(0)
    const again = await command('remove', account.id, '--yes')
    expect(again).toMatchObject({
      code: 0,
      stdout: expect.stringMatching(/Nothing to remove\. The admin.* were removed at/) as string,
    })
    const [listed] = JSON.parse((await command('list', '--status', 'removed', '--json')).stdout) as object[]
    expect(listed).toMatchObject({ status: 'REMOVED' })
  })

  test('takes only the sign-in of a user, and status and list say so', async () => {
    const account = await vended('ada', 'grace')
    account.users.get('ada')!.accessKeys.set('AKIAADA', { createdAt: 0 })
    const { code, stdout } = await command('remove', account.id, 'ada', '--sign-in', '--yes', '--wait')
    expect(code).toBe(0)
    expect(stdout).toMatch(
      /user ada +the console sign-in would be removed; the secret would be scheduled for deletion;\s+1 access key/,
    )
    expect(stdout.replace(/\s+/g, ' ')).toMatch(
      /The console sign-in of ada was removed at .* UTC\. ada still has 1 access key\./,
    )
    expect((await command('list')).stdout).toContain('ada: sign-in removed on ')
  })

  test('refuses the last way in with the option that removes it', async () => {
    const account = await vended()
    const { code, stdout, stderr } = await command('remove', account.id, '--yes')
    expect({ code, stderr }).toEqual({ code: 1, stderr: 'Nothing was removed. To remove anyway, add --last-way-in.' })
    expect(stdout.replace(/\s+/g, ' ')).toContain('no other user has a login profile besides ada')
    expect(account.users.size).toBe(1)
  })

  test('refuses a user whom account vending has not created', async () => {
    const account = await vended()
    const { code, stderr } = await command('remove', account.id, 'eve', '--yes')
    expect(code).toBe(1)
    expect(stderr).toBe(
      'Account vending has created no user eve in this account; it has created ada. Nothing was removed.',
    )
  })

  test('with --json prints the preview, and with --yes what was started', async () => {
    const account = await vended('ada', 'grace')
    const preview = await command('remove', account.id, '--json')
    expect(JSON.parse(preview.stdout)).toMatchObject({
      outcome: 'Removing',
      removed: [{ name: 'ada' }, { name: 'grace' }, { kind: 'group' }],
      lastWayIn: ['ada', 'grace'],
    })
    expect(preview.code).toBe(1)
    const started = await command('remove', account.id, '--json', '--yes', '--last-way-in')
    expect(JSON.parse(started.stdout)).toMatchObject({
      accountId: account.id,
      executionArn: expect.any(String) as string,
    })
    await organization.settled()
    expect(account.users.size).toBe(0)
  })
})
