import { AwsError } from './aws-error.ts'
import {
  createAccessKey,
  createVirtualMFADevice,
  deactivateMFADevice,
  deleteAccessKey,
  deleteServiceSpecificCredential,
  deleteSigningCertificate,
  deleteSSHPublicKey,
  deleteVirtualMFADevice,
  enableMFADevice,
  listAccessKeys,
  listMFADevices,
  listServiceSpecificCredentials,
  listSigningCertificates,
  listSSHPublicKeys,
} from './iam-credentials.ts'
import { getAccountAuthorizationDetails } from './iam-details.ts'
import {
  addUserToGroup,
  attachGroupPolicy,
  createGroup,
  deleteGroup,
  deleteGroupPolicy,
  detachGroupPolicy,
  getGroup,
  getGroupPolicy,
  listAttachedGroupPolicies,
  listGroupPolicies,
  listGroups,
  listGroupsForUser,
  putGroupPolicy,
  removeUserFromGroup,
} from './iam-groups.ts'
import {
  createLoginProfile,
  deleteLoginProfile,
  getAccountPasswordPolicy,
  getLoginProfile,
  updateAccountPasswordPolicy,
  updateLoginProfile,
} from './iam-login-profiles.ts'
import { getPolicy, getPolicyVersion } from './iam-policies.ts'
import { getRole, listRoles } from './iam-roles.ts'
import { callAsRoot, listOrganizationsFeatures } from './iam-root.ts'
import {
  attachUserPolicy,
  createUser,
  deleteUser,
  deleteUserPolicy,
  detachUserPolicy,
  getUser,
  getUserPolicy,
  listAttachedUserPolicies,
  listUserPolicies,
  listUsers,
  putUserPolicy,
  tagUser,
} from './iam-users.ts'
import { checkAllowed } from './authorization.ts'
import type { Caller, Operations } from './operation.ts'
import type { Account, World } from './world.ts'

type Run = (world: World, account: Account, input: never, caller: Caller) => unknown
/** Returns the ARN that an operation acts on. Policies are checked against this ARN. */
type ResourceOf = (account: Account, input: Record<string, string | undefined>) => string

const arn = (account: Account, resource: string) => `arn:aws:iam::${account.id}:${resource}`
const user: ResourceOf = (account, { UserName = '', Path = '/' }) =>
  account.users.get(UserName.toLowerCase())?.arn ?? arn(account, `user${Path}${UserName}`)
const group: ResourceOf = (account, { GroupName = '', Path = '/' }) =>
  account.groups.get(GroupName.toLowerCase())?.arn ?? arn(account, `group${Path}${GroupName}`)
const device: ResourceOf = (account, { SerialNumber, VirtualMFADeviceName = '', Path = '/' }) =>
  SerialNumber ?? arn(account, `mfa${Path}${VirtualMFADeviceName}`)
const role: ResourceOf = (account, { RoleName = '' }) =>
  arn(account, `role${account.roles.get(RoleName.toLowerCase())?.path ?? '/'}${RoleName}`)
const policy: ResourceOf = (_account, { PolicyArn = '' }) => PolicyArn

