import { DescribeAccountCommand, type OrganizationsClient } from '@aws-sdk/client-organizations'
import type { SESClient } from '@aws-sdk/client-ses'
import * as z from 'zod/mini'
import { ExecutionNotSettledError } from '../shared/errors.ts'
import { accountAskedFor } from '../shared/event.ts'
import { describeExecution, failedExecution, isDefinitionOld } from '../shared/execution.ts'
import { isRemoval, openedBy } from '../shared/event-shape.ts'
import { explanations } from '../shared/explanations.ts'
import { explanationOf, type FailedStatus } from '../shared/failure.ts'
import { type Intent, readIntent, recordOpeningFailure } from '../shared/opening.ts'
import { openLinks, readHandover } from '../shared/handover.ts'
import { explainFailure, withAwsCli, withInput } from '../shared/next-command.ts'
import { type AccountRecord, isMailed, readAccount, recordFailure } from '../shared/record-and-lease.ts'
import type { Ledger } from '../shared/ledger.ts'
import { fillHtml, fillText } from '../shared/mail.ts'
import { messageIdHeader } from '../shared/raw-mail.ts'
import { accountResultNote, failureNote, noteOnce, readNote, sameFailureNote } from '../shared/notes.ts'
import { parseJson } from '../shared/parse.ts'
import { explainRound, isRound } from '../shared/round-failure.ts'
import { secretName } from '../shared/secret-name.ts'
import { inNote, type SenderConfig, tellOnce } from '../shared/send-mail.ts'
import { placeOf } from '../shared/vend.ts'
import { accountNotice, accountResult, resultId } from './account-result.ts'
import html from './failure-notice.mjml'
import text from './failure-notice.txt'

/** Step Functions' own status event, or a FAILED result of Organizations or Control Tower. */
export const reportFailureInput = z.union([failedExecution, accountResult])

type Clients = Parameters<typeof accountNotice>[0] & { ses: SESClient }
type Config = SenderConfig &
  Parameters<typeof accountNotice>[2] & {
    notify: string[]
    runbook?: string | undefined
    /** The endpoint of an AWS that is not the real one: the notice's commands must not reach the real AWS. */
    endpointUrl?: string | undefined
  }
type Notice = {
  title: string
  what: string
  /** What happened in this case, in words of this service or of a person. */
  cause: string
  error: string
  /** The cause as AWS or Node.js reported it. */
  verbatim: string
  /** A line each. */
  done: string
  notDone: string
  advice: string
  /** What to save as request.json first, and the words for that. */
  request: string
  save: string
  command: string
  /** The same for the AWS CLI, after the words for that. */
  awsWords: string
  awsCommand: string
  /** The ARN of the execution; empty if a command has it. */
  execution: string
}

/**
 * Tells a person about a failure: what happened, what is done and what is not, and the one command that continues.
 * Answers whom the notice went to; nobody if the failure was told before.
 *
 * Tells each failure once per execution, redrive and status, so the function is safe to run twice. If a redrive fails
 * with the same error and cause, the notice is short. Records the failure in the ledger.
 * Throws what `sendMail` throws, Step Functions' own errors and `ExecutionNotSettledError`. Lambda then retries the
 * event, and in the end keeps it in the dead-letter queue.
 */
export async function reportFailure(clients: Clients, input: z.output<typeof reportFailureInput>, config: Config) {
  if (input.source !== 'aws.states') {
    const note = inNote(clients.ledger, accountResultNote(resultId(input)))
    return { told: await tell(clients.ses, await accountNotice(clients, input, config), note, config) }
  }
  const { executionArn, status, stopDate } = input.detail
  const execution = await describeExecution(clients.sfn, executionArn)
  const redriven = (execution.redriveDate?.getTime() ?? 0) >= stopDate
  // DescribeExecution is eventually consistent (API reference). Without the end of the execution there is no cause to
  // tell.
  if (execution.status === 'RUNNING' && !redriven)
    throw new ExecutionNotSettledError(`Step Functions does not show the end of ${executionArn} yet`)
  if (isRound(executionArn)) return { told: await tellRound(clients, input, execution, config) }
  const asked = parseJson(execution.input)
  const opened = openedBy(asked)
  const intent = opened && (await readIntent(clients.ledger, opened.email))
  // Until the account's id is known, the intent is the record of an opening.
  const ownIntent = intent?.holder === executionArn ? intent : undefined
  const accountId = opened ? ownIntent?.accountId : accountAskedFor(asked, placeOf(executionArn).managementAccountId)
  const record = accountId ? await readAccount(clients.ledger, accountId) : undefined
  const { goOn } = explanationOf({ status, error: execution.error })
  const explained = explainFailure(execution, status, {
    accountId: accountId ?? opened?.email,
    isOnRecord: record?.executionArn === executionArn,
    isDefinitionOld: goOn === 'redrive' && (await isDefinitionOld(clients.sfn, execution)),
    endpointUrl: config.endpointUrl,
  })
  // An event that comes late can find that the execution was redriven and is at work again.
  if (accountId && !redriven) await recordFailure(clients.ledger, { accountId, executionArn, ...explained })
  else if (opened && !redriven)
    await recordOpeningFailure(clients.ledger, { email: opened.email, executionArn, ...explained })
  // A request that was refused left no record. The sweep finds its failure by the account id in the note.
  const note = inNote(
    clients.ledger,
    failureNote(executionArn, stopDate, status),
    accountId === undefined ? {} : { accountId },
  )
  const same = sameFailureNote(executionArn, explained)
  const before = await readNote<{ stopDate: string }>(clients.ledger, same)
  const [name, sealing] = await Promise.all([
    nameOf(clients.organizations, accountId, record),
    record?.executionArn === executionArn ? sealingOf(clients.ledger, accountId ?? '', record.asked.users) : [],
  ])
  const { goOn: next } = explained
  const removes = isRemoval(asked)
  const subject = { name, accountId, executionArn, record, sealing, goOn: next, opened, intent: ownIntent, removes }
  const again = before && before.stopDate !== String(stopDate) ? before : undefined
  const told = again
    ? await tell(clients.ses, noticeAgain(explained, subject), note, config, {
        subject: subjectOf({ title: titleOf(subject), error: explained.error }),
        messageId: await messageIdOf(clients.ledger, failureNote(executionArn, Number(again.stopDate), status)),
        region: placeOf(executionArn).region,
      })
    : await tell(clients.ses, executionNotice(explained, subject), note, config)
  await noteOnce(clients.ledger, same, { stopDate: String(stopDate) })
  return { told }
}

