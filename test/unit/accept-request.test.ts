import { createHash } from 'node:crypto'
import { DescribeTableCommand } from '@aws-sdk/client-dynamodb'
import { DescribeAccountCommand, OrganizationsClient } from '@aws-sdk/client-organizations'
import { DescribeExecutionCommand, SFNClient } from '@aws-sdk/client-sfn'
import { mockClient } from 'aws-sdk-client-mock'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { acceptRequest } from '../../functions/accept-request/accept-request.ts'
import { mfaPolicy, mfaPolicyName } from '../../functions/shared/mfa-policy.ts'
import { eventOfSweep } from '../../functions/shared/event-shape.ts'
import {
  AccountBusyError,
  AccountNotActiveError,
  AccountNotFoundError,
  InvalidInputError,
  ManagementAccountError,
  ProtectedAccountError,
  RecipientNotAllowedError,
  UserKeptError,
  UserNotOnRecordError,
} from '../../functions/shared/errors.ts'
import {
  accountId,
  adminAccess,
  aDocument,
  aGroup,
  anAccount,
  anAdmin,
  anOrganizationsAccount,
  anotherVend,
  aRecord,
  aSample,
  aVend,
  aVendedRecord as vendedRecord,
  awsError,
  ledgerMock,
  managementAccountId,
  operationsOf,
  sentTo,
  theDefaults,
} from '../support/builders.ts'

const organizations = mockClient(OrganizationsClient)
const sfn = mockClient(SFNClient)
const { dynamodb, ledger, ...onRecord } = ledgerMock()

const { executionArn } = aVend()
const vendId = createHash('sha256').update(executionArn).digest('hex').slice(0, 32)
const event = aSample('create-account-result-succeeded')
const config: Parameters<typeof acceptRequest>[2] = {
  ...theDefaults(),
  protected: { accounts: ['Audit'], organizationalUnits: [] },
  requests: { organizationalUnits: [] },
  accessRole: 'OrganizationAccountAccessRole',
  automatic: 'organizations',
}

const accept = (request: unknown, overrides: Partial<typeof config> = {}) =>
  acceptRequest(
    {
      organizations: new OrganizationsClient({}),
      controlTower: () => Promise.reject(new Error('Control Tower is not asked')),
      sfn: new SFNClient({}),
      ledger,
    },
    { request, executionArn },
    { ...config, ...overrides },
  )

const now = Date.parse('2026-11-01T09:30:00.000Z')
const holds = (record: Parameters<typeof onRecord.holds>[0]) => {
  onRecord.holds(record)
  dynamodb.on(DescribeTableCommand).resolves({ Table: { CreationDateTime: new Date('2026-10-01T00:00:00.000Z') } })
}
/** The ledger record that an earlier execution left. */
const aVendedRecord = (overrides: Parameters<typeof vendedRecord>[0] = {}) =>
  vendedRecord({ vendedBy: anotherVend().executionArn, ...overrides })

/** The ledger record while another execution vends. Its lease is `seconds` old. */
const heldByAnother = (seconds: number, ask = 'another ask') =>
  aRecord({
    executionArn: anotherVend().executionArn,
    lease: { holder: anotherVend().executionArn, ask, renewedAt: now - seconds * 1000 },
  })

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['Date'], now })
  organizations.reset()
  organizations.onAnyCommand().resolves({})
  organizations.on(DescribeAccountCommand).resolves({ Account: anOrganizationsAccount() })
  sfn.reset()
  sfn.onAnyCommand().resolves({})
  sfn.on(DescribeExecutionCommand).resolves({ status: 'RUNNING' })
  holds(undefined)
})
afterEach(() => {
  vi.useRealTimers()
})

const accepted = {
  outcome: 'Accepted',
  vend: { id: vendId, executionArn },
  account: anAccount(),
  groups: [aGroup()],
  admins: [anAdmin()],
}

