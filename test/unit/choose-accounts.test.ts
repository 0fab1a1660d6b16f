import { describe, expect, test } from 'vitest'
import type { FollowUp } from '../../functions/shared/follow.ts'
import type { AdminSeen, Finding, Look } from '../../functions/shared/look.ts'
import type { AccountRecord } from '../../functions/shared/record-and-lease.ts'
import { chooseAccounts, type RoundConfig } from '../../functions/sweep/choose-accounts.ts'
import { accountId, anAdmin, anOrganizationsAccount, aVendedRecord } from '../support/builders.ts'

const config: RoundConfig = {
  round: 'unsettled',
  secretAfterSignIn: 'delete',
  protected: { accounts: ['Audit'], organizationalUnits: ['ou-exam-security'] },
}
const settled: AdminSeen = {
  userName: 'Administrator',
  isThere: true,
  hasLoginProfile: true,
  hasSignedIn: true,
  mustChangePassword: false,
  hasMfa: false,
  accessKeys: 0,
}
const aLook = (seen: Partial<AdminSeen> = {}, overrides: Partial<Look> = {}): Look => ({
  accountId,
  accountName: 'Payments',
  at: '2026-11-20T06:10:00.000Z',
  path: '',
  admins: { administrator: { ...settled, ...seen } },
  findings: {},
  gone: {},
  ...overrides,
})
const aFinding: Finding = { kind: 'mfa-off', subject: 'ada', text: 'a', since: '2026-11-20T06:10:00.000Z' }
const mail = Object.values(aVendedRecord().mails)[0]!
const ended: FollowUp = {
  accountId,
  userName: 'Administrator',
  secretVersion: mail.secretVersion,
  email: 'payments@example.com',
  since: mail.at,
  isRenewed: false,
  done: { 'end-secret': { at: mail.at, by: 'scheduled' } },
  doneBefore: {},
}

type Known = {
  account?: object
  record?: Partial<AccountRecord> | null
  look?: Look | null
  followUp?: Partial<FollowUp> | null
  settings?: Partial<RoundConfig>
}
const isChosen = ({ account = {}, record = {}, look = aLook(), followUp = {}, settings = {} }: Known) =>
  chooseAccounts(
    [anOrganizationsAccount(account)],
    {
      records: new Map(record ? [[accountId, aVendedRecord(record)]] : []),
      looks: new Map(look ? [[accountId, look]] : []),
      followUps: new Map(followUp ? [[`${accountId}#administrator`, { ...ended, ...followUp }]] : []),
    },
    { ...config, ...settings },
  ).length > 0

describe('the round looks at an account', () => {
  test.each<[when: string, known: Known]>([
    ['that no round has looked at', { look: null }],
    ['in which a finding goes on', { look: aLook({}, { findings: { 'mfa-off#ada': aFinding } }) }],
    [
      'of which nobody was told that a finding is gone',
      { look: aLook({}, { gone: { a: { ...aFinding, goneAt: '' } } }) },
    ],
    ['whose administrator has not signed in', { look: aLook({ hasSignedIn: false }) }],
    ['whose administrator must choose a password', { look: aLook({ mustChangePassword: true }) }],
    ['whose administrator has no MFA, which is asked for', { settings: { mfa: 'required' } }],
    ['whose administrator the last look did not see', { look: aLook({}, { admins: {} }) }],
    ['that was vended again since', { record: { passwords: { administrator: { vendId: 'a', at: '2026-11-21' } } } }],
    ['whose administrator’s secret has served, and is not ended', { followUp: null }],
    ['whose administrator’s secret has another version than the ended one', { followUp: { secretVersion: 'older' } }],
    ['without a record, with round: all', { record: null, settings: { round: 'all' } }],
  ])('%s', (_, known) => {
    expect(isChosen(known)).toBe(true)
  })
})

describe('the round does not look at an account', () => {
  test.each<[when: string, known: Known]>([
    ['whose administrator has settled', {}],
    [
      'whose administrator has no login profile any more',
      { look: aLook({ hasSignedIn: false, hasLoginProfile: false }) },
    ],
    [
      'whose administrator was kept',
      { record: { admins: { administrator: { ...anAdmin(), kept: true } } }, followUp: null },
    ],
    ['whose secrets are to be kept', { followUp: null, settings: { secretAfterSignIn: 'keep' } }],
    [
      'whose administrator may still use the first password',
      {
        record: { admins: { administrator: { ...anAdmin({ passwordResetRequired: false }), kept: false } } },
        followUp: null,
      },
    ],
    ['whose administrator was never mailed', { record: { mails: {} }, followUp: null }],
    ['without a record', { record: null, look: null }],
    ['that has left the organization', { record: { status: 'DEPARTED' }, look: null }],
    ['that is suspended, even with round: all', { account: { State: 'SUSPENDED' }, settings: { round: 'all' } }],
    ['that is protected by its name', { account: { Name: 'Audit' }, settings: { round: 'all' } }],
    [
      'that is protected by its unit',
      {
        account: { Paths: [`o-exam/r-exam/ou-exam-security/${accountId}/`] },
        settings: { round: 'all' },
      },
    ],
  ])('%s', (_, known) => {
    expect(isChosen(known)).toBe(false)
  })
})
