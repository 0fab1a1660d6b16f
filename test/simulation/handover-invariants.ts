import { createHash } from 'node:crypto'
import { unmarshall } from '@aws-sdk/util-dynamodb'
import { claimDisowned, disownedIn, linkClaimed } from '../../functions/shared/event-shape.ts'
import { type Handover, nonceHash } from '../../functions/shared/handover.ts'
import { type Box, openBox } from '../../functions/shared/sealed-box.ts'
import { secretName } from '../../functions/shared/secret-name.ts'
import type { Vending } from '../../functions/shared/vending.ts'
import type { Interception } from '../../local/aws/endpoint.ts'
import type { Execution } from '../../local/aws/step-functions-execution.ts'
import { accountOfExecution } from '../../local/read-execution.ts'
import type { World } from '../../local/aws/world.ts'
import type { inMemoryDynamoDB } from './dynamodb.ts'
import type { Invocation } from './service.ts'

/** A link that a sign-in mail carried. */
export type MailedLink = {
  accountId: string
  userName: string
  email: string
  scalar: string
  /** The version of the password that the mail was about. */
  version: string
}
type Answer = { id: string; nonce?: string; status: number; body: Record<string, unknown>; text: string }
type Given = {
  world: World
  vending: Vending
  ledger: ReturnType<typeof inMemoryDynamoDB>
  executions: () => Execution[]
  /** Whether a person has chosen a password. */
  hasChosen: (accountId: string, userName: string) => boolean
  isImpossible: (accountId: string) => boolean
  broken: (invariant: string, what: string) => void
}
export type HandoverInvariants = ReturnType<typeof handoverInvariantsOf>

const invariant = '10 handover'
/** The page that claimed gets the same answer for 10 minutes. */
const repeats = 10 * 60_000
/** A request is answered within this time after the handover was read. */
const slowest = 60_000

const idOf = (scalar: string) => createHash('sha256').update(scalar).digest('base64url')
const keyOf = ({ accountId, userName }: { accountId: string; userName: string }) =>
  `${accountId}#${userName.toLowerCase()}`
const isDisownedVend = ({ input }: Execution) => disownedIn(JSON.parse(input)) !== undefined

