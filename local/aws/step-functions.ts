import { StateMachine, type StateMachineDefinition } from 'aws-local-stepfunctions'
import { randomUUID } from 'node:crypto'
import type { Clock } from '../clock.ts'
import { AwsError } from './world.ts'

export type Execution = {
  name: string
  executionArn: string
  stateMachineArn: string
  input: string
  status: 'RUNNING' | 'SUCCEEDED' | 'FAILED' | 'ABORTED' | 'TIMED_OUT'
  output?: unknown
  error?: string
  /** As AWS gives it: for a function's failure the JSON of errorType, errorMessage and trace. */
  cause?: string
  /** In the order in which they were entered. */
  states: { name: string; status: 'RUNNING' | 'SUCCEEDED' | 'FAILED' | 'ABORTED'; index?: number }[]
  /** Everything that its states did. */
  history: HistoryEvent[]
  startDate: number
  stopDate?: number
  redriveCount: number
  redriveDate?: number
}
export type HistoryEvent = {
  /** Milliseconds since 1970, on the organization's clock. */
  at: number
  state: string
  /** Which of a Map's items, from 0, and the administrator that it is. */
  index?: number
  userName?: string
  what: 'entered' | 'succeeded' | 'failed' | 'retried'
  error?: string
  /** The longest that a failed state waits now before it is tried again, in seconds; it is not there if no try is left. */
  waitsUpTo?: number
}
export type Progress = HistoryEvent & { execution: Execution }

type Definition = { TimeoutSeconds?: number; States: Record<string, State> }
type Retrier = {
  ErrorEquals: string[]
  IntervalSeconds?: number
  MaxAttempts?: number
  BackoffRate?: number
  MaxDelaySeconds?: number
}
type State = { Type: string; Resource?: string; Retry?: Retrier[]; ItemProcessor?: Definition }
type Options = {
  definition: Definition
  stateMachineArn: string
  clock: Clock
  invoke: (functionArn: string, input: unknown) => Promise<unknown>
  onProgress: (progress: Progress) => void
  onEnd: (execution: Execution) => void
}

/** The same definition with pauses in the clock's seconds. Task timeouts are real: functions take their real time. */
const onClock = (definition: Definition, speed: number): Definition => ({
  ...definition,
  States: Object.fromEntries(
    Object.entries(definition.States).map(([name, state]) => [
      name,
      {
        ...state,
        ...(state.ItemProcessor && { ItemProcessor: onClock(state.ItemProcessor, speed) }),
        ...(state.Retry && {
          Retry: state.Retry.map(({ IntervalSeconds = 1, MaxDelaySeconds, ...retry }) => ({
            ...retry,
            IntervalSeconds: IntervalSeconds / speed,
            ...(MaxDelaySeconds && { MaxDelaySeconds: MaxDelaySeconds / speed }),
          })),
        }),
      },
    ]),
  ),
})

const allStates = (definition: Definition): [name: string, state: State][] =>
  Object.entries(definition.States).flatMap(([name, state]): [string, State][] => [
    [name, state],
    ...(state.ItemProcessor ? allStates(state.ItemProcessor) : []),
  ])

