import type { Execution } from '../../local/aws/step-functions-execution.ts'
import { branchesTaken } from './branches.ts'
import { Violation } from './invariants.ts'
import { outcomeOf } from './running.ts'

/** What a world tells when it has ended. */
export type Result = {
  seed: number
  violation?: { invariant: string; what: string }
  faults: Record<string, number>
  /** The names of the rare branches that were taken. */
  branches: string[]
  vends: number
  duplicateMails: number
  simulatedSeconds: number
  trace: string[]
}

/** The result of a world that begins now, with `trace` for its lines and `count` for its faults. */
export const resultOf = (seed: number, now: () => number) => {
  const start = now()
  const result: Result = { seed, faults: {}, branches: [], vends: 0, duplicateMails: 0, simulatedSeconds: 0, trace: [] }
  const trace = (line: string) => {
    result.trace.push(`${((now() - start) / 1000).toFixed(3).padStart(10)} ${line}`)
  }
  const count = ({ kind, what }: { kind: string; what: string }) => {
    result.faults[kind] = (result.faults[kind] ?? 0) + 1
    trace(`  ! ${kind} ${what}`)
  }

  type World = {
    executions: () => Execution[]
    crash: () => Error | undefined
    invariants: { violation: () => Violation | undefined; duplicateMails: () => number }
  }
  /** Runs the world to its end, and puts the first promise that it breaks into the result. */
  const conclude = async (live: () => Promise<unknown>, { executions, crash, invariants }: World) => {
    try {
      await live()
    } catch (error) {
      if (!(error instanceof Violation)) throw error
      result.violation = { invariant: error.invariant, what: error.message }
    }
    const error = crash()
    if (error) throw error
    const caught = invariants.violation()
    if (caught) result.violation = { invariant: caught.invariant, what: caught.message }
    result.vends = executions().filter((one) => outcomeOf(one) === 'Vended').length
    result.duplicateMails = invariants.duplicateMails()
    result.simulatedSeconds = (now() - start) / 1000
    const { duplicateMails } = result
    result.branches = branchesTaken({ trace: result.trace.join('\n'), executions: executions(), duplicateMails })
    return result
  }
  return { start, result, trace, count, conclude }
}
