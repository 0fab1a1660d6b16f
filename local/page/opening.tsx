import { useEffect, useRef, useState } from 'preact/hooks'
import { addressOf } from '../address.ts'
import type { Snapshot } from '../snapshot.ts'
import { type Act, type Answer, answerOf, type Message, type Response, Said } from './act.tsx'
import { timeOf } from './words.ts'

type Props = {
  snapshot: Snapshot
  act: Act
  message: Message | undefined
  /** Shows an execution below. */
  choose: (executionArn: string) => void
}

/** The form that opens an account, and how far the requests for accounts are. */
export const Opening = (props: Props) => (
  <article class="opening">
    <Form {...props} />
    <Requests {...props} />
  </article>
)

type Issue = { field: string; message: string }

const issuesIn = ({ status, body }: Response): Issue[] => {
  const { errors = [] } = (body ?? {}) as { errors?: Issue[] }
  return status < 400 ? [] : errors
}

/**
 * The fields of the form, with the API's names for them. The administrators of vending.yml get their mails at the
 * account's address.
 */
const fields = { name: /^name$/, email: /^(email|vending\.yml admins.*)$/, ou: /^ou$/, admin: /^admins\b/ }
type Field = keyof typeof fields

const meaningOf = (response: Response, now: number): Answer => {
  const { title, detail } = (response.body ?? {}) as { title?: string; detail?: string }
  const { repeated } = response
  if (repeated)
    return {
      kind: 'waiting',
      text: `This request was made before, at ${timeOf(repeated.requestedAt, now)}. Nothing new was started. Status: ${standings[repeated.status]}.`,
    }
  if (response.status < 400) return { kind: 'well', text: 'The request is accepted.' }
  const elsewhere = issuesIn(response).filter(({ field }) => !Object.values(fields).some((is) => is.test(field)))
  const more = elsewhere.map(({ field, message }) => `${field}: ${message}`)
  return { kind: 'wrong', text: [`HTTP ${response.status}: ${title}.`, detail, ...more].filter(Boolean).join(' ') }
}

/** Names the administrator's address, which the form has made: a person has not seen the address. */
const naming = (address: string) => (issue: Issue) =>
  /^admins.*email$/.test(issue.field) ? { ...issue, message: issue.message.replace(/^must/, `${address} must`) } : issue

const Told = ({ field, text }: { field: Field; text: string | undefined }) =>
  text !== undefined && (
    <small id={`open-${field}`} class="wrong">
      {text}
    </small>
  )

const Form = ({ snapshot, act, message }: Props) => {
  const [edited, edit] = useState<Partial<Record<Field, string>>>({})
  const [issues, setIssues] = useState<Issue[]>([])
  const form = useRef<HTMLFormElement>(null)
  useEffect(() => form.current?.querySelector<HTMLElement>('[aria-invalid]')?.focus(), [issues])
  const { allowedRecipient, now, offered, units } = snapshot
  const { name = offered.name, ou = '', admin = '' } = edited
  const email = edited.email ?? addressOf(allowedRecipient, name.replace(/[^A-Za-z0-9]+/g, '-'))
  const adminEmail = addressOf(allowedRecipient, admin)
  const body = {
    name,
    email,
    ...(ou && { ou }),
    ...(admin && { admins: [{ userName: admin, email: adminEmail }] }),
  }
  const headers = { 'content-type': 'application/json' }
  const input = JSON.stringify({ method: 'POST', path: '/accounts', headers, body })
  const open = async () => {
    const response = await act('open', { do: 'enter', input }, (response) => meaningOf(response, now))
    if (!response) return
    setIssues(issuesIn(response).map(naming(adminEmail)))
    if (response.repeated) reveal(response.repeated.requestId)
    else if (response.status < 400) edit({})
  }
  // Of several reasons why a field is wrong, the first is the one to correct.
  const wrongIn = (field: Field) => issues.find((issue) => fields[field].test(issue.field))?.message
  /** What the control of a field needs, so that a wrong value is told beside it. */
  const control = (field: Field) => ({
    ...(wrongIn(field) !== undefined && { 'aria-invalid': 'true' as const, 'aria-describedby': `open-${field}` }),
    onInput: ({ currentTarget }: { currentTarget: HTMLInputElement | HTMLSelectElement }) =>
      edit({ ...edited, [field]: currentTarget.value }),
  })
  const told = (field: Field) => <Told field={field} text={wrongIn(field)} />
  return (
    <form
      ref={form}
      // The API checks the request, and its words stand beside the field.
      noValidate
      onSubmit={(event) => {
        event.preventDefault()
        void open()
      }}
    >
      <h3>Open an account</h3>
      <div class="fields">
        <label>
          Account name
          <input value={name} {...control('name')} />
          {told('name')}
        </label>
        <label>
          Account e-mail
          <input type="email" value={email} {...control('email')} />
          {told('email')}
        </label>
        <label>
          Organizational unit
          <select value={ou} {...control('ou')}>
            <option value="">The root</option>
            {units.map(({ id, path }) => (
              <option key={id} value={path}>
                {path}
              </option>
            ))}
          </select>
          {told('ou')}
        </label>
        <label>
          Administrator
          <input value={admin} placeholder="optional" {...control('admin')} />
          {told('admin')}
        </label>
      </div>
      <button type="submit">Open the account</button>
      <Said at="open" message={message} />
    </form>
  )
}

