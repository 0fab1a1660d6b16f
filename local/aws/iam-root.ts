import { denied } from './authorization.ts'
import { AwsError } from './aws-error.ts'
import { noSuchEntity } from './iam-common.ts'
import type { Caller } from './operation.ts'
import type { Account, World } from './world.ts'

// What a session of AssumeRoot with the policy IAMAuditRootUserCredentials may call: the session leaves out the user
// name, and gets the credentials of the root user.

const operations: Record<string, (account: Account) => unknown> = {
  GetLoginProfile: ({ rootUser }) => {
    if (rootUser.passwordCreatedAt === undefined) throw noSuchEntity('Login Profile for User root cannot be found.')
    return { LoginProfile: { CreateDate: new Date(rootUser.passwordCreatedAt), PasswordResetRequired: false } }
  },
  ListAccessKeys: ({ rootUser }) => ({
    AccessKeyMetadata: rootUser.accessKeys.map((AccessKeyId) => ({ AccessKeyId, Status: 'Active' })),
    IsTruncated: false,
  }),
  ListSigningCertificates: ({ rootUser }) => ({
    Certificates: rootUser.certificates.map((CertificateId) => ({
      CertificateId,
      UserName: 'root',
      CertificateBody: 'body',
      Status: 'Active',
    })),
    IsTruncated: false,
  }),
  ListMFADevices: ({ rootUser, joinedAt }) => ({
    MFADevices: rootUser.mfaDevices.map((SerialNumber) => ({
      SerialNumber,
      UserName: 'root',
      EnableDate: new Date(joinedAt),
    })),
    IsTruncated: false,
  }),
}

/** A call of IAM in a session of AssumeRoot. */
export const callAsRoot = (account: Account, caller: Caller, name: string, { UserName }: { UserName?: string }) => {
  const run = operations[name]
  if (!run || UserName !== undefined)
    throw denied(
      caller,
      `iam:${name}`,
      `arn:aws:iam::${account.id}:root`,
      ` because no session policy allows the iam:${name} action`,
    )
  return run(account)
}

/** What IAM manages centrally in the organization (IAM API Reference, ListOrganizationsFeatures). */
export const listOrganizationsFeatures = (world: World, account: Account) => {
  if (account.id !== world.managementAccountId)
    throw new AwsError(
      'AccountNotManagementOrDelegatedAdministratorException',
      'The account is neither the management account nor a delegated administrator for centralized root access.',
    )
  if (!world.trustedServices.has('iam.amazonaws.com'))
    throw new AwsError('ServiceAccessNotEnabledException', 'Trusted access is not enabled for IAM in Organizations.')
  return {
    OrganizationId: world.organizationId,
    EnabledFeatures: world.managesRootCredentials ? ['RootCredentialsManagement'] : [],
  }
}
