import type { PasswordPolicy } from '@aws-sdk/client-iam'
import { isDeepStrictEqual } from 'node:util'
import { weakerSettings, type WantedPasswordPolicy } from '../create-admin-group/password-policy.ts'
import { type FactsOnRecord, type FollowConfig, hasNotCome } from '../shared/follow.ts'
import { ourPath } from '../shared/iam-client.ts'
import { type AdminSeen, type FindingKind, type Found, rootUser } from '../shared/look.ts'
import type { MailStatus } from '../shared/mail-events.ts'
import { mfaPolicy, mfaPolicyName } from '../shared/mfa-policy.ts'
import type { AccountRecord } from '../shared/record-and-lease.ts'
import type { Admin, Group } from '../shared/request.ts'
import { strangersIn } from './compare-trust.ts'

// The comparison of what is in an account with what is on record and configured. It reads nothing and writes nothing.

/** A group in the account. Policies are ARNs; inline policies are documents by name. */
export type GroupThere = { name: string; path: string; policies: string[]; inline: Record<string, unknown> }
/** A user in the account. */
export type UserThere = GroupThere &
  Omit<AdminSeen, 'userName' | 'isThere'> & { groups: string[]; tags: Record<string, string> }

/** What is in the account, by name in lower case: the users and groups on record, and the members of these groups. */
export type There = {
  users: Map<string, UserThere>
  groups: Map<string, GroupThere>
  /** Undefined if the account has no password policy of its own. */
  passwordPolicy: PasswordPolicy | undefined
  /** The role through which this service comes in, with its trust policy. */
  accessRole: { name: string; trust: { Statement?: unknown } }
}

/** What is known about the account without looking into it. */
export type Known = {
  accountId: string
  partition: string
  managementAccountId: string
  /** The place in the organization; empty if Organizations does not tell. */
  path: string
  /** The place that people know of. */
  formerPath: string
  record: Pick<AccountRecord, 'groups' | 'admins'> | undefined
  /** What the ledger knows about each administrator who was mailed, by user name in lower case. */
  people: Map<string, FactsOnRecord>
  /** The options with which `npx vend` reaches this service. */
  options: string
}

export type CompareConfig = FollowConfig & { passwordPolicy?: WantedPasswordPolicy | undefined }

/** What a look saw: what is there, or why the account could not be looked at. */
export type Seen = { there: There } | { refusal: Error }

/** The kinds for which the record and the account must be of the same moment. */
const ofTheRecord: FindingKind[] = [
  'group-gone',
  'policy-detached',
  'policy-added',
  'member-added',
  'user-gone',
  'tags-changed',
]
/** The kinds for which a look into the account is needed. */
const ofTheAccount: FindingKind[] = [
  ...ofTheRecord,
  'access-role-trusts-others',
  'mfa-off',
  'never-signed-in',
  'password-policy-weaker',
  // A mail or a link is of no interest when its administrator has signed in.
  'mail-bounced',
  'link-unclaimed',
]

/**
 * Which findings a look could judge. Any other finding goes on as it was. `isAtWork` says that a vend
 * works on the account or has stopped in the middle, so that record and account may differ.
 */
export const judgedFindings = (seen: Seen, { isAtWork }: { isAtWork: boolean }) => {
  const unknown: FindingKind[] = 'refusal' in seen ? ofTheAccount : isAtWork ? ofTheRecord : []
  return ({ kind, subject }: Pick<Found, 'kind' | 'subject'>) =>
    !unknown.includes(kind) && kind !== 'root-credentials' && subject !== rootUser
}

/** Compares an account with what is on record and configured. Answers what has drifted, and whom nobody has seen. */
export const compare = (known: Known, seen: Seen, config: CompareConfig, now: number): Found[] => [
  ...unitChanged(known),
  ...('refusal' in seen
    ? [findingOfRefusal(known, seen.refusal)]
    : [
        ...Object.values(known.record?.groups ?? {}).flatMap((group) => ofGroup(known, seen.there, group)),
        ...ours(known).flatMap((admin) => ofAdmin(known, seen.there, admin, config, now)),
        ...passwordPolicyWeaker(known, seen.there, config),
        ...accessRoleTrustsOthers(known, seen.there),
      ]),
]

type OnRecord = AccountRecord['admins'][string]

/** The administrators whom this service made. */
const ours = ({ record }: Pick<Known, 'record'>): OnRecord[] =>
  Object.values(record?.admins ?? {}).filter(({ kept }) => !kept)

const lower = (name: string) => name.toLowerCase()
const isAmong = (names: string[], name: string) => names.some((other) => lower(other) === lower(name))
/** A policy's name, from its ARN. */
const nameOf = (arn: string) => arn.slice(arn.lastIndexOf('/') + 1)

/** The request that makes an administrator again with everything that is missing. */
const repeat = ({ accountId, options }: Known, admin: Pick<Admin, 'userName' | 'email'> | undefined) => {
  const who = admin ? ` --admin ${admin.userName}=${admin.email}` : ''
  const command = `npx vend start ${accountId}${who} --again${options}`
  return `To restore what is missing, repeat the request that created it, with --again. For the defaults of vending.yml: ${command}`
}

