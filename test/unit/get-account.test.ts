import { GetItemCommand } from '@aws-sdk/client-dynamodb'
import { DescribeAccountCommand, OrganizationsClient } from '@aws-sdk/client-organizations'
import { marshall } from '@aws-sdk/util-dynamodb'
import { mockClient } from 'aws-sdk-client-mock'
import { beforeEach, describe, expect, test } from 'vitest'
import { getAccount } from '../../functions/get-account/get-account.ts'
import { AccountNotFoundError, InvalidInputError } from '../../functions/shared/errors.ts'
import { keptSecret } from '../../functions/shared/follow.ts'
import type { Handover } from '../../functions/shared/handover.ts'
import {
  accountId,
  aGroup,
  anAdmin,
  anOrganizationsAccount,
  aRecord,
  aVend,
  aVendedRecord,
  awsError,
  ledgerMock,
  operationsOf,
} from '../support/builders.ts'

const organizations = mockClient(OrganizationsClient)
const { dynamodb, ledger, ...onRecord } = ledgerMock()

const get = (id = accountId) => getAccount({ organizations: new OrganizationsClient({}), ledger }, { accountId: id })

const holds = (record: Parameters<typeof onRecord.holds>[0], handover?: Handover) => {
  onRecord.holds(record)
  dynamodb
    .on(GetItemCommand, { Key: marshall({ pk: `handover#${accountId}#administrator` }) })
    .resolves(handover ? { Item: marshall(handover) } : {})
}

beforeEach(() => {
  holds(undefined)
  organizations.reset()
  organizations.onAnyCommand().resolves({})
  organizations.on(DescribeAccountCommand).resolves({ Account: anOrganizationsAccount() })
})

test('returns everything on record about a vended account', async () => {
  holds(aVendedRecord())
  expect(await get()).toEqual({
    accountId,
    accountName: 'Payments',
    status: 'VENDED',
    updatedAt: '2026-11-01T09:21:00.000Z',
    vendedAt: '2026-11-01T09:21:30.000Z',
    executionArn: aVend().executionArn,
    requestedBy: 'event',
    failure: undefined,
    asked: { groups: ['Administrators'], users: ['Administrator'] },
    timeline: [{ state: 'AcceptRequest', at: '2026-11-01T09:21:00.000Z' }],
    groups: [aGroup()],
    admins: [
      {
        ...anAdmin(),
        kept: false,
        mailedAt: '2026-11-01T09:21:20.000Z',
      },
    ],
  })
  expect(operationsOf(dynamodb)).toEqual(['GetItem', 'GetItem', 'GetItem', 'GetItem'])
  expect(organizations.calls()).toEqual([])
})

test('running twice returns the same, and changes nothing', async () => {
  holds(aVendedRecord())
  expect(await get()).toEqual(await get())
  expect(onRecord.changes()).toEqual([])
})

test('returns the steps in the order of their times', async () => {
  const steps = {
    'CreateAdminUser ada': { state: 'CreateAdminUser', userName: 'ada', at: '2026-11-01T09:21:30.000Z' },
    AcceptRequest: { state: 'AcceptRequest', at: '2026-11-01T09:21:10.000Z' },
    CreateAdminGroup: { state: 'CreateAdminGroup', at: '2026-11-01T09:21:20.000Z' },
  }
  holds(aRecord({ steps }))
  expect((await get()).timeline.map(({ state }) => state)).toEqual([
    'AcceptRequest',
    'CreateAdminGroup',
    'CreateAdminUser',
  ])
})

test('returns a failure', async () => {
  const failure = { error: 'GroupNotOursError', cause: 'why', at: '2026-11-01T09:22:00.000Z' }
  holds(aRecord({ status: 'FAILED', failure }))
  expect(await get()).toMatchObject({ status: 'FAILED', failure })
})

test('returns when the mail to the present address was sent, and no other mail', async () => {
  holds(aVendedRecord({ admins: { administrator: { ...anAdmin({ email: 'ada@example.com' }), kept: false } } }))
  const [admin] = (await get()).admins
  expect(admin).toMatchObject({ email: 'ada@example.com', mailedAt: undefined })
})

