import { ListOrganizationsFeaturesCommand } from '@aws-sdk/client-iam'
import {
  type OrganizationsClient,
  paginateListAccounts,
  paginateListAWSServiceAccessForOrganization,
} from '@aws-sdk/client-organizations'
import { AssumeRoleCommand } from '@aws-sdk/client-sts'
import { findMemberAccount } from '../functions/shared/account.ts'
import { isDenied, isNamed } from '../functions/shared/aws-errors.ts'
import { isAutoEnrolmentOn } from '../functions/shared/control-tower.ts'
import { findUnit } from '../functions/shared/organizational-units.ts'
import { isRefusal } from './command-errors.ts'
import { controlTowerOf } from './service.ts'
import { type Check, type Context, fail, ok, warn } from './doctor-context.ts'
import {
  findObstacles,
  firstOf,
  type Obstacle,
  placeOfTarget,
  readPolicies,
} from '../functions/shared/service-control-policies.ts'

/** The services that have trusted access to the organization, by their principals. */
export const trustedServices = async (client: OrganizationsClient) => {
  const services: string[] = []
  for await (const { EnabledServicePrincipals = [] } of paginateListAWSServiceAccessForOrganization({ client }, {}))
    services.push(...EnabledServicePrincipals.map(({ ServicePrincipal = '' }) => ServicePrincipal))
  return services
}
export const controlTowerService = 'controltower.amazonaws.com'

export const checkTrustedAccess: Check = async ({ clients, vending }) => {
  const services = await trustedServices(clients.organizations)
  const hasControlTower = services.includes(controlTowerService)
  // Account Management Reference Guide, using-orgs-trusted-access.
  const contacts = services.includes('account.amazonaws.com')
    ? ok('Accounts can be opened with alternate contacts: account.amazonaws.com has trusted access.')
    : warn(
        'account.amazonaws.com has no trusted access to the organization, so no account can be opened with alternate contacts.',
        'To allow alternate contacts: aws organizations enable-aws-service-access --service-principal account.amazonaws.com',
      )
  if (vending.automatic === 'organizations')
    return hasControlTower
      ? warn(
          'Control Tower governs this organization, and vending.yml says automatic: organizations.',
          'Set automatic: control-tower. Otherwise the service vends accounts before Control Tower has finished them.',
        )
      : contacts
  return hasControlTower
    ? contacts
    : fail(
        'controltower.amazonaws.com has no trusted access to the organization, so Control Tower sends no events about accounts.',
        'Set up Control Tower’s landing zone, or set automatic: organizations in vending.yml.',
      )
}

/** Whether IAM manages root credentials centrally, if vending.yml says that the daily round audits them. */
export const checkRootAccess: Check = async ({ clients, vending }) => {
  if (vending.rootCredentials !== 'audit') return ok('vending.yml does not switch on the audit of root credentials.')
  // IAM User Guide, id_root-enable-root-access.
  const enable = 'aws iam enable-organizations-root-credentials-management'
  const consequence = 'so the daily round cannot audit root credentials, although vending.yml switches on this audit.'
  try {
    const { EnabledFeatures = [] } = await clients.iam.send(new ListOrganizationsFeaturesCommand({}))
    return EnabledFeatures.includes('RootCredentialsManagement')
      ? ok('IAM manages the root credentials of member accounts centrally.')
      : warn(`IAM does not manage root credentials centrally, ${consequence}`, `To switch it on: ${enable}`)
  } catch (error) {
    if (!isNamed(error, 'ServiceAccessNotEnabledException')) throw error
    return warn(
      `iam.amazonaws.com has no trusted access to the organization, ${consequence}`,
      `To switch it on: aws organizations enable-aws-service-access --service-principal iam.amazonaws.com, and then ${enable}`,
    )
  }
}

