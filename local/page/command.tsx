import { useState } from 'preact/hooks'

/** A command, and a button that copies it. */
export const Command = ({ what, line }: { what: string; line: string }) => {
  const [isCopied, setCopied] = useState(false)
  const copy = async () => {
    await navigator.clipboard.writeText(line)
    setCopied(true)
    setTimeout(() => setCopied(false), 2000)
  }
  return (
    <div class="command">
      <code>{line}</code>
      <button type="button" class="secondary" aria-label={`Copy: ${what}`} onClick={() => void copy()}>
        {isCopied ? 'Copied' : 'Copy'}
      </button>
    </div>
  )
}
