import type { Interception } from '../../local/aws/endpoint.ts'
import { resourceOf } from '../../local/aws/iam.ts'
import type { World } from '../../local/aws/world.ts'
import type { Document, Request } from './iam-evaluator.ts'
import { localNames } from './packaged.ts'

/** A question to IAM about a caller of this service: `by` is the function, `session` a session that it opened. */
export type Asked = Omit<Request, 'principal'> & { by: string; session?: { principal: string; policy: Document } }

type Input = Record<string, unknown>
type Ask = { resource: string; context?: Asked['context'] }
type Place = { region: string; managementAccountId: string; organizationId: string }

const arnsOf = ({ region, managementAccountId, organizationId }: Place) => ({
  of: (service: string, resource: string) => `arn:aws:${service}:${region}:${managementAccountId}:${resource}`,
  inOrganization: (id: string) => {
    const type = id.startsWith('ou-') ? 'ou' : id.startsWith('r-') ? 'root' : 'account'
    return `arn:aws:organizations::${managementAccountId}:${type}/${organizationId}/${id}`
  },
})

/**
 * The resources of each operation. Operations whose action has no resource types are missing here, and the resources of
 * IAM's operations are in local/aws/iam.ts.
 */
const actsOn = (place: Place): Record<string, (input: Input) => Ask | Ask[]> => {
  const { of, inOrganization } = arnsOf(place)
  const text = (value: unknown) => (typeof value === 'string' ? value : '')
  const table = ({ TableName }: Input) => ({ resource: of('dynamodb', `table/${text(TableName)}`) })
  /** An operation on one item. `where` is the part of the input that has the item's key. */
  const item = (where: 'Key' | 'Item') => (input: Input) => ({
    ...table(input),
    context: { 'dynamodb:LeadingKeys': [(input[where] as { pk: { S: string } }).pk.S] },
  })
  const secret = (nameOrArn: unknown) => ({
    resource: text(nameOrArn).startsWith('arn:')
      ? text(nameOrArn)
      : // Secrets Manager User Guide, reference_iam-permissions: the ARN ends with six random characters.
        of('secretsmanager', `secret:${text(nameOrArn)}-a1B2c3`),
  })
  const byId = ({ SecretId }: Input) => secret(SecretId)
  const mailed = ({ Source, SourceArn, ConfigurationSetName }: Input) => {
    const address = /<(.+)>/.exec(text(Source))?.[1] ?? text(Source)
    const context = { 'ses:FromAddress': address }
    const identities = SourceArn
      ? [text(SourceArn)]
      : // The address or its domain may be the verified identity (SES Developer Guide, creating-identities).
        [address, address.slice(address.indexOf('@') + 1)].map((identity) => of('ses', `identity/${identity}`))
    const sets = ConfigurationSetName ? [of('ses', `configuration-set/${text(ConfigurationSetName)}`)] : []
    return [...identities, ...sets].map((resource) => ({ resource, context }))
  }
  return {
    'organizations:DescribeAccount': ({ AccountId }) => ({ resource: inOrganization(text(AccountId)) }),
    'organizations:ListParents': ({ ChildId }) => ({ resource: inOrganization(text(ChildId)) }),
    'organizations:DescribeOrganizationalUnit': ({ OrganizationalUnitId: id }) => ({
      resource: inOrganization(text(id)),
    }),
    'organizations:ListOrganizationalUnitsForParent': ({ ParentId }) => ({ resource: inOrganization(text(ParentId)) }),
    'organizations:ListPoliciesForTarget': ({ TargetId }) => ({ resource: inOrganization(text(TargetId)) }),
    'organizations:DescribePolicy': ({ PolicyId }) => ({
      resource: `arn:aws:organizations::${place.managementAccountId}:policy/${place.organizationId}/service_control_policy/${text(PolicyId)}`,
    }),
    'controltower:GetLandingZone': ({ landingZoneIdentifier }) => ({ resource: text(landingZoneIdentifier) }),
    'organizations:ListTagsForResource': ({ ResourceId }) => ({ resource: inOrganization(text(ResourceId)) }),
    'organizations:TagResource': ({ ResourceId }) => ({ resource: inOrganization(text(ResourceId)) }),
    'organizations:MoveAccount': ({ AccountId, SourceParentId, DestinationParentId }) =>
      [AccountId, SourceParentId, DestinationParentId].map((id) => ({ resource: inOrganization(text(id)) })),
    // Service Authorization Reference, AWS Account Management: accountInOrganization.
    'account:PutAlternateContact': ({ AccountId }) => ({
      resource: `arn:aws:account::${place.managementAccountId}:account/${place.organizationId}/${text(AccountId)}`,
    }),
    'dynamodb:DeleteItem': item('Key'),
    'dynamodb:DescribeTable': table,
    'dynamodb:GetItem': item('Key'),
    'dynamodb:PutItem': item('Item'),
    'dynamodb:Query': ({ TableName, IndexName }) => ({
      resource: of('dynamodb', `table/${text(TableName)}/index/${text(IndexName)}`),
    }),
    'dynamodb:Scan': table,
    'dynamodb:UpdateItem': item('Key'),
    'states:StartExecution': ({ stateMachineArn }) => ({ resource: text(stateMachineArn) }),
    'states:DescribeExecution': ({ executionArn }) => ({ resource: text(executionArn) }),
    'states:DescribeStateMachine': ({ stateMachineArn }) => ({ resource: text(stateMachineArn) }),
    'states:DescribeStateMachineForExecution': ({ executionArn }) => ({ resource: text(executionArn) }),
    'secretsmanager:CreateSecret': ({ Name }) => secret(Name),
    'secretsmanager:DeleteSecret': ({ SecretId, RecoveryWindowInDays: days, ForceDeleteWithoutRecovery: force }) => ({
      ...secret(SecretId),
      context: {
        ...(typeof days === 'number' && { 'secretsmanager:RecoveryWindowInDays': String(days) }),
        ...(typeof force === 'boolean' && { 'secretsmanager:ForceDeleteWithoutRecovery': String(force) }),
      },
    }),
    'secretsmanager:DescribeSecret': byId,
    'secretsmanager:GetSecretValue': byId,
    'secretsmanager:PutSecretValue': byId,
    'secretsmanager:RestoreSecret': byId,
    'events:PutEvents': ({ Entries }) =>
      (Entries as { Source: string; DetailType: string; EventBusName?: string }[]).map(
        ({ Source, DetailType, EventBusName = 'default' }) => ({
          resource: of('events', `event-bus/${EventBusName}`),
          context: { 'events:source': Source, 'events:detail-type': DetailType },
        }),
      ),
    'ses:SendEmail': mailed,
    'ses:SendRawEmail': mailed,
    'sns:Publish': ({ TopicArn }) => ({ resource: text(TopicArn) }),
    'sts:AssumeRole': ({ RoleArn }) => ({ resource: text(RoleArn) }),
    'sts:AssumeRoot': ({ TargetPrincipal, TaskPolicyArn }) => ({
      resource: `arn:aws:iam::${text(TargetPrincipal)}:root`,
      context: { 'sts:TaskPolicyArn': text((TaskPolicyArn as { arn?: string }).arn) },
    }),
  }
}

