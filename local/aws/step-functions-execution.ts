import { longestPause, retrierOf, type State } from './step-functions-definition.ts'

/** An execution and its history. Times are milliseconds since 1970, on the organization's clock. */
export type Execution = {
  name: string
  executionArn: string
  stateMachineArn: string
  input: string
  /** The account that a state has found out, if the input does not name it: the input of a later state has it. */
  accountId?: string
  status: 'RUNNING' | 'SUCCEEDED' | 'FAILED' | 'ABORTED' | 'TIMED_OUT'
  output?: unknown
  error?: string
  /** As Step Functions gives it. The cause of a function's failure is JSON with errorType, errorMessage and trace. */
  cause?: string
  /** In the order in which the execution first entered them, each with the status of its last run. */
  states: { name: string; status: 'RUNNING' | 'SUCCEEDED' | 'FAILED' | 'ABORTED'; index?: number }[]
  history: HistoryEvent[]
  startDate: number
  stopDate?: number
  redriveCount: number
  redriveDate?: number
}
type HistoryEvent = {
  at: number
  state: string
  /** Inside a Map: the item's place in the list, from 0, and the user name of the item's administrator. */
  index?: number
  userName?: string
  what: 'entered' | 'succeeded' | 'failed' | 'retried'
  error?: string
  /** The longest pause before a failed state is retried, in seconds. Missing if no retry is left. */
  waitsUpTo?: number
}
export type Progress = HistoryEvent & { execution: Execution }

/** An event of the library's log. */
type LogEvent = {
  type: string
  state?: { name: string; input: { admin?: { userName?: string }; account?: { id?: string } } | null }
  index?: number
  Error?: string
}

/** Follows the library's log of an execution until its end, and keeps `states` and `history` up to date. */
export const recordHistory = async (
  execution: Execution,
  log: AsyncIterable<unknown>,
  {
    states,
    now,
    onProgress,
  }: { states: Map<string, State>; now: () => number; onProgress: (progress: Progress) => void },
) => {
  // Step Functions counts retries for each state, item and retrier.
  const retries = new Map<string, number>()
  const pauseAfter = (stateName: string, index: number | undefined, error: string | undefined) => {
    const retrier = retrierOf(states.get(stateName) ?? { Type: '' }, error)
    const key = [stateName, index, retrier?.ErrorEquals].join()
    const before = retries.get(key) ?? 0
    retries.set(key, before + 1)
    return retrier && longestPause(retrier, before)
  }
  const keyOf = (name: string, index: number | undefined) => [name, index].join()
  // After a redrive the library walks again through the states that succeeded before, as often as they succeeded.
  const walkedAgain = new Map<string, number>()
  for (const { what, state, index } of execution.history)
    if (what === 'succeeded') walkedAgain.set(keyOf(state, index), (walkedAgain.get(keyOf(state, index)) ?? 0) + 1)
  for await (const event of log) {
    const { type, state, index, Error: error } = event as LogEvent
    if (!state) continue
    const again = walkedAgain.get(keyOf(state.name, index)) ?? 0
    if (again) {
      if (type.endsWith('StateExited')) walkedAgain.set(keyOf(state.name, index), again - 1)
      continue
    }
    const userName = state.input?.admin?.userName
    const accountId = state.input?.account?.id
    if (accountId) execution.accountId ??= accountId
    const item = index === undefined ? {} : { index }
    const visited = execution.states.findLast((entered) => entered.name === state.name && entered.index === index)
    const record = (what: HistoryEvent['what'], waitsUpTo?: number) => {
      const happened: HistoryEvent = {
        at: now(),
        state: state.name,
        ...item,
        ...(userName && { userName }),
        what,
        ...(error && { error }),
        ...(waitsUpTo !== undefined && { waitsUpTo }),
      }
      execution.history.push(happened)
      onProgress({ execution, ...happened })
    }
    if (type.endsWith('StateEntered')) {
      if (visited) visited.status = 'RUNNING'
      else execution.states.push({ name: state.name, status: 'RUNNING', ...item })
      record('entered')
    } else if (type.endsWith('StateExited') && visited) {
      visited.status = 'SUCCEEDED'
      record('succeeded')
    } else if (type.endsWith('StateFailed') && visited) {
      visited.status = 'FAILED'
      record('failed', pauseAfter(state.name, index, error))
    } else if (type.endsWith('StateRetried') && visited) {
      visited.status = 'RUNNING'
      record('retried')
    }
  }
}
