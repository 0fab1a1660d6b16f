import { findingWords } from '../functions/shared/findings.ts'
import { showTime, wrap } from './show.ts'
import type { Status } from './status.ts'

type Looked = Pick<Status, 'lookedAt' | 'findings' | 'admins' | 'removal'>

/** The times at which something changed for an administrator that the daily round judges. ISO 8601. */
const changesOf = ({ admins, removal }: Looked, subject: string) => {
  const isSubject = ({ userName }: { userName: string }) => userName.toLowerCase() === subject.toLowerCase()
  const mailed = admins.filter(isSubject).flatMap(({ mailedAt, handover }) => {
    return [mailedAt, handover && 'claimedAt' in handover ? handover.claimedAt : undefined]
  })
  return [...mailed, removal?.users.some(isSubject) ? removal.at : undefined]
}

/**
 * What the daily round found when it last looked at the account, without what is out of date: findings about a user
 * who was mailed, opened the link or was removed since.
 */
export const stillFound = (account: Looked) => {
  const { lookedAt = '', findings = [] } = account
  return findings.filter(({ subject }) => !changesOf(account, subject).some((at) => at !== undefined && at > lookedAt))
}

/** When the round looked at the account, and whether there is something to read about that; undefined if it did not. */
export const showLookedAt = (account: Looked) => {
  const { lookedAt, findings = [] } = account
  if (!lookedAt) return undefined
  const found = stillFound(account).length
    ? 'see below'
    : findings.length
      ? 'what was found has changed since then'
      : 'nothing was found'
  return `looked at     ${showTime(lookedAt)}: ${found}`
}

/** What the round found, for a person: a sentence for each finding that is still of interest. */
export const showFoundByRound = (account: Looked) => {
  const { lookedAt } = account
  const found = stillFound(account)
  return [
    ...(lookedAt && found.length ? [`The daily round found at ${showTime(lookedAt)}:`] : []),
    ...found.map(({ kind, since, text }) => `${findingWords[kind]} (found on ${since.slice(0, 10)}). ${text}`),
  ].map((words) => wrap(words, '  '))
}
