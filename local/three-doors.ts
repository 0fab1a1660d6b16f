import { addressOf } from './address.ts'
import { managedAccountEvent } from './aws/control-tower.ts'
import { accountNamed } from './input.ts'
import { accountOfExecution } from './read-execution.ts'
import { createAccount, ensureAccount } from './make-account.ts'
import { announce } from './print-vends.ts'
import { report, type VendReport } from './report-vend.ts'
import type { LocalOrganization } from './start-organization.ts'
import { vend } from './vend-input.ts'

/** Vends one account through each door, and announces each vend with `say`. */
export const vendThroughThreeDoors = async (
  organization: LocalOrganization,
  say: (text: string) => void,
): Promise<VendReport[]> => {
  const { vending } = organization
  const [allowed = ''] = vending.allowedRecipients
  const isByOrganizations = vending.automatic === 'organizations'
  say(announce('event', `${isByOrganizations ? 'Organizations creates' : 'Control Tower has created'} an account`))
  const byEvent = await (isByOrganizations ? vendCreatedAccount(organization) : vendManagedAccount(organization))

  say(announce('manual', 'somebody starts an execution'))
  ensureAccount(organization, '777788889999', 'Website')
  const manual = await vend(organization, { door: 'manual', input: '{"accountId":"777788889999"}' })

  say(announce('api', 'a signed request POST /accounts/888899990000/admins'))
  ensureAccount(organization, '888899990000', 'Research')
  const admins = ['ada', 'grace'].map((userName) => ({ userName, email: addressOf(allowed, userName) }))
  const byApi = await vend(organization, {
    door: 'api',
    request: {
      method: 'POST',
      path: '/accounts/888899990000/admins',
      headers: { 'content-type': 'application/json', 'idempotency-key': 'first-request' },
      body: JSON.stringify({ admins }),
    },
  })
  return [byEvent, manual, byApi]
}

/** Has Organizations create an account, whose own event starts the vend. */
const vendCreatedAccount = async (organization: LocalOrganization) => {
  const { world, vending } = organization
  const [callsBefore, mailsBefore] = [world.calls.length, (await organization.mails()).length]
  const accountId = await createAccount(
    organization,
    'Payments',
    addressOf(vending.allowedRecipients[0] ?? '', 'payments'),
  )
  await organization.settled()
  const event = organization.events.find(
    (event) => accountNamed({ door: 'event', event }, world.managementAccountId) === accountId,
  )
  const executions = [...organization.executions.values()]
  return report(organization, {
    input: { door: 'event', event },
    matched: event !== undefined,
    response: null,
    execution: executions.find((execution) => accountOfExecution(execution) === accountId) ?? null,
    calls: world.calls.slice(callsBefore),
    mails: (await organization.mails()).slice(mailsBefore),
  })
}

/** The local organization has no Control Tower, so the account and the event of Control Tower are made by hand. */
const vendManagedAccount = (organization: LocalOrganization) => {
  const [accountId, name] = ['444455556666', 'Payments']
  ensureAccount(organization, accountId, name)
  return vend(organization, { door: 'event', event: managedAccountEvent(organization.world, accountId, name) })
}
