import { createHash } from 'node:crypto'
import type * as IAM from '@aws-sdk/client-iam'
import { managedPolicies } from './managed-policies.ts'
import { checkAllowed, parsePolicy } from './sts.ts'
import {
  type Account,
  addGroup,
  addUser,
  AwsError,
  type Caller,
  type Group,
  type Operations,
  unsupported,
  type User,
  type World,
} from './world.ts'

// Over the query protocol every value arrives as a string, whatever its type says.

const unmodifiableSeconds = 3
const quotas = { users: 5000, groups: 300, groupsPerUser: 10, policies: 10, tags: 50, inlineBytes: 5120 }

const noSuchEntity = (message: string) => new AwsError('NoSuchEntity', message, 404)
const alreadyExists = (message: string) => new AwsError('EntityAlreadyExists', message, 409)
const invalid = (message: string) => new AwsError('ValidationError', message)

const checkQuota = (isExceeded: boolean, name: string, limit: number) => {
  if (isExceeded) throw new AwsError('LimitExceeded', `Cannot exceed quota for ${name}: ${limit}`, 409)
}

const checkName = (field: string, name = '', longest: number) => {
  if (name.length < 1 || name.length > longest)
    throw invalid(
      `1 validation error detected: Value at '${field}' failed to satisfy constraint: Member must have length between 1 and ${longest}`,
    )
  if (!/^[\w+=,.@-]+$/.test(name))
    throw invalid(
      `The specified value for ${field} is invalid. It must contain only alphanumeric characters and/or the following: +=,.@_-`,
    )
  return name
}

const checkPath = (path = '/') => {
  if (path.length > 512 || !/^\/(?:[\x21-\x7e]+\/)?$/.test(path))
    throw invalid(
      'The specified value for path is invalid. It must begin and end with / and contain only alphanumeric characters and/or / characters.',
    )
  return path
}

/** IAM is eventually consistent: what was made just now is not always seen. */
const isSeen = (world: World, { createdAt }: { createdAt: number }) =>
  world.now() - createdAt >= world.forgetfulSeconds * 1000 || world.random() >= world.staleness

const userOf = (world: World, account: Account, name: string | undefined): User => {
  const user = account.users.get(checkName('userName', name, 128).toLowerCase())
  if (!user || user.name !== name || !isSeen(world, user))
    throw noSuchEntity(`The user with name ${name} cannot be found.`)
  return user
}

const groupOf = (world: World, account: Account, name: string | undefined): Group => {
  const group = account.groups.get(checkName('groupName', name, 128).toLowerCase())
  if (!group || group.name !== name || !isSeen(world, group))
    throw noSuchEntity(`The group with name ${name} cannot be found.`)
  return group
}

const describeUser = (user: User) => ({
  Path: user.path,
  UserName: user.name,
  UserId: user.id,
  Arn: user.arn,
  CreateDate: new Date(user.createdAt),
  ...(user.passwordLastUsed && { PasswordLastUsed: new Date(user.passwordLastUsed) }),
})

const describeUserWithTags = (user: User) => ({
  ...describeUser(user),
  ...(user.tags.size && { Tags: [...user.tags].map(([Key, Value]) => ({ Key, Value })) }),
})

const describeGroup = (group: Group) => ({
  Path: group.path,
  GroupName: group.name,
  GroupId: group.id,
  Arn: group.arn,
  CreateDate: new Date(group.createdAt),
})

type Paging = { Marker?: string | undefined; MaxItems?: number | undefined; PathPrefix?: string | undefined }

const page = <Key extends string, Item>(key: Key, items: Item[], { Marker = '0', MaxItems = 100 }: Paging) => {
  const end = Number(Marker) + Number(MaxItems)
  const isTruncated = end < items.length
  return {
    [key]: items.slice(Number(Marker), end),
    IsTruncated: isTruncated,
    ...(isTruncated && { Marker: String(end) }),
  }
}

const below = <Entity extends { name: string; path: string; createdAt: number }>(
  world: World,
  entities: Iterable<Entity>,
  { PathPrefix = '/' }: Paging,
) =>
  [...entities]
    .filter((entity) => entity.path.startsWith(PathPrefix) && isSeen(world, entity))
    .sort((a, b) => (a.name < b.name ? -1 : 1))

