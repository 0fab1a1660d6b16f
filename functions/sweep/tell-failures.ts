import { createHash } from 'node:crypto'
import type { OrganizationsClient } from '@aws-sdk/client-organizations'
import type { SESClient } from '@aws-sdk/client-ses'
import type { DescribeExecutionOutput, SFNClient } from '@aws-sdk/client-sfn'
import { isRemoval, openedBy } from '../shared/event-shape.ts'
import { isDefinitionOld, readExecution } from '../shared/execution.ts'
import { explanationOf, hasFailed } from '../shared/failure.ts'
import type { Ledger } from '../shared/ledger.ts'
import { fillText, oneLine } from '../shared/mail.ts'
import { explainFailure, withInput } from '../shared/next-command.ts'
import { type Intent, recordOpeningFailure } from '../shared/opening.ts'
import { parseJson } from '../shared/parse.ts'
import { type AccountRecord, giveLeaseBack, recordFailure } from '../shared/record-and-lease.ts'
import { inNote, type SenderConfig, tellOnce } from '../shared/send-mail.ts'
import { mayBeVended, type VendableConfig } from './may-be-vended.ts'
import text from './sweep-notice.txt'

type Clients = { organizations: OrganizationsClient; sfn: SFNClient; ses: SESClient; ledger: Ledger }
type Config = SenderConfig &
  VendableConfig & {
    notify: string[]
    runbook?: string | undefined
    /** The endpoint of an AWS that is not the real one: the mail's commands must not reach the real AWS. */
    endpointUrl?: string | undefined
  }

/** Nobody reads a mail that lists more failures. */
const maxTold = 50

/** A vend that may have failed, or the opening of an account. */
export type Unsettled = {
  /** Of an account that has no id yet: the address. */
  accountId: string
  /** The request, if the account's id is not known yet. */
  requestId?: string
  name: string
  executionArn: string
  isOnRecord: boolean
  failure: AccountRecord['failure'] | Intent['failure']
}

/** `removes` says that the execution was to remove administrators, and not to vend. */
type Failed = Unsettled & ReturnType<typeof explainFailure> & { removes: boolean }
type Suspended = { accountId: string; name: string; status: string }

/**
 * Tells all failed vends in one mail, once a day, and the suspended accounts in the same mail. A mail about suspended
 * accounts alone comes once, and not each day. Records a failure that was never told. Answers the ids of the accounts
 * whose vend failed, and of the requests whose account could not be opened.
 */
export const tellFailures = async (
  clients: Clients,
  { unsettled, suspended }: { unsettled: Unsettled[]; suspended: Suspended[] },
  config: Config,
) => {
  const failed: Failed[] = []
  for (const vend of unsettled) {
    const { accountId, executionArn, isOnRecord, failure, requestId } = vend
    const execution =
      (await readExecution(clients.sfn, executionArn)) ??
      forgotten({ executionArn, failure, stateMachineArn: config.stateMachineArn })
    // A try that was stopped took the lease late, after its execution had succeeded. Nobody else gives this lease back.
    if (execution.status === 'SUCCEEDED' && !requestId) await giveLeaseBack(clients.ledger, { accountId, executionArn })
    if (!hasFailed(execution.status)) continue
    if (!requestId && !(await mayBeVended(clients, config, accountId))) continue
    const { goOn } = explanationOf({ status: execution.status, error: execution.error })
    const explained = explainFailure(execution, execution.status, {
      accountId,
      isOnRecord,
      isDefinitionOld: goOn === 'redrive' && (await isDefinitionOld(clients.sfn, execution)),
      endpointUrl: config.endpointUrl,
    })
    if (!failure && requestId)
      await recordOpeningFailure(clients.ledger, { email: accountId, executionArn, ...explained })
    else if (!failure) await recordFailure(clients.ledger, { accountId, executionArn, ...explained })
    const asked = parseJson(execution.input)
    const name = vend.name || (openedBy(asked)?.name ?? 'an account to open')
    failed.push({ ...vend, name, ...explained, removes: isRemoval(asked) })
  }
  if (failed.length || suspended.length) {
    const mail = summary({ failed, suspended }, config)
    // A sweep that is retried does not tell the same again.
    const content = createHash('sha256').update(mail.content).digest('hex').slice(0, 32)
    const note = `sweep#${failed.length ? new Date().toISOString().slice(0, 10) : 'suspended'}#${content}`
    await tellOnce(clients.ses, mail, inNote(clients.ledger, note), config)
  }
  return {
    failed: failed.flatMap(({ accountId, requestId }) => (requestId ? [] : [accountId])),
    failedRequests: failed.flatMap(({ requestId }) => requestId ?? []),
  }
}

/** What the ledger knows about an execution that Step Functions has forgotten. */
const forgotten = ({
  failure,
  ...execution
}: Pick<Unsettled, 'executionArn' | 'failure'> & { stateMachineArn: string }): DescribeExecutionOutput => ({
  ...execution,
  ...failure,
  startDate: undefined,
  status: failure?.status ?? 'FAILED',
  redriveStatus: 'NOT_REDRIVABLE',
})

const subjectOf = (failed: Failed[]) => {
  const { length } = failed
  const removals = failed.filter(({ removes }) => removes).length
  const openings = failed.filter(({ requestId }) => requestId).length
  const accounts = length === 1 ? '1 account' : `${length} accounts`
  if (removals === length) return `Removing administrators from ${accounts} has failed`
  if (length === 1) return `The ${openings ? 'opening' : 'vend'} of 1 account has failed`
  const vends = length - removals - openings
  const counts = Object.entries({ vends, openings, removals })
  const kinds = new Intl.ListFormat('en-GB').format(counts.flatMap(([kind, count]) => (count ? [kind] : [])))
  return `The ${kinds} of ${accounts} have failed`
}

/**
 * The mail that tells about all failed vends and suspended accounts. `content` is the part that differs from one set of
 * accounts to another.
 */
const summary = (
  { failed, suspended }: { failed: Failed[]; suspended: Suspended[] },
  { notify, runbook = '' }: Config,
) => {
  const paragraphs = failed
    .slice(0, maxTold)
    .map(({ accountId, name, error, what, advice, request, save, command, removes, ...failure }) => {
      const cause = withInput(failure)
      // Names and causes are text of others. They get no line of their own, which could look like a command.
      return [
        `${accountId} (${oneLine(name)})${removes ? ', removal of administrators' : ''}: ${error}`,
        `  ${what}`,
        cause && `  Cause: ${oneLine(cause)}`,
        `  ${advice}`,
        request && `    ${save}: ${request}`,
        `    ${command}`,
      ]
        .filter(Boolean)
        .join('\n')
    })
  const lines = suspended
    .slice(0, maxTold)
    .map(({ accountId, name, status }) => `${accountId} (${oneLine(name)}): ${status}`)
  const more = (all: object[]) => String(Math.max(0, all.length - maxTold) || '')
  const subject = failed.length
    ? subjectOf(failed)
    : suspended.length === 1
      ? 'AWS has suspended 1 account'
      : `AWS has suspended ${suspended.length} accounts`
  const values = {
    title: subject,
    accounts: paragraphs.join('\n\n'),
    more: more(failed),
    suspended: lines.join('\n'),
    moreSuspended: more(suspended),
    runbook,
  }
  return { to: notify, subject, text: fillText(text, values), content: `${values.accounts}\n${values.suspended}` }
}
