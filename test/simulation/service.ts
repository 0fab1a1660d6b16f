import { AsyncLocalStorage } from 'node:async_hooks'
import { loadVending } from '../../infra/build/check-vending.ts'
import { type Clock, startClock } from '../../local/clock.ts'
import { type Definition, type DeployedFunction, readDeployed } from '../../local/deployed.ts'
import type { answering } from '../../local/aws/endpoint.ts'
import { bundleFunctions, type Handler, lambdaInvoker, loadBundle, loadFunction } from '../../local/run-function.ts'
import { createWorld } from '../../local/aws/world.ts'
import { requireInProcess } from './in-process-http.ts'

/** One invocation of a function. */
export type Invocation = {
  name: string
  input: unknown
  /** The invocation was ended from outside: its further calls take no effect. */
  isDead: boolean
  /** Ends the invocation. The workflow sees this error name. */
  kill: (error: string) => void
}
type Running = {
  invocation: Invocation
  handle: ReturnType<typeof answering>
  log: (line: string) => void
  environment: Record<string, string>
}
type Load = (fn: DeployedFunction) => (event: unknown) => Promise<unknown>

/** The answer to a call of a dead function, and an answer that is lost: it never comes. */
export const never = () => new Promise<never>(() => undefined)

const running = new AsyncLocalStorage<Running>()

/** How functions are loaded: their logs and calls go to the world in which they run. */
const inWorlds = () => {
  const clock = startClock(1)
  const require = requireInProcess(async (incoming) => {
    const here = running.getStore()
    if (!here) throw new Error('A function called AWS outside of an invocation')
    return here.invocation.isDead ? never() : here.handle(incoming)
  }, clock.now)
  return { clock, require, log: (line: string) => running.getStore()?.log(line) }
}

/**
 * Loads the deployed functions once for many worlds, as warm Lambdas: their memory outlives a world, as it outlives a
 * vend on AWS. `bundles` are the functions' texts; without it the functions are bundled from their sources.
 * `definition` is the workflow's definition, if it is not the one that is deployed.
 */
export const loadService = async (vendingFile: string, bundles?: Map<string, string>, definition?: Definition) => {
  const texts = bundles ?? (await bundleFunctions(vendingFile))
  const loading = inWorlds()
  const load: Load = (fn) => loadFunction(texts.get(fn.name) ?? '', fn, loading)
  return serve(vendingFile, { clock: loading.clock, load, definition })
}

/** Loads the functions under several configurations from the text that `bundleTogether` gives. */
export const loadTogether = <Config extends string>(
  vendingFiles: Record<Config, string>,
  bundle: string,
  definition?: Definition,
) => {
  const loading = inWorlds()
  let ofLoading: Record<string, string> = {}
  // All functions share the libraries, which see the environment of the function that runs.
  const environment = () => running.getStore()?.environment ?? ofLoading
  const handlers = loadBundle(bundle, { name: 'functions', environment }, loading) as Record<
    string,
    () => { handler: Handler }
  >
  const load =
    (config: string): Load =>
    (fn) => {
      ofLoading = fn.environment
      const module = handlers[`${config}/${fn.name}`]?.()
      if (!module) throw new Error(`The bundle has no function ${fn.name} for ${config}`)
      return lambdaInvoker(fn, module.handler)
    }
  return Object.fromEntries(
    Object.entries<string>(vendingFiles).map(([config, file]) => [
      config,
      serve(file, { clock: loading.clock, load: load(config), definition }),
    ]),
  ) as Record<Config, Service>
}

/** The service: `invoke` runs a function in the world whose endpoint is given. */
const serve = (
  vendingFile: string,
  { clock, load, definition }: { clock: Clock; load: Load; definition: Definition | undefined },
) => {
  const vending = loadVending(vendingFile)
  const { managementAccountId, region, partition } = createWorld()
  const deployed = readDeployed(vending, { partition, region, accountId: managementAccountId }, definition)
  const functions = new Map(
    deployed.functions.map((fn) => {
      const environment = {
        ...fn.environment,
        AWS_REGION: region,
        AWS_LAMBDA_FUNCTION_NAME: fn.name,
        // The endpoint reads from it which function calls.
        AWS_SDK_UA_APP_ID: fn.name,
        AWS_ACCESS_KEY_ID: managementAccountId,
        AWS_SECRET_ACCESS_KEY: 'local',
        AWS_ENDPOINT_URL: 'http://in-process',
      }
      return [fn.name, { ...fn, environment, run: load({ ...fn, environment }) }]
    }),
  )
  return {
    vending,
    deployed,
    clock,
    /** Finds the function that an ARN of the definition names. */
    functionOf: (arn: string) => {
      const { name } = deployed.functions.find(({ name }) => deployed.lambdaArn(camelCase(name)) === arn) ?? {}
      if (!name) throw new Error(`There is no function ${arn}`)
      return name
    },
    /** The function that a rule names as its target. */
    functionNamed: (target: string) => {
      const { name } = deployed.functions.find(({ name }) => camelCase(`-${name}`) === target) ?? {}
      if (!name) throw new Error(`There is no function for the target ${target}`)
      return name
    },
    /** The invocation that makes the current call, if there is one. */
    current: () => running.getStore()?.invocation,
    /** Runs a function, and throws what it throws. A killed function throws the error that it was killed with. */
    invoke: (name: string, input: unknown, { handle, log }: Pick<Running, 'handle' | 'log'>) => {
      const fn = functions.get(name)
      if (!fn) throw new Error(`There is no function ${name}`)
      const killed = Promise.withResolvers<never>()
      const invocation: Invocation = {
        name,
        input,
        isDead: false,
        kill: (error) => {
          invocation.isDead = true
          killed.reject(Object.assign(new Error(`The function ${name} ended`), { name: error }))
        },
      }
      const timer = setTimeout(() => invocation.kill('Sandbox.Timedout'), fn.timeoutSeconds * 1000)
      const ran = running.run({ invocation, handle, log, environment: fn.environment }, () => fn.run(input))
      return Promise.race([ran, killed.promise]).finally(() => clearTimeout(timer))
    },
  }
}
export type Service = ReturnType<typeof serve>

const camelCase = (name: string) => name.replace(/-(\w)/g, (_, letter: string) => letter.toUpperCase())
