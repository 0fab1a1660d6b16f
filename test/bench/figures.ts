/**
 * A number that the benchmark holds. `count` is the same in every run and on every machine, so it must be as
 * recorded. So must a `slow count`: it takes minutes, and `--exact` leaves it out. `ratio` compares times of one run,
 * and may be a fifth worse than recorded. A larger number is worse. `bound` is the goal.
 */
export type Figure = { value: number; rule: 'count' | 'slow count' | 'ratio'; bound?: number }
export type Figures = Record<string, Figure>

const tolerance = 1.2
const shown = (value: number) => String(Number(value.toPrecision(4)))

const again = 'run npm run bench and commit test/bench/results.json'

/**
 * A sentence for each figure that is not as recorded: a count that differs, a ratio that is worse, a figure without a
 * record.
 */
export const worseThan = (before: Figures, now: Figures): string[] =>
  Object.entries(now).flatMap(([name, { value, rule, bound }]) => {
    const was = before[name]
    if (!was) return [`${name} has no figure in test/bench/results.json: ${again}.`]
    if (rule !== 'ratio' && bound !== undefined && value > bound)
      return [`${name} is ${value}, above its bound of ${bound}.`]
    if (rule !== 'ratio' && value !== was.value)
      return [
        `${name} ${value > was.value ? 'grew' : 'shrank'} from ${was.value} to ${value}. If that is meant, ${again}.`,
      ]
    if (rule === 'ratio' && value > was.value * tolerance)
      return [`${name} is ${shown(value)}; it was ${shown(was.value)}, and a fifth more is allowed.`]
    return []
  })

/** A sentence for each recorded figure that is no longer measured. */
export const goneFrom = (before: Figures, now: Figures): string[] =>
  Object.keys(before)
    .filter((name) => !now[name])
    .map((name) => `${name} is in test/bench/results.json, and is no longer measured: ${again}.`)

/** The value below which this share of the values lies, interpolated between neighbours. */
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

/** Whether a figure meets its goal, as a mark for a table. */
export const mark = ({ value, bound }: Figure) => (bound === undefined ? '' : value <= bound ? '✔' : '✘')
