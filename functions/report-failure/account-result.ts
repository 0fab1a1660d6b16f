import type { OrganizationsClient } from '@aws-sdk/client-organizations'
import type { SFNClient } from '@aws-sdk/client-sfn'
import * as z from 'zod/mini'
import { decideRequest } from '../accept-request/accept-request.ts'
import { isNamed } from '../shared/aws-errors.ts'
import { eventOfSweep } from '../shared/event-shape.ts'
import type { Ledger } from '../shared/ledger.ts'
import { creationFailureOf } from './creation-failures.ts'

const failedResult = z.object({ state: z.string() })
const managedResult = z.optional(
  z.extend(failedResult, {
    message: z.optional(z.string()),
    account: z.optional(z.object({ accountName: z.optional(z.string()), accountId: z.optional(z.string()) })),
  }),
)
/** The result of Organizations or Control Tower that an account could not be created, enrolled or updated. */
export const accountResult = z.object({
  source: z.enum(['aws.organizations', 'aws.controltower']),
  id: z.string(),
  detail: z.object({
    eventName: z.optional(z.string()),
    serviceEventDetails: z.object({
      createAccountStatus: z.optional(
        z.extend(failedResult, { id: z.string(), failureReason: z.optional(z.string()) }),
      ),
      createManagedAccountStatus: managedResult,
      updateManagedAccountStatus: managedResult,
    }),
  }),
})
type AccountResult = z.output<typeof accountResult>
type Clients = { organizations: OrganizationsClient; sfn: SFNClient; ledger: Ledger }
type Config = Parameters<typeof decideRequest>[2] & { stateMachineArn: string }

/** What identifies a result: Organizations may send an event more than once, under several ids. */
export const resultId = ({ id, detail }: AccountResult) =>
  detail.serviceEventDetails.createAccountStatus?.id ?? `${detail.eventName}#${id}`

const administrators = 'the administrators of the account'
const missing = (sentence: string) => ({
  sentence,
  done: '',
  notDone: administrators,
  next: 'When Control Tower has enrolled or updated the account, the account is vended automatically.',
})
const nothingMissing = (sentence: string, done = '') => ({
  sentence,
  done,
  notDone: '',
  next: 'You do not need to do anything for account vending.',
})

/**
 * Whether an account has its administrators, will get them, or never gets them: what AcceptRequest would decide about
 * an event of this account. Control Tower also updates accounts that are vended, old or protected.
 */
const standingOf = async (clients: Clients, { id }: AccountResult, accountId: string, config: Config) => {
  // Nothing is started, and no execution has this ARN.
  const executionArn = `${config.stateMachineArn.replace(':stateMachine:', ':execution:')}:${id}`
  try {
    const { outcome } = await decideRequest(clients, { request: eventOfSweep(accountId), executionArn }, config)
    return {
      AlreadyVended: nothingMissing(
        'The account has its administrators: account vending has vended it.',
        administrators,
      ),
      AlreadyInProgress: nothingMissing('Account vending is vending the account.'),
      NotNew: nothingMissing(
        'The account joined the organization before account vending was installed, or its administrators were removed, so no event vends the account.',
      ),
      Accepted: missing('The account has no administrators of account vending yet.'),
    }[outcome]
  } catch (error) {
    if (isNamed(error, 'AccountBusyError')) return nothingMissing('Account vending is vending the account.')
    if (isNamed(error, 'ManagementAccountError', 'ProtectedAccountError'))
      return nothingMissing(`Account vending never vends the account. ${error.message}.`)
    if (isNamed(error, 'AccountNotFoundError')) return missing('The account is not in the organization.')
    if (isNamed(error, 'AccountNotActiveError', 'AccountPendingError'))
      return nothingMissing(`Account vending leaves the account alone. ${error.message}.`)
    if (isNamed(error, 'InvalidInputError', 'RecipientNotAllowedError'))
      return missing(`The account has no administrators yet, and a vend would fail. ${error.message}.`)
    throw error
  }
}

const none = { cause: '', verbatim: '', request: '', save: '', awsWords: '', awsCommand: '', execution: '' }

/**
 * The notice about an account that could not be created, enrolled or updated. Reads only.
 * Throws AWS's own errors.
 */
export const accountNotice = async (clients: Clients, input: AccountResult, config: Config) => {
  const { createAccountStatus, createManagedAccountStatus, updateManagedAccountStatus } =
    input.detail.serviceEventDetails
  if (createAccountStatus) {
    const { reason, advice, command } = creationFailureOf(createAccountStatus.failureReason)
    return {
      ...none,
      title: 'A new account could not be created',
      what: 'Organizations could not create an account, so there is no account to vend.',
      error: reason,
      done: '',
      notDone: 'the account\nthe administrators of the account',
      advice,
      command,
    }
  }
  const { account: { accountName, accountId } = {}, message = '' } =
    createManagedAccountStatus ?? updateManagedAccountStatus ?? {}
  const called = [accountName, accountId].filter(Boolean).join(', ')
  const standing = /^\d{12}$/.test(accountId ?? '')
    ? await standingOf(clients, input, accountId ?? '', config)
    : missing('The event does not name the account.')
  const failed = updateManagedAccountStatus ? 'enroll or update' : 'create or enroll'
  return {
    ...none,
    title: `Control Tower could not ${failed} ${called || 'an account'}`,
    what: `Control Tower could not ${failed} an account. ${standing.sentence}`,
    error: 'CONTROL_TOWER_FAILED',
    verbatim: message,
    done: standing.done,
    notDone: standing.notDone,
    advice: `The Control Tower console shows the reason. ${standing.next}`,
    command: '',
  }
}
