import {
  AttachGroupPolicyCommand,
  CreateGroupCommand,
  GetAccountPasswordPolicyCommand,
  GetGroupPolicyCommand,
  GetLoginProfileCommand,
  GetPolicyCommand,
  GetPolicyVersionCommand,
  type IAMClient,
  type LoginProfile,
  paginateListAttachedGroupPolicies,
  paginateListGroupPolicies,
  paginateListGroups,
  paginateListUsers,
  PutGroupPolicyCommand,
  UpdateAccountPasswordPolicyCommand,
  type Group as IamGroup,
  type User as IamUser,
} from '@aws-sdk/client-iam'
import { isDeepStrictEqual } from 'node:util'
import * as z from 'zod/mini'
import { accountSchema } from '../shared/account.ts'
import { findDenials, isChangeAllowed, sayDenial } from '../shared/change-password.ts'
import { explainDenial, iamArn, ourPath, type Permission } from '../shared/iam-client.ts'
import {
  FirstSignInDeniedError,
  GroupDiffersError,
  GroupNotOursError,
  PolicyNotAttachableError,
  PolicyNotFoundError,
} from '../shared/errors.ts'
import { hasSignedIn } from '../shared/has-signed-in.ts'
import { collect, ifFound, membersOf } from '../shared/iam-reads.ts'
import { type AccountRecord, beginStep, entryOf, recordKept } from '../shared/record-and-lease.ts'
import type { Ledger } from '../shared/ledger.ts'
import { mfaPolicy, mfaPolicyName } from '../shared/mfa-policy.ts'
import { type Admin, adminSchema, type Group, groupSchema, type PolicyDocument } from '../shared/request.ts'
import { placeOf, vendSchema } from '../shared/vend.ts'
import { together } from '../shared/together.ts'
import { passwordPolicyAfter, type WantedPasswordPolicy } from './password-policy.ts'

export const createAdminGroupInput = z.object({
  vend: vendSchema,
  account: accountSchema,
  groups: z.array(groupSchema),
  /** `silent`: the administrator gets no mail. */
  admins: z.array(z.extend(adminSchema, { silent: z.optional(z.boolean()) })),
})
type Input = z.output<typeof createAdminGroupInput>
/** The part of `vending.yml` that this step needs. */
type Config = { passwordPolicy?: WantedPasswordPolicy | undefined }

/** What `inspectAccount` needs to be allowed in the account. */
export const inspectPermissions: Permission[] = [
  {
    actions: [
      'iam:ListUsers',
      'iam:ListGroups',
      'iam:GetGroup',
      'iam:GetLoginProfile',
      'iam:GetAccountPasswordPolicy',
      'iam:GetPolicy',
      'iam:GetPolicyVersion',
      'iam:ListAttachedGroupPolicies',
      'iam:ListGroupPolicies',
      'iam:GetGroupPolicy',
    ],
    resources: ['*'],
  },
]

/** What `createAdminGroup` needs to be allowed in the account. */
export const createAdminGroupPermissions = (
  { vend, account, groups }: Pick<Input, 'vend' | 'groups'> & { account: { id: string } },
  { passwordPolicy }: Config,
): Permission[] => {
  const ourGroups = iamArn(vend, account.id, `group${ourPath}*`)
  return [
    ...inspectPermissions,
    { actions: ['iam:CreateGroup', 'iam:PutGroupPolicy'], resources: [ourGroups] },
    {
      actions: ['iam:AttachGroupPolicy'],
      resources: [ourGroups],
      policyArns: [...new Set(groups.flatMap(({ policies }) => policies))],
    },
    ...(passwordPolicy ? [{ actions: ['iam:UpdateAccountPasswordPolicy'], resources: ['*'] }] : []),
  ]
}

/**
 * Inspects everything that this vend is going to touch in the account, then creates the groups with their policies, and
 * sets the account's password policy if `vending.yml` requires a stronger one.
 *
 * Nothing is written before everything was inspected. Answers what `inspectAccount` says about the administrators and
 * the minimum password length, and the ARNs of the groups.
 * Safe to run twice. Throws what `inspectAccount` throws, and `LeaseLostError`.
 */
