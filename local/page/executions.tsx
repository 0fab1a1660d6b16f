import { useState } from 'preact/hooks'
import type { Snapshot } from '../snapshot.ts'
import type { Obstacle } from '../obstacles.ts'
import { type Act, type Message, Said } from './act.tsx'
import { Command } from './command.tsx'
import { Graph } from './graph.tsx'
import { timeOf, wayOf } from './words.ts'

export type Execution = Snapshot['executions'][number]
type Vend = Extract<Execution, { workflow: 'vend' }>
type Round = Extract<Execution, { workflow: 'round' }>

/** The account's name. An account that is not open yet has the name that was asked for. */
const nameOf = (snapshot: Snapshot, execution: Execution) => {
  if (execution.workflow === 'round') return 'Daily round'
  const { accountId, opens } = execution
  return snapshot.accounts.find(({ id }) => id === accountId)?.name ?? accountId ?? opens ?? 'no account'
}

const and = new Intl.ListFormat('en')
const most = 3
const list = (names: string[]) => (names.length > most ? `${names.length} administrators` : and.format(names))

/** The outcome of a vend with the people whom it is about, like "Vended, ada created, Administrator kept". */
const textOfVend = (outcome: string, { made, kept, signingIn }: Vend['people']) =>
  [
    outcome,
    made.length && `${list(made)} created`,
    kept.length && `${list(kept)} kept`,
    signingIn.length && `${list(signingIn)} already signed in`,
  ]
    .filter(Boolean)
    .join(', ')

const counted = (count: number, what: string) => `${count} ${what}${count === 1 ? '' : 's'}`

/** The outcome of a round, like "2 accounts looked at, 1 finding open, 1 new". */
const textOfRound = ({ found }: Round) =>
  found
    ? [
        `${counted(found.toLookAt, 'account')} looked at`,
        `${counted(found.open, 'finding')} open`,
        found.new && `${found.new} new`,
        found.gone && `${found.gone} gone`,
      ]
        .filter(Boolean)
        .join(', ')
    : 'succeeded'

const textOfOutcome = (execution: Execution) => {
  const { status, error } = execution
  if (status === 'RUNNING') return 'running'
  if (status !== 'SUCCEEDED') return error ?? status.toLowerCase()
  if (execution.workflow === 'round') return textOfRound(execution)
  return textOfVend(execution.outcome ?? 'succeeded', execution.people)
}

/** Why people have no new password and no mail. Empty if everybody has. */
const whyNotMade = ({ made, kept, signingIn }: Vend['people']) =>
  [
    !made.length && kept.length + signingIn.length > 0 && 'No user was created.',
    kept.length === 1 &&
      `${kept[0]} was in the account already. Account vending did not create this user, so the user stays unchanged and gets no password and no mail.`,
    kept.length > 1 &&
      `${and.format(kept)} were in the account already. Account vending did not create these users, so they stay unchanged and get no password and no mail.`,
    signingIn.length > 0 && `Users who have signed in already keep their passwords: ${and.format(signingIn)}.`,
  ]
    .filter(Boolean)
    .join(' ')

/** A vend that made nobody has succeeded, but is not what somebody may have expected. */
const classOfOutcome = (execution: Execution) => {
  const { made, kept, signingIn } = execution.workflow === 'vend' ? execution.people : nobody
  return `outcome ${execution.status}${kept.length + signingIn.length > 0 && !made.length ? ' nobody' : ''}`
}
const nobody: Vend['people'] = { made: [], kept: [], signingIn: [] }

