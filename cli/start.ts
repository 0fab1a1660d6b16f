import { StartExecutionCommand } from '@aws-sdk/client-sfn'
import { GetCallerIdentityCommand } from '@aws-sdk/client-sts'
import type { Clients } from './clients.ts'
import { findService } from './service.ts'

/**
 * Starts a vend through the manual door; the caller's ARN is kept on record as who asked.
 * Throws `NotDeployedError`.
 */
export async function start(
  clients: Clients,
  { accountId, request, stage }: { accountId: string; request: object; stage: string },
) {
  const [{ stateMachineArn }, { Arn: requestedBy }] = await Promise.all([
    findService(clients, stage),
    clients.sts.send(new GetCallerIdentityCommand({})),
  ])
  const { executionArn = '' } = await clients.sfn.send(
    new StartExecutionCommand({ stateMachineArn, input: JSON.stringify({ ...request, requestedBy }) }),
  )
  return { accountId, executionArn, requestedBy }
}
