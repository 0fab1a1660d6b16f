import {
  type AdvancedEventSelector,
  CloudTrailClient,
  DescribeTrailsCommand,
  type EventSelector,
  GetEventSelectorsCommand,
  GetTrailStatusCommand,
} from '@aws-sdk/client-cloudtrail'
import { EventBridgeClient, ListRulesCommand, type Rule } from '@aws-sdk/client-eventbridge'
import { GetAccountSettingsCommand, LambdaClient } from '@aws-sdk/client-lambda'
import {
  DescribeOrganizationCommand,
  OrganizationsClient,
  paginateListAccounts,
  paginateListAWSServiceAccessForOrganization,
} from '@aws-sdk/client-organizations'
import { GetIdentityVerificationAttributesCommand, SESClient } from '@aws-sdk/client-ses'
import { GetAccountCommand, SESv2Client } from '@aws-sdk/client-sesv2'
import { AssumeRoleCommand, STSClient } from '@aws-sdk/client-sts'
import { findMemberAccount } from '../functions/shared/account.ts'
import { isDenied, isNamed } from '../functions/shared/aws-errors.ts'
import { exampleValues } from '../infra/build/example-values.ts'
import { senderIdentities, type Vending } from '../functions/shared/vending.ts'
import { keepingToTheRate, type Make } from './clients.ts'
import { findStack, serviceClients, stackName } from './service.ts'
import { type Denial, findDenials, firstOf, readPolicies } from './service-control-policies.ts'

export const doctorClients = (make: Make) => ({
  ...serviceClients(make),
  cloudTrail: make(CloudTrailClient),
  events: make(EventBridgeClient),
  lambda: make(LambdaClient),
  organizations: make(OrganizationsClient, keepingToTheRate),
  ses: make(SESClient),
  sesv2: make(SESv2Client),
  sts: make(STSClient),
})
export type Clients = ReturnType<typeof doctorClients>

export type Result = { status: 'ok' | 'warn' | 'fail'; finding: string; remedy?: string }

type Context = {
  clients: Clients
  vending: Vending
  stage: string
  region: string
  partition: string
  accountId: string
}
type Check = (context: Context) => Promise<Result>

const ok = (finding: string): Result => ({ status: 'ok', finding })
const warn = (finding: string, remedy: string): Result => ({ status: 'warn', finding, remedy })
export const fail = (finding: string, remedy: string): Result => ({ status: 'fail', finding, remedy })