/** Tells about a daily round that failed. No account's record knows about rounds. */
const tellRound = async (
  { ses, sfn, ledger }: Clients,
  { detail: { executionArn, status, stopDate } }: z.output<typeof failedExecution>,
  execution: Awaited<ReturnType<typeof describeExecution>>,
  config: Config,
) => {
  const { goOn } = explanationOf({ status, error: execution.error })
  const {
    goOn: _,
    cause,
    ...explained
  } = explainRound(execution, status, {
    isDefinitionOld: goOn === 'redrive' && (await isDefinitionOld(sfn, execution)),
    endpointUrl: config.endpointUrl,
  })
  const notice = {
    ...explained,
    ...causeOf({ status, error: explained.error, cause }),
    title: 'The daily round failed',
    done: '',
    notDone: 'the rest of this round. Findings that were recorded and reported so far are kept.',
    request: '',
    save: '',
    awsWords: withAwsCli,
    ...withArnOnce(executionArn, explained),
  }
  return tell(ses, notice, inNote(ledger, failureNote(executionArn, stopDate, status)), config)
}

/** The account's name; undefined if neither the record nor Organizations says it. */
const nameOf = async (
  organizations: OrganizationsClient,
  accountId: string | undefined,
  record: AccountRecord | undefined,
) => {
  if (record || !accountId) return record?.accountName
  try {
    return (await organizations.send(new DescribeAccountCommand({ AccountId: accountId }))).Account?.Name
  } catch {
    // The failure must be told, with or without the name.
    return undefined
  }
}

/** The users whose link cannot be opened yet. */
const sealingOf = async (ledger: Ledger, accountId: string, userNames: string[]) => {
  const handovers = await Promise.all(userNames.map((userName) => readHandover(ledger, { accountId, userName })))
  return handovers.flatMap((handover) =>
    handover && openLinks(handover, handover.secretVersion).some(([, { box }]) => !box) ? [handover.userName] : [],
  )
}

/** The mail that a notice answers. */
type Thread = { subject: string; messageId: string | undefined; region: string }

const subjectOf = ({ title, error }: Pick<Notice, 'title' | 'error'>) => `${title}: ${error}`

const tell = async (
  ses: SESClient,
  notice: Notice,
  note: ReturnType<typeof inNote>,
  config: Config,
  thread?: Thread,
) => {
  const values = { ...notice, runbook: config.runbook ?? '' }
  const mail = {
    to: config.notify,
    // Gmail and Outlook keep a mail in a thread only if the subjects are the same after "Re:".
    subject: thread ? `Re: ${thread.subject}` : subjectOf(notice),
    html: fillHtml(html, values),
    text: fillText(text, values),
    ...(thread?.messageId && { inReplyTo: messageIdHeader(thread.messageId, thread.region) }),
  }
  return (await tellOnce(ses, mail, note, config)) ? config.notify : []
}

const messageIdOf = async (ledger: Ledger, note: string) =>
  (await readNote<{ messageId: string }>(ledger, note))?.messageId

type Subject = {
  name: string | undefined
  accountId: string | undefined
  executionArn: string
  record: AccountRecord | undefined
  /** Users whose link cannot be opened yet. */
  sealing: string[]
  goOn: ReturnType<typeof explainFailure>['goOn']
  /** The account that the execution opens. */
  opened: ReturnType<typeof openedBy>
  /** How far the opening is, if this execution holds it. */
  intent: Intent | undefined
  /** Whether the execution removes administrators. */
  removes: boolean
}