export async function createAdminGroup(
  { ledger, signIn }: { ledger: Ledger; signIn: () => Promise<IAMClient> },
  { vend, account, groups, admins }: Input,
  { passwordPolicy }: Config,
) {
  // The session and the lease do not depend on each other. Both are needed before the first write.
  const [record, iam] = await together([
    beginStep(ledger, { accountId: account.id, vend, state: 'CreateAdminGroup' }),
    signIn(),
  ])
  const inspected = await inspectAccount(iam, { vend, account, groups, admins, record, passwordPolicy })
  // Every call below is made in the account, so a denial here is a denial by IAM and not by the ledger's table.
  const [made] = await together([
    together(
      inspected.groups.map(async ({ asked, there }) =>
        there && !there.isOurs
          ? { name: there.GroupName ?? asked.name, arn: there.Arn ?? '' }
          : makeGroup(iam, asked, there),
      ),
    ),
    inspected.passwordPolicy
      ? iam.send(new UpdateAccountPasswordPolicyCommand(inspected.passwordPolicy))
      : Promise.resolve(),
  ]).catch((error: unknown) => explainDenial(error, account))
  const names = (admins: typeof inspected.admins) => admins.map(({ userName }) => userName)
  const kept = names(inspected.admins.filter(({ kept }) => kept))
  const signingIn = names(inspected.admins.filter(({ kept, signsIn }) => !kept && signsIn))
  if (kept.length || signingIn.length) await recordKept(ledger, { accountId: account.id, vend, kept, signingIn })
  return { groups: made, admins: inspected.admins, minimumPasswordLength: inspected.minimumPasswordLength }
}

/** What to inspect in an account, and the part of its record that says what is ours there. */
type Inspection = Input &
  Config & {
    record: Pick<AccountRecord, 'passwords' | 'groups'> | undefined
  }

/**
 * Inspects everything that a vend is going to touch in the account, by reading only. `vend plan` inspects by this as
 * well.
 *
 * A user is ours if it has our path and the ledger lists it: anyone in the account can create users on that path. A
 * group is ours under the same conditions, or if it has our path and all of its members are ours.
 *
 * Answers
 * - `groups`: each requested group, with the group that is `there` already, and whether that group is ours;
 * - `users`: the requested users who exist already, by name in lower case;
 * - `admins`: the requested administrators, each with `kept` (a user of that name is not ours and stays unchanged),
 *   `signsIn` (a person has used the user's present login profile) and the user's policies, among them
 *   IAMUserChangePassword where a reset is required and nothing else allows it;
 * - `passwordPolicy` to set in the account, undefined if the account's own is as strong as `vending.yml` requires;
 * - `minimumPasswordLength` of the account, with that policy;
 * - `doubts`: a sentence for each policy that may deny an administrator the password change at the first sign-in.
 *
 * Throws `GroupNotOursError`, `GroupDiffersError`, `PolicyNotFoundError`, `PolicyNotAttachableError`,
 * `FirstSignInDeniedError`, `DeniedByPolicyError`, and `AccountNotReadyError` while the policies of a new account's
 * role are not in effect.
 */
