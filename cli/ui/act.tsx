import { createContext } from 'preact'
import { useContext, useRef, useState } from 'preact/hooks'
import type { Action } from '../ui-actions.ts'
import type { About } from '../ui.ts'
import { Waiting, Wrong } from './parts.tsx'
import { send } from './route.tsx'

/** What the page knows about the service that it shows. */
export const AboutContext = createContext<About>({ stage: '', operates: false })

type Props = {
  /** What the button says. */
  label: string
  /** What is asked before it is done, like "Redrive Payments?" */
  question: string
  action: Action
  /** After it was done. */
  onDone: () => void
}

/**
 * A button that changes something. It shows what would happen and asks, and says beside itself what was done. There is
 * no button unless the command was started with --operate.
 */
export const Act = ({ label, question, action, onDone }: Props) => {
  const { operates } = useContext(AboutContext)
  const dialog = useRef<HTMLDialogElement>(null)
  const [preview, setPreview] = useState<{ text?: string; error?: string }>({})
  const [said, setSaid] = useState<{ done?: string; error?: string; isWaiting?: boolean }>({})
  if (!operates) return null
  const ask = async () => {
    setSaid({})
    setPreview({})
    dialog.current?.showModal()
    setPreview(await send<{ text: string }>('preview', action).catch(({ message }: Error) => ({ error: message })))
  }
  const act = async () => {
    dialog.current?.close()
    setSaid({ isWaiting: true })
    const answer = await send<{ done: string }>('act', action).catch(({ message }: Error) => ({ error: message }))
    setSaid(answer)
    if ('done' in answer) onDone()
  }
  return (
    <div class="act">
      <button type="button" disabled={said.isWaiting} onClick={() => void ask()}>
        {label}
      </button>
      <span role="status">{said.isWaiting ? 'Please wait …' : said.done}</span>
      {said.error && <pre class="wrong">{said.error}</pre>}
      <dialog ref={dialog} aria-label={question}>
        <h2>{question}</h2>
        {preview.error && <Wrong text={preview.error} />}
        {preview.text === undefined ? !preview.error && <Waiting text="Reading …" /> : <pre>{preview.text}</pre>}
        <div class="bar">
          <button type="button" class="primary" disabled={preview.text === undefined} onClick={() => void act()}>
            {label}
          </button>
          <button type="button" onClick={() => dialog.current?.close()}>
            Cancel
          </button>
        </div>
      </dialog>
    </div>
  )
}
