import { readFileSync } from 'node:fs'
import path from 'node:path'
import { parse } from 'yaml'
import { createAdminGroupPermissions } from '../../functions/create-admin-group/create-admin-group.ts'
import { createAdminUserPermissions } from '../../functions/create-admin-user/create-admin-user.ts'
import { removeAdministratorsPermissions } from '../../functions/remove-administrators/remove-administrators.ts'
import { aGroup, anAccount, anAdmin, aVend } from './builders.ts'

// Which errors of AWS each step can meet, and what becomes of them.

const root = path.join(import.meta.dirname, '..', '..')

type Role = { Properties: { Policies: { PolicyDocument: { Statement: { Action: string | string[] }[] } }[] } }
const { Resources: roles } = parse(readFileSync(path.join(root, 'infra/function-roles.yml'), 'utf8'), {
  merge: true,
  customTags: ['!Sub', '!GetAtt', '!Ref'].map((tag) => ({ tag, resolve: (text: string) => text })),
}) as { Resources: Record<string, Role> }

const input = {
  vend: aVend(),
  account: anAccount(),
  groups: [{ ...aGroup(), arn: 'any' }],
  admin: anAdmin({ inline: {} }),
}
const inSession: Record<string, { actions: string[] }[]> = {
  CreateAdminGroup: createAdminGroupPermissions(input, { passwordPolicy: { minimumPasswordLength: 14 } }),
  CreateAdminUser: createAdminUserPermissions(input),
  RemoveAdministrators: removeAdministratorsPermissions(input),
}

/** Permissions that a step needs without a call of its own. */
const isCalled = (action: string) => !/^(logs|xray|kms):|^secretsmanager:TagResource$/.test(action)

/** The steps for which whatever an account refuses is a finding, so that no error of STS or IAM leaves them. */
const looking = ['LookAtAccounts', 'AuditRootCredentials']

/** The AWS calls of a step: the actions of its role and its session. A test holds these to exactly what is called. */
export const callsOf = (step: string) => [
  ...new Set(
    [
      ...(roles[`${step}Role`]?.Properties.Policies ?? []).flatMap(({ PolicyDocument }) =>
        PolicyDocument.Statement.flatMap(({ Action }) => Action),
      ),
      ...(inSession[step] ?? []).flatMap(({ actions }) => actions),
    ].filter((action) => isCalled(action) && !(looking.includes(step) && action.startsWith('sts:'))),
  ),
]

const packages: Record<string, string> = {
  account: 'account',
  dynamodb: 'dynamodb',
  events: 'eventbridge',
  iam: 'iam',
  organizations: 'organizations',
  secretsmanager: 'secrets-manager',
  ses: 'ses',
  states: 'sfn',
  sts: 'sts',
}

/** The errors of a call in AWS's API model, as the SDK's documentation of the command names them. */
export const modelledErrors = (call: string) => {
  const [service = '', operation = ''] = call.split(':')
  // The service calls Control Tower without an SDK client. Source: Control Tower API Reference, ListEnabledBaselines.
  if (service === 'controltower')
    return ['AccessDeniedException', 'InternalServerException', 'ThrottlingException', 'ValidationException']
  const client = `node_modules/@aws-sdk/client-${packages[service] ?? `(none for ${service})`}`
  const text = readFileSync(path.join(root, client, `dist-types/commands/${operation}Command.d.ts`), 'utf8')
  const names = [...text.matchAll(/@throws \{@link (\w+)\}/g)].map(([, name = '']) => name)
  // The last one is the base class of all errors of the service.
  return names.slice(0, -1)
}

/** Errors of any service, which no model lists. Source: "Common errors" of the services' API references. */
export const commonErrors = [
  'AccessDenied',
  'AccessDeniedException',
  'ExpiredToken',
  'ExpiredTokenException',
  'IncompleteSignature',
  'InternalFailure',
  'InvalidAction',
  'InvalidClientTokenId',
  'InvalidSignatureException',
  'MalformedHttpRequestException',
  'MissingAuthenticationToken',
  'NotAuthorized',
  'OptInRequired',
  'RequestAbortedException',
  'RequestEntityTooLargeException',
  'RequestExpired',
  'RequestTimeout',
  'RequestTimeoutException',
  'ServiceUnavailable',
  'ServiceUnavailableException',
  'SignatureDoesNotMatch',
  'SubscriptionRequiredException',
  'Throttling',
  'ThrottlingException',
  'UnknownOperationException',
  'UnrecognizedClientException',
  'ValidationError',
  'ValidationException',
]

