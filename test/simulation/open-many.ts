import { AsyncLocalStorage } from 'node:async_hooks'
import { answering } from '../../local/aws/endpoint.ts'
import { limitRates } from '../../local/aws/rates.ts'
import type { Execution } from '../../local/aws/step-functions-execution.ts'
import { startStepFunctions } from '../../local/aws/step-functions.ts'
import { addAccount, createWorld } from '../../local/aws/world.ts'
import { mailOperations } from '../support/mail-operations.ts'
import { createEventBus } from '../../local/event-bus.ts'
import { inMemoryDynamoDB } from './dynamodb.ts'
import { accounts, latencies } from './latencies.ts'
import { draw, randomFrom } from './random.ts'
import type { Service } from './service.ts'
import type { Invocation } from './simulation.ts'
import { inVirtualTime, sleep } from './virtual-time.ts'

type World = {
  /** Decides everything that is random: the same seed gives the same result. */
  seed: string
  /** How many openings begin at the same moment. */
  openings: number
  /** How many accounts that exist are vended besides. The first vend begins at the same moment as the openings. */
  vends?: number
  secondsBetweenVends?: number
  /** Creations of others that never end, so that nobody can open an account while there are five. */
  endlessCreations?: number
}

export type Opened = Awaited<ReturnType<ReturnType<typeof openingMany>>>

/** One execution's own chance: what other executions do at the same moment changes none of its draws. */
type Chance = { draw: (what: string, kind: string) => number; random: () => number }

/**
 * Opens many accounts in one world, with AWS's limits for the whole organization: five creations at a time,
 * CreateAccount's rate, and Lambda's concurrent executions. The accounts' roles and the latencies are those of
 * `latencies.ts`.
 */