// Step Functions API Reference, StartExecution.
const namePattern = /^[^\s<>{}[\]?*"#%\\^|~`$&,;:/\p{Cc}\p{Cs}\ufffe\uffff]{1,80}$/u

/** A payload has at most 256 KiB (Step Functions Developer Guide, service-quotas). */
const mostBytes = 262_144
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

/** The library has no limit. What a Map's items put out is checked with the Map's own output. */
const withOutputsChecked = (machine: StateMachine) => {
  const inside = machine as unknown as { execute: Execute }
  const { execute } = inside
  inside.execute = function (input, options, end) {
    const { eventLogger } = options
    const exit = eventLogger.dispatchStateExitedEvent.bind(eventLogger)
    // The library calls this before it goes on: what is thrown here ends the execution.
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

// Step Functions Developer Guide, redrive-executions.
const redrivableMilliseconds = 14 * 24 * 60 * 60 * 1000

/** Step Functions with one state machine, run by aws-local-stepfunctions. */
export const startStepFunctions = ({ definition, stateMachineArn, clock, invoke, onProgress, onEnd }: Options) => {
  const executions = new Map<string, Execution>()
  /** What each execution's tasks returned, by state and input: a redrive does not run these again. */
  const returned = new Map<string, Map<string, unknown>>()
  const aborts = new Map<string, () => void>()
  const stopped = new Set<string>()
  const states = new Map(allStates(definition))
  const machine = withOutputsChecked(
    new StateMachine(onClock(definition, clock.speed) as StateMachineDefinition, {
      // Checked when the service is packaged; here the pauses are fractions.
      validationOptions: { noValidate: true },
    }),
  )

  const run = async (execution: Execution) => {
    const { executionArn, redriveCount } = execution
    const results = returned.get(executionArn) ?? new Map<string, unknown>()
    returned.set(executionArn, results)
    let failure: unknown
    const invokeTask = (name: string, functionArn: string) => async (input: unknown) => {
      const task = JSON.stringify([name, input])
      if (results.has(task)) return structuredClone(results.get(task)) as never
      // The library goes on with what waits for its next try when an execution is stopped, at once and without pauses.
      if (execution.status !== 'RUNNING' || execution.redriveCount !== redriveCount || stopped.has(executionArn))
        throw Object.assign(new Error('The execution has ended'), { name: 'ExecutionEnded' })
      try {
        checkSize(input)
        // What a function returns travels as JSON.
        const result = JSON.parse(JSON.stringify(await invoke(functionArn, input)) ?? 'null') as never
        // A task that outlives its execution has returned to nobody.
        if (execution.status === 'RUNNING' && execution.redriveCount === redriveCount) results.set(task, result)
        return result
      } catch (error) {
        failure = error
        throw error
      }
    }
    const { result, eventLogs, abort } = machine.run(JSON.parse(execution.input) as never, {
      context: { Execution: { Id: executionArn, Name: execution.name } },
      overrides: {
        taskResourceLocalHandlers: Object.fromEntries(
          [...states].flatMap(([name, { Resource }]) =>
            Resource ? [[name, invokeTask(name, Resource) as never]] : [],
          ),
        ),
      },
    })
    aborts.set(executionArn, abort)
    const followed = follow(execution, eventLogs)
    try {
      execution.output = await result
      execution.status = 'SUCCEEDED'
    } catch (caught) {
      const error = caught instanceof Error && caught.cause instanceof Error ? caught.cause : (caught as Error)
      if (error.name === 'ExecutionAbortedError') execution.status = 'ABORTED'
      else {
        execution.status = error.name === 'ExecutionTimeoutError' ? 'TIMED_OUT' : 'FAILED'
        execution.error = error.name
        execution.cause =
          failure instanceof Error && failure.name === error.name
            ? JSON.stringify({ errorType: error.name, errorMessage: failure.message, trace: [] })
            : error.message
      }
    }
    execution.stopDate = clock.now()
    await followed
    // What ran beside the state that failed is ended with it.
    for (const state of execution.states)
      if (state.status === 'RUNNING') state.status = execution.status === 'SUCCEEDED' ? 'SUCCEEDED' : 'ABORTED'
    onEnd(execution)
  }

  const follow = async (execution: Execution, events: AsyncIterable<unknown>) => {
    // By state, item and retrier, as Step Functions counts them.
    const attempts = new Map<string, number>()
    for await (const event of events) {
      const { type, state, index, Error: error } = event as LibraryEvent
      if (!state) continue
      const userName = state.input?.admin?.userName
      const where = { state: state.name, ...(index !== undefined && { index }), ...(userName && { userName }) }
      const there = execution.states.findLast((entered) => entered.name === state.name && entered.index === index)
      const tell = (what: HistoryEvent['what'], more: Partial<HistoryEvent> = {}) => {
        const happened = { at: clock.now(), ...where, what, ...(error && { error }), ...more }
        execution.history.push(happened)
        onProgress({ execution, ...happened })
      }
      // A redrive passes by what succeeded before it.
      if (there?.status === 'SUCCEEDED') continue
      if (type.endsWith('StateEntered')) {
        if (there) there.status = 'RUNNING'
        else execution.states.push({ name: state.name, status: 'RUNNING', ...(index !== undefined && { index }) })
        tell('entered')
      } else if (type.endsWith('StateExited') && there) {
        there.status = 'SUCCEEDED'
        tell('succeeded')
      } else if (type.endsWith('StateFailed') && there) {
        there.status = 'FAILED'
        const retrier = states
          .get(state.name)
          ?.Retry?.find(({ ErrorEquals }) => ErrorEquals.some((name) => name === error || name === 'States.ALL'))
        const key = [state.name, index, retrier?.ErrorEquals].join()
        const attempt = attempts.get(key) ?? 0
        attempts.set(key, attempt + 1)
        tell('failed', retrier && attempt < (retrier.MaxAttempts ?? 3) ? { waitsUpTo: pause(retrier, attempt) } : {})
      } else if (type.endsWith('StateRetried') && there) {
        there.status = 'RUNNING'
        tell('retried')
      }
    }
  }

  /** Starts an execution. The same name and input give the one that runs already. */
  const start = (name: string, input: string): Execution | 'ExecutionAlreadyExists' => {
    const executionArn = `${stateMachineArn.replace(':stateMachine:', ':execution:')}:${name}`
    const before = executions.get(executionArn)
    if (before) return before.status === 'RUNNING' && before.input === input ? before : 'ExecutionAlreadyExists'
    const execution: Execution = {
      name,
      executionArn,
      stateMachineArn,
      input,
      status: 'RUNNING',
      states: [],
      history: [],
      startDate: clock.now(),
      redriveCount: 0,
    }
    executions.set(executionArn, execution)
    void run(execution)
    return execution
  }

  const checkArn = (arn: string) => {
    if (!/^arn:[\w-]+:states:[\w-]+:\d{12}:\w+:.+$/.test(arn)) throw new AwsError('InvalidArn', `Invalid Arn: '${arn}'`)
  }

  const executionOf = (executionArn = '') => {
    checkArn(executionArn)
    const execution = executions.get(executionArn)
    if (!execution) throw new AwsError('ExecutionDoesNotExist', `Execution Does Not Exist: '${executionArn}'`)
    return execution
  }

  const isJson = (text: string) => {
    try {
      JSON.parse(text)
      return true
    } catch {
      return false
    }
  }
  /** Step Functions' operations, for the endpoint. */
  const operations = {
    StartExecution: (_: unknown, asked: { stateMachineArn?: string; name?: string; input?: string }) => {
      const { name = randomUUID(), input = '{}' } = asked
      checkArn(asked.stateMachineArn ?? '')
      if (asked.stateMachineArn !== stateMachineArn)
        throw new AwsError('StateMachineDoesNotExist', `State Machine Does Not Exist: '${asked.stateMachineArn}'`)
      if (!namePattern.test(name)) throw new AwsError('InvalidName', `Invalid Name: '${name}'`)
      if (!isJson(input) || Buffer.byteLength(input) > mostBytes)
        throw new AwsError('InvalidExecutionInput', 'The input must be JSON of at most 256 KiB')
      const execution = start(name, input)
      if (execution === 'ExecutionAlreadyExists')
        throw new AwsError('ExecutionAlreadyExists', `Execution Already Exists: '${name}'`)
      return { executionArn: execution.executionArn, startDate: execution.startDate / 1000 }
    },
    DescribeExecution: (_: unknown, { executionArn }: { executionArn?: string }) => {
      const { output, startDate, stopDate, redriveDate, ...rest } = executionOf(executionArn)
      const { states: _states, history: _history, ...shown } = rest
      return {
        ...shown,
        inputDetails: { included: true },
        startDate: startDate / 1000,
        ...(stopDate && { stopDate: stopDate / 1000 }),
        ...(redriveDate && { redriveDate: redriveDate / 1000 }),
        ...(output !== undefined && { output: JSON.stringify(output), outputDetails: { included: true } }),
      }
    },
    /** Goes on at the state that failed, with its input; a Map's items that succeeded stay as they are. */
    RedriveExecution: (_: unknown, { executionArn }: { executionArn?: string }) => {
      const execution = executionOf(executionArn)
      const isTooOld = clock.now() - execution.startDate > redrivableMilliseconds
      if (['RUNNING', 'SUCCEEDED'].includes(execution.status) || isTooOld)
        throw new AwsError(
          'ExecutionNotRedrivable',
          isTooOld
            ? 'Execution is older than 14 days and cannot be redriven'
            : `Execution is ${execution.status} and cannot be redriven`,
        )
      stopped.delete(execution.executionArn)
      execution.status = 'RUNNING'
      execution.redriveCount += 1
      execution.redriveDate = clock.now()
      delete execution.stopDate
      delete execution.error
      delete execution.cause
      void run(execution)
      return { redriveDate: execution.redriveDate / 1000 }
    },
    StopExecution: (
      _: unknown,
      { executionArn, error, cause }: { executionArn?: string; error?: string; cause?: string },
    ) => {
      const execution = executionOf(executionArn)
      if (execution.status === 'RUNNING') {
        if (error) execution.error = error
        if (cause) execution.cause = cause
        stopped.add(execution.executionArn)
        aborts.get(execution.executionArn)?.()
      }
      return { stopDate: clock.now() / 1000 }
    },
  }

  return { executions, start, operations }
}

/** As they come from the library. */
type LibraryEvent = {
  type: string
  state?: { name: string; input: { admin?: { userName?: string } } | null }
  index?: number
  Error?: string
}

/** The pause before try number `attempt` + 2, in seconds; full jitter makes it shorter by chance. */
const pause = ({ IntervalSeconds = 1, BackoffRate = 2, MaxDelaySeconds = Infinity }: Retrier, attempt: number) =>
  Math.min(IntervalSeconds * BackoffRate ** attempt, MaxDelaySeconds)
