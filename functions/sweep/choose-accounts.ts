import type { Account } from '@aws-sdk/client-organizations'
import type { ProtectedPlaces } from '../shared/account.ts'
import { type AdminSeen, type Look, findingsOpen } from '../shared/look.ts'
import { type AccountRecord, entryOf, isGone } from '../shared/record-and-lease.ts'
import type { RoundAccount } from '../shared/round.ts'
import type { Vending } from '../shared/vending.ts'

type Record = Pick<AccountRecord, 'status' | 'vendedAt' | 'admins' | 'passwords'>

export type RoundConfig = Pick<Vending, 'round' | 'mfa'> & { protected: ProtectedPlaces }

/** The place of an account in the organization, without the account's own id; empty if Organizations does not tell. */
const pathOf = ({ Paths: [path = ''] = [], Id = '' }: Account) => path.replace(new RegExp(`${Id}/?$`), '')

const isProtected = (account: Account, { accounts, organizationalUnits }: ProtectedPlaces) => {
  const units = pathOf(account).split('/')
  return (
    accounts.includes(account.Id ?? '') ||
    accounts.includes(account.Name ?? '') ||
    organizationalUnits.some((unit) => units.includes(unit))
  )
}

/** Whether an administrator has signed in, chosen a password, and switched MFA on if that is asked for. */
const isSettled = (seen: AdminSeen | undefined, mfa: Vending['mfa']) =>
  seen !== undefined && seen.hasSignedIn && !seen.mustChangePassword && (seen.hasMfa || mfa !== 'required')

/** Whether an account has an administrator who is not settled, or a finding that goes on, as the last look says. */
const isUnsettled = (record: Record, look: Look | undefined, { mfa }: RoundConfig) =>
  !look ||
  findingsOpen(look) ||
  Object.values(record.admins).some(({ userName, kept }) => {
    const key = userName.toLowerCase()
    const password = entryOf(record.passwords, key)
    // The look was at an earlier password.
    const isNewer = password !== undefined && password.at > look.at
    return !kept && (isNewer || !isSettled(entryOf(look.admins, key), mfa))
  })

/**
 * Which accounts the round looks at: with `round: unsettled` the vended accounts with an administrator who is not
 * settled or with a finding, and with `round: all` every account. Never an account that is not ACTIVE, or protected.
 */
export const chooseAccounts = (
  accounts: Iterable<Account>,
  { records, looks }: { records: Map<string, Record>; looks: Map<string, Look> },
  config: RoundConfig,
): RoundAccount[] =>
  [...accounts].flatMap((account) => {
    const { Id: accountId = '', Name: name = '', State, JoinedMethod = 'CREATED', JoinedTimestamp } = account
    const record = records.get(accountId)
    const isVended = record?.vendedAt !== undefined && !isGone(record.status)
    const isWanted = config.round === 'all' || (isVended && isUnsettled(record, looks.get(accountId), config))
    return State === 'ACTIVE' && isWanted && !isProtected(account, config.protected)
      ? [
          {
            accountId,
            name,
            path: pathOf(account),
            joinedMethod: JoinedMethod,
            joinedAt: (JoinedTimestamp ?? new Date(0)).toISOString(),
          },
        ]
      : []
  })
