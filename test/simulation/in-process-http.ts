import * as crypto from 'node:crypto'
import { EventEmitter } from 'node:events'
import { createRequire } from 'node:module'
import type { answering } from '../../local/aws/endpoint.ts'

type Handle = ReturnType<typeof answering>
type Response = Buffer & { statusCode: number; headers: Record<string, string> }

/** The part of node:http's ClientRequest that the SDK's request handler uses. */
class Request extends EventEmitter {
  readonly #answer: (body: string) => Promise<Response>
  #isDestroyed = false
  constructor(answer: (body: string) => Promise<Response>) {
    super()
    this.#answer = answer
  }
  end(body: Buffer | string = '') {
    void this.#answer(body.toString()).then(
      (response) => {
        if (!this.#isDestroyed) this.emit('response', response)
        this.emit('close')
      },
      // Node reports a broken connection in this way.
      () => this.emit('error', Object.assign(new Error('socket hang up'), { code: 'ECONNRESET' })),
    )
  }
  destroy() {
    this.#isDestroyed = true
  }
  setTimeout() {
    return this
  }
}

/** Nobody here checks a signature, and signing takes a tenth of a world's time. */
const createHmac = () => {
  const hmac = { update: () => hmac, digest: () => Buffer.alloc(32) }
  return hmac
}

/** Takes its digits from the world's random numbers: the same seed gives the same names. */
const randomUUID = () =>
  'xxxxxxxx-xxxx-4xxx-8xxx-xxxxxxxxxxxx'.replace(/x/g, () => Math.floor(Math.random() * 16).toString(16))

const randomBytes = (length: number) => Buffer.from(Array.from({ length }, () => Math.floor(Math.random() * 256)))

/** No file exists: a Lambda has no ~/.aws, and virtual time does not wait for a disk. */
const readFile = (file: string) => Promise.reject(Object.assign(new Error(`no such file: ${file}`), { code: 'ENOENT' }))

class Agent {
  destroy() {
    // There are no sockets to close.
  }
}

/**
 * `require` for a function's bundle. In place of node:http it gives a module whose requests `handle` answers without
 * sockets, so that the SDK runs as it is deployed. There are no files to read.
 */
export const requireInProcess = (handle: Handle, now: () => number) => {
  type Options = { method: string; path: string; headers: Record<string, string> }
  const answer =
    ({ method, path, headers }: Options) =>
    async (body: string) => {
      const reply = await handle({ method, url: path, headers, body })
      // The SDK reads the body from the message itself, and takes bytes as well as a stream.
      return Object.assign(Buffer.from(reply.body), {
        statusCode: reply.status,
        headers: { ...reply.headers, date: new Date(now()).toUTCString() },
      })
    }
  const request = (options: Options, onResponse: (response: Response) => void) => {
    // Node hands a server its headers in lower case.
    const headers = Object.fromEntries(
      Object.entries(options.headers).map(([name, value]) => [name.toLowerCase(), value]),
    )
    return new Request(answer({ ...options, headers })).once('response', onResponse)
  }
  const require = createRequire(import.meta.url)
  return (module: string): unknown => {
    if (module === 'node:http') return { request, Agent }
    if (module === 'node:fs/promises') return { readFile }
    if (/^(node:)?crypto$/.test(module)) return { ...crypto, createHmac, randomUUID, randomBytes }
    return require(module)
  }
}
