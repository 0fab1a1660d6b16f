import { AwsError } from '../../local/aws/aws-error.ts'
import { answering, type Intercept } from '../../local/aws/endpoint.ts'
import type { Execution } from '../../local/aws/step-functions-execution.ts'
import { startStepFunctions } from '../../local/aws/step-functions.ts'
import { createWorld, type World } from '../../local/aws/world.ts'
import { inMemoryDynamoDB } from './dynamodb.ts'
import { latencies } from './latencies.ts'
import { fill, type MadeAccounts } from './many-accounts.ts'
import { draw, randomFrom } from './random.ts'
import type { Service } from './service.ts'
import type { Invocation } from './simulation.ts'
import { inVirtualTime, sleep } from './virtual-time.ts'

type Ledger = ReturnType<typeof inMemoryDynamoDB>

/**
 * What AWS allows in a second, and what others share with the round.
 *
 * - `signIns`: calls of STS by an account in a Region (IAM User Guide, reference_iam-quotas).
 * - `lists`: ListAccounts (Organizations User Guide, orgs_reference_limits).
 * - `reads` and `writes`: request units of a new on-demand table (DynamoDB Developer Guide, on-demand-capacity-mode).
 * - `scanned`: read units of one partition. A scan reads one partition after the other (DynamoDB Developer Guide,
 *   bp-partition-key-design).
 */
export const limits = { signIns: 600, lists: 8, reads: 12_000, writes: 4000, scanned: 3000 }
type Limited = keyof typeof limits

/** How long a page of a scan takes, in milliseconds: it has up to 1 MB. An assumption. */
export const scanPage = { median: 90, p99: 300 }

/** Adds up what is used, and finds the second in which most was used. */
export const fullestSecond = () => {
  const recent: { at: number; amount: number }[] = []
  let first = 0
  let sum = 0
  let most = 0
  return {
    /** `at` is in milliseconds, and never before the time of an earlier call. */
    add: (at: number, amount: number) => {
      recent.push({ at, amount })
      sum += amount
      for (let oldest = recent[first]; oldest && oldest.at <= at - 1000; oldest = recent[first]) {
        sum -= oldest.amount
        first++
      }
      if (first > 10_000) {
        recent.splice(0, first)
        first = 0
      }
      most = Math.max(most, sum)
    },
    most: () => most,
  }
}

const limitRates = ({ rates, now }: World) => {
  const limit = (operation: string, perSecond: number) =>
    rates.set(operation, { perSecond, burst: perSecond, tokens: perSecond, at: now() })
  limit('sts AssumeRole', limits.signIns)
  limit('sts AssumeRoot', limits.signIns)
  limit('organizations ListAccounts', limits.lists)
}

/** A call of a function, before it takes effect. */
export type Called = { by: string; operation: string }

type Watched = {
  ledger: Ledger
  throttled: Map<string, 'once' | 'always'>
  takes: (what: string, which: string) => number
  now: () => number
  onCall: (call: Called) => void
}

