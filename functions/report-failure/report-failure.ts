import { SendEmailCommand, type SESClient } from '@aws-sdk/client-ses'
import { DescribeExecutionCommand, type DescribeExecutionOutput, type SFNClient } from '@aws-sdk/client-sfn'
import * as z from 'zod/mini'
import { ExecutionNotSettledError } from '../shared/errors.ts'
import { accountOfEvent } from '../shared/event.ts'
import { isEvent } from '../shared/event-shape.ts'
import { type EndedBadly, explainFailure, parseJson } from '../shared/failure.ts'
import {
  type AccountRecord,
  failureNote,
  type Ledger,
  noteOnce,
  readAccount,
  readNote,
  recordFailure,
} from '../shared/ledger.ts'
import { fillHtml, fillText, oneLine } from '../shared/mail.ts'
import { secretName } from '../shared/secret-name.ts'
import { placeOf } from '../shared/vend.ts'
import { creationFailures } from '../shared/explanations.ts'
import html from './failure-notice.mjml'
import text from './failure-notice.txt'

const executionStatus = z.object({
  source: z.literal('aws.states'),
  detail: z.object({
    executionArn: z.string(),
    status: z.enum(['FAILED', 'TIMED_OUT', 'ABORTED']),
    /** Milliseconds since 1970: another one after each redrive. */
    stopDate: z.number(),
  }),
})
const failedResult = z.object({ state: z.string() })
const managedResult = z.optional(
  z.extend(failedResult, {
    message: z.optional(z.string()),
    account: z.optional(z.object({ accountName: z.optional(z.string()), accountId: z.optional(z.string()) })),
  }),
)
const accountResult = z.object({
  source: z.enum(['aws.organizations', 'aws.controltower']),
  id: z.string(),
  detail: z.object({
    eventName: z.optional(z.string()),
    serviceEventDetails: z.object({
      createAccountStatus: z.optional(
        z.extend(failedResult, { id: z.string(), failureReason: z.optional(z.string()) }),
      ),
      createManagedAccountStatus: managedResult,
      updateManagedAccountStatus: managedResult,
    }),
  }),
})
/** Step Functions' own status event, or a FAILED result of Organizations or Control Tower. */
export const reportFailureInput = z.union([executionStatus, accountResult])

type Clients = { ses: SESClient; sfn: SFNClient; ledger: Ledger }
type Config = {
  sender: string
  configurationSet?: string | undefined
  notify: string[]
  runbook?: string | undefined
}
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
 * Tells a person of a failure: what happened, what is done and what is not, and the one command that goes on.
 *
 * Once per execution, redrive and status: safe to run twice. Marks the account's record as failed.
 * Throws SES's own errors and `ExecutionNotSettledError`: the event is then tried again, and kept as a dead letter after that.
 */
export async function reportFailure(clients: Clients, input: z.output<typeof reportFailureInput>, config: Config) {
  if (input.source !== 'aws.states')
    return tellOnce(clients, `failure#${resultId(input)}`, creationNotice(input), config)

  const { executionArn, status, stopDate } = input.detail
  const execution = await clients.sfn.send(new DescribeExecutionCommand({ executionArn }))
  const redriven = (execution.redriveDate?.getTime() ?? 0) >= stopDate
  // DescribeExecution is eventually consistent (API reference): without the end there is no cause to tell.
  if (execution.status === 'RUNNING' && !redriven)
    throw new ExecutionNotSettledError(`Step Functions does not show the end of ${executionArn} yet`)
  const accountId = accountAskedFor(execution)
  const record = accountId ? await readAccount(clients.ledger, accountId) : undefined
  const notice = executionNotice(execution, status, accountId, record)
  // An event that comes late finds the execution redriven, and at work again.
  if (accountId && !redriven)
    await recordFailure(clients.ledger, { accountId, executionArn, error: notice.error, cause: notice.cause })
  // The sweep finds by the account what a refused request left nothing else of.
  return tellOnce(clients, failureNote(executionArn, stopDate, status), notice, config, accountId)
}

const tellOnce = async ({ ses, ledger }: Clients, name: string, notice: Notice, config: Config, accountId?: string) => {
  if (await readNote(ledger, name)) return { told: [] }
  const values = { ...notice, runbook: config.runbook ?? '' }
  const { MessageId = '' } = await ses.send(
    new SendEmailCommand({
      Source: config.sender,
      Destination: { ToAddresses: config.notify },
      Message: {
        Subject: { Charset: 'UTF-8', Data: oneLine(`${notice.title}: ${notice.error}`) },
        Body: {
          Html: { Charset: 'UTF-8', Data: fillHtml(html, values) },
          Text: { Charset: 'UTF-8', Data: fillText(text, values) },
        },
      },
      ConfigurationSetName: config.configurationSet,
    }),
  )
  // After the mail: a notice that came twice is better than one that never came.
  await noteOnce(ledger, name, { messageId: MessageId, ...(accountId && { accountId }) })
  return { told: config.notify }
}

