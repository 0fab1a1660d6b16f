import { expect } from 'vitest'
import {
  accountRoot,
  functionNames,
  here,
  kept,
  ours,
  permission,
  policy,
  type Said,
  self,
  type Table,
  tableVending,
} from './template-table.ts'

// What the packaged template must say about rules, keys, roles and alarms, in the form of template-table.ts.

const day = 24 * 60 * 60
const anyRule = `arn:\${AWS::Partition}:events:${here}:rule/account-vending-*`
const deadLetters = '${DeadLetters.Arn}'
/** What is invoked asynchronously: after two more tries, the event goes to the dead-letter queue. */
const asynchronous = (name: string): Said => ({
  Type: 'AWS::Lambda::EventInvokeConfig',
  Properties: {
    FunctionName: `\${${name}LambdaFunction}`,
    Qualifier: '$LATEST',
    MaximumRetryAttempts: 2,
    DestinationConfig: { OnFailure: { Destination: deadLetters } },
  },
})

const byRule = (SourceArn: string) => ({ Principal: 'events.amazonaws.com', SourceAccount: self, SourceArn })

// Rules and dead letters

type Target = 'VendAccount' | 'ReportFailure' | 'ReportClaim' | 'RecordMailEvent' | 'TellSubscribers' | 'DailyRound'
const targetArn: Record<Target, object> = {
  VendAccount: { Arn: '${VendAccount}', RoleArn: '${StartVendRole.Arn}' },
  ReportFailure: { Arn: '${ReportFailureLambdaFunction.Arn}' },
  ReportClaim: { Arn: '${ReportClaimLambdaFunction.Arn}' },
  RecordMailEvent: { Arn: '${RecordMailEventLambdaFunction.Arn}' },
  TellSubscribers: { Arn: '${TellSubscribersLambdaFunction.Arn}' },
  DailyRound: { Arn: '${DailyRound}', RoleArn: '${StartRoundRole.Arn}' },
}
const rule = (Id: Target, when: object, State = 'ENABLED'): Said => ({
  Type: 'AWS::Events::Rule',
  Properties: {
    Description: expect.any(String) as unknown,
    State,
    ...when,
    Targets: [
      {
        Id,
        ...targetArn[Id],
        // EventBridge's maximum.
        RetryPolicy: { MaximumEventAgeInSeconds: day, MaximumRetryAttempts: 185 },
        DeadLetterConfig: { Arn: deadLetters },
      },
    ],
  },
})
const ownEvent = (...types: string[]) => ({
  EventPattern: { source: ['account-vending'], 'detail-type': types, account: [self] },
})
const event = (source: string, detailType: string | undefined, detail: object) => ({
  EventPattern: {
    source: [source],
    ...(detailType && { 'detail-type': [detailType] }),
    account: [self],
    detail,
  },
})
const serviceEvent = (source: string, eventName: string, status: string, state: string) =>
  event(source, 'AWS Service Event via CloudTrail', {
    eventName: [eventName],
    serviceEventDetails: { [status]: { state: [state] } },
  })
const created = ['aws.organizations', 'CreateAccountResult', 'createAccountStatus'] as const
const managed = ['aws.controltower', 'CreateManagedAccount', 'createManagedAccountStatus'] as const
const updated = ['aws.controltower', 'UpdateManagedAccount', 'updateManagedAccountStatus'] as const

const failureOf = (stateMachineArn: string) =>
  event('aws.states', 'Step Functions Execution Status Change', {
    status: ['FAILED', 'TIMED_OUT', 'ABORTED'],
    stateMachineArn: [stateMachineArn],
  })
const vendFailed = failureOf('${VendAccount}')

