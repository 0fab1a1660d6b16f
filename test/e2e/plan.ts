import { GetCallerIdentityCommand } from '@aws-sdk/client-sts'
import { doctor, showDiagnosis } from '../../cli/doctor.ts'
import { findStack } from '../../cli/service.ts'
import { loadVending } from '../../infra/build/check-vending.ts'
import { MissingError } from '../support/python.ts'
import { stage } from './service.ts'
import { lookAtAccount } from './account-issues.ts'
import { type Account, clients, group, prefix } from './target.ts'

type NamedAccount = Account & { name: string }

/**
 * Describes in words what the tests will do to the real AWS of the environment's credentials.
 * Throws `MissingError` if the tests must not run there.
 */
export const planAgainstAws = async (accountIds: string[], vendingFile: string) => {
  const [vendedId = '', failingId = '', ...more] = accountIds
  if (!failingId || more.length || vendedId === failingId)
    throw new MissingError(
      'test:e2e --against-aws needs two member accounts of the organization for its tests: --account ID --account ID',
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
      `test:e2e found its stack account-vending-${stage} in ${managementAccountId} already: remove it first with npx osls remove --stage ${stage}`,
    )
  const diagnosis = await doctor(clients, { stage, vending })
  if (!diagnosis.mayDeploy) throw new MissingError(showDiagnosis(diagnosis))
  const partition = Arn.split(':')[1] ?? 'aws'
  const looks = await Promise.all(
    [vendedId, failingId].map((accountId) => lookAtAccount(accountId, { vending, managementAccountId, partition })),
  )
  const issues = looks.flatMap((look) => look.issues)
  if (issues.length)
    throw new MissingError(
      `test:e2e --against-aws cannot use these accounts. Nothing was deployed.\n${issues.map((issue) => `  ${issue}`).join('\n')}`,
    )
  const [vended, failing] = looks.map(({ account }) => account) as [NamedAccount, NamedAccount]
  const users = (...names: string[]) => names.map((name) => prefix + name).join(', ')
  const lines = [
    `In the management account ${managementAccountId}, ${region}:`,
    `  deploys the stack account-vending-${stage} with ${vendingFile}, updates it, and removes it;`,
    '  until its removal, the service vends every account that is created or joins the organization;',
    '  deletes its ledger and the secrets, and schedules its key for deletion in 7 days.',
    `In ${vended.accountId} (${vended.name}):`,
    `  makes the users ${users('by-hand', 'by-api', 'after-update')} with ${group.policies.join()} through the group ${group.name}, mails ${vended.email}, and deletes them;`,
    `  gives ${prefix}by-api another policy that only reads, runs daily rounds, which mail ${vending.notify.join(', ')}, and takes the policy and the user away.`,
    `In ${failing.accountId} (${failing.name}):`,
    `  makes another group ${group.name}, so that a vend fails and ${vending.notify.join(', ')} get the failure notice;`,
    `  then vends the user ${users('by-hand')}, mails ${failing.email}, and deletes the user and the groups.`,
  ]
  return { accounts: [vended, failing] satisfies [Account, Account], region, text: lines.join('\n') }
}
