import { RedriveExecutionCommand, SFNClient } from '@aws-sdk/client-sfn'
import { build } from 'esbuild'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import path from 'node:path'
import { text } from 'node:stream/consumers'
import { drawWorkflow } from './draw-workflow.ts'
import { explanations, unforeseen } from '../functions/shared/explanations.ts'
import { ourPath } from '../functions/shared/account-role.ts'
import { type Breakage, type breaker, breakages } from './break.ts'
import type { LocalOrganization } from './start-organization.ts'
import { accountOfExecution, clientConfig, enter, readInput } from './vend.ts'

/** What the page shows, as it stands. Times are milliseconds since 1970, on the organization's clock. */
export type Snapshot = Awaited<ReturnType<typeof snapshotOf>>
/** What the page's buttons ask for. */
export type Action =
  | { do: 'enter'; input: string; expects?: 'event' }
  | { do: 'new-account'; name: string; breakage: Breakage }
  | { do: 'mend'; accountId: string }
  | { do: 'redrive'; executionArn: string }

/** The page shows the latest; all of them are in memory. */
const most = 50

const doorOf = (input: string): 'event' | 'api' | 'manual' => {
  const asked = JSON.parse(input) as { 'detail-type'?: string; requestedBy?: string } | null
  if (asked?.['detail-type']) return 'event'
  return asked?.requestedBy?.includes(':assumed-role/') ? 'api' : 'manual'
}

const snapshotOf = async (organization: LocalOrganization) => {
  const { world, vending, clock, executions, endpointUrl, apiUrl, apiRoles } = organization
  const mails = await organization.mails()
  return {
    now: world.now(),
    speed: clock.speed,
    managementAccountId: world.managementAccountId,
    region: world.region,
    automatic: vending.automatic,
    allowedRecipient: vending.allowedRecipients[0] ?? '',
    stateMachineArn: organization.deployed.stateMachineArn,
    endpointUrl,
    apiUrl,
    apiKey: apiRoles.map(({ accessKeyId, secretAccessKey }) => `${accessKeyId}:${secretAccessKey}`)[0] ?? '',
    accounts: [...world.accounts.values()].toReversed().map((account) => ({
      id: account.id,
      name: account.name,
      state: account.state,
      users: [...account.users.values()].map(({ name, path, groups, login }) => ({
        name,
        ours: path === ourPath,
        groups: [...groups].map((group) => group.name),
        signsIn: login !== undefined,
      })),
      secrets: [...world.secrets.keys()].filter((name) => name.startsWith(`account-vending/${account.id}/`)),
      deniedActions: account.deniedActions,
    })),
    creating: [...world.createRequests.values()].flatMap(({ state, accountName }) =>
      state === 'IN_PROGRESS' ? [accountName] : [],
    ),
    executions: [...executions.values()]
      .slice(-most)
      .toReversed()
      .map((execution) => {
        const { executionArn, name, status, error, startDate, stopDate, states, history, redriveCount } = execution
        return {
          executionArn,
          name,
          status,
          door: doorOf(execution.input),
          accountId: accountOfExecution(execution),
          outcome: (execution.output as { outcome?: string } | undefined)?.outcome,
          error,
          cause: sentenceIn(execution.cause),
          ...(['FAILED', 'TIMED_OUT', 'ABORTED'].includes(status) && {
            explained: explanations[status === 'ABORTED' ? 'Aborted' : (error ?? '')] ?? unforeseen,
          }),
          startDate,
          stopDate,
          states,
          history,
          redriveCount,
        }
      }),
    mails: mails
      .slice(-most)
      .toReversed()
      .map(({ messageId, from, to, subject, text, html, at, function: by }) => ({
        messageId,
        from,
        to,
        subject,
        text,
        html,
        at,
        isNotice: by === 'report-failure',
      })),
  }
}

/** A function's failure is JSON of errorType, errorMessage and trace. */
const sentenceIn = (cause: string | undefined) => {
  try {
    return (JSON.parse(cause ?? '') as { errorMessage: string }).errorMessage
  } catch {
    return cause
  }
}

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

