/**
 * Whether a pattern of an IAM policy matches a text: `*` stands for any characters, `?` for one. Case does not count,
 * as in the actions of IAM policies.
 *
 * Its time grows with the product of both lengths at most, so that a pattern with many stars costs no more than
 * another.
 */
export const matchesPattern = (pattern: string, text: string) => {
  const [wanted, given] = [pattern.toLowerCase(), text.toLowerCase()]
  let star = -1
  let resumeAt = 0
  let p = 0
  let t = 0
  while (t < given.length) {
    if (wanted[p] === '*') {
      star = p++
      resumeAt = t
    } else if (wanted[p] === '?' || wanted[p] === given[t]) {
      p++
      t++
    } else if (star >= 0) {
      // The last star takes one character more.
      p = star + 1
      t = ++resumeAt
    } else return false
  }
  while (wanted[p] === '*') p++
  return p === wanted.length
}

/** Whether any of the patterns of an IAM policy matches a text. A policy may give one pattern without a list. */
export const matchesAny = (patterns: string | string[] | undefined, text: string) =>
  [patterns ?? []].flat().some((pattern) => matchesPattern(pattern, text))
