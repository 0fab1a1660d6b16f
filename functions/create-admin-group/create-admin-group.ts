import {
  AttachGroupPolicyCommand,
  CreateGroupCommand,
  GetAccountPasswordPolicyCommand,
  GetGroupPolicyCommand,
  GetLoginProfileCommand,
  GetPolicyCommand,
  GetPolicyVersionCommand,
  type IAMClient,
  paginateGetGroup,
  paginateListAttachedGroupPolicies,
  paginateListGroupPolicies,
  paginateListGroups,
  paginateListUsers,
  PutGroupPolicyCommand,
  type Group as IamGroup,
  type User as IamUser,
} from '@aws-sdk/client-iam'
import { isDeepStrictEqual } from 'node:util'
import * as z from 'zod/mini'
import { accountSchema } from '../shared/account.ts'
import { iamArn, ourPath } from '../shared/account-role.ts'
import { explainDenial, isNamed } from '../shared/aws-errors.ts'
import {
  GroupDiffersError,
  GroupNotOursError,
  PolicyNotAttachableError,
  PolicyNotFoundError,
} from '../shared/errors.ts'
import { type AccountRecord, beginStep, entryOf, type Ledger, recordKept } from '../shared/ledger.ts'
import { type Admin, adminSchema, type Group, groupSchema, type PolicyDocument } from '../shared/request.ts'
import { vendSchema } from '../shared/vend.ts'
import { together } from '../shared/together.ts'

export const createAdminGroupInput = z.object({
  vend: vendSchema,
  account: accountSchema,
  groups: z.array(groupSchema),
  admins: z.array(adminSchema),
})
type Input = z.output<typeof createAdminGroupInput>

const ifFound = async <T>(answer: Promise<T>): Promise<T | undefined> => {
  try {
    return await answer
  } catch (error) {
    if (isNamed(error, 'NoSuchEntityException')) return undefined
    throw error
  }
}

const collect = async <Page, Item>(pages: AsyncIterable<Page>, items: (page: Page) => Item[] | undefined) => {
  const all: Item[] = []
  for await (const page of pages) all.push(...(items(page) ?? []))
  return all
}

// The AWS managed policies that allow iam:ChangePassword.
const allowChangePassword = /:iam::aws:policy\/(AdministratorAccess|IAMFullAccess|IAMUserChangePassword)$/

const matches = (patterns: string | string[] | undefined, text: string) =>
  [patterns ?? []].flat().some((pattern) =>
    new RegExp(
      `^${pattern
        .replace(/[.+^${}()|[\]\\]/g, '\\$&')
        // Many stars mean no more than one, and each of them would be tried at each place.
        .replace(/\*+/g, '.*')
        .replaceAll('?', '.')}$`,
      'i',
    ).test(text),
  )

/** The users of our path themselves, in this account. Without a path, `user/${aws:username}` is none of them. */
const allowsUsers = (resource: string, accountId: string) => {
  const [, account, user = ''] = /^arn:[^:]+:iam::([^:]*):user\/(.*)$/.exec(resource) ?? []
  const self = '${aws:username}'
  return (
    resource === '*' ||
    ((account === '*' || account === accountId) && ['*', `*/${self}`, `${ourPath.slice(1)}${self}`].includes(user))
  )
}

/** Whether a document allows each user of ours to change the own password, without conditions. */
const documentAllowsChange = ({ Statement }: PolicyDocument, accountId: string) =>
  [Statement]
    .flat()
    .some(
      ({ Effect, Action, Resource, Condition }) =>
        Effect === 'Allow' &&
        !Condition &&
        matches(Action, 'iam:ChangePassword') &&
        [Resource ?? []].flat().some((resource) => allowsUsers(resource, accountId)),
    )

/** What `inspectAccount` calls in the account. */
export const inspectActions = [
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
]

/**
 * Inspects all that this vend is going to touch in the account, then makes the groups with their policies.
 *
 * Nothing is written before everything was looked at. Gives back what `inspectAccount` tells of the administrators and of
 * the minimum password length, and the ARNs of the groups.
 * Safe to run twice. Throws what `inspectAccount` does, and `LeaseLostError`.
 */
