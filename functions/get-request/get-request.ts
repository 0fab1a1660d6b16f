import { RequestNotFoundError } from '../shared/errors.ts'
import { explanationOf, sentenceOf } from '../shared/failure.ts'
import type { Ledger } from '../shared/ledger.ts'
import { requestId as anId } from '../shared/new-account.ts'
import {
  approvalDays,
  type Intent,
  readIntent,
  readRequest,
  type RequestItem,
  type RequestStatus,
  statusOfRequest,
} from '../shared/opening.ts'
import { type AccountRecord, readAccount } from '../shared/record-and-lease.ts'

type Step = { state: string; userName?: string; at: string }

/**
 * Reads how far a request to open an account is: its status, the steps begun with their times, what it waits for, why
 * it failed and what to do then, and the account when its id is known.
 * Throws `RequestNotFoundError`, for an id that no request can have as well.
 */
export async function getRequest({ ledger }: { ledger: Ledger }, { requestId }: { requestId: string }) {
  const request = anId.safeParse(requestId).success ? await readRequest(ledger, requestId) : undefined
  if (!request) throw new RequestNotFoundError('requestId: there is no request with this id')
  const latest = await readIntent(ledger, request.body.email)
  const intent = latest?.requestId === requestId ? latest : undefined
  const accountId = intent?.accountId
  const record = accountId === undefined ? undefined : await readAccount(ledger, accountId)
  const ownRecord = record?.executionArn === intent?.holder ? record : undefined
  const { name, email, ou } = request.body
  const status = statusOfRequest(request, intent, record)
  return {
    requestId,
    status,
    name,
    email,
    ou,
    requestedBy: request.requestedBy,
    requestedAt: request.requestedAt,
    approval: request.approval,
    accountId,
    waiting: waitingOf(request, status, intent),
    // The account's record has some of the steps too, with the time of their last run.
    timeline: Object.values({ ...intent?.steps, ...ownRecord?.steps, ...intent?.steps })
      .map(({ state, userName, at }: Step) => ({ state, ...(userName !== undefined && { userName }), at }))
      .sort((a, b) => a.at.localeCompare(b.at)),
    failure: status === 'failed' ? failureOf(request, intent, ownRecord) : undefined,
    links: { self: `/requests/${requestId}`, ...(accountId !== undefined && { account: `/accounts/${accountId}` }) },
  }
}

const waitingOf = ({ requestedAt }: RequestItem, status: RequestStatus, intent: Intent | undefined) => {
  const days = 24 * 60 * 60 * 1000
  if (status === 'awaiting-approval')
    return { for: 'approval', until: new Date(Date.parse(requestedAt) + approvalDays * days).toISOString() }
  return status === 'opening' || status === 'placing' ? intent?.waiting : undefined
}

/** Why a request failed, what this means, and what to do. */
const failureOf = (request: RequestItem, intent: Intent | undefined, record: AccountRecord | undefined) => {
  const failure = record?.failure ?? intent?.failure ?? request.failure
  if (!failure) return undefined
  const { what, advice, goOn } = explanationOf(failure)
  // The last sentence introduces the command of an operator, which depends on the execution.
  const sentences = advice.split(/(?<=\.) /).filter((sentence) => !sentence.endsWith(':'))
  return {
    error: failure.error,
    what,
    cause: sentenceOf(failure.cause),
    advice: [...sentences, nextStep(goOn, request.requestId, intent)].join(' '),
    at: failure.at,
  }
}

const nextStep = (goOn: 'redrive' | 'start' | 'correct', requestId: string, intent: Intent | undefined) => {
  // Another request has taken this one's place, or may take it.
  if (!intent || (goOn !== 'redrive' && intent.accountId === undefined))
    return goOn === 'correct' ? 'Send a corrected request.' : 'Send the request again.'
  return `Ask an operator. This command shows the operator how to continue: npx vend status ${intent.accountId ?? requestId}`
}
