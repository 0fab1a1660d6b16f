import {
  type AdvancedEventSelector,
  type CloudTrailClient,
  DescribeTrailsCommand,
  type EventSelector,
  GetEventSelectorsCommand,
  GetTrailStatusCommand,
} from '@aws-sdk/client-cloudtrail'
import { type EventBridgeClient, ListRulesCommand, type Rule } from '@aws-sdk/client-eventbridge'
import { GetPolicyCommand } from '@aws-sdk/client-iam'
import { DescribeOrganizationCommand } from '@aws-sdk/client-organizations'
import { GetIdentityVerificationAttributesCommand } from '@aws-sdk/client-ses'
import { GetAccountCommand } from '@aws-sdk/client-sesv2'
import { isNamed } from '../functions/shared/aws-errors.ts'
import { firstSignInDoubts } from '../infra/build/default-request.ts'
import { exampleKeys } from '../infra/build/example-values.ts'
import { arnOfPolicy } from '../functions/shared/request.ts'
import { senderIdentities } from '../functions/shared/vending.ts'
import { type Check, type Context, fail, ok, type Result, warn } from './doctor-context.ts'
import { checkLambdaConcurrency } from './doctor-lambda.ts'
import { checkMailEvents } from './doctor-mail-events.ts'
import {
  checkAccessRole,
  checkOpenings,
  checkProtectedAccounts,
  checkRootAccess,
  checkServiceControlPolicies,
  checkTrustedAccess,
} from './doctor-organization.ts'
import { checkPrincipals, checkRolesAndUsers } from './doctor-principals.ts'
import { findStack, stackName } from './service.ts'
import { firstOf } from '../functions/shared/service-control-policies.ts'

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
    const examples = exampleKeys(vending)
    return examples.length
      ? fail(
          `These keys still have the example's values: ${examples.join(', ')}.`,
          'Put your own values into vending.yml. With the example’s values, nobody gets a mail and nobody can read a password.',
        )
      : ok('vending.yml is valid and has none of the example’s values.')
  },

  'first sign-in': ({ vending }) => {
    const doubts = firstSignInDoubts(vending)
    return Promise.resolve(
      doubts.length
        ? warn(`${doubts.join('. ')}.`, 'Change the policy, or try a first sign-in before you rely on it.')
        : ok('No policy in vending.yml denies an administrator the password change at the first sign-in.'),
    )
  },

  principals: (context) => Promise.resolve(checkPrincipals(context)),
  'roles and users': checkRolesAndUsers,
  policies: checkPolicies,

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

  'SES sender': async ({ clients, vending, partition, region, accountId }) => {
    const { senderIdentity } = vending
    if (senderIdentity) {
      const place = `arn:${partition}:ses:${region}:`
      const owner = senderIdentity.split(':')[4]
      if (!senderIdentity.startsWith(place))
        return fail(
          `senderIdentity in vending.yml is ${senderIdentity}, and SES sends only from the Region of an identity.`,
          `Name an identity of this Region, whose ARN begins with ${place}`,
        )
      // An account cannot read the identities of another account.
      if (owner !== accountId)
        return ok(
          `Mails are sent with the identity ${senderIdentity}. Only account ${owner} can see whether the identity is verified and lets ${accountId} send (docs/deploying.md).`,
        )
    }
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
        'The page “Reputation metrics” of the SES console shows the reason. Ask AWS to resume sending.',
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

  'SES mail events': checkMailEvents,

  'trusted access': checkTrustedAccess,
  'opening accounts': checkOpenings,
  'access role': checkAccessRole,
  'protected accounts': checkProtectedAccounts,
  'service control policies': checkServiceControlPolicies,

  'root credentials': checkRootAccess,
  'Lambda concurrency': checkLambdaConcurrency,
}

const noOrganization = (error: unknown) => {
  if (isNamed(error, 'AWSOrganizationsNotInUseException')) return { Organization: undefined }
  throw error
}

/**
 * Whether the AWS managed policies of vending.yml exist. They are the same in every account of a partition, so the
 * management account knows them.
 */
async function checkPolicies({ clients, vending, partition }: Context): Promise<Result> {
  const names = [...new Set([...vending.groups, ...vending.admins].flatMap(({ policies }) => policies))]
  const missing: string[] = []
  for (const name of names)
    await clients.iam
      .send(new GetPolicyCommand({ PolicyArn: arnOfPolicy(name, partition) }))
      .catch((error: unknown) => {
        if (!isNamed(error, 'NoSuchEntityException', 'InvalidInputException')) throw error
        missing.push(name)
      })
  return missing.length
    ? fail(
        `vending.yml names AWS managed policies that do not exist: ${firstOf(missing)}.`,
        'Correct the names in vending.yml. The name includes the path of the policy, as in job-function/Billing.',
      )
    : ok('All AWS managed policies that vending.yml names exist.')
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
