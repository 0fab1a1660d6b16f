import { DescribeAccountCommand, ListParentsCommand, OrganizationsClient } from '@aws-sdk/client-organizations'
import { mockClient } from 'aws-sdk-client-mock'
import { beforeEach, describe, expect, test } from 'vitest'
import { findMemberAccount, type ProtectedPlaces } from '../../functions/shared/account.ts'
import {
  AccountNotActiveError,
  AccountNotFoundError,
  ManagementAccountError,
  ProtectedAccountError,
} from '../../functions/shared/errors.ts'
import {
  accountId,
  anAccount,
  anOrganizationsAccount,
  awsError,
  managementAccountId,
  sentTo,
} from '../support/builders.ts'

const organizations = mockClient(OrganizationsClient)

const find = (protectedPlaces: Partial<ProtectedPlaces> = {}, id = accountId) =>
  findMemberAccount(new OrganizationsClient({}), {
    accountId: id,
    managementAccountId,
    protectedPlaces: { accounts: [], organizationalUnits: [], ...protectedPlaces },
  })

beforeEach(() => {
  organizations.reset()
  organizations.onAnyCommand().resolves({})
  organizations.on(DescribeAccountCommand).resolves({ Account: anOrganizationsAccount() })
  organizations.on(ListParentsCommand, { ChildId: accountId }).resolves({ Parents: [{ Id: 'ou-abcd-team0000' }] })
  organizations
    .on(ListParentsCommand, { ChildId: 'ou-abcd-team0000' })
    .resolves({ Parents: [{ Id: 'ou-abcd-security' }] })
  organizations.on(ListParentsCommand, { ChildId: 'ou-abcd-security' }).resolves({ Parents: [{ Id: 'r-abcd' }] })
})

test('finds a member account with one call, where no organizational unit is protected', async () => {
  expect(await find()).toEqual(anAccount())
  expect(sentTo(organizations)).toEqual([['DescribeAccount', { AccountId: accountId }]])
})

test('running twice finds the same', async () => {
  expect(await find()).toEqual(await find())
})

test('recognizes an invited account', async () => {
  organizations
    .on(DescribeAccountCommand)
    .resolves({ Account: anOrganizationsAccount({ JoinedMethod: 'INVITED', JoinedTimestamp: new Date(0) }) })
  expect(await find()).toMatchObject({ joinedMethod: 'INVITED', joinedAt: '1970-01-01T00:00:00.000Z' })
})

test('walks up to the root where organizational units are protected', async () => {
  expect(await find({ organizationalUnits: ['ou-abcd-other000'] })).toEqual(anAccount())
  expect(organizations.commandCalls(ListParentsCommand).map(({ args }) => args[0].input.ChildId)).toEqual([
    accountId,
    'ou-abcd-team0000',
    'ou-abcd-security',
  ])
})

test('the management account leaves as ManagementAccountError, without a call', async () => {
  await expect(find({}, managementAccountId)).rejects.toThrow(ManagementAccountError)
  await expect(find({}, managementAccountId)).rejects.toThrow(
    `accountId: ${managementAccountId} is the management account`,
  )
  expect(organizations.calls()).toEqual([])
})

test('an account that does not exist leaves as AccountNotFoundError', async () => {
  organizations.on(DescribeAccountCommand).rejects(awsError('AccountNotFoundException'))
  await expect(find()).rejects.toThrow(AccountNotFoundError)
  await expect(find()).rejects.toThrow(`accountId: ${accountId} is not an account of this organization`)
})

test('an account that leaves the organization between two calls leaves as AccountNotFoundError', async () => {
  organizations.on(ListParentsCommand, { ChildId: accountId }).rejects(awsError('ChildNotFoundException'))
  await expect(find({ organizationalUnits: ['ou-abcd-security'] })).rejects.toThrow(AccountNotFoundError)
})

describe('leaves as ProtectedAccountError:', () => {
  test.each([
    ['by id', { accounts: [accountId] }, accountId],
    ['by name', { accounts: ['Audit', 'Payments'] }, 'Payments'],
    ['by its organizational unit', { organizationalUnits: ['ou-abcd-team0000'] }, 'ou-abcd-team0000'],
    ['by a unit further up', { organizationalUnits: ['ou-abcd-security'] }, 'ou-abcd-security'],
  ])('an account protected %s', async (_, places, protector) => {
    await expect(find(places)).rejects.toThrow(ProtectedAccountError)
    await expect(find(places)).rejects.toThrow(
      `accountId: ${accountId} (Payments) is protected by vending.yml, which lists ${protector} under protected`,
    )
  })
})

test('an account whose State is PENDING_ACTIVATION leaves as AccountPendingError: it is worth waiting for', async () => {
  organizations
    .on(DescribeAccountCommand)
    .resolves({ Account: anOrganizationsAccount({ State: 'PENDING_ACTIVATION' }) })
  await expect(find()).rejects.toMatchObject({ name: 'AccountPendingError' })
})

describe('leaves as AccountNotActiveError:', () => {
  test.each(['SUSPENDED', 'PENDING_CLOSURE', 'CLOSED', undefined])('an account whose State is %s', async (State) => {
    organizations.on(DescribeAccountCommand).resolves({ Account: anOrganizationsAccount({ State, Status: 'ACTIVE' }) })
    await expect(find()).rejects.toThrow(AccountNotActiveError)
    await expect(find()).rejects.toThrow(`has the state ${State ?? 'unknown'}; only an ACTIVE account can be vended`)
  })

  test('and ignores Status, which Organizations retires', async () => {
    organizations.on(DescribeAccountCommand).resolves({ Account: anOrganizationsAccount({ Status: 'SUSPENDED' }) })
    expect(await find()).toEqual(anAccount())
  })
})

test.each(['TooManyRequestsException', 'AccessDeniedException'])('%s leaves under its name', async (name) => {
  organizations.on(DescribeAccountCommand).rejects(awsError(name))
  await expect(find()).rejects.toMatchObject({ name })
})
