import type { SESClient } from '@aws-sdk/client-ses'
import * as z from 'zod/mini'
import { ExecutionNotSettledError } from '../shared/errors.ts'
import { accountAskedFor } from '../shared/event.ts'
import { describeExecution } from '../shared/execution.ts'
import { explainFailure } from '../shared/failure.ts'
import { type AccountRecord, isMailed, readAccount, recordFailure } from '../shared/record-and-lease.ts'
import { fillHtml, fillText } from '../shared/mail.ts'
import { failureNote } from '../shared/notes.ts'
import { parseJson } from '../shared/parse.ts'
import { secretName } from '../shared/secret-name.ts'
import { inNote, type SenderConfig, tellOnce } from '../shared/send-mail.ts'
import { placeOf } from '../shared/vend.ts'
import { accountNotice, accountResult, resultId } from './account-result.ts'
import html from './failure-notice.mjml'
import text from './failure-notice.txt'

const executionStatus = z.object({
  source: z.literal('aws.states'),
  detail: z.object({
    executionArn: z.string(),
    status: z.enum(['FAILED', 'TIMED_OUT', 'ABORTED']),
    /** Milliseconds since 1970. Each redrive ends at another time. */
    stopDate: z.number(),
  }),
})
/** Step Functions' own status event, or a FAILED result of Organizations or Control Tower. */
export const reportFailureInput = z.union([executionStatus, accountResult])

type Clients = Parameters<typeof accountNotice>[0] & { ses: SESClient }
type Config = SenderConfig & Parameters<typeof accountNotice>[2] & { notify: string[]; runbook?: string | undefined }
type Notice = {
  title: string
  what: string
  error: string
  cause: string
  done: string
  notDone: string
  advice: string
  command: string
  execution: string
}

/**
 * Tells a person about a failure: what happened, what is done and what is not, and the one command that continues.
 * Answers whom the notice went to; nobody if the failure was told before.
 *
 * Tells each failure once per execution, redrive and status, so the function is safe to run twice. Records the failure
 * in the ledger.
 * Throws what `sendMail` throws, Step Functions' own errors and `ExecutionNotSettledError`. Lambda then retries the
 * event, and in the end keeps it in the dead-letter queue.
 */
export async function reportFailure(clients: Clients, input: z.output<typeof reportFailureInput>, config: Config) {
  if (input.source !== 'aws.states') {
    const note = inNote(clients.ledger, `failure#${resultId(input)}`)
    return { told: await tell(clients.ses, await accountNotice(clients, input, config), note, config) }
  }
  const { executionArn, status, stopDate } = input.detail
  const execution = await describeExecution(clients.sfn, executionArn)
  const redriven = (execution.redriveDate?.getTime() ?? 0) >= stopDate
  // DescribeExecution is eventually consistent (API reference). Without the end of the execution there is no cause to
  // tell.
  if (execution.status === 'RUNNING' && !redriven)
    throw new ExecutionNotSettledError(`Step Functions does not show the end of ${executionArn} yet`)
  const accountId = accountAskedFor(parseJson(execution.input), placeOf(executionArn).managementAccountId)
  const record = accountId ? await readAccount(clients.ledger, accountId) : undefined
  const explained = explainFailure(execution, status, accountId)
  // An event that comes late can find that the execution was redriven and is at work again.
  if (accountId && !redriven) await recordFailure(clients.ledger, { accountId, executionArn, ...explained })
  // A request that was refused left no record. The sweep finds its failure by the account id in the note.
  const note = inNote(
    clients.ledger,
    failureNote(executionArn, stopDate, status),
    accountId === undefined ? {} : { accountId },
  )
  const notice = executionNotice(explained, { accountId, executionArn, record })
  return { told: await tell(clients.ses, notice, note, config) }
}

const tell = async (ses: SESClient, notice: Notice, note: ReturnType<typeof inNote>, config: Config) => {
  const values = { ...notice, runbook: config.runbook ?? '' }
  const mail = {
    to: config.notify,
    subject: `${notice.title}: ${notice.error}`,
    html: fillHtml(html, values),
    text: fillText(text, values),
  }
  return (await tellOnce(ses, mail, note, config)) ? config.notify : []
}

type Subject = { accountId: string | undefined; executionArn: string; record: AccountRecord | undefined }

const executionNotice = (explained: ReturnType<typeof explainFailure>, subject: Subject): Notice => {
  const { error, what, cause, advice, command } = explained
  const title = subject.accountId
    ? `Vending account ${subject.accountId} failed`
    : 'A request for account vending failed'
  return { title, what, error, cause, advice, command, ...progress(subject), execution: subject.executionArn }
}

/**
 * What this execution finished and what it did not finish, a line each. A step is finished when the next step has
 * begun.
 */
const progress = ({ record, executionArn, accountId = '' }: Subject) => {
  if (!record) return { done: '', notDone: 'Nothing was made or changed in the account.' }
  if (record.executionArn !== executionArn)
    return {
      done: '',
      notDone:
        'Another execution has written the record of this account, so the record says nothing about this execution.',
    }
  const { groups, users, kept = [], signingIn = [] } = record.asked
  const hasBegun = (state: string, userName?: string) =>
    Object.values(record.steps).some(
      (step) => step.state === state && (!userName || step.userName?.toLowerCase() === userName.toLowerCase()),
    )
  const isUserMailed = (record: AccountRecord, userName: string) =>
    hasBegun('RecordVended') ||
    Object.values(record.steps).some(
      ({ mail, ...step }) =>
        mail && step.userName?.toLowerCase() === userName.toLowerCase() && isMailed(record, { userName, ...mail }),
    )
  const isAmong = (names: string[], userName: string) =>
    names.some((name) => name.toLowerCase() === userName.toLowerCase())
  const line = (isDone: boolean, text: string) => ({ isDone, text: `– ${text}` })
  const linesOf = (userName: string) => {
    if (isAmong(kept, userName)) return [line(true, `user ${userName} kept unchanged: not created by account vending`)]
    if (isAmong(signingIn, userName))
      return [line(hasBegun('SendLoginEmail', userName), `groups and policies of ${userName}, who signs in already`)]
    return [
      line(
        hasBegun('CreateAdminUser', userName),
        `password of ${userName} in Secrets Manager: ${secretName(accountId, userName)}`,
      ),
      line(hasBegun('SendLoginEmail', userName), `user ${userName} with console sign-in`),
      line(isUserMailed(record, userName), `sign-in mail for ${userName}`),
    ]
  }
  const lines = [
    ...(groups.length
      ? [line(hasBegun('StorePassword') || kept.length + signingIn.length > 0, `groups ${groups.join(', ')}`)]
      : []),
    ...users.flatMap(linesOf),
  ]
  const text = (wanted: boolean) => lines.flatMap(({ isDone, text }) => (isDone === wanted ? [text] : [])).join('\n')
  return { done: text(true), notDone: text(false) || '– the record that the vend is finished' }
}
