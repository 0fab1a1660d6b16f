import { Sha256 } from '@aws-crypto/sha256-js'
import { SignatureV4 } from '@smithy/signature-v4'
import http from 'node:http'
import https from 'node:https'
import { clients, type Credentials } from './target.ts'

export type Answer = { status: number; headers: http.IncomingHttpHeaders; body: Record<string, unknown> }
type Request = { method: 'GET' | 'POST'; path: string; headers?: Record<string, string>; body?: string }

/** Sends a request to the deployed API. Signs the request if credentials are given. */
export const callApi = async (
  /** `url` is the API's URL. `at` is the address to connect to, if that differs. */
  { url, at = url, region, service = 'execute-api' }: { url: string; at?: string; region: string; service?: string },
  { method, path, headers = {}, body = '' }: Request,
  credentials?: Credentials,
): Promise<Answer> => {
  const { host, hostname } = new URL(url)
  const unsigned = { method, protocol: 'https:', hostname, path, headers: { ...headers, host }, body }
  const signed = credentials
    ? await new SignatureV4({ credentials, region, service, sha256: Sha256 }).sign(unsigned)
    : unsigned
  const send = at.startsWith('https:') ? https.request : http.request
  return new Promise((resolve, reject) => {
    const request = send(new URL(path, at), { method, headers: signed.headers }, (response) => {
      const chunks: Buffer[] = []
      response.on('data', (chunk: Buffer) => chunks.push(chunk))
      response.on('error', reject)
      response.on('end', () => {
        const text = Buffer.concat(chunks).toString()
        resolve({
          status: response.statusCode ?? 0,
          headers: response.headers,
          body: text ? (JSON.parse(text) as Record<string, unknown>) : {},
        })
      })
    })
    request.on('error', reject)
    request.end(body)
  })
}

/** Calls KMS without the SDK: a client as a new dependency is not worth it for two calls. */
export const askKms = async (operation: string, input: object) => {
  const [region, credentials] = await Promise.all([clients.sts.config.region(), clients.sts.config.credentials()])
  const url = process.env['AWS_ENDPOINT_URL'] ?? `https://kms.${region}.amazonaws.com`
  const headers = { 'content-type': 'application/x-amz-json-1.1', 'x-amz-target': `TrentService.${operation}` }
  const request = { method: 'POST' as const, path: '/', headers, body: JSON.stringify(input) }
  const { body } = await callApi({ url, region, service: 'kms' }, request, credentials)
  return body
}
