import type { DescribeExecutionOutput } from '@aws-sdk/client-sfn'
import { disownedIn, isEvent, isOfSweep, isOpening, isRemoval } from './event-shape.ts'
import {
  type FailedStatus,
  type Failure,
  errorOf,
  explanationOf,
  hasFailed,
  sentenceOf,
  shellQuoted,
} from './failure.ts'
import { correctAndStart } from './explanations.ts'
import { isTooDeep, parseJson } from './parse.ts'
import { placeOf } from './vend.ts'

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

/** The input of an execution. One that is nested too deeply was refused for that, and cannot be written out again. */
const inputOf = (text: string | undefined) => {
  const parsed = parseJson(text)
  return isTooDeep(parsed) ? undefined : parsed
}

/** The administrator whose link an execution renews, because an operator asked or because a claim was disowned. */
export const renewedIn = (input: string | undefined) => {
  const parsed = inputOf(input)
  if (isEvent(parsed)) return disownedIn(parsed)?.userName
  if (typeof parsed !== 'object' || parsed === null || !('renew' in parsed)) return undefined
  const { renew, accountId: _, requestedBy: __, again: ___, ...more } = parsed as Record<string, unknown>
  return typeof renew === 'string' && !Object.keys(more).length ? renew : undefined
}

const requestIn = ({ accountId, input }: Target): Asked & { accountId: string } => {
  const opening = openingIn(input)
  if (opening) {
    // The rest is what a vend of the open account asks for.
    const { name: _, email: __, ou: ___, tags: ____, alternateContacts: _____, ...people } = opening
    return { ...people, accountId }
  }
  const parsed = inputOf(input)
  // What an event asks for is what a start without options asks for: the defaults.
  const asked = (typeof parsed !== 'object' || parsed === null || isEvent(parsed) ? {} : parsed) as Asked
  const { requestedBy: _, ...request } = { ...asked, accountId }
  return request
}

/** The value without what is empty in it: a request that was checked has all optional fields. */
const withoutEmpty = (value: unknown): unknown => {
  if (Array.isArray(value)) return value.map(withoutEmpty)
  if (typeof value !== 'object' || value === null) return value
  const parts = Object.entries(value).map(([key, part]) => [key, withoutEmpty(part)] as const)
  return Object.fromEntries(
    parts.filter(([, part]) => typeof part !== 'object' || part === null || Object.keys(part).length),
  )
}

/** What an execution's input asks to open, as `npx vend open` takes it; undefined if the input opens no account. */
export const openingIn = (input: string | undefined) => {
  const parsed = inputOf(input)
  if (!isOpening(parsed)) return undefined
  const { account, requestId: _, requestedBy: __, ...people } = parsed as Record<string, unknown>
  return withoutEmpty({ ...(account as object), ...people }) as Record<string, unknown>
}

/** The command that asks for an account again. */
const openCommand = (request: Record<string, unknown>, options: string, { inFile = false } = {}) => {
  const { name, email, ou, tags, ...people } = request
  const same = optionsOf(people)
  const isPlain = [name, email, ou ?? ''].every((text) => typeof text === 'string') && tags === undefined
  if (inFile || same === undefined || !isPlain)
    return { command: `npx vend open --file request.json${options}`, request }
  const words = [name, email, ...(ou === undefined ? [] : ['--ou', ou])].map((word) => quoted(word as string))
  return { command: `npx vend open ${words.join(' ')}${same}${options}` }
}

const linkCommand = ({ accountId, options }: Omit<Target, 'input'>, userName: string) =>
  `npx vend link ${accountId} ${userName}${options}`

/** What an execution's input asks to remove; undefined if the input removes nothing. It may have been refused. */
const removedIn = (input: string | undefined) => {
  const parsed = inputOf(input)
  if (!isRemoval(parsed)) return undefined
  return typeof parsed.remove === 'object' && parsed.remove ? (parsed.remove as Record<string, unknown>) : {}
}

/** The request that removes after a failure with this error. A person must name another user if the name was wrong. */
const removalAgain = (remove: Record<string, unknown>, error = '') => ({
  ...remove,
  ...(error === 'LastWayInError' && { lastWayIn: true }),
  ...(['UserNotOnRecordError', 'UserKeptError'].includes(error) && { userName: 'USER' }),
})

/** The command that removes. The options are those of cli/remove-command.ts. */
const removeCommand = (
  { accountId, options }: Omit<Target, 'input'>,
  { what, userName, lastWayIn, unclaimed }: Record<string, unknown>,
) => {
  const words = [
    ...(typeof userName === 'string' ? [quoted(userName)] : []),
    ...(what === 'sign-in' ? ['--sign-in'] : []),
    ...(unclaimed === true ? ['--unclaimed'] : []),
    ...(lastWayIn === true ? ['--last-way-in'] : []),
  ]
  return `npx vend remove ${[accountId, ...words].join(' ')}${options}`
}

/**
 * The command that makes the request of an execution again. Where options cannot make the request, the command names
 * request.json, and `request` is what this file must hold. `again` also inspects what is on record.
 */
