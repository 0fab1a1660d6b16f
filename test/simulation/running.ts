import { AwsError } from '../../local/aws/aws-error.ts'
import { rulesFor } from '../../local/aws/eventbridge.ts'
import type { Execution } from '../../local/aws/step-functions-execution.ts'
import type { startStepFunctions } from '../../local/aws/step-functions.ts'
import { Violation } from './invariants.ts'
import type { Service } from './service.ts'
import { sleep } from './virtual-time.ts'

type StepFunctions = ReturnType<typeof startStepFunctions>
type Options = {
  service: Pick<Service, 'deployed' | 'clock' | 'functionNamed'>
  /** The world's Step Functions, which report each end to `ended`. */
  stepFunctions: () => StepFunctions
  invoke: (name: string, input: unknown) => Promise<unknown>
  uuid: () => string
  trace: (line: string) => void
  count: (what: { kind: string; what: string }) => void
  broken: (invariant: string, what: string) => void
}

const day = 24 * 60 * 60 * 1000

/** A maker of UUIDs, all of which the seed decides. */
export const uuidsOf = (random: () => number) => () => {
  const digits = Array.from({ length: 32 }, () => Math.floor(random() * 16).toString(16)).join('')
  return digits.replace(/^(.{8})(.{4})(.{4})(.{4})/, '$1-$2-$3-$4-')
}

export const outcomeOf = ({ output }: Execution) => (output as { outcome?: string } | undefined)?.outcome

/** What is under way in a simulated world: executions, functions that events invoke, and people's doings. */
export const runningIn = ({ service, stepFunctions, invoke, uuid, trace, count, broken }: Options) => {
  const { deployed, clock } = service
  const underWay = new Set<Promise<unknown>>()
  let crash: Error | undefined
  const track = (work: Promise<unknown>) => {
    underWay.add(work)
    void work
      .catch((error: unknown) => {
        if (error instanceof Violation) broken(error.invariant, error.message)
        else if (!(error instanceof AwsError)) crash ??= error as Error
      })
      .finally(() => underWay.delete(work))
  }
  const deadLetters: { name: string; event: unknown }[] = []
  /** Invokes as Lambda does asynchronously: two retries, then the dead-letter queue. */
  const invokeAsync = async (name: string, event: unknown) => {
    for (const pause of [0, 60, 120]) {
      await sleep(pause * 1000)
      try {
        return await invoke(name, event)
      } catch {
        // Lambda retries, or the dead-letter queue keeps the event.
      }
    }
    count({ kind: 'dead-letter', what: name })
    return deadLetters.push({ name, event })
  }
  const ends = new Map<string, () => void>()
  /** Makes the world wait until this execution has ended. */
  const follow = (executionArn: string) => track(new Promise<void>((resolve) => ends.set(executionArn, resolve)))
  const startExecution = (name: string, input: string) => {
    const execution = stepFunctions().start(name, input)
    if (execution === 'ExecutionAlreadyExists') return undefined
    trace(`execution ${name.slice(0, 8)} starts ${input.slice(0, 200)}`)
    follow(execution.executionArn)
    return execution
  }
  const executions = () => [...stepFunctions().executions.values()]
  const running = () => executions().filter(({ status }) => status === 'RUNNING')

  return {
    track,
    deadLetters,
    invokeAsync,
    follow,
    startExecution,
    executions,
    /** An error of the simulation itself. */
    crash: () => crash,
    ended: ({ executionArn }: Execution) => ends.get(executionArn)?.(),
    /** StartExecution by a function of the API. */
    startFromOutside: ((context, asked) => {
      const answer = stepFunctions().operations.StartExecution(context, asked)
      if (!ends.has(answer.executionArn)) follow(answer.executionArn)
      return answer
    }) satisfies StepFunctions['operations']['StartExecution'],
    deliver: (event: unknown) => {
      for (const { target } of rulesFor(deployed.rules, event)) {
        if (target === 'VendAccount') startExecution(`${uuid()}_${uuid()}`, JSON.stringify(event))
        else track(invokeAsync(service.functionNamed(target), event))
      }
    },
    failed: () => executions().filter(({ status }) => ['FAILED', 'TIMED_OUT', 'ABORTED'].includes(status)),
    /** An operator stops everything that runs, after so many seconds. */
    stop: async (at: number) => {
      await sleep(at * 1000)
      for (const { executionArn } of running()) {
        count({ kind: 'aborted', what: executionArn.slice(-8) })
        stepFunctions().operations.StopExecution(undefined, { executionArn })
      }
    },
    settled: async () => {
      // A timer of Node has at most 24 days.
      const end = clock.now() + 20 * day
      while (underWay.size) {
        await Promise.race([Promise.allSettled(underWay), sleep(end - clock.now())])
        if (clock.now() < end) continue
        const names = running().map(({ name }) => name)
        throw new Violation('6 bounded', `after 20 days still runs: ${names.join(', ')}`)
      }
    },
  }
}
