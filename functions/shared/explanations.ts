/**
 * What a failure means to a person, and which command goes on once its reason is mended: the same execution where it
 * stopped, the same request once more, or a corrected one.
 */
type Explanation = { what: string; advice: string; goOn: 'redrive' | 'start' | 'correct' }

const explain = (goOn: Explanation['goOn'], what: string, advice: string): Explanation => ({ what, advice, goOn })

const slowDown = explain(
  'redrive',
  'AWS kept asking to slow down, for longer than the workflow waits.',
  'Nothing needs mending. Go on at the step that failed:',
)

const secretGone = explain(
  'start',
  'The secret that holds the stored password was deleted, or is scheduled for deletion.',
  'Start again: the secret gets a new password, unless the user signs in with one already:',
)

/** Every named error that can end an execution, by name. */
export const explanations: Record<string, Explanation> = {
  InvalidInputError: explain(
    'correct',
    'The request is not valid.',
    'The cause names each field and what is allowed there. Save the corrected input as request.json, and start again:',
  ),
  AccountNotFoundError: explain(
    'correct',
    'The account is not in this organization. Nothing was made.',
    'Check the account id, save the corrected input as request.json, and start again:',
  ),
  ManagementAccountError: explain(
    'correct',
    'The management account is never vended. Nothing was made.',
    'Save an input with the id of a member account as request.json, and start again:',
  ),
  ProtectedAccountError: explain(
    'start',
    'vending.yml protects this account. Nothing was made.',
    'If it shall get administrators all the same, take it from “protected” in vending.yml, deploy, and start again:',
  ),
  AccountNotActiveError: explain(
    'redrive',
    'The account is not ACTIVE. Nothing was made.',
    'Once Organizations shows the account as ACTIVE, go on:',
  ),
  AccountPendingError: explain(
    'redrive',
    'Organizations showed the account as PENDING_ACTIVATION for minutes. Nothing was made.',
    'Once Organizations shows the account as ACTIVE, go on:',
  ),
  RecipientNotAllowedError: explain(
    'start',
    'A sign-in mail would go to an address that vending.yml does not allow. Nothing was made.',
    'Add the address or its domain to “allowedRecipients” in vending.yml and deploy, or ask for another address. Then start again:',
  ),
  AccountBusyError: explain(
    'start',
    'Another request for this account was still being vended when this one’s time to wait was over.',
    'See how the other one stands (GET /accounts/{accountId}), then start again:',
  ),
  LeaseLostError: explain(
    'start',
    'Another execution took over this account, so this one stopped writing to it.',
    'Look at the other execution. If something is missing after it, start again:',
  ),
  FailedJustNowError: explain(
    'redrive',
    'A redrive came right after the failure, and went on waiting for functions of the failed try for minutes.',
    'Nothing needs mending. Go on at the step that failed:',
  ),
  AccountNotReadyError: explain(
    'redrive',
    'The new account’s access role could not be assumed for 15 minutes after the account was created.',
    'Accounts are usually usable within minutes. If the role’s name differs from “accessRole” in vending.yml, mend that and deploy. Then go on:',
  ),
  AccessRoleMissingError: explain(
    'redrive',
    'The account has no access role that trusts the management account.',
    'Create the role in the account as the cause says (invited accounts never have it), then go on:',
  ),
  DeniedByPolicyError: explain(
    'redrive',
    'IAM inside the account refused, most likely because a service control policy forbids IAM users or groups.',
    'Exempt the access role from that policy, or do not vend IAM users in this organization: AWS recommends IAM Identity Center for people. Then go on:',
  ),
  PackedPolicyTooLargeException: explain(
    'correct',
    'The groups and policies that were asked for are too many or too long for a session in the account (STS).',
    'Save an input that asks for fewer groups and policies, or for such with shorter names, as request.json, and start again:',
  ),
  PolicyNotFoundError: explain(
    'start',
    'A policy that was asked for does not exist in the account. Nothing was made.',
    'Correct its name (AWS managed policies are named with their path, like job-function/Billing) in vending.yml and deploy, or in the request; or create the policy in the account. Then start again:',
  ),
  PolicyNotAttachableError: explain(
    'correct',
    'A policy that was asked for is one that AWS lets nobody attach to users or groups. Nothing was made.',
    'Save an input with another policy as request.json, and start again:',
  ),
  GroupNotOursError: explain(
    'start',
    'A group of that name exists in the account and gives other rights. It was left as it is, and nobody was added to it.',
    'Rename or delete that group, or ask for a group of another name. Then start again:',
  ),
  GroupDiffersError: explain(
    'correct',
    'A group that account vending made before gives other rights than were asked for now. Nothing was changed.',
    'Save an input that asks for a group of another name as request.json, and start again:',
  ),
  UserNotOursError: explain(
    'start',
    'Somebody else made a user of that name in the account while the vend was under way. It was left as it is.',
    'Start again and the user will be reported as kept, without a password or a mail; or delete that user first:',
  ),
  SecretNotOursError: explain(
    'redrive',
    'A secret of the name that the first password gets exists already, and was not made by this installation. It was left as it is.',
    'Find out who made it: an earlier installation, or somebody who wants to know the password. Delete it without recovery, then go on:',
  ),
  MailQuotaExceededError: explain(
    'redrive',
    'SES’s sending quota for 24 hours is used up. The administrators exist; the mail is missing.',
    'Ask AWS for a higher quota, or wait until tomorrow, then go on:',
  ),
  AwsUnreachableError: explain('redrive', 'AWS gave no answer, several times over.', 'Nothing needs mending. Go on:'),
  MessageRejected: explain(
    'redrive',
    'SES refused the sign-in mail. The administrators exist; the mail is missing.',
    'Verify the sender’s identity in SES (vending.yml: sender), or ask AWS to move SES out of the sandbox, then go on:',
  ),
  MailFromDomainNotVerifiedException: explain(
    'redrive',
    'SES refused the sign-in mail: the MAIL FROM domain is not verified.',
    'Mend the domain’s MX record in SES’s console, then go on:',
  ),
  ConfigurationSetDoesNotExistException: explain(
    'redrive',
    'SES does not know the configuration set of vending.yml.',
    'Create it, or correct “configurationSet” in vending.yml and deploy, then go on:',
  ),
  ConfigurationSetSendingPausedException: explain(
    'redrive',
    'Sending is paused for SES’s configuration set.',
    'Resume sending in SES’s console, then go on:',
  ),
  AccountSendingPausedException: explain(
    'redrive',
    'SES has paused sending for the management account.',
    'See SES’s reputation page for the reason; when sending is resumed, go on:',
  ),
  PasswordPolicyViolationException: explain(
    'start',
    'The account’s password policy refused the stored password: the policy was probably changed after it was stored.',
    'Delete the secret that this notice names, then start again: a new password is made by the policy of today:',
  ),
  InvalidRequestException: secretGone,
  ResourceNotFoundException: secretGone,
  LimitExceededException: explain(
    'redrive',
    'A quota of the account or of Secrets Manager is reached.',
    'The cause names it. Raise it in Service Quotas, or make room, then go on:',
  ),
  MalformedPolicyDocumentException: explain(
    'correct',
    'IAM refused a policy document. It checks more than can be checked beforehand.',
    'Correct the inline policy in vending.yml and deploy, or save the corrected input as request.json. Then start again:',
  ),
  'States.Timeout': explain(
    'redrive',
    'A step, or the whole workflow, took longer than it may.',
    'Go on at the step that failed; if it happens again, look at the function’s log:',
  ),
  Aborted: explain(
    'redrive',
    'Somebody stopped the execution.',
    'If that was not meant to be final, go on where it was stopped:',
  ),
  ThrottlingException: slowDown,
  Throttling: slowDown,
  TooManyRequestsException: slowDown,
  RequestLimitExceeded: slowDown,
  ProvisionedThroughputExceededException: slowDown,
  ConcurrentModificationException: slowDown,
}

