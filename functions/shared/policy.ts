/**
 * Whether a pattern of an IAM policy matches a text: `*` stands for any characters, `?` for one character.
 *
 * The time grows with the product of both lengths at most, so a pattern with many stars costs no more than another.
 */
export const matchesPattern = (pattern: string, text: string) => {
  let star = -1
  let resumeAt = 0
  let p = 0
  let t = 0
  while (t < text.length) {
    if (pattern[p] === '*') {
      star = p++
      resumeAt = t
    } else if (pattern[p] === '?' || pattern[p] === text[t]) {
      p++
      t++
    } else if (star >= 0) {
      // The last star takes one more character.
      p = star + 1
      t = ++resumeAt
    } else return false
  }
  while (pattern[p] === '*') p++
  return p === pattern.length
}

/** Whether some text matches both patterns. */
export const patternsOverlap = (a: string, b: string) => {
  // The lengths of the beginnings of `b` that can match what a beginning of `a` matches.
  let lengths = new Set([0])
  const withStars = (of: Set<number>) => {
    for (const length of of) if (b[length] === '*') of.add(length + 1)
    return of
  }
  withStars(lengths)
  for (const character of a) {
    const next = new Set<number>()
    for (const length of lengths) {
      if (character === '*') for (let more = length; more <= b.length; more++) next.add(more)
      else if (b[length] === '*') next.add(length)
      else if (length < b.length && (b[length] === character || b[length] === '?' || character === '?'))
        next.add(length + 1)
    }
    lengths = withStars(next)
  }
  return lengths.has(b.length)
}

type OneOrMany = string | string[] | undefined

/** Whether any of the patterns matches a text, such as an ARN. A policy may give a single pattern without a list. */
export const matchesAny = (patterns: OneOrMany, text: string) =>
  [patterns ?? []].flat().some((pattern) => matchesPattern(pattern, text))

/** Whether any of the patterns matches an action. IAM ignores the case of actions. */
export const matchesAction = (patterns: OneOrMany, action: string) =>
  [patterns ?? []].flat().some((pattern) => matchesPattern(pattern.toLowerCase(), action.toLowerCase()))
