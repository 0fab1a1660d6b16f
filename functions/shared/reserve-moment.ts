import { type Ledger, updateItem } from './ledger.ts'
import { changeOpening, type Intent } from './opening.ts'
import type { Vend } from './vend.ts'

// Organizations and Account Management allow few calls a second, for the whole organization. All executions share one
// item for each limited API. It says when the next call may be made, and each execution reserves a moment of its own.

export type Limit = {
  /** The name of the item. */
  api: string
  /** Seconds between two calls. */
  seconds: number
  /** How many calls may follow each other at once after a pause. */
  burst: number
}

// Organizations User Guide, orgs_reference_limits; Account Management Reference Guide, quotas: its copies differ, and
// this is the slowest of them.
export const createAccountLimit: Limit = { api: 'CreateAccount', seconds: 10, burst: 3 }
export const moveAccountLimit: Limit = { api: 'MoveAccount', seconds: 0.5, burst: 1 }
export const alternateContactLimit: Limit = { api: 'PutAlternateContact', seconds: 1, burst: 1 }

/** `freeAt`: when the next call may be made if nobody calls in between, in milliseconds since 1970. */
type Budget = { freeAt: number }

const mostTries = 10

/**
 * Reserves the next moment for a call, by one conditional write. Answers the moment in milliseconds since 1970: the
 * past or now if the call may be made at once. If nobody has reserved a moment after `earliest`, the moment is
 * `earliest`.
 */
export const reserveMoment = async (
  ledger: Ledger,
  { api, seconds, burst }: Limit,
  earliest = Date.now(),
): Promise<number> => {
  const pk = `budget#${api}`
  const pause = seconds * 1000
  for (let tries = 0; tries < mostTries; tries++) {
    // Each of the two writes fails only where the other one holds, so only a race needs another try.
    const later = await updateItem<Budget>(ledger, pk, {
      set: {},
      add: { freeAt: pause },
      condition: ({ value }) => `freeAt > ${value(earliest)}`,
    })
    if (later) return later.freeAt - pause * burst
    const first = await updateItem<Budget>(ledger, pk, {
      set: { freeAt: earliest + pause },
      condition: ({ value }) => `attribute_not_exists(freeAt) OR freeAt <= ${value(earliest)}`,
    })
    if (first) return earliest
  }
  throw new Error(`No moment for ${api} could be reserved in ${mostTries} tries`)
}

/** Lets nobody reserve a moment before `until`, in milliseconds since 1970, because AWS has refused a call. */
export const postponeCalls = async (ledger: Ledger, { api, seconds, burst }: Limit, until: number) => {
  const freeAt = until + seconds * 1000 * (burst - 1)
  await updateItem<Budget>(ledger, `budget#${api}`, {
    set: { freeAt },
    condition: ({ value }) => `attribute_not_exists(freeAt) OR freeAt < ${value(freeAt)}`,
  })
}

// A reserved moment that passed longer ago was reserved before a failure: others may have called since.
const mostLate = 60_000

/**
 * Reserves the moment for an opening's next call to a limited API, once. Answers undefined if the call may be made now,
 * and otherwise the time to wait until. Throws `LeaseLostError`.
 */
export const waitForTurn = async (
  ledger: Ledger,
  opened: { email: string; vend: Vend },
  { turns }: Pick<Intent, 'turns'>,
  limit: Limit,
) => {
  const reserved = turns?.[limit.api]
  const now = Date.now()
  const at = reserved !== undefined && reserved > now - mostLate ? reserved : await reserveMoment(ledger, limit, now)
  if (at <= now) return undefined
  return sleepUntil(ledger, opened, limit, { at, turns, for: `a free moment for ${limit.api}` })
}

/** Puts on record that an opening waits for its turn. Answers the time to wait until. Throws `LeaseLostError`. */
export const sleepUntil = async (
  ledger: Ledger,
  opened: { email: string; vend: Vend },
  { api }: Limit,
  { at, turns, for: what }: { at: number; turns: Intent['turns']; for: string },
) => {
  const until = new Date(Math.ceil(at / 1000) * 1000).toISOString()
  const waiting = { for: what, until }
  await changeOpening(ledger, opened, { set: { turns: { ...turns, [api]: at }, waiting } })
  return until
}
