import type { Vending } from '../../functions/shared/vending.ts'

/**
 * The values of a `vending.yml` that are still the example's, a line each. A service deployed with them would send no
 * mail and let nobody in.
 */
export const exampleValues = (vending: Vending) =>
  Object.entries(vending)
    .map(([key, value]) => [key, JSON.stringify(value)] as const)
    .filter(([, text]) => /(?<![\w-])example\.com\b|:111122223333:|^"Example Organization"$/.test(text))
    .map(([key, text]) => `${key}: ${text}`)

/** The keys that still have the example's values. */
export const exampleKeys = (vending: Vending) => exampleValues(vending).map((line) => line.replace(/:.*/s, ''))
