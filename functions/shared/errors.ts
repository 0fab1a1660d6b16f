// A request can have more issues than an answer, a mail or the cause of an execution can hold.
const maxIssues = 20

/** Wrong fields, and what is allowed there. */
export type Issues = { field: string; message: string }[]

/** The request is not valid. `issues` names each wrong field and what is allowed there, up to 20 fields. */
export class InvalidInputError extends Error {
  override readonly name = 'InvalidInputError'
  readonly issues: Issues
  constructor(all: Issues) {
    const more = all.length - maxIssues
    const issues =
      more > 0 ? [...all.slice(0, maxIssues), { field: 'input', message: `is wrong in ${more} more places` }] : all
    super(sayIssues(issues))
    this.issues = issues
  }
}

const sayIssues = (issues: Issues) => issues.map(({ field, message }) => `${field}: ${message}`).join('; ')

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

/** Addresses are outside `allowedRecipients`. `issues` names the fields, if the request names the addresses. */
export class RecipientNotAllowedError extends Error {
  override readonly name = 'RecipientNotAllowedError'
  readonly issues: Issues
  constructor(all: string | Issues) {
    super(typeof all === 'string' ? all : sayIssues(all))
    this.issues = typeof all === 'string' ? [] : all
  }
}

/** The ledger lists no user of that name in the account, so there is no link to renew, and nobody to remove. */
export class UserNotOnRecordError extends Error {
  override readonly name = 'UserNotOnRecordError'
}

/** The user existed before a vend requested the user, so account vending neither renews a link nor removes the user. */
export class UserKeptError extends Error {
  override readonly name = 'UserKeptError'
}

/** The account's State is PENDING_ACTIVATION. Worth waiting for. */
export class AccountPendingError extends Error {
  override readonly name = 'AccountPendingError'
}

/** Another execution holds the account's lease. Worth waiting for. */
export class AccountBusyError extends Error {
  override readonly name = 'AccountBusyError'
}

/** Another execution has taken over the account: this execution must not write any more. */
export class LeaseLostError extends Error {
  override readonly name = 'LeaseLostError'
}

/** The execution was redriven while functions from before its failure may still be at work. Worth waiting for. */
export class FailedJustNowError extends Error {
  override readonly name = 'FailedJustNowError'
}

/** The account was just created: its access role or the role’s policies are not in effect yet. Worth waiting for. */
export class AccountNotReadyError extends Error {
  override readonly name = 'AccountNotReadyError'
}

/**
 * The account joined within the last hour, and its access role cannot be assumed: the role is missing, or does
 * not trust the management account, or AWS has not caught up yet. Worth waiting for.
 */
export class AccountJustJoinedError extends Error {
  override readonly name = 'AccountJustJoinedError'
}

/** The account has no access role that trusts the management account. */
export class AccessRoleMissingError extends Error {
  override readonly name = 'AccessRoleMissingError'
}

/** IAM denied a call inside the account, most likely by a service control policy or a permissions boundary. */
export class DeniedByPolicyError extends Error {
  override readonly name = 'DeniedByPolicyError'
}

/** A requested policy does not exist in the account. */
export class PolicyNotFoundError extends Error {
  override readonly name = 'PolicyNotFoundError'
}

/** A requested policy exists, but AWS does not allow it to be attached to users or groups. */
export class PolicyNotAttachableError extends Error {
  override readonly name = 'PolicyNotAttachableError'
}

/** A policy denies an administrator the password change at the first sign-in, so nobody could ever sign in. */
export class FirstSignInDeniedError extends Error {
  override readonly name = 'FirstSignInDeniedError'
}

/** A group of that name exists, is not ours and does not have exactly the requested policies. */
export class GroupNotOursError extends Error {
  override readonly name = 'GroupNotOursError'
}

/** A group of ours with that name gives permissions other than the requested ones. */
export class GroupDiffersError extends Error {
  override readonly name = 'GroupDiffersError'
}

