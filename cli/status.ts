import { DescribeExecutionCommand, type DescribeExecutionOutput, type SFNClient } from '@aws-sdk/client-sfn'
import { setTimeout } from 'node:timers/promises'
import { styleText } from 'node:util'
import { getAccount } from '../functions/get-account/get-account.ts'
import { isNamed } from '../functions/shared/aws-errors.ts'
import { type Ledger, scanToldFailures } from '../functions/shared/ledger.ts'
import type { Clients } from './clients.ts'
import { withoutField } from './command-errors.ts'
import { type GoOn, sentenceOf, whatGoesOn } from './go-on.ts'
import { findService, type Service } from './service.ts'
import { showTime, table, wrap } from './show.ts'

type Account = Extract<Awaited<ReturnType<typeof getAccount>>, { executionArn: string }>
type Always = 'accountId' | 'timeline' | 'groups' | 'admins'
/** What getAccount answers; much of it only if something is on record. */
type Recorded = Pick<Account, Always> & {
  [Key in keyof Omit<Account, Always | 'status'>]?: Account[Key] | undefined
} & {
  status: string
}
export type Status = Omit<Recorded, 'status' | 'failure'> & {
  /** NOT_VENDED, VENDING, VENDED, FAILED, DEPARTED or CLOSED; for one execution also the end state in which it found nothing to do. */
  status: string
  execution?: { status: string; startDate?: string; stopDate?: string; redriveCount: number }
  failure?: GoOn & { cause: string }
}
type Input = {
  accountId: string
  stage: string
  /** Of this execution, instead of the last one that worked on the account. */
  executionArn?: string
  /** What this command was given, for the command that goes on. */
  options: string
}

/**
 * Tells how an account stands: the record, the steps with their times, and after a failure its cause and the command
 * that goes on.
 * Throws `NotDeployedError`, `InvalidInputError` and `AccountNotFoundError`.
 */
export async function status(clients: Clients, input: Input): Promise<Status> {
  return statusIn(clients, await findService(clients, input.stage), input)
}

const statusIn = async (clients: Clients, { ledger }: Service, input: Input): Promise<Status> => {
  const { accountId, options } = input
  const given = input.executionArn ? await describe(clients.sfn, input.executionArn) : undefined
  const { status, failure, ...account } = await readRecord(clients, ledger, accountId).catch((error: unknown) => {
    // An execution that failed for that very reason is to be told of all the same.
    if (!given || !isNamed(error, 'AccountNotFoundError')) throw error
    return nothingOnRecord(accountId)
  })
  const recorded = account.executionArn
  // A vend that was refused at once left only the note that it was told.
  const asked = input.executionArn ?? (recorded ? undefined : (await scanToldFailures(ledger)).get(accountId))
  const isOther = asked !== undefined && asked !== recorded
  const shown = asked ?? recorded
  const execution = given ?? (shown ? await describe(clients.sfn, shown) : undefined)
  const state = stateOf(status, execution, isOther)
  const error =
    (isOther ? undefined : failure?.error) ??
    execution?.error ??
    (execution?.status === 'TIMED_OUT' ? 'States.Timeout' : 'Aborted')
  return {
    ...account,
    status: state,
    ...(asked && { executionArn: asked }),
    ...(isOther && { timeline: [] }),
    ...(execution && {
      execution: {
        status: execution.status ?? 'UNKNOWN',
        ...(execution.startDate && { startDate: execution.startDate.toISOString() }),
        ...(execution.stopDate && { stopDate: execution.stopDate.toISOString() }),
        redriveCount: execution.redriveCount ?? 0,
      },
    }),
    ...(state === 'FAILED' && {
      failure: {
        ...whatGoesOn(error, {
          accountId,
          input: execution?.input,
          options,
          // It failed before anything was put down of it: its account alone would not find it.
          target: isOther ? asked : accountId,
        }),
        cause: withoutField((isOther ? undefined : failure?.cause) ?? sentenceOf(execution?.cause)),
      },
    }),
  }
}

const readRecord = (clients: Clients, ledger: Ledger, accountId: string): Promise<Recorded> =>
  getAccount({ ...clients, ledger }, { accountId })
const nothingOnRecord = (accountId: string): Recorded => ({
  accountId,
  status: 'NOT_VENDED',
  timeline: [],
  groups: [],
  admins: [],
})

/** Step Functions forgets an execution 90 days after its end. */
const describe = async (sfn: SFNClient, executionArn: string): Promise<DescribeExecutionOutput | undefined> => {
  try {
    return await sfn.send(new DescribeExecutionCommand({ executionArn }))
  } catch (error) {
    if (isNamed(error, 'ExecutionDoesNotExist')) return undefined
    throw error
  }
}

