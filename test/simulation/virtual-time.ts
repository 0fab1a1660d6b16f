import { install } from '@sinonjs/fake-timers'
import { webCrypto } from './web-crypto.ts'

/** When every world begins. */
export const epoch = Date.parse('2026-11-01T09:20:50Z')

const turn = setImmediate

/**
 * Runs something in virtual time: computing takes no time, and when everything waits, the clock jumps to the next
 * timer. Meanwhile `Date`, timers, `Math.random` and WebCrypto are replaced for the whole thread. `run` must not use
 * sockets or files.
 */
export const inVirtualTime = async <Result>(random: () => number, run: () => Promise<Result>): Promise<Result> => {
  const clock = install({
    now: epoch,
    toFake: ['Date', 'setTimeout', 'clearTimeout', 'setInterval', 'clearInterval'],
    // The SDK clears timers that it never set (-1).
    shouldClearNativeTimers: true,
  })
  const { setTimeout: fake } = globalThis
  // Node rounds less than a millisecond up to one. Without that, a wait for the rest of a millisecond would never end.
  globalThis.setTimeout = ((run: () => void, delay = 0, ...given: []) =>
    fake(run, delay > 0 && delay < 1 ? 1 : delay, ...given)) as typeof fake
  const ownRandom = Math.random
  Math.random = random
  const ownCrypto = Object.getOwnPropertyDescriptor(globalThis, 'crypto') ?? {}
  Object.defineProperty(globalThis, 'crypto', { value: webCrypto, configurable: true })
  try {
    let ended = false
    const result = run().finally(() => (ended = true))
    // The failure reaches the caller below; until then it must not count as unhandled.
    result.catch(() => undefined)
    for (;;) {
      // Lets promises and streams go on until they wait for a timer.
      await new Promise((resolve) => turn(resolve))
      if (ended) return await result
      if (!clock.countTimers()) throw new Error('In virtual time everything waits for something that never comes')
      clock.next()
    }
  } finally {
    Math.random = ownRandom
    Object.defineProperty(globalThis, 'crypto', ownCrypto)
    clock.uninstall()
  }
}

export const sleep = (milliseconds: number) => new Promise<void>((resolve) => setTimeout(resolve, milliseconds))
