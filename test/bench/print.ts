import Table from 'cli-table3'
import type { measureCommand } from './command.ts'
import type { countCost } from './cost.ts'
import { type Figures, mark, round } from './figures.ts'
import type { measureOpenings } from './openings.ts'
import prices from './prices.json' with { type: 'json' }
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
