import { mkdtempSync, rmSync } from 'node:fs'
import { availableParallelism, tmpdir } from 'node:os'
import path from 'node:path'
import { parseArgs } from 'node:util'
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads'
import { branchNames, seedsForAllBranches } from './branches.ts'
import {
  type Bundle,
  bundleAll,
  isOpeningWorld,
  isLiveWorld,
  isRoundWorld,
  loadWarm,
  runSeed,
  writeConfigs,
} from './load-services.ts'
import { mistakes } from './mistakes.ts'
import type { Result } from './world-result.ts'
import { mostWorlds, selfTest } from './self-test.ts'

const usage = `Usage: npm run simulate -- [options]

Vends accounts in many small simulated worlds with faults, and holds the service's promises against each.
In every fifth world, accounts are opened. In every tenth world, the daily round runs for days.

  --seeds N     how many worlds (100 if left out)
  --from S      the first seed (a fresh one if left out)
  --seed S      this world only, with its trace
  --liveness    in every world all faults end at a random moment, and then everything ends as promised within a
                bound of time (without the option: in every eighth world)
  --self-test   make known mistakes, one at a time: each must be found, in the world that found-in.json names or in
                another one
  --measure     with --self-test: in how many worlds each mistake is found from three starts. The median must be at
                most ${mostWorlds}. Takes about an hour, and writes found-in.json
  --mistake T   only the mistakes with T in their name
  --help        show this

The last line on stdout is JSON. It counts the worlds that took each rare branch. Exit codes: 0 all promises
held, 1 one was broken or a run of ${seedsForAllBranches} seeds never took a rare branch, 2 a mistake in the command.
`
type Task = { from: number; seeds: number; isLive: true | undefined }

// A worker runs the seeds that it is given, world by world.

const work = async () => {
  // Faults are thousands of errors, and nobody reads their stack traces.
  Error.stackTraceLimit = 0
  const services = await loadWarm(workerData as Bundle)
  parentPort?.on('message', ({ from, seeds, isLive }: Task) => {
    void (async () => {
      for (let seed = from; seed < from + seeds; seed++) {
        const result = await runSeed(services, seed, isLive)
        parentPort?.postMessage({ ...result, trace: result.violation ? result.trace : [] })
      }
      parentPort?.postMessage('idle')
    })()
  })
  parentPort?.postMessage('idle')
}

/** Runs seeds in as many workers as there are processors. `tell` is called for each world. */
const runSeeds = (bundle: Bundle, { from, seeds, isLive }: Task, tell: (result: Result) => void) => {
  let next = from
  const chunk = 10
  const workers = Array.from(
    { length: Math.min(availableParallelism(), Math.ceil(seeds / chunk)) },
    () => new Worker(new URL(import.meta.url), { workerData: bundle }),
  )
  const done = workers.map(
    (worker) =>
      new Promise<void>((resolve, reject) => {
        worker.once('error', reject)
        worker.on('message', (message: Result | 'idle') => {
          if (message !== 'idle') return tell(message)
          const rest = Math.min(chunk, from + seeds - next)
          if (rest <= 0) return void worker.terminate().then(() => resolve())
          worker.postMessage({ from: next, seeds: rest, isLive } satisfies Task)
          next += rest
        })
      }),
  )
  return Promise.all(done)
}

const tell = ({ seed, violation, trace }: Result, isLive: true | undefined) =>
  process.stderr.write(
    `seed ${seed} breaks “${violation?.invariant}”: ${violation?.what}\n${trace.join('\n')}\n` +
      `Again: npm run simulate -- --seed ${seed}${isLive ? ' --liveness' : ''}\n\n`,
  )