/** Mails are shown in frames of their own, without scripts; nothing comes from elsewhere. */
const policy =
  "default-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; frame-src 'self'; base-uri 'none'"

/** How often the page is told that something changed, at most. */
const lookMilliseconds = 150

/**
 * Serves the page of the local organization on 127.0.0.1: what there is, as it changes, and buttons to set things off.
 * Answers its URL and `close`, which ends open connections too.
 */
export const servePage = async (
  organization: LocalOrganization,
  { port, newAccount }: { port: number; newAccount: ReturnType<typeof breaker>['newAccount'] },
) => {
  const [{ script, style }, picture] = await Promise.all([buildPage(), drawWorkflow(organization.deployed.definition)])
  const { world } = organization
  const sfn = new SFNClient(clientConfig(organization, world.managementAccountId))
  const listeners = new Set<ServerResponse>()

  const act = async (action: Action): Promise<object> => {
    if (action.do === 'new-account') {
      if (!breakages.includes(action.breakage)) throw new Error(`There is nothing to break by ${action.breakage}`)
      return { accountId: await newAccount(action.name, action.breakage) }
    }
    if (action.do === 'mend') {
      const account = world.accounts.get(action.accountId)
      if (account) account.deniedActions = []
      return {}
    }
    if (action.do === 'redrive') {
      await sfn.send(new RedriveExecutionCommand({ executionArn: action.executionArn }))
      return {}
    }
    const input = readInput(action.input)
    if (action.expects === 'event' && input.door !== 'event')
      throw new Error('This is not an event: it must be a JSON object with source and detail-type')
    const { executions, response, matched } = await enter(organization, input)
    return { executions: executions.map(({ executionArn }) => executionArn), response, matched }
  }

  const answer = async (request: IncomingMessage, response: ServerResponse) => {
    const send = (type: string, body: string, status = 200) =>
      response
        .writeHead(status, { 'content-type': type, 'content-security-policy': policy, 'cache-control': 'no-store' })
        .end(body)
    const route = `${request.method} ${new URL(request.url ?? '/', 'http://localhost').pathname}`
    if (route === 'GET /') return send('text/html; charset=utf-8', html)
    if (route === 'GET /page.js') return send('text/javascript', script)
    if (route === 'GET /page.css') return send('text/css', style)
    if (route === 'GET /workflow.svg') return send('image/svg+xml', picture)
    if (route === 'GET /snapshot') return send('application/json', JSON.stringify(await snapshotOf(organization)))
    if (route === 'GET /changes') {
      response.writeHead(200, { 'content-type': 'text/event-stream', 'cache-control': 'no-store' }).write(': hello\n\n')
      listeners.add(response)
      response.on('close', () => listeners.delete(response))
      return undefined
    }
    // JSON only: a form of another site cannot send that.
    if (route === 'POST /act' && request.headers['content-type'] === 'application/json') {
      try {
        return send('application/json', JSON.stringify(await act(JSON.parse(await text(request)) as Action)))
      } catch (error) {
        const said = error instanceof Error ? error.message : String(error)
        return send('application/json', JSON.stringify({ error: said }), 400)
      }
    }
    return send('text/plain', 'Not found', 404)
  }

  const server = createServer((request, response) => {
    void answer(request, response).catch((error: unknown) => {
      if (!response.headersSent) response.writeHead(500)
      response.end(error instanceof Error ? error.message : '')
    })
  })
  await new Promise<void>((resolve, reject) => server.once('error', reject).listen(port, '127.0.0.1', resolve))

  let seen = ''
  const look = setInterval(() => {
    if (!listeners.size) return
    const histories = [...organization.executions.values()].map(({ status, history }) => `${status}${history.length}`)
    const now = [world.calls.length, world.accounts.size, world.createRequests.size, histories].join()
    if (now === seen) return
    seen = now
    for (const listener of listeners) listener.write('data: changed\n\n')
  }, lookMilliseconds)

  return {
    url: `http://127.0.0.1:${port}`,
    close: async () => {
      clearInterval(look)
      sfn.destroy()
      await new Promise((resolve) => {
        server.close(resolve)
        server.closeAllConnections()
      })
    },
  }
}