const checkTags = (tags: IAM.Tag[], already: User['tags']) => {
  if (tags.length > quotas.tags)
    throw invalid(
      `1 validation error detected: Value at 'tags' failed to satisfy constraint: Member must have length less than or equal to ${quotas.tags}`,
    )
  for (const { Key = '', Value = '' } of tags) {
    if (!/^[\p{L}\p{Z}\p{N}_.:/=+\-@]{1,128}$/u.test(Key) || !/^[\p{L}\p{Z}\p{N}_.:/=+\-@]{0,256}$/u.test(Value))
      throw invalid(
        `1 validation error detected: Value '${Key}=${Value}' at 'tags' failed to satisfy constraint: Member must satisfy regular expression pattern: [\\p{L}\\p{Z}\\p{N}_.:/=+\\-@]*`,
      )
  }
  const keys = tags.map(({ Key = '' }) => Key.toLowerCase())
  if (new Set(keys).size < keys.length)
    throw new AwsError('InvalidInput', 'Duplicate tag keys found. Please note that Tag keys are case insensitive.')
  const all = new Set([...keys, ...[...already.keys()].map((key) => key.toLowerCase())])
  checkQuota(all.size > quotas.tags, 'TagsPerUser', quotas.tags)
}

/** Tag keys ignore case, and keep the one they were made with. */
const setTags = (user: User, tags: IAM.Tag[]) => {
  for (const { Key = '', Value = '' } of tags)
    user.tags.set([...user.tags.keys()].find((key) => key.toLowerCase() === Key.toLowerCase()) ?? Key, Value)
}

// Users

const getUser = (world: World, account: Account, { UserName }: IAM.GetUserRequest) => {
  if (!UserName) throw invalid('Must specify userName when calling with non-User credentials')
  return { User: describeUserWithTags(userOf(world, account, UserName)) }
}

const listUsers = (world: World, account: Account, input: IAM.ListUsersRequest) =>
  page('Users', below(world, account.users.values(), input).map(describeUser), input)

const createUser = (
  world: World,
  account: Account,
  { UserName, Path, Tags }: IAM.CreateUserRequest,
  caller: Caller,
) => {
  const name = checkName('userName', UserName, 64)
  const path = checkPath(Path)
  // An empty list arrives as an empty string.
  const tags = Tags || []
  checkTags(tags, new Map())
  if (tags.length)
    checkAllowed(world, caller, { action: 'iam:TagUser', resource: `arn:aws:iam::${account.id}:user${path}${name}` })
  if (account.users.has(name.toLowerCase())) throw alreadyExists(`User with name ${name} already exists.`)
  checkQuota(account.users.size >= quotas.users, 'UsersPerAccount', quotas.users)
  const user = addUser(world, account, { name, path })
  setTags(user, tags)
  return { User: describeUserWithTags(user) }
}

const tagUser = (world: World, account: Account, { UserName, Tags }: IAM.TagUserRequest) => {
  const user = userOf(world, account, UserName)
  checkTags(Tags || [], user.tags)
  setTags(user, Tags || [])
}

const attachUserPolicy = (world: World, account: Account, { UserName, PolicyArn }: IAM.AttachUserPolicyRequest) => {
  attach(account, userOf(world, account, UserName).policies, PolicyArn, 'PoliciesPerUser')
}

const listAttachedUserPolicies = (world: World, account: Account, input: IAM.ListAttachedUserPoliciesRequest) =>
  page('AttachedPolicies', attached(userOf(world, account, input.UserName).policies), input)

// Login profiles

const loginOf = ({ name, login }: User) => {
  if (!login) throw noSuchEntity(`Login Profile for User ${name} cannot be found.`)
  return login
}

const describeLogin = (user: User) => ({
  UserName: user.name,
  CreateDate: new Date(loginOf(user).createdAt),
  PasswordResetRequired: loginOf(user).resetRequired,
})

const checkModifiable = (world: World, user: User) => {
  if (world.now() - loginOf(user).createdAt < unmodifiableSeconds * 1000)
    throw new AwsError(
      'EntityTemporarilyUnmodifiable',
      `Login Profile for User ${user.name} cannot be modified while login profile is being created.`,
      409,
    )
}

const symbols = "!@#$%^&*()_+-=[]{}|'"

