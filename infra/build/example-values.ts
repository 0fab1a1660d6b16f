import type { Vending } from '../../functions/shared/vending.ts'

/** What of a `vending.yml` is still the example's, a line each: deployed, it would mail nobody and lock everybody out. */
export const exampleValues = (vending: Vending) =>
  Object.entries(vending)
    .map(([key, value]) => [key, JSON.stringify(value)] as const)
    .filter(([, text]) => /(?<![\w-])example\.com\b|:111122223333:|^"Example Organization"$/.test(text))
    .map(([key, text]) => `${key}: ${text}`)
