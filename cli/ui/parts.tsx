import type { ComponentChildren } from 'preact'

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

type TableProps = { label: string; heads: ComponentChildren; children: ComponentChildren }

/** A table, which scrolls in itself where it is wider than the window. On a phone each cell says its `data-head`. */
export const Table = ({ label, heads, children }: TableProps) => (
  <div class="scrolls" tabIndex={0} role="group" aria-label={label}>
    <table>
      <thead>
        <tr>{heads}</tr>
      </thead>
      <tbody>{children}</tbody>
    </table>
  </div>
)

export const Heads = ({ names }: { names: string[] }) =>
  names.map((name) => (
    <th key={name} scope="col">
      {name}
    </th>
  ))

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
