import { disownedIn } from '../../functions/shared/event-shape.ts'
import type { Execution } from '../../local/aws/step-functions-execution.ts'
import { accountOfExecution } from '../../local/read-execution.ts'
import { type AccountPlan, isGroupInTheWay, type Plan } from './plan.ts'
import type { Invocation } from './service.ts'

/**
 * Errors that pass, and how long a step must endure them: so many retries in one state, or so many seconds. These
 * numbers are not read from the definition, because a mistake in the definition must not change what is promised.
 */
const endured: { errors: string[]; retries?: number; seconds?: number }[] = [
  {
    errors: [
      'Throttling',
      'ThrottlingException',
      'TooManyRequestsException',
      'ProvisionedThroughputExceededException',
      'Lambda.TooManyRequestsException',
    ],
    retries: 8,
  },
  {
    errors: [
      'AwsUnreachableError',
      'InternalException',
      'InternalFailure',
      'InternalServerError',
      // Control Tower's name.
      'InternalServerException',
      'InternalServiceError',
      'Lambda.SdkClientException',
      'Lambda.ServiceException',
      'Runtime.ExitError',
      'Sandbox.Timedout',
      'ServiceException',
      'ServiceFailureException',
      'ServiceUnavailable',
      'States.Timeout',
    ],
    retries: 6,
  },
  {
    errors: [
      'EntityAlreadyExistsException',
      'InvalidClientTokenId',
      'NoSuchEntityException',
      'OptInRequired',
      'SubscriptionRequiredException',
    ],
    retries: 19,
  },
  // A person may have deleted the secret. The step cannot tell that from Secrets Manager's lag, and waits as long.
  { errors: ['SecretNotFoundError'], retries: 9 },
  { errors: ['AccountBusyError'], retries: 230 },
  { errors: ['ListIncompleteError'], retries: 4 },
  { errors: ['DeleteConflictException'], retries: 8 },
  // Organizations needs minutes for an account, and Control Tower less than half an hour.
  { errors: ['AccountNotOpenError', 'AccountNotEnrolledError'], retries: 110 },
  { errors: ['FailedJustNowError'], seconds: 2 * 60 },
  // The roles of the plan are usable sooner. The role of an account that left or is suspended never is.
  { errors: ['AccountNotReadyError'], seconds: 15 * 60 },
  { errors: ['AccountJustJoinedError'], seconds: 25 * 60 },
  { errors: ['AccessRoleMissingError'], seconds: 2 * 60 },
]

type Circumstances = { plan: Plan; account: AccountPlan | undefined; execution: Execution; isOnRecord: boolean }

/** Failures that are right: why a world may have one. A retry does not help there. */
const refusals: Record<string, (circumstances: Circumstances) => boolean> = {
  DeniedByPolicyError: ({ account }) => account?.denied !== undefined,
  GroupNotOursError: ({ plan, account }) => account !== undefined && isGroupInTheWay(plan, account),
  // Somebody created the user by hand during the vend.
  UserNotOursError: ({ plan }) => plan.intrusion !== undefined,
  AccountNotActiveError: ({ account }) => account?.suspendedAt !== undefined || account?.closedAt !== undefined,
  AccountNotFoundError: ({ account }) => account?.departsAt !== undefined,
  // A new link, or a disowned claim, of a user whose vend failed before the user was on record.
  UserNotOnRecordError: ({ execution }) => {
    const asked = JSON.parse(execution.input) as { renew?: string }
    return asked.renew !== undefined || disownedIn(asked) !== undefined
  },
  MailQuotaExceededError: ({ plan }) => plan.faults.ses === 'ses-quota',
  MessageRejected: ({ plan }) => plan.faults.ses === 'ses-refused',
  // The execution failed or was stopped, and another one took over the account before the redrive.
  LeaseLostError: ({ execution, isOnRecord }) => execution.redriveCount > 0 && !isOnRecord,
}

/** Whether one state met these errors longer than a step must endure them, since the execution was last redriven. */
const isBeyond = ({ history, redriveDate = 0 }: Execution, { errors, retries, seconds }: (typeof endured)[number]) => {
  const met = history.filter(
    ({ what, at, error = '' }) => what === 'failed' && at >= redriveDate && errors.includes(error),
  )
  const states = Map.groupBy(met, ({ state, index }) => `${state} ${index}`)
  return [...states.values()].some((failures) => {
    const lasted = ((failures.at(-1)?.at ?? 0) - (failures[0]?.at ?? 0)) / 1000
    return retries === undefined ? lasted >= (seconds ?? 0) : failures.length > retries
  })
}

type Given = {
  plan: Plan
  hasReason?: ((execution: Execution) => boolean) | undefined
  broken: (invariant: string, what: string) => void
}

/**
 * Checks in one world that faults that pass never fail an execution: at each end of an execution, because a redrive
 * afterwards hides the failure. `broken` is called for each failure for which the world has no reason.
 */
export const passingFaultsOf = ({ plan, hasReason, broken }: Given) => {
  /** The executions whose vend RecordVended has put on record. */
  const onRecord = new Set<string>()

  return {
    /** Takes note of a call that reached AWS and did not fail. */
    called: (operation: string, by: Invocation) => {
      const { vend } = by.input as { vend?: { executionArn: string } }
      if (by.name === 'record-vended' && operation === 'UpdateItem' && vend) onRecord.add(vend.executionArn)
    },
    /** Checks an execution that has just ended. A person may stop an execution at any time. */
    ended: (execution: Execution) => {
      const { executionArn, name, status, error = '' } = execution
      if (status !== 'FAILED' && status !== 'TIMED_OUT') return
      const account = plan.accounts.find(({ id }) => id === accountOfExecution(execution))
      if (refusals[error]?.({ plan, account, execution, isOnRecord: onRecord.has(executionArn) })) return
      if (hasReason?.(execution)) return
      const passing = endured.find(({ errors }) => errors.includes(error))
      if (passing && isBeyond(execution, passing)) return
      broken(
        '9 faults pass',
        `execution ${name} ended as ${status} by ${error}, though nothing stood in its way for good`,
      )
    },
  }
}
