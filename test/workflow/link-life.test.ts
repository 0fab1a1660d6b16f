import fc from 'fast-check'
import { beforeAll, expect, test } from 'vitest'
import { linkId, openBox } from '../../functions/shared/sealed-box.ts'
import { aLinkWorld, type LinkWorld } from '../simulation/link-world.ts'
import { randomFrom } from '../simulation/random.ts'
import { loadService, type Service } from '../simulation/service.ts'
import { inVirtualTime, sleep } from '../simulation/virtual-time.ts'
import { scalarIn } from '../support/link.ts'
import { vendingFile } from '../support/organization.ts'

// The life of links, step by step: a model says what each step must answer, and the real functions must agree.

let service: Service
beforeAll(async () => void (service = await loadService(vendingFile())))

const minute = 60_000
const day = 24 * 60 * minute
const email = 'ada@example.com'
const admins = [{ userName: 'ada', email }]

type MailedLink = { scalar: string; version: number; endsAt: number; isDeleted: boolean }
type Claim = { link: number; nonce: number; at: number; password: string; isDisowned: boolean }
type Model = {
  links: MailedLink[]
  /** The version of the password. 0: the user has none yet. */
  version: number
  /** The version that the links on record are for. */
  handedOver: number
  claim?: Claim | undefined
  signsIn: boolean
}
type Command = fc.AsyncCommand<Model, LinkWorld>

const noncesOf = ['n', 'm', 'o'].map((letter) => letter.repeat(22))
const passwordIn = ({ account }: LinkWorld) => account.users.get('ada')?.login?.password ?? ''
const signInMails = ({ mails }: LinkWorld) => mails.filter(({ subject }) => subject.startsWith('Sign in'))

/** Takes up the links of the mails that came since `before`. */
const takeUp = (model: Model, real: LinkWorld, { before, expected }: { before: number; expected: number }) => {
  const came = signInMails(real).slice(before)
  expect(came).toHaveLength(expected)
  for (const { to, text } of came) {
    expect(to).toEqual([email])
    const endsAt = Date.now() + 7 * day
    model.links.push({ scalar: scalarIn(text), version: model.version, endsAt, isDeleted: false })
  }
  if (!expected) return
  if (model.handedOver !== model.version) model.claim = undefined
  model.handedOver = model.version
}

/** A request for the administrator, again: mails a password that nobody was mailed about. */
class Mail implements Command {
  readonly twice: boolean
  constructor(twice: boolean) {
    this.twice = twice
  }
  check = () => true
  async run(model: Model, real: LinkWorld) {
    const before = signInMails(real).length
    const { status } = await real.vend({ admins, again: true }, this)
    expect(status).toBe('SUCCEEDED')
    model.version ||= 1
    const isMailed = model.signsIn || model.handedOver === model.version
    takeUp(model, real, { before, expected: isMailed ? 0 : this.twice ? 2 : 1 })
  }
  toString = () => `mail${this.twice ? ' twice' : ''}`
}

class Renew implements Command {
  readonly twice: boolean
  constructor(twice: boolean) {
    this.twice = twice
  }
  check = ({ version }: Readonly<Model>) => version > 0
  async run(model: Model, real: LinkWorld) {
    const [before, password] = [signInMails(real).length, passwordIn(real)]
    const { status } = await real.vend({ renew: 'ada' }, this)
    expect(status).toBe('SUCCEEDED')
    expect(passwordIn(real) === password).toBe(model.signsIn)
    if (!model.signsIn) model.version++
    takeUp(model, real, { before, expected: model.signsIn ? 0 : this.twice ? 2 : 1 })
  }
  toString = () => `renew${this.twice ? ', mailed twice' : ''}`
}

type Expected = { status: number; state: string }
/** What stands in the way of a link, whatever the page asks. */
const ended = (model: Model, { isDeleted, version }: MailedLink): Expected | undefined => {
  if (isDeleted) return { status: 404, state: 'unknown' }
  if (version !== model.handedOver) return { status: 410, state: 'replaced' }
  return undefined
}

