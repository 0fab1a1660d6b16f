import type { GetFunctionConcurrencyRequest } from '@aws-sdk/client-lambda'
import { AwsError } from './aws-error.ts'
import type { Operations } from './operation.ts'
import type { World } from './world.ts'

const getAccountSettings = ({ lambdaLimits }: World) => ({
  AccountLimit: {
    ConcurrentExecutions: lambdaLimits.concurrentExecutions,
    UnreservedConcurrentExecutions: lambdaLimits.unreservedConcurrentExecutions,
  },
})

export const lambda: Operations = { GetAccountSettings: getAccountSettings }

type Functions = {
  nameOf: (nameOrArn: string) => string | undefined
  invoke: (name: string, event: unknown) => Promise<unknown>
}

const failureOf = (error: unknown) => {
  const { name: errorType, message: errorMessage } = error as Error
  return { errorType, errorMessage, trace: [] }
}

/** Lambda's Invoke, for the endpoint. If the function throws, the payload is its error, and FunctionError is set. */
export const invokeOperation = ({ nameOf, invoke }: Functions) => ({
  Invoke: async (_: unknown, { FunctionName = '', Payload }: { FunctionName?: string; Payload?: string }) => {
    const name = nameOf(FunctionName)
    if (!name) throw new AwsError('ResourceNotFoundException', `Function not found: ${FunctionName}`, 404)
    try {
      return { payload: await invoke(name, JSON.parse(Payload || 'null')) }
    } catch (error) {
      return { error: 'Unhandled', payload: failureOf(error) }
    }
  },
})

/** Lambda's GetFunctionConcurrency, for the endpoint: the answer is empty for a function without a reservation. */
export const concurrencyOperation = (functionOf: (name: string) => { reservedConcurrency?: number } | undefined) => ({
  GetFunctionConcurrency: (_: unknown, { FunctionName = '' }: GetFunctionConcurrencyRequest) => {
    const there = functionOf(FunctionName)
    if (!there) throw new AwsError('ResourceNotFoundException', `Function not found: ${FunctionName}`, 404)
    return { ReservedConcurrentExecutions: there.reservedConcurrency }
  },
})

/**
 * The message that an asynchronous invocation leaves in the dead-letter queue after its last retry
 * (Lambda Developer Guide, invocation-async-retain-records).
 */
export const deadLetterOf = (invocation: {
  functionArn: string
  event: unknown
  error: unknown
  requestId: string
  isoTime: string
}) => {
  const { functionArn, event, error, requestId, isoTime } = invocation
  return {
    version: '1.0',
    timestamp: isoTime,
    requestContext: {
      requestId,
      functionArn: `${functionArn}:$LATEST`,
      condition: 'RetriesExhausted',
      approximateInvokeCount: 3,
    },
    requestPayload: event,
    responseContext: { statusCode: 200, executedVersion: '$LATEST', functionError: 'Unhandled' },
    responsePayload: failureOf(error),
  }
}