export const inspectAccount = async (
  iam: IAMClient,
  { vend, account, groups, admins, record, passwordPolicy }: Inspection,
) => {
  const changePasswordArn = iamArn(vend, 'aws', 'policy/IAMUserChangePassword')
  const isOnRecord = (userName: string) => entryOf(record?.passwords, userName.toLowerCase()) !== undefined
  const isOurs = async ({ GroupName = '', Path }: IamGroup) =>
    Path === ourPath &&
    (entryOf(record?.groups, GroupName.toLowerCase()) !== undefined ||
      (await membersOf(iam, GroupName)).every(isOnRecord))
  const { partition } = placeOf(vend.executionArn)
  const found = await inspect(iam, {
    accountId: account.id,
    partition,
    groups,
    admins,
    changePasswordArn,
    isOurs,
  }).catch((error: unknown) => explainDenial(error, account))
  const people = admins.map((admin) => {
    const user = found.users.get(admin.userName.toLowerCase())
    return {
      ...admin,
      userName: user?.UserName ?? admin.userName,
      policies: found.userPolicies(admin),
      kept: user !== undefined && (user.Path !== ourPath || !isOnRecord(admin.userName)),
      hasProfile: user?.profile !== undefined,
      signsIn: hasSignedIn(user, user?.profile),
    }
  })
  // A password that is replaced for nobody to use (`silent`) is never refused.
  const signingInFirst = people.filter(({ kept, signsIn, silent }) => !kept && !signsIn && !silent)
  const place = { accountId: account.id, partition }
  const denials = findDenials({ groups, admins: signingInFirst }, place, found.documents)
  const certain = denials.filter(({ isCertain }) => isCertain)
  if (certain.length) throw new FirstSignInDeniedError(certain.map(sayDenial).join('; '))
  return {
    groups: groups.map((asked) => ({ asked, there: found.groups.get(asked.name.toLowerCase()) })),
    users: found.users,
    admins: people,
    ...passwordPolicyAfter(found.passwordPolicy, passwordPolicy),
    doubts: denials.map(sayDenial),
  }
}

type GroupThere = IamGroup & { isOurs: boolean }

type Lookup = {
  accountId: string
  partition: string
  groups: Group[]
  admins: Admin[]
  changePasswordArn: string
  isOurs: (group: IamGroup) => Promise<boolean>
}

const inspect = async (iam: IAMClient, { accountId, partition, groups, admins, changePasswordArn, isOurs }: Lookup) => {
  const policyArns = [...new Set([...groups, ...admins].flatMap(({ policies }) => policies))]
  // Names are unique regardless of case, and IAM's Get operations need the exact name. So the names are listed.
  const [allUsers, allGroups, passwordPolicy, policies] = await together([
    collect(paginateListUsers({ client: iam, pageSize: 1000 }, {}), ({ Users }) => Users),
    collect(paginateListGroups({ client: iam, pageSize: 1000 }, {}), ({ Groups }) => Groups),
    ifFound(iam.send(new GetAccountPasswordPolicyCommand({}))),
    together(policyArns.map(async (arn) => [arn, await readPolicy(iam, arn)] as const)),
  ])
  const users = new Map<string, IamUser & { profile: LoginProfile | undefined }>()
  const groupsThere = new Map<string, GroupThere>()
  await together([
    ...allUsers
      .filter(({ UserName }) => admins.some(({ userName }) => userName.toLowerCase() === UserName?.toLowerCase()))
      .map(async (user) => {
        const there = await ifFound(iam.send(new GetLoginProfileCommand({ UserName: user.UserName })))
        users.set(user.UserName?.toLowerCase() ?? '', { ...user, profile: there?.LoginProfile })
      }),
    ...groups.map(async (group) => {
      const name = group.name.toLowerCase()
      const found = allGroups.find(({ GroupName }) => GroupName?.toLowerCase() === name)
      if (!found) return
      const there = { ...found, isOurs: await isOurs(found) }
      await checkPermissions(iam, group, { ...there, partition })
      groupsThere.set(name, there)
    }),
  ])

  const documents = new Map(policies.flatMap(([arn, document]) => (document ? [[arn, document] as const] : [])))
  const userPolicies = (admin: Admin) =>
    admin.passwordResetRequired && !isChangeAllowed(admin, { groups, documents, accountId })
      ? [...admin.policies, changePasswordArn]
      : admin.policies

  return {
    users,
    groups: groupsThere,
    documents,
    userPolicies,
    passwordPolicy: passwordPolicy?.PasswordPolicy,
  }
}

