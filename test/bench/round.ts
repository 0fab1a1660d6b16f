import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { parse, stringify } from 'yaml'
import { bundleTogether } from '../simulation/bundle.ts'
import { makeAccounts } from '../simulation/many-accounts.ts'
import { type Called, limits, type Rounded, roundingMany, scanPage } from '../simulation/round-many.ts'
import { loadTogether, type Service } from '../simulation/service.ts'
import type { Definition } from '../simulation/simulation.ts'
import { deployed, priceOf, type Usage, usageOf } from './cost.ts'
import { type Figures, round } from './figures.ts'
import { historyEvents } from './openings.ts'

/** The round takes at most half of what it shares with others. */
const half = Object.fromEntries(Object.entries(limits).map(([name, most]) => [name, most / 2])) as typeof limits

// ListAccounts answers at most 20 accounts (Organizations API Reference). The management account is in the list, too.
const accountsInAList = 20
const listsOf = (accounts: number) => Math.ceil((accounts + 1) / accountsInAList)

/**
 * The least time in which a round can end if it takes half of each limit, in seconds: the accounts are listed, then
 * signed in to, and then the report reads what was found. Each part needs the whole part before it.
 */
export const leastSeconds = (accounts: number, { signIns, scanned }: { signIns: number; scanned: number }) =>
  listsOf(accounts) / half.lists + signIns / half.signIns + scanned / half.scanned

// Step Functions Developer Guide, service-quotas.
const mostEvents = 25_000
const mostBytes = 256 * 1024
const days = 30

/** What a round uses. Of the ledger's storage, a daily round pays a day. */
export const usageOfRound = (world: Rounded): Usage => {
  const usage = usageOf(world, deployed().provider.memorySize)
  return { ...usage, ledgerGigabyteMonth: (usage.ledgerGigabyteMonth ?? 0) / days, customEvent: world.events }
}

/** How many accounts the round has not looked at, and how many planted findings it has not found, or has made up. */
export const dropped = (
  { looks, findings, expected }: Pick<Rounded, 'looks' | 'findings' | 'expected'>,
  of: number,
) => {
  const kinds = new Set([...Object.keys(findings), ...Object.keys(expected)])
  const wrong = [...kinds].map((kind) =>
    Math.abs((findings[kind] ?? 0) - (expected[kind as keyof typeof expected] ?? 0)),
  )
  return of - looks + wrong.reduce((sum, count) => sum + count, 0)
}

const sumOf = (counts: Record<string, number>) => Object.values(counts).reduce((sum, count) => sum + count, 0)

type OfRow = { accounts: number; isAudited: boolean; definition: Definition }

const rowOf = (world: Rounded, { accounts, isAudited, definition }: OfRow) => {
  const { ended, counts, scans, most, mostInAnAccount, payloads, execution } = world
  const report = scans['report-round'] ?? { pages: 0, units: 0 }
  const sweep = scans['sweep'] ?? { pages: 0, units: 0 }
  const signIns = (counts['sts AssumeRole'] ?? 0) + (counts['sts AssumeRoot'] ?? 0)
  const least = leastSeconds(accounts, { signIns, scanned: report.units })
  const seconds = ended['report-round']
  const usd = priceOf(usageOfRound(world))
  const perService = Map.groupBy(Object.entries(counts), ([call]) => call.split(' ')[0] ?? '')
  const [largest = '', bytes = NaN] = Object.entries(payloads).sort(([, a], [, b]) => b - a)[0] ?? []
  return {
    accounts,
    isAudited,
    seconds: round(seconds, 0),
    secondsOf: {
      listing: round(ended.sweep, 0),
      looking: round(ended['follow-up'] - ended.sweep, 0),
      reporting: round(seconds - ended['follow-up'], 0),
    },
    leastSeconds: round(least, 0),
    ratio: round(seconds / least, 3),
    most,
    mostInAnAccount,
    requestsOfAnAccount: round(sumOf(counts) / accounts),
    requests: Object.fromEntries(
      [...perService].map(([service, calls]) => [service, round(sumOf(Object.fromEntries(calls)) / accounts)]),
    ),
    events: historyEvents(execution, definition),
    largestPayload: { what: largest, bytes },
    usdForThousand: round((usd / accounts) * 1000, 5),
    scans: {
      pages: sweep.pages + report.pages,
      units: round(sweep.units + report.units, 1),
      usdForThousand: round((priceOf({ ledgerReadUnit: sweep.units + report.units }) / accounts) * 1000, 6),
      share: round(priceOf({ ledgerReadUnit: sweep.units + report.units }) / usd, 3),
    },
    dropped: dropped(world, accounts),
    findings: world.findings,
  }
}
type Row = ReturnType<typeof rowOf>

