import {
  type CreateAccountCommandInput,
  CreateAccountCommand,
  DescribeAccountCommand,
  DescribeCreateAccountStatusCommand,
  DescribeOrganizationCommand,
  DescribePolicyCommand,
  ListCreateAccountStatusCommand,
  ListParentsCommand,
  ListPoliciesCommand,
  ListTargetsForPolicyCommand,
  OrganizationsClient,
  paginateListAccounts,
} from '@aws-sdk/client-organizations'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { startEndpoint } from '../../local/aws/endpoint.ts'
import { addAccount, createWorld } from '../../local/aws/world.ts'
import { manualClock } from '../support/manual-clock.ts'

let clock = manualClock()
let world = createWorld(clock)
let endpoint: Awaited<ReturnType<typeof startEndpoint>>
let organizations: OrganizationsClient
let events: object[] = []

const clientOf = (accountId: string) =>
  new OrganizationsClient({
    endpoint: endpoint.url,
    region: 'us-east-1',
    credentials: { accessKeyId: accountId, secretAccessKey: 'local' },
    maxAttempts: 1,
  })

beforeEach(async () => {
  clock = manualClock()
  events = []
  world = createWorld({ ...clock, emit: (event) => events.push(event) })
  endpoint = await startEndpoint(world)
  organizations = clientOf(world.managementAccountId)
})
afterEach(() => endpoint.close())

const create = (Email: string, more: Partial<CreateAccountCommandInput> = {}) =>
  organizations.send(new CreateAccountCommand({ Email, AccountName: 'New', ...more }))
const status = async (id = '') =>
  (await organizations.send(new DescribeCreateAccountStatusCommand({ CreateAccountRequestId: id }))).CreateAccountStatus

test('an account is described as Organizations does', async () => {
  const { Account } = await organizations.send(new DescribeAccountCommand({ AccountId: '666666666666' }))
  expect(Account).toEqual({
    Id: '666666666666',
    Arn: 'arn:aws:organizations::111122223333:account/o-exampleorgid/666666666666',
    Email: 'invited+666666666666@example.com',
    Name: 'Invited',
    State: 'ACTIVE',
    Status: 'ACTIVE',
    JoinedMethod: 'INVITED',
    JoinedTimestamp: new Date(clock.now() - 4 * 365 * 24 * 3_600_000),
    Paths: ['o-exampleorgid/r-exam/666666666666/'],
  })
  const suspended = await organizations.send(new DescribeAccountCommand({ AccountId: '333333333333' }))
  expect(suspended.Account?.State).toBe('SUSPENDED')
})

test('a missing resource gets the error that is named after its kind', async () => {
  await expect(organizations.send(new DescribeAccountCommand({ AccountId: '999999999999' }))).rejects.toMatchObject({
    name: 'AccountNotFoundException',
  })
  await expect(organizations.send(new ListParentsCommand({ ChildId: '999999999999' }))).rejects.toMatchObject({
    name: 'ChildNotFoundException',
  })
  await expect(status('car-nothing0')).rejects.toMatchObject({ name: 'CreateAccountStatusNotFoundException' })
})

test('parents lead up to the root', async () => {
  const parents = async (ChildId = '') => (await organizations.send(new ListParentsCommand({ ChildId }))).Parents
  const [unit] = (await parents('111111111111')) ?? []
  expect(unit?.Type).toBe('ORGANIZATIONAL_UNIT')
  expect(await parents(unit?.Id)).toEqual([{ Id: world.rootId, Type: 'ROOT' }])
})

test('accounts are listed in pages, and the organization knows its management account', async () => {
  for (let i = 0; i < 20; i++) addAccount(world)
  const pages: number[] = []
  for await (const { Accounts } of paginateListAccounts({ client: organizations }, {}))
    pages.push(Accounts?.length ?? 0)
  expect(pages).toEqual([20, 6])
  const { Organization } = await organizations.send(new DescribeOrganizationCommand({}))
  expect(Organization).toMatchObject({ Id: 'o-exampleorgid', MasterAccountId: '111122223333' })
})

