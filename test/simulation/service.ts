import { AsyncLocalStorage } from 'node:async_hooks'
import { loadVending } from '../../infra/vending.ts'
import { startClock } from '../../local/clock.ts'
import { readDeployed } from '../../local/deployed.ts'
import type { answering } from '../../local/endpoint.ts'
import { bundleFunctions, loadFunction } from '../../local/lambda.ts'
import { createWorld } from '../../local/world.ts'
import { requireInProcess } from './in-process-http.ts'

/** One run of a function, as Lambda knows it. */
export type Invocation = {
  name: string
  input: unknown
  /** Ended from outside: what it still does reaches nobody. */
  isDead: boolean
  /** The error under which the workflow hears of its end. */
  kill: (error: string) => void
}
type Running = { invocation: Invocation; handle: ReturnType<typeof answering>; log: (line: string) => void }

/** A call of a function that is dead, or whose answer never comes. */
export const never = () => new Promise<never>(() => undefined)

/**
 * Loads the deployed functions once for many worlds, as warm Lambdas: what they keep in memory outlives a world, as it
 * outlives a vend on AWS. `invoke` runs one in the world whose endpoint is given. `bundles` are the functions' texts, if they are not those of the sources.
 */
export const loadService = async (vendingFile: string, bundles?: Map<string, string>) => {
  const vending = loadVending(vendingFile)
  const clock = startClock(1)
  const { managementAccountId, region, partition } = createWorld()
  const deployed = readDeployed(vending, { partition, region, accountId: managementAccountId })
  const running = new AsyncLocalStorage<Running>()
  const texts = bundles ?? (await bundleFunctions(vendingFile))
  const require = requireInProcess(async (incoming) => {
    const here = running.getStore()
    if (!here) throw new Error('A function called AWS outside of an invocation')
    return here.invocation.isDead ? never() : here.handle(incoming)
  }, clock.now)
  const functions = new Map<string, ReturnType<typeof loadFunction>>()
  const load = (fn: (typeof deployed.functions)[number]) => {
    const environment = {
      ...fn.environment,
      AWS_REGION: region,
      // By this the endpoint knows which function calls.
      AWS_SDK_UA_APP_ID: fn.name,
      AWS_ACCESS_KEY_ID: managementAccountId,
      AWS_SECRET_ACCESS_KEY: 'local',
      AWS_ENDPOINT_URL: 'http://in-process',
    }
    const log = (line: string) => running.getStore()?.log(line)
    functions.set(fn.name, loadFunction(texts.get(fn.name) ?? '', { ...fn, environment }, { clock, log, require }))
  }
  deployed.functions.forEach(load)
  return {
    vending,
    deployed,
    clock,
    /** The function that an ARN of the definition names. */
    functionOf: (arn: string) => {
      const { name } = deployed.functions.find(({ name }) => deployed.lambdaArn(camelCase(name)) === arn) ?? {}
      if (!name) throw new Error(`There is no function ${arn}`)
      return name
    },
    /** What runs here now, if anything does. */
    current: () => running.getStore()?.invocation,
    /** Forgets what a function keeps in memory, as Lambda does with one that runs once a day. */
    coldStart: (name: string) => deployed.functions.filter((fn) => fn.name === name).forEach(load),
    /** Runs a function. What it throws leaves as it is; one that is killed ends as its killer says. */
    invoke: (name: string, input: unknown, { handle, log }: Omit<Running, 'invocation'>) => {
      const run = functions.get(name)
      if (!run) throw new Error(`There is no function ${name}`)
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
      const timeoutSeconds = deployed.functions.find((fn) => fn.name === name)?.timeoutSeconds ?? 60
      const timer = setTimeout(() => invocation.kill('Sandbox.Timedout'), timeoutSeconds * 1000)
      const ran = running.run({ invocation, handle, log }, () => run(input))
      return Promise.race([ran, killed.promise]).finally(() => clearTimeout(timer))
    },
  }
}
export type Service = Awaited<ReturnType<typeof loadService>>

const camelCase = (name: string) => name.replace(/-(\w)/g, (_, letter: string) => letter.toUpperCase())
