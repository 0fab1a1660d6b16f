import Table from 'cli-table3'
import type { measureCommand } from './command.ts'
import type { countCost } from './cost.ts'
import { type Figures, mark, round } from './figures.ts'
import type { measureOpenings } from './openings.ts'
import prices from './prices.json' with { type: 'json' }
import { heapOf, type measureRounds, nameOf } from './round.ts'
import { type measureStart, mostBytes } from './start.ts'
import type { measureTime } from './time.ts'
import type { countWork } from './work.ts'

type Cell = string | number
const noLines = { mid: '', 'left-mid': '', 'mid-mid': '', 'right-mid': '' }
const isNumber = (cell: Cell = '') => typeof cell === 'number' || /^([$–\d]|$)/.test(cell)

const table = (title: string, head: string[], rows: Cell[][]) => {
  const colAligns = head.map((_, i) => (rows.every((row) => isNumber(row[i])) ? 'right' : 'left'))
  const drawn = new Table({ head, style: { head: [], border: [] }, chars: noLines, colAligns })
  drawn.push(...rows)
  console.log(`\n${title}\n${drawn.toString()}`)
}

const withMark = (figures: Figures, name: string) => {
  const figure = figures[name]
  if (!figure) throw new Error(`There is no figure ${name}`)
  return `${figure.value} ${mark(figure)}`.trim()
}

export const printStart = ({ figures, details }: Awaited<ReturnType<typeof measureStart>>) => {
  const spread = ({ median, quartiles }: { median: number; quartiles: number[] }) =>
    `${median} (${quartiles.join('–')})`
  const kilobytes = (bytes: number) => round(bytes / 1024, 0)
  table(
    `Start: median (quartiles) of ${details.processes} fresh processes, taken in turns. An empty handler takes ${spread(details.empty)} ms`,
    [
      'bundle',
      `KB ≤ ${kilobytes(mostBytes)}`,
      'bare',
      'usual',
      'init ms',
      'bare clients',
      'usual way',
      '÷ bare ≤ 1.4',
      '÷ usual ≤ 0.5',
    ],
    details.bundles.map(({ name, deployed, bare, usual }) => [
      name,
      `${kilobytes(deployed.bytes)} ${deployed.bytes <= mostBytes ? '✔' : '✘'}`,
      kilobytes(bare.bytes),
      kilobytes(usual.bytes),
      spread(deployed),
      spread(bare),
      spread(usual),
      withMark(figures, `start: init of ${name} to its bare clients`),
      withMark(figures, `start: init of ${name} to the usual way`),
    ]),
  )
}

export const printWork = ({ figures, details }: Awaited<ReturnType<typeof countWork>>) => {
  table(
    'Work: one vend by hand into an account that exists, one administrator, first try',
    ['counted', ''],
    Object.keys(figures).map((name) => [name.replace('work: ', ''), withMark(figures, name)]),
  )
  table(
    'What goes out together, and why not sooner (all reasons are in docs/pictures/calls.svg)',
    ['', 'step', 'calls', 'the first of them waits, because'],
    details.moments.map(({ step, together, waitsBecause }, i) => [i + 1, step, together.join(', '), waitsBecause]),
  )
}

