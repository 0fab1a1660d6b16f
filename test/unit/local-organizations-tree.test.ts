import {
  CreateAccountCommand,
  type CreateAccountCommandInput,
  DescribeCreateAccountStatusCommand,
  DescribeOrganizationalUnitCommand,
  ListAccountsCommand,
  ListCreateAccountStatusCommand,
  ListOrganizationalUnitsForParentCommand,
  ListParentsCommand,
  ListPoliciesForTargetCommand,
  ListRootsCommand,
  ListTagsForResourceCommand,
  MoveAccountCommand,
  OrganizationsClient,
  TagResourceCommand,
  UntagResourceCommand,
} from '@aws-sdk/client-organizations'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { findUnit } from '../../functions/shared/organizational-units.ts'
import { startEndpoint } from '../../local/aws/endpoint.ts'
import { limitRates } from '../../local/aws/rates.ts'
import { addAccount, addOrganizationalUnit, createWorld } from '../../local/aws/world.ts'
import { manualClock } from '../support/manual-clock.ts'

let clock = manualClock()
let world = createWorld(clock)
let endpoint: Awaited<ReturnType<typeof startEndpoint>>
let client: OrganizationsClient

beforeEach(async () => {
  clock = manualClock()
  world = createWorld(clock)
  endpoint = await startEndpoint(world)
  const credentials = { accessKeyId: world.managementAccountId, secretAccessKey: 'local' }
  client = new OrganizationsClient({ endpoint: endpoint.url, region: 'us-east-1', credentials, maxAttempts: 1 })
})
afterEach(() => endpoint.close())

const rootId = 'r-exam'
const security = 'ou-exam-security'
const workloads = 'ou-exam-workload'
const audit = '222222222222'

const move = (AccountId: string, SourceParentId: string, DestinationParentId: string) =>
  client.send(new MoveAccountCommand({ AccountId, SourceParentId, DestinationParentId }))
const unitsBelow = async (ParentId: string, NextToken?: string) =>
  client.send(new ListOrganizationalUnitsForParentCommand({ ParentId, NextToken }))
const tagsOf = async (ResourceId: string) => {
  const { Tags = [] } = await client.send(new ListTagsForResourceCommand({ ResourceId }))
  return Object.fromEntries(Tags.map(({ Key = '', Value = '' }): [string, string] => [Key, Value]))
}
const create = (Email: string, more: Partial<CreateAccountCommandInput> = {}) =>
  client.send(new CreateAccountCommand({ Email, AccountName: 'New', ...more }))
const statusOf = async (id = '') =>
  (await client.send(new DescribeCreateAccountStatusCommand({ CreateAccountRequestId: id }))).CreateAccountStatus

test('the tree begins at the root, and units are listed below their parent only', async () => {
  const { Roots } = await client.send(new ListRootsCommand({}))
  expect(Roots).toMatchObject([{ Id: rootId, Name: 'Root', PolicyTypes: [{ Type: 'SERVICE_CONTROL_POLICY' }] }])
  const names = async (id: string) => (await unitsBelow(id)).OrganizationalUnits?.map(({ Name }) => Name)
  expect(await names(rootId)).toEqual(['Security', 'Workloads'])
  expect(await names(workloads)).toEqual(['Sandbox', 'Production'])
  expect(await names(security)).toEqual([])
  await expect(unitsBelow('ou-exam-nothing0')).rejects.toMatchObject({ name: 'ParentNotFoundException' })
  await expect(unitsBelow('Workloads')).rejects.toMatchObject({ Reason: 'INVALID_PATTERN' })
})

test('units come in pages of 20, and any list may begin with an empty page', async () => {
  for (let i = 0; i < 21; i++) addOrganizationalUnit(world, { name: `Unit ${i}`, parentId: security })
  world.emptyPages = 1
  const empty = await unitsBelow(security)
  expect(empty.OrganizationalUnits).toEqual([])
  const first = await unitsBelow(security, empty.NextToken)
  expect(first.OrganizationalUnits).toHaveLength(20)
  const last = await unitsBelow(security, first.NextToken)
  expect(last.OrganizationalUnits?.map(({ Name }) => Name)).toEqual(['Unit 20'])
  expect(last.NextToken).toBeUndefined()
  await expect(unitsBelow(security, 'nonsense')).rejects.toMatchObject({ Reason: 'INVALID_NEXT_TOKEN' })
})