/** A goal for the time makes sense where the limits decide: a small round takes a few seconds, whatever they are. */
const timedFrom = 10_000

export const nameOf = ({ accounts, isAudited }: Pick<Row, 'accounts' | 'isAudited'>, what: string) =>
  `round: ${what}, ${accounts.toLocaleString('en-US')} accounts${isAudited ? ' with root users' : ''}`

const figuresOf = (row: Row, rule: 'count' | 'slow count'): Figures => {
  const { most } = row
  const figure = (what: string, value: number, bound?: number): Figures => ({
    [nameOf(row, what)]: { value, rule, ...(bound !== undefined && { bound }) },
  })
  return {
    ...figure('time ÷ the least possible', row.ratio, row.accounts >= timedFrom ? 1.2 : undefined),
    ...figure('sign-ins in the fullest second', most.signIns, half.signIns),
    ...figure('lists of accounts in the fullest second', most.lists, half.lists),
    ...figure('read units in the fullest second', round(most.reads, 1), half.reads),
    ...figure('write units in the fullest second', most.writes, half.writes),
    ...figure('read units of a scan in the fullest second', round(most.scanned, 1), half.scanned),
    ...figure('IAM calls in one account in the fullest second', row.mostInAnAccount),
    ...figure('requests for an account', row.requestsOfAnAccount),
    ...figure('events in the history', row.events, mostEvents),
    ...figure('bytes of the largest payload', row.largestPayload.bytes, mostBytes),
    ...figure('USD for 1,000 accounts', row.usdForThousand, 0.1),
    ...figure('share of the scans in the cost', row.scans.share),
    ...figure('accounts and findings that were dropped', row.dropped, 0),
  }
}

const megabyte = 1024 * 1024

/**
 * Watches how much of the heap each of some functions needs while no other function runs: the objects in use after a
 * garbage collection, at most, less those in use at least. What earlier functions have left is freed meanwhile. A
 * collection takes as long as hundreds of calls, so that only some calls are measured: `every` says which, by the name
 * of the function. What is written stays in the simulated ledger: with `untilWrite`, the first write is measured last.
 */
const watchHeap = (every: Record<string, number>, { untilWrite = false } = {}) => {
  setFlagsFromString('--expose-gc')
  const collect = runInNewContext('gc') as () => void
  const inUse = () => {
    collect()
    const { heapUsed, external } = process.memoryUsage()
    return (heapUsed + external) / megabyte
  }
  const heaps = new Map<string, { calls: number; measured: number[]; isOver: boolean }>()
  return {
    onCall: ({ by, operation }: Called) => {
      const nth = every[by]
      if (nth === undefined) return
      const heap = heaps.get(by) ?? { calls: 0, measured: [], isOver: false }
      heaps.set(by, heap)
      const isLast = untilWrite && /^(Put|Update)Item$/.test(operation)
      if (!heap.isOver && (isLast || heap.calls % nth === 0)) heap.measured.push(inUse())
      heap.calls += 1
      heap.isOver ||= isLast
    },
    megabytes: () =>
      Object.fromEntries(
        [...heaps].map(([name, { measured }]) => [name, round(Math.max(...measured) - Math.min(...measured), 1)]),
      ),
  }
}