describe('how far the handover of the password is', () => {
  const expiresAt = '2099-11-08T09:21:20.000Z'
  const link = { publicKey: 'hidden', email: 'a@example.com', madeAt: '2026-11-01T09:21:20.000Z', expiresAt }
  const box = { ephemeral: 'hidden', iv: 'hidden', sealed: 'hidden' }
  const claim = { linkId: 'hidden', nonce: 'hidden', at: '2026-11-02T09:00:00.000Z', network: 'n', browser: 'Firefox' }
  const handover = (more: Partial<Handover>): Handover => ({
    accountId,
    userName: 'Administrator',
    secretVersion: 'hidden',
    links: { hidden: { ...link, box } },
    updatedAt: '2026-11-01T09:21:20.000Z',
    ...more,
  })
  const shown = { claimedAt: claim.at, network: 'n', browser: 'Firefox' }
  test.each<[state: string, Partial<Handover>, object]>([
    ['sealing', { links: { hidden: link } }, { until: expiresAt }],
    ['open', {}, { until: expiresAt }],
    ['expired', { links: { hidden: { ...link, box, expiresAt: link.madeAt } } }, { until: link.madeAt }],
    ['claimed', { claim }, shown],
    ['disowned', { claim: { ...claim, disownedAt: claim.at } }, { ...shown, disownedAt: claim.at }],
  ])('is told if it is %s, without what opens or names a link', async (state, more, expected) => {
    holds(aVendedRecord(), handover(more))
    const told = await get()
    expect(told.admins[0]).toMatchObject({ userName: 'Administrator', handover: { state, ...expected } })
    expect(JSON.stringify(told.admins)).not.toContain('hidden')
  })

  test('is not read for a user who is kept', async () => {
    holds(aVendedRecord({ admins: { administrator: { ...anAdmin(), kept: true } } }))
    expect((await get()).admins[0]).not.toHaveProperty('handover')
    expect(operationsOf(dynamodb)).toEqual(['GetItem', 'GetItem'])
  })
})

describe('what the daily round did and saw', () => {
  const followed = (done: Record<string, { at: string; by: string }>, doneBefore: typeof done = {}) =>
    dynamodb.on(GetItemCommand, { Key: marshall({ pk: `follow#${accountId}#administrator` }) }).resolves({
      Item: marshall({ accountId, userName: 'Administrator', secretVersion: 'hidden', done, doneBefore }),
    })

  test('is in the timeline, in the order of time, and without who did it', async () => {
    holds(aVendedRecord())
    followed(
      {
        'end-secret': { at: '2026-11-12T06:10:00.000Z', by: 'hidden' },
        'remind-2': { at: '2026-11-10T06:10:00.000Z', by: 'hidden' },
      },
      { renew: { at: '2026-11-08T06:10:00.000Z', by: 'hidden' } },
    )
    const told = await get()
    const byRound = { state: 'FollowUp', userName: 'Administrator' }
    expect(told.admins[0]?.followUps).toEqual([
      { act: 'renew', at: '2026-11-08T06:10:00.000Z' },
      { act: 'remind-2', at: '2026-11-10T06:10:00.000Z' },
      { act: 'end-secret', at: '2026-11-12T06:10:00.000Z' },
    ])
    expect(told.timeline).toEqual([
      { state: 'AcceptRequest', at: '2026-11-01T09:21:00.000Z' },
      { ...byRound, act: 'renew', at: '2026-11-08T06:10:00.000Z' },
      { ...byRound, act: 'remind-2', at: '2026-11-10T06:10:00.000Z' },
      { ...byRound, act: 'end-secret', at: '2026-11-12T06:10:00.000Z' },
    ])
    expect(JSON.stringify(told)).not.toContain('hidden')
  })

  test('does not say that a secret was ended that has another password', async () => {
    holds(aVendedRecord())
    followed({ 'end-secret': { at: '2026-11-12T06:10:00.000Z', by: keptSecret } })
    expect((await get()).timeline.filter(({ state }) => state === 'FollowUp')).toEqual([])
  })

  test('is with each administrator: how far the administrator is with signing in', async () => {
    holds(aVendedRecord())
    const signIn = { isThere: true, hasLoginProfile: true, hasSignedIn: true, mustChangePassword: false, hasMfa: true }
    dynamodb.on(GetItemCommand, { Key: marshall({ pk: `look#${accountId}` }) }).resolves({
      Item: marshall({
        accountId,
        at: '2026-11-21T06:12:00.000Z',
        admins: { administrator: { userName: 'Administrator', ...signIn, accessKeys: 0 } },
        findings: {},
        gone: {},
      }),
    })
    expect((await get()).admins[0]).toMatchObject({ signIn: { ...signIn, accessKeys: 0 } })
  })
})

