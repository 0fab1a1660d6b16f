import { DeleteTableCommand } from '@aws-sdk/client-dynamodb'
import {
  DeleteGroupCommand,
  DeleteLoginProfileCommand,
  DeleteUserCommand,
  DetachGroupPolicyCommand,
  DetachUserPolicyCommand,
  GetGroupCommand,
  type IAMClient,
  paginateListAttachedGroupPolicies,
  paginateListAttachedUserPolicies,
  paginateListUsers,
  RemoveUserFromGroupCommand,
} from '@aws-sdk/client-iam'
import { DeleteSecretCommand } from '@aws-sdk/client-secrets-manager'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { findStack, stackName } from '../../cli/service.ts'
import { ourPath } from '../../functions/shared/iam-client.ts'
import { isNamed } from '../../functions/shared/aws-errors.ts'
import { askKms } from './api.ts'
import { copyService, stage } from './service.ts'
import {
  clients,
  group,
  iamOf,
  pathInTheWay,
  prefix,
  resourcesOf,
  secretName,
  type Target,
  userNames,
} from './target.ts'

/** What the clean-up must remove. The table and the key outlive the service; they are missing until they exist. */
type Left = {
  vendingFile: string
  accessRole: string
  accountIds: string[]
  table?: string | undefined
  key?: string | undefined
}
const noteOf = ({ folder }: Target) => path.join(folder, 'left.json')

/** Writes down what the clean-up must remove, so that a clean-up after an interruption finds it too. */
export const noteLeft = (target: Target, left: Left) => writeFileSync(noteOf(target), JSON.stringify(left))

const unlessGone = (error: unknown) => {
  if (!isNamed(error, 'NoSuchEntityException', 'ResourceNotFoundException')) throw error
}

/** Does one thing of the clean-up. If AWS refuses, adds what is left to `left`, and the clean-up goes on. */
type Try = (what: string, work: () => Promise<unknown>) => Promise<void>
const trying =
  (left: string[]): Try =>
  async (what, work) => {
    try {
      await work().catch(unlessGone)
    } catch (error) {
      left.push(`${what}: ${error instanceof Error ? error.message : String(error)}`)
    }
  }

const deleteUser = async (iam: IAMClient, UserName: string) => {
  await iam.send(new DeleteLoginProfileCommand({ UserName })).catch(unlessGone)
  await iam.send(new RemoveUserFromGroupCommand({ UserName, GroupName: group.name })).catch(unlessGone)
  for await (const { AttachedPolicies = [] } of paginateListAttachedUserPolicies({ client: iam }, { UserName }))
    for (const { PolicyArn } of AttachedPolicies)
      await iam.send(new DetachUserPolicyCommand({ UserName, PolicyArn })).catch(unlessGone)
  await iam.send(new DeleteUserCommand({ UserName }))
}

const deleteGroup = async (iam: IAMClient, GroupName: string) => {
  const { Group } = await iam.send(new GetGroupCommand({ GroupName }))
  // A group of this name on another path is somebody else's, and stays.
  if (![ourPath, pathInTheWay].includes(Group?.Path ?? '')) return
  for await (const { AttachedPolicies = [] } of paginateListAttachedGroupPolicies({ client: iam }, { GroupName }))
    for (const { PolicyArn } of AttachedPolicies)
      await iam.send(new DetachGroupPolicyCommand({ GroupName, PolicyArn })).catch(unlessGone)
  await iam.send(new DeleteGroupCommand({ GroupName }))
}

/** Deletes the users and the group of the tests in an account. */
export const deleteOurs = async (iam: IAMClient, accountId: string, attempt: Try) => {
  const users: string[] = []
  await attempt(`the users ${prefix}… in account ${accountId}`, async () => {
    for await (const { Users = [] } of paginateListUsers({ client: iam }, { PathPrefix: ourPath }))
      users.push(...Users.map(({ UserName = '' }) => UserName).filter((name) => name.startsWith(prefix)))
  })
  for (const user of users) await attempt(`the user ${user} in account ${accountId}`, () => deleteUser(iam, user))
  await attempt(`the group ${group.name} in account ${accountId}`, () => deleteGroup(iam, group.name))
}

// Seven days is KMS's minimum. A key that is already scheduled for deletion stays so: KMS refuses the second call.
const scheduleKeyDeletion = async (KeyId: string) => {
  const answer = await askKms('ScheduleKeyDeletion', { KeyId, PendingWindowInDays: 7 })
  const { __type: error = '', message = '' } = answer as { __type?: string; message?: string }
  if (error && !/KMSInvalidStateException|NotFoundException/.test(error)) throw new Error(`${error}: ${message}`)
}

/**
 * Removes everything that the tests made: the service, if it still exists, the resources that outlive it, and the
 * groups, users and secrets of the vends. Safe to run twice. If AWS refuses something, the rest is removed anyway.
 * Throws an error that names each thing that is left behind.
 */
export const cleanUp = async (target: Target) => {
  if (!existsSync(noteOf(target))) return
  const noted = JSON.parse(readFileSync(noteOf(target), 'utf8')) as Left
  const { vendingFile, accessRole, accountIds } = noted
  let table = noted.table
  let key = noted.key
  const left: string[] = []
  const attempt = trying(left)
  await attempt(`the stack ${stackName(stage)}`, async () => {
    if (!(await findStack(clients.cloudFormation, stage))) return
    const resources = await resourcesOf()
    table ??= resources.get('Ledger')
    key ??= resources.get('PasswordKey')
    await copyService(target.folder).osls(vendingFile, 'remove')
  })
  for (const accountId of accountIds) {
    await attempt(`the users ${prefix}… and the group ${group.name} in account ${accountId}`, async () =>
      deleteOurs(await iamOf(target, accountId, accessRole), accountId, attempt),
    )
    for (const SecretId of userNames.map((userName) => secretName(accountId, userName)))
      await attempt(`the secret ${SecretId}`, () =>
        clients.secrets.send(new DeleteSecretCommand({ SecretId, ForceDeleteWithoutRecovery: true })),
      )
  }
  const TableName = table
  if (TableName)
    await attempt(`the table ${TableName}`, () => clients.dynamodb.send(new DeleteTableCommand({ TableName })))
  const keyId = key
  if (keyId) await attempt(`the key ${keyId}`, () => scheduleKeyDeletion(keyId))
  if (left.length)
    throw new Error(`These are left behind. Remove them by hand:\n${left.map((each) => `  ${each}`).join('\n')}`)
}
