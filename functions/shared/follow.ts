import { createHash } from 'node:crypto'
import { addressIdentity, isAllowedRecipient } from './address.ts'
import { type Handover, openLinks, readHandover } from './handover.ts'
import { type Change, entries, type Kind, type Ledger, readItem, updateItem } from './ledger.ts'
import type { AdminSeen } from './look.ts'
import { type MailStatus, mailTags, readMail } from './mail-events.ts'
import { type AccountRecord, mailTo } from './record-and-lease.ts'
import type { Vending } from './vending.ts'
import { vendOf } from './vend.ts'

// What the daily round does for an administrator who has not signed in, and the items about what it has done.

/** What the round can do for an administrator. */
export type Act =
  | { do: 'remind'; day: number }
  /** A vend mails a new link with a new password. */
  | { do: 'renew' }
  /** A vend takes the console sign-in and the secret away. */
  | { do: 'remove' }
  /** The secret is scheduled for deletion. */
  | { do: 'end-secret' }

/** The name under which an act is on record: `remind-2`, `renew`. */
export const actName = (act: Act) => (act.do === 'remind' ? `remind-${act.day}` : act.do)

/** What is on record for `end-secret` if the secret has another password than the sign-in mail is about. */
export const keptSecret = 'kept: it has another password'

/** What the round has done for an administrator since a sign-in mail. A later sign-in mail begins a new item. */
export type FollowUp = {
  accountId: string
  userName: string
  /** The version of the password that the mail is about. */
  secretVersion: string
  /** Whom the mail went to. */
  email: string
  /** When the mail was sent, ISO 8601. For a link that the round renewed, when the first mail was sent. */
  since: string
  /** Whether the mail has the link with which the round replaced a link that nobody opened. */
  isRenewed: boolean
  /** What was done, by the name of the act. `by` is a mail's message id, an execution's name, or the secret's fate. */
  done: Record<string, { at: string; by: string }>
  /** What was done after the link that the round has renewed, for people. */
  doneBefore: FollowUp['done']
}

/** The name under which a timeline has what the round did. The other names are those of the workflow's states. */
export const followUpState = 'FollowUp'

/** What was done, for people, in the order of time. `act` is the name of the act. */
export const actsDone = ({ done, doneBefore }: Pick<FollowUp, 'done' | 'doneBefore'>) =>
  [...Object.entries(doneBefore), ...Object.entries(done)]
    .flatMap(([act, { at, by }]) => (by === keptSecret ? [] : [{ act, at }]))
    .sort((a, b) => a.at.localeCompare(b.at))

const words: Record<Exclude<Act['do'], 'remind'>, string> = {
  renew: 'new link, because nobody opened the last one',
  remove: 'sign-in to be taken away, because nobody has signed in',
  'end-secret': 'secret scheduled for deletion, because it has served',
}

/** What an act is, by its name. */
export const actWords = (name: string) =>
  name in words ? words[name as keyof typeof words] : `reminder of day ${name.replace('remind-', '')}`

type Administrator = { accountId: string; userName: string }

const followKey = ({ accountId, userName }: Administrator) => `follow#${accountId}#${userName.toLowerCase()}`

/** Reads what the round has done for an administrator; undefined if it has done nothing yet. */
export const readFollowUp = (ledger: Ledger, administrator: Administrator) =>
  readItem<FollowUp>(ledger, followKey(administrator))

/** What the round has done for every administrator, by `accountId#userName` with the name in lower case. */
export const allFollowUps: Kind<FollowUp, Map<string, FollowUp>> = {
  prefix: 'follow#',
  attributes: ['accountId', 'userName', 'secretVersion', 'email', 'since', 'isRenewed', 'done', 'doneBefore'],
  collect: (followUps) => followUps,
}

const changeFollowUp = (ledger: Ledger, administrator: Administrator, change: Change<FollowUp>) =>
  updateItem(ledger, followKey(administrator), change)

