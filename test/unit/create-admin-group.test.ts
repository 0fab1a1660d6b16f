import {
  AttachGroupPolicyCommand,
  CreateGroupCommand,
  GetAccountPasswordPolicyCommand,
  GetGroupCommand,
  GetGroupPolicyCommand,
  GetLoginProfileCommand,
  GetPolicyCommand,
  GetPolicyVersionCommand,
  type Group as IamGroup,
  IAMClient,
  ListAttachedGroupPoliciesCommand,
  ListGroupPoliciesCommand,
  ListGroupsCommand,
  ListUsersCommand,
  PutGroupPolicyCommand,
  UpdateAccountPasswordPolicyCommand,
  type User as IamUser,
} from '@aws-sdk/client-iam'
import { mockClient } from 'aws-sdk-client-mock'
import { beforeEach, describe, expect, test } from 'vitest'
import { createAdminGroup } from '../../functions/create-admin-group/create-admin-group.ts'
import { mfaPolicy, mfaPolicyName } from '../../functions/shared/mfa-policy.ts'
import type { WantedPasswordPolicy } from '../../functions/create-admin-group/password-policy.ts'
import {
  AccountNotReadyError,
  DeniedByPolicyError,
  FirstSignInDeniedError,
  GroupDiffersError,
  GroupNotOursError,
  LeaseLostError,
  PolicyNotFoundError,
} from '../../functions/shared/errors.ts'
import type { Account } from '../../functions/shared/account.ts'
import type { Admin, Group, PolicyDocument } from '../../functions/shared/request.ts'
import {
  accountId,
  adminAccess,
  aDocument,
  aGroup,
  anAccount,
  anAdmin,
  aRecord,
  aVend,
  awsError,
  ledgerMock,
  operationsOf,
  ourPath,
  readOnlyAccess,
  sentTo,
} from '../support/builders.ts'

const iam = mockClient(IAMClient)
const { ledger, ...onRecord } = ledgerMock()

const changePassword = 'arn:aws:iam::aws:policy/IAMUserChangePassword'
const customerManaged = `arn:aws:iam::${accountId}:policy/team/Core`

const create = (
  input: { account?: Account; groups?: Group[]; admins?: Admin[] } = {},
  signIn = async () => new IAMClient({}),
  passwordPolicy?: WantedPasswordPolicy,
) =>
  createAdminGroup(
    { ledger, signIn },
    { vend: aVend(), account: anAccount(), groups: [aGroup()], admins: [anAdmin()], ...input },
    { passwordPolicy },
  )

const anIamGroup = (overrides: Partial<IamGroup> = {}): IamGroup => {
  const { GroupName = 'Administrators', Path = ourPath } = overrides
  return {
    GroupName,
    Path,
    GroupId: 'AGPAEXAMPLE',
    Arn: `arn:aws:iam::${accountId}:group${Path}${GroupName}`,
    CreateDate: new Date(0),
    ...overrides,
  }
}
const anIamUser = (overrides: Partial<IamUser> = {}): IamUser => ({
  UserName: 'Administrator',
  Path: ourPath,
  UserId: 'AIDAEXAMPLE',
  Arn: `arn:aws:iam::${accountId}:user${ourPath}Administrator`,
  CreateDate: new Date(0),
  ...overrides,
})
const ourPassword = { administrator: { vendId: aVend().id, at: '2026-11-01T09:21:10.000Z' } }

const isWrite = (operation: string) => !/^(Get|List)/.test(operation)
const written = () => sentTo(iam).filter(([operation]) => isWrite(operation))

const hasGroups = (...Groups: IamGroup[]) => iam.on(ListGroupsCommand).resolves({ Groups })
const hasUsers = (...Users: IamUser[]) => iam.on(ListUsersCommand).resolves({ Users })
const hasProfile = (UserName: string) =>
  iam.on(GetLoginProfileCommand, { UserName }).resolves({ LoginProfile: { UserName, CreateDate: new Date(0) } })
