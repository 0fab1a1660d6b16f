import {
  GetLoginProfileCommand,
  type Group as IamGroup,
  type IAMClient,
  ListServiceSpecificCredentialsCommand,
  paginateListAccessKeys,
  paginateListAttachedGroupPolicies,
  paginateListAttachedUserPolicies,
  paginateListGroupPolicies,
  paginateListGroups,
  paginateListGroupsForUser,
  paginateListMFADevices,
  paginateListSigningCertificates,
  paginateListSSHPublicKeys,
  paginateListUserPolicies,
  paginateListUsers,
  type User as IamUser,
} from '@aws-sdk/client-iam'
import { hasSignedIn } from '../shared/has-signed-in.ts'
import { ourPath, type Permission } from '../shared/iam-client.ts'
import { collect, ifFound, membersOf } from '../shared/iam-reads.ts'
import { type AccountRecord, entryOf } from '../shared/record-and-lease.ts'
import type { Credentials, Remove, Stays } from '../shared/removal.ts'
import { together } from '../shared/together.ts'

/** What `inspectRemoval` needs to be allowed in the account. */
export const inspectRemovalPermissions = ({ what }: Remove): Permission[] => [
  {
    actions: [
      'iam:ListUsers',
      'iam:GetLoginProfile',
      'iam:ListAccessKeys',
      'iam:ListMFADevices',
      'iam:ListSigningCertificates',
      'iam:ListSSHPublicKeys',
      'iam:ListServiceSpecificCredentials',
      ...(what === 'everything'
        ? [
            'iam:ListGroups',
            'iam:GetGroup',
            'iam:ListGroupsForUser',
            'iam:ListAttachedUserPolicies',
            'iam:ListUserPolicies',
            'iam:ListAttachedGroupPolicies',
            'iam:ListGroupPolicies',
          ]
        : []),
    ],
    resources: ['*'],
  },
]

/** A user of ours, with all that IAM wants to be deleted before the user. */
export type OurUser = {
  userName: string
  hasLoginProfile: boolean
  accessKeys: string[]
  mfaDevices: string[]
  certificates: string[]
  sshKeys: string[]
  serviceCredentials: string[]
  /** Empty if only the sign-in is removed, as are the two below. */
  groups: IamGroup[]
  policies: string[]
  inline: string[]
}

/** A group of ours that nobody but our users is in. */
export type OurGroup = { name: string; policies: string[]; inline: string[] }

type Inspection = {
  remove: Remove
  /** The part of the account's record that says what is ours there. */
  record: Pick<AccountRecord, 'passwords' | 'groups' | 'asked'>
}

/**
 * Finds what a removal takes out of the account, by reading only. `vend remove` shows what would be removed by this as
 * well.
 *
 * A user is ours if the user has our path and the ledger lists the user: anyone in the account can create users on that
 * path. A group is ours if it has our path, and the ledger lists the group, or the group has members and all of them
 * are ours. (A vend also takes an empty group on our path for ours. A removal leaves the group, and names it.)
 *
 * Answers
 * - `users`: the users to remove, with what belongs to them;
 * - `gone`: the names on record that the account no longer has;
 * - `groups`: the groups to delete; none if one user is named, or only the sign-in is removed;
 * - `stays`: what has our path and is not removed, and why;
 * - `lastWayIn`: the users without whom nobody could sign in to the console with a password. Empty if another user has
 *   a login profile. A sign-in that nobody has used is no way in if only such sign-ins are removed (`unclaimed`).
 */
export const inspectRemoval = async (iam: IAMClient, { remove, record }: Inspection) => {
  const { what, userName, unclaimed = false } = remove
  const [allUsers, allGroups] = await together([
    collect(paginateListUsers({ client: iam, pageSize: 1000 }, {}), ({ Users }) => Users),
    what === 'everything'
      ? collect(paginateListGroups({ client: iam, pageSize: 1000 }, { PathPrefix: ourPath }), ({ Groups }) => Groups)
      : Promise.resolve([]),
  ])
  const isOnRecord = (name: string) => entryOf(record.passwords, name.toLowerCase()) !== undefined
  const isOurs = ({ UserName = '', Path }: IamUser) => Path === ourPath && isOnRecord(UserName)
  const isWanted = (name: string) => userName === undefined || name.toLowerCase() === userName.toLowerCase()
  const wanted = allUsers.filter((user) => isOurs(user) && isWanted(user.UserName ?? ''))
  const found = await together(wanted.map((user) => readUser(iam, user, what)))
  const isLeft = ({ signsIn }: { signsIn: boolean }) => unclaimed && signsIn
  const users = found.filter((user) => !isLeft(user))
  const isRemoved = (name: string) => users.some((user) => user.userName === name)
  const groups =
    userName === undefined
      ? await together(allGroups.map((group) => readGroup(iam, group, { record, isOnRecord, isRemoved })))
      : []
  const names = allUsers.map(({ UserName = '' }) => UserName.toLowerCase())
  const taken = users.filter(({ hasLoginProfile }) => hasLoginProfile).map(({ userName }) => userName)
  const staying = allUsers.filter(({ UserName = '' }) => !isRemoved(UserName))
  const isLast = taken.length > 0 && !unclaimed && !(await hasWayIn(iam, staying))
  return {
    users: users.map(({ signsIn: _, ...user }) => user),
    gone: Object.keys(record.passwords).filter((name) => isWanted(name) && !names.includes(name)),
    groups: groups.flatMap(({ ours }) => ours ?? []),
    stays: [
      ...allUsers.filter((user) => !isOurs(user)).flatMap((user) => whyUserStays(user, { isOnRecord, isWanted })),
      ...found.filter(isLeft).map(({ userName }) => staysAs('user', userName, 'has signed in')),
      ...groups.flatMap(({ stays }) => stays ?? []),
    ],
    lastWayIn: isLast ? taken : [],
  }
}

