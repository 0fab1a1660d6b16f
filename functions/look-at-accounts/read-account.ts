import {
  GetAccountPasswordPolicyCommand,
  GetLoginProfileCommand,
  GetRoleCommand,
  type GroupDetail,
  type IAMClient,
  ListAccessKeysCommand,
  ListMFADevicesCommand,
  type LoginProfile,
  paginateGetAccountAuthorizationDetails,
  paginateListUsers,
  type UserDetail,
} from '@aws-sdk/client-iam'
import { hasSignedIn } from '../shared/has-signed-in.ts'
import { ourPath, type Permission } from '../shared/iam-client.ts'
import { ifFound } from '../shared/iam-reads.ts'
import type { AccountRecord } from '../shared/record-and-lease.ts'
import type { GroupThere, There, UserThere } from './compare.ts'

/** What a look needs to be allowed in an account: it only reads. */
export const lookPermissions: Permission[] = [
  {
    actions: [
      'iam:GetAccountAuthorizationDetails',
      'iam:GetAccountPasswordPolicy',
      'iam:GetLoginProfile',
      'iam:GetRole',
      'iam:ListAccessKeys',
      'iam:ListMFADevices',
      'iam:ListUsers',
    ],
    resources: ['*'],
  },
]

const lower = (name = '') => name.toLowerCase()

/** IAM answers a policy document as JSON in URL encoding (IAM API Reference, PolicyDetail and Role). */
const documentOf = (encoded = '{}') => JSON.parse(decodeURIComponent(encoded)) as object

const documentsOf = (policies: { PolicyName?: string | undefined; PolicyDocument?: string | undefined }[] = []) =>
  Object.fromEntries(policies.map(({ PolicyName = '', PolicyDocument }) => [PolicyName, documentOf(PolicyDocument)]))

const arnsOf = (attached: { PolicyArn?: string | undefined }[] = []) => attached.map(({ PolicyArn = '' }) => PolicyArn)

const groupThere = ({ GroupName: name = '', Path: path = '', ...detail }: GroupDetail): GroupThere => ({
  name,
  path,
  policies: arnsOf(detail.AttachedManagedPolicies),
  inline: documentsOf(detail.GroupPolicyList),
})

/**
 * Reads the users and groups on record, and the members of these groups. One list answers all of that, page by page.
 * An account can have 5,000 users, so users of no interest are left out at once.
 */
const readDetails = async (iam: IAMClient, names: { users: Set<string>; groups: Set<string> }) => {
  const users: UserDetail[] = []
  const groups = new Map<string, GroupThere>()
  const isMember = ({ GroupList = [] }: UserDetail) => GroupList.some((group) => names.groups.has(lower(group)))
  const pages = paginateGetAccountAuthorizationDetails({ client: iam, pageSize: 1000 }, { Filter: ['User', 'Group'] })
  for await (const { UserDetailList = [], GroupDetailList = [] } of pages) {
    users.push(...UserDetailList.filter((user) => names.users.has(lower(user.UserName)) || isMember(user)))
    for (const group of GroupDetailList)
      if (names.groups.has(lower(group.GroupName))) groups.set(lower(group.GroupName), groupThere(group))
  }
  return { users, groups }
}

/** The users on our path with the last use of their passwords, which no other list has. */
const readPasswordUses = async (iam: IAMClient) => {
  const lastUsed = new Map<string, Date | undefined>()
  for await (const { Users = [] } of paginateListUsers({ client: iam, pageSize: 1000 }, { PathPrefix: ourPath }))
    for (const { UserName, PasswordLastUsed } of Users) lastUsed.set(lower(UserName), PasswordLastUsed)
  return lastUsed
}

/** How a user of ours can sign in. A user who was deleted meanwhile has nothing. */
const readSignIn = async (iam: IAMClient, UserName: string) => {
  const [profile, devices, keys] = await Promise.all([
    ifFound(iam.send(new GetLoginProfileCommand({ UserName }))),
    // A user has at most 8 MFA devices and 2 access keys, so there is one page (IAM User Guide, reference_iam-quotas).
    ifFound(iam.send(new ListMFADevicesCommand({ UserName }))),
    ifFound(iam.send(new ListAccessKeysCommand({ UserName }))),
  ])
  return {
    profile: profile?.LoginProfile,
    hasMfa: (devices?.MFADevices ?? []).length > 0,
    accessKeys: (keys?.AccessKeyMetadata ?? []).length,
  }
}
type SignIn = Awaited<ReturnType<typeof readSignIn>>

const userThere = (
  { UserName: name = '', Path: path = '', ...detail }: UserDetail,
  lastUsed: Date | undefined,
  signIn: SignIn | undefined,
): UserThere => {
  const profile: LoginProfile | undefined = signIn?.profile
  const isInUse = hasSignedIn(lastUsed && { PasswordLastUsed: lastUsed }, profile)
  return {
    name,
    path,
    policies: arnsOf(detail.AttachedManagedPolicies),
    inline: documentsOf(detail.UserPolicyList),
    groups: detail.GroupList ?? [],
    tags: Object.fromEntries((detail.Tags ?? []).map(({ Key = '', Value = '' }) => [Key, Value])),
    hasLoginProfile: profile !== undefined,
    hasSignedIn: isInUse,
    ...(isInUse && lastUsed && { lastSignInAt: lastUsed.toISOString() }),
    mustChangePassword: profile?.PasswordResetRequired ?? false,
    hasMfa: signIn?.hasMfa ?? false,
    accessKeys: signIn?.accessKeys ?? 0,
  }
}

const readAccessRole = async (iam: IAMClient, name: string) => {
  const { Role } = await iam.send(new GetRoleCommand({ RoleName: name }))
  return { name, trust: documentOf(Role?.AssumeRolePolicyDocument) }
}

/** Reads what `compare` needs of an account. Throws IAM's own errors. */
export const readThere = async (
  iam: IAMClient,
  {
    record,
    accessRole: roleName,
  }: { record: Pick<AccountRecord, 'admins' | 'groups'> | undefined; accessRole: string },
): Promise<There> => {
  const ours = Object.values(record?.admins ?? {}).filter(({ kept }) => !kept)
  const names = {
    users: new Set(ours.map(({ userName }) => lower(userName))),
    groups: new Set(Object.values(record?.groups ?? {}).map(({ name }) => lower(name))),
  }
  const [details, lastUsed, passwordPolicy, accessRole] = await Promise.all([
    names.users.size || names.groups.size
      ? readDetails(iam, names)
      : { users: [], groups: new Map<string, GroupThere>() },
    names.users.size ? readPasswordUses(iam) : new Map<string, Date | undefined>(),
    ifFound(iam.send(new GetAccountPasswordPolicyCommand({}))),
    readAccessRole(iam, roleName),
  ])
  const users = await Promise.all(
    details.users.map(async (user) => {
      const name = lower(user.UserName)
      const isOurs = names.users.has(name) && user.Path === ourPath
      const signIn = isOurs ? await readSignIn(iam, user.UserName ?? '') : undefined
      return [name, userThere(user, lastUsed.get(name), signIn)] as const
    }),
  )
  return { users: new Map(users), groups: details.groups, passwordPolicy: passwordPolicy?.PasswordPolicy, accessRole }
}
