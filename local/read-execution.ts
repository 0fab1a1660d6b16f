import { isOpening } from '../functions/shared/event-shape.ts'
import { parseJson } from '../functions/shared/parse.ts'
import type { Execution } from './aws/step-functions-execution.ts'
import { accountNamed, readInput } from './input.ts'

/** What a succeeded execution reports, like Vended or AlreadyVended; undefined for any other execution. */
export const outcomeOf = ({ output }: { output?: unknown }) =>
  (output as { outcome?: string } | null | undefined)?.outcome

type Made = { userName: string; kept: boolean; secretArn: string | null }

/** Whom a vend that succeeded made, whom it kept, and who had signed in already. Empty for any other outcome. */
export const peopleOf = ({ output }: { output?: unknown }) => {
  const { admins = [] } = (output ?? {}) as { admins?: Made[] }
  const names = (which: (admin: Made) => boolean) => admins.filter(which).map(({ userName }) => userName)
  return {
    made: names(({ kept, secretArn }) => !kept && secretArn !== null),
    kept: names(({ kept }) => kept),
    // A user who has signed in has no first password any more.
    signingIn: names(({ kept, secretArn }) => !kept && secretArn === null),
  }
}

/** The id of the member account that an execution is about; null if no account is named, or none is open yet. */
export const accountOfExecution = ({ input, executionArn, accountId }: Execution) =>
  accountNamed(readInput(input), executionArn.split(':')[4] ?? '') ?? accountId ?? null

/** The name of the account that an execution opens; undefined if the execution opens none. */
export const nameOpened = ({ input }: Pick<Execution, 'input'>) => {
  const asked = parseJson(input)
  const name = isOpening(asked) ? asked.account?.name : undefined
  return typeof name === 'string' ? name : undefined
}
