import { ourPath } from './iam-client.ts'
import { matchesAction, matchesAny } from './policy.ts'
import type { Admin, Ask, Group, PolicyDocument } from './request.ts'

type Statement = Extract<PolicyDocument['Statement'], unknown[]>[number]
/** Documents of customer managed policies, by ARN. This file knows the AWS managed policies that matter. */
export type Documents = Map<string, PolicyDocument>
type Place = { accountId: string; partition: string }
type User = Place & { userName: string }

const allowedByAws = /:iam::aws:policy\/(AdministratorAccess|IAMFullAccess|IAMUserChangePassword)$/
// AWS Managed Policy Reference Guide. These policies deny iam:ChangePassword on all resources, without a condition.
const deniedByAws = /:iam::aws:policy\/(AWSDenyAll|AWSCompromisedKeyQuarantine(V[23])?)$/

/**
 * Whether a resource of a policy is every user of our path, in this account. `user/${aws:username}` without a path is
 * not: our users have a path.
 */
const allowsUsers = (resource: string, accountId: string) => {
  const [, account, user = ''] = /^arn:[^:]+:iam::([^:]*):user\/(.*)$/.exec(resource) ?? []
  const self = '${aws:username}'
  return (
    resource === '*' ||
    ((account === '*' || account === accountId) && ['*', `*/${self}`, `${ourPath.slice(1)}${self}`].includes(user))
  )
}

/** Whether a policy document lets each user of ours change their own password, without conditions. */
const documentAllows = ({ Statement }: PolicyDocument, accountId: string) =>
  [Statement]
    .flat()
    .some(
      ({ Effect, Action, Resource, Condition }) =>
        Effect === 'Allow' &&
        !Condition &&
        matchesAction(Action, 'iam:ChangePassword') &&
        [Resource ?? []].flat().some((resource) => allowsUsers(resource, accountId)),
    )

/** Whether one of the administrator's policies allows the user to change their own password, without conditions. */
export const isChangeAllowed = (
  admin: Admin,
  { groups, documents, accountId }: { groups: Group[]; documents: Documents; accountId: string },
) =>
  [admin, ...groups.filter(({ name }) => admin.groups.includes(name))].some(
    ({ policies, inline = {} }) =>
      [...policies.map((arn) => documents.get(arn)), ...Object.values(inline)].some(
        (document) => document && documentAllows(document, accountId),
      ) || policies.some((arn) => allowedByAws.test(arn)),
  )

/** `maybe`: this depends on a condition, or on the value of a policy variable that is known only at the sign-in. */
type Answer = 'yes' | 'maybe' | 'no'

/** Whether a statement covers a call. `valued` puts values in place of variables, and `unknown` for the other ones. */
const covers = (
  { Action, NotAction, Resource, NotResource, Condition = {} }: Statement,
  { action, resource }: { action: string; resource: string },
  valued: (pattern: string, unknown: string) => string,
): Answer => {
  if (Action ? !matchesAction(Action, action) : matchesAction(NotAction, action)) return 'no'
  const names = (unknown: string) =>
    matchesAny(
      [Resource ?? NotResource ?? []].flat().map((pattern) => valued(pattern, unknown)),
      resource,
    )
  // An unknown value is at most anything, and at least nothing that the resource contains.
  const [atMost, atLeast] = [names('*'), names('\0')]
  if (Resource ? !atMost : atLeast) return 'no'
  const hasCondition = Object.values(Condition).some((keys) => Object.keys(keys).length)
  return (Resource ? atLeast : !atMost) && !hasCondition ? 'yes' : 'maybe'
}

/**
 * Whether a policy document denies a user of ours the password change that a first sign-in demands.
 *
 * A Deny of iam:ChangePassword alone is certain to stop the user. AWS says that an exemption needs
 * iam:GetAccountPasswordPolicy as well, so a Deny of that action may stop the user.
 * Source: IAM User Guide, "Allows MFA-authenticated IAM users to manage their own MFA device", and "Policy variables":
 * only version 2012-10-17 of the policy language has variables.
 */
