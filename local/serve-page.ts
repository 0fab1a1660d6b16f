import type { ServerResponse } from 'node:http'
import path from 'node:path'
import { build } from 'esbuild'
import { drawWorkflow } from './draw-workflow.ts'
import { type HttpResponse, serve } from './http.ts'
import { type Action, type Breaker, pageActions } from './page-actions.ts'
import { type Snapshot, snapshotOf } from './snapshot.ts'
import type { LocalOrganization } from './start-organization.ts'

const buildPage = async () => {
  const { outputFiles } = await build({
    entryPoints: ['page.tsx', 'page.css'].map((file) => path.join(import.meta.dirname, 'page', file)),
    bundle: true,
    minify: true,
    write: false,
    outdir: 'page',
    format: 'esm',
    target: 'es2022',
    jsx: 'automatic',
    jsxImportSource: 'preact',
  })
  const ending = (end: string) => outputFiles.find(({ path }) => path.endsWith(end))?.text ?? ''
  return { script: ending('.js'), style: ending('.css') }
}

const html = `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>account-vending: local organization</title>
<link rel="icon" href="data:,">
<link rel="stylesheet" href="/page.css">
<script type="module" src="/page.js"></script>
</head>
<body><noscript>This page needs JavaScript.</noscript></body>
</html>
`

/** The page loads nothing from elsewhere. Mails are shown in frames, without scripts. */
const contentSecurityPolicy =
  "default-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; frame-src 'self'; base-uri 'none'"

const content = (type: string, body: string, status = 200): HttpResponse => ({
  status,
  headers: { 'content-type': type, 'content-security-policy': contentSecurityPolicy, 'cache-control': 'no-store' },
  body,
})
const json = (value: object, status = 200) => content('application/json', JSON.stringify(value), status)

/** The shortest time between two messages to the page that something has changed. */
const lookMilliseconds = 150

/** Tells open pages whenever something in the organization has changed. */
const notifyOfChanges = ({ world, executions, rounds, deadLetters }: LocalOrganization) => {
  const listeners = new Set<ServerResponse>()
  let seen = ''
  let counted = 0
  let changes = 0
  /** Counts the calls, except those that read the ledger for the page: they would make the page read again. */
  const countCalls = () => {
    for (; counted < world.calls.length; counted++) {
      const { service, function: by } = world.calls[counted]!
      if (service !== 'dynamodb' || by) changes += 1
    }
    return changes
  }
  const look = setInterval(() => {
    if (!listeners.size) return
    const histories = [...executions.values(), ...rounds.values()].map(
      ({ status, history }) => `${status}${history.length}`,
    )
    const now = [countCalls(), world.accounts.size, world.createRequests.size, deadLetters.length, histories].join()
    if (now === seen) return
    seen = now
    for (const listener of listeners) listener.write('data: changed\n\n')
  }, lookMilliseconds)
  return {
    /** Turns a response into a stream of events, which ends when the page is closed. */
    add: (response: ServerResponse) => {
      response.writeHead(200, { 'content-type': 'text/event-stream', 'cache-control': 'no-store' }).write(': hello\n\n')
      listeners.add(response)
      response.on('close', () => listeners.delete(response))
    },
    stop: () => clearInterval(look),
  }
}

/**
 * Serves the page of the local organization on 127.0.0.1. The page shows the organization as it changes, and has
 * buttons that start things. Returns its URL, and `close`, which also ends open connections.
 */
export const servePage = async (
  organization: LocalOrganization,
  { port, breaks }: { port: number; breaks: Breaker },
) => {
  const { definition, round } = organization.deployed
  const [{ script, style }, vendPicture, roundPicture] = await Promise.all([
    buildPage(),
    drawWorkflow(definition),
    drawWorkflow(round.definition, 'every day · npx vend round'),
  ])
  const changes = notifyOfChanges(organization)
  const { offered, perform } = pageActions(organization, breaks)
  const server = await serve(async ({ method, url, headers, body }, response) => {
    const route = `${method} ${new URL(url, 'http://localhost').pathname}`
    if (route === 'GET /') return content('text/html; charset=utf-8', html)
    if (route === 'GET /page.js') return content('text/javascript', script)
    if (route === 'GET /page.css') return content('text/css', style)
    if (route === 'GET /vend.svg') return content('image/svg+xml', vendPicture)
    if (route === 'GET /round.svg') return content('image/svg+xml', roundPicture)
    if (route === 'GET /snapshot')
      return json({ ...(await snapshotOf(organization)), offered: await offered() } satisfies Snapshot)
    if (route === 'GET /changes') {
      changes.add(response)
      return undefined
    }
    // Another site cannot make a browser send a form as JSON.
    if (route === 'POST /act' && headers['content-type'] === 'application/json') {
      try {
        return json(await perform(JSON.parse(body) as Action))
      } catch (error) {
        return json({ error: error instanceof Error ? error.message : String(error) }, 400)
      }
    }
    return content('text/plain', 'Not found', 404)
  }, port)
  return {
    url: server.url,
    close: async () => {
      changes.stop()
      await server.close()
    },
  }
}
