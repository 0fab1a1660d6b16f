import type { Snapshot } from '../snapshot.ts'

const troubles = ['bounced', 'complained', 'rejected']

/** The organization's accounts with their users. */
export const Accounts = ({ snapshot }: { snapshot: Snapshot }) => (
  <section aria-labelledby="accounts-title">
    <h2 id="accounts-title">Accounts</h2>
    <div class="scrolls" tabIndex={0} role="group" aria-labelledby="accounts-title">
      <table>
        <thead>
          <tr>
            <th scope="col">Account</th>
            <th scope="col">Users</th>
            <th scope="col">Secret with the first password</th>
          </tr>
        </thead>
        <tbody>
          {snapshot.accounts.map(({ id, name, state, unit, users, secrets, deniedActions, findings }) => (
            <tr key={id}>
              <th scope="row" id={`account-${id}`} tabIndex={-1}>
                {name}
                <br />
                <code>{id}</code>
                {unit && <small> {unit}</small>}
                {state !== 'ACTIVE' && <small> {state}</small>}
                {id === snapshot.managementAccountId && <small> management account</small>}
                {deniedActions.length > 0 && (
                  <small class="wrong">
                    <br />
                    denied by policy: {deniedActions.join(', ')}
                  </small>
                )}
                {findings.map(({ what, subject, text }) => (
                  <details key={text} class="finding">
                    <summary>{subject ? `${what}: ${subject}` : what}</summary>
                    {text}
                  </details>
                ))}
              </th>
              <td>
                {users.map(({ name, ours, groups, mail, claim, followThrough }) => (
                  <div key={name}>
                    {name}{' '}
                    <small>
                      {[...groups, ...(ours ? [] : ['not created by account vending']), ...(claim ? [claim] : [])].join(
                        ', ',
                      )}
                    </small>
                    {mail && <small class={troubles.includes(mail) ? 'wrong' : ''}> · mail {mail}</small>}
                    {followThrough.length > 0 && <small class="follow-through">{followThrough.join(', ')}</small>}
                  </div>
                ))}
              </td>
              <td data-label="Secret with the first password">
                {secrets.map((secret) => (
                  <code key={secret}>
                    {secret.split('/').flatMap((part, i) => (i ? ['/', <wbr key={part} />, part] : [part]))}
                  </code>
                ))}
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  </section>
)