test('an account takes 20 seconds to make, and its event has exactly AWS’s form', async () => {
  const { CreateAccountStatus } = await create('new@example.com', { RoleName: 'AWSControlTowerExecution' })
  expect(CreateAccountStatus?.State).toBe('IN_PROGRESS')
  clock.advance(19)
  expect(events).toEqual([])
  clock.advance(1)
  const { AccountId = '', State } = (await status(CreateAccountStatus?.Id)) ?? {}
  expect(State).toBe('SUCCEEDED')
  const text = expect.any(String) as string
  expect(events).toEqual([
    {
      version: '0',
      id: text,
      'detail-type': 'AWS Service Event via CloudTrail',
      source: 'aws.organizations',
      account: '111122223333',
      time: '2026-11-01T09:21:10Z',
      region: 'us-east-1',
      resources: [],
      detail: {
        eventVersion: '1.11',
        userIdentity: { accountId: '111122223333', invokedBy: 'AWS Internal' },
        eventTime: '2026-11-01T09:21:10Z',
        eventSource: 'organizations.amazonaws.com',
        eventName: 'CreateAccountResult',
        awsRegion: 'us-east-1',
        requestParameters: null,
        responseElements: null,
        eventID: text,
        readOnly: false,
        eventType: 'AwsServiceEvent',
        recipientAccountId: '111122223333',
        serviceEventDetails: {
          createAccountStatus: {
            id: CreateAccountStatus?.Id,
            state: 'SUCCEEDED',
            accountName: '****',
            accountId: AccountId,
            requestedTimestamp: 'Nov 1, 2026 9:20:50 AM',
            completedTimestamp: 'Nov 1, 2026 9:21:10 AM',
          },
        },
      },
    },
  ])
  expect(world.accounts.get(AccountId)).toMatchObject({
    joinedMethod: 'CREATED',
    roleName: 'AWSControlTowerExecution',
    roleUsableFrom: clock.now() + 12_000,
  })
})

test('an e-mail address serves one account, whatever its case', async () => {
  await create('new@example.com')
  const second = await create('NEW@example.com')
  clock.advance(20)
  expect(await status(second.CreateAccountStatus?.Id)).toMatchObject({
    State: 'FAILED',
    FailureReason: 'EMAIL_ALREADY_EXISTS',
  })
  expect(events.at(-1)).toHaveProperty(
    'detail.serviceEventDetails.createAccountStatus.failureReason',
    'EMAIL_ALREADY_EXISTS',
  )
  expect(events.at(-1)).not.toHaveProperty('detail.serviceEventDetails.createAccountStatus.accountId')
})

test('five accounts are made at once', async () => {
  for (let i = 0; i < 5; i++) await create(`new${i}@example.com`)
  await expect(create('new5@example.com')).rejects.toMatchObject({
    name: 'ConstraintViolationException',
    Reason: 'ACCOUNT_CREATION_RATE_LIMIT_EXCEEDED',
  })
  clock.advance(20)
  await create('new5@example.com')
})

test('only the management account may call, but every account may read which organization it is in', async () => {
  const member = clientOf('555555555555')
  await expect(member.send(new DescribeAccountCommand({ AccountId: '111111111111' }))).rejects.toMatchObject({
    name: 'AccessDeniedException',
  })
  expect((await member.send(new DescribeOrganizationCommand({}))).Organization?.MasterAccountId).toBe('111122223333')
})

test.each([
  ['a@b.c', 'MIN_LENGTH_EXCEEDED'],
  [`${'x'.repeat(53)}@example.com`, 'MAX_LENGTH_EXCEEDED'],
  ['no address', 'INVALID_PATTERN'],
  ['.ada@example.com', 'INVALID_PATTERN'],
  ['ada@example', 'INVALID_PATTERN'],
  ['ada@example.com-', 'INVALID_PATTERN'],
  ['ada@exam_ple.com', 'INVALID_PATTERN'],
  ['müller@example.com', 'INVALID_PATTERN'],
])('the address %j is refused', async (Email, Reason) => {
  await expect(create(Email)).rejects.toMatchObject({ name: 'InvalidInputException', Reason })
})

test.each(['ada@example.com', 'Sky.Kirk+tag@Sub.Example-1.com', 'a!#$*+/=?^_`{}~-@b.co'])(
  'the address %j is taken',
  async (Email) => {
    await create(Email)
  },
)

test.each([
  [{ RoleName: 'a b' }, 'InvalidInputException', 'INVALID_ROLE_NAME'],
  [{ AccountName: 'x'.repeat(51) }, 'InvalidInputException', 'MAX_LENGTH_EXCEEDED'],
  [{ Tags: [{ Key: 'a', Value: 'b,c' }] }, 'InvalidInputException', 'INVALID_PATTERN'],
  [{ Tags: [{ Key: 'AWS:a', Value: 'b' }] }, 'InvalidInputException', 'INVALID_SYSTEM_TAGS_PARAMETER'],
  [
    {
      Tags: [
        { Key: 'a', Value: '' },
        { Key: 'a', Value: '' },
      ],
    },
    'InvalidInputException',
    'DUPLICATE_TAG_KEY',
  ],
  [
    { Tags: Array.from({ length: 51 }, (_, i) => ({ Key: `k${i}`, Value: '' })) },
    'ConstraintViolationException',
    'MAX_TAG_LIMIT_EXCEEDED',
  ],
])('%j is refused as %s, %s', async (more, name, Reason) => {
  await expect(create('new@example.com', more)).rejects.toMatchObject({ name, Reason })
})

