import { useState } from 'preact/hooks'
import { addressOf } from '../address.ts'
import type { Breakage, OpenBreakage } from '../break.ts'
import type { Snapshot } from '../snapshot.ts'
import { type Act, answerOf, type Message, Said } from './act.tsx'
import { Command } from './command.tsx'
import { Opening } from './opening.tsx'

type Props = { snapshot: Snapshot; act: Act; message: Message | undefined }

/** The form that opens an account, the three doors to administrators, and buttons for what can go wrong. */
export const Doors = ({ choose, ...props }: Props & { choose: (executionArn: string) => void }) => (
  <section aria-labelledby="doors-title">
    <h2 id="doors-title">Request accounts and administrators</h2>
    <div class="doors">
      <Opening {...props} choose={choose} />
      <div class="stack">
        <EventDoor {...props} />
        <ManualDoor {...props} />
      </div>
      <ApiDoor {...props} />
      <Breakages {...props} />
      <Days {...props} />
    </div>
  </section>
)

const EventDoor = ({ snapshot, act, message }: Props) => {
  const [edited, edit] = useState<string>()
  const event = edited ?? sampleEvent(snapshot)
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
            'event',
            { do: 'new-account', breakage: 'nothing' },
            'The account exists. Its event starts the workflow.',
          )
        }
      >
        Create an account
      </button>
      <Said at="event" message={message} />
      <details>
        <summary>Send your own event</summary>
        <label>
          Event
          <textarea rows={8} value={event} onInput={({ currentTarget }) => edit(currentTarget.value)} />
        </label>
        <button
          type="button"
          class="secondary"
          onClick={() => void act('own event', { do: 'enter', input: event, expects: 'event' }, 'The event is sent.')}
        >
          Send
        </button>
        <Said at="own event" message={message} />
      </details>
    </article>
  )
}

const sampleEvent = ({ automatic, offered, managementAccountId, region }: Snapshot) => {
  const accountId = offered.id
  const [source, detail] =
    automatic === 'organizations'
      ? [
          'aws.organizations',
          {
            eventName: 'CreateAccountResult',
            serviceEventDetails: { createAccountStatus: { state: 'SUCCEEDED', accountId } },
          },
        ]
      : [
          'aws.controltower',
          {
            eventName: 'CreateManagedAccount',
            serviceEventDetails: { createManagedAccountStatus: { state: 'SUCCEEDED', account: { accountId } } },
          },
        ]
  const event = {
    source,
    'detail-type': 'AWS Service Event via CloudTrail',
    account: managementAccountId,
    region,
    detail,
  }
  return JSON.stringify(event, null, 2)
}

/** The accounts to choose from. Until somebody chooses one, the offered new account is chosen. */
const AccountField = ({
  snapshot: { accounts, offered },
  value,
  choose,
}: {
  snapshot: Snapshot
  value: string | undefined
  choose: (id: string | undefined) => void
}) => (
  <label>
    Account
    <select value={value ?? ''} onChange={({ currentTarget }) => choose(currentTarget.value || undefined)}>
      <option value="">New: {offered.name}</option>
      {accounts.map(({ id, name }) => (
        <option key={id} value={id}>
          {name} {id}
        </option>
      ))}
    </select>
  </label>
)

