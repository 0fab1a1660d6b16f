import type { AdvancedFieldSelector } from '@aws-sdk/client-cloudtrail'
import type { EventDestination, EventType } from '@aws-sdk/client-sesv2'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { makeClients } from '../support/clients.ts'
import { doctor } from '../../cli/doctor.ts'
import { vendActions } from '../../functions/shared/service-control-policies.ts'
import { loadVending } from '../../infra/build/check-vending.ts'
import type { Interception } from '../../local/aws/endpoint.ts'
import type { LocalOrganization } from '../../local/start-organization.ts'
import { AwsError } from '../../local/aws/aws-error.ts'
import { addRole, addUser, type ConfigurationSet, type World } from '../../local/aws/world.ts'
import { ensureAccount } from '../../local/make-account.ts'
import { vend } from '../../local/vend-input.ts'
import {
  adoptersAccountId as managementAccountId,
  adoptersOrganization,
  adoptersVending as ours,
  vendingFile,
} from '../support/organization.ts'

// Makes one fact wrong at a time; all other facts stay right.

const withoutMfa = {
  Version: '2012-10-17',
  Statement: {
    Effect: 'Deny',
    NotAction: ['iam:EnableMFADevice', 'sts:GetSessionToken'],
    Resource: '*',
    Condition: { BoolIfExists: { 'aws:MultiFactorAuthPresent': 'false' } },
  },
}
const controlTower = { ...ours, automatic: 'control-tower' }

let organization: LocalOrganization
let intercept: (interception: Interception) => void = () => undefined
beforeAll(async () => {
  organization = await adoptersOrganization((call) => intercept(call))
})
afterAll(() => organization.close())

type Look = { vending?: object; region?: string; accountId?: string; stage?: string }
const look = ({ vending = ours, region = 'us-east-1', accountId = managementAccountId, stage = 'local' }: Look = {}) =>
  doctor(
    makeClients({
      endpoint: organization.endpointUrl,
      region,
      credentials: { accessKeyId: accountId, secretAccessKey: 'local' },
      maxAttempts: 1,
    }),
    { stage, vending: loadVending(vendingFile(vending as Record<string, unknown>)) },
  )

/** Runs the doctor in a changed world, and undoes the change. */
const lookIn = async (change: (world: World) => () => void, options?: Look) => {
  const restore = change(organization.world)
  try {
    return await look(options)
  } finally {
    restore()
  }
}
const set =
  <Key extends keyof World>(key: Key, value: World[Key]) =>
  (world: World) => {
    const before = world[key]
    world[key] = value
    return () => void (world[key] = before)
  }
const mailEventTypes: EventType[] = ['DELIVERY', 'DELIVERY_DELAY', 'BOUNCE', 'COMPLAINT', 'REJECT']
const toBus = (...MatchingEventTypes: EventType[]): EventDestination => ({
  Name: 'events',
  Enabled: true,
  MatchingEventTypes,
  EventBridgeDestination: { EventBusArn: 'arn:aws:events:us-east-1:111122223333:event-bus/default' },
})
const engaged = { VdmEnabled: 'ENABLED', DashboardAttributes: { EngagementMetrics: 'ENABLED' } } as const
/** Changes the service's configuration set. */
const mailEvents = (change: Partial<ConfigurationSet>, name = 'account-vending-local') => {
  const right = { eventDestinations: [toBus(...mailEventTypes)], vdmOptions: metricsOff }
  return set('configurationSets', new Map([[name, { ...right, ...change }]]))
}
const metricsOff = { DashboardOptions: { EngagementMetrics: 'DISABLED' } } as const
const both =
  (...changes: ((world: World) => () => void)[]) =>
  (world: World) => {
    const restores = changes.map((change) => change(world))
    return () => restores.forEach((restore) => restore())
  }
const notOk = ({ findings }: Awaited<ReturnType<typeof look>>) => findings.filter(({ status }) => status !== 'ok')

test('in a correct organization every check is ok and the service may be deployed', async () => {
  const { mayDeploy, findings } = await look()
  expect(findings.filter(({ status }) => status !== 'ok')).toEqual([])
  expect(mayDeploy).toBe(true)
  expect(findings.map(({ check }) => check)).toEqual([
    'management account',
    'Region',
    'vending.yml',
    'first sign-in',
    'principals',
    'roles and users',
    'policies',
    'stack',
    'trail',
    'other stages',
    'SES sender',
    'SES sending',
    'SES mail events',
    'trusted access',
    'opening accounts',
    'access role',
    'protected accounts',
    'service control policies',
    'root credentials',
    'Lambda concurrency',
  ])
})

