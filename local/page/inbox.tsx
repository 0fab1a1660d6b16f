import { useState } from 'preact/hooks'
import type { Snapshot } from '../serve-page.ts'

const looks = { html: 'HTML', phone: 'Phone', text: 'Text' } as const
type Look = keyof typeof looks

/** Every mail that SES took, as its recipient sees it. */
export const Inbox = ({ mails }: { mails: Snapshot['mails'] }) => {
  const [chosen, choose] = useState<string>()
  const [look, setLook] = useState<Look>('html')
  const mail = mails.find(({ messageId }) => messageId === chosen) ?? mails[0]
  return (
    <section aria-labelledby="inbox-title">
      <h2 id="inbox-title">Inbox</h2>
      {!mails.length && <p>No mail yet.</p>}
      <ul class="list" aria-label="Mails">
        {mails.map((one) => (
          <li key={one.messageId}>
            <button type="button" class="item" aria-pressed={one === mail} onClick={() => choose(one.messageId)}>
              <span>{one.subject}</span>
              <small>
                {one.isNotice ? 'failure notice to ' : ''}
                {one.to.join(', ')}
              </small>
            </button>
          </li>
        ))}
      </ul>
      {mail && (
        <article class="mail">
          <fieldset class="looks">
            <legend>Shown as</legend>
            {(Object.keys(looks) as Look[]).map((one) => (
              <label key={one}>
                <input type="radio" name="look" checked={look === one} onChange={() => setLook(one)} />
                {looks[one]}
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
          {look === 'text' || !mail.html ? (
            <pre tabIndex={0}>{mail.text}</pre>
          ) : (
            // A mail may hold anything: no scripts, no forms, no way out. Of the same origin only so that its height can be read.
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