const ManualDoor = ({ snapshot, act, message }: Props) => {
  const [accountId, setAccountId] = useState<string>()
  const [input, setInput] = useState<string>()
  const text = input ?? JSON.stringify({ accountId: accountId ?? snapshot.offered.id })
  return (
    <article>
      <h3>Manually</h3>
      <AccountField
        snapshot={snapshot}
        value={accountId}
        choose={(id) => {
          setAccountId(id)
          setInput(undefined)
        }}
      />
      <button
        type="button"
        onClick={() => void act('manual', { do: 'enter', input: text }, 'The execution has started.')}
      >
        Start an execution
      </button>
      <Said at="manual" message={message} />
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

const ApiDoor = ({ snapshot, act, message }: Props) => {
  const [accountId, setAccountId] = useState<string>()
  const [userName, setUserName] = useState('ada')
  const email = addressOf(snapshot.allowedRecipient, userName)
  const request = {
    method: 'POST',
    path: `/accounts/${accountId ?? snapshot.offered.id}/admins`,
    headers: { 'content-type': 'application/json' },
    body: { admins: [{ userName, email }] },
  }
  return (
    <article>
      <h3>Through the API</h3>
      <AccountField snapshot={snapshot} value={accountId} choose={setAccountId} />
      <label>
        User name
        <input value={userName} onInput={({ currentTarget }) => setUserName(currentTarget.value)} />
      </label>
      <button type="button" onClick={() => void act('api', { do: 'enter', input: JSON.stringify(request) }, '')}>
        Send a request
      </button>
      <Said at="api" message={message} />
    </article>
  )
}

/** Lets days pass, with a daily round on each. */
const Days = ({ act, message }: Props) => {
  const [days, setDays] = useState(1)
  const done =
    days === 1 ? 'A day has passed, and a daily round ran.' : `${days} days have passed. A daily round ran on each day.`
  return (
    <article class="wide">
      <h3>Let days pass</h3>
      <p>
        Once a day, the daily round looks into the accounts: it reminds administrators who have not signed in, mails a
        new link when a link has expired, and tells the platform team what it found.
      </p>
      <div class="buttons">
        <label class="days">
          Days
          <input
            type="number"
            min={1}
            max={31}
            value={days}
            onInput={({ currentTarget }) => setDays(currentTarget.valueAsNumber)}
          />
        </label>
        <button type="button" class="secondary" onClick={() => void act('days', { do: 'pass-days', days }, done)}>
          Let the days pass
        </button>
      </div>
      <Said at="days" message={message} />
    </article>
  )
}

const Breakages = ({ snapshot, act, message }: Props) => {
  const make = (breakage: Breakage, label: string, done: string) => (
    <button type="button" class="secondary" onClick={() => void act('break', { do: 'new-account', breakage }, done)}>
      {label}
    </button>
  )
  const { deadLetters, endpointPort } = snapshot
  return (
    <article class="wide">
      <h3>Break something, and watch the workflow recover</h3>
      <div class="buttons">
        <span>In a new account:</span>
        {make(
          'role-not-ready',
          'Role not ready',
          'The account’s role cannot be assumed for 3 minutes. CreateAdminGroup is retried until then.',
        )}
        {make('throttling', 'Throttling', 'IAM throttles for 3 minutes. The steps are retried until then.')}
        {make(
          'duplicate-event',
          'Duplicate event',
          'The event arrived twice. One execution vends the account, and the other execution ends as AlreadyInProgress.',
        )}
        {make(
          'event-not-delivered',
          'Event not delivered',
          'EventBridge had no permission to start the workflow. The account’s event is in the dead-letter queue, and nothing vends the account until you replay the event.',
        )}
        {make(
          'denied-by-policy',
          'Denied by policy',
          'A service control policy denies iam:CreateUser. The execution fails and a failure notice is mailed. First lift the policy, then redrive: both buttons stand beside the execution.',
        )}
        {make(
          'suspended',
          'Suspended',
          'AWS has suspended the account. The execution fails and a failure notice is mailed. First make the account active, then redrive: both buttons stand beside the execution.',
        )}
        {make(
          'mail-bounces',
          'Mail bounces',
          'The mail server of the account’s address refuses every mail. SES reports this shortly after the sign-in mail was sent, and the platform team gets a notice with the next command.',
        )}
      </div>
      <Said at="break" message={message} />
      <OpenBreakages act={act} message={message} />
      {deadLetters > 0 && (
        <div class="dead-letters">
          <p>
            Dead-letter queue: {deadLetters} {deadLetters === 1 ? 'message' : 'messages'}. To retry, run in a terminal:
          </p>
          <Command what="Retry the dead-letter queue" line={`npx vend replay --local ${endpointPort}`} />
        </div>
      )}
    </article>
  )
}

const OpenBreakages = ({ act, message }: Omit<Props, 'snapshot'>) => {
  const open = (breakage: OpenBreakage, label: string, done: string) => (
    <button
      type="button"
      class="secondary"
      onClick={() =>
        void act('break opening', { do: 'open', breakage }, (response) =>
          response.status < 400 ? { kind: 'well', text: done } : answerOf(response),
        )
      }
    >
      {label}
    </button>
  )
  return (
    <>
      <div class="buttons">
        <span>While an account is opened:</span>
        {open(
          'address-taken',
          'Address taken',
          'The request has the address of another account. Organizations reports this only when it creates the account, and the execution fails. Start again with another address.',
        )}
        {open(
          'too-many-at-once',
          'Too many at once',
          'For 10 minutes, Organizations refuses CreateAccount because too many accounts are being created. The opening waits for its turn.',
        )}
        {open(
          'creation-fails',
          'Creation fails',
          'Organizations cannot create the account, because the management account has no payment method. The execution fails and a failure notice is mailed. After the failure, the payment method exists again: redrive the execution.',
        )}
        {open(
          'answer-lost',
          'Answer lost',
          'Organizations creates the account, and the answer of CreateAccount is lost. OpenAccount looks for the account instead of creating a second one.',
        )}
      </div>
      <Said at="break opening" message={message} />
    </>
  )
}