export const sameRequest = (target: Target, { again = false } = {}): { command: string; request?: object } => {
  const opening = openingIn(target.input)
  if (opening && !again) return openCommand(opening, target.options)
  const renew = renewedIn(target.input)
  if (renew !== undefined) return { command: linkCommand(target, quoted(renew)) }
  const remove = removedIn(target.input)
  if (remove) return { command: removeCommand(target, remove) }
  const request = { ...requestIn(target), ...(again && { again }) }
  const start = `npx vend start ${target.accountId}`
  const same = optionsOf(request)
  return same === undefined
    ? { command: `${start} --file request.json${target.options}`, request }
    : { command: `${start}${same}${target.options}` }
}

/** What a person does with the request before the command. */
export const saveWords = (goOn?: NextCommand['goOn']) =>
  goOn === 'correct' ? 'Correct this line, and save it as request.json' : 'Save this line as request.json'

/**
 * A command for a person, after the file that the command needs. `goOn` is that of the failure, if a failure led to the
 * command. Lines that begin with a space are not broken.
 */
export const showCommand = ({
  command,
  request,
  goOn,
}: {
  command: string
  request?: object
  goOn?: NextCommand['goOn']
}) => (request ? `${saveWords(goOn)}:\n  ${JSON.stringify(request)}\nThen:\n  ${command}` : `  ${command}`)

/** Whether a failed execution can no longer be redriven: Step Functions redrives an execution for 14 days. */
export const isTooOld = ({ status, redriveStatus }: Pick<DescribeExecutionOutput, 'status' | 'redriveStatus'>) =>
  hasFailed(status) && redriveStatus === 'NOT_REDRIVABLE'

/**
 * What a failure means, and the one command that continues. The words are those of the failure notice.
 * `target` is what a redrive must name: the ARN of the execution where the account's record does not have it.
 * `options` are the options of the present command, which the next command needs too. `isDefinitionOld` says that the
 * workflow's definition was changed after the execution started: a redrive would run with the old definition.
 */
export const nextCommand = (
  failure: Failure,
  {
    execution,
    target,
    isDefinitionOld = false,
    ...asked
  }: Omit<Target, 'input'> & {
    execution: DescribeExecutionOutput | undefined
    target?: string
    isDefinitionOld?: boolean
  },
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
  const why = execution && isTooOld(execution) ? tooOld : isDefinitionOld ? definitionOld : undefined
  const renew = renewedIn(execution?.input)
  const isOfEvent = isEvent(inputOf(execution?.input))
  if (renew !== undefined && isOfEvent && (goOn !== 'redrive' || why))
    return { ...told, ...same, goOn: 'start', advice: [why, afterDisowned(renew)].filter(Boolean).join(' ') }
  if (goOn === 'redrive' && why) return { ...told, ...same, goOn: 'start', advice: `${why} ${withStart(told.advice)}` }
  if (goOn === 'redrive') return { ...told, command: `npx vend redrive ${target ?? accountId}${options}` }
  if (goOn === 'start' || same.request) return { ...told, ...same }
  const remove = removedIn(execution?.input)
  if (remove) return { ...told, command: removeCommand(asked, removalAgain(remove, told.error)) }
  const opening = openingIn(execution?.input)
  if (opening) return { ...told, ...openCommand(opening, asked.options, { inFile: true }) }
  if (renew !== undefined) {
    const advice = told.advice.endsWith(correctAndStart) ? correctLink : told.advice
    return { ...told, advice, command: linkCommand(asked, 'USER') }
  }
  // Nobody wrote an event as a request, so there is nothing to correct in a file.
  if (isOfEvent)
    return {
      ...told,
      ...same,
      advice: 'An event cannot be corrected. Start a vend of the account that should get administrators:',
    }
  // The person must correct the request, and edits it in a file.
  const request = requestIn({ ...asked, input: execution?.input })
  return { ...told, command: `npx vend start ${accountId} --file request.json${options}`, request }
}

const correctLink = 'Correct what the cause names, then request the link again:'
/** The execution would have set a password without a mail. A new link is mailed, so an operator must decide. */
const afterDisowned = (userName: string) =>
  `Somebody else may read the mails to ${userName}. When you know who reads them, make a new password and a new link:`

const tooOld = 'Step Functions redrives an execution only within 14 days after its end, and this execution is older.'
const definitionOld = 'The workflow was changed after this execution started, and a redrive would run the old workflow.'

/** The advice of a failure with a new start in the place of the redrive. */
const withStart = (advice: string) =>
  advice.replace(/(redrive) the execution( from [^.:]*)?/gi, (_, redrive: string) =>
    redrive.startsWith('R') ? 'Start the same request again' : 'start the same request again',
  )

/**
 * How a person reaches the service that an execution or its state machine belongs to: with `npx vend`, and with the AWS
 * CLI.
 */