test('it also works before the first deployment', async () => {
  const { mayDeploy, findings } = await look({ stage: 'prod' })
  expect(findings.find(({ check }) => check === 'stack')).toMatchObject({
    status: 'ok',
    finding: 'account-vending-prod is not deployed yet.',
  })
  expect(findings.find(({ check }) => check === 'SES mail events')).toMatchObject({
    status: 'ok',
    finding: 'The deployment creates the configuration set account-vending-prod.',
  })
  // For the stage prod, the rules of the stage local belong to another stage.
  expect(findings.find(({ check }) => check === 'other stages')).toMatchObject({ status: 'fail' })
  expect(mayDeploy).toBe(false)
})

test('before the first deployment, the page of the links needs concurrency of its own', async () => {
  for (const [unreserved, status] of [
    [104, 'fail'],
    [105, 'ok'],
  ] as const) {
    const limits = { concurrentExecutions: 1000, unreservedConcurrentExecutions: unreserved }
    const { findings } = await lookIn(set('lambdaLimits', limits), { stage: 'prod' })
    expect(findings.find(({ check }) => check === 'Lambda concurrency')).toMatchObject({ status })
  }
})

test('a configuration set must not have the name that the first deployment needs', async () => {
  const { findings } = await lookIn(mailEvents({}, 'account-vending-prod'), { stage: 'prod' })
  expect(findings.find(({ check }) => check === 'SES mail events')).toMatchObject({
    status: 'fail',
    finding: 'SES has a configuration set account-vending-prod already, so the deployment could not create it.',
  })
})

test('an own configuration set must exist', async () => {
  const { findings } = await look({ vending: { ...ours, configurationSet: 'mails-of-ours' } })
  expect(findings.find(({ check }) => check === 'SES mail events')).toMatchObject({
    status: 'fail',
    finding: 'SES has no configuration set mails-of-ours in this Region.',
  })
})

const trail = {
  name: 'trail',
  homeRegion: 'us-east-1',
  isMultiRegion: false,
  isOrganization: false,
  isLogging: true,
  eventSelectors: [{ ReadWriteType: 'All' as const, IncludeManagementEvents: true }],
}
const advanced = (...fields: AdvancedFieldSelector[]) => ({
  ...trail,
  eventSelectors: [],
  advancedEventSelectors: [{ FieldSelectors: [{ Field: 'eventCategory', Equals: ['Management'] }, ...fields] }],
})
const policy = (statement: object, targets = ['r-exam']) =>
  set('serviceControlPolicies', [
    { id: 'p-nousers1', name: 'NoUsers', document: { Version: '2012-10-17', Statement: [statement] }, targets },
  ])
/** Somebody has detached FullAWSAccess from the target, and has attached a policy that allows by list. */
const allowing = (statement: object, target: string) => (world: World) => {
  const restore = policy({ Effect: 'Allow', Resource: '*', ...statement }, [target])(world)
  world.withoutFullAccess.add(target)
  return () => {
    world.withoutFullAccess.delete(target)
    restore()
  }
}
/** A policy of which nothing matters is on the first page, and this policy, or its target, on the second. */
const onSecondPage = (statement: object) =>
  set('serviceControlPolicies', [
    ...Array.from({ length: 24 }, (_, i) => ({
      id: `p-other${100 + i}`,
      name: `Other ${i}`,
      document: { Version: '2012-10-17', Statement: [] },
      targets: ['r-exam'],
    })),
    {
      id: 'p-nousers1',
      name: 'NoUsers',
      document: { Version: '2012-10-17', Statement: [statement] },
      targets: [...Array.from({ length: 24 }, () => '111111111111'), 'ou-exam-workload'],
    },
  ])
const named =
  (...names: [id: string, name: string][]) =>
  ({ accounts }: World) => {
    const restores = names.map(([id, name]) => {
      const account = accounts.get(id)!
      const before = account.name
      account.name = name
      return () => void (account.name = before)
    })
    return () => restores.forEach((restore) => restore())
  }
