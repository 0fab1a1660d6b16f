import { type SFNClient, StartExecutionCommand } from '@aws-sdk/client-sfn'
import { isNamed } from './aws-errors.ts'
import { inputOf } from './new-account.ts'
import { openingName, type RequestItem } from './opening.ts'

/**
 * Starts the execution that opens the account of a request on record. Safe to run twice: the execution's name is made
 * of the request's id, and Step Functions starts an execution of one name once in 90 days. Answers the ARN of the
 * execution; undefined if it was started before. `again` starts a further execution, which continues after a failure.
 */
export const startOpening = async (
  sfn: SFNClient,
  stateMachineArn: string,
  { requestId, body, requestedBy }: Pick<RequestItem, 'requestId' | 'body' | 'requestedBy'>,
  { again = false } = {},
) => {
  try {
    const { executionArn } = await sfn.send(
      new StartExecutionCommand({
        stateMachineArn,
        ...(!again && { name: openingName(requestId) }),
        input: JSON.stringify({ ...inputOf(body), requestId, requestedBy }),
      }),
    )
    return executionArn
  } catch (error) {
    if (!isNamed(error, 'ExecutionAlreadyExists')) throw error
    return undefined
  }
}
