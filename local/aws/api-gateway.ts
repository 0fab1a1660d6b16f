import { Sha256 } from '@aws-crypto/sha256-js'
import { SignatureV4 } from '@smithy/signature-v4'
import { createHash } from 'node:crypto'
import { matchesAny } from '../../functions/shared/policy.ts'
import type { DeployedFunction } from '../deployed.ts'
import { type HttpResponse, serve } from '../http.ts'

export type ApiRequest = { method: string; path: string; headers: Record<string, string>; body: string }
/** A role of the API, its access key, and the routes that its policy allows, as METHOD/path with `*`. */
export type ApiRole = {
  name: 'operator' | 'requester'
  accessKeyId: string
  secretAccessKey: string
  mayInvoke: string[]
}

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

const mayInvoke = ({ mayInvoke }: ApiRole, method: string, path: string) => matchesAny(mayInvoke, `${method}${path}`)

const message = (status: number, text: string): HttpResponse => ({
  status,
  headers: { 'content-type': 'application/json' },
  body: JSON.stringify({ message: text }),
})

type Api = {
  functions: DeployedFunction[]
  roles: ApiRole[]
  region: string
  accountId: string
  invoke: (name: string, event: unknown) => Promise<unknown>
}

/** Answers a request: finds its route, checks the caller, and invokes the function with payload version 2.0. */
const answer = async ({ functions, roles, region, accountId, invoke }: Api, request: ApiRequest) => {
  const [path = '', query = ''] = request.path.split('?')
  const route = functions
    .flatMap(({ name, routes }) => routes.map((route) => ({ name, ...route })))
    .find((route) => route.method === request.method && pathParameters(route.path, path))
  if (!route) return message(404, 'Not Found')
  const role = route.authorizer && (await whoSigned(roles, region, request))
  if (route.authorizer && (!role || !mayInvoke(role, request.method, path))) return message(403, 'Forbidden')
  try {
    const result = (await invoke(route.name, {
      version: '2.0',
      routeKey: `${route.method} ${route.path}`,
      rawPath: path,
      rawQueryString: query,
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
        ...(role && {
          authorizer: { iam: { userArn: `arn:aws:sts::${accountId}:assumed-role/${role.name}/local` } },
        }),
      },
      body: request.body || undefined,
      isBase64Encoded: false,
    })) as { statusCode: number; headers: Record<string, string>; body: string }
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
  const server = await serve(async ({ method, url, headers, body }) => {
    const texts = Object.entries(headers).map(([name, value]) => [name, String(value)])
    return answer(api, { method, path: url, headers: Object.fromEntries(texts) as ApiRequest['headers'], body })
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