const checkPassword = ({ passwordPolicy: policy, name, email }: Account, password = '') => {
  if (password.length > 128 || !/^[\u0020-\u00ff]+$/.test(password))
    throw invalid('The specified value for password is invalid.')
  const violation = (message: string) => new AwsError('PasswordPolicyViolation', message)
  const has = {
    'uppercase letter': /[A-Z]/.test(password),
    'lowercase letter': /[a-z]/.test(password),
    number: /[0-9]/.test(password),
    symbol: [...password].some((character) => symbols.includes(character)),
  }
  const shortest = policy ? (policy.MinimumPasswordLength ?? 6) : 8
  if (password.length < shortest) throw violation(`Password should have a minimum length of ${shortest}`)
  if (policy) {
    const wanted = {
      'uppercase letter': policy.RequireUppercaseCharacters,
      'lowercase letter': policy.RequireLowercaseCharacters,
      number: policy.RequireNumbers,
      symbol: policy.RequireSymbols,
    }
    for (const [type, isThere] of Object.entries(has))
      if (wanted[type as keyof typeof has] && !isThere) throw violation(`Password should have at least one ${type}`)
  } else {
    if (Object.values(has).filter(Boolean).length < 3)
      throw violation('Password should have at least three of: uppercase letters, lowercase letters, numbers, symbols')
    if ([name, email].includes(password))
      throw violation('Password should not be the name or e-mail address of the account')
  }
  return password
}

const getLoginProfile = (world: World, account: Account, { UserName }: IAM.GetLoginProfileRequest) => ({
  LoginProfile: describeLogin(userOf(world, account, UserName)),
})

const createLoginProfile = (world: World, account: Account, input: IAM.CreateLoginProfileRequest) => {
  const user = userOf(world, account, input.UserName)
  if (user.login) throw alreadyExists(`Login Profile for user ${user.name} already exists.`)
  user.login = {
    password: checkPassword(account, input.Password),
    resetRequired: String(input.PasswordResetRequired) === 'true',
    createdAt: world.now(),
  }
  return { LoginProfile: describeLogin(user) }
}

const updateLoginProfile = (world: World, account: Account, input: IAM.UpdateLoginProfileRequest) => {
  const user = userOf(world, account, input.UserName)
  checkModifiable(world, user)
  const login = loginOf(user)
  if (input.Password !== undefined) login.password = checkPassword(account, input.Password)
  if (input.PasswordResetRequired !== undefined) login.resetRequired = String(input.PasswordResetRequired) === 'true'
}

const deleteLoginProfile = (world: World, account: Account, { UserName }: IAM.DeleteLoginProfileRequest) => {
  const user = userOf(world, account, UserName)
  checkModifiable(world, user)
  delete user.login
}

const getAccountPasswordPolicy = (_world: World, { id, passwordPolicy }: Account) => {
  if (!passwordPolicy) throw noSuchEntity(`The Password Policy with domain name ${id} cannot be found.`)
  return {
    PasswordPolicy: {
      MinimumPasswordLength: 6,
      RequireSymbols: false,
      RequireNumbers: false,
      RequireUppercaseCharacters: false,
      RequireLowercaseCharacters: false,
      AllowUsersToChangePassword: false,
      ExpirePasswords: !!passwordPolicy.MaxPasswordAge,
      ...passwordPolicy,
    },
  }
}

// Groups

const listGroups = (world: World, account: Account, input: IAM.ListGroupsRequest) =>
  page('Groups', below(world, account.groups.values(), input).map(describeGroup), input)

const getGroup = (world: World, account: Account, input: IAM.GetGroupRequest) => {
  const group = groupOf(world, account, input.GroupName)
  const members = below(world, account.users.values(), {}).filter(({ groups }) => groups.has(group))
  return { Group: describeGroup(group), ...page('Users', members.map(describeUser), input) }
}

const createGroup = (world: World, account: Account, { GroupName, Path }: IAM.CreateGroupRequest) => {
  const name = checkName('groupName', GroupName, 128)
  const path = checkPath(Path)
  if (account.groups.has(name.toLowerCase())) throw alreadyExists(`Group with name ${name} already exists.`)
  checkQuota(account.groups.size >= quotas.groups, 'GroupsPerAccount', quotas.groups)
  return { Group: describeGroup(addGroup(world, account, { name, path })) }
}

