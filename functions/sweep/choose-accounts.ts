import type { Account } from '@aws-sdk/client-organizations'
import { type ProtectedPlaces, protectorOf } from '../shared/account.ts'
import { actName, type FollowUp, missingOf } from '../shared/follow.ts'
import { type AdminSeen, type Look, findingsOpen } from '../shared/look.ts'
import { type AccountRecord, entryOf, isGone, mailTo } from '../shared/record-and-lease.ts'
import type { RoundAccount } from '../shared/round.ts'
import type { Vending } from '../shared/vending.ts'

type Record = Pick<AccountRecord, 'status' | 'vendedAt' | 'admins' | 'passwords' | 'mails'>

export type RoundConfig = Pick<Vending, 'round' | 'mfa' | 'rootCredentials' | 'secretAfterSignIn'> & {
  protected: ProtectedPlaces
}

/** The place of an account in the organization, without the account's own id; empty if Organizations does not tell. */
const pathOf = ({ Paths: [path = ''] = [], Id = '' }: Account) => path.replace(new RegExp(`${Id}/?$`), '')

/**
 * Whether an administrator has signed in, chosen a password, and switched MFA on if that is asked for. Without a login
 * profile there is nothing to wait for.
 */
const isSettled = (seen: AdminSeen | undefined, config: RoundConfig) =>
  seen !== undefined && (!seen.isThere || !seen.hasLoginProfile || missingOf(seen, config) === undefined)

/** Whether the round must still end the secret of an administrator who has settled: an earlier round was stopped. */
const hasSecretToEnd = (
  record: Record,
  admin: AccountRecord['admins'][string],
  { followUp, secretAfterSignIn }: { followUp: FollowUp | undefined } & Pick<RoundConfig, 'secretAfterSignIn'>,
) => {
  const mail = mailTo(record, admin)
  if (secretAfterSignIn === 'keep' || !admin.passwordResetRequired || !mail) return false
  return followUp?.secretVersion !== mail.secretVersion || !followUp.done[actName({ do: 'end-secret' })]
}

/** Whether an account has an administrator who is not settled, or a finding that goes on, as the last look says. */
const isUnsettled = (
  record: Record,
  { look, followUpOf }: { look: Look | undefined; followUpOf: (key: string) => FollowUp | undefined },
  config: RoundConfig,
) =>
  !look ||
  findingsOpen(look) ||
  Object.values(record.admins).some((admin) => {
    const key = admin.userName.toLowerCase()
    const password = entryOf(record.passwords, key)
    const seen = entryOf(look.admins, key)
    // The look was at an earlier password.
    const isNewer = password !== undefined && password.at > look.at
    const isOpen = seen?.hasSignedIn && hasSecretToEnd(record, admin, { ...config, followUp: followUpOf(key) })
    return !admin.kept && (isNewer || !isSettled(seen, config) || isOpen)
  })

/**
 * Which accounts the round looks at: with `round: unsettled` the vended accounts with an administrator who is not
 * settled or with a finding, and with `round: all` every account. Never an account that is not ACTIVE, or protected.
 */
export const chooseAccounts = (
  accounts: Iterable<Account>,
  {
    records,
    looks,
    followUps,
  }: { records: Map<string, Record>; looks: Map<string, Look>; followUps: Map<string, FollowUp> },
  config: RoundConfig,
): RoundAccount[] =>
  [...accounts].flatMap((account) => {
    const { Id: accountId = '', Name: name = '', State, JoinedMethod = 'CREATED', JoinedTimestamp } = account
    const record = records.get(accountId)
    const isVended = record?.vendedAt !== undefined && !isGone(record.status)
    const known = {
      look: looks.get(accountId),
      followUpOf: (userName: string) => followUps.get(`${accountId}#${userName}`),
    }
    const isWanted = config.round === 'all' || (isVended && isUnsettled(record, known, config))
    const path = pathOf(account)
    return State === 'ACTIVE' && isWanted && !protectorOf({ accountId, name, units: path.split('/') }, config.protected)
      ? [
          {
            accountId,
            name,
            path,
            joinedMethod: JoinedMethod,
            joinedAt: (JoinedTimestamp ?? new Date(0)).toISOString(),
          },
        ]
      : []
  })