export async function createAdminGroup(
  { ledger, signIn }: { ledger: Ledger; signIn: () => Promise<IAMClient> },
  { vend, account, groups, admins }: Input,
) {
  // The session and the lease do not need each other; both are needed before the first write.
  const [record, iam] = await together([
    beginStep(ledger, { accountId: account.id, vend, state: 'CreateAdminGroup' }),
    signIn(),
  ])
  const inspected = await inspectAccount(iam, { vend, account, groups, admins, record })
  // All that happens in the account: a denial here is IAM's, and not one of this service's own table.
  const made = await together(
    inspected.groups.map(async ({ asked, there }) =>
      there && !there.isOurs
        ? { name: there.GroupName ?? asked.name, arn: there.Arn ?? '' }
        : makeGroup(iam, asked, there),
    ),
  ).catch(explainDenial)
  const names = (admins: typeof inspected.admins) => admins.map(({ userName }) => userName)
  const kept = names(inspected.admins.filter(({ kept }) => kept))
  const signingIn = names(inspected.admins.filter(({ kept, signsIn }) => !kept && signsIn))
  if (kept.length || signingIn.length) await recordKept(ledger, { accountId: account.id, vend, kept, signingIn })
  return { groups: made, admins: inspected.admins, minimumPasswordLength: inspected.minimumPasswordLength }
}

/**
 * Looks at all that a vend is going to touch in the account, by reading alone; `vend plan` looks by it as well.
 *
 * A user is ours on our path and on record: anybody in the account can use the path. So is a group, or else one whose members all are.
 *
 * Gives back each group with what is `there` of it, if anything, and whether that is ours; the wanted `users` that are there, by name in lower
 * case; the administrators, each with `kept` (a user of that name is not ours, and stays as it is), `signsIn` (the user has used the password already) and the user's policies, to which IAMUserChangePassword is
 * added where a reset is required and nothing else allows it; and the account's minimum password length.
 * Throws `GroupNotOursError`, `GroupDiffersError`, `PolicyNotFoundError`, `PolicyNotAttachableError`,
 * `DeniedByPolicyError`.
 */
export const inspectAccount = async (
  iam: IAMClient,
  {
    vend,
    account,
    groups,
    admins,
    record,
  }: Omit<Input, 'account'> & {
    account: { id: string }
    record: Pick<AccountRecord, 'passwords' | 'groups'> | undefined
  },
) => {
  const changePasswordArn = iamArn(vend, 'aws', 'policy/IAMUserChangePassword')
  const isOnRecord = (userName: string) => entryOf(record?.passwords, userName.toLowerCase()) !== undefined
  const isOurs = async ({ GroupName = '', Path }: IamGroup) =>
    Path === ourPath &&
    (entryOf(record?.groups, GroupName.toLowerCase()) !== undefined ||
      (await membersOf(iam, GroupName)).every(isOnRecord))
  const found = await inspect(iam, { accountId: account.id, groups, admins, changePasswordArn, isOurs }).catch(
    explainDenial,
  )
  return {
    groups: groups.map((asked) => ({ asked, there: found.groups.get(asked.name.toLowerCase()) })),
    users: found.users,
    admins: admins.map((admin) => {
      const user = found.users.get(admin.userName.toLowerCase())
      return {
        ...admin,
        userName: user?.UserName ?? admin.userName,
        policies: found.userPolicies(admin),
        kept: user !== undefined && (user.Path !== ourPath || !isOnRecord(admin.userName)),
        hasProfile: user?.hasProfile === true,
        signsIn: user?.hasProfile === true && user.PasswordLastUsed !== undefined,
      }
    }),
    minimumPasswordLength: found.minimumPasswordLength,
  }
}

type GroupThere = IamGroup & { isOurs: boolean }

const inspect = async (
  iam: IAMClient,
  {
    accountId,
    groups,
    admins,
    changePasswordArn,
    isOurs,
  }: {
    accountId: string
    groups: Group[]
    admins: Admin[]
    changePasswordArn: string
    isOurs: (group: IamGroup) => Promise<boolean>
  },
) => {
  const policyArns = [...new Set([...groups, ...admins].flatMap(({ policies }) => policies))]
  // Names are unique whatever their case, and IAM's Get operations ask for the exact one: so list.
  const [allUsers, allGroups, passwordPolicy, allowing] = await together([
    collect(paginateListUsers({ client: iam, pageSize: 1000 }, {}), ({ Users }) => Users),
    collect(paginateListGroups({ client: iam, pageSize: 1000 }, {}), ({ Groups }) => Groups),
    ifFound(iam.send(new GetAccountPasswordPolicyCommand({}))),
    together(policyArns.map((arn) => policyAllowsChange(iam, arn, accountId))),
  ])
  const users = new Map<string, IamUser & { hasProfile: boolean }>()
  const groupsThere = new Map<string, GroupThere>()
  await together([
    ...allUsers
      .filter(({ UserName }) => admins.some(({ userName }) => userName.toLowerCase() === UserName?.toLowerCase()))
      .map(async (user) => {
        const profile = await ifFound(iam.send(new GetLoginProfileCommand({ UserName: user.UserName })))
        users.set(user.UserName?.toLowerCase() ?? '', { ...user, hasProfile: profile !== undefined })
      }),
    ...groups.map(async (group) => {
      const name = group.name.toLowerCase()
      const found = allGroups.find(({ GroupName }) => GroupName?.toLowerCase() === name)
      if (!found) return
      const there = { ...found, isOurs: await isOurs(found) }
      await checkRights(iam, group, there)
      groupsThere.set(name, there)
    }),
  ])

  const arnsThatAllow = policyArns.filter((_, i) => allowing[i])
  const groupAllows = (name: string) => {
    const group = groups.find((group) => group.name === name)
    return (
      group !== undefined &&
      (group.policies.some((arn) => arnsThatAllow.includes(arn)) ||
        Object.values(group.inline).some((document) => documentAllowsChange(document, accountId)))
    )
  }
  const userPolicies = ({ passwordResetRequired, groups, policies }: Admin) =>
    passwordResetRequired && !groups.some(groupAllows) && !policies.some((arn) => arnsThatAllow.includes(arn))
      ? [...policies, changePasswordArn]
      : policies

  return {
    users,
    groups: groupsThere,
    userPolicies,
    minimumPasswordLength: passwordPolicy?.PasswordPolicy?.MinimumPasswordLength ?? 8,
  }
}

