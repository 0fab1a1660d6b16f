import { createHash } from 'node:crypto'
import type { EventBridgeClient } from '@aws-sdk/client-eventbridge'
import type { SESClient } from '@aws-sdk/client-ses'
import { type Kind, type Ledger, scan, updateItem } from '../shared/ledger.ts'
import { type Finding, type FindingKind, type Look, lookKey } from '../shared/look.ts'
import { readNote } from '../shared/notes.ts'
import { type AccountRecord, entryOf, isGone } from '../shared/record-and-lease.ts'
import { sendEvents } from '../shared/send-event.ts'
import { inNote, type SenderConfig, tellOnce } from '../shared/send-mail.ts'
import { together } from '../shared/together.ts'
import { type Counts, type News, roundMail } from './round-mail.ts'

/** What a report counts: the open findings, and the events that this try has sent. */
type Figures = Counts & { new: number; gone: number }

type Clients = {
  ses: SESClient
  events: EventBridgeClient
  ledger: Ledger
  /** Writes figures for the dashboard. */
  record: (figures: Figures) => void
}
type Config = SenderConfig & Parameters<typeof roundMail>[2]

type Seen = Pick<Look, 'accountId' | 'accountName' | 'at' | 'findings' | 'gone'>

// DynamoDB takes 4,000 write units a second for a new table (DynamoDB Developer Guide,
// on-demand-capacity-mode). Vends need their part of these units while a report writes.
const writesAtOnce = 8
/** EventBridge takes ten events in a call, and most looks have one. So many looks are told at once. */
const looksAtOnce = 10

/**
 * Tells what is new or gone since people were told: all of it in one mail, and each finding in an event. If nothing is
 * new or gone, there is no mail. Answers how many findings are open, new and gone.
 *
 * A finding gets the name of its report before the mail is sent, and loses the name after its event. So a report that
 * stopped goes on where it stopped, in a redrive or in the next round, without a second mail. An event can come twice
 * if the function stops between the event and the next write. A look that changes meanwhile is told by the next round.
 * Throws what `sendMail` throws, and EventBridge's own error for an event that it refused. The other events are sent.
 */
export async function reportRound({ ses, events, ledger, record }: Clients, config: Config) {
  const { looks, records } = await scan(ledger, { looks: seen, records: standings }, { consistent: true })
  // Nobody can do anything about an account that left the organization or was closed.
  const here = looks.filter(({ accountId }) => !isGone(records.get(accountId)?.status))
  const counts = countOpen(here)
  const telling = here.filter((look) => newsOf(look).length)

  const mailed = await mailedReports(ledger, telling)
  const isMailed = ({ report }: { report?: string | undefined }) => report !== undefined && mailed.has(report)
  const unmailed = telling.filter((look) => newsOf(look).some((one) => !isMailed(one)))
  const report = reportId(unmailed.flatMap(newsOf).filter((one) => !isMailed(one)))
  const toldAt = new Date().toISOString()
  const claims = unmailed.map((look) => changeNews(look, (one) => (isMailed(one) ? one : { ...one, toldAt, report })))
  const claimed = await writeAll(ledger, claims)
  const mailing = claimed
    .flatMap(newsOf)
    .filter((one) => one.report === report)
    .map((one) => ({ ...one, signInRemovedAt: signInRemovedAt(records.get(one.accountId), one) }))
  if (mailing.length)
    await tellOnce(ses, roundMail(mailing, counts, config), inNote(ledger, reportNote(report)), config)

  const looksToSend = [...telling.filter((look) => !unmailed.includes(look)), ...claimed]
  const { told, refused } = await sendAll({ events, ledger }, looksToSend)
  record({ ...counts, ...told })
  if (refused) throw refused
  return { ...counts, ...told, mailed: mailing.length > 0 }
}

const seen: Kind<Seen, Seen[]> = {
  prefix: 'look#',
  attributes: ['accountId', 'accountName', 'at', 'findings', 'gone'],
  collect: (looks) => [...looks.values()],
}

type Standing = Pick<AccountRecord, 'status' | 'passwords' | 'removal'>

const standings: Kind<Standing, Map<string, Standing>> = {
  prefix: 'account#',
  attributes: ['status', 'passwords', 'removal'],
  collect: (records) => records,
}

/**
 * When a removal took away the console sign-in of the user whom a finding is about; undefined if no removal did since
 * the finding.
 */
const signInRemovedAt = (record: Standing | undefined, { subject, since }: Pick<Finding, 'subject' | 'since'>) => {
  const name = subject.toLowerCase()
  const { passwords, removal } = record ?? {}
  const isRemoved = removal?.users.some(({ userName }) => userName.toLowerCase() === name)
  const at = entryOf(passwords, name)?.removedAt ?? (isRemoved ? removal?.at : undefined)
  return at !== undefined && at >= since ? at : undefined
}