/** Puts the item of a new sign-in mail on record, in the place of the item of the mail before. */
export const beginFollowUp = (
  ledger: Ledger,
  { accountId, userName, secretVersion, email, since, isRenewed, doneBefore }: FollowUp,
) =>
  changeFollowUp(
    ledger,
    { accountId, userName },
    {
      set: { accountId, userName, secretVersion, email, since, isRenewed, done: {}, doneBefore },
      condition: ({ value }) =>
        `attribute_not_exists(pk) OR secretVersion <> ${value(secretVersion)} OR email <> ${value(email)}`,
    },
  )

/** Records that an act was done, on condition that there is no later sign-in mail. An act that is on record stays. */
export const recordAct = (
  ledger: Ledger,
  { secretVersion, email, ...administrator }: Pick<FollowUp, keyof Administrator | 'secretVersion' | 'email'>,
  act: Act,
  by: string,
) =>
  changeFollowUp(ledger, administrator, {
    set: { done: entries<FollowUp['done']>({ [actName(act)]: { at: new Date().toISOString(), by } }) },
    condition: ({ name, value }) =>
      `secretVersion = ${value(secretVersion)} AND email = ${value(email)} AND ` +
      `attribute_not_exists(done.${name(actName(act))})`,
  })

/** A sign-in mail, as the account's record has it. */
type SignInMail = { at: string; secretVersion: string; vendId?: string }

/**
 * The name of the execution with which the round acts on a sign-in mail. The same mail has the same name, so that Step
 * Functions starts one execution, however often the round asks.
 */
export const followUpExecution = (
  what: 'renew' | 'remove',
  { accountId, userName, secretVersion, email }: Pick<FollowUp, keyof Administrator | 'secretVersion' | 'email'>,
) => {
  const mail = JSON.stringify([userName.toLowerCase(), secretVersion, addressIdentity(email)])
  return `${what}-${accountId}-${createHash('sha256').update(mail).digest('hex').slice(0, 16)}`
}

/** The item of a sign-in mail: the item on record, or a new item if there is none or if it is about an earlier mail. */
export const followUpOf = (
  before: FollowUp | undefined,
  { accountId, userName, email, mail }: Administrator & { email: string; mail: SignInMail },
  stateMachineArn: string,
): FollowUp => {
  const { secretVersion, at, vendId } = mail
  if (before?.secretVersion === secretVersion && before.email === email) return before
  const renewal = before && followUpExecution('renew', before)
  const isRenewed = renewal !== undefined && vendId === vendOf(executionArn(stateMachineArn, renewal)).id
  return {
    accountId,
    userName,
    secretVersion,
    email,
    since: isRenewed ? before!.since : at,
    isRenewed,
    done: {},
    doneBefore: isRenewed ? before!.done : {},
  }
}

const executionArn = (stateMachineArn: string, name: string) =>
  `${stateMachineArn.replace(':stateMachine:', ':execution:')}:${name}`

/** What is known about an administrator. */
export type Facts = {
  accountId: string
  admin: { userName: string; email: string; kept: boolean; passwordResetRequired: boolean }
  /** The last sign-in mail to this address. */
  mail: SignInMail
  /** What became of the mail, and SES's reason; undefined if SES has not told. */
  mailStatus: MailStatus | undefined
  mailReason?: string | undefined
  handover: Handover | undefined
  /** What the round saw in the account a moment ago. */
  seen: AdminSeen
  followUp: FollowUp
}

/** What the ledger knows about an administrator. `accountName` is as in the sign-in mail. */
export type FactsOnRecord = Omit<Facts, 'seen'> & { accountName: string }

