import { createHash } from 'node:crypto'
import { nonceHash } from '../../functions/shared/handover.ts'
import { openBox } from '../../functions/shared/sealed-box.ts'
import type { HandoverInvariants, MailedLink } from './handover-invariants.ts'
import type { Visits } from './plan.ts'
import { oneOf, type Rng } from './random.ts'
import { sleep } from './virtual-time.ts'

// Who comes to the page of a link: programs that follow links, the administrator, whoever else has the mail, and
// people with wrong digits.

type Body = Record<string, unknown> & { state?: string }
type Answer = { status: number; body: Body; retryAfter: number }
type Claimed = Parameters<HandoverInvariants['opened']>[1]

type Given = {
  visits: Visits
  random: Rng
  invoke: (name: string, input: unknown) => Promise<unknown>
  invariants: HandoverInvariants
  count: (fault: { kind: string; what: string }) => void
  trace: (line: string) => void
  /** A person signs in with a password that the page showed. */
  use: (link: MailedLink, password: string) => void
  /** An operator mails a new link. */
  renew: (link: MailedLink) => void
}

const second = 1000
const minute = 60 * second
const day = 24 * 60 * minute
/** The page asks again so often after a failure, and for two minutes while a link is not sealed. */
const mostTries = 8
const patience = 2 * minute

const base64url = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_'

/** The id of a link, as the page makes it. */
export const idOf = (scalar: string) => createHash('sha256').update(scalar).digest('base64url')

