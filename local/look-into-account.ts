import {
  GetGroupCommand,
  GetGroupPolicyCommand,
  GetLoginProfileCommand,
  GetUserCommand,
  GetUserPolicyCommand,
  IAMClient,
  ListAttachedGroupPoliciesCommand,
  ListAttachedUserPoliciesCommand,
  ListGroupPoliciesCommand,
  ListGroupsCommand,
  ListUserPoliciesCommand,
  ListUsersCommand,
} from '@aws-sdk/client-iam'
import { ListSecretsCommand, SecretsManagerClient } from '@aws-sdk/client-secrets-manager'
import { AssumeRoleCommand, STSClient } from '@aws-sdk/client-sts'
import { clientConfig, type LocalOrganization } from './start-organization.ts'

/** Credentials of the account's access role. Without that role, the account id serves as the access key id. */
const credentialsIn = async (organization: LocalOrganization, accountId: string) => {
  const config = clientConfig(organization, organization.world.managementAccountId)
  const RoleArn = `arn:aws:iam::${accountId}:role/${organization.vending.accessRole}`
  try {
    const { Credentials } = await new STSClient(config).send(
      new AssumeRoleCommand({ RoleArn, RoleSessionName: 'local-look' }),
    )
    return {
      accessKeyId: Credentials?.AccessKeyId ?? '',
      secretAccessKey: Credentials?.SecretAccessKey ?? '',
      sessionToken: Credentials?.SessionToken ?? '',
    }
  } catch {
    return clientConfig(organization, accountId).credentials
  }
}

const arnsOf = (policies: { PolicyArn?: string | undefined }[] = []) => policies.map(({ PolicyArn = '' }) => PolicyArn)
const tagsOf = (tags: { Key?: string | undefined; Value?: string | undefined }[] = []) =>
  Object.fromEntries(tags.map(({ Key = '', Value = '' }) => [Key, Value]))

/** Reads inline policies. Answers the documents by name. */
const documentsOf = async (
  names: string[] = [],
  read: (name: string) => Promise<{ PolicyDocument?: string | undefined }>,
) =>
  Object.fromEntries(
    await Promise.all(
      names.map(async (name): Promise<[string, unknown]> => {
        const { PolicyDocument = '' } = await read(name)
        return [name, JSON.parse(decodeURIComponent(PolicyDocument))]
      }),
    ),
  )

const groupIn = async (iam: IAMClient, GroupName: string) => {
  const [attached, inline, members] = await Promise.all([
    iam.send(new ListAttachedGroupPoliciesCommand({ GroupName })),
    iam.send(new ListGroupPoliciesCommand({ GroupName })),
    iam.send(new GetGroupCommand({ GroupName })),
  ])
  const documents = await documentsOf(inline.PolicyNames, (PolicyName) =>
    iam.send(new GetGroupPolicyCommand({ GroupName, PolicyName })),
  )
  return {
    name: GroupName,
    policies: arnsOf(attached.AttachedPolicies),
    inline: documents,
    users: (members.Users ?? []).map(({ UserName = '' }) => UserName),
  }
}

const userIn = async (iam: IAMClient, UserName: string) => {
  const [user, attached, inline, profile] = await Promise.all([
    iam.send(new GetUserCommand({ UserName })),
    iam.send(new ListAttachedUserPoliciesCommand({ UserName })),
    iam.send(new ListUserPoliciesCommand({ UserName })),
    iam.send(new GetLoginProfileCommand({ UserName })).catch(() => undefined),
  ])
  return {
    tags: tagsOf(user.User?.Tags),
    policies: arnsOf(attached.AttachedPolicies),
    inline: await documentsOf(inline.PolicyNames, (PolicyName) =>
      iam.send(new GetUserPolicyCommand({ UserName, PolicyName })),
    ),
    loginProfile: profile ? { passwordResetRequired: profile.LoginProfile?.PasswordResetRequired === true } : null,
  }
}

const secretsOf = async (organization: LocalOrganization, accountId: string) => {
  const client = new SecretsManagerClient(clientConfig(organization, organization.world.managementAccountId))
  const { SecretList = [] } = await client.send(new ListSecretsCommand({ MaxResults: 100 }))
  return SecretList.filter(({ Name }) => Name?.startsWith(`account-vending/${accountId}/`)).map(
    ({ Name = '', ARN = '', Tags }) => ({ name: Name, arn: ARN, tags: tagsOf(Tags) }),
  )
}

/** Reads an account's groups, users and secrets with AWS's own APIs. `kept` holds names in lower case. */
export const contentOfAccount = async (organization: LocalOrganization, accountId: string, kept: string[]) => {
  const { world } = organization
  // The report must also show what IAM and Secrets Manager would not yet see.
  const { staleness } = world
  world.staleness = 0
  const iam = new IAMClient({
    ...clientConfig(organization, accountId),
    credentials: await credentialsIn(organization, accountId),
  })
  const { Groups = [] } = await iam.send(new ListGroupsCommand({}))
  const groups = await Promise.all(Groups.map(({ GroupName = '' }) => groupIn(iam, GroupName)))
  const { Users = [] } = await iam.send(new ListUsersCommand({}))
  const users = await Promise.all(
    Users.map(async ({ UserName = '', Path = '' }) => {
      const { tags, policies, inline, loginProfile } = await userIn(iam, UserName)
      return {
        name: UserName,
        path: Path,
        tags,
        groups: groups.filter(({ users }) => users.includes(UserName)).map(({ name }) => name),
        policies,
        inline,
        kept: kept.includes(UserName.toLowerCase()),
        loginProfile,
      }
    }),
  )
  const secrets = await secretsOf(organization, accountId)
  world.staleness = staleness
  return { groups, users, secrets }
}