const operations: Record<string, [ResourceOf, Run]> = {
  GetUser: [user, getUser],
  ListUsers: [(account, { PathPrefix = '/' }) => arn(account, `user${PathPrefix}`), listUsers],
  CreateUser: [(account, { UserName, Path = '/' }) => arn(account, `user${Path}${UserName}`), createUser],
  TagUser: [user, tagUser],
  AttachUserPolicy: [user, attachUserPolicy],
  ListAttachedUserPolicies: [user, listAttachedUserPolicies],
  PutUserPolicy: [user, putUserPolicy],
  GetUserPolicy: [user, getUserPolicy],
  ListUserPolicies: [user, listUserPolicies],
  DetachUserPolicy: [user, detachUserPolicy],
  DeleteUserPolicy: [user, deleteUserPolicy],
  DeleteUser: [user, deleteUser],
  CreateAccessKey: [user, createAccessKey],
  ListAccessKeys: [user, listAccessKeys],
  DeleteAccessKey: [user, deleteAccessKey],
  CreateVirtualMFADevice: [device, createVirtualMFADevice],
  EnableMFADevice: [user, enableMFADevice],
  ListMFADevices: [user, listMFADevices],
  DeactivateMFADevice: [user, deactivateMFADevice],
  DeleteVirtualMFADevice: [device, deleteVirtualMFADevice],
  ListSigningCertificates: [user, listSigningCertificates],
  DeleteSigningCertificate: [user, deleteSigningCertificate],
  ListSSHPublicKeys: [user, listSSHPublicKeys],
  DeleteSSHPublicKey: [user, deleteSSHPublicKey],
  ListServiceSpecificCredentials: [user, listServiceSpecificCredentials],
  DeleteServiceSpecificCredential: [user, deleteServiceSpecificCredential],
  GetLoginProfile: [user, getLoginProfile],
  CreateLoginProfile: [user, createLoginProfile],
  UpdateLoginProfile: [user, updateLoginProfile],
  DeleteLoginProfile: [user, deleteLoginProfile],
  GetAccountAuthorizationDetails: [() => '*', getAccountAuthorizationDetails],
  GetAccountPasswordPolicy: [() => '*', getAccountPasswordPolicy],
  UpdateAccountPasswordPolicy: [() => '*', updateAccountPasswordPolicy],
  ListGroups: [(account, { PathPrefix = '/' }) => arn(account, `group${PathPrefix}`), listGroups],
  GetGroup: [group, getGroup],
  CreateGroup: [(account, { GroupName, Path = '/' }) => arn(account, `group${Path}${GroupName}`), createGroup],
  AddUserToGroup: [group, addUserToGroup],
  RemoveUserFromGroup: [group, removeUserFromGroup],
  DetachGroupPolicy: [group, detachGroupPolicy],
  DeleteGroupPolicy: [group, deleteGroupPolicy],
  DeleteGroup: [group, deleteGroup],
  ListGroupsForUser: [user, listGroupsForUser],
  AttachGroupPolicy: [group, attachGroupPolicy],
  ListAttachedGroupPolicies: [group, listAttachedGroupPolicies],
  PutGroupPolicy: [group, putGroupPolicy],
  GetGroupPolicy: [group, getGroupPolicy],
  ListGroupPolicies: [group, listGroupPolicies],
  GetRole: [role, getRole],
  ListRoles: [(account, { PathPrefix = '/' }) => arn(account, `role${PathPrefix}`), listRoles],
  ListOrganizationsFeatures: [() => '*', listOrganizationsFeatures],
  GetPolicy: [policy, getPolicy],
  GetPolicyVersion: [policy, getPolicyVersion],
}

/** The ARN of the resource that a call in an account acts on, or `*`. */
export const resourceOf = (account: Account, operation: string, input: object) =>
  operations[operation]?.[0](account, input as Record<string, string | undefined>) ?? '*'

export const iam: Operations = Object.fromEntries(
  Object.entries(operations).map(([name, [resource, run]]) => [
    name,
    (world: World, input: Record<string, string | undefined>, caller: Caller) => {
      const account = world.accounts.get(caller.accountId)
      // The account may leave the organization while its call is under way.
      if (!account)
        throw new AwsError('InvalidClientTokenId', 'The security token included in the request is invalid.', 403)
      if (caller.session?.isRoot) return callAsRoot(account, caller, name, input)
      checkAllowed(world, caller, {
        action: `iam:${name}`,
        resource: resource(account, input),
        policyArn: input['PolicyArn'],
      })
      return run(world, account, input as never, caller)
    },
  ]),
)

/** Signs in to an account's console as a person would, and records that the password was used. */
export const signIn = (world: World, accountId: string, userName: string, password: string) => {
  const user = world.accounts.get(accountId)?.users.get(userName.toLowerCase())
  if (!user?.login || user.login.password !== password) return 'refused'
  user.passwordLastUsed = world.now()
  return user.login.resetRequired ? 'must-change-password' : 'signed-in'
}
