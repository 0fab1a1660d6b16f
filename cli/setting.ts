import path from 'node:path'
import { clientMaker } from './clients.ts'
import { UsageError } from './command-errors.ts'

/** The options that every command takes. */
export type Global = {
  stage?: string
  region?: string
  endpointUrl?: string
  config?: string
  local?: string
  /** The fields to print; all if the text is empty. */
  json?: string
}

/** The port of AWS's endpoint behind `npm start`. */
export const localPort = 4681
const localAccountId = '111122223333'

/**
 * The path of a file that a person named. npm runs commands in the project's folder, whatever folder the person is in.
 */
export const fileOf = (file: string) => path.resolve(process.env['INIT_CWD'] ?? '', file)

const isLocal = (options: Global) => options.local !== undefined

/**
 * What a command works with, as its options say.
 * Throws `UsageError`.
 */
export const settingOf = (options: Global) => {
  if (options.local && options.endpointUrl) throw new UsageError('Choose one of --local and --endpoint-url.')
  const port = Number(options.local)
  if (isLocal(options) && !(Number.isInteger(port) && port > 0 && port < 65_536))
    throw new UsageError(`--local ${options.local}: a port is a number from 1 to 65535.`)
  if (options.endpointUrl && !URL.canParse(options.endpointUrl))
    throw new UsageError(`--endpoint-url ${options.endpointUrl}: must be a URL like http://127.0.0.1:4566.`)
  const stage = options.stage ?? (isLocal(options) ? 'local' : 'prod')
  if (!/^[a-z\d-]{1,40}$/i.test(stage)) throw new UsageError(`--stage ${stage}: must be letters, digits and hyphens.`)
  const make = clientMaker({
    region: options.region ?? (isLocal(options) ? 'us-east-1' : undefined),
    endpoint: isLocal(options) ? `http://127.0.0.1:${port}` : options.endpointUrl,
    // The local organization takes an account's id as its access key id.
    credentials: isLocal(options) ? { accessKeyId: localAccountId, secretAccessKey: 'local' } : undefined,
  })
  const again = [
    ...(options.local ? [port === localPort ? '--local' : `--local ${port}`] : []),
    ...(options.stage ? [`--stage ${options.stage}`] : []),
    ...(options.region ? [`--region ${options.region}`] : []),
    ...(options.endpointUrl ? [`--endpoint-url ${options.endpointUrl}`] : []),
  ]
  return {
    stage,
    make,
    json: options.json !== undefined,
    /** The options of this command, for the commands that it advises. */
    options: again.map((option) => ` ${option}`).join(''),
    vendingFile: vendingFileOf(options.config),
    vending: () => readVending(options.config),
  }
}

const vendingFileOf = (config: string | undefined) =>
  config ? fileOf(config) : path.join(import.meta.dirname, '..', 'vending.yml')

const readVending = async (config: string | undefined) => {
  const { loadVending } = await import('../infra/build/check-vending.ts')
  const file = vendingFileOf(config)
  try {
    return loadVending(file, config ? `--config ${config}` : `The project’s vending.yml (${file})`)
  } catch (error) {
    throw new UsageError(error instanceof Error ? error.message : String(error))
  }
}
