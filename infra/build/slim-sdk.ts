import { readFile } from 'node:fs/promises'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Plugin } from 'esbuild'

const core = 'node_modules/@smithy/core/dist-es/submodules'

/**
 * Modules of the SDK and of the logger that no function reaches on Lambda, and their exports: each export throws when
 * it is called.
 */
export const leftOut: Record<string, string[]> = {
  // The SDK loads this module for operations that stream events. We call none.
  [`${core}/event-streams/index.js`]: ['EventStreamSerde', 'eventStreamSerdeProvider'],
  // The SDK uses this class where node:crypto has no SHA-256.
  [`${core}/checksum/sha256/Sha256Js.js`]: ['Sha256Js'],
  // It asks EC2 for the Region. On Lambda the Region is in the environment.
  [`${core}/config/config-resolver/regionConfig/getInstanceMetadataRegion.js`]: ['getInstanceMetadataRegion'],
  // The SDK calls this function for S3 only.
  [`${core}/endpoints/middleware-endpoint/service-customizations/index.js`]: ['resolveParamsForS3'],
  // Powertools' logger keeps lines back only if it is configured to.
  'node_modules/@aws-lambda-powertools/logger/lib/esm/logBuffer.js': ['CircularMap'],
}

/**
 * Structures of which the functions read only these members: the SDK ignores the other members of an answer. The whole
 * description of a table needs the schemas of replicas, indexes and backups.
 */
export const membersRead: Record<string, string[]> = { TableDescription: ['CreationDateTime'] }

/** The operations that the functions call, of clients in the query protocol whose other errors are left out. */
export const operationsCalled: Record<string, string[]> = { 'client-ses': ['SendEmail', 'SendRawEmail'] }

/** Modules of the SDK that a file of ours replaces. */
export const standIns: Record<string, string> = {
  [`${core}/config/node-config-provider/fromSharedConfigFiles.js`]: fileURLToPath(
    new URL('no-config-files.ts', import.meta.url),
  ),
  // The signer makes an instance for every client, and uses it for event streams only.
  'node_modules/@smithy/signature-v4/dist-es/HeaderFormatter.js': fileURLToPath(
    new URL('no-event-headers.ts', import.meta.url),
  ),
  'node_modules/@aws-sdk/client-dynamodb/dist-es/endpoint/endpointResolver.js': fileURLToPath(
    new URL('dynamodb-endpoint.ts', import.meta.url),
  ),
}

const filterOf = (files: string[]) => new RegExp(`/(${files.join('|').replaceAll('.', '\\.')})$`)
const under = (file: string) => file.slice(file.lastIndexOf('node_modules/'))

const errorClass = new RegExp(
  [
    String.raw`^export class (?<name>\w+) extends __BaseException \{`,
    String.raw`    static shapeId = ".+";`,
    String.raw`    name = "\k<name>";`,
    String.raw`    \$fault = (?<fault>"client"|"server");`,
    String.raw`(?<retryable>    \$retryable = \{(?:\n {8}.+)*\n?(?:    )?.*\};\n)?(?:    \w+;\n)*    constructor\(opts\) \{`,
    String.raw`        super\(\{`,
    String.raw`            name: "\k<name>",`,
    String.raw`            \$fault: \k<fault>,`,
    String.raw`            \.\.\.opts,`,
    String.raw`        \}\);`,
    String.raw`(?:        .+;\n)*    \}\n\}$`,
  ].join('\n'),
  'gm',
)

/**
 * Takes the text of a client's `models/errors.js`, and returns it with each error class as a call of one function: a
 * class takes 250 bytes when minified, a call 40. Throws an Error if a class does not have the form that the SDK
 * generates.
 */
export const shortErrors = (source: string) => {
  const short = source.replace(errorClass, (...found) => {
    const { name, fault, retryable = '' } = found.at(-1) as Record<string, string>
    const members = retryable && `, class { ${retryable.trim()} }`
    return `export const ${name} = /* @__PURE__ */ errorClass("${name}", ${fault}${members})`
  })
  if (/^export class /m.test(short)) throw new Error('The SDK has an error class that shortErrors cannot read')
  return `${short}
function errorClass(name, $fault, Members) {
  // The SDK's registry sets the shapeId of the class.
  return class extends __BaseException {
    constructor(opts) {
      super({ name, $fault, ...opts })
      Object.setPrototypeOf(this, new.target.prototype)
      Object.assign(this, { name, $fault }, Members && new Members())
    }
  }
}
`
}

const structure = /^(export var (\w+)\$ = \[3, n0, _\w+,\s+0,\s+)\[([^\]]+)\],\s+\[([^\]]+)\]\s+\];$/gm

/**
 * Takes the text of a client's `schemas/schemas_0.js`, and returns it with the keys of traits as literals. esbuild
 * keeps every object with a computed key, and with the object the operations that no function calls.
 * Errors for which `isUnregistered` is true are not registered, so that esbuild leaves them out too. A structure that
 * `members` names keeps these members only.
 */