/** Reads what is known about an administrator; undefined for a kept user, and for a user who was never mailed. */
export const readFacts = async (
  ledger: Ledger,
  { accountId, record, admin }: { accountId: string; record: AccountRecord; admin: AccountRecord['admins'][string] },
  stateMachineArn: string,
): Promise<FactsOnRecord | undefined> => {
  const { userName, email, kept } = admin
  const mail = mailTo(record, admin)
  if (kept || !mail) return undefined
  const [before, handover, mailed] = await Promise.all([
    readFollowUp(ledger, { accountId, userName }),
    readHandover(ledger, { accountId, userName }),
    mail.vendId ? readMail(ledger, mailTags(mail.vendId, userName)) : undefined,
  ])
  return {
    accountId,
    accountName: mailed?.accountName ?? record.accountName,
    admin,
    mail,
    mailStatus: mailed?.status,
    mailReason: mailed?.reason,
    handover,
    followUp: followUpOf(before, { accountId, userName, email, mail }, stateMachineArn),
  }
}

export type FollowConfig = Pick<
  Vending,
  'delivery' | 'linkDays' | 'mfa' | 'allowedRecipients' | 'reminders' | 'unclaimed' | 'secretAfterSignIn'
>

const day = 24 * 60 * 60 * 1000

/** What became of the link in a sign-in mail; `none` if the mail has no link, because it names the secret. */
export const linkIn = (handover: Handover | undefined, { secretVersion }: { secretVersion: string }, now: number) => {
  if (handover?.secretVersion !== secretVersion) return 'none'
  if (handover.claim) return handover.claim.disownedAt ? 'disowned' : 'claimed'
  return openLinks(handover, secretVersion, now).length ? 'open' : 'ended'
}

/** What an administrator has yet to do; undefined for an administrator who has settled. */
export const missingOf = (seen: AdminSeen, { mfa }: Pick<FollowConfig, 'mfa'>) => {
  if (!seen.hasSignedIn) return 'sign-in'
  if (seen.mustChangePassword) return 'password'
  return mfa === 'required' && !seen.hasMfa ? 'mfa' : undefined
}

/** A reminder that would come later than this is not sent any more: no round ran for so many days. */
const latestDays = 7

/**
 * What the round must do for an administrator now, in this order. Nothing happens twice for the same sign-in mail, and
 * nothing without a sign-in mail.
 *
 * - `remind`: on the configured days after the mail, until the administrator has settled. Not after the link's end.
 * - `renew`: when the link has ended and nobody has opened it. A link that was renewed is not renewed again.
 * - `remove`: when nobody has signed in for as long as `unclaimed` says.
 * - `end-secret`: when the administrator has signed in and chosen a password of their own.
 *
 * Nothing is mailed to an address from which mails come back, to a mailbox that somebody else may read, or to an
 * address outside of `allowedRecipients`.
 */
export const nextActs = (facts: Facts, config: FollowConfig, now = Date.now()): Act[] => {
  const { admin, mail, handover, seen, followUp } = facts
  const isDone = (act: Act) => followUp.done[actName(act)] !== undefined
  if (admin.kept || !seen.isThere || !seen.hasLoginProfile) return []
  // A removal leaves whoever signs in meanwhile, and that person has yet to settle.
  if (!seen.hasSignedIn && isDone({ do: 'remove' })) return []
  const { unclaimed, reminders, secretAfterSignIn } = config
  if (!seen.hasSignedIn && unclaimed && now - Date.parse(followUp.since) >= unclaimed.removeAfterDays * day)
    return [{ do: 'remove' }]

  const acts: Act[] = []
  const missing = missingOf(seen, config)
  const isEnded = missing === 'sign-in' && linkIn(handover, mail, now) === 'ended'
  if (isEnded && canRenew(facts, config, now)) acts.push({ do: 'renew' })
  if (missing && !isEnded && mayBeMailed(facts, config, now)) {
    const age = (now - Date.parse(mail.at)) / day
    const due = Math.max(...reminders.filter((days) => days <= age))
    const isDue =
      age < due + latestDays && !reminders.some((days) => days >= due && isDone({ do: 'remind', day: days }))
    if (isDue) acts.push({ do: 'remind', day: due })
  }
  // A first password that need not be changed may still be in use.
  const isServed = seen.hasSignedIn && !seen.mustChangePassword && admin.passwordResetRequired
  if (isServed && secretAfterSignIn === 'delete') acts.push({ do: 'end-secret' })
  return acts.filter((act) => !isDone(act))
}

