// A request can be wrong in more places than an answer, a mail or a workflow's cause holds.
const mostIssues = 20

/** The request does not parse. `issues` name each field and what is allowed there, up to 20. */
export class InvalidInputError extends Error {
  override readonly name = 'InvalidInputError'
  readonly issues: { field: string; message: string }[]
  constructor(all: { field: string; message: string }[]) {
    const more = all.length - mostIssues
    const issues =
      more > 0 ? [...all.slice(0, mostIssues), { field: 'input', message: `is wrong in ${more} more places` }] : all
    super(issues.map(({ field, message }) => `${field}: ${message}`).join('; '))
    this.issues = issues
  }
}

/** The account is not in this organization. */
export class AccountNotFoundError extends Error {
  override readonly name = 'AccountNotFoundError'
}

/** The account is the organization's management account, which is never vended. */
export class ManagementAccountError extends Error {
  override readonly name = 'ManagementAccountError'
}

/** `vending.yml` protects the account, or an organizational unit above it. */
export class ProtectedAccountError extends Error {
  override readonly name = 'ProtectedAccountError'
}

/** The account's State is not ACTIVE. */
export class AccountNotActiveError extends Error {
  override readonly name = 'AccountNotActiveError'
}

/** An address is outside `allowedRecipients`. */
export class RecipientNotAllowedError extends Error {
  override readonly name = 'RecipientNotAllowedError'
}

/** The account's State is PENDING_ACTIVATION. Worth waiting for. */
export class AccountPendingError extends Error {
  override readonly name = 'AccountPendingError'
}

/** Another execution holds the account's lease. Worth waiting for. */
export class AccountBusyError extends Error {
  override readonly name = 'AccountBusyError'
}

/** Another execution took the account over: this one must not write any more. */
export class LeaseLostError extends Error {
  override readonly name = 'LeaseLostError'
}

/** A redrive came while functions from before the failure may still be at work. Worth waiting for. */
export class FailedJustNowError extends Error {
  override readonly name = 'FailedJustNowError'
}

/** The account was just created and its access role cannot be assumed yet. Worth waiting for. */
export class AccountNotReadyError extends Error {
  override readonly name = 'AccountNotReadyError'
}

/** The account has no access role that trusts the management account. */
export class AccessRoleMissingError extends Error {
  override readonly name = 'AccessRoleMissingError'
}

/** IAM refused a call inside the account, most likely by a service control policy. */
export class DeniedByPolicyError extends Error {
  override readonly name = 'DeniedByPolicyError'
}

/** A policy that was asked for does not exist in the account. */
export class PolicyNotFoundError extends Error {
  override readonly name = 'PolicyNotFoundError'
}

/** A policy that was asked for exists, but AWS lets nobody attach it to users or groups. */
export class PolicyNotAttachableError extends Error {
  override readonly name = 'PolicyNotAttachableError'
}

/** A group of that name exists, is not ours and has other policies: its members would become administrators. */
export class GroupNotOursError extends Error {
  override readonly name = 'GroupNotOursError'
}

/** A group of ours by that name gives other rights than were asked for. */
export class GroupDiffersError extends Error {
  override readonly name = 'GroupDiffersError'
}

/** A user of that name was made by somebody else while this vend was under way. */
export class UserNotOursError extends Error {
  override readonly name = 'UserNotOursError'
}

/** A secret of that name exists under another key: whoever made it may know the password in it. */
export class SecretNotOursError extends Error {
  override readonly name = 'SecretNotOursError'
}

/** SES's quota for 24 hours is used up: trying again at once cannot help. */
export class MailQuotaExceededError extends Error {
  override readonly name = 'MailQuotaExceededError'
}

/** No answer came from AWS: the connection broke or timed out. */
export class AwsUnreachableError extends Error {
  override readonly name = 'AwsUnreachableError'
}

/** Step Functions has told that an execution ended, and does not show it yet. Worth trying again. */
export class ExecutionNotSettledError extends Error {
  override readonly name = 'ExecutionNotSettledError'
}

/** The `Idempotency-Key` was used before with another request. */
export class IdempotencyKeyReusedError extends Error {
  override readonly name = 'IdempotencyKeyReusedError'
}
