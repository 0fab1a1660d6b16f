import { describe, expect, test } from 'vitest'
import { keptSecret } from '../../functions/shared/follow.ts'
import { type FollowThrough, followThroughOf, followThroughWords } from '../../functions/shared/follow-through.ts'
import { hasNotSignedIn } from '../support/builders.ts'
import { aFinding, aLook } from '../support/looks.ts'

const { userName: _, ...notSignedIn } = hasNotSignedIn('Ada')
const signedIn = { ...notSignedIn, hasSignedIn: true, lastSignInAt: '2026-11-05T08:00:00.000Z' }
const at = (day: number) => `2026-11-${String(day).padStart(2, '0')}T06:10:00.000Z`
type FollowUps = Parameters<typeof followThroughOf>[1]['followUp']
const followUp = (done: object, doneBefore: object = {}) => ({ done, doneBefore }) as FollowUps

describe('what is known about an administrator', () => {
  const nothing = { record: { passwords: {} }, look: undefined, followUp: undefined }

  test('is empty before the first round', () => {
    expect(followThroughOf('Ada', nothing)).toEqual({})
  })

  test('is what the round saw of this administrator, in whatever case the name is', () => {
    const look = aLook([], { admins: { ada: hasNotSignedIn('Ada'), eve: hasNotSignedIn('eve') } })
    expect(followThroughOf('Ada', { ...nothing, look })).toEqual({ signIn: notSignedIn })
    expect(followThroughOf('grace', { ...nothing, look })).toEqual({})
    expect(followThroughOf('constructor', { ...nothing, look })).toEqual({})
  })

  test('is what the round did, also before it renewed the link, and not what it left', () => {
    const done = { 'remind-2': { at: at(12), by: 'm' }, 'end-secret': { at: at(13), by: keptSecret } }
    expect(followThroughOf('Ada', { ...nothing, followUp: followUp(done, { renew: { at: at(9), by: 'r' } }) })).toEqual(
      {
        followUps: [
          { act: 'renew', at: at(9) },
          { act: 'remind-2', at: at(12) },
        ],
      },
    )
    expect(followThroughOf('Ada', { ...nothing, followUp: followUp({}) })).toEqual({})
  })

  test.each(['link-unclaimed', 'never-signed-in'] as const)('is when the team was told of %s', (kind) => {
    const look = aLook([aFinding('mfa-off', 'ada', { toldAt: at(3) }), aFinding(kind, 'Ada', { toldAt: at(9) })])
    expect(followThroughOf('ada', { ...nothing, look })).toEqual({ toldAt: at(9) })
    expect(followThroughOf('eve', { ...nothing, look })).toEqual({})
    expect(followThroughOf('ada', { ...nothing, look: aLook([aFinding(kind)]) })).toEqual({})
  })

  test('is when the sign-in was removed', () => {
    const passwords = { ada: { vendId: 'v', at: at(1), removedAt: at(15) } }
    expect(followThroughOf('Ada', { ...nothing, record: { passwords } })).toEqual({ signInRemovedAt: at(15) })
  })
})

test.each<[string, FollowThrough, string[]]>([
  ['nothing', {}, []],
  ['a user who is gone', { signIn: { ...notSignedIn, isThere: false } }, ['user is gone']],
  ['no login profile', { signIn: { ...notSignedIn, hasLoginProfile: false } }, ['cannot sign in']],
  ['nobody came', { signIn: notSignedIn }, ['not signed in']],
  ['signed in', { signIn: signedIn }, ['last signed in on 2026-11-05', 'password not changed', 'MFA off']],
  [
    'settled',
    { signIn: { ...signedIn, mustChangePassword: false, hasMfa: true } },
    ['last signed in on 2026-11-05', 'password changed', 'MFA on'],
  ],
  [
    'seen by an older version',
    { signIn: { ...notSignedIn, hasSignedIn: true } },
    ['has signed in', 'password not changed', 'MFA off'],
  ],
  [
    'each act',
    {
      followUps: [
        { act: 'remind-2', at: at(3) },
        { act: 'renew', at: at(9) },
        { act: 'end-secret', at: at(10) },
        { act: 'remove', at: at(15) },
      ],
      toldAt: at(9),
    },
    [
      'reminder of day 2 sent on 2026-11-03',
      'link renewed on 2026-11-09',
      'platform team told on 2026-11-09',
      'secret scheduled for deletion on 2026-11-10',
      'removal of the sign-in started on 2026-11-15',
    ],
  ],
  [
    'the sign-in removed: what was seen before does not count any more',
    { signIn: notSignedIn, followUps: [{ act: 'remove', at: at(15) }], signInRemovedAt: at(15) },
    ['sign-in removed on 2026-11-15'],
  ],
])('the words for %s', (_, known, words) => {
  expect(followThroughWords(known)).toEqual(words)
})
