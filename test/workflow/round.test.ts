import { RedriveExecutionCommand, SFNClient } from '@aws-sdk/client-sfn'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { scan } from '../../functions/shared/ledger.ts'
import { allLooks, type FindingKind, type Look } from '../../functions/shared/look.ts'
import { AwsError } from '../../local/aws/aws-error.ts'
import type { Interception } from '../../local/aws/endpoint.ts'
import { type Account, addAccount, addUser } from '../../local/aws/world.ts'
import { vend } from '../../local/vend-input.ts'
import { claimOf, postLink, scalarIn } from '../support/link.ts'
import { writes } from '../support/writes.ts'
import { anOrganization, ledgerOf, type TestOrganization } from '../support/organization.ts'

// A daily round over the local organization: the bundles, both workflows, and the sessions in the accounts.

const day = 24 * 60 * 60 * 1000
const userName = 'ada'
const administratorAccess = 'arn:aws:iam::aws:policy/AdministratorAccess'
const local = { accessKeyId: '111122223333', secretAccessKey: 'local' }

type Call = Pick<Interception, 'service' | 'operation' | 'caller' | 'input'>
let calls: Call[] = []
/** What a call of this operation by a function gets as its answer. */
let failing: ((interception: Interception) => void) | undefined
let organization: TestOrganization
beforeAll(async () => {
  organization = await anOrganization(
    {
      round: 'all',
      rootCredentials: 'audit',
      mfa: 'required',
      passwordPolicy: { minimumPasswordLength: 14 },
      tags: { ManagedBy: 'account-vending' },
      protected: { accounts: ['Audit'], organizationalUnits: ['ou-exam-security'] },
    },
    (interception) => {
      calls.push({ ...interception })
      failing?.(interception)
    },
  )
})
afterAll(() => organization.close())

const round = async () => {
  calls = []
  const execution = await organization.round()
  await organization.settled()
  return execution
}
const looks = async () => (await scan(ledgerOf(organization), { looks: allLooks })).looks
const kindsIn = (look: Look | undefined) => Object.values(look?.findings ?? {}).map(({ kind }) => kind)

let accounts = 820000000000
const newAccount = (name: string) => addAccount(organization.world, { id: String((accounts += 1)), name })
/** Vends an administrator who then signs in, sets up MFA, and chooses a password. */
const vended = async (name: string, { settles = true } = {}) => {
  const account = newAccount(name)
  const input = JSON.stringify({ accountId: account.id, admins: [{ userName, email: `${account.id}@example.com` }] })
  const { execution } = await vend(organization, { door: 'manual', input })
  expect(execution?.status).toBe('SUCCEEDED')
  const user = account.users.get(userName)!
  if (settles) {
    user.passwordLastUsed = organization.world.now() + 1000
    user.login!.resetRequired = false
    const serialNumber = `arn:aws:iam::${account.id}:mfa/phone`
    account.mfaDevices.set(serialNumber, { serialNumber, createdAt: 0, user, enabledAt: 0 })
  }
  return { account, user, group: account.groups.get('administrators')! }
}
type Vended = Awaited<ReturnType<typeof vended>>

/** Everything in an account that a look could change. */
const everythingIn = ({
  users,
  groups,
  policies,
  mfaDevices,
  passwordPolicy,
  roleName,
  roleAlsoTrusts,
  tags,
}: Account) => structuredClone({ users, groups, policies, mfaDevices, passwordPolicy, roleName, roleAlsoTrusts, tags })

const claimIn = async ({ account }: Vended, text: string) => {
  const claim = await claimOf(scalarIn(text), account.id)
  expect((await postLink(organization.apiUrl, '/link/claim', claim)).status).toBe(200)
}

