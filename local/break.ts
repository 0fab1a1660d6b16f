import { randomUUID } from 'node:crypto'
import { addressIdentity } from '../functions/shared/address.ts'
import { addressOf } from './address.ts'
import { AwsError } from './aws/aws-error.ts'
import { managedAccountEvent } from './aws/control-tower.ts'
import type { Intercept } from './aws/endpoint.ts'
import { newAccountId } from './aws/world.ts'
import { createAccount, ensureAccount } from './make-account.ts'
import type { LocalOrganization } from './start-organization.ts'

/**
 * What can go wrong with a new account: its access role cannot be assumed for 3 minutes, IAM throttles for 3 minutes,
 * its event arrives twice at once, its event cannot be delivered to the workflow, a service control policy denies
 * iam:CreateUser, AWS suspends the account, or the mail server of the account's address refuses the sign-in mail.
 */
export const breakages = [
  'nothing',
  'role-not-ready',
  'throttling',
  'duplicate-event',
  'event-not-delivered',
  'denied-by-policy',
  'suspended',
  'mail-bounces',
] as const
export type Breakage = (typeof breakages)[number]

const breakMilliseconds = 180_000

const accountOfCreation = (event: object) => {
  const { detail } = event as { detail: { serviceEventDetails?: { createAccountStatus?: { accountId?: string } } } }
  return detail.serviceEventDetails?.createAccountStatus?.accountId ?? ''
}

/**
 * Creates accounts in which something goes wrong on purpose, so that a person can watch the workflow recover.
 * Give `intercept` to `startOrganization`, then the organization to `attach`.
 */
export const breaker = () => {
  /** Until when IAM throttles, by account. */
  const throttledUntil = new Map<string, number>()
  /** What is to go wrong in accounts that are being created, by e-mail address. */
  const planned = new Map<string, Breakage>()
  let organization: LocalOrganization | undefined

  const intercept: Intercept = ({ service, caller, record }) => {
    if (service === 'iam' && record.function && record.at < (throttledUntil.get(caller.accountId) ?? 0))
      throw new AwsError('Throttling', 'Rate exceeded')
  }

  const breakAccount = ({ world }: LocalOrganization, accountId: string, breakage: Breakage) => {
    const account = world.accounts.get(accountId)
    if (!account) return
    const end = world.now() + breakMilliseconds
    if (breakage === 'role-not-ready') account.roleUsableFrom = end
    if (breakage === 'throttling') throttledUntil.set(accountId, end)
    if (breakage === 'suspended') account.state = 'SUSPENDED'
    if (breakage === 'denied-by-policy') account.deniedActions.push('iam:CreateUser')
    if (breakage === 'mail-bounces') world.refusingAddresses.add(addressIdentity(account.email))
  }

  const deliver = (
    { failDelivery }: LocalOrganization,
    event: object,
    breakage: Breakage,
    send: (event: object) => unknown,
  ) => {
    if (breakage === 'event-not-delivered') return failDelivery(event)
    send(event)
    if (breakage === 'duplicate-event') send(event)
  }

  const attach = (started: LocalOrganization) => {
    organization = started
    const { world } = started
    const { emit } = world
    world.emit = (event) => {
      const accountId = accountOfCreation(event)
      const breakage = planned.get(world.accounts.get(accountId)?.email ?? '') ?? 'nothing'
      breakAccount(started, accountId, breakage)
      deliver(started, event, breakage, emit)
    }
  }

  /** Creates an account whose event comes from the service that `automatic` in vending.yml names. Returns its id. */
  const newAccount = async (name: string, breakage: Breakage) => {
    if (!organization) throw new Error('There is no organization yet')
    const { vending, world, putEvent } = organization
    const localPart = `${name.toLowerCase().replace(/[^a-z0-9]+/g, '-')}+${randomUUID().slice(0, 8)}`
    if (vending.automatic === 'organizations') {
      const email = addressOf(vending.allowedRecipients[0] ?? '', localPart)
      planned.set(email, breakage)
      return createAccount(organization, name, email)
    }
    // The local organization has no Control Tower, so its account and its event are made by hand.
    const accountId = newAccountId(world)
    ensureAccount(organization, accountId, name)
    breakAccount(organization, accountId, breakage)
    const event = managedAccountEvent(world, accountId, name)
    deliver(organization, event, breakage, putEvent)
    return accountId
  }

  return { intercept, attach, newAccount }
}