/** Whether an account can be opened as vending.yml says. */
export const checkOpenings: Check = async ({ clients, vending }) => {
  const { requests, automatic } = vending
  const wrong: string[] = []
  for (const unit of requests.organizationalUnits)
    try {
      await findUnit(clients.organizations, unit)
    } catch (error) {
      if (!isNamed(error, 'InvalidInputError')) throw error
      wrong.push(`${unit}: ${error.message.replace(/^ou: /, '')}`)
    }
  if (wrong.length)
    return fail(
      `requests.organizationalUnits in vending.yml names units that do not exist. ${wrong.join('. ')}.`,
      'Correct the ids or paths in vending.yml.',
    )
  if (automatic === 'control-tower' && !(await isAutoEnrolmentOn(controlTowerOf(clients.organizations))))
    return warn(
      'Control Tower does not enroll an account that is moved into an organizational unit, so requests to open accounts are refused.',
      'To let this service open accounts, switch on automatic enrollment of accounts in the landing zone settings of Control Tower.',
    )
  return ok(
    requests.organizationalUnits.length
      ? `Requesters can request accounts in ${requests.organizationalUnits.join(', ')}.`
      : 'Requesters can request accounts only in the root, and in no organizational unit.',
  )
}

type Named = { id: string; name: string }

const wordsOf = (name: string) =>
  name
    .replace(/([a-z\d])([A-Z])/g, '$1 $2')
    .toLowerCase()
    .split(/[^\p{L}\p{N}]+/u)
    // The account "Log archive account" is Control Tower's log archive too.
    .filter((word) => word && !['account', 'aws', 'the'].includes(word))

/** Whether a name is another spelling of a protected name: LogArchive, log-archive-prod. */
const resembles = (name: string, protectedName: string) => {
  const [words, wanted] = [wordsOf(name), wordsOf(protectedName)]
  // A name of one word, like Audit, is part of too many other names.
  return wanted.length > 1 ? words.join('').includes(wanted.join('')) : words.join('') === wanted.join('')
}

/** The accounts that may be vended, although their names resemble protected names. */
const unprotected = async ({ clients, vending, accountId }: Context, accounts: Named[]) => {
  const names = vending.protected.accounts.filter((place) => !/^\d{12}$/.test(place))
  const found: string[] = []
  for (const { id, name } of accounts) {
    const like = names.find((protectedName) => resembles(name, protectedName))
    if (!like) continue
    try {
      await findMemberAccount(clients.organizations, {
        accountId: id,
        managementAccountId: accountId,
        protectedPlaces: vending.protected,
      })
      found.push(`${name} (${id}, like ${like})`)
    } catch (error) {
      if (!isRefusal(error)) throw error
    }
  }
  return found
}

export const checkProtectedAccounts: Check = async (context) => {
  const { protected: places, automatic } = context.vending
  const names = places.accounts.filter((place) => !/^\d{12}$/.test(place))
  if (!names.length) return ok('No account is protected by its name, which a member account can change.')
  const accounts: Named[] = []
  for await (const { Accounts = [] } of paginateListAccounts({ client: context.clients.organizations }, {}))
    accounts.push(
      ...Accounts.flatMap(({ Id: id = '', Name: name = '', State }) => (State === 'CLOSED' ? [] : [{ id, name }])),
    )
  const having = (name: string) => accounts.filter((other) => other.name === name).length
  // The default vending.yml protects Control Tower's two accounts by name. An organization without Control Tower
  // usually has neither, and that is not an error.
  const isIdle = (name: string) => automatic !== 'control-tower' && ['Log Archive', 'Audit'].includes(name)
  const wrong = names.flatMap((name) => {
    const count = having(name)
    return count === 1 || (!count && isIdle(name)) ? [] : [`${name} (${count || 'no'} account${count > 1 ? 's' : ''})`]
  })
  const alike = await unprotected(context, accounts)
  const problems = [
    wrong.length && `These names under protected in vending.yml do not match exactly one account: ${wrong.join(', ')}.`,
    alike.length &&
      `These accounts are not protected, and their names resemble protected names: ${firstOf(alike, 10)}. Every vend of such an account creates administrators there.`,
  ].filter((problem) => typeof problem === 'string')
  if (problems.length)
    return warn(
      problems.join(' '),
      (alike.length ? 'Add each of these accounts to protected, unless it is an ordinary account. ' : '') +
        'Use the ID of the account, in quotes. A member account can change its own name (account:PutAccountName) and so lose or gain the protection.',
    )
  const idle = names.filter((name) => !having(name))
  return ok(
    idle.length
      ? `No account is called ${idle.join(' or ')}: Control Tower creates accounts with such names.`
      : 'Every protected name matches exactly one account.',
  )
}

