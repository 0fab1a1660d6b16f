import {
  type Account,
  type ConstraintViolationException,
  CreateAccountCommand,
  type CreateAccountStatus,
  DescribeAccountCommand,
  type OrganizationsClient,
  paginateListAccounts,
  paginateListCreateAccountStatus,
  paginateListTagsForResource,
} from '@aws-sdk/client-organizations'
import * as z from 'zod/mini'
import { isNamed } from '../shared/aws-errors.ts'
import {
  AccountCreationFailedError,
  AccountNotOpenError,
  EmailAlreadyExistsError,
  OpeningWaitedTooLongError,
} from '../shared/errors.ts'
import type { Ledger } from '../shared/ledger.ts'
import { type Opening, openingSchema, requestTag } from '../shared/new-account.ts'
import { accountResultNote, writeNote } from '../shared/notes.ts'
import { beginOpeningStep, changeOpening, type Intent, readRequest } from '../shared/opening.ts'
import { readAccount } from '../shared/record-and-lease.ts'
import { createAccountLimit, postponeCalls, reserveMoment, sleepUntil, waitForTurn } from '../shared/reserve-moment.ts'
import { vendSchema } from '../shared/vend.ts'

export const openAccountInput = z.object({ vend: vendSchema, opening: openingSchema })
type Input = z.output<typeof openAccountInput>
type Clients = { organizations: OrganizationsClient; ledger: Ledger }

const day = 24 * 60 * 60 * 1000
const mostDays = 7
/** After so many creations that Organizations could not finish, for a reason that may pass, nobody tries again. */
const mostCreations = 3
const listLagSeconds = 120

/**
 * Asks Organizations for an account, once for each request, whatever is lost or repeated.
 *
 * Answers `createRequestId`, or `accountId` of an account that an earlier try has opened, or `waitUntil`: the time
 * until which the workflow must wait before it runs this step again.
 * CreateAccount is not idempotent, and has no token. So the try is put on record first. If its answer was lost, this
 * step looks for what became of the try. The address protects from a second account: AWS never gives an address to
 * two accounts.
 * Throws `EmailAlreadyExistsError`, `AccountCreationFailedError`, `OpeningWaitedTooLongError`, `AccountNotOpenError`
 * while Organizations is still at work on what may be an earlier try, `LeaseLostError` and `FailedJustNowError`.
 */
export async function openAccount(
  clients: Clients,
  { vend, opening }: Input,
  { accessRole }: { accessRole: string },
): Promise<Answer> {
  const opened = { email: opening.email, vend }
  const intent = await beginOpeningStep(clients.ledger, { ...opened, state: 'OpenAccount' })
  if (intent.accountId !== undefined) return { accountId: intent.accountId }
  if (intent.createRequestId !== undefined) return { createRequestId: intent.createRequestId }
  if (intent.triedAt !== undefined || intent.creationFailure === 'EMAIL_ALREADY_EXISTS') {
    const found = await findOwnAccount(clients, opening, intent)
    if (found) return keep(clients.ledger, opened, found)
  }
  if (intent.creationFailure !== undefined) await giveUpIfLasting(clients.ledger, opened, intent)
  const waitUntil = await waitForTurn(clients.ledger, opened, intent, createAccountLimit)
  if (waitUntil !== undefined) return { waitUntil }
  return createAccount(clients, { vend, opening }, { accessRole, intent })
}
type Answer = { createRequestId: string } | { accountId: string } | { waitUntil: string }

type Opened = { email: string; vend: Input['vend'] }

/** Puts the account on record that this request opens. */
const keep = async (
  ledger: Ledger,
  opened: Opened,
  found: { createRequestId: string } | { accountId: string },
): Promise<Answer> => {
  // The account's own id is put on record by AwaitAccount, together with the account's lease.
  if ('createRequestId' in found) {
    await changeOpening(ledger, opened, { set: found, remove: ['triedAt', 'creationFailure', 'turns'] })
    await noteCreation(ledger, opened, found)
  }
  return found
}

/**
 * Notes that the failure of a creation needs no notice of its own: Organizations sends an event about it, and the
 * execution tells its failure itself.
 */
const noteCreation = (
  ledger: Ledger,
  { vend: { executionArn } }: Opened,
  { createRequestId }: { createRequestId: string },
) => writeNote(ledger, accountResultNote(createRequestId), { executionArn })