describe('an account that is on record as', () => {
  const gone = (status: 'DEPARTED' | 'CLOSED') => aVendedRecord({ status })

  test.each(['DEPARTED', 'CLOSED'] as const)(
    '%s is vended completely by a request, and the record begins again',
    async (status) => {
      holds(gone(status))
      expect(await accept({ accountId })).toEqual(accepted)
      const [change] = onRecord.changes()
      expect(change?.set).toMatchObject({ status: 'VENDING', groups: {}, admins: {} })
      expect(change?.remove).toEqual(['failure', 'vendedAt', 'vendedBy'])
      // The record still says which passwords are ours and who got a mail.
      expect(change?.set).toMatchObject({ passwords: {}, mails: {} })
      const [update] = sentTo(dynamodb).filter(([operation]) => operation === 'UpdateItem')
      expect(update?.[1]['UpdateExpression']).toMatch(/if_not_exists[^]*if_not_exists/)
      expect(String(update?.[1]['UpdateExpression']).match(/if_not_exists/g)).toHaveLength(2)
    },
  )

  test('DEPARTED is vended again by its event', async () => {
    holds(gone('DEPARTED'))
    expect(await accept(event)).toEqual(accepted)
  })

  test('CLOSED is AlreadyVended for an event, because its administrators still exist', async () => {
    holds(gone('CLOSED'))
    expect(await accept(event)).toEqual({ outcome: 'AlreadyVended', accountId })
  })
})

describe('the sweep’s event', () => {
  test('is accepted like any event, and the record says that the sweep asked', async () => {
    expect(await accept(eventOfSweep(accountId))).toEqual(accepted)
    expect(onRecord.changes()[0]?.set).toMatchObject({ requestedBy: 'sweep' })
  })

  test('finds an account that an event has vended or is vending', async () => {
    holds(aVendedRecord())
    expect(await accept(eventOfSweep(accountId))).toEqual({ outcome: 'AlreadyVended', accountId })
    holds(heldByAnother(10))
    expect(await accept(eventOfSweep(accountId))).toEqual({ outcome: 'AlreadyInProgress', accountId })
  })
})

describe('an event for a new account', () => {
  test('is accepted and takes the lease', async () => {
    expect(await accept(event)).toEqual(accepted)
    expect(operationsOf(organizations)).toEqual(['DescribeAccount'])
    expect(operationsOf(sfn)).toEqual([])
    expect(operationsOf(dynamodb)).toEqual(['DescribeTable', 'GetItem', 'GetItem', 'UpdateItem'])
    expect(onRecord.changes()[0]?.set).toMatchObject({
      requestedBy: 'event',
      status: 'VENDING',
      asked: { groups: ['Administrators'], users: ['Administrator'] },
      lease: { holder: executionArn },
    })
  })

  test('running twice takes the execution’s own lease again', async () => {
    holds(aRecord())
    expect(await accept(event)).toEqual(accepted)
    expect(operationsOf(sfn)).toEqual([])
    expect(onRecord.changes()[0]?.set).not.toHaveProperty('steps')
  })

  test.each(['create-managed-account-succeeded', 'update-managed-account-succeeded', 'account-joined-organization'])(
    'is accepted as %s',
    async (name) => {
      expect(await accept(aSample(name))).toEqual(accepted)
    },
  )

  test('is AlreadyVended if the account was vended, whichever administrators it got', async () => {
    holds(aVendedRecord({ admins: {} }))
    expect(await accept(event)).toEqual({ outcome: 'AlreadyVended', accountId })
    expect(onRecord.changes()).toEqual([])
  })

  test('is AlreadyInProgress while any other execution vends the account', async () => {
    holds(heldByAnother(600))
    expect(await accept(event)).toEqual({ outcome: 'AlreadyInProgress', accountId })
    expect(sentTo(sfn)).toEqual([['DescribeExecution', { executionArn: anotherVend().executionArn }]])
    expect(onRecord.changes()).toEqual([])
  })

  test('is NotNew if the account joined before the service was installed', async () => {
    dynamodb.on(DescribeTableCommand).resolves({ Table: { CreationDateTime: new Date('2026-11-02T00:00:00.000Z') } })
    expect(await accept(event)).toEqual({ outcome: 'NotNew', accountId })
    expect(onRecord.changes()).toEqual([])
  })
})

