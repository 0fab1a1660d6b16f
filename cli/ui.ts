import { randomBytes, timingSafeEqual } from 'node:crypto'
import { once } from 'node:events'
import { createServer, type IncomingMessage } from 'node:http'
import type { AddressInfo } from 'node:net'
import { text } from 'node:stream/consumers'
import { isNamed } from '../functions/shared/aws-errors.ts'
import { parseJson } from '../functions/shared/parse.ts'
import { findingWords } from '../functions/shared/findings.ts'
import { actWords } from '../functions/shared/follow.ts'
import { type FollowThrough, followThroughWords } from '../functions/shared/follow-through.ts'
import type { Vending } from '../functions/shared/vending.ts'
import type { Make } from './clients.ts'
import { sayError } from './command-errors.ts'
import { stillFound } from './found-by-round.ts'
import { isWanted, list, listClients, type Listed, type Wanted } from './list.ts'
import { openingClients, openingStatus, requests } from './openings.ts'
import { type Status, status, statusClients } from './status.ts'
import { act, preview } from './ui-actions.ts'
import { unitNames } from './unit.ts'
import page from './ui/page.html'

/** What the table can be filtered by, with the same meaning as the option of `vend list`. */
const filters = {
  failed: { status: ['FAILED'] },
  'never-signed-in': { neverSignedIn: true },
  'no-mfa': { withoutMfa: true },
  bounced: { bounced: true },
} satisfies Record<string, Wanted>
export type Filter = keyof typeof filters
const filterNames = Object.keys(filters) as Filter[]

/** An account in the table. `unit` is the path of its organizational unit, like `Workloads/Sandbox`. */
export type Row = Omit<Listed, 'followThrough' | 'findings' | 'path'> & {
  unit: string
  filters: Filter[]
  /** How far each administrator is with signing in, in words. */
  people: { userName: string; words: string[] }[]
  findings: number
}

/** The administrators of an account. Before the first round, only their names are known. */
const peopleOf = ({ followThrough = [], mails = [] }: Listed) => {
  const seen = followThrough.map(({ userName, ...known }) => ({ userName, words: signInWords(known) }))
  const isSeen = (name: string) => seen.some(({ userName }) => userName === name)
  return [...seen, ...mails.flatMap(({ userName }) => (isSeen(userName) ? [] : [{ userName, words: [] }]))]
}

const rowOf = (one: Listed, names: Map<string, string>): Row => {
  const { followThrough: _, findings = [], path = '', ...rest } = one
  return {
    ...rest,
    unit: names.get(path.split('/').findLast((id) => id.startsWith('ou-')) ?? '') ?? '',
    filters: filterNames.filter((name) => isWanted(one, filters[name], undefined)),
    people: peopleOf(one),
    findings: findings.length,
  }
}

/** What the daily round saw of an administrator, in words. What the round did stands in the timeline. */
const signInWords = ({ signIn, signInRemovedAt }: FollowThrough) =>
  followThroughWords({ ...(signIn && { signIn }), ...(signInRemovedAt && { signInRemovedAt }) })

/** What the page of an account shows: its status, with words for what the daily round saw and did. */
const accountOf = ({ admins, timeline, findings = [], ...account }: Status) => {
  const still = stillFound({ ...account, admins, findings })
  return {
    ...account,
    admins: admins.map((admin) => ({ ...admin, words: signInWords(admin) })),
    timeline: timeline.map(({ state, userName, at, act }) => ({ what: act ? actWords(act) : state, userName, at })),
    findings: still.map((finding) => ({ ...finding, what: findingWords[finding.kind] })),
    /** Whether something was found, and has changed since then. */
    hasChanged: findings.length > still.length,
  }
}
export type Account = ReturnType<typeof accountOf>

/** The accounts as of a time; or how many have been read so far. Times are ISO 8601. */
export type Accounts =
  { state: 'reading'; count: number } | { state: 'read'; at: string; rows: Row[] } | { state: 'failed'; error: string }

type Context = {
  make: Make
  stage: string
  vending: Vending
  /** The options of this command, for the commands that the page shows. */
  options: string
  /** Whether the page has the buttons that change something. */
  operates: boolean
}

/** What the page says about the service that it shows. */
export type About = { stage: string; operates: boolean }

/** The newest list of the accounts. Organizations lists 20 accounts at a time, so a large one takes a minute. */
const accountsOf = ({ make, stage, vending }: Context) => {
  const clients = listClients(make)
  let accounts: Accounts | undefined
  const read = async () => {
    accounts = { state: 'reading', count: 0 }
    // The list goes on for a while after the names of the units could not be read.
    const tell = (count: number) => {
      if (accounts?.state === 'reading') accounts = { state: 'reading', count }
    }
    try {
      const [listed, names] = await Promise.all([
        list(clients, { stage, vending }, tell),
        unitNames(clients.organizations),
      ])
      const rows = listed.map((one) => rowOf(one, names))
      accounts = { state: 'read', at: new Date(make.now()).toISOString(), rows }
    } catch (error) {
      accounts = { state: 'failed', error: sayError(error) }
    }
  }
  return {
    get: (isFresh: boolean): Accounts => {
      if (!accounts || (isFresh && accounts.state !== 'reading')) void read()
      return accounts!
    },
  }
}

