import type * as IAM from '@aws-sdk/client-iam'
import {
  alreadyExists,
  below,
  checkName,
  checkPath,
  checkQuota,
  deleteConflict,
  groupOf,
  noSuchEntity,
  onePage,
  quotas,
  userOf,
} from './iam-common.ts'
import { attach, attached, deleteInline, detach, getInline, putInline } from './iam-policies.ts'
import { describeUser } from './iam-users.ts'
import { type Account, addGroup, type Group, type World } from './world.ts'

export const describeGroup = (group: Group) => ({
  Path: group.path,
  GroupName: group.name,
  GroupId: group.id,
  Arn: group.arn,
  CreateDate: new Date(group.createdAt),
})

export const listGroups = (world: World, account: Account, input: IAM.ListGroupsRequest) =>
  onePage('Groups', below(world, account.groups.values(), input).map(describeGroup), input)

export const getGroup = (world: World, account: Account, input: IAM.GetGroupRequest) => {
  const group = groupOf(world, account, input.GroupName)
  const members = below(world, account.users.values(), {}).filter(({ groups }) => groups.has(group))
  return { Group: describeGroup(group), ...onePage('Users', members.map(describeUser), input) }
}

export const createGroup = (world: World, account: Account, { GroupName, Path }: IAM.CreateGroupRequest) => {
  const name = checkName('groupName', GroupName, 128)
  const path = checkPath(Path)
  if (account.groups.has(name.toLowerCase())) throw alreadyExists(`Group with name ${name} already exists.`)
  checkQuota(account.groups.size >= quotas.groups, 'GroupsPerAccount', quotas.groups)
  return { Group: describeGroup(addGroup(world, account, { name, path })) }
}

export const addUserToGroup = (world: World, account: Account, { UserName, GroupName }: IAM.AddUserToGroupRequest) => {
  const group = groupOf(world, account, GroupName)
  const { groups } = userOf(world, account, UserName)
  checkQuota(!groups.has(group) && groups.size >= quotas.groupsPerUser, 'GroupsPerUser', quotas.groupsPerUser)
  groups.add(group)
}

export const listGroupsForUser = (world: World, account: Account, input: IAM.ListGroupsForUserRequest) =>
  onePage('Groups', below(world, userOf(world, account, input.UserName).groups, {}).map(describeGroup), input)

export const attachGroupPolicy = (
  world: World,
  account: Account,
  { GroupName, PolicyArn }: IAM.AttachGroupPolicyRequest,
) => {
  attach(account, groupOf(world, account, GroupName).policies, PolicyArn, 'PoliciesPerGroup')
}

export const listAttachedGroupPolicies = (
  world: World,
  account: Account,
  input: IAM.ListAttachedGroupPoliciesRequest,
) => onePage('AttachedPolicies', attached(groupOf(world, account, input.GroupName).policies), input)

export const putGroupPolicy = (world: World, account: Account, input: IAM.PutGroupPolicyRequest) =>
  putInline(groupOf(world, account, input.GroupName), input, { kind: 'group', most: quotas.inlineOfGroup })

export const getGroupPolicy = (
  world: World,
  account: Account,
  { GroupName, PolicyName }: IAM.GetGroupPolicyRequest,
) => ({
  GroupName,
  ...getInline(groupOf(world, account, GroupName), PolicyName, 'group'),
})

export const listGroupPolicies = (world: World, account: Account, input: IAM.ListGroupPoliciesRequest) =>
  onePage('PolicyNames', [...groupOf(world, account, input.GroupName).inline.keys()], input)

export const detachGroupPolicy = (
  world: World,
  account: Account,
  { GroupName, PolicyArn }: IAM.DetachGroupPolicyRequest,
) => detach(groupOf(world, account, GroupName).policies, PolicyArn)

export const deleteGroupPolicy = (
  world: World,
  account: Account,
  { GroupName, PolicyName }: IAM.DeleteGroupPolicyRequest,
) => deleteInline(groupOf(world, account, GroupName), PolicyName, 'group')

export const removeUserFromGroup = (
  world: World,
  account: Account,
  { UserName, GroupName }: IAM.RemoveUserFromGroupRequest,
) => {
  const group = groupOf(world, account, GroupName)
  if (!userOf(world, account, UserName).groups.delete(group))
    throw noSuchEntity(`User ${UserName} not in group ${GroupName}`)
}

export const deleteGroup = (world: World, account: Account, { GroupName }: IAM.DeleteGroupRequest) => {
  const group = groupOf(world, account, GroupName)
  if ([...account.users.values()].some(({ groups }) => groups.has(group)))
    throw deleteConflict('Cannot delete entity, must remove users from group first.')
  if (group.policies.size) throw deleteConflict('Cannot delete entity, must detach all policies first.')
  if (group.inline.size) throw deleteConflict('Cannot delete entity, must delete policies first.')
  account.groups.delete(group.name.toLowerCase())
}