const rules: Table = {
  AccountCreatedRule: rule('VendAccount', serviceEvent(...created, 'SUCCEEDED')),
  AccountJoinedRule: rule(
    'VendAccount',
    event('aws.organizations', undefined, { eventName: ['AccountJoinedOrganization'] }),
  ),
  ManagedAccountCreatedRule: rule('VendAccount', serviceEvent(...managed, 'SUCCEEDED'), 'DISABLED'),
  ManagedAccountUpdatedRule: rule('VendAccount', serviceEvent(...updated, 'SUCCEEDED'), 'DISABLED'),
  BaselineEnabledRule: rule(
    'VendAccount',
    event('aws.controltower', 'AWS Service Event via CloudTrail', {
      eventName: ['EnableBaseline'],
      serviceEventDetails: {
        enableBaselineStatus: {
          enabledBaselineDetails: {
            targetIdentifier: [{ prefix: 'arn:${AWS::Partition}:organizations::${AWS::AccountId}:account/' }],
            statusSummary: { status: ['SUCCEEDED'] },
          },
        },
      },
    }),
    'DISABLED',
  ),
  AccountCreationFailedRule: rule('ReportFailure', serviceEvent(...created, 'FAILED')),
  ManagedAccountCreationFailedRule: rule('ReportFailure', serviceEvent(...managed, 'FAILED'), 'DISABLED'),
  ManagedAccountUpdateFailedRule: rule('ReportFailure', serviceEvent(...updated, 'FAILED'), 'DISABLED'),
  VendFailedRule: rule('ReportFailure', vendFailed),
  VendFailedNoticeRule: rule('TellSubscribers', vendFailed),
  AccountVendedRule: rule('TellSubscribers', ownEvent('Account Vended')),
  ClaimRule: rule('ReportClaim', ownEvent('Link Claimed', 'Claim Disowned')),
  ClaimDisownedRule: rule('VendAccount', ownEvent('Claim Disowned')),
  MailEventRule: rule('RecordMailEvent', {
    EventPattern: {
      source: ['aws.ses'],
      'detail-type': [
        'Email Delivered',
        'Email Delivery Delayed',
        'Email Bounced',
        'Email Complaint Received',
        'Email Rejected',
      ],
      account: [self],
      detail: { mail: { tags: { vend: [{ exists: true }], admin: [{ exists: true }] } } },
    },
  }),
  RoundFailedRule: rule('ReportFailure', failureOf('${DailyRound}')),
  RoundRule: rule('DailyRound', { ScheduleExpression: 'cron(10 6 * * ? *)' }),
  ReportClaimPermission: permission('ReportClaim', byRule('${ClaimRule.Arn}')),
  ReportClaimLambdaEvConf: asynchronous('ReportClaim'),
  RecordMailEventPermission: permission('RecordMailEvent', byRule('${MailEventRule.Arn}')),
  RecordMailEventLambdaEvConf: asynchronous('RecordMailEvent'),
  TellSubscribersPermission: permission('TellSubscribers', byRule(anyRule)),
  TellSubscribersLambdaEvConf: asynchronous('TellSubscribers'),
  NoticesTopic: {
    Type: 'AWS::SNS::Topic',
    Properties: { DisplayName: 'Account vending', KmsMasterKeyId: '${LogKey}' },
  },
  ReportFailurePermission: permission('ReportFailure', byRule(anyRule)),
  ReportFailureLambdaEvConf: asynchronous('ReportFailure'),
  DeadLetters: {
    Type: 'AWS::SQS::Queue',
    // SQS's maximum. README promises these 14 days.
    Properties: { MessageRetentionPeriod: 14 * day, SqsManagedSseEnabled: true },
  },
  DeadLettersPolicy: {
    Type: 'AWS::SQS::QueuePolicy',
    Properties: {
      Queues: ['${DeadLetters}'],
      PolicyDocument: policy({
        Effect: 'Allow',
        Principal: { Service: 'events.amazonaws.com' },
        Action: 'sqs:SendMessage',
        Resource: deadLetters,
        Condition: { ArnLike: { 'aws:SourceArn': anyRule } },
      }),
    },
  },
}

// Keys