/** For a name that nobody foresaw. */
export const unforeseen = explain(
  'redrive',
  'A step failed in a way that this service has no words for.',
  'Look at the cause and at the function’s log. When the reason is gone, go on at the step that failed:',
)

/** Why Organizations could not create an account, by CreateAccountStatus.FailureReason. */
export const creationFailures: Record<string, string> = {
  ACCOUNT_LIMIT_EXCEEDED:
    'The organization has reached its quota "Default maximum number of accounts" (10 in a new organization; closed accounts count until they are permanently closed). Ask for more in Service Quotas, under AWS Organizations, then create the account again:',
  EMAIL_ALREADY_EXISTS:
    'The e-mail address belongs to another AWS account already. Create the account with another one:',
  INVALID_EMAIL: 'The e-mail address is not valid. Create the account with another one:',
  INVALID_ADDRESS:
    'The address on record for the organization is not valid. Mend it in Billing, then create the account again:',
  CONCURRENT_ACCOUNT_MODIFICATION: 'Another change of an account was under way. Create the account again:',
  INTERNAL_FAILURE: 'AWS failed. If it fails again, ask AWS Support. Create the account again:',
  MISSING_PAYMENT_INSTRUMENT:
    'The management account has no payment method. Add one in Billing, then create the account again:',
  INVALID_PAYMENT_INSTRUMENT:
    'The management account’s payment method is not valid. Mend it in Billing, then create the account again:',
}