/** Lets each call take its time, throttles what must be throttled, and counts. */
const watchCalls = ({ ledger, throttled, takes, now, onCall }: Watched) => {
  const used = Object.fromEntries(Object.keys(limits).map((name) => [name, fullestSecond()])) as Record<
    Limited,
    ReturnType<typeof fullestSecond>
  >
  const inAccounts = new Map<string, ReturnType<typeof fullestSecond>>()
  const counts = new Map<string, number>()
  const scans: Record<string, { pages: number; units: number }> = {}
  /** The calls of the services that cost something for each call. */
  const billed: World['calls'] = []
  const throttledOnce = new Set<string>()
  let before = { ...ledger.units }

  const count = (service: string, operation: string, accountId: string) => {
    counts.set(`${service} ${operation}`, (counts.get(`${service} ${operation}`) ?? 0) + 1)
    if (service === 'sts') used.signIns.add(now(), 1)
    if (operation === 'ListAccounts') used.lists.add(now(), 1)
    if (service !== 'iam') return
    const inAccount = inAccounts.get(accountId) ?? fullestSecond()
    inAccounts.set(accountId, inAccount)
    inAccount.add(now(), 1)
  }
  const throttle = (operation: string, accountId: string) => {
    const how = throttled.get(accountId)
    const asked = `${accountId} ${operation}`
    if (!how || (how === 'once' && throttledOnce.has(asked))) return
    throttledOnce.add(asked)
    throw new AwsError('Throttling', 'Rate exceeded')
  }
  /** Counts the units that a call of DynamoDB has used. */
  const countUnits = (by: string, operation: string) => () => {
    const { read, write } = ledger.units
    const units = read - before.read
    used.reads.add(now(), units)
    used.writes.add(now(), write - before.write)
    before = { read, write }
    if (operation !== 'Scan') return
    used.scanned.add(now(), units)
    const scan = (scans[by] ??= { pages: 0, units: 0 })
    scan.pages += 1
    scan.units += units
  }
  const intercept: Intercept = async ({ service, operation, input, caller, record }) => {
    const by = caller.function ?? ''
    const { accountId } = caller
    const { Key, RoleArn, TargetPrincipal } = input as {
      Key?: { pk?: { S?: string } }
      RoleArn?: string
      TargetPrincipal?: string
    }
    onCall({ by, operation })
    count(service, operation, accountId)
    if (service === 'secretsmanager' || service === 'events') billed.push(record)
    const about = Key?.pk?.S ?? RoleArn ?? TargetPrincipal ?? accountId
    await sleep(takes(operation === 'Scan' ? 'scanPage' : service, `${by} ${operation} ${about}`))
    if (service === 'iam') throttle(operation, accountId)
    return service === 'dynamodb' ? countUnits(by, operation) : undefined
  }
  return {
    intercept,
    scans,
    billed,
    counts: () => Object.fromEntries(counts),
    most: () =>
      Object.fromEntries(Object.entries(used).map(([name, { most }]) => [name, most()])) as Record<Limited, number>,
    mostInAnAccount: () => Math.max(...[...inAccounts.values()].map(({ most }) => most())),
  }
}

type Lambda = {
  service: Service
  handle: ReturnType<typeof answering>
  takes: (what: string, which: string) => number
}

/** Invokes functions as Lambda does, and keeps how long they took and how large their inputs and outputs were. */
const lambda = ({ service: { clock, functionOf, invoke }, handle, takes }: Lambda) => {
  const { now } = clock
  const invocations: Invocation[] = []
  const idle = new Map<string, number>()
  const payloads: Record<string, number> = {}
  let logBytes = 0
  // The answers of the Map's items together are a payload, too, before the Map's ResultPath drops them.
  let answers = 2
  const bytes = (what: string, payload: unknown) => {
    const size = Buffer.byteLength(JSON.stringify(payload ?? null))
    payloads[what] = Math.max(payloads[what] ?? 0, size)
    return size
  }
  return {
    invocations,
    payloads: () => ({ ...payloads, 'answers of LookAtEachBatch': answers }),
    logBytes: () => logBytes,
    invoke: async (arn: string, input: unknown) => {
      const name = functionOf(arn)
      const which = `${name} ${JSON.stringify(input).slice(0, 200)}`
      await sleep(takes('transition', `${which} transition`))
      const waiting = idle.get(name) ?? 0
      const isCold = waiting === 0
      if (!isCold) idle.set(name, waiting - 1)
      const invocation: Invocation = { name, start: now(), end: NaN, isCold }
      invocations.push(invocation)
      const starting = isCold ? takes('coldStart', `${which} coldStart`) : 0
      await sleep(starting + takes('invocation', `${which} invocation`))
      bytes(`input of ${name}`, input)
      try {
        const log = (line: string) => (logBytes += Buffer.byteLength(line))
        const output = await invoke(name, input, { handle, log })
        const size = bytes(`output of ${name}`, output)
        if (name === 'follow-up') answers += size + 1
        return output
      } catch (error) {
        invocation.error = (error as Error).name
        throw error
      } finally {
        invocation.end = now()
        idle.set(name, (idle.get(name) ?? 0) + 1)
      }
    },
  }
}

/** How many accounts the round has looked at, and how many findings of each kind it has on record. */
const looksSince = (ledger: Ledger, since: number) => {
  const findings: Record<string, number> = {}
  let looks = 0
  for (const { pk, at, findings: found } of ledger.all()) {
    if (!pk?.S?.startsWith('look#') || Date.parse(at?.S ?? '') < since) continue
    looks++
    for (const key of Object.keys(found?.M ?? {})) {
      const [kind = ''] = key.split('#')
      findings[kind] = (findings[kind] ?? 0) + 1
    }
  }
  return { looks, findings }
}