const hasDocument = (document: PolicyDocument) =>
  iam
    .on(GetPolicyVersionCommand)
    .resolves({ PolicyVersion: { Document: encodeURIComponent(JSON.stringify(document)) } })

beforeEach(() => {
  onRecord.holds(aRecord())
  iam.reset()
  iam.onAnyCommand().resolves({})
  iam.on(GetAccountPasswordPolicyCommand).rejects(awsError('NoSuchEntityException'))
  iam.on(GetLoginProfileCommand).rejects(awsError('NoSuchEntityException'))
  iam.on(GetPolicyCommand).resolves({ Policy: { DefaultVersionId: 'v7' } })
  iam.on(CreateGroupCommand).callsFake(({ GroupName, Path }: { GroupName: string; Path: string }) => ({
    Group: anIamGroup({ GroupName, Path }),
  }))
})

const madeGroup = { name: 'Administrators', arn: `arn:aws:iam::${accountId}:group${ourPath}Administrators` }

describe('in a new account', () => {
  test('makes the group with its policy, and returns that the user must be made', async () => {
    expect(await create()).toEqual({
      groups: [madeGroup],
      admins: [{ ...anAdmin(), kept: false, hasProfile: false, signsIn: false }],
      minimumPasswordLength: 8,
    })
    expect(operationsOf(iam)).toEqual([
      'AttachGroupPolicy',
      'CreateGroup',
      'GetAccountPasswordPolicy',
      'GetPolicy',
      'ListGroups',
      'ListUsers',
    ])
    expect(written()).toEqual([
      ['CreateGroup', { GroupName: 'Administrators', Path: ourPath }],
      ['AttachGroupPolicy', { GroupName: 'Administrators', PolicyArn: adminAccess }],
    ])
    expect(onRecord.begun()).toEqual(['CreateAdminGroup'])
  })

  test('makes each group with all its policies', async () => {
    const inline = { mine: aDocument(), other: aDocument({ Id: 'other' }) }
    hasDocument(aDocument())
    await create({
      groups: [aGroup(), aGroup({ name: 'Readers', policies: [readOnlyAccess, customerManaged], inline })],
    })
    expect(
      written()
        .map(([operation]) => operation)
        .sort(),
    ).toEqual([
      ...Array.from({ length: 3 }, () => 'AttachGroupPolicy'),
      ...Array.from({ length: 2 }, () => 'CreateGroup'),
      ...Array.from({ length: 2 }, () => 'PutGroupPolicy'),
    ])
    expect(iam.commandCalls(PutGroupPolicyCommand).map(({ args }) => args[0].input)).toEqual([
      { GroupName: 'Readers', PolicyName: 'mine', PolicyDocument: JSON.stringify(inline.mine) },
      { GroupName: 'Readers', PolicyName: 'other', PolicyDocument: JSON.stringify(inline.other) },
    ])
  })

  test('reads everything before the first write', async () => {
    hasUsers(anIamUser())
    hasGroups(anIamGroup({ GroupName: 'Readers', Path: '/' }))
    await create({ groups: [aGroup(), aGroup({ name: 'Readers', policies: [] })] })
    const operations = sentTo(iam).map(([operation]) => operation)
    expect(operations.findIndex(isWrite)).toBe(operations.length - written().length)
    expect(written().length).toBeGreaterThan(0)
  })

  test('reads all pages of users and groups', async () => {
    iam.on(ListUsersCommand).resolves({ Users: [], IsTruncated: true, Marker: 'more' })
    iam.on(ListUsersCommand, { Marker: 'more' }).resolves({ Users: [anIamUser({ Path: '/' })] })
    iam.on(ListGroupsCommand).resolves({ Groups: [], IsTruncated: true, Marker: 'more' })
    iam.on(ListGroupsCommand, { Marker: 'more' }).resolves({ Groups: [anIamGroup()] })
    expect((await create()).admins[0]?.kept).toBe(true)
    expect(written().map(([operation]) => operation)).toEqual(['AttachGroupPolicy'])
  })

  test('returns the minimum length that the account’s password policy requires', async () => {
    iam.on(GetAccountPasswordPolicyCommand).resolves({ PasswordPolicy: { MinimumPasswordLength: 40 } })
    expect((await create()).minimumPasswordLength).toBe(40)
  })
})

