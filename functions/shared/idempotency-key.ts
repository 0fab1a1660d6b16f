import { createHash } from 'node:crypto'
import { IdempotencyKeyReusedError, InvalidInputError } from './errors.ts'
import { type Ledger, updateItem } from './ledger.ts'
import { noteOnce } from './notes.ts'

const hash = (text: string) => createHash('sha256').update(text).digest('hex').slice(0, 40)

export const hashOfKey = hash
const noteOf = (key: string) => `idempotency#${hash(key)}`

/** Throws `InvalidInputError` for a key that is not valid. A request need not have a key. */
export const checkIdempotencyKey = (key: string | undefined) => {
  if (key !== undefined && !/^[\x21-\x7e]{1,255}$/.test(key))
    throw new InvalidInputError([
      { field: 'Idempotency-Key', message: 'must be 1 to 255 printable ASCII characters without spaces' },
    ])
}

/**
 * Puts on record that a key belongs to a request. Answers the id that `rememberRequest` put on record for the key.
 * Throws `IdempotencyKeyReusedError` if the key belongs to another request.
 */
export const useIdempotencyKey = async (ledger: Ledger, key: string, request: unknown) => {
  const note: { request: string; requestId?: string } = { request: hash(JSON.stringify(request)) }
  const before = await noteOnce(ledger, noteOf(key), note)
  if (before && before.request !== note.request)
    throw new IdempotencyKeyReusedError(
      'Idempotency-Key: was used before with another account, path or body; use a new key for a new request',
    )
  return before?.requestId
}

/** Puts on record which request to open an account has this key. */
export const rememberRequest = (ledger: Ledger, key: string, requestId: string) =>
  updateItem<{ requestId: string }>(ledger, noteOf(key), {
    set: { requestId },
    condition: () => 'attribute_exists(pk)',
  })