const policyAllowsChange = async (iam: IAMClient, arn: string, accountId: string) => {
  const policy = await ifFound(iam.send(new GetPolicyCommand({ PolicyArn: arn })))
  if (!policy) throw new PolicyNotFoundError(`The policy ${arn} does not exist in the account`)
  if (policy.Policy?.IsAttachable === false)
    throw new PolicyNotAttachableError(`The policy ${arn} is one that AWS lets nobody attach to users or groups`)
  if (arn.includes(':iam::aws:')) return allowChangePassword.test(arn)
  const { PolicyVersion } = await iam.send(
    new GetPolicyVersionCommand({ PolicyArn: arn, VersionId: policy.Policy?.DefaultVersionId }),
  )
  return documentAllowsChange(
    JSON.parse(decodeURIComponent(PolicyVersion?.Document ?? '{"Statement":[]}')) as PolicyDocument,
    accountId,
  )
}

const membersOf = async (iam: IAMClient, GroupName: string) =>
  (await collect(paginateGetGroup({ client: iam }, { GroupName }), ({ Users }) => Users)).map(
    ({ UserName = '' }) => UserName,
  )

const rightsOf = async (iam: IAMClient, GroupName: string | undefined) => {
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

/** Nobody shall get other rights by a group that is there than were asked for. */
const checkRights = async (iam: IAMClient, wanted: Group, { GroupName, isOurs }: GroupThere) => {
  const { policies, inline } = await rightsOf(iam, GroupName)
  if (!isOurs) {
    if (!isDeepStrictEqual(policies, new Set(wanted.policies)) || !isDeepStrictEqual(inline, wanted.inline))
      throw new GroupNotOursError(
        `The group ${GroupName} exists already, was not made by account vending, and does not have exactly the wanted ` +
          `policies (${wanted.policies.join(', ')}): its members would get other rights. Rename or delete it, or ask for another group`,
      )
    return
  }
  // What a try before this one did not get to may be missing; what is there must have been asked for.
  const other = [
    ...[...policies].filter((arn) => !wanted.policies.includes(arn ?? '')),
    ...Object.keys(inline).filter((name) => !isDeepStrictEqual(inline[name], wanted.inline[name])),
  ]
  if (other.length)
    throw new GroupDiffersError(
      `The group ${GroupName} of account vending has policies that were not asked for (${other.join(', ')}): its new ` +
        'members would get them, or its old ones lose them. Ask for a group of another name, or for these policies',
    )
}

const makeGroup = async (iam: IAMClient, { name, policies, inline }: Group, there: IamGroup | undefined) => {
  const GroupName = there?.GroupName ?? name
  // EntityAlreadyExistsException leaves under its name: the list did not show yet what the try before this one made.
  const arn = there?.Arn ?? (await iam.send(new CreateGroupCommand({ GroupName, Path: ourPath }))).Group?.Arn
  await together([
    ...policies.map((PolicyArn) => iam.send(new AttachGroupPolicyCommand({ GroupName, PolicyArn }))),
    ...Object.entries(inline).map(([PolicyName, document]) =>
      iam.send(new PutGroupPolicyCommand({ GroupName, PolicyName, PolicyDocument: JSON.stringify(document) })),
    ),
  ])
  return { name: GroupName, arn: arn ?? '' }
}