/** Errors of single services that their models leave out. Each has been seen, or is in the service's guide. */
export const moreErrors: Record<string, string[]> = {
  // Source: EventBridge API reference, PutEventsResultEntry.
  events: ['InternalFailure', 'ThrottlingException'],
  // In the model of the operations that read, and a new account may be as unknown to those that write.
  account: ['ResourceNotFoundException'],
  iam: ['ServiceFailureException', 'ConcurrentModificationException', 'EntityTemporarilyUnmodifiableException'],
  // Every error under which the SDK tries again may be the last one: @smithy/core, THROTTLING_ERROR_CODES.
  any: ['RequestThrottled', 'RequestThrottledException', 'ThrottledException', 'TooManyRequestsException'],
}

/** What Step Functions itself throws when it invokes a function. Source: Lambda API reference, Invoke. */
export const invocationErrors = [
  'Lambda.AWSLambdaException',
  'Lambda.ClientExecutionTimeoutException',
  'Lambda.ResourceConflictException',
  'Lambda.ResourceNotFoundException',
  'Lambda.ResourceNotReadyException',
  'Lambda.SdkClientException',
  'Lambda.ServiceException',
  'Lambda.TooManyRequestsException',
  'Lambda.Unknown',
  'Runtime.ExitError',
  'Sandbox.Timedout',
  'States.DataLimitExceeded',
  'States.Permissions',
  'States.Timeout',
]

type Fate = 'retried' | { notRetried: string }
const final = (notRetried: string): Fate => ({ notRetried })
const denied = final('A permission is missing: a person must add it.')
const wrongRequest = final('The request is wrong, and stays wrong.')
const broken = final('What the stack has deployed is missing or was changed: a person must mend it.')
const quota = final('A quota is reached: a person must raise it or delete something.')
const handled = final('The step handles this error, or gives it a name of ours: it never leaves under this name.')
const unused = final('Only with a feature that this service does not use.')