describe('a manual request', () => {
  test('needs only the account’s id', async () => {
    expect(await accept({ accountId })).toEqual(accepted)
    expect(operationsOf(dynamodb)).toEqual(['GetItem', 'UpdateItem'])
    expect(onRecord.changes()[0]?.set['requestedBy']).toBe('manual execution')
  })

  test('records who asked', async () => {
    await accept({ accountId, requestedBy: 'arn:aws:iam::111122223333:user/ada' })
    expect(onRecord.changes()[0]?.set['requestedBy']).toBe('arn:aws:iam::111122223333:user/ada')
  })

  test('vends an account that joined before the service was installed', async () => {
    dynamodb.on(DescribeTableCommand).resolves({ Table: { CreationDateTime: new Date('2026-11-02T00:00:00.000Z') } })
    expect(await accept({ accountId })).toEqual(accepted)
  })

  test('is AlreadyVended if the record has everything that the request asks for', async () => {
    holds(aVendedRecord())
    expect(await accept({ accountId })).toEqual({ outcome: 'AlreadyVended', accountId })
    expect(onRecord.changes()).toEqual([])
  })

  test('is AlreadyVended if this execution has vended, even if a stopped try of it comes late', async () => {
    holds(aVendedRecord({ vendedBy: executionArn }))
    expect(await accept({ accountId, again: true })).toEqual({ outcome: 'AlreadyVended', accountId })
    expect(onRecord.changes()).toEqual([])
  })

  test('is AlreadyVended if this execution has vended, even if another execution vended after it', async () => {
    holds(aVendedRecord({ vendedEarlier: [executionArn] }))
    expect(await accept({ accountId, again: true })).toEqual({ outcome: 'AlreadyVended', accountId })
    expect(onRecord.changes()).toEqual([])
  })

  test('is AlreadyVended, and gives back the lease that a stopped try of the same execution took too late', async () => {
    holds(
      aVendedRecord({ status: 'FAILED', executionArn, lease: { holder: executionArn, ask: 'ask', renewedAt: now } }),
    )
    expect(await accept({ accountId })).toEqual({ outcome: 'AlreadyVended', accountId })
    const [change, ...more] = onRecord.changes()
    expect(change?.set).toMatchObject({ status: 'VENDED' })
    expect(change?.remove).toEqual(['lease', 'failure'])
    expect(more).toEqual([])
  })

  test('is AlreadyVended whatever the case of names and addresses', async () => {
    holds(aVendedRecord())
    const admins = [{ userName: 'ADMINISTRATOR', email: 'payments@Example.com', groups: ['administrators'] }]
    expect(await accept({ accountId, admins })).toEqual({ outcome: 'AlreadyVended', accountId })
  })

  test('for another person vends what is missing, and nothing else', async () => {
    holds(aVendedRecord())
    const admins = [{ userName: 'Administrator' }, { userName: 'ada', email: 'ada@example.com' }]
    expect(await accept({ accountId, admins })).toMatchObject({
      outcome: 'Accepted',
      groups: [aGroup()],
      admins: [anAdmin({ userName: 'ada', email: 'ada@example.com' })],
    })
    expect(onRecord.changes()[0]?.set['asked']).toEqual({ groups: ['Administrators'], users: ['ada'] })
  })

  test.each([
    ['another address', { email: 'ada@example.com' }],
    ['an address whose local part has another case', { email: 'Payments@example.com' }],
    ['another policy', { policies: ['ReadOnlyAccess'] }],
    ['another tag', { tags: { Team: 'core' } }],
    ['another group', { groups: ['Administrators', 'Readers'] }],
  ])('for %s is not AlreadyVended, and keeps the record’s contents', async (_, more) => {
    holds(aVendedRecord({ admins: { administrator: { ...anAdmin({ policies: [adminAccess] }), kept: false } } }))
    const request = { accountId, admins: [{ userName: 'Administrator', ...more }], groups: [{ name: 'Readers' }] }
    const answer = await accept(request)
    expect(answer).toMatchObject({ outcome: 'Accepted', admins: [{ userName: 'Administrator' }] })
    expect('admins' in answer && answer.admins[0]?.policies).toContain(adminAccess)
    expect('admins' in answer && answer.admins[0]?.groups).toContain('Administrators')
    expect('admins' in answer && answer.admins[0]?.tags).toMatchObject({ ManagedBy: 'account-vending' })
  })

  test('returns each group of its administrators, including groups on record', async () => {
    holds(aVendedRecord())
    const groups = [{ name: 'Readers', policies: ['ReadOnlyAccess'] }]
    const answer = await accept({ accountId, admins: [{ userName: 'Administrator', groups: ['Readers'] }], groups })
    if (answer.outcome !== 'Accepted') throw new Error(answer.outcome)
    const names = answer.groups.map(({ name }) => name)
    expect(names).toEqual(expect.arrayContaining(answer.admins.flatMap((admin) => admin.groups)))
  })

  test('is refused if it gives an existing group other rights, because the group’s members would get them', async () => {
    holds(aVendedRecord({ groups: { readers: aGroup({ name: 'Readers', inline: { mine: aDocument() } }) } }))
    for (const more of [{ policies: ['ReadOnlyAccess'] }, { inline: { mine: aDocument({ Id: 'other' }) } }]) {
      const groups = [{ name: 'Readers', policies: ['AdministratorAccess'], inline: { mine: aDocument() }, ...more }]
      await expect(accept({ accountId, admins: [{ userName: 'ada', groups: ['Readers'] }], groups })).rejects.toThrow(
        'groups[0].name: the group Readers already exists in the account, with other permissions',
      )
    }
    expect(onRecord.changes()).toEqual([])
  })

  test('asks again for a user who was kept', async () => {
    holds(aVendedRecord({ admins: { administrator: { ...anAdmin(), kept: true } } }))
    expect(await accept({ accountId })).toMatchObject({ outcome: 'Accepted', admins: [{ userName: 'Administrator' }] })
  })

  test('is AlreadyVended whatever the order in which DynamoDB returns the keys of an inline policy', async () => {
    const { Version, Statement } = aDocument()
    const readers = { name: 'Readers', policies: [], inline: { mine: { Statement, Version } } }
    holds(aVendedRecord({ groups: { administrators: aGroup(), readers } }))
    expect(await accept({ accountId, groups: [{ name: 'Readers', inline: { mine: aDocument() } }] })).toEqual({
      outcome: 'AlreadyVended',
      accountId,
    })
  })

  test('for a group that is called constructor is a request like any other', async () => {
    holds(aVendedRecord())
    const groups = [{ name: 'constructor', policies: ['ReadOnlyAccess'] }]
    const answer = await accept({ accountId, groups })
    expect(answer).toMatchObject({ outcome: 'Accepted' })
  })
})

