type CreationFailure = { advice: string; command: string }

const create = "aws organizations create-account --account-name 'ACCOUNT NAME' --email 'ADDRESS'"
const createForGovCloud = "aws organizations create-gov-cloud-account --account-name 'ACCOUNT NAME' --email 'ADDRESS'"
// The address may belong to an account that the first request made.
const look = 'aws organizations list-create-account-status --states IN_PROGRESS SUCCEEDED'

const whenValidated = 'When AWS has validated the account, create the account again:'
const createAgain = (advice: string, command = create): CreationFailure => ({ advice, command })

const identityNotValid = createAgain(
  `The management account cannot be validated as a business, because its identity data is not valid. Correct the data under Account in the console of the management account. ${whenValidated}`,
)

/**
 * Why Organizations could not create an account, what to do, and the command for that. By CreateAccountStatus's
 * FailureReason (Organizations API Reference).
 */
export const creationFailures: Record<string, CreationFailure> = {
  ACCOUNT_LIMIT_EXCEEDED: createAgain(
    'The organization has reached its quota "Default maximum number of accounts" (10 in a new organization; closed accounts count until they are permanently closed). Request a higher quota in Service Quotas, under AWS Organizations, then create the account again:',
  ),
  EMAIL_ALREADY_EXISTS: createAgain(
    'The e-mail address already belongs to another AWS account. Create the account with another address:',
  ),
  GOVCLOUD_ACCOUNT_ALREADY_EXISTS: createAgain(
    'The e-mail address already belongs to an account in AWS GovCloud (US). Create the two accounts, in AWS GovCloud (US) and in the commercial Regions, with another address:',
    createForGovCloud,
  ),
  INVALID_EMAIL: createAgain('The e-mail address is not valid. Create the account with another address:'),
  INVALID_ADDRESS: createAgain(
    'The postal address of the organization is not valid. Correct the postal address in Billing, then create the account again:',
  ),
  CONCURRENT_ACCOUNT_MODIFICATION: createAgain(
    'The same request was already submitted. First look whether the other request has created the account, or is still creating the account. Only if not, create the account again. This command shows the other request:',
    look,
  ),
  INTERNAL_FAILURE: createAgain(
    'AWS had an internal failure. Create the account again, and if the creation fails again, ask AWS Support:',
  ),
  MISSING_PAYMENT_INSTRUMENT: createAgain(
    'The management account has no payment method. Add a payment method in Billing, then create the account again:',
  ),
  INVALID_PAYMENT_INSTRUMENT: createAgain(
    'The payment method of the management account is not valid or not supported. Correct the payment method in Billing, then create the account again:',
  ),
  MISSING_BUSINESS_VALIDATION: createAgain(
    `AWS has not validated the management account as a business. Complete the validation in the console of the management account. ${whenValidated}`,
  ),
  PENDING_BUSINESS_VALIDATION: createAgain(
    `AWS is still validating the management account as a business. ${whenValidated}`,
  ),
  FAILED_BUSINESS_VALIDATION: createAgain(
    `The validation of the management account as a business has failed. Ask AWS Support for the reason. ${whenValidated}`,
  ),
  UNKNOWN_BUSINESS_VALIDATION: createAgain(
    `AWS could not validate the management account as a business, and does not say why. Ask AWS Support. ${whenValidated}`,
  ),
  INVALID_IDENTITY_FOR_BUSINESS_VALIDATION: identityNotValid,
  // The API Reference's name for the same reason. The enum of the SDK has the name above.
  IDENTITY_INVALID_BUSINESS_VALIDATION: identityNotValid,
  UPDATE_EXISTING_RESOURCE_POLICY_WITH_TAGS_NOT_SUPPORTED: createAgain(
    'Organizations cannot set tags when it updates an existing resource policy. Create the account again without tags, and add the tags afterwards:',
  ),
}

const withoutReason = createAgain(
  'Organizations gave no reason. Look at the request in the console of Organizations or in CloudTrail. If the account was not created, create the account again:',
)
const unknownReason = createAgain(
  'This version of account vending does not know this reason. The console of Organizations shows more about the request. When the cause is fixed, create the account again:',
)

/** What to do about a creation that failed, with the name of the reason. Organizations may give no reason. */
export const creationFailureOf = (reason: string | undefined) =>
  reason
    ? { reason, ...(Object.hasOwn(creationFailures, reason) ? creationFailures[reason]! : unknownReason) }
    : { reason: 'NO_REASON_GIVEN', ...withoutReason }
