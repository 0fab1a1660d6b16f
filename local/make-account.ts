import {
  CreateAccountCommand,
  DescribeCreateAccountStatusCommand,
  OrganizationsClient,
} from '@aws-sdk/client-organizations'
import { setTimeout } from 'node:timers/promises'
import { addressOf } from './address.ts'
import { addAccount, type World } from './aws/world.ts'
import { clientConfig, type LocalOrganization } from './start-organization.ts'

const names = ['Analytics', 'Staging', 'Billing', 'Search', 'Archive', 'Media']

/** A name that no account has: none that exists, none that Organizations is creating, and none of `asked`. */
export const unusedName = (
  { accounts, createRequests }: Pick<World, 'accounts' | 'createRequests'>,
  asked: string[] = [],
) => {
  const taken = new Set([
    ...asked,
    ...[...accounts.values()].map(({ name }) => name),
    ...[...createRequests.values()].map(({ accountName }) => accountName),
  ])
  for (let round = 1; ; round++)
    for (const name of names.map((name) => (round === 1 ? name : `${name} ${round}`))) if (!taken.has(name)) return name
}

/**
 * Has Organizations create an account, as a person does in the console, and waits until the account exists.
 * Returns its id. Throws an Error if Organizations cannot create the account.
 */
export const createAccount = async (organization: LocalOrganization, AccountName: string, Email: string) => {
  const client = new OrganizationsClient(clientConfig(organization, organization.world.managementAccountId))
  const { CreateAccountStatus } = await client.send(
    new CreateAccountCommand({ AccountName, Email, RoleName: organization.vending.accessRole }),
  )
  for (let tries = 0; tries < 200; tries++) {
    const { CreateAccountStatus: now } = await client.send(
      new DescribeCreateAccountStatusCommand({ CreateAccountRequestId: CreateAccountStatus?.Id }),
    )
    if (now?.State === 'SUCCEEDED') return now.AccountId ?? ''
    if (now?.State === 'FAILED') throw new Error(`Organizations could not create the account: ${now.FailureReason}`)
    await setTimeout((5 * 1000) / organization.clock.speed)
  }
  throw new Error('Organizations did not create the account within 1000 seconds')
}

type Joined = { joinedMethod?: string; previousOrganization?: { managementAccountId?: string } }

/** What an event says about how its account joined, if the account was invited. */
const invitationIn = (event: unknown) => {
  const { detail = {} } = (event ?? {}) as { detail?: { serviceEventDetails?: Record<string, Joined> } & Joined }
  // AWS publishes no sample of this event.
  const joined = [detail, ...Object.values(detail.serviceEventDetails ?? {})].find(({ joinedMethod }) => joinedMethod)
  if (joined?.joinedMethod?.toUpperCase() !== 'INVITED') return {}
  const roleTrusts = joined.previousOrganization?.managementAccountId
  return {
    joinedMethod: 'INVITED' as const,
    // 10 to 20 minutes were seen.
    joinSeenAfter: 600,
    roleUsableAfter: 0,
    policiesAfter: 0,
    ...(roleTrusts && { roleTrusts }),
  }
}

/**
 * Adds a new member account without sending its event. Does nothing if the account exists. If `event` says that the
 * account was invited, the account has the access role, which in an account from another organization trusts that
 * organization's management account.
 */
export const ensureAccount = ({ world, vending }: LocalOrganization, id: string, name = 'Sandbox', event?: unknown) => {
  if (world.accounts.has(id)) return
  const [allowed = ''] = vending.allowedRecipients
  const localPart = name.replace(/[^A-Za-z0-9]+/g, '-')
  const email = addressOf(allowed, localPart)
  const isTaken = [...world.accounts.values()].some((account) => account.email === email)
  addAccount(world, {
    id,
    name,
    email: isTaken ? addressOf(allowed, `${localPart}+${id}`) : email,
    roleName: vending.accessRole,
    roleUsableAfter: 12,
    policiesAfter: 6,
    ...invitationIn(event),
  })
}
