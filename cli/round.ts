import { ListExecutionsCommand, SFNClient, StartExecutionCommand } from '@aws-sdk/client-sfn'
import { setTimeout } from 'node:timers/promises'
import type { reportRound } from '../functions/report-round/report-round.ts'
import { describeExecution, mayChange } from '../functions/shared/execution.ts'
import { hasFailed } from '../functions/shared/failure.ts'
import { parseJson } from '../functions/shared/parse.ts'
import { nextOfRound } from '../functions/shared/round-failure.ts'
import type { Make } from './clients.ts'
import { RefusedError } from './command-errors.ts'
import { counted } from './drift.ts'
import { findService, serviceClients } from './service.ts'

export const roundClients = (make: Make) => ({ ...serviceClients(make), sfn: make(SFNClient) })
type Clients = ReturnType<typeof roundClients>

/**
 * Starts a daily round. If a round runs, answers this one and starts none: two rounds together would take twice as much
 * of the limits that all share.
 * Throws `NotDeployedError`.
 */
export async function round({ sfn, ...clients }: Clients, { stage }: { stage: string }) {
  const stateMachineArn = (await findService(clients, stage)).roundArn
  const { executions = [] } = await sfn.send(
    new ListExecutionsCommand({ stateMachineArn, statusFilter: 'RUNNING', maxResults: 1 }),
  )
  const running = executions[0]?.executionArn
  if (running) return { executionArn: running, isNew: false }
  const { executionArn = '' } = await sfn.send(new StartExecutionCommand({ stateMachineArn, input: '{}' }))
  return { executionArn, isNew: true }
}

type Ended = {
  executionArn: string
  /** How many accounts the organization has, and how many of them the round has looked at. */
  accounts: number
  toLookAt: number
  report: Awaited<ReturnType<typeof reportRound>>
}

/**
 * Waits for the end of a round. `onWait` hears for how many seconds the round has run. Answers what the round found.
 * Throws `RefusedError` with the command that continues if the round failed.
 */
export async function followRound(
  { sfn }: Pick<Clients, 'sfn'>,
  { executionArn, options }: { executionArn: string; options: string },
  onWait: (seconds: number) => void = () => undefined,
): Promise<Ended> {
  const begun = Date.now()
  for (;;) {
    const execution = await describeExecution(sfn, executionArn)
    const { status, output } = execution
    if (hasFailed(status)) {
      const { error, what, advice, command } = nextOfRound(execution, { status, options })
      throw new RefusedError(`The round failed with ${error}. ${what} ${advice}\n  ${command}`)
    }
    if (!mayChange(status)) return { ...(parseJson(output) as Omit<Ended, 'executionArn'>), executionArn }
    onWait(Math.round((Date.now() - begun) / 1000))
    await setTimeout(1000)
  }
}

/** What a round found, for a person. */
export const showRound = ({ accounts, toLookAt, report }: Ended, options: string) =>
  [
    `The round has looked at ${toLookAt} of ${counted(accounts, 'account')}.`,
    `${counted(report.open, 'open finding')}, ${report.new} new. ${report.gone} gone since the last round.` +
      (report.mailed ? ' A mail to the addresses under notify lists what is new or gone.' : ''),
    ...(report.open ? [`List the findings: npx vend drift${options}`] : []),
  ].join('\n')
