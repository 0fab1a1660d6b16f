/**
 * What a failure means to a person, and how to continue once the cause is fixed: `redrive` the execution where it
 * stopped, `start` the same request again, or `correct` the request first.
 */
export type Explanation = { what: string; advice: string; goOn: 'redrive' | 'start' | 'correct' }

export const correctAndStart = 'Correct the request, and start again:'
const then = {
  redrive: ' Then redrive the execution:',
  start: ' Then start again:',
  correct: ` ${correctAndStart}`,
}
/** An advice that ends with a full stop says what to mend. What follows is the same for each `goOn`. */
const explain = (goOn: Explanation['goOn'], what: string, advice: string): Explanation => ({
  what,
  advice: advice.endsWith('.') ? advice + then[goOn] : advice,
  goOn,
})

const nothingToFix = 'Nothing needs to be fixed. Redrive the execution from the step that failed:'

const throttled = explain(
  'redrive',
  'AWS throttled the calls of a step for longer than the workflow retries.',
  nothingToFix,
)

// A moved account already has the role, so a stack that creates the role would fail there.
const changeOrCreateRole =
  'If the role exists in the account, change its trust policy as the cause describes. Otherwise create the role as the cause describes.'

/** Every named error that can end an execution, by name. */
export const explanations: Record<string, Explanation> = {
  InvalidInputError: explain(
    'correct',
    'The request is not valid.',
    'The cause names each wrong field and what is allowed there.',
  ),
  AccountNotFoundError: explain(
    'correct',
    'The account is not in this organization. Nothing was made.',
    'Check the account ID.',
  ),
  ManagementAccountError: explain(
    'correct',
    'The management account is never vended. Nothing was made.',
    'Name a member account.',
  ),
  ProtectedAccountError: explain(
    'start',
    'vending.yml protects this account. Nothing was made.',
    'If this account should get administrators, remove the account from “protected” in vending.yml, deploy, and start again:',
  ),
  AccountNotActiveError: explain(
    'redrive',
    'The account is not ACTIVE. Nothing was made.',
    'When Organizations shows the account as ACTIVE, redrive the execution:',
  ),
  AccountPendingError: explain(
    'redrive',
    'Organizations showed the account as PENDING_ACTIVATION for several minutes. Nothing was made.',
    'When Organizations shows the account as ACTIVE, redrive the execution:',
  ),
  RecipientNotAllowedError: explain(
    'start',
    'The request names a mail address that vending.yml does not allow. Nothing was made.',
    'Add the address or its domain to “allowedRecipients” in vending.yml and deploy, or name another address in the request.',
  ),
  UserNotOnRecordError: explain(
    'correct',
    'The ledger does not list the user whom the request names. Nothing was changed.',
    'The cause lists the users that account vending has created. Name one of these users:',
  ),
  UserKeptError: explain(
    'correct',
    'The user existed before a vend requested this user, so account vending keeps the user unchanged and has no password for the user. Nothing was changed.',
    'Reset the password of the user, or delete the user, in the IAM console; or name another user:',
  ),
  LastWayInError: explain(
    'correct',
    'After the removal, nobody would be able to sign in to the console of the account with a password. Nothing was removed.',
    'Give another user a password first, or confirm that the last users with a password may be removed:',
  ),
  ApprovalRequiredError: explain(
    'start',
    'Opening an account needs an approval, and nobody has approved this request. Nothing was made.',
    'Request the account, and ask an approver to approve the request:',
  ),
  RequestOpenError: explain(
    'correct',
    'Another request for an account with this address is open, and the two requests differ. Nothing was made.',
    'Wait until the other request has ended, or request an account with another address.',
  ),
  AutoEnrolmentOffError: explain(
    'start',
    'Control Tower does not enroll accounts that are moved into an organizational unit. Nothing was made.',
    'Switch on automatic enrollment of accounts in the landing zone settings of Control Tower.',
  ),
  EmailAlreadyExistsError: explain(
    'correct',
    'Another AWS account has this address already, so no account was created.',
    'In the request, replace the value of “email” with an address that no AWS account has.',
  ),
  AccountCreationFailedError: explain(
    'redrive',
    'Organizations could not create the account.',
    'The cause contains the reason of Organizations. When you have fixed the problem, redrive the execution:',
  ),
  AccountNotOpenError: explain(
    'redrive',
    'Organizations was still creating the account after an hour.',
    'Redrive the execution, which continues to wait for the same account and creates no second account:',
  ),
  OpeningWaitedTooLongError: explain(
    'redrive',
    'For 7 days, AWS did not allow the organization to create another account.',
    'The cause contains the last error of AWS. Ask AWS Support for a higher quota, or close accounts that nobody needs.',
  ),
  AccountNotEnrolledError: explain(
    'redrive',
    'The account is open and in its organizational unit, but Control Tower has not enrolled the account within an hour.',
    'Look at the account in the Control Tower console, and correct what Control Tower reports there.',
  ),
  AlternateContactDeniedError: explain(
    'redrive',
    'The account is open, but Account Management refused to set the account’s alternate contacts.',
    'Enable trusted access for AWS Account Management in Organizations (account.amazonaws.com).',
  ),
  AccountBusyError: explain(
    'start',
    'Another execution was still vending this account when this execution stopped waiting.',
    'Check the status of the account (GET /accounts/{accountId}), then start again:',
  ),
  LeaseLostError: explain(
    'start',
    'Another execution has taken over this account, so this execution stopped writing to it.',
    'Check the other execution. If something is missing when that execution has ended, start again:',
  ),
  FailedJustNowError: explain(
    'redrive',
    'The execution was redriven right after its failure. While the execution waited, the report of the failure arrived late, so the execution had to wait longer than the two minutes that it may wait.',
    nothingToFix,
  ),
  AccountNotReadyError: explain(
    'redrive',
    'The access role of the new account could not be assumed within 15 minutes, or its policies did not take effect.',
    'A new account is usually ready within minutes. If the name of the role differs from “accessRole” in vending.yml, correct vending.yml and deploy.',
  ),
  AccountJustJoinedError: explain(
    'redrive',
    'The account joined within the last hour, and its access role could not be assumed for 25 minutes. Either the role is missing, or the role does not trust the management account (as in accounts that were moved from another organization), or AWS does not yet treat the account as a member of this organization.',
    changeOrCreateRole,
  ),
  AccessRoleMissingError: explain(
    'redrive',
    'The access role of the account cannot be assumed. Either the role is missing, or the role does not trust the management account (as in accounts that were moved from another organization), or AWS has suspended the account.',
    changeOrCreateRole,
  ),
  DeniedByPolicyError: explain(
    'redrive',
    'IAM in the account denied a call. A service control policy or a permissions boundary that forbids IAM users or groups is the most likely reason.',
    'If IAM users are forbidden on purpose, use IAM Identity Center instead of this service. Otherwise exempt the access role from that policy or boundary, then redrive the execution:',
  ),
  PackedPolicyTooLargeException: explain(
    'correct',
    'The request has too many groups and policies, or their names are too long, for an STS session policy.',
    'Request fewer groups and policies, or shorter names.',
  ),
  PolicyNotFoundError: explain(
    'start',
    'A requested policy does not exist in the account. Nothing was made.',
    'Correct the name of the policy: in vending.yml (then deploy) or in the request. The name of an AWS managed policy includes its path, as in job-function/Billing. Or create the policy in the account.',
  ),
  PolicyNotAttachableError: explain(
    'correct',
    'AWS does not allow a requested policy to be attached to users or groups. Nothing was made.',
    'Request another policy.',
  ),
  FirstSignInDeniedError: explain(
    'start',
    'A policy denies an administrator the password change at the first sign-in, so the administrator could never sign in. Nothing was made.',
    'Exempt iam:ChangePassword and iam:GetAccountPasswordPolicy in the policy that the cause names, or set “passwordResetRequired” to false for this administrator. Then start again:',
  ),
  GroupNotOursError: explain(
    'start',
    'A group with a requested name already exists in the account and gives permissions other than the requested ones. The group was left unchanged, and nobody was added to it.',
    'Rename or delete that group, or request a group with another name.',
  ),
  GroupDiffersError: explain(
    'correct',
    'Account vending created a group with a requested name earlier, and the group gives permissions other than the requested ones. Nothing was changed.',
    'Request a group with another name.',
  ),
  UserNotOursError: explain(
    'start',
    'During the vend, somebody else created a user with a requested name in the account. The user was left unchanged.',
    'If account vending should create the user, delete the existing user. Otherwise the existing user stays unchanged and gets no password and no mail. In both cases, start again:',
  ),
  SecretNotOursError: explain(
    'redrive',
    'A secret with the name for the first password already exists, and this installation did not create it. The secret was left unchanged.',
    'Find out who created the secret: an earlier installation, or somebody who wants to know the password. Delete the secret without recovery, then redrive the execution:',
  ),
  SecretNotFoundError: explain(
    'start',
    'For about a minute, Secrets Manager has reported that the secret with the stored password was deleted, or is scheduled for deletion.',
    'Start again. The secret gets a new password, unless the user has already signed in:',
  ),
  SessionPolicyRefusedError: explain(
    'correct',
    'A step makes a session policy from the names of the requested groups and policies. STS refused this session policy.',
    'Request other groups and policies.',
  ),
  MailQuotaExceededError: explain(
    'redrive',
    'The SES sending quota for 24 hours is used up. The administrators exist; the mail is missing.',
    'Request a higher quota, or wait until tomorrow.',
  ),
  ListIncompleteError: explain(
    'redrive',
    'For about a minute, Organizations has left accounts out of its list. The service did not use the incomplete list.',
    nothingToFix,
  ),
  BatchGoneError: explain(
    'start',
    'For two days, the ledger keeps the list of the accounts that a round looks at. This round is older.',
    'Nothing needs to be fixed. Start a new round:',
  ),
  AwsUnreachableError: explain('redrive', 'AWS did not answer several calls.', nothingToFix),
  MessageRejected: explain(
    'redrive',
    'SES rejected the sign-in mail. The administrators exist; the mail is missing.',
    'Verify the identity of the sender in SES (vending.yml: sender), or request production access for SES.',
  ),
  MailFromDomainNotVerifiedException: explain(
    'redrive',
    'SES rejected the sign-in mail: the MAIL FROM domain is not verified.',
    'Correct the domain’s MX record as the SES console shows it, then redrive the execution:',
  ),
  ConfigurationSetDoesNotExistException: explain(
    'redrive',
    'SES does not know the configuration set of the mails.',
    'Create the configuration set, or correct “configurationSet” in vending.yml and deploy.',
  ),
  ConfigurationSetSendingPausedException: explain(
    'redrive',
    'Sending is paused for the SES configuration set.',
    'Resume sending in the SES console, then redrive the execution:',
  ),
  AccountSendingPausedException: explain(
    'redrive',
    'SES has paused sending for the management account.',
    'The page “Reputation metrics” of the SES console shows the reason. When sending is resumed, redrive the execution:',
  ),
  PasswordPolicyViolationException: explain(
    'start',
    'The account’s password policy refused the stored password. The policy was probably changed after the password was stored.',
    'Delete the secret that this notice names, then start again. The new password follows the current policy:',
  ),
  DeleteConflictException: explain(
    'redrive',
    'For about a minute, IAM refused to delete a user or a group because somebody added something to the user or group: an access key, an MFA device, a member or a policy.',
    'CloudTrail in the account shows who created these things. Stop this person or automation. Then redrive the execution, which removes the rest:',
  ),
  LimitExceededException: explain(
    'redrive',
    'A quota of the account or of Secrets Manager is reached.',
    'The cause names the quota. Request a higher quota in Service Quotas, or delete what is not needed.',
  ),
  MalformedPolicyDocumentException: explain(
    'correct',
    'IAM refused a policy document. IAM checks more than this service can check beforehand.',
    'If the inline policy is in vending.yml, correct the policy there and deploy. Otherwise correct the policy in the request. Then start again:',
  ),
  'States.Timeout': explain(
    'redrive',
    'A step, or the whole workflow, took longer than allowed.',
    'Redrive the execution from the step that failed. If the step fails again, check the function’s log:',
  ),
  Aborted: explain(
    'redrive',
    'Somebody stopped the execution.',
    'If the stop was not meant to be final, redrive the execution from where it was stopped:',
  ),
  ThrottlingException: throttled,
  Throttling: throttled,
  TooManyRequestsException: throttled,
  RequestLimitExceeded: throttled,
  ProvisionedThroughputExceededException: throttled,
  ConcurrentModificationException: explain(
    'redrive',
    'Somebody else was changing the same user or group in the account for longer than the workflow retries.',
    nothingToFix,
  ),
}

/** For an error name that the table above does not have. */
export const unforeseen = explain(
  'redrive',
  'A step failed with an error that this service does not know.',
  'Check the cause and the function’s log. When the cause is fixed, redrive the execution from the step that failed:',
)
