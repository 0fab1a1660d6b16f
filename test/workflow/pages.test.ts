import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { doctor } from '../../cli/doctor.ts'
import { list } from '../../cli/list.ts'
import { plan } from '../../cli/plan.ts'
import type { Interception } from '../../local/aws/endpoint.ts'
import { addGroup, addUser } from '../../local/aws/world.ts'
import { ensureAccount } from '../../local/make-account.ts'
import { vend } from '../../local/vend-input.ts'
import { makeClients } from '../support/clients.ts'
import { anOrganization, type TestOrganization } from '../support/organization.ts'

// Every list comes in pages of one item. In each test, the first page alone would lead to another result.

const sizes: Record<string, string> = {
  iam: 'MaxItems',
  organizations: 'MaxResults',
  events: 'Limit',
  secretsmanager: 'MaxResults',
}
/** The list calls that were answered in pages of one item. */
const paged = new Set<string>()
const inSmallPages = ({ service, operation, input, caller }: Interception) => {
  const size = sizes[service]
  // The local organization's own report lists, too.
  const isOfReport = ['ListAttachedUserPolicies', 'ListUserPolicies', 'ListSecrets'].includes(operation)
  if (
    !size ||
    (isOfReport && !caller.function) ||
    !(operation.startsWith('List') || operation === 'GetGroup') ||
    operation === 'ListParents'
  )
    return
  Object.assign(input, { [size]: service === 'iam' ? '1' : 1 })
  paged.add(operation)
}

let organization: TestOrganization
let clients: ReturnType<typeof makeClients>
beforeAll(async () => {
  organization = await anOrganization({ automatic: 'control-tower' }, inSmallPages)
  clients = makeClients({
    region: 'us-east-1',
    endpoint: organization.endpointUrl,
    credentials: { accessKeyId: '111122223333', secretAccessKey: 'local' },
  })
})
afterAll(() => organization.close())

const managed = (name: string) => `arn:aws:iam::aws:policy/${name}`
const account = (id: string) => {
  ensureAccount(organization, id, `a${id}`)
  return organization.world.accounts.get(id)!
}
const ada = { userName: 'ada', email: 'ada@example.com' }
const request = (accountId: string, more: object = {}) =>
  vend(organization, { door: 'manual', input: JSON.stringify({ accountId, ...more }) })

describe('IAM in the account', () => {
  test('the second attached policy of a group that is not ours makes the group another one', async () => {
    const there = account('600000000001')
    const { policies } = addGroup(organization.world, there, { name: 'Administrators' })
    for (const name of ['AdministratorAccess', 'ReadOnlyAccess']) policies.add(managed(name))
    expect((await request(there.id)).execution).toMatchObject({ status: 'FAILED', error: 'GroupNotOursError' })
  })

  test('so does the second inline policy', async () => {
    const there = account('600000000002')
    const document = (Action: string) => ({
      Version: '2012-10-17',
      Statement: [{ Effect: 'Allow', Action, Resource: '*' }],
    })
    const { inline } = addGroup(organization.world, there, { name: 'Readers' })
    inline.set('reads', JSON.stringify(document('s3:GetObject')))
    inline.set('writes', JSON.stringify(document('s3:PutObject')))
    const groups = [{ name: 'Readers', inline: { reads: document('s3:GetObject') } }]
    const { execution } = await request(there.id, { groups, admins: [{ ...ada, groups: ['Readers'] }] })
    expect(execution).toMatchObject({ status: 'FAILED', error: 'GroupNotOursError' })
  })

  test('a second member who is not ours makes a group of our path somebody else’s', async () => {
    const there = account('600000000003')
    await request(there.id, { admins: [ada] })
    const squad = addGroup(organization.world, there, { name: 'Squad', path: '/account-vending/' })
    there.users.get('ada')!.groups.add(squad)
    addUser(organization.world, there, { name: 'zoe', path: '/account-vending/' }).groups.add(squad)
    const groups = [{ name: 'Squad', policies: ['AdministratorAccess'] }]
    const { execution } = await request(there.id, { groups, admins: [{ ...ada, groups: ['Squad'] }] })
    expect(execution).toMatchObject({ status: 'FAILED', error: 'GroupNotOursError' })
    expect([...squad.policies]).toEqual([])
  })

  test('a user and a group on the second page are found', async () => {
    const there = account('600000000004')
    for (const name of ['aaa', 'zoe']) addUser(organization.world, there, { name })
    for (const name of ['AAA', 'Auditors'])
      addGroup(organization.world, there, { name }).policies.add(managed('SecurityAudit'))
    const groups = [{ name: 'Auditors', policies: ['SecurityAudit'] }]
    const admins = [{ userName: 'zoe', email: 'zoe@example.com', groups: ['Auditors'] }, ada]
    const { execution } = await request(there.id, { groups, admins })
    expect(execution).toMatchObject({
      status: 'SUCCEEDED',
      output: {
        admins: [
          { userName: 'zoe', kept: true },
          { userName: 'ada', kept: false },
        ],
      },
    })
  })
})