const stateOf = (recorded: string, execution: DescribeExecutionOutput | undefined, isOther: boolean) => {
  // What the record says for good, whatever its last execution did.
  if (!isOther && ['VENDED', 'DEPARTED', 'CLOSED'].includes(recorded)) return recorded
  if (!execution?.status) return recorded
  if (execution.status === 'RUNNING' || execution.status === 'PENDING_REDRIVE') return 'VENDING'
  if (execution.status !== 'SUCCEEDED') return 'FAILED'
  const { outcome } = JSON.parse(execution.output ?? '{}') as { outcome?: string }
  return outcome === 'Vended' ? 'VENDED' : (outcome ?? recorded)
}

/** The pause between two looks grows up to this. */
const longestPause = 2000
/** As long as a wait for a busy account and one for a new role, one after the other. */
const longestWatch = 60 * 60 * 1000

/**
 * Follows a vend until it ends, for an hour at most: tells each step as it begins, and how the account stands then.
 * Throws what `status` does.
 */
export async function watch(
  clients: Clients,
  input: Input,
  /** `isAgain`: the step was tried before. */
  onStep: (step: Status['timeline'][number], isAgain: boolean) => void,
): Promise<Status> {
  const service = await findService(clients, input.stage)
  const end = Date.now() + longestWatch
  const told = new Map<string, string>()
  for (let pause = 250; ; pause = Math.min(pause * 1.5, longestPause)) {
    const now = await statusIn(clients, service, input)
    for (const step of now.timeline) {
      const key = `${step.state} ${step.userName ?? ''}`
      const before = told.get(key)
      if (before !== step.at) onStep(step, before !== undefined)
      told.set(key, step.at)
    }
    if (now.status !== 'VENDING' || Date.now() > end) return now
    await setTimeout(pause)
  }
}

/** A step with its time, on a line. */
export const showStep = ({ state, userName, at }: Status['timeline'][number], isAgain = false) =>
  `  ${styleText('dim', showTime(at))}  ${state}${userName ? ` ${userName}` : ''}${isAgain ? styleText('dim', ' (again)') : ''}`

const showFailure = ({ error, what, cause, advice, command, request }: NonNullable<Status['failure']>) =>
  [
    styleText('red', error),
    wrap(what, '  '),
    ...(cause ? [wrap(cause, '  ')] : []),
    wrap(advice, '  '),
    `    ${styleText('bold', command)}`,
    ...(request ? [wrap(`The request was: ${JSON.stringify(request)}`, '  ')] : []),
  ].join('\n')

const colours: Record<string, 'green' | 'red' | 'yellow' | 'dim'> = {
  VENDED: 'green',
  FAILED: 'red',
  VENDING: 'yellow',
  NOT_VENDED: 'dim',
  DEPARTED: 'dim',
  CLOSED: 'dim',
}
/** How a vend stands, in its colour. */
export const showState = (state: string) => styleText(colours[state] ?? 'bold', state)

/** Where a vend failed: the last step begun, of each user if steps of users were under way. */
const failedSteps = ({ status, timeline, failure }: Status) => {
  const last = timeline.at(-1)
  if (status !== 'FAILED' || !failure || !last) return []
  if (!last.userName) return [last]
  return timeline.filter((step, i) => step.userName && !timeline.slice(i + 1).some((l) => l.userName === step.userName))
}

/** How an account stands, for a person. */
export const showStatus = (account: Status, { withSteps }: { withSteps: boolean }) => {
  const { accountId, accountName, execution, executionArn, requestedBy, updatedAt, failure, timeline, admins } = account
  const failed = failedSteps(account)
  const redriven = execution?.redriveCount ? `, redriven ${execution.redriveCount}×` : ''
  const facts = [
    updatedAt && `last change   ${showTime(updatedAt)}`,
    requestedBy && `requested by  ${requestedBy}`,
    executionArn &&
      `execution     ${executionArn.split(':').at(-1)} (${execution?.status ?? 'forgotten by Step Functions'}${redriven})`,
  ].filter((fact) => typeof fact === 'string')
  return [
    `${styleText('bold', accountId)}${accountName ? ` (${accountName})` : ''}: ${showState(account.status)}`,
    ...facts.map((fact) => `  ${fact}`),
    ...(withSteps && timeline.length
      ? [
          '',
          ...timeline.map((step) => `${showStep(step)}${failed.includes(step) ? styleText('red', ' ✘ failed') : ''}`),
        ]
      : []),
    ...(admins.length
      ? [
          '',
          table(
            ['Administrator', 'Groups', 'Mailed to', 'At'],
            admins.map(({ userName, kept, groups, email, mailedAt }) =>
              kept
                ? [`${userName} (kept)`, '', '', '']
                : [userName, groups.join(', '), mailedAt ? email : '–', mailedAt ? showTime(mailedAt) : ''],
            ),
          ),
        ]
      : []),
    ...(failure ? ['', showFailure(failure)] : []),
  ].join('\n')
}
