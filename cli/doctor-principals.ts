import { GetRoleCommand, GetUserCommand, type IAMClient } from '@aws-sdk/client-iam'
import { isNamed } from '../functions/shared/aws-errors.ts'
import { firstOf } from '../functions/shared/service-control-policies.ts'
import { type Check, type Context, fail, ok, type Result, warn } from './doctor-context.ts'

const keys = ['secretReaders', 'operators', 'requesters', 'approvers'] as const

const isOwn = (arn: string, { partition, accountId }: Context) => arn.startsWith(`arn:${partition}:iam::${accountId}:`)

/** Whether the principals of vending.yml are of the management account, in which they are used. */
export const checkPrincipals = (context: Context): Result => {
  const { vending, accountId } = context
  const foreign = keys.flatMap((key) =>
    vending[key].filter((arn) => !isOwn(arn, context)).map((arn) => ({ key, text: `${key} has ${arn}` })),
  )
  if (!foreign.length) return ok(`All roles and users in vending.yml belong to ${accountId}.`)
  const finding = `These roles or users do not belong to this account (${accountId}): ${firstOf(foreign.map(({ text }) => text))}.`
  return foreign.some(({ key }) => key === 'secretReaders')
    ? fail(
        finding,
        `Only roles and users of ${accountId} can read the passwords, which are stored there. Correct the account ID in vending.yml.`,
      )
    : warn(
        finding,
        'These roles and users can assume the roles of the API from their own account. Unless you intend this, correct the account ID in vending.yml.',
      )
}

/** The ARN of the role or user that has the name in an ARN, whatever its path; undefined if there is none. */
const findArn = async (iam: IAMClient, arn: string) => {
  const name = arn.slice(arn.lastIndexOf('/') + 1)
  try {
    if (arn.includes(':user/')) return (await iam.send(new GetUserCommand({ UserName: name }))).User?.Arn
    return (await iam.send(new GetRoleCommand({ RoleName: name }))).Role?.Arn
  } catch (error) {
    // IAM refuses a name that no role or user can have as a ValidationError.
    if (isNamed(error, 'NoSuchEntityException', 'ValidationError')) return undefined
    throw error
  }
}

/**
 * Whether the roles and users of the management account that vending.yml names exist. What has wildcards, or is of
 * another account, cannot be looked up.
 */
export const checkRolesAndUsers: Check = async (context) => {
  const { clients, vending } = context
  const problems: string[] = []
  for (const key of keys)
    for (const arn of vending[key]) {
      if (!isOwn(arn, context) || /[*?]/.test(arn)) continue
      const there = await findArn(clients.iam, arn)
      if (there !== arn) problems.push(`${key} has ${arn}${there ? `, but the ARN is ${there}` : ''}`)
    }
  return problems.length
    ? warn(
        `vending.yml names roles or users that do not exist: ${firstOf(problems)}.`,
        'Correct the ARN in vending.yml, or create the role or user. The ARN includes the path: see “Names of roles” in docs/deploying.md.',
      )
    : ok('All roles and users of this account that vending.yml names without wildcards exist.')
}
