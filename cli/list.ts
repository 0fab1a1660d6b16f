import { styleText } from 'node:util'
import { OrganizationsClient, paginateListAccounts } from '@aws-sdk/client-organizations'
import { csvText } from '../functions/shared/csv-text.ts'
import { openFindings } from '../functions/shared/findings.ts'
import { allFollowUps, type FollowUp } from '../functions/shared/follow.ts'
import { type FollowThrough, followThroughOf, followThroughWords } from '../functions/shared/follow-through.ts'
import { allHandovers, type Handover, handoverState } from '../functions/shared/handover.ts'
import { scan } from '../functions/shared/ledger.ts'
import { allLooks, type Look } from '../functions/shared/look.ts'
import { lastMails, mailState } from '../functions/shared/mail-events.ts'
import { allIntents, allRequests, type Intent } from '../functions/shared/opening.ts'
import { toldFailures } from '../functions/shared/notes.ts'
import { type AccountRecord, allAccounts, isGone } from '../functions/shared/record-and-lease.ts'
import type { Vending } from '../functions/shared/vending.ts'
import { keepingToTheRate, type Make } from './clients.ts'
import { type LinkState, showLinkState } from './links.ts'
import { findService, serviceClients } from './service.ts'
import { showTime, table, width } from './show.ts'
import { unitOf } from './unit.ts'
import { everybodyKeptWords, isEverybodyKept, showMail, showState } from './status.ts'

type Mail = { userName: string } & ReturnType<typeof mailState>

export type Listed = {
  /** – if the account is being opened and has no id yet. */
  accountId: string
  name: string
  /** As Organizations says; – if the account is not in the organization. */
  state: string
  /** The ids of the root and of the units above the account, if Organizations tells them. */
  path?: string
  status: string
  updatedAt?: string
  error?: string
  /** True if vends of the account created nobody, because every user existed already. */
  everybodyKept?: boolean
  /** How far each administrator is with signing in, and what the daily round did about that, as far as is known. */
  followThrough?: ({ userName: string } & FollowThrough)[]
  /** When the daily round last looked at the account, ISO 8601. */
  lookedAt?: string
  /** What the round found and what is still so, the worst first. */
  findings?: ReturnType<typeof openFindings>
  /** What became of the last mail to each administrator. */
  mails?: Mail[]
  /** Why the account is never vended. */
  never?: string
  /** How many administrators have a link in each state. Missing without a link. */
  links?: Partial<Record<LinkState, number>>
}

export const listClients = (make: Make) => ({
  ...serviceClients(make),
  organizations: make(OrganizationsClient, keepingToTheRate),
})

/** Which accounts are listed: those that all of these name. */
export type Wanted = {
  /** Only these statuses; all if there are none. */
  status?: string[]
  /** An administrator can sign in and has not done so, as far as the last daily round saw. */
  neverSignedIn?: boolean
  /** An administrator has signed in and has no MFA device, as far as the last daily round saw. */
  withoutMfa?: boolean
  /** A mail did not arrive. */
  bounced?: boolean
  /** The vend has changed on this day (UTC) or later: 2026-11-28. */
  since?: string | undefined
  /** Accounts in this organizational unit and the units in it: an id, or names from the root. */
  ou?: string | undefined
}

/** Whether an account is one of those that are wanted. `unit` is the id of the wanted unit. */
export const isWanted = (
  { status, path = '', updatedAt = '', followThrough = [], mails = [] }: Listed,
  { status: statuses = [], neverSignedIn, withoutMfa, bounced, since = '' }: Wanted,
  unit: string | undefined,
) => {
  const seen = followThrough.flatMap(({ signIn, signInRemovedAt }) => (signIn && !signInRemovedAt ? [signIn] : []))
  const canSignIn = seen.filter(({ isThere, hasLoginProfile }) => isThere && hasLoginProfile)
  return (
    (!statuses.length || statuses.includes(status)) &&
    (!neverSignedIn || canSignIn.some(({ hasSignedIn }) => !hasSignedIn)) &&
    (!withoutMfa || canSignIn.some(({ hasSignedIn, hasMfa }) => hasSignedIn && !hasMfa)) &&
    (!bounced || mails.some((mail) => notArrived.includes(mail.status))) &&
    updatedAt >= since &&
    (unit === undefined || path.split('/').includes(unit))
  )
}
const notArrived: Mail['status'][] = ['bounced', 'complained', 'rejected']

