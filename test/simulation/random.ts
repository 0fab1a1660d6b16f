/** Random numbers from 0 up to 1, decided by a seed (mulberry32, seeded by FNV-1a). */
export const randomFrom = (seed: string) => {
  let state = 2166136261
  for (const character of seed) state = Math.imul(state ^ character.codePointAt(0)!, 16777619)
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296
  }
}

/** A lognormal distribution, given by its median and its 99th percentile. No draw is below `least` or above `most`. */
export type Distribution = { median: number; p99: number; least?: number; most?: number }

const z99 = 2.3263

export const draw = ({ median, p99, least = 0, most = Infinity }: Distribution, random: () => number) => {
  // Box–Muller; 1 - random() is never 0.
  const normal = Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random())
  return Math.max(least, Math.min(most, median * Math.exp((Math.log(p99 / median) / z99) * normal)))
}

export type Rng = () => number
export const oneOf = <T>(random: Rng, choices: readonly T[]): T => choices[Math.floor(random() * choices.length)]!
/** Some of the choices, at least one, in their order. */
export const someOf = <T>(random: Rng, choices: readonly T[]): T[] => {
  const chosen = choices.filter(() => random() < 0.5)
  return chosen.length ? chosen : [oneOf(random, choices)]
}