/** The functions that hold something of every account in memory. */
const ofAllAccounts = ['sweep', 'report-round']
export const heapOf = (name: string) => `round: heap in use by ${name} ÷ its memory`

/** Loads the deployed functions under `round: all`, without and with `rootCredentials: audit`. */
const loadRounds = async (vendingFile: string) => {
  const folder = mkdtempSync(path.join(tmpdir(), 'account-vending-bench-'))
  try {
    const example = parse(readFileSync(vendingFile, 'utf8')) as object
    const write = (name: string, more: object) => {
      const file = path.join(folder, `${name}.yml`)
      writeFileSync(file, stringify({ ...example, round: 'all', ...more }))
      return file
    }
    const files = { plain: write('plain', {}), audited: write('audited', { rootCredentials: 'audit' }) }
    return loadTogether(files, await bundleTogether(files))
  } finally {
    rmSync(folder, { recursive: true })
  }
}

type Options = {
  vendingFile: string
  /** How many accounts the organizations have. */
  sizes: number[]
  /** The sizes of the organizations whose root users are audited, too. */
  audited: number[]
  /** So many accounts take long, and `--exact` leaves them out. With them, memory is measured, too. */
  slowFrom: number
  onProgress: (line: string) => void
}

/**
 * Runs the daily round over organizations of several sizes, in simulated time: how long it takes compared with the
 * least that half of AWS's limits allows, what it takes of each limit, what it costs, and whether it drops anything.
 */
export const measureRounds = async ({ vendingFile, sizes, audited, slowFrom, onProgress }: Options) => {
  const services = await loadRounds(vendingFile)
  const load = async (service: Service) => {
    const run = roundingMany(service, await makeAccounts(service))
    // The first use of an SDK client takes more turns than later ones. After it, a seed gives the same world each time.
    await run({ seed: 'warm-up', accounts: 100 })
    return run
  }
  const plain = await load(services.plain)
  const withRoot = audited.length ? await load(services.audited) : plain
  const largest = Math.max(...sizes)
  const heap: Record<string, number> = {}
  const measure = async (accounts: number, isAudited: boolean) => {
    const watch =
      accounts === largest && accounts >= slowFrom && !isAudited
        ? watchHeap({ sweep: 250, 'report-round': 10 }, { untilWrite: true })
        : undefined
    let signIns = 0
    const world = await (isAudited ? withRoot : plain)({
      seed: 'round',
      accounts,
      onCall: (call) => {
        if (call.operation === 'AssumeRole' && signIns++ % 1000 === 0)
          onProgress(`round: account ${signIns - 1} of ${accounts}${isAudited ? ', with root users' : ''}`)
        watch?.onCall(call)
      },
    })
    Object.assign(heap, watch?.megabytes())
    return rowOf(world, { accounts, isAudited, definition: services.plain.deployed.round.definition })
  }
  const rows: Row[] = []
  for (const accounts of sizes) {
    rows.push(await measure(accounts, false))
    if (audited.includes(accounts)) rows.push(await measure(accounts, true))
  }
  if (largest >= slowFrom) {
    const { onCall, megabytes } = watchHeap({ 'look-at-accounts': 50, 'audit-root-credentials': 50, 'follow-up': 2 })
    await withRoot({ seed: 'heap', accounts: 100, onCall })
    Object.assign(heap, megabytes())
  }
  const { memorySize } = deployed().provider
  const figures: Figures = Object.assign(
    {},
    ...rows.map((row) => figuresOf(row, row.accounts >= slowFrom ? 'slow count' : 'count')),
    // The functions that work on a batch need a few megabytes, and too little for a figure that is compared.
    ...ofAllAccounts.map((name) => {
      const megabytes = heap[name]
      const value = round((megabytes ?? NaN) / memorySize, 3)
      return megabytes === undefined ? {} : { [heapOf(name)]: { value, rule: 'ratio', bound: 0.5 } }
    }),
  ) as Figures
  return { figures, details: { limits, scanPage, rows, heapMegabytes: heap, memoryMegabytes: memorySize } }
}
