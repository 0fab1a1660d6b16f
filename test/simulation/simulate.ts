import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { availableParallelism, tmpdir } from 'node:os'
import path from 'node:path'
import { parseArgs } from 'node:util'
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads'
import { parse, stringify } from 'yaml'
import { bundleTogether } from './bundle.ts'
import { mistakes, withMistake } from './mistakes.ts'
import { configs, type Plan } from './plan.ts'
import { loadTogether, type Service } from './service.ts'
import { type Result, runWorld } from './run-world.ts'

const usage = `Usage: npm run simulate -- [options]

Vends accounts in many small simulated worlds with faults, and holds the service's promises against each.

  --seeds N     how many worlds (100 if left out)
  --from S      the first seed (a fresh one if left out)
  --seed S      this world only, with its trace
  --self-test   make known mistakes, one at a time: each must be found within 2,000 worlds
  --mistake T   of these only the ones with T in their name
  --help        show this

The last line on stdout is JSON. Exit codes: 0 all promises held, 1 one was broken, 2 a mistake in the command.
`
const selfTestSeeds = 2000

type Bundle = { files: Record<Plan['config'], string>; text: string }
type Task = { from: number; seeds: number; stopAtViolation: boolean }

const writeConfigs = (folder: string) => {
  const example = parse(readFileSync(path.join(import.meta.dirname, '..', 'support', 'vending.yml'), 'utf8')) as object
  return Object.fromEntries(
    Object.entries(configs).map(([name, config]) => {
      const file = path.join(folder, `${name}.yml`)
      writeFileSync(file, stringify({ ...example, ...config }))
      return [name, file]
    }),
  ) as Record<Plan['config'], string>
}

const bundleAll = async (files: Bundle['files'], mistake?: (typeof mistakes)[number]): Promise<Bundle> => ({
  files,
  text: await bundleTogether(files, mistake ? [withMistake(mistake)] : []),
})

const loadAll = ({ files, text }: Bundle) => loadTogether(files, text)

/**
 * The first use of an SDK client takes another way than later ones: after this, a seed finds the same functions always.
 * Each configuration has functions of its own, so each lives through the same few worlds, whatever theirs is.
 */
const warmUp = async (services: Record<Plan['config'], Service>) => {
  for (const service of Object.values(services))
    for (let seed = -1; seed > -5; seed--)
      await runWorld({ plain: service, groups: service, 'control-tower': service }, seed).catch(() => undefined)
}

// A worker runs what it is given, world by world.

const work = async () => {
  // Faults are errors by the thousand, and nobody reads where each came from.
  Error.stackTraceLimit = 0
  const services = loadAll(workerData as Bundle)
  await warmUp(services)
  parentPort?.on('message', ({ from, seeds, stopAtViolation }: Task) => {
    void (async () => {
      for (let seed = from; seed < from + seeds; seed++) {
        const result = await runWorld(services, seed).catch((error: unknown): Result => crash(seed, error))
        parentPort?.postMessage({ ...result, trace: result.violation ? result.trace : [] })
        if (result.violation && stopAtViolation) break
      }
      parentPort?.postMessage('idle')
    })()
  })
  parentPort?.postMessage('idle')
}

const crash = (seed: number, error: unknown): Result => ({
  seed,
  violation: { invariant: 'crash', what: error instanceof Error ? (error.stack ?? error.message) : String(error) },
  faults: {},
  vends: 0,
  duplicateMails: 0,
  simulatedSeconds: 0,
  trace: [],
})

/** Runs seeds in as many workers as there are processors. `tell` hears of each world. */
const runSeeds = (bundle: Bundle, { from, seeds, stopAtViolation }: Task, tell: (result: Result) => void) => {
  let next = from
  const chunk = 10
  const workers = Array.from(
    { length: Math.min(availableParallelism(), Math.ceil(seeds / chunk)) },
    () => new Worker(new URL(import.meta.url), { workerData: bundle }),
  )
  let isStopped = false
  const done = workers.map(
    (worker) =>
      new Promise<void>((resolve, reject) => {
        worker.once('error', reject)
        worker.on('message', (message: Result | 'idle') => {
          if (message !== 'idle') {
            if (message.violation && stopAtViolation) isStopped = true
            return tell(message)
          }
          const rest = isStopped ? 0 : Math.min(chunk, from + seeds - next)
          if (rest <= 0) return void worker.terminate().then(() => resolve())
          worker.postMessage({ from: next, seeds: rest, stopAtViolation } satisfies Task)
          next += rest
        })
      }),
  )
  return Promise.all(done)
}

