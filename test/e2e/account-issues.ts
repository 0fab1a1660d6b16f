import { GetGroupCommand, paginateListUsers } from '@aws-sdk/client-iam'
import { ourPath } from '../../functions/shared/iam-client.ts'
import { isNamed } from '../../functions/shared/aws-errors.ts'
import { findMemberAccount } from '../../functions/shared/account.ts'
import { parseInput } from '../../functions/shared/parse.ts'
import { adminsRequest, completeRequest } from '../../functions/shared/request.ts'
import type { Vending } from '../../functions/shared/vending.ts'
import { type Account, clients, group, iamThroughRole, prefix, userNames } from './target.ts'

const messageOf = (error: unknown) => (error instanceof Error ? error.message : String(error))

/**
 * Describes an account that a person named for the tests, and finds why the tests cannot use the account: not ACTIVE,
 * protected, not a member, without the access role, with an address that may get no mail, or with users or a group that
 * the clean-up would delete. Changes nothing. `issues` has a line for each reason.
 */
export const lookAtAccount = async (
  accountId: string,
  { vending, managementAccountId, partition }: { vending: Vending; managementAccountId: string; partition: string },
): Promise<{ account: Account & { name: string }; issues: string[] }> => {
  const issues: string[] = []
  const found = await findMemberAccount(clients.organizations, {
    accountId,
    managementAccountId,
    protectedPlaces: vending.protected,
  }).catch((error: unknown) => void issues.push(messageOf(error)))
  if (!found) return { account: { accountId, email: '', name: accountId }, issues }

  const { name, email } = found
  try {
    const admins = userNames.map((userName) => ({ userName, groups: [group.name] }))
    const request = parseInput(adminsRequest, { groups: [group], admins })
    completeRequest(request, vending, { accountId, accountEmail: email, partition })
  } catch (error) {
    issues.push(`${accountId} (${name}): ${messageOf(error)}`)
  }
  try {
    const iam = await iamThroughRole(accountId, vending.accessRole ?? '')
    for await (const { Users = [] } of paginateListUsers({ client: iam }, { PathPrefix: ourPath }))
      for (const { UserName } of Users.filter((user) => user.UserName?.startsWith(prefix)))
        issues.push(`${accountId} (${name}) has a user ${UserName} already, which the clean-up would delete`)
    await iam.send(new GetGroupCommand({ GroupName: group.name })).then(
      () => issues.push(`${accountId} (${name}) has a group ${group.name} already, which the clean-up would delete`),
      (error: unknown) => {
        if (!isNamed(error, 'NoSuchEntityException')) throw error
      },
    )
  } catch (error) {
    issues.push(`${accountId} (${name}) cannot be entered by the role ${vending.accessRole}: ${messageOf(error)}`)
  }
  return { account: { accountId, email, name }, issues }
}
