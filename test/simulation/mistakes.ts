import type { Mistake } from './mistake.ts'
import { mistakesInLiveness } from './mistakes-live.ts'
import { mistakesInRounds } from './mistakes-round.ts'
import { mistakesInVends } from './mistakes-vend.ts'

/** Mistakes that the simulation must find, each by itself. */
export const mistakes: Mistake[] = [...mistakesInVends, ...mistakesInRounds, ...mistakesInLiveness]