const identityCenter = 'AWSReservedSSO_PlatformTeam_0123456789abcdef'
/** A role of IAM Identity Center and a user are in the management account. */
const withPrincipals = (world: World) => {
  const account = world.accounts.get(managementAccountId)!
  addRole(world, account, { name: identityCenter, path: '/aws-reserved/sso.amazonaws.com/eu-west-1/' })
  addUser(world, account, { name: 'ada' })
  return () => {
    account.roles.delete(identityCenter.toLowerCase())
    account.users.delete('ada')
  }
}
const trusting = (service: string) => (world: World) => {
  world.trustedServices.add(service)
  return () => void world.trustedServices.delete(service)
}
const denied = { Effect: 'Deny', Action: 'iam:*', Resource: '*' }
const ses = { isInSandbox: false, isSendingEnabled: true, max24HourSend: 50_000, sentLast24Hours: 0 }
const rule = (name: string, more: object = {}) => ({
  name,
  enabled: true,
  pattern: { source: ['aws.organizations'] },
  ...more,
})

describe('finds what is wrong, with a remedy:', () => {
  test.each<
    [
      what: string,
      check: string,
      status: 'warn' | 'fail',
      says: string,
      change: (world: World) => () => void,
      look?: Look,
    ]
  >([
    [
      'a trail that does not log',
      'trail',
      'fail',
      'trail does not log',
      set('trails', [{ ...trail, isLogging: false }]),
    ],
    ['no trail', 'trail', 'fail', 'No trail records us-east-1', set('trails', [])],
    ['a trail of another Region', 'trail', 'fail', 'No trail', set('trails', [{ ...trail, homeRegion: 'eu-west-1' }])],
    [
      'a trail that reads only',
      'trail',
      'fail',
      'does not record write management events',
      set('trails', [{ ...trail, eventSelectors: [{ ReadWriteType: 'ReadOnly', IncludeManagementEvents: true }] }]),
    ],
    [
      'a trail of data events',
      'trail',
      'fail',
      'does not record',
      set('trails', [{ ...trail, eventSelectors: [{ ReadWriteType: 'All', IncludeManagementEvents: false }] }]),
    ],
    [
      'a trail that selects reads',
      'trail',
      'fail',
      'does not record',
      set('trails', [advanced({ Field: 'readOnly', Equals: ['true'] })]),
    ],
    [
      'a trail without Organizations',
      'trail',
      'fail',
      'does not record',
      set('trails', [advanced({ Field: 'eventSource', NotEquals: ['organizations.amazonaws.com'] })]),
    ],
    [
      'a sender that is not verified',
      'SES sender',
      'fail',
      'SES knows neither account-vending@mail.our-company.org nor mail.our-company.org',
      set('sesIdentities', new Set(['example.com'])),
    ],
    [
      'an identity of another Region',
      'SES sender',
      'fail',
      'SES sends only from the Region of an identity',
      set('sesIdentities', new Set(['mail.our-company.org'])),
      { vending: { ...ours, senderIdentity: 'arn:aws:ses:eu-west-1:444455556666:identity/our-company.org' } },
    ],
    ['the sandbox', 'SES sending', 'fail', 'in the sandbox', set('sesAccount', { ...ses, isInSandbox: true })],
    ['paused sending', 'SES sending', 'fail', 'paused', set('sesAccount', { ...ses, isSendingEnabled: false })],
    [
      'a quota that is used up',
      'SES sending',
      'fail',
      'no more can be sent',
      set('sesAccount', { ...ses, sentLast24Hours: 50_000 }),
    ],
    [
      'a quota that is nearly used up',
      'SES sending',
      'warn',
      '1 are left',
      set('sesAccount', { ...ses, sentLast24Hours: 49_999 }),
    ],
    [
      'a configuration set that somebody has deleted',
      'SES mail events',
      'warn',
      'SES has no configuration set account-vending-local',
      set('configurationSets', new Map()),
    ],
    [
      'a type of events that is missing',
      'SES mail events',
      'fail',
      'sends no events of these types to EventBridge: DELIVERY_DELAY, REJECT.',
      mailEvents({ eventDestinations: [toBus('DELIVERY', 'BOUNCE', 'COMPLAINT')] }),
    ],
    [
      'an event destination that is not enabled',
      'SES mail events',
      'fail',
      'to EventBridge: DELIVERY, DELIVERY_DELAY, BOUNCE, COMPLAINT, REJECT.',
      mailEvents({ eventDestinations: [{ ...toBus(...mailEventTypes), Enabled: false }] }),
    ],
    [
      'events that go to another place than EventBridge',
      'SES mail events',
      'fail',
      'to EventBridge: DELIVERY,',
      mailEvents({
        eventDestinations: [
          { Name: 'topic', Enabled: true, MatchingEventTypes: mailEventTypes, SnsDestination: { TopicArn: 'arn' } },
        ],
      }),
    ],
    [
      'click tracking in any event destination',
      'SES mail events',
      'fail',
      'an event destination has the types CLICK.',
      mailEvents({
        eventDestinations: [
          toBus(...mailEventTypes),
          { Name: 'clicks', Enabled: true, MatchingEventTypes: ['SEND', 'CLICK'], SnsDestination: { TopicArn: 'arn' } },
        ],
      }),
    ],
    [
      'a redirect domain',
      'SES mail events',
      'fail',
      'the set has the redirect domain clicks.our-company.org.',
      mailEvents({ trackingDomain: 'clicks.our-company.org' }),
    ],
    [
      'engagement metrics of the set',
      'SES mail events',
      'fail',
      'the engagement metrics of the Virtual Deliverability Manager are enabled.',
      mailEvents({ vdmOptions: { DashboardOptions: { EngagementMetrics: 'ENABLED' } } }),
    ],
    [
      'engagement metrics of the account, of which the set says nothing',
      'SES mail events',
      'fail',
      'the engagement metrics of the Virtual Deliverability Manager are enabled.',
      both(mailEvents({ vdmOptions: {} }), set('sesAccount', { ...ses, vdmAttributes: engaged })),
    ],
    [
      'no concurrency for the executions that the page of the links would reserve',
      'Lambda concurrency',
      'fail',
      'All 102 concurrent executions are unreserved. The deployment reserves 3 more',
      set('lambdaLimits', { concurrentExecutions: 102, unreservedConcurrentExecutions: 102 }),
      // 5 are reserved already.
      { vending: { ...ours, linkConcurrency: 8 } },
    ],
    [
      'no concurrency left',
      'Lambda concurrency',
      'fail',
      '0 of 1,000',
      set('lambdaLimits', { concurrentExecutions: 1000, unreservedConcurrentExecutions: 0 }),
    ],
    [
      'the concurrency of a new account',
      'Lambda concurrency',
      'warn',
      'All 10 concurrent executions',
      set('lambdaLimits', { concurrentExecutions: 10, unreservedConcurrentExecutions: 10 }),
    ],
    [
      'rules of another stage',
      'other stages',
      'fail',
      'account-vending-dev-AccountCreatedRule-ABC',
      set('otherRules', [rule('account-vending-dev-AccountCreatedRule-ABC')]),
    ],
    ['a policy at the root', 'service control policies', 'fail', 'NoUsers denies', policy(denied)],
    [
      'a policy on a unit',
      'service control policies',
      'warn',
      'in Workloads (ou-exam-workload)',
      policy(denied, ['ou-exam-workload']),
    ],
    [
      'a policy with a condition',
      'service control policies',
      'warn',
      'NoUsers may deny (depending on a condition) iam:CreateUser in Root',
      policy({
        ...denied,
        Action: ['iam:CreateUser'],
        Condition: { StringEquals: { 'aws:RequestedRegion': 'eu-west-1' } },
      }),
    ],
    [
      'a policy on all but some actions',
      'service control policies',
      'fail',
      'NoUsers denies',
      policy({ Effect: 'Deny', NotAction: ['s3:*', 'iam:Get*', 'iam:List*'], Resource: '*' }),
    ],
    [
      'a policy on users',
      'service control policies',
      'fail',
      'NoUsers denies',
      policy({ ...denied, Resource: 'arn:aws:iam::*:user/*' }),
    ],
    [
      'a policy that excepts another role',
      'service control policies',
      'warn',
      'may deny',
      policy({ ...denied, Condition: { ArnNotLike: { 'aws:PrincipalArn': 'arn:aws:iam::*:role/Other' } } }),
    ],
    [
      'a policy and a target on a second page',
      'service control policies',
      'warn',
      'NoUsers denies iam:ListUsers',
      onSecondPage(denied),
    ],
    [
      'a list in the place of FullAWSAccess on a unit',
      'service control policies',
      'warn',
      'NoUsers does not allow iam:ListUsers, iam:ListGroups, iam:GetGroup and 15 more in Workloads (ou-exam-workload)',
      allowing({ Action: ['s3:*', 'iam:GetUser', 'iam:TagUser'] }, 'ou-exam-workload'),
    ],
    [
      'a list in the place of FullAWSAccess at the root',
      'service control policies',
      'fail',
      'does not allow iam:CreateUser in Root',
      allowing({ NotAction: ['iam:CreateUser'] }, 'r-exam'),
    ],
    [
      'a list that allows users on another path',
      'service control policies',
      'warn',
      'NoUsers does not allow iam:ListUsers, iam:GetLoginProfile',
      allowing({ Action: 'iam:*', NotResource: 'arn:aws:iam::*:user/account-vending/*' }, 'ou-exam-workload'),
    ],
    [
      'a list that allows on a condition',
      'service control policies',
      'warn',
      'NoUsers allows only on a condition iam:ListUsers',
      allowing({ Action: '*', Condition: { StringEquals: { 'aws:RequestedRegion': 'us-east-1' } } }, 'r-exam'),
    ],
    [
      'a policy that denies everything without MFA',
      'first sign-in',
      'warn',
      'The policy Mfa of the group Guarded may deny Administrator the password change',
      named(),
      { vending: { ...ours, groups: [{ name: 'Guarded', inline: { Mfa: withoutMfa } }] } },
    ],
    [
      'a reader of another account',
      'principals',
      'fail',
      'secretReaders has arn:aws:iam::999988887776:role/platform-team',
      named(),
      { vending: { ...ours, secretReaders: ['arn:aws:iam::999988887776:role/platform-team'] } },
    ],
    [
      'a reader of another partition',
      'principals',
      'fail',
      'secretReaders has arn:aws-us-gov:iam::999988887777:role/platform-team',
      named(),
      {
        vending: {
          ...ours,
          secretReaders: [...ours.secretReaders, 'arn:aws-us-gov:iam::999988887777:role/platform-team'],
        },
      },
    ],
    ...['operators', 'requesters'].map(
      (key) =>
        [
          `${key} of another account`,
          'principals',
          'warn',
          `${key} has arn:aws:iam::999988887776:user/ada`,
          named(),
          { vending: { ...ours, [key]: ['arn:aws:iam::999988887776:user/ada'] } },
        ] as [string, string, 'warn', string, (world: World) => () => void, Look],
    ),
    [
      'a role that does not exist',
      'roles and users',
      'warn',
      'do not exist: operators has arn:aws:iam::999988887777:role/platform-taem.',
      named(),
      { vending: { ...ours, operators: ['arn:aws:iam::999988887777:role/platform-taem'] } },
    ],
    [
      'a user that does not exist, and a role that no account can have',
      'roles and users',
      'warn',
      `requesters has arn:aws:iam::999988887777:user/ada, approvers has arn:aws:iam::999988887777:role/${'x'.repeat(65)}.`,
      named(),
      {
        vending: {
          ...ours,
          requesters: ['arn:aws:iam::999988887777:user/ada'],
          approvers: [`arn:aws:iam::999988887777:role/${'x'.repeat(65)}`],
        },
      },
    ],
    [
      'a role of Identity Center without its path',
      'roles and users',
      'warn',
      `secretReaders has arn:aws:iam::999988887777:role/${identityCenter}, but the ARN is arn:aws:iam::999988887777:role/aws-reserved/sso.amazonaws.com/eu-west-1/${identityCenter}.`,
      withPrincipals,
      { vending: { ...ours, secretReaders: [`arn:aws:iam::999988887777:role/${identityCenter}`] } },
    ],
    [
      'no trusted access for IAM, where root credentials are audited',
      'root credentials',
      'warn',
      'iam.amazonaws.com has no trusted access to the organization',
      named(),
      { vending: { ...ours, rootCredentials: 'audit' } },
    ],
    [
      'root credentials that are not managed centrally',
      'root credentials',
      'warn',
      'IAM does not manage root credentials centrally',
      trusting('iam.amazonaws.com'),
      { vending: { ...ours, rootCredentials: 'audit' } },
    ],
    ...[
      ['of a group', 'AdminstratorAccess', { groups: [{ name: 'Admins', policies: ['AdminstratorAccess'] }] }],
      ['of an administrator', 'Billing', { admins: [{ userName: 'ada', policies: ['ReadOnlyAccess', 'Billing'] }] }],
      [
        'by its ARN',
        'arn:aws:iam::aws:policy/ReadOnly',
        { admins: [{ userName: 'ada', policies: ['arn:aws:iam::aws:policy/ReadOnly'] }] },
      ],
    ].map(
      ([what, name, vending]) =>
        [
          `a policy that does not exist, ${what as string}`,
          'policies',
          'fail',
          `vending.yml names AWS managed policies that do not exist: ${name as string}.`,
          named(),
          { vending: { ...ours, ...(vending as object) } },
        ] as [string, string, 'fail', string, (world: World) => () => void, Look],
    ),
    [
      'Control Tower where Organizations vends',
      'trusted access',
      'warn',
      'automatic: organizations',
      set('trustedServices', new Set(['controltower.amazonaws.com'])),
    ],
    [
      'Control Tower without access',
      'trusted access',
      'fail',
      'controltower.amazonaws.com has no trusted access',
      set('trustedServices', new Set<string>()),
      { vending: controlTower },
    ],
    [
      'no access for alternate contacts',
      'trusted access',
      'warn',
      'account.amazonaws.com has no trusted access',
      set('trustedServices', new Set<string>()),
    ],
    [
      'a unit for requests that is not there',
      'opening accounts',
      'fail',
      'Nowhere: there is no Nowhere in the root',
      named(),
      { vending: { ...ours, requests: { organizationalUnits: ['Workloads/Sandbox', 'Nowhere'] } } },
    ],
    [
      'Control Tower that does not enrol',
      'opening accounts',
      'warn',
      'requests to open accounts are refused',
      set('landingZone', null),
      { vending: controlTower },
    ],
    [
      'an approver of another account',
      'principals',
      'warn',
      'approvers has arn:aws:iam::444455556666:role/approvers',
      named(),
      { vending: { ...ours, approval: 'required', approvers: ['arn:aws:iam::444455556666:role/approvers'] } },
    ],
    [
      'a protected name that no account has',
      'protected accounts',
      'warn',
      'Vault (no account)',
      named(),
      { vending: { ...ours, protected: { accounts: ['Log Archive', 'Audit', 'Vault'], organizationalUnits: [] } } },
    ],
    [
      'a protected name that two accounts have',
      'protected accounts',
      'warn',
      'Audit (2 accounts)',
      named(['666666666666', 'Audit']),
    ],
    [
      'a name of Control Tower’s that its account has no more',
      'protected accounts',
      'warn',
      'Audit (no account)',
      named(['222222222222', 'Audits']),
      { vending: controlTower },
    ],
    ...[
      'LogArchive',
      'Log archive',
      'Log archive account',
      'log-archive',
      'AWS Log Archive Account',
      'acme-log_archive-prod',
    ].map(
      (name) =>
        [
          `an account like Log Archive: ${name}`,
          'protected accounts',
          'warn' as const,
          `resemble protected names: ${name} (666666666666, like Log Archive).`,
          named(['666666666666', name]),
        ] as [string, string, 'warn', string, (world: World) => () => void],
    ),
    [
      'accounts like Audit and Log Archive, where no account has the names',
      'protected accounts',
      'warn',
      'LogArchive (111111111111, like Log Archive), audit (222222222222, like Audit).',
      named(['111111111111', 'LogArchive'], ['222222222222', 'audit']),
    ],
    [
      'the example’s values',
      'vending.yml',
      'fail',
      'organizationName',
      set('trails', [trail]),
      { vending: { ...ours, organizationName: 'Example Organization' } },
    ],
  ])('%s', async (_, check, status, says, change, options) => {
    const { findings, mayDeploy } = await lookIn(change, options)
    const found = findings.filter((finding) => finding.check === check)
    expect(found).toMatchObject([
      { status, finding: expect.stringContaining(says) as string, remedy: expect.stringMatching(/.{20}/) as string },
    ])
    // Control Tower's role does not exist in the accounts of this organization.
    if (options?.vending !== controlTower) expect(findings.filter((finding) => finding.status !== 'ok')).toEqual(found)
    expect(mayDeploy).toBe(options?.vending === controlTower ? false : status === 'warn')
  })

  test('a member account', async () => {
    const { mayDeploy, findings } = await look({ accountId: '555555555555' })
    expect(mayDeploy).toBe(false)
    expect(findings.find(({ check }) => check === 'management account')?.status).toBe('fail')
  })

  test('another Region', async () => {
    expect(notOk(await look({ region: 'eu-west-1' }))).toMatchObject([
      { check: 'Region', status: 'fail', finding: expect.stringContaining('us-east-1') as string },
    ])
  })

  test('an account without the access role, named', async () => {
    const found = await lookIn((world) => {
      const legacy = world.accounts.get('555555555555')!
      const before = legacy.roleName
      legacy.roleName = 'SomethingElse'
      return () => void (legacy.roleName = before)
    })
    expect(notOk(found)).toMatchObject([
      { check: 'access role', status: 'fail', finding: expect.stringContaining('Legacy (555555555555)') as string },
    ])
  })

  test('an access role that Control Tower does not make', async () => {
    const found = await look({ vending: { ...controlTower, accessRole: 'OrganizationAccountAccessRole' } })
    expect(notOk(found)).toContainEqual(expect.objectContaining({ check: 'access role', status: 'warn' }))
  })
})

