import {
  AttachGroupPolicyCommand,
  CreateGroupCommand,
  CreateUserCommand,
  IAMClient,
  ListUsersCommand,
} from '@aws-sdk/client-iam'
import { AssumeRoleCommand, type AssumeRoleRequest, GetCallerIdentityCommand, STSClient } from '@aws-sdk/client-sts'
import { afterAll, expect, test, vi } from 'vitest'
import { startEndpoint } from '../../local/aws/endpoint.ts'
import { addAccount, createWorld } from '../../local/aws/world.ts'
import { manualClock } from '../support/manual-clock.ts'

const clock = manualClock()
const world = createWorld(clock)
const endpoint = await startEndpoint(world)
afterAll(() => endpoint.close())

const config = { endpoint: endpoint.url, region: 'us-east-1', maxAttempts: 1 }
const credentials = { accessKeyId: world.managementAccountId, secretAccessKey: 'local' }
const sts = new STSClient({ ...config, credentials })

const assume = (accountId: string, more: Partial<AssumeRoleRequest> = {}) =>
  sts.send(
    new AssumeRoleCommand({
      RoleArn: `arn:aws:iam::${accountId}:role/OrganizationAccountAccessRole`,
      RoleSessionName: 'vend-1',
      ...more,
    }),
  )

const signIn = async (accountId: string, permissions?: object[]) => {
  const { Credentials } = await assume(accountId, {
    ...(permissions && { Policy: JSON.stringify({ Statement: permissions }) }),
  })
  const credentials = {
    accessKeyId: Credentials?.AccessKeyId ?? '',
    secretAccessKey: Credentials?.SecretAccessKey ?? '',
    sessionToken: Credentials?.SessionToken ?? '',
  }
  return { iam: new IAMClient({ ...config, credentials }), sts: new STSClient({ ...config, credentials }) }
}

const refusedAs = (name: string, message: RegExp = /./) =>
  expect.objectContaining({ name, message: expect.stringMatching(message) as string }) as unknown

test('a session acts in the account of the role that it assumed', async () => {
  const { id } = addAccount(world)
  const session = await signIn(id)
  expect(await session.sts.send(new GetCallerIdentityCommand({}))).toMatchObject({
    Account: id,
    UserId: expect.stringMatching(/^AROA\w{17}:vend-1$/) as string,
    Arn: `arn:aws:sts::${id}:assumed-role/OrganizationAccountAccessRole/vend-1`,
  })
  await session.iam.send(new CreateUserCommand({ UserName: 'ada' }))
  expect(world.accounts.get(id)?.users.has('ada')).toBe(true)
})

test('the role of a new account refuses for a while', async () => {
  const { id } = addAccount(world, { roleUsableAfter: 12 })
  const refusal = refusedAs(
    'AccessDenied',
    new RegExp(`not authorized to perform: sts:AssumeRole on resource: arn:aws:iam::${id}:role/`),
  )
  await expect(assume(id)).rejects.toEqual(refusal)
  clock.advance(12)
  await assume(id)
})

test('the role of a new account can be assumed before its policies take effect', async () => {
  const { id } = addAccount(world, { roleUsableAfter: 12, policiesAfter: 6 })
  clock.advance(12)
  const { iam, sts } = await signIn(id, [{ Effect: 'Allow', Action: '*', Resource: '*' }])
  // Nobody needs a permission for this call.
  await sts.send(new GetCallerIdentityCommand({}))
  await expect(iam.send(new ListUsersCommand({}))).rejects.toEqual(
    refusedAs('AccessDenied', /because no identity-based policy allows the iam:ListUsers action$/),
  )
  clock.advance(6)
  await iam.send(new ListUsersCommand({}))
})

test('conditions on the organization see an account only some time after it joined: functions are refused', async () => {
  const roleName = 'OrganizationAccountAccessRole'
  const { id } = addAccount(world, { joinedMethod: 'INVITED', roleName, joinSeenAfter: 600 })
  const asFunction = () =>
    new STSClient({ ...config, credentials, userAgentAppId: 'create-admin-group' }).send(
      new AssumeRoleCommand({ RoleArn: `arn:aws:iam::${id}:role/${roleName}`, RoleSessionName: 'vend-1' }),
    )
  const refusal = refusedAs('AccessDenied', /because no identity-based policy allows the sts:AssumeRole action$/)
  await expect(asFunction()).rejects.toEqual(refusal)
  // Only the policies of the functions have such a condition.
  await assume(id)
  clock.advance(600)
  await asFunction()
})

test('a role that trusts another management account refuses', async () => {
  const { id } = addAccount(world, { roleTrusts: '999988887777' })
  await expect(assume(id)).rejects.toEqual(refusedAs('AccessDenied', /sts:AssumeRole/))
})

test.each([
  ['an invited account', '666666666666', {}],
  ['a suspended account', '333333333333', {}],
  ['an account of nobody', '999999999999', {}],
  ['another role', '555555555555', { RoleArn: 'arn:aws:iam::555555555555:role/Other' }],
  ['a source identity', '555555555555', { SourceIdentity: 'ada' }],
  ['session tags', '555555555555', { Tags: [{ Key: 'a', Value: 'b' }] }],
])('%s is denied', async (_, accountId, more) => {
  await expect(assume(accountId, more)).rejects.toEqual(
    refusedAs('AccessDenied', /^User: arn:aws:iam::111122223333:root is not authorized/),
  )
})