/** The longest message of the page, in bytes. */
const mostBytes = 10_000

/** Previews or does what the page asks for. */
const changesOf =
  (context: Context) =>
  async (request: IncomingMessage, path: 'preview' | 'act'): Promise<Answer> => {
    if (!context.operates) return refused(403, 'Start the command with --operate to change something here.')
    // A form of another site cannot send JSON, and a browser names the origin of every POST.
    const { 'content-type': type, origin } = request.headers
    if (type !== 'application/json' || origin === undefined) return refused(403, 'Only the page itself may do that.')
    if (!(Number(request.headers['content-length']) <= mostBytes)) return refused(413, 'The message is too long.')
    try {
      const body = parseJson(await text(request))
      return json(await (path === 'act' ? act : preview)(context, body))
    } catch (error) {
      return json({ error: sayError(error) }, isNamed(error, 'InvalidInputError') ? 400 : 409)
    }
  }

/** Only this computer's own browser, by the address that the command has printed, gets an answer. */
const isOwn = ({ headers }: IncomingMessage, origin: string) => {
  // Another site's name may point to 127.0.0.1, and another site's page may call this server.
  const hosts = [origin, origin.replace('127.0.0.1', 'localhost')]
  const isHere = hosts.includes(`http://${headers.host}`)
  const { origin: by } = headers
  const isCrossSite = headers['sec-fetch-site'] === 'cross-site'
  return isHere && (by === undefined || hosts.includes(by)) && !isCrossSite
}

const isSame = (given: string, token: string) => {
  const [a, b] = [Buffer.from(given), Buffer.from(token)]
  return a.length === b.length && timingSafeEqual(a, b)
}

type Answer = { status: number; headers: Record<string, string>; body: string }
const json = (body: unknown, status = 200): Answer => ({
  status,
  headers: { 'content-type': 'application/json' },
  body: JSON.stringify(body),
})
const refused = (status: number, body: string): Answer => ({ status, headers: { 'content-type': 'text/plain' }, body })

/** What the page reads, by the path after `/data/`. */
const dataOf = (context: Context) => {
  const { make, stage, options } = context
  const accounts = accountsOf(context)
  return async (path: string, isFresh: boolean): Promise<Answer> => {
    const [kind, id = ''] = path.split('/')
    try {
      if (path === 'about') return json({ stage, operates: context.operates } satisfies About)
      if (path === 'accounts') return json(accounts.get(isFresh))
      if (kind === 'accounts') {
        const found = await status(statusClients(make), { accountId: decodeURIComponent(id), stage, options })
        return json(accountOf(found))
      }
      if (path === 'requests') return json(await requests(openingClients(make), { stage }))
      if (kind === 'requests')
        return json(await openingStatus(openingClients(make), { target: decodeURIComponent(id), stage, options }))
      return refused(404, 'Not found')
    } catch (error) {
      const isMissing = isNamed(error, 'AccountNotFoundError', 'InvalidInputError', 'RequestNotFoundError')
      return json({ error: sayError(error) }, isMissing ? 404 : 502)
    }
  }
}

/**
 * Serves the console on 127.0.0.1: a page that shows the deployed service with the operator's own credentials. Only
 * with `operates`, the page can change something. Its URL has a random token, without which nothing is answered.
 * Answers the URL, and `close`. Throws Node's error if the port is taken.
 */
export async function serveUi(context: Context, port = 0) {
  const token = randomBytes(16).toString('base64url')
  const data = dataOf(context)
  const change = changesOf(context)
  const answer = async (request: IncomingMessage, origin: string): Promise<Answer> => {
    if (!isOwn(request, origin)) return refused(403, 'Only this computer’s own browser gets an answer.')
    const { pathname, searchParams } = new URL(request.url ?? '/', origin)
    const [, given = '', ...rest] = pathname.split('/')
    if (!isSame(given, token)) return refused(403, 'Open the address that npx vend ui has printed.')
    const path = rest.join('/')
    if (request.method === 'POST' && (path === 'preview' || path === 'act')) return change(request, path)
    if (request.method !== 'GET') return refused(405, 'Only GET is answered here.')
    if (rest[0] === 'data') return data(rest.slice(1).join('/'), searchParams.has('fresh'))
    return {
      status: 200,
      headers: { 'content-type': 'text/html; charset=utf-8', 'content-security-policy': page.csp },
      body: page.html,
    }
  }
  const server = createServer((request, response) => {
    void answer(request, url).then(
      ({ status, headers, body }) =>
        response
          .writeHead(status, {
            ...headers,
            'cache-control': 'no-store',
            'referrer-policy': 'no-referrer',
            'x-content-type-options': 'nosniff',
          })
          .end(body),
      () => response.destroy(),
    )
  })
  server.listen(port, '127.0.0.1')
  await once(server, 'listening')
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  return {
    url: `${url}/${token}/`,
    close: () => {
      server.close()
      server.closeAllConnections()
    },
  }
}