const resultId = (input: z.output<typeof accountResult>) =>
  input.detail.serviceEventDetails.createAccountStatus?.id ?? `${input.detail.eventName}#${input.id}`

const creationNotice = (input: z.output<typeof accountResult>): Notice => {
  const { createAccountStatus, createManagedAccountStatus, updateManagedAccountStatus } =
    input.detail.serviceEventDetails
  const managed = createManagedAccountStatus ?? updateManagedAccountStatus
  const accountName =
    [managed?.account?.accountName, managed?.account?.accountId].filter(Boolean).join(', ') || 'an account'
  const reason = createAccountStatus?.failureReason ?? 'CONTROL_TOWER_FAILED'
  return {
    title: updateManagedAccountStatus
      ? `Control Tower could not enrol or update ${accountName}`
      : `A new account could not be created${managed ? ` (${accountName})` : ''}`,
    what: createAccountStatus
      ? 'Organizations could not create an account, so nobody could be vended into it.'
      : 'Control Tower could not create or enrol an account, so nobody could be vended into it.',
    error: reason,
    cause: managed?.message ?? '',
    done: '',
    notDone: updateManagedAccountStatus
      ? 'The administrators of the account.'
      : 'The account, and with it its administrators.',
    advice:
      creationFailures[reason] ??
      'See the reason in the console of the service that failed. When the account exists, it is vended by itself.',
    command: createAccountStatus
      ? "aws organizations create-account --account-name 'ACCOUNT NAME' --email 'ADDRESS'"
      : '',
    execution: '',
  }
}

const accountAskedFor = ({ input, executionArn = '' }: DescribeExecutionOutput) => {
  const asked = parseJson(input)
  try {
    if (isEvent(asked)) return accountOfEvent(asked, placeOf(executionArn).managementAccountId)
  } catch {
    return undefined
  }
  const id = typeof asked === 'object' && asked && 'accountId' in asked ? asked.accountId : undefined
  return typeof id === 'string' && /^\d{12}$/.test(id) ? id : undefined
}

const executionNotice = (
  execution: DescribeExecutionOutput,
  status: EndedBadly,
  accountId: string | undefined,
  record: AccountRecord | undefined,
): Notice => ({
  title: accountId ? `Vending account ${accountId} failed` : 'A request for account vending failed',
  ...explainFailure(execution, status, accountId),
  ...progress(record, execution.executionArn ?? '', accountId),
  execution: execution.executionArn ?? '',
})

/** What this execution finished and what it did not, a line each: a step is done when the next one has begun. */
const progress = (record: AccountRecord | undefined, executionArn: string, accountId = '') => {
  if (!record) return { done: '', notDone: 'Nothing was made or changed in the account.' }
  if (record.executionArn !== executionArn)
    return {
      done: '',
      notDone: 'What the record of the account shows is another execution’s work, by now or from before.',
    }
  const steps = Object.values(record.steps)
  const begun = (state: string, userName?: string) =>
    steps.some((step) => step.state === state && (!userName || step.userName?.toLowerCase() === userName.toLowerCase()))
  const mailed = (userName: string) =>
    Object.keys(record.mails).some((key) => key.startsWith(`${userName.toLowerCase()} `))
  const { groups, users, kept = [], signingIn = [] } = record.asked
  const isAmong = (names: string[], userName: string) =>
    names.some((name) => name.toLowerCase() === userName.toLowerCase())
  const lines: [done: boolean, text: string][] = [
    ...(groups.length
      ? ([[begun('StorePassword') || kept.length + signingIn.length > 0, `– groups ${groups.join(', ')}`]] as [
          boolean,
          string,
        ][])
      : []),
    ...users.flatMap((userName): [boolean, string][] => {
      if (isAmong(kept, userName)) return [[true, `– user ${userName} kept as it was: not made by account vending`]]
      if (isAmong(signingIn, userName))
        return [[begun('SendLoginEmail', userName), `– groups and policies of ${userName}, who signs in already`]]
      return [
        [
          begun('CreateAdminUser', userName),
          `– password of ${userName} in Secrets Manager: ${secretName(accountId, userName)}`,
        ],
        [begun('SendLoginEmail', userName), `– user ${userName} with console sign-in`],
        [mailed(userName), `– sign-in mail for ${userName}`],
      ]
    }),
  ]
  const text = (wanted: boolean) => lines.flatMap(([done, line]) => (done === wanted ? [line] : [])).join('\n')
  return { done: text(true), notDone: text(false) || '– the record that the vend is finished' }
}
