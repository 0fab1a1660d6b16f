import { useState } from 'preact/hooks'
import type { Snapshot } from '../snapshot.ts'

const looks = { html: 'HTML', phone: 'Phone', text: 'Text' } as const
type Look = keyof typeof looks

/** The mails that SES accepted, as their recipients see them. */
export const Inbox = ({ mails }: { mails: Snapshot['mails'] }) => {
  const [chosen, choose] = useState<string>()
  const [look, setLook] = useState<Look>('html')
  const mail = mails.find(({ messageId }) => messageId === chosen) ?? mails[0]
  return (
    <section aria-labelledby="inbox-title">
      <h2 id="inbox-title">Inbox</h2>
      {!mails.length && <p>No mail yet.</p>}
      <ul class="list" aria-label="Mails">
        {mails.map((listed) => (
          <li key={listed.messageId}>
            <button type="button" class="item" aria-pressed={listed === mail} onClick={() => choose(listed.messageId)}>
              <span>{listed.subject}</span>
              <small>
                {listed.isNotice ? 'failure notice to ' : ''}
                {listed.to.join(', ')}
              </small>
            </button>
          </li>
        ))}
      </ul>
      {mail && (
        <article class="mail">
          <fieldset class="looks">
            <legend>Show as</legend>
            {(Object.keys(looks) as Look[]).map((choice) => (
              <label key={choice}>
                <input type="radio" name="look" checked={look === choice} onChange={() => setLook(choice)} />
                {looks[choice]}
              </label>
            ))}
          </fieldset>
          <p>
            <small>
              From {mail.from} to {mail.to.join(', ')}
            </small>
            <br />
            <strong>{mail.subject}</strong>
          </p>
          {mail.link && (
            <p>
              <a href={mail.link} target="_blank" rel="noreferrer">
                Open the link in this mail
              </a>
            </p>
          )}
          {look === 'text' || !mail.html ? (
            <pre tabIndex={0}>{mail.text}</pre>
          ) : (
            // A mail can contain anything, so the sandbox allows no scripts, forms or links. It allows the same origin
            // because the page must read the mail's height.
            <iframe
              key={`${look} ${mail.messageId}`}
              class={look}
              title={`Mail: ${mail.subject}`}
              sandbox="allow-same-origin"
              srcdoc={mail.html}
              onLoad={({ currentTarget }) => {
                const height = currentTarget.contentDocument?.documentElement.scrollHeight
                if (height) currentTarget.style.height = `${height + 2}px`
              }}
            />
          )}
        </article>
      )}
    </section>
  )
}