describe('running twice', () => {
  test('does not make our group again, and attaches its policies again', async () => {
    hasGroups(anIamGroup())
    expect((await create()).groups).toEqual([madeGroup])
    expect(written()).toEqual([['AttachGroupPolicy', { GroupName: 'Administrators', PolicyArn: adminAccess }]])
  })

  test('uses our group by its name in the account', async () => {
    hasGroups(anIamGroup({ GroupName: 'ADMINISTRATORS' }))
    expect((await create()).groups[0]?.name).toBe('ADMINISTRATORS')
    expect(written()).toEqual([['AttachGroupPolicy', { GroupName: 'ADMINISTRATORS', PolicyArn: adminAccess }]])
  })

  test('before IAM shows the first run’s group leaves as EntityAlreadyExistsException, which the workflow retries', async () => {
    iam.on(CreateGroupCommand).rejects(awsError('EntityAlreadyExistsException'))
    await expect(create()).rejects.toMatchObject({ name: 'EntityAlreadyExistsException' })
    expect(iam.commandCalls(AttachGroupPolicyCommand)).toEqual([])
  })

  test('continues with a user whose password is ours', async () => {
    onRecord.holds(aRecord({ passwords: ourPassword }))
    hasUsers(anIamUser())
    hasProfile('Administrator')
    expect((await create()).admins[0]).toMatchObject({ kept: false, hasProfile: true, signsIn: false })
  })

  test('returns that a user who has used our password signs in already', async () => {
    onRecord.holds(aRecord({ passwords: ourPassword }))
    hasUsers(anIamUser({ PasswordLastUsed: new Date(1) }))
    hasProfile('Administrator')
    expect((await create()).admins[0]).toMatchObject({ kept: false, signsIn: true })
  })

  test('a use of a password from before the present login profile does not count as signing in', async () => {
    onRecord.holds(aRecord({ passwords: ourPassword }))
    const used = new Date('2026-11-02T10:00:00Z')
    hasUsers(anIamUser({ PasswordLastUsed: used }))
    const profileOf = (CreateDate: Date) =>
      iam.on(GetLoginProfileCommand).resolves({ LoginProfile: { UserName: 'Administrator', CreateDate } })
    profileOf(new Date('2026-11-02T10:00:01Z'))
    expect((await create()).admins[0]).toMatchObject({ kept: false, hasProfile: true, signsIn: false })
    profileOf(used)
    expect((await create()).admins[0]).toMatchObject({ signsIn: true })
  })

  test('continues with a user of ours who has no login profile yet', async () => {
    onRecord.holds(aRecord({ passwords: ourPassword }))
    hasUsers(anIamUser({ PasswordLastUsed: new Date(1) }))
    expect((await create()).admins[0]).toMatchObject({ kept: false, hasProfile: false, signsIn: false })
  })
})

describe('a user is kept', () => {
  test('who is on another path', async () => {
    hasUsers(anIamUser({ Path: '/' }))
    expect((await create()).admins[0]).toMatchObject({ userName: 'Administrator', kept: true })
  })

  test('whose name differs in case, under the name that IAM knows', async () => {
    hasUsers(anIamUser({ UserName: 'ADMINISTRATOR', Path: '/people/' }))
    expect((await create()).admins[0]).toMatchObject({ userName: 'ADMINISTRATOR', kept: true })
    expect(iam.commandCalls(GetLoginProfileCommand)[0]?.args[0].input).toEqual({ UserName: 'ADMINISTRATOR' })
  })

  test('on our path who is not on record, with a login profile or without', async () => {
    hasUsers(anIamUser())
    expect((await create()).admins[0]).toMatchObject({ kept: true })
    hasProfile('Administrator')
    expect((await create()).admins[0]).toMatchObject({ kept: true })
  })

  test('on our path whose login profile is not ours, even if called constructor', async () => {
    hasUsers(anIamUser({ UserName: 'constructor' }))
    hasProfile('constructor')
    expect((await create({ admins: [anAdmin({ userName: 'constructor' })] })).admins[0]).toMatchObject({ kept: true })
  })

  test('while other existing users do not matter', async () => {
    hasUsers(anIamUser({ UserName: 'bob', Path: '/' }))
    expect((await create()).admins).toEqual([{ ...anAdmin(), kept: false, hasProfile: false, signsIn: false }])
    expect(iam.commandCalls(GetLoginProfileCommand)).toEqual([])
  })

  test('while the other requested users are made', async () => {
    hasUsers(anIamUser({ Path: '/' }))
    const { admins } = await create({ admins: [anAdmin(), anAdmin({ userName: 'ada' })] })
    expect(admins.map(({ kept }) => kept)).toEqual([true, false])
  })
})

