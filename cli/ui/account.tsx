import { useEffect, useState } from 'preact/hooks'
import type { Account } from '../ui.ts'
import { Act } from './act.tsx'
import { Command } from '../../local/page/command.tsx'
import { Badge, Heads, Table, timeOf, Waiting, Wrong } from './parts.tsx'
import { Link, useData } from './route.tsx'

type Failure = NonNullable<Account['failure']>

type NextStepProps = { account: Account; failure: Failure; onDone: () => void }

/** What failed in words first, then the command that continues; AWS's own words last. */
const NextStep = ({ account: { accountId, accountName = accountId }, failure, onDone }: NextStepProps) => {
  const { error, what, advice, command, request, goOn, cause } = failure
  return (
    <section class="notice wrong" aria-labelledby="failure">
      <h2 id="failure">The last vend has failed</h2>
      <p>{what}</p>
      <p>{advice}</p>
      {request && (
        <>
          <p>{goOn === 'correct' ? 'Correct this, and save it as request.json:' : 'Save this as request.json:'}</p>
          <pre>{JSON.stringify(request)}</pre>
        </>
      )}
      <Command what="Continue" line={command} />
      {goOn === 'redrive' && (
        <Act
          label="Redrive"
          question={`Redrive ${accountName}?`}
          action={{ do: 'redrive', accountId }}
          onDone={onDone}
        />
      )}
      <p class="raw">
        {error}
        {cause && `. Cause: ${cause}`}
      </p>
    </section>
  )
}

const linkWords = {
  open: 'open',
  sealing: 'not sealed yet',
  expired: 'expired',
  claimed: 'opened',
  disowned: 'opened, and reported: “That was not me”',
}

type AdministratorsProps = { account: Account; onDone: () => void }
const Administrators = ({ account: { accountId, admins }, onDone }: AdministratorsProps) => (
  <section aria-labelledby="administrators">
    <h2 id="administrators">Administrators</h2>
    {admins.length ? (
      <Table label="Administrators" heads={<Heads names={['User', 'Groups', 'Sign-in mail', 'Link', 'Sign-in']} />}>
        {admins.map(({ userName, kept, groups, email, mailedAt, mail, handover, words }) => (
          <tr key={userName}>
            <th scope="row">
              {userName}
              {kept && <small>kept: this service did not create the user</small>}
            </th>
            <td data-head="Groups">{groups.join(', ')}</td>
            <td data-head="Sign-in mail">
              {mailedAt && (
                <>
                  {email}
                  <small>
                    {timeOf(mailedAt)}
                    {mail && `, ${mail.status}`}
                  </small>
                  {mail?.reason && <small class="wrong">{mail.reason}</small>}
                </>
              )}
            </td>
            <td data-head="Link">
              {handover && linkWords[handover.state]}
              {!kept && (
                <Act
                  label="Mail a new link"
                  question={`Mail ${userName} a new link?`}
                  action={{ do: 'link', accountId, userName }}
                  onDone={onDone}
                />
              )}
            </td>
            <td data-head="Sign-in">{words.join(', ')}</td>
          </tr>
        ))}
      </Table>
    ) : (
      <p class="quiet">This service has created nobody here.</p>
    )}
  </section>
)

const Timeline = ({ timeline }: Pick<Account, 'timeline'>) => (
  <section aria-labelledby="timeline">
    <h2 id="timeline">Timeline</h2>
    <ol class="timeline">
      {timeline.map(({ what, userName, at }) => (
        <li key={`${what} ${userName} ${at}`}>
          <time dateTime={at}>{timeOf(at)}</time>
          <span>
            {what}
            {userName && ` ${userName}`}
          </span>
        </li>
      ))}
    </ol>
    {!timeline.length && <p class="quiet">Nothing has happened yet.</p>}
  </section>
)

const Findings = ({ findings, lookedAt, hasChanged }: Pick<Account, 'findings' | 'lookedAt' | 'hasChanged'>) => (
  <section aria-labelledby="findings">
    <h2 id="findings">Findings of the daily round</h2>
    {findings.map(({ kind, subject, what, since, text }) => (
      <details key={kind + subject}>
        <summary>
          {what}
          {subject && `: ${subject}`} <small>since {since.slice(0, 10)}</small>
        </summary>
        {text}
      </details>
    ))}
    {!findings.length && (
      <p class="quiet">
        {!lookedAt
          ? 'The daily round has not looked at this account yet.'
          : hasChanged
            ? `What was found at ${timeOf(lookedAt)} has changed since then.`
            : `Nothing was found at ${timeOf(lookedAt)}.`}
      </p>
    )}
  </section>
)

const Facts = ({ account }: { account: Account }) => {
  const { accountId, accountState, requestedBy, updatedAt, executionArn, execution } = account
  const facts: [name: string, value: string | undefined][] = [
    ['Account ID', accountId],
    ['State in Organizations', accountState ?? 'not in the organization'],
    ['Requested by', requestedBy],
    ['Last change', updatedAt && `${timeOf(updatedAt)} UTC`],
    [
      'Execution',
      executionArn && `${executionArn.split(':').at(-1)} (${execution?.status ?? 'forgotten by Step Functions'})`,
    ],
    ['Redriven', execution?.redriveCount ? `${execution.redriveCount} times` : undefined],
  ]
  return (
    <dl class="facts">
      {facts.map(
        ([name, value]) =>
          value && (
            <div key={name}>
              <dt>{name}</dt>
              <dd>{value}</dd>
            </div>
          ),
      )}
    </dl>
  )
}

/** How long the page waits before it looks at a running vend again. */
const lookMilliseconds = 2000

/** One account: who is in, what has happened, what the round found, and what to do next. */
export const AccountPage = ({ accountId }: { accountId: string }) => {
  const [turn, setTurn] = useState(0)
  const { data: account, error } = useData<Account>(`accounts/${encodeURIComponent(accountId)}`, turn)
  const again = () => setTurn((turn) => turn + 1)
  const isRunning = account?.status === 'VENDING'
  useEffect(() => {
    if (!isRunning) return undefined
    const timer = setTimeout(again, lookMilliseconds)
    return () => clearTimeout(timer)
  }, [isRunning, turn, account])
  return (
    <>
      <p>
        <Link to="/">All accounts</Link>
      </p>
      {error && <Wrong text={error} />}
      {!account && !error && <Waiting text="Reading …" />}
      {account && (
        <>
          <div class="title">
            <h1>{account.accountName ?? account.accountId}</h1>
            <Badge status={account.status} />
            {account.status === 'NOT_VENDED' && (
              <Act
                label="Start a vend"
                question={`Vend ${account.accountName ?? accountId}?`}
                action={{ do: 'start', accountId }}
                onDone={again}
              />
            )}
            <button type="button" class="secondary" onClick={again}>
              Read again
            </button>
          </div>
          {account.failure && <NextStep account={account} failure={account.failure} onDone={again} />}
          <Facts account={account} />
          <Administrators account={account} onDone={again} />
          <div class="halves">
            <Timeline timeline={account.timeline} />
            <Findings findings={account.findings} lookedAt={account.lookedAt} hasChanged={account.hasChanged} />
          </div>
        </>
      )}
    </>
  )
}
