import { type Explanation, explanations, unforeseen } from './explanations.ts'
import { parseJson } from './parse.ts'

// What a failure means to a person: the failure notice, the sweep, the command and the page all ask here.

/** The statuses under which Step Functions ends an execution that did not succeed. */
export type FailedStatus = 'FAILED' | 'TIMED_OUT' | 'ABORTED'

/** Whether an execution has ended without success. */
export const hasFailed = (status: string | undefined): status is FailedStatus =>
  status === 'FAILED' || status === 'TIMED_OUT' || status === 'ABORTED'

/** A failed execution, or the failure in an account's record. */
export type Failure = {
  /** Undefined in a record that an older version of this service wrote. */
  status?: string | undefined
  error?: string | undefined
  cause?: string | undefined
}

/** The error name under which a failure is told. Who stops an execution may give the error a name of their own. */
export const errorOf = ({ status, error }: Failure) => {
  if (status === 'TIMED_OUT') return 'States.Timeout'
  return error ?? (status === 'ABORTED' ? 'Aborted' : 'Failed')
}

/** What a failure means, and what to do about it. */
export const explanationOf = ({ status, error }: Failure): Explanation =>
  explanations[status === 'ABORTED' ? 'Aborted' : errorOf({ status, error })] ?? unforeseen

/**
 * The sentence in the cause of a failure: Step Functions gives a Lambda's failure as JSON. Of an error of its own, like
 * States.Runtime, it quotes the whole input, which this leaves out.
 */
export const sentenceOf = (cause = '') => {
  const thrown = parseJson(cause)
  if (typeof thrown === 'object' && thrown && 'errorMessage' in thrown) return String(thrown.errorMessage)
  return cause.replace(/( the input) '[{[].*'/s, '$1')
}

/** Quotes a text for a POSIX shell. */
export const shellQuoted = (text: string) => `'${text.replaceAll("'", `'\\''`)}'`
