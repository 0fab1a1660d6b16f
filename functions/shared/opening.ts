import { createHash, randomBytes } from 'node:crypto'
import { PutItemCommand } from '@aws-sdk/client-dynamodb'
import { marshall } from '@aws-sdk/util-dynamodb'
import { AccountBusyError, FailedJustNowError, LeaseLostError } from './errors.ts'
import type { FailedStatus } from './failure.ts'
import { type Change, entries, ifConditionHolds, type Kind, type Ledger, readItem, updateItem } from './ledger.ts'
import type { OpenRequest } from './new-account.ts'
import { type AccountRecord, hasVended, leaseRestSeconds } from './record-and-lease.ts'
import type { Vend } from './vend.ts'

// The items about accounts that are being opened. A request says what was asked for, and by whom. The intent is keyed
// by the account's address, because two accounts never have the same address: of all requests for an address, the
// intent names the one that is open. Until the account's id is known, the intent is also the lease.

/** A request that nobody has decided about after so many days ends. */
export const approvalDays = 7

export type FailedOpening = { status: FailedStatus; error: string; cause: string; at: string }

/** What was asked for. All times are ISO 8601. */
export type RequestItem = {
  requestId: string
  body: OpenRequest
  /** Hash of the body. */
  ask: string
  requestedBy: string
  requestedAt: string
  needsApproval: boolean
  approval?: { decision: 'approved' | 'declined' | 'expired'; by: string; at: string; reason?: string }
  /** How the last execution for the request failed. */
  failure?: FailedOpening
}

/** How far the opening of an account is. */
export type Intent = {
  requestId: string
  ask: string
  requestedAt: string
  updatedAt: string
  status: 'awaiting-approval' | 'accepted' | 'opening' | 'placing' | 'failed' | 'declined'
  /** ARN of the execution that opens the account. It keeps the intent after a failure, for a redrive. */
  holder?: string
  /** When the holder last changed the intent, in milliseconds since 1970. */
  renewedAt?: number
  steps: Record<string, { state: string; at: string }>
  /** What the opening waits for, and until when. */
  waiting?: { for: string; until: string }
  /** CreateAccount was called, or is about to be called, and its answer is not on record yet. */
  triedAt?: string
  /** How often CreateAccount was accepted. */
  creations?: number
  /** How often AWS has refused CreateAccount since it last accepted the call. */
  refusals?: number
  /** The id of the CreateAccountStatus: `car-…`. */
  createRequestId?: string
  /** The FailureReason of the last creation. */
  creationFailure?: string
  accountId?: string
  /** An earlier request for the address failed after it had called CreateAccount. */
  createdBefore?: boolean
  /** The moments that are reserved for calls to limited APIs, by API, in milliseconds since 1970. */
  turns?: Record<string, number>
  /** What PlaceAccount has applied. */
  placed?: { ou?: string; tags?: string[]; alternateContacts?: string[]; enrolled?: boolean }
  failure?: FailedOpening
}

const requestKey = (requestId: string) => `request#${requestId}`
const intentKey = (email: string) => `intent#${email.toLowerCase()}`

const now = () => new Date().toISOString()

/** The hash that tells the same request from a different one. */
export const askOf = (body: OpenRequest) =>
  createHash('sha256')
    .update(JSON.stringify(sorted(body)))
    .digest('hex')
    .slice(0, 32)

/** The value with the keys of all objects in order: the order in which JSON names them means nothing. */
const sorted = (value: unknown): unknown => {
  if (Array.isArray(value)) return value.map(sorted)
  if (typeof value !== 'object' || value === null) return value
  const byKey = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1))
  return Object.fromEntries(byKey.map(([key, part]) => [key, sorted(part)]))
}

/** Reads a request to open an account; undefined if there is none with this id. */
export const readRequest = (ledger: Ledger, requestId: string) => readItem<RequestItem>(ledger, requestKey(requestId))

/** Reads how far the opening of the account with this address is; undefined if nobody has asked for it. */
export const readIntent = (ledger: Ledger, email: string) => readItem<Intent>(ledger, intentKey(email))