describe('with `mfa: required`', () => {
  const mfa = 'required' as const
  const policy = { [mfaPolicyName]: mfaPolicy('aws') }
  const readers = { name: 'Readers', policies: ['ReadOnlyAccess'] }
  const known = aGroup({ name: 'Readers', policies: ['arn:aws:iam::aws:policy/ReadOnlyAccess'] })
  const acceptedWith = async (request: object, overrides: Partial<typeof config> = {}) => {
    const answer = await accept({ accountId, ...request }, overrides)
    if (answer.outcome !== 'Accepted' || !('admins' in answer)) throw new Error(answer.outcome)
    return answer
  }

  test('each group, and each administrator who is in no group, gets the policy', async () => {
    const admins = [{ userName: 'ada', policies: ['AdministratorAccess'] }, { userName: 'grace' }]
    const { groups, admins: people } = await acceptedWith({ admins, groups: [readers] }, { mfa })
    expect(groups).toEqual([aGroup({ inline: policy }), { ...known, inline: policy }])
    expect(people.map(({ userName, inline }) => [userName, inline])).toEqual([
      ['ada', policy],
      ['grace', undefined],
    ])
  })

  test('an account that was vended before is not AlreadyVended: its groups get the policy, and nobody a new mail', async () => {
    holds(aVendedRecord())
    const { groups, admins } = await acceptedWith({}, { mfa })
    expect(groups).toEqual([aGroup({ inline: policy })])
    expect(admins).toEqual([])
  })

  test('an administrator who is in no group, and was vended before, gets the policy', async () => {
    const alone = anAdmin({ groups: [], policies: [adminAccess] })
    holds(aVendedRecord({ admins: { administrator: { ...alone, kept: false } } }))
    const admins = [{ userName: 'Administrator', policies: ['AdministratorAccess'] }]
    expect((await acceptedWith({ admins }, { mfa })).admins).toEqual([{ ...alone, inline: policy }])
    holds(aVendedRecord({ admins: { administrator: { ...alone, inline: policy, kept: false } } }))
    expect(await accept({ accountId, admins }, { mfa })).toEqual({ outcome: 'AlreadyVended', accountId })
  })

  test('a group on record that the request does not name gets the policy if its members are asked for', async () => {
    const ada = { userName: 'ada', email: 'ada@example.com' }
    holds(
      aVendedRecord({
        groups: { administrators: aGroup(), readers: known },
        admins: { ada: { ...anAdmin({ ...ada, groups: ['Readers'] }), kept: false } },
      }),
    )
    const { groups } = await acceptedWith({ admins: [ada] }, { mfa })
    expect(groups).toEqual([aGroup({ inline: policy }), { ...known, inline: policy }])
  })

  test('a group of an earlier request can be requested again: the policy is no other permission', async () => {
    holds(aVendedRecord({ groups: { administrators: aGroup(), readers: known } }))
    expect((await acceptedWith({ groups: [readers] }, { mfa })).groups).toContainEqual({ ...known, inline: policy })
  })

  test('everything is AlreadyVended once the policy is on record', async () => {
    holds(aVendedRecord({ groups: { administrators: aGroup({ inline: policy }) } }))
    expect(await accept({ accountId }, { mfa })).toEqual({ outcome: 'AlreadyVended', accountId })
  })

  test('and without it again, nothing asks for the policy any more, and groups can still be requested', async () => {
    const withPolicy = { administrators: aGroup({ inline: policy }), readers: { ...known, inline: policy } }
    holds(aVendedRecord({ groups: withPolicy }))
    expect(await accept({ accountId, groups: [readers] })).toEqual({ outcome: 'AlreadyVended', accountId })
    expect((await acceptedWith({ groups: [readers], again: true })).groups).toEqual([aGroup(), known])
  })
})

