import { paginateListStackResources } from '@aws-sdk/client-cloudformation'
import {
  CreateAccountCommand,
  CreateOrganizationalUnitCommand,
  CreateOrganizationCommand,
  ListRootsCommand,
} from '@aws-sdk/client-organizations'
import {
  AttachRolePolicyCommand,
  CreateAccessKeyCommand,
  CreateRoleCommand,
  CreateUserCommand,
  IAMClient,
  PutUserPolicyCommand,
} from '@aws-sdk/client-iam'
import { DescribeSecretCommand } from '@aws-sdk/client-secrets-manager'
import { VerifyDomainIdentityCommand } from '@aws-sdk/client-ses'
import { AssumeRoleCommand, GetCallerIdentityCommand } from '@aws-sdk/client-sts'
import type { Place } from '../../cli/clients.ts'
import { isNamed } from '../../functions/shared/aws-errors.ts'
import { makeClients } from '../support/clients.ts'
import { stackName } from '../../cli/service.ts'
import { stage } from './service.ts'

/** What run.ts passes to the tests in E2E_TARGET. */
export type Target = {
  /** The folder for all files of the tests. run.ts removes the folder. */
  folder: string
  /** The vending.yml of the deployed service. The tests replace who may use the API and who may read the secrets. */
  vendingFile: string
  /** The two accounts that a person named for a run against AWS. Missing if the tests run on emulators.ts. */
  accounts?: [vended: Account, failing: Account]
}
/** A member account and the account's own address. */
export type Account = { accountId: string; email: string }
export type Credentials = NonNullable<Place['credentials']>

/** Names of what the tests request. The prefix avoids names that are in use, and the group may only read. */
export const prefix = 'e2e-'
export const group = { name: `${prefix}readers`, policies: ['ReadOnlyAccess'] }
/** The path of a group that has the name of the group above and blocks the vend. */
export const pathInTheWay = '/e2e/'

/** The clients take endpoint, Region and credentials from the environment, as the `aws` command does. */
export const clients = makeClients()

const assumeRole = async (RoleArn: string, credentials?: Credentials): Promise<Credentials> => {
  const { sts } = credentials ? makeClients({ credentials }) : clients
  const { Credentials } = await sts.send(new AssumeRoleCommand({ RoleArn, RoleSessionName: 'account-vending-e2e' }))
  return {
    accessKeyId: Credentials?.AccessKeyId ?? '',
    secretAccessKey: Credentials?.SecretAccessKey ?? '',
    sessionToken: Credentials?.SessionToken ?? '',
  }
}

/** The principal that may assume the API's roles and read the secrets. Without credentials: whoever runs the tests. */
export type Caller = { arn: string; credentials?: Credentials }

/** Assumes a role as the caller. Returns the credentials. */
export const signInAs = ({ credentials }: Caller, roleArn: string) => assumeRole(roleArn, credentials)

/** The partition of AWS that the credentials are for, such as aws or aws-us-gov. */
export const findPartition = async () => {
  const { Arn = '' } = await clients.sts.send(new GetCallerIdentityCommand({}))
  return Arn.split(':')[1] ?? 'aws'
}

/** IAM in a member account, through its access role. */
export const iamThroughRole = async (accountId: string, accessRole: string) =>
  clients.iamOf(await assumeRole(`arn:${await findPartition()}:iam::${accountId}:role/${accessRole}`))

/** IAM in a member account. */
export const iamOf = async (target: Target, accountId: string, accessRole: string) =>
  target.accounts ? iamThroughRole(accountId, accessRole) : clients.iamOf(rootUserOf(accountId))

// For MiniStack, the account id is the access key id of the account's root user.
const rootUserOf = (accountId: string) => ({ accessKeyId: accountId, secretAccessKey: 'test' })

const allowing = (statement: object) =>
  JSON.stringify({ Version: '2012-10-17', Statement: [{ Effect: 'Allow', ...statement }] })

/** Prepares the AWS on this machine: what the README requires before a deployment, and a user of the platform team. */
export const prepareLocal = async (): Promise<Caller> => {
  await clients.organizations.send(new CreateOrganizationCommand({ FeatureSet: 'ALL' }))
  await clients.ses.send(new VerifyDomainIdentityCommand({ Domain: 'example.com' }))
  const iam = new IAMClient()
  const UserName = 'platform'
  const { User } = await iam.send(new CreateUserCommand({ UserName }))
  const PolicyDocument = allowing({ Action: ['sts:AssumeRole', 'secretsmanager:GetSecretValue'], Resource: '*' })
  await iam.send(new PutUserPolicyCommand({ UserName, PolicyName: 'platform', PolicyDocument }))
  const { AccessKey } = await iam.send(new CreateAccessKeyCommand({ UserName }))
  return {
    arn: User?.Arn ?? '',
    credentials: { accessKeyId: AccessKey?.AccessKeyId ?? '', secretAccessKey: AccessKey?.SecretAccessKey ?? '' },
  }
}