const simulate = async (bundle: Bundle, { from, seeds, isLive }: Task) => {
  const begun = performance.now()
  const total = {
    seeds: 0,
    openingWorlds: 0,
    roundWorlds: 0,
    liveWorlds: 0,
    violations: 0,
    faults: {} as Record<string, number>,
    branches: Object.fromEntries(branchNames.map((name) => [name, 0])) as Record<string, number>,
    vends: 0,
    duplicateMails: 0,
  }
  let simulatedSeconds = 0
  const seconds = () => (performance.now() - begun) / 1000
  const progress = setInterval(
    () =>
      process.stderr.write(
        `${total.seeds} of ${seeds} seeds, ${total.violations} violations, ${(total.seeds / seconds()).toFixed(0)} a second\n`,
      ),
    10_000,
  )
  process.stderr.write(`Seeds ${from} to ${from + seeds - 1}\n`)
  await runSeeds(bundle, { from, seeds, isLive }, (result) => {
    total.seeds += 1
    total.openingWorlds += Number(isOpeningWorld(result.seed))
    total.roundWorlds += Number(isRoundWorld(result.seed))
    total.liveWorlds += Number(isLive ?? isLiveWorld(result.seed))
    total.vends += result.vends
    total.duplicateMails += result.duplicateMails
    simulatedSeconds += result.simulatedSeconds
    for (const [kind, count] of Object.entries(result.faults)) total.faults[kind] = (total.faults[kind] ?? 0) + count
    for (const name of result.branches) total.branches[name] = (total.branches[name] ?? 0) + 1
    if (!result.violation) return
    total.violations += 1
    // A few traces are enough to show what is wrong.
    if (total.violations <= 5) tell(result, isLive)
    else process.stderr.write(`seed ${result.seed} breaks “${result.violation.invariant}”: ${result.violation.what}\n`)
  })
  clearInterval(progress)
  return {
    ...total,
    simulatedHours: Math.round(simulatedSeconds / 3600),
    wallSeconds: Math.round(seconds()),
    from,
  }
}

const wholeNumber = (option: string, text: string, least = 0) => {
  const number = Number(text)
  if (Number.isSafeInteger(number) && number >= least) return number
  process.stderr.write(`--${option} ${text}: must be a whole number${least ? `, at least ${least}` : ''}\n`)
  return process.exit(2)
}

const readOptions = () => {
  try {
    const { values } = parseArgs({
      options: {
        seeds: { type: 'string' },
        from: { type: 'string' },
        seed: { type: 'string' },
        liveness: { type: 'boolean', default: false },
        'self-test': { type: 'boolean', default: false },
        measure: { type: 'boolean', default: false },
        mistake: { type: 'string' },
        help: { type: 'boolean', default: false },
      },
    })
    const given = (['self-test', 'seed', 'seeds', 'from'] as const).filter((name) => values[name])
    // An option that would have no effect is refused.
    if (values.mistake !== undefined && !values['self-test']) throw new Error('--mistake is for --self-test')
    if (values.measure && !values['self-test']) throw new Error('--measure is for --self-test')
    if (values.liveness && values['self-test']) throw new Error('--liveness and --self-test do not go together')
    if ((values['self-test'] || values.seed) && given.length > 1)
      throw new Error(`--${given[0]} and --${given[1]} do not go together`)
    if (!mistakes.some(({ name }) => name.includes(values.mistake ?? '')))
      throw new Error(`--mistake ${values.mistake}: no mistake has that in its name`)
    return values
  } catch (error) {
    process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n\n${usage}`)
    return process.exit(2)
  }
}

const run = async () => {
  const options = readOptions()
  if (options.help) return void process.stdout.write(usage)
  const seeds = wholeNumber('seeds', options.seeds ?? '100', 1)
  const folder = mkdtempSync(path.join(tmpdir(), 'account-vending-'))
  process.once('exit', () => rmSync(folder, { recursive: true, force: true }))
  const files = writeConfigs(folder)

  if (options['self-test']) {
    const asked = { text: options.mistake ?? '', isMeasured: options.measure }
    const total = await selfTest(files, asked, (line) => process.stderr.write(`${line}\n`))
    process.stdout.write(`${JSON.stringify(total)}\n`)
    process.exitCode = total.found === total.mistakes && !total.unsound.length ? 0 : 1
    return
  }
  const bundle = await bundleAll(files)
  const isLive = options.liveness || undefined
  if (options.seed !== undefined) {
    const seed = wholeNumber('seed', options.seed)
    const { trace, violation, ...rest } = await runSeed(await loadWarm(bundle), seed, isLive)
    process.stdout.write(`${trace.join('\n')}\n${JSON.stringify({ ...rest, violation: violation ?? null })}\n`)
    process.exitCode = violation ? 1 : 0
    return
  }
  const from = options.from === undefined ? Math.floor(Math.random() * 2 ** 40) : wholeNumber('from', options.from)
  const total = await simulate(bundle, { from, seeds, isLive })
  process.stdout.write(`${JSON.stringify(total)}\n`)
  const never = branchNames.filter((name) => !total.branches[name])
  const isLong = seeds >= seedsForAllBranches
  if (isLong) for (const name of never) process.stderr.write(`No world took this branch: ${name}\n`)
  process.exitCode = total.violations || (isLong && never.length) ? 1 : 0
}

if (isMainThread) await run()
else await work()