test('whatever an administrator has on a second page is removed, too, and the second user with it', async () => {
  const there = account('600000000006')
  await request(there.id, { admins: [ada, { userName: 'grace', email: 'grace@example.com' }] })
  const user = there.users.get('ada')!
  const group = there.groups.get('administrators')!
  user.groups.add(addGroup(organization.world, there, { name: 'Auditors' }))
  for (const holder of [user, group])
    for (const name of ['PowerUserAccess', 'ReadOnlyAccess']) {
      holder.policies.add(managed(name))
      holder.inline.set(name, '{}')
    }
  for (const n of [1, 2]) {
    const serialNumber = `arn:aws:iam::${there.id}:mfa/ada-${n}`
    there.mfaDevices.set(serialNumber, { serialNumber, createdAt: 0, user, enabledAt: 0 })
    user.accessKeys.set(`AKIA${n}`, { createdAt: 0 })
    for (const ids of Object.values(user.otherCredentials)) ids.add(`own-${n}`)
  }
  const { execution } = await request(there.id, { remove: { what: 'everything', lastWayIn: true } })
  expect(execution?.output).toMatchObject({
    users: [{ userName: 'ada' }, { userName: 'grace' }],
    groups: ['Administrators'],
  })
  expect([there.users.size, there.mfaDevices.size, [...there.groups.keys()]]).toEqual([0, 0, ['auditors']])
})

describe('Organizations and EventBridge', () => {
  const findingOf = async (wanted: string) => {
    const { findings } = await doctor(clients, { stage: 'local', vending: organization.vending })
    return findings.find(({ check }) => check === wanted)
  }

  test('the second service with trusted access, and the rule of another stage on a second page, are found', async () => {
    organization.world.trustedServices.add('controltower.amazonaws.com')
    expect(await findingOf('trusted access')).toMatchObject({ status: 'ok' })
    const pattern = { source: ['aws.organizations'] }
    organization.world.otherRules.push({ name: 'account-vending-prod-AccountCreatedRule', enabled: true, pattern })
    expect(await findingOf('other stages')).toMatchObject({
      status: 'fail',
      finding: expect.stringContaining('account-vending-prod-AccountCreatedRule') as string,
    })
  })

  test('a service control policy on a second page, at a second target, stops a vend', async () => {
    const { world } = organization
    const usable = account('600000000005')
    usable.roleUsableFrom = usable.policiesInEffectFrom = 0
    const { id } = usable
    const document = { Version: '2012-10-17', Statement: [{ Effect: 'Deny', Action: 'iam:CreateUser', Resource: '*' }] }
    world.serviceControlPolicies = [{ id: 'p-second0001', name: 'Second', document, targets: ['111111111111', id] }]
    const told = await plan(clients, {
      accountId: id,
      request: { accountId: id },
      stage: 'local',
      vending: organization.vending,
    })
    world.serviceControlPolicies = []
    expect(told).toMatchObject({ outcome: 'DeniedByPolicyError', reason: expect.stringContaining('Second') as string })
  })

  test('list shows all accounts, and the sweep counts all accounts', async () => {
    const all = [...organization.world.accounts.keys()].sort()
    const listed = await list(clients, { stage: 'local', status: [] })
    expect(listed.map(({ accountId }) => accountId).sort()).toEqual(all)
    expect((await organization.round()).output).toMatchObject({ accounts: all.length - 1, departed: 0 })
  })
})

test('every list call of the functions and the command was answered in pages', () => {
  expect([...paged].sort()).toEqual([
    'GetGroup',
    'ListAWSServiceAccessForOrganization',
    'ListAccessKeys',
    'ListAccounts',
    'ListAttachedGroupPolicies',
    'ListAttachedUserPolicies',
    'ListGroupPolicies',
    'ListGroups',
    'ListGroupsForUser',
    'ListMFADevices',
    'ListPolicies',
    'ListRules',
    'ListSSHPublicKeys',
    'ListServiceSpecificCredentials',
    'ListSigningCertificates',
    'ListTargetsForPolicy',
    'ListUserPolicies',
    'ListUsers',
  ])
})