const staysAs = (kind: Stays['kind'], name: string, why: string): Stays => ({ kind, name, why })

/** Names a user who is not ours, and whom a person could take for ours. */
const whyUserStays = (
  { UserName = '', Path }: IamUser,
  { isOnRecord, isWanted }: { isOnRecord: (name: string) => boolean; isWanted: (name: string) => boolean },
): Stays[] => {
  if (!isWanted(UserName)) return []
  if (Path === ourPath) return [staysAs('user', UserName, 'the ledger does not list this user')]
  return isOnRecord(UserName)
    ? [staysAs('user', UserName, `somebody else has created this user, outside of the path ${ourPath}`)]
    : []
}

const readUser = async (iam: IAMClient, user: IamUser, what: Remove['what']) => {
  const { UserName = '' } = user
  const of = { UserName }
  const ofAll = <Items>(items: () => Promise<Items[]>) => (what === 'everything' ? items() : Promise.resolve([]))
  const [profile, accessKeys, mfaDevices, certificates, sshKeys, service, groups, policies, inline] = await together([
    ifFound(iam.send(new GetLoginProfileCommand(of))),
    collect(paginateListAccessKeys({ client: iam }, of), (page) => page.AccessKeyMetadata),
    collect(paginateListMFADevices({ client: iam }, of), (page) => page.MFADevices),
    collect(paginateListSigningCertificates({ client: iam }, of), (page) => page.Certificates),
    collect(paginateListSSHPublicKeys({ client: iam }, of), (page) => page.SSHPublicKeys),
    collect(pagesOfServiceCredentials(iam, UserName), (page) => page.ServiceSpecificCredentials),
    ofAll(() => collect(paginateListGroupsForUser({ client: iam }, of), (page) => page.Groups)),
    ofAll(() => collect(paginateListAttachedUserPolicies({ client: iam }, of), (page) => page.AttachedPolicies)),
    ofAll(() => collect(paginateListUserPolicies({ client: iam }, of), (page) => page.PolicyNames)),
  ])
  return {
    userName: UserName,
    hasLoginProfile: profile !== undefined,
    signsIn: hasSignedIn(user, profile?.LoginProfile),
    accessKeys: accessKeys.map(({ AccessKeyId = '' }) => AccessKeyId),
    mfaDevices: mfaDevices.map(({ SerialNumber = '' }) => SerialNumber),
    certificates: certificates.map(({ CertificateId = '' }) => CertificateId),
    sshKeys: sshKeys.map(({ SSHPublicKeyId = '' }) => SSHPublicKeyId),
    serviceCredentials: service.map(({ ServiceSpecificCredentialId = '' }) => ServiceSpecificCredentialId),
    groups,
    policies: policies.map(({ PolicyArn = '' }) => PolicyArn),
    inline,
  }
}

/** The SDK has no paginator for this list. */
async function* pagesOfServiceCredentials(iam: IAMClient, UserName: string) {
  let Marker: string | undefined
  do {
    const page = await iam.send(new ListServiceSpecificCredentialsCommand({ UserName, Marker }))
    yield page
    Marker = page.IsTruncated ? page.Marker : undefined
  } while (Marker)
}

/** What a user can still sign in with when the login profile is gone. */
export const credentialsOf = (user: OurUser): Credentials => {
  const counts = {
    'access key': user.accessKeys.length,
    'MFA device': user.mfaDevices.length,
    'signing certificate': user.certificates.length,
    'SSH public key': user.sshKeys.length,
    'service-specific credential': user.serviceCredentials.length,
  }
  return Object.fromEntries(Object.entries(counts).filter(([, count]) => count))
}

type Known = {
  record: Inspection['record']
  isOnRecord: (name: string) => boolean
  isRemoved: (name: string) => boolean
}

/** A group on our path: as one to delete, or as one that stays. */
const readGroup = async (
  iam: IAMClient,
  { GroupName = '', Path }: IamGroup,
  { record, isOnRecord, isRemoved }: Known,
): Promise<{ ours?: OurGroup; stays?: Stays }> => {
  const members = await membersOf(iam, GroupName)
  const isAsked = record.asked.groups.some((name) => name.toLowerCase() === GroupName.toLowerCase())
  const isListed = isAsked || entryOf(record.groups, GroupName.toLowerCase()) !== undefined
  if (Path !== ourPath || !(isListed || (members.length && members.every(isOnRecord))))
    return { stays: staysAs('group', GroupName, 'the ledger does not list this group') }
  const others = members.filter((name) => !isRemoved(name))
  if (others.length) return { stays: staysAs('group', GroupName, `has other members: ${others.join(', ')}`) }
  const of = { GroupName }
  const [policies, inline] = await together([
    collect(paginateListAttachedGroupPolicies({ client: iam }, of), (page) => page.AttachedPolicies),
    collect(paginateListGroupPolicies({ client: iam }, of), (page) => page.PolicyNames),
  ])
  return { ours: { name: GroupName, policies: policies.map(({ PolicyArn = '' }) => PolicyArn), inline } }
}

// An account can have 5,000 users, and each takes a call. Whoever signed in last most likely still can.
const mostAsked = 100

/** Whether one of these users can sign in to the console with a password. If too many cannot, answers false. */
const hasWayIn = async (iam: IAMClient, users: IamUser[]) => {
  const lastUse = ({ PasswordLastUsed }: IamUser) => PasswordLastUsed?.getTime() ?? 0
  for (const { UserName } of users.toSorted((a, b) => lastUse(b) - lastUse(a)).slice(0, mostAsked))
    if (await ifFound(iam.send(new GetLoginProfileCommand({ UserName })))) return true
  return false
}
