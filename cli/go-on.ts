import { explanations, unforeseen } from '../functions/shared/explanations.ts'
import { isEvent } from '../functions/shared/event-shape.ts'

export type GoOn = {
  error: string
  what: string
  advice: string
  goOn: 'redrive' | 'start' | 'correct'
  /** The one command that goes on. */
  command: string
  /** The input to save as request.json first, if the command names that file. */
  request?: object
}

type Asked = { admins?: { userName: string; email?: string }[]; accountId?: string; requestedBy?: string }

const parseJson = (json = ''): unknown => {
  try {
    return JSON.parse(json)
  } catch {
    return undefined
  }
}

const quoted = (word: string) => (/^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`)

/** The options that ask for the same again; undefined if that takes a file. */
const optionsOf = ({ admins = [], accountId: _, requestedBy: __, ...more }: Asked) => {
  const isPlain = admins.every((admin) => Object.keys(admin).every((key) => ['userName', 'email'].includes(key)))
  if (Object.keys(more).length || !isPlain) return undefined
  return admins.map(({ userName, email }) => ` --admin ${quoted(email ? `${userName}=${email}` : userName)}`).join('')
}

/**
 * What a failure means, and the one command that goes on from there; the words are those of the failure notice.
 * `target` is what a redrive has to name: the execution's ARN where the account's record does not.
 * `options` are the ones that this command was given itself, to be given again.
 */
export const whatGoesOn = (
  error: string,
  {
    accountId,
    input,
    options,
    target = accountId,
  }: { accountId: string; input: string | undefined; options: string; target?: string },
): GoOn => {
  const { what, advice, goOn } = explanations[error] ?? unforeseen
  const told = {
    error,
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

/** The sentence in an execution's cause: Step Functions gives a function's failure as JSON. */
export const sentenceOf = (cause = '') => {
  const thrown = parseJson(cause)
  return typeof thrown === 'object' && thrown && 'errorMessage' in thrown ? String(thrown.errorMessage) : cause
}
