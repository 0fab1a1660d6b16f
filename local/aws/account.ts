import type * as AccountManagement from '@aws-sdk/client-account'
import { AwsError } from './aws-error.ts'
import { arnOfCaller } from './authorization.ts'
import type { Caller, Operations } from './operation.ts'
import type { Account, World } from './world.ts'

const invalid = (name: string, message: string) =>
  new AwsError('ValidationException', message, 400, {
    reason: 'fieldValidationFailed',
    fieldList: [{ name, message }],
  })

// Account Management API Reference, PutAlternateContact.
const limits: [field: 'Name' | 'Title' | 'EmailAddress' | 'PhoneNumber', longest: number, pattern: RegExp][] = [
  ['Name', 64, /./],
  ['Title', 50, /./],
  ['EmailAddress', 254, /^\s*[\w+=.#|!&-]+@[\w.-]+\.\w+\s*$/],
  ['PhoneNumber', 25, /^[\s0-9()+-]+$/],
]

const checkType = (type = '') => {
  if (!['BILLING', 'OPERATIONS', 'SECURITY'].includes(type))
    throw invalid('alternateContactType', 'AlternateContactType is not BILLING, OPERATIONS or SECURITY.')
}

/**
 * The account that a call is about. The management account names a member account, which needs trusted access. The
 * management account does not name itself. The words of both refusals have been seen on AWS.
 */
const accountOf = (world: World, AccountId: string | undefined, caller: Caller, operation: string): Account => {
  const refuse = (why: string) =>
    new AwsError(
      'AccessDeniedException',
      `User: ${arnOfCaller(caller)} is not authorized to perform: account:${operation} (${why})`,
      403,
    )
  if (AccountId === undefined) return world.accounts.get(caller.accountId)!
  if (!/^\d{12}$/.test(AccountId)) throw invalid('accountId', 'AccountId is not 12 digits.')
  if (caller.accountId !== world.managementAccountId) throw refuse('Only the management account names an account.')
  if (AccountId === world.managementAccountId)
    throw refuse('The management account can only be managed using the standalone context from the management account.')
  if (!world.trustedServices.has('account.amazonaws.com'))
    throw refuse('Your organization must first enable trusted access with AWS Account Management.')
  const account = world.accounts.get(AccountId)
  if (!account) throw refuse('The account is not a member of the organization.')
  return account
}

const putAlternateContact = (
  world: World,
  { AccountId, ...contact }: Partial<AccountManagement.PutAlternateContactRequest>,
  caller: Caller,
) => {
  checkType(contact.AlternateContactType)
  for (const [field, longest, pattern] of limits) {
    const text = contact[field] ?? ''
    if (text.length > longest || !pattern.test(text))
      throw invalid(
        `${field[0]?.toLowerCase()}${field.slice(1)}`,
        `${field} is missing, is longer than ${longest} characters, or has characters that are not allowed.`,
      )
  }
  const account = accountOf(world, AccountId, caller, 'PutAlternateContact')
  account.alternateContacts.set(contact.AlternateContactType ?? '', contact)
}

const getAlternateContact = (
  world: World,
  { AccountId, AlternateContactType }: Partial<AccountManagement.GetAlternateContactRequest>,
  caller: Caller,
) => {
  checkType(AlternateContactType)
  const account = accountOf(world, AccountId, caller, 'GetAlternateContact')
  const contact = account.alternateContacts.get(AlternateContactType ?? '')
  if (!contact)
    throw new AwsError('ResourceNotFoundException', 'No contact of the inputted alternate contact type.', 404)
  return { AlternateContact: contact }
}

/** Account Management's operations. */
export const accountManagement: Operations = {
  PutAlternateContact: putAlternateContact,
  GetAlternateContact: getAlternateContact,
}