/** What somebody does by hand in an account whose administrator is settled. */
const byHand: Partial<Record<FindingKind, (one: Vended) => unknown>> = {
  'group-gone': ({ account, user }) => {
    user.groups.clear()
    account.groups.delete('administrators')
  },
  'policy-detached': ({ group }) => group.policies.delete(administratorAccess),
  'policy-added': ({ user }) => user.policies.add(administratorAccess),
  'member-added': ({ account, group }) =>
    addUser(organization.world, account, { name: 'eve', path: '/account-vending/' }).groups.add(group),
  'user-gone': ({ account }) => account.users.delete(userName),
  'mfa-off': ({ account }) => account.mfaDevices.clear(),
  'password-policy-weaker': ({ account }) => (account.passwordPolicy = { MinimumPasswordLength: 8 } as never),
  'tags-changed': ({ user }) => user.tags.delete('ManagedBy'),
  'access-role-trusts-others': ({ account }) => account.roleAlsoTrusts.push('arn:aws:iam::999999999999:root'),
  'access-role-missing': ({ account }) => (account.roleTrusts = '999999999999'),
  'account-refuses': ({ account }) => (account.deniedActions = ['iam:GetAccountAuthorizationDetails']),
  'unit-changed': ({ account }) => (account.parentId = 'ou-exam-workload'),
  'root-credentials': ({ account }) => account.rootUser.accessKeys.push('AKIAROOT'),
}
/** What happens to an administrator who does not come. */
const neverCame: FindingKind[] = ['never-signed-in', 'link-unclaimed', 'mail-bounced']
const inTheRound = ['sweep', 'look-at-accounts', 'audit-root-credentials', 'follow-up', 'report-round']

describe('drift', () => {
  const there = new Map<FindingKind, Vended>()
  beforeAll(async () => {
    for (const kind of Object.keys(byHand) as FindingKind[]) there.set(kind, await vended(kind))
    for (const kind of neverCame) {
      if (kind === 'mail-bounced') organization.world.refusingAddresses.add(`${accounts + 1}@example.com`)
      there.set(kind, await vended(kind, { settles: false }))
    }
    const mail = (await organization.mails()).find(({ to }) =>
      to[0]?.startsWith(there.get('never-signed-in')!.account.id),
    )
    await claimIn(there.get('never-signed-in')!, mail?.text ?? '')
    await organization.settled()
  }, 120_000)

  test('an account as it was vended has no findings, apart from a mail that did not arrive', async () => {
    expect((await round()).status).toBe('SUCCEEDED')
    const found = await looks()
    for (const [kind, { account }] of there)
      expect([kind, kindsIn(found.get(account.id))]).toEqual([kind, kind === 'mail-bounced' ? [kind] : []])
    expect(found.get(there.get('mfa-off')!.account.id)).toMatchObject({
      accountName: 'mfa-off',
      path: `${organization.world.organizationId}/${organization.world.rootId}/`,
      admins: {
        ada: {
          userName,
          isThere: true,
          hasLoginProfile: true,
          hasSignedIn: true,
          mustChangePassword: false,
          hasMfa: true,
          accessKeys: 0,
        },
      },
    })
  })

  test('the round looks at every active account that is not protected, and at no other', async () => {
    const found = [...(await looks()).keys()]
    const { world } = organization
    const expected = [...world.accounts.values()].filter(
      ({ id, state, parentId }) =>
        state === 'ACTIVE' && parentId !== 'ou-exam-security' && id !== world.managementAccountId,
    )
    expect(found.sort()).toEqual(expected.map(({ id }) => id).sort())
    const entered = calls.flatMap(({ service, operation, caller, input }) =>
      service === 'sts' && operation === 'AssumeRole' && caller.function === 'look-at-accounts'
        ? String(input['RoleArn']).split(':')[4]
        : [],
    )
    expect(entered.sort()).toEqual(found)
  })

  test('each kind of drift that was made by hand is found, where it was made, and nothing else', async () => {
    for (const [kind, drift] of Object.entries(byHand)) await drift(there.get(kind as FindingKind)!)
    // After the last day of the links.
    organization.clock.pass(8 * day)
    await round()
    const found = await looks()
    for (const [kind, { account }] of there) {
      // Who loses the group loses the membership, too.
      const also = kind === 'group-gone' ? ['policy-detached'] : []
      expect([kind, kindsIn(found.get(account.id)).sort()]).toEqual([kind, [kind, ...also].sort()])
    }
  })

  test('a look changes nothing: every call of a round in an account reads, and its session may only read', async () => {
    const settled = [...there].filter(([kind]) => kind in byHand).map(([, { account }]) => account)
    const before = settled.map(everythingIn)
    await round()
    expect(settled.map(everythingIn)).toEqual(before)
    const inAccounts = calls.filter(({ caller }) => caller.session && inTheRound.includes(caller.function ?? ''))
    expect(inAccounts.length).toBeGreaterThan(100)
    expect(writes(inAccounts)).toEqual([])
    expect([...new Set(inAccounts.map(({ operation }) => operation))].sort()).toEqual([
      'GetAccountAuthorizationDetails',
      'GetAccountPasswordPolicy',
      'GetLoginProfile',
      'GetRole',
      'ListAccessKeys',
      'ListMFADevices',
      'ListSigningCertificates',
      'ListUsers',
    ])
  })

  test('a finding that goes on keeps its time, and one that nobody was told of is dropped when it is gone', async () => {
    const { account, user } = there.get('policy-added')!
    const one = async () => (await looks()).get(account.id)!
    const [first] = Object.values((await one()).findings)
    await round()
    const [again] = Object.values((await one()).findings)
    expect(again?.since).toBe(first?.since)
    user.policies.clear()
    await round()
    expect((await one()).findings).toEqual({})
  })

  test('what was found in an account stays while the account refuses', async () => {
    const { account } = there.get('tags-changed')!
    account.deniedActions = ['iam:*']
    await round()
    const look = (await looks()).get(account.id)
    expect(kindsIn(look).sort()).toEqual(['account-refuses', 'tags-changed'])
    expect(look?.admins).toEqual({})
    account.deniedActions = []
    await round()
    expect(kindsIn((await looks()).get(account.id))).toEqual(['tags-changed'])
  })

  test('an account where a vend works is not judged by its record', async () => {
    const { account, group } = there.get('root-credentials')!
    account.deniedActions = ['iam:CreateLoginProfile']
    const admins = [{ userName: 'eve', email: 'eve@example.com' }]
    await vend(organization, { door: 'manual', input: JSON.stringify({ accountId: account.id, admins }) })
    account.deniedActions = []
    // The vend has failed in the middle: its user is in the group, and not on record.
    expect(account.users.get('eve')?.groups).toContain(group)
    await round()
    expect(kindsIn((await looks()).get(account.id))).toEqual(['root-credentials'])
  })
})

