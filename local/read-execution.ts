/** The value of a JSON text; undefined if the text is not JSON. */
export const parseJson = (text: string | undefined): unknown => {
  try {
    return JSON.parse(text ?? '')
  } catch {
    return undefined
  }
}

/** The sentence in an execution's cause: Step Functions writes a function's error as JSON with an `errorMessage`. */
export const sentenceOf = (cause: string | undefined) => {
  const thrown = parseJson(cause)
  return typeof thrown === 'object' && thrown && 'errorMessage' in thrown ? String(thrown.errorMessage) : cause
}

/** What a succeeded execution reports, like Vended or AlreadyVended; undefined for any other. */
export const outcomeOf = ({ output }: { output?: unknown }) =>
  (output as { outcome?: string } | null | undefined)?.outcome