describe('what the daily round found', () => {
  const finding = (kind: string, more: object = {}) => {
    return { kind, subject: 'ada', text: `${kind} of ada`, since: '2026-11-20T06:12:00.000Z', ...more }
  }
  const looked = (...found: { kind: string; subject: string }[]) =>
    dynamodb.on(GetItemCommand, { Key: marshall({ pk: `look#${accountId}` }) }).resolves({
      Item: marshall({
        accountId,
        at: '2026-11-21T06:12:00.000Z',
        findings: Object.fromEntries(found.map((one) => [`${one.kind}#${one.subject}`, one])),
        gone: { 'tags-changed#ada': finding('tags-changed', { goneAt: '2026-11-21T06:12:00.000Z' }) },
      }),
    })

  test('is told, the worst first, without what is gone and without the marks of reports', async () => {
    holds(aVendedRecord())
    looked(finding('never-signed-in'), finding('mfa-off', { toldAt: '2026-11-20T06:15:00.000Z', report: 'hidden' }))
    expect(await get()).toMatchObject({ lookedAt: '2026-11-21T06:12:00.000Z' })
    expect((await get()).findings).toEqual([finding('mfa-off'), finding('never-signed-in')])
  })

  test('is told of an account without a record, too', async () => {
    looked()
    expect(await get()).toMatchObject({ status: 'NOT_VENDED', lookedAt: '2026-11-21T06:12:00.000Z', findings: [] })
  })

  test('is missing if no round has looked at the account', async () => {
    holds(aVendedRecord())
    expect(await get()).not.toHaveProperty('lookedAt')
    expect(await get()).not.toHaveProperty('findings')
  })
})

test('does not reveal who holds the lease or whose passwords are ours', async () => {
  holds(aVendedRecord({ lease: { holder: 'hidden', ask: 'hidden', renewedAt: 0 } }))
  const told = await get()
  expect(JSON.stringify(told)).not.toContain('hidden')
  expect(told).not.toHaveProperty('passwords')
})

test('returns NOT_VENDED for an account without a record', async () => {
  expect(await get()).toEqual({
    accountId,
    accountName: 'Payments',
    status: 'NOT_VENDED',
    timeline: [],
    groups: [],
    admins: [],
  })
})

describe('the error leaves under its name:', () => {
  test.each(['', '4444', 'account', '444455556666/admins'])('InvalidInputError for the account id %o', async (id) => {
    await expect(get(id)).rejects.toThrow(InvalidInputError)
    await expect(get(id)).rejects.toThrow('accountId: must be an account ID: 12 digits, as a string')
    expect(dynamodb.calls()).toEqual([])
  })

  test('AccountNotFoundError', async () => {
    organizations.on(DescribeAccountCommand).rejects(awsError('AccountNotFoundException'))
    await expect(get()).rejects.toThrow(AccountNotFoundError)
  })

  test('an error of Organizations', async () => {
    organizations.on(DescribeAccountCommand).rejects(awsError('TooManyRequestsException'))
    await expect(get()).rejects.toMatchObject({ name: 'TooManyRequestsException' })
  })
})