export const printTime = ({ figures, details }: Awaited<ReturnType<typeof measureTime>>) => {
  const { worlds, ours, former, peers, delays, assumptions } = details
  const shown = (name: string) => withMark(figures, `time: account usable to mail sent, ${name} in seconds`)
  const seconds = (value?: number) => value ?? '–'
  table(
    `Time: seconds from “account usable” to “mail sent” in ${worlds} simulated accounts, the same for each row. ` +
      `They are usable (the role’s policies are in effect) after ${delays.p50} s (p50), ${delays.p95} s (p95), ${delays.max} s (longest)`,
    ['workflow', 'p50', 'p95 ≤ 8', 'longest ≤ 12', 'mailed', 'failed: not ready yet', 'USD each (mean)'],
    [
      [
        'pauses of the definition',
        seconds(ours.p50),
        shown('p95'),
        shown('longest'),
        ours.mailed,
        ours.failed,
        ours.usd,
      ],
      ...[
        ...(former ? [{ what: 'its former pauses', ...former }] : []),
        ...peers.map(({ who, seconds: wait, ...peer }) => ({ what: `fixed wait of ${wait} s (${who})`, ...peer })),
      ].map(({ what, p50, p95, max, mailed, failed, usd }) => [
        what,
        seconds(p50),
        seconds(p95),
        seconds(max),
        mailed,
        failed,
        usd,
      ]),
    ],
  )
  const { roleDelay, policyDelay, staleness } = assumptions.accountsInSeconds
  table(
    'Assumed, since AWS publishes no such figures; lognormal, in milliseconds where nothing else is said',
    ['', 'median', 'p99', 'resting on'],
    [
      ...Object.entries(assumptions.latenciesInMilliseconds).map(([what, { median, p99, from }]) => [
        what,
        median,
        p99,
        from,
      ]),
      ['role delay', `${roleDelay.median} s`, `${roleDelay.p99} s`, roleDelay.from],
      ['delay of the role’s policies', `${policyDelay.median} s`, `${policyDelay.p99} s`, policyDelay.from],
      ['a call misses what was made within 2 s', `${staleness.chance * 100} %`, '', staleness.from],
    ],
  )
}

export const printOpenings = ({ figures, details }: Awaited<ReturnType<typeof measureOpenings>>) => {
  const { rows, creation } = details
  table(
    'Openings: accounts asked for at the same moment, until the last is vended, compared with the least that AWS allows: ' +
      'max(10 s × n, n ÷ 5 × mean creation), for one account its own creation. Creation is assumed: ' +
      `lognormal, median ${creation.median} s, p99 ${creation.p99} s, ${creation.least} to ${creation.most} s`,
    [
      'accounts',
      'seconds',
      'until created',
      'mean creation',
      'least',
      '÷ least ≤ 1.2',
      'events ≤ 5,000',
      'refusals',
      'failed',
      'USD each',
    ],
    rows.map((row) => [
      row.openings,
      row.seconds,
      row.secondsToCreated,
      row.meanCreationSeconds,
      row.leastSeconds,
      row.ratio,
      row.events,
      row.refusals,
      `${row.failed} ${row.errors.join()}`.trim(),
      row.usd,
    ]),
  )
  table(
    'What openings do to each other and to other vends',
    ['counted', ''],
    Object.keys(figures)
      .filter((name) => /7 days|p95/.test(name))
      .map((name) => [name.replace('openings: ', ''), withMark(figures, name)]),
  )
}

export const printRounds = ({ figures, details }: Awaited<ReturnType<typeof measureRounds>>) => {
  const { rows, limits, heapMegabytes, memoryMegabytes, scanPage } = details
  type Row = (typeof rows)[number]
  const shown = (what: string, bound = '', name = what): [string, (row: Row) => Cell] => [
    `${name}${bound && ` ≤ ${bound}`}`,
    (row) => withMark(figures, nameOf(row, what)),
  ]
  const lines: [string, (row: Row) => Cell][] = [
    ['seconds', ({ seconds }) => seconds],
    [
      '  to list, to look, to report',
      ({ secondsOf: { listing, looking, reporting } }) => `${listing}, ${looking}, ${reporting}`,
    ],
    ['least possible, in seconds', ({ leastSeconds }) => leastSeconds],
    shown('time ÷ the least possible', '1.2 from 10,000 accounts'),
    shown('sign-ins in the fullest second', `${limits.signIns / 2}`),
    shown('lists of accounts in the fullest second', `${limits.lists / 2}`),
    shown('read units in the fullest second', `${limits.reads / 2}`),
    shown('write units in the fullest second', `${limits.writes / 2}`),
    shown('read units of a scan in the fullest second', `${limits.scanned / 2}`),
    shown('IAM calls in one account in the fullest second'),
    shown('requests for an account'),
    ...(['dynamodb', 'iam', 'sts', 'organizations'] as const).map((service): [string, (row: Row) => Cell] => [
      `  ${service}`,
      ({ requests }) => requests[service] ?? 0,
    ]),
    shown('events in the history', '25,000'),
    shown('bytes of the largest payload', '262,144'),
    ['  which is the', ({ largestPayload }) => largestPayload.what],
    shown('USD for 1,000 accounts', '0.10'),
    ['  of which the two scans of the ledger', ({ scans }) => scans.usdForThousand],
    ['read units of the two scans', ({ scans }) => scans.units],
    shown('share of the scans in the cost'),
    shown('accounts and findings that were dropped', '0'),
  ]
  table(
    'Daily round over every account: half of each limit, and the least time that these halves allow: ' +
      `lists of 20 accounts ÷ ${limits.lists / 2} + sign-ins ÷ ${limits.signIns / 2} + read units of the report’s scan ÷ ${limits.scanned / 2}. ` +
      `Of 100 accounts, one refuses, one is throttled, one has drifted, and one waits for its administrator. ` +
      `A page of a scan is assumed to take ${scanPage.median} ms (median; p99 ${scanPage.p99} ms). IAM publishes no limit`,
    ['', ...rows.map(({ accounts, isAudited }) => `${accounts.toLocaleString('en-US')}${isAudited ? ' + root' : ''}`)],
    lines.map(([what, cell]) => [what, ...rows.map(cell)]),
  )
  if (Object.keys(heapMegabytes).length)
    table(
      `Heap in use by a function’s work, at most: after garbage collections, without Node itself and the bundle. A function has ${memoryMegabytes} MB`,
      ['function', 'MB', '÷ memory ≤ 0.5'],
      Object.entries(heapMegabytes).map(([name, megabytes]) => [
        name,
        megabytes,
        figures[heapOf(name)] ? withMark(figures, heapOf(name)) : round(megabytes / memoryMegabytes, 3),
      ]),
    )
}

