import * as IAM from '@aws-sdk/client-iam'
import { afterAll, beforeEach, expect, test } from 'vitest'
import { startEndpoint } from '../../local/aws/endpoint.ts'
import { signIn } from '../../local/aws/iam.ts'
import { addAccount, createWorld, type World } from '../../local/aws/world.ts'
import { manualClock } from '../support/manual-clock.ts'

const clock = manualClock()
const world: World = createWorld(clock)
const endpoint = await startEndpoint(world)
afterAll(() => endpoint.close())

const iamIn = (accountId: string) =>
  new IAM.IAMClient({
    endpoint: endpoint.url,
    region: 'us-east-1',
    credentials: { accessKeyId: accountId, secretAccessKey: 'local' },
    maxAttempts: 1,
  })

let account = addAccount(world)
let iam = iamIn(account.id)
beforeEach(() => {
  world.staleness = 0
  account = addAccount(world)
  iam = iamIn(account.id)
})

const refusedAs = (name: string, message: RegExp = /./) =>
  expect.objectContaining({ name, message: expect.stringMatching(message) as string }) as unknown
const createUser = (UserName = 'ada', more: Partial<IAM.CreateUserRequest> = {}) =>
  iam.send(new IAM.CreateUserCommand({ UserName, ...more }))
const createGroup = (GroupName: string) => iam.send(new IAM.CreateGroupCommand({ GroupName }))
const profile = { UserName: 'ada', Password: 'Correct-horse-9', PasswordResetRequired: true }
const managed = (name: string) => `arn:aws:iam::aws:policy/${name}`

test('an MFA device is listed for its user only, and only for a user that exists', async () => {
  await createUser('ada')
  await createUser('grace')
  const list = async (UserName?: string) =>
    (await iam.send(new IAM.ListMFADevicesCommand({ UserName }))).MFADevices?.map(({ SerialNumber }) => SerialNumber)
  expect(await list('ada')).toEqual([])
  const { VirtualMFADevice } = await iam.send(new IAM.CreateVirtualMFADeviceCommand({ VirtualMFADeviceName: 'phone' }))
  const SerialNumber = VirtualMFADevice?.SerialNumber
  expect(SerialNumber).toBe(`arn:aws:iam::${account.id}:mfa/phone`)
  const codes = { AuthenticationCode1: '123456', AuthenticationCode2: '654321' }
  await iam.send(new IAM.EnableMFADeviceCommand({ UserName: 'ada', SerialNumber, ...codes }))
  expect([await list('ada'), await list('grace')]).toEqual([[SerialNumber], []])
  await expect(iam.send(new IAM.EnableMFADeviceCommand({ UserName: 'grace', SerialNumber, ...codes }))).rejects.toEqual(
    refusedAs('EntityAlreadyExistsException'),
  )
  await expect(list('bob')).rejects.toEqual(refusedAs('NoSuchEntityException'))
  await expect(list()).rejects.toEqual(refusedAs('ValidationError', /Must specify userName/))
})

