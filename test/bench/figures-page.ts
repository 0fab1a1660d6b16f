import { readFileSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { format } from 'prettier'
import recorded from './results.json' with { type: 'json' }

export type Results = typeof recorded

/** The page that shows the figures to people. Its table stands between two comments. */
export const figuresPage = path.join(import.meta.dirname, '..', '..', 'docs', 'figures.md')
const table = /(?<=<!-- Written by npm run bench -->\n)[^]*(?=<!-- End of what npm run bench writes -->)/

const range = (values: number[], digits = 0) => {
  const shown = (value: number) =>
    value.toLocaleString('en-US', { minimumFractionDigits: digits, maximumFractionDigits: digits })
  return `${shown(Math.min(...values))}–${shown(Math.max(...values))}`
}
const dollars = (amount: number, digits: number) => `$${amount.toFixed(digits)}`

const thousands = (value: number, digits = 0) => value.toLocaleString('en-US', { maximumFractionDigits: digits })

/** What the page says of the daily round. */
const rowsOfRounds = ({
  rows,
  limits,
  heapMegabytes,
  memoryMegabytes,
}: Results['round']): [string, string, string][] => {
  const plain = rows.filter(({ accounts, isAudited }) => accounts >= 1000 && !isAudited)
  const large = plain.filter(({ accounts }) => accounts >= 10_000)
  const [largest] = plain.slice(-1)
  if (!largest) return []
  const each = <Row>(all: Row[], shown: (row: Row) => string | number) => all.map(shown).join('; ')
  const counts = (all: typeof rows) => each(all, ({ accounts }) => thousands(accounts))
  const most = (what: keyof typeof limits) => thousands(Math.max(...rows.map((row) => row.most[what])))
  const dropped = rows.reduce((sum, row) => sum + row.dropped, 0)
  return [
    [
      'Time of a daily round over all accounts, where 1 % of the accounts refuse and 1 % are throttled',
      `${each(large, ({ accounts, seconds, ratio }) => `for ${thousands(accounts)} accounts ${thousands(seconds / 60, 1)} min, which is ${ratio} × the shortest time that half of AWS's limits allows`)}; ` +
        `${dropped || 'none'} forgotten`,
      `The shortest time is lists ÷ ${limits.lists / 2} + sign-ins ÷ ${limits.signIns / 2} + read units of the report ÷ ${thousands(limits.scanned / 2)}, in seconds. ` +
        'Account Factory for Terraform works on at most 12 accounts an hour. A run of Landing Zone Accelerator takes 40 minutes to more than an hour',
    ],
    [
      'Most in one second of a round: sign-ins, lists of accounts, reads and writes of the ledger',
      `${most('signIns')}, ${most('lists')}, ${most('reads')} and ${most('writes')}`,
      `AWS allows ${limits.signIns}, ${limits.lists}, ${thousands(limits.reads)} and ${thousands(limits.writes)}. Our limits are half of these`,
    ],
    [
      'Requests that a round makes for an account; most requests in one second in one account',
      `${largest.requestsOfAnAccount}; at most ${Math.max(...rows.map(({ mostInAnAccount }) => mostInAnAccount))}`,
      'IAM publishes no limit of requests',
    ],
    [
      `Events in the history of a round over ${counts([largest])} accounts; its largest payload`,
      `${thousands(largest.events)}; ${thousands(largest.largestPayload.bytes / 1024)} KB`,
      'Step Functions allows 25,000; 256 KB',
    ],
    [
      `Memory that Sweep and ReportRound need for ${counts([largest])} accounts, and the other functions of a round for 100 accounts`,
      `Sweep ${thousands(heapMegabytes.sweep)} MB, ReportRound ${thousands(heapMegabytes['report-round'])} MB; the others at most ${thousands(
        Math.max(
          ...(['look-at-accounts', 'audit-root-credentials', 'follow-up'] as const).map((name) => heapMegabytes[name]),
        ),
      )} MB`,
      `A function has ${memoryMegabytes} MB. Node.js and the bundle need a part of this memory, too`,
    ],
    [
      `Cost of a round for every 1,000 accounts, if there are ${counts(plain)} accounts; the part of the two scans of the ledger`,
      `${each(plain, ({ usdForThousand }) => dollars(usdForThousand, 4))}; for the scans ${each(plain, ({ scans }) => dollars(scans.usdForThousand, 4))}`,
      'Our limit is $0.10',
    ],
  ]
}

/** What the page says of recorded figures: rows of what, how much here, and how much elsewhere. */
export const rowsOf = ({
  figures,
  start: { bundles },
  time,
  round,
  cost: { costs },
}: Results): [string, string, string][] => {
  const value = (name: string) => figures[name as keyof typeof figures].value
  const kilobytes = (which: 'deployed' | 'usual') => range(bundles.map((bundle) => bundle[which].bytes / 1024))
  const { p50, p95, max, failed } = time.ours
  const seconds = time.peers.map((peer) => peer.seconds)
  const peersP95 = time.peers.map((peer) => peer.p95)
  const failedShare = time.peers.map((peer) => (peer.failed / time.worlds) * 100)
  const opened = (n: string) => value(`openings: time ÷ the least possible, ${n} at once`)
  const command = (name: string) => value(`command: vend ${name} ÷ empty Node`)
  return [
    [
      "Size of a function's bundle, AWS SDK included",
      `${kilobytes('deployed')} KB`,
      `${kilobytes('usual')} KB when bundled the usual way`,
    ],
    [
      'Start time of a bundle, relative to a bundle of its AWS SDK clients alone',
      `${range(
        bundles.map(({ toBare }) => toBare),
        2,
      )} ×`,
      `Bundled the usual way, a function takes ${range(
        bundles.map(({ toUsual }) => 1 / toUsual),
        1,
      )} × as long to start as here`,
    ],
    [
      'AWS calls of a vend; of these, calls that must run one after another',
      `${value('work: AWS calls of one vend')}; ${value('work: calls on the longest chain')}`,
      '[A diagram](pictures/calls.svg) shows why each of these calls must wait for another',
    ],
    [
      'State transitions and function invocations of a vend',
      `${value('work: state transitions')} and ${value('work: function invocations')}`,
      '',
    ],
    [
      'Time from "the role\'s policies are in effect" to "mail sent", for 1,000 new accounts',
      `p50 ${p50} s, p95 ${p95} s, longest ${max} s; ${failed || 'none'} failed`,
      `The same workflow with the fixed waits of four similar projects, ${range(seconds)} s: p95 is ` +
        `${range(peersP95)} s, and ${range(failedShare, 1)} % of the accounts fail because their role is not there yet`,
    ],
    [
      "Time until all accounts are vended that were requested at the same moment, compared with the shortest time that AWS's limits allow",
      `for 100 accounts ${opened('100')} ×, for 1,000 accounts ${opened('1,000')} ×; ` +
        `${value('openings: not vended, 1,000 at once') || 'none'} failed`,
      'For n accounts, the shortest time is the larger of 10 s × n (AWS accepts a request every 10 seconds) and n ÷ 5 × mean creation time (AWS creates 5 accounts at a time)',
    ],
    [
      'Cost of opening one account; of one among 1,000 at once',
      `${dollars(value('openings: USD each, 1 at once'), 4)}; ${dollars(value('openings: USD each, 1,000 at once'), 4)}`,
      '',
    ],
    [
      'Events in the history of an opening that AWS refuses for 7 days',
      value('openings: events in the history of one that waits for 7 days').toLocaleString('en-US'),
      'Step Functions allows 25,000; the limit that we set is 5,000',
    ],
    ...rowsOfRounds(round),
    [
      'Cost of one vend; of 1,000 new accounts, retries included',
      `${dollars(costs.oneVendFirstTry, 4)}; ${dollars(costs.thousandNewAccounts, 2)}`,
      '',
    ],
    [
      'Run time of the command, compared with an empty script in Node.js: `--help`; `list`, `status`, `plan`',
      `${command('--help')} ×; ${['list', 'status', 'plan'].map(command).join(' ×, ')} ×`,
      'Our limits are 2 × and 5 ×',
    ],
    ['Idle cost a month', dollars(costs.idleMonth, 2), 'Account Factory for Terraform: about $90'],
  ]
}

/** The page with these figures in its table. */
export const pageOf = async (results: Results) => {
  const rows = [['What', 'Here', 'For comparison'], ['-', '-', '-'], ...rowsOf(results)]
  const text = rows.map((cells) => `| ${cells.join(' | ')} |\n`).join('')
  return format(readFileSync(figuresPage, 'utf8').replace(table, `\n${text}\n`), {
    parser: 'markdown',
    ...(JSON.parse(readFileSync(path.join(import.meta.dirname, '..', '..', '.prettierrc.json'), 'utf8')) as object),
  })
}

/** Writes the figures that were recorded into the page. */
export const writePage = async (results: Results) => writeFileSync(figuresPage, await pageOf(results))
