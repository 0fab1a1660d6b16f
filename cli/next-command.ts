import type { DescribeExecutionOutput } from '@aws-sdk/client-sfn'
import { isEvent } from '../functions/shared/event-shape.ts'
import { type Failure, errorOf, explanationOf, hasFailed, shellQuoted } from '../functions/shared/failure.ts'
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

type Asked = {
  admins?: { userName: string; email?: string }[]
  accountId?: string
  requestedBy?: string
  again?: boolean
}

const quoted = (word: string) => (/^[\w@%+=:,./-]+$/.test(word) ? word : shellQuoted(word))

/** The options that make the same request; undefined if the request needs a file. */
const optionsOf = ({ admins = [], again = false, accountId: _, requestedBy: __, ...more }: Asked) => {
  // The request may be one that was refused, so anything can be in it.
  const isPlain =
    Array.isArray(admins) &&
    admins.every(
      (admin: unknown) =>
        typeof admin === 'object' &&
        admin !== null &&
        Object.keys(admin).every((key) => ['userName', 'email'].includes(key)) &&
        Object.values(admin).every((text) => typeof text === 'string' && !text.includes('=')) &&
        'userName' in admin,
    )
  if (Object.keys(more).length || !isPlain || typeof again !== 'boolean') return undefined
  const names = admins.map(({ userName, email }) => ` --admin ${quoted(email ? `${userName}=${email}` : userName)}`)
  return `${names.join('')}${again ? ' --again' : ''}`
}

type Target = { accountId: string; input: string | undefined; options: string }

const requestIn = ({ accountId, input }: Target): Asked & { accountId: string } => {
  const parsed = parseJson(input)
  // What an event asks for is what a start without options asks for: the defaults.
  const asked = (typeof parsed !== 'object' || parsed === null || isEvent(parsed) ? {} : parsed) as Asked
  const { requestedBy: _, ...request } = { ...asked, accountId }
  return request
}

/**
 * The command that makes the request of an execution again. Where options cannot make the request, the command names
 * request.json, and `request` is what this file must hold. `again` also inspects what is on record.
 */
export const sameRequest = (target: Target, { again = false } = {}): { command: string; request?: object } => {
  const request = { ...requestIn(target), ...(again && { again }) }
  const start = `npx vend start ${target.accountId}`
  const same = optionsOf(request)
  return same === undefined
    ? { command: `${start} --file request.json${target.options}`, request }
    : { command: `${start}${same}${target.options}` }
}

/** A command for a person, after the file that the command needs. Lines that begin with a space are not broken. */
export const showCommand = ({ command, request }: { command: string; request?: object }) =>
  request ? `Save this line as request.json:\n  ${JSON.stringify(request)}\nThen:\n  ${command}` : `  ${command}`

/** Whether a failed execution can no longer be redriven: Step Functions redrives an execution for 14 days. */
export const isTooOld = ({ status, redriveStatus }: Pick<DescribeExecutionOutput, 'status' | 'redriveStatus'>) =>
  hasFailed(status) && redriveStatus === 'NOT_REDRIVABLE'

/**
 * What a failure means, and the one command that continues. The words are those of the failure notice.
 * `target` is what a redrive must name: the ARN of the execution where the account's record does not have it.
 * `options` are the options of the present command, which the next command needs too.
 */
export const nextCommand = (
  failure: Failure,
  {
    execution,
    target,
    ...asked
  }: Omit<Target, 'input'> & { execution: DescribeExecutionOutput | undefined; target?: string },
): NextCommand => {
  const { accountId, options } = asked
  const { what, advice, goOn } = explanationOf(failure)
  const told = {
    error: errorOf(failure),
    what,
    advice: advice.replace('GET /accounts/{accountId}', `npx vend status ${accountId}${options}`),
    goOn,
  }
  const same = sameRequest({ ...asked, input: execution?.input })
  if (goOn === 'redrive' && execution && isTooOld(execution))
    return { ...told, ...same, goOn: 'start', advice: `${tooOld} ${withStart(told.advice)}` }
  if (goOn === 'redrive') return { ...told, command: `npx vend redrive ${target ?? accountId}${options}` }
  if (goOn === 'start' || same.request) return { ...told, ...same }
  // The person must correct the request, and edits it in a file.
  const request = requestIn({ ...asked, input: execution?.input })
  return { ...told, command: `npx vend start ${accountId} --file request.json${options}`, request }
}

const tooOld = 'Step Functions redrives an execution only within 14 days after its end, and this execution is older.'

/** The advice of a failure with a new start in the place of the redrive. */
const withStart = (advice: string) =>
  advice.replace(/(redrive) the execution( from [^.:]*)?/gi, (_, redrive: string) =>
    redrive.startsWith('R') ? 'Start the same request again' : 'start the same request again',
  )