/** The intents of all accounts that were asked for, by address in lower case. */
export const allIntents: Kind<Intent, Map<string, Intent>> = {
  prefix: 'intent#',
  attributes: ['requestId', 'requestedAt', 'updatedAt', 'status', 'holder', 'accountId', 'createdBefore', 'failure'],
  collect: (intents) => intents,
}

/** All requests, by id. */
export const allRequests: Kind<RequestItem, Map<string, RequestItem>> = {
  prefix: 'request#',
  attributes: ['requestId', 'body', 'requestedBy', 'requestedAt', 'approval'],
  collect: (requests) => requests,
}

/**
 * Whether a request opens the account with this id, so that nobody else vends the account. `intent` is the one for the
 * account's address. An account that was vended before, and has left and come back, is opened by nobody.
 */
export const isOpenedByRequest = (
  intent: Intent | undefined,
  id: string,
  record: Pick<AccountRecord, 'vendedAt'> | undefined,
) =>
  intent !== undefined &&
  record?.vendedAt === undefined &&
  (intent.accountId === undefined || intent.accountId === id) &&
  (intent.status !== 'awaiting-approval' || intent.createdBefore === true) &&
  intent.status !== 'declined' &&
  intent.failure?.error !== 'EmailAlreadyExistsError'

/** Whether a new request can take the place of the one that the intent names: that one has ended without an account. */
const hasEnded = ({ status, failure, accountId }: Intent) =>
  status === 'declined' || (failure !== undefined && accountId === undefined)

const hasCalledCreateAccount = ({ triedAt, createRequestId, createdBefore }: Intent) =>
  triedAt !== undefined || createRequestId !== undefined || createdBefore === true

/** Whether functions of the failed execution may still be at work. */
export const hasFailedJustNow = ({ failure }: Intent, at = now()) =>
  failure !== undefined && Date.parse(at) - Date.parse(failure.at) < leaseRestSeconds * 1000

type NewRequest = {
  body: OpenRequest
  requestedBy: string
  needsApproval: boolean
  /** The execution that carries the request out already: a manual one. */
  holder?: string
  /** The time of the request. */
  at?: string
}

/**
 * Puts a request on record, and makes it the open request for the account's address. Answers the request's id, and
 * `isNew: false` with the intent that is there if another request for the address is open.
 * The id has 128 random bits: whoever knows the id may read the request.
 * `admit` runs before a new request is put on record, and may throw. It gets the id of the ended request for the same
 * address, whose place the new one takes.
 * Throws `AccountBusyError` for 90 seconds after the last request for the address has failed.
 */
export const createRequest = async (
  ledger: Ledger,
  { body, requestedBy, needsApproval, holder, at = now() }: NewRequest,
  admit: (replaced: string | undefined) => Promise<unknown> = () => Promise.resolve(),
): Promise<{ isNew: boolean; requestId: string; intent: Intent }> => {
  const before = await readIntent(ledger, body.email)
  if (before && !hasEnded(before)) return { isNew: false, requestId: before.requestId, intent: before }
  if (before && hasFailedJustNow(before, at))
    throw new AccountBusyError(
      `email: the last request for the address ${body.email} failed less than ${leaseRestSeconds} seconds ago`,
    )
  await admit(before?.requestId)
  const requestId = randomBytes(16).toString('hex')
  const ask = askOf(body)
  const item: RequestItem = { requestId, body, ask, requestedBy, requestedAt: at, needsApproval }
  // The intent is second, so that it never names a request that is not there.
  await putItem(ledger, requestKey(requestId), item)
  const intent: Intent = {
    requestId,
    ask,
    requestedAt: at,
    updatedAt: at,
    status: needsApproval ? 'awaiting-approval' : 'accepted',
    ...(holder && { holder, renewedAt: Date.parse(at) }),
    ...(before && hasCalledCreateAccount(before) && { createdBefore: true }),
    // An execution that holds its request from the start is in this state.
    steps: holder ? { AcceptRequest: { state: 'AcceptRequest', at } } : {},
  }
  if (await putItem(ledger, intentKey(body.email), intent, before)) return { isNew: true, requestId, intent }
  const other = await readIntent(ledger, body.email)
  if (!other) throw new Error(`The intent of ${requestId} was deleted while the request was put on record`)
  return { isNew: false, requestId: other.requestId, intent: other }
}

