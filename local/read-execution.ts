import type { Execution } from './aws/step-functions-execution.ts'
import { accountNamed, readInput } from './input.ts'

/** What a succeeded execution reports, like Vended or AlreadyVended; undefined for any other execution. */
export const outcomeOf = ({ output }: { output?: unknown }) =>
  (output as { outcome?: string } | null | undefined)?.outcome

/** The id of the member account that an execution's input names; null if the input names none. */
export const accountOfExecution = ({ input, executionArn }: Execution) =>
  accountNamed(readInput(input), executionArn.split(':')[4] ?? '')
