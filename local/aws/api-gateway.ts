import { Sha256 } from '@aws-crypto/sha256-js'
import { SignatureV4 } from '@smithy/signature-v4'
import { createHash } from 'node:crypto'
import type { IncomingMessage } from 'node:http'
import type { DeployedFunction } from '../deployed.ts'

export type ApiRequest = { method: string; path: string; headers: Record<string, string>; body: string }
export type ApiResponse = { status: number; headers: Record<string, string>; body: string }
/** The API's two roles, each with access keys of its own and what it may invoke. */
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

/** Signs a request for the API as a client does. Answers the headers to send. */
export const signApiRequest = async (role: ApiRole, region: string, host: string, request: ApiRequest) => {
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

/** Checks a request's SigV4 signature by making it again. Answers the role that signed, or undefined. */
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
  // What came counts, not what the client says of it.
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

const mayInvoke = ({ mayInvoke }: ApiRole, method: string, path: string) =>
  mayInvoke.some((resource) => new RegExp(`^${resource.replaceAll('*', '.*')}$`).test(`${method}${path}`))

type Options = {
  functions: DeployedFunction[]
  roles: ApiRole[]
  region: string
  accountId: string
  invoke: (name: string, event: unknown) => Promise<unknown>
}

/** The HTTP API: IAM authorisation, routes, and the event that a function gets (payload version 2.0). */
export const apiGateway =
  ({ functions, roles, region, accountId, invoke }: Options) =>
  async (request: ApiRequest): Promise<ApiResponse> => {
    const answer = (status: number, message: string) => ({
      status,
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ message }),
    })
    const [path = '', query = ''] = request.path.split('?')
    const route = functions
      .flatMap(({ name, routes }) => routes.map((route) => ({ name, ...route })))
      .find((route) => route.method === request.method && pathParameters(route.path, path))
    if (!route) return answer(404, 'Not Found')
    const role = await whoSigned(roles, region, request)
    if (!role || !mayInvoke(role, request.method, path)) return answer(403, 'Forbidden')
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
          http: { method: request.method, path },
          authorizer: { iam: { userArn: `arn:aws:sts::${accountId}:assumed-role/${role.name}/local` } },
        },
        body: request.body || undefined,
        isBase64Encoded: false,
      })) as { statusCode: number; headers: Record<string, string>; body: string }
      return { status: result.statusCode, headers: result.headers, body: result.body }
    } catch {
      return answer(500, 'Internal Server Error')
    }
  }

/** Reads an incoming request whole. */
export const readRequest = async (incoming: IncomingMessage): Promise<ApiRequest> => {
  const chunks: Buffer[] = []
  for await (const chunk of incoming) chunks.push(chunk as Buffer)
  return {
    method: incoming.method ?? 'GET',
    path: incoming.url ?? '/',
    headers: Object.fromEntries(Object.entries(incoming.headers).map(([name, value]) => [name, String(value)])),
    body: Buffer.concat(chunks).toString(),
  }
}
