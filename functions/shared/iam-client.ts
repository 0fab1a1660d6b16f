import { IAMClient } from '@aws-sdk/client-iam'
import { AssumeRoleCommand, type STSClient } from '@aws-sdk/client-sts'
import type { Account } from './account.ts'
import { isDenied, isNamed } from './aws-errors.ts'
import {
  AccessRoleMissingError,
  AccountJustJoinedError,
  AccountNotReadyError,
  DeniedByPolicyError,
  InvalidInputError,
  SessionPolicyRefusedError,
} from './errors.ts'
import { placeOf, type Vend } from './vend.ts'

// A new account refuses under these names in its first minutes.
const refusals = [
  'AccessDenied',
  'RegionDisabledException',
  'OptInRequired',
  'SubscriptionRequiredException',
  'InvalidClientTokenId',
]
const hour = 60 * 60 * 1000

type Joined = Pick<Account, 'joinedMethod' | 'joinedAt'>
const joinedWithinAnHour = ({ joinedAt }: Joined) => Date.now() - Date.parse(joinedAt) < hour
const isNew = (account: Joined) => account.joinedMethod === 'CREATED' && joinedWithinAnHour(account)

/** The IAM path of everything that this service makes. */
export const ourPath = '/account-vending/'

/** What a session in an account may do. `policyArns`, if given, are the only policies that it may attach. */
export type Permission = { actions: string[]; resources: string[]; policyArns?: string[] }

// STS accepts 2,048 characters (API_AssumeRole), and fewer if its packed form is too large. Only STS can compute that
// form.
const maxCharacters = 1800

/** IAM takes a single action or resource without a list, which is shorter. */
const shortest = (all: string[]) => (all.length === 1 ? all[0] : all)

const sessionPolicy = (permissions: Permission[]) => {
  const policy = JSON.stringify({
    Version: '2012-10-17',
    Statement: permissions
      // IAM refuses an empty list, and a permission on nothing allows nothing.
      .filter(({ resources, policyArns }) => resources.length && policyArns?.length !== 0)
      .map(({ actions, resources, policyArns }) => ({
        Effect: 'Allow',
        Action: shortest(actions),
        Resource: shortest(resources),
        ...(policyArns && { Condition: { ArnEquals: { 'iam:PolicyARN': policyArns } } }),
      })),
  })
  if (policy.length > maxCharacters)
    throw new InvalidInputError([
      {
        field: 'groups',
        message:
          `the session policy with the ARNs of all groups and policies has ${policy.length} characters; the limit is ` +
          `${maxCharacters}: request fewer groups and policies, or shorter names (the path of an existing group counts, too)`,
      },
    ])
  return policy
}

/** The ARN of an IAM resource in an account, in the partition of this execution. */
export const iamArn = (vend: Vend, accountId: string, resource: string) =>
  `arn:${placeOf(vend.executionArn).partition}:iam::${accountId}:${resource}`

type SignIn = {
  account: Joined & Pick<Account, 'id'>
  roleName: string
  vend: Vend
  permissions: Permission[]
  sessionName?: string
}

/**
 * Signs in to a member account through its access role, for 15 minutes, with no more than `permissions`. Answers the
 * credentials of the session.
 *
 * If the role refuses, throws `AccountNotReadyError` for an account that Organizations created within the last hour,
 * `AccountJustJoinedError` for an account that was invited and joined within the last hour (conditions on the
 * organization have been seen to lag 10 to 20 minutes behind a join), and `AccessRoleMissingError` for other accounts.
 * Throws `InvalidInputError` if the permissions are too long for STS, and `SessionPolicyRefusedError` if STS refuses
 * them.
 */
export const assumeAccountRole = async (sts: STSClient, signIn: SignIn) => {
  const { account, roleName, vend, permissions, sessionName = `vend-${vend.id}` } = signIn
  const roleArn = iamArn(vend, account.id, `role/${roleName}`)
  try {
    const { Credentials } = await sts.send(
      new AssumeRoleCommand({
        RoleArn: roleArn,
        // The account's CloudTrail shows this name, and the ledger has the execution's ARN that it is derived from.
        // AWS would refuse SourceIdentity and session tags, because the default role trusts sts:AssumeRole only.
        RoleSessionName: sessionName,
        DurationSeconds: 900,
        Policy: sessionPolicy(permissions),
      }),
    )
    return {
      accessKeyId: Credentials?.AccessKeyId ?? '',
      secretAccessKey: Credentials?.SecretAccessKey ?? '',
      sessionToken: Credentials?.SessionToken ?? '',
    }
  } catch (error) {
    // IAM refuses the request's own policies under the same name.
    if (isNamed(error, 'MalformedPolicyDocumentException'))
      throw new SessionPolicyRefusedError(`STS refused the policy of the session. AWS says: ${error.message}`, {
        cause: error,
      })
    if (!isNamed(error, ...refusals)) throw error
    if (isNew(account))
      throw new AccountNotReadyError(
        `The role ${roleName} in account ${account.id} cannot be assumed yet: ${error.message}`,
        { cause: error },
      )
    throw roleRefuses({ account, roleName, vend }, error)
  }
}

/** What is wrong with the role of an account that is not new, and what to do about it. */
const roleRefuses = ({ account, roleName, vend }: Omit<SignIn, 'permissions'>, cause: Error) => {
  const { partition, managementAccountId } = placeOf(vend.executionArn)
  const hasJustJoined = account.joinedMethod === 'INVITED' && joinedWithinAnHour(account)
  const message =
    `The role is ${iamArn(vend, account.id, `role/${roleName}`)}. If the role exists in account ${account.id}, let its trust policy allow sts:AssumeRole to ` +
    `arn:${partition}:iam::${managementAccountId}:root. Otherwise create the role there from ` +
    `infra/member-account/access-role.yml, with ManagementAccountId=${managementAccountId} and RoleName=${roleName}. ` +
    `AWS says: ${cause.message}`
  return new (hasJustJoined ? AccountJustJoinedError : AccessRoleMissingError)(message, { cause })
}

/** Signs in to a member account as `assumeAccountRole` does, and makes the IAM client of the session. */
export const signIn = async (sts: STSClient, input: SignIn) =>
  new IAMClient({ credentials: await assumeAccountRole(sts, input) })

// A denial by one of these policies is final. AWS names the policy that denies, or that does not allow (IAM User Guide,
// troubleshoot_access-denied). No name of a user or a group contains a space, so the words cannot be part of an ARN.
const namesPolicy = /service control polic|permissions? boundar/i

/**
 * Rethrows AccessDenied of IAM inside the account, and every other error unchanged.
 *
 * Throws `AccountNotReadyError` if Organizations created the account within the last hour, because the role of a new
 * account can be assumed before its policies take effect; `DeniedByPolicyError` if the account is older, or if AWS
 * names a service control policy or a permissions boundary.
 */
export const explainDenial = (error: unknown, account: Joined): never => {
  if (!(error instanceof Error) || !isDenied(error)) throw error
  if (isNew(account) && !namesPolicy.test(error.message))
    throw new AccountNotReadyError(
      `The access role of the new account can be assumed, but its policies are not in effect yet. AWS says: ${error.message}`,
      { cause: error },
    )
  // What this means is in the explanation of the error, which stands above the cause.
  throw new DeniedByPolicyError(`AWS says: ${error.message}`, { cause: error })
}
