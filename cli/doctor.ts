import {
  type AdvancedEventSelector,
  type CloudTrailClient,
  DescribeTrailsCommand,
  type EventSelector,
  GetEventSelectorsCommand,
  GetTrailStatusCommand,
} from '@aws-sdk/client-cloudtrail'
import { type EventBridgeClient, ListRulesCommand, type Rule } from '@aws-sdk/client-eventbridge'
import { GetAccountSettingsCommand } from '@aws-sdk/client-lambda'
import {
  DescribeOrganizationCommand,
  type OrganizationsClient,
  paginateListAccounts,
  paginateListAWSServiceAccessForOrganization,
} from '@aws-sdk/client-organizations'
import { GetIdentityVerificationAttributesCommand } from '@aws-sdk/client-ses'
import { GetAccountCommand } from '@aws-sdk/client-sesv2'
import { AssumeRoleCommand, GetCallerIdentityCommand } from '@aws-sdk/client-sts'
import { styleText } from 'node:util'
import { findMemberAccount } from '../functions/shared/account.ts'
import { isDenied, isNamed } from '../functions/shared/aws-errors.ts'
import { exampleValues } from '../infra/build/example-values.ts'
import { senderIdentities, type Vending } from '../functions/shared/vending.ts'
import type { Clients } from './clients.ts'
import { actionOf, missingAction, sayError } from './command-errors.ts'
import { findStack, stackName } from './service.ts'
import { wrap } from './show.ts'
import { type Denial, findDenials, readPolicies, some } from './service-control-policies.ts'

export type Finding = { check: string; status: 'ok' | 'warn' | 'fail'; finding: string; remedy?: string }
type Result = Omit<Finding, 'check'>

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
const fail = (finding: string, remedy: string): Result => ({ status: 'fail', finding, remedy })

