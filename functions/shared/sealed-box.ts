// Seals a text for a link: only who holds the link can open the box. Uses WebCrypto only, so that the same code runs in
// a function and in the browser. P-256, because every WebCrypto has this curve.

/** A text that is sealed for one link. All fields are base64url. */
export type Box = {
  /** The public point of a key that was made for this box only. */
  ephemeral: string
  iv: string
  sealed: string
}

const curve = { name: 'ECDH', namedCurve: 'P-256' }
const utf8 = (text: string) => new TextEncoder().encode(text)

export const toBase64url = (bytes: ArrayBuffer | Uint8Array) =>
  btoa(String.fromCharCode(...new Uint8Array(bytes)))
    .replaceAll('+', '-')
    .replaceAll('/', '_')
    .replaceAll('=', '')

const fromBase64url = (text: string) =>
  Uint8Array.from(atob(text.replaceAll('-', '+').replaceAll('_', '/')), (character) => character.charCodeAt(0))

/** The id under which a link is on record. Nobody can find the link from its id. */
export const linkId = async (scalar: string) => toBase64url(await crypto.subtle.digest('SHA-256', utf8(scalar)))

/**
 * Makes the key of a link. `scalar` is the link's secret part, 43 characters; `id` and `publicKey` may be on record.
 */
export const makeLinkKey = async () => {
  const pair = await crypto.subtle.generateKey(curve, true, ['deriveBits'])
  const { d: scalar = '' } = await crypto.subtle.exportKey('jwk', pair.privateKey)
  const publicKey = toBase64url(await crypto.subtle.exportKey('raw', pair.publicKey))
  return { scalar, id: await linkId(scalar), publicKey }
}

type Key = Awaited<ReturnType<typeof importPoint>>
const importPoint = (point: string) => crypto.subtle.importKey('raw', fromBase64url(point), curve, false, [])

/** The key that both sides derive: HKDF (RFC 5869) over the shared secret, bound to the link and to both points. */
const deriveKey = async (privateKey: Key, publicKey: Key, info: string) => {
  const shared = await crypto.subtle.deriveBits({ name: 'ECDH', public: publicKey }, privateKey, 256)
  const material = await crypto.subtle.importKey('raw', shared, 'HKDF', false, ['deriveKey'])
  const hkdf = { name: 'HKDF', hash: 'SHA-256', salt: new Uint8Array(), info: utf8(info) }
  return crypto.subtle.deriveKey(hkdf, material, { name: 'AES-GCM', length: 256 }, false, ['encrypt', 'decrypt'])
}

const infoOf = (id: string, ephemeral: string, publicKey: string) =>
  `account-vending link ${id} ${ephemeral} ${publicKey}`

/** UTF-8 with spaces up to a multiple of 512 bytes: the length of a box must not tell the length of the password. */
const padded = (text: string) => {
  const bytes = utf8(text)
  const whole = new Uint8Array(Math.ceil(bytes.length / 512) * 512).fill(32)
  whole.set(bytes)
  return whole
}

/** Seals a JSON text for a link. The box can be opened only with the scalar of this link, and only under this id. */
export const sealBox = async ({
  publicKey,
  id,
  text,
}: {
  publicKey: string
  id: string
  text: string
}): Promise<Box> => {
  const pair = await crypto.subtle.generateKey(curve, false, ['deriveBits'])
  const ephemeral = toBase64url(await crypto.subtle.exportKey('raw', pair.publicKey))
  const key = await deriveKey(pair.privateKey, await importPoint(publicKey), infoOf(id, ephemeral, publicKey))
  const iv = crypto.getRandomValues(new Uint8Array(12))
  const sealed = await crypto.subtle.encrypt({ name: 'AES-GCM', iv, additionalData: utf8(id) }, key, padded(text))
  return { ephemeral, iv: toBase64url(iv), sealed: toBase64url(sealed) }
}

/** Opens a box with the scalar of its link. Throws WebCrypto's error if the box is for another link or was changed. */
export const openBox = async ({ scalar, publicKey, box }: { scalar: string; publicKey: string; box: Box }) => {
  const id = await linkId(scalar)
  // WebCrypto imports a private key only together with its public point, which is 04, x and y.
  const point = fromBase64url(publicKey)
  const [x, y] = [toBase64url(point.slice(1, 33)), toBase64url(point.slice(33))]
  const jwk = { kty: 'EC', crv: 'P-256', d: scalar, x, y }
  const privateKey = await crypto.subtle.importKey('jwk', jwk, curve, false, ['deriveBits'])
  const key = await deriveKey(privateKey, await importPoint(box.ephemeral), infoOf(id, box.ephemeral, publicKey))
  const opened = await crypto.subtle.decrypt(
    { name: 'AES-GCM', iv: fromBase64url(box.iv), additionalData: utf8(id) },
    key,
    fromBase64url(box.sealed),
  )
  return new TextDecoder().decode(opened)
}