test('a user is deleted only when everything that the user has is gone', async () => {
  await createUser('ada', { Path: '/account-vending/' })
  const UserName = 'ada'
  const user = account.users.get('ada')!
  await iam.send(new IAM.CreateLoginProfileCommand(profile))
  clock.advance(10)
  await createGroup('Administrators')
  await iam.send(new IAM.AddUserToGroupCommand({ UserName, GroupName: 'Administrators' }))
  const { AccessKey } = await iam.send(new IAM.CreateAccessKeyCommand({ UserName }))
  const { VirtualMFADevice } = await iam.send(new IAM.CreateVirtualMFADeviceCommand({ VirtualMFADeviceName: 'ada' }))
  const SerialNumber = VirtualMFADevice?.SerialNumber
  const codes = { AuthenticationCode1: '123456', AuthenticationCode2: '654321' }
  await iam.send(new IAM.EnableMFADeviceCommand({ UserName, SerialNumber, ...codes }))
  user.otherCredentials['signing certificate'].add('CERT')
  user.otherCredentials['SSH public key'].add('APKA')
  user.otherCredentials['service-specific credential'].add('ACCA')
  await iam.send(new IAM.AttachUserPolicyCommand({ UserName, PolicyArn: managed('ReadOnlyAccess') }))
  const PolicyDocument = '{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"s3:*","Resource":"*"}}'
  await iam.send(new IAM.PutUserPolicyCommand({ UserName, PolicyName: 'inline', PolicyDocument }))

  const refusals: string[] = []
  const deleteUser = () =>
    iam.send(new IAM.DeleteUserCommand({ UserName })).catch((error: Error) => {
      expect(error.name).toBe('DeleteConflictException')
      refusals.push(error.message.replace(/^Cannot delete entity, (.*) first.$/, '$1'))
    })
  for (const remove of [
    () => iam.send(new IAM.RemoveUserFromGroupCommand({ UserName, GroupName: 'Administrators' })),
    () => iam.send(new IAM.DeleteLoginProfileCommand({ UserName })),
    () => iam.send(new IAM.DeleteAccessKeyCommand({ UserName, AccessKeyId: AccessKey?.AccessKeyId })),
    () => iam.send(new IAM.DeactivateMFADeviceCommand({ UserName, SerialNumber })),
    () => iam.send(new IAM.DeleteSigningCertificateCommand({ UserName, CertificateId: 'CERT' })),
    () => iam.send(new IAM.DeleteSSHPublicKeyCommand({ UserName, SSHPublicKeyId: 'APKA' })),
    () => iam.send(new IAM.DeleteServiceSpecificCredentialCommand({ UserName, ServiceSpecificCredentialId: 'ACCA' })),
    () => iam.send(new IAM.DetachUserPolicyCommand({ UserName, PolicyArn: managed('ReadOnlyAccess') })),
    () => iam.send(new IAM.DeleteUserPolicyCommand({ UserName, PolicyName: 'inline' })),
  ]) {
    await deleteUser()
    await remove()
  }
  await deleteUser()
  expect(refusals).toEqual([
    'must remove users from group',
    'must delete login profile',
    'must delete access keys',
    'must delete MFA device',
    'must delete signing certificates',
    'must delete SSH public keys',
    'must delete service specific credentials',
    'must detach all policies',
    'must delete policies',
  ])
  await expect(iam.send(new IAM.GetUserCommand({ UserName }))).rejects.toEqual(refusedAs('NoSuchEntityException'))
  // The device is no longer the user's, and stays in the account until somebody deletes it.
  await iam.send(new IAM.DeleteVirtualMFADeviceCommand({ SerialNumber }))
  expect(account.mfaDevices.size).toBe(0)
})

test('a virtual MFA device that a user has cannot be deleted, and a hardware device goes with its user', async () => {
  await createUser('ada')
  const user = account.users.get('ada')!
  const virtual = `arn:aws:iam::${account.id}:mfa/ada`
  for (const serialNumber of [virtual, 'GAHT12345678'])
    account.mfaDevices.set(serialNumber, { serialNumber, createdAt: 0, user, enabledAt: 0 })
  await expect(iam.send(new IAM.DeleteVirtualMFADeviceCommand({ SerialNumber: virtual }))).rejects.toEqual(
    refusedAs('DeleteConflictException', /Must be deactivated first/),
  )
  for (const SerialNumber of [virtual, 'GAHT12345678'])
    await iam.send(new IAM.DeactivateMFADeviceCommand({ UserName: 'ada', SerialNumber }))
  expect([...account.mfaDevices.keys()]).toEqual([virtual])
})

test('a group is deleted only without members and policies', async () => {
  await createUser('ada')
  const GroupName = 'Administrators'
  await createGroup(GroupName)
  await iam.send(new IAM.AddUserToGroupCommand({ UserName: 'ada', GroupName }))
  await iam.send(new IAM.AttachGroupPolicyCommand({ GroupName, PolicyArn: managed('ReadOnlyAccess') }))
  const PolicyDocument = '{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"s3:*","Resource":"*"}}'
  await iam.send(new IAM.PutGroupPolicyCommand({ GroupName, PolicyName: 'inline', PolicyDocument }))
  const deleteGroup = () => iam.send(new IAM.DeleteGroupCommand({ GroupName }))
  const conflict = (what: RegExp) => refusedAs('DeleteConflictException', what)
  await expect(deleteGroup()).rejects.toEqual(conflict(/must remove users from group first/))
  await iam.send(new IAM.RemoveUserFromGroupCommand({ UserName: 'ada', GroupName }))
  await expect(deleteGroup()).rejects.toEqual(conflict(/must detach all policies first/))
  await iam.send(new IAM.DetachGroupPolicyCommand({ GroupName, PolicyArn: managed('ReadOnlyAccess') }))
  await expect(deleteGroup()).rejects.toEqual(conflict(/must delete policies first/))
  await iam.send(new IAM.DeleteGroupPolicyCommand({ GroupName, PolicyName: 'inline' }))
  await deleteGroup()
  await expect(deleteGroup()).rejects.toEqual(refusedAs('NoSuchEntityException'))
})

