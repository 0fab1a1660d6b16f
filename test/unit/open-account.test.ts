import {
  ConstraintViolationException,
  type ConstraintViolationExceptionReason,
  CreateAccountCommand,
  FinalizingOrganizationException,
  InvalidInputException,
  ListAccountsCommand,
  ListCreateAccountStatusCommand,
  ListTagsForResourceCommand,
  OrganizationsClient,
  TooManyRequestsException,
} from '@aws-sdk/client-organizations'
import { mockClient } from 'aws-sdk-client-mock'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { openAccount } from '../../functions/open-account/open-account.ts'
import {
  AccountCreationFailedError,
  AccountNotOpenError,
  EmailAlreadyExistsError,
  OpeningWaitedTooLongError,
} from '../../functions/shared/errors.ts'
import { openRequest, requestTag } from '../../functions/shared/new-account.ts'
import { changeOpening, createRequest, readIntent, takeIntent } from '../../functions/shared/opening.ts'
import { aVend } from '../support/builders.ts'
import { realLedger } from '../support/real-ledger.ts'

const ledgerIn = realLedger()
const organizations = mockClient(OrganizationsClient)
const vend = aVend()
const hour = 3_600_000
let start = Date.parse('2026-11-27T12:00:00Z')
let emails = 0
beforeEach(() => {
  organizations.reset()
  organizations.onAnyCommand().resolves({})
  // Each test has a day of its own: all openings share the moments that are reserved.
  start += 30 * 24 * hour
  vi.useFakeTimers({ toFake: ['Date'], now: start })
})
afterEach(() => vi.useRealTimers())

const anOpening = async () => {
  const body = openRequest.parse({ name: 'Sandbox', email: `open-${(emails += 1)}@example.com`, tags: { a: 'b' } })
  const { intent, requestId } = await createRequest(ledgerIn(), { body, requestedBy: 'ada', needsApproval: false })
  await takeIntent(ledgerIn(), { email: body.email, vend, intent })
  const { name, email, tags } = body
  return { requestId, requestedBy: 'ada', name, email, tags, alternateContacts: {} }
}
type Opening = Awaited<ReturnType<typeof anOpening>>
const open = (opening: Opening) =>
  openAccount(
    { organizations: new OrganizationsClient({}), ledger: ledgerIn() },
    { vend, opening },
    { accessRole: 'TheRole' },
  )
const refuses = (error: Error) => organizations.on(CreateAccountCommand).rejects(error)
const common = { $metadata: {}, message: 'No.' }
const constraint = (Reason: ConstraintViolationExceptionReason) =>
  new ConstraintViolationException({ ...common, Reason })
const minutesUntil = (answer: object) =>
  'waitUntil' in answer ? (Date.parse(String(answer.waitUntil)) - Date.now()) / 60_000 : undefined

test('asks for the account with billing access, the access role, and the request’s id as a tag', async () => {
  const opening = await anOpening()
  organizations.on(CreateAccountCommand).resolves({ CreateAccountStatus: { Id: 'car-1' } })
  expect(await open(opening)).toEqual({ createRequestId: 'car-1' })
  expect(organizations.commandCalls(CreateAccountCommand)[0]?.args[0].input).toEqual({
    AccountName: 'Sandbox',
    Email: opening.email,
    RoleName: 'TheRole',
    IamUserAccessToBilling: 'ALLOW',
    Tags: [
      { Key: 'a', Value: 'b' },
      { Key: requestTag, Value: opening.requestId },
    ],
  })
  // A further run asks for nothing.
  expect(await open(opening)).toEqual({ createRequestId: 'car-1' })
  expect(organizations.commandCalls(CreateAccountCommand)).toHaveLength(1)
})

test.each([
  ['five are in progress', constraint('ACCOUNT_CREATION_RATE_LIMIT_EXCEEDED'), 0.1, 1],
  ['the quota of accounts is used up', constraint('ACCOUNT_NUMBER_LIMIT_EXCEEDED'), 60, 61],
  ['calls are throttled', new TooManyRequestsException(common), 0.1, 1],
  ['the organization is being set up', new FinalizingOrganizationException(common), 5, 6],
])('if %s, waits, and looks for no account', async (_, error, least, most) => {
  const opening = await anOpening()
  refuses(error)
  const answer = await open(opening)
  expect(minutesUntil(answer)).toBeGreaterThanOrEqual(least)
  expect(minutesUntil(answer)).toBeLessThan(most)
  expect(await readIntent(ledgerIn(), opening.email)).toMatchObject({
    status: 'opening',
    waiting: { until: (answer as { waitUntil: string }).waitUntil },
  })
  // Too early: the moment that was reserved stays.
  expect(await open(opening)).toEqual(answer)
  vi.setSystemTime(Date.parse((answer as { waitUntil: string }).waitUntil) + 500)
  organizations.on(CreateAccountCommand).resolves({ CreateAccountStatus: { Id: 'car-2' } })
  expect(await open(opening)).toEqual({ createRequestId: 'car-2' })
  expect(organizations.commandCalls(ListCreateAccountStatusCommand)).toHaveLength(0)
})

