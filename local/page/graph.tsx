import { useEffect, useRef, useState } from 'preact/hooks'
import type { Execution } from './executions.tsx'

type Status = Execution['states'][number]['status'] | 'WAITING'

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

const standings: Record<Status, (name: string) => string> = {
  RUNNING: (name) => `Now: ${name}`,
  WAITING: (name) => `Now: ${name} waits for a retry`,
  FAILED: (name) => `Failed at: ${name}`,
  ABORTED: (name) => `Stopped at: ${name}`,
  SUCCEEDED: (name) => `Ended at: ${name}`,
}

/**
 * The state that an execution is at: the innermost one that runs or failed, otherwise the last one. `at` has the name
 * unless the execution has succeeded.
 */
const presentOf = (execution: Execution) => {
  const { states, status: ofExecution } = execution
  const isOver = ofExecution !== 'RUNNING'
  const name = (
    states.findLast(({ status }) => (isOver ? status === 'FAILED' || status === 'ABORTED' : status !== 'SUCCEEDED')) ??
    states.at(-1)
  )?.name
  if (!name) return undefined
  const ended = ofExecution === 'TIMED_OUT' ? 'FAILED' : ofExecution
  return {
    at: ofExecution === 'SUCCEEDED' ? undefined : name,
    text: standings[isOver ? ended : (stateOf(execution, name).status ?? 'RUNNING')](name),
  }
}

/** The workflow's graph, with the colour of each state's status. */
export const Graph = ({ execution }: { execution: Execution }) => {
  const place = useRef<HTMLDivElement>(null)
  const [picture, setPicture] = useState('')
  useEffect(() => {
    void fetch(`/${execution.workflow}.svg`)
      .then((response) => response.text())
      .then((svg) => setPicture(svg.slice(svg.indexOf('<svg'))))
  }, [execution.workflow])
  useEffect(() => {
    for (const group of place.current?.querySelectorAll<SVGGElement>('g[id^="state-"]') ?? []) {
      const { status, items, tries } = stateOf(execution, group.id.replace('state-', ''))
      group.dataset['status'] = status ?? 'NONE'
      group.querySelector('.badge')?.remove()
      const said = [items > 1 ? `×${items}` : '', tries ? `↻${tries}` : ''].filter(Boolean).join(' ')
      if (!said || group.classList.contains('cluster')) continue
      const { x, y, width } = group.getBBox()
      const badge = document.createElementNS('http://www.w3.org/2000/svg', 'text')
      badge.setAttribute('class', 'badge')
      // Above the right corner, because the next state stands close by, and arrows arrive in the middle.
      badge.setAttribute('x', String(x + width))
      badge.setAttribute('y', String(y - 3))
      badge.textContent = said
      group.append(badge)
    }
  }, [execution, picture])
  const present = presentOf(execution)
  useEffect(() => {
    if (place.current) place.current.scrollLeft = 0
  }, [execution.executionArn, picture])
  useEffect(() => {
    const [frame, shown] = [place.current, place.current?.querySelector(`[id="state-${present?.at}"]`)]
    if (!frame || !shown) return
    const { left, width } = shown.getBoundingClientRect()
    frame.scrollLeft += left + width / 2 - (frame.getBoundingClientRect().left + frame.clientWidth / 2)
  }, [execution.executionArn, present?.at, picture])
  const standing = execution.states
    .map(({ name, status }) => `${name} ${status.toLowerCase()}`)
    .filter((text, i, all) => all.indexOf(text) === i)
  return (
    <div>
      <p class="present">{present?.text}</p>
      <div
        class="graph"
        ref={place}
        // On a phone the picture is scrolled sideways: to the state that runs or failed, otherwise to the start. A
        // person scrolls the picture with the focus.
        tabIndex={0}
        role="img"
        aria-label={`The workflow: ${standing.join(', ')}`}
        // This is safe: the server itself draws the picture from the definition.
        dangerouslySetInnerHTML={{ __html: picture }}
      />
    </div>
  )
}
