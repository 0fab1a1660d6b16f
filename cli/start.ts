import { StartExecutionCommand } from '@aws-sdk/client-sfn'
import { GetCallerIdentityCommand } from '@aws-sdk/client-sts'
import { findMemberAccount } from '../functions/shared/account.ts'
import { completeRequest, manualRequest } from '../functions/shared/request.ts'
import { parseInput } from '../functions/shared/parse.ts'
import type { Vending } from '../functions/shared/vending.ts'
import type { Clients } from './clients.ts'
import { isRefusal, RefusedError, sayError } from './command-errors.ts'
import { findService } from './service.ts'

/**
 * Starts a vend through the manual door; the caller's ARN is kept on record as who asked. What can be refused is
 * refused before that, as the API does.
 * Throws `NotDeployedError`, `InvalidInputError` and `RefusedError`.
 */
export async function start(
  clients: Clients,
  { accountId, request, stage, vending }: { accountId: string; request: object; stage: string; vending: Vending },
) {
  const [{ stateMachineArn, partition, managementAccountId }, { Arn: requestedBy }] = await Promise.all([
    findService(clients, stage),
    clients.sts.send(new GetCallerIdentityCommand({})),
  ])
  try {
    const account = await findMemberAccount(clients.organizations, {
      accountId,
      managementAccountId,
      protectedPlaces: vending.protected,
    })
    const asked = parseInput(manualRequest, request)
    completeRequest(asked, vending, { accountId, accountEmail: account.email, partition })
  } catch (error) {
    if (!isRefusal(error)) throw error
    throw new RefusedError(`${sayError(error)} Nothing was started.`, { cause: error })
  }
  const { executionArn = '' } = await clients.sfn.send(
    new StartExecutionCommand({ stateMachineArn, input: JSON.stringify({ ...request, requestedBy }) }),
  )
  return { accountId, executionArn, requestedBy }
}