test('a unit and an account show their path', async () => {
  const { OrganizationalUnit } = await client.send(
    new DescribeOrganizationalUnitCommand({ OrganizationalUnitId: 'ou-exam-sandbox0' }),
  )
  expect(OrganizationalUnit).toEqual({
    Id: 'ou-exam-sandbox0',
    Arn: 'arn:aws:organizations::111122223333:ou/o-exampleorgid/ou-exam-sandbox0',
    Name: 'Sandbox',
    Path: 'o-exampleorgid/r-exam/ou-exam-workload/ou-exam-sandbox0/',
  })
  const { Accounts } = await client.send(new ListAccountsCommand({}))
  expect(Accounts?.find(({ Id }) => Id === audit)?.Paths).toEqual([
    'o-exampleorgid/r-exam/ou-exam-security/222222222222/',
  ])
  const describe = (id: string) => client.send(new DescribeOrganizationalUnitCommand({ OrganizationalUnitId: id }))
  await expect(describe('ou-exam-nothing0')).rejects.toMatchObject({ name: 'OrganizationalUnitNotFoundException' })
  await expect(describe(rootId)).rejects.toMatchObject({ Reason: 'INVALID_PATTERN' })
})

test('an account moves from where it is, and from nowhere else', async () => {
  await expect(move(audit, rootId, workloads)).rejects.toMatchObject({ name: 'SourceParentNotFoundException' })
  await move(audit, security, workloads)
  const { Parents } = await client.send(new ListParentsCommand({ ChildId: audit }))
  expect(Parents).toEqual([{ Id: workloads, Type: 'ORGANIZATIONAL_UNIT' }])
  await expect(move(audit, security, workloads)).rejects.toMatchObject({ name: 'DuplicateAccountException' })
})

test.each([
  ['999999999999', security, workloads, 'AccountNotFoundException'],
  [audit, security, 'ou-exam-nothing0', 'DestinationParentNotFoundException'],
  [audit, 'ou-exam-nothing0', workloads, 'SourceParentNotFoundException'],
  [audit, security, 'Workloads', 'InvalidInputException'],
])('moving %s from %s to %s is refused: %s', async (account, source, destination, name) => {
  await expect(move(account, source, destination)).rejects.toMatchObject({ name })
  expect(world.accounts.get(audit)?.parentId).toBe(security)
})

test('tags are added, changed and removed, and 50 are the most', async () => {
  const { id } = addAccount(world, { tags: { team: 'a', cost: '1' } })
  const tag = (Tags: { Key: string; Value: string }[]) => client.send(new TagResourceCommand({ ResourceId: id, Tags }))
  await tag([
    { Key: 'team', Value: 'b' },
    { Key: 'new', Value: '' },
  ])
  expect(await tagsOf(id)).toEqual({ team: 'b', cost: '1', new: '' })
  await client.send(new UntagResourceCommand({ ResourceId: id, TagKeys: ['cost', 'other'] }))
  expect(await tagsOf(id)).toEqual({ team: 'b', new: '' })
  const many = Array.from({ length: 48 }, (_, i) => ({ Key: `k${i}`, Value: '' }))
  await tag(many)
  await expect(tag([{ Key: 'more', Value: '' }])).rejects.toMatchObject({ Reason: 'MAX_TAG_LIMIT_EXCEEDED' })
  await tag([{ Key: 'k0', Value: 'changed' }])
  await expect(tag([{ Key: 'a', Value: 'b&c' }])).rejects.toMatchObject({ Reason: 'INVALID_PATTERN' })
  await expect(tagsOf('999999999999')).rejects.toMatchObject({ name: 'TargetNotFoundException' })
})

