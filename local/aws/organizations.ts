import { randomUUID } from 'node:crypto'
import type * as Organizations from '@aws-sdk/client-organizations'
import { AwsError, unsupported } from './aws-error.ts'
import { busEvent } from './eventbridge.ts'
import type { Operations } from './operation.ts'
import { policiesOf } from './service-control-policies.ts'
import {
  type Account,
  addAccount,
  type CreateRequest,
  newAccountId,
  randomText,
  type ServiceControlPolicy,
  type World,
} from './world.ts'

const creationSeconds = 20
const roleDelaySeconds = 12
const policyDelaySeconds = 6
const creationsInProgress = 5
const mostTags = 50

const arnOf = (world: World, resource: string) =>
  `arn:aws:organizations::${world.managementAccountId}:${resource.replace('/', `/${world.organizationId}/`)}`

const describe = (world: World, account: Account) => ({
  Id: account.id,
  Arn: arnOf(world, `account/${account.id}`),
  Email: account.email,
  Name: account.name,
  State: account.state,
  // Status has fewer values than State, and AWS shows every other state as SUSPENDED.
  Status: account.state === 'ACTIVE' || account.state === 'PENDING_CLOSURE' ? account.state : ('SUSPENDED' as const),
  JoinedMethod: account.joinedMethod,
  JoinedTimestamp: new Date(account.joinedAt),
})

const describeAccount = (world: World, { AccountId = '' }: Organizations.DescribeAccountRequest) => {
  if (!/^\d{12}$/.test(AccountId)) throw invalid('INVALID_PATTERN', 'AccountId is not 12 digits.')
  const account = world.accounts.get(AccountId)
  if (!account) throw new AwsError('AccountNotFoundException', "You specified an account that doesn't exist.")
  return { Account: describe(world, account) }
}

const describeOrganization = (world: World) => ({
  Organization: {
    Id: world.organizationId,
    Arn: `arn:aws:organizations::${world.managementAccountId}:organization/${world.organizationId}`,
    FeatureSet: 'ALL',
    MasterAccountArn: arnOf(world, `account/${world.managementAccountId}`),
    MasterAccountId: world.managementAccountId,
    MasterAccountEmail: world.accounts.get(world.managementAccountId)?.email,
  },
})

const listParents = (world: World, { ChildId = '' }: Organizations.ListParentsRequest) => {
  if (!/^(?:\d{12}|ou-[0-9a-z]{4,32}-[a-z0-9]{8,32})$/.test(ChildId))
    throw invalid('INVALID_PATTERN', 'ChildId is not the id of an account or organizational unit.')
  const child = world.accounts.get(ChildId) ?? world.organizationalUnits.get(ChildId)
  if (!child)
    throw new AwsError('ChildNotFoundException', "You specified an account or organizational unit that doesn't exist.")
  return { Parents: [{ Id: child.parentId, Type: child.parentId === world.rootId ? 'ROOT' : 'ORGANIZATIONAL_UNIT' }] }
}

/** One page of a list, in Organizations' way: NextToken, and at most 20 items. */
const onePage = <Item>(
  items: Item[],
  { NextToken = '0', MaxResults = 20 }: { NextToken?: string | undefined; MaxResults?: number | undefined },
) => {
  const end = Number(NextToken) + Math.min(MaxResults, 20)
  return { items: items.slice(Number(NextToken), end), NextToken: end < items.length ? String(end) : undefined }
}

const listAccounts = (world: World, asked: Organizations.ListAccountsRequest) => {
  const { items, NextToken } = onePage([...world.accounts.values()], asked)
  return { Accounts: items.map((account) => describe(world, account)), NextToken }
}

const listAWSServiceAccess = (world: World, asked: Organizations.ListAWSServiceAccessForOrganizationRequest) => {
  const { items, NextToken } = onePage([...world.trustedServices], asked)
  const DateEnabled = new Date(world.accounts.get(world.managementAccountId)?.joinedAt ?? 0)
  return { EnabledServicePrincipals: items.map((ServicePrincipal) => ({ ServicePrincipal, DateEnabled })), NextToken }
}

const policyOf = (world: World, id = '') => {
  if (!/^p-\w{8,128}$/.test(id)) throw invalid('INVALID_PATTERN', 'PolicyId is not the id of a policy.')
  const policy = policiesOf(world).find((policy) => policy.id === id)
  if (!policy)
    throw new AwsError('PolicyNotFoundException', "We can't find a policy with the PolicyId that you specified.")
  return policy
}