/** All checks, by the name that is shown. The checks do not depend on each other. */
export const checks: Record<string, Check> = {
  'management account': async ({ clients, accountId }) => {
    const { Organization } = await clients.organizations.send(new DescribeOrganizationCommand({})).catch(noOrganization)
    if (!Organization)
      return fail(`${accountId} is not in an organization.`, 'Sign in to the management account of your organization.')
    return Organization.MasterAccountId === accountId
      ? ok(`${accountId} is the management account of ${Organization.Id}.`)
      : fail(
          `${accountId} is a member account; the management account is ${Organization.MasterAccountId}.`,
          `Sign in to ${Organization.MasterAccountId} and run this command again: the service runs there.`,
        )
  },

  Region: async ({ partition, region }) => {
    // The Region in which the events of Organizations appear, by partition.
    const wanted = { aws: 'us-east-1', 'aws-us-gov': 'us-gov-west-1', 'aws-cn': 'cn-northwest-1' }[partition]
    if (!wanted)
      return warn(
        `The partition ${partition} is not known.`,
        'Deploy in the Region in which the events of Organizations appear.',
      )
    return region === wanted
      ? ok(`The events of Organizations appear in ${region}.`)
      : fail(
          `The Region is ${region}, and the events of Organizations appear only in ${wanted}.`,
          `Use --region ${wanted} in this command and in the deployment.`,
        )
  },

  'vending.yml': async ({ vending }) => {
    const examples = exampleValues(vending)
    return examples.length
      ? fail(
          `These keys still have the example's values: ${examples.map((line) => line.replace(/:.*/, '')).join(', ')}.`,
          'Put your own values into vending.yml. With the example’s values, nobody gets a mail and nobody can read a password.',
        )
      : ok('vending.yml is valid and has none of the example’s values.')
  },

  stack: async ({ clients, stage }) => {
    const stack = await findStack(clients.cloudFormation, stage)
    const name = stackName(stage)
    if (!stack) return ok(`${name} is not deployed yet.`)
    const status = stack.StackStatus ?? 'unknown'
    if (status === 'ROLLBACK_COMPLETE' || status.endsWith('_FAILED'))
      return fail(
        `${name} is in the state ${status}.`,
        'The CloudFormation console shows the events of the stack. Delete or repair the stack first.',
      )
    if (status.endsWith('_IN_PROGRESS'))
      return warn(`${name} is in the state ${status}.`, 'Somebody is deploying. Wait until the deployment has ended.')
    return ok(`${name} is deployed (${status}).`)
  },

  trail: async ({ clients, region }) => checkTrails(clients.cloudTrail, region),

  'other stages': async ({ clients, stage }) => {
    const others = (await listRules(clients.events)).filter(
      ({ Name = '', State, EventPattern = '' }) =>
        State !== 'DISABLED' &&
        !Name.startsWith(`${stackName(stage)}-`) &&
        /"aws\.(organizations|controltower)"/.test(EventPattern),
    )
    return others.length
      ? fail(
          `Rules of another stage would react to the same events: ${firstOf(others.map(({ Name = '' }) => Name))}.`,
          'Only one stage can run in an organization. Remove the other stage (npx osls remove --stage STAGE), or disable its rules.',
        )
      : ok(`No rule of a stage other than ${stage} reacts to new accounts.`)
  },

  'SES sender': async ({ clients, vending }) => {
    const identities = senderIdentities(vending)
    const [address = '', domain = ''] = identities
    const { VerificationAttributes = {} } = await clients.ses.send(
      new GetIdentityVerificationAttributesCommand({ Identities: identities }),
    )
    const verified = identities.find((identity) => VerificationAttributes[identity]?.VerificationStatus === 'Success')
    if (verified) return ok(`${address} can send: ${verified} is verified.`)
    const pending = identities.find((identity) => VerificationAttributes[identity])
    return fail(
      pending
        ? `${pending} is not verified in SES (${VerificationAttributes[pending]?.VerificationStatus}).`
        : `SES knows neither ${address} nor ${domain} in this Region.`,
      `Verify ${domain} or ${address} in SES, or name another sender in vending.yml.`,
    )
  },

  'SES sending': async ({ clients }) => {
    const {
      ProductionAccessEnabled,
      SendingEnabled,
      SendQuota = {},
    } = await clients.sesv2.send(new GetAccountCommand({}))
    const { Max24HourSend = 0, SentLast24Hours = 0 } = SendQuota
    // SES answers -1 where there is no limit.
    const left = Max24HourSend < 0 ? Infinity : Max24HourSend - SentLast24Hours
    if (!SendingEnabled)
      return fail(
        'SES has paused sending for this account.',
        'The reputation page of SES shows the reason. Ask AWS to resume sending.',
      )
    if (!ProductionAccessEnabled)
      return fail(
        'SES is in the sandbox and sends mail only to verified addresses.',
        'Request production access in the SES console (Account dashboard).',
      )
    const quota = `${SentLast24Hours} of ${Max24HourSend} mails were sent in the last 24 hours`
    if (left < 1)
      return fail(`${quota}; no more can be sent.`, 'Request a higher quota (Service Quotas, Amazon SES), or wait.')
    if (left < 100) return warn(`${quota}: ${left} are left.`, 'Request a higher quota (Service Quotas, Amazon SES).')
    return ok(
      left === Infinity ? 'SES is out of the sandbox and has no daily quota.' : `SES is out of the sandbox; ${quota}.`,
    )
  },

  'trusted access': async ({ clients, vending }) => {
    const services: string[] = []
    for await (const { EnabledServicePrincipals = [] } of paginateListAWSServiceAccessForOrganization(
      { client: clients.organizations },
      {},
    ))
      services.push(...EnabledServicePrincipals.map(({ ServicePrincipal = '' }) => ServicePrincipal))
    const hasControlTower = services.includes('controltower.amazonaws.com')
    if (vending.automatic === 'organizations')
      return hasControlTower
        ? warn(
            'Control Tower governs this organization, and vending.yml says automatic: organizations.',
            'Set automatic: control-tower. Otherwise the service vends accounts before Control Tower has finished them.',
          )
        : ok('No trusted access is needed with automatic: organizations.')
    return hasControlTower
      ? ok('controltower.amazonaws.com has trusted access.')
      : fail(
          'controltower.amazonaws.com has no trusted access to the organization, so Control Tower sends no events about accounts.',
          'Set up Control Tower’s landing zone, or set automatic: organizations in vending.yml.',
        )
  },

  'access role': checkAccessRole,

  'protected accounts': async ({ clients, vending: { protected: places, automatic } }) => {
    const names = places.accounts.filter((place) => !/^\d{12}$/.test(place))
    if (!names.length) return ok('No account is protected by its name, which a member account can change.')
    const inOrganization: string[] = []
    for await (const { Accounts = [] } of paginateListAccounts({ client: clients.organizations }, {}))
      inOrganization.push(...Accounts.flatMap(({ Name = '', State }) => (State === 'CLOSED' ? [] : [Name])))
    const having = (name: string) => inOrganization.filter((other) => other === name).length
    // The default vending.yml protects Control Tower's two accounts by name. An organization without Control Tower
    // usually has neither, and that is not an error.
    const isIdle = (name: string) => automatic !== 'control-tower' && ['Log Archive', 'Audit'].includes(name)
    const wrong = names.flatMap((name) => {
      const count = having(name)
      return count === 1 || (!count && isIdle(name))
        ? []
        : [`${name} (${count || 'no'} account${count > 1 ? 's' : ''})`]
    })
    if (wrong.length)
      return warn(
        `These names under protected in vending.yml do not match exactly one account: ${wrong.join(', ')}.`,
        'Use the ID of the account, in quotes. A member account can change its own name (account:PutAccountName) and so lose or gain the protection.',
      )
    const idle = names.filter((name) => !having(name))
    return ok(
      idle.length
        ? `No account is called ${idle.join(' or ')}: Control Tower creates accounts with such names.`
        : 'Every protected name matches exactly one account.',
    )
  },

  'service control policies': async ({ clients, vending, accountId }) => {
    const isOurs = ({ TargetId = '', Name = '' }: Denial['targets'][number]) =>
      ![accountId, ...vending.protected.organizationalUnits].includes(TargetId) &&
      !vending.protected.accounts.some((place) => place === TargetId || place === Name)
    const policies = await readPolicies(clients.organizations)
    const denials = findDenials(policies, vending.accessRole)
      .map((denial) => ({ ...denial, targets: denial.targets.filter(isOurs) }))
      .filter(({ targets }) => targets.length)
    if (!denials.length)
      return ok(`None of ${policies.length} policies denies ${vending.accessRole} an action of a vend.`)
    const words = denials.map(
      ({ policy, actions, certain, targets }) =>
        `${policy} ${certain ? 'denies' : 'may deny (depending on a condition)'} ${firstOf(actions)} ` +
        `in ${firstOf(targets.map(({ Name, TargetId }) => `${Name} (${TargetId})`))}`,
    )
    const everywhere = denials.some(({ certain, targets }) => certain && targets.some(({ Type }) => Type === 'ROOT'))
    return (everywhere ? fail : warn)(
      `${words.join('; ')}.`,
      `Exempt the role in the policy (Condition: ArnNotLike, aws:PrincipalArn, arn:*:iam::*:role/${vending.accessRole}), ` +
        'or do not vend IAM users there: AWS recommends IAM Identity Center for people.',
    )
  },

  'Lambda concurrency': async ({ clients }) => {
    const { AccountLimit = {} } = await clients.lambda.send(new GetAccountSettingsCommand({}))
    const { ConcurrentExecutions = 0, UnreservedConcurrentExecutions: unreserved = 0 } = AccountLimit
    const count = (executions: number) => executions.toLocaleString('en-US')
    const finding =
      unreserved === ConcurrentExecutions
        ? `All ${count(ConcurrentExecutions)} concurrent executions are unreserved`
        : `${count(unreserved)} of ${count(ConcurrentExecutions)} concurrent executions are unreserved`
    const remedy = 'Request a higher quota (Service Quotas, AWS Lambda, Concurrent executions).'
    // A vend runs up to five functions at the same time, and waits when Lambda throttles.
    if (unreserved < 5) return fail(`${finding}, and a single vend uses up to 5.`, remedy)
    if (unreserved < 50) return warn(`${finding}, so several vends at once will wait for each other.`, remedy)
    return ok(`${finding}.`)
  },
}

