import { useState } from 'preact/hooks'
import type { OpenRequests } from '../openings.ts'
import { Act } from './act.tsx'
import { Badge, counted, timeOf, Waiting, Wrong } from './parts.tsx'
import { Link, useData } from './route.tsx'

/** The requests for accounts that are not vended yet, the oldest first. */
export const RequestsPage = () => {
  const [turn, setTurn] = useState(0)
  const { data: requests, error } = useData<OpenRequests>('requests', turn)
  const again = () => setTurn(turn + 1)
  if (error) return <Wrong text={error} />
  if (!requests) return <Waiting text="Reading …" />
  return (
    <>
      <h1>Requests</h1>
      <p class="quiet">{counted(requests.length, 'request')} for accounts that are not vended yet.</p>
      {requests.length > 0 && (
        <div class="scrolls" tabIndex={0} role="group" aria-label="Requests">
          <table>
            <thead>
              <tr>
                <th scope="col">Name</th>
                <th scope="col">Status</th>
                <th scope="col">Email address</th>
                <th scope="col">Requested</th>
                <th scope="col">By</th>
                <th scope="col">Request</th>
              </tr>
            </thead>
            <tbody>
              {requests.map(({ requestId, name, status, email, accountId, requestedAt, requestedBy, error }) => (
                <tr key={requestId}>
                  <th scope="row">{accountId ? <Link to={`/accounts/${accountId}`}>{name}</Link> : name}</th>
                  <td data-head="Status">
                    <Badge status={status} />
                    {error && <small class="wrong">{error}</small>}
                    {status === 'awaiting-approval' &&
                      (['approve', 'decline'] as const).map((decision) => (
                        <Act
                          key={decision}
                          label={decision === 'approve' ? 'Approve' : 'Decline'}
                          question={`${decision === 'approve' ? 'Approve' : 'Decline'} the account ${name}?`}
                          action={{ do: decision, requestId }}
                          onDone={again}
                        />
                      ))}
                  </td>
                  <td data-head="Email address">{email}</td>
                  <td data-head="Requested">{timeOf(requestedAt)}</td>
                  <td data-head="By">{requestedBy.replace(/^arn:[\w-]+:\w+::\d+:/, '')}</td>
                  <td data-head="Request">
                    <code>{requestId}</code>
                  </td>
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      )}
    </>
  )
}