export const reach = (executionArn: string, endpointUrl: string | undefined) => {
  const { region, managementAccountId } = placeOf(executionArn)
  // The name of the daily round's state machine ends in _round.
  const stage = /:account-vending-([^:_]+)/.exec(executionArn)?.[1] ?? 'prod'
  // Only the local organization of npm start has this stage. It takes an account's id as its access key id.
  const isLocal = endpointUrl !== undefined && stage === 'local'
  const endpoint = endpointUrl ? ` --endpoint-url ${endpointUrl}` : ''
  return {
    options: isLocal
      ? ` --local ${new URL(endpointUrl).port}`
      : `${stage === 'prod' ? '' : ` --stage ${stage}`} --region ${region}${endpoint}`,
    aws: (command: string) => {
      const credentials = isLocal ? `AWS_ACCESS_KEY_ID=${managementAccountId} AWS_SECRET_ACCESS_KEY=local ` : ''
      return `${credentials}aws stepfunctions ${command}${endpoint}`
    },
  }
}

/** A corrected input is a new request. The ledger has the earlier request as it was, and refuses any other input. */
const withoutRequest = ({ requestId: _, requestedBy: __, ...more }: Record<string, unknown>) => more

/** What stands before the command of the AWS CLI. */
export const withAwsCli = 'Or with the AWS CLI'

/** What a person sent; empty for an event and for the sweep. */
const sentInput = (input: string | undefined) => {
  const asked = inputOf(input)
  return asked === undefined || isOfSweep(asked) || isEvent(asked)
    ? ''
    : `The input was: ${JSON.stringify(asked).slice(0, 1000)}`
}

/** Which event started an execution, or that the sweep did; empty if a person did. */
const identityOfInput = (input: string | undefined) => {
  const asked = inputOf(input)
  if (isOfSweep(asked)) return 'The daily sweep started this execution.'
  if (!isEvent(asked)) return ''
  const { id, source, time, detail } = asked as Record<string, unknown> & { detail?: { eventName?: unknown } }
  const parts = [source, detail?.eventName, time, id].filter((part) => typeof part === 'string')
  return `The input was an event: ${parts.join(', ')}`
}

/** The cause with what a person sent, for a mail. */
export const withInput = ({ cause, sent }: { cause: string; sent: string }) => sentences(cause, sent)

/** Texts, a line each. A mail may put all of them on one line, so each but the last ends like a sentence. */
const sentences = (...texts: string[]) =>
  texts
    .filter(Boolean)
    .map((text, i, { length }) => (i === length - 1 || /[.!?…]$/.test(text) ? text : `${text}.`))
    .join('\n')

type FailedExecution = {
  /** Undefined if the input names no account. */
  accountId: string | undefined
  /** Whether the account's record has this execution, so that a redrive finds the execution by the account. */
  isOnRecord: boolean
  isDefinitionOld?: boolean
  /** The endpoint of an AWS that is not the real one. */
  endpointUrl?: string | undefined
}

/**
 * Explains a failed execution in a mail: the error's name, what it means, the cause, the advice, and the command that
 * continues: for `npx vend`, and for the AWS CLI. `request` is what to save as request.json first.
 */
export const explainFailure = (
  execution: DescribeExecutionOutput,
  status: FailedStatus,
  { accountId = 'ACCOUNT', isOnRecord, isDefinitionOld = false, endpointUrl }: FailedExecution,
) => {
  const { executionArn = '', stateMachineArn = '', input } = execution
  const { options, aws } = reach(executionArn, endpointUrl)
  const { goOn, request, ...next } = nextCommand(
    { status, error: execution.error },
    { accountId, execution, options, isDefinitionOld, target: isOnRecord ? accountId : executionArn },
  )
  const asked = inputOf(input)
  const renew = renewedIn(input)
  const remove = removedIn(input)
  const again = JSON.stringify(
    renew !== undefined
      ? { accountId, renew: goOn === 'correct' ? 'USER' : renew }
      : remove
        ? { accountId, remove: removalAgain(remove, next.error) }
        : isEvent(asked) || asked === undefined
          ? { accountId }
          : goOn === 'correct' && isOpening(asked)
            ? withoutRequest(asked)
            : asked,
  )
  const { region } = placeOf(executionArn)
  return {
    ...next,
    goOn,
    status,
    // The cause goes on record. What a person sent is only told in the mail: it may be long, and has addresses.
    cause: sentences(sentenceOf(execution.cause), goOn === 'correct' ? identityOfInput(input) : ''),
    sent: goOn === 'correct' ? sentInput(input) : '',
    request: request ? JSON.stringify(request) : '',
    save: saveWords(goOn),
    awsWords:
      goOn === 'correct' && isOpening(asked)
        ? 'Or correct the input in this command, and run the command with the AWS CLI'
        : withAwsCli,
    // An execution without an approved request is refused again.
    awsCommand:
      next.error === 'ApprovalRequiredError'
        ? ''
        : aws(
            goOn === 'redrive'
              ? `redrive-execution --region ${region} --execution-arn ${shellQuoted(executionArn)}`
              : `start-execution --region ${region} --state-machine-arn ${shellQuoted(stateMachineArn)} --input ${request && !isOpening(asked) ? 'file://request.json' : shellQuoted(again)}`,
          ),
  }
}
