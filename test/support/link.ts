import { type Box, linkId } from '../../functions/shared/sealed-box.ts'

/** The secret part of the link in a mail. */
export const scalarIn = (text: string) => {
  const scalar = /\/link#([\w-]{43})(?![\w-])/.exec(text)?.[1]
  if (!scalar) throw new Error('The mail has no link')
  return scalar
}

/** What the page sends to claim a link. */
export const claimOf = async (scalar: string, accountId: string, nonce = 'n'.repeat(22)) => ({
  id: await linkId(scalar),
  digits: accountId.slice(-4),
  nonce,
})

/** What the page gets. */
export type Answer = { state: string; publicKey: string; box: Box; at: string }

/** Sends a request of the page, which nobody signs. */
export const postLink = async (apiUrl: string, path: '/link/claim' | '/link/disown', body: object) => {
  const response = await fetch(apiUrl + path, { method: 'POST', body: JSON.stringify(body) })
  return { status: response.status, headers: response.headers, body: (await response.json()) as Answer }
}
