import { AssumeRoleCommand, type STSClient } from '@aws-sdk/client-sts'
import type { Account } from './account.ts'
import { isNamed } from './aws-errors.ts'
import { AccessRoleMissingError, AccountNotReadyError, InvalidInputError } from './errors.ts'
import { placeOf, type Vend } from './vend.ts'

// The names under which a minutes-old account has been seen to refuse.
const refusals = [
  'AccessDenied',
  'RegionDisabledException',
  'OptInRequired',
  'SubscriptionRequiredException',
  'InvalidClientTokenId',
]
const newForMilliseconds = 60 * 60 * 1000

/** The IAM path of everything that this service makes. */
export const ourPath = '/account-vending/'

/** What a session may do: `policyArns`, if given, are the only policies that it may attach. */
type Permission = { actions: string[]; resources: string[]; policyArns?: string[] }

// STS takes 2,048 (API_AssumeRole), and less if its packed form is too large, which nobody else can compute.
const mostCharacters = 1800

const sessionPolicy = (permissions: Permission[]) => {
  const policy = JSON.stringify({
    Version: '2012-10-17',
    Statement: permissions
      // IAM takes no empty list, and a permission on nothing is none.
      .filter(({ resources, policyArns }) => resources.length && policyArns?.length !== 0)
      .map(({ actions, resources, policyArns }) => ({
        Effect: 'Allow',
        Action: actions,
        Resource: resources,
        ...(policyArns && { Condition: { ArnEquals: { 'iam:PolicyARN': policyArns } } }),
      })),
  })
  if (policy.length > mostCharacters)
    throw new InvalidInputError([
      {
        field: 'groups',
        message:
          `the ARNs of groups and policies make a session policy of ${policy.length} characters, which must be at most ` +
          `${mostCharacters}: ask for fewer or shorter ones (a group that is there already counts with its path)`,
      },
    ])
  return policy
}

/** ARN of something of IAM's in an account, in the partition of this execution. */
export const iamArn = (vend: Vend, accountId: string, resource: string) =>
  `arn:${placeOf(vend.executionArn).partition}:iam::${accountId}:${resource}`

/**
 * Signs in to a member account through its access role, for 15 minutes, with no more than `permissions`.
 *
 * Throws `AccountNotReadyError` while the role of an account that Organizations created within the last hour refuses,
 * `AccessRoleMissingError` if any other account's does, and `InvalidInputError` if the permissions are too long for STS.
 */
export async function assumeAccountRole(
  sts: STSClient,
  {
    account,
    roleName,
    vend,
    permissions,
  }: { account: Account; roleName: string; vend: Vend; permissions: Permission[] },
) {
  const roleArn = iamArn(vend, account.id, `role/${roleName}`)
  try {
    const { Credentials } = await sts.send(
      new AssumeRoleCommand({
        RoleArn: roleArn,
        // On record in the ledger through the execution's ARN, and in the account's CloudTrail.
        // SourceIdentity and session tags would be refused: the default role trusts sts:AssumeRole only.
        RoleSessionName: `vend-${vend.id}`,
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
    if (!isNamed(error, ...refusals)) throw error
    if (account.joinedMethod === 'CREATED' && Date.now() - Date.parse(account.joinedAt) < newForMilliseconds)
      throw new AccountNotReadyError(
        `Account ${account.id} does not let ${roleName} be assumed yet: ${error.message}`,
        {
          cause: error,
        },
      )
    throw new AccessRoleMissingError(
      `The role ${roleArn} cannot be assumed. ` +
        (account.joinedMethod === 'INVITED'
          ? 'Organizations does not make it in invited accounts: '
          : 'It is missing, or its trust policy was changed: ') +
        `create it in account ${account.id} from infra/member-account/access-role.yml, with RoleName=${roleName}. AWS says: ${error.message}`,
      { cause: error },
    )
  }
}
