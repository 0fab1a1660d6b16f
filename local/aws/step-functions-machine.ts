import { StateMachine, type StateMachineDefinition } from 'aws-local-stepfunctions'
import type { Clock } from '../clock.ts'
import { allStates, type Definition, onClock, waitTask } from './step-functions-definition.ts'
import { type Execution, type Progress, recordHistory } from './step-functions-execution.ts'

/** The largest payload: 256 KiB (Step Functions Developer Guide, service-quotas). */
export const mostBytes = 262_144
const checkSize = (payload: unknown) => {
  if (Buffer.byteLength(JSON.stringify(payload)) > mostBytes)
    throw Object.assign(new Error('A state’s input or output is larger than 256 KiB'), {
      name: 'States.DataLimitExceeded',
    })
}

type Execute = (this: StateMachine, input: unknown, options: { eventLogger: EventLogger }, end: () => void) => unknown
type EventLogger = Record<
  'dispatchStateExitedEvent' | 'dispatchStateFailedEvent',
  (name: string, type: string, input: unknown, outputOrError: unknown) => void
>

/** Adds the size limit that the library lacks. The outputs of a Map's items are checked with the output of the Map. */
const withOutputsChecked = (machine: StateMachine) => {
  const inside = machine as unknown as { execute: Execute }
  const { execute } = inside
  inside.execute = function (input, options, end) {
    const { eventLogger } = options
    const exit = eventLogger.dispatchStateExitedEvent.bind(eventLogger)
    // The library calls this before it enters the next state, so an error thrown here ends the execution.
    eventLogger.dispatchStateExitedEvent = (name, type, stateInput, output) => {
      try {
        checkSize(output)
      } catch (error) {
        eventLogger.dispatchStateFailedEvent(name, type, stateInput, error)
        throw error
      }
      exit(name, type, stateInput, output)
    }
    return execute.call(this, input, options, end)
  }
  return machine
}

export type MachineOptions = {
  definition: Definition
  clock: Clock
  invoke: (functionArn: string, input: unknown) => Promise<unknown>
  onProgress: (progress: Progress) => void
  onEnd: (execution: Execution) => void
}

/** One run of an execution: from its start, or from a redrive, to its end. */
type Run = {
  execution: Execution
  redriveCount: number
  results: Map<string, unknown>
  /** How often each task has succeeded in this run. A state in a loop runs several times with the same input. */
  successes: Map<string, number>
  lastFailure?: unknown
}

/** Waits until a time on the organization's clock. */
const waitUntil = ({ now, setTimer }: Clock, time: string) =>
  new Promise<null>((resolve) => setTimer(Math.max(0, Date.parse(time) - now()) / 1000, () => resolve(null)))

/** The name of a call of a task in a run, and what to do with its result. */
const callOf = ({ successes }: Run, stateName: string, input: unknown) => {
  const called = JSON.stringify([stateName, input])
  const count = successes.get(called) ?? 0
  const succeeded = (result: unknown) => {
    successes.set(called, count + 1)
    return result
  }
  return { task: `${called} ${count}`, succeeded }
}

const isOver = ({ execution, redriveCount }: Run) =>
  execution.status !== 'RUNNING' || execution.redriveCount !== redriveCount

/** Sets status, error and cause of an execution from what the library threw. */
const recordFailure = ({ execution, lastFailure }: Run, thrown: unknown) => {
  const error = thrown instanceof Error && thrown.cause instanceof Error ? thrown.cause : (thrown as Error)
  if (error.name === 'ExecutionAbortedError') {
    execution.status = 'ABORTED'
    return
  }
  execution.status = error.name === 'ExecutionTimeoutError' ? 'TIMED_OUT' : 'FAILED'
  execution.error = error.name
  execution.cause =
    lastFailure instanceof Error && lastFailure.name === error.name
      ? JSON.stringify({ errorType: error.name, errorMessage: lastFailure.message, trace: [] })
      : error.message
}

