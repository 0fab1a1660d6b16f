/** A workflow in Amazon States Language, as far as the local organization reads it. */
export type Definition = { TimeoutSeconds?: number; States: Record<string, State> }
export type State = {
  Type: string
  Resource?: string
  TimestampPath?: string
  Retry?: Retrier[]
  ItemProcessor?: Definition
}
type Retrier = {
  ErrorEquals: string[]
  IntervalSeconds?: number
  MaxAttempts?: number
  BackoffRate?: number
  MaxDelaySeconds?: number
}

/** All states by name, with those inside a Map. */
export const allStates = (definition: Definition): [name: string, state: State][] =>
  Object.entries(definition.States).flatMap(([name, state]): [string, State][] => [
    [name, state],
    ...(state.ItemProcessor ? allStates(state.ItemProcessor) : []),
  ])

/** The resource of a task that waits in the place of a Wait state, because the library waits on the real clock only. */
export const waitTask = 'wait'

// Without a timeout, the library ends a task after 60 seconds. No execution runs for so long.
const longestWaitSeconds = 20 * 24 * 60 * 60

const waitAsTask = ({ TimestampPath, ...state }: State): State => ({
  ...state,
  ...(TimestampPath && {
    Type: 'Task',
    Resource: waitTask,
    InputPath: TimestampPath,
    ResultPath: null,
    TimeoutSeconds: longestWaitSeconds,
  }),
})

/**
 * Shortens the pauses before retries by the clock's speed, and lets Wait states wait on the clock. Task timeouts stay:
 * functions run in real time.
 */
export const onClock = (definition: Definition, speed: number): Definition => ({
  ...definition,
  States: Object.fromEntries(
    Object.entries(definition.States).map(([name, state]) => [
      name,
      {
        ...waitAsTask(state),
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

export const retrierOf = ({ Retry = [] }: State, error: string | undefined) =>
  Retry.find(({ ErrorEquals }) => ErrorEquals.some((name) => name === error || name === 'States.ALL'))

/**
 * The longest pause in seconds before the next retry, after `retries` earlier ones. Full jitter makes the real pause
 * shorter. Undefined if no retry is left.
 */
export const longestPause = (retrier: Retrier, retries: number) => {
  const { IntervalSeconds = 1, BackoffRate = 2, MaxAttempts = 3, MaxDelaySeconds = Infinity } = retrier
  return retries < MaxAttempts ? Math.min(IntervalSeconds * BackoffRate ** retries, MaxDelaySeconds) : undefined
}