const rotated = { EnableKeyRotation: true, RotationPeriodInDays: 2560 }
const throughSecretsManager = {
  'kms:ViaService': 'secretsmanager.${AWS::Region}.${AWS::URLSuffix}',
  'kms:CallerAccount': self,
}
const onKey = (Sid: string, Principal: object, Action: string | string[], Condition?: object) => ({
  Sid,
  Effect: 'Allow',
  Principal,
  Action,
  Resource: '*',
  ...(Condition && { Condition }),
})
const keys: Table = {
  PasswordKey: {
    Type: 'AWS::KMS::Key',
    ...kept,
    Properties: {
      Description: expect.any(String) as unknown,
      ...rotated,
      KeyPolicy: policy(
        // Without kms:CreateGrant, with which an administrator of keys could decrypt after all.
        onKey(
          'Administration',
          { AWS: accountRoot },
          [
            ...['CancelKeyDeletion', 'CreateAlias', 'DeleteAlias', 'DescribeKey', 'DisableKey', 'EnableKey'],
            ...['EnableKeyRotation', 'GetKeyPolicy', 'GetKeyRotationStatus', 'ListAliases', 'ListGrants'],
            ...['ListKeyPolicies', 'ListResourceTags', 'PutKeyPolicy', 'ScheduleKeyDeletion', 'TagResource'],
            ...['UntagResource', 'UpdateAlias', 'UpdateKeyDescription'],
          ].map((action) => `kms:${action}`),
        ),
        onKey('StorePassword', { AWS: '${StorePasswordRole.Arn}' }, ['kms:GenerateDataKey', 'kms:Decrypt'], {
          StringEquals: throughSecretsManager,
        }),
        onKey('CreateAdminUser', { AWS: '${CreateAdminUserRole.Arn}' }, 'kms:Decrypt', {
          StringEquals: throughSecretsManager,
        }),
        onKey('SealPassword', { AWS: '${SealPasswordRole.Arn}' }, 'kms:Decrypt', {
          StringEquals: throughSecretsManager,
        }),
        onKey('SecretReaders', { AWS: accountRoot }, 'kms:Decrypt', {
          ArnLike: { 'aws:PrincipalArn': tableVending.secretReaders },
          StringEquals: throughSecretsManager,
        }),
      ),
    },
  },
  PasswordKeyAlias: {
    Type: 'AWS::KMS::Alias',
    Properties: { AliasName: `alias/${ours}`, TargetKeyId: '${PasswordKey}' },
  },
  LogKey: {
    Type: 'AWS::KMS::Key',
    Properties: {
      Description: expect.any(String) as unknown,
      ...rotated,
      KeyPolicy: policy(
        onKey('Administration', { AWS: accountRoot }, 'kms:*'),
        onKey(
          'Logs',
          { Service: 'logs.${AWS::Region}.${AWS::URLSuffix}' },
          ['kms:Encrypt', 'kms:Decrypt', 'kms:ReEncrypt*', 'kms:GenerateDataKey*'],
          {
            ArnLike: {
              'kms:EncryptionContext:aws:logs:arn': `arn:\${AWS::Partition}:logs:${here}:log-group:*${ours}*`,
            },
          },
        ),
        onKey('Alarms', { Service: 'cloudwatch.amazonaws.com' }, ['kms:Decrypt', 'kms:GenerateDataKey*'], {
          StringEquals: { 'aws:SourceAccount': self },
        }),
      ),
    },
  },
}

// Roles. Which calls their policies allow is not in this table: test/workflow/permissions.test.ts compares them with
// the calls that are made.