describe('a group that is not ours', () => {
  const inline = { mine: aDocument() }
  const wanted = aGroup({ policies: [adminAccess, readOnlyAccess], inline })
  const has = (policies: string[], documents: Record<string, unknown>) => {
    hasGroups(anIamGroup({ GroupName: 'administrators', Path: '/' }))
    iam
      .on(ListAttachedGroupPoliciesCommand)
      .resolves({ AttachedPolicies: policies.map((PolicyArn) => ({ PolicyArn, PolicyName: 'name' })) })
    iam.on(ListGroupPoliciesCommand).resolves({ PolicyNames: Object.keys(documents) })
    for (const [PolicyName, document] of Object.entries(documents))
      iam.on(GetGroupPolicyCommand, { PolicyName }).resolves({
        GroupName: 'administrators',
        PolicyName,
        PolicyDocument: encodeURIComponent(JSON.stringify(document)),
      })
  }

  test('is kept unchanged if it has exactly the wanted policies', async () => {
    has([readOnlyAccess, adminAccess], inline)
    expect((await create({ groups: [wanted] })).groups).toEqual([
      { name: 'administrators', arn: `arn:aws:iam::${accountId}:group/administrators` },
    ])
    expect(written()).toEqual([])
  })

  test.each([
    ['a policy more', [adminAccess, readOnlyAccess, customerManaged], inline],
    ['a policy less', [adminAccess], inline],
    ['another policy', [adminAccess, customerManaged], inline],
    ['no policies', [], {}],
    ['an inline policy more', [adminAccess, readOnlyAccess], { ...inline, other: aDocument() }],
    ['an inline policy less', [adminAccess, readOnlyAccess], {}],
    ['another document', [adminAccess, readOnlyAccess], { mine: aDocument({ Id: 'other' }) }],
    ['the document under another name', [adminAccess, readOnlyAccess], { other: aDocument() }],
  ])('leaves as GroupNotOursError if it has %s, and nothing is written', async (_, policies, documents) => {
    has(policies, documents)
    const created = create({ groups: [aGroup({ name: 'Readers' }), { ...wanted }] })
    await expect(created).rejects.toThrow(GroupNotOursError)
    await expect(created).rejects.toThrow('The group administrators already exists, was not created by account vending')
    expect(written()).toEqual([])
  })
})

