import { actsDone, type FollowUp } from './follow.ts'
import type { AdminSeen, FindingKind, Look } from './look.ts'
import { type AccountRecord, entryOf } from './record-and-lease.ts'

/** How far an administrator is with signing in, and what the daily round did about that. Times are ISO 8601. */
export type FollowThrough = {
  /** What the round saw when it last looked. Missing if no round has seen the administrator. */
  signIn?: Omit<AdminSeen, 'userName'>
  /** What the round did, in the order of time. `act` is the name of the act. */
  followUps?: ReturnType<typeof actsDone>
  /** When the platform team was told that the administrator has not signed in. */
  toldAt?: string
  /** When a removal took the console sign-in away. */
  signInRemovedAt?: string
}

const ofAnAdministrator: FindingKind[] = ['link-unclaimed', 'never-signed-in']

/** Puts together what the ledger has about an administrator. What is not known is missing. */
export const followThroughOf = (
  userName: string,
  {
    record: { passwords },
    look,
    followUp,
  }: { record: Pick<AccountRecord, 'passwords'>; look: Look | undefined; followUp: FollowUp | undefined },
): FollowThrough => {
  const key = userName.toLowerCase()
  const seen = entryOf(look?.admins, key)
  const told = Object.values(look?.findings ?? {}).find(
    ({ kind, subject, toldAt }) => toldAt && subject.toLowerCase() === key && ofAnAdministrator.includes(kind),
  )
  const { removedAt } = entryOf(passwords, key) ?? {}
  const followUps = followUp && actsDone(followUp)
  return {
    ...(seen && { signIn: signInOf(seen) }),
    ...(followUps?.length && { followUps }),
    ...(told?.toldAt && { toldAt: told.toldAt }),
    ...(removedAt && { signInRemovedAt: removedAt }),
  }
}

const signInOf = ({ userName: _, ...seen }: AdminSeen) => seen

const on = (time: string) => `on ${time.slice(0, 10)}`

const signInWords = ({ isThere, hasLoginProfile, hasSignedIn, ...seen }: NonNullable<FollowThrough['signIn']>) => {
  if (!isThere) return ['user is gone']
  if (!hasLoginProfile) return ['cannot sign in']
  if (!hasSignedIn) return ['not signed in']
  return [
    seen.lastSignInAt ? `last signed in ${on(seen.lastSignInAt)}` : 'has signed in',
    seen.mustChangePassword ? 'password not changed' : 'password changed',
    seen.hasMfa ? 'MFA on' : 'MFA off',
  ]
}

const actWords = (act: string) => {
  if (act === 'renew') return 'link renewed'
  if (act === 'end-secret') return 'secret scheduled for deletion'
  if (act === 'remove') return 'removal of the sign-in started'
  return `reminder of day ${act.replace('remind-', '')} sent`
}

/** The same for people, a few words for each fact, in the order of time. Empty if nothing is known. */
export const followThroughWords = ({ signIn, followUps = [], toldAt, signInRemovedAt }: FollowThrough) => {
  const happened = [
    ...followUps.flatMap(({ act, at }) => (act === 'remove' && signInRemovedAt ? [] : [{ what: actWords(act), at }])),
    ...(toldAt ? [{ what: 'platform team told', at: toldAt }] : []),
    ...(signInRemovedAt ? [{ what: 'sign-in removed', at: signInRemovedAt }] : []),
  ]
  return [
    ...(signIn && !signInRemovedAt ? signInWords(signIn) : []),
    ...happened.sort((a, b) => a.at.localeCompare(b.at)).map(({ what, at }) => `${what} ${on(at)}`),
  ]
}