describe('a round that fails', () => {
  test('is told to a person, and a redrive goes on with the batch where the round stopped', async () => {
    for (let n = 0; n < 85; n++) newAccount(`more ${n}`)
    // In the first batch, which is the larger one: the second batch has ended before.
    const crashing = '555555555555'
    failing = ({ operation, input }) => {
      const { pk } = (input['Key'] ?? {}) as { pk?: { S?: string } }
      if (operation === 'UpdateItem' && pk?.S === `look#${crashing}`)
        throw new AwsError('ValidationException', 'The provided expression refers to an attribute that does not exist')
    }
    const execution = await round()
    expect(execution).toMatchObject({ status: 'FAILED', error: 'ValidationException' })
    const entered = () =>
      calls.filter(({ operation, caller }) => operation === 'AssumeRole' && caller.function === 'look-at-accounts')
        .length
    expect(entered()).toBeGreaterThan(100)
    const notice = (await organization.mails()).at(-1)
    expect([notice?.function, notice?.to]).toEqual(['report-failure', organization.vending.notify])
    expect(notice?.subject).toBe('The daily round failed: ValidationException')
    expect(notice?.text).toContain(`npx vend redrive ${execution.executionArn} --local`)

    failing = undefined
    calls = []
    const sfn = new SFNClient({ endpoint: organization.endpointUrl, region: 'us-east-1', credentials: local })
    await sfn.send(new RedriveExecutionCommand({ executionArn: execution.executionArn }))
    await organization.settled()
    expect(execution).toMatchObject({ status: 'SUCCEEDED', redriveCount: 1 })
    expect(entered()).toBe(100)
    expect(Object.keys((await looks()).get(crashing)?.findings ?? {})).toEqual(['password-policy-weaker#'])
  }, 300_000)
})
