import { randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { createServer, type IncomingHttpHeaders, type Server } from 'node:http'
import { createRequire } from 'node:module'
import type { AddressInfo } from 'node:net'
import { buffer } from 'node:stream/consumers'
import { XMLBuilder } from 'fast-xml-parser'
import { cloudTrail } from './cloudtrail.ts'
import { iam } from './iam.ts'
import { lambda } from './lambda.ts'
import { organizations } from './organizations.ts'
import { secretsManager } from './secrets-manager.ts'
import { ses } from './ses.ts'
import { sts } from './sts.ts'
import { AwsError, type Call, type Caller, type Operations, unsupported, type World } from './world.ts'

export { AwsError } from './world.ts'

type Input = Record<string, unknown>
/** Runs before a call, and may throw in its place; what it answers runs when the call has taken effect, with its error's code. */
export type Intercept = (interception: Interception) => After | void | Promise<After | void>
type After = (error: string | undefined) => void | Promise<void>
export type Interception = { service: string; operation: string; input: Input; caller: Caller; record: Call }
export type Mail = {
  messageId: string
  from: string
  to: string[]
  subject: string
  text?: string
  html?: string
  at: number
  /** The function that sent it. */
  function: string | null
}

/** An operation that a caller of `startEndpoint` brings along. */
export type Handler = (world: World, input: Input, caller: Caller) => unknown

/** By the name under which a service's requests are signed. */
export const builtIn: Record<string, Operations> = {
  iam,
  sts,
  organizations,
  secretsmanager: secretsManager,
  ses,
  cloudtrail: cloudTrail,
  lambda,
}

/** What speaks REST here, and not by a name in the request. */
const restOperations: Record<string, string> = {
  'GET /2016-08-19/account-settings': 'GetAccountSettings',
  'GET /v2/email/account': 'GetAccount',
}
const invocation = /^\/2015-03-31\/functions\/([^/]+)\/invocations$/

type Reply = { status: number; type: string; body: string; headers?: Record<string, string> }

type Answering = {
  upstreams?: Record<string, string>
  handlers?: Record<string, Record<string, Handler>>
  intercept?: Intercept
}

/**
 * Answers one request of AWS's SDKs.
 *
 * A service in `upstreams` is forwarded as it is; operations in `handlers` come before the built-in ones; `intercept`
 * runs before every operation, forwarded or not, and may throw an `AwsError`, or an ECONNRESET to break the connection.
 */
export const answering = (
  world: World,
  { upstreams = {}, handlers = {}, intercept }: Answering,
  { database, post }: { database?: { url: string } | undefined; post?: MailCatcher | undefined } = {},
) => {
  const answer = async (request: Request, record: Call, caller: Caller): Promise<Reply> => {
    const { service, operation, input } = request
    const after = (await intercept?.({ service, operation, input, caller, record })) ?? undefined
    const reply = await perform(request, caller).catch((error: unknown) => {
      if (error instanceof AwsError) return error
      throw error
    })
    const refused = reply instanceof AwsError
    await after?.(refused ? reply.code : reply.status >= 300 ? errorCodeIn(reply.body) : undefined)
    if (refused) throw reply
    return reply
  }

  const perform = async (request: Request, caller: Caller): Promise<Reply> => {
    const { service, operation, input } = request
    const upstream = upstreams[service]
    if (upstream) return forward(upstream, request)
    const run = handlers[service]?.[operation] ?? builtIn[service]?.[operation]
    if (run) return request.protocol.reply(operation, await run(world, input as never, caller))
    if (service === 'ses' && operation === 'SendEmail' && post) return post.send(request, caller)
    if (service === 'dynamodb' && database) return forward(database.url, request)
    throw unsupported(`${service} ${operation}`)
  }

  const handle = async (incoming: Incoming): Promise<Reply> => {
    const request = readRequest(incoming)
    const { service, operation, protocol } = request
    const record: Call = {
      service,
      operation,
      accountId: '',
      function: functionIn(incoming.headers['user-agent']),
      at: world.now(),
    }
    world.calls.push(record)
    try {
      // Another AWS knows its own credentials.
      const caller = upstreams[service]
        ? {
            accountId: accountOf(world, request.accessKeyId),
            accessKeyId: request.accessKeyId,
            function: record.function,
          }
        : callerOf(world, request, record.function)
      record.accountId = caller.accountId
      // Everything but IAM and STS is the management account's own here; any account may ask what organization it is in.
      const isOpen = ['iam', 'sts'].includes(service) || operation === 'DescribeOrganization'
      if (!upstreams[service] && !isOpen && caller.accountId !== world.managementAccountId)
        throw new AwsError(
          protocol.denied,
          `The account ${caller.accountId} is not authorized to perform: ${service}:${operation}`,
          protocol.deniedStatus,
        )
      const reply = await answer(request, record, caller)
      if (reply.status >= 300) record.error = errorCodeIn(reply.body)
      return reply
    } catch (error) {
      if (isReset(error)) throw error
      const known =
        error instanceof AwsError
          ? error
          : // A fault of this double: said as it is, and not tried again.
            new AwsError(
              'LocalOrganizationFailure',
              error instanceof Error ? (error.stack ?? error.message) : String(error),
            )
      record.error = known.code
      return protocol.refuse(known)
    } finally {
      record.end = world.now()
    }
  }
  return handle
}

/** Opens the organization to AWS's SDKs on 127.0.0.1. */
export const startEndpoint = async (world: World, { port = 0, ...options }: Answering & { port?: number } = {}) => {
  const { upstreams = {} } = options
  const database = upstreams['dynamodb'] ? undefined : await startDynalite()
  const post = upstreams['ses'] ? undefined : await startMailCatcher(world)
  const handle = answering(world, options, { database, post })

  const server = createServer((request, response) => {
    const { method = '', url = '', headers } = request
    void buffer(request)
      .then((body) => handle({ method, url, headers, body: body.toString() }))
      .then(
        ({ status, type, body, headers }) =>
          response
            .writeHead(status, {
              ...headers,
              'content-type': type,
              'x-amzn-requestid': randomUUID(),
              // An SDK that sees another time than its own corrects its clock and tries again.
              date: new Date(world.now()).toUTCString(),
            })
            .end(body),
        () => response.destroy(),
      )
  })
  const url = await listen(server, port)
  return {
    url,
    /** The mail catcher's page, if it is ours. */
    inboxUrl: post?.url,
    /** What the mail catcher holds, in order; nothing if another service sends the mails. */
    mails: async () => (post ? post.mails() : []),
    close: async () => {
      await Promise.all([server, database?.server, post?.server].filter((open) => open !== undefined).map(stop))
    },
  }
}

/** An `intercept` that throws such an error breaks the connection, without an answer. */
const isReset = (error: unknown) => error instanceof Error && 'code' in error && error.code === 'ECONNRESET'

const listen = async (server: Server, port: number) => {
  server.listen(port, '127.0.0.1')
  await once(server, 'listening')
  return urlOf(server)
}

const urlOf = (server: Server) => `http://127.0.0.1:${(server.address() as AddressInfo).port}`

const stop = (server: Server) =>
  new Promise<void>((resolve, reject) => {
    server.close((error) => (error ? reject(error) : resolve()))
    server.closeAllConnections()
  })

// Protocols

const xml = new XMLBuilder()

const toXml = (value: unknown): unknown => {
  if (value instanceof Date) return value.toISOString()
  if (value instanceof Map)
    return { entry: [...value].map(([key, member]) => ({ key: toXml(key), value: toXml(member) })) }
  if (Array.isArray(value)) return value.length ? { member: value.map(toXml) } : ''
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(Object.entries(value).map(([key, member]) => [key, toXml(member)]))
}

const query = {
  denied: 'AccessDenied',
  deniedStatus: 403,
  reply: (operation: string, output: unknown): Reply => ({
    status: 200,
    type: 'text/xml',
    body: xml.build({
      [`${operation}Response`]: {
        [`${operation}Result`]: toXml(output ?? ''),
        ResponseMetadata: { RequestId: randomUUID() },
      },
    }),
  }),
  refuse: ({ status, code, message, fields }: AwsError): Reply => ({
    status,
    type: 'text/xml',
    body: xml.build({
      ErrorResponse: {
        Error: { Type: status < 500 ? 'Sender' : 'Receiver', Code: code, Message: message, ...fields },
        RequestId: randomUUID(),
      },
    }),
  }),
}

const json = {
  denied: 'AccessDeniedException',
  deniedStatus: 400,
  reply: (_operation: string, output: unknown): Reply => ({
    status: 200,
    type: 'application/x-amz-json-1.1',
    body: JSON.stringify(output ?? {}, function (this: Input, key, value: unknown) {
      // Date.toJSON ran already: look at what was there before.
      const member = this[key]
      return member instanceof Date ? member.getTime() / 1000 : value
    }),
  }),
  refuse: ({ status, code, message, fields }: AwsError): Reply => ({
    status,
    type: 'application/x-amz-json-1.1',
    body: JSON.stringify({ __type: code, message, ...fields }),
  }),
}

/** Lambda's Invoke: what the function answers is the answer. */
const invoking = {
  ...json,
  reply: (_operation: string, output: unknown): Reply => {
    const { payload, error } = output as { payload?: unknown; error?: string }
    return {
      status: 200,
      type: 'application/json',
      body: JSON.stringify(payload ?? null),
      ...(error && { headers: { 'x-amz-function-error': error } }),
    }
  },
}

type Request = {
  service: string
  operation: string
  input: Input
  protocol: typeof json | typeof query
  accessKeyId: string
} & Incoming

type Incoming = { method: string; url: string; headers: IncomingHttpHeaders; body: string }

const readRequest = (incoming: Incoming): Request => {
  const { method, url, headers, body } = incoming
  const [, accessKeyId = '', service = 'unknown'] =
    /Credential=([^/]+)\/\d+\/[^/]+\/([^/]+)\/aws4_request/.exec(headers.authorization ?? '') ?? []
  const target = headers['x-amz-target']
  const from = { ...incoming, service, accessKeyId }
  const [path = ''] = url.split('?')
  const [, FunctionName] = (method === 'POST' && invocation.exec(path)) || []
  if (FunctionName)
    return {
      ...from,
      operation: 'Invoke',
      input: {
        FunctionName: decodeURIComponent(FunctionName),
        InvocationType: headers['x-amz-invocation-type'],
        Payload: body,
      },
      protocol: invoking,
    }
  // SQS is spoken to at the queue's own path.
  if (path !== '/' && target === undefined)
    return {
      ...from,
      operation: restOperations[`${method} ${path}`] ?? `${method} ${path}`,
      input: {},
      // An error's code is in the body here as well; the SDK finds it there.
      protocol: json,
    }
  if (typeof target === 'string')
    return {
      ...from,
      operation: target.slice(target.lastIndexOf('.') + 1),
      input: JSON.parse(body || '{}') as Input,
      protocol: json,
    }
  const input = readQuery(body)
  const operation = String(input['Action'])
  delete input['Action']
  delete input['Version']
  return { ...from, operation, input, protocol: query }
}

/** Tags.member.1.Key=a becomes { Tags: [{ Key: 'a' }] }. */
const readQuery = (body: string) => {
  const input: Input = {}
  for (const [name, value] of new URLSearchParams(body)) {
    const parts = name.replaceAll('.member.', '.').split('.')
    let node = input
    parts.forEach((part, i) => {
      const key = Array.isArray(node) ? String(Number(part) - 1) : part
      const next = parts[i + 1]
      if (next === undefined) node[key] = value
      else node = (node[key] ??= /^\d+$/.test(next) ? [] : {}) as Input
    })
  }
  return input
}

const accountOf = (world: World, accessKeyId: string) => world.sessions.get(accessKeyId)?.accountId ?? accessKeyId

const callerOf = (world: World, { accessKeyId, protocol }: Request, name: string | null): Caller => {
  const isJson = protocol === json
  const session = world.sessions.get(accessKeyId)
  if (session && session.expiresAt <= world.now())
    throw new AwsError(
      isJson ? 'ExpiredTokenException' : 'ExpiredToken',
      'The security token included in the request is expired',
      protocol.deniedStatus,
    )
  const accountId = accountOf(world, accessKeyId)
  if (!world.accounts.has(accountId))
    throw new AwsError(
      isJson ? 'UnrecognizedClientException' : 'InvalidClientTokenId',
      'The security token included in the request is invalid.',
      protocol.deniedStatus,
    )
  return { accountId, function: name, accessKeyId, ...(session && { session }) }
}

/** AWS_SDK_UA_APP_ID, without what Powertools puts behind it. */
const functionIn = (userAgent = '') =>
  (/(?:^| )app\/(\S+)/.exec(userAgent)?.[1] ?? '').replace(/-?PT-NO-OP-.*$/, '') || null

const errorCodeIn = (body: string) =>
  (/"__type":"(?:[^"]*#)?([^"]+)"/.exec(body) ?? /<Code>([^<]+)<\/Code>/.exec(body))?.[1] ?? 'Unknown'

// Services that are others' work

// Loaded when they are needed, and without the guesses that import makes about CommonJS.
const require = createRequire(import.meta.url)

const forward = async (upstream: string, { method, url, headers, body }: Incoming): Promise<Reply> => {
  const passed = Object.entries(headers).filter(
    (header): header is [string, string] =>
      /^(authorization|content-type|user-agent|x-amz.*)$/.test(header[0]) && typeof header[1] === 'string',
  )
  const response = await fetch(upstream.replace(/\/$/, '') + url, {
    method,
    headers: passed,
    ...(method !== 'GET' && { body }),
  })
  return {
    status: response.status,
    type: response.headers.get('content-type') ?? 'text/plain',
    body: await response.text(),
  }
}

const startDynalite = async () => {
  const dynalite = require('dynalite') as (options: object) => Server
  const server = dynalite({ createTableMs: 0 })
  return { server, url: await listen(server, 0) }
}

/** What aws-ses-v2-local shows at /store. */
type Caught = { messageId: string; from: string; subject: string; body: { text?: string; html?: string } }

type MailCatcher = Awaited<ReturnType<typeof startMailCatcher>>

const startMailCatcher = async (world: World) => {
  const catcher = require('aws-ses-v2-local') as typeof import('aws-ses-v2-local')
  const server = await catcher.default({ host: '127.0.0.1', port: 0 })
  const url = urlOf(server)
  // The catcher's store is one for the whole process, on the real clock, with one recipient a mail.
  const sent = new Map<string, { to: string[]; at: number; function: string | null }>()

  const send = async (request: Request, caller: Caller) => {
    const { input, body } = request
    const sender = String(input['Source'])
    const address = (/<(.*)>/.exec(sender)?.[1] ?? sender).toLowerCase()
    if (![address, address.slice(address.indexOf('@') + 1)].some((identity) => world.sesIdentities.has(identity)))
      throw new AwsError(
        'MessageRejected',
        `Email address is not verified. The following identities failed the check in region ${world.region.toUpperCase()}: ${address}`,
      )
    const { ToAddresses: to = [] } = (input['Destination'] ?? {}) as { ToAddresses?: string[] }
    // SES API Reference, SendEmail: one to 50 recipients, and a single bad address refuses the mail.
    if (to.length > 50) throw new AwsError('MessageRejected', 'Recipient count exceeds 50.')
    if (!to.length || !to.every((recipient) => /^(?:[^<>]*<)?[^\s<>@]+@[^\s<>@]+\.[^\s<>@]+>?$/.test(recipient)))
      throw new AwsError('InvalidParameterValue', 'Missing or illegal address in To.')
    const form = new URLSearchParams(body)
    if (to.length) form.set('Destination.ToAddresses.member.1', to.join(', '))
    const reply = await forward(url, { ...request, body: form.toString() })
    const messageId = /<MessageId>(.*)<\/MessageId>/.exec(reply.body)?.[1]
    if (!messageId)
      throw new AwsError('InvalidParameterValue', `The mail catcher does not take this mail: ${reply.body}`)
    sent.set(messageId, { to, at: world.now(), function: caller.function })
    return reply
  }

  const mails = async (): Promise<Mail[]> => {
    const { emails } = (await (await fetch(`${url}/store`)).json()) as { emails: Caught[] }
    return emails.flatMap(({ messageId, from, subject, body }) => {
      const mail = sent.get(messageId)
      return mail ? [{ messageId, from, subject, ...body, ...mail }] : []
    })
  }
  return { server, url, send, mails }
}
