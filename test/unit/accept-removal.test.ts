import { DescribeAccountCommand, OrganizationsClient } from '@aws-sdk/client-organizations'
import { DescribeExecutionCommand, SFNClient } from '@aws-sdk/client-sfn'
import { mockClient } from 'aws-sdk-client-mock'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { acceptRemoval } from '../../functions/accept-request/accept-removal.ts'
import type { AccountRecord } from '../../functions/shared/record-and-lease.ts'
import type { Removal } from '../../functions/shared/removal.ts'
import {
  accountId,
  anAccount,
  anOrganizationsAccount,
  anotherVend,
  aVend,
  aVendedRecord,
  issuesOf,
  ledgerMock,
} from '../support/builders.ts'

const organizations = mockClient(OrganizationsClient)
const sfn = mockClient(SFNClient)
const { ledger, ...onRecord } = ledgerMock()
const { executionArn } = aVend()
const now = Date.parse('2026-11-01T09:30:00.000Z')
const earlier = (seconds: number) => new Date(now - seconds * 1000).toISOString()

const accept = (remove: unknown, more: object = {}) =>
  acceptRemoval(
    { organizations: new OrganizationsClient({}), sfn: new SFNClient({}), ledger },
    { request: { accountId, remove, ...more }, executionArn },
    { protected: { accounts: ['Audit'], organizationalUnits: [] } },
  )
const aRecord = (overrides: Partial<AccountRecord> = {}) =>
  aVendedRecord({ vendedBy: anotherVend().executionArn, ...overrides })
const everything = { what: 'everything' }

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['Date'], now })
  organizations.reset()
  organizations.on(DescribeAccountCommand).resolves({ Account: anOrganizationsAccount() })
  sfn.reset()
  sfn.on(DescribeExecutionCommand).resolves({ status: 'RUNNING' })
  onRecord.holds(aRecord())
})
afterEach(() => void vi.useRealTimers())

test('takes the lease, and passes on what to remove', async () => {
  const remove = { what: 'sign-in', userName: 'Administrator', unclaimed: true }
  expect(await accept(remove, { requestedBy: 'daily round' })).toEqual({
    outcome: 'Removing',
    vend: { id: expect.stringMatching(/^[\da-f]{32}$/) as string, executionArn },
    account: anAccount(),
    remove,
  })
  expect(onRecord.changes()).toMatchObject([
    { set: { status: 'VENDING', requestedBy: 'daily round', lease: { holder: executionArn } }, remove: ['failure'] },
  ])
  // What an unfinished vend was asked for stays on record: it says which groups are ours.
  expect(Object.keys(onRecord.changes()[0]?.set ?? {})).not.toContain('asked')
})

describe('nothing to remove', () => {
  const removal: Removal = { what: 'everything', at: earlier(500), by: executionArn, users: [], groups: [], stays: [] }
  test.each<[string, AccountRecord | undefined]>([
    ['an account without a record', undefined],
    ['an account whose administrators were removed', aRecord({ status: 'REMOVED', passwords: {} })],
    ['a removal that this execution has finished, asked for late', aRecord({ removal })],
  ])('%s', async (_, record) => {
    onRecord.holds(record)
    expect(await accept(everything)).toEqual({ outcome: 'NothingToRemove', accountId })
    expect(onRecord.changes()).toEqual([])
  })
})

describe('another execution', () => {
  const held = (seconds: number) =>
    aRecord({
      updatedAt: earlier(seconds),
      lease: { holder: anotherVend().executionArn, ask: 'ask', renewedAt: now - seconds * 1000 },
    })

  test('that runs is waited for', async () => {
    onRecord.holds(held(1000))
    await expect(accept(everything)).rejects.toThrow(expect.objectContaining({ name: 'AccountBusyError' }) as Error)
    expect(onRecord.changes()).toEqual([])
  })

  test('that has ended is waited for until AWS shows what it made: 90 seconds', async () => {
    sfn.on(DescribeExecutionCommand).resolves({ status: 'FAILED' })
    onRecord.holds(held(89))
    await expect(accept(everything)).rejects.toThrow(expect.objectContaining({ name: 'AccountBusyError' }) as Error)
    onRecord.holds(aRecord({ updatedAt: earlier(89) }))
    await expect(accept(everything)).rejects.toThrow(expect.objectContaining({ name: 'AccountBusyError' }) as Error)
    onRecord.holds(held(91))
    expect(await accept(everything)).toMatchObject({ outcome: 'Removing' })
  })

  test('that took the lease a moment ago is waited for', async () => {
    onRecord.loses()
    await expect(accept(everything)).rejects.toThrow(expect.objectContaining({ name: 'AccountBusyError' }) as Error)
  })

  test('is not this execution itself, on a second try', async () => {
    onRecord.holds(
      aRecord({ updatedAt: earlier(1), lease: { holder: executionArn, ask: 'ask', renewedAt: now - 1000 } }),
    )
    expect(await accept(everything)).toMatchObject({ outcome: 'Removing' })
    // The steps of the first try stay.
    expect(Object.keys(onRecord.changes()[0]?.set ?? {})).not.toContain('steps')
  })
})

describe('a user', () => {
  test('whom no vend has made is refused, with the names of those', async () => {
    await expect(accept({ ...everything, userName: 'eve' })).rejects.toThrow(
      expect.objectContaining({
        name: 'UserNotOnRecordError',
        message: expect.stringContaining('it has created Administrator') as string,
      }) as Error,
    )
  })

  test.each<[string, Partial<AccountRecord>]>([
    ['by a finished vend', { admins: { eve: { ...aRecord().admins['administrator']!, userName: 'eve', kept: true } } }],
    ['by an unfinished vend', { asked: { groups: [], users: ['eve'], kept: ['Eve'] } }],
  ])('who was kept %s is refused', async (_, overrides) => {
    onRecord.holds(aRecord(overrides))
    await expect(accept({ ...everything, userName: 'eve' })).rejects.toThrow(
      expect.objectContaining({ name: 'UserKeptError' }) as Error,
    )
  })
})

test.each<[unknown, object, string]>([
  [{}, {}, 'remove.what'],
  [{ what: 'all' }, {}, 'remove.what'],
  [{ what: 'sign-in', userName: 'a b' }, {}, 'remove.userName'],
  [{ what: 'sign-in', lastWayIn: 'yes' }, {}, 'remove.lastWayIn'],
  [{ what: 'everything', unclaimed: true }, {}, 'remove.unclaimed'],
  [{ what: 'sign-in', users: [] }, {}, 'remove.users'],
  [everything, { admins: [] }, 'admins'],
  [everything, { accountId: '1' }, 'accountId'],
  ['everything', {}, 'remove'],
])('%j with %j is refused at %s', async (remove, more, field) => {
  const error = await accept(remove, more).catch((error: unknown) => error)
  expect(
    issuesOf(() => {
      throw error
    }).map((issue) => issue.field),
  ).toEqual([field])
})

test.each([
  ['the management account', { accountId: '111122223333' }, 'ManagementAccountError'],
  ['an account that is not ACTIVE', {}, 'AccountNotActiveError'],
])('%s is refused', async (_, more, name) => {
  organizations.on(DescribeAccountCommand).resolves({ Account: anOrganizationsAccount({ State: 'SUSPENDED' }) })
  await expect(accept(everything, more)).rejects.toThrow(expect.objectContaining({ name }) as Error)
})