/**
 * Lists all accounts of the organization, all accounts on record that left it, and those that are being opened, each
 * with the status of its vend.
 * `onProgress` hears how many accounts were read so far: Organizations lists 20 at a time, about 8 times a second.
 * Throws `NotDeployedError`, and `UsageError` if there is no such organizational unit.
 */
export async function list(
  clients: ReturnType<typeof listClients>,
  { stage, vending, ...wanted }: { stage: string; vending?: Vending } & Wanted,
  onProgress: (count: number) => void = () => undefined,
): Promise<Listed[]> {
  const { ledger, managementAccountId } = await findService(clients, stage)
  const readAccounts = async () => {
    const accounts: Omit<Listed, 'status'>[] = []
    for await (const { Accounts = [] } of paginateListAccounts({ client: clients.organizations, pageSize: 20 }, {})) {
      for (const { Id = '', Name = '', State = '', Paths: [path] = [] } of Accounts)
        accounts.push({ accountId: Id, name: Name, state: State, ...(path && { path }) })
      onProgress(accounts.length)
    }
    return accounts
  }
  const { ou } = wanted
  const [unit, accounts, { records, told, mails, handovers, looks, followUps, intents, requests }] = await Promise.all([
    ou === undefined ? undefined : unitOf(clients.organizations, ou),
    readAccounts(),
    scan(ledger, {
      records: allAccounts(['admins', 'passwords']),
      told: toldFailures,
      mails: lastMails,
      handovers: allHandovers,
      looks: allLooks,
      followUps: allFollowUps,
      intents: allIntents,
      requests: allRequests,
    }),
  ])
  const mailsOf = (accountId: string, admins: object) =>
    Object.keys(admins).flatMap((name): Mail[] => {
      const mail = mails.get(`${accountId}#${name}`)
      return mail ? [{ userName: mail.userName, ...mailState(mail) }] : []
    })
  const handoversOf = new Map<string, Handover[]>()
  for (const handover of handovers.values())
    handoversOf.set(handover.accountId, [...(handoversOf.get(handover.accountId) ?? []), handover])
  const here = new Set(accounts.map(({ accountId }) => accountId))
  const departed = [...records].flatMap(([accountId, { accountName }]) =>
    here.has(accountId) ? [] : [{ accountId, name: accountName, state: '–' }],
  )
  const { accounts: protectedAccounts = [] } = vending?.protected ?? {}
  const neverOf = ({ accountId, name }: { accountId: string; name: string }) => {
    if (accountId === managementAccountId) return 'management account'
    return [accountId, name].some((place) => protectedAccounts.includes(place)) ? 'protected by vending.yml' : undefined
  }
  const vended = [...accounts, ...departed].map((account): Listed => {
    // A vend that was refused at once left only the note that its failure was told.
    const unrecorded = told.has(account.accountId) ? 'FAILED' : 'NOT_VENDED'
    const {
      status = unrecorded,
      updatedAt,
      failure,
      admins = {},
      passwords = {},
    } = records.get(account.accountId) ?? {}
    const look = isGone(status) ? undefined : looks.get(account.accountId)
    const followed = isGone(status) ? [] : followThrough(account.accountId, { admins, passwords }, { look, followUps })
    const never = neverOf(account)
    const mailed = mailsOf(account.accountId, admins)
    const links = isGone(status) ? undefined : countLinks(handoversOf.get(account.accountId), clients.now())
    return {
      ...account,
      status,
      ...(never && { never }),
      ...(isEverybodyKept({ status, admins: Object.values(admins) }) && { everybodyKept: true }),
      ...(followed.length && { followThrough: followed }),
      ...(look && { lookedAt: look.at, findings: openFindings(look) }),
      ...(mailed.length && { mails: mailed }),
      ...(updatedAt && { updatedAt }),
      ...(failure && { error: failure.error }),
      ...(links && { links }),
    }
  })
  return [...vended, ...[...intents.values()].flatMap((intent) => openingOf(intent, requests.get(intent.requestId)))]
    .filter((account) => isWanted(account, wanted, unit))
    .sort((a, b) => a.name.localeCompare(b.name) || a.accountId.localeCompare(b.accountId))
}

/** What is known about the administrators of an account, except those who are kept. */
const followThrough = (
  accountId: string,
  record: Pick<AccountRecord, 'admins' | 'passwords'>,
  { look, followUps }: { look: Look | undefined; followUps: Map<string, FollowUp> },
) =>
  Object.entries(record.admins).flatMap(([name, { userName, kept }]) => {
    if (kept) return []
    const known = followThroughOf(userName, { record, look, followUp: followUps.get(`${accountId}#${name}`) })
    return Object.keys(known).length ? [{ userName, ...known }] : []
  })

