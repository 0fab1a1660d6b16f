import { createHash } from 'node:crypto'
import { PutItemCommand } from '@aws-sdk/client-dynamodb'
import { marshall } from '@aws-sdk/util-dynamodb'
import {
  type Change,
  type Condition,
  deleteItem,
  entries,
  type Kind,
  type Ledger,
  readItem,
  updateItem,
} from './ledger.ts'
import type { Box } from './sealed-box.ts'
import { together } from './together.ts'

// The items about how an administrator gets the first password by a link. All links of an administrator are in one
// item with the claim, so that one conditional write spends all of them.

/** What is known about a link. The link's key is written nowhere. */
export type Link = {
  /** The point on P-256 for which the password is sealed, base64url. */
  publicKey: string
  /** The address that the link was mailed to. */
  email: string
  /** ISO 8601, as are all times of this file. */
  madeAt: string
  /** The link opens until this time. */
  expiresAt: string
  /** The password, sealed for this link. */
  box?: Box
}

/** Who opened a link: what a person needs to recognize the visit, and no more. */
export type Visitor = { network: string; browser: string }

export type Claim = Visitor & {
  linkId: string
  /** Hash of the number that the page made: only the page that claimed may ask again. */
  nonce: string
  at: string
  /** When somebody who holds a link said that the claim was not theirs. */
  disownedAt?: string
  /** The event about that was sent. */
  isDisownSent?: boolean
}

/** How an administrator gets the password. */
export type Handover = {
  accountId: string
  userName: string
  /** The version of the password that the links are for. A new version voids the earlier links. */
  secretVersion: string
  links: Record<string, Link>
  /** The first claim spends all links. */
  claim?: Claim
  /** The last claim, and the address of its link. A newer link removes `claim` and the links, and not this. */
  lastClaim?: Claim & { email: string }
  /** The last claim that was not the administrator's. It stays, too. */
  lastDisowned?: Claim
  /** Wrong digits since the last pause. `lockedUntil` is empty while the links are not locked. */
  tries?: { wrong: number; at: string; lockedUntil: string }
  updatedAt: string
}

export type Administrator = { accountId: string; userName: string }

const handoverKey = ({ accountId, userName }: Administrator) => `handover#${accountId}#${userName.toLowerCase()}`

const linkKey = (id: string) => `link#${id}`

/** Reads how an administrator gets the password; undefined if no link was ever made. */
export const readHandover = (ledger: Ledger, administrator: Administrator) =>
  readItem<Handover>(ledger, handoverKey(administrator))

/** Reads whose link this is; undefined if there is no such link. */
export const readLink = (ledger: Ledger, id: string) => readItem<Administrator>(ledger, linkKey(id))

/**
 * Deletes the handover of an administrator, and the links that it still has: no link shows anything any more. Earlier
 * links lead to this handover, and DynamoDB deletes them by itself.
 */
export const deleteHandover = async (ledger: Ledger, administrator: Administrator) => {
  const handover = await readHandover(ledger, administrator)
  if (!handover) return
  // The handover is last: after a crash, the next try still finds the links.
  for (const id of Object.keys(handover.links)) await deleteItem(ledger, linkKey(id))
  await deleteItem(ledger, handoverKey(administrator))
}

/** The handover of every administrator, by `accountId#userName` with the name in lower case. */
export const allHandovers: Kind<Handover, Map<string, Handover>> = {
  prefix: 'handover#',
  attributes: ['accountId', 'userName', 'secretVersion', 'links', 'claim', 'updatedAt'],
  collect: (handovers) => handovers,
}

const now = () => new Date().toISOString()
const day = 24 * 60 * 60 * 1000
// A link that has ended says so for as long. After that, DynamoDB deletes the link.
const daysAfterEnd = 90

const changeHandover = (ledger: Ledger, administrator: Administrator, change: Change<Handover>) =>
  updateItem(ledger, handoverKey(administrator), change)

const isFor =
  (secretVersion: string): Condition =>
  ({ value }) =>
    `secretVersion = ${value(secretVersion)}`

type NewLink = Administrator & {
  id: string
  publicKey: string
  email: string
  secretVersion: string
  /** How many days the link can be opened. */
  days: number
}

/**
 * Puts a link on record before the link is mailed. A link for a new version of the password voids all earlier links.
 * Answers until when the link can be opened (ISO 8601); undefined if a link for this version was claimed already: then
 * no further link can open.
 */
export const createLink = async (
  ledger: Ledger,
  { id, publicKey, email, secretVersion, days, accountId, userName }: NewLink,
) => {
  const madeAt = now()
  const ends = Date.parse(madeAt) + days * day
  const link: Link = { publicKey, email, madeAt, expiresAt: new Date(ends).toISOString() }
  const administrator = { accountId, userName }
  const [, first] = await together([
    ledger.dynamodb.send(
      new PutItemCommand({
        TableName: ledger.tableName,
        Item: marshall({
          pk: linkKey(id),
          ...administrator,
          expiresAt: Math.ceil((ends + daysAfterEnd * day) / 1000),
        }),
      }),
    ),
    changeHandover(ledger, administrator, {
      set: { ...administrator, secretVersion, updatedAt: madeAt, links: { [id]: link } },
      remove: ['claim', 'tries'],
      condition: ({ value }) => `(attribute_not_exists(pk) OR secretVersion <> ${value(secretVersion)})`,
    }),
  ])
  if (first) return link.expiresAt
  const added = await changeHandover(ledger, administrator, {
    set: { updatedAt: madeAt, links: entries({ [id]: link }) },
    condition: (placeholders) => `${isFor(secretVersion)(placeholders)} AND attribute_not_exists(claim)`,
  })
  return added && link.expiresAt
}

