import { useState } from 'preact/hooks'
import { addressOf } from '../address.ts'
import type { Breakage } from '../break.ts'
import type { Snapshot } from '../snapshot.ts'
import type { Act } from './act.ts'

type Props = { snapshot: Snapshot; act: Act }

/** The three doors, and buttons for what can go wrong. */
export const Doors = (props: Props) => (
  <section aria-labelledby="doors-title">
    <h2 id="doors-title">Request administrators</h2>
    <div class="doors">
      <EventDoor {...props} />
      <ManualDoor {...props} />
      <ApiDoor {...props} />
      <Breakages {...props} />
    </div>
  </section>
)

const names = ['Payments', 'Website', 'Research', 'Analytics', 'Staging', 'Billing', 'Search', 'Archive', 'Media']
let made = 0
const nextName = () => `${names[made++ % names.length]} ${made}`

const EventDoor = ({ snapshot, act }: Props) => {
  const [event, setEvent] = useState(sampleEvent(snapshot))
  return (
    <article>
      <h3>By an event</h3>
      <p>
        {snapshot.automatic === 'organizations'
          ? 'Organizations creates an account and sends an event.'
          : 'Control Tower creates an account and sends an event.'}
      </p>
      <button
        type="button"
        onClick={() =>
          void act(
            { do: 'new-account', name: nextName(), breakage: 'nothing' },
            'The account exists. Its event starts the workflow.',
          )
        }
      >
        Create an account
      </button>
      <details>
        <summary>Send your own event</summary>
        <label>
          Event
          <textarea rows={8} value={event} onInput={({ currentTarget }) => setEvent(currentTarget.value)} />
        </label>
        <button
          type="button"
          class="secondary"
          onClick={() => void act({ do: 'enter', input: event, expects: 'event' }, 'The event is sent.')}
        >
          Send
        </button>
      </details>
    </article>
  )
}

const sampleEvent = ({ accounts, managementAccountId, region }: Snapshot) =>
  JSON.stringify(
    {
      source: 'aws.organizations',
      'detail-type': 'AWS Service Event via CloudTrail',
      account: managementAccountId,
      region,
      detail: {
        eventName: 'CreateAccountResult',
        serviceEventDetails: {
          createAccountStatus: { state: 'SUCCEEDED', accountId: accounts[0]?.id ?? managementAccountId },
        },
      },
    },
    null,
    2,
  )

const AccountField = ({
  snapshot,
  value,
  choose,
}: {
  snapshot: Snapshot
  value: string
  choose: (id: string) => void
}) => (
  <label>
    Account
    <select value={value} onChange={({ currentTarget }) => choose(currentTarget.value)}>
      {snapshot.accounts.map(({ id, name }) => (
        <option key={id} value={id}>
          {name} {id}
        </option>
      ))}
    </select>
  </label>
)

const ManualDoor = ({ snapshot, act }: Props) => {
  const [accountId, setAccountId] = useState('555555555555')
  const [input, setInput] = useState<string>()
  const text = input ?? JSON.stringify({ accountId })
  return (
    <article>
      <h3>By hand</h3>
      <AccountField
        snapshot={snapshot}
        value={accountId}
        choose={(id) => {
          setAccountId(id)
          setInput(undefined)
        }}
      />
      <button type="button" onClick={() => void act({ do: 'enter', input: text }, 'The execution has started.')}>
        Start an execution
      </button>
      <details>
        <summary>Change the input</summary>
        <label>
          Input
          <textarea rows={4} value={text} onInput={({ currentTarget }) => setInput(currentTarget.value)} />
        </label>
      </details>
    </article>
  )
}

const ApiDoor = ({ snapshot, act }: Props) => {
  const [accountId, setAccountId] = useState('555555555555')
  const [userName, setUserName] = useState('ada')
  const email = addressOf(snapshot.allowedRecipient, userName)
  const request = {
    method: 'POST',
    path: `/accounts/${accountId}/admins`,
    headers: { 'content-type': 'application/json' },
    body: { admins: [{ userName, email }] },
  }
  return (
    <article>
      <h3>By the API</h3>
      <AccountField snapshot={snapshot} value={accountId} choose={setAccountId} />
      <label>
        User name
        <input value={userName} onInput={({ currentTarget }) => setUserName(currentTarget.value)} />
      </label>
      <button type="button" onClick={() => void act({ do: 'enter', input: JSON.stringify(request) }, '')}>
        Send a request
      </button>
    </article>
  )
}

const Breakages = ({ act }: Props) => {
  const make = (breakage: Breakage, label: string, done: string) => (
    <button
      type="button"
      class="secondary"
      onClick={() => void act({ do: 'new-account', name: nextName(), breakage }, done)}
    >
      {label}
    </button>
  )
  return (
    <article>
      <h3>Break something</h3>
      <p>Create an account in which something goes wrong, and watch the workflow recover:</p>
      <div class="buttons">
        {make(
          'role-not-ready',
          'Role not ready',
          'The account’s role cannot be assumed for 3 minutes. CreateAdminGroup is retried until then.',
        )}
        {make('throttling', 'Throttling', 'IAM throttles for 3 minutes. The steps are retried until then.')}
        {make(
          'duplicate-event',
          'Duplicate event',
          'The event arrived twice. One execution vends the account, and the other one ends as AlreadyInProgress.',
        )}
        {make(
          'denied-by-policy',
          'Denied by policy',
          'A service control policy denies iam:CreateUser. The execution fails and a failure notice is mailed. Lift the policy, then redrive.',
        )}
      </div>
    </article>
  )
}
