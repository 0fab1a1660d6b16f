import { once } from 'node:events'
import { createServer, type IncomingHttpHeaders, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { buffer } from 'node:stream/consumers'

export type HttpRequest = { method: string; url: string; headers: IncomingHttpHeaders; body: string }
export type HttpResponse = { status: number; headers: Record<string, string>; body: string }

export const urlOf = (server: Server) => `http://127.0.0.1:${(server.address() as AddressInfo).port}`

/** Opens a server on 127.0.0.1, on any free port if `port` is 0. Returns its URL. Throws Node's error if it cannot. */
export const listen = async (server: Server, port = 0) => {
  server.listen(port, '127.0.0.1')
  await once(server, 'listening')
  return urlOf(server)
}

/** Closes a server at once, with the connections that are still open. */
export const close = (server: Server) =>
  new Promise<void>((resolve, reject) => {
    server.close((error) => (error ? reject(error) : resolve()))
    server.closeAllConnections()
  })

/**
 * Starts a server on 127.0.0.1, on any free port if `port` is 0. Returns its URL and `close`.
 * `answer` gets each request with its whole body. If `answer` throws, the connection breaks without a response. If it
 * returns undefined, it has begun the response itself, as a stream of events does.
 */
export const serve = async (
  answer: (request: HttpRequest, response: ServerResponse) => Promise<HttpResponse | undefined>,
  port = 0,
) => {
  const server = createServer((incoming, response) => {
    const { method = 'GET', url = '/', headers } = incoming
    void buffer(incoming)
      .then((body) => answer({ method, url, headers, body: body.toString() }, response))
      .then(
        (answered) => answered && response.writeHead(answered.status, answered.headers).end(answered.body),
        () => response.destroy(),
      )
  })
  return { url: await listen(server, port), close: () => close(server) }
}

/** Forwards a request to another server, with the headers that an AWS service reads. Returns the response. */
export const forward = async (
  serverUrl: string,
  { method, url, headers, body }: HttpRequest,
): Promise<HttpResponse> => {
  const passed = Object.entries(headers).filter(
    (header): header is [string, string] =>
      /^(authorization|content-type|user-agent|x-amz.*)$/.test(header[0]) && typeof header[1] === 'string',
  )
  const response = await fetch(serverUrl.replace(/\/$/, '') + url, {
    method,
    headers: passed,
    ...(method !== 'GET' && { body }),
  })
  return {
    status: response.status,
    headers: { 'content-type': response.headers.get('content-type') ?? 'text/plain' },
    body: await response.text(),
  }
}