/** What becomes of an error: by its name, or by service and name where services differ. */
export const fates: Record<string, Fate> = {
  // The request came too fast.
  Throttling: 'retried',
  ThrottlingException: 'retried',
  ThrottledException: 'retried',
  TooManyRequestsException: 'retried',
  RequestLimitExceeded: 'retried',
  RequestThrottled: 'retried',
  RequestThrottledException: 'retried',
  ProvisionedThroughputExceededException: 'retried',
  ConcurrentModificationException: 'retried',
  'Lambda.TooManyRequestsException': 'retried',

  // AWS stumbled.
  InternalException: 'retried',
  InternalFailure: 'retried',
  InternalServerError: 'retried',
  InternalServiceError: 'retried',
  RequestAbortedException: 'retried',
  RequestTimeout: 'retried',
  RequestTimeoutException: 'retried',
  ServiceException: 'retried',
  ServiceFailureException: 'retried',
  ServiceUnavailable: 'retried',
  ServiceUnavailableException: 'retried',
  'Lambda.AWSLambdaException': 'retried',
  'Lambda.ClientExecutionTimeoutException': 'retried',
  // The function is being deployed.
  'Lambda.ResourceConflictException': 'retried',
  'Lambda.ResourceNotReadyException': 'retried',
  'Lambda.SdkClientException': 'retried',
  'Lambda.ServiceException': 'retried',
  'Lambda.Unknown': 'retried',
  'Runtime.ExitError': 'retried',
  'Sandbox.Timedout': 'retried',
  'States.Timeout': 'retried',

  // IAM in the account is catching up. Elsewhere these errors are final, or the step handles them.
  'iam:NoSuchEntityException': 'retried',
  'iam:EntityAlreadyExistsException': 'retried',
  'iam:EntityTemporarilyUnmodifiableException': 'retried',
  // Somebody has given a user or a group something new, or IAM is catching up.
  'iam:DeleteConflictException': 'retried',
  'iam:InvalidClientTokenId': 'retried',
  'iam:OptInRequired': 'retried',
  'iam:SubscriptionRequiredException': 'retried',
  'iam:AccessDenied': handled,
  'iam:AccessDeniedException': handled,
  'sts:AccessDenied': handled,
  'sts:InvalidClientTokenId': handled,
  'sts:OptInRequired': handled,
  'sts:RegionDisabledException': handled,
  'sts:SubscriptionRequiredException': handled,
  InvalidClientTokenId: broken,
  OptInRequired: broken,
  SubscriptionRequiredException: broken,

  AccessDenied: denied,
  AccessDeniedException: denied,
  NotAuthorized: denied,
  DecryptionFailure: denied,
  EncryptionFailure: denied,
  KmsAccessDeniedException: unused,
  'States.Permissions': denied,

  ExpiredToken: final('A session lasts 15 minutes, and a function at most one.'),
  ExpiredTokenException: final('A session lasts 15 minutes, and a function at most one.'),
  RequestExpired: final('The SDK corrects its clock and repeats the call itself.'),
  InvalidSignatureException: final('The SDK corrects its clock and repeats the call itself.'),
  SignatureDoesNotMatch: final('The SDK corrects its clock and repeats the call itself.'),
  IncompleteSignature: wrongRequest,
  InvalidAction: wrongRequest,
  InvalidInputException: wrongRequest,
  InvalidParameterException: wrongRequest,
  MalformedHttpRequestException: wrongRequest,
  MalformedPolicyDocumentException: wrongRequest,
  MissingAuthenticationToken: wrongRequest,
  PackedPolicyTooLargeException: wrongRequest,
  PasswordPolicyViolationException: wrongRequest,
  PolicyNotAttachableException: wrongRequest,
  PreconditionNotMetException: wrongRequest,
  RequestEntityTooLargeException: wrongRequest,
  UnknownOperationException: wrongRequest,
  UnrecognizedClientException: broken,
  ValidationError: wrongRequest,
  ValidationException: wrongRequest,
  'States.DataLimitExceeded': wrongRequest,

  LimitExceededException: quota,
  AWSOrganizationsNotInUseException: broken,
  InvalidArn: wrongRequest,
  'dynamodb:ResourceNotFoundException': broken,
  'Lambda.ResourceNotFoundException': broken,

  AccountNotFoundException: handled,
  ChildNotFoundException: handled,
  ConditionalCheckFailedException: handled,
  'account:AccessDeniedException': handled,
  'account:ResourceNotFoundException': handled,
  ConstraintViolationException: handled,
  CreateAccountStatusNotFoundException: handled,
  DuplicateAccountException: handled,
  FinalizingOrganizationException: handled,
  'organizations:OrganizationalUnitNotFoundException': handled,
  InternalServerException: 'retried',
  ParentNotFoundException: final('Somebody has deleted the organizational unit: a person must name another one.'),
  DestinationParentNotFoundException: final('Somebody has deleted the unit: a person must ask for another one.'),
  SourceParentNotFoundException: final('Somebody else has moved the account at this moment. A redrive finds it there.'),
  'organizations:PolicyNotFoundException': final(
    'Somebody has just deleted the policy. A redrive reads the list anew.',
  ),
  TargetNotFoundException: final('Somebody has closed the account at this moment.'),
  UnsupportedAPIEndpointException: broken,
  ExecutionDoesNotExist: handled,
  ExecutionAlreadyExists: handled,
  ExecutionLimitExceeded: quota,
  InvalidExecutionInput: wrongRequest,
  InvalidName: wrongRequest,
  StateMachineDeleting: broken,
  StateMachineDoesNotExist: broken,
  'secretsmanager:InvalidRequestException': handled,
  'secretsmanager:ResourceExistsException': handled,
  'secretsmanager:ResourceNotFoundException': handled,
  'sts:MalformedPolicyDocumentException': handled,

  // The removal lists credentials of all services, and names none.
  'iam:ServiceNotSupportedException': unused,
  InvalidEndpointException: unused,
  ItemCollectionSizeLimitExceededException: unused,
  KmsInvalidStateException: unused,
  KmsThrottlingException: unused,
  ReplicatedWriteConflictException: unused,
  TransactionConflictException: unused,

  AccountSendingPausedException: broken,
  ConfigurationSetDoesNotExistException: broken,
  ConfigurationSetSendingPausedException: broken,
  MailFromDomainNotVerifiedException: broken,
  MessageRejected: final('The sender is not verified, or the mail is not acceptable: a person must mend it.'),
}
