import { styleText } from 'node:util'
import { IAMClient } from '@aws-sdk/client-iam'
import { OrganizationsClient } from '@aws-sdk/client-organizations'
import { SFNClient, StartExecutionCommand } from '@aws-sdk/client-sfn'
import { GetCallerIdentityCommand, STSClient } from '@aws-sdk/client-sts'
import { decideRemoval } from '../functions/accept-request/accept-removal.ts'
import {
  credentialsOf,
  inspectRemoval,
  inspectRemovalPermissions,
} from '../functions/remove-administrators/inspect-removal.ts'
import { assumeAccountRole } from '../functions/shared/iam-client.ts'
import { type Remove, sayCredentials } from '../functions/shared/removal.ts'
import type { Vending } from '../functions/shared/vending.ts'
import { keepingToTheRate, type Make, type Place } from './clients.ts'
import { isRefusal, RefusedError, sayError } from './command-errors.ts'
import { executionArnOf, findService, serviceClients } from './service.ts'
import { showTime, table, wrap } from './show.ts'

export const removeClients = (make: Make) => ({
  ...serviceClients(make),
  organizations: make(OrganizationsClient, keepingToTheRate),
  sfn: make(SFNClient),
  sts: make(STSClient),
  /** The client of a session in another account. */
  iamOf: (credentials: Place['credentials']) => make(IAMClient, { credentials }),
})
type Clients = ReturnType<typeof removeClients>

type Line = { kind: string; name: string; what: string }
/** What a removal would take out of an account, and what it would leave there. */
export type Preview = {
  accountId: string
  accountName?: string
  /** Removing, or NothingToRemove. */
  outcome: string
  /** Why there is nothing to remove. */
  reason: string
  removed: Line[]
  stays: Line[]
  /** The users without whom nobody could sign in to the console with a password. */
  lastWayIn: string[]
}

type Asked = { accountId: string; remove: Remove; stage: string; vending: Vending }

/**
 * Tells what a removal would take out of the account, without writing anything: with the workflow's own code, in a
 * session that may only read.
 * Throws `NotDeployedError`, `RefusedError`, and AWS's errors where nothing can be read.
 */
export async function previewRemoval(clients: Clients, { accountId, remove, stage, vending }: Asked): Promise<Preview> {
  const { stateMachineArn, ledger } = await findService(clients, stage)
  const preview: Preview = { accountId, outcome: 'Removing', reason: '', removed: [], stays: [], lastWayIn: [] }
  try {
    const executionArn = executionArnOf(stateMachineArn, 'remove')
    const request = { accountId, remove }
    const decided = await decideRemoval({ ...clients, ledger }, { request, executionArn }, vending)
    if (decided.outcome !== 'Removing') {
      const at = decided.record?.removal?.at
      const reason = at
        ? `The administrators of account ${accountId} were removed at ${showTime(at)}.`
        : `Account vending has no record of account ${accountId}, so it has put nothing into the account.`
      return { ...preview, outcome: decided.outcome, reason }
    }
    const { vend, account, record } = decided
    const credentials = await assumeAccountRole(clients.sts, {
      account,
      vend,
      roleName: vending.accessRole,
      permissions: inspectRemovalPermissions(remove),
    })
    const found = await inspectRemoval(clients.iamOf(credentials), { remove, record })
    return { ...preview, accountName: account.name, ...linesOf(found, remove), lastWayIn: found.lastWayIn }
  } catch (error) {
    if (!isRefusal(error)) throw error
    throw new RefusedError(`${sayError(error)} Nothing was removed.`, { cause: error })
  }
}

const linesOf = ({ users, gone, groups, stays }: Awaited<ReturnType<typeof inspectRemoval>>, { what }: Remove) => {
  const ofUser = (user: (typeof users)[number]) => {
    const credentials = sayCredentials(credentialsOf(user))
    if (what === 'everything')
      return `would be deleted${credentials && `, with ${credentials}`}; the secret would be scheduled for deletion`
    const profile = user.hasLoginProfile ? 'the console sign-in would be removed' : 'has no console sign-in any more'
    return `${profile}; the secret would be scheduled for deletion${credentials && `; ${credentials} would stay with the user`}`
  }
  return {
    removed: [
      ...users.map((user): Line => ({ kind: 'user', name: user.userName, what: ofUser(user) })),
      ...gone.map((name): Line => ({
        kind: 'user',
        name,
        what: 'is gone already; the secret would be scheduled for deletion',
      })),
      ...groups.map(({ name }): Line => ({ kind: 'group', name, what: 'would be deleted, with its policies' })),
    ],
    stays: stays.map(({ kind, name, why }): Line => ({ kind, name, what: why })),
  }
}

/** Starts the removal. The record keeps the caller's ARN as the requester. */
export async function startRemoval(clients: Clients, { accountId, remove, stage }: Omit<Asked, 'vending'>) {
  const [{ stateMachineArn }, { Arn: requestedBy }] = await Promise.all([
    findService(clients, stage),
    clients.sts.send(new GetCallerIdentityCommand({})),
  ])
  const input = JSON.stringify({ accountId, remove, requestedBy })
  const { executionArn = '' } = await clients.sfn.send(new StartExecutionCommand({ stateMachineArn, input }))
  return { accountId, executionArn, requestedBy }
}

/** The preview for a person. */
export const showPreview = ({ accountId, accountName, reason, removed, stays, lastWayIn }: Preview) => {
  if (reason) return `Nothing to remove. ${reason}`
  const rows = (lines: Line[]) => lines.map(({ kind, name, what }) => [`${kind} ${name}`, what])
  return [
    `${styleText('bold', accountId)}${accountName ? ` (${accountName})` : ''}`,
    '',
    removed.length
      ? table(['Would be removed', ''], rows(removed))
      : 'Nothing would be removed from the account itself.',
    ...(stays.length ? ['', table(['Would stay', 'because'], rows(stays))] : []),
    ...(lastWayIn.length
      ? [
          '',
          styleText(
            'yellow',
            wrap(
              `After this, nobody can sign in to the console of the account with a password: no other user has a login profile besides ${lastWayIn.join(', ')}. The access role stays.`,
            ),
          ),
        ]
      : []),
  ].join('\n')
}
