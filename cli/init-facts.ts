import { GetRoleCommand, type IAMClient, paginateListRoles } from '@aws-sdk/client-iam'
import { DescribeAccountCommand } from '@aws-sdk/client-organizations'
import { GetIdentityVerificationAttributesCommand, ListIdentitiesCommand, type SESClient } from '@aws-sdk/client-ses'
import { GetCallerIdentityCommand } from '@aws-sdk/client-sts'
import { isDenied } from '../functions/shared/aws-errors.ts'
import type { Vending } from '../functions/shared/vending.ts'
import { missingAction, RefusedError } from './command-errors.ts'
import { checks } from './doctor-checks.ts'
import type { Clients, Context } from './doctor-context.ts'
import { controlTowerService, trustedServices } from './doctor-organization.ts'

/** A role that a person can choose: the name of its permission set, and the ARN as vending.yml takes it. */
export type Role = { name: string; arn: string }

/** What `vend init` finds in AWS. What could not be read is missing, and `unknown` says why. */
export type Facts = {
  accountId: string
  region: string
  partition: string
  account?: { name: string; email: string }
  /** The verified addresses and domains of SES. */
  identities: string[]
  hasControlTower: boolean
  /** The roles of IAM Identity Center in the management account. */
  roles: Role[]
  /** The ARN of the role or user of the person, as vending.yml takes it. */
  own?: string
  unknown: string[]
}

/** The path of Identity Center's roles. The name of the home Region follows, except for us-east-1. */
const identityCenter = '/aws-reserved/sso.amazonaws.com/'
/** Identity Center adds such a suffix, which changes when the permission set is assigned again. */
const suffix = /_[\da-f]{16}$/

const isThere = <Value>(value: Value | undefined): value is Value => value !== undefined

/** Identity Center's roles, with a wildcard for the suffix, by the name of the permission set. */
const readRoles = async (client: IAMClient): Promise<Role[]> => {
  const found: { name: string; stem: string }[] = []
  for await (const { Roles = [] } of paginateListRoles({ client }, { PathPrefix: identityCenter }))
    for (const { RoleName = '', Arn = '' } of Roles)
      if (suffix.test(RoleName))
        found.push({
          name: RoleName.replace(/^AWSReservedSSO_/, '').replace(suffix, ''),
          stem: Arn.replace(suffix, '_'),
        })
  return found
    .map(({ name, stem }) => {
      // The wildcard * would also match the role of a permission set whose name continues: Team and Team_Readers.
      const isPrefix = found.some((other) => other.stem !== stem && other.stem.startsWith(stem))
      return { name, arn: `${stem}${isPrefix ? '?'.repeat(16) : '*'}` }
    })
    .sort((a, b) => (a.name < b.name ? -1 : 1))
}

/** The ARN of the person who calls. Nothing for the root user, whom vending.yml does not take. */
const readOwn = async (iam: IAMClient, arn: string, roles: Role[]) => {
  if (arn.includes(':user/')) return arn
  const [, roleName = ''] = /:assumed-role\/([^/]+)\//.exec(arn) ?? []
  const [, permissionSet] = /^AWSReservedSSO_(.+)_[\da-f]{16}$/.exec(roleName) ?? []
  if (permissionSet !== undefined) return roles.find(({ name }) => name === permissionSet)?.arn
  return roleName ? (await iam.send(new GetRoleCommand({ RoleName: roleName }))).Role?.Arn : undefined
}

/** The verified identities among the first 100: SES tells the status of 100 identities at a time. */
const readIdentities = async (ses: SESClient) => {
  const { Identities = [] } = await ses.send(new ListIdentitiesCommand({ MaxItems: 100 }))
  if (!Identities.length) return []
  const { VerificationAttributes = {} } = await ses.send(new GetIdentityVerificationAttributesCommand({ Identities }))
  return Identities.filter((identity) => VerificationAttributes[identity]?.VerificationStatus === 'Success')
}

/**
 * Reads what `vend init` can suggest.
 * Throws `RefusedError` outside the management account and the Region of the service, and the errors of
 * GetCallerIdentity.
 */
export const findFacts = async (clients: Clients): Promise<Facts> => {
  const { Account: accountId = '', Arn = '' } = await clients.sts.send(new GetCallerIdentityCommand({}))
  const region = await clients.sts.config.region()
  const place = { accountId, region, partition: Arn.split(':')[1] ?? 'aws' }
  for (const name of ['management account', 'Region']) {
    const result = await checks[name]?.({ ...place, clients, stage: '', vending: {} as Vending })
    if (result?.status === 'fail') throw new RefusedError(`${result.finding} ${result.remedy}`)
  }
  const unknown: string[] = []
  /** Leaves out what the person is not allowed to read. */
  const read = <Value>(value: Promise<Value>) =>
    value.catch((error: unknown) => {
      if (!(error instanceof Error && isDenied(error))) throw error
      unknown.push(missingAction(error))
      return undefined
    })
  const [described, identities = [], services = [], roles = []] = await Promise.all([
    read(clients.organizations.send(new DescribeAccountCommand({ AccountId: accountId }))),
    read(readIdentities(clients.ses)),
    read(trustedServices(clients.organizations)),
    read(readRoles(clients.iam)),
  ])
  const { Name: name, Email: email } = described?.Account ?? {}
  const own = await read(readOwn(clients.iam, Arn, roles))
  return {
    ...place,
    ...(isThere(name) && isThere(email) && { account: { name, email } }),
    identities,
    hasControlTower: services.includes(controlTowerService),
    roles,
    ...(isThere(own) && { own }),
    unknown,
  }
}

/** What two of doctor's checks say about SES: whether the sender can send, and whether mails go to everybody. */
export const lookAtSes = async (clients: Clients, place: Omit<Context, 'clients' | 'stage'>) => {
  const look = async (name: string) => {
    try {
      return await checks[name]?.({ ...place, clients, stage: '' })
    } catch (error) {
      // Doctor tells about missing permissions. It is the next command.
      if (isDenied(error)) return undefined
      throw error
    }
  }
  const [sender, sending] = await Promise.all([look('SES sender'), look('SES sending')])
  return { sender, sending }
}