const createAccount = async (
  { organizations, ledger }: Clients,
  { vend, opening }: Input,
  { accessRole, intent }: { accessRole: string; intent: Intent },
): Promise<Answer> => {
  const opened = { email: opening.email, vend }
  await changeOpening(ledger, opened, {
    set: { triedAt: new Date().toISOString() },
    remove: ['turns', 'creationFailure'],
  })
  try {
    const { CreateAccountStatus } = await organizations.send(
      new CreateAccountCommand({
        AccountName: opening.name,
        Email: opening.email,
        RoleName: accessRole,
        // The account's administrators see the bills. Nobody can change this later by API.
        IamUserAccessToBilling: 'ALLOW',
        Tags: Object.entries({ ...opening.tags, [requestTag]: opening.requestId }).map(([Key, Value]) => ({
          Key,
          Value,
        })),
      }),
    )
    const createRequestId = CreateAccountStatus?.Id
    if (!createRequestId) throw new Error('CreateAccount answered without the id of its status')
    await changeOpening(ledger, opened, {
      set: { createRequestId, creations: (intent.creations ?? 0) + 1 },
      remove: ['triedAt', 'refusals'],
    })
    await noteCreation(ledger, opened, { createRequestId })
    return { createRequestId }
  } catch (error) {
    const refusal = refusalOf(error)
    // Any other error says nothing about whether an account is being created. The next try looks.
    if (!refusal) throw error
    const refusals = (intent.refusals ?? 0) + 1
    await changeOpening(ledger, opened, { set: { refusals }, remove: ['triedAt'] })
    if (refusal.pauseSeconds === undefined)
      throw new AccountCreationFailedError(`AWS says: ${refusal.message}`, { cause: error })
    return waitAgain(ledger, opened, { ...intent, refusals }, refusal)
  }
}

type Refusal = { message: string; pauseSeconds?: number; for?: string }

/**
 * What a refusal of CreateAccount means; undefined if an account may have been created. `pauseSeconds` is how long
 * nobody should call again. Without it, waiting does not help.
 * Source: Organizations API Reference, CreateAccount.
 */
const refusalOf = (error: unknown): Refusal | undefined => {
  if (!(error instanceof Error)) return undefined
  const { message } = error
  if (isNamed(error, 'ConstraintViolationException')) {
    const { Reason } = error as ConstraintViolationException
    if (Reason === 'ACCOUNT_CREATION_RATE_LIMIT_EXCEEDED')
      return { message, pauseSeconds: 0, for: 'its turn, because Organizations creates only a few accounts at a time' }
    if (Reason === 'ACCOUNT_NUMBER_LIMIT_EXCEEDED')
      return { message, pauseSeconds: 3600, for: 'the organization’s quota of accounts' }
    return { message }
  }
  if (isNamed(error, 'TooManyRequestsException', 'ThrottlingException', 'ConcurrentModificationException'))
    return { message, pauseSeconds: createAccountLimit.seconds, for: 'Organizations, which throttles requests' }
  if (isNamed(error, 'FinalizingOrganizationException'))
    return { message, pauseSeconds: 300, for: 'AWS, which is still setting up the organization' }
  if (
    isNamed(
      error,
      'InvalidInputException',
      'AccessDeniedException',
      'AccessDeniedForDependencyException',
      'AWSOrganizationsNotInUseException',
      'UnsupportedAPIEndpointException',
    )
  )
    return { message }
  return undefined
}

/** Reserves another moment after a refusal, unless the opening has waited for too long. */
const waitAgain = async (
  ledger: Ledger,
  opened: Opened,
  { requestedAt, refusals }: Pick<Intent, 'requestedAt'> & { refusals: number },
  { message, pauseSeconds = 0, for: what = '' }: Refusal,
): Promise<Answer> => {
  const now = Date.now()
  if (now - Date.parse(requestedAt) > mostDays * day)
    throw new OpeningWaitedTooLongError(
      `The account has not been created within ${mostDays} days. AWS said last: ${message}`,
    )
  if (pauseSeconds) await postponeCalls(ledger, createAccountLimit, now + pauseSeconds * 1000)
  // After each refusal, an opening waits longer. Otherwise an opening that waits for days would call every 10 seconds,
  // and Step Functions would end its execution at 25,000 events.
  const earliest = now + refusals * createAccountLimit.seconds * 1000
  // A burst may leave an earlier moment free, and AWS has just refused.
  const at = Math.max(await reserveMoment(ledger, createAccountLimit, earliest), earliest)
  return { waitUntil: await sleepUntil(ledger, opened, createAccountLimit, { at, turns: {}, for: what }) }
}

/** Reasons of Organizations that may pass by themselves. */
const passing = ['INTERNAL_FAILURE', 'CONCURRENT_ACCOUNT_MODIFICATION']

