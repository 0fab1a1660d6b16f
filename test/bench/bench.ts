import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { parseArgs } from 'node:util'
import { loadSimulation } from '../simulation/simulation.ts'
import { countCost } from './cost.ts'
import { type Figures, mark, worseThan } from './figures.ts'
import { printCost, printStart, printTime, printWork } from './print.ts'
import { measureStart, measureStartAgainst } from './start.ts'
import { measureTime, worldOf } from './time.ts'
import { countWork } from './work.ts'

const help = `npm run bench -- [--check] [--only start,work,time,cost]

Measures the service, prints each figure beside its reference, and writes test/bench/results.json.

  --check   compares with test/bench/results.json instead of writing it; exit code 1 if a bundle or a count grew, or if a ratio
            is more than a fifth worse
  --only    some of the parts: start (bundles: size and init time), work (calls, transitions), time (1,000 simulated accounts),
            cost
`

const parts = ['start', 'work', 'time', 'cost'] as const
type Part = (typeof parts)[number]
/** Where the part of a figure stands among all. */
const partOf = (name: string) => ['start', 'work', 'time', 'cost'].indexOf(name.split(':')[0] ?? '')
const resultsFile = path.join(import.meta.dirname, 'results.json')
// The tests' vending.yml: the repository's own is the adopter's to change, and would change the bundles.
const vendingFile = path.join(import.meta.dirname, '..', 'support', 'vending.yml')
const processes = 30
const worlds = 1000

type Results = { date: string; node: string; figures: Figures } & Partial<Record<Part, object>>

const parse = () => {
  const { values } = parseArgs({
    options: {
      check: { type: 'boolean', default: false },
      only: { type: 'string' },
      help: { type: 'boolean', default: false },
    },
  })
  const wanted = values.only?.split(',') ?? [...parts]
  const unknown = wanted.filter((part) => !parts.some((known) => known === part))
  if (unknown.length) throw new Error(`There is no part ${unknown.join(', ')}: --only takes ${parts.join(', ')}`)
  return { ...values, wanted: wanted as Part[] }
}

const readResults = () =>
  existsSync(resultsFile) ? (JSON.parse(readFileSync(resultsFile, 'utf8')) as Results) : undefined

const main = async ({ check, wanted }: ReturnType<typeof parse>) => {
  const before = readResults()
  if (check && !before) throw new Error('There is no test/bench/results.json to compare with: run npm run bench first')
  const onProgress = (line: string) => process.stderr.write(`${line}\n`)
  const has = (part: Part) => wanted.includes(part)
  const figures: Figures = {}
  const details: Partial<Record<Part, object>> = {}
  const keep = (part: Part, measured: { figures: Figures; details: object }) => {
    Object.assign(figures, measured.figures)
    details[part] = measured.details
  }

  if (has('start')) {
    const options = { vendingFile, processes, onProgress }
    const start = await (check ? measureStartAgainst(before?.figures ?? {}, options) : measureStart(options))
    printStart(start)
    keep('start', start)
  }
  const simulation = await loadSimulation(vendingFile)
  if (has('work')) {
    const work = await countWork(simulation)
    printWork(work)
    keep('work', work)
  }
  const time = has('time') ? await measureTime(simulation, { worlds, onProgress }) : undefined
  if (time) {
    printTime(time)
    keep('time', time)
  }
  if (has('cost')) {
    const vended = time?.simulated ?? (await vendAll(simulation, onProgress))
    const cost = await countCost(simulation, vended)
    printCost(cost)
    keep('cost', cost)
  }

  const missed = Object.entries(figures).filter(([, figure]) => mark(figure) === '✘')
  for (const [name, { value, bound }] of missed) console.log(`Goal missed: ${name} is ${value}, the goal is ${bound}.`)
  if (check) {
    const worse = worseThan(before?.figures ?? {}, figures)
    console.log(
      worse.length
        ? `\nWorse than test/bench/results.json:\n${worse.join('\n')}`
        : '\nNothing is worse than test/bench/results.json.',
    )
    if (worse.length) process.exitCode = 1
    return
  }
  const ofOtherParts = Object.entries(before?.figures ?? {}).filter(
    ([name]) => !wanted.some((part) => name.startsWith(`${part}: `)),
  )
  const results: Results = {
    ...before,
    date: new Date().toISOString().slice(0, 10),
    node: process.version,
    // In the parts' own order, so that a run of one part changes nothing else.
    figures: Object.fromEntries(
      [...ofOtherParts, ...Object.entries(figures)].sort(([a], [b]) => partOf(a) - partOf(b)),
    ),
    ...details,
  }
  writeFileSync(resultsFile, `${JSON.stringify(results, undefined, 2)}\n`)
  console.log('\nWritten to test/bench/results.json.')
}

const vendAll = async ({ vend }: Awaited<ReturnType<typeof loadSimulation>>, onProgress: (line: string) => void) => {
  const all = []
  for (let i = 0; i < worlds; i++) {
    if (i % 100 === 0) onProgress(`cost: account ${i} of ${worlds}`)
    all.push(await vend(worldOf(i)))
  }
  return all
}

try {
  const asked = parse()
  if (asked.help) console.log(help)
  else await main(asked)
} catch (error) {
  // A mistake in the command, or a measurement that could not be taken.
  console.error(error instanceof Error ? error.message : error)
  process.exitCode = 2
}