const addUserToGroup = (world: World, account: Account, { UserName, GroupName }: IAM.AddUserToGroupRequest) => {
  const group = groupOf(world, account, GroupName)
  const { groups } = userOf(world, account, UserName)
  checkQuota(!groups.has(group) && groups.size >= quotas.groupsPerUser, 'GroupsPerUser', quotas.groupsPerUser)
  groups.add(group)
}

const listGroupsForUser = (world: World, account: Account, input: IAM.ListGroupsForUserRequest) =>
  page('Groups', below(world, userOf(world, account, input.UserName).groups, {}).map(describeGroup), input)

const attachGroupPolicy = (world: World, account: Account, { GroupName, PolicyArn }: IAM.AttachGroupPolicyRequest) => {
  attach(account, groupOf(world, account, GroupName).policies, PolicyArn, 'PoliciesPerGroup')
}

const listAttachedGroupPolicies = (world: World, account: Account, input: IAM.ListAttachedGroupPoliciesRequest) =>
  page('AttachedPolicies', attached(groupOf(world, account, input.GroupName).policies), input)

/** As RFC 3986 has it: JavaScript leaves more as it is. */
const encodeDocument = (document: string) =>
  encodeURIComponent(document).replace(
    /[!'()*]/g,
    (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`,
  )

const putGroupPolicy = (
  world: World,
  account: Account,
  { GroupName, PolicyName, PolicyDocument = '' }: IAM.PutGroupPolicyRequest,
) => {
  const { name, inline } = groupOf(world, account, GroupName)
  parsePolicy(PolicyDocument)
  const all = new Map([...inline, [checkName('policyName', PolicyName, 128), PolicyDocument]])
  if ([...all.values()].join('').replace(/\s/g, '').length > quotas.inlineBytes)
    throw new AwsError(
      'LimitExceeded',
      `Maximum policy size of ${quotas.inlineBytes} bytes exceeded for group ${name}`,
      409,
    )
  inline.set(PolicyName ?? '', PolicyDocument)
}

const getGroupPolicy = (world: World, account: Account, { GroupName, PolicyName = '' }: IAM.GetGroupPolicyRequest) => {
  const document = groupOf(world, account, GroupName).inline.get(PolicyName)
  if (document === undefined) throw noSuchEntity(`The group policy with name ${PolicyName} cannot be found.`)
  return { GroupName, PolicyName, PolicyDocument: encodeDocument(document) }
}

const listGroupPolicies = (world: World, account: Account, input: IAM.ListGroupPoliciesRequest) =>
  page('PolicyNames', [...groupOf(world, account, input.GroupName).inline.keys()], input)

// Managed policies

const managedPrefix = 'arn:aws:iam::aws:policy/'
const nameIn = (arn: string) => arn.slice(arn.lastIndexOf('/') + 1)
const attached = (arns: Set<string>) => [...arns].map((arn) => ({ PolicyName: nameIn(arn), PolicyArn: arn }))

const policyExists = ({ policies }: Account, arn: string) =>
  policies.has(arn) || (arn.startsWith(managedPrefix) && managedPolicies.has(arn.slice(managedPrefix.length)))

const checkArn = (arn: string) => {
  if (!arn.startsWith('arn:')) throw new AwsError('InvalidInput', `ARN ${arn} is not valid.`)
}

const attach = (account: Account, to: Set<string>, arn = '', quota: string) => {
  checkArn(arn)
  if (!policyExists(account, arn)) throw noSuchEntity(`Policy ${arn} does not exist or is not attachable.`)
  checkQuota(!to.has(arn) && to.size >= quotas.policies, quota, quotas.policies)
  to.add(arn)
}

const getPolicy = (_world: World, account: Account, { PolicyArn = '' }: IAM.GetPolicyRequest) => {
  checkArn(PolicyArn)
  if (!policyExists(account, PolicyArn)) throw noSuchEntity(`Policy ${PolicyArn} was not found.`)
  const holders = [...account.users.values(), ...account.groups.values()]
  return {
    Policy: {
      PolicyName: nameIn(PolicyArn),
      PolicyId: `ANPA${createHash('sha256').update(PolicyArn).digest('hex').slice(0, 17).toUpperCase()}`,
      Arn: PolicyArn,
      Path: /:policy(\/(?:.*\/)?)/.exec(PolicyArn)?.[1],
      DefaultVersionId: 'v1',
      IsAttachable: true,
      AttachmentCount: holders.filter(({ policies }) => policies.has(PolicyArn)).length,
      PermissionsBoundaryUsageCount: 0,
      // Policies do not change here, and are as old as the account.
      CreateDate: new Date(account.joinedAt),
      UpdateDate: new Date(account.joinedAt),
    },
  }
}

const getPolicyVersion = (
  _world: World,
  account: Account,
  { PolicyArn = '', VersionId }: IAM.GetPolicyVersionRequest,
) => {
  const policy = account.policies.get(PolicyArn)
  if (!policy && policyExists(account, PolicyArn)) throw unsupported(`the document of ${PolicyArn}`)
  if (!policy || VersionId !== 'v1') throw noSuchEntity(`Policy ${PolicyArn} version ${VersionId} does not exist.`)
  return {
    PolicyVersion: {
      Document: encodeDocument(policy.document),
      VersionId,
      IsDefaultVersion: true,
      CreateDate: new Date(account.joinedAt),
    },
  }
}

type Run = (world: World, account: Account, input: never, caller: Caller) => unknown
type On = (account: Account, input: Record<string, string | undefined>) => string

// What each operation acts on, for the policies that are held against it.
const arn = (account: Account, resource: string) => `arn:aws:iam::${account.id}:${resource}`
const user: On = (account, { UserName = '', Path = '/' }) =>
  account.users.get(UserName.toLowerCase())?.arn ?? arn(account, `user${Path}${UserName}`)
const group: On = (account, { GroupName = '', Path = '/' }) =>
  account.groups.get(GroupName.toLowerCase())?.arn ?? arn(account, `group${Path}${GroupName}`)
const policy: On = (_account, { PolicyArn = '' }) => PolicyArn

const operations: Record<string, [On, Run]> = {
  GetUser: [user, getUser],
  ListUsers: [(account, { PathPrefix = '/' }) => arn(account, `user${PathPrefix}`), listUsers],
  CreateUser: [(account, { UserName, Path = '/' }) => arn(account, `user${Path}${UserName}`), createUser],
  TagUser: [user, tagUser],
  AttachUserPolicy: [user, attachUserPolicy],
  ListAttachedUserPolicies: [user, listAttachedUserPolicies],
  GetLoginProfile: [user, getLoginProfile],
  CreateLoginProfile: [user, createLoginProfile],
  UpdateLoginProfile: [user, updateLoginProfile],
  DeleteLoginProfile: [user, deleteLoginProfile],
  GetAccountPasswordPolicy: [() => '*', getAccountPasswordPolicy],
  ListGroups: [(account, { PathPrefix = '/' }) => arn(account, `group${PathPrefix}`), listGroups],
  GetGroup: [group, getGroup],
  CreateGroup: [(account, { GroupName, Path = '/' }) => arn(account, `group${Path}${GroupName}`), createGroup],
  AddUserToGroup: [group, addUserToGroup],
  ListGroupsForUser: [user, listGroupsForUser],
  AttachGroupPolicy: [group, attachGroupPolicy],
  ListAttachedGroupPolicies: [group, listAttachedGroupPolicies],
  PutGroupPolicy: [group, putGroupPolicy],
  GetGroupPolicy: [group, getGroupPolicy],
  ListGroupPolicies: [group, listGroupPolicies],
  GetPolicy: [policy, getPolicy],
  GetPolicyVersion: [policy, getPolicyVersion],
}

/** The ARN of what a call in an account acts on. */
export const resourceOf = (account: Account, operation: string, input: object) =>
  operations[operation]?.[0](account, input as Record<string, string | undefined>) ?? '*'

export const iam: Operations = Object.fromEntries(
  Object.entries(operations).map(([name, [on, run]]) => [
    name,
    (world: World, input: Record<string, string | undefined>, caller: Caller) => {
      const account = world.accounts.get(caller.accountId)!
      checkAllowed(world, caller, {
        action: `iam:${name}`,
        resource: on(account, input),
        policyArn: input['PolicyArn'],
      })
      return run(world, account, input as never, caller)
    },
  ]),
)

/** Signs in to an account's console as a person would. */
export const signIn = (world: World, accountId: string, userName: string, password: string) => {
  const user = world.accounts.get(accountId)?.users.get(userName.toLowerCase())
  if (!user?.login || user.login.password !== password) return 'refused'
  user.passwordLastUsed = world.now()
  return user.login.resetRequired ? 'must-change-password' : 'signed-in'
}