const askThere =
  'Ask the people of the account. If nobody knows the reason, remove the policy or the membership in the account.'

const ofGroup = (known: Known, { groups, users }: There, group: Group): Found[] => {
  const member = ours(known).find((admin) => isAmong(admin.groups, group.name))
  const there = groups.get(lower(group.name))
  if (!there) {
    const text = `The group ${group.name} is gone. Its administrators have lost its permissions. ${repeat(known, member)}`
    return [{ kind: 'group-gone', subject: group.name, text }]
  }
  const members = there.path === ourPath ? [...users.values()].filter((user) => isAmong(user.groups, group.name)) : []
  const strangers = members.filter(
    (user) => !ours(known).some((admin) => isAmong([admin.userName], user.name) && isAmong(admin.groups, group.name)),
  )
  return [
    ...ofPolicies(known, group, { ...there, holder: `group ${group.name}` }, member),
    ...strangers.map(({ name }): Found => ({
      kind: 'member-added',
      subject: `${name} in ${group.name}`,
      text: `Somebody added the user ${name} to the group ${group.name}, so ${name} has its permissions. ${askThere}`,
    })),
  ]
}

type Permissions = { policies: string[]; inline?: Record<string, unknown> | undefined }

/** The policies that a group or a user has lost or gained. */
const ofPolicies = (
  known: Known,
  wanted: Permissions,
  { holder, ...there }: Permissions & { holder: string },
  admin: OnRecord | undefined,
): Found[] => {
  const { inline: wantedInline = {} } = wanted
  const { inline = {} } = there
  const detached = [
    ...wanted.policies.filter((arn) => !there.policies.includes(arn)).map(nameOf),
    ...Object.keys(wantedInline).filter((name) => !Object.hasOwn(inline, name)),
  ]
  // These may be there from an earlier vend, and give nobody more than their own password and their own MFA.
  const isHarmless = (arn: string) => nameOf(arn) === 'IAMUserChangePassword'
  const isOurMfa = (name: string) =>
    name === mfaPolicyName && isDeepStrictEqual(inline[name], mfaPolicy(known.partition))
  const added = [
    ...there.policies.filter((arn) => !wanted.policies.includes(arn) && !isHarmless(arn)).map(nameOf),
    ...Object.keys(inline).filter((name) => !Object.hasOwn(wantedInline, name) && !isOurMfa(name)),
  ]
  const changed = Object.keys(inline).filter(
    (name) =>
      Object.hasOwn(wantedInline, name) && !isDeepStrictEqual(inline[name], wantedInline[name]) && !isOurMfa(name),
  )
  return [
    ...detached.map((policy): Found => ({
      kind: 'policy-detached',
      subject: `${policy} of ${holder}`,
      text: `The ${holder} no longer has the policy ${policy}. ${repeat(known, admin)}`,
    })),
    ...added.map((policy): Found => ({
      kind: 'policy-added',
      subject: `${policy} of ${holder}`,
      text: `Somebody gave the ${holder} the policy ${policy}. ${askThere}`,
    })),
    ...changed.map((policy): Found => ({
      kind: 'policy-added',
      subject: `${policy} of ${holder}`,
      text: `Somebody changed the policy ${policy} of the ${holder}. Ask the people of the account. ${repeat(known, admin)}`,
    })),
  ]
}

const ofAdmin = (known: Known, { users }: There, admin: OnRecord, config: CompareConfig, now: number): Found[] => {
  const { userName } = admin
  const user = users.get(lower(userName))
  // A user with another path was made by somebody else, under the same name.
  if (user?.path !== ourPath) {
    const text = `The user ${userName} is gone. ${repeat(known, admin)}`
    return [{ kind: 'user-gone', subject: userName, text }]
  }
  return [
    ...ofPolicies(known, admin, { ...user, holder: `user ${userName}` }, admin),
    ...ofMembership(known, user, admin),
    ...ofTags(known, user, admin),
    ...ofMail(known, admin, user),
    ...ofSignIn(known, user, admin, config, now),
  ]
}

/** The groups that a user of ours has left or joined. A group that is gone is a finding of its own. */
const ofMembership = (known: Known, user: UserThere, admin: OnRecord): Found[] => {
  const { userName } = admin
  const groupsOnRecord = Object.values(known.record?.groups ?? {}).map(({ name }) => name)
  const left = admin.groups.filter((group) => !isAmong(user.groups, group))
  // A group on record tells of its own members.
  const joined = user.groups.filter((group) => !isAmong(admin.groups, group) && !isAmong(groupsOnRecord, group))
  return [
    ...left.map((group): Found => ({
      kind: 'policy-detached',
      subject: `group ${group} of user ${userName}`,
      text: `The user ${userName} is no longer in the group ${group}. ${repeat(known, admin)}`,
    })),
    ...joined.map((group): Found => ({
      kind: 'policy-added',
      subject: `group ${group} of user ${userName}`,
      text: `Somebody added the user ${userName} to the group ${group}, which account vending did not ask for. ${askThere}`,
    })),
  ]
}

