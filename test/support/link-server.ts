import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { text } from 'node:stream/consumers'
import { pageAnswer } from '../../functions/claim-link/page.ts'
import { parseJson } from '../../functions/shared/parse.ts'
import { type Box, makeLinkKey, sealBox } from '../../functions/shared/sealed-box.ts'

/** A link of one administrator, and what a test may do to the link behind the page's back. */
export type TestLink = {
  url: string
  /** The secret part of the URL. */
  code: string
  handover: Handover
  seal: () => Promise<void>
  /** Puts into the link's place the box of another link. */
  exchangeBox: () => Promise<void>
  end: (state: 'expired' | 'replaced') => void
  /** Somebody else claims the password. */
  claim: () => void
  isClaimed: () => boolean
}
type Handover = ReturnType<typeof handoverOf>
export type LinkServer = {
  url: string
  makeLink: (given?: { isSealed?: boolean; handover?: Partial<Handover> }) => Promise<TestLink>
  close: () => Promise<void>
}

const handoverOf = () => ({
  accountId: '111122223333',
  accountName: 'Payments',
  signInUrl: 'https://111122223333.signin.aws.amazon.com/console',
  userName: 'ada',
  password: 'k7!vQz#Rw2(Tn_9xHd[4bM}eYp8$uGa3',
  mustChangePassword: true,
})

type Claim = { nonce: string; at: string; network: string; browser: string; disowned: boolean }
type Link = {
  publicKey: string
  accountId: string
  box?: Box
  end?: 'expired' | 'replaced'
  claim?: Claim
  wrong: number
  lockedUntil?: string
}
type Answer = { status: number; body: { state: string } & Record<string, unknown>; retryAfter?: number }

const checkDigits = (link: Link, digits: string): Answer | undefined => {
  if (link.lockedUntil) return { status: 429, body: { state: 'locked', until: link.lockedUntil }, retryAfter: 900 }
  if (digits === link.accountId.slice(-4)) return undefined
  link.wrong += 1
  if (link.wrong === 5) link.lockedUntil = new Date(Date.now() + 15 * 60_000).toISOString()
  return { status: 403, body: { state: 'wrong-digits', triesLeft: 5 - link.wrong } }
}

const claimAnswer = (link: Link, nonce: string): Answer => {
  const { claim, publicKey, box } = link
  if (claim && claim.nonce !== nonce) {
    const { at, network, browser, disowned } = claim
    return { status: 409, body: { state: 'claimed', at, network, browser, disowned } }
  }
  if (link.end) return { status: 410, body: { state: link.end } }
  if (!box) return { status: 503, body: { state: 'not-sealed' }, retryAfter: 5 }
  const at = claim?.at ?? new Date().toISOString()
  link.claim ??= { nonce, at, network: '198.51.100.0/24', browser: 'Chrome', disowned: false }
  return { status: 200, body: { state: 'claimed-now', publicKey, box, claimedAt: at } }
}

const disownAnswer = ({ claim }: Link): Answer => {
  if (!claim) return { status: 409, body: { state: 'not-claimed' } }
  claim.disowned = true
  return { status: 200, body: { state: 'disowned' } }
}

/**
 * Serves the page of a link, and answers the page as the function claimLink does, from memory. The boxes are real.
 * Tests of the page use only what `LinkServer` has, so that another server can stand behind the page.
 */
export const startLinkServer = async (vending: { organizationName: string; contact: string }): Promise<LinkServer> => {
  const links = new Map<string, Link>()
  const answer = (path: string | undefined, request: unknown): Answer | undefined => {
    if (path !== '/link/claim' && path !== '/link/disown') return undefined
    const { id = '', digits = '', nonce = '' } = (request ?? {}) as Record<string, string>
    const link = links.get(id)
    if (!link || (path === '/link/claim' && !/^[\w-]{22}$/.test(nonce)))
      return { status: 404, body: { state: 'unknown' } }
    return checkDigits(link, digits) ?? (path === '/link/claim' ? claimAnswer(link, nonce) : disownAnswer(link))
  }
  const server = createServer((request, response) => {
    const respond = async () => {
      const { method = '', url } = request
      if (url === '/link' && (method === 'GET' || method === 'HEAD')) {
        const { status, headers, body } = pageAnswer(vending, method)
        return response.writeHead(status, headers).end(body)
      }
      const answered = method === 'POST' ? answer(url, parseJson(await text(request))) : undefined
      const { status, body, retryAfter } = answered ?? { status: 404, body: { message: 'Not Found' } }
      const headers = { 'content-type': 'application/json', ...(retryAfter && { 'retry-after': String(retryAfter) }) }
      return response.writeHead(status, headers).end(JSON.stringify(body))
    }
    void respond()
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/link`

  return {
    url,
    makeLink: async ({ isSealed = true, handover: given = {} } = {}) => {
      const { scalar, id, publicKey } = await makeLinkKey()
      const handover = { ...handoverOf(), ...given }
      const link: Link = { publicKey, accountId: handover.accountId, wrong: 0 }
      links.set(id, link)
      const seal = async () => {
        link.box = await sealBox({ publicKey, id, text: JSON.stringify(handover) })
      }
      if (isSealed) await seal()
      return {
        url: `${url}#${scalar}`,
        code: scalar,
        handover,
        seal,
        exchangeBox: async () => {
          link.box = await sealBox({ ...(await makeLinkKey()), text: JSON.stringify(handover) })
        },
        end: (state) => (link.end = state),
        claim: () =>
          (link.claim = {
            nonce: '',
            at: '2026-11-27T09:05:00.000Z',
            network: '203.0.113.0/24',
            browser: 'Firefox',
            disowned: false,
          }),
        isClaimed: () => link.claim !== undefined,
      }
    },
    close: async () => {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}
