import { type AccountClient, PutAlternateContactCommand } from '@aws-sdk/client-account'
import {
  DescribeAccountCommand,
  MoveAccountCommand,
  type OrganizationsClient,
  TagResourceCommand,
} from '@aws-sdk/client-organizations'
import * as z from 'zod/mini'
import { accountSchema, parentOf } from '../shared/account.ts'
import { isDenied, isNamed } from '../shared/aws-errors.ts'
import { type ControlTower, isEnrolled } from '../shared/control-tower.ts'
import { AccountNotEnrolledError, AccountNotOpenError, AlternateContactDeniedError } from '../shared/errors.ts'
import type { Ledger } from '../shared/ledger.ts'
import { openingSchema, requestTag } from '../shared/new-account.ts'
import { beginOpeningStep, changeOpening, type Intent } from '../shared/opening.ts'
import { beginStep } from '../shared/record-and-lease.ts'
import { alternateContactLimit, moveAccountLimit, waitForTurn } from '../shared/reserve-moment.ts'
import { vendSchema } from '../shared/vend.ts'

export const placeAccountInput = z.object({ vend: vendSchema, account: accountSchema, opening: openingSchema })
type Input = z.output<typeof placeAccountInput>
type Clients = {
  organizations: OrganizationsClient
  contacts: AccountClient
  controlTower: ControlTower
  ledger: Ledger
}
type Placed = NonNullable<Intent['placed']>
type Answer = { waitUntil?: string }

/**
 * Moves a new account to its organizational unit, sets its tags and its alternate contacts, and with Control Tower
 * waits until the account is enrolled.
 *
 * Answers `waitUntil` if the workflow must wait until this time and then run this step again.
 * Safe to run twice: what was applied is on record, and each call may be repeated.
 * Throws `AccountNotEnrolledError` as long as Control Tower is at work, `AccountNotOpenError` as long as Account
 * Management does not know the account, `AlternateContactDeniedError`, `LeaseLostError` and `FailedJustNowError`.
 */
export async function placeAccount(
  clients: Clients,
  { vend, account, opening }: Input,
  { automatic }: { automatic: 'organizations' | 'control-tower' },
): Promise<Answer> {
  const { organizations, contacts, ledger } = clients
  const opened = { email: opening.email, vend }
  await beginStep(ledger, { accountId: account.id, vend, state: 'PlaceAccount' })
  let intent = await beginOpeningStep(ledger, { ...opened, state: 'PlaceAccount' })
  const record = async (placed: Placed) => {
    const set = { placed: { ...intent.placed, ...placed } }
    intent = await changeOpening(ledger, opened, { set, remove: ['turns'] })
  }

  if (opening.ou !== undefined && intent.placed?.ou !== opening.ou) {
    const waitUntil = await waitForTurn(ledger, opened, intent, moveAccountLimit)
    if (waitUntil !== undefined) return { waitUntil }
    await moveAccount(organizations, account.id, opening.ou)
    await record({ ou: opening.ou })
  }
  if (!intent.placed?.tags) {
    const tags = { ...opening.tags, [requestTag]: opening.requestId }
    const Tags = Object.entries(tags).map(([Key, Value]) => ({ Key, Value }))
    await organizations.send(new TagResourceCommand({ ResourceId: account.id, Tags }))
    await record({ tags: Object.keys(tags) })
  }
  for (const [type, { name, title, email, phone }] of Object.entries(opening.alternateContacts)) {
    const set = intent.placed?.alternateContacts ?? []
    if (set.includes(type)) continue
    const waitUntil = await waitForTurn(ledger, opened, intent, alternateContactLimit)
    if (waitUntil !== undefined) return { waitUntil }
    await contacts
      .send(
        new PutAlternateContactCommand({
          AccountId: account.id,
          AlternateContactType: contactTypes[type],
          Name: name,
          Title: title,
          EmailAddress: email,
          PhoneNumber: phone,
        }),
      )
      .catch(nameRefusal)
    await record({ alternateContacts: [...set, type] })
  }
  if (automatic === 'control-tower' && !intent.placed?.enrolled) {
    await checkEnrolled(clients, account.id)
    await record({ enrolled: true })
  }
  return {}
}

/** Account Management lets the management account set contacts only with trusted access to the organization. */
const nameRefusal = (error: unknown): never => {
  if (isNamed(error, 'ResourceNotFoundException'))
    throw new AccountNotOpenError('Account Management does not know the new account yet')
  if (!isDenied(error)) throw error
  throw new AlternateContactDeniedError(`AWS says: ${error instanceof Error ? error.message : ''}`, { cause: error })
}

const contactTypes: Record<string, 'BILLING' | 'OPERATIONS' | 'SECURITY'> = {
  billing: 'BILLING',
  operations: 'OPERATIONS',
  security: 'SECURITY',
}

const moveAccount = async (organizations: OrganizationsClient, accountId: string, ou: string) => {
  const parent = await parentOf(organizations, accountId)
  if (parent === ou) return
  try {
    await organizations.send(
      new MoveAccountCommand({ AccountId: accountId, SourceParentId: parent, DestinationParentId: ou }),
    )
  } catch (error) {
    // An earlier try has moved the account: ListParents is eventually consistent.
    if (!isNamed(error, 'DuplicateAccountException')) throw error
  }
}

const checkEnrolled = async ({ organizations, controlTower }: Clients, accountId: string) => {
  const { Account } = await organizations.send(new DescribeAccountCommand({ AccountId: accountId }))
  if (!(await isEnrolled(controlTower, Account?.Arn ?? '')))
    throw new AccountNotEnrolledError(`Control Tower has not enrolled account ${accountId} yet`)
}