/** Puts an item that is not there yet, or that has not changed since it was read. Answers whether it was put. */
const putItem = async (
  { dynamodb, tableName }: Ledger,
  pk: string,
  item: RequestItem | Intent,
  before?: { requestId: string; updatedAt: string },
) => {
  const put = await ifConditionHolds(
    dynamodb.send(
      new PutItemCommand({
        TableName: tableName,
        Item: marshall({ ...item, pk }, { removeUndefinedValues: true, convertClassInstanceToMap: true }),
        ConditionExpression: before ? 'requestId = :requestId AND updatedAt = :updatedAt' : 'attribute_not_exists(pk)',
        ...(before && {
          ExpressionAttributeValues: marshall({ ':requestId': before.requestId, ':updatedAt': before.updatedAt }),
        }),
      }),
    ),
  )
  return put !== undefined
}

/**
 * Records who approved or declined a request, once. Answers the request as it is then: its `approval` may be an earlier
 * one of somebody else. Undefined if there is no request with this id that needs approval.
 */
export const decideApproval = async (
  ledger: Ledger,
  requestId: string,
  approval: Omit<NonNullable<RequestItem['approval']>, 'at'>,
  at = now(),
) => {
  const decided = await updateItem<RequestItem>(ledger, requestKey(requestId), {
    set: { approval: { ...approval, at } },
    condition: ({ value }) => `needsApproval = ${value(true)} AND attribute_not_exists(approval)`,
  })
  const item = decided ?? (await readRequest(ledger, requestId))
  if (!item?.needsApproval || !item.approval) return undefined
  // Done again after a crash between the two writes.
  await updateItem<Intent>(ledger, intentKey(item.body.email), {
    set: { status: item.approval.decision === 'approved' ? 'accepted' : 'declined', updatedAt: at },
    condition: ({ name, value }) =>
      `requestId = ${value(requestId)} AND ${name('status')} = ${value('awaiting-approval')}`,
  })
  return { ...item, approval: item.approval }
}

/**
 * Takes the intent for an execution, on condition that the intent did not change since it was read. Answers the intent;
 * undefined if the intent has changed. An execution may take its own intent again.
 */
export const takeIntent = (ledger: Ledger, { email, vend, intent }: { email: string; vend: Vend; intent: Intent }) => {
  const at = now()
  const isOwn = intent.holder === vend.executionArn
  return updateItem<Intent>(ledger, intentKey(email), {
    set: {
      updatedAt: at,
      status: intent.accountId === undefined ? 'opening' : 'placing',
      holder: vend.executionArn,
      renewedAt: Date.parse(at),
      steps: entries({ ...(!isOwn && { AcceptRequest: { state: 'AcceptRequest', at } }) }),
    },
    remove: ['failure', 'waiting'],
    condition: ({ value }) =>
      `requestId = ${value(intent.requestId)} AND updatedAt = ${value(intent.updatedAt)} AND ` +
      (intent.holder === undefined ? 'attribute_not_exists(holder)' : `holder = ${value(intent.holder)}`),
  })
}

type Opened = { email: string; vend: Vend }

/**
 * Records that a step begins to work on an opening, on condition that its execution still holds the intent and did not
 * fail within the last `leaseRestSeconds`. Answers the intent.
 * Throws `LeaseLostError`, and `FailedJustNowError` while a function from before the failure may still be at work.
 */
