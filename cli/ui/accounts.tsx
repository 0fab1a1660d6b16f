import { useEffect, useState } from 'preact/hooks'
import type { Accounts, Filter, Row } from '../ui.ts'
import { Badge, counted, Table, timeOf, Waiting, Wrong } from './parts.tsx'
import { go, Link, read, type Route } from './route.tsx'

const perPage = 50
const pollMilliseconds = 400

const figures: [filter: Filter, words: string][] = [
  ['failed', 'failed'],
  ['bounced', 'mail bounced'],
  ['never-signed-in', 'never signed in'],
  ['no-mfa', 'without MFA'],
]

type Column = { key: string; head: string; of: (row: Row) => string }
const columns: Column[] = [
  { key: 'name', head: 'Account', of: ({ name }) => name },
  { key: 'unit', head: 'Organizational unit', of: ({ unit }) => unit },
  { key: 'status', head: 'Vend', of: ({ status }) => status },
  { key: 'people', head: 'Administrators', of: ({ people }) => people.map(({ words }) => words.join()).join() },
  { key: 'mail', head: 'Mail', of: ({ mails = [] }) => mails.map(({ status }) => status).join() },
  { key: 'findings', head: 'Findings', of: ({ findings }) => String(findings).padStart(6, '0') },
  { key: 'changed', head: 'Last change', of: ({ updatedAt = '' }) => updatedAt },
]

/** The accounts as of the last reading, and a function that reads again. */
const useAccounts = () => {
  const [accounts, setAccounts] = useState<Accounts>()
  const [turn, setTurn] = useState(0)
  useEffect(() => {
    let isOver = false
    const poll = async (path: string): Promise<void> => {
      const now = await read<Accounts>(path).catch((error: Error): Accounts => ({
        state: 'failed',
        error: error.message,
      }))
      if (isOver) return
      setAccounts(now)
      if (now.state === 'reading') setTimeout(() => void poll('accounts'), pollMilliseconds)
    }
    void poll(turn ? 'accounts?fresh' : 'accounts')
    return () => void (isOver = true)
  }, [turn])
  return { accounts, readAgain: () => setTurn(turn + 1) }
}

const textOf = ({ name, accountId, unit, status, error = '', people }: Row) =>
  [name, accountId, unit, status, error, ...people.map(({ userName }) => userName)].join(' ').toLowerCase()

/** The rows that the address asks for, in its order. */
const wantedRows = (rows: Row[], query: URLSearchParams) => {
  const words = (query.get('search') ?? '').toLowerCase().split(/\s+/).filter(Boolean)
  const filters = query.getAll('filter') as Filter[]
  const found = rows.filter((row) => {
    const text = words.length ? textOf(row) : ''
    return words.every((word) => text.includes(word)) && filters.every((name) => row.filters.includes(name))
  })
  const column = columns.find(({ key }) => key === query.get('sort')) ?? columns[0]!
  const sign = query.has('down') ? -1 : 1
  const keyed = found.map((row) => [column.of(row), row] as const)
  return keyed.sort(([a], [b]) => (a < b ? -sign : a > b ? sign : 0)).map(([, row]) => row)
}

/** The address with some of its query changed; undefined takes a name out. A changed query shows its first page. */
const change = (query: URLSearchParams, changes: Record<string, string | string[] | undefined>) => {
  const next = new URLSearchParams(query)
  next.delete('page')
  for (const [name, value = []] of Object.entries(changes)) {
    next.delete(name)
    for (const one of [value].flat()) next.append(name, one)
  }
  return `/${next.size ? `?${next}` : ''}`
}

const Figures = ({ rows, query }: { rows: Row[]; query: URLSearchParams }) => {
  const chosen = query.getAll('filter')
  return (
    <ul class="figures" aria-label="Filters">
      <li>
        <button type="button" aria-pressed={!chosen.length} onClick={() => go(change(query, { filter: undefined }))}>
          <strong>{rows.length.toLocaleString('en')}</strong> accounts
        </button>
      </li>
      {figures.map(([filter, words]) => {
        const isChosen = chosen.includes(filter)
        const others = chosen.filter((name) => name !== filter)
        return (
          <li key={filter}>
            <button
              type="button"
              aria-pressed={isChosen}
              onClick={() => go(change(query, { filter: isChosen ? others : [...others, filter] }))}
            >
              <strong>{rows.filter(({ filters }) => filters.includes(filter)).length.toLocaleString('en')}</strong>{' '}
              {words}
            </button>
          </li>
        )
      })}
    </ul>
  )
}

const SortingHeads = ({ query }: { query: URLSearchParams }) => {
  const sort = query.get('sort') ?? 'name'
  const isDown = query.has('down')
  return columns.map(({ key, head }) => (
    <th key={key} scope="col" aria-sort={sort === key ? (isDown ? 'descending' : 'ascending') : undefined}>
      <button
        type="button"
        class="head"
        onClick={() => go(change(query, { sort: key, down: sort === key && !isDown ? '' : undefined }))}
      >
        {head}
        <span aria-hidden="true">{sort === key ? (isDown ? ' ↓' : ' ↑') : ''}</span>
      </button>
    </th>
  ))
}

