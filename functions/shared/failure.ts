import type { DescribeExecutionOutput } from '@aws-sdk/client-sfn'
import { isEvent } from './event-shape.ts'
import { type Explanation, explanations, unforeseen } from './explanations.ts'
import { isTooDeep, parseJson } from './parse.ts'
import { placeOf } from './vend.ts'

// What a failure means to a person: the failure notice, the sweep, the command and the page all ask here.

/** The statuses under which Step Functions ends an execution that did not succeed. */
export type FailedStatus = 'FAILED' | 'TIMED_OUT' | 'ABORTED'

/** Whether an execution has ended without success. */
export const hasFailed = (status: string | undefined): status is FailedStatus =>
  status === 'FAILED' || status === 'TIMED_OUT' || status === 'ABORTED'

/** A failed execution, or the failure in an account's record. */
export type Failure = {
  /** Undefined in a record that an older version of this service wrote. */
  status?: string | undefined
  error?: string | undefined
  cause?: string | undefined
}

/** The error name under which a failure is told. Who stops an execution may give the error a name of their own. */
export const errorOf = ({ status, error }: Failure) => {
  if (status === 'TIMED_OUT') return 'States.Timeout'
  return error ?? (status === 'ABORTED' ? 'Aborted' : 'Failed')
}

/** What a failure means, and what to do about it. */
export const explanationOf = ({ status, error }: Failure): Explanation =>
  explanations[status === 'ABORTED' ? 'Aborted' : errorOf({ status, error })] ?? unforeseen

/** The sentence in the cause of a failure: Step Functions gives a Lambda's failure as JSON. */
export const sentenceOf = (cause = '') => {
  const thrown = parseJson(cause)
  return typeof thrown === 'object' && thrown && 'errorMessage' in thrown ? String(thrown.errorMessage) : cause
}

/** Quotes a text for a POSIX shell. */
export const shellQuoted = (text: string) => `'${text.replaceAll("'", `'\\''`)}'`

/**
 * Explains a failed execution to a person: the error's name, what it means, the cause, the advice, and the one `aws`
 * command that continues.
 */
export const explainFailure = (
  execution: DescribeExecutionOutput,
  status: FailedStatus,
  accountId: string | undefined,
) => {
  const { executionArn = '', stateMachineArn = '', input } = execution
  const failure = { status, error: execution.error }
  const { what, advice, goOn } = explanationOf(failure)
  const parsed = parseJson(input)
  // An input that is nested too deeply was refused for that reason, and cannot be written out again.
  const asked = isTooDeep(parsed) ? undefined : parsed
  const again = JSON.stringify(isEvent(asked) || asked === undefined ? { accountId: accountId ?? 'ACCOUNT_ID' } : asked)
  const region = placeOf(executionArn).region
  // Step Functions redrives an execution for 14 days, and not while the execution runs.
  const isTooOld = goOn === 'redrive' && execution.redriveStatus === 'NOT_REDRIVABLE' && execution.status !== 'RUNNING'
  return {
    status,
    error: errorOf(failure),
    what,
    cause: [sentenceOf(execution.cause), goOn === 'correct' && `The input was: ${again.slice(0, 1000)}`]
      .filter(Boolean)
      .join('\n'),
    advice: isTooOld ? `${advice} This execution can no longer be redriven. Start again:` : advice,
    command:
      goOn === 'redrive' && !isTooOld
        ? `aws stepfunctions redrive-execution --region ${region} --execution-arn ${shellQuoted(executionArn)}`
        : `aws stepfunctions start-execution --region ${region} --state-machine-arn ${shellQuoted(stateMachineArn)} --input ${goOn === 'correct' ? 'file://request.json' : shellQuoted(again)}`,
  }
}