export const checkServiceControlPolicies: Check = async ({ clients, vending, accountId }) => {
  const isOurs = ({ TargetId = '', Name = '' }: Obstacle['targets'][number]) =>
    ![accountId, ...vending.protected.organizationalUnits].includes(TargetId) &&
    !vending.protected.accounts.some((place) => place === TargetId || place === Name)
  const policies = await readPolicies(clients.organizations)
  const obstacles = findObstacles(policies, vending)
    .map((obstacle) => ({ ...obstacle, targets: obstacle.targets.filter(isOurs) }))
    .filter(({ targets }) => targets.length)
  if (!obstacles.length)
    return ok(`The service control policies allow ${vending.accessRole} everything that a vend does.`)
  const words = obstacles.map(({ finding, targets }) => `${finding} in ${firstOf(targets.map(placeOfTarget))}`)
  const remedies = {
    deny: `Exempt the role in the policy (Condition: ArnNotLike, aws:PrincipalArn, arn:*:iam::*:role/${vending.accessRole})`,
    'do not allow': 'Allow these actions in one of the policies that are attached there',
  }
  const everywhere = obstacles.some(({ certain, targets }) => certain && targets.some(({ Type }) => Type === 'ROOT'))
  return (everywhere ? fail : warn)(
    `${words.join('; ')}.`,
    `${[...new Set(obstacles.map(({ how }) => remedies[how]))].join('. ')}. Or do not vend IAM users there: AWS recommends IAM Identity Center for people.`,
  )
}

/**
 * Finds a member account that is not protected. Prefers an account that Organizations created: an invited account has
 * no role.
 */
const ordinaryAccount = async (
  organizations: OrganizationsClient,
  { vending, accountId: managementAccountId }: Context,
) => {
  const candidates: { id: string; isCreated: boolean }[] = []
  for await (const { Accounts = [] } of paginateListAccounts({ client: organizations }, {})) {
    for (const { Id: id = '', State, JoinedMethod } of Accounts)
      if (State === 'ACTIVE' && id !== managementAccountId)
        candidates.push({ id, isCreated: JoinedMethod === 'CREATED' })
    if (candidates.filter(({ isCreated }) => isCreated).length > 20) break
  }
  candidates.sort((a, b) => Number(b.isCreated) - Number(a.isCreated))
  for (const { id: accountId } of candidates.slice(0, 20)) {
    try {
      return await findMemberAccount(organizations, {
        accountId,
        managementAccountId,
        protectedPlaces: vending.protected,
      })
    } catch (error) {
      if (!isNamed(error, 'ProtectedAccountError')) throw error
    }
  }
  return undefined
}

export const checkAccessRole: Check = async (context) => {
  const { clients, vending, partition } = context
  const { accessRole: role, automatic } = vending
  if (automatic === 'control-tower' && role !== 'AWSControlTowerExecution')
    return warn(
      `vending.yml says automatic: control-tower and accessRole: ${role}, but Control Tower creates the role AWSControlTowerExecution.`,
      'Leave out accessRole in vending.yml, unless you create that role in each account yourself.',
    )
  const account = await ordinaryAccount(clients.organizations, context)
  if (!account)
    return warn(
      `There is no account in which to try ${role}.`,
      'Run this command again when there is a member account that is not protected.',
    )
  const RoleArn = `arn:${partition}:iam::${account.id}:role/${role}`
  const nothingButListUsers = { Effect: 'Allow', Action: 'iam:ListUsers', Resource: '*' }
  try {
    await clients.sts.send(
      new AssumeRoleCommand({
        RoleArn,
        RoleSessionName: 'vend-doctor',
        DurationSeconds: 900,
        Policy: JSON.stringify({ Version: '2012-10-17', Statement: [nothingButListUsers] }),
      }),
    )
    return ok(`${role} can be assumed in ${account.name} (${account.id}).`)
  } catch (error) {
    if (!isDenied(error)) throw error
    // An invited account does not have the role by default. An account that Organizations created should have it.
    return (account.joinedMethod === 'CREATED' ? fail : warn)(
      `${role} cannot be assumed in ${account.name} (${account.id}). The role is missing there, its trust policy was ` +
        'changed, or you do not have the permission sts:AssumeRole.',
      `Check that account. If the role is missing, create it from infra/member-account/access-role.yml with ` +
        `RoleName=${role}. If the role has another name in all accounts, set accessRole in vending.yml.`,
    )
  }
}
