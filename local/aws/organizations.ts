import type * as Organizations from '@aws-sdk/client-organizations'
import { AwsError } from './aws-error.ts'
import type { Operations } from './operation.ts'
import { arnOf, invalid, onePage, pathOf } from './organizations-common.ts'
import { createAccount, describeCreateAccountStatus, listCreateAccountStatus } from './organizations-create-account.ts'
import { describePolicy, listPolicies, listPoliciesForTarget, listTargetsForPolicy } from './organizations-policies.ts'
import { listTagsForResource, tagResource, untagResource } from './organizations-tags.ts'
import {
  describeOrganizationalUnit,
  listOrganizationalUnitsForParent,
  listParents,
  listRoots,
  moveAccount,
} from './organizations-tree.ts'
import type { Account, World } from './world.ts'

const describe = (world: World, account: Account) => ({
  Id: account.id,
  Arn: arnOf(world, `account/${account.id}`),
  Email: account.email,
  Name: account.name,
  State: account.state,
  // Status has fewer values than State, and AWS shows every other state as SUSPENDED.
  Status: account.state === 'ACTIVE' || account.state === 'PENDING_CLOSURE' ? account.state : ('SUSPENDED' as const),
  JoinedMethod: account.joinedMethod,
  JoinedTimestamp: new Date(account.joinedAt),
  Paths: [pathOf(world, account.id)],
})

const describeAccount = (world: World, { AccountId = '' }: Organizations.DescribeAccountRequest) => {
  if (!/^\d{12}$/.test(AccountId)) throw invalid('INVALID_PATTERN', 'AccountId is not 12 digits.')
  const account = world.accounts.get(AccountId)
  if (!account) throw new AwsError('AccountNotFoundException', "You specified an account that doesn't exist.")
  return { Account: describe(world, account) }
}

const describeOrganization = (world: World) => ({
  Organization: {
    Id: world.organizationId,
    Arn: `arn:aws:organizations::${world.managementAccountId}:organization/${world.organizationId}`,
    FeatureSet: 'ALL',
    MasterAccountArn: arnOf(world, `account/${world.managementAccountId}`),
    MasterAccountId: world.managementAccountId,
    MasterAccountEmail: world.accounts.get(world.managementAccountId)?.email,
  },
})

const listAccounts = (world: World, asked: Organizations.ListAccountsRequest) => {
  const { items, NextToken } = onePage(world, [...world.accounts.values()], asked)
  return { Accounts: items.map((account) => describe(world, account)), NextToken }
}

const listAWSServiceAccess = (world: World, asked: Organizations.ListAWSServiceAccessForOrganizationRequest) => {
  const { items, NextToken } = onePage(world, [...world.trustedServices], asked)
  const DateEnabled = new Date(world.accounts.get(world.managementAccountId)?.joinedAt ?? 0)
  return { EnabledServicePrincipals: items.map((ServicePrincipal) => ({ ServicePrincipal, DateEnabled })), NextToken }
}

export const organizations: Operations = {
  DescribeAccount: describeAccount,
  DescribeOrganization: describeOrganization,
  ListRoots: listRoots,
  ListParents: listParents,
  ListOrganizationalUnitsForParent: listOrganizationalUnitsForParent,
  DescribeOrganizationalUnit: describeOrganizationalUnit,
  MoveAccount: moveAccount,
  TagResource: tagResource,
  UntagResource: untagResource,
  ListTagsForResource: listTagsForResource,
  ListAccounts: listAccounts,
  ListAWSServiceAccessForOrganization: listAWSServiceAccess,
  ListPolicies: listPolicies,
  DescribePolicy: describePolicy,
  ListTargetsForPolicy: listTargetsForPolicy,
  ListPoliciesForTarget: listPoliciesForTarget,
  CreateAccount: createAccount,
  DescribeCreateAccountStatus: describeCreateAccountStatus,
  ListCreateAccountStatus: listCreateAccountStatus,
}