test('an invalid id and a missing resource get different errors', async () => {
  const invalid = { name: 'InvalidInputException', Reason: 'INVALID_PATTERN' }
  await expect(organizations.send(new ListParentsCommand({ ChildId: 'Security' }))).rejects.toMatchObject(invalid)
  await expect(status('nonsense')).rejects.toMatchObject(invalid)
})

test('the creations of accounts are listed, by state', async () => {
  const first = await create('first@example.com')
  clock.advance(60)
  const second = await create('second@example.com')
  const list = async (States?: ('IN_PROGRESS' | 'SUCCEEDED' | 'FAILED')[]) =>
    (await organizations.send(new ListCreateAccountStatusCommand({ States }))).CreateAccountStatuses?.map(
      ({ Id }) => Id,
    )
  const ids = [first, second].map(({ CreateAccountStatus }) => CreateAccountStatus?.Id)
  expect(await list()).toEqual(ids)
  expect(await list(['IN_PROGRESS'])).toEqual([ids[1]])
  expect(await list(['FAILED'])).toEqual([])
})

test('policies and their targets come in pages of at most 20', async () => {
  const document = { Version: '2012-10-17', Statement: [] }
  const targets = Array.from({ length: 25 }, () => addAccount(world).id)
  world.serviceControlPolicies = Array.from({ length: 25 }, (_, i) => ({
    id: `p-${10_000_000 + i}`,
    name: `Policy ${i}`,
    document,
    targets,
  }))
  const first = await organizations.send(new ListPoliciesCommand({ Filter: 'SERVICE_CONTROL_POLICY' }))
  expect(first.Policies).toHaveLength(20)
  const second = await organizations.send(
    new ListPoliciesCommand({ Filter: 'SERVICE_CONTROL_POLICY', NextToken: first.NextToken }),
  )
  expect(second.Policies).toHaveLength(6)
  expect(second.NextToken).toBeUndefined()
  const page = await organizations.send(new ListTargetsForPolicyCommand({ PolicyId: 'p-10000000', MaxResults: 10 }))
  expect(page.Targets).toHaveLength(10)
  const rest = await organizations.send(
    new ListTargetsForPolicyCommand({ PolicyId: 'p-10000000', NextToken: page.NextToken }),
  )
  expect(rest.Targets?.at(-1)?.TargetId).toBe(targets.at(-1))
})

test('FullAWSAccess is attached to the root and to every unit and account, unless it was detached', async () => {
  world.withoutFullAccess.add('ou-exam-workload')
  const { Targets } = await organizations.send(
    new ListTargetsForPolicyCommand({ PolicyId: 'p-FullAWSAccess', MaxResults: 20 }),
  )
  const attached = Targets?.map(({ TargetId }) => TargetId)
  expect(attached).toEqual(expect.arrayContaining(['r-exam', 'ou-exam-security', '555555555555']))
  expect(attached).not.toContain('ou-exam-workload')
})

test('the service control policies are FullAWSAccess, the accounts’ denied actions, and any further policies', async () => {
  const account = addAccount(world, { name: 'Denied' })
  account.deniedActions = ['iam:CreateUser']
  const { Policies } = await organizations.send(new ListPoliciesCommand({ Filter: 'SERVICE_CONTROL_POLICY' }))
  expect(Policies?.map(({ Name }) => Name)).toEqual(['FullAWSAccess', `Deny-${account.id}`])
  const PolicyId = Policies?.[1]?.Id
  const { Policy } = await organizations.send(new DescribePolicyCommand({ PolicyId }))
  expect(JSON.parse(Policy?.Content ?? '')).toMatchObject({
    Statement: [{ Effect: 'Deny', Action: ['iam:CreateUser'] }],
  })
  const { Targets } = await organizations.send(new ListTargetsForPolicyCommand({ PolicyId }))
  expect(Targets).toEqual([{ TargetId: account.id, Name: 'Denied', Type: 'ACCOUNT' }])
  await expect(organizations.send(new DescribePolicyCommand({ PolicyId: 'p-nothing0' }))).rejects.toMatchObject({
    name: 'PolicyNotFoundException',
  })
  await expect(organizations.send(new DescribePolicyCommand({ PolicyId: 'nonsense' }))).rejects.toMatchObject({
    name: 'InvalidInputException',
    Reason: 'INVALID_PATTERN',
  })
})
