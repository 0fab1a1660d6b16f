import { useState } from 'preact/hooks'
import type { OpenRequests } from '../openings.ts'
import { Act } from './act.tsx'
import { Badge, counted, Heads, Table, timeOf, Waiting, Wrong } from './parts.tsx'
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
        <Table
          label="Requests"
          heads={<Heads names={['Name', 'Status', 'Email address', 'Requested', 'By', 'Request']} />}
        >
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
        </Table>
      )}
    </>
  )
}
