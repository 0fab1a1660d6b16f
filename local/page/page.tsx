import { render } from 'preact'
import { useEffect, useState } from 'preact/hooks'
import type { Snapshot } from '../snapshot.ts'
import { Accounts } from './accounts.tsx'
import { type Act, type Answer, answerOf, type Message, type Response } from './act.tsx'
import { Doors } from './doors.tsx'
import { Executions } from './executions.tsx'
import { Inbox } from './inbox.tsx'
import { Outside } from './outside.tsx'

const load = async () => (await (await fetch('/snapshot')).json()) as Snapshot

/** Keeps a snapshot up to date for as long as the server can be reached. */
const useSnapshot = () => {
  const [snapshot, setSnapshot] = useState<Snapshot>()
  const [isLive, setLive] = useState(true)
  useEffect(() => {
    const refresh = () => void load().then(setSnapshot, () => setLive(false))
    refresh()
    const changes = new EventSource('/changes')
    changes.onmessage = refresh
    changes.onopen = () => {
      setLive(true)
      refresh()
    }
    changes.onerror = () => setLive(false)
    return () => changes.close()
  }, [])
  return { snapshot, setSnapshot, isLive }
}

/** What the server answers to an action. */
type Result = {
  error?: string
  executions?: string[]
  matched?: boolean
  response?: Response | null
}

const answerFor = ({ error, matched, response }: Result, done: Parameters<Act>[2]): Answer => {
  if (error) return { kind: 'wrong', text: error }
  if (matched === false) return { kind: 'wrong', text: 'No rule matches this event, so nothing was started.' }
  if (response && typeof done === 'function') return done(response)
  if (!response) return typeof done === 'object' ? done : { kind: 'well', text: String(done) }
  return answerOf(response)
}

/**
 * The execution to show: the chosen one, otherwise the newest. The event about an account that a request has opened
 * starts an execution, too, which finds that there is nothing to do.
 */
const shownOf = ({ executions }: Snapshot, chosen: string | undefined) =>
  executions.find(({ executionArn }) => executionArn === chosen) ??
  executions.find((execution) => execution.workflow === 'round' || !execution.isEventOfOpening) ??
  executions[0]

const Page = () => {
  const { snapshot, setSnapshot, isLive } = useSnapshot()
  const [message, setMessage] = useState<Message>()
  const [chosen, choose] = useState<string>()

  const act: Act = async (place, action, done) => {
    setMessage({ place, kind: 'waiting', text: 'Please wait …' })
    try {
      const response = await fetch('/act', {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify(action),
      })
      const result = (await response.json()) as Result
      // Show the execution that the action is about.
      const acted = result.executions?.[0]
      if (acted) choose(acted)
      if (action.do === 'new-account') choose(undefined)
      const hasExecution =
        !result.error &&
        place !== 'execution' &&
        (action.do === 'new-account' ? action.breakage !== 'event-not-delivered' : acted !== undefined)
      setMessage({ place, ...answerFor(result, done), hasExecution })
      setSnapshot(await load())
      return result.response ?? undefined
    } catch {
      setMessage({ place, kind: 'wrong', text: 'The local organization does not answer. Run npm start again.' })
      return undefined
    }
  }

  const show = (executionArn: string) => {
    setMessage(undefined)
    choose(executionArn)
  }

  if (!snapshot) return <main class="container-fluid" aria-busy="true" />
  const execution = shownOf(snapshot, chosen)
  return (
    <>
      <a class="skip" href="#executions">
        Skip to the executions
      </a>
      <header class="container-fluid">
        <h1>account-vending</h1>
        <p>
          A local AWS organization with the management account <code>{snapshot.managementAccountId}</code>. Time runs{' '}
          {snapshot.speed} times faster here. On the organization’s clock, today is{' '}
          {new Date(snapshot.now).toISOString().slice(0, 10)}.
        </p>
        {!isLive && (
          <p class="wrong">
            Not connected. Is <code>npm start</code> still running?
          </p>
        )}
      </header>
      <main class="container-fluid">
        <Doors snapshot={snapshot} act={act} message={message} choose={show} />
        <Executions snapshot={snapshot} execution={execution} choose={show} act={act} message={message} />
        <div class="halves">
          <Accounts snapshot={snapshot} />
          <Inbox snapshot={snapshot} act={act} message={message} />
        </div>
        <Outside snapshot={snapshot} />
      </main>
    </>
  )
}

render(<Page />, document.body)