const noOrganization = (error: unknown) => {
  if (isNamed(error, 'AWSOrganizationsNotInUseException')) return { Organization: undefined }
  throw error
}

const listRules = async (events: EventBridgeClient) => {
  const rules: Rule[] = []
  let NextToken: string | undefined
  do {
    const page = await events.send(new ListRulesCommand({ NamePrefix: 'account-vending-', NextToken }))
    rules.push(...(page.Rules ?? []))
    NextToken = page.NextToken
  } while (NextToken)
  return rules
}

const takesWrites = ({ IncludeManagementEvents, ReadWriteType, ExcludeManagementEventSources = [] }: EventSelector) =>
  IncludeManagementEvents === true &&
  ReadWriteType !== 'ReadOnly' &&
  !ExcludeManagementEventSources.includes('organizations.amazonaws.com')

const takesWritesToo = ({ FieldSelectors = [] }: AdvancedEventSelector) => {
  const of = (name: string) => FieldSelectors.filter(({ Field }) => Field === name)
  const source = 'organizations.amazonaws.com'
  return (
    of('eventCategory').some(({ Equals = [] }) => Equals.includes('Management')) &&
    !of('readOnly').some(({ Equals = [] }) => Equals.includes('true')) &&
    of('eventSource').every(
      ({ Equals, NotEquals = [] }) => (!Equals || Equals.includes(source)) && !NotEquals.includes(source),
    )
  )
}

