/** A clock that runs faster than real time. Pauses run on this clock; functions run in real time. */
export type Clock = ReturnType<typeof startClock>

/** Starts a clock that runs `speed` times as fast as real time, from the present time. */
export const startClock = (speed: number) => {
  const start = Date.now()
  let passed = 0
  const now = () => start + (Date.now() - start) * speed + passed
  const timers = new Set<NodeJS.Timeout>()
  return {
    speed,
    /** Milliseconds since 1970. */
    now,
    /** Calls back after a number of seconds on this clock. */
    setTimer: (seconds: number, callback: () => void) => {
      const timer = setTimeout(
        () => {
          timers.delete(timer)
          callback()
        },
        (seconds * 1000) / speed,
      )
      timers.add(timer)
    },
    /** Lets milliseconds pass at once. What waits for a timer goes on waiting. */
    pass: (milliseconds: number) => {
      passed += milliseconds
    },
    stop: () => timers.forEach((timer) => clearTimeout(timer)),
    /** A `Date` for code that is to use this clock. */
    Date: class extends Date {
      constructor(...given: unknown[]) {
        if (given.length) super(...(given as [number]))
        else super(now())
      }
      static override now() {
        return now()
      }
    },
  }
}
