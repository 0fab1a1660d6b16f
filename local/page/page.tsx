import { render } from 'preact'
import { useEffect, useState } from 'preact/hooks'
import type { Action, Snapshot } from '../serve-page.ts'
import { Accounts } from './accounts.tsx'
import { Doors } from './doors.tsx'
import { Executions } from './executions.tsx'
import { Inbox } from './inbox.tsx'
import { Outside } from './outside.tsx'

export type Act = (action: Action, done: string) => Promise<void>
/** What the last button said: `kind` is how it is coloured. */
type Said = { kind: 'well' | 'wrong'; text: string }

const load = async () => (await (await fetch('/snapshot')).json()) as Snapshot

const Page = () => {
  const [snapshot, setSnapshot] = useState<Snapshot>()
  const [said, setSaid] = useState<Said>()
  const [chosen, choose] = useState<string>()
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

  const act: Act = async (action, done) => {
    setSaid(undefined)
    try {
      const response = await fetch('/act', {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify(action),
      })
      const answer = (await response.json()) as {
        error?: string
        executions?: string[]
        matched?: boolean
        response?: { status: number; body: unknown } | null
      }
      // What was started is what one wants to see next.
      const started = answer.executions?.[0]
      if (started) choose(started)
      if (action.do === 'new-account') choose(undefined)
      if (answer.error) setSaid({ kind: 'wrong', text: answer.error })
      else if (answer.matched === false)
        setSaid({ kind: 'wrong', text: 'No rule takes this event: nothing was started.' })
      else if (answer.response)
        setSaid({
          kind: answer.response.status < 400 ? 'well' : 'wrong',
          text: `HTTP ${answer.response.status}: ${JSON.stringify(answer.response.body)}`,
        })
      else setSaid({ kind: 'well', text: done })
      setSnapshot(await load())
    } catch {
      setSaid({ kind: 'wrong', text: 'The local organization does not answer. Start it again with npm start.' })
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
          A local AWS organization, management account <code>{snapshot.managementAccountId}</code>. Its pauses run on a
          compressed clock: {snapshot.speed} seconds pass in one.
        </p>
        {!isLive && (
          <p class="wrong">
            Not connected: is <code>npm start</code> still running?
          </p>
        )}
      </header>
      <main class="container-fluid">
        <Doors snapshot={snapshot} act={act} />
        <p role="status" class={said?.kind}>
          {said?.text}
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
