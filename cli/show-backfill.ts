import { styleText } from 'node:util'
import type { Backfill, Backfilled } from './backfill.ts'
import { showState } from './status.ts'
import { table, wrap } from './show.ts'

const colors: Record<Backfilled['outcome'], 'green' | 'red' | 'yellow' | 'dim'> = {
  'would be vended': 'green',
  vended: 'green',
  running: 'yellow',
  'nothing to do': 'dim',
  refused: 'red',
  failed: 'red',
}

/** The first sentence, on one line. `npx vend plan` and `npx vend status` say the others. */
const inShort = (text: string) => (/^.*?[^.]\.(?= )/.exec(text.replace(/\s*\n\s*/g, ' ')) ?? [text])[0]

/** An account, on a line. */
export const showBackfilled = ({ accountId, name, outcome, what }: Backfilled) =>
  `${accountId}  ${name}  ${styleText(colors[outcome], outcome)}: ${inShort(what)}`

/** Whether an account is left without a vend that somebody must look at. */
export const isIncomplete = ({ accounts, withoutAdministrator }: Backfill) =>
  accounts.some(({ outcome }) => outcome === 'refused' || outcome === 'failed' || outcome === 'running') ||
  withoutAdministrator.some(({ status }) => status === 'FAILED')

const leftAloneWords: Record<keyof Backfill['leftAlone'], string> = {
  'has an administrator': 'with an administrator of this service',
  'being vended': 'being vended',
  new: 'newer than the service (the daily sweep vends these)',
  protected: 'protected',
  'not active': 'not active',
}

const mostNotes = 10

/** The counts, and what a person must look at. */
export const showBackfill = (
  { accounts, withoutAdministrator, leftAlone, notes }: Backfill,
  { apply, again, options }: { apply: boolean; again: string; options: string },
) => {
  const others = Object.entries(leftAlone).flatMap(([reason, count]) =>
    count ? [`${count} ${leftAloneWords[reason as keyof Backfill['leftAlone']]}`] : [],
  )
  const countOf = (wanted: string) => accounts.filter(({ outcome }) => outcome === wanted).length
  const counts = Object.keys(colors).flatMap((outcome) => (countOf(outcome) ? [`${countOf(outcome)} ${outcome}`] : []))
  return [
    '',
    styleText(
      'bold',
      `${accounts.length} old account${accounts.length === 1 ? '' : 's'}${counts.length ? `: ${counts.join(', ')}` : ''}.`,
    ),
    ...(others.length ? [wrap(`Left alone: ${others.join(', ')}.`)] : []),
    ...(withoutAdministrator.length
      ? [
          '',
          wrap('These accounts are on record, but have no administrator of this service:'),
          table(
            ['Account', 'Name', 'Vend', ''],
            withoutAdministrator.map(({ accountId, name, status, error = '' }) => [
              accountId,
              name,
              showState(status),
              error,
            ]),
          ),
        ]
      : []),
    ...notes.slice(0, mostNotes).map((note) => `\n${styleText('yellow', wrap(note))}`),
    ...(notes.length > mostNotes ? [`\n… and ${notes.length - mostNotes} more notes (--json has all)`] : []),
    '',
    ...(countOf('refused') ? [`Why a vend would be refused: npx vend plan ACCOUNT${options}`] : []),
    ...((apply && countOf('failed')) || withoutAdministrator.length
      ? [`The result of a vend, and the next step: npx vend status ACCOUNT${options}`]
      : []),
    ...(apply ? [] : ['Nothing was changed.']),
    ...(countOf('would be vended') ? [`Start these vends:\n  ${again} --apply`] : []),
  ]
    .join('\n')
    .trimEnd()
}
