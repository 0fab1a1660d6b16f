import type { ComponentChildren } from 'preact'
import { useEffect, useState } from 'preact/hooks'

/** The part of each address before the page's own path: the token, without which the server does not answer. */
const base = `/${location.pathname.split('/')[1]}`

const here = () => ({
  path: location.pathname.slice(base.length).split('/').filter(Boolean).map(decodeURIComponent),
  query: new URLSearchParams(location.search),
})
export type Route = ReturnType<typeof here>

const moved = 'moved'
/** Shows another address. With `replaces`, the button Back skips the present one. */
export const go = (to: string, { replaces = false } = {}) => {
  history[replaces ? 'replaceState' : 'pushState'](null, '', base + to)
  dispatchEvent(new Event(moved))
}

/** Where the page is now: the button Back, a reload and a copied address show the same. */
export const useRoute = () => {
  const [route, setRoute] = useState(here)
  useEffect(() => {
    const update = () => setRoute(here())
    for (const event of ['popstate', moved]) addEventListener(event, update)
    return () => {
      for (const event of ['popstate', moved]) removeEventListener(event, update)
    }
  }, [])
  return route
}

type LinkProps = { to: string; children: ComponentChildren; isCurrent?: boolean }
/** A link to another address of this page. With a key held, the browser opens a new tab as usual. */
export const Link = ({ to, children, isCurrent }: LinkProps) => (
  <a
    href={base + to}
    aria-current={isCurrent ? 'page' : undefined}
    onClick={(event) => {
      if (event.metaKey || event.ctrlKey || event.shiftKey) return
      event.preventDefault()
      go(to)
      scrollTo(0, 0)
    }}
  >
    {children}
  </a>
)

export type Loaded<Data> = { data?: Data; error?: string }

const gone = () => {
  throw new Error('The command npx vend ui does not answer. Start it again, and open the new address.')
}

/** Reads what the server has under `/data/`. Throws an Error whose message a person can read. */
export const read = async <Data,>(path: string): Promise<Data> => {
  const response = await fetch(`${base}/data/${path}`).catch(gone)
  const body = (await response.json()) as Data & { error?: string }
  if (!response.ok) throw new Error(body.error)
  return body
}

/** Sends a message to the server. Throws an Error whose message a person can read. */
export const send = async <Answer,>(path: 'preview' | 'act', message: object): Promise<Answer> => {
  const response = await fetch(`${base}/${path}`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(message),
  }).catch(gone)
  const body = (await response.json()) as Answer & { error?: string }
  if (!response.ok) throw new Error(body.error)
  return body
}

/** Reads once for each path; again when `turn` changes, and shows the earlier data until then. */
export const useData = <Data,>(path: string, turn = 0): Loaded<Data> => {
  const [loaded, setLoaded] = useState<Loaded<Data>>({})
  useEffect(() => {
    let isOver = false
    read<Data>(path).then(
      (data) => isOver || setLoaded({ data }),
      (error: Error) => isOver || setLoaded({ error: error.message }),
    )
    return () => void (isOver = true)
  }, [path, turn])
  return loaded
}
