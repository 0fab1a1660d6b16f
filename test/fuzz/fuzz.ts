import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { parseArgs } from 'node:util'
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads'
import * as fc from 'fast-check'
import { parse, stringify } from 'yaml'
import { type Doors, openDoors } from './door.ts'
import { apiRequest, approvalRequest, deepInput, event, executionInput, openingRequest } from './inputs.ts'

const usage = `Usage: npm run fuzz -- [options]

Sends inputs of all kinds to the service's doors. The service must either refuse an input with a named error and create
nothing, or vend exactly what the input requests.

  --inputs N  the least number of inputs (default: 1,000)
  --seed S    the number that decides the inputs (default: a new number)
  --help      show this help

The last line on stdout is JSON. Exit codes: 0 every outcome was right, 1 an outcome was wrong, 2 a mistake in the command.
`
type Task = { seed: number; inputs: number; vendingFile: string }
type Report = { inputs: number; endings: Record<string, number>; failures: string[] }

/** How many of a hundred inputs come through each door. */
const shares: [door: keyof Doors, share: number, arbitrary: fc.Arbitrary<unknown>][] = [
  ['event', 25, event],
  ['execution', 25, executionInput],
  ['api', 24.8, apiRequest],
  ['opening', 20, openingRequest],
  ['approval', 5, approvalRequest],
  ['step', 0.2, deepInput],
]

const work = async ({ seed, inputs, vendingFile }: Task) => {
  Error.stackTraceLimit = 0
  const doors = await openDoors(vendingFile)
  const endings: Record<string, number> = {}
  const failures: string[] = []
  for (const [door, share, arbitrary] of shares) {
    const put = doors[door] as (input: unknown) => Promise<string>
    const property = fc.asyncProperty(arbitrary, async (input) => {
      const ending = `${door}: ${await put(input)}`
      endings[ending] = (endings[ending] ?? 0) + 1
      parentPort?.postMessage('one')
    })
    const numRuns = Math.ceil((inputs * share) / 100)
    const details = await fc.check(property, { seed, numRuns, maxSkipsPerRun: 10 })
    if (details.failed)
      failures.push(
        `${door}: ${details.errorInstance instanceof Error ? details.errorInstance.message : 'failed'}\n` +
          `  ${JSON.stringify(details.counterexample?.[0]).slice(0, 1500)}\n` +
          `  after ${details.numRuns} inputs and ${details.numShrinks} shrinks`,
      )
  }
  parentPort?.postMessage({
    inputs: Object.values(endings).reduce((sum, n) => sum + n, 0),
    endings,
    failures,
  } satisfies Report)
}

const readOptions = () => {
  try {
    const { values } = parseArgs({
      options: {
        inputs: { type: 'string', default: '1000' },
        seed: { type: 'string' },
        help: { type: 'boolean', default: false },
      },
    })
    for (const name of ['inputs', 'seed'] as const)
      if (values[name] !== undefined && !/^\d{1,9}$/.test(values[name]))
        throw new Error(`--${name} ${values[name]}: must be a whole number`)
    return values
  } catch (error) {
    process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n\n${usage}`)
    return process.exit(2)
  }
}

const run = async () => {
  const options = readOptions()
  if (options.help) return void process.stdout.write(usage)
  const seed = options.seed === undefined ? Math.floor(Math.random() * 2 ** 29) : Number(options.seed)
  const inputs = Number(options.inputs)
  const folder = mkdtempSync(path.join(tmpdir(), 'account-vending-'))
  process.once('exit', () => rmSync(folder, { recursive: true, force: true }))
  const example = parse(readFileSync(path.join(import.meta.dirname, '..', 'support', 'vending.yml'), 'utf8')) as object
  const configurations = {
    organizations: {},
    'control-tower': { automatic: 'control-tower' },
    approval: { approval: 'required', approvers: ['arn:aws:iam::111122223333:role/approvers'] },
  }
  const files = Object.entries(configurations).map(([name, changes]) => {
    const file = path.join(folder, `${name}.yml`)
    const vending = { ...example, ...changes, protected: { accounts: ['Audit'], organizationalUnits: [] } }
    writeFileSync(file, stringify(vending))
    return file
  })
  process.stderr.write(`${inputs} inputs, seed ${seed}\n`)
  let done = 0
  const begun = performance.now()
  const progress = setInterval(() => process.stderr.write(`${done} of ${inputs} inputs\n`), 10_000)
  // One part for each configuration. So a seed decides the same inputs, whatever the number of processors.
  const parts = files.length
  const reports = await Promise.all(
    Array.from({ length: parts }, (_, part) => {
      const task: Task = { seed: seed + part, inputs: Math.ceil(inputs / parts), vendingFile: files[part]! }
      return new Promise<Report>((resolve, reject) => {
        const worker = new Worker(new URL(import.meta.url), { workerData: task })
        worker.once('error', reject)
        worker.on('message', (message: Report | 'one') => {
          if (message === 'one') return void (done += 1)
          resolve(message)
          void worker.terminate()
        })
      })
    }),
  )
  clearInterval(progress)
  const endings: Record<string, number> = {}
  for (const report of reports)
    for (const [ending, count] of Object.entries(report.endings)) endings[ending] = (endings[ending] ?? 0) + count
  const failures = reports.flatMap((report) => report.failures)
  for (const failure of failures) process.stderr.write(`✘ ${failure}\n`)
  if (failures.length) process.stderr.write(`Again: npm run fuzz -- --inputs ${inputs} --seed ${seed}\n`)
  const total = {
    inputs: reports.reduce((sum, report) => sum + report.inputs, 0),
    violations: failures.length,
    endings,
  }
  process.stdout.write(
    `${JSON.stringify({ ...total, seed, wallSeconds: Math.round((performance.now() - begun) / 1000) })}\n`,
  )
  process.exitCode = failures.length ? 1 : 0
}

if (isMainThread) await run()
else await work(workerData as Task)