test('the policies of a target are those that are attached to the target itself', async () => {
  world.serviceControlPolicies = [{ id: 'p-11111111', name: 'Ours', document: { Statement: [] }, targets: [workloads] }]
  const names = async (TargetId: string) =>
    (await client.send(new ListPoliciesForTargetCommand({ TargetId, Filter: 'SERVICE_CONTROL_POLICY' }))).Policies?.map(
      ({ Name }) => Name,
    )
  expect(await names(workloads)).toEqual(['FullAWSAccess', 'Ours'])
  expect(await names('ou-exam-sandbox0')).toEqual(['FullAWSAccess'])
  expect(await names(rootId)).toEqual(['FullAWSAccess'])
  await expect(names('999999999999')).rejects.toMatchObject({ name: 'TargetNotFoundException' })
})

test('an account is made with its tags and its access to billing, in the time that the world sets', async () => {
  world.creationSeconds = () => 300
  const { CreateAccountStatus } = await create('new@example.com', {
    IamUserAccessToBilling: 'DENY',
    Tags: [{ Key: 'request', Value: 'r-1' }],
  })
  clock.advance(299)
  expect(await statusOf(CreateAccountStatus?.Id)).toMatchObject({ State: 'IN_PROGRESS' })
  clock.advance(1)
  const { AccountId = '' } = (await statusOf(CreateAccountStatus?.Id)) ?? {}
  expect(await tagsOf(AccountId)).toEqual({ request: 'r-1' })
  expect(world.accounts.get(AccountId)).toMatchObject({ iamUserAccessToBilling: 'DENY', parentId: rootId })
  await expect(create('new@example.com', { IamUserAccessToBilling: 'YES' as 'ALLOW' })).rejects.toMatchObject({
    Reason: 'INVALID_ENUM',
  })
})

test('the next creation with an address fails for the reason that the world sets', async () => {
  world.failingCreations.set('new@example.com', 'INTERNAL_FAILURE')
  const first = await create('New@example.com')
  clock.advance(20)
  const second = await create('New@example.com')
  clock.advance(20)
  expect(await statusOf(first.CreateAccountStatus?.Id)).toMatchObject({
    State: 'FAILED',
    FailureReason: 'INTERNAL_FAILURE',
  })
  expect(await statusOf(second.CreateAccountStatus?.Id)).toMatchObject({ State: 'SUCCEEDED' })
})

test('no account is made beyond the quota', async () => {
  world.accountQuota = world.accounts.size
  await expect(create('new@example.com')).rejects.toMatchObject({
    name: 'ConstraintViolationException',
    Reason: 'ACCOUNT_NUMBER_LIMIT_EXCEEDED',
  })
})

test('CreateAccount is limited to three at once and one in ten seconds, and only where limits are set', async () => {
  for (let i = 0; i < 4; i++) await create(`free${i}@example.com`)
  clock.advance(20)
  limitRates(world)
  const outcomes = async (count: number) => {
    const names: string[] = []
    for (let i = 0; i < count; i++)
      await create('limited@example.com').then(
        () => names.push('answers'),
        (error: Error) => names.push(error.name),
      )
    return names
  }
  expect(await outcomes(4)).toEqual(['answers', 'answers', 'answers', 'TooManyRequestsException'])
  clock.advance(9)
  expect(await outcomes(1)).toEqual(['TooManyRequestsException'])
  clock.advance(1)
  expect(await outcomes(2)).toEqual(['answers', 'TooManyRequestsException'])
})

test('a page of creations may be empty, because states are looked for in one page after the other', async () => {
  for (let i = 0; i < 20; i++) {
    await create(`new${i}@example.com`)
    clock.advance(20)
  }
  const last = await create('last@example.com')
  const list = (NextToken?: string) =>
    client.send(new ListCreateAccountStatusCommand({ States: ['IN_PROGRESS'], NextToken }))
  const empty = await list()
  expect(empty.CreateAccountStatuses).toEqual([])
  const full = await list(empty.NextToken)
  expect(full.CreateAccountStatuses?.map(({ Id }) => Id)).toEqual([last.CreateAccountStatus?.Id])
  expect(full.NextToken).toBeUndefined()
})

test('a unit is found by its path although the lists begin with empty pages', async () => {
  world.emptyPages = 2
  expect(await findUnit(client, 'Workloads/Sandbox')).toBe('ou-exam-sandbox0')
})
