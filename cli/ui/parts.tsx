import { useState } from 'preact/hooks'

/** A time of day in UTC, like 2026-11-28 09:05. */
export const timeOf = (iso: string) => `${iso.slice(0, 10)} ${iso.slice(11, 16)}`

export const counted = (count: number, what: string) => `${count.toLocaleString('en')} ${what}${count === 1 ? '' : 's'}`

const kinds: Record<string, string> = {
  VENDED: 'well',
  vended: 'well',
  FAILED: 'wrong',
  failed: 'wrong',
  VENDING: 'running',
  OPENING: 'running',
  AWAITING_APPROVAL: 'waiting',
  'awaiting-approval': 'waiting',
}

/** The status of a vend or of a request. What ended without a new administrator is neutral. */
export const Badge = ({ status }: { status: string }) => (
  <span class={`badge ${kinds[status] ?? 'idle'}`}>
    {status.toLowerCase().replaceAll('_', ' ').replaceAll('-', ' ')}
  </span>
)

/** A command, and a button that copies it. */
export const Command = ({ line }: { line: string }) => {
  const [isCopied, setCopied] = useState(false)
  const copy = async () => {
    await navigator.clipboard.writeText(line)
    setCopied(true)
    setTimeout(() => setCopied(false), 2000)
  }
  return (
    <div class="command">
      <code>{line}</code>
      <button type="button" class="secondary" onClick={() => void copy()}>
        {isCopied ? 'Copied' : 'Copy'}
      </button>
    </div>
  )
}

export const Waiting = ({ text }: { text: string }) => (
  <p class="quiet" aria-busy="true" role="status">
    {text}
  </p>
)
export const Wrong = ({ text }: { text: string }) => (
  <p class="notice wrong" role="alert">
    {text}
  </p>
)