type Trust = { Principal: object; Condition?: object }
type Conditions = Record<string, object>
/** What a role's statements must meet, by the statements' Sid. Statements without a condition are left out. */
export type RoleRow = { trust: object; conditions: Conditions }
const role = (trust: Trust, conditions: Conditions = {}): RoleRow => ({
  trust: policy({ Effect: 'Allow', Action: 'sts:AssumeRole', ...trust }),
  conditions,
})
const service = (Service: string, Condition?: object) => ({
  Principal: { Service },
  ...(Condition && { Condition }),
})
const fromHere = { StringEquals: { 'aws:SourceAccount': self } }
const lambda = service('lambda.amazonaws.com')
const people = (accounts: string[], arns: string[]) => ({
  Principal: { AWS: accounts.map((id) => `arn:aws:iam::${id}:root`) },
  Condition: { ArnLike: { 'aws:PrincipalArn': arns } },
})
const signIn = {
  StringEquals: { 'aws:ResourceOrgID': '${aws:PrincipalOrgID}' },
  StringNotEquals: { 'aws:ResourceAccount': self },
}
const mail = { StringEquals: { 'ses:FromAddress': 'the-sender@example.com' } }
/** Items of the ledger of these kinds only. */
const items = (...prefixes: [string, ...string[]]) => ({
  'ForAllValues:StringLike': {
    'dynamodb:LeadingKeys': prefixes.length > 1 ? prefixes.map((prefix) => `${prefix}#*`) : `${prefixes[0]}#*`,
  },
  Null: { 'dynamodb:LeadingKeys': 'false' },
})
const records = { Ledger: items('account') }
const handovers = { Handovers: items('handover') }
const requests = { Requests: items('request') }
const intents = { Intents: items('intent') }
const links = { Links: items('link') }
const mails = { SentMails: items('mail') }
const batches = { Batches: items('round') }
const looks = { Looks: items('look') }
const notes = (prefix: string) => ({ Notes: items(prefix) })
export const roleTable: Record<string, RoleRow> = {
  AcceptRequestRole: role(lambda, { ...records, ...handovers, Openings: items('intent', 'request') }),
  OpenAccountRole: role(lambda, {
    Records: items('account', 'request'),
    Intents: items('intent', 'budget'),
    ...notes('failure'),
  }),
  AwaitAccountRole: role(lambda, { Ledger: items('account', 'intent') }),
  PlaceAccountRole: role(lambda, { Ledger: items('account', 'intent', 'budget') }),
  CreateAdminGroupRole: role(lambda, { ...records, SignIn: signIn }),
  StorePasswordRole: role(lambda, records),
  CreateAdminUserRole: role(lambda, { ...records, SignIn: signIn }),
  SendLoginEmailRole: role(lambda, { ...records, ...handovers, ...links, ...mails, Mail: mail }),
  SealPasswordRole: role(lambda, { ...records, ...handovers }),
  RecordVendedRole: role(lambda, {
    ...records,
    Events: {
      'ForAllValues:StringEquals': { 'events:source': 'account-vending' },
      Null: { 'events:source': 'false' },
    },
  }),
  RemoveAdministratorsRole: role(lambda, {
    ...records,
    ...handovers,
    EndOfItems: items('handover', 'link', 'look', 'follow'),
    SignIn: signIn,
    EndOfSecrets: { NumericGreaterThanEquals: { 'secretsmanager:RecoveryWindowInDays': '7' } },
  }),
  ClaimLinkRole: role(lambda, {
    ...handovers,
    ...links,
    Events: {
      'ForAllValues:StringEquals': {
        'events:source': 'account-vending',
        'events:detail-type': ['Link Claimed', 'Claim Disowned'],
      },
      Null: { 'events:source': 'false', 'events:detail-type': 'false' },
    },
  }),
  ReportClaimRole: role(lambda, { ...handovers, ...notes('claim'), Mail: mail }),
  RecordMailEventRole: role(lambda, { ...mails, Mail: mail }),
  ReportFailureRole: role(lambda, {
    ...records,
    ...handovers,
    ...intents,
    ...requests,
    ...notes('failure'),
    Mail: mail,
  }),
  TellSubscribersRole: role(lambda, {
    Ledger: {
      'ForAllValues:StringLike': { 'dynamodb:LeadingKeys': ['account#*', 'intent#*'] },
      Null: { 'dynamodb:LeadingKeys': 'false' },
    },
    ...notes('notice'),
    NoticesKey: {
      StringEquals: {
        'kms:ViaService': 'sns.${AWS::Region}.${AWS::URLSuffix}',
        'kms:CallerAccount': '${AWS::AccountId}',
      },
    },
  }),
  SweepRole: role(lambda, {
    ...records,
    ...requests,
    ...intents,
    Notes: items('sweep', 'approval'),
    Looks: items('look'),
    ...batches,
    EndOfSecrets: { NumericGreaterThanEquals: { 'secretsmanager:RecoveryWindowInDays': '7' } },
    Mail: mail,
  }),
  LookAtAccountsRole: role(lambda, {
    ...batches,
    Ledger: items('account', 'handover', 'mail', 'follow'),
    ...looks,
    SignIn: signIn,
  }),
  AuditRootCredentialsRole: role(lambda, {
    ...batches,
    ...looks,
    RootCredentials: {
      ArnEquals: { 'sts:TaskPolicyArn': 'arn:${AWS::Partition}:iam::aws:policy/root-task/IAMAuditRootUserCredentials' },
      ...signIn,
    },
  }),
  FollowUpRole: role(lambda, {
    Ledger: items('account', 'look', 'handover', 'mail'),
    FollowUps: items('follow'),
    Mail: mail,
    Secrets: { NumericGreaterThanEquals: { 'secretsmanager:RecoveryWindowInDays': '7' } },
  }),
  ReportRoundRole: role(lambda, {
    Looks: items('look'),
    ...notes('report'),
    Events: {
      'ForAllValues:StringEquals': { 'events:source': 'account-vending', 'events:detail-type': 'Finding' },
      Null: { 'events:source': 'false', 'events:detail-type': 'false' },
    },
    Mail: mail,
  }),
  RequestAdminsRole: role(lambda, { ...records, ...notes('idempotency') }),
  RequestAccountRole: role(lambda, {
    ...requests,
    ...intents,
    ...notes('idempotency'),
    Days: items('day'),
    ToldApprovers: items('approval'),
    Mail: mail,
  }),
  GetRequestRole: role(lambda, { ...requests, ...intents, ...records }),
  DecideRequestRole: role(lambda, { ...requests, ...intents }),
  ListAccountsRole: role(lambda),
  GetAccountRole: role(lambda, {
    ...records,
    ...mails,
    ...handovers,
    FollowUps: items('follow'),
    Looks: items('look'),
  }),
  WorkflowRole: role(service('states.amazonaws.com', fromHere)),
  RoundRole: role(service('states.amazonaws.com', fromHere)),
  StartRoundRole: role(service('events.amazonaws.com', fromHere)),
  StartVendRole: role(service('events.amazonaws.com', fromHere)),
  OperatorRole: role(people(['111122223333', '444455556666'], tableVending.operators)),
  RequesterRole: role(people(['111122223333'], tableVending.requesters)),
  ApproverRole: role(people(['555566667777'], tableVending.approvers)),
}

