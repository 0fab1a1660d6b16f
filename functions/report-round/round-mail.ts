import { byWorst, findingWords } from '../shared/findings.ts'
import type { FindingKind } from '../shared/look.ts'
import { fillText, oneLine } from '../shared/mail.ts'
import text from './round-notice.txt'

/** A finding that people are told about, because it is new or gone. */
export type News = {
  status: 'new' | 'gone'
  accountId: string
  accountName: string
  kind: FindingKind
  subject: string
  text: string
  /** When a look found this first, and when a look did not find it any more. ISO 8601. */
  since: string
  goneAt?: string
}

/** `signInRemovedAt`: when a removal took away the console sign-in of the user whom a finding is about that is gone. */
type Told = News & { signInRemovedAt?: string | undefined }

/** How many findings are open, whether people were told or not. */
export type Counts = {
  /** Accounts that a round has looked at. */
  accounts: number
  accountsWithFindings: number
  open: number
  openByKind: Partial<Record<FindingKind, number>>
}

type Config = {
  notify: string[]
  runbook?: string | undefined
  /** The command that lists the findings. */
  command: string
}

/** So many findings of a kind are told. The command lists the others. */
const mostOfAKind = 5

const are = (count: number, what: string) => `${count} ${what}${count === 1 ? '' : 's'}`

/** The mail about everything that is new or gone. A person can read the mail, however many findings there are. */
export const roundMail = (news: Told[], counts: Counts, { notify, runbook = '', command }: Config) => {
  const found = news.filter(({ status }) => status === 'new')
  const gone = news.filter(({ status }) => status === 'gone')
  const parts = [
    found.length && are(found.length, 'new finding'),
    gone.length && `${are(gone.length, 'finding')} ${gone.length === 1 ? 'is' : 'are'} gone`,
  ]
  const title = `The daily round: ${parts.filter(Boolean).join(', ')}`
  const values = {
    title,
    open: `${counts.open}`,
    accountsWithFindings: `${counts.accountsWithFindings}`,
    accounts: `${counts.accounts}`,
    found: sections(found, {
      head: (kind, count) => `: ${count} new, ${counts.openByKind[kind] ?? 0} open`,
      line: ({ text }) => text,
    }),
    gone: sections(gone, {
      head: (_, count) => ` (${count})`,
      line: ({ subject, since, signInRemovedAt }) =>
        [subject, `found on ${dayOf(since)}`].filter(Boolean).join(', ') +
        (signInRemovedAt ? `: the console sign-in was removed on ${dayOf(signInRemovedAt)}` : ''),
    }),
    command,
    runbook,
  }
  return { to: notify, subject: title, text: fillText(text, values) }
}

const dayOf = (time: string) => time.slice(0, 10)

type Shown = { head: (kind: FindingKind, count: number) => string; line: (one: Told) => string }

/** A paragraph for each kind, the worst first. Names and texts are text of others. They get no line of their own. */
const sections = (news: Told[], { head, line }: Shown) =>
  [...Map.groupBy([...news].sort(byWorst), ({ kind }) => kind)]
    .map(([kind, all]) =>
      [
        `${findingWords[kind]}${head(kind, all.length)}`,
        ...all
          .slice(0, mostOfAKind)
          .map((one) => `  ${one.accountId} (${oneLine(one.accountName)}): ${oneLine(line(one))}`),
        ...(all.length > mostOfAKind ? [`  and ${all.length - mostOfAKind} more`] : []),
      ].join('\n'),
    )
    .join('\n\n')
