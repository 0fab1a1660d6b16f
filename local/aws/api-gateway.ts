import { Sha256 } from '@aws-crypto/sha256-js'
import { SignatureV4 } from '@smithy/signature-v4'
import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import path from 'node:path'
import { matchesAny } from '../../functions/shared/policy.ts'
import type { Deployed, DeployedFunction } from '../deployed.ts'
import { type HttpResponse, serve } from '../http.ts'

const openApiFile = path.join(import.meta.dirname, '../../docs/openapi.json')

export type ApiRequest = { method: string; path: string; headers: Record<string, string>; body: string }
/** A role of the API with its access key. */
export type ApiRole = Deployed['apiRoles'][number] & { accessKeyId: string; secretAccessKey: string }

const signer = ({ accessKeyId, secretAccessKey }: ApiRole, region: string) =>
  new SignatureV4({
    credentials: { accessKeyId, secretAccessKey },
    region,
    service: 'execute-api',
    sha256: Sha256,
    applyChecksum: false,
  })

/** Signs a request to the API as a client does. Returns the headers to send. */
const sign = async (role: ApiRole, region: string, host: string, request: ApiRequest) => {
  const signed = await signer(role, region).sign(toSmithy({ ...request, headers: { ...request.headers, host } }))
  return signed.headers
}

const toSmithy = ({ method, path, headers, body }: ApiRequest) => {
  const url = new URL(path, 'http://localhost')
  return {
    method,
    protocol: 'https:',
    hostname: headers['host']?.split(':')[0] ?? '',
    path: url.pathname,
    query: Object.fromEntries(url.searchParams),
    headers,
    body,
  }
}

/** Checks a request's SigV4 signature by signing it again. Returns the role that signed, or undefined. */
const whoSigned = async (roles: ApiRole[], region: string, request: ApiRequest) => {
  const authorization = request.headers['authorization'] ?? ''
  const [, accessKeyId, signedHeaders = ''] =
    /^AWS4-HMAC-SHA256 Credential=([^/]+)\/.*SignedHeaders=([^,]+), ?Signature=/.exec(authorization) ?? []
  const role = roles.find((role) => role.accessKeyId === accessKeyId)
  const date = /^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z$/.exec(request.headers['x-amz-date'] ?? '')
  if (!role || !date) return undefined
  const headers = Object.fromEntries(
    signedHeaders.split(';').map((name): [string, string] => [name, request.headers[name] ?? '']),
  )
  // The hash must be that of the body that arrived, whatever the client's header says.
  if ('x-amz-content-sha256' in headers)
    headers['x-amz-content-sha256'] = createHash('sha256').update(request.body).digest('hex')
  const [, year, month, day, hour, minute, second] = date
  const signingDate = new Date(`${year}-${month}-${day}T${hour}:${minute}:${second}Z`)
  const signed = await signer(role, region).sign(toSmithy({ ...request, headers }), { signingDate })
  const signature = (text: string) => /Signature=(\w+)/.exec(text)?.[1]
  return signature(signed.headers['authorization'] ?? '') === signature(authorization) ? role : undefined
}

const pathParameters = (route: string, path: string) => {
  const names = [...route.matchAll(/\{(\w+)\}/g)].map(([, name]) => name ?? '')
  const values = new RegExp(`^${route.replace(/\{\w+\}/g, '([^/]+)')}$`).exec(path)?.slice(1)
  return values && Object.fromEntries(names.map((name, i) => [name, decodeURIComponent(values[i] ?? '')]))
}

/** API Gateway joins the values of a parameter that is there several times. */
const queryParameters = (query: string) => {
  const all = new URLSearchParams(query)
  return Object.fromEntries([...new Set(all.keys())].map((name) => [name, all.getAll(name).join(',')]))
}

const mayInvoke = ({ mayInvoke }: ApiRole, method: string, path: string) => matchesAny(mayInvoke, `${method}${path}`)

const message = (status: number, text: string): HttpResponse => ({
  status,
  headers: { 'content-type': 'application/json' },
  body: JSON.stringify({ message: text }),
})

type Api = {
  /** Milliseconds since 1970. */
  now: () => number
  functions: DeployedFunction[]
  /** The limits of routes that have their own, by the routes' keys. */
  throttle: Record<string, Throttle>
  roles: ApiRole[]
  region: string
  accountId: string
  invoke: (name: string, event: unknown) => Promise<unknown>
}

type Throttle = { ThrottlingBurstLimit: number; ThrottlingRateLimit: number }