const countOpen = (looks: Seen[]): Counts => {
  const openByKind: Partial<Record<FindingKind, number>> = {}
  for (const { kind } of looks.flatMap(({ findings }) => Object.values(findings)))
    openByKind[kind] = (openByKind[kind] ?? 0) + 1
  return {
    accounts: looks.length,
    accountsWithFindings: looks.filter(({ findings }) => Object.keys(findings).length).length,
    open: Object.values(openByKind).reduce((sum, count) => sum + count, 0),
    openByKind,
  }
}

/** A finding, with when it was gone if it is gone. */
type Found = Finding & { goneAt?: string }
/** A finding to tell, with its name in this report. */
type ToTell = News & { id: string; report: string | undefined }

/** A passing finding, as when AWS throttles, is told to nobody. */
const isNew = ({ toldAt, report, passing }: Finding) => !passing && (toldAt === undefined || report !== undefined)
const idOf = (accountId: string, status: News['status'], key: string) => `${accountId} ${status} ${key}`

/** What is to be told of a look: the findings that people were not told yet, and the findings that are gone. */
const newsOf = ({ accountId, accountName, findings, gone }: Seen) => {
  const news = (status: News['status'], all: Record<string, Found>) =>
    Object.entries(all).map(([key, { kind, subject, text, since, goneAt, report }]): ToTell => {
      const id = idOf(accountId, status, key)
      return { id, report, status, accountId, accountName, kind, subject, text, since, ...(goneAt && { goneAt }) }
    })
  const found = Object.fromEntries(Object.entries(findings).filter(([, finding]) => isNew(finding)))
  return [...news('new', found), ...news('gone', gone)]
}

/** Changes what is to be told of a look. What becomes undefined is taken out. */
const changeNews = (look: Seen, change: (one: Found, id: string) => Found | undefined): Seen => {
  const changed = (status: News['status'], all: Record<string, Found>) =>
    Object.fromEntries(
      Object.entries(all).flatMap(([key, one]): [key: string, Found][] => {
        const now = status === 'gone' || isNew(one) ? change(one, idOf(look.accountId, status, key)) : one
        return now ? [[key, now]] : []
      }),
    )
  return { ...look, findings: changed('new', look.findings), gone: changed('gone', look.gone) as Seen['gone'] }
}

/** Writes looks. Answers those that were written. A look that another round has made meanwhile stays as it is. */
const writeAll = async (ledger: Ledger, looks: Seen[]) => {
  const written: Seen[] = []
  for (let first = 0; first < looks.length; first += writesAtOnce)
    await together(
      looks.slice(first, first + writesAtOnce).map(async (look) => {
        const { accountId, at, findings, gone } = look
        const updated = await updateItem<Look>(ledger, lookKey(accountId), {
          // A look that is made at this moment sees by this that the findings have changed.
          set: { findings, gone, reportedAt: new Date().toISOString() },
          condition: ({ name, value }) => `${name('at')} = ${value(at)}`,
        })
        if (updated) written.push(look)
      }),
    )
  return written
}

/** The name of a report about these findings. A try that is repeated gives the same name. */
const reportId = (news: ToTell[]) => {
  const parts = news.map(({ id, since, goneAt = '' }) => `${id} ${since} ${goneAt}`)
  return createHash('sha256').update(parts.sort().join('\n')).digest('hex').slice(0, 32)
}

/** The note that the mail of a report was sent. */
const reportNote = (report: string) => `report#${report}`

/** The reports of findings whose mail was sent. */
const mailedReports = async (ledger: Ledger, looks: Seen[]) => {
  const mailed = new Set<string>()
  for (const report of new Set(looks.flatMap(newsOf).flatMap(({ report }) => report ?? [])))
    if (await readNote(ledger, reportNote(report))) mailed.add(report)
  return mailed
}

/** What stays of a finding that everybody was told. */
const settled = ({ report: _, ...finding }: Found) => (finding.goneAt ? undefined : finding)

/**
 * Sends the events about looks, and records after every few looks which events EventBridge took. Answers how many were
 * about new findings, how many about findings that are gone, and the error of the first event that was refused.
 */
const sendAll = async ({ events, ledger }: Pick<Clients, 'events' | 'ledger'>, looks: Seen[]) => {
  const told = { new: 0, gone: 0 }
  let refused: Error | undefined
  for (let first = 0; first < looks.length; first += looksAtOnce) {
    const slice = looks.slice(first, first + looksAtOnce)
    const news = slice.flatMap(newsOf)
    const details = news.map(({ id: _, report: __, ...detail }) => ({ detailType: 'Finding', detail }))
    const refusals = await sendEvents(events, details)
    refused ??= refusals.find((refusal) => refusal !== undefined)
    const sent = new Set(news.filter((_, i) => !refusals[i]).map(({ id }) => id))
    for (const { id, status } of news) if (sent.has(id)) told[status] += 1
    const after = (one: Found, id: string) => (sent.has(id) ? settled(one) : one)
    await writeAll(
      ledger,
      slice.map((look) => changeNews(look, after)),
    )
  }
  return { told, refused }
}
