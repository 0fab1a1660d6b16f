import { execFileSync } from 'node:child_process'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { parseArgs } from 'node:util'
import { loadSimulation } from '../simulation/simulation.ts'
import { measureCommand } from './command.ts'
import { countCost } from './cost.ts'
import { type Figures, goneFrom, mark, worseThan } from './figures.ts'
import { type Results as PageResults, writePage } from './figures-page.ts'
import { measureOpenings } from './openings.ts'
import { printCommand, printCost, printOpenings, printRounds, printStart, printTime, printWork } from './print.ts'
import { measureRounds } from './round.ts'
import { countBytes, measureStart, measureStartAgainst } from './start.ts'
import { measureTime, peersWaits, worldOf } from './time.ts'
import { countWork } from './work.ts'

const help = `npm run bench -- [--check [--exact]] [--only start,work,time,openings,round,cost,command]

Measures the service, prints each figure beside its reference, and writes test/bench/results.json and the table of docs/figures.md.

  --check   compares with test/bench/results.json instead of writing it; exit code 1 if a count (bytes, calls, transitions, seconds of
            virtual time, cost) is not the recorded one, or if a ratio of measured times is more than a fifth worse
  --exact   with --check: only the counts, which are the same on every machine, however busy it is. 1,000 openings, and rounds over 1,000 or more
            accounts, are left out
  --only    some of the parts: start (bundles: size and init time), work (calls, transitions), time (1,000 simulated accounts),
            openings (1, 100 and 1,000 accounts opened at the same moment), round (the daily round over 300 to 50,000 accounts: it takes
            as long as all other parts together), cost, command (how long the operator's command takes, as a multiple of an empty Node)
`

const parts = ['start', 'work', 'time', 'openings', 'round', 'cost', 'command'] as const
type Part = (typeof parts)[number]
/** The position of a figure's part in the order of parts. */
const partOf = (name: string) => parts.findIndex((part) => name.startsWith(`${part}: `))
const resultsFile = path.join(import.meta.dirname, 'results.json')
// The tests' vending.yml: adopters change the repository's own, which would change the bundles.
const vendingFile = path.join(import.meta.dirname, '..', 'support', 'vending.yml')
const processes = 30
const worlds = 1000
const openings = { sizes: [1, 100, 1000], slowFrom: 1000 }
const rounds = { sizes: [300, 1000, 10_000, 50_000], audited: [300, 1000], slowFrom: 1000 }

/** Which commit a part was measured of, and when. */
type Origin = {
  commit: string
  /** Whether files other than the results differed from the commit. */
  isDirty: boolean
  date: string
  node: string
}
type Results = { figures: Figures } & Partial<Record<Part, object & Origin>>

const parse = () => {
  const { values } = parseArgs({
    options: {
      check: { type: 'boolean', default: false },
      exact: { type: 'boolean', default: false },
      only: { type: 'string' },
      help: { type: 'boolean', default: false },
    },
  })
  // A part with new counts and old ratios would belong to no commit.
  if (values.exact && !values.check) throw new Error('--exact is for --check: a part is recorded whole, with its times')
  const wanted = values.only?.split(',') ?? [...parts]
  const unknown = wanted.filter((part) => !parts.some((known) => known === part))
  if (unknown.length) throw new Error(`There is no part ${unknown.join(', ')}: --only takes ${parts.join(', ')}`)
  return { ...values, wanted: wanted as Part[] }
}

const originOf = (): Origin => {
  const git = (...args: string[]) =>
    execFileSync('git', args, { cwd: import.meta.dirname, encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] }).trim()
  return {
    commit: git('rev-parse', 'HEAD'),
    isDirty: git('status', '--porcelain', '--', ':/', ':(exclude,top)test/bench/results.json') !== '',
    date: new Date().toISOString().slice(0, 10),
    node: process.version,
  }
}

type Options = ReturnType<typeof parse>

const readResults = () =>
  existsSync(resultsFile) ? (JSON.parse(readFileSync(resultsFile, 'utf8')) as Results) : undefined

type Measured = { figures: Figures; details: object }