// Alarms and the dashboard

const workflow = { StateMachineArn: '${VendAccount}' }
const round = { StateMachineArn: '${DailyRound}' }
const queue = { QueueName: '${DeadLetters.QueueName}' }

/** An alarm that fires at the first occurrence within five minutes, and that a quiet time does not fire. */
const alarm = (Namespace: string, MetricName: string, dimensions: Record<string, string>, more: object = {}): Said => ({
  Type: 'AWS::CloudWatch::Alarm',
  Properties: {
    AlarmDescription: expect.stringMatching(/ docs\/runbook\.md: ".+"$/) as unknown,
    Namespace,
    MetricName,
    ...(Object.keys(dimensions).length && {
      Dimensions: Object.entries(dimensions).map(([Name, Value]) => ({ Name, Value })),
    }),
    Statistic: 'Sum',
    Period: 300,
    EvaluationPeriods: 1,
    Threshold: 1,
    ComparisonOperator: 'GreaterThanOrEqualToThreshold',
    TreatMissingData: 'notBreaching',
    AlarmActions: ['${AlarmTopic}'],
    ...more,
  },
})

/** One alarm for the three ways in which a round ends without success. */
const roundFailedAlarm = (): Said => {
  const { Namespace: _, MetricName: __, Dimensions, Statistic, Period, ...more } = alarm('', '', round).Properties
  const metric = (Id: string, MetricName: string) => ({
    Id,
    ReturnData: false,
    MetricStat: { Metric: { Namespace: 'AWS/States', MetricName, Dimensions }, Period, Stat: Statistic },
  })
  const Metrics = [
    {
      Id: 'all',
      Expression: 'FILL(failed, 0) + FILL(timedOut, 0) + FILL(aborted, 0)',
      Label: 'Rounds without success',
    },
    metric('failed', 'ExecutionsFailed'),
    metric('timedOut', 'ExecutionsTimedOut'),
    metric('aborted', 'ExecutionsAborted'),
  ]
  return { Type: 'AWS::CloudWatch::Alarm', Properties: { ...more, Metrics } }
}

