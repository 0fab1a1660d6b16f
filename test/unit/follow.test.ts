import { describe, expect, test } from 'vitest'
import { type Facts, followUpExecution, followUpOf, hasNotCome } from '../../functions/shared/follow.ts'
import type { Handover } from '../../functions/shared/handover.ts'
import { vendOf } from '../../functions/shared/vend.ts'
import { accountId, anAdmin, followConfig, hasNotSignedIn } from '../support/builders.ts'

// What the platform team is told about administrators who have not come. follow-up.test.ts has what the round does.

const mailedAt = '2026-11-02T06:10:00.000Z'
const day = 24 * 60 * 60 * 1000
const on = (days: number) => Date.parse(mailedAt) + days * day

const config = followConfig
const notYet = hasNotSignedIn('ada')
const aHandover = (overrides: Partial<Handover> = {}): Handover => ({
  accountId,
  userName: 'ada',
  secretVersion: 'v1',
  links: {
    id: {
      publicKey: 'p',
      email: 'ada@example.com',
      madeAt: mailedAt,
      expiresAt: new Date(on(7)).toISOString(),
      box: { ephemeral: 'a', iv: 'b', sealed: 'c' },
    },
  },
  updatedAt: mailedAt,
  ...overrides,
})
const aClaim = { linkId: 'id', nonce: 'n', at: mailedAt, network: '203.0.113.0/24', browser: 'Firefox' }
const claimed = aHandover({ claim: aClaim })
const disowned = aHandover({ claim: { ...aClaim, disownedAt: mailedAt } })
const facts = (overrides: Partial<Facts> = {}): Facts => ({
  accountId,
  admin: { ...anAdmin({ userName: 'ada', email: 'ada@example.com' }), kept: false },
  mail: { at: mailedAt, secretVersion: 'v1' },
  mailStatus: 'delivered',
  handover: aHandover(),
  seen: notYet,
  followUp: {
    accountId,
    userName: 'ada',
    secretVersion: 'v1',
    email: 'ada@example.com',
    since: mailedAt,
    isRenewed: false,
    done: {},
    doneBefore: {},
  },
  ...overrides,
})
const renewed = { ...facts().followUp, since: new Date(on(-7)).toISOString(), isRenewed: true }
const bySecret = { handover: undefined }

describe('the platform team is told nothing', () => {
  test.each<[when: string, about: Partial<Facts>, days: number]>([
    ['while the first link can be opened', {}, 6.9],
    ['after a claim, within the days of a link', { handover: claimed }, 6.9],
    ['by secret, within the days of a link', bySecret, 6.9],
    ['about somebody who has signed in', { seen: { ...notYet, hasSignedIn: true } }, 8],
    ['about a user who is gone', { seen: { ...notYet, isThere: false } }, 8],
    ['about a user who has no console sign-in', { seen: { ...notYet, hasLoginProfile: false } }, 8],
    ['about a kept user', { admin: { ...facts().admin, kept: true } }, 8],
    ['about a mail that bounced, which is told apart', { mailStatus: 'bounced' }, 8],
    ['about a mail that was rejected, which is told apart', { mailStatus: 'rejected' }, 8],
  ])('%s', (_, about, days) => {
    expect(hasNotCome(facts(about), config, on(days))).toBeUndefined()
  })
})

const link = `npx vend link ${accountId} ada`
describe('the platform team is told', () => {
  test.each<[what: string, about: Partial<Facts>, days: number, kind: string, words: string[]]>([
    [
      'that nobody opened the link, and that a new link is mailed',
      {},
      7,
      'link-unclaimed',
      ['did not open the link', 'mailed to ada@example.com on 2026-11-02', 'mails a new link'],
    ],
    [
      'the same while the new link is open',
      { followUp: renewed },
      3,
      'link-unclaimed',
      ['did not open the link in time', 'made a new link, which was mailed to'],
    ],
    ['that nobody opened the new link either', { followUp: renewed }, 7, 'link-unclaimed', ['neither', link]],
    [
      'how to mail a link to a mailbox that took the mail for spam',
      { mailStatus: 'complained' },
      7,
      'link-unclaimed',
      [link],
    ],
    [
      'how to mail a link, if the address is not allowed any more',
      { admin: { ...facts().admin, email: 'ada@other.example' } },
      7,
      'link-unclaimed',
      ['did not open the link', link],
    ],
    ['that the password was shown and not used', { handover: claimed }, 7, 'never-signed-in', ['was shown on', link]],
    ['that somebody else has the password', { handover: disowned }, 7, 'never-signed-in', ['to somebody else', link]],
    ['by secret, that nobody has signed in', bySecret, 7, 'never-signed-in', ['has not signed in', link]],
  ])('%s', (_, about, days, kind, words) => {
    const told = hasNotCome(facts(about), config, on(days))
    expect(told?.kind).toBe(kind)
    for (const part of words) expect(told?.text).toContain(part)
  })

  test('when the sign-in will be removed, before the command', () => {
    const followUp = { ...facts().followUp, isRenewed: true }
    const told = hasNotCome(facts({ followUp }), { ...config, unclaimed: { removeAfterDays: 14 } }, on(8))
    expect(told?.text).toContain('removes the console sign-in of ada on 2026-11-16. Ask ada whether')
    expect(told?.text).toMatch(/npx vend link \d{12} ada$/)
  })
})

test('a link of the round is known by its vend, and a link of a person begins anew', () => {
  const stateMachineArn = 'arn:aws:states:us-east-1:111122223333:stateMachine:account-vending-prod'
  const before = facts().followUp
  const name = followUpExecution('renew', before)
  const { id: vendId } = vendOf(`${stateMachineArn.replace('stateMachine', 'execution')}:${name}`)
  const at = new Date(on(7)).toISOString()
  const after = (mail: object) =>
    followUpOf(
      before,
      { accountId, userName: 'ada', email: 'ada@example.com', mail: { at, secretVersion: 'v2', ...mail } },
      stateMachineArn,
    )
  expect(after({ vendId })).toMatchObject({ secretVersion: 'v2', since: mailedAt, isRenewed: true, done: {} })
  expect(after({ vendId: 'of a person' })).toMatchObject({ secretVersion: 'v2', since: at, isRenewed: false })
  expect(after({ secretVersion: 'v1' })).toBe(before)
})