test('a user has path, ARN, date and tags', async () => {
  await createUser('ada', {
    Path: '/account-vending/',
    Tags: [{ Key: 'team', Value: 'a & b <c>'.replace(/[&<>]/g, '-') }],
  })
  const { User } = await iam.send(new IAM.GetUserCommand({ UserName: 'ada' }))
  expect(User).toMatchObject({
    Path: '/account-vending/',
    Arn: `arn:aws:iam::${account.id}:user/account-vending/ada`,
    CreateDate: new Date(clock.now()),
    Tags: [{ Key: 'team', Value: 'a - b -c-' }],
  })
  expect(User?.PasswordLastUsed).toBeUndefined()
})

test('names are unique whatever their case, but a read needs the exact name', async () => {
  await createUser()
  await createGroup('Admins')
  await expect(createUser('ADA')).rejects.toEqual(refusedAs('EntityAlreadyExistsException'))
  await expect(createGroup('admins')).rejects.toEqual(refusedAs('EntityAlreadyExistsException'))
  await expect(iam.send(new IAM.GetUserCommand({ UserName: 'ADA' }))).rejects.toEqual(
    refusedAs('NoSuchEntityException'),
  )
})

test.each(['', 'a b', 'x'.repeat(65), 'ümlaut'])('the user name %j is refused', async (name) => {
  await expect(createUser(name)).rejects.toEqual(refusedAs('ValidationError'))
})

test('tags are checked for their pattern, their number, and duplicates', async () => {
  const tag = (Tags: IAM.Tag[]) => iam.send(new IAM.TagUserCommand({ UserName: 'ada', Tags }))
  expect((await createUser('ada', { Tags: [] })).User).not.toHaveProperty('Tags')
  await expect(tag([{ Key: 'aWs:team', Value: 'x' }])).rejects.toMatchObject({ name: 'InvalidInputException' })
  await expect(tag([{ Key: 'a,b', Value: '' }])).rejects.toEqual(refusedAs('ValidationError'))
  await expect(
    tag([
      { Key: 'a', Value: '1' },
      { Key: 'A', Value: '2' },
    ]),
  ).rejects.toEqual(refusedAs('InvalidInputException'))
  await expect(tag(Array.from({ length: 51 }, (_, i) => ({ Key: `k${i}`, Value: 'v' })))).rejects.toEqual(
    refusedAs('ValidationError'),
  )
  await tag(Array.from({ length: 50 }, (_, i) => ({ Key: `k${i}`, Value: 'v' })))
  await tag([{ Key: 'K0', Value: 'new' }])
  await expect(tag([{ Key: 'one too many', Value: '' }])).rejects.toEqual(refusedAs('LimitExceededException'))
  const { User } = await iam.send(new IAM.GetUserCommand({ UserName: 'ada' }))
  expect(User?.Tags?.[0]).toEqual({ Key: 'k0', Value: 'new' })
})