/** A token bucket for each route, as API Gateway throttles (API Gateway Developer Guide, http-api-throttling). */
const throttling = (now: () => number, limits: Record<string, Throttle>) => {
  const buckets = new Map<string, { tokens: number; at: number }>()
  return (routeKey: string) => {
    const limit = limits[routeKey]
    if (!limit) return false
    const { tokens, at } = buckets.get(routeKey) ?? { tokens: limit.ThrottlingBurstLimit, at: now() }
    const filled = tokens + ((now() - at) / 1000) * limit.ThrottlingRateLimit
    const left = Math.min(filled, limit.ThrottlingBurstLimit) - 1
    buckets.set(routeKey, { tokens: Math.max(left, 0), at: now() })
    return left < 0
  }
}

/** Lets a function run as often at a time as its reserved concurrency says. Answers undefined if it runs too often. */
const reserving = (functions: DeployedFunction[]) => {
  const running = new Map<string, number>()
  return async <Answer>(name: string, run: () => Promise<Answer>) => {
    const { reservedConcurrency = Infinity } = functions.find((fn) => fn.name === name) ?? {}
    const before = running.get(name) ?? 0
    if (before >= reservedConcurrency) return undefined
    running.set(name, before + 1)
    try {
      return await run()
    } finally {
      running.set(name, (running.get(name) ?? 1) - 1)
    }
  }
}

type LambdaAnswer = { statusCode: number; headers: Record<string, string>; body: string }
type Limits = { isThrottled: (routeKey: string) => boolean; withinReserve: ReturnType<typeof reserving> }

/** Answers a request: finds its route, checks the caller, and invokes the function with payload version 2.0. */
const answer = async (
  { functions, roles, region, accountId, invoke }: Api,
  { isThrottled, withinReserve }: Limits,
  request: ApiRequest,
) => {
  const [path = '', query = ''] = request.path.split('?')
  // Only the local API serves its description.
  if (request.method === 'GET' && path === '/openapi.json')
    return { status: 200, headers: { 'content-type': 'application/json' }, body: readFileSync(openApiFile, 'utf8') }
  const route = functions
    .flatMap(({ name, routes }) => routes.map((route) => ({ name, ...route })))
    .find((route) => route.method === request.method && pathParameters(route.path, path))
  if (!route) return message(404, 'Not Found')
  const role = route.authorizer && (await whoSigned(roles, region, request))
  if (route.authorizer && (!role || !mayInvoke(role, request.method, path))) return message(403, 'Forbidden')
  const routeKey = `${route.method} ${route.path}`
  if (isThrottled(routeKey)) return message(429, 'Too Many Requests')
  try {
    const event = {
      version: '2.0',
      routeKey,
      rawPath: path,
      rawQueryString: query,
      ...(query && { queryStringParameters: queryParameters(query) }),
      headers: request.headers,
      pathParameters: pathParameters(route.path, path),
      requestContext: {
        accountId,
        http: {
          method: request.method,
          path,
          sourceIp: '127.0.0.1',
          userAgent: request.headers['user-agent'] ?? '',
        },
        ...(role && { authorizer: { iam: { userArn: role.sessionArn } } }),
      },
      body: request.body || undefined,
      isBase64Encoded: false,
    }
    const result = (await withinReserve(route.name, () => invoke(route.name, event))) as LambdaAnswer | undefined
    if (!result) return message(503, 'Service Unavailable')
    return { status: result.statusCode, headers: result.headers, body: result.body }
  } catch {
    return message(500, 'Internal Server Error')
  }
}

/**
 * Serves the HTTP API on 127.0.0.1, on any free port if `port` is 0.
 * Returns its URL, `request`, which sends a signed request, and `close`.
 */
export const startApi = async (api: Api, port = 0) => {
  const limits = { isThrottled: throttling(api.now, api.throttle), withinReserve: reserving(api.functions) }
  const server = await serve(async ({ method, url, headers, body }) => {
    const texts = Object.entries(headers).map(([name, value]) => [name, String(value)])
    return answer(api, limits, { method, path: url, headers: Object.fromEntries(texts) as ApiRequest['headers'], body })
  }, port)
  return {
    ...server,
    /** Sends a request over HTTP, signed by one of the API's roles. `sent` replaces the signed body. */
    request: async (request: ApiRequest, roleName: ApiRole['name'] = 'operator', sent = request.body) => {
      const role = api.roles.find(({ name }) => name === roleName)
      const headers = role ? await sign(role, api.region, new URL(server.url).host, request) : {}
      const response = await fetch(`${server.url}${request.path}`, {
        method: request.method,
        headers,
        ...(sent && { body: sent }),
      })
      return { status: response.status, headers: Object.fromEntries(response.headers), body: await response.text() }
    },
  }
}
