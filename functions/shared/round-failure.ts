import type { DescribeExecutionOutput } from '@aws-sdk/client-sfn'
import { errorOf, explanationOf, type FailedStatus, sentenceOf, shellQuoted } from './failure.ts'
import { isTooOld, reach } from './next-command.ts'
import { placeOf } from './vend.ts'

/** Whether this is the ARN of the daily round's state machine, or of an execution of it. serverless.yml names it. */
export const isRound = (arn: string) => arn.split(':')[6]?.endsWith('_round') === true

/** The explanations are about vends, and a round has other mails. */
const ofRound = (text: string) =>
  text
    .replaceAll('the sign-in mail', 'a mail of the round')
    .replace(' The administrators exist; the mail is missing.', '')

/**
 * What the failure of a round means, and the one command that continues. A round that cannot be redriven is started
 * again: a new round looks at all accounts again.
 */
export const nextOfRound = (
  execution: DescribeExecutionOutput,
  { status, options, isDefinitionOld = false }: { status: FailedStatus; options: string; isDefinitionOld?: boolean },
) => {
  const failure = { status, error: execution.error }
  const { what, advice, goOn } = explanationOf(failure)
  const told = { error: errorOf(failure), what: ofRound(what) }
  const why = isTooOld(execution)
    ? 'Step Functions redrives an execution only within 14 days after its end. '
    : isDefinitionOld
      ? 'The workflow was changed after this round started, and a redrive would run the old workflow. '
      : ''
  if (goOn === 'redrive' && !why)
    return {
      ...told,
      goOn,
      advice: ofRound(advice),
      command: `npx vend redrive ${execution.executionArn}${options}`,
    }
  return {
    ...told,
    goOn: 'start' as const,
    advice: `${why}When the cause is fixed, start a new round:`,
    command: `npx vend round${options}`,
  }
}

/** Explains a failed round in a mail: as `explainFailure` does for a vend. */
export const explainRound = (
  execution: DescribeExecutionOutput,
  status: FailedStatus,
  { isDefinitionOld, endpointUrl }: { isDefinitionOld: boolean; endpointUrl?: string | undefined },
) => {
  const { executionArn = '', stateMachineArn = '' } = execution
  const { options, aws } = reach(executionArn, endpointUrl)
  const next = nextOfRound(execution, { status, options, isDefinitionOld })
  const { region } = placeOf(executionArn)
  return {
    ...next,
    cause: sentenceOf(execution.cause),
    awsCommand: aws(
      next.goOn === 'redrive'
        ? `redrive-execution --region ${region} --execution-arn ${shellQuoted(executionArn)}`
        : `start-execution --region ${region} --state-machine-arn ${shellQuoted(stateMachineArn)}`,
    ),
  }
}