/** All checks, by the name that is shown; they do not wait for each other. */
const checks: Record<string, Check> = {
  'management account': async ({ clients, accountId }) => {
    const { Organization } = await clients.organizations.send(new DescribeOrganizationCommand({})).catch(noOrganization)
    if (!Organization)
      return fail(`${accountId} is in no organization.`, 'Sign in to the management account of your organization.')
    return Organization.MasterAccountId === accountId
      ? ok(`${accountId} is the management account of ${Organization.Id}.`)
      : fail(
          `${accountId} is a member account; the management account is ${Organization.MasterAccountId}.`,
          `Sign in to ${Organization.MasterAccountId} and run this again: the service runs there.`,
        )
  },

  Region: async ({ partition, region }) => {
    // Where Organizations' events appear, by partition.
    const wanted = { aws: 'us-east-1', 'aws-us-gov': 'us-gov-west-1', 'aws-cn': 'cn-northwest-1' }[partition]
    if (!wanted)
      return warn(`The partition ${partition} is not known here.`, 'Deploy where Organizations’ events appear.')
    return region === wanted
      ? ok(`${region}, where Organizations’ events appear.`)
      : fail(
          `This is ${region}; Organizations’ events appear in ${wanted} only.`,
          `Add --region ${wanted}, also to the deployment.`,
        )
  },

  'vending.yml': async ({ vending }) => {
    const examples = exampleValues(vending)
    return examples.length
      ? fail(
          `These are still the example's values: ${examples.map((line) => line.replace(/:.*/, '')).join(', ')}.`,
          'Put your own into vending.yml. With the example’s nobody gets a mail, and nobody may read a password.',
        )
      : ok('It is valid, and holds none of the example’s values.')
  },

  stack: async ({ clients, stage }) => {
    const stack = await findStack(clients.cloudFormation, stage)
    const name = stackName(stage)
    if (!stack) return ok(`${name} is not deployed yet.`)
    const status = stack.StackStatus ?? 'unknown'
    if (status === 'ROLLBACK_COMPLETE' || status.endsWith('_FAILED'))
      return fail(
        `${name} is in the state ${status}.`,
        'See its events in CloudFormation’s console; delete or repair the stack first.',
      )
    if (status.endsWith('_IN_PROGRESS'))
      return warn(`${name} is in the state ${status}.`, 'Somebody is deploying. Wait until that has ended.')
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
          `Rules of another stage would answer the same events: ${some(others.map(({ Name = '' }) => Name))}.`,
          'One stage an organization: remove the other (npx osls remove --stage STAGE), or disable its rules.',
        )
      : ok(`No rule of another stage than ${stage} answers to new accounts.`)
  },

  'SES sender': async ({ clients, vending }) => {
    const identities = senderIdentities(vending)
    const [address = '', domain = ''] = identities
    const { VerificationAttributes = {} } = await clients.ses.send(
      new GetIdentityVerificationAttributesCommand({ Identities: identities }),
    )
    const verified = identities.find((identity) => VerificationAttributes[identity]?.VerificationStatus === 'Success')
    if (verified) return ok(`${address} may send: ${verified} is verified.`)
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
    // SES says -1 where there is no limit.
    const left = Max24HourSend < 0 ? Infinity : Max24HourSend - SentLast24Hours
    if (!SendingEnabled)
      return fail(
        'SES has paused sending for this account.',
        'See SES’s reputation page for the reason, and have it resumed.',
      )
    if (!ProductionAccessEnabled)
      return fail(
        'SES is in the sandbox: it mails verified addresses only.',
        'Request production access in SES’s console (Account dashboard).',
      )
    const quota = `${SentLast24Hours} of ${Max24HourSend} mails were sent in the last 24 hours`
    if (left < 1)
      return fail(`${quota}: none is left.`, 'Ask for a higher quota (Service Quotas, Amazon SES), or wait.')
    if (left < 100) return warn(`${quota}: ${left} are left.`, 'Ask for a higher quota (Service Quotas, Amazon SES).')
    return ok(left === Infinity ? 'Out of the sandbox; no daily quota.' : `Out of the sandbox; ${quota}.`)
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
            'Set automatic: control-tower, or accounts are vended before Control Tower has finished them.',
          )
        : ok('None is needed with automatic: organizations.')
    return hasControlTower
      ? ok('controltower.amazonaws.com has it.')
      : fail(
          'controltower.amazonaws.com has no access to the organization, so it can tell of no account.',
          'Set up Control Tower’s landing zone, or set automatic: organizations in vending.yml.',
        )
  },

  'access role': checkAccessRole,

  'protected accounts': async ({ clients, vending: { protected: places, automatic } }) => {
    const names = places.accounts.filter((place) => !/^\d{12}$/.test(place))
    if (!names.length) return ok('None is protected by its name, which a member account may change.')
    const inOrganization: string[] = []
    for await (const { Accounts = [] } of paginateListAccounts({ client: clients.organizations }, {}))
      inOrganization.push(...Accounts.flatMap(({ Name = '', State }) => (State === 'CLOSED' ? [] : [Name])))
    const having = (name: string) => inOrganization.filter((other) => other === name).length
    // Control Tower's, which vending.yml comes with: without Control Tower they may well be nobody's.
    const isIdle = (name: string) => automatic !== 'control-tower' && ['Log Archive', 'Audit'].includes(name)
    const wrong = names.flatMap((name) => {
      const count = having(name)
      return count === 1 || (!count && isIdle(name))
        ? []
        : [`${name} (${count || 'no'} account${count > 1 ? 's' : ''})`]
    })
    if (wrong.length)
      return warn(
        `These names under protected in vending.yml are not one account’s: ${wrong.join(', ')}.`,
        'Name the account by its id, in quotes: a member account may change its own name (account:PutAccountName), which ends or begins the protection.',
      )
    const idle = names.filter((name) => !having(name))
    return ok(
      idle.length
        ? `No account is called ${idle.join(' or ')}, as Control Tower calls its own.`
        : 'Each name is one account’s.',
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
    if (!denials.length) return ok(`None of ${policies.length} forbids ${vending.accessRole} what a vend does.`)
    const words = denials.map(
      ({ policy, actions, certain, targets }) =>
        `${policy} ${certain ? 'denies' : 'may deny (a condition decides)'} ${some(actions)} ` +
        `in ${some(targets.map(({ Name, TargetId }) => `${Name} (${TargetId})`))}`,
    )
    const everywhere = denials.some(({ certain, targets }) => certain && targets.some(({ Type }) => Type === 'ROOT'))
    return (everywhere ? fail : warn)(
      `${words.join('; ')}.`,
      `Except the role in the policy (Condition: ArnNotLike, aws:PrincipalArn, arn:*:iam::*:role/${vending.accessRole}), ` +
        'or do not vend IAM users there: AWS recommends IAM Identity Center for people.',
    )
  },

  'Lambda concurrency': async ({ clients }) => {
    const { AccountLimit = {} } = await clients.lambda.send(new GetAccountSettingsCommand({}))
    const { ConcurrentExecutions = 0, UnreservedConcurrentExecutions: unreserved = 0 } = AccountLimit
    const finding = `${unreserved} of ${ConcurrentExecutions} concurrent executions are not reserved`
    const remedy = 'Ask for a higher quota (Service Quotas, AWS Lambda, Concurrent executions).'
    // A vend runs up to five functions side by side, and waits when Lambda throttles.
    if (unreserved < 5) return fail(`${finding}; one vend alone uses up to 5.`, remedy)
    if (unreserved < 50) return warn(`${finding}: several vends at once will wait for each other.`, remedy)
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
    'Create a multi-Region trail that records management events (write), and start its logging: without one EventBridge gets no event of Organizations.'
  if (!trails.length) return fail(`No trail records ${region}.`, create)
  const problems: string[] = []
  for (const { Name = '', TrailARN = '', IsOrganizationTrail } of trails) {
    const [{ IsLogging }, { EventSelectors = [], AdvancedEventSelectors = [] }] = await Promise.all([
      cloudTrail.send(new GetTrailStatusCommand({ Name: TrailARN })),
      cloudTrail.send(new GetEventSelectorsCommand({ TrailName: TrailARN })),
    ])
    if (!IsLogging) problems.push(`${Name} does not log`)
    else if (!EventSelectors.some(takesWrites) && !AdvancedEventSelectors.some(takesWritesToo))
      problems.push(`${Name} leaves out write management events`)
    else
      return ok(`${Name}${IsOrganizationTrail ? ', an organization trail,' : ''} records write management events here.`)
  }
  return fail(`No trail serves: ${problems.join('; ')}.`, `Mend one of them, or: ${create}`)
}

/** An ordinary member account; one that Organizations created if there is one, because invited ones never have the role. */
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
      `automatic: control-tower signs in by ${role}; the role that Control Tower makes is AWSControlTowerExecution.`,
      'Leave out accessRole in vending.yml, unless you make that role in each account yourself.',
    )
  const account = await ordinaryAccount(clients.organizations, context)
  if (!account)
    return warn(
      `No account was there to try ${role} in.`,
      'Run this again once there is a member account that is not protected.',
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
    // Invited accounts never have it by themselves; in one that Organizations created it is missed.
    return (account.joinedMethod === 'CREATED' ? fail : warn)(
      `${role} cannot be assumed in ${account.name} (${account.id}): it is missing there, its trust was changed, or your ` +
        'own role may not assume it (sts:AssumeRole).',
      `Look for it in that account. Where it is missing, create it from infra/member-account/access-role.yml with RoleName=${role}; ` +
        'if it has another name everywhere, set accessRole in vending.yml.',
    )
  }
}

