import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import path from 'node:path'
import { compileFunction } from 'node:vm'
import { build } from 'esbuild'
import { beforeAll, describe, expect, test } from 'vitest'
import { bundling, functionNames } from '../../infra/build/esbuild.ts'
import { leftOut, membersRead, operationsCalled, shortErrors, standIns } from '../../infra/build/slim-sdk.ts'

const root = path.join(import.meta.dirname, '..', '..')
const require = createRequire(import.meta.url)
const isOf = (file: string) => (input: string) => input === file || input.endsWith(`/${file}`)

const inputsOfFunctions = async () => {
  const { metafile } = await build({
    ...bundling(path.join(root, 'vending.yml')),
    absWorkingDir: root,
    entryPoints: functionNames().map((name) => path.join(root, 'functions', name, 'handler.ts')),
    outdir: 'bundles',
    write: false,
    metafile: true,
  })
  const used = Object.values(metafile.outputs).flatMap((output) => Object.entries(output.inputs))
  return {
    inputs: Object.keys(metafile.inputs),
    bundledFiles: [...new Set(used.flatMap(([file, { bytesInOutput }]) => (bytesInOutput ? [file] : [])))],
  }
}

/** Bundles a module as the functions are bundled, and returns what the module exports. */
const bundled = async (contents: string) => {
  const { outputFiles } = await build({ ...bundling(), stdin: { contents, resolveDir: root }, write: false })
  const module = { exports: {} as Module }
  const run = compileFunction(outputFiles[0]?.text ?? '', ['module', 'exports', 'require']) as (
    ...scope: unknown[]
  ) => void
  run(module, module.exports, require)
  return module.exports
}

type Schema = [kind: number, namespace: string, name: string, traits: Record<string, unknown>, ...rest: unknown[]]
type Client = { send: (command: unknown) => Promise<unknown> }
type Module = Record<string, unknown>

const schemasOf = (client: Module) =>
  Object.entries(client).filter((entry): entry is [string, Schema] => entry[0].endsWith('$') && Array.isArray(entry[1]))
const errorsOf = (client: Module) =>
  schemasOf(client).flatMap(([, schema]) =>
    schema[0] === -3 && schema[1].startsWith('com.amazonaws.') ? [schema] : [],
  )

type Answer = { statusCode: number; headers: Record<string, string>; body: Buffer }

/** The service's answer for an error, with a value for each member of the error that is a string. */
const answerOf = ([, , name, traits, members, types]: Schema, isQuery: boolean): Answer => {
  const texts = (members as string[]).filter((_, i) => (types as unknown[])[i] === 0)
  const fields = Object.fromEntries(['message', ...texts].map((member) => [member, `some ${member}`]))
  const [code = name] = (traits['awsQueryError'] ?? []) as string[]
  const xml = Object.entries({ Type: 'Sender', Code: code, ...fields, message: undefined, Message: 'some message' })
    .map(([key, text]) => (text === undefined ? '' : `<${key}>${text}</${key}>`))
    .join('')
  return {
    statusCode: Number(traits['httpError'] ?? (traits['error'] === 'server' ? 500 : 400)),
    headers: { 'x-amzn-requestid': 'some-request' },
    body: Buffer.from(
      isQuery
        ? `<ErrorResponse><Error>${xml}</Error><RequestId>some-request</RequestId></ErrorResponse>`
        : JSON.stringify({ __type: `com.amazonaws.service#${name}`, ...fields }),
    ),
  }
}

/** What a client throws when it gets an answer, without the stack. */
const thrownBy = async (client: Module, answer: Answer) => {
  const nameOf = (pattern: RegExp) => Object.keys(client).find((name) => pattern.test(name)) ?? ''
  type Make<T> = new (input: object) => T
  const sdk = new (client[nameOf(/^[A-Z]\w+Client$/)] as Make<Client>)({
    region: 'us-east-1',
    credentials: { accessKeyId: 'none', secretAccessKey: 'none' },
    endpoint: 'https://aws.invalid',
    maxAttempts: 1,
    requestHandler: { handle: async () => ({ response: { ...answer, headers: { ...answer.headers } } }) },
  })
  const command = new (client[nameOf(/^[A-Z]\w+Command$/)] as Make<unknown>)({})
  const error = await sdk.send(command).then(
    () => undefined,
    (error: unknown) => error,
  )
  if (!(error instanceof Error)) throw new Error('The client threw no error')
  const { name, message, ...rest } = error
  return JSON.parse(JSON.stringify({ name, message, ...rest, $response: undefined })) as object
}

