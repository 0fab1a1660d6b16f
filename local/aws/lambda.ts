import { AwsError, type Operations, type World } from './world.ts'

/** Lambda's own API; how functions run is in lambda.ts. */
const getAccountSettings = ({ lambdaLimits }: World) => ({
  AccountLimit: {
    ConcurrentExecutions: lambdaLimits.concurrentExecutions,
    UnreservedConcurrentExecutions: lambdaLimits.unreservedConcurrentExecutions,
  },
})

export const lambda: Operations = { GetAccountSettings: getAccountSettings }

type Functions = {
  find: (nameOrArn: string) => string | undefined
  invoke: (name: string, event: unknown) => Promise<unknown>
}

/** Invoke, for the endpoint: what the function throws is its answer, under FunctionError. */
export const invoking = ({ find, invoke }: Functions) => ({
  Invoke: async (_: unknown, { FunctionName = '', Payload }: { FunctionName?: string; Payload?: string }) => {
    const name = find(FunctionName)
    if (!name) throw new AwsError('ResourceNotFoundException', `Function not found: ${FunctionName}`, 404)
    try {
      return { payload: await invoke(name, JSON.parse(Payload || 'null')) }
    } catch (error) {
      const { name: errorType, message: errorMessage } = error as Error
      return { error: 'Unhandled', payload: { errorType, errorMessage, trace: [] } }
    }
  },
})