/** A check that cannot look says which permission it lacks, and does not stop the others. */
const orSay = async (check: Promise<Result>): Promise<Result> => {
  try {
    return await check
  } catch (error) {
    if (error instanceof Error && isDenied(error))
      return fail(
        `This could not be looked at: you lack ${missingAction(error)}.`,
        `Run this with a role that has ${missingAction(error)} (ReadOnlyAccess has all but sts:AssumeRole).`,
      )
    return fail(`This could not be looked at (${actionOf(error) ?? 'no call'}).`, sayError(error))
  }
}

/**
 * Looks whether the service may be deployed, and would work, in this account and Region.
 * Throws what GetCallerIdentity does: without credentials there is nothing to look at.
 */
export async function doctor(
  clients: Clients,
  { vending, stage }: { vending: Vending; stage: string },
): Promise<{ mayDeploy: boolean; findings: Finding[] }> {
  const { Account: accountId = '', Arn = '' } = await clients.sts.send(new GetCallerIdentityCommand({}))
  const region = await clients.sts.config.region()
  const context = { clients, vending, stage, region, partition: Arn.split(':')[1] ?? 'aws', accountId }
  const findings = await Promise.all(
    Object.entries(checks).map(async ([check, look]) => ({ check, ...(await orSay(look(context))) })),
  )
  return { mayDeploy: findings.every(({ status }) => status !== 'fail'), findings }
}

const marks = {
  ok: styleText('green', '✔'),
  warn: styleText('yellow', '!'),
  fail: styleText('red', '✘'),
}

const nameWidth = 28
/** A finding for a person: what was looked at, what was found, and what to do. */
const showFinding = ({ check, status, finding, remedy }: Finding) => {
  const indent = ' '.repeat(nameWidth)
  const said = wrap([finding, remedy && `→ ${remedy}`].filter(Boolean).join('\n'), indent).trimStart()
  return `${marks[status]} ${styleText('bold', check)}${' '.repeat(nameWidth - 2 - check.length)}${said}`
}

/** All findings, and what they amount to. */
export const showDiagnosis = ({ findings, mayDeploy }: { findings: Finding[]; mayDeploy: boolean }) => {
  const count = (status: Finding['status']) => findings.filter((finding) => finding.status === status).length
  const verdict = mayDeploy
    ? `May be deployed${count('warn') ? `; warnings: ${count('warn')}` : ''}.`
    : `Must not be deployed yet: ${count('fail')} of ${findings.length} checks failed.`
  return [...findings.map(showFinding), '', styleText('bold', verdict)].join('\n')
}
