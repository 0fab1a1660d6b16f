import { allStates, type Definition, longestPause } from '../../local/aws/step-functions-definition.ts'
import { readDefinition } from '../../local/deployed.ts'
import type { Execution } from '../../local/aws/step-functions-execution.ts'

// What must happen when all faults have ended: every execution ends, and every account that was asked for is vended,
// within a bound of time. Times are milliseconds, bounds are seconds.

const promise = '20 everything ends as promised'
const day = 24 * 60 * 60
/** A call takes less than this when nothing delays it. */
const invocation = 5
/**
 * An opening that Organizations has refused n times waits n × 10 seconds. After 8 days, when the workflow ends, this
 * wait is about an hour.
 */
const longestTurn = 2 * 60 * 60
/** A failure notice comes after two retries of the event at most, and the operator reads it within some minutes. */
const notice = 30 * 60
/** How many notices an operator follows in a world. */
const mostNotices = 50

/**
 * How long an execution may take after the faults have ended, in seconds: in each state the call that was under way
 * until its timeout, then every retry that the definition allows, with its longest pause. The definition is the one in
 * statemachine/, and not the one that runs, because a mistake in the definition must not change what is promised.
 */
export const longestExecution = (machine: 'vend-account' | 'daily-round') =>
  allStates(readDefinition(machine) as Definition).reduce((sum, [, { Type, Retry = [], ...state }]) => {
    if (Type === 'Wait') return sum + longestTurn
    if (Type !== 'Task') return sum
    const pauses = Retry.flatMap((retrier) =>
      Array.from({ length: retrier.MaxAttempts ?? 3 }, (_, n) => (longestPause(retrier, n) ?? 0) + invocation),
    )
    const { TimeoutSeconds = 0 } = state as { TimeoutSeconds?: number }
    return sum + TimeoutSeconds + pauses.reduce((all, pause) => all + pause, 0)
  }, 0)

type Given = {
  now: () => number
  /** Whether the world has a reason for a second redrive, as a suspension that ends later. */
  isExcused: (execution: Execution) => boolean
  broken: (invariant: string, what: string) => void
}

/**
 * Checks one world after its faults have ended. Before `healed` was called, or in a world that is not in this mode,
 * every check passes.
 */
export const livenessOf = ({ now, isExcused, broken }: Given) => {
  const bounds = { vend: longestExecution('vend-account'), round: longestExecution('daily-round') }
  /** The latest an account is vended: its execution fails, is told and redriven, or a round starts it. */
  const mostUntilVended = day + 2 * bounds.vend + notice
  let healedAt = Infinity
  const redriven = new Set<string>()
  const read = new Set<Execution>()

  const checkRun = ({ name, startDate, redriveDate, stopDate, stateMachineArn }: Execution) => {
    const bound = stateMachineArn.endsWith('_round') ? bounds.round : bounds.vend
    const seconds = ((stopDate ?? now()) - Math.max(healedAt, redriveDate ?? startDate)) / 1000
    if (seconds > bound)
      broken(promise, `execution ${name} ran for ${Math.round(seconds)} s without a fault, and ${bound} s are enough`)
  }
  return {
    healed: () => (healedAt = now()),
    isHealed: () => now() >= healedAt,
    /** After an execution has ended. */
    ended: checkRun,
    /** How many milliseconds pass from a notice until the operator reads the notice, by a number from 0 to 1. */
    untilRead: (chance: number) => chance * notice * 1000,
    /**
     * Those of these executions whose notice the operator reads now. Nobody reads a notice twice, and an operator whose
     * executions fail again and again gives up.
     */
    unread: (told: Execution[]) => {
      const unread = told.filter((execution) => !read.has(execution)).slice(0, mostNotices - read.size)
      for (const execution of unread) read.add(execution)
      return unread
    },
    /** Before an execution is redriven, as its failure notice says. Once must be enough. */
    redriven: (execution: Execution) => {
      if (now() < healedAt || isExcused(execution)) return
      if (redriven.has(execution.executionArn))
        broken(
          promise,
          `execution ${execution.name} failed again by ${execution.error} after its redrive without a fault`,
        )
      redriven.add(execution.executionArn)
    },
    /** After an account that was asked for at a time was vended first. */
    vended: (accountId: string, askedAt: number) => {
      const seconds = (now() - Math.max(healedAt, askedAt)) / 1000
      if (seconds > mostUntilVended)
        broken(promise, `${accountId} was vended ${Math.round(seconds)} s after the faults had ended`)
    },
  }
}
