import { credentialsFile } from '../../shared/credentials-file.ts'
import { linkId, openBox, toBase64url } from '../../shared/sealed-box.ts'
import { type Answer, ask } from './ask.ts'
import { codeIn } from './code-in.ts'

/** What is sealed in the box. */
type Handover = {
  accountId: string
  accountName: string
  signInUrl: string
  userName: string
  password: string
  mustChangePassword: boolean
}

const element = <E extends HTMLElement = HTMLElement>(id: string) => document.getElementById(id) as E
const write = (id: string, text: string) => (element(id).textContent = text)
const pressed = (id: string, run: () => unknown) => element(id).addEventListener('click', () => void run())
const submitted = (id: string, run: () => unknown) =>
  element(id).addEventListener('submit', (event) => {
    event.preventDefault()
    void run()
  })

const sections = [...document.querySelectorAll('section')]
const show = (id: string) => {
  for (const section of sections) section.hidden = section.id !== id
  for (const said of document.querySelectorAll('.said')) said.textContent = ''
}
/** Shows a section, which a screen reader then reads from its heading on. */
const goTo = (id: string) => {
  show(id)
  element(id).querySelector('h2')?.focus()
}

const contact = element('contact').textContent
const timeOf = (at: string) =>
  new Date(at).toLocaleString('en-GB', {
    day: 'numeric',
    month: 'long',
    year: 'numeric',
    hour: '2-digit',
    minute: '2-digit',
    timeZoneName: 'short',
  })

const linkInput = element<HTMLInputElement>('link')
const digitsInput = element<HTMLInputElement>('digits')
// One visit of this page is one visitor: whoever asks again with the same nonce gets the same answer again.
const nonce = toBase64url(crypto.getRandomValues(new Uint8Array(16)))
/** The link's secret part. It stays in the memory of this page. */
let code: string | undefined
let digits = ''
let isBusy = false
let handover: Handover | undefined
// Whether the person has seen or copied the password: until then, the browser asks before this page closes.
let isKept = false

/** Takes the code out of the address bar, so that no history, bookmark or glance has the code. */
const start = () => {
  const found = codeIn(location.hash)
  if (location.hash) history.replaceState(null, '', location.pathname)
  if (handover) write('shown-said', 'To open another link, use a new tab. This tab still shows the first password.')
  if (handover || isBusy) return
  code = found
  show(!crypto.subtle ? 'unsupported' : code ? 'ask-digits' : 'ask-link')
}

const useLink = () => {
  const found = codeIn(linkInput.value)
  if (found) {
    code = found
    linkInput.value = ''
    show('ask-digits')
    digitsInput.focus()
  } else {
    write('link-said', 'This text has no complete link. A link ends with a # and 43 characters.')
    linkInput.focus()
  }
}

const sayDigits = (text: string, isWrong = true) => {
  if (element('ask-digits').hidden) show('ask-digits')
  write('digits-said', text)
  digitsInput.setAttribute('aria-invalid', String(isWrong))
}

/** Shows an answer after which the same link can be tried again. Answers whether this was such an answer. */
const showObstacle = (answer: Answer, said: string) => {
  if (answer.state === 'wrong-digits') {
    const { triesLeft } = answer
    sayDigits(
      'These are not the last four digits of the account’s number. ' +
        (triesLeft > 0
          ? `You have ${triesLeft} more ${triesLeft === 1 ? 'try' : 'tries'}.`
          : 'After so many wrong tries, the link is locked for a while.'),
    )
    digitsInput.select()
  } else if (answer.state === 'locked')
    sayDigits(`After too many wrong tries, the link is locked until ${timeOf(answer.until)}. Try again then.`, false)
  else if (answer.state === 'not-sealed')
    write(said, `Your password is not ready yet. Your link still works. Try again later, or ask ${contact}.`)
  else if (answer.state === 'failed')
    write(
      said,
      `The service does not answer. Leave this page open and try again. If the service still does not answer, ask ${contact}.`,
    )
  else return false
  return true
}

const showClaimed = ({ at, network, browser, disowned }: Answer & { state: 'claimed' }) => {
  write('claimed-at', timeOf(at))
  element<HTMLTimeElement>('claimed-at').dateTime = at
  write('claimed-network', network)
  write('claimed-browser', browser)
  element('can-disown').hidden = disowned
  element('was-disowned').hidden = !disowned
  goTo('claimed')
}

