import { accountOfEvent } from '../functions/shared/event.ts'
import { disownedIn, isEvent } from '../functions/shared/event-shape.ts'
import { manualRequest } from '../functions/shared/request.ts'
import { parseInput, readJson } from '../functions/shared/parse.ts'
import { readNamedFile } from '../infra/build/named-file.ts'
import { UsageError } from './command-errors.ts'
import { fileOf } from './setting.ts'

export type Asked = { file?: string; admin?: string[]; again?: boolean }

const readFile = (file: string): unknown => {
  try {
    return readJson(readNamedFile(fileOf(file), `--file ${file}`))
  } catch (error) {
    if (error instanceof SyntaxError) throw new UsageError(`--file ${file}: must be JSON. ${error.message}`)
    throw new UsageError((error as Error).message)
  }
}

/** The administrator that an option `--admin` names. Throws `UsageError`. */
export const administrator = (text: string) => {
  const [userName = '', email, ...more] = text.split('=')
  // IAM allows = in a user name, and SES allows = in an address.
  if (more.length)
    throw new UsageError(
      `--admin ${text}: has more than one =. Put a name or an address that contains = into a file, and name the file with --file.`,
    )
  return { userName, ...(email !== undefined && { email }) }
}

/** The JSON object in a file that a person named. Throws `UsageError`. */
export const readRequestFile = (file: string) => {
  const content = readFile(file)
  if (typeof content !== 'object' || content === null || Array.isArray(content))
    throw new UsageError(`--file ${file}: must contain a JSON object.`)
  return content
}

/**
 * The request that the options of a command make. The request is checked before any call.
 * Throws `UsageError` and `InvalidInputError`.
 */
export const requestOf = (accountId: string, { file, admin, again }: Asked) => {
  const content = file === undefined ? {} : readRequestFile(file)
  if ('accountId' in content && content.accountId !== accountId)
    throw new UsageError(
      `--file ${file} is for account ${String(content.accountId)}, and the command is for account ${accountId}.`,
    )
  if (admin && 'admins' in content)
    throw new UsageError(`--file ${file} already has admins: remove them from the file, or leave out --admin.`)
  const request = {
    ...content,
    accountId,
    ...(admin && { admins: admin.map(administrator) }),
    ...(again && { again }),
  }
  parseInput(manualRequest, request)
  // Without defaults: the workflow completes the request.
  return request
}

/** The request for a plan: as `requestOf`, or an unchanged event about this account. */
export const requestOrEventOf = (accountId: string, asked: Asked): unknown => {
  const event = asked.file === undefined ? undefined : readFile(asked.file)
  return isEvent(event) ? eventFor(accountId, event) : requestOf(accountId, asked)
}

const eventFor = (accountId: string, event: unknown) => {
  const named = disownedIn(event)?.accountId ?? accountOfEvent(event, '')
  if (named !== accountId)
    throw new UsageError(`The event is about account ${named}, and the command is about account ${accountId}.`)
  return event
}
