import { GetAccountSettingsCommand, GetFunctionConcurrencyCommand, type LambdaClient } from '@aws-sdk/client-lambda'
import { isNamed } from '../functions/shared/aws-errors.ts'
import { type Check, fail, ok, warn } from './doctor-context.ts'
import { stackName } from './service.ts'

/** Lambda leaves at least so many executions unreserved (Lambda Developer Guide, configuration-concurrency). */
const leastUnreserved = 100

/** How many concurrent executions the deployed page of the links has reserved: 0 before the first deployment. */
const reservedForLinks = async (lambda: LambdaClient, stage: string) => {
  const FunctionName = `${stackName(stage)}-claimLink`
  try {
    const { ReservedConcurrentExecutions = 0 } = await lambda.send(new GetFunctionConcurrencyCommand({ FunctionName }))
    return ReservedConcurrentExecutions
  } catch (error) {
    if (isNamed(error, 'ResourceNotFoundException')) return 0
    throw error
  }
}

/** Whether Lambda has concurrency for vends, and for what the deployment reserves for the page of the links. */
export const checkLambdaConcurrency: Check = async ({ clients, vending, stage }) => {
  const { AccountLimit = {} } = await clients.lambda.send(new GetAccountSettingsCommand({}))
  const { ConcurrentExecutions = 0, UnreservedConcurrentExecutions: unreserved = 0 } = AccountLimit
  const count = (executions: number) => executions.toLocaleString('en-US')
  const finding =
    unreserved === ConcurrentExecutions
      ? `All ${count(ConcurrentExecutions)} concurrent executions are unreserved`
      : `${count(unreserved)} of ${count(ConcurrentExecutions)} concurrent executions are unreserved`
  const remedy = 'Request a higher quota (Service Quotas, AWS Lambda, Concurrent executions).'
  const more = vending.linkConcurrency - (await reservedForLinks(clients.lambda, stage))
  if (more > 0 && unreserved - more < leastUnreserved)
    return fail(
      `${finding}. The deployment reserves ${more} more for the page of the sign-in links (linkConcurrency), and Lambda refuses to leave fewer than ${leastUnreserved} unreserved.`,
      remedy,
    )
  // A vend runs up to five functions at the same time, and waits when Lambda throttles.
  if (unreserved < 5) return fail(`${finding}, and a single vend uses up to 5.`, remedy)
  if (unreserved < 50) return warn(`${finding}, so several vends at once will wait for each other.`, remedy)
  return ok(`${finding}.`)
}
