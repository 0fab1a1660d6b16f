import { randomUUID } from 'node:crypto'
import type * as Organizations from '@aws-sdk/client-organizations'
import { AwsError } from './aws-error.ts'
import { busEvent } from './eventbridge.ts'
import { checkText, invalid, onePage } from './organizations-common.ts'
import { checkTags, tagsIn } from './organizations-tags.ts'
import { addAccount, type CreateRequest, newAccountId, randomText, type World } from './world.ts'

const roleDelaySeconds = 12
const policyDelaySeconds = 6
const creationsInProgress = 5

// Organizations API Reference, CreateAccount: only ASCII, some characters are not allowed before the @, and the domain
// consists of letters, digits, hyphens and dots.
const emailPattern = /^(?!\.)[!#$*+\-./0-9=?A-Z^_`a-z{}~]+@(?=.*\.)[a-zA-Z0-9](?:[a-zA-Z0-9.-]*[a-zA-Z0-9])?$/

export const createAccount = (
  world: World,
  {
    Email = '',
    AccountName = '',
    RoleName = 'OrganizationAccountAccessRole',
    IamUserAccessToBilling = 'ALLOW',
    Tags = [],
  }: Organizations.CreateAccountRequest,
) => {
  checkText(Email, [6, 64], emailPattern, 'Email')
  checkText(AccountName, [1, 50], /^[\x20-\x7e]*$/, 'AccountName')
  if (!/^[\w+=,.@-]{1,64}$/.test(RoleName)) throw invalid('INVALID_ROLE_NAME', 'RoleName is not valid.')
  if (!['ALLOW', 'DENY'].includes(IamUserAccessToBilling))
    throw invalid('INVALID_ENUM', 'IamUserAccessToBilling is neither ALLOW nor DENY.')
  checkTags(Tags)
  const requests = [...world.createRequests.values()]
  if (requests.filter(({ state }) => state === 'IN_PROGRESS').length >= creationsInProgress)
    throw new AwsError('ConstraintViolationException', 'Too many account creations are in progress.', 400, {
      Reason: 'ACCOUNT_CREATION_RATE_LIMIT_EXCEEDED',
    })

  // Organizations User Guide, orgs_reference_limits: closed accounts count until they are gone for good.
  if (world.accounts.size >= world.accountQuota)
    throw new AwsError('ConstraintViolationException', 'The organization has as many accounts as it may have.', 400, {
      Reason: 'ACCOUNT_NUMBER_LIMIT_EXCEEDED',
    })

  const holders = [...world.accounts.values(), ...requests.filter(({ state }) => state === 'IN_PROGRESS')]
  const isTaken = holders.some(({ email }) => email.toLowerCase() === Email.toLowerCase())
  const failureReason = world.failingCreations.get(Email.toLowerCase()) ?? (isTaken ? 'EMAIL_ALREADY_EXISTS' : null)
  world.failingCreations.delete(Email.toLowerCase())
  const request: CreateRequest = {
    id: `car-${randomText(world, 'abcdefghijklmnopqrstuvwxyz0123456789', 32)}`,
    state: 'IN_PROGRESS',
    accountName: AccountName,
    email: Email,
    requestedAt: world.now(),
  }
  world.createRequests.set(request.id, request)
  world.setTimer(world.creationSeconds(), () => {
    request.completedAt = world.now()
    if (failureReason) {
      request.state = 'FAILED'
      request.failureReason = failureReason
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
        tags: tagsIn(Tags),
        iamUserAccessToBilling: IamUserAccessToBilling,
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

export const describeCreateAccountStatus = (
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

export const listCreateAccountStatus = (
  world: World,
  { States = [], ...asked }: Organizations.ListCreateAccountStatusRequest,
) => {
  const { items, NextToken } = onePage(world, [...world.createRequests.values()], asked)
  // The states are looked for in one page after the other, so that a page may be empty although more pages follow.
  const wanted = items.filter(({ state }) => !States.length || States.includes(state))
  return { CreateAccountStatuses: wanted.map(statusOf), NextToken }
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