/** The document of a customer managed policy. Throws for a policy that cannot be attached. */
const readPolicy = async (iam: IAMClient, arn: string): Promise<PolicyDocument | undefined> => {
  const policy = await ifFound(iam.send(new GetPolicyCommand({ PolicyArn: arn })))
  if (!policy) throw new PolicyNotFoundError(`The policy ${arn} does not exist in the account`)
  if (policy.Policy?.IsAttachable === false)
    throw new PolicyNotAttachableError(`AWS does not allow the policy ${arn} to be attached to users or groups`)
  if (arn.includes(':iam::aws:')) return undefined
  const { PolicyVersion } = await iam.send(
    new GetPolicyVersionCommand({ PolicyArn: arn, VersionId: policy.Policy?.DefaultVersionId }),
  )
  return JSON.parse(decodeURIComponent(PolicyVersion?.Document ?? '{"Statement":[]}')) as PolicyDocument
}

const permissionsOf = async (iam: IAMClient, GroupName: string | undefined) => {
  const [attached, inlineNames] = await Promise.all([
    collect(paginateListAttachedGroupPolicies({ client: iam }, { GroupName }), (page) => page.AttachedPolicies),
    collect(paginateListGroupPolicies({ client: iam }, { GroupName }), (page) => page.PolicyNames),
  ])
  const documents = await Promise.all(
    inlineNames.map(async (PolicyName) => {
      const { PolicyDocument } = await iam.send(new GetGroupPolicyCommand({ GroupName, PolicyName }))
      return [PolicyName, JSON.parse(decodeURIComponent(PolicyDocument ?? '{}')) as unknown] as const
    }),
  )
  return { policies: new Set(attached.map(({ PolicyArn }) => PolicyArn)), inline: Object.fromEntries(documents) }
}

/** Refuses a group that exists already and gives other permissions than were requested. */
const checkPermissions = async (
  iam: IAMClient,
  wanted: Group,
  { GroupName, isOurs, partition }: GroupThere & { partition: string },
) => {
  const { policies, inline } = await permissionsOf(iam, GroupName)
  if (!isOurs) {
    if (!isDeepStrictEqual(policies, new Set(wanted.policies)) || !isDeepStrictEqual(inline, wanted.inline))
      throw new GroupNotOursError(
        `The group ${GroupName} already exists, was not created by account vending, and does not have exactly the ` +
          `requested policies (${[...wanted.policies, ...Object.keys(wanted.inline)].join(', ')}), so administrators in this group would get other permissions. ` +
          'Rename or delete that group, or request a group of another name',
      )
    return
  }
  // An earlier try may have left policies out, and they may be missing. Policies that exist must have been requested.
  // So must their documents. But the policy for MFA may be there from a time when vending.yml required MFA, or from an
  // earlier version of this service, whose policy is replaced.
  const isExpected = (name: string) =>
    (name === mfaPolicyName && name in wanted.inline) ||
    isDeepStrictEqual(inline[name], { [mfaPolicyName]: mfaPolicy(partition), ...wanted.inline }[name])
  const other = [
    ...[...policies].filter((arn) => !wanted.policies.includes(arn ?? '')),
    ...Object.keys(inline).filter((name) => !isExpected(name)),
  ]
  if (other.length)
    throw new GroupDiffersError(
      `The group ${GroupName}, which account vending created, has policies that were not requested ` +
        `(${other.join(', ')}). Its new members would get these policies, or its present members would lose them. ` +
        'Request a group of another name, or request these policies',
    )
}

const makeGroup = async (iam: IAMClient, { name, policies, inline }: Group, there: IamGroup | undefined) => {
  const GroupName = there?.GroupName ?? name
  // EntityAlreadyExistsException keeps its name: the list did not yet show the group that an earlier try created.
  const arn = there?.Arn ?? (await iam.send(new CreateGroupCommand({ GroupName, Path: ourPath }))).Group?.Arn
  await together([
    ...policies.map((PolicyArn) => iam.send(new AttachGroupPolicyCommand({ GroupName, PolicyArn }))),
    ...Object.entries(inline).map(([PolicyName, document]) =>
      iam.send(new PutGroupPolicyCommand({ GroupName, PolicyName, PolicyDocument: JSON.stringify(document) })),
    ),
  ])
  return { name: GroupName, arn: arn ?? '' }
}
