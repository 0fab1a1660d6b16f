import { isEvent } from '../functions/shared/event-shape.ts'
import { type Failure, errorOf, explanationOf, shellQuoted } from '../functions/shared/failure.ts'
import { parseJson } from '../functions/shared/parse.ts'

export type NextCommand = {
  error: string
  what: string
  advice: string
  goOn: 'redrive' | 'start' | 'correct'
  /** The one command that continues. */
  command: string
  /** The input to save as request.json first, if the command names that file. */
  request?: object
}

type Asked = { admins?: { userName: string; email?: string }[]; accountId?: string; requestedBy?: string }

const quoted = (word: string) => (/^[\w@%+=:,./-]+$/.test(word) ? word : shellQuoted(word))

/** The options that make the same request; undefined if the request needs a file. */
const optionsOf = ({ admins = [], accountId: _, requestedBy: __, ...more }: Asked) => {
  const isPlain = admins.every((admin) => Object.keys(admin).every((key) => ['userName', 'email'].includes(key)))
  if (Object.keys(more).length || !isPlain) return undefined
  return admins.map(({ userName, email }) => ` --admin ${quoted(email ? `${userName}=${email}` : userName)}`).join('')
}

/**
 * What a failure means, and the one command that continues. The words are those of the failure notice.
 * `target` is what a redrive must name: the ARN of the execution where the account's record does not have it.
 * `options` are the options of the present command, which the next command needs too.
 */
export const nextCommand = (
  failure: Failure,
  {
    accountId,
    input,
    options,
    target = accountId,
  }: { accountId: string; input: string | undefined; options: string; target?: string },
): NextCommand => {
  const { what, advice, goOn } = explanationOf(failure)
  const told = {
    error: errorOf(failure),
    what,
    advice: advice.replace('GET /accounts/{accountId}', `npx vend status ${accountId}${options}`),
    goOn,
  }
  if (goOn === 'redrive') return { ...told, command: `npx vend redrive ${target}${options}` }
  const parsed = parseJson(input)
  const asked = (typeof parsed !== 'object' || parsed === null || isEvent(parsed) ? {} : parsed) as Asked
  const { requestedBy: _, ...request } = { ...asked, accountId }
  const same = goOn === 'start' ? optionsOf(asked) : undefined
  if (same !== undefined) return { ...told, command: `npx vend start ${accountId}${same}${options}` }
  return { ...told, command: `npx vend start ${accountId} --file request.json${options}`, request }
}