const troubles: (MailStatus | undefined)[] = ['bounced', 'complained', 'rejected']

const mayBeMailed = (
  { admin, mail, mailStatus, handover }: Facts,
  { allowedRecipients }: Pick<FollowConfig, 'allowedRecipients'>,
  now: number,
) =>
  !troubles.includes(mailStatus) &&
  linkIn(handover, mail, now) !== 'disowned' &&
  isAllowedRecipient(allowedRecipients, admin.email)

const canRenew = (facts: Facts, config: FollowConfig, now: number) =>
  config.delivery === 'link' && !facts.followUp.isRenewed && mayBeMailed(facts, config, now)

const dateOf = (time: string | number) => new Date(time).toISOString().slice(0, 10)

/**
 * What the platform team is told about an administrator who has not signed in in time: the kind of the finding, and a
 * sentence with the next step. Undefined if there is nothing to tell. In time means within `linkDays`.
 *
 * The finding stays while a renewed link can be opened: nobody has come yet. Mails that came back are told apart.
 */
export const hasNotCome = (
  facts: Facts,
  config: FollowConfig,
  now = Date.now(),
): { kind: 'link-unclaimed' | 'never-signed-in'; text: string } | undefined => {
  const { accountId, admin, mail, mailStatus, handover, seen, followUp } = facts
  if (admin.kept || !seen.isThere || !seen.hasLoginProfile || seen.hasSignedIn) return undefined
  if (mailStatus === 'bounced' || mailStatus === 'rejected') return undefined
  const { userName, email } = admin
  const link = linkIn(handover, mail, now)
  const removal = config.unclaimed
    ? ` The daily round removes the console sign-in of ${userName} on ${dateOf(Date.parse(followUp.since) + config.unclaimed.removeAfterDays * day)}.`
    : ''
  // The command is last, so that nobody takes the words after it for a part of it.
  const newPassword = `npx vend link ${accountId} ${userName}`
  const ask = `${removal} Ask ${userName} whether the sign-in is still needed. If so, this command makes a new password and mails ${userName}: ${newPassword}`
  const unclaimed = (text: string) => ({ kind: 'link-unclaimed' as const, text })
  const mailed = `mailed to ${email} on ${dateOf(mail.at)}`
  if (link === 'open')
    return followUp.isRenewed
      ? unclaimed(
          `${userName} did not open the link in time. The daily round made a new link, which was ${mailed}.${removal}`,
        )
      : undefined
  if (link === 'ended') {
    if (canRenew(facts, config, now))
      return unclaimed(
        `${userName} did not open the link that was ${mailed}. The same daily round mails a new link, so you have nothing to do.${removal}`,
      )
    return unclaimed(
      followUp.isRenewed
        ? `${userName} opened neither the earlier link nor the new link that was ${mailed}.${ask}`
        : `${userName} did not open the link that was ${mailed}.${ask}`,
    )
  }
  if (now - Date.parse(followUp.since) < config.linkDays * day) return undefined
  const never = (text: string) => ({ kind: 'never-signed-in' as const, text })
  if (link === 'none') return never(`${userName} has not signed in. The sign-in mail was ${mailed}.${ask}`)
  const shown = `The password of ${userName} was shown on ${dateOf(handover?.claim?.at ?? mail.at)}`
  return link === 'claimed'
    ? never(`${shown}, and nobody has signed in.${ask}`)
    : never(
        `${shown} to somebody else, and nobody has signed in.${removal} When you know who reads the mails to ` +
          `${email}, mail a new link: ${newPassword}`,
      )
}