const tell = ({ seed, violation, trace }: Result) =>
  process.stderr.write(
    `seed ${seed} breaks “${violation?.invariant}”: ${violation?.what}\n${trace.join('\n')}\n` +
      `Again: npm run simulate -- --seed ${seed}\n\n`,
  )

const simulate = async (bundle: Bundle, from: number, seeds: number) => {
  const begun = performance.now()
  const total = { seeds: 0, violations: 0, faults: {} as Record<string, number>, vends: 0, duplicateMails: 0 }
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
  await runSeeds(bundle, { from, seeds, stopAtViolation: false }, (result) => {
    total.seeds += 1
    total.vends += result.vends
    total.duplicateMails += result.duplicateMails
    simulatedSeconds += result.simulatedSeconds
    for (const [kind, count] of Object.entries(result.faults)) total.faults[kind] = (total.faults[kind] ?? 0) + count
    if (!result.violation) return
    total.violations += 1
    // The first few show what is wrong.
    if (total.violations <= 5) tell(result)
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

const selfTest = async (files: Record<Plan['config'], string>, text: string) => {
  const right = loadAll(await bundleAll(files))
  await warmUp(right)
  const found: { mistake: string; seeds: number | null; invariant: string | null }[] = []
  for (const mistake of mistakes.filter(({ name }) => name.includes(text))) {
    let seeds = 0
    let broken: Result | undefined
    const bundle = await bundleAll(files, mistake)
    await runSeeds(bundle, { from: 1, seeds: selfTestSeeds, stopAtViolation: true }, (result) => {
      if (!broken) seeds += 1
      if (result.violation) broken ??= result
    })
    // It counts only if the same world holds without the mistake.
    const sound = broken && (await runWorld(right, broken.seed))
    const invariant = sound && !sound.violation ? (broken?.violation?.invariant ?? null) : null
    found.push({ mistake: mistake.name, seeds: invariant === null ? null : seeds, invariant })
    process.stderr.write(
      invariant === null
        ? `✘ not found in ${seeds} worlds: ${mistake.name}\n`
        : `✔ found after ${String(seeds).padStart(4)} worlds by “${invariant}”: ${mistake.name}\n`,
    )
  }
  return found
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
        'self-test': { type: 'boolean', default: false },
        mistake: { type: 'string' },
        help: { type: 'boolean', default: false },
      },
    })
    const given = (['self-test', 'seed', 'seeds', 'from'] as const).filter((name) => values[name])
    // What would be left unheeded is refused.
    if (values.mistake !== undefined && !values['self-test']) throw new Error('--mistake is for --self-test')
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
    const found = await selfTest(files, options.mistake ?? '')
    process.stdout.write(
      `${JSON.stringify({ mistakes: found.length, found: found.filter(({ seeds }) => seeds).length })}\n`,
    )
    process.exitCode = found.every(({ seeds }) => seeds) ? 0 : 1
    return
  }
  const bundle = await bundleAll(files)
  if (options.seed !== undefined) {
    const seed = wholeNumber('seed', options.seed)
    const services = loadAll(bundle)
    await warmUp(services)
    const result = await runWorld(services, seed).catch((error: unknown) => crash(seed, error))
    const { trace, violation, ...rest } = result
    process.stdout.write(`${trace.join('\n')}\n${JSON.stringify({ ...rest, violation: violation ?? null })}\n`)
    process.exitCode = violation ? 1 : 0
    return
  }
  const from = options.from === undefined ? Math.floor(Math.random() * 2 ** 40) : wholeNumber('from', options.from)
  const total = await simulate(bundle, from, seeds)
  process.stdout.write(`${JSON.stringify(total)}\n`)
  process.exitCode = total.violations ? 1 : 0
}

if (isMainThread) await run()
else await work()
