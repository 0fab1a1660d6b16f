import type * as IAM from '@aws-sdk/client-iam'
import { checkAllowed } from './authorization.ts'
import { AwsError } from './aws-error.ts'
import {
  alreadyExists,
  below,
  checkName,
  checkPath,
  checkQuota,
  deleteConflict,
  invalid,
  onePage,
  quotas,
  userOf,
} from './iam-common.ts'
import { whyUserStays } from './iam-credentials.ts'
import { attach, attached, deleteInline, detach, getInline, putInline } from './iam-policies.ts'
import type { Caller } from './operation.ts'
import { type Account, addUser, type User, type World } from './world.ts'

export const describeUser = (user: User) => ({
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
  if (keys.some((key) => key.startsWith('aws:')))
    throw new AwsError('InvalidInput', 'Tag keys that begin with aws: are reserved.')
  if (new Set(keys).size < keys.length)
    throw new AwsError('InvalidInput', 'Duplicate tag keys found. Please note that Tag keys are case insensitive.')
  const all = new Set([...keys, ...[...already.keys()].map((key) => key.toLowerCase())])
  checkQuota(all.size > quotas.tags, 'TagsPerUser', quotas.tags)
}

/** IAM compares tag keys without case, and keeps the case that a key was created with. */
const setTags = (user: User, tags: IAM.Tag[]) => {
  for (const { Key = '', Value = '' } of tags)
    user.tags.set([...user.tags.keys()].find((key) => key.toLowerCase() === Key.toLowerCase()) ?? Key, Value)
}

export const getUser = (world: World, account: Account, { UserName }: IAM.GetUserRequest) => {
  if (!UserName) throw invalid('Must specify userName when calling with non-User credentials')
  return { User: describeUserWithTags(userOf(world, account, UserName)) }
}

export const listUsers = (world: World, account: Account, input: IAM.ListUsersRequest) =>
  onePage('Users', below(world, account.users.values(), input).map(describeUser), input)

export const createUser = (
  world: World,
  account: Account,
  { UserName, Path, Tags }: IAM.CreateUserRequest,
  caller: Caller,
) => {
  const name = checkName('userName', UserName, 64)
  const path = checkPath(Path)
  // The query protocol sends an empty list as an empty string.
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

export const tagUser = (world: World, account: Account, { UserName, Tags }: IAM.TagUserRequest) => {
  const user = userOf(world, account, UserName)
  checkTags(Tags || [], user.tags)
  setTags(user, Tags || [])
}

export const attachUserPolicy = (
  world: World,
  account: Account,
  { UserName, PolicyArn }: IAM.AttachUserPolicyRequest,
) => {
  attach(account, userOf(world, account, UserName).policies, PolicyArn, 'PoliciesPerUser')
}

export const putUserPolicy = (world: World, account: Account, input: IAM.PutUserPolicyRequest) =>
  putInline(userOf(world, account, input.UserName), input, { kind: 'user', most: quotas.inlineOfUser })

export const getUserPolicy = (world: World, account: Account, { UserName, PolicyName }: IAM.GetUserPolicyRequest) => ({
  UserName,
  ...getInline(userOf(world, account, UserName), PolicyName, 'user'),
})

export const listUserPolicies = (world: World, account: Account, input: IAM.ListUserPoliciesRequest) =>
  onePage('PolicyNames', [...userOf(world, account, input.UserName).inline.keys()], input)

export const listAttachedUserPolicies = (world: World, account: Account, input: IAM.ListAttachedUserPoliciesRequest) =>
  onePage('AttachedPolicies', attached(userOf(world, account, input.UserName).policies), input)

export const detachUserPolicy = (
  world: World,
  account: Account,
  { UserName, PolicyArn }: IAM.DetachUserPolicyRequest,
) => detach(userOf(world, account, UserName).policies, PolicyArn)

export const deleteUserPolicy = (
  world: World,
  account: Account,
  { UserName, PolicyName }: IAM.DeleteUserPolicyRequest,
) => deleteInline(userOf(world, account, UserName), PolicyName, 'user')

export const deleteUser = (world: World, account: Account, { UserName }: IAM.DeleteUserRequest) => {
  const user = userOf(world, account, UserName)
  const why = whyUserStays(account, user)
  if (why) throw deleteConflict(why)
  account.users.delete(user.name.toLowerCase())
}