describe('the policy for MFA', () => {
  const mfa = { [mfaPolicyName]: mfaPolicy('aws') }
  const has = (Path: string, documents: Record<string, PolicyDocument>) => {
    hasGroups(anIamGroup({ Path }))
    onRecord.holds(aRecord({ groups: { administrators: aGroup() } }))
    iam
      .on(ListAttachedGroupPoliciesCommand)
      .resolves({ AttachedPolicies: [{ PolicyArn: adminAccess, PolicyName: 'name' }] })
    iam.on(ListGroupPoliciesCommand).resolves({ PolicyNames: Object.keys(documents) })
    for (const [PolicyName, document] of Object.entries(documents))
      iam.on(GetGroupPolicyCommand, { PolicyName }).resolves({
        GroupName: 'Administrators',
        PolicyName,
        PolicyDocument: encodeURIComponent(JSON.stringify(document)),
      })
  }
  const put = () => iam.commandCalls(PutGroupPolicyCommand).map(({ args }) => args[0].input.PolicyDocument)
  const wanted = aGroup({ inline: mfa })
  const earlier = { [mfaPolicyName]: aDocument() }

  test.each([
    ['lacks it', {}],
    ['has it', mfa],
    ['has that of an earlier version of this service', earlier],
  ])('is put into a group of ours that %s', async (_, documents) => {
    has(ourPath, documents)
    await create({ groups: [wanted] })
    expect(put()).toEqual([JSON.stringify(mfaPolicy('aws'))])
  })

  test('stays in a group of ours when vending.yml no longer requires MFA', async () => {
    has(ourPath, mfa)
    await create()
    expect(put()).toEqual([])
  })

  test('does not hide another policy under its name', async () => {
    has(ourPath, earlier)
    await expect(create()).rejects.toThrow(GroupDiffersError)
  })

  test('is never put into a group that is not ours: the group must have it, or is refused by name', async () => {
    has('/', mfa)
    expect((await create({ groups: [wanted] })).groups).toHaveLength(1)
    expect(written()).toEqual([])
    has('/', {})
    const created = create({ groups: [wanted] })
    await expect(created).rejects.toThrow(GroupNotOursError)
    await expect(created).rejects.toThrow(`(${adminAccess}, ${mfaPolicyName})`)
    expect(written()).toEqual([])
  })
})

describe('the account’s password policy', () => {
  const wanted = { minimumPasswordLength: 30, requireSymbols: true }
  const createWith = (policy?: WantedPasswordPolicy) => create({}, undefined, policy)
  const updates = () => iam.commandCalls(UpdateAccountPasswordPolicyCommand).map(({ args }) => args[0].input)

  test('is set if vending.yml requires a stronger one, and decides how long the password must be', async () => {
    iam
      .on(GetAccountPasswordPolicyCommand)
      .resolves({ PasswordPolicy: { MinimumPasswordLength: 12, AllowUsersToChangePassword: true, MaxPasswordAge: 90 } })
    expect(await createWith(wanted)).toMatchObject({ minimumPasswordLength: 30 })
    expect(updates()).toEqual([
      {
        MinimumPasswordLength: 30,
        RequireSymbols: true,
        RequireNumbers: false,
        RequireUppercaseCharacters: false,
        RequireLowercaseCharacters: false,
        AllowUsersToChangePassword: true,
        HardExpiry: false,
        MaxPasswordAge: 90,
      },
    ])
  })

  test('is set in an account without one', async () => {
    expect(await createWith(wanted)).toMatchObject({ minimumPasswordLength: 30 })
    expect(updates()).toHaveLength(1)
  })

  test('is left as it is if it is as strong, and if vending.yml requires none', async () => {
    iam
      .on(GetAccountPasswordPolicyCommand)
      .resolves({ PasswordPolicy: { MinimumPasswordLength: 40, RequireSymbols: true } })
    expect(await createWith(wanted)).toMatchObject({ minimumPasswordLength: 40 })
    expect(await createWith()).toMatchObject({ minimumPasswordLength: 40 })
    expect(updates()).toEqual([])
  })

  test('is not touched before everything is inspected', async () => {
    iam.on(GetPolicyCommand).rejects(awsError('NoSuchEntityException'))
    await expect(createWith(wanted)).rejects.toThrow(PolicyNotFoundError)
    expect(written()).toEqual([])
  })

  test.each(['AccessDenied', 'AccessDeniedException'])(
    'that may not be set leaves as DeniedByPolicyError',
    async (name) => {
      iam.on(UpdateAccountPasswordPolicyCommand).rejects(awsError(name))
      await expect(createWith(wanted)).rejects.toThrow(DeniedByPolicyError)
    },
  )
})