describe('a lease that another execution holds', () => {
  const askOf = async (request: unknown) => {
    await accept(request)
    const lease = onRecord.changes()[0]?.set['lease'] as { ask: string }
    return lease.ask
  }

  test('makes the same request AlreadyInProgress', async () => {
    const ask = await askOf({ accountId })
    holds({ ...heldByAnother(600, ask), requestedBy: 'manual execution' })
    expect(await accept({ accountId })).toEqual({ outcome: 'AlreadyInProgress', accountId })
    expect(onRecord.changes()).toEqual([])
  })

  test.each([false, true])(
    'makes a repair wait, whether the running execution is a repair (%s) or not, and the repair begins after that',
    async (again) => {
      const ask = await askOf({ accountId, again })
      const running = { ...aVendedRecord(), ...heldByAnother(600, ask), requestedBy: 'manual execution' }
      holds(running)
      await expect(accept({ accountId, again: true })).rejects.toThrow(AccountBusyError)
      holds(aVendedRecord())
      expect(await accept({ accountId, again: true })).toMatchObject({ outcome: 'Accepted' })
    },
  )

  test.each(['event', 'sweep'])(
    'makes the same request wait if an %s’s execution holds the lease, because that execution may end without a vend',
    async (requestedBy) => {
      const ask = await askOf({ accountId })
      holds({ ...heldByAnother(600, ask), requestedBy })
      await expect(accept({ accountId })).rejects.toThrow(AccountBusyError)
      expect(onRecord.changes()).toEqual([])
    },
  )

  test.each(['RUNNING', 'PENDING_REDRIVE'] as const)(
    'makes a different request wait as AccountBusyError while that execution is %s',
    async (status) => {
      sfn.on(DescribeExecutionCommand).resolves({ status })
      holds(heldByAnother(600))
      await expect(accept({ accountId })).rejects.toThrow(AccountBusyError)
      await expect(accept({ accountId })).rejects.toThrow(`Another execution works on account ${accountId}`)
      expect(onRecord.changes()).toEqual([])
    },
  )

  test.each(['SUCCEEDED', 'FAILED', 'TIMED_OUT', 'ABORTED'] as const)(
    'is taken over from an execution that is %s, 90 seconds after it was renewed',
    async (status) => {
      sfn.on(DescribeExecutionCommand).resolves({ status })
      holds(heldByAnother(90))
      expect(await accept({ accountId })).toEqual(accepted)
      expect(dynamodb.calls().at(-1)?.args[0].input).toMatchObject({
        ConditionExpression: expect.stringContaining('lease.renewedAt') as string,
      })
    },
  )

  test.each(['SUCCEEDED', 'FAILED', 'TIMED_OUT', 'ABORTED'] as const)(
    'is not taken over for 90 seconds even if its execution is %s, because a function of the execution may still run',
    async (status) => {
      sfn.on(DescribeExecutionCommand).resolves({ status })
      holds(heldByAnother(89))
      await expect(accept({ accountId })).rejects.toThrow(AccountBusyError)
      await expect(accept(event)).rejects.toThrow(AccountBusyError)
      expect(onRecord.changes()).toEqual([])
    },
  )

  test('is taken over from an execution that Step Functions has forgotten', async () => {
    sfn.on(DescribeExecutionCommand).rejects(awsError('ExecutionDoesNotExist'))
    holds(heldByAnother(600))
    expect(await accept({ accountId })).toEqual(accepted)
  })

  test('leads to AccountBusyError if another execution takes the lease first', async () => {
    onRecord.loses()
    await expect(accept({ accountId })).rejects.toThrow(AccountBusyError)
  })
})

