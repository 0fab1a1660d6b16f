import {
  DescribeExecutionCommand,
  type DescribeExecutionOutput,
  DescribeStateMachineCommand,
  DescribeStateMachineForExecutionCommand,
  type SFNClient,
} from '@aws-sdk/client-sfn'
import * as z from 'zod/mini'
import { isNamed } from './aws-errors.ts'

/** Step Functions' event that an execution has ended without success. */
export const failedExecution = z.object({
  source: z.literal('aws.states'),
  detail: z.object({
    executionArn: z.string(),
    status: z.enum(['FAILED', 'TIMED_OUT', 'ABORTED']),
    /** Milliseconds since 1970. Each redrive ends at another time. */
    stopDate: z.number(),
  }),
})

/** Reads an execution. Throws ExecutionDoesNotExist if Step Functions does not know the execution. */
export const describeExecution = (sfn: SFNClient, executionArn: string) =>
  sfn.send(new DescribeExecutionCommand({ executionArn }))

/** Reads an execution; undefined if Step Functions has forgotten the execution, 90 days after its end. */
export const readExecution = async (
  sfn: SFNClient,
  executionArn: string,
): Promise<DescribeExecutionOutput | undefined> => {
  try {
    return await describeExecution(sfn, executionArn)
  } catch (error) {
    if (isNamed(error, 'ExecutionDoesNotExist')) return undefined
    throw error
  }
}

/** Whether an execution with this status may still change something. */
export const mayChange = (status: string | undefined) => status === 'RUNNING' || status === 'PENDING_REDRIVE'

/** Whether an execution may still change something. */
export const isRunning = async (sfn: SFNClient, executionArn: string) =>
  mayChange((await readExecution(sfn, executionArn))?.status)

/**
 * Whether the workflow's definition was changed after an execution started. A redrive runs with the definition of the
 * start (Step Functions Developer Guide, redrive-executions). False if Step Functions does not say.
 */
export const isDefinitionOld = async (
  sfn: SFNClient,
  { executionArn, stateMachineArn }: Pick<DescribeExecutionOutput, 'executionArn' | 'stateMachineArn'>,
) => {
  try {
    const [then, now] = await Promise.all([
      sfn.send(new DescribeStateMachineForExecutionCommand({ executionArn })),
      sfn.send(new DescribeStateMachineCommand({ stateMachineArn })),
    ])
    return then.definition !== now.definition
  } catch {
    // The failure must be told, with or without this.
    return false
  }
}