/** The list of executions, and the workflow's graph and the timeline of the chosen one. */
export const Executions = ({
  snapshot,
  execution,
  choose,
  act,
  message,
}: {
  snapshot: Snapshot
  execution: Execution | undefined
  choose: (executionArn: string) => void
  act: Act
  message: Message | undefined
}) => (
  <section id="executions" aria-labelledby="executions-title" tabIndex={-1}>
    <h2 id="executions-title">Executions</h2>
    {!snapshot.executions.length && <p>No execution yet.</p>}
    <div class="executions">
      <ul class="list" aria-label="Latest executions">
        {snapshot.creating.map((name) => (
          <li key={name} aria-busy="true">
            Organizations is creating {name}
          </li>
        ))}
        {snapshot.executions.map((listed) => (
          <li key={listed.executionArn}>
            <button
              type="button"
              class="item"
              aria-pressed={listed === execution}
              onClick={() => choose(listed.executionArn)}
            >
              <span>
                {nameOf(snapshot, listed)} <small>{wayOf(listed.workflow === 'vend' ? listed.door : 'schedule')}</small>
              </span>
              <span class={classOfOutcome(listed)}>{textOfOutcome(listed)}</span>
            </button>
          </li>
        ))}
      </ul>
      {execution && (
        <>
          <Graph execution={execution} />
          <div>
            <h3 id="execution-title" tabIndex={-1}>
              {nameOf(snapshot, execution)}: {textOfOutcome(execution)}
              {execution.redriveCount > 0 && ` (redriven ${execution.redriveCount} ×)`}
            </h3>
            {execution.workflow === 'vend' && <p class="why">{whyNotMade(execution.people)}</p>}
            {execution.cause && <p class="wrong">Cause: {execution.cause}</p>}
            {execution.workflow === 'vend' ? (
              <GoOn key={execution.executionArn} snapshot={snapshot} execution={execution} act={act} />
            ) : (
              <GoOnWithRound round={execution} act={act} />
            )}
            <Said at="execution" message={message} />
            <Timeline execution={execution} snapshot={snapshot} />
          </div>
        </>
      )}
    </div>
  </section>
)

const removals: Record<Obstacle, [label: string, done: string]> = {
  policy: ['Lift the policy', 'The policy is lifted.'],
  role: ['Create the access role', 'The account has the access role.'],
  state: ['Make the account active', 'The account is ACTIVE.'],
}

const continues = 'The execution continues at the state where it stopped.'

/** What the failure of a round means, and the command that continues. */
const GoOnWithRound = ({ round: { executionArn, explained }, act }: { round: Round; act: Act }) => {
  if (!explained) return null
  return (
    <div class="go-on">
      <p>{`${explained.what} ${explained.advice}`}</p>
      <Command what="Continue" line={explained.command} />
      {explained.goOn === 'redrive' && (
        <p class="buttons">
          <button type="button" onClick={() => void act('execution', { do: 'redrive', executionArn }, continues)}>
            Redrive
          </button>
        </p>
      )}
    </div>
  )
}

/** What a failure means, the command that continues, and the buttons that do the same here. */
const GoOn = ({ snapshot, execution, act }: { snapshot: Snapshot; execution: Vend; act: Act }) => {
  const [input, setInput] = useState<string>()
  const { executionArn, explained } = execution
  if (!explained) return null
  const obstacles = snapshot.accounts.find(({ id }) => id === execution.accountId)?.obstacles ?? []
  const again = input ?? explained.again
  // The button that was pressed may be gone after the action, and the focus with it.
  const press = (...action: Parameters<Act>) =>
    void act(...action).then(() => document.getElementById('execution-title')?.focus())
  return (
    <div class="go-on">
      <p>{`${explained.what} ${explained.advice}`}</p>
      <Command what="Continue" line={explained.command} />
      {explained.needsFile && (
        <label>
          Input for request.json, or for the button Start again
          <textarea rows={3} value={again} onInput={({ currentTarget }) => setInput(currentTarget.value)} />
        </label>
      )}
      <p class="buttons">
        {explained.goOn === 'redrive' &&
          obstacles.map(({ is }) => {
            const [label, done] = removals[is]
            const action = { do: 'remove-obstacle', accountId: execution.accountId ?? '', obstacle: is } as const
            return (
              <button
                key={is}
                type="button"
                onClick={() => press('execution', action, `${done} Now redrive the execution.`)}
              >
                {label}
              </button>
            )
          })}
        {explained.goOn === 'redrive' ? (
          <button
            type="button"
            // Only what helps now has the colour of the main button.
            class={obstacles.length ? 'secondary' : undefined}
            onClick={() =>
              press(
                'execution',
                { do: 'redrive', executionArn },
                obstacles.length
                  ? {
                      kind: 'waiting',
                      text: `The execution continues, but will fail again: ${obstacles.map(({ why }) => why).join(', and ')}.`,
                    }
                  : continues,
              )
            }
          >
            Redrive
          </button>
        ) : (
          <button
            type="button"
            class={explained.goOn === 'correct' && input === undefined ? 'secondary' : undefined}
            onClick={() =>
              press(
                'execution',
                { do: 'enter', input: again, ...(execution.opens !== undefined && { expects: 'opening' }) },
                'A new execution has started.',
              )
            }
          >
            Start again
          </button>
        )}
      </p>
    </div>
  )
}