describe('the error leaves under its name:', () => {
  test.each([
    ['what does not parse', { accountId: '4444' }],
    ['nothing', undefined],
    ['a failed creation', aSample('create-account-result-failed')],
    ['a group that nobody defined', { accountId, admins: [{ userName: 'ada', groups: ['Nobody'] }] }],
  ])('InvalidInputError for %s', async (_, request) => {
    await expect(accept(request)).rejects.toThrow(InvalidInputError)
    expect(onRecord.changes()).toEqual([])
  })

  test('ManagementAccountError', async () => {
    await expect(accept({ accountId: managementAccountId })).rejects.toThrow(ManagementAccountError)
  })

  test('AccountNotFoundError', async () => {
    organizations.on(DescribeAccountCommand).rejects(awsError('AccountNotFoundException'))
    await expect(accept({ accountId })).rejects.toThrow(AccountNotFoundError)
  })

  test('ProtectedAccountError', async () => {
    organizations.on(DescribeAccountCommand).resolves({ Account: anOrganizationsAccount({ Name: 'Audit' }) })
    await expect(accept(event)).rejects.toThrow(ProtectedAccountError)
    expect(onRecord.changes()).toEqual([])
  })

  test('AccountNotActiveError', async () => {
    organizations.on(DescribeAccountCommand).resolves({ Account: anOrganizationsAccount({ State: 'SUSPENDED' }) })
    await expect(accept({ accountId })).rejects.toThrow(AccountNotActiveError)
  })

  test('RecipientNotAllowedError', async () => {
    await expect(accept(event, { allowedRecipients: ['other.example'] })).rejects.toThrow(RecipientNotAllowedError)
    expect(onRecord.changes()).toEqual([])
  })

  test.each([undefined, aVendedRecord(), aVendedRecord({ status: 'DEPARTED' })])(
    'UserNotOnRecordError for a new link of a user who is not on record',
    async (record) => {
      holds(record)
      const renew = record?.status === 'DEPARTED' ? 'administrator' : 'bob'
      await expect(accept({ accountId, renew })).rejects.toThrow(UserNotOnRecordError)
      expect(onRecord.changes()).toEqual([])
    },
  )

  test('AccountBusyError for a new link of a user whom a running execution is making', async () => {
    holds(heldByAnother(10))
    sfn.on(DescribeExecutionCommand).resolves({ status: 'RUNNING' })
    await expect(accept({ accountId, renew: 'administrator' })).rejects.toThrow(AccountBusyError)
    sfn.on(DescribeExecutionCommand).resolves({ status: 'FAILED' })
    await expect(accept({ accountId, renew: 'administrator' })).rejects.toThrow(UserNotOnRecordError)
    expect(onRecord.changes()).toEqual([])
  })

  test('UserKeptError for a new link of a user who is kept', async () => {
    holds(aVendedRecord({ admins: { administrator: { ...anAdmin(), kept: true } } }))
    await expect(accept({ accountId, renew: 'Administrator' })).rejects.toThrow(UserKeptError)
    expect(onRecord.changes()).toEqual([])
  })

  test('RecipientNotAllowedError for a new link to an address that is no longer allowed', async () => {
    holds(aVendedRecord())
    const renewed = accept({ accountId, renew: 'Administrator' }, { allowedRecipients: ['other.example'] })
    await expect(renewed).rejects.toThrow(RecipientNotAllowedError)
    await expect(renewed).rejects.toThrow('The address of Administrator, ')
  })

  test('an error of Step Functions', async () => {
    sfn.on(DescribeExecutionCommand).rejects(awsError('ThrottlingException'))
    holds(heldByAnother(600))
    await expect(accept({ accountId })).rejects.toMatchObject({ name: 'ThrottlingException' })
  })
})