const checkTrails = async (cloudTrail: CloudTrailClient, region: string): Promise<Result> => {
  const { trailList = [] } = await cloudTrail.send(new DescribeTrailsCommand({ includeShadowTrails: true }))
  const trails = trailList.filter(({ IsMultiRegionTrail, HomeRegion }) => IsMultiRegionTrail || HomeRegion === region)
  const create =
    'Create a multi-Region trail that records management events (write), and start its logging. Without such a trail, EventBridge gets no events of Organizations.'
  if (!trails.length) return fail(`No trail records ${region}.`, create)
  const problems: string[] = []
  for (const { Name = '', TrailARN = '', IsOrganizationTrail } of trails) {
    const [{ IsLogging }, { EventSelectors = [], AdvancedEventSelectors = [] }] = await Promise.all([
      cloudTrail.send(new GetTrailStatusCommand({ Name: TrailARN })),
      cloudTrail.send(new GetEventSelectorsCommand({ TrailName: TrailARN })),
    ])
    if (!IsLogging) problems.push(`${Name} does not log`)
    else if (!EventSelectors.some(takesWrites) && !AdvancedEventSelectors.some(takesWritesToo))
      problems.push(`${Name} does not record write management events`)
    else
      return ok(`${Name}${IsOrganizationTrail ? ', an organization trail,' : ''} records write management events here.`)
  }
  return fail(`No trail is suitable: ${problems.join('; ')}.`, `Correct one of these trails, or: ${create}`)
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

async function checkAccessRole(context: Context): Promise<Result> {
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
