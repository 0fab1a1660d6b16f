import { Console } from 'node:console'
import { existsSync, readdirSync } from 'node:fs'
import { createRequire } from 'node:module'
import path from 'node:path'
import { Writable } from 'node:stream'
import { compileFunction } from 'node:vm'
import { build, type Plugin } from 'esbuild'
import { bundling } from '../infra/esbuild.ts'
import type { Clock } from './clock.ts'
import type { DeployedFunction } from './deployed.ts'

const root = path.join(import.meta.dirname, '..')
type Handler = (event: unknown, context: object) => Promise<unknown>

/** Bundles every function as the deployment does, in memory. Answers the bundles' text, by folder name. */
export const bundleFunctions = async (vendingFile: string, plugins: Plugin[] = []): Promise<Map<string, string>> => {
  const names = readdirSync(path.join(root, 'functions')).filter((name) =>
    existsSync(path.join(root, 'functions', name, 'handler.ts')),
  )
  const own = bundling(vendingFile)
  const { outputFiles = [] } = await build({
    ...own,
    plugins: [...plugins, ...(own.plugins ?? [])],
    entryPoints: Object.fromEntries(names.map((name) => [name, path.join(root, 'functions', name, 'handler.ts')])),
    outdir: 'bundles',
    write: false,
  })
  return new Map(outputFiles.map(({ path: file, text }) => [path.basename(file, '.js'), text]))
}

type Loading = { clock: Clock; log: (line: string) => void; require?: (module: string) => unknown }

/**
 * Loads a function's bundle as Lambda does: with an environment, a log and a clock of its own.
 * Answers a function that invokes it; what it throws leaves as it is.
 */
export const loadFunction = (
  bundle: string,
  { name, environment, timeoutSeconds }: DeployedFunction,
  { clock, log, require = createRequire(import.meta.url) }: Loading,
) => {
  const stdout = new Writable({
    write: (chunk: Buffer, _, done) => {
      log(chunk.toString())
      done()
    },
  })
  const ownProcess = Object.create(process, {
    env: { value: { ...environment, AWS_LAMBDA_FUNCTION_NAME: name } },
    stdout: { value: stdout },
    stderr: { value: stdout },
  }) as NodeJS.Process
  const module = { exports: {} as { handler: Handler } }
  const run = compileFunction(bundle, ['module', 'exports', 'require', 'process', 'console', 'Date'], {
    filename: `${name}.cjs`,
  }) as (...scope: unknown[]) => void
  run(module, module.exports, require, ownProcess, new Console(stdout), clock.Date)

  return (event: unknown) => {
    const end = Date.now() + timeoutSeconds * 1000
    return module.exports.handler(event, {
      functionName: name,
      awsRequestId: crypto.randomUUID(),
      getRemainingTimeInMillis: () => end - Date.now(),
    })
  }
}
