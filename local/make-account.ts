import {
  CreateAccountCommand,
  DescribeCreateAccountStatusCommand,
  OrganizationsClient,
} from '@aws-sdk/client-organizations'
import { setTimeout } from 'node:timers/promises'
import { addressOf } from './address.ts'
import { addAccount } from './aws/world.ts'
import { clientConfig, type LocalOrganization } from './start-organization.ts'

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

/** Adds a new member account without sending its event. Does nothing if the account exists. */
export const ensureAccount = ({ world, vending }: LocalOrganization, id: string, name = 'Sandbox') => {
  if (world.accounts.has(id)) return
  const [allowed = ''] = vending.allowedRecipients
  const email = addressOf(allowed, name)
  const isTaken = [...world.accounts.values()].some((account) => account.email === email)
  addAccount(world, {
    id,
    name,
    email: isTaken ? addressOf(allowed, `${name}+${id}`) : email,
    roleName: vending.accessRole,
    roleUsableAfter: 12,
    policiesAfter: 6,
  })
}
