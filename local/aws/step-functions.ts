import { randomUUID } from 'node:crypto'
import type * as SFN from '@aws-sdk/client-sfn'
import { parseJson } from '../../functions/shared/parse.ts'
import { AwsError } from './aws-error.ts'
import { busEvent } from './eventbridge.ts'
import type { Execution } from './step-functions-execution.ts'
import { createMachine, type MachineOptions, mostBytes } from './step-functions-machine.ts'
import type { World } from './world.ts'

// Step Functions API Reference, StartExecution.
const namePattern = /^[^\s<>{}[\]?*"#%\\^|~`$&,;:/\p{Cc}\p{Cs}\ufffe\uffff]{1,80}$/u

// Step Functions Developer Guide, redrive-executions.
const redrivableMilliseconds = 14 * 24 * 60 * 60 * 1000

type Asked = { executionArn?: string }

const checkArn = (arn: string) => {
  if (!/^arn:[\w-]+:states:[\w-]+:\d{12}:\w+:.+$/.test(arn)) throw new AwsError('InvalidArn', `Invalid Arn: '${arn}'`)
}

const checkMachine = (arn = '', stateMachineArn: string) => {
  checkArn(arn)
  if (arn !== stateMachineArn) throw new AwsError('StateMachineDoesNotExist', `State Machine Does Not Exist: '${arn}'`)
}

const checkStart = (name: string, input: string) => {
  if (!namePattern.test(name)) throw new AwsError('InvalidName', `Invalid Name: '${name}'`)
  if (parseJson(input) === undefined || Buffer.byteLength(input) > mostBytes)
    throw new AwsError('InvalidExecutionInput', 'The input must be JSON of at most 256 KiB')
}

/** Why an execution cannot be redriven, as Step Functions says it; undefined if the execution can be redriven. */
const whyNotRedrivable = ({ status, stopDate = Infinity }: Execution, now: number) => {
  if (status === 'RUNNING' || status === 'SUCCEEDED') return `Execution is ${status} and cannot be redriven`
  return now - stopDate > redrivableMilliseconds ? 'Execution redrivable period exceeded' : undefined
}

const describe = (execution: Execution, now: number) => {
  const { output, startDate, stopDate, redriveDate, ...rest } = execution
  const { states: _states, history: _history, ...shown } = rest
  const redriveStatusReason = whyNotRedrivable(execution, now)
  return {
    ...shown,
    inputDetails: { included: true },
    startDate: startDate / 1000,
    redriveStatus: redriveStatusReason ? 'NOT_REDRIVABLE' : 'REDRIVABLE',
    ...(redriveStatusReason && { redriveStatusReason }),
    ...(stopDate && { stopDate: stopDate / 1000 }),
    ...(redriveDate && { redriveDate: redriveDate / 1000 }),
    ...(output !== undefined && { output: JSON.stringify(output), outputDetails: { included: true } }),
  }
}

/** One page of the executions, the newest first. */
const listExecutions = (
  executions: Execution[],
  { statusFilter, maxResults = 0, nextToken = '0' }: SFN.ListExecutionsInput,
) => {
  const all = executions
    .filter(({ status }) => !statusFilter || status === statusFilter)
    .sort((a, b) => b.startDate - a.startDate)
  const end = Number(nextToken) + (maxResults || 100)
  return {
    executions: all
      .slice(Number(nextToken), end)
      .map(({ executionArn, stateMachineArn, name, status, startDate, stopDate, redriveCount, redriveDate }) => ({
        executionArn,
        stateMachineArn,
        name,
        status,
        startDate: startDate / 1000,
        ...(stopDate && { stopDate: stopDate / 1000 }),
        redriveCount,
        ...(redriveDate && { redriveDate: redriveDate / 1000 }),
      })),
    ...(end < all.length && { nextToken: String(end) }),
  }
}

/** The event that Step Functions sends to EventBridge when an execution has ended. */
export const statusEvent = (world: World, execution: Execution) => {
  const { executionArn, stateMachineArn, name, status, startDate, stopDate, input } = execution
  return busEvent(world, {
    source: 'aws.states',
    detailType: 'Step Functions Execution Status Change',
    resources: [executionArn],
    detail: { executionArn, stateMachineArn, name, status, startDate, stopDate, input },
  })
}

/**
 * Keeps the definition with which each execution started: an update of the state machine changes only later executions.
 * Returns `keep` and the operations that read definitions.
 */
const keepDefinitions = ({ stateMachineArn, definition }: { stateMachineArn: string; definition: object }) => {
  const ofExecutions = new Map<string, string>()
  const answer = (text: string) => ({ stateMachineArn, name: stateMachineArn.split(':').at(-1), definition: text })
  const now = () => JSON.stringify(definition)
  return {
    keep: (executionArn: string) => ofExecutions.set(executionArn, now()),
    operations: {
      DescribeStateMachine: (_: unknown, asked: { stateMachineArn?: string }) => {
        checkMachine(asked.stateMachineArn, stateMachineArn)
        return { ...answer(now()), status: 'ACTIVE' }
      },
      DescribeStateMachineForExecution: (_: unknown, { executionArn = '' }: Asked) => {
        checkArn(executionArn)
        const text = ofExecutions.get(executionArn)
        if (text === undefined)
          throw new AwsError('ExecutionDoesNotExist', `Execution Does Not Exist: '${executionArn}'`)
        return answer(text)
      },
    },
  }
}

/** Starts a state machine of Step Functions. Returns its executions by ARN, `start`, and the operations. */
export const startStepFunctions = ({ stateMachineArn, ...options }: MachineOptions & { stateMachineArn: string }) => {
  const { now } = options.clock
  const executions = new Map<string, Execution>()
  const definitions = keepDefinitions({ stateMachineArn, definition: options.definition })
  const machine = createMachine(options)

  /** Starts an execution. If one with the same name and input is running, returns that one. */
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
      startDate: now(),
      redriveCount: 0,
    }
    definitions.keep(executionArn)
    executions.set(executionArn, execution)
    void machine.run(execution)
    return execution
  }

  const executionOf = (executionArn = '') => {
    checkArn(executionArn)
    const execution = executions.get(executionArn)
    if (!execution) throw new AwsError('ExecutionDoesNotExist', `Execution Does Not Exist: '${executionArn}'`)
    return execution
  }

  /** Step Functions' operations, for the endpoint. */
  const operations = {
    StartExecution: (_: unknown, asked: { stateMachineArn?: string; name?: string; input?: string }) => {
      const { name = randomUUID(), input = '{}' } = asked
      checkMachine(asked.stateMachineArn, stateMachineArn)
      checkStart(name, input)
      const execution = start(name, input)
      if (execution === 'ExecutionAlreadyExists')
        throw new AwsError('ExecutionAlreadyExists', `Execution Already Exists: '${name}'`)
      return { executionArn: execution.executionArn, startDate: execution.startDate / 1000 }
    },
    DescribeExecution: (_: unknown, { executionArn }: Asked) => describe(executionOf(executionArn), now()),
    ...definitions.operations,
    ListExecutions: (_: unknown, asked: SFN.ListExecutionsInput) => {
      checkMachine(asked.stateMachineArn, stateMachineArn)
      return listExecutions([...executions.values()], asked)
    },
    /** Runs the failed state again with the same input. The items of a Map that succeeded are not run again. */
    RedriveExecution: (_: unknown, { executionArn }: Asked) => {
      const execution = executionOf(executionArn)
      const why = whyNotRedrivable(execution, now())
      if (why) throw new AwsError('ExecutionNotRedrivable', why)
      execution.status = 'RUNNING'
      execution.redriveCount += 1
      execution.redriveDate = now()
      delete execution.stopDate
      delete execution.error
      delete execution.cause
      void machine.run(execution)
      return { redriveDate: execution.redriveDate / 1000 }
    },
    StopExecution: (_: unknown, { executionArn, error, cause }: Asked & { error?: string; cause?: string }) => {
      const execution = executionOf(executionArn)
      if (execution.status === 'RUNNING') {
        if (error) execution.error = error
        if (cause) execution.cause = cause
        machine.stop(execution)
      }
      return { stopDate: now() / 1000 }
    },
  }

  return { stateMachineArn, executions, start, operations }
}

type Machine = ReturnType<typeof startStepFunctions>

/** Step Functions' operations with several state machines: each call goes to the machine that its ARN names. */
export const withMachines = (first: Machine, ...others: Machine[]) => {
  const names = (asked: object, { stateMachineArn }: Machine) =>
    Object.values(asked).some(
      (arn) =>
        arn === stateMachineArn ||
        String(arn).startsWith(`${stateMachineArn.replace(':stateMachine:', ':execution:')}:`),
    )
  // An ARN that names no machine gets the errors of the first one.
  const machineOf = (asked: object) => others.find((machine) => names(asked, machine)) ?? first
  return Object.fromEntries(
    Object.keys(first.operations).map((name) => [
      name,
      (world: World, asked: object) =>
        (machineOf(asked).operations as Record<string, (world: World, asked: object) => unknown>)[name]?.(world, asked),
    ]),
  ) as Machine['operations']
}