test('a login profile is made once, cannot be changed immediately, and lets a person sign in', async () => {
  await createUser()
  await expect(iam.send(new IAM.GetLoginProfileCommand({ UserName: 'ada' }))).rejects.toEqual(
    refusedAs('NoSuchEntityException'),
  )
  await iam.send(new IAM.CreateLoginProfileCommand(profile))
  await expect(iam.send(new IAM.CreateLoginProfileCommand(profile))).rejects.toEqual(
    refusedAs('EntityAlreadyExistsException'),
  )
  const update = () => iam.send(new IAM.UpdateLoginProfileCommand({ ...profile, Password: 'Another-horse-9' }))
  await expect(update()).rejects.toEqual(refusedAs('EntityTemporarilyUnmodifiableException', /is being created/))
  clock.advance(3)
  await update()
  const { LoginProfile } = await iam.send(new IAM.GetLoginProfileCommand({ UserName: 'ada' }))
  expect(LoginProfile?.PasswordResetRequired).toBe(true)

  expect(signIn(world, account.id, 'ada', profile.Password)).toBe('refused')
  expect(signIn(world, account.id, 'ada', 'Another-horse-9')).toBe('must-change-password')
  await iam.send(new IAM.UpdateLoginProfileCommand({ UserName: 'ada', PasswordResetRequired: false }))
  expect(signIn(world, account.id, 'ada', 'Another-horse-9')).toBe('signed-in')
  const { User } = await iam.send(new IAM.GetUserCommand({ UserName: 'ada' }))
  expect(User?.PasswordLastUsed).toEqual(new Date(clock.now()))
})

test.each([
  ['Sh0rt-1', undefined],
  ['lowercase9only', undefined],
  // IAM does not count the comma as a symbol.
  ['lowercase,9', undefined],
  ['Correct-horse-9', { MinimumPasswordLength: 20 }],
  ['Correct horse 9', { RequireSymbols: true }],
])('the password %j is refused by the policy %j', async (Password, policy) => {
  account.passwordPolicy = policy ?? null
  await createUser()
  await expect(iam.send(new IAM.CreateLoginProfileCommand({ ...profile, Password }))).rejects.toEqual(
    refusedAs('PasswordPolicyViolationException'),
  )
})

test('an account has no password policy until somebody sets one', async () => {
  const get = () => iam.send(new IAM.GetAccountPasswordPolicyCommand({}))
  await expect(get()).rejects.toEqual(refusedAs('NoSuchEntityException'))
  account.passwordPolicy = { MinimumPasswordLength: 20, RequireSymbols: true }
  expect((await get()).PasswordPolicy).toEqual({
    MinimumPasswordLength: 20,
    RequireSymbols: true,
    RequireNumbers: false,
    RequireUppercaseCharacters: false,
    RequireLowercaseCharacters: false,
    AllowUsersToChangePassword: false,
    ExpirePasswords: false,
  })
  account.passwordPolicy = { MaxPasswordAge: 90 }
  expect((await get()).PasswordPolicy).toMatchObject({ MinimumPasswordLength: 6, ExpirePasswords: true })
})

test('an update replaces the whole password policy, within IAM’s limits', async () => {
  const update = (policy: IAM.UpdateAccountPasswordPolicyRequest) =>
    iam.send(new IAM.UpdateAccountPasswordPolicyCommand(policy))
  const get = async () => (await iam.send(new IAM.GetAccountPasswordPolicyCommand({}))).PasswordPolicy
  await update({ MinimumPasswordLength: 14, RequireSymbols: true, HardExpiry: false, MaxPasswordAge: 90 })
  expect(await get()).toMatchObject({
    MinimumPasswordLength: 14,
    RequireSymbols: true,
    HardExpiry: false,
    MaxPasswordAge: 90,
    ExpirePasswords: true,
  })
  for (const wrong of [
    { MinimumPasswordLength: 5 },
    { MinimumPasswordLength: 129 },
    { MaxPasswordAge: 0 },
    { MaxPasswordAge: 1096 },
    { PasswordReusePrevention: 0 },
    { PasswordReusePrevention: 25 },
  ])
    await expect(update(wrong)).rejects.toEqual(refusedAs('ValidationError', /Member must have value/))
  await update({ PasswordReusePrevention: 5 })
  expect(await get()).toEqual({
    MinimumPasswordLength: 6,
    RequireSymbols: false,
    RequireNumbers: false,
    RequireUppercaseCharacters: false,
    RequireLowercaseCharacters: false,
    AllowUsersToChangePassword: false,
    PasswordReusePrevention: 5,
    ExpirePasswords: false,
  })
})

