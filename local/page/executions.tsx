import { useEffect, useRef, useState } from 'preact/hooks'
import type { Snapshot } from '../snapshot.ts'
import type { Act } from './act.ts'

export type Execution = Snapshot['executions'][number]
type Status = Execution['states'][number]['status'] | 'WAITING'

const nameOf = (snapshot: Snapshot, accountId: string | null) =>
  snapshot.accounts.find(({ id }) => id === accountId)?.name ?? accountId ?? 'no account'

const textOfOutcome = ({ status, outcome, error }: Execution) =>
  status === 'RUNNING' ? 'running' : status === 'SUCCEEDED' ? (outcome ?? 'succeeded') : (error ?? status.toLowerCase())

/** The list of executions, and the workflow's graph and the timeline of the chosen one. */
export const Executions = ({
  snapshot,
  execution,
  choose,
  act,
}: {
  snapshot: Snapshot
  execution: Execution | undefined
  choose: (executionArn: string) => void
  act: Act
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
                {nameOf(snapshot, listed.accountId)} <small>by {listed.door}</small>
              </span>
              <span class={`outcome ${listed.status}`}>{textOfOutcome(listed)}</span>
            </button>
          </li>
        ))}
      </ul>
      {execution && (
        <>
          <Graph execution={execution} />
          <div>
            <h3>
              {nameOf(snapshot, execution.accountId)}: {textOfOutcome(execution)}
              {execution.redriveCount > 0 && ` (redriven ${execution.redriveCount} ×)`}
            </h3>
            {execution.cause && <p class="wrong">{execution.cause}</p>}
            <GoOn snapshot={snapshot} execution={execution} act={act} />
            <Timeline execution={execution} speed={snapshot.speed} />
          </div>
        </>
      )}
    </div>
  </section>
)

const GoOn = ({ snapshot, execution, act }: { snapshot: Snapshot; execution: Execution; act: Act }) => {
  const account = snapshot.accounts.find(({ id }) => id === execution.accountId)
  if (execution.status === 'RUNNING' || execution.status === 'SUCCEEDED') return null
  const { executionArn, explained } = execution
  return (
    <>
      <p>
        {explained?.what} {explained?.advice}
      </p>
      {explained?.goOn === 'redrive' && (
        <p class="buttons">
          {account && account.deniedActions.length > 0 && (
            <button
              type="button"
              class="secondary"
              onClick={() =>
                void act(
                  { do: 'lift-policy', accountId: account.id },
                  'The policy is lifted. Now redrive the execution.',
                )
              }
            >
              Lift the policy
            </button>
          )}
          <button
            type="button"
            onClick={() =>
              void act({ do: 'redrive', executionArn }, 'The execution continues at the state where it stopped.')
            }
          >
            Redrive
          </button>
        </p>
      )}
    </>
  )
}

/** A state's status over all items of a Map, the number of items, and the number of retries. */
const stateOf = ({ states, history }: Execution, name: string) => {
  const entered = states.filter((state) => state.name === name)
  const own = history.filter(({ state }) => state === name)
  const statuses = entered.map(({ status, index }): Status => {
    const last = own.findLast((happened) => happened.index === index)
    return status === 'FAILED' && last?.what === 'failed' && last.waitsUpTo !== undefined ? 'WAITING' : status
  })
  const worst = (['RUNNING', 'WAITING', 'FAILED', 'ABORTED', 'SUCCEEDED'] as const).find((status) =>
    statuses.includes(status),
  )
  return { status: worst, items: entered.length, tries: own.filter(({ what }) => what === 'retried').length }
}

const Graph = ({ execution }: { execution: Execution }) => {
  const place = useRef<HTMLDivElement>(null)
  const [picture, setPicture] = useState('')
  useEffect(() => {
    void fetch('/workflow.svg')
      .then((response) => response.text())
      .then((svg) => setPicture(svg.slice(svg.indexOf('<svg'))))
  }, [])
  useEffect(() => {
    for (const group of place.current?.querySelectorAll<SVGGElement>('g[id^="state-"]') ?? []) {
      const { status, items, tries } = stateOf(execution, group.id.replace('state-', ''))
      group.dataset['status'] = status ?? 'NONE'
      group.querySelector('.badge')?.remove()
      const said = [items > 1 ? `×${items}` : '', tries ? `↻${tries}` : ''].filter(Boolean).join(' ')
      if (!said || group.classList.contains('cluster')) continue
      const { x, y, width, height } = group.getBBox()
      const badge = document.createElementNS('http://www.w3.org/2000/svg', 'text')
      badge.setAttribute('class', 'badge')
      badge.setAttribute('x', String(x + width + 4))
      badge.setAttribute('y', String(y + height / 2 + 3))
      badge.textContent = said
      group.append(badge)
    }
  }, [execution, picture])
  const standing = execution.states
    .map(({ name, status }) => `${name} ${status.toLowerCase()}`)
    .filter((text, i, all) => all.indexOf(text) === i)
  return (
    <div
      class="graph"
      ref={place}
      // On a phone the picture is scrolled sideways, which needs the focus.
      tabIndex={0}
      role="img"
      aria-label={`The workflow: ${standing.join(', ')}`}
      // This is safe: the server itself draws the picture from the definition.
      dangerouslySetInnerHTML={{ __html: picture }}
    />
  )
}

/** One state from its entry to its end. `waits` is the longest pause before the retry that comes next, in seconds. */
type Visit = {
  name: string
  from: number
  to: number | undefined
  pauses: { at: number; error: string }[]
  waits: number | undefined
  status: 'RUNNING' | 'WAITING' | 'SUCCEEDED' | 'FAILED'
}

/** The visits of all states in order, each with the failures before its retries. */
const visitsOf = ({ history }: Execution): Visit[] => {
  const visits: (Visit & { key: string })[] = []
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

const Timeline = ({ execution, speed }: { execution: Execution; speed: number }) => {
  const start = execution.startDate
  const visits = visitsOf(execution)
  const end = execution.stopDate ?? Math.max(start + 1, ...execution.history.map(({ at }) => at))
  const share = (milliseconds: number) => `${((milliseconds - start) / Math.max(1, end - start)) * 100}%`
  return (
    <>
      <p>
        <small>
          Started {new Date(start).toISOString().slice(11, 19)}. Duration: {seconds(end - start)} on the organization’s
          clock, {seconds((end - start) / speed)} in real time.
        </small>
      </p>
      <ol class="timeline">
        {visits.map(({ name, from, to, pauses, waits, status }, i) => (
          <li key={i}>
            <span class="what">
              {name} <small>+{seconds(from - start)}</small>
            </span>
            <span class="track" aria-hidden="true">
              <span
                class={`bar ${status}`}
                style={{ left: share(from), width: `max(3px, calc(${share(to ?? end)} - ${share(from)}))` }}
              />
              {pauses.map(({ at }) => (
                <span key={at} class="tick" style={{ left: share(at) }} />
              ))}
            </span>
            {pauses.length > 0 && (
              <small>
                {pauses.length} × {[...new Set(pauses.map(({ error }) => error))].join(', ')}
                {waits !== undefined && `. Retry within ${waits.toFixed(waits % 1 ? 1 : 0)} s.`}
              </small>
            )}
          </li>
        ))}
      </ol>
    </>
  )
}