export const deniesChange = (
  { Version, Statement }: PolicyDocument,
  { accountId, partition, userName }: User,
): Answer => {
  const valued = (pattern: string, unknown: string) =>
    Version === '2012-10-17'
      ? pattern.replace(/\$\{[^}]*\}/g, (variable) => (/^\$\{aws:username\s*[,}]/i.test(variable) ? userName : unknown))
      : pattern
  const change = {
    action: 'iam:ChangePassword',
    resource: `arn:${partition}:iam::${accountId}:user${ourPath}${userName}`,
  }
  const answers = [Statement]
    .flat()
    .filter(({ Effect }) => Effect === 'Deny')
    .flatMap((statement): Answer[] => [
      covers(statement, change, valued),
      covers(statement, { action: 'iam:GetAccountPasswordPolicy', resource: '*' }, valued) === 'no' ? 'no' : 'maybe',
    ])
  return answers.includes('yes') ? 'yes' : answers.includes('maybe') ? 'maybe' : 'no'
}

/** A policy that denies users the password change. Without a group, the policy is attached to the user. */
export type Denial = {
  policy: string
  isInline: boolean
  group: string | undefined
  userNames: string[]
  isCertain: boolean
}

/**
 * Finds the policies that deny administrators the password change at the first sign-in, so that the administrators
 * could never get in. Leaves out administrators who need not change their password.
 */
export const findDenials = ({ groups, admins }: Ask, place: Place, documents: Documents = new Map()) => {
  const changing = admins.filter(({ passwordResetRequired }) => passwordResetRequired)
  const holders = [
    ...groups.map(({ name, policies, inline }) => ({
      group: name,
      policies,
      inline,
      users: changing.filter(({ groups }) => groups.some((other) => other.toLowerCase() === name.toLowerCase())),
    })),
    ...changing.map((admin) => ({
      group: undefined,
      policies: admin.policies,
      inline: admin.inline ?? {},
      users: [admin],
    })),
  ]
  return holders.flatMap(({ group, policies, inline, users }) => {
    const held = [
      ...policies.map((policy) => ({ policy, isInline: false, document: documents.get(policy) })),
      ...Object.entries<PolicyDocument>(inline).map(([policy, document]) => ({ policy, isInline: true, document })),
    ]
    return held.flatMap(({ policy, isInline, document }) => {
      const answerFor = (userName: string) =>
        document ? deniesChange(document, { ...place, userName }) : deniedByAws.test(policy) ? 'yes' : 'no'
      return (['yes', 'maybe'] as const).flatMap((answer): Denial[] => {
        const userNames = users.map(({ userName }) => userName).filter((userName) => answerFor(userName) === answer)
        return userNames.length ? [{ policy, isInline, group, userNames, isCertain: answer === 'yes' }] : []
      })
    })
  })
}

/** What a policy does to whom, and what to do about it. The text has no full stop at its end. */
export const sayDenial = ({ policy, group, userNames, isCertain }: Denial) => {
  const who = userNames.join(', ')
  return [
    group === undefined ? `The policy ${policy}` : `The policy ${policy} of the group ${group}`,
    isCertain
      ? `denies ${who} the password change at the first sign-in.`
      : `may deny ${who} the password change at the first sign-in: the policy has a Deny of iam:ChangePassword with a condition, or a Deny of iam:GetAccountPasswordPolicy.`,
    'Exempt both iam:ChangePassword and iam:GetAccountPasswordPolicy from the Deny, or set passwordResetRequired to false',
  ].join(' ')
}

/**
 * A sentence for each inline policy in which these groups, which a request defines, may deny an administrator the first
 * sign-in under a condition. A certain Deny is refused.
 */
export const firstSignInWarnings = (ask: Ask, groups: { name: string }[], place: Place) => {
  const names = new Set(groups.map(({ name }) => name.toLowerCase()))
  return findDenials({ ...ask, groups: ask.groups.filter(({ name }) => names.has(name.toLowerCase())) }, place)
    .filter(({ isInline, group, isCertain }) => isInline && group !== undefined && !isCertain)
    .map((denial) => `${sayDenial(denial)}.`)
}