test('only existing policies can be attached, ten to a group, and attaching a policy twice does no harm', async () => {
  const attach = (PolicyArn: string) => iam.send(new IAM.AttachGroupPolicyCommand({ GroupName: 'Admins', PolicyArn }))
  await createGroup('Admins')
  await expect(attach(managed('Nonsense'))).rejects.toEqual(
    refusedAs('NoSuchEntityException', /does not exist or is not attachable/),
  )
  for (let i = 0; i < 8; i++)
    account.policies.set(`arn:aws:iam::${account.id}:policy/p${i}`, { name: `p${i}`, document: '{}' })
  for (const arn of [managed('AdministratorAccess'), managed('job-function/Billing'), ...account.policies.keys()])
    await attach(arn)
  await attach(managed('AdministratorAccess'))
  await expect(attach(managed('SecurityAudit'))).rejects.toEqual(
    refusedAs('LimitExceededException', /PoliciesPerGroup: 10/),
  )
  const { AttachedPolicies } = await iam.send(new IAM.ListAttachedGroupPoliciesCommand({ GroupName: 'Admins' }))
  expect(AttachedPolicies?.slice(0, 2)).toEqual([
    { PolicyName: 'AdministratorAccess', PolicyArn: managed('AdministratorAccess') },
    { PolicyName: 'Billing', PolicyArn: managed('job-function/Billing') },
  ])
  await createUser()
  await iam.send(new IAM.AttachUserPolicyCommand({ UserName: 'ada', PolicyArn: managed('IAMUserChangePassword') }))
  const ofUser = await iam.send(new IAM.ListAttachedUserPoliciesCommand({ UserName: 'ada' }))
  expect(ofUser.AttachedPolicies).toHaveLength(1)
})

test('a user is in ten groups at most', async () => {
  await createUser()
  const add = (GroupName: string) => iam.send(new IAM.AddUserToGroupCommand({ GroupName, UserName: 'ada' }))
  for (let i = 0; i < 11; i++) await createGroup(`g${i}`)
  for (let i = 0; i < 10; i++) await add(`g${i}`)
  await add('g0')
  await expect(add('g10')).rejects.toEqual(refusedAs('LimitExceededException'))
  await expect(add('nowhere')).rejects.toEqual(refusedAs('NoSuchEntityException', /group with name nowhere/))
  const { Groups } = await iam.send(new IAM.ListGroupsForUserCommand({ UserName: 'ada' }))
  expect(Groups).toHaveLength(10)
  expect((await iam.send(new IAM.GetGroupCommand({ GroupName: 'g0' }))).Users).toMatchObject([{ UserName: 'ada' }])
})

test('an inline policy comes back as it was put, and nonsense is refused', async () => {
  await createGroup('Admins')
  const put = (PolicyDocument: string) =>
    iam.send(new IAM.PutGroupPolicyCommand({ GroupName: 'Admins', PolicyName: 'inline', PolicyDocument }))
  const document = JSON.stringify({
    Version: '2012-10-17',
    Statement: [{ Effect: 'Allow', Action: 's3:*', Resource: '*' }],
  })
  await put(document)
  const got = await iam.send(new IAM.GetGroupPolicyCommand({ GroupName: 'Admins', PolicyName: 'inline' }))
  expect(got.PolicyDocument).toContain('%22s3%3A%2A%22')
  expect(decodeURIComponent(got.PolicyDocument ?? '')).toBe(document)
  expect((await iam.send(new IAM.ListGroupPoliciesCommand({ GroupName: 'Admins' }))).PolicyNames).toEqual(['inline'])
  const statement = (more: object) =>
    JSON.stringify({ Statement: { Effect: 'Allow', Action: 's3:*', Resource: '*', ...more } })
  const outOfPlace = [{ Principal: '*' }, { Action: 'everything' }, { Resource: ['*', 'bucket'] }].map(statement)
  for (const nonsense of ['nonsense', 'null', '{}', '{"Statement":[]}', ...outOfPlace])
    await expect(put(nonsense)).rejects.toEqual(refusedAs('MalformedPolicyDocumentException'))
})

