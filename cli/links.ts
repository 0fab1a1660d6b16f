import { styleText } from 'node:util'
import { allHandovers, handoverState } from '../functions/shared/handover.ts'
import { scan } from '../functions/shared/ledger.ts'
import { allAccounts, isGone, mailTo } from '../functions/shared/record-and-lease.ts'
import type { Make } from './clients.ts'
import { findService, serviceClients } from './service.ts'
import { showTime, table, width } from './show.ts'
import type { Status } from './status.ts'

export const linksClients = (make: Make) => serviceClients(make)

/** A link as the ledger knows it. Nothing here opens a link: no id, no key. */
export type ListedLink = ReturnType<typeof handoverState> & {
  accountId: string
  accountName: string
  userName: string
  /** The address of the last link. */
  email: string
  /** ISO 8601. Missing if no mail to this address is on record. */
  mailedAt?: string
}

/**
 * Lists the links of all administrators. Accounts that left the organization or were closed are left out: nobody can
 * sign in there.
 * Throws `NotDeployedError`.
 */
export async function links(
  clients: ReturnType<typeof linksClients>,
  { stage }: { stage: string },
): Promise<ListedLink[]> {
  const { ledger } = await findService(clients, stage)
  const { handovers, accounts } = await scan(ledger, { handovers: allHandovers, accounts: allAccounts(['mails']) })
  return [...handovers.values()]
    .flatMap((handover) => {
      const { accountId, userName } = handover
      const { accountName = '', status = '', mails = {} } = accounts.get(accountId) ?? {}
      const shown = handoverState(handover, clients.now())
      if (isGone(status)) return []
      const last = Object.values(handover.links)
        .sort((a, b) => a.madeAt.localeCompare(b.madeAt))
        .at(-1)
      const email = last?.email ?? ''
      const mailedAt = mailTo({ mails }, { userName, email })?.at
      return [{ accountId, accountName, userName, ...shown, email, ...(mailedAt && { mailedAt }) }]
    })
    .sort(
      (a, b) =>
        a.accountName.localeCompare(b.accountName) ||
        a.accountId.localeCompare(b.accountId) ||
        a.userName.localeCompare(b.userName),
    )
}

const isAmong = (names: string[] = [], userName: string) =>
  names.some((name) => name.toLowerCase() === userName.toLowerCase())

/** Why a vend that has ended well mailed no new link to the user; undefined if it mailed the link. */
export const whyNoLink = ({ status, asked }: Pick<Status, 'status' | 'asked'>, userName: string) => {
  if (status !== 'VENDED') return undefined
  if (isAmong(asked?.signingIn, userName))
    return `No new link: ${userName} has already signed in, and has chosen a password.`
  if (isAmong(asked?.kept, userName))
    return `No new link: ${userName} is kept, because somebody else created this user in the account.`
  return undefined
}

const colours = { claimed: 'green', open: 'yellow', sealing: 'yellow', expired: 'red', disowned: 'red' } as const
export type LinkState = keyof typeof colours
/** The state of a link, in its color. */
export const showLinkState = (state: LinkState) => styleText(colours[state], state)

/** When a link expires, or when somebody opened the link. */
const endOf = (link: ListedLink) => showTime('until' in link ? link.until : link.claimedAt)

/** Whether an administrator has yet to open a link. */
export const isUnopened = ({ state }: ListedLink) => state !== 'claimed'

/**
 * The links for a person, a line each. `onRecord` is how many links there are with those that are not shown. `most` is
 * the most columns of a line: a program wants each link whole.
 */
export const showLinks = (found: ListedLink[], { onRecord }: { onRecord: number }, most = width) => {
  if (!onRecord) return 'No link is on record. With delivery: secret in vending.yml, the sign-in mails have no links.'
  if (!found.length) return 'Every link on record was opened.'
  const rows = found.map((link) => [
    link.accountId,
    link.accountName,
    link.userName,
    showLinkState(link.state),
    link.mailedAt ? showTime(link.mailedAt) : '–',
    endOf(link),
  ])
  return `${table(['Account', 'Name', 'User', 'Link', 'Mailed at', 'Open until'], rows, most)}\n${found.length} link${found.length === 1 ? '' : 's'}`
}