class Open implements Command {
  readonly link: number
  readonly nonce: number
  constructor(link: number, nonce: number) {
    this.link = link
    this.nonce = nonce
  }
  check = ({ links }: Readonly<Model>) => links.length > this.link
  #expected(model: Model, link: MailedLink): Expected {
    const { claim } = model
    const stopped = ended(model, link)
    if (stopped) return stopped
    const isOwn = claim?.link === this.link && claim.nonce === this.nonce && Date.now() - claim.at < 10 * minute
    if (isOwn && !claim.isDisowned) return { status: 200, state: 'claimed-now' }
    if (claim) return { status: 409, state: 'claimed' }
    if (link.endsAt <= Date.now()) return { status: 410, state: 'expired' }
    return { status: 200, state: 'claimed-now' }
  }
  async run(model: Model, real: LinkWorld) {
    const link = model.links[this.link]!
    const expected = this.#expected(model, link)
    const asked = { id: await linkId(link.scalar), digits: '6666', nonce: noncesOf[this.nonce] }
    const { status, body } = await real.post('/link/claim', asked)
    await real.settled()
    expect({ status, state: body['state'] }).toEqual(expected)
    if (status === 409) expect(body['disowned']).toBe(model.claim?.isDisowned)
    if (status !== 200) return expect(body).not.toHaveProperty('box')
    const opened = JSON.parse(
      await openBox({ ...(body as never as { publicKey: string; box: never }), scalar: link.scalar }),
    ) as Record<string, string>
    model.claim ??= {
      link: this.link,
      nonce: this.nonce,
      at: Date.now(),
      password: passwordIn(real),
      isDisowned: false,
    }
    expect(opened['password']).toBe(model.claim.password)
    return undefined
  }
  toString = () => `open link ${this.link} by page ${this.nonce}`
}

class Disown implements Command {
  readonly link: number
  constructor(link: number) {
    this.link = link
  }
  check = ({ links }: Readonly<Model>) => links.length > this.link
  async run(model: Model, real: LinkWorld) {
    const link = model.links[this.link]!
    const [mails, password] = [real.mails.length, passwordIn(real)]
    const { claim } = model
    const expected =
      ended(model, link) ?? (claim ? { status: 200, state: 'disowned' } : { status: 409, state: 'not-claimed' })
    const { status, body } = await real.post('/link/disown', { id: await linkId(link.scalar), digits: '6666' })
    await real.settled()
    expect({ status, state: body['state'] }).toEqual(expected)
    const isFirst = status === 200 && !claim?.isDisowned
    const isReplaced = isFirst && !model.signsIn
    expect(passwordIn(real) !== password).toBe(isReplaced)
    // The platform team is told, once, and nobody else.
    expect(real.mails.slice(mails).map(({ to }) => to)).toEqual(isFirst ? [['platform-team@example.com']] : [])
    if (isFirst && claim) claim.isDisowned = true
    if (isReplaced) model.version++
  }
  toString = () => `that was not me, by link ${this.link}`
}

class SignIn implements Command {
  check = ({ version }: Readonly<Model>) => version > 0
  async run(model: Model, { account, world }: LinkWorld) {
    const user = account.users.get('ada')
    if (user) user.passwordLastUsed = world.now()
    model.signsIn = true
    return Promise.resolve()
  }
  toString = () => 'sign in'
}

class Wait implements Command {
  readonly days: number
  constructor(days: number) {
    this.days = days
  }
  check = () => true
  async run() {
    // A timer of Node has at most 24 days.
    for (let left = this.days * day; left > 0; left -= 20 * day) await sleep(Math.min(left, 20 * day))
  }
  toString = () => `wait ${this.days} days`
}

/** DynamoDB deletes a link that ended 90 days ago: late, or not yet. */
class Expire implements Command {
  check = () => true
  async run({ links }: Model, { expire }: LinkWorld) {
    expire()
    for (const link of links) link.isDeleted ||= link.endsAt + 90 * day < Date.now()
    return Promise.resolve()
  }
  toString = () => 'DynamoDB deletes'
}

const aLink = fc.nat({ max: 3 })
const steps = [
  fc.boolean().map((twice) => new Mail(twice)),
  fc.boolean().map((twice) => new Renew(twice)),
  fc.tuple(aLink, fc.nat({ max: 2 })).map(([link, nonce]) => new Open(link, nonce)),
  fc.tuple(aLink, fc.nat({ max: 2 })).map(([link, nonce]) => new Open(link, nonce)),
  aLink.map((link) => new Disown(link)),
  fc.constant(new SignIn()),
  fc.constantFrom(11 / 24 / 60, 1, 8, 100).map((days) => new Wait(days)),
  fc.constant(new Expire()),
]

const live = (commands: Iterable<Command>) =>
  inVirtualTime(randomFrom('life'), () =>
    fc.asyncModelRun(
      () => ({ model: { links: [], version: 0, handedOver: 0, signsIn: false }, real: aLinkWorld(service) }),
      commands,
    ),
  )

test('whatever happens to links, each step answers as the model says', async () => {
  await fc.assert(fc.asyncProperty(fc.commands(steps, { maxCommands: 25, size: 'max' }), live), { numRuns: 60 })
})

test('a whole life: mailed twice, claimed, claimed by another, disowned, renewed, expired, deleted', async () => {
  await live([
    new Mail(true),
    new Open(0, 0),
    new Open(0, 0),
    new Open(1, 1),
    new Disown(1),
    new Open(1, 1),
    new Renew(false),
    new Open(0, 0),
    new Wait(8),
    new Open(2, 0),
    new Renew(false),
    new Open(3, 2),
    new SignIn(),
    new Disown(3),
    new Wait(100),
    new Open(3, 1),
    new Expire(),
    new Open(3, 1),
  ])
})
