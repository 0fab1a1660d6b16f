import { Console } from 'node:console'
import { createRequire } from 'node:module'
import path from 'node:path'
import { Writable } from 'node:stream'
import { compileFunction } from 'node:vm'
import type { Plugin } from 'esbuild'
import { loadVending } from '../infra/build/check-vending.ts'
import { bundling, functionNames } from '../infra/build/esbuild.ts'
import type { Clock } from './clock.ts'
import type { DeployedFunction } from './deployed.ts'
import { buildTexts, keptBuild } from './kept-build.ts'

const root = path.join(import.meta.dirname, '..')
export type Handler = (event: unknown, context: object) => Promise<unknown>

/** What stands in a bundle for the values of a vending.yml, so that a bundle can be kept for every vending.yml. */
export const placeholder = (which = '') => JSON.stringify({ 'the values of vending.yml': which })

const withPlaceholder: Plugin = {
  name: 'with-placeholder',
  setup: (build) => build.onLoad({ filter: /[/\\]vending\.yml$/ }, () => ({ contents: placeholder(), loader: 'json' })),
}

/**
 * Bundles every function as the deployment does, in memory. Returns the text of each bundle by folder name.
 * Without `plugins`, the bundles are kept until a source changes.
 */
export const bundleFunctions = async (vendingFile: string, plugins: Plugin[] = []): Promise<Map<string, string>> => {
  const values = JSON.stringify(loadVending(vendingFile))
  const names = functionNames()
  const own = bundling()
  const options = {
    ...own,
    plugins: [...plugins, withPlaceholder, ...(own.plugins ?? [])],
    entryPoints: Object.fromEntries(names.map((name) => [name, path.join(root, 'functions', name, 'handler.ts')])),
    outdir: 'bundles',
  }
  const texts = plugins.length
    ? (await buildTexts(options)).texts
    : await keptBuild('functions', options, [import.meta.filename])
  return new Map(
    Object.entries(texts).map(([name, text]) => [name, text.replaceAll(placeholder(), () => values)] as const),
  )
}

type Loading = { clock: Clock; log: (line: string) => void; require?: (module: string) => unknown }

/** Runs a bundle with its own log, clock and environment. Returns what the bundle exports. */
export const loadBundle = (
  bundle: string,
  { name, environment }: { name: string; environment: () => Record<string, string> },
  { clock, log, require = createRequire(import.meta.url) }: Loading,
): unknown => {
  const stdout = new Writable({
    write: (chunk: Buffer, _, done) => {
      log(chunk.toString())
      done()
    },
  })
  const ownProcess = Object.create(process, {
    env: { get: environment },
    stdout: { value: stdout },
    stderr: { value: stdout },
  }) as NodeJS.Process
  const module = { exports: {} }
  const run = compileFunction(bundle, ['module', 'exports', 'require', 'process', 'console', 'Date'], {
    filename: `${name}.cjs`,
  }) as (...scope: unknown[]) => void
  run(module, module.exports, require, ownProcess, new Console(stdout), clock.Date)
  return module.exports
}

/** Returns a function that invokes a handler as Lambda does. What the handler throws is not changed. */
export const lambdaInvoker =
  ({ name, timeoutSeconds }: Pick<DeployedFunction, 'name' | 'timeoutSeconds'>, handler: Handler) =>
  (event: unknown) => {
    const end = Date.now() + timeoutSeconds * 1000
    return handler(event, {
      functionName: name,
      awsRequestId: crypto.randomUUID(),
      getRemainingTimeInMillis: () => end - Date.now(),
    })
  }

/** Loads a function's bundle as Lambda does. Returns a function that invokes it. */
export const loadFunction = (bundle: string, fn: DeployedFunction, loading: Loading) => {
  const environment = { ...fn.environment, AWS_LAMBDA_FUNCTION_NAME: fn.name }
  const { handler } = loadBundle(bundle, { name: fn.name, environment: () => environment }, loading) as {
    handler: Handler
  }
  return lambdaInvoker(fn, handler)
}