describe('a group of our path', () => {
  const hasMembers = (...names: string[]) =>
    iam
      .on(GetGroupCommand)
      .resolves({ Group: anIamGroup(), Users: names.map((UserName) => anIamUser({ UserName })), IsTruncated: false })
  beforeEach(() => {
    hasGroups(anIamGroup())
  })

  test('that is not on record is not ours if it has a member who is not ours', async () => {
    onRecord.holds(aRecord({ passwords: ourPassword }))
    hasMembers('Administrator', 'mallory')
    await expect(create()).rejects.toThrow(GroupNotOursError)
    expect(written()).toEqual([])
  })

  test('that is not ours, and has exactly the wanted policies, is used without a write', async () => {
    hasMembers('mallory')
    iam
      .on(ListAttachedGroupPoliciesCommand)
      .resolves({ AttachedPolicies: [{ PolicyArn: adminAccess, PolicyName: 'AdministratorAccess' }] })
    expect((await create()).groups).toEqual([madeGroup])
    expect(written()).toEqual([])
  })

  test('is ours if all its members are users on record, as an earlier try left it', async () => {
    onRecord.holds(aRecord({ passwords: ourPassword }))
    hasMembers('Administrator')
    expect((await create()).groups).toEqual([madeGroup])
    expect(written()).toEqual([['AttachGroupPolicy', { GroupName: 'Administrators', PolicyArn: adminAccess }]])
  })

  test('is ours if it is on record, whichever members it has', async () => {
    onRecord.holds(aRecord({ groups: { administrators: aGroup() } }))
    hasMembers('mallory')
    expect((await create()).groups).toEqual([madeGroup])
    expect(iam.commandCalls(GetGroupCommand)).toEqual([])
  })
})

describe('IAMUserChangePassword', () => {
  const policiesOf = async (group: Partial<Group>, admin: Partial<Admin> = {}) =>
    (await create({ groups: [aGroup({ policies: [readOnlyAccess], ...group })], admins: [anAdmin(admin)] })).admins[0]
      ?.policies
  const allow = (Action: string | string[], more: object = {}) =>
    aDocument({ Statement: [{ Effect: 'Allow', Action, Resource: '*', ...more }] })

  test('is added if the user must change the password and nothing allows the change', async () => {
    expect(await policiesOf({})).toEqual([changePassword])
    expect(await policiesOf({}, { policies: [readOnlyAccess] })).toEqual([readOnlyAccess, changePassword])
    expect(await policiesOf({}, { groups: [] })).toEqual([changePassword])
  })

  test('is added in the partition of the execution', async () => {
    const vend = aVend({ executionArn: 'arn:aws-us-gov:states:us-gov-west-1:111122223333:execution:vend:first' })
    const { admins } = await createAdminGroup(
      { ledger, signIn: async () => new IAMClient({}) },
      { vend, account: anAccount(), groups: [], admins: [anAdmin({ groups: [] })] },
      {},
    )
    expect(admins[0]?.policies).toEqual(['arn:aws-us-gov:iam::aws:policy/IAMUserChangePassword'])
  })

  test('is not added if the user need not change the password', async () => {
    expect(await policiesOf({}, { passwordResetRequired: false })).toEqual([])
  })

  test.each(['AdministratorAccess', 'IAMFullAccess', 'IAMUserChangePassword'])(
    'is not added where %s, of the group or of the user, allows the change',
    async (name) => {
      const arn = `arn:aws:iam::aws:policy/${name}`
      expect(await policiesOf({ policies: [readOnlyAccess, arn] })).toEqual([])
      expect(await policiesOf({}, { policies: [arn] })).toEqual([arn])
    },
  )

  test.each([
    'iam:ChangePassword',
    'iam:changepassword',
    'iam:*',
    '*',
    'iam:Change*',
    'iam:ChangePasswor?',
    ['s3:*', 'iam:C*'],
  ])('is not added where an inline policy allows %o', async (action) => {
    expect(await policiesOf({ inline: { mine: allow(action) } })).toEqual([])
  })

  test.each([
    '*',
    ['arn:aws:s3:::bucket', 'arn:aws:iam::*:user/account-vending/${aws:username}'],
    `arn:aws:iam::${accountId}:user/*`,
    'arn:aws:iam::*:user/*',
    'arn:aws:iam::*:user/*/${aws:username}',
  ])('is not added where an inline policy allows the change on %o', async (Resource) => {
    expect(await policiesOf({ inline: { mine: allow('iam:ChangePassword', { Resource }) } })).toEqual([])
  })

  test.each([
    ['another action', allow('iam:ChangePasswords')],
    ['an action that only looks like a pattern', allow('iam.ChangePassword')],
    ['another user', allow('iam:*', { Resource: 'arn:aws:iam::*:user/bob' })],
    ['users without a path, which ours are not', allow('iam:*', { Resource: 'arn:aws:iam::*:user/${aws:username}' })],
    ['users of another account', allow('iam:*', { Resource: 'arn:aws:iam::999999999999:user/*' })],
    ['a pattern of many stars, which takes no time', allow(`iam:${'*'.repeat(64)}x`)],
    ['a condition', allow('iam:*', { Condition: { Bool: { 'aws:MultiFactorAuthPresent': 'true' } } })],
    [
      'a denial with a condition',
      allow('iam:*', { Effect: 'Deny', Condition: { Bool: { 'aws:SecureTransport': 'false' } } }),
    ],
  ])('is added where an inline policy has %s', async (_, document) => {
    expect(await policiesOf({ inline: { mine: document } })).toEqual([changePassword])
  })

  test('is not added where a customer managed policy’s document allows the change', async () => {
    hasDocument(allow('iam:ChangePassword'))
    expect(await policiesOf({ policies: [customerManaged] })).toEqual([])
    expect(iam.commandCalls(GetPolicyVersionCommand)[0]?.args[0].input).toEqual({
      PolicyArn: customerManaged,
      VersionId: 'v7',
    })
    expect(await policiesOf({}, { policies: [customerManaged] })).toEqual([customerManaged])
  })

  test('is added where a customer managed policy’s document does not, whatever its name', async () => {
    const impostor = `arn:aws:iam::${accountId}:policy/AdministratorAccess`
    hasDocument(aDocument())
    expect(await policiesOf({ policies: [impostor] })).toEqual([changePassword])
  })

  test('is added where only another group than the user’s allows the change', async () => {
    const groups = [aGroup(), aGroup({ name: 'Readers', policies: [readOnlyAccess] })]
    const { admins } = await create({ groups, admins: [anAdmin({ groups: ['Readers'] })] })
    expect(admins[0]?.policies).toEqual([changePassword])
  })
})