export const shortSchemas = (
  source: string,
  { isUnregistered, members: read = {} }: { isUnregistered: (error: string) => boolean; members?: typeof membersRead },
) => {
  const constants = new Map([...source.matchAll(/^const (_\w+) = ("\w+");$/gm)].map(([, name, text]) => [name, text]))
  return source
    .replace(/\[(_\w+)\]:/g, (key, name: string) => (constants.has(name) ? `${constants.get(name)}:` : key))
    .replace(structure, (whole, head: string, name: string, members: string, types: string) => {
      const wanted = read[name]
      if (!wanted) return whole
      const all = members.split(', ').map((member) => constants.get(member))
      const typeOf = types.split(', ')
      const kept = wanted.map((member) => all.indexOf(`"${member}"`))
      if (typeOf.length !== all.length || kept.includes(-1))
        throw new Error(`The SDK has a ${name} that shortSchemas cannot read`)
      return `${head}[${kept.map((i) => all[i]).join()}], [${kept.map((i) => typeOf[i]).join()}]];`
    })
    .replace(/^n0_registry\.registerError\((\w+)\$, \1\);$/gm, (line, name: string) =>
      isUnregistered(name) ? '' : line,
    )
}

/**
 * Tells which errors of a client need no class. In the JSON protocols an answer contains the name of the error. For a
 * name that is not registered, the SDK throws the service's base exception with this name, the message and all fields.
 * In the query protocol the name in the answer can differ from the error's name, and only the registry knows both.
 * An error that the SDK must retry says so in its class. If `operations` are named, no other operation is called, and
 * only the errors that the SDK documents for these operations can come.
 */
const unregistered = async (folder: string, operations: string[] | undefined) => {
  const config = await readFile(path.join(folder, 'runtimeConfig.shared.js'), 'utf8')
  const errors = await readFile(path.join(folder, 'models', 'errors.js'), 'utf8')
  const isJson = /\bAwsJson1_[01]Protocol\b/.test(config) && !config.includes('awsQueryCompatible')
  const retried = new Set(
    errors
      .split(/^export class /m)
      .filter((text) => text.includes('$retryable'))
      .map((text) => /^\w+/.exec(text)?.[0]),
  )
  if (!operations) return (error: string) => isJson && !retried.has(error)
  const documents = await Promise.all(
    operations.map((name) =>
      readFile(path.join(folder, '..', 'dist-types', 'commands', `${name}Command.d.ts`), 'utf8'),
    ),
  )
  const thrown = documents.flatMap((text) => [...text.matchAll(/@throws \{@link (\w+)\}/g)].map(([, name]) => name))
  if (!thrown.length) throw new Error(`The SDK does not document the errors of ${operations.join(', ')}`)
  return (error: string) => !thrown.includes(error) && !retried.has(error)
}

/**
 * Takes the text of the SDK's list of partitions, and returns it with the partitions that this service can be packaged
 * for (region.ts). Their regular expressions find the Regions, so no Region is listed.
 */
export const shortPartitions = (source: string) => {
  const [, json = ''] = /^export const partitionsInfo = (\{.+\});\s*$/s.exec(source) ?? []
  const { partitions, ...more } = JSON.parse(json) as { partitions: { id: string }[] }
  const kept = partitions
    .filter(({ id }) => id === 'aws' || id === 'aws-us-gov')
    .map((partition) => ({ ...partition, regions: {} }))
  return `export const partitionsInfo = ${JSON.stringify({ partitions: kept, ...more })}`
}

const schemasFile = /\/@aws-sdk\/(client-[\w-]+)\/dist-es\/schemas\/schemas_0\.js$/

const slimSchemasOf = async (file: string, operations?: string[], members?: typeof membersRead) => ({
  contents: shortSchemas(await readFile(file, 'utf8'), {
    isUnregistered: await unregistered(path.join(file, '..', '..'), operations),
    ...(members && { members }),
  }),
})

/** Leaves out the operations of clients that a program does not use, and the classes of their errors. */
export const slimSchemas: Plugin = {
  name: 'slim-schemas',
  setup(build) {
    build.onLoad({ filter: schemasFile }, ({ path: file }) => slimSchemasOf(file))
  },
}

/** Leaves out what no function uses or reaches on Lambda (docs/decisions/0003-bundles.md). */
export const slimSdk: Plugin = {
  name: 'slim-sdk',
  setup(build) {
    build.onLoad({ filter: schemasFile }, ({ path: file }) =>
      slimSchemasOf(file, operationsCalled[schemasFile.exec(file)?.[1] ?? ''], membersRead),
    )
    build.onLoad({ filter: filterOf(Object.keys(leftOut)) }, ({ path: file }) => ({
      contents: (leftOut[under(file)] ?? [])
        .map((name) => `export function ${name}() { throw new Error('${name} is left out of the bundles') }`)
        .join('\n'),
    }))
    build.onLoad({ filter: filterOf(Object.keys(standIns)) }, async ({ path: file }) => ({
      contents: await readFile(standIns[under(file)] ?? '', 'utf8'),
      loader: 'ts',
    }))
    build.onLoad({ filter: /\/util-endpoints\/lib\/aws\/partitions\.js$/ }, async ({ path: file }) => ({
      contents: shortPartitions(await readFile(file, 'utf8')),
    }))
    build.onLoad({ filter: /\/@aws-sdk\/client-[\w-]+\/dist-es\/models\/errors\.js$/ }, async ({ path: file }) => ({
      contents: shortErrors(await readFile(file, 'utf8')),
    }))
  },
}