const troubles = ['bounced', 'complained', 'rejected']

/** Who has a mail in each state. */
const mailsOf = (mails: NonNullable<Row['mails']>) =>
  [...new Set(mails.map(({ status }) => status))].map((status) => ({
    status,
    userNames: mails.filter((mail) => mail.status === status).map(({ userName }) => userName),
  }))

const Line = ({ row }: { row: Row }) => {
  const {
    accountId,
    name,
    state,
    unit,
    status,
    error,
    never,
    everybodyKept,
    people,
    mails = [],
    findings,
    updatedAt,
  } = row
  return (
    <tr>
      <th scope="row">
        {accountId === '–' ? name : <Link to={`/accounts/${accountId}`}>{name}</Link>}
        <small>
          {accountId}
          {state !== 'ACTIVE' && state !== '–' && ` · ${state}`}
        </small>
      </th>
      <td data-head="Organizational unit">{unit}</td>
      <td data-head="Vend">
        {never ? <small>{never}</small> : <Badge status={status} />}
        {error && <small class="wrong">{error}</small>}
        {everybodyKept && <small>every user was kept</small>}
      </td>
      <td data-head="Administrators">
        {people.map(({ userName, words }) => (
          <div key={userName}>
            {userName} <small>{words.join(', ')}</small>
          </div>
        ))}
      </td>
      <td data-head="Mail">
        {mailsOf(mails).map(({ status, userNames }) => (
          <div key={status} class={troubles.includes(status) ? 'wrong' : ''}>
            {status}
            {userNames.length < mails.length && <small> {userNames.join(', ')}</small>}
          </div>
        ))}
      </td>
      <td data-head="Findings">{findings || ''}</td>
      <td data-head="Last change" class="time">
        {updatedAt && timeOf(updatedAt)}
      </td>
    </tr>
  )
}

const Pages = ({ count, query }: { count: number; query: URLSearchParams }) => {
  const last = Math.max(1, Math.ceil(count / perPage))
  const page = Math.min(last, Math.max(1, Number(query.get('page')) || 1))
  const to = (page: number) => {
    const next = new URLSearchParams(query)
    next.set('page', String(page))
    return `/?${next}`
  }
  return (
    <nav class="pages" aria-label="Pages">
      <button type="button" class="secondary" disabled={page === 1} onClick={() => go(to(page - 1))}>
        Previous
      </button>
      <span>
        Page {page} of {last.toLocaleString('en')}
      </span>
      <button type="button" class="secondary" disabled={page === last} onClick={() => go(to(page + 1))}>
        Next
      </button>
    </nav>
  )
}

/** All accounts: figures that filter, a search field, and a table that sorts. The address holds all of that. */
export const AccountsPage = ({ query }: Route) => {
  const { accounts, readAgain } = useAccounts()
  if (!accounts) return <Waiting text="Reading …" />
  const again = (
    <button type="button" class="secondary" onClick={readAgain}>
      Read again
    </button>
  )
  if (accounts.state === 'failed')
    return (
      <>
        <Wrong text={accounts.error} />
        {again}
      </>
    )
  if (accounts.state === 'reading') return <Waiting text={`${counted(accounts.count, 'account')} read …`} />
  const rows = wantedRows(accounts.rows, query)
  const page = Math.min(Math.max(1, Math.ceil(rows.length / perPage)), Math.max(1, Number(query.get('page')) || 1))
  return (
    <>
      <h1>Accounts</h1>
      <Figures rows={accounts.rows} query={query} />
      {!accounts.rows.some(({ lookedAt }) => lookedAt) && (
        <p class="quiet">
          The daily round has not looked at any account yet, so nobody knows who has signed in and who uses MFA.
        </p>
      )}
      <div class="bar">
        <input
          type="search"
          aria-label="Search"
          placeholder="Name, ID, unit, user, status"
          value={query.get('search') ?? ''}
          onInput={({ currentTarget: { value } }) =>
            go(change(query, { search: value || undefined }), { replaces: true })
          }
        />
        <p class="quiet" role="status">
          {rows.length === accounts.rows.length
            ? counted(rows.length, 'account')
            : `${rows.length.toLocaleString('en')} of ${counted(accounts.rows.length, 'account')}`}
          , as of {timeOf(accounts.at)} UTC
        </p>
        {again}
      </div>
      <Table label="Accounts" heads={<SortingHeads query={query} />}>
        {rows.slice((page - 1) * perPage, page * perPage).map((row) => (
          <Line key={row.accountId === '–' ? row.name : row.accountId} row={row} />
        ))}
      </Table>
      {!rows.length && <p class="quiet">No account matches.</p>}
      {rows.length > perPage && <Pages count={rows.length} query={query} />}
    </>
  )
}
