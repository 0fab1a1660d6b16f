import { DescribeAccountCommand } from '@aws-sdk/client-organizations'
import { GetCallerIdentityCommand } from '@aws-sdk/client-sts'
import { doctor, showDiagnosis } from '../../cli/doctor.ts'
import { findStack } from '../../cli/service.ts'
import { loadVending } from '../../infra/build/check-vending.ts'
import { MissingError } from '../support/python.ts'
import { stage } from './service.ts'
import { type Account, clients, group, prefix } from './target.ts'

/**
 * What the tests will do to the real AWS that the environment's credentials are for, in words.
 * Throws `MissingError` where they must not.
 */
export const planAgainstAws = async (accountIds: string[], vendingFile: string) => {
  const [vendedId = '', failingId = '', ...more] = accountIds
  if (!failingId || more.length || vendedId === failingId)
    throw new MissingError(
      'test:e2e --against-aws needs two member accounts of the organization to try on: --account ID --account ID',
    )
  const vending = loadVending(vendingFile)
  const [region, { Account: managementAccountId = '', Arn = '' }, stack] = await Promise.all([
    clients.sts.config.region(),
    clients.sts.send(new GetCallerIdentityCommand({})),
    findStack(clients.cloudFormation, stage),
  ])
  if (Arn.endsWith(':root'))
    throw new MissingError(
      'test:e2e --against-aws needs credentials of a role or a user: the API’s roles cannot be assumed by the root user',
    )
  if (stack)
    throw new MissingError(
      `test:e2e found its stack account-vending-${stage} in ${managementAccountId} already: remove it first, by npx osls remove --stage ${stage}`,
    )
  const diagnosis = await doctor(clients, { stage, vending })
  if (!diagnosis.mayDeploy) throw new MissingError(showDiagnosis(diagnosis))
  const described = async (AccountId: string) => {
    const { Account } = await clients.organizations.send(new DescribeAccountCommand({ AccountId }))
    return { accountId: AccountId, email: Account?.Email ?? '', name: Account?.Name ?? '' }
  }
  const [vended, failing] = await Promise.all([described(vendedId), described(failingId)])
  const users = (...names: string[]) => names.map((name) => prefix + name).join(', ')
  const lines = [
    `In the management account ${managementAccountId}, ${region}:`,
    `  deploys the stack account-vending-${stage} with ${vendingFile}, updates it, and removes it;`,
    '  while it is there, accounts that are created or join are vended by it;',
    '  deletes its ledger and the secrets, and schedules its key for deletion in 7 days.',
    `In ${vended.accountId} (${vended.name}):`,
    `  makes the users ${users('by-hand', 'by-api', 'after-update')} with ${group.policies.join()} by the group ${group.name}, mails ${vended.email}, and deletes them.`,
    `In ${failing.accountId} (${failing.name}):`,
    `  makes a group ${group.name} that is in the way, so that a vend fails and ${vending.notify.join(', ')} get the notice;`,
    `  then the same for the user ${users('by-hand')}, mails ${failing.email}, and deletes it.`,
  ]
  const accounts: [Account, Account] = [vended, failing]
  return { accounts, region, text: lines.join('\n') }
}
