import type { readDeployed } from '../../local/deployed.ts'
import { answering } from '../../local/aws/endpoint.ts'
import type { Execution } from '../../local/aws/step-functions-execution.ts'
import { startStepFunctions } from '../../local/aws/step-functions.ts'
import { addAccount, createWorld } from '../../local/aws/world.ts'
import { mailOperations } from '../support/mail-operations.ts'
import { accountCreated } from '../support/events.ts'
import { inMemoryDynamoDB } from './dynamodb.ts'
import { latencies } from './latencies.ts'
import { openingMany } from './open-many.ts'
import { draw, randomFrom } from './random.ts'
import { loadService } from './service.ts'
import { inVirtualTime, sleep } from './virtual-time.ts'

export type Definition = ReturnType<typeof readDeployed>['definition']
export type Invocation = { name: string; start: number; end: number; isCold: boolean; error?: string }
export type Simulated = Awaited<ReturnType<Awaited<ReturnType<typeof loadSimulation>>['vend']>>

type World = {
  /** Decides everything that is random: the same seed gives the same result. */
  seed: string
  /** The workflow's input; without it, the event that the account was created. */
  input?: object
  /** What differs from an account that Organizations just created, with a role that can be assumed. */
  account?: Parameters<typeof addAccount>[1]
  staleness?: number
  /** The workflow's definition; without it, the deployed one. */
  definition?: Definition
  /**
   * Milliseconds that something takes: a service's call, or one of the others in `latencies`. `which` is one of its
   * kind in the world, so that chance does not hang on the order of what happens at the same moment.
   */
  takes?: (what: string, which: string) => number
}

/** The account that is vended in every world. */
export const accountId = '444455556666'

/**
 * Loads the deployed functions once, as warm Lambdas of many simulated worlds. The bundles, with the SDK, and the
 * definition are the deployed ones; only sockets and time are not real. A function's memory outlives a world, as it
 * outlives a vend on AWS.
 */
export const loadSimulation = async (vendingFile: string) => {
  const service = await loadService(vendingFile)
  const { vending, deployed, clock, functionOf } = service

  /** Vends the account `accountId` in a world of its own. */
  const vend = ({ seed, input = accountCreated(accountId), ...given }: World) => {
    const { account: asked = {}, staleness = 0, definition = deployed.definition } = given
    const { takes = (what, which) => draw(latencies[what] ?? unknown(what), randomFrom(`${seed} ${which}`)) } = given
    return inVirtualTime(randomFrom(`${seed} jitter`), async () => {
      const { now, setTimer } = clock
      const counts = new Map<string, number>()
      const nth = (what: string) => {
        counts.set(what, (counts.get(what) ?? 0) + 1)
        return `${what} ${counts.get(what)}`
      }
      const random = randomFrom(`${seed} world`)
      const world = createWorld({ now, setTimer, random, staleness, accessRole: vending.accessRole })
      const ledger = inMemoryDynamoDB(deployed.ledgerTable, now, { lag: 1000 })
      const mails: object[] = []
      const sendEmail = (_: unknown, mail: object) => ({ MessageId: `${seed}-${mails.push(mail)}` })
      const handle = answering(world, {
        operations: {
          dynamodb: ledger.operations,
          ses: mailOperations(sendEmail),
          events: { PutEvents: () => ({ FailedEntryCount: 0, Entries: [{ EventId: seed }] }) },
        },
        intercept: ({ service, operation, caller }) =>
          sleep(takes(service, nth(`${caller.function} ${operation} latency`))),
      })
      let logBytes = 0
      const log = (line: string) => (logBytes += Buffer.byteLength(line))

      const invocations: Invocation[] = []
      const invoke = async (arn: string, input: unknown) => {
        const name = functionOf(arn)
        await sleep(takes('transition', nth(`${name} transition`)))
        const isCold = !invocations.some((before) => before.name === name)
        const invocation: Invocation = { name, start: now(), end: NaN, isCold }
        invocations.push(invocation)
        const starting = isCold ? takes('coldStart', nth(`${name} coldStart`)) : 0
        await sleep(starting + takes('invocation', nth(`${name} invocation`)))
        try {
          return await service.invoke(name, input, { handle, log })
        } catch (error) {
          invocation.error = (error as Error).name
          throw error
        } finally {
          invocation.end = now()
        }
      }

      let transitions = 0
      const ended = Promise.withResolvers<Execution>()
      const stepFunctions = startStepFunctions({
        definition: definition as never,
        stateMachineArn: deployed.stateMachineArn,
        clock,
        invoke,
        // Step Functions bills each entry of a state, and each retry as one more.
        onProgress: ({ what }) => (transitions += what === 'entered' || what === 'retried' ? 1 : 0),
        onEnd: ended.resolve,
      })
      const account = addAccount(world, { id: accountId, name: 'Sandbox', ...asked })
      const start = now()
      // As long as the names that EventBridge gives.
      stepFunctions.start(`world-${seed}`.padEnd(73, '-').slice(0, 73), JSON.stringify(input))
      const execution = await ended.promise
      const { calls } = world
      return {
        execution,
        account,
        start,
        calls,
        mails,
        invocations,
        transitions,
        logBytes,
        units: ledger.units,
        ledgerBytes: ledger.bytes(),
      }
    })
  }
  // The first use of an SDK client takes more turns than later ones: after it, a seed gives the same world every time.
  await vend({ seed: 'warm-up' })
  return { deployed, vend, openMany: openingMany(service) }
}

const unknown = (what: string): never => {
  throw new Error(`The simulation does not know ${what}`)
}