/** Checks the promises of the handover in one world. `broken` is called for each promise that is broken. */
export const handoverInvariantsOf = ({
  world,
  vending,
  ledger,
  executions,
  hasChosen,
  isImpossible,
  broken: say,
}: Given) => {
  const broken = (what: string) => say(invariant, what)
  const links: MailedLink[] = []
  const mails: string[] = []
  const answers: string[] = []
  /** The claim of each version of a password, by `account#user#version`. */
  const claims = new Map<string, { linkId: string; nonce: string; at: string }>()
  const answeredClaims = new Set<string>()
  const disownedClaims: (MailedLink & { at: string })[] = []
  /** Passwords that somebody has signed in with. */
  const used = new Set<string>()
  /** When people were told last of a claim of a user, by type and user: of the last claim, whichever event came. */
  const told = new Map<string, number>()
  const lost = new Set<string>()

  const handoverOf = (link: { accountId: string; userName: string }) => {
    const item = ledger.item(`handover#${keyOf(link)}`)
    return item && (unmarshall(item) as Handover)
  }
  const passwordOf = ({ accountId, userName, version }: MailedLink) =>
    world.secrets.get(secretName(accountId, userName))?.versions.get(version)?.value
  const loginOf = ({ accountId, userName }: MailedLink) =>
    world.accounts.get(accountId)?.users.get(userName.toLowerCase())?.login
  /** While an execution is at work, or waits for a redrive, a stored password may not be set yet. */
  const isUnsettled = (accountId: string) =>
    executions().some((one) => one.status !== 'SUCCEEDED' && accountOfExecution(one) === accountId)
  const whoseOf = ({ userName, accountId }: MailedLink) => `${userName} of ${accountId}`

  /** Checks after every call of a function that reached AWS. */
  const called = ({ operation, input }: Pick<Interception, 'operation' | 'input'>, by: Invocation) => {
    if (operation !== 'UpdateItem' && operation !== 'PutItem') return
    const { routeKey = '' } = by.input as { routeKey?: string }
    if (/^(GET|HEAD)/.test(routeKey)) broken(`${routeKey} changed the ledger`)
    const { pk } = (input['Key'] ?? {}) as { pk?: { S: string } }
    const [kind, accountId = '', userName = ''] = pk?.S.split('#') ?? []
    const { secretVersion, claim } = (kind === 'handover' && handoverOf({ accountId, userName })) || {}
    if (!claim) return
    const key = `${accountId}#${userName}#${secretVersion}`
    const { linkId, nonce, at } = claim
    const first = claims.get(key)
    if (!first) claims.set(key, { linkId, nonce, at })
    else if (first.at !== at || first.nonce !== nonce || first.linkId !== linkId)
      broken(`the password of ${userName} of ${accountId} was claimed twice`)
  }

  /** After a mail that SendLoginEmail or ReportClaim sent. Answers the link in the mail, if there is one. */
  const mailed = (by: Invocation, to: string[], text: string): MailedLink | undefined => {
    mails.push(text)
    if (by.name === 'report-claim') {
      const { 'detail-type': type, detail } = by.input as {
        'detail-type': string
        detail: { accountId: string; userName: string }
      }
      told.set(`${type} ${keyOf(detail)}`, world.now())
      if (type === claimDisowned && to.join() !== vending.notify.join())
        broken(`the disowned claim of ${whoseOf(detail as never)} was told to ${to.join()}`)
    }
    if (by.name !== 'send-login-email') return undefined
    const { account, admin, secretVersion, vend } = by.input as {
      account: { id: string }
      admin: { userName: string; email: string }
      secretVersion: string
      vend: { executionArn: string }
    }
    if (executions().some((one) => one.executionArn === vend.executionArn && isDisownedVend(one)))
      broken(`${admin.userName} of ${account.id} was mailed by the vend that a disowned claim started`)
    const scalar = /\/link#([\w-]{43})(?![\w-])/.exec(text)?.[1]
    if (!scalar) {
      broken(`the mail to ${admin.userName} of ${account.id} has no link`)
      return undefined
    }
    const { userName, email } = admin
    const link = { accountId: account.id, userName, email, scalar, version: secretVersion }
    links.push(link)
    return link
  }

  /** Before a request of the page. */
  const visited = (link: MailedLink) => {
    const { secretVersion, claim } = handoverOf(link) ?? {}
    return { link, before: secretVersion, wasDisowned: claim?.disownedAt !== undefined }
  }

  const answered = (
    { link, before, wasDisowned }: ReturnType<typeof visited>,
    { id, nonce = '', status, body, text }: Answer,
  ) => {
    answers.push(text)
    const now = world.now()
    const claim = claims.get(`${keyOf(link)}#${link.version}`)
    const isOwn = claim?.linkId === id && claim.nonce === nonceHash(nonce)
    const isDisowned = handoverOf(link)?.claim?.disownedAt !== undefined
    if (status === 409 && nonce && isOwn && !isDisowned && now - Date.parse(claim.at) < repeats - slowest)
      broken(`the page that claimed the password of ${whoseOf(link)} was answered “${String(body['state'])}”`)
    const box = body['box'] as Box | undefined
    if (!box) return
    if (status !== 200) broken(`the answer ${status} has a box`)
    if (before !== link.version) broken(`a link of ${whoseOf(link)} to an earlier password was opened`)
    if (wasDisowned) broken(`the password of ${whoseOf(link)} was answered after its claim was disowned`)
    if (!claim) broken(`the password of ${whoseOf(link)} was answered before its claim was on record`)
    else if (!isOwn) broken(`the password of ${whoseOf(link)} was answered to two visitors`)
  }

  /**
   * Checks what the page shows. `text` is the opened box, or empty if the box does not open. Answers the password.
   */
  const opened = (link: MailedLink, _: { publicKey: string; box: Box; claimedAt: string }, text: string) => {
    if (!text) {
      broken(`the link of ${whoseOf(link)} does not open the box that was answered`)
      return ''
    }
    const shown = JSON.parse(text) as { accountId: string; userName: string; password: string }
    if (keyOf(shown) !== keyOf(link)) broken(`the link of ${whoseOf(link)} shows the password of ${keyOf(shown)}`)
    if (passwordOf(link) !== undefined && shown.password !== passwordOf(link))
      broken(`the link of ${whoseOf(link)} shows another password than its own`)
    checkSignsIn(link, shown.password)
    return shown.password
  }
  const checkSignsIn = (link: MailedLink, password: string) => {
    const login = loginOf(link)
    if (!login || hasChosen(link.accountId, link.userName) || isUnsettled(link.accountId)) return
    // An operator may have asked for a new password a moment ago.
    const { secretVersion, claim } = handoverOf(link) ?? {}
    if (secretVersion !== link.version || claim?.disownedAt !== undefined) return
    if (login.password !== password) broken(`${whoseOf(link)} cannot sign in with the password that the link shows`)
  }

  /** Checks after everything has healed. */
  const atEnd = async () => {
    const isThere = ({ accountId }: MailedLink) =>
      world.accounts.get(accountId)?.state === 'ACTIVE' && !isImpossible(accountId)
    const isTold = (type: string, whose: { accountId: string; userName: string }, at: string) =>
      (told.get(`${type} ${keyOf(whose)}`) ?? 0) >= Date.parse(at)
    for (const claim of disownedClaims) {
      const key = `${keyOf(claim)} ${claim.at}`
      if (!isTold(claimDisowned, claim, claim.at) && !lost.has(`${claimDisowned} ${key}`))
        broken(`nobody was told that the claim of ${whoseOf(claim)} was disowned`)
      const password = passwordOf(claim)
      if (lost.has(`${claimDisowned} ${key}`) || used.has(`${keyOf(claim)} ${password}`) || !isThere(claim)) continue
      if (loginOf(claim)?.password === password)
        broken(`${whoseOf(claim)} can still sign in with the password that somebody else has seen`)
    }
    for (const link of links) {
      const there = handoverOf(link)
      const on = there?.links[idOf(link.scalar)]
      const isReplaced = there !== undefined && there.secretVersion !== link.version
      if (isReplaced || !isThere(link)) continue
      if (!there || !on) {
        broken(`a link that was mailed to ${whoseOf(link)} is not on record`)
        continue
      }
      const isOver = there.claim !== undefined || Date.parse(on.expiresAt) <= world.now()
      // The notice of the failed vend says so.
      if (isOver || (!on.box && isUnsettled(link.accountId))) continue
      const { publicKey, box } = on
      if (!box) broken(`a link that was mailed to ${whoseOf(link)} cannot be used`)
      else
        opened(
          link,
          { publicKey, box, claimedAt: '' },
          await openBox({ scalar: link.scalar, publicKey, box }).catch(() => ''),
        )
    }
    for (const [key, { at }] of claims) {
      const [accountId = '', userName = ''] = key.split('#')
      const about = `${linkClaimed} ${accountId}#${userName} ${at}`
      if (answeredClaims.has(key) && !lost.has(about) && !isTold(linkClaimed, { accountId, userName }, at))
        broken(`nobody was told that the password of ${userName} of ${accountId} was shown`)
    }
  }

  return {
    called,
    mailed,
    visited,
    answered: (noted: ReturnType<typeof visited>, answer: Answer) => {
      answered(noted, answer)
      if (answer.status === 200 && 'box' in answer.body)
        answeredClaims.add(`${keyOf(noted.link)}#${noted.link.version}`)
    },
    opened,
    /** After somebody was told that the claim is on record as disowned. */
    disowned: (link: MailedLink) => {
      const claim = claims.get(`${keyOf(link)}#${link.version}`)
      if (claim) disownedClaims.push({ ...link, at: claim.at })
      else broken(`a claim of ${whoseOf(link)} was disowned that is not on record`)
    },
    /** EventBridge has lost an event about a claim. */
    lost: (detailType: string, detail: { accountId: string; userName: string; at: string }) =>
      lost.add(`${detailType} ${keyOf(detail)} ${detail.at}`),
    /** Somebody has signed in with this password. */
    used: (accountId: string, userName: string, password: string) =>
      used.add(`${keyOf({ accountId, userName })} ${password}`),
    atEnd,
    /** The links' secret parts, each of which only its own mail may have. */
    scalars: () => links.map(({ scalar }) => scalar),
    checkMails: () => {
      for (const { scalar, userName, accountId } of links)
        if (mails.filter((mail) => mail.includes(scalar)).length !== 1)
          broken(`the key of a link of ${userName} of ${accountId} is in several mails`)
    },
    answers: () => answers.join(),
    /** Whether the vend of a disowned claim made this version: it is mailed to nobody. */
    isSilent: (version: string | undefined) =>
      executions().some(
        (one) =>
          isDisownedVend(one) && createHash('sha256').update(one.executionArn).digest('hex').slice(0, 32) === version,
      ),
  }
}
