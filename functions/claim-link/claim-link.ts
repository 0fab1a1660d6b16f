import type { EventBridgeClient } from '@aws-sdk/client-eventbridge'
import * as z from 'zod/mini'
import { claimDisowned, linkClaimed } from '../shared/event-shape.ts'
import {
  changeClaim,
  type Claim,
  claimLink as writeClaim,
  type Handover,
  lockedUntil,
  mostTries,
  nonceHash,
  readHandover,
  readLink,
  recordWrongTry,
  type Visitor,
} from '../shared/handover.ts'
import type { Ledger } from '../shared/ledger.ts'
import { sendEvent } from '../shared/send-event.ts'

type Clients = { ledger: Ledger; events: EventBridgeClient }
/** The answer to a visitor: an HTTP status and what the page shows. */
export type Answer = { status: number; body: { state: string } & Record<string, unknown>; retryAfter?: number }

const linkAndDigits = z.object({
  id: z.string().check(z.regex(/^[\w-]{43}$/)),
  /** The last four digits of the account's number. They stop a program that follows links, and not a thief. */
  digits: z.string(),
})
const claimRequest = z.extend(linkAndDigits, { nonce: z.string().check(z.regex(/^[\w-]{22,64}$/)) })

/** For how long the page that claimed may ask again, because an answer can be lost. */
const repeatMinutes = 10

const unknown: Answer = { status: 404, body: { state: 'unknown' } }
/** The page tries again, with the same nonce. */
export const failed: Answer = { status: 500, body: { state: 'failed' } }

/** Who else was here: what a person needs to recognize the visit. */
const claimed = ({ at, network, browser, disownedAt }: Claim): Answer => ({
  status: 409,
  body: { state: 'claimed', at, network, browser, disowned: disownedAt !== undefined },
})

const isRepeat = (claim: Claim, { id, nonce }: z.output<typeof claimRequest>) =>
  claim.linkId === id &&
  claim.nonce === nonceHash(nonce) &&
  claim.disownedAt === undefined &&
  Date.now() - Date.parse(claim.at) < repeatMinutes * 60_000

/** Answers the box of a claim. The box is of no use without the link's key, which only the visitor has. */
const boxOf = ({ links }: Handover, { linkId, at }: Claim): Answer => {
  const { publicKey, box } = links[linkId] ?? {}
  return box ? { status: 200, body: { state: 'claimed-now', publicKey, box, claimedAt: at } } : unknown
}

/**
 * Finds the handover that a link belongs to, and checks the digits. Answers the handover, or what to tell the visitor:
 * the link is unknown, the digits are wrong, or the administrator's links are locked.
 */
const openHandover = async (ledger: Ledger, { id, digits }: z.output<typeof linkAndDigits>) => {
  const administrator = await readLink(ledger, id)
  // Each turn means that another visitor was wrong at the same moment, and so many wrong tries lock the links.
  for (let turn = 0; turn <= mostTries; turn++) {
    const handover = administrator && (await readHandover(ledger, administrator))
    if (!handover) return { answer: unknown }
    const until = lockedUntil(handover)
    if (until) {
      const retryAfter = Math.ceil((Date.parse(until) - Date.now()) / 1000)
      return { answer: { status: 429, body: { state: 'locked', until }, retryAfter } }
    }
    if (digits === handover.accountId.slice(-4)) return { handover }
    const triesLeft = await recordWrongTry(ledger, handover)
    if (triesLeft !== undefined) return { answer: { status: 403, body: { state: 'wrong-digits', triesLeft } } }
  }
  return { answer: failed }
}

const eventOf = ({ accountId, userName }: Handover, { at, network, browser }: Claim) => ({
  accountId,
  userName,
  at,
  network,
  browser,
})

/** What stops a claim: undefined if nothing does. */
const obstacle = (handover: Handover, id: string): Answer | undefined => {
  const link = handover.links[id]
  if (!link) return { status: 410, body: { state: 'replaced' } }
  if (handover.claim) return claimed(handover.claim)
  if (Date.parse(link.expiresAt) <= Date.now()) return { status: 410, body: { state: 'expired' } }
  if (!link.box) return { status: 503, body: { state: 'not-sealed' }, retryAfter: 5 }
  return undefined
}

/**
 * Gives the sealed password to the first visitor who holds a link of the administrator and knows the last four digits
 * of the account's number. The claim is on record before the answer leaves, and spends all links of the administrator.
 *
 * Safe to run twice: the page that claimed gets the same answer for 10 minutes, unless somebody disowned the claim.
 * Sends the event "Link Claimed", which can come twice. Throws EventBridge's own error if it does not take the event;
 * then the page asks again.
 */
export async function claimLink({ ledger, events }: Clients, request: unknown, visitor: Visitor): Promise<Answer> {
  const { data: asked } = claimRequest.safeParse(request)
  if (!asked) return unknown
  const { handover, answer } = await openHandover(ledger, asked)
  if (!handover) return answer
  const isOwn = ({ claim }: Handover) => claim !== undefined && isRepeat(claim, asked)
  const stopped = isOwn(handover) ? undefined : obstacle(handover, asked.id)
  if (stopped) return stopped
  const written = isOwn(handover) ? handover : await writeClaim(ledger, handover, { ...asked, ...visitor })
  // Somebody else claimed, or a new password was made, since the handover was read. Or the answer to this page's own
  // claim was lost, and the SDK wrote it again.
  const claimed = written ?? (await readHandover(ledger, handover))
  if (!claimed?.claim || !isOwn(claimed)) return (claimed && obstacle(claimed, asked.id)) ?? failed
  await sendEvent(events, { detailType: linkClaimed, detail: eventOf(claimed, claimed.claim) })
  return boxOf(claimed, claimed.claim)
}

/**
 * Records that somebody else claimed the password. Only who holds a link and knows the digits can say so, and only once
 * for each claim.
 *
 * Sends the event "Claim Disowned", which can come twice. Throws EventBridge's own error if it does not take the event;
 * then the page asks again.
 */
export async function disown({ ledger, events }: Clients, request: unknown): Promise<Answer> {
  const { data: asked } = linkAndDigits.safeParse(request)
  if (!asked) return unknown
  const { handover, answer } = await openHandover(ledger, asked)
  if (!handover) return answer
  const { claim } = handover
  if (!handover.links[asked.id]) return { status: 410, body: { state: 'replaced' } }
  if (!claim) return { status: 409, body: { state: 'not-claimed' } }
  const done: Answer = { status: 200, body: { state: 'disowned' } }
  if (claim.isDisownSent) return done
  if (!claim.disownedAt && !(await changeClaim(ledger, handover, { disownedAt: new Date().toISOString() })))
    return failed
  await sendEvent(events, { detailType: claimDisowned, detail: eventOf(handover, claim) })
  await changeClaim(ledger, handover, { isDisownSent: true })
  return done
}
