import type { Execution } from '../../local/aws/step-functions-execution.ts'
import { allStates, type Definition as States } from '../../local/aws/step-functions-definition.ts'
import { accounts } from '../simulation/latencies.ts'
import type { Opened } from '../simulation/open-many.ts'
import type { Definition, loadSimulation } from '../simulation/simulation.ts'
import { deployed, priceOf, type Usage, usageOf } from './cost.ts'
import { type Figures, mean, quantile, round } from './figures.ts'

type Simulation = Awaited<ReturnType<typeof loadSimulation>>

// What AWS allows an organization: docs/opening.md.
const secondsPerCreation = 10
const creationsAtOnce = 5
const vends = { vends: 100, secondsBetweenVends: 100 }

/**
 * The events in the history of an execution, as Step Functions counts them: of each state that it was entered and left,
 * of each try of a function that it was scheduled, started and ended, of a Map that it was started and ended, as of
 * each of its items, and of the execution that it was started and ended.
 * Source: Step Functions API Reference, HistoryEvent.
 */
export const historyEvents = ({ history }: Pick<Execution, 'history'>, definition: Definition) => {
  const types = new Map(allStates(definition as States).map(([name, { Type }]) => [name, Type]))
  const items = new Set(history.flatMap(({ index }) => index ?? []))
  return history.reduce(
    (sum, { state, what }) => {
      const type = types.get(state)
      const ofTry = type === 'Task' && (what === 'entered' || what === 'retried') ? 3 : 0
      const ofMap = type === 'Map' && what === 'entered' ? 2 : 0
      return sum + ofTry + ofMap + (what === 'entered' || what === 'succeeded' ? 1 : 0)
    },
    2 + 2 * items.size,
  )
}

/** The least time in which AWS can create so many accounts, in seconds. `creationTimes` are in seconds, too. */
export const leastSeconds = (creationTimes: number[]) =>
  creationTimes.length <= creationsAtOnce
    ? Math.max(...creationTimes)
    : Math.max(
        secondsPerCreation * creationTimes.length,
        (creationTimes.length / creationsAtOnce) * mean(creationTimes),
      )

const priceOfWorld = (world: Opened) => {
  const usage: Usage = usageOf(world, deployed().provider.memorySize)
  return priceOf({ ...usage, trace: world.executions })
}

const p95 = (executions: Execution[]) =>
  quantile(
    executions.map(({ startDate, stopDate = NaN }) => stopDate - startDate),
    0.95,
  )

const errorsOf = (executions: Execution[]) => executions.flatMap(({ error }) => error ?? [])

type Options = {
  /** How many accounts are opened at the same moment. */
  sizes: number[]
  /** So many openings take minutes of computing, and the vends of other accounts are measured beside them. */
  slowFrom: number
  onProgress: (line: string) => void
}

/**
 * Opens accounts at the same moment, in simulated time: how long that takes compared with the least that AWS's limits
 * allow, what it costs, and whether other vends notice. The time ends when the last account is vended.
 */
export const measureOpenings = async (
  { deployed: { definition }, openMany }: Simulation,
  { sizes, slowFrom, onProgress }: Options,
) => {
  const figures: Figures = {}
  const rows = []
  for (const openings of sizes) {
    onProgress(`openings: ${openings} at the same moment`)
    const isSlow = openings >= slowFrom
    const rule = isSlow ? 'slow count' : 'count'
    const alone = isSlow ? await openMany({ seed: 'openings', openings: 0, ...vends }) : undefined
    const world = await openMany({ seed: 'openings', openings, ...(isSlow && vends) })
    const failed = errorsOf([...world.opened, ...world.vended])
    const seconds = (Math.max(...world.opened.map(({ stopDate = NaN }) => stopDate)) - world.start) / 1000
    const creationTimes = world.creationTimes.map((time) => time / 1000)
    const refusals = world.calls.filter(({ operation, error }) => operation === 'CreateAccount' && error)
    const row = {
      openings,
      seconds: round(seconds, 0),
      /** Until Organizations has created the last account. What follows waits for the account's role. */
      secondsToCreated: round((world.lastCreatedAt - world.start) / 1000, 0),
      meanCreationSeconds: round(mean(creationTimes), 1),
      leastSeconds: round(leastSeconds(creationTimes), 0),
      ratio: round(seconds / leastSeconds(creationTimes), 3),
      events: Math.max(...world.opened.map((execution) => historyEvents(execution, definition))),
      refusals: refusals.length,
      failed: failed.length,
      errors: [...new Set(failed)],
      usd: round((priceOfWorld(world) - (alone ? priceOfWorld(alone) : 0)) / openings, 6),
      ...(alone && { vend: { alone: round(p95(alone.vended) / 1000), beside: round(p95(world.vended) / 1000) } }),
    }
    rows.push(row)
    const name = (what: string) => `openings: ${what}, ${openings.toLocaleString('en-US')} at once`
    figures[name('time ÷ the least possible')] = { value: row.ratio, rule, ...(openings > 1 && { bound: 1.2 }) }
    figures[name('events in the longest history')] = { value: row.events, rule, bound: 5000 }
    figures[name('refusals by AWS')] = { value: row.refusals, rule }
    figures[name('not vended')] = { value: row.failed, rule, bound: 0 }
    figures[name('USD each')] = { value: row.usd, rule }
    if (row.vend)
      figures[name('p95 of a vend beside them ÷ alone')] = {
        value: round(row.vend.beside / row.vend.alone, 3),
        rule,
        bound: 1.1,
      }
  }
  onProgress('openings: one that waits for 7 days')
  const { opened } = await openMany({ seed: 'openings', openings: 1, endlessCreations: creationsAtOnce })
  const [waited] = opened
  if (waited?.error !== 'OpeningWaitedTooLongError')
    throw new Error(`An opening that has to wait for ever ended with ${waited?.error ?? waited?.status}`)
  figures['openings: events in the history of one that waits for 7 days'] = {
    value: historyEvents(waited, definition),
    rule: 'count',
    bound: 5000,
  }
  return { figures, details: { rows, creation: accounts.creation } }
}
