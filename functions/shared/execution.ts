import { DescribeExecutionCommand, type SFNClient } from '@aws-sdk/client-sfn'
import { isNamed } from './aws-errors.ts'

/** Reads an execution; undefined once Step Functions has forgotten it, 90 days after its end. */
export const readExecution = async (sfn: SFNClient, executionArn: string) => {
  try {
    return await sfn.send(new DescribeExecutionCommand({ executionArn }))
  } catch (error) {
    if (isNamed(error, 'ExecutionDoesNotExist')) return undefined
    throw error
  }
}

/** Whether an execution may still change something. */
export const isRunning = async (sfn: SFNClient, executionArn: string) => {
  const { status } = (await readExecution(sfn, executionArn)) ?? {}
  return status === 'RUNNING' || status === 'PENDING_REDRIVE'
}