describe('a policy that denies the password change at the first sign-in', () => {
  const denial = (more: object = {}) =>
    aDocument({ Statement: [{ Effect: 'Deny', Action: 'iam:*', Resource: '*', ...more }] })
  const ifNoMfa = denial({ Condition: { BoolIfExists: { 'aws:MultiFactorAuthPresent': 'false' } } })
  const inGroup = { groups: [aGroup({ policies: [customerManaged] })] }

  test.each([
    [
      'a customer managed policy of the group',
      inGroup,
      `The policy ${customerManaged} of the group Administrators denies Administrator`,
    ],
    [
      'a customer managed policy of the user',
      { admins: [anAdmin({ policies: [customerManaged] })] },
      `The policy ${customerManaged} denies`,
    ],
    [
      'an inline policy of a group that is on record',
      { groups: [aGroup({ inline: { DenyIam: denial() } })] },
      'The policy DenyIam of the group',
    ],
  ])('%s is refused by name, and nothing is written', async (_, asked, message) => {
    hasDocument(denial())
    await expect(create(asked)).rejects.toThrow(FirstSignInDeniedError)
    await expect(create(asked)).rejects.toThrow(message)
    expect(written()).toEqual([])
  })

  test('names every such policy', async () => {
    hasDocument(denial())
    const created = create({ groups: [aGroup({ policies: [customerManaged], inline: { DenyIam: denial() } })] })
    await expect(created).rejects.toThrow(/Core of the group Administrators denies.*; The policy DenyIam of/)
  })

  test.each([
    ['with a condition', () => hasDocument(ifNoMfa), {}],
    ['that covers no user of ours', () => hasDocument(denial({ Resource: 'arn:aws:iam::*:user/bob' })), {}],
    ['and the user need not change the password', () => undefined, { passwordResetRequired: false }],
    ['and the password is replaced for nobody to use', () => undefined, { silent: true }],
    ['and the user is not in that group', () => undefined, { groups: [] }],
    [
      'and the user signs in already',
      () => {
        onRecord.holds(aRecord({ passwords: ourPassword }))
        hasUsers(anIamUser({ PasswordLastUsed: new Date(1) }))
        hasProfile('Administrator')
      },
      {},
    ],
    ['and the user is kept', () => hasUsers(anIamUser({ Path: '/' })), {}],
  ])('is not refused: %s', async (_, given, admin) => {
    hasDocument(denial())
    given()
    expect((await create({ ...inGroup, admins: [{ ...anAdmin(), ...admin }] })).groups).toEqual([madeGroup])
  })

  test('leaves no doubts in the state of the execution', async () => {
    hasDocument(ifNoMfa)
    expect(Object.keys(await create(inGroup)).sort()).toEqual(['admins', 'groups', 'minimumPasswordLength'])
  })
})

