/**
 * A number that the benchmark holds. `count`: the same in every run, and must not grow. `ratio`: may be a fifth worse than what is in the
 * repository. What is larger is worse. `bound` is the goal.
 */
export type Figure = { value: number; rule: 'count' | 'ratio'; bound?: number }
export type Figures = Record<string, Figure>

const tolerance = 1.2
const shown = (value: number) => String(Number(value.toPrecision(4)))

/** A sentence for each figure that is worse than before, or missing. */
export const worseThan = (before: Figures, now: Figures): string[] =>
  Object.entries(now).flatMap(([name, { value, rule, bound }]) => {
    const was = before[name]
    if (!was) return [`${name} has no figure in test/bench/results.json: run npm run bench and commit it.`]
    if (rule === 'count' && value > was.value) return [`${name} grew from ${was.value} to ${value}.`]
    if (rule === 'count' && bound !== undefined && value > bound)
      return [`${name} is ${value}, above its bound of ${bound}.`]
    if (rule === 'ratio' && value > was.value * tolerance)
      return [`${name} is ${shown(value)}; it was ${shown(was.value)}, and a fifth more is allowed.`]
    return []
  })

/** The value below which this share of the values lies, between neighbours in proportion. */
export const quantile = (values: number[], share: number) => {
  const sorted = [...values].sort((a, b) => a - b)
  const place = share * (sorted.length - 1)
  const below = sorted[Math.floor(place)]
  const above = sorted[Math.ceil(place)]
  if (below === undefined || above === undefined) throw new Error('There is no quantile of nothing')
  return below + (above - below) * (place - Math.floor(place))
}
export const median = (values: number[]) => quantile(values, 0.5)
export const mean = (values: number[]) => values.reduce((sum, value) => sum + value, 0) / values.length

export const round = (value: number, digits = 2) => Number(value.toFixed(digits))

/** How a goal was met, for a table. */
export const mark = ({ value, bound }: Figure) => (bound === undefined ? '' : value <= bound ? '✔' : '✘')