describe('does not call right wrong:', () => {
  test.each<[what: string, change: (world: World) => () => void, look?: Look]>([
    ['a trail of this Region', set('trails', [trail])],
    [
      'a multi-Region trail of another one',
      set('trails', [{ ...trail, homeRegion: 'eu-west-1', isMultiRegion: true }]),
    ],
    [
      'roles and users with paths and wildcards',
      withPrincipals,
      {
        vending: {
          ...ours,
          secretReaders: ['arn:aws:iam::999988887777:role/aws-reserved/sso.amazonaws.com/*/AWSReservedSSO_Nobody_*'],
          operators: [`arn:aws:iam::999988887777:role/aws-reserved/sso.amazonaws.com/eu-west-1/${identityCenter}`],
          requesters: ['arn:aws:iam::999988887777:user/ada', 'arn:aws:iam::999988887777:role/team-?'],
        },
      },
    ],
    [
      'root credentials that IAM manages centrally',
      both(trusting('iam.amazonaws.com'), set('managesRootCredentials', true)),
      { vending: { ...ours, rootCredentials: 'audit' } },
    ],
    [
      'concurrency of which the page of the links has its part',
      set('lambdaLimits', { concurrentExecutions: 105, unreservedConcurrentExecutions: 100 }),
    ],
    ['one good trail among bad ones', set('trails', [{ ...trail, name: 'bad', isLogging: false }, trail])],
    ['advanced selectors of writes', set('trails', [advanced({ Field: 'readOnly', Equals: ['false'] })])],
    [
      'an identity of another account, although the sender is not verified here',
      set('sesIdentities', new Set()),
      { vending: { ...ours, senderIdentity: 'arn:aws:ses:us-east-1:444455556666:identity/our-company.org' } },
    ],
    ['a sender verified as an address', set('sesIdentities', new Set(['account-vending@mail.our-company.org']))],
    [
      'engagement metrics of the account that the set turns off',
      set('sesAccount', {
        isInSandbox: false,
        isSendingEnabled: true,
        max24HourSend: -1,
        sentLast24Hours: 0,
        vdmAttributes: engaged,
      }),
    ],
    [
      'types of events in several destinations',
      mailEvents({ eventDestinations: [toBus('DELIVERY', 'SEND'), toBus(...mailEventTypes.slice(1))] }),
    ],
    [
      'an own configuration set',
      mailEvents({}, 'mails-of-ours'),
      { vending: { ...ours, configurationSet: 'mails-of-ours' } },
    ],
    ['another stage’s rule that is disabled', set('otherRules', [rule('account-vending-dev-A', { enabled: false })])],
    [
      'another stage’s rule for its own failures',
      set('otherRules', [rule('account-vending-dev-A', { pattern: { source: ['aws.states'] } })]),
    ],
    [
      'a policy that excepts the access role',
      policy({
        ...denied,
        Condition: { ArnNotLike: { 'aws:PrincipalArn': 'arn:aws:iam::*:role/OrganizationAccountAccessRole' } },
      }),
    ],
    ['a list in the place of FullAWSAccess that has IAM', allowing({ Action: ['s3:*', 'iam:*'] }, 'r-exam')],
    [
      'a list that allows for the access role',
      allowing(
        {
          Action: '*',
          Condition: { ArnLike: { 'aws:PrincipalArn': 'arn:aws:iam::*:role/OrganizationAccountAccessRole' } },
        },
        'ou-exam-workload',
      ),
    ],
    ['a list besides FullAWSAccess', policy({ Effect: 'Allow', Action: 's3:*', Resource: '*' })],
    ['a list on a protected account', allowing({ Action: 's3:*' }, '111111111111')],
    ['a policy on roles', policy({ ...denied, Resource: 'arn:aws:iam::*:role/*' })],
    ['a policy on another service', policy({ ...denied, Action: 's3:*' })],
    ['a policy that is attached to nothing', policy(denied, [])],
    ['a policy on a protected account', policy(denied, ['111111111111'])],
    [
      'the names of Control Tower’s accounts, where it is not',
      named(['111111111111', 'Logs'], ['222222222222', 'Audits']),
    ],
    ['names that only contain Audit', named(['666666666666', 'Auditors sandbox'])],
    [
      'an account like Log Archive in a protected unit',
      named(['111111111111', 'LogArchive']),
      {
        vending: {
          ...ours,
          protected: { accounts: ['Log Archive', 'Audit'], organizationalUnits: ['ou-exam-security'] },
        },
      },
    ],
    [
      'the name of an account that another one had, which is closed',
      (world) => {
        const restore = named(['333333333333', 'Audit'])(world)
        const closed = world.accounts.get('333333333333')!
        const { state } = closed
        closed.state = 'CLOSED'
        return () => {
          closed.state = state
          restore()
        }
      },
    ],
    [
      'protection by id, whatever the name',
      named(['111111111111', 'Audit']),
      { vending: { ...ours, protected: { accounts: ['111111111111', '222222222222'], organizationalUnits: [] } } },
    ],
  ])('%s', async (_, change, options) => {
    expect(notOk(await lookIn(change, options))).toEqual([])
  })
})

