import { expect, test } from 'vitest'
import { showFoundByRound, showLookedAt } from '../../cli/found-by-round.ts'
import type { Status } from '../../cli/status.ts'
import { anAdmin } from '../support/builders.ts'

const [before, lookedAt, after] = [5, 6, 7].map((day) => `2026-12-0${day}T06:00:00.000Z`) as [string, string, string]
const finding = (subject: string) => ({
  kind: 'link-unclaimed' as const,
  subject,
  text: `About ${subject}.`,
  since: before,
})
const ada = { ...anAdmin(), userName: 'ada', kept: false, mailedAt: before }
const account = (more: Partial<Status> = {}) => ({ lookedAt, findings: [finding('Ada')], admins: [ada], ...more })
const shown = (more?: Partial<Status>) => showFoundByRound(account(more)).join('\n')
const removal = (at: string) => ({
  what: 'everything' as const,
  at,
  by: 'arn',
  users: [{ userName: 'ada', is: 'deleted' as const }],
  groups: [],
  stays: [],
})
const claim = (claimedAt: string) => ({
  ...ada,
  handover: { state: 'claimed' as const, claimedAt, network: '127.0.0.0/24', browser: 'Firefox' },
})

test.each([
  ['is mailed before the round', {}],
  ['opened the link before the round', { admins: [claim(before)] }],
  ['was removed before the round', { admins: [], removal: removal(before) }],
])('a finding about a user who %s is shown', (_, more) => {
  expect(shown(more)).toContain('The daily round found at 2026-12-06')
  expect(shown(more)).toContain('About Ada.')
  expect(showLookedAt(account(more))).toContain('see below')
})

test.each([
  ['is mailed after the round', { admins: [{ ...ada, mailedAt: after }] }],
  ['opened the link after the round', { admins: [claim(after)] }],
  ['was removed after the round', { admins: [], removal: removal(after) }],
])('a finding about a user who %s is left out, and only this finding', (_, more) => {
  expect(shown(more)).toBe('')
  expect(showLookedAt(account(more))).toContain('what was found has changed since then')
  expect(shown({ ...more, findings: [finding('ada'), finding('grace')] })).toMatch(/About grace\.$/)
})

test('without a look nothing is said', () => {
  expect(showLookedAt({ admins: [] })).toBeUndefined()
  expect(showFoundByRound({ admins: [] })).toEqual([])
})
