import { DeleteTableCommand } from '@aws-sdk/client-dynamodb'
import {
  DeleteGroupCommand,
  DeleteLoginProfileCommand,
  DeleteUserCommand,
  DetachGroupPolicyCommand,
  DetachUserPolicyCommand,
  GetGroupCommand,
  type IAMClient,
  ListAttachedGroupPoliciesCommand,
  ListAttachedUserPoliciesCommand,
  paginateListUsers,
  RemoveUserFromGroupCommand,
} from '@aws-sdk/client-iam'
import { DeleteSecretCommand } from '@aws-sdk/client-secrets-manager'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { findStack } from '../../cli/service.ts'
import { ourPath } from '../../functions/shared/assume-role.ts'
import { isNamed } from '../../functions/shared/aws-errors.ts'
import { askKms } from './api.ts'
import { copyService, stage } from './service.ts'
import { clients, group, iamOf, pathInTheWay, prefix, resourcesOf, secretsOf, type Target } from './target.ts'

/** What there is to take out; table and key, which outlive the service, once they are there. */
type Left = {
  vendingFile: string
  accessRole: string
  accountIds: string[]
  table?: string | undefined
  key?: string | undefined
}
const noteOf = ({ folder }: Target) => path.join(folder, 'left.json')

/** Notes what there will be to take out, for a clean-up after an interruption as well. */
export const noteLeft = (target: Target, left: Left) => writeFileSync(noteOf(target), JSON.stringify(left))

const unlessGone = (error: unknown) => {
  if (!isNamed(error, 'NoSuchEntityException', 'ResourceNotFoundException')) throw error
}

const deleteOurs = async (iam: IAMClient) => {
  for await (const { Users = [] } of paginateListUsers({ client: iam }, { PathPrefix: ourPath }))
    for (const { UserName = '' } of Users.filter((user) => user.UserName?.startsWith(prefix))) {
      await iam.send(new DeleteLoginProfileCommand({ UserName })).catch(unlessGone)
      await iam.send(new RemoveUserFromGroupCommand({ UserName, GroupName: group.name })).catch(unlessGone)
      const { AttachedPolicies = [] } = await iam.send(new ListAttachedUserPoliciesCommand({ UserName }))
      for (const { PolicyArn } of AttachedPolicies) await iam.send(new DetachUserPolicyCommand({ UserName, PolicyArn }))
      await iam.send(new DeleteUserCommand({ UserName }))
    }
  const GroupName = group.name
  try {
    const { Group } = await iam.send(new GetGroupCommand({ GroupName }))
    // Whoever has one of this name keeps it.
    if (![ourPath, pathInTheWay].includes(Group?.Path ?? '')) return
    const { AttachedPolicies = [] } = await iam.send(new ListAttachedGroupPoliciesCommand({ GroupName }))
    for (const { PolicyArn } of AttachedPolicies) await iam.send(new DetachGroupPolicyCommand({ GroupName, PolicyArn }))
    await iam.send(new DeleteGroupCommand({ GroupName }))
  } catch (error) {
    unlessGone(error)
  }
}

/**
 * Takes out all that the tests made: the service, if it is still there, what it leaves, and what it vended. Safe to run
 * twice.
 */
export const cleanUp = async (target: Target) => {
  if (!existsSync(noteOf(target))) return
  const left = JSON.parse(readFileSync(noteOf(target), 'utf8')) as Left
  const { vendingFile, accessRole, accountIds } = left
  let { table, key } = left
  if (await findStack(clients.cloudFormation, stage)) {
    const resources = await resourcesOf()
    table ??= resources.get('Ledger')
    key ??= resources.get('PasswordKey')
    await copyService(target.folder).osls(vendingFile, 'remove')
  }
  for (const accountId of accountIds) {
    await deleteOurs(await iamOf(target, accountId, accessRole))
    for (const { Name } of await secretsOf(accountId))
      if (Name?.includes(`/${prefix}`))
        await clients.secrets.send(new DeleteSecretCommand({ SecretId: Name, ForceDeleteWithoutRecovery: true }))
  }
  if (table) await clients.dynamodb.send(new DeleteTableCommand({ TableName: table })).catch(unlessGone)
  // Seven days is the shortest that KMS allows; asked for again it is refused, and stays as it is.
  if (key) await askKms('ScheduleKeyDeletion', { KeyId: key, PendingWindowInDays: 7 })
}
