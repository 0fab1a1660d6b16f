import { randomUUID } from 'node:crypto'
import type { Intercept } from './aws/endpoint.ts'
import type { LocalOrganization } from './start-organization.ts'
import { addressOf, createAccount, ensureAccount } from './vend.ts'
import { AwsError, newAccountId } from './aws/world.ts'

/**
 * What may go wrong with a new account: its access role refuses for 3 minutes, IAM asks to slow down for 3 minutes, its
 * event comes twice at once, a service control policy forbids IAM users.
 */
export const breakages = ['nothing', 'role-not-ready', 'throttling', 'duplicate-event', 'denied-by-policy'] as const
export type Breakage = (typeof breakages)[number]

/** Makes accounts in which something goes wrong on purpose, to watch the workflow recover. `intercept` is for `startOrganization`. */
export const breaker = () => {
  /** Until when IAM throttles, by account. */
  const throttledUntil = new Map<string, number>()
  /** What shall go wrong in an account that is being created, by its e-mail address. */
  const asked = new Map<string, Breakage>()
  let organization: LocalOrganization | undefined

  const intercept: Intercept = ({ service, caller, record }) => {
    if (service === 'iam' && record.function && record.at < (throttledUntil.get(caller.accountId) ?? 0))
      throw new AwsError('Throttling', 'Rate exceeded')
  }

  const breakAccount = (accountId: string, breakage: Breakage) => {
    const account = organization?.world.accounts.get(accountId)
    if (!organization || !account) return
    const now = organization.world.now()
    if (breakage === 'role-not-ready') account.roleUsableFrom = now + 180_000
    if (breakage === 'throttling') throttledUntil.set(accountId, now + 180_000)
    if (breakage === 'denied-by-policy') account.deniedActions.push('iam:CreateUser')
  }

  /** To be called once, with the organization that got `intercept`. */
  const attach = (started: LocalOrganization) => {
    organization = started
    const { world } = started
    const { emit } = world
    world.emit = (event) => {
      const { createAccountStatus = {} } = (event as { detail: { serviceEventDetails: Record<string, object> } }).detail
        .serviceEventDetails as { createAccountStatus?: { accountId?: string } }
      const { accountId = '' } = createAccountStatus
      const breakage = asked.get(world.accounts.get(accountId)?.email ?? '') ?? 'nothing'
      breakAccount(accountId, breakage)
      emit(event)
      if (breakage === 'duplicate-event') emit(event)
    }
  }

  /** A new account, with the event of whoever vends by `vending.yml`. Answers its id. */
  const newAccount = async (name: string, breakage: Breakage) => {
    if (!organization) throw new Error('There is no organization yet')
    const { vending, world, putEvent } = organization
    const email = addressOf(vending, `${name.toLowerCase().replace(/[^a-z0-9]+/g, '-')}+${randomUUID().slice(0, 8)}`)
    if (vending.automatic === 'organizations') {
      asked.set(email, breakage)
      return createAccount(organization, name, email)
    }
    // The local organization has no Control Tower: its word is put.
    const accountId = newAccountId(world)
    ensureAccount(organization, accountId, name)
    breakAccount(accountId, breakage)
    const event = managedAccountEvent(organization, accountId, name)
    putEvent(event)
    if (breakage === 'duplicate-event') putEvent(event)
    return accountId
  }

  return { intercept, attach, newAccount }
}

/** CreateManagedAccount, as Control Tower tells it (Control Tower User Guide, lifecycle-events). */
const managedAccountEvent = ({ world }: LocalOrganization, accountId: string, accountName: string) => ({
  version: '0',
  id: randomUUID(),
  'detail-type': 'AWS Service Event via CloudTrail',
  source: 'aws.controltower',
  account: world.managementAccountId,
  time: new Date(world.now()).toISOString(),
  region: world.region,
  resources: [],
  detail: {
    eventName: 'CreateManagedAccount',
    serviceEventDetails: {
      createManagedAccountStatus: { account: { accountName, accountId }, state: 'SUCCEEDED' },
    },
  },
})