test('gives up by name after 7 days, with what AWS said last', async () => {
  const opening = await anOpening()
  refuses(constraint('ACCOUNT_NUMBER_LIMIT_EXCEEDED'))
  let answer = await open(opening)
  for (let hours = 0; hours < 7 * 24; hours++) {
    vi.setSystemTime(Date.parse((answer as { waitUntil: string }).waitUntil) + 500)
    const next = await open(opening).catch((error: unknown) => error as Error)
    if (next instanceof Error) {
      expect(next).toBeInstanceOf(OpeningWaitedTooLongError)
      expect(next.message).toContain('AWS said last: No.')
      expect(Date.now() - start).toBeGreaterThan(7 * 24 * hour)
      return
    }
    answer = next
  }
  expect.unreachable('The opening never gave up')
})

test('a refusal that stays is told at once, and a redrive may try again', async () => {
  const opening = await anOpening()
  refuses(new InvalidInputException({ ...common, Reason: 'INVALID_PATTERN' }))
  const refused = await open(opening).catch((error: unknown) => error)
  expect(refused).toBeInstanceOf(AccountCreationFailedError)
  expect(refused).toMatchObject({ message: expect.stringMatching(/^AWS says: /) as string })
  organizations.on(CreateAccountCommand).resolves({ CreateAccountStatus: { Id: 'car-3' } })
  expect(await open(opening)).toEqual({ createRequestId: 'car-3' })
})

test('after an answer that says nothing, looks for the account before it asks again', async () => {
  const opening = await anOpening()
  refuses(Object.assign(new Error('socket hang up'), { code: 'ECONNRESET' }))
  await expect(open(opening)).rejects.toThrow('socket hang up')
  organizations.on(CreateAccountCommand).resolves({ CreateAccountStatus: { Id: 'car-4' } })
  expect(await open(opening)).toEqual({ createRequestId: 'car-4' })
  const called = organizations.calls().map(({ args: [command] }) => command.constructor.name)
  expect(called).toEqual([
    CreateAccountCommand.name,
    ListCreateAccountStatusCommand.name,
    ListAccountsCommand.name,
    CreateAccountCommand.name,
  ])
})

test('waits while an earlier request’s account is being created, if its address is taken, and then adopts that account', async () => {
  const opening = await anOpening()
  const before = new Date(Date.now() - hour)
  const earlier = { Id: 'car-5', AccountName: 'Old name', RequestedTimestamp: before, AccountId: '444455556666' }
  const listed = (State: 'IN_PROGRESS' | 'SUCCEEDED') =>
    organizations.on(ListCreateAccountStatusCommand).resolves({
      CreateAccountStatuses: [
        { ...earlier, State },
        // A creation that began after the request has another address.
        { Id: 'car-6', AccountName: 'Other', RequestedTimestamp: new Date(Date.now() + hour), State: 'IN_PROGRESS' },
      ],
    })
  const { requestId } = await createRequest(ledgerIn(), {
    body: openRequest.parse({ name: 'Old name', email: `earlier-${opening.email}` }),
    requestedBy: 'ada',
    needsApproval: false,
  })
  organizations.on(ListAccountsCommand).resolves({ Accounts: [] })
  await changeOpening(ledgerIn(), { email: opening.email, vend }, { set: { creationFailure: 'EMAIL_ALREADY_EXISTS' } })
  listed('IN_PROGRESS')
  await expect(open(opening)).rejects.toBeInstanceOf(AccountNotOpenError)
  expect(organizations.commandCalls(ListAccountsCommand)).toHaveLength(0)

  listed('SUCCEEDED')
  organizations.on(ListAccountsCommand).resolves({ Accounts: [{ Id: earlier.AccountId, Email: opening.email }] })
  const tagged = (value: string) =>
    organizations.on(ListTagsForResourceCommand).resolves({ Tags: [{ Key: requestTag, Value: value }] })
  // A request for another address is not an earlier request for this account.
  tagged(requestId)
  await expect(open(opening)).rejects.toBeInstanceOf(EmailAlreadyExistsError)
  tagged(opening.requestId)
  expect(await open(opening)).toEqual({ accountId: earlier.AccountId })
})

test('looks for two minutes for the account that has the address, because the list of accounts may miss the account', async () => {
  const opening = await anOpening()
  organizations.on(ListCreateAccountStatusCommand).callsFake(() => ({
    CreateAccountStatuses: [
      {
        Id: 'car-7',
        AccountName: opening.name,
        State: 'FAILED',
        FailureReason: 'EMAIL_ALREADY_EXISTS',
        RequestedTimestamp: new Date(start),
        CompletedTimestamp: new Date(start),
      },
    ],
  }))
  await changeOpening(ledgerIn(), { email: opening.email, vend }, { set: { creationFailure: 'EMAIL_ALREADY_EXISTS' } })
  await expect(open(opening)).rejects.toBeInstanceOf(AccountNotOpenError)
  vi.setSystemTime(start + 119_000)
  await expect(open(opening)).rejects.toBeInstanceOf(AccountNotOpenError)
  vi.setSystemTime(start + 121_000)
  await expect(open(opening)).rejects.toBeInstanceOf(EmailAlreadyExistsError)
})