export const visitsOf = ({ visits, random, invoke, invariants, count, trace, use, renew }: Given) => {
  let renewals = 2
  const between = (most: number) => sleep(random() * most)

  const request = async (link: MailedLink, routeKey: string, visitor: string, sent: object): Promise<Answer> => {
    const [method, path] = routeKey.split(' ')
    const noted = invariants.visited(link)
    const answer = (await invoke('claim-link', {
      version: '2.0',
      routeKey,
      rawPath: path,
      headers: {},
      requestContext: { http: { method, path, sourceIp: '203.0.113.7', userAgent: `${visitor}/1.0` } },
      ...sent,
    }).catch(() => undefined)) as { statusCode: number; headers: Record<string, string>; body: string } | undefined
    if (!answer) return { status: 500, body: {}, retryAfter: 0 }
    const isJson = answer.headers['content-type'] === 'application/json'
    const body = (isJson ? JSON.parse(answer.body) : {}) as Body
    trace(`the page answers ${visitor} of ${link.userName}: ${answer.statusCode} ${body.state ?? ''}`)
    const fields = 'body' in sent ? (JSON.parse(String(sent.body)) as { id: string; nonce?: string }) : { id: '' }
    invariants.answered(noted, { ...fields, status: answer.statusCode, body, text: answer.body })
    return { status: answer.statusCode, body, retryAfter: Number(answer.headers['retry-after'] ?? 0) }
  }

  /** Sends what the page sends. The answer is sometimes lost on its way. */
  const post = async (link: MailedLink, path: string, visitor: string, fields: object): Promise<Answer> => {
    const body = JSON.stringify({ id: idOf(link.scalar), ...fields })
    const answer = await request(link, `POST ${path}`, visitor, { body, isBase64Encoded: false })
    if (random() >= visits.lost) return answer
    count({ kind: 'answer-lost', what: `${path} ${answer.status}` })
    return { status: 500, body: {}, retryAfter: 0 }
  }
  /** Asks again as the page does: after a failure, and while the link is not sealed or is locked. */
  const ask = async (link: MailedLink, path: string, visitor: string, fields: object): Promise<Answer> => {
    let waited = 0
    for (let tries = 1; ; tries++) {
      const answer = await post(link, path, visitor, fields)
      const { status, retryAfter } = answer
      const isUnsealed = status === 503 && waited < patience
      if (tries >= mostTries && !isUnsealed) return answer
      if (status !== 429 && status < 500) return answer
      const pause = retryAfter * second || 1 + random() * 5 * second
      waited += pause
      await sleep(pause)
    }
  }

  const nonce = () => Array.from({ length: 22 }, () => oneOf(random, [...base64url])).join('')
  /** Another nonce, whose hash begins in the same way. */
  const nonceLike = (other: string) => {
    for (let n = 0; ; n++) {
      const similar = other.slice(0, 18) + String(n).padStart(4, '0')
      if (similar !== other && nonceHash(similar)[0] === nonceHash(other)[0]) return similar
    }
  }

  /** Somebody opens the link, types the digits, and goes on with what the page shows. */
  const open = async (link: MailedLink, visitor: string, own: string, { signsIn = 0, disowns = 0 }) => {
    const digits = link.accountId.slice(-4)
    const { status, body } = await ask(link, '/link/claim', visitor, { digits, nonce: own })
    if (status === 200) {
      const claimed = body as Claimed
      const text = await openBox({ ...claimed, scalar: link.scalar }).catch(() => '')
      const password = invariants.opened(link, claimed, text)
      if (random() >= signsIn) return
      await between(oneOf(random, [minute, day]))
      use(link, password)
    }
    if (body.state !== 'claimed' || body['disowned'] || random() >= disowns) return
    await between(minute)
    count({ kind: 'claim-disowned', what: `${link.userName} of ${link.accountId}` })
    const said = await ask(link, '/link/disown', visitor, { digits })
    if (said.status === 200) invariants.disowned(link)
  }

  /** Follows the link before the mail is delivered, and tries the form without knowing what to type. */
  const scan = async (link: MailedLink) => {
    await between(minute)
    count({ kind: 'scanned', what: link.userName })
    const id = idOf(link.scalar)
    // A program may also try what the page would send as an address, and the account's number is in the mail.
    const queryStringParameters = { id, digits: link.accountId.slice(-4), nonce: nonce() }
    for (const method of ['HEAD', 'GET', 'GET'])
      await request(link, `${method} /link`, 'scanner', { queryStringParameters, isBase64Encoded: false })
    if (random() < 0.5) await post(link, '/link/claim', 'scanner', { digits: '', nonce: nonce() })
  }

  const guess = async (link: MailedLink) => {
    const tries = 1 + Math.floor(random() * 7)
    count({ kind: 'wrong-digits', what: `${tries} times` })
    const own = nonce()
    for (let i = 0; i < tries; i++) await post(link, '/link/claim', 'guesser', { digits: 'abcd', nonce: own })
  }

  /** Everybody who comes because of a mail. Answers what the world must wait for. */
  const mailed = (link: MailedLink): Promise<unknown>[] => {
    const chance = (probability: number) => random() < probability
    const opensAt = random() * oneOf(random, [20 * second, 10 * minute, 10 * minute, 10 * minute, day, day, 8 * day])
    const own = nonce()
    const at = (milliseconds: number, come: () => unknown) => sleep(milliseconds).then(come)
    const coming: Promise<unknown>[] = []
    if (chance(visits.scanner)) coming.push(scan(link))
    if (chance(visits.owner)) coming.push(at(opensAt, () => open(link, 'owner', own, { signsIn: 0.6, disowns: 0.7 })))
    if (chance(visits.thief)) {
      const thiefAt = oneOf(random, [opensAt, opensAt, opensAt + random() * 8 * minute, random() * day])
      const alike = nonceLike(own)
      coming.push(at(thiefAt, () => open(link, 'thief', alike, { signsIn: 0.3 })))
    }
    if (chance(visits.guesser)) {
      const guessesAt = oneOf(random, [opensAt, random() * opensAt])
      coming.push(at(guessesAt, () => guess(link)))
    }
    if (chance(visits.renewal) && renewals > 0) {
      renewals--
      coming.push(at(random() * oneOf(random, [10 * minute, 2 * day]), () => renew(link)))
    }
    return coming
  }
  return { mailed }
}