const usd = (amount: number) => `$${amount.toFixed(amount < 0.1 ? 5 : 2)}`

export const printCost = ({ figures, details }: Awaited<ReturnType<typeof countCost>>) => {
  const { costs, usage, resources } = details
  const idle = withMark(figures, 'cost: idle month, in USD')
  const later = withMark(figures, 'cost: idle month after the keys’ first rotation, in seven years, in USD')
  const [peer] = prices.peers
  table(
    `Cost: counted work × list prices of ${prices.date} in ${prices.region}, no free tiers, most of them not verified (prices.json says which); durations are the simulation’s`,
    ['USD', 'here', peer?.who ?? ''],
    [
      ['one vend, first try', usd(costs.oneVendFirstTry), '–'],
      ['one new account, with its retries (mean)', usd(costs.oneNewAccount), '–'],
      ['1,000 new accounts', usd(costs.thousandNewAccounts), '–'],
      [
        '1,000 new accounts in a year, and its twelve idle months',
        usd(costs.yearOfThousandAccounts),
        `$${12 * (peer?.idleMonth ?? NaN)} idle`,
      ],
      ['idle, a month ≤ 3', `$${idle}`, `$${peer?.idleMonth}`],
      ['idle, a month, after the keys’ first rotation, in seven years', `$${later}`, '–'],
      ['each secret, for a week', usd(costs.secretWeek), '–'],
      ['each secret, for a month', usd(costs.secretMonth), '–'],
    ],
  )
  const shown = (value: number) => String(Number(value.toPrecision(4)))
  table(
    'What a vend uses',
    ['', 'price', 'first try', 'USD', 'new account (mean)', 'USD'],
    Object.entries(usage.oneVendFirstTry).map(([name, first]) => {
      const { usd: price, per } = prices.prices[name as keyof typeof prices.prices]
      const mean = usage.oneNewAccount[name] ?? NaN
      const cost = (amount: number) => ((amount * price) / per).toFixed(7)
      return [name, `$${price} / ${per}`, shown(first), cost(first), shown(mean), cost(mean)]
    }),
  )
  table('What is there when nothing is vended', ['resource', 'deployed'], Object.entries(resources))
}

export const printCommand = ({ figures, details }: Awaited<ReturnType<typeof measureCommand>>) =>
  table(
    `Command: median (quartiles) of ${details.processes} fresh processes, taken in turns`,
    ['vend', 'ms', '÷ empty Node'],
    details.commands.map(({ name, median, quartiles }) => [
      name === 'empty' ? 'an empty Node' : name,
      `${median} (${quartiles.join('–')})`,
      name === 'empty' ? '' : withMark(figures, `command: vend ${name} ÷ empty Node`),
    ]),
  )