/**
 * Actions that AWS checks in addition to the action of a call. Some depend on a call, and apply only if its input has a
 * certain part. Others depend on a function, a destination or the workflow, and always apply. No recorded call shows
 * these actions, so they are listed only here.
 */
const dependentActions: {
  of: string
  where?: string
  actions: string[]
  on:
    | 'the same'
    | 'a new account'
    | 'the password key'
    | 'the log'
    | 'the log key'
    | 'the log key, through SNS'
    | 'the dead letters'
    | '*'
  source: string
}[] = [
  {
    of: 'iam:CreateUser',
    where: 'Tags',
    actions: ['iam:TagUser'],
    on: 'the same',
    source: 'IAM User Guide, id_tags_users: to create a user with tags needs iam:CreateUser and iam:TagUser',
  },
  {
    of: 'organizations:CreateAccount',
    where: 'Tags',
    actions: ['organizations:TagResource'],
    on: 'a new account',
    source: 'Organizations API Reference, CreateAccount: to add tags needs organizations:TagResource',
  },
  {
    of: 'secretsmanager:CreateSecret',
    where: 'Tags',
    actions: ['secretsmanager:TagResource'],
    on: 'the same',
    source: 'Secrets Manager API Reference, CreateSecret, Required permissions',
  },
  {
    of: 'secretsmanager:CreateSecret',
    where: 'KmsKeyId',
    actions: ['kms:GenerateDataKey', 'kms:Decrypt'],
    on: 'the password key',
    source: 'Secrets Manager API Reference, CreateSecret, Required permissions',
  },
  {
    of: 'secretsmanager:PutSecretValue',
    actions: ['kms:GenerateDataKey'],
    on: 'the password key',
    source: 'Secrets Manager User Guide, security-encryption: how Secrets Manager uses the KMS key',
  },
  {
    of: 'secretsmanager:GetSecretValue',
    actions: ['kms:Decrypt'],
    on: 'the password key',
    source: 'Secrets Manager User Guide, security-encryption: how Secrets Manager uses the KMS key',
  },
  {
    of: 'sns:Publish',
    actions: ['kms:GenerateDataKey', 'kms:Decrypt'],
    on: 'the log key, through SNS',
    source: 'SNS Developer Guide, sns-key-management: publishers of an encrypted topic',
  },
  {
    of: 'a function',
    actions: ['logs:CreateLogStream', 'logs:PutLogEvents'],
    on: 'the log',
    source: 'Lambda Developer Guide, monitoring-cloudwatchlogs; CloudFormation makes the log group',
  },
  {
    of: 'a log group',
    actions: [
      'kms:Encrypt',
      'kms:Decrypt',
      'kms:ReEncryptFrom',
      'kms:ReEncryptTo',
      'kms:GenerateDataKey',
      'kms:GenerateDataKeyWithoutPlaintext',
    ],
    on: 'the log key',
    source: 'CloudWatch Logs User Guide, encrypt-log-data-kms: set permissions on the KMS key',
  },
  {
    of: 'an alarm',
    actions: ['kms:Decrypt', 'kms:GenerateDataKey', 'kms:GenerateDataKeyWithoutPlaintext'],
    on: 'the log key',
    source: 'SNS Developer Guide, sns-key-management: event sources from AWS services and encrypted topics',
  },
  {
    of: 'a function',
    actions: ['xray:PutTraceSegments', 'xray:PutTelemetryRecords'],
    on: '*',
    source: 'Lambda Developer Guide, services-xray: execution role permissions',
  },
  {
    of: 'a function with a destination',
    actions: ['sqs:SendMessage'],
    on: 'the dead letters',
    source: 'Lambda Developer Guide, invocation-async-retain-records: permissions for the destination',
  },
  {
    of: 'the workflow',
    actions: [
      'logs:CreateLogDelivery',
      'logs:GetLogDelivery',
      'logs:UpdateLogDelivery',
      'logs:DeleteLogDelivery',
      'logs:ListLogDeliveries',
      'logs:PutResourcePolicy',
      'logs:DescribeResourcePolicies',
      'logs:DescribeLogGroups',
    ],
    on: '*',
    source: 'Step Functions Developer Guide, cw-logs: IAM policies for logging to CloudWatch Logs',
  },
  {
    of: 'the workflow',
    actions: ['xray:PutTraceSegments', 'xray:PutTelemetryRecords', 'xray:GetSamplingRules', 'xray:GetSamplingTargets'],
    on: '*',
    source: 'Step Functions Developer Guide, concepts-xray-tracing: IAM policies',
  },
]

