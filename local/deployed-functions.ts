import { randomUUID } from 'node:crypto'
import { deadLetterOf } from './aws/lambda.ts'
import type { World } from './aws/world.ts'
import type { Clock } from './clock.ts'
import type { Deployed } from './deployed.ts'
import { loadFunction } from './run-function.ts'

type Run = (event: unknown) => Promise<unknown>

type Options = {
  world: World
  deployed: Deployed
  /** Puts a message into the dead-letter queue. */
  sendDeadLetter: (body: string) => void
  onDeadLetter: ((event: unknown, error: unknown) => void) | undefined
}

const camelCase = (name: string) => name.replace(/-(\w)/g, (_, letter: string) => letter.toUpperCase())

/** Creates the service's Lambda functions. `load` must be called before the first invocation. */
export const createFunctions = ({ world, deployed, sendDeadLetter, onDeadLetter }: Options) => {
  const loaded = new Map<string, Run>()
  const underWay = new Set<Promise<unknown>>()
  const arnOf = (name: string) => deployed.lambdaArn(camelCase(name))

  const track = <T>(work: Promise<T>) => {
    underWay.add(work)
    void work.catch(() => undefined).finally(() => underWay.delete(work))
    return work
  }

  /** Runs a function. Returns or throws what the function returns or throws. */
  const invoke: (name: string, event: unknown) => Promise<unknown> = (name, event) => {
    const run = loaded.get(name)
    if (!run) throw new Error(`There is no function ${name}`)
    return run(event)
  }

  const invokeOrKeep = async (name: string, event: unknown) => {
    try {
      return await invoke(name, event)
    } catch (error) {
      const isoTime = new Date(world.now()).toISOString()
      sendDeadLetter(
        JSON.stringify(deadLetterOf({ functionArn: arnOf(name), event, error, requestId: randomUUID(), isoTime })),
      )
      onDeadLetter?.(event, error)
      return undefined
    }
  }

  return {
    invoke,
    /** Invokes a function as Lambda's API does: `settled` waits for the function. */
    invokeTracked: (name: string, event: unknown) => track(invoke(name, event)),
    /**
     * Invokes a function as EventBridge does, but without AWS's two retries: if the function fails, its event goes to
     * the dead-letter queue. Returns what the function returns, or undefined if it failed.
     */
    invokeAsync: (name: string, event: unknown) => track(invokeOrKeep(name, event)),
    /** The folder name of the function with an ARN or a name in AWS; undefined if there is none. */
    nameOf: (nameOrArn: string) =>
      deployed.functions.find(({ name }) =>
        [arnOf(name), `${deployed.stackName}-${camelCase(name)}`].includes(nameOrArn),
      )?.name,
    isIdle: () => underWay.size === 0,
    /** Loads the bundles. Their clients call the endpoint at `endpointUrl`, and their links begin with `apiUrl`. */
    load: (
      bundles: Map<string, string>,
      {
        endpointUrl,
        apiUrl,
        clock,
        onLog,
      }: { endpointUrl: string; apiUrl: string; clock: Clock; onLog: ((line: string) => void) | undefined },
    ) => {
      for (const fn of deployed.functions) {
        const environment = {
          ...fn.environment,
          ...(fn.environment['LINK_URL'] && { LINK_URL: `${apiUrl}/link` }),
          AWS_REGION: world.region,
          // The endpoint reads the name of the calling function from this.
          AWS_SDK_UA_APP_ID: fn.name,
          AWS_ACCESS_KEY_ID: world.managementAccountId,
          AWS_SECRET_ACCESS_KEY: 'local',
          AWS_ENDPOINT_URL: endpointUrl,
        }
        const log = (line: string) => onLog?.(line)
        loaded.set(fn.name, loadFunction(bundles.get(fn.name) ?? '', { ...fn, environment }, { clock, log }))
      }
    },
  }
}
