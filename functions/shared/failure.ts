import type { DescribeExecutionOutput } from '@aws-sdk/client-sfn'
import { explanations, unforeseen } from './explanations.ts'
import { isEvent } from './event-shape.ts'
import { isTooDeep } from './parse.ts'
import { placeOf } from './vend.ts'

export const parseJson = (json: string | undefined): unknown => {
  try {
    return JSON.parse(json ?? '')
  } catch {
    return undefined
  }
}

// Step Functions gives a Lambda's failure as JSON: {errorType, errorMessage, trace}.
const sentence = (cause = '') => {
  const thrown = parseJson(cause)
  return typeof thrown === 'object' && thrown && 'errorMessage' in thrown ? String(thrown.errorMessage) : cause
}

const shellQuoted = (value: string) => `'${value.replaceAll("'", `'\\''`)}'`

export type EndedBadly = 'FAILED' | 'TIMED_OUT' | 'ABORTED'

/** What a failed execution means to a person, and the one command that goes on. */
export const explainFailure = (
  execution: DescribeExecutionOutput,
  status: EndedBadly,
  accountId: string | undefined,
) => {
  const { executionArn = '', stateMachineArn = '', input = '' } = execution
  const error = {
    FAILED: execution.error ?? 'Failed',
    TIMED_OUT: 'States.Timeout',
    ABORTED: execution.error ?? 'Aborted',
  }[status]
  const { what, advice, goOn } = explanations[status === 'ABORTED' ? 'Aborted' : error] ?? unforeseen
  const parsed = parseJson(input)
  // What is nested too deep cannot be written again either, and was refused for that.
  const asked = isTooDeep(parsed) ? undefined : parsed
  const again = JSON.stringify(isEvent(asked) || asked === undefined ? { accountId: accountId ?? 'ACCOUNT_ID' } : asked)
  const region = placeOf(executionArn).region
  // After 14 days Step Functions redrives no more. While it runs, it does not either.
  const isTooOld = goOn === 'redrive' && execution.redriveStatus === 'NOT_REDRIVABLE' && execution.status !== 'RUNNING'
  return {
    error,
    what,
    cause: [sentence(execution.cause), goOn === 'correct' && `The input was: ${again.slice(0, 1000)}`]
      .filter(Boolean)
      .join('\n'),
    advice: isTooOld ? `${advice} It can no longer be redriven, so start again:` : advice,
    command:
      goOn === 'redrive' && !isTooOld
        ? `aws stepfunctions redrive-execution --region ${region} --execution-arn ${shellQuoted(executionArn)}`
        : `aws stepfunctions start-execution --region ${region} --state-machine-arn ${shellQuoted(stateMachineArn)} --input ${goOn === 'correct' ? 'file://request.json' : shellQuoted(again)}`,
  }
}