/** One state from its entry to its end. `waits` is the longest pause before the retry that comes next, in seconds. */
type Visit = {
  /** The state, and its item in a Map. */
  key: string
  name: string
  from: number
  to: number | undefined
  pauses: { at: number; error: string }[]
  waits: number | undefined
  status: 'RUNNING' | 'WAITING' | 'SUCCEEDED' | 'FAILED'
}

/** The visits of all states in order, each with the failures before its retries. */
const visitsOf = ({ history }: Execution): Visit[] => {
  const visits: Visit[] = []
  for (const { at, state, index, userName, what, error, waitsUpTo } of history) {
    const key = `${state} ${index ?? ''}`
    if (what === 'entered') {
      visits.push({
        key,
        name: userName ? `${state} ${userName}` : state,
        from: at,
        to: undefined,
        pauses: [],
        waits: undefined,
        status: 'RUNNING',
      })
      continue
    }
    const visit = visits.findLast((visit) => visit.key === key)
    if (!visit) continue
    visit.waits = waitsUpTo
    if (what === 'failed') visit.pauses.push({ at, error: error ?? '' })
    visit.status =
      what === 'succeeded'
        ? 'SUCCEEDED'
        : what === 'retried'
          ? 'RUNNING'
          : waitsUpTo === undefined
            ? 'FAILED'
            : 'WAITING'
    if (visit.status === 'SUCCEEDED' || visit.status === 'FAILED') visit.to = at
  }
  return visits
}

const seconds = (milliseconds: number) => `${(milliseconds / 1000).toFixed(1)} s`

const TimelineRow = ({ visits, start, end }: { visits: Visit[]; start: number; end: number }) => {
  const share = (milliseconds: number) => `${((milliseconds - start) / Math.max(1, end - start)) * 100}%`
  const pauses = visits.flatMap((visit) => visit.pauses)
  const waits = visits.at(-1)?.waits
  return (
    <li>
      <span class="what">
        {visits[0]?.name} <small>+{seconds((visits[0]?.from ?? start) - start)}</small>
      </span>
      <span class="track" aria-hidden="true">
        {visits.map(({ from, to, status }) => (
          <span
            key={from}
            class={`bar ${status}`}
            style={{
              left: `min(${share(from)}, 100% - 3px)`,
              width: `max(3px, calc(${share(to ?? end)} - ${share(from)}))`,
            }}
          />
        ))}
        {pauses.map(({ at }) => (
          <span key={at} class="tick" style={{ left: share(at) }} />
        ))}
      </span>
      {visits.length > 1 && <small>{visits.length} times. </small>}
      {pauses.length > 0 && (
        <small>
          {pauses.length} × {[...new Set(pauses.map(({ error }) => error))].join(', ')}
          {waits !== undefined && `. Retry within ${waits.toFixed(waits % 1 ? 1 : 0)} s.`}
        </small>
      )}
    </li>
  )
}

const Timeline = ({ execution, snapshot: { now, speed } }: { execution: Execution; snapshot: Snapshot }) => {
  const start = execution.startDate
  // A state that the execution comes back to, because it waits for its turn, has one row.
  const rows = [...Map.groupBy(visitsOf(execution), ({ key }) => key)]
  // On a busy machine, the last state is noted a moment after the execution's end.
  const end = Math.max(execution.stopDate ?? start + 1, ...execution.history.map(({ at }) => at))
  return (
    <>
      <p>
        <small>
          Started {timeOf(start, now)}. Duration: {seconds(end - start)} on the organization’s clock,{' '}
          {seconds((end - start) / speed)} in real time.
        </small>
      </p>
      <ol class="timeline">
        {rows.map(([key, visits]) => (
          <TimelineRow key={key} {...{ visits, start, end }} />
        ))}
      </ol>
    </>
  )
}