export const openingMany =
  (service: Service) =>
  ({ seed, openings, vends = 0, secondsBetweenVends = 0, endlessCreations = 0 }: World) => {
    const { vending, deployed, clock, functionOf } = service
    const chances = new AsyncLocalStorage<Chance>()
    const others = randomFrom(`${seed} others`)
    const random = () => (chances.getStore()?.random ?? others)()
    const takes = (what: string, kind: string) => {
      const chance = chances.getStore()
      if (!chance) throw new Error(`${kind} happens outside of an execution`)
      return chance.draw(what, kind)
    }
    const chanceOf = (name: string): Chance => {
      const counts = new Map<string, number>()
      return {
        random: randomFrom(`${seed} ${name}`),
        draw: (what, kind) => {
          const count = (counts.get(kind) ?? 0) + 1
          counts.set(kind, count)
          const latency = latencies[what]
          if (!latency) throw new Error(`The simulation does not know ${what}`)
          return draw(latency, randomFrom(`${seed} ${name} ${kind} ${count}`))
        },
      }
    }
    return inVirtualTime(random, async () => {
      const { now, setTimer } = clock
      const started = now()
      const world = createWorld({ now, setTimer, random, accessRole: vending.accessRole })
      world.staleness = accounts.staleness.chance
      limitRates(world)
      let creations = 0
      world.creationSeconds = () => draw(accounts.creation, randomFrom(`${seed} creation ${creations++}`))
      for (let i = 0; i < endlessCreations; i++)
        world.createRequests.set(`car-endless${i}`, {
          id: `car-endless${i}`,
          state: 'IN_PROGRESS',
          accountName: 'Endless',
          email: `endless-${i}@example.com`,
          requestedAt: started,
        })

      const ledger = inMemoryDynamoDB(deployed.ledgerTable, now, { lag: 1000 })
      const mails: object[] = []
      const sendEmail = (_: unknown, mail: object) => ({ MessageId: `${seed}-${mails.push(mail)}` })
      let logBytes = 0
      const log = (line: string) => (logBytes += Buffer.byteLength(line))

      const invocations: Invocation[] = []
      const idle = new Map<string, number>()
      let running = 0
      const invoke = async (arn: string, input: unknown) => {
        const name = functionOf(arn)
        await sleep(takes('transition', `${name} transition`))
        if (running >= world.lambdaLimits.concurrentExecutions)
          throw Object.assign(new Error('Rate Exceeded.'), { name: 'Lambda.TooManyRequestsException' })
        running++
        const waiting = idle.get(name) ?? 0
        const isCold = waiting === 0
        if (!isCold) idle.set(name, waiting - 1)
        const invocation: Invocation = { name, start: now(), end: NaN, isCold }
        invocations.push(invocation)
        const starting = takes('coldStart', `${name} coldStart`)
        await sleep((isCold ? starting : 0) + takes('invocation', `${name} invocation`))
        try {
          return await service.invoke(name, input, { handle, log })
        } catch (error) {
          invocation.error = (error as Error).name
          throw error
        } finally {
          invocation.end = now()
          running--
          idle.set(name, (idle.get(name) ?? 0) + 1)
        }
      }

      let transitions = 0
      let unfinished = openings + vends
      const ended = Promise.withResolvers<void>()
      const stepFunctions = startStepFunctions({
        definition: deployed.definition as never,
        stateMachineArn: deployed.stateMachineArn,
        clock,
        invoke,
        // Step Functions bills each entry of a state, and each retry as one more.
        onProgress: ({ what }) => (transitions += what === 'entered' || what === 'retried' ? 1 : 0),
        onEnd: () => {
          unfinished--
          if (!unfinished) ended.resolve()
        },
      })
      const handle = answering(world, {
        operations: {
          dynamodb: ledger.operations,
          ses: mailOperations(sendEmail),
          events: { PutEvents: () => ({ FailedEntryCount: 0, Entries: [{ EventId: seed }] }) },
          states: stepFunctions.operations,
        },
        intercept: ({ service, operation, caller }) => sleep(takes(service, `${caller.function} ${operation} latency`)),
      })
      const start = (name: string, input: string) =>
        chances.run(chanceOf(name), () => stepFunctions.start(name, input)) as Execution

      const bus = createEventBus(deployed, {
        startExecution: (_, event) => {
          unfinished++
          return start(`event-${creations}-${now()}`, event)
        },
        invoke: () => undefined,
      })
      world.emit = (event) => {
        const [created] = [...world.accounts.values()].slice(-1)
        if (created) delayRole(created, seed)
        bus.putEvent(event)
      }

      const opened = Array.from({ length: openings }, (_, i) =>
        start(`open-${i}`, JSON.stringify({ account: accountOf(i) })),
      )
      const vended: Execution[] = []
      for (let i = 0; i < vends; i++) {
        const { id } = addAccount(world, { id: String(700_000_000_000 + i), name: `Existing ${i}`, joinedAt: 0 })
        if (i) await sleep(secondsBetweenVends * 1000)
        vended.push(start(`vend-${i}`, JSON.stringify({ accountId: id })))
      }
      await ended.promise
      const { calls } = world
      const created = [...world.createRequests.values()].flatMap(({ requestedAt, completedAt }) =>
        completedAt === undefined ? [] : { requestedAt, completedAt },
      )
      return {
        opened,
        vended,
        executions: stepFunctions.executions.size,
        /** How long Organizations took to create each account, in milliseconds. */
        creationTimes: created.map(({ requestedAt, completedAt }) => completedAt - requestedAt),
        lastCreatedAt: Math.max(...created.map(({ completedAt }) => completedAt)),
        start: started,
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

const accountOf = (i: number) => ({
  name: `Sandbox ${i}`,
  email: `sandbox-${i}@example.com`,
  ou: 'Workloads/Sandbox',
  tags: { CostCenter: '42' },
})

/** Lets the role of a new account become usable as late as in the worlds of a single account. */
const delayRole = (
  account: { email: string; joinedAt: number; roleUsableFrom: number; policiesInEffectFrom: number },
  seed: string,
) => {
  const of = (what: 'roleDelay' | 'policyDelay') =>
    draw(accounts[what], randomFrom(`${seed} ${account.email} ${what}`)) * 1000
  account.roleUsableFrom = account.joinedAt + of('roleDelay')
  account.policiesInEffectFrom = account.roleUsableFrom + of('policyDelay')
}
