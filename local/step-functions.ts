import { StateMachine, type StateMachineDefinition } from 'aws-local-stepfunctions'
import { randomUUID } from 'node:crypto'
import type { Clock } from './clock.ts'
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
  startDate: number
  stopDate?: number
}
export type Progress = {
  execution: Execution
  state: string
  index?: number
  what: 'entered' | 'succeeded' | 'failed' | 'retried'
  error?: string
}

type Definition = { TimeoutSeconds?: number; States: Record<string, State> }
type State = { Type: string; Resource?: string; Retry?: object[]; ItemProcessor?: Definition }
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
          Retry: state.Retry.map((retry) => {
            const { IntervalSeconds = 1, MaxDelaySeconds } = retry as {
              IntervalSeconds?: number
              MaxDelaySeconds?: number
            }
            return {
              ...retry,
              IntervalSeconds: IntervalSeconds / speed,
              ...(MaxDelaySeconds && { MaxDelaySeconds: MaxDelaySeconds / speed }),
            }
          }),
        }),
      },
    ]),
  ),
})

const tasks = (definition: Definition): [name: string, functionArn: string][] =>
  Object.entries(definition.States).flatMap(([name, { Resource, ItemProcessor }]): [string, string][] => [
    ...(Resource ? ([[name, Resource]] as [string, string][]) : []),
    ...(ItemProcessor ? tasks(ItemProcessor) : []),
  ])

/** A payload has at most 256 KiB (Step Functions Developer Guide, service-quotas). */
const mostBytes = 262_144
const checkSize = (input: unknown) => {
  if (Buffer.byteLength(JSON.stringify(input)) > mostBytes)
    throw Object.assign(new Error('A state’s input or output is larger than 256 KiB'), {
      name: 'States.DataLimitExceeded',
    })
}

/** Step Functions with one state machine, run by aws-local-stepfunctions. */
export const startStepFunctions = ({ definition, stateMachineArn, clock, invoke, onProgress, onEnd }: Options) => {
  const executions = new Map<string, Execution>()
  const machine = new StateMachine(onClock(definition, clock.speed) as StateMachineDefinition, {
    // Checked when the service is packaged; here the pauses are fractions.
    validationOptions: { noValidate: true },
  })

  const run = async (execution: Execution) => {
    let failure: unknown
    const invokeTask = (functionArn: string) => async (input: unknown) => {
      try {
        checkSize(input)
        // What a function returns travels as JSON.
        return JSON.parse(JSON.stringify(await invoke(functionArn, input)) ?? 'null') as never
      } catch (error) {
        failure = error
        throw error
      }
    }
    const { result, eventLogs } = machine.run(JSON.parse(execution.input) as never, {
      context: { Execution: { Id: execution.executionArn, Name: execution.name } },
      overrides: {
        taskResourceLocalHandlers: Object.fromEntries(
          tasks(definition).map(([name, functionArn]) => [name, invokeTask(functionArn) as never]),
        ),
      },
    })
    const followed = follow(execution, eventLogs, onProgress)
    try {
      execution.output = await result
      execution.status = 'SUCCEEDED'
    } catch (caught) {
      const error = caught instanceof Error && caught.cause instanceof Error ? caught.cause : (caught as Error)
      execution.status = error.name === 'ExecutionTimeoutError' ? 'TIMED_OUT' : 'FAILED'
      execution.error = error.name
      execution.cause =
        failure instanceof Error && failure.name === error.name
          ? JSON.stringify({ errorType: error.name, errorMessage: failure.message, trace: [] })
          : error.message
    }
    execution.stopDate = clock.now()
    await followed
    // What ran beside the state that failed is ended with it.
    for (const state of execution.states)
      if (state.status === 'RUNNING') state.status = execution.status === 'SUCCEEDED' ? 'SUCCEEDED' : 'ABORTED'
    onEnd(execution)
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
      startDate: clock.now(),
    }
    executions.set(executionArn, execution)
    void run(execution)
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
      if (asked.stateMachineArn !== stateMachineArn)
        throw new AwsError('StateMachineDoesNotExist', `State Machine Does Not Exist: '${asked.stateMachineArn}'`)
      if (!/^[\w-]{1,80}$/.test(name)) throw new AwsError('InvalidName', `Invalid Name: '${name}'`)
      if (!isJson(input) || Buffer.byteLength(input) > mostBytes)
        throw new AwsError('InvalidExecutionInput', 'The input must be JSON of at most 256 KiB')
      const execution = start(name, input)
      if (execution === 'ExecutionAlreadyExists')
        throw new AwsError('ExecutionAlreadyExists', `Execution Already Exists: '${name}'`)
      return { executionArn: execution.executionArn, startDate: execution.startDate / 1000 }
    },
    DescribeExecution: (_: unknown, { executionArn = '' }: { executionArn?: string }) => {
      const execution = executions.get(executionArn)
      if (!execution) throw new AwsError('ExecutionDoesNotExist', `Execution Does Not Exist: '${executionArn}'`)
      const { states: _states, output, startDate, stopDate, ...rest } = execution
      return {
        ...rest,
        startDate: startDate / 1000,
        redriveCount: 0,
        ...(stopDate && { stopDate: stopDate / 1000 }),
        ...(output !== undefined && { output: JSON.stringify(output) }),
      }
    },
  }

  return { executions, start, operations }
}

type Event = { type: string; state?: { name: string }; index?: number; Error?: string }

const follow = async (execution: Execution, events: AsyncIterable<unknown>, onProgress: Options['onProgress']) => {
  for await (const event of events) {
    const { type, state, index, Error: error } = event as Event
    if (!state) continue
    const there = execution.states.findLast((entered) => entered.name === state.name && entered.index === index)
    const tell = (what: Progress['what']) =>
      onProgress({ execution, state: state.name, what, ...(index !== undefined && { index }), ...(error && { error }) })
    if (type.endsWith('StateEntered')) {
      execution.states.push({ name: state.name, status: 'RUNNING', ...(index !== undefined && { index }) })
      tell('entered')
    } else if (type.endsWith('StateExited') && there) {
      there.status = 'SUCCEEDED'
      tell('succeeded')
    } else if (type.endsWith('StateFailed') && there) {
      there.status = 'FAILED'
      tell('failed')
    } else if (type.endsWith('StateRetried') && there) {
      there.status = 'RUNNING'
      tell('retried')
    }
  }
}