/** Throws if the last creation failed for a reason that a further try does not remove. A redrive may try again. */
const giveUpIfLasting = async (ledger: Ledger, opened: Opened, { creationFailure = '', creations = 0 }: Intent) => {
  if (passing.includes(creationFailure) && creations < mostCreations) return
  await changeOpening(ledger, opened, { set: { creations: 0 }, remove: ['creationFailure'] })
  // No account of the organization has the address.
  if (creationFailure === 'EMAIL_ALREADY_EXISTS')
    throw new EmailAlreadyExistsError(
      `email: an account outside the organization has the address ${opened.email} already. Closed accounts keep their ` +
        'address for 90 days',
    )
  throw new AccountCreationFailedError(`The reason of Organizations is ${creationFailure}`)
}

/**
 * Finds what became of an earlier try. Organizations' list of creations has neither the address nor tags, so each
 * creation with this name since the request is looked at. Answers undefined if no account has the address.
 * Throws `AccountNotOpenError` while an account may still come, or may be missing in the list of accounts.
 */
const findOwnAccount = async (clients: Clients, opening: Opening, { requestedAt, creationFailure }: Intent) => {
  const { organizations } = clients
  // Organizations gives times in whole seconds.
  const since = Math.floor(Date.parse(requestedAt) / 1000) * 1000
  const isEarlier = ({ RequestedTimestamp }: CreateAccountStatus) => (RequestedTimestamp?.getTime() ?? 0) < since
  const isInProgress = ({ State }: CreateAccountStatus) => State === 'IN_PROGRESS'
  const all: CreateAccountStatus[] = []
  for await (const { CreateAccountStatuses = [] } of paginateListCreateAccountStatus({ client: organizations }, {}))
    all.push(...CreateAccountStatuses)
  // An earlier request for the address may have had another name, and Organizations does not tell the address.
  if (creationFailure === 'EMAIL_ALREADY_EXISTS' && all.some((one) => isEarlier(one) && isInProgress(one)))
    throw new AccountNotOpenError(
      `Organizations is still creating an account of an earlier request, which may have the address ${opening.email}`,
    )
  const creations = all.filter((one) => one.AccountName === opening.name && !isEarlier(one))
  if (creations.some(isInProgress))
    throw new AccountNotOpenError(
      `Organizations is creating an account with the name ${opening.name}. It may be the account of this request`,
    )
  for (const { AccountId, Id } of creations) {
    if (AccountId === undefined || Id === undefined) continue
    const { Account } = await organizations.send(new DescribeAccountCommand({ AccountId }))
    if (Account && hasAddress(Account, opening)) {
      await checkIsOwn(clients, AccountId, opening)
      return { createRequestId: Id }
    }
  }
  const accountId = await findByAddress(clients, opening)
  if (accountId !== undefined) return { accountId }
  if (creations.some(wasJustRefused))
    throw new AccountNotOpenError(
      `An account has the address ${opening.email} already. Organizations’ list of accounts may show this account later`,
    )
  return undefined
}

/** Whether the address was taken a moment ago. For so long, the list of accounts may miss the account that has it. */
const wasJustRefused = ({ FailureReason, CompletedTimestamp }: CreateAccountStatus) =>
  FailureReason === 'EMAIL_ALREADY_EXISTS' && Date.now() - (CompletedTimestamp?.getTime() ?? 0) < listLagSeconds * 1000

type Asked = Pick<Opening, 'email'> & { requestId?: string }

/**
 * Finds the account of the organization with this address: 20 accounts a call, about 8 calls a second. Answers its id;
 * undefined if no account has the address.
 * Throws `EmailAlreadyExistsError` unless the account was opened by this request, or by an earlier request for the same
 * address that failed before the account was vended.
 */
export const findByAddress = async (clients: Clients, asked: Asked) => {
  for await (const { Accounts = [] } of paginateListAccounts({ client: clients.organizations, pageSize: 20 }, {}))
    for (const account of Accounts)
      if (account.Id !== undefined && hasAddress(account, asked)) {
        await checkIsOwn(clients, account.Id, asked)
        return account.Id
      }
  return undefined
}

const hasAddress = ({ Email = '' }: Account, { email }: Asked) => Email.toLowerCase() === email.toLowerCase()

/** As `findByAddress` says. */
const checkIsOwn = async ({ organizations, ledger }: Clients, accountId: string, { email, requestId }: Asked) => {
  let tag: string | undefined
  for await (const { Tags = [] } of paginateListTagsForResource({ client: organizations }, { ResourceId: accountId }))
    tag ??= Tags.find(({ Key }) => Key === requestTag)?.Value
  if (tag !== undefined && tag === requestId) return
  const earlier = tag === undefined ? undefined : await readRequest(ledger, tag)
  const isOurs = earlier?.body.email.toLowerCase() === email.toLowerCase()
  if (isOurs && !(await readAccount(ledger, accountId))?.vendedAt) return
  throw new EmailAlreadyExistsError(`email: account ${accountId} has the address ${email} already`)
}
