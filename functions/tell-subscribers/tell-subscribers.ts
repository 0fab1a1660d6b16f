import type { SFNClient } from '@aws-sdk/client-sfn'
import { PublishCommand, type SNSClient } from '@aws-sdk/client-sns'
import * as z from 'zod/mini'
import { ExecutionNotSettledError } from '../shared/errors.ts'
import { accountAskedFor } from '../shared/event.ts'
import { disownedIn, isEvent, isOfSweep, openedBy, ourSource } from '../shared/event-shape.ts'
import { describeExecution, failedExecution } from '../shared/execution.ts'
import { errorOf, explanationOf } from '../shared/failure.ts'
import type { Ledger } from '../shared/ledger.ts'
import { noteOnce, readNote } from '../shared/notes.ts'
import { readIntent, requestOfExecution } from '../shared/opening.ts'
import { parseJson } from '../shared/parse.ts'
import { hasVended, readAccount } from '../shared/record-and-lease.ts'
import { placeOf } from '../shared/vend.ts'

const vended = z.object({
  source: z.literal(ourSource),
  'detail-type': z.literal('Account Vended'),
  time: z.string(),
  detail: z.object({ accountId: z.string(), executionArn: z.string() }),
})
/** The event "Account Vended", or Step Functions' own status event. */
export const tellSubscribersInput = z.union([vended, failedExecution])

type Clients = { sns: SNSClient; sfn: SFNClient; ledger: Ledger }

/**
 * Tells the subscribers of the notices topic that an account is ready, or that a vend or an opening has failed.
 * Answers the status that was told; undefined if there was nothing to tell.
 *
 * Believes the ledger and Step Functions, and not the event. Tells each end of an execution once, so the function is
 * safe to run twice. A message has no secrets and no addresses of people.
 * Throws SNS's and Step Functions' own errors and `ExecutionNotSettledError`. Lambda then retries the event, and in the
 * end keeps the event in the dead-letter queue.
 */
export async function tellSubscribers(
  clients: Clients,
  event: z.output<typeof tellSubscribersInput>,
  { topicArn }: { topicArn: string },
) {
  const { executionArn } = event.detail
  const end = event.source === 'aws.states' ? `${event.detail.stopDate}#${event.detail.status}` : 'READY'
  const note = `notice#${executionArn}#${end}`
  if (await readNote(clients.ledger, note)) return { told: undefined }
  const notice =
    event.source === 'aws.states' ? await failureOf(clients, event.detail) : await readinessOf(clients, event)
  if (!notice) return { told: undefined }
  const { accountId, status, requestedBy } = notice
  const attributes = { ...(accountId && { accountId }), status, requestedBy }
  const { MessageId = '' } = await clients.sns.send(
    new PublishCommand({
      TopicArn: topicArn,
      Subject: subjectOf(notice),
      Message: JSON.stringify({ ...notice, executionArn }),
      MessageAttributes: Object.fromEntries(
        Object.entries(attributes).map(([name, StringValue]) => [name, { DataType: 'String', StringValue }]),
      ),
    }),
  )
  // The note is second: a message that comes twice is better than a message that never comes.
  await noteOnce(clients.ledger, note, { messageId: MessageId })
  return { told: status }
}

const subjectOf = ({ status, accountId }: { status: string; accountId?: string }) => {
  if (status === 'READY') return `Account ${accountId} is ready`
  return accountId ? `The vend of account ${accountId} has failed` : 'The opening of an account has failed'
}

const readinessOf = async ({ sfn, ledger }: Clients, { time, detail }: z.output<typeof vended>) => {
  const { accountId, executionArn } = detail
  const [record, { input }] = await Promise.all([readAccount(ledger, accountId), describeExecution(sfn, executionArn)])
  const asked = parseJson(input)
  // A new link for one administrator makes no account ready.
  if (!record || !hasVended(record, executionArn) || isRenewal(asked)) return undefined
  return {
    status: 'READY' as const,
    accountId,
    accountName: record.accountName,
    ...requestOf(executionArn),
    requestedBy: requesterOf(asked),
    administrators: Object.values(record.admins).map(({ userName }) => userName),
    at: time,
  }
}

const failureOf = async (
  { sfn, ledger }: Clients,
  { executionArn, status, stopDate }: z.output<typeof failedExecution>['detail'],
) => {
  const execution = await describeExecution(sfn, executionArn)
  // The redrive is told when it ends.
  if ((execution.redriveDate?.getTime() ?? 0) >= stopDate) return undefined
  // DescribeExecution is eventually consistent (API reference).
  if (execution.status === 'RUNNING')
    throw new ExecutionNotSettledError(`Step Functions does not show the end of ${executionArn} yet`)
  const asked = parseJson(execution.input)
  const account = openedBy(asked)
  const accountId = account
    ? (await readIntent(ledger, account.email))?.accountId
    : accountAskedFor(asked, placeOf(executionArn).managementAccountId)
  const record = accountId ? await readAccount(ledger, accountId) : undefined
  const accountName = record?.accountName ?? account?.name
  const failure = { status, error: execution.error }
  return {
    status: 'FAILED' as const,
    ...(accountId && { accountId }),
    ...(accountName && { accountName }),
    ...requestOf(executionArn),
    requestedBy: requesterOf(asked),
    error: errorOf(failure),
    what: explanationOf(failure).what,
    at: new Date(stopDate).toISOString(),
  }
}

const isRenewal = (asked: unknown) =>
  disownedIn(asked) !== undefined || (typeof asked === 'object' && asked !== null && 'renew' in asked)

const requestOf = (executionArn: string) => {
  const requestId = requestOfExecution(executionArn)
  return requestId === undefined ? {} : { requestId }
}

/** Who asked for the vend: the name of a role or user, or `sweep`, `event` or `manual`. */
const requesterOf = (asked: unknown) => {
  if (isOfSweep(asked)) return 'sweep'
  if (isEvent(asked)) return 'event'
  const { requestedBy } = (asked ?? {}) as { requestedBy?: unknown }
  const [, role, user] =
    /^arn:[\w-]+:sts::\d{12}:assumed-role\/([^/]+)\/|^arn:[\w-]+:iam::\d{12}:(?:role|user)\/(?:.*\/)?([^/]+)$/.exec(
      typeof requestedBy === 'string' ? requestedBy : '',
    ) ?? []
  return role ?? user ?? 'manual'
}