test.each([
  [{ RoleSessionName: 'a:b' }, 'ValidationError'],
  [{ RoleSessionName: 'x'.repeat(65) }, 'ValidationError'],
  [{ DurationSeconds: 899 }, 'ValidationError'],
  [{ DurationSeconds: 3601 }, 'ValidationError'],
  [{ Policy: 'nonsense' }, 'MalformedPolicyDocumentException'],
  [
    { Policy: JSON.stringify({ Statement: [{ Effect: 'Allow', Action: 'iam:*', Resource: [] }] }) },
    'MalformedPolicyDocumentException',
  ],
  [{ Policy: JSON.stringify({ Id: 'x'.repeat(2048) }) }, 'PackedPolicyTooLargeException'],
])('%j is refused as %s', async (more, name) => {
  await expect(assume('555555555555', more)).rejects.toEqual(refusedAs(name))
})

test('a session does no more than its policy allows', async () => {
  const { id } = addAccount(world)
  const ours = `arn:aws:iam::${id}:group/ours/*`
  const administrator = 'arn:aws:iam::aws:policy/AdministratorAccess'
  const { iam } = await signIn(id, [
    { Effect: 'Allow', Action: ['iam:List*', 'iam:CreateUser'], Resource: '*' },
    { Effect: 'Allow', Action: 'iam:CreateGroup', Resource: ours },
    {
      Effect: 'Allow',
      Action: 'iam:AttachGroupPolicy',
      Resource: ours,
      Condition: { ArnEquals: { 'iam:PolicyARN': [administrator] } },
    },
  ])
  await iam.send(new ListUsersCommand({}))
  await iam.send(new CreateGroupCommand({ GroupName: 'Admins', Path: '/ours/' }))
  await iam.send(new AttachGroupPolicyCommand({ GroupName: 'Admins', PolicyArn: administrator }))
  const refusal = refusedAs('AccessDenied', /because no session policy allows the iam:\w+ action$/)
  await expect(iam.send(new CreateGroupCommand({ GroupName: 'Others' }))).rejects.toEqual(refusal)
  await expect(
    iam.send(new AttachGroupPolicyCommand({ GroupName: 'Admins', PolicyArn: 'arn:aws:iam::aws:policy/IAMFullAccess' })),
  ).rejects.toEqual(refusal)
  await iam.send(new CreateUserCommand({ UserName: 'ada' }))
  // Creating a user with tags also needs iam:TagUser.
  await expect(iam.send(new CreateUserCommand({ UserName: 'bob', Tags: [{ Key: 'a', Value: 'b' }] }))).rejects.toEqual(
    refusal,
  )
})

test('an unknown condition is refused with an error', async () => {
  const { iam } = await signIn('555555555555', [
    { Effect: 'Allow', Action: '*', Resource: '*', Condition: { Bool: { 'aws:MultiFactorAuthPresent': 'true' } } },
  ])
  await expect(iam.send(new ListUsersCommand({}))).rejects.toEqual(
    refusedAs('UnsupportedByLocalOrganization', /condition Bool/),
  )
})

test('a service control policy denies a call even if the session policy allows it', async () => {
  const account = addAccount(world)
  account.deniedActions = ['iam:Create*']
  const { iam } = await signIn(account.id)
  await iam.send(new ListUsersCommand({}))
  await expect(iam.send(new CreateUserCommand({ UserName: 'ada' }))).rejects.toEqual(
    refusedAs('AccessDenied', /with an explicit deny in a service control policy$/),
  )
})

test('where a list replaces FullAWSAccess, at any level, only the listed actions are allowed', async () => {
  const account = addAccount(world, { parentId: 'ou-exam-workload' })
  const list = (Action: string[]) => ({
    Version: '2012-10-17',
    Statement: [{ Effect: 'Allow', Action, Resource: '*' }],
  })
  world.withoutFullAccess.add('ou-exam-workload')
  world.serviceControlPolicies = [
    { id: 'p-listonly', name: 'List', document: list(['iam:List*']), targets: ['ou-exam-workload'] },
    { id: 'p-listmore', name: 'More', document: list(['iam:*']), targets: [account.id] },
  ]
  const { iam } = await signIn(account.id)
  await iam.send(new ListUsersCommand({}))
  await expect(iam.send(new CreateUserCommand({ UserName: 'ada' }))).rejects.toEqual(
    refusedAs('AccessDenied', /because no service control policy allows the iam:CreateUser action$/),
  )
  const elsewhere = await signIn(addAccount(world).id)
  await elsewhere.iam.send(new CreateUserCommand({ UserName: 'ada' }))
  world.withoutFullAccess.clear()
  await iam.send(new CreateUserCommand({ UserName: 'ada' }))
})

test('a session ends in real time: on a fast clock, a function on a busy machine would lose its session', async () => {
  const { iam } = await signIn('555555555555')
  clock.advance(3600)
  await iam.send(new ListUsersCommand({}))
  vi.useFakeTimers({ toFake: ['Date'], now: Date.now() + 3600 * 1000 })
  try {
    await expect(iam.send(new ListUsersCommand({}))).rejects.toEqual(refusedAs('ExpiredToken'))
  } finally {
    vi.useRealTimers()
  }
})