const alarms: Table = {
  AlarmTopic: {
    Type: 'AWS::SNS::Topic',
    Properties: {
      DisplayName: 'Account vending',
      KmsMasterKeyId: '${LogKey}',
      Subscription: tableVending.notify.map((Endpoint) => ({ Protocol: 'email', Endpoint })),
    },
  },
  VendFailedAlarm: alarm('AWS/States', 'ExecutionsFailed', workflow),
  VendTimedOutAlarm: alarm('AWS/States', 'ExecutionsTimedOut', workflow),
  VendAbortedAlarm: alarm('AWS/States', 'ExecutionsAborted', workflow),
  VendsThrottledAlarm: alarm('AWS/States', 'ExecutionThrottled', workflow),
  DeadLettersAlarm: alarm('AWS/SQS', 'ApproximateNumberOfMessagesVisible', queue, { Statistic: 'Maximum' }),
  MailBouncedAlarm: alarm('AWS/SES', 'Bounce', {}),
  MailComplaintAlarm: alarm('AWS/SES', 'Complaint', {}),
  MailRejectedAlarm: alarm('AWS/SES', 'Reject', {}),
  // 26 hours without a start. An hour without one has no data.
  RoundNotRunAlarm: alarm('AWS/States', 'ExecutionsStarted', round, {
    Period: 3600,
    EvaluationPeriods: 26,
    ComparisonOperator: 'LessThanThreshold',
    TreatMissingData: 'breaching',
  }),
  RoundFailedAlarm: roundFailedAlarm(),
}

/** All resources that are neither functions nor API nor storage, except roles and the dashboard. */
export const watchTable: Table = { ...rules, ...keys, ...alarms }

const metrics = (Namespace: string, names: string[], dimensions: Record<string, string>, stat: string) =>
  names.map((name) => [Namespace, name, ...Object.entries(dimensions).flat(), { stat }])
const ofEachFunction = (metric: string, stat: string) =>
  functionNames.flatMap((name) => metrics('AWS/Lambda', [metric], { FunctionName: `\${${name}LambdaFunction}` }, stat))
/** What the dashboard shows, by the titles of the widgets: the metrics, or the query of a log. */
export const dashboardTable: Record<string, unknown[] | string> = {
  'Vends by outcome': metrics(
    'AWS/States',
    ['Started', 'Succeeded', 'Failed', 'TimedOut', 'Aborted']
      .map((how) => `Executions${how}`)
      .concat('ExecutionThrottled'),
    workflow,
    'Sum',
  ),
  'How long a vend takes (ms)': ['p50', 'p95', 'Maximum'].flatMap((stat) =>
    metrics('AWS/States', ['ExecutionTime'], workflow, stat),
  ),
  'Errors by function': ofEachFunction('Errors', 'Sum'),
  'Throttles by function': ofEachFunction('Throttles', 'Sum'),
  'Duration by function, p95 (ms)': ofEachFunction('Duration', 'p95'),
  'Dead letters': metrics(
    'AWS/SQS',
    ['ApproximateNumberOfMessagesVisible', 'ApproximateNumberOfMessagesNotVisible'],
    queue,
    'Maximum',
  ),
  'Mails of this account and Region': metrics(
    'AWS/SES',
    ['Send', 'Delivery', 'Bounce', 'Complaint', 'Reject'],
    {},
    'Sum',
  ),
  'The daily round': [
    ...metrics(
      'AWS/States',
      ['Started', 'Succeeded', 'Failed', 'TimedOut', 'Aborted'].map((how) => `Executions${how}`),
      round,
      'Sum',
    ),
    ...metrics('AWS/States', ['ExecutionTime'], round, 'Maximum'),
  ],
  // Lambda's log group. A metric of our own would cost $0.30 a month.
  'Findings of the daily round':
    "SOURCE '/aws/lambda/${ReportRoundLambdaFunction}' | filter message = 'figures' " +
    '| fields @timestamp, accounts, accountsWithFindings, open, new, gone | sort @timestamp desc | limit 30',
}
