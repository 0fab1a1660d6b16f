import type { Operations, World } from './world.ts'

/** Lambda's own API; how functions run is in lambda.ts. */
const getAccountSettings = ({ lambdaLimits }: World) => ({
  AccountLimit: {
    ConcurrentExecutions: lambdaLimits.concurrentExecutions,
    UnreservedConcurrentExecutions: lambdaLimits.unreservedConcurrentExecutions,
  },
})

export const lambda: Operations = { GetAccountSettings: getAccountSettings }