type Request = Snapshot['requests'][number]

const standings: Record<Request['status'], string> = {
  'awaiting-approval': 'waits for an approver',
  accepted: 'accepted',
  opening: 'Organizations creates the account',
  placing: 'open; is being moved and tagged',
  vending: 'open; administrators are being created',
  vended: 'ready',
  failed: 'failed',
  declined: 'declined',
}

/** An opening that waits is not with Organizations at that moment. */
const standingOf = ({ status, waiting }: Request) =>
  status === 'opening' && waiting ? 'waits for its turn' : standings[status]

const kindOf = ({ status, waiting }: Request) => {
  if (status === 'vended') return 'well'
  if (status === 'failed' || status === 'declined') return 'wrong'
  return waiting || status === 'awaiting-approval' ? 'waiting' : 'outcome RUNNING'
}

const detailsId = (requestId: string) => `request-${requestId}`

/** Opens the details of a request, and gives them the focus. An old request has none here. */
const reveal = (requestId: string) => {
  const details = document.getElementById(detailsId(requestId))
  details?.setAttribute('open', '')
  details?.querySelector('summary')?.focus()
}

const Requests = ({ snapshot, act, message, choose }: Props) => (
  <div class="requests">
    <h3 id="requests-title">Requests</h3>
    {!snapshot.requests.length && <p>No request yet.</p>}
    <ul aria-labelledby="requests-title">
      {snapshot.requests.map((request, i) => (
        <li key={request.requestId}>
          <details id={detailsId(request.requestId)} open={i === 0}>
            <summary>
              {request.name} <span class={kindOf(request)}>{standingOf(request)}</span>
            </summary>
            <RequestDetails {...{ request, snapshot, act, choose }} />
          </details>
        </li>
      ))}
    </ul>
    <Said at="request" message={message} />
  </div>
)

const RequestDetails = ({ request, snapshot, act, choose }: Omit<Props, 'message'> & { request: Request }) => {
  const { requestId, status, waiting, failure, timeline, executionArn, accountId } = request
  const execution = snapshot.executions.find((one) => one.executionArn === executionArn)
  const decide = (decision: 'approve' | 'decline') => (
    <button
      type="button"
      class={decision === 'approve' ? undefined : 'secondary'}
      onClick={() =>
        void act('request', { do: 'decide', requestId, decision }, (response) =>
          response.status < 400
            ? { kind: 'well', text: decision === 'approve' ? 'The request is approved.' : 'The request is declined.' }
            : answerOf(response),
        )
      }
    >
      {decision === 'approve' ? 'Approve' : 'Decline'}
    </button>
  )
  return (
    <>
      {waiting && (
        <p class="waiting">
          {status === 'awaiting-approval'
            ? `Waits for ${waiting.for}, at most until ${timeOf(waiting.until, snapshot.now)}.`
            : `Waits for ${waiting.for}. Tries again at ${timeOf(waiting.until, snapshot.now)} at the latest.`}
        </p>
      )}
      {failure && (
        <>
          <p class="wrong">Cause: {failure.cause}</p>
          <p>{`${failure.what} ${failure.advice}`}</p>
        </>
      )}
      {status === 'awaiting-approval' && (
        <p class="buttons">
          {decide('approve')}
          {decide('decline')}
        </p>
      )}
      <p class="links">
        {execution && (
          <a href="#executions" onClick={() => choose(execution.executionArn)}>
            Show the execution
          </a>
        )}
        {accountId !== undefined && <a href={`#account-${accountId}`}>Show the account {accountId}</a>}
      </p>
      <ol class="steps">
        {timeline.map(({ state, at }) => (
          <li key={`${state} ${at}`}>
            {state} <small>{timeOf(at, snapshot.now)}</small>
          </li>
        ))}
      </ol>
    </>
  )
}