/** The additional questions that AWS asks IAM because of `of`, an action or a part of the service. */
export const dependentOn = (
  place: Place,
  of: string,
  {
    by,
    same,
    log,
    context = {},
    input = {},
  }: { by: string; same?: Asked; log?: string; context?: Asked['context']; input?: Input },
): Asked[] => {
  const arns = arnsOf(place)
  const own = { by, accountId: place.managementAccountId }
  const on: Record<(typeof dependentActions)[number]['on'], () => Omit<Asked, 'action'>> = {
    'the same': () => same!,
    'a new account': () => ({ ...own, resource: arns.inOrganization('123123123123'), context: {} }),
    'the password key': () => ({
      ...own,
      resource: arns.of('kms', localNames.passwordKey),
      context: {
        'kms:ViaService': `secretsmanager.${place.region}.amazonaws.com`,
        'kms:CallerAccount': place.managementAccountId,
      },
    }),
    'the log': () => ({ ...own, resource: arns.of('logs', `log-group:${log}:log-stream:2026/11/01/a`), context: {} }),
    'the log key': () => ({ ...own, resource: arns.of('kms', localNames.logKey), context }),
    'the log key, through SNS': () => ({
      ...own,
      resource: arns.of('kms', localNames.logKey),
      context: {
        'kms:ViaService': `sns.${place.region}.amazonaws.com`,
        'kms:CallerAccount': place.managementAccountId,
      },
    }),
    'the dead letters': () => ({ ...own, resource: arns.of('sqs', localNames.deadLetters), context: {} }),
    '*': () => ({ ...own, resource: '*', context: {} }),
  }
  return dependentActions
    .filter((dependent) => dependent.of === of && (!dependent.where || dependent.where in input))
    .flatMap((dependent) => dependent.actions.map((action) => ({ ...on[dependent.on](), action })))
}

/** The questions that AWS asks IAM when a function makes a call: the call's own action, and the additional actions. */
export const requestsOf = (
  { service, operation, input, caller: { function: by, session } }: Interception,
  world: World,
): Asked[] => {
  // In a session of AssumeRoot, AWS's own policy for the task decides.
  if (!by || session?.isRoot) return []
  const action = `${service}:${operation}`
  const inAccount = session && world.accounts.get(session.accountId)
  const asks = inAccount ? { resource: resourceOf(inAccount, operation, input) } : actsOn(world)[action]?.(input)
  return [asks ?? { resource: '*' }].flat().flatMap(({ resource, context = {} }) => {
    const asked: Asked = {
      by,
      action,
      resource,
      accountId: /^arn:aws:iam::(\d{12}):/.exec(resource)?.[1] ?? session?.accountId ?? world.managementAccountId,
      context: {
        ...context,
        ...(typeof input['PolicyArn'] === 'string' && { 'iam:PolicyARN': input['PolicyArn'] }),
      },
      ...(session && {
        session: {
          principal: `arn:aws:sts::${session.accountId}:assumed-role/${session.roleName}/${session.sessionName}`,
          policy: JSON.parse(session.policy ?? 'null') as Document,
        },
      }),
    }
    return [asked, ...dependentOn(world, action, { by, same: asked, input })]
  })
}
