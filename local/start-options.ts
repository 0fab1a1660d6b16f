import { createServer } from 'node:http'
import path from 'node:path'
import { parseArgs } from 'node:util'
import { readJson } from '../functions/shared/parse.ts'
import { readNamedFile } from '../infra/build/named-file.ts'
import { keptByNpm } from '../infra/build/npm-options.ts'
import { close, listen } from './http.ts'
import { type Input, readInput } from './input.ts'

const firstPort = 4680
export const usage = `Usage: npm start -- [options]

Starts a local AWS organization, vends an account in each of the three ways (by an event, manually, through the API),
and shows everything on a page until Ctrl-C.

  --once           end when every vend has ended, and serve no page
  --json           print one JSON document to stdout and everything else to stderr, then end
  --port N         serve the page on 127.0.0.1:N, the AWS endpoint on port N+1, and the API on port N+2
                   (default: ${firstPort})
  --event FILE     vend only this input. Repeat the option for several files. FILE holds an EventBridge event, a manual
                   input like {"accountId":"444455556666"}, or an API request {method, path, headers, body}
  --strict         do not create the accounts that the files name
  --config FILE    use another vending.yml
  --help           show this help
`

/** A mistake in the command line or in vending.yml. The user gets the message without a stack trace. */
export class UsageError extends Error {
  override readonly name = 'UsageError'
}

const messageOf = (error: unknown) => (error instanceof Error ? error.message : String(error))

// npm runs the program in the project's folder, but a relative path refers to the folder that npm was called in.
const fromCallersFolder = (file: string) => path.resolve(process.env['INIT_CWD'] ?? '', file)

// Without --json: npm has a setting of this name, which a person may have set for all commands.
const kept = ['port', 'once', 'event', 'strict', 'config'].map((name) => ({
  name,
  hasValue: !['once', 'strict'].includes(name),
}))

const parseOptions = () => {
  const hint = keptByNpm('npm start', kept)
  if (hint) throw new UsageError(hint)
  try {
    return parseArgs({
      options: {
        once: { type: 'boolean', default: false },
        json: { type: 'boolean', default: false },
        port: { type: 'string', default: String(firstPort) },
        event: { type: 'string', multiple: true, default: [] },
        strict: { type: 'boolean', default: false },
        config: { type: 'string', default: path.join(import.meta.dirname, '..', 'vending.yml') },
        help: { type: 'boolean', default: false },
      },
    }).values
  } catch (error) {
    throw new UsageError(`${messageOf(error)}\n\n${usage}`)
  }
}

const readFile = (option: string, file: string) => {
  try {
    return readNamedFile(fromCallersFolder(file), `${option} ${file}`)
  } catch (error) {
    throw new UsageError(messageOf(error))
  }
}

const readInputFile = (file: string): Input => {
  const text = readFile('--event', file)
  try {
    readJson(text)
    return readInput(text)
  } catch (error) {
    const problem = error instanceof SyntaxError ? `must be JSON. ${error.message}` : messageOf(error)
    throw new UsageError(`--event ${file}: ${problem}`)
  }
}

const checkFree = async (port: number, suggestion: number) => {
  const server = createServer()
  await listen(server, port).catch((error: NodeJS.ErrnoException) => {
    throw new UsageError(
      error.code === 'EADDRINUSE'
        ? `Port ${port} is in use, perhaps by another npm start. Choose another port: npm start -- --port ${suggestion}`
        : `Port ${port} cannot be opened: ${error.message}`,
    )
  })
  await close(server)
}

const freePorts = async (port: string) => {
  const page = Number(port)
  if (!Number.isInteger(page) || page < 1 || page > 65_533)
    throw new UsageError(`--port ${port}: must be a number from 1 to 65533`)
  for (const wanted of [page, page + 1, page + 2]) await checkFree(wanted, page + 10)
  return { page, endpoint: page + 1, api: page + 2 }
}

/**
 * Reads the command line of npm start and the files that it names. Returns undefined for --help, and no `ports` if no
 * page is wanted.
 * Throws `UsageError` for a mistake, and for a port that is in use.
 */
export const readOptions = async () => {
  const { help, once, json, port, event, strict, config } = parseOptions()
  if (help) return undefined
  const inputs = event.map((file) => ({ file, input: readInputFile(file) }))
  readFile('--config', config)
  return {
    json,
    strict,
    inputs,
    vendingFile: fromCallersFolder(config),
    ports: once || json ? undefined : await freePorts(port),
  }
}