/** The links of a password's version that can still be opened, by id. */
export const openLinks = (handover: Handover | undefined, secretVersion: string | null, at = Date.now()) =>
  handover?.secretVersion !== secretVersion || handover.claim
    ? []
    : Object.entries(handover.links).filter(([, { expiresAt }]) => Date.parse(expiresAt) > at)

/**
 * Puts the sealed password of a link on record, on condition that the link is for this version of the password.
 * Answers whether the link can be opened now.
 */
export const recordBox = async (
  ledger: Ledger,
  administrator: Administrator,
  { id, link, box, secretVersion }: { id: string; link: Link; box: Box; secretVersion: string },
) => {
  const recorded = await changeHandover(ledger, administrator, {
    set: { updatedAt: now(), links: entries({ [id]: { ...link, box } }) },
    condition: (placeholders) =>
      `${isFor(secretVersion)(placeholders)} AND attribute_not_exists(claim) AND ` +
      `attribute_exists(links.${placeholders.name(id)})`,
  })
  return recorded !== undefined
}

/** The hash under which a nonce is on record. */
export const nonceHash = (nonce: string) => createHash('sha256').update(nonce).digest('base64url')

/**
 * Claims a link for the page that made this nonce, in one conditional write. Answers the handover as it is after the
 * claim; undefined if the link cannot be claimed: it was claimed, voided or locked in the meantime, or is not sealed.
 */
export const claimLink = (
  ledger: Ledger,
  handover: Handover,
  { id, nonce, network, browser }: { id: string; nonce: string } & Visitor,
) => {
  const at = now()
  const claim: Claim = { linkId: id, nonce: nonceHash(nonce), at, network, browser }
  return changeHandover(ledger, handover, {
    set: { updatedAt: at, claim, lastClaim: { ...claim, email: handover.links[id]?.email ?? '' } },
    remove: ['tries'],
    condition: (placeholders) => {
      const { name, value } = placeholders
      const link = `links.${name(id)}`
      const asOf = value(at)
      return [
        isFor(handover.secretVersion)(placeholders),
        'attribute_not_exists(claim)',
        `attribute_exists(${link}.box)`,
        `${link}.expiresAt > ${asOf}`,
        `(attribute_not_exists(tries) OR tries.lockedUntil < ${asOf})`,
      ].join(' AND ')
    },
  })
}

/** Five wrong tries lock the links of an administrator for 15 minutes. */
export const mostTries = 5
const pauseMinutes = 15

/** Until when the links of an administrator are locked; undefined if they are not. */
export const lockedUntil = ({ tries }: Pick<Handover, 'tries'>) =>
  tries && tries.lockedUntil > now() ? tries.lockedUntil : undefined

/**
 * Counts a try with wrong digits. Answers how many tries are left; undefined if another try was counted in the
 * meantime, so that this try must be decided again.
 */
export const recordWrongTry = async (ledger: Ledger, handover: Handover) => {
  const at = now()
  const { tries } = handover
  const pause = new Date(Date.parse(at) - pauseMinutes * 60_000).toISOString()
  const wrong = tries && tries.at > pause && !tries.lockedUntil ? tries.wrong + 1 : 1
  const end = new Date(Date.parse(at) + pauseMinutes * 60_000).toISOString()
  const counted = await changeHandover(ledger, handover, {
    set: { updatedAt: at, tries: { wrong, at, lockedUntil: wrong < mostTries ? '' : end } },
    condition: ({ name, value }) =>
      tries
        ? `tries.${name('at')} = ${value(tries.at)} AND tries.wrong = ${value(tries.wrong)}`
        : 'attribute_not_exists(tries)',
  })
  return counted && mostTries - wrong
}

/** Changes the claim of a handover. Answers undefined if the handover has another claim by now. */
export const changeClaim = (
  ledger: Ledger,
  handover: Handover,
  change: Partial<Pick<Claim, 'disownedAt' | 'isDisownSent'>>,
) =>
  changeHandover(ledger, handover, {
    set: {
      updatedAt: now(),
      claim: entries<Claim>(change),
      ...(change.disownedAt && handover.claim && { lastDisowned: { ...handover.claim, ...change } }),
    },
    condition: ({ name, value }) =>
      `claim.linkId = ${value(handover.claim?.linkId)} AND claim.${name('at')} = ${value(handover.claim?.at)}`,
  })

/** How far a handover is at a time (milliseconds since 1970), for people: never with a link's id. */
export const handoverState = ({ links, claim }: Pick<Handover, 'links' | 'claim'>, at = Date.now()) => {
  const last = Object.values(links)
    .sort((a, b) => a.expiresAt.localeCompare(b.expiresAt))
    .at(-1)
  if (claim) {
    const { at, network, browser, disownedAt } = claim
    return {
      state: disownedAt ? ('disowned' as const) : ('claimed' as const),
      claimedAt: at,
      network,
      browser,
      ...(disownedAt && { disownedAt }),
    }
  }
  const until = last?.expiresAt ?? ''
  if (until <= new Date(at).toISOString()) return { state: 'expired' as const, until }
  return { state: last?.box ? ('open' as const) : ('sealing' as const), until }
}
