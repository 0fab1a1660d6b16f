import { DescribeExecutionCommand, RedriveExecutionCommand } from '@aws-sdk/client-sfn'
import { setTimeout } from 'node:timers/promises'
import { isNamed } from '../functions/shared/aws-errors.ts'
import { leaseRestSeconds, readAccount } from '../functions/shared/ledger.ts'
import type { Clients } from './clients.ts'
import { RefusedError } from './command-errors.ts'
import { whatGoesOn } from './go-on.ts'
import { findService } from './service.ts'

/**
 * Lets a failed execution go on at the step that failed: the one on an account's record, or the one that is named.
 * Throws `NotDeployedError`, and `RefusedError` where a redrive cannot help, with the command that can.
 */
export async function redrive(
  { sfn, ...clients }: Clients,
  { target, stage, options }: { target: string; stage: string; options: string },
  onWait: (text: string) => void = () => undefined,
) {
  const isArn = target.startsWith('arn:')
  const { ledger } = await findService(clients, stage)
  const executionArn = isArn ? target : (await readAccount(ledger, target))?.executionArn
  if (!executionArn)
    throw new RefusedError(
      `Nothing is on record of account ${target}. If a request failed, it left no record: name its execution’s ARN, from the ` +
        `failure notice or from start:\n  npx vend redrive ARN${options}\nIf none was made, start a vend:\n  npx vend start ${target}${options}`,
    )
  const execution = await sfn.send(new DescribeExecutionCommand({ executionArn })).catch((error: unknown) => {
    if (isNamed(error, 'ExecutionDoesNotExist'))
      throw new RefusedError(
        `Step Functions does not know ${executionArn} (any more: it forgets 90 days after the end).` +
          (isArn ? '' : ` Start again:\n  npx vend start ${target}${options}`),
        { cause: error },
      )
    throw error
  })
  const accountId = isArn ? accountIn(execution.input) : target
  if (execution.status === 'RUNNING' || execution.status === 'PENDING_REDRIVE')
    throw new RefusedError(`${executionArn} is running. Follow it:\n  npx vend status ${accountId} --watch${options}`)
  if (execution.status === 'SUCCEEDED')
    throw new RefusedError(
      `${executionArn} has succeeded: nothing is left to redrive. To ask for more, or again:\n  npx vend start ${accountId} --again${options}`,
    )
  const error =
    execution.status === 'TIMED_OUT'
      ? 'States.Timeout'
      : execution.status === 'ABORTED'
        ? 'Aborted'
        : (execution.error ?? '')
  const { what, advice, goOn, command, request } = whatGoesOn(error, { accountId, input: execution.input, options })
  if (goOn !== 'redrive')
    throw new RefusedError(
      [
        `A redrive would fail again under ${error}. ${what} ${advice}`,
        `  ${command}`,
        request && `The input was: ${JSON.stringify(request)}`,
      ]
        .filter(Boolean)
        .join('\n'),
    )
  // A function that the execution left running may write that long. An end in the future is the local organization's.
  const since = Date.now() - (execution.stopDate?.getTime() ?? 0)
  const rest = leaseRestSeconds * 1000 - since
  if (since >= 0 && rest > 0) {
    onWait(
      `It ended less than ${leaseRestSeconds} seconds ago, and one of its functions may still run: waiting ${Math.ceil(rest / 1000)} seconds.`,
    )
    await setTimeout(rest)
  }
  try {
    await sfn.send(new RedriveExecutionCommand({ executionArn }))
  } catch (refused) {
    // Older than 14 days, or its definition is another one by now.
    if (!isNamed(refused, 'ExecutionNotRedrivable')) throw refused
    throw new RefusedError(
      `Step Functions cannot redrive it: ${refused.message}. Start again:\n  npx vend start ${accountId}${options}`,
      { cause: refused },
    )
  }
  return { accountId, executionArn, error }
}

/** The account in an execution's input, as far as a command line needs it. */
const accountIn = (input = '') => /"accountId"\s*:\s*"(\d{12})"/.exec(input)?.[1] ?? 'ACCOUNT'
