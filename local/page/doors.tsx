import { useState } from 'preact/hooks'
import type { Breakage } from '../break.ts'
import type { Snapshot } from '../serve-page.ts'
import type { Act } from './page.tsx'

type Props = { snapshot: Snapshot; act: Act }

/** The three doors, and what can go wrong behind them. */
export const Doors = (props: Props) => (
  <section aria-labelledby="doors-title">
    <h2 id="doors-title">Ask for administrators</h2>
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
          ? 'Organizations creates an account and says so.'
          : 'Control Tower says that an account is ready.'}
      </p>
      <button
        type="button"
        onClick={() =>
          void act(
            { do: 'new-account', name: nextName(), breakage: 'nothing' },
            'The account is there; its event starts the workflow.',
          )
        }
      >
        Create an account
      </button>
      <details>
        <summary>Push an event of your own</summary>
        <label>
          Event
          <textarea rows={8} value={event} onInput={({ currentTarget }) => setEvent(currentTarget.value)} />
        </label>
        <button
          type="button"
          class="secondary"
          onClick={() => void act({ do: 'enter', input: event, expects: 'event' }, 'Pushed.')}
        >
          Push
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

/** An address that mails may go to. */
export const addressOf = ({ allowedRecipient }: Snapshot, userName: string) =>
  allowedRecipient.includes('@') ? allowedRecipient : `${userName.toLowerCase()}@${allowedRecipient}`

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
      <button type="button" onClick={() => void act({ do: 'enter', input: text }, 'The execution is started.')}>
        Start an execution
      </button>
      <details>
        <summary>Change its input</summary>
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
  const email = addressOf(snapshot, userName)
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
      <p>A new account, and watch what the workflow does about it:</p>
      <div class="buttons">
        {make(
          'role-not-ready',
          'Role not ready',
          'Its access role refuses for 3 minutes: CreateAdminGroup waits and tries again.',
        )}
        {make('throttling', 'Throttling', 'IAM asks to slow down for 3 minutes: the steps wait and try again.')}
        {make(
          'duplicate-event',
          'Duplicate event',
          'Its event came twice at once: one execution vends, the other finds it in progress.',
        )}
        {make(
          'denied-by-policy',
          'Forbidden by policy',
          'A service control policy forbids users: the vend fails, a notice comes, and a redrive goes on once the policy is lifted.',
        )}
      </div>
    </article>
  )
}