/** An account that is being opened, as long as its id is not known. */
const openingOf = (
  { status, accountId, updatedAt, failure }: Intent,
  request: { body: { name: string } } | undefined,
): Listed[] => {
  if (accountId !== undefined || status === 'declined' || !request) return []
  const shown = { 'awaiting-approval': 'AWAITING_APPROVAL', failed: 'FAILED' }[status as string] ?? 'OPENING'
  const error = failure && { error: failure.error }
  return [{ accountId: '–', name: request.body.name, state: '–', status: shown, updatedAt, ...error }]
}

/** The mails of an account at a glance: those that did not arrive, by name. */
const showMails = (mails: Mail[]) => {
  const others = mails.filter(({ status }) => status !== 'delivered')
  if (!others.length) return mails.length && 'mail delivered'
  return others.map(({ userName, status }) => `mail ${showMail(status)}: ${userName}`).join(', ')
}

/** What the daily round saw and did, for each administrator, and what it found. */
const showRound = ({ followThrough = [], findings = [] }: Pick<Listed, 'followThrough' | 'findings'>) => [
  ...followThrough.map(({ userName, ...one }) => `${userName}: ${followThroughWords(one).join(', ')}`),
  ...(findings.length
    ? [`found: ${findings.map(({ kind, subject }) => (subject ? `${kind} (${subject})` : kind)).join(', ')}`]
    : []),
]

const countLinks = (handovers: Handover[] = [], now: number) => {
  const counts: NonNullable<Listed['links']> = {}
  for (const handover of handovers) {
    const { state } = handoverState(handover, now)
    counts[state] = (counts[state] ?? 0) + 1
  }
  return handovers.length ? counts : undefined
}

/** The states of the links: `open`, or with several links `1 open, 2 claimed`. */
const showLinkCounts = (links: NonNullable<Listed['links']>) => {
  const counts = Object.entries(links) as [LinkState, number][]
  const isOne = counts.reduce((sum, [, count]) => sum + count, 0) === 1
  return counts.map(([state, count]) => `${isOne ? '' : `${count} `}${showLinkState(state)}`).join(', ')
}

const columns: [head: string, of: (one: Listed) => string | undefined][] = [
  ['Account', ({ accountId }) => accountId],
  ['Name', ({ name }) => name],
  ['State', ({ state }) => state],
  ['Path', ({ path }) => path],
  ['Vend', ({ status }) => status],
  ['Last change', ({ updatedAt }) => updatedAt],
  ['Error', ({ error }) => error],
  ['Links', ({ links }) => links && showLinkCounts(links)],
  ['Mails', ({ mails = [] }) => mails.map(({ userName, status }) => `${userName}: ${status}`).join('; ')],
  [
    'Administrators',
    ({ followThrough = [] }) =>
      followThrough.map(({ userName, ...one }) => `${userName}: ${followThroughWords(one).join(', ')}`).join('; '),
  ],
  ['Findings', ({ findings = [] }) => findings.map(({ kind, subject }) => `${kind} ${subject}`.trim()).join('; ')],
  ['Never vended', ({ never }) => never],
]

/** The accounts as a CSV file, a line each. */
export const listFile = (accounts: Listed[]) =>
  csvText([columns.map(([head]) => head), ...accounts.map((one) => columns.map(([, of]) => of(one) ?? ''))])

/** How many accounts there are, and how many that are not there yet. */
const countOf = (accounts: Listed[]) => {
  const opening = accounts.filter(({ accountId }) => accountId === '–').length
  const count = accounts.length - opening
  const counted = `${count} account${count === 1 ? '' : 's'}`
  return opening ? `${counted}, ${opening} requested` : counted
}

/** The accounts for a person, a line each. `most` is the most columns of a line: a program wants each account whole. */
export const showList = (accounts: Listed[], most = width) => {
  const rows = accounts.map(
    ({ accountId, name, state, status, updatedAt, error, never, everybodyKept, mails = [], links, ...round }) => [
      accountId,
      name,
      state === 'ACTIVE' ? state : styleText('yellow', state),
      showState(status),
      links ? showLinkCounts(links) : '',
      [
        updatedAt && showTime(updatedAt),
        error,
        everybodyKept && everybodyKeptWords,
        showMails(mails),
        ...showRound(round),
        never && `never vended: ${never}`,
      ]
        .filter(Boolean)
        .join('  '),
    ],
  )
  return `${table(['Account', 'Name', 'State', 'Vend', 'Links', 'Last change'], rows, most)}\n${countOf(accounts)}`
}
