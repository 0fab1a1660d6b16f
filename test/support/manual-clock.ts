/** A clock for `createWorld` that stands still until `advance` moves it. */
export const manualClock = (start = Date.parse('2026-11-01T09:20:50Z')) => {
  let time = start
  let timers: { at: number; run: () => void }[] = []
  return {
    now: () => time,
    setTimer: (seconds: number, run: () => void) => {
      timers.push({ at: time + seconds * 1000, run })
    },
    advance: (seconds: number) => {
      const end = time + seconds * 1000
      for (;;) {
        const next = timers.filter(({ at }) => at <= end).sort((a, b) => a.at - b.at)[0]
        if (!next) break
        timers = timers.filter((timer) => timer !== next)
        time = next.at
        next.run()
      }
      time = end
    },
  }
}