const summaryOf = (world: World, { id, name }: ServiceControlPolicy) => ({
  Id: id,
  Arn: arnOf(world, `policy/service_control_policy/${id}`),
  Name: name,
  Type: 'SERVICE_CONTROL_POLICY' as const,
  AwsManaged: id === 'p-FullAWSAccess',
})

const listPolicies = (world: World, { Filter, ...asked }: Organizations.ListPoliciesRequest) => {
  if (Filter !== 'SERVICE_CONTROL_POLICY') throw unsupported(`policies of the type ${Filter}`)
  const { items, NextToken } = onePage(policiesOf(world), asked)
  return { Policies: items.map((policy) => summaryOf(world, policy)), NextToken }
}

const describePolicy = (world: World, { PolicyId }: Organizations.DescribePolicyRequest) => {
  const policy = policyOf(world, PolicyId)
  return { Policy: { PolicySummary: summaryOf(world, policy), Content: JSON.stringify(policy.document) } }
}

const listTargetsForPolicy = (world: World, { PolicyId, ...asked }: Organizations.ListTargetsForPolicyRequest) => {
  const { items, NextToken } = onePage(policyOf(world, PolicyId).targets, asked)
  const Targets = items.map((TargetId) => {
    const account = world.accounts.get(TargetId)
    const Type = account ? 'ACCOUNT' : TargetId === world.rootId ? 'ROOT' : 'ORGANIZATIONAL_UNIT'
    const Name = account?.name ?? world.organizationalUnits.get(TargetId)?.name ?? 'Root'
    return { TargetId, Name, Type }
  })
  return { Targets, NextToken }
}

const checkText = (text: string, [shortest, longest]: [number, number], pattern: RegExp, name: string) => {
  if (text.length < shortest) throw invalid('MIN_LENGTH_EXCEEDED', `${name} is shorter than ${shortest} characters.`)
  if (text.length > longest) throw invalid('MAX_LENGTH_EXCEEDED', `${name} is longer than ${longest} characters.`)
  if (!pattern.test(text)) throw invalid('INVALID_PATTERN', `${name} is not valid.`)
}

