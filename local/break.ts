import { randomUUID } from 'node:crypto'
import { addressIdentity } from '../functions/shared/address.ts'
import { requestTag } from '../functions/shared/new-account.ts'
import { addressOf } from './address.ts'
import { AwsError } from './aws/aws-error.ts'
import { managedAccountEvent } from './aws/control-tower.ts'
import type { Intercept } from './aws/endpoint.ts'
import { newAccountId } from './aws/world.ts'
import { createAccount, ensureAccount } from './make-account.ts'
import type { LocalOrganization } from './start-organization.ts'

/**
 * What can go wrong while an account is opened: the address belongs to another account, Organizations is creating as
 * many accounts as it can for 10 minutes, Organizations cannot create the account the first time, or the answer of
 * CreateAccount is lost.
 */
export const openBreakages = ['address-taken', 'too-many-at-once', 'creation-fails', 'answer-lost'] as const
export type OpenBreakage = (typeof openBreakages)[number]

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
const tooManyMilliseconds = 600_000

const localPartOf = (name: string) => name.toLowerCase().replace(/[^a-z0-9]+/g, '-')

const accountOfCreation = (event: object) => {
  const { detail } = event as { detail: { serviceEventDetails?: { createAccountStatus?: { accountId?: string } } } }
  return detail.serviceEventDetails?.createAccountStatus?.accountId ?? ''
}

/** Breaks the opening of accounts. */
const openingBreaker = () => {
  /** What is to go wrong when Organizations is asked for an account with an address. */
  const planned = new Map<string, { breakage: OpenBreakage; until: number }>()

  /** Answers or breaks CreateAccount, as `Intercept` says. */
  const intercept = (email: string, at: number) => {
    const { breakage, until } = planned.get(email) ?? { until: 0 }
    if (breakage === 'too-many-at-once' && at < until)
      throw new AwsError('ConstraintViolationException', 'Too many account creations are in progress.', 400, {
        Reason: 'ACCOUNT_CREATION_RATE_LIMIT_EXCEEDED',
      })
    if (breakage !== 'answer-lost') return undefined
    planned.delete(email)
    return () => {
      throw Object.assign(new Error('socket hang up'), { code: 'ECONNRESET' })
    }
  }

  /** Plans what goes wrong with an account that is to be opened. Answers the address to ask for. */
  const plan = ({ vending, world }: LocalOrganization, name: string, breakage: OpenBreakage) => {
    const [allowed = ''] = vending.allowedRecipients
    if (breakage === 'address-taken') {
      // The address of an account that a request has opened belongs to that request.
      const others = [...world.accounts.values()].filter(({ tags }) => !(requestTag in tags))
      return others.findLast(({ email }) => email.endsWith(allowed))?.email ?? ''
    }
    const email = addressOf(allowed, `${localPartOf(name)}+${randomUUID().slice(0, 8)}`)
    if (breakage === 'creation-fails') world.failingCreations.set(email, 'MISSING_PAYMENT_INSTRUMENT')
    else planned.set(email, { breakage, until: world.now() + tooManyMilliseconds })
    return email
  }

  return { intercept, plan }
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

  const openings = openingBreaker()

  const intercept: Intercept = ({ service, operation, input, caller, record }) => {
    if (service === 'iam' && record.function && record.at < (throttledUntil.get(caller.accountId) ?? 0))
      throw new AwsError('Throttling', 'Rate exceeded')
    if (operation === 'CreateAccount' && record.function) return openings.intercept(String(input['Email']), record.at)
    return undefined
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
    const localPart = `${localPartOf(name)}+${randomUUID().slice(0, 8)}`
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

  const planOpening = (name: string, breakage: OpenBreakage) => {
    if (!organization) throw new Error('There is no organization yet')
    return openings.plan(organization, name, breakage)
  }

  return { intercept, attach, newAccount, planOpening }
}