type Asked = {
  /** Decides everything that is random: the same seed gives the same result. */
  seed: string
  accounts: number
  onCall?: Watched['onCall']
}

export type Rounded = Awaited<ReturnType<ReturnType<typeof roundingMany>>>

/**
 * Runs the deployed round over so many accounts, two days after they were vended. A round has looked at them on the day
 * of their vend. AWS's limits of STS and Organizations hold, and IAM throttles in some accounts.
 */
export const roundingMany =
  (service: Service, made: MadeAccounts) =>
  ({ seed, accounts, onCall = () => undefined }: Asked) => {
    const { vending, deployed, clock } = service
    const { now, setTimer } = clock
    const random = randomFrom(`${seed} world`)
    return inVirtualTime(random, async () => {
      const world = createWorld({ now, setTimer, random, accessRole: vending.accessRole })
      world.managesRootCredentials = true
      const ledger = inMemoryDynamoDB(deployed.ledgerTable, now, { lag: 1000 })
      const { throttled, expected } = fill({ world, ledger, vending }, made, accounts)
      const ledgerBytes = ledger.bytes()
      await sleep(2 * 24 * 60 * 60 * 1000)
      limitRates(world)
      Object.assign(ledger.units, { read: 0, write: 0 })

      const takes = (what: string, which: string) => {
        const latency = what === 'scanPage' ? scanPage : latencies[what]
        if (!latency) throw new Error(`The simulation does not know ${what}`)
        // What is asked twice is asked at another time.
        return draw(latency, randomFrom(`${seed} ${which} ${now()}`))
      }
      const watch = watchCalls({ ledger, throttled, takes, now, onCall })
      const mails: object[] = []
      let events = 0
      const handle = answering(world, {
        operations: {
          dynamodb: ledger.operations,
          ses: { SendEmail: () => ({ MessageId: `${seed}-${mails.push({})}` }) },
          events: {
            PutEvents: (_: unknown, { Entries }: { Entries: object[] }) => {
              events += Entries.length
              return { FailedEntryCount: 0, Entries: Entries.map((_, i) => ({ EventId: `${seed}-${events}-${i}` })) }
            },
          },
        },
        intercept: (call) => {
          // A list of all calls of 50,000 accounts would fill the memory.
          if (world.calls.length > 10_000) world.calls.length = 0
          return watch.intercept(call)
        },
      })
      const { invoke, invocations, payloads, logBytes } = lambda({ service, handle, takes })

      let transitions = 0
      const ended = Promise.withResolvers<Execution>()
      const stepFunctions = startStepFunctions({
        definition: deployed.round.definition as never,
        stateMachineArn: deployed.round.stateMachineArn,
        clock,
        invoke,
        // Step Functions bills each entry of a state, and each retry as one more.
        onProgress: ({ what }) => (transitions += what === 'entered' || what === 'retried' ? 1 : 0),
        onEnd: ended.resolve,
      })
      const start = now()
      stepFunctions.start(`round-${seed}`.padEnd(73, '-').slice(0, 73), '{}')
      const execution = await ended.promise
      if (execution.status !== 'SUCCEEDED') throw new Error(`The round failed: ${execution.error} ${execution.cause}`)

      const endOf = (name: string) => Math.max(...invocations.filter((one) => one.name === name).map(({ end }) => end))
      return {
        execution,
        /** In seconds, from the start of the round. */
        ended: Object.fromEntries(
          ['sweep', 'follow-up', 'report-round'].map((name) => [name, (endOf(name) - start) / 1000]),
        ) as Record<'sweep' | 'follow-up' | 'report-round', number>,
        expected,
        ...looksSince(ledger, start),
        most: watch.most(),
        mostInAnAccount: watch.mostInAnAccount(),
        counts: watch.counts(),
        scans: watch.scans,
        payloads: payloads(),
        events,
        mails,
        calls: watch.billed,
        invocations,
        transitions,
        logBytes: logBytes(),
        units: ledger.units,
        ledgerBytes,
      }
    })
  }
