import { createHash, randomUUID } from 'node:crypto'

// A WebCrypto for virtual time. The real one computes in other threads, so its answers come at a real time and in an
// order of their own. This one answers at once, and hides nothing: a key agreement is an XOR of two public points.

type Bytes = Uint8Array<ArrayBuffer>
type Key = { d?: Bytes; point: Bytes; bytes: Bytes }

const hash = (...parts: (Uint8Array | string)[]): Bytes => {
  const sha = createHash('sha256')
  for (const part of parts) sha.update(part)
  return new Uint8Array(sha.digest())
}
const bytesOf = (source: ArrayBuffer | Uint8Array): Bytes => new Uint8Array(source as ArrayBuffer)
const base64url = (bytes: Uint8Array) => Buffer.from(bytes).toString('base64url')
const none = new Uint8Array()

const getRandomValues = (bytes: Uint8Array) => bytes.fill(0).map(() => Math.floor(Math.random() * 256))

/** The public point of a private key: 04, x and y. */
const pointOf = (d: Bytes): Bytes => new Uint8Array([4, ...hash(d), ...hash('y', d)])
const keyOf = (d: Bytes): Key => ({ d, point: pointOf(d), bytes: none })
const xor = (a: Bytes, b: Bytes): Bytes => a.map((byte, i) => byte ^ (b[i % b.length] ?? 0))

type Parameters = { public: Key; info: Bytes; iv: Bytes; additionalData: Bytes }
type Jwk = { d: string; x: string; y: string }

const tagOf = ({ bytes }: Key, { iv, additionalData }: Parameters, text: Bytes) =>
  hash(bytes, iv, additionalData, text).slice(0, 16)

const subtle = {
  digest: (_: string, bytes: Bytes) => hash(bytes).buffer,
  generateKey: () => {
    const key = keyOf(getRandomValues(new Uint8Array(32)))
    return { privateKey: key, publicKey: { ...key, d: undefined } }
  },
  exportKey: (format: string, { d = none, point }: Key) =>
    format === 'raw'
      ? point.buffer
      : { d: base64url(d), x: base64url(point.slice(1, 33)), y: base64url(point.slice(33)) },
  importKey: (format: string, source: ArrayBuffer | Jwk, algorithm: unknown): Key => {
    if (format === 'jwk') return keyOf(bytesOf(Buffer.from((source as Jwk).d, 'base64url')))
    const bytes = bytesOf(source as ArrayBuffer)
    return algorithm === 'HKDF' ? { point: none, bytes } : { point: bytes, bytes: none }
  },
  deriveBits: ({ public: { point } }: Parameters, own: Key) => hash(xor(point, own.point)).buffer,
  deriveKey: ({ info }: Parameters, { bytes }: Key): Key => ({ point: none, bytes: hash(bytes, info) }),
  encrypt: (parameters: Parameters, key: Key, text: Bytes) =>
    new Uint8Array([...xor(text, key.bytes), ...tagOf(key, parameters, text)]).buffer,
  decrypt: (parameters: Parameters, key: Key, sealed: Bytes) => {
    const text = xor(sealed.slice(0, -16), key.bytes)
    if (base64url(tagOf(key, parameters, text)) === base64url(sealed.slice(-16))) return text.buffer
    throw new DOMException('The operation failed', 'OperationError')
  },
}

/** The WebCrypto of virtual time. Its random numbers come from `Math.random`. */
export const webCrypto = {
  randomUUID,
  getRandomValues,
  subtle: Object.fromEntries(
    Object.entries(subtle).map(([name, operation]) => [
      name,
      // As the real operations, these answer and fail in a promise.
      async (...given: unknown[]) => Promise.resolve((operation as (...given: unknown[]) => unknown)(...given)),
    ]),
  ),
}
