/** A clock on which a second passes in less than one. Pauses run on it; what takes real time takes its real time. */
export type Clock = ReturnType<typeof startClock>

/** Starts a clock that runs `speed` times as fast as the wall's, from now on. */
export const startClock = (speed: number) => {
  const start = Date.now()
  const now = () => start + (Date.now() - start) * speed
  const timers = new Set<NodeJS.Timeout>()
  return {
    speed,
    /** Milliseconds since 1970. */
    now,
    /** Calls back after so many seconds of this clock. */
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
    stop: () => timers.forEach((timer) => clearTimeout(timer)),
    /** `Date`, for code that shall live on this clock. */
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