test('a user has inline policies too, with at most 2,048 characters', async () => {
  await createUser()
  const put = (PolicyDocument: string, PolicyName = 'inline') =>
    iam.send(new IAM.PutUserPolicyCommand({ UserName: 'ada', PolicyName, PolicyDocument }))
  const document = (bucket: string) =>
    JSON.stringify({ Statement: { Effect: 'Allow', Action: 's3:*', Resource: `arn:aws:s3:::${bucket}` } })
  await put(document('a'))
  await put(document('b'))
  const got = await iam.send(new IAM.GetUserPolicyCommand({ UserName: 'ada', PolicyName: 'inline' }))
  expect(decodeURIComponent(got.PolicyDocument ?? '')).toBe(document('b'))
  expect((await iam.send(new IAM.ListUserPoliciesCommand({ UserName: 'ada' }))).PolicyNames).toEqual(['inline'])
  await expect(put(document('x'.repeat(2000)), 'other')).rejects.toEqual(refusedAs('LimitExceededException'))
  await expect(put('{}')).rejects.toEqual(refusedAs('MalformedPolicyDocumentException'))
  await expect(iam.send(new IAM.GetUserPolicyCommand({ UserName: 'ada', PolicyName: 'other' }))).rejects.toEqual(
    refusedAs('NoSuchEntityException', /user policy with name other/),
  )
})

test('policies are described, customer-managed ones with their document', async () => {
  const arn = `arn:aws:iam::${account.id}:policy/team/ours`
  account.policies.set(arn, { name: 'ours', document: '{"Statement":"100%"}' })
  const { Policy } = await iam.send(new IAM.GetPolicyCommand({ PolicyArn: arn }))
  expect(Policy).toMatchObject({ PolicyName: 'ours', Path: '/team/', DefaultVersionId: 'v1', AttachmentCount: 0 })
  expect(Policy?.PolicyId).toMatch(/^ANPA[0-9A-F]{17}$/)
  await createGroup('Admins')
  await iam.send(new IAM.AttachGroupPolicyCommand({ GroupName: 'Admins', PolicyArn: arn }))
  expect((await iam.send(new IAM.GetPolicyCommand({ PolicyArn: arn }))).Policy?.AttachmentCount).toBe(1)
  await expect(iam.send(new IAM.GetPolicyCommand({ PolicyArn: 'a-policy-by-its-name' }))).rejects.toEqual(
    refusedAs('InvalidInputException'),
  )
  const { PolicyVersion } = await iam.send(new IAM.GetPolicyVersionCommand({ PolicyArn: arn, VersionId: 'v1' }))
  expect(decodeURIComponent(PolicyVersion?.Document ?? '')).toBe('{"Statement":"100%"}')
  expect((await iam.send(new IAM.GetPolicyCommand({ PolicyArn: managed('ReadOnlyAccess') }))).Policy?.Path).toBe('/')
  await expect(iam.send(new IAM.GetPolicyCommand({ PolicyArn: managed('Nonsense') }))).rejects.toEqual(
    refusedAs('NoSuchEntityException'),
  )
})

test('lists are paged, and empty ones are lists', async () => {
  expect((await iam.send(new IAM.ListUsersCommand({}))).Users).toEqual([])
  for (const name of ['c', 'a', 'b']) await createUser(name)
  const names: (string | undefined)[][] = []
  for await (const { Users } of IAM.paginateListUsers({ client: iam, pageSize: 2 }, {}))
    names.push((Users ?? []).map(({ UserName }) => UserName))
  expect(names).toEqual([['a', 'b'], ['c']])
})

test('for two seconds, IAM may forget what was just made', async () => {
  world.staleness = 1
  await createUser()
  await createGroup('Admins')
  await expect(iam.send(new IAM.GetUserCommand({ UserName: 'ada' }))).rejects.toEqual(
    refusedAs('NoSuchEntityException'),
  )
  await expect(iam.send(new IAM.CreateLoginProfileCommand(profile))).rejects.toEqual(refusedAs('NoSuchEntityException'))
  await expect(createUser()).rejects.toEqual(refusedAs('EntityAlreadyExistsException'))
  expect((await iam.send(new IAM.ListGroupsCommand({}))).Groups).toEqual([])
  clock.advance(2)
  await iam.send(new IAM.AddUserToGroupCommand({ UserName: 'ada', GroupName: 'Admins' }))
})

test('the old account has an administrator and groups of its own', async () => {
  const legacy = iamIn('555555555555')
  const { User } = await legacy.send(new IAM.GetUserCommand({ UserName: 'Administrator' }))
  expect(User?.Path).toBe('/')
  const { Groups } = await legacy.send(new IAM.ListGroupsCommand({}))
  expect(Groups?.map(({ GroupName, Path }) => [GroupName, Path])).toEqual([
    ['Administrators', '/'],
    ['Developers', '/'],
  ])
})