/** Runs a task: waits, or invokes a function and takes its result as JSON, as Step Functions does. */
const perform = async (
  { clock, invoke }: Pick<MachineOptions, 'clock' | 'invoke'>,
  resource: string,
  input: unknown,
): Promise<unknown> =>
  resource === waitTask
    ? waitUntil(clock, String(input))
    : JSON.parse(JSON.stringify(await invoke(resource, input)) ?? 'null')

/** Creates a state machine that the package aws-local-stepfunctions runs. Returns `run` and `stop`. */
export const createMachine = ({ definition, clock, invoke, onProgress, onEnd }: MachineOptions) => {
  /** The results of each execution's tasks, by state, input and count. A redrive does not run these tasks again. */
  const resultsOf = new Map<string, Map<string, unknown>>()
  const aborts = new Map<string, () => void>()
  const stopped = new Set<string>()
  const states = new Map(allStates(definition))
  const machine = withOutputsChecked(
    new StateMachine(onClock(definition, clock.speed) as StateMachineDefinition, {
      // osls validates the definition when it packages the service. The fractions of seconds here are invalid.
      validationOptions: { noValidate: true },
    }),
  )

  const runTask = async (run: Run, stateName: string, functionArn: string, input: unknown) => {
    const { task, succeeded } = callOf(run, stateName, input)
    if (run.results.has(task)) return succeeded(structuredClone(run.results.get(task)))
    // After a stop, the library immediately retries the tasks that were waiting for a retry.
    if (isOver(run) || stopped.has(run.execution.executionArn))
      throw Object.assign(new Error('The execution has ended'), { name: 'ExecutionEnded' })
    try {
      checkSize(input)
      const result = await perform({ clock, invoke }, functionArn, input)
      // If the execution has ended in the meantime, nobody got this result, so a redrive must run the task again.
      if (!isOver(run)) run.results.set(task, result)
      return succeeded(result)
    } catch (error) {
      run.lastFailure = error
      throw error
    }
  }

  const start = (run: Run) => {
    const { executionArn, name, input } = run.execution
    const tasks = [...states].flatMap(([stateName, { Resource = waitTask, Type }]) =>
      Type === 'Task' || Type === 'Wait'
        ? [[stateName, (taskInput: unknown) => runTask(run, stateName, Resource, taskInput)] as const]
        : [],
    )
    return machine.run(JSON.parse(input) as never, {
      context: { Execution: { Id: executionArn, Name: name } },
      overrides: { taskResourceLocalHandlers: Object.fromEntries(tasks) as never },
    })
  }

  return {
    /** Runs an execution from the start, or after a redrive from the state that failed, and calls `onEnd`. */
    run: async (execution: Execution) => {
      const { executionArn, redriveCount } = execution
      const results = resultsOf.get(executionArn) ?? new Map<string, unknown>()
      resultsOf.set(executionArn, results)
      stopped.delete(executionArn)
      const run: Run = { execution, redriveCount, results, successes: new Map() }
      const { result, eventLogs, abort } = start(run)
      aborts.set(executionArn, abort)
      const recorded = recordHistory(execution, eventLogs, { states, now: clock.now, onProgress })
      try {
        execution.output = await result
        execution.status = 'SUCCEEDED'
      } catch (thrown) {
        recordFailure(run, thrown)
      }
      execution.stopDate = clock.now()
      await recorded
      // A failed state ends the states that run beside it.
      for (const state of execution.states)
        if (state.status === 'RUNNING') state.status = execution.status === 'SUCCEEDED' ? 'SUCCEEDED' : 'ABORTED'
      onEnd(execution)
    },
    /** Stops an execution that is running: it ends as ABORTED, and none of its tasks starts any more. */
    stop: ({ executionArn }: Execution) => {
      stopped.add(executionArn)
      aborts.get(executionArn)?.()
    },
  }
}