test.each([
  ['organizations', 'DescribeOrganization', 'management account'],
  ['cloudtrail', 'DescribeTrails', 'trail'],
  ['cloudtrail', 'GetEventSelectors', 'trail'],
  ['ses', 'GetIdentityVerificationAttributes', 'SES sender'],
  ['ses', 'GetAccount', 'SES sending'],
  ['ses', 'GetConfigurationSet', 'SES mail events'],
  ['ses', 'GetConfigurationSetEventDestinations', 'SES mail events'],
  ['organizations', 'ListAWSServiceAccessForOrganization', 'trusted access'],
  ['organizations', 'ListPolicies', 'service control policies'],
  ['lambda', 'GetAccountSettings', 'Lambda concurrency'],
  ['events', 'ListRules', 'other stages'],
  ['lambda', 'GetFunctionConcurrency', 'Lambda concurrency'],
  ['iam', 'GetPolicy', 'policies'],
  ['iam', 'GetRole', 'roles and users'],
  ['cloudformation', 'DescribeStacks', 'stack', 'SES mail events'],
  ['organizations', 'ListAccounts', 'access role', 'protected accounts'],
])(
  'without the permission %s:%s the check names it, and the other checks go on',
  async (service, operation, ...checks) => {
    intercept = (call) => {
      // Organizations' message does not name the action.
      if (call.service === service && call.operation === operation)
        throw new AwsError('AccessDeniedException', "You don't have permissions to access this resource.")
    }
    const found = await look()
    intercept = () => undefined
    expect(notOk(found)).toMatchObject(
      checks.map((check) => ({
        check,
        status: 'fail',
        finding: `This could not be checked: you do not have the permission ${service}:${operation}.`,
      })),
    )
  },
)

test('service control policies are checked for every action that the workflow’s sessions permit', async () => {
  const accountId = '331000000001'
  // The service is deployed in the account that the local organization has at its start.
  organization.world.managementAccountId = '111122223333'
  ensureAccount(organization, accountId)
  const before = new Set(organization.world.sessions.keys())
  await vend(organization, { door: 'manual', input: JSON.stringify({ accountId, again: true }) })
  const permitted = [...organization.world.sessions]
    .filter(([key]) => !before.has(key))
    .flatMap(([, { policy }]) => (JSON.parse(policy ?? '{}') as { Statement?: { Action: string[] }[] }).Statement ?? [])
    .flatMap(({ Action }) => Action)
  expect(permitted).toContain('iam:CreateLoginProfile')
  expect(permitted.filter((action) => !vendActions(organization.vending).includes(action))).toEqual([])
})
