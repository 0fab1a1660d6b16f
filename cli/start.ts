import { OrganizationsClient } from '@aws-sdk/client-organizations'
import { SFNClient, StartExecutionCommand } from '@aws-sdk/client-sfn'
import { GetCallerIdentityCommand, STSClient } from '@aws-sdk/client-sts'
import { renewalOf } from '../functions/accept-request/asked.ts'
import { findMemberAccount } from '../functions/shared/account.ts'
import { readAccount } from '../functions/shared/record-and-lease.ts'
import { completeRequest, manualRequest } from '../functions/shared/request.ts'
import { parseInput } from '../functions/shared/parse.ts'
import type { Vending } from '../functions/shared/vending.ts'
import { keepingToTheRate, type Make } from './clients.ts'
import { isRefusal, RefusedError, sayError } from './command-errors.ts'
import { findService, serviceClients } from './service.ts'

export const startClients = (make: Make) => ({
  ...serviceClients(make),
  organizations: make(OrganizationsClient, keepingToTheRate),
  sfn: make(SFNClient),
  sts: make(STSClient),
})

/**
 * Starts a vend through the manual door, after it has checked everything that can be checked, as the API does. The
 * record keeps the caller's ARN as the requester.
 * Throws `NotDeployedError`, `InvalidInputError` and `RefusedError`.
 */
export async function start(
  clients: ReturnType<typeof startClients>,
  { accountId, request, stage, vending }: { accountId: string; request: object; stage: string; vending: Vending },
) {
  const [{ stateMachineArn, ledger, partition, managementAccountId }, { Arn: requestedBy }] = await Promise.all([
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
    if (asked.renew === undefined)
      completeRequest(asked, vending, { accountId, accountEmail: account.email, partition })
    else renewalOf(await readAccount(ledger, accountId), { renew: asked.renew }, vending)
  } catch (error) {
    if (!isRefusal(error)) throw error
    throw new RefusedError(`${sayError(error)} Nothing was started.`, { cause: error })
  }
  const { executionArn = '' } = await clients.sfn.send(
    new StartExecutionCommand({ stateMachineArn, input: JSON.stringify({ ...request, requestedBy }) }),
  )
  return { accountId, executionArn, requestedBy }
}
