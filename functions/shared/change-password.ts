import { ourPath } from './iam-client.ts'
import { matchesAction } from './policy.ts'
import type { PolicyDocument } from './request.ts'

/** Whether an AWS managed policy lets each user change their own password. */
export const awsPolicyAllowsChange = (arn: string) =>
  /:iam::aws:policy\/(AdministratorAccess|IAMFullAccess|IAMUserChangePassword)$/.test(arn)

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
export const allowsChange = ({ Statement }: PolicyDocument, accountId: string) =>
  [Statement]
    .flat()
    .some(
      ({ Effect, Action, Resource, Condition }) =>
        Effect === 'Allow' &&
        !Condition &&
        matchesAction(Action, 'iam:ChangePassword') &&
        [Resource ?? []].flat().some((resource) => allowsUsers(resource, accountId)),
    )