const mask = (isMasked: boolean) => {
  write('password', isMasked ? '•'.repeat(12) : (handover?.password ?? ''))
  write('reveal-word', isMasked ? 'Show' : 'Hide')
}

const showHandover = (opened: Handover) => {
  handover = opened
  write('account-name', opened.accountName)
  write('account-id', opened.accountId)
  write('sign-in-url', opened.signInUrl)
  element<HTMLAnchorElement>('sign-in-url').href = opened.signInUrl
  write('user-name', opened.userName)
  element('must-change').hidden = !opened.mustChangePassword
  mask(true)
  goTo('shown')
}

const showAnswer = async (answer: Answer, { scalar, said }: { scalar: string; said: string }) => {
  if (showObstacle(answer, said)) return
  if (answer.state === 'claimed') return showClaimed(answer)
  if (answer.state !== 'claimed-now') return goTo(answer.state)
  try {
    const text = await openBox({ scalar, publicKey: answer.publicKey, box: answer.box })
    showHandover(JSON.parse(text) as Handover)
  } catch {
    goTo('unopened')
  }
}

/** Sends what the person asks for, unless an earlier request is still on its way. `said` is where to tell of a wait. */
const send = async (path: '/claim' | '/disown', said: string) => {
  if (isBusy || !code || !digits) return
  isBusy = true
  const scalar = code
  document.body.setAttribute('aria-busy', 'true')
  write(said, 'One moment…')
  const answer = await ask(path, { id: await linkId(scalar), digits, ...(path === '/claim' && { nonce }) }, (reason) =>
    write(
      said,
      reason === 'failed'
        ? 'The service does not answer. This page tries again…'
        : 'Your password is not ready yet. This page waits for up to two minutes…',
    ),
  )
  isBusy = false
  document.body.removeAttribute('aria-busy')
  await showAnswer(answer, { scalar, said })
}

const claim = async () => {
  if (isBusy) return
  const typed = digitsInput.value.replace(/[\s-]/g, '')
  // Some people type the whole number.
  if (!/^(\d{8})?\d{4}$/.test(typed)) {
    sayDigits('Type the last four digits of the account’s number.')
    return digitsInput.focus()
  }
  digits = typed.slice(-4)
  digitsInput.removeAttribute('aria-invalid')
  await send('/claim', 'digits-said')
}

/** Answers whether the browser copied the text. */
const copy = (text: string, what: string) =>
  navigator.clipboard.writeText(text).then(
    () => {
      write('shown-said', `The ${what} is copied.`)
      return true
    },
    () => {
      write('shown-said', `Your browser does not let this page copy. Select the ${what}, and copy it yourself.`)
      return false
    },
  )

const download = (credential: Handover) => {
  const link = document.createElement('a')
  link.href = URL.createObjectURL(new Blob([credentialsFile([credential])], { type: 'text/csv' }))
  link.download = `${credential.userName}_credentials.csv`
  link.click()
  URL.revokeObjectURL(link.href)
  isKept = true
  write('shown-said', 'The file has your password. Delete the file when you do not need it any more.')
}

submitted('link-form', useLink)
submitted('digits-form', claim)
pressed('disown', () => send('/disown', 'claimed-said'))
/** What can be done only when there is a password. */
const pressedWhenShown = (id: string, run: (shown: Handover) => unknown) => pressed(id, () => handover && run(handover))
pressedWhenShown('copy-user-name', ({ userName }) => copy(userName, 'user name'))
pressedWhenShown('copy-password', async ({ password }) => {
  if (await copy(password, 'password')) isKept = true
})
pressedWhenShown('reveal', () => {
  mask(element('reveal-word').textContent === 'Hide')
  isKept = true
})
pressedWhenShown('download', download)
for (const button of document.querySelectorAll('.another'))
  button.addEventListener('click', () => {
    show('ask-link')
    linkInput.focus()
  })
addEventListener('hashchange', start)
// The link does not show the password again.
addEventListener('beforeunload', (event) => handover && !isKept && event.preventDefault())
start()