/** Creates a member account without its access role, which Organizations creates a little later. */
export const createAccount = async (name: string): Promise<Account> => {
  const email = `${name}@example.com`
  const { CreateAccountStatus } = await clients.organizations.send(
    new CreateAccountCommand({ AccountName: name, Email: email }),
  )
  return { accountId: CreateAccountStatus?.AccountId ?? '', email }
}

/** Creates the access role of an account on this machine. */
export const createAccessRole = async (accountId: string, managementAccountId: string) => {
  const iam = new IAMClient({ credentials: rootUserOf(accountId) })
  const RoleName = 'OrganizationAccountAccessRole'
  const AssumeRolePolicyDocument = allowing({
    Action: 'sts:AssumeRole',
    Principal: { AWS: `arn:aws:iam::${managementAccountId}:root` },
  })
  await iam.send(new CreateRoleCommand({ RoleName, AssumeRolePolicyDocument }))
  const PolicyArn = 'arn:aws:iam::aws:policy/AdministratorAccess'
  await iam.send(new AttachRolePolicyCommand({ RoleName, PolicyArn }))
}

/** Creates an organizational unit below the root. */
export const createUnit = async (Name: string) => {
  const { Roots = [] } = await clients.organizations.send(new ListRootsCommand())
  const { OrganizationalUnit } = await clients.organizations.send(
    new CreateOrganizationalUnitCommand({ ParentId: Roots[0]?.Id, Name }),
  )
  return OrganizationalUnit?.Id ?? ''
}

/** Finds who runs the tests, as vending.yml names principals: for a session, the role's ARN with any path. */
export const findCaller = async (): Promise<Caller> => {
  const { Arn = '' } = await clients.sts.send(new GetCallerIdentityCommand({}))
  return { arn: Arn.replace(/^(arn:[\w-]+):sts::(\d+):assumed-role\/([^/]+)\/.*$/, '$1:iam::$2:role/*$3') }
}

/** The physical ids of the stack's resources, by logical id. */
export const resourcesOf = async () => {
  const found = new Map<string, string>()
  for await (const { StackResourceSummaries = [] } of paginateListStackResources(
    { client: clients.cloudFormation },
    { StackName: stackName(stage) },
  ))
    for (const { LogicalResourceId = '', PhysicalResourceId = '' } of StackResourceSummaries)
      found.set(LogicalResourceId, PhysicalResourceId)
  return found
}

/** The users that the tests request, and the secret with each one's first password. */
export const userNames = ['by-hand', 'by-api', 'after-update'].map((name) => prefix + name)
export const secretName = (accountId: string, userName: string) =>
  `account-vending/${accountId}/${userName.toLowerCase()}`

/**
 * Finds the secrets of the tests' users in an account. Asks for each by name: ListSecrets may lag five minutes behind
 * (Secrets Manager API Reference, ListSecrets).
 */
export const secretsOf = async (accountId: string) => {
  const found = await Promise.all(
    userNames.map(async (userName) => {
      try {
        const SecretId = secretName(accountId, userName)
        const { Name, ARN, DeletedDate } = await clients.secrets.send(new DescribeSecretCommand({ SecretId }))
        return DeletedDate ? [] : [{ Name, ARN }]
      } catch (error) {
        if (isNamed(error, 'ResourceNotFoundException')) return []
        throw error
      }
    }),
  )
  return found.flat()
}

const started = Date.now()
/** Prints a line of progress for the person who waits. */
export const say = (line: string) =>
  console.log(`${String(Math.round((Date.now() - started) / 1000)).padStart(4)} s  ${line}`)

/** Repeats `ask` until it returns an answer. */
export const eventually = async <Answer>(
  what: string,
  ask: () => Promise<Answer | undefined>,
  seconds = 60,
): Promise<Answer> => {
  for (const end = Date.now() + seconds * 1000; ;) {
    const answer = await ask()
    if (answer !== undefined) return answer
    if (Date.now() > end) throw new Error(`${what}: not within ${seconds} seconds`)
    await new Promise((resolve) => setTimeout(resolve, 500))
  }
}