/** Somebody else created a user of that name during this vend. */
export class UserNotOursError extends Error {
  override readonly name = 'UserNotOursError'
}

/** A secret of that name exists and is encrypted with another key: whoever created it may know its password. */
export class SecretNotOursError extends Error {
  override readonly name = 'SecretNotOursError'
}

/**
 * Secrets Manager does not find the secret, or says that the secret is scheduled for deletion. Both also happen right
 * after a write or a restore, because Secrets Manager is eventually consistent. Worth waiting for.
 */
export class SecretNotFoundError extends Error {
  override readonly name = 'SecretNotFoundError'
}

/** STS refused the session policy that a step made for its session in the account. */
export class SessionPolicyRefusedError extends Error {
  override readonly name = 'SessionPolicyRefusedError'
}

/** The SES sending quota for 24 hours is used up: a retry cannot help. */
export class MailQuotaExceededError extends Error {
  override readonly name = 'MailQuotaExceededError'
}

/** AWS did not answer: the connection broke or timed out, or a proxy of AWS answered with a failure. */
export class AwsUnreachableError extends Error {
  override readonly name = 'AwsUnreachableError'
}

/** Step Functions sent the event that an execution ended, but does not show the end yet. Worth a retry. */
export class ExecutionNotSettledError extends Error {
  override readonly name = 'ExecutionNotSettledError'
}

/** The `Idempotency-Key` was used before with another request. */
export class IdempotencyKeyReusedError extends Error {
  override readonly name = 'IdempotencyKeyReusedError'
}

/** Opening accounts needs an approval, and nobody has approved this request. */
export class ApprovalRequiredError extends Error {
  override readonly name = 'ApprovalRequiredError'
}

/** There is no request with this id. */
export class RequestNotFoundError extends Error {
  override readonly name = 'RequestNotFoundError'
}

/** Another request for the same address is open, with another body. */
export class RequestOpenError extends Error {
  override readonly name = 'RequestOpenError'
}

/** Somebody has approved or declined the request before, or it needs no approval. */
export class RequestDecidedError extends Error {
  override readonly name = 'RequestDecidedError'
}

/** The requesters have asked for as many accounts today as `vending.yml` allows. */
export class TooManyAccountsTodayError extends Error {
  override readonly name = 'TooManyAccountsTodayError'
}

/** Control Tower would not enrol the account: its landing zone enrols no account that is moved into a unit. */
export class AutoEnrolmentOffError extends Error {
  override readonly name = 'AutoEnrolmentOffError'
}

/** Another account has the address already. AWS never gives an address to two accounts. */
export class EmailAlreadyExistsError extends Error {
  override readonly name = 'EmailAlreadyExistsError'
}

/** Organizations accepted the request for an account, and could not create the account. */
export class AccountCreationFailedError extends Error {
  override readonly name = 'AccountCreationFailedError'
}

/** Organizations is still creating the account. Worth waiting for. */
export class AccountNotOpenError extends Error {
  override readonly name = 'AccountNotOpenError'
}

/** The opening of an account has waited for 7 days for what AWS allows the organization. */
export class OpeningWaitedTooLongError extends Error {
  override readonly name = 'OpeningWaitedTooLongError'
}

/** Control Tower has not enrolled the account yet. Worth waiting for. */
export class AccountNotEnrolledError extends Error {
  override readonly name = 'AccountNotEnrolledError'
}

/** Organizations has left accounts out of its list. The next list is most likely complete. */
export class ListIncompleteError extends Error {
  override readonly name = 'ListIncompleteError'
}

/** The ledger has deleted the accounts that a round was to look at, because the round is more than two days old. */
export class BatchGoneError extends Error {
  override readonly name = 'BatchGoneError'
}

/** Account Management refused to set an alternate contact, most likely because it has no trusted access. */
export class AlternateContactDeniedError extends Error {
  override readonly name = 'AlternateContactDeniedError'
}

/** The removal would leave the account without a user who can sign in to the console. */
export class LastWayInError extends Error {
  override readonly name = 'LastWayInError'
}