describe('the error leaves under its name, and nothing is written:', () => {
  test('PolicyNotFoundError', async () => {
    iam.on(GetPolicyCommand, { PolicyArn: customerManaged }).rejects(awsError('NoSuchEntityException'))
    const created = create({ admins: [anAdmin({ policies: [customerManaged] })] })
    await expect(created).rejects.toThrow(PolicyNotFoundError)
    await expect(created).rejects.toThrow(`The policy ${customerManaged} does not exist in the account`)
    expect(written()).toEqual([])
  })

  test('LeaseLostError', async () => {
    onRecord.losesLease()
    await expect(create()).rejects.toThrow(LeaseLostError)
    expect(iam.calls()).toEqual([])
  })

  test('what signing in to the account throws', async () => {
    await expect(create({}, () => Promise.reject(new AccountNotReadyError('not yet')))).rejects.toThrow(
      AccountNotReadyError,
    )
    expect(iam.calls()).toEqual([])
  })

  test.each(['AccessDenied', 'AccessDeniedException'])('DeniedByPolicyError for %s of a read', async (name) => {
    iam.on(ListUsersCommand).rejects(awsError(name, 'with an explicit deny in a service control policy'))
    await expect(create()).rejects.toThrow(DeniedByPolicyError)
    await expect(create()).rejects.toThrow(/: with an explicit deny in a service control policy$/)
    expect(written()).toEqual([])
  })

  test('AccountNotReadyError for AccessDenied of a read minutes after the account was created', async () => {
    iam.on(ListUsersCommand).rejects(awsError('AccessDenied', 'because no identity-based policy allows it'))
    await expect(create({ account: fresh() })).rejects.toThrow(AccountNotReadyError)
    expect(written()).toEqual([])
  })

  test('an error of IAM', async () => {
    iam.on(ListGroupsCommand).rejects(awsError('ServiceFailureException'))
    await expect(create()).rejects.toMatchObject({ name: 'ServiceFailureException' })
    expect(written()).toEqual([])
  })
})

const fresh = () => anAccount({ joinedAt: new Date(Date.now() - 300_000).toISOString() })

test('AccessDenied of a write is told as AccessDenied of a read is', async () => {
  iam.on(CreateGroupCommand).rejects(awsError('AccessDenied'))
  await expect(create({ account: fresh() })).rejects.toThrow(AccountNotReadyError)
  await expect(create({ account: anAccount({ joinedAt: '2020-01-01T00:00:00Z' }) })).rejects.toThrow(
    DeniedByPolicyError,
  )
})

test.each(['LimitExceededException', 'MalformedPolicyDocumentException', 'NoSuchEntityException'])(
  '%s of a write leaves under its name',
  async (name) => {
    iam.on(PutGroupPolicyCommand).rejects(awsError(name))
    await expect(create({ groups: [aGroup({ inline: { mine: aDocument() } })] })).rejects.toMatchObject({ name })
  },
)
