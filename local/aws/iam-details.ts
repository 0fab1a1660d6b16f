import type * as IAM from '@aws-sdk/client-iam'
import { unsupported } from './aws-error.ts'
import { below, invalid, onePage } from './iam-common.ts'
import { describeGroup } from './iam-groups.ts'
import { attached, encodeDocument } from './iam-policies.ts'
import { describeUser } from './iam-users.ts'
import type { Account, Group, User, World } from './world.ts'

const inlineOf = ({ inline }: User | Group) =>
  [...inline].map(([PolicyName, document]) => ({ PolicyName, PolicyDocument: encodeDocument(document) }))

/** Different from ListUsers and GetUser, this operation tells nothing about the use of passwords. */
const userDetail = (user: User) => {
  const { PasswordLastUsed: _, ...described } = describeUser(user)
  return {
    ...described,
    UserPolicyList: inlineOf(user),
    GroupList: [...user.groups].map(({ name }) => name),
    AttachedManagedPolicies: attached(user.policies),
    Tags: [...user.tags].map(([Key, Value]) => ({ Key, Value })),
  }
}

const groupDetail = (group: Group) => ({
  ...describeGroup(group),
  GroupPolicyList: inlineOf(group),
  AttachedManagedPolicies: attached(group.policies),
})

const kinds = ['User', 'Role', 'Group', 'LocalManagedPolicy', 'AWSManagedPolicy']

/** The details of users and groups. One page counts entities of both kinds together. */
export const getAccountAuthorizationDetails = (
  world: World,
  account: Account,
  { Filter = [], ...paging }: IAM.GetAccountAuthorizationDetailsRequest,
) => {
  const unknown = Filter.find((kind) => !kinds.includes(kind))
  if (unknown)
    throw invalid(
      `1 validation error detected: Value '[${unknown}]' at 'filter' failed to satisfy constraint: Member must satisfy constraint: [Member must satisfy enum value set: [${kinds.join(', ')}]]`,
    )
  if (!Filter.length || Filter.some((kind) => kind !== 'User' && kind !== 'Group'))
    throw unsupported('GetAccountAuthorizationDetails of other kinds than User and Group')
  const entities = [
    ...(Filter.includes('User') ? below(world, account.users.values(), {}) : []).map((user) => ({ user })),
    ...(Filter.includes('Group') ? below(world, account.groups.values(), {}) : []).map((group) => ({ group })),
  ]
  const { entities: page, ...rest } = onePage('entities', entities, paging) as {
    entities: ({ user: User } | { group: Group })[]
    IsTruncated: boolean
    Marker?: string
  }
  return {
    UserDetailList: page.flatMap((one) => ('user' in one ? [userDetail(one.user)] : [])),
    GroupDetailList: page.flatMap((one) => ('group' in one ? [groupDetail(one.group)] : [])),
    RoleDetailList: [],
    Policies: [],
    ...rest,
  }
}