// Organizations API Reference, CreateAccount: only ASCII, some characters are not allowed before the @, and the domain
// consists of letters, digits, hyphens and dots.
const emailPattern = /^(?!\.)[!#$*+\-./0-9=?A-Z^_`a-z{}~]+@(?=.*\.)[a-zA-Z0-9](?:[a-zA-Z0-9.-]*[a-zA-Z0-9])?$/

const checkTags = (tags: Organizations.Tag[]) => {
  for (const { Key = '', Value = '' } of tags) {
    checkText(Key, [1, 128], /^[\p{L}\p{Z}\p{N}_.:/=+\-@]*$/u, 'Key')
    checkText(Value, [0, 256], /^[\p{L}\p{Z}\p{N}_.:/=+\-@]*$/u, 'Value')
  }
  if (tags.some(({ Key }) => /^aws:/i.test(Key ?? '')))
    throw invalid('INVALID_SYSTEM_TAGS_PARAMETER', 'Tag keys that begin with aws: are reserved.')
  if (new Set(tags.map(({ Key }) => Key)).size < tags.length)
    throw invalid('DUPLICATE_TAG_KEY', 'Tag keys must be unique.')
  if (tags.length > mostTags)
    throw new AwsError('ConstraintViolationException', `An account has at most ${mostTags} tags.`, 400, {
      Reason: 'MAX_TAG_LIMIT_EXCEEDED',
    })
}

const createAccount = (
  world: World,
  {
    Email = '',
    AccountName = '',
    RoleName = 'OrganizationAccountAccessRole',
    Tags = [],
  }: Organizations.CreateAccountRequest,
) => {
  checkText(Email, [6, 64], emailPattern, 'Email')
  checkText(AccountName, [1, 50], /^[\x20-\x7e]*$/, 'AccountName')
  if (!/^[\w+=,.@-]{1,64}$/.test(RoleName)) throw invalid('INVALID_ROLE_NAME', 'RoleName is not valid.')
  checkTags(Tags)
  const requests = [...world.createRequests.values()]
  if (requests.filter(({ state }) => state === 'IN_PROGRESS').length >= creationsInProgress)
    throw new AwsError('ConstraintViolationException', 'Too many account creations are in progress.', 400, {
      Reason: 'ACCOUNT_CREATION_RATE_LIMIT_EXCEEDED',
    })

  const holders = [...world.accounts.values(), ...requests.filter(({ state }) => state === 'IN_PROGRESS')]
  const isTaken = holders.some(({ email }) => email.toLowerCase() === Email.toLowerCase())
  const request: CreateRequest = {
    id: `car-${randomText(world, 'abcdefghijklmnopqrstuvwxyz0123456789', 32)}`,
    state: 'IN_PROGRESS',
    accountName: AccountName,
    email: Email,
    requestedAt: world.now(),
  }
  world.createRequests.set(request.id, request)
  world.setTimer(creationSeconds, () => {
    request.completedAt = world.now()
    if (isTaken) {
      request.state = 'FAILED'
      request.failureReason = 'EMAIL_ALREADY_EXISTS'
    } else {
      request.state = 'SUCCEEDED'
      request.accountId = newAccountId(world)
      addAccount(world, {
        id: request.accountId,
        name: AccountName,
        email: Email,
        roleName: RoleName,
        roleUsableAfter: roleDelaySeconds,
        policiesAfter: policyDelaySeconds,
        tags: Object.fromEntries(Tags.map(({ Key = '', Value = '' }) => [Key, Value])),
      })
    }
    world.emit(resultEvent(world, request))
  })
  return { CreateAccountStatus: statusOf(request) }
}

const statusOf = (request: CreateRequest): Organizations.CreateAccountStatus => ({
  Id: request.id,
  AccountName: request.accountName,
  State: request.state,
  RequestedTimestamp: new Date(request.requestedAt),
  ...(request.completedAt && { CompletedTimestamp: new Date(request.completedAt) }),
  AccountId: request.accountId,
  FailureReason: request.failureReason,
})

const describeCreateAccountStatus = (
  world: World,
  { CreateAccountRequestId = '' }: Organizations.DescribeCreateAccountStatusRequest,
) => {
  if (!/^car-[a-z0-9]{8,32}$/.test(CreateAccountRequestId))
    throw invalid('INVALID_PATTERN', 'CreateAccountRequestId is not the id of a request.')
  const request = world.createRequests.get(CreateAccountRequestId)
  if (!request)
    throw new AwsError(
      'CreateAccountStatusNotFoundException',
      "We can't find a create account request with the specified ID.",
    )
  return { CreateAccountStatus: statusOf(request) }
}

const listCreateAccountStatus = (
  world: World,
  { States = [], ...asked }: Organizations.ListCreateAccountStatusRequest,
) => {
  const requests = [...world.createRequests.values()].filter(({ state }) => !States.length || States.includes(state))
  const { items, NextToken } = onePage(requests, asked)
  return { CreateAccountStatuses: items.map(statusOf), NextToken }
}

const displayTime = (time: number) =>
  new Date(time)
    .toLocaleString('en-US', { timeZone: 'UTC', dateStyle: 'medium', timeStyle: 'medium' })
    .replace(/, (?=\d+:)/, ' ')
    .replace('\u202f', ' ')

/** The event CreateAccountResult, as CloudTrail sends it to EventBridge. */
const resultEvent = (world: World, { id, state, accountId, failureReason, requestedAt }: CreateRequest) => {
  const time = `${new Date(world.now()).toISOString().slice(0, 19)}Z`
  const detail = {
    eventVersion: '1.11',
    userIdentity: { accountId: world.managementAccountId, invokedBy: 'AWS Internal' },
    eventTime: time,
    eventSource: 'organizations.amazonaws.com',
    eventName: 'CreateAccountResult',
    awsRegion: world.region,
    requestParameters: null,
    responseElements: null,
    eventID: randomUUID(),
    readOnly: false,
    eventType: 'AwsServiceEvent',
    recipientAccountId: world.managementAccountId,
    serviceEventDetails: {
      createAccountStatus: {
        id,
        state,
        accountName: '****',
        ...(accountId && { accountId }),
        requestedTimestamp: displayTime(requestedAt),
        completedTimestamp: displayTime(world.now()),
        ...(failureReason && { failureReason }),
      },
    },
  }
  return {
    ...busEvent(world, { source: 'aws.organizations', detailType: 'AWS Service Event via CloudTrail', detail }),
    time,
  }
}

const invalid = (Reason: string, message: string) => new AwsError('InvalidInputException', message, 400, { Reason })

export const organizations: Operations = {
  DescribeAccount: describeAccount,
  DescribeOrganization: describeOrganization,
  ListParents: listParents,
  ListAccounts: listAccounts,
  ListAWSServiceAccessForOrganization: listAWSServiceAccess,
  ListPolicies: listPolicies,
  DescribePolicy: describePolicy,
  ListTargetsForPolicy: listTargetsForPolicy,
  CreateAccount: createAccount,
  DescribeCreateAccountStatus: describeCreateAccountStatus,
  ListCreateAccountStatus: listCreateAccountStatus,
}
