import {
  AddUserToGroupCommand,
  AttachUserPolicyCommand,
  CreateLoginProfileCommand,
  CreateUserCommand,
  GetLoginProfileCommand,
  GetUserCommand,
  type IAMClient,
  PutUserPolicyCommand,
  TagUserCommand,
  UpdateLoginProfileCommand,
} from '@aws-sdk/client-iam'
import { GetSecretValueCommand, type SecretsManagerClient } from '@aws-sdk/client-secrets-manager'
import * as z from 'zod/mini'
import { accountSchema } from '../shared/account.ts'
import { explainDenial, iamArn, ourPath, type Permission } from '../shared/iam-client.ts'
import { isNamed, nameMissingSecret } from '../shared/aws-errors.ts'
import { hasSignedIn } from '../shared/has-signed-in.ts'
import { UserNotOursError } from '../shared/errors.ts'
import { beginStep } from '../shared/record-and-lease.ts'
import type { Ledger } from '../shared/ledger.ts'
import { adminSchema } from '../shared/request.ts'
import { vendSchema } from '../shared/vend.ts'
import { together } from '../shared/together.ts'

export const createAdminUserInput = z.object({
  vend: vendSchema,
  account: accountSchema,
  admin: adminSchema,
  groups: z.array(z.object({ name: z.string(), arn: z.string() })),
  /** Null for a user who signs in already. */
  secret: z.object({ secretArn: z.nullable(z.string()), secretVersion: z.nullable(z.string()) }),
})
type Input = z.output<typeof createAdminUserInput>

/** The groups of this administrator, under the names that the account has. IAM ignores the case of names. */
const ownGroups = ({ admin, groups }: Pick<Input, 'groups'> & { admin: { groups: string[] } }) =>
  groups.filter(({ name }) => admin.groups.some((wanted) => wanted.toLowerCase() === name.toLowerCase()))

type Permitted = Pick<Input, 'vend' | 'groups'> & {
  account: { id: string }
  admin: Pick<Input['admin'], 'userName' | 'groups' | 'policies' | 'inline'>
}

/** What `createAdminUser` needs to be allowed in the account. */
export const createAdminUserPermissions = ({ vend, account, admin, groups }: Permitted): Permission[] => {
  const user = iamArn(vend, account.id, `user${ourPath}${admin.userName}`)
  return [
    // Also of a user who is not ours: GetUser shows that the user is not ours.
    { actions: ['iam:GetUser'], resources: ['*'] },
    {
      actions: [
        'iam:CreateUser',
        'iam:TagUser',
        'iam:CreateLoginProfile',
        'iam:GetLoginProfile',
        'iam:UpdateLoginProfile',
      ],
      resources: [user],
    },
    { actions: ['iam:AttachUserPolicy'], resources: [user], policyArns: admin.policies },
    ...(admin.inline ? [{ actions: ['iam:PutUserPolicy'], resources: [user] }] : []),
    { actions: ['iam:AddUserToGroup'], resources: ownGroups({ admin, groups }).map(({ arn }) => arn) },
  ]
}

type Clients = { secrets: SecretsManagerClient; ledger: Ledger; signIn: () => Promise<IAMClient> }

/**
 * Gives the account an administrator who can sign in to the console with the stored password.
 *
 * Safe to run twice: the step continues with a user of our path where the last try stopped, and sets the stored
 * password again only while nobody has signed in with the user's login profile.
 * Throws `UserNotOursError`, `DeniedByPolicyError`, `LeaseLostError`, `SecretNotFoundError`, and `AccountNotReadyError`
 * while the policies of a new account's role are not in effect.
 */
export async function createAdminUser(clients: Clients, { vend, account, admin, groups, secret }: Input) {
  const { userName: UserName, policies, inline = {}, tags, passwordResetRequired } = admin
  const [, iam, password] = await together([
    beginStep(clients.ledger, { accountId: account.id, vend, state: 'CreateAdminUser', userName: UserName }),
    clients.signIn(),
    readPassword(clients.secrets, secret),
  ])
  try {
    await createUser(iam, UserName, tags)
    await together([
      ...ownGroups({ admin, groups }).map(({ name }) =>
        iam.send(new AddUserToGroupCommand({ UserName, GroupName: name })),
      ),
      ...policies.map((PolicyArn) => iam.send(new AttachUserPolicyCommand({ UserName, PolicyArn }))),
      ...Object.entries(inline).map(([PolicyName, document]) =>
        iam.send(new PutUserPolicyCommand({ UserName, PolicyName, PolicyDocument: JSON.stringify(document) })),
      ),
    ])
    // Last: a login profile that is new cannot be changed for seconds, which would delay the next try of this step.
    if (password) await setPassword(iam, { UserName, Password: password, PasswordResetRequired: passwordResetRequired })
  } catch (error) {
    return explainDenial(withoutPassword(error, password), account)
  }
  return { userName: UserName }
}

const readPassword = async (secrets: SecretsManagerClient, { secretArn, secretVersion }: Input['secret']) => {
  if (!secretArn || !secretVersion) return ''
  const secret = await secrets
    .send(new GetSecretValueCommand({ SecretId: secretArn, VersionId: secretVersion }))
    .catch(nameMissingSecret)
  return secret.SecretString ?? ''
}

const createUser = async (iam: IAMClient, UserName: string, tags: Record<string, string>) => {
  const Tags = Object.entries(tags).map(([Key, Value]) => ({ Key, Value }))
  try {
    await iam.send(new CreateUserCommand({ UserName, Path: ourPath, Tags }))
  } catch (error) {
    if (!isNamed(error, 'EntityAlreadyExistsException')) throw error
    const { User } = await iam.send(new GetUserCommand({ UserName }))
    if (User?.Path !== ourPath)
      throw new UserNotOursError(
        `Somebody else created the user ${UserName} during this vend. The user is left unchanged. ` +
          'Start the vend again to keep the user unchanged, or delete the user first',
        { cause: error },
      )
    const missing = Tags.filter(({ Key, Value }) => !User.Tags?.some((tag) => tag.Key === Key && tag.Value === Value))
    if (missing.length) await iam.send(new TagUserCommand({ UserName, Tags: missing }))
  }
}

type Profile = { UserName: string; Password: string; PasswordResetRequired: boolean }

const setPassword = async (iam: IAMClient, profile: Profile) => {
  try {
    await iam.send(new CreateLoginProfileCommand(profile))
  } catch (error) {
    if (!isNamed(error, 'EntityAlreadyExistsException')) throw error
    const { UserName } = profile
    const [{ User }, { LoginProfile }] = await together([
      iam.send(new GetUserCommand({ UserName })),
      iam.send(new GetLoginProfileCommand({ UserName })),
    ])
    // A password that a person uses must never be replaced.
    if (hasSignedIn(User, LoginProfile)) return
    await iam.send(new UpdateLoginProfileCommand(profile))
  }
}

/** AWS may quote a refused value in its error message, and the execution's history keeps error messages. */
const withoutPassword = (error: unknown, password: string) => {
  if (error instanceof Error && password && error.message.includes(password))
    return Object.assign(new Error(error.message.replaceAll(password, '(password)')), { name: error.name })
  return error
}
