import { useState } from 'preact/hooks'
import type { Snapshot } from '../snapshot.ts'
import { type Act, type Message, Said } from './act.tsx'

const looks = { html: 'HTML', phone: 'Phone', text: 'Text' } as const
type Look = keyof typeof looks

type Props = { snapshot: Snapshot; act: Act; message: Message | undefined }

/** The mails that SES accepted, as their recipients see them. */
export const Inbox = (props: Props) => {
  const { mails } = props.snapshot
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
            <div class="link">
              <a href={mail.link} target="_blank" rel="noreferrer">
                Open the link in this mail
              </a>
              <LaterTime {...props} />
            </div>
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

/** Moves the clock past the end of the links in the mails. */
const LaterTime = ({ snapshot: { linkDays }, act, message }: Props) => {
  if (linkDays === undefined) return null
  const days = linkDays + 1
  return (
    <>
      <small>The link can be opened for {linkDays} days.</small>
      <button
        type="button"
        class="secondary"
        onClick={() =>
          void act(
            'time',
            { do: 'pass-days', days },
            `${days} days have passed, with a daily round on each. For links that nobody had opened in time, a round has mailed new links.`,
          )
        }
      >
        Let {days} days pass
      </button>
      <Said at="time" message={message} />
    </>
  )
}