const titleOf = ({ name, accountId, opened, removes }: Subject) => {
  if (removes)
    return `Removing administrators from account ${[name, `(${accountId ?? 'unknown'})`].filter(Boolean).join(' ')} failed`
  if (opened) return `Opening account ${opened.name} (${accountId ?? opened.email}) failed`
  if (!accountId) return 'A request for account vending failed'
  return name ? `Vending account ${name} (${accountId}) failed` : `Vending account ${accountId} failed`
}

/** Words of this service or of the person who stopped the execution come first in a notice, and all others last. */
const causeOf = ({ status, error, cause }: { status: FailedStatus; error: string; cause: string }) => {
  const isInWords = status === 'ABORTED' || (error.endsWith('Error') && Object.hasOwn(explanations, error))
  return isInWords ? { cause, verbatim: '' } : { cause: '', verbatim: cause }
}

/** The commands, and the execution's ARN if no command has it: a long ARN that repeats hides the rest. */
const withArnOnce = (arn: string, { command, awsCommand }: Pick<Notice, 'command' | 'awsCommand'>) => {
  const isInCommand = command.includes(arn)
  const other = isInCommand ? '' : awsCommand
  return { command, awsCommand: other, execution: isInCommand || other.includes(arn) ? '' : arn }
}

const executionNotice = (
  { status, goOn: _, sent, cause, ...explained }: ReturnType<typeof explainFailure>,
  subject: Subject,
): Notice => ({
  ...explained,
  ...causeOf({ status, error: explained.error, cause: withInput({ cause, sent }) }),
  title: titleOf(subject),
  ...progress(subject),
  ...withArnOnce(subject.executionArn, explained),
})

/** The notice about a redrive that failed with the same error and cause: the full notice was sent before. */
const noticeAgain = (
  { status, error, cause, advice, request, save, command }: ReturnType<typeof explainFailure>,
  subject: Subject,
): Notice => ({
  title: `${titleOf(subject)} again`,
  what: 'The redrive failed again, with the same error and cause. The first notice about this execution has the details.',
  // The advice may send the person to the cause.
  ...causeOf({ status, error, cause }),
  error,
  done: '',
  notDone: '',
  advice,
  request,
  save,
  awsWords: '',
  ...withArnOnce(subject.executionArn, { command, awsCommand: '' }),
})

/**
 * What this execution finished and what it did not finish, a line each. A step is finished when the next step has
 * begun.
 */
const progress = (subject: Omit<Subject, 'name'>) => {
  const { record, executionArn, accountId = '', sealing, goOn, opened, intent, removes } = subject
  if (removes) {
    // A removal that was refused has given the account's lease back.
    const mayHaveBegun = record?.lease?.holder === executionArn && 'RemoveAdministrators' in record.steps
    return {
      done: '',
      notDone: mayHaveBegun
        ? 'the removal (a part of the removal may already be finished)'
        : 'the removal: nothing was removed',
    }
  }
  if (!record && opened) {
    const { createRequestId } = intent ?? {}
    const account = createRequestId
      ? `the account (creation request in Organizations: ${createRequestId})`
      : 'the account'
    return { done: '', notDone: `${account}\nthe administrators of the account` }
  }
  if (!record) return { done: '', notDone: 'everything: nothing was made or changed in the account' }
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
  const line = (isDone: boolean, text: string) => ({ isDone, text })
  const mailLine = (userName: string) => {
    const mail = `sign-in mail for ${userName}`
    const isMailed = isUserMailed(record, userName)
    if (!isMailed || !isAmong(sealing, userName)) return line(isMailed, mail)
    const next =
      goOn === 'redrive' ? 'a redrive makes the link work' : 'the next vend makes the link work, or mails a new link'
    return line(false, `${mail}: mailed, but the link does not work yet; ${next}`)
  }
  const linesOf = (userName: string) => {
    if (isAmong(kept, userName)) return [line(true, `user ${userName} kept unchanged: not created by account vending`)]
    if (isAmong(signingIn, userName))
      return [
        line(hasBegun('SendLoginEmail', userName), `groups and policies of ${userName}, who has already signed in`),
      ]
    return [
      line(
        hasBegun('CreateAdminUser', userName),
        `password of ${userName} in Secrets Manager: ${secretName(accountId, userName)}`,
      ),
      line(hasBegun('SendLoginEmail', userName), `user ${userName} with console sign-in`),
      mailLine(userName),
    ]
  }
  const lines = [
    ...(opened
      ? [line(true, 'the account'), line(hasBegun('CreateAdminGroup'), 'its organizational unit, tags and contacts')]
      : []),
    ...(groups.length
      ? [line(hasBegun('StorePassword') || kept.length + signingIn.length > 0, `groups ${groups.join(', ')}`)]
      : []),
    ...users.flatMap(linesOf),
  ]
  const text = (wanted: boolean) => lines.flatMap(({ isDone, text }) => (isDone === wanted ? [text] : [])).join('\n')
  return {
    done: text(true),
    notDone: text(false) || 'the entry in the ledger that the vend is finished (everything else is done)',
  }
}
