import type { Box } from '../../shared/sealed-box.ts'

/** What the service answers: `state` and what belongs to this state. */
export type Answer =
  | { state: 'claimed-now'; publicKey: string; box: Box }
  | { state: 'claimed'; at: string; network: string; browser: string; disowned: boolean }
  | { state: 'wrong-digits'; triesLeft: number }
  | { state: 'locked'; until: string }
  | { state: 'unknown' | 'expired' | 'replaced' | 'not-sealed' | 'not-claimed' | 'disowned' | 'failed' }

const sleep = (seconds: number) => new Promise((resolve) => setTimeout(resolve, seconds * 1000))

/** One request. A lost answer, and what is not an answer of the function, count as failed. */
const post = async (path: string, body: object) => {
  try {
    const response = await fetch(location.pathname.replace(/\/$/, '') + path, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(body),
      signal: AbortSignal.timeout(15_000),
    })
    const { state = 'failed', ...rest } = (await response.json()) as Partial<Answer>
    return { answer: { state, ...rest } as Answer, retryAfter: Number(response.headers.get('retry-after')) }
  } catch {
    return { answer: { state: 'failed' } as Answer, retryAfter: 0 }
  }
}

type Waiting = (reason: 'not-sealed' | 'failed') => void

/**
 * Asks the service until there is an answer. The same request can be sent again without harm, because the nonce in the
 * request stays the same. After 5 failures in a row the answer is `failed`; after 2 minutes in which the password was
 * not sealed the answer is `not-sealed`. Calls `waiting` before each pause.
 */
export const ask = async (path: '/claim' | '/disown', body: object, waiting: Waiting): Promise<Answer> => {
  const end = Date.now() + 120_000
  let failures = 0
  for (;;) {
    const { answer, retryAfter } = await post(path, body)
    failures = answer.state === 'failed' ? failures + 1 : 0
    const pause = failures ? 2 ** (failures - 1) : Math.min(Math.max(retryAfter, 2), 30)
    const isOver = failures ? failures === 5 : answer.state !== 'not-sealed' || Date.now() + pause * 1000 > end
    if (isOver) return answer
    waiting(failures ? 'failed' : 'not-sealed')
    await sleep(pause)
  }
}