/** Whether an error can come only from operations that no function calls, as the SDK's documentation says. */
const isOfOtherOperation = (client: string, error: string) =>
  operationsCalled[client.replace('@aws-sdk/', '')]?.every(
    (operation) =>
      !readFileSync(
        path.join(root, 'node_modules', client, 'dist-types', 'commands', `${operation}Command.d.ts`),
        'utf8',
      ).includes(`@throws {@link ${error}}`),
  ) && error !== 'UnheardOfException'

let inputs: string[] = []
/** The files that have code in a function's bundle. */
let bundledFiles: string[] = []
/** Each client of the functions: as npm installs the client, and as the functions bundle it. */
let clients: { name: string; whole: Module; slim: Module }[] = []
beforeAll(async () => {
  ;({ inputs, bundledFiles } = await inputsOfFunctions())
  const names = new Set(inputs.map((input) => /@aws-sdk\/client-[\w-]+/.exec(input)?.[0] ?? '').filter(Boolean))
  clients = await Promise.all(
    [...names].map(async (name) => ({
      name,
      whole: require(name) as Module,
      slim: await bundled(`module.exports = require('${name}')`),
    })),
  )
})

describe('a part of the SDK that is left out', () => {
  test('still exists in the files that the functions would load', () => {
    const files = [
      ...Object.keys(leftOut),
      ...Object.keys(standIns),
      ...Object.values(bundling().alias ?? {}).map((file) => path.relative(root, file)),
      ...clients.flatMap(({ name }) =>
        ['models/errors.js', 'schemas/schemas_0.js'].map((file) => `node_modules/${name}/dist-es/${file}`),
      ),
    ]
    expect(files.filter((file) => !inputs.some(isOf(file)))).toEqual([])
  })

  test('throws if it is called nevertheless', async () => {
    const { load } = await bundled(
      `exports.load = () => import('@smithy/core/event-streams').then(({ EventStreamSerde }) => new EventStreamSerde())`,
    )
    await expect((load as () => Promise<void>)()).rejects.toThrow('EventStreamSerde is left out of the bundles')
  })

  test('the build fails on an error class of another form', () => {
    expect(() => shortErrors('export class NewException extends __BaseException {\n    $new = 1;\n}\n')).toThrow(
      'has an error class that shortErrors cannot read',
    )
  })
})

test('for every error of its service and for an unknown error, a bundled client throws what the SDK throws', async () => {
  expect(clients.map(({ name }) => name)).toContain('@aws-sdk/client-dynamodb')
  for (const { name, whole, slim } of clients) {
    const isQuery = ['iam', 'ses', 'sns', 'sts'].some((service) => name.endsWith(`-${service}`))
    const unknown: Schema = [-3, 'com.amazonaws.service', 'UnheardOfException', { error: 'client' }, ['message'], [0]]
    const errors = errorsOf(whole)
    expect(errors.length, name).toBeGreaterThan(5)
    for (const schema of [...errors, unknown]) {
      const answer = answerOf(schema, isQuery)
      const thrown = await thrownBy(whole, answer)
      expect(thrown).toMatchObject({ message: 'some message' })
      if (isOfOtherOperation(name, schema[2])) continue
      expect(await thrownBy(slim, answer), `${name} ${schema[2]}`).toEqual(thrown)
    }
  }
})

test('the functions call no other operation of a client whose other errors are left out', () => {
  for (const [client, operations] of Object.entries(operationsCalled)) {
    const command = new RegExp(`/@aws-sdk/${client}/dist-es/commands/(\\w+)Command\\.js$`)
    expect(bundledFiles.flatMap((file) => command.exec(file)?.[1] ?? [])).toEqual(operations)
  }
})

test('a bundled client has the schemas of the SDK, but of some structures only the members that functions read', () => {
  const schemas = (client: Module) =>
    new Map(
      schemasOf(client).map(([key, [kind, namespace, name, traits, members, types, ...more]]): [string, string] => {
        const read = membersRead[name]
        if (!read) return [key, JSON.stringify([kind, namespace, name, traits, members, types, ...more])]
        const typeOf = (member: string) => (types as unknown[])[(members as string[]).indexOf(member)]
        return [key, JSON.stringify([kind, namespace, name, traits, read, read.map(typeOf), ...more])]
      }),
    )
  for (const { name, whole, slim } of clients) expect(schemas(slim), name).toEqual(schemas(whole))
  const { slim } = clients.find(({ name }) => name === '@aws-sdk/client-dynamodb')!
  for (const [name, read] of Object.entries(membersRead)) expect((slim[`${name}$`] as Schema)[4]).toEqual(read)
})