const ofTags = (known: Known, user: UserThere, admin: OnRecord): Found[] => {
  // IAM ignores the case of tag keys.
  const there = new Map(Object.entries(user.tags).map(([key, value]) => [lower(key), value]))
  const changed = Object.entries(admin.tags).flatMap(([key, value]) => (there.get(lower(key)) === value ? [] : [key]))
  if (!changed.length) return []
  const text = `Tags of the user ${admin.userName} have other values or are missing: ${changed.join(', ')}. ${repeat(known, admin)}`
  return [{ kind: 'tags-changed', subject: admin.userName, text }]
}

const troubles: Partial<Record<MailStatus, string>> = {
  bounced: 'bounced',
  complained: 'was marked as spam',
  rejected: 'was rejected by SES',
}

/** A mail that did not reach its administrator is of no interest when the administrator has signed in. */
const ofMail = ({ accountId, people, options }: Known, { userName }: OnRecord, user: UserThere): Found[] => {
  const { admin, mailStatus, mailReason } = people.get(lower(userName)) ?? {}
  const trouble = mailStatus && troubles[mailStatus]
  if (user.hasSignedIn || !admin || !trouble) return []
  const reason = mailReason ? ` (${mailReason})` : ''
  const text = `The sign-in mail for ${userName} to ${admin.email} ${trouble}${reason}. Request the administrator with the correct address: npx vend start ${accountId} --admin ${userName}=ADDRESS${options}`
  return [{ kind: 'mail-bounced', subject: userName, text }]
}

/** An administrator who has not come, or who has come and has no MFA. */
const ofSignIn = (
  { people, options }: Known,
  user: UserThere,
  { userName }: OnRecord,
  config: CompareConfig,
  now: number,
): Found[] => {
  if (user.hasSignedIn) {
    if (config.mfa !== 'required' || user.hasMfa) return []
    const text = `The user ${userName} has signed in and has no MFA device. Without MFA, ${userName} can only set up MFA: ask ${userName} to do so.`
    return [{ kind: 'mfa-off', subject: userName, text }]
  }
  const facts = people.get(lower(userName))
  const told = facts && hasNotCome({ ...facts, seen: { ...user, userName, isThere: true } }, config, now)
  if (!told) return []
  // The command must reach this service.
  const text = told.text.replace(/npx vend link \S+ \S+/, (command) => `${command}${options}`)
  return [{ kind: told.kind, subject: userName, text }]
}

const passwordPolicyWeaker = (
  known: Known,
  { passwordPolicy: there }: There,
  { passwordPolicy: wanted }: CompareConfig,
): Found[] => {
  const weaker = wanted ? weakerSettings(there, wanted) : []
  if (!weaker.length) return []
  const text = `The password policy is weaker than vending.yml requires: ${weaker.join(', ')}. ${repeat(known, ours(known)[0])}`
  return [{ kind: 'password-policy-weaker', subject: '', text }]
}

const accessRoleTrustsOthers = ({ managementAccountId }: Known, { accessRole: { name, trust } }: There): Found[] =>
  strangersIn(trust, managementAccountId).map((principal) => {
    const who = principal === '*' ? 'everybody' : principal
    const text = `The trust policy of the role ${name} trusts ${who}, with all permissions that this service has in the account. Ask the people of the account. If nobody knows the reason, allow only the management account ${managementAccountId}: docs/runbook.md has the command, under AccessRoleMissingError.`
    return { kind: 'access-role-trusts-others', subject: principal, text }
  })

/** The last unit of a path, or the root. */
const unitOf = (path: string) => path.split('/').filter(Boolean).at(-1) ?? path

const unitChanged = ({ path, formerPath }: Known): Found[] => {
  if (!path || !formerPath || path === formerPath) return []
  const text = `Somebody moved the account from ${unitOf(formerPath)} (${formerPath}) to ${unitOf(path)} (${path}). Check that the service control policies of the new unit are the intended ones.`
  return [{ kind: 'unit-changed', subject: '', text }]
}

// The retries of the SDK have not helped, and the next round will look again.
const passing = [
  'Throttling',
  'ThrottlingException',
  'ThrottledException',
  'TooManyRequestsException',
  'RequestLimitExceeded',
  'RequestThrottled',
  'RequestThrottledException',
  'AwsUnreachableError',
  'RequestTimeout',
  'ServiceFailureException',
  'ServiceUnavailable',
  'InternalFailure',
  'AccountNotReadyError',
  'AccountJustJoinedError',
]

/** The finding about an account that could not be looked at. */
export const findingOfRefusal = ({ accountId }: Pick<Known, 'accountId'>, refusal: Error): Found => {
  if (refusal.name === 'AccessRoleMissingError')
    return { kind: 'access-role-missing', subject: '', text: refusal.message }
  const isPassing = passing.includes(refusal.name)
  const next = isPassing
    ? 'The next round looks again.'
    : 'Let the access role read IAM in this account, or protect the account in vending.yml.'
  return {
    kind: 'account-refuses',
    subject: '',
    text: `Account ${accountId} could not be looked at: ${refusal.name}: ${refusal.message.replace(/\.$/, '')}. ${next}`,
    ...(isPassing && { passing: true }),
  }
}
