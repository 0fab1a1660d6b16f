import { render } from 'preact'
import { useEffect, useState } from 'preact/hooks'
import type { Snapshot } from '../snapshot.ts'
import { Accounts } from './accounts.tsx'
import type { Act } from './act.ts'
import { Doors } from './doors.tsx'
import { Executions } from './executions.tsx'
import { Inbox } from './inbox.tsx'
import { Outside } from './outside.tsx'

/** What the last action led to. `kind` decides the text's colour. */
type Message = { kind: 'well' | 'wrong'; text: string }

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

type Answer = {
  error?: string
  executions?: string[]
  matched?: boolean
  response?: { status: number; body: unknown } | null
}

const messageFor = ({ error, matched, response }: Answer, done: string): Message => {
  if (error) return { kind: 'wrong', text: error }
  if (matched === false) return { kind: 'wrong', text: 'No rule matches this event, so nothing was started.' }
  if (!response) return { kind: 'well', text: done }
  return {
    kind: response.status < 400 ? 'well' : 'wrong',
    text: `HTTP ${response.status}: ${JSON.stringify(response.body)}`,
  }
}

const Page = () => {
  const { snapshot, setSnapshot, isLive } = useSnapshot()
  const [message, setMessage] = useState<Message>()
  const [chosen, choose] = useState<string>()

  const act: Act = async (action, done) => {
    setMessage(undefined)
    try {
      const response = await fetch('/act', {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify(action),
      })
      const answer = (await response.json()) as Answer
      // Show the execution that the action started.
      const started = answer.executions?.[0]
      if (started) choose(started)
      if (action.do === 'new-account') choose(undefined)
      setMessage(messageFor(answer, done))
      setSnapshot(await load())
    } catch {
      setMessage({ kind: 'wrong', text: 'The local organization does not answer. Run npm start again.' })
    }
  }

  if (!snapshot) return <main class="container-fluid" aria-busy="true" />
  const execution = snapshot.executions.find(({ executionArn }) => executionArn === chosen) ?? snapshot.executions[0]
  return (
    <>
      <a class="skip" href="#executions">
        Skip to the executions
      </a>
      <header class="container-fluid">
        <h1>account-vending</h1>
        <p>
          A local AWS organization with the management account <code>{snapshot.managementAccountId}</code>. Time runs{' '}
          {snapshot.speed} times faster here.
        </p>
        {!isLive && (
          <p class="wrong">
            Not connected. Is <code>npm start</code> still running?
          </p>
        )}
      </header>
      <main class="container-fluid">
        <Doors snapshot={snapshot} act={act} />
        <p role="status" class={message?.kind}>
          {message?.text}
        </p>
        <Executions snapshot={snapshot} execution={execution} choose={choose} act={act} />
        <div class="halves">
          <Accounts snapshot={snapshot} />
          <Inbox mails={snapshot.mails} />
        </div>
        <Outside snapshot={snapshot} />
      </main>
    </>
  )
}

render(<Page />, document.body)