/** Measures the wanted parts, and prints them. With `exact`, only counts are taken. */
const measure = async ({ check, exact, wanted }: Options, recorded: Figures) => {
  const onProgress = (line: string) => process.stderr.write(`${line}\n`)
  const has = (part: Part) => wanted.includes(part)
  const measured: Partial<Record<Part, Measured>> = {}

  if (has('start') && exact) measured.start = { figures: await countBytes(vendingFile), details: {} }
  else if (has('start')) {
    const options = { vendingFile, processes, onProgress }
    const start = await (check ? measureStartAgainst(recorded, options) : measureStart(options))
    printStart(start)
    measured.start = start
  }
  const simulation = await loadSimulation(vendingFile)
  if (has('work')) {
    const work = await countWork(simulation)
    printWork(work)
    measured.work = work
  }
  const time = has('time')
    ? await measureTime(simulation, { worlds, peers: exact ? [] : peersWaits, onProgress })
    : undefined
  if (time) {
    printTime(time)
    measured.time = time
  }
  if (has('openings')) {
    const { slowFrom } = openings
    const sizes = openings.sizes.filter((size) => !exact || size < slowFrom)
    const opened = await measureOpenings(simulation, { sizes, slowFrom, onProgress })
    printOpenings(opened)
    measured.openings = opened
  }
  if (has('round')) {
    const { slowFrom } = rounds
    const sizes = rounds.sizes.filter((size) => !exact || size < slowFrom)
    const rounded = await measureRounds({ ...rounds, sizes, vendingFile, onProgress })
    printRounds(rounded)
    measured.round = rounded
  }
  if (has('cost')) {
    const vended = time?.simulated ?? (await vendAll(simulation, onProgress))
    const cost = await countCost(simulation, vended)
    printCost(cost)
    measured.cost = cost
  }
  if (has('command') && !exact) {
    const command = await measureCommand({ vendingFile, processes, onProgress })
    printCommand(command)
    measured.command = command
  }
  return measured
}

/** Prints which figures are not as recorded. Returns whether all figures are. */
const compare = ({ exact, wanted }: Options, recorded: Figures, figures: Figures) => {
  const ofThisRun = Object.entries(recorded).filter(
    ([name, { rule }]) => wanted.some((part) => name.startsWith(`${part}: `)) && (!exact || rule === 'count'),
  )
  const wrong = [...worseThan(recorded, figures), ...goneFrom(Object.fromEntries(ofThisRun), figures)]
  console.log(
    wrong.length
      ? `\nNot as recorded in test/bench/results.json:\n${wrong.join('\n')}`
      : `\nAll ${Object.keys(figures).length} figures are as recorded in test/bench/results.json.`,
  )
  return !wrong.length
}

const main = async (options: Options) => {
  const { check, wanted } = options
  const before = readResults()
  if (check && !before) throw new Error('There is no test/bench/results.json to compare with: run npm run bench first')
  // Read first: the files may change during the minutes that the measurement takes.
  const origin = check ? undefined : originOf()
  const measured = await measure(options, before?.figures ?? {})
  const figures = Object.assign({}, ...Object.values(measured).map(({ figures }) => figures)) as Figures

  const missed = Object.entries(figures).filter(([, figure]) => mark(figure) === '✘')
  for (const [name, { value, bound }] of missed) console.log(`Goal missed: ${name} is ${value}, the goal is ${bound}.`)
  if (!origin) {
    if (!compare(options, before?.figures ?? {}, figures)) process.exitCode = 1
    return
  }
  const ofOtherParts = Object.entries(before?.figures ?? {}).filter(
    ([name]) => !wanted.some((part) => name.startsWith(`${part}: `)),
  )
  const results: Results = {
    // In the order of the parts, so that a run of one part changes no other line.
    figures: Object.fromEntries(
      [...ofOtherParts, ...Object.entries(figures)].sort(([a], [b]) => partOf(a) - partOf(b)),
    ),
    ...Object.fromEntries(
      parts.map((part) => [part, measured[part] ? { ...origin, ...measured[part].details } : before?.[part]]),
    ),
  }
  writeFileSync(resultsFile, `${JSON.stringify(results, undefined, 2)}\n`)
  await writePage(results as unknown as PageResults)
  const files = origin.isDirty ? ', with changes that are not committed' : ''
  console.log(`\nWritten to test/bench/results.json, as of commit ${origin.commit.slice(0, 7)}${files}.`)
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
  // A mistake in the command, or a measurement that failed.
  console.error(error instanceof Error ? error.message : error)
  process.exitCode = 2
}