export const beginOpeningStep = async (ledger: Ledger, { email, vend, state }: Opened & { state: string }) => {
  const at = now()
  const rested = new Date(Date.parse(at) - leaseRestSeconds * 1000).toISOString()
  const begun = await updateItem<Intent>(ledger, intentKey(email), {
    set: {
      updatedAt: at,
      renewedAt: Date.parse(at),
      steps: entries({ [state]: { state, at } }),
      status: state === 'PlaceAccount' ? 'placing' : 'opening',
    },
    remove: ['failure', 'waiting'],
    condition: ({ name, value }) =>
      `holder = ${value(vend.executionArn)} AND ` +
      `(attribute_not_exists(failure) OR failure.${name('at')} < ${value(rested)})`,
  })
  if (begun) return begun
  if ((await readIntent(ledger, email))?.holder !== vend.executionArn) throw intentLost(email)
  throw new FailedJustNowError(
    `The opening of the account with the address ${email} failed within the last ${leaseRestSeconds} seconds. ` +
      'One of its functions may still be running',
  )
}

/** Changes the intent while the vend's execution holds it. Answers the intent. Throws `LeaseLostError`. */
export const changeOpening = async (
  ledger: Ledger,
  { email, vend }: Opened,
  { set, remove = [] }: Pick<Change<Intent>, 'set' | 'remove'>,
) => {
  const changed = await updateItem<Intent>(ledger, intentKey(email), {
    set: { ...set, updatedAt: now() },
    remove,
    condition: ({ value }) => `holder = ${value(vend.executionArn)}`,
  })
  if (!changed) throw intentLost(email)
  return changed
}

const intentLost = (email: string) =>
  new LeaseLostError(
    `Another execution has taken over the opening of the account with the address ${email}. This execution makes no ` +
      'further changes',
  )

/** The name of the execution that carries out a request. */
export const openingName = (requestId: string) => `open-${requestId}`

/** The request that an execution carries out, by its name; undefined if the name says none. */
export const requestOfExecution = (executionArn: string) => /:open-([\da-f]{32})$/.exec(executionArn)?.[1]

type Failed = { email: string; executionArn: string } & Omit<FailedOpening, 'at'>

/**
 * Records that the execution that opens an account failed, if this execution still holds the intent, or failed before
 * it took the intent of its own request. The intent stays with the execution, for a redrive. Answers the intent;
 * undefined if another execution holds it.
 */
export const recordOpeningFailure = async (ledger: Ledger, { email, executionArn, status, error, cause }: Failed) => {
  const at = now()
  const failure = { status, error, cause, at }
  const intent = await updateItem<Intent>(ledger, intentKey(email), {
    set: { status: 'failed', holder: executionArn, updatedAt: at, failure },
    condition: ({ name, value }) =>
      `holder = ${value(executionArn)} OR (attribute_not_exists(holder) AND ` +
      `requestId = ${value(requestOfExecution(executionArn) ?? '')} AND ${name('status')} = ${value('accepted')})`,
  })
  if (intent)
    // A later request replaces the intent, and the earlier one must still say why it failed.
    await updateItem<RequestItem>(ledger, requestKey(intent.requestId), {
      set: { failure },
      condition: () => 'attribute_exists(pk)',
    })
  return intent
}

export const requestStatuses = [
  'awaiting-approval',
  'accepted',
  'opening',
  'placing',
  'vending',
  'vended',
  'failed',
  'declined',
] as const
export type RequestStatus = (typeof requestStatuses)[number]

/**
 * How far a request is. `intent` is the one for the request's address, and `record` the record of the account that the
 * intent names, as far as they exist.
 */
export const statusOfRequest = (
  { requestId, approval }: Pick<RequestItem, 'requestId' | 'approval'>,
  intent: Intent | undefined,
  record: Pick<AccountRecord, 'executionArn' | 'status' | 'steps' | 'vendedBy' | 'vendedEarlier'> | undefined,
): RequestStatus => {
  if (approval && approval.decision !== 'approved') return 'declined'
  // A request is replaced only after it has failed.
  if (intent?.requestId !== requestId) return 'failed'
  if (intent.holder !== undefined && hasVended(record, intent.holder)) return 'vended'
  const isOurs = record !== undefined && record.executionArn === intent.holder
  if (intent.failure || (isOurs && record.status === 'FAILED')) return 'failed'
  return isOurs && record.steps['CreateAdminGroup'] ? 'vending' : intent.status
}
