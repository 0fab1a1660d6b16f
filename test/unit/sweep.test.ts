import {
  DeleteItemCommand,
  DescribeTableCommand,
  GetItemCommand,
  PutItemCommand,
  ScanCommand,
  type ScanCommandInput,
} from '@aws-sdk/client-dynamodb'
import {
  DescribeAccountCommand,
  ListAccountsCommand,
  ListParentsCommand,
  OrganizationsClient,
} from '@aws-sdk/client-organizations'
import { DeleteSecretCommand, SecretsManagerClient } from '@aws-sdk/client-secrets-manager'
import { SendEmailCommand, SESClient } from '@aws-sdk/client-ses'
import {
  DescribeExecutionCommand,
  DescribeStateMachineCommand,
  DescribeStateMachineForExecutionCommand,
  SFNClient,
  StartExecutionCommand,
} from '@aws-sdk/client-sfn'
import { marshall, unmarshall } from '@aws-sdk/util-dynamodb'
import { mockClient } from 'aws-sdk-client-mock'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import type { AccountRecord } from '../../functions/shared/record-and-lease.ts'
import { sweep } from '../../functions/sweep/sweep.ts'
import {
  anAdmin,
  anOrganizationsAccount,
  aRecord,
  aVend,
  aVendedRecord,
  awsError,
  ledgerMock,
  managementAccountId,
  operationsOf,
} from '../support/builders.ts'
import { aLook } from '../support/looks.ts'

const organizations = mockClient(OrganizationsClient)
const sfn = mockClient(SFNClient)
const secrets = mockClient(SecretsManagerClient)
const ses = mockClient(SESClient)
const { dynamodb, ledger, ...ledgerIs } = ledgerMock()

const stateMachineArn = `arn:aws:states:us-east-1:${managementAccountId}:stateMachine:account-vending-dev`
const config = {
  stateMachineArn,
  protected: { accounts: ['Audit'], organizationalUnits: ['ou-exam-security'] },
  automatic: 'organizations' as const,
  round: 'unsettled' as const,
  secretAfterSignIn: 'delete' as const,
  sender: 'vending@example.com',
  organizationName: 'Example Organization',
  contact: 'platform-team@example.com',
  allowedRecipients: ['example.com'],
  admins: [],
  notify: ['platform@example.com'],
}
const run = (overrides: Partial<Omit<typeof config, 'automatic'>> & { automatic?: 'control-tower' } = {}) =>
  sweep(
    {
      organizations: new OrganizationsClient({}),
      sfn: new SFNClient({}),
      secrets: new SecretsManagerClient({}),
      ses: new SESClient({}),
      ledger,
    },
    { executionArn: `${stateMachineArn.replace(':stateMachine:', ':execution:')}_round:today` },
    { ...config, ...overrides },
  )

const now = Date.parse('2026-11-20T06:10:00.000Z')
const ago = (hours: number) => new Date(now - hours * 60 * 60 * 1000)
type Listed = ReturnType<typeof anOrganizationsAccount>
const account = (n: number, overrides: Partial<Record<keyof Listed | 'Status', unknown>> = {}) =>
  anOrganizationsAccount({ Id: String(700000000000 + n), Name: `a${n}`, JoinedTimestamp: ago(2), ...overrides })
const management = anOrganizationsAccount({ Id: managementAccountId, Name: 'Management', JoinedTimestamp: ago(9e4) })

let notes: Record<string, object>
/** Mocks the organization's accounts, in pages of 20, and the ledger's items. */
const there = (
  accounts: Listed[],
  records: Record<string, AccountRecord> = {},
  failures: Record<string, object> = {},
) => {
  const all = [management, ...accounts]
  organizations.on(ListAccountsCommand).callsFake(({ NextToken = '0' }: { NextToken?: string }) => {
    const end = Number(NextToken) + 20
    return { Accounts: all.slice(Number(NextToken), end), ...(end < all.length && { NextToken: String(end) }) }
  })
  organizations.on(DescribeAccountCommand).callsFake(({ AccountId }: { AccountId: string }) => {
    const Account = all.find(({ Id }: { Id?: string }) => Id === AccountId)
    if (!Account) throw awsError('AccountNotFoundException')
    return { Account }
  })
  organizations.on(ListParentsCommand).resolves({ Parents: [{ Id: 'r-exam' }] })
  const item = (content: object | undefined) => content && marshall(content, { removeUndefinedValues: true })
  const items: Record<string, object> = {
    ...Object.fromEntries(Object.entries(records).map(([id, record]) => [`account#${id}`, record])),
    ...failures,
  }
  dynamodb.on(ScanCommand).callsFake(({ ExpressionAttributeValues }: ScanCommandInput) => {
    const prefixes = Object.values(unmarshall(ExpressionAttributeValues ?? {})) as string[]
    const found = Object.entries(items).filter(([pk]) => prefixes.some((prefix) => pk.startsWith(prefix)))
    return { Items: found.map(([pk, content]) => item({ ...content, pk })) }
  })
  dynamodb.on(GetItemCommand).callsFake(({ Key }: { Key: Record<string, never> }) => {
    const content = { ...items, ...notes }[String(unmarshall(Key)['pk'])]
    return content ? { Item: item(content) } : {}
  })
}
const execution = (status: string, more: object = {}) =>
  sfn.on(DescribeExecutionCommand).resolves({
    executionArn: aVend().executionArn,
    stateMachineArn,
    status: status as 'FAILED',
    input: '{}',
    startDate: ago(3),
    ...more,
  })
const started = () => sfn.commandCalls(StartExecutionCommand).map(({ args }) => args[0].input)
const mails = () => ses.commandCalls(SendEmailCommand).map(({ args }) => args[0].input)
const mailText = () => mails()[0]?.Message?.Body?.Text?.Data ?? ''
const deleted = () => secrets.commandCalls(DeleteSecretCommand).map(({ args }) => args[0].input)
const nothing = {
  batches: [],
  signInsPerSecond: 280,
  auditsRoot: false,
  toLookAt: 0,
  started: [],
  closed: [],
  departed: [],
  failed: [],
  failedRequests: [],
  suspended: [],
  expired: [],
  resumed: [],
}
const aFailed = (overrides: Partial<AccountRecord> = {}) =>
  aRecord({
    status: 'FAILED',
    failure: { error: 'DeniedByPolicyError', cause: 'IAM refused', at: '2026-11-01T09:22:00.000Z' },
    ...overrides,
  })
const aGone = (status: 'DEPARTED' | 'CLOSED', overrides: Partial<AccountRecord> = {}) =>
  aVendedRecord({ status, ...overrides })

beforeEach(() => {
  // The sweep waits between two lists. The test does not.
  vi.useFakeTimers({ now, toFake: ['Date', 'setTimeout', 'clearTimeout'] }).setTimerTickMode('nextTimerAsync')
  for (const mock of [organizations, sfn, secrets, ses]) mock.reset()
  ledgerIs.holds(undefined)
  notes = {}
  dynamodb.on(DescribeTableCommand).resolves({ Table: { CreationDateTime: ago(24 * 30) } })
  sfn.on(StartExecutionCommand).resolves({})
  ses.on(SendEmailCommand).resolves({ MessageId: 'message-1' })
  execution('FAILED', { error: 'DeniedByPolicyError', cause: '{"errorMessage":"IAM refused"}' })
})
afterEach(() => void vi.useRealTimers())

describe('missed', () => {
  test('an account that nobody vended gets an execution like an event’s, whose name is the account’s own for the day', async () => {
    there([account(1)])
    expect(await run()).toEqual({ ...nothing, accounts: 1, started: ['700000000001'] })
    expect(started()).toMatchObject([{ stateMachineArn, name: 'sweep-700000000001-2026-11-20' }])
    expect(JSON.parse(started()[0]?.input ?? '')).toEqual({
      source: 'account-vending',
      'detail-type': 'Account Found By Sweep',
      detail: { eventName: 'AccountJoinedOrganization', accountId: '700000000001' },
    })
    expect(mails()).toEqual([])
  })

  test('every page is read: 45 accounts, all missed', async () => {
    there(Array.from({ length: 45 }, (_, n) => account(n)))
    expect((await run()).started).toHaveLength(45)
    expect(organizations.commandCalls(ListAccountsCommand)).toHaveLength(3)
  })

  test.each<[why: string, account: Listed]>([
    ['joined before the service was installed', account(1, { JoinedTimestamp: ago(24 * 31) })],
    ['joined within the hour: its event may still come', account(1, { JoinedTimestamp: ago(0.9) })],
    ['PENDING_ACTIVATION', account(1, { State: 'PENDING_ACTIVATION' })],
    ['closed before anybody vended it', account(1, { State: 'CLOSED' })],
    ['suspended by State, whatever Status says', account(1, { State: 'SUSPENDED', Status: 'ACTIVE' })],
    ['protected by name', account(1, { Name: 'Audit' })],
  ])('does not include an account: %s', async (_, account) => {
    there([account])
    expect(await run()).toMatchObject(nothing)
    expect(started()).toEqual([])
  })

  test('an account is active if State says so, not Status', async () => {
    there([account(1, { Status: 'SUSPENDED' })])
    expect((await run()).started).toEqual(['700000000001'])
  })

  test('does not include an account below a protected unit', async () => {
    there([account(1)])
    organizations.on(ListParentsCommand).resolves({ Parents: [{ Id: 'ou-exam-security' }] })
    organizations.on(ListParentsCommand, { ChildId: 'ou-exam-security' }).resolves({ Parents: [{ Id: 'r-exam' }] })
    expect((await run()).started).toEqual([])
  })

  test('does not include an account that left after the list was read', async () => {
    there([account(1)])
    organizations.on(DescribeAccountCommand).rejects(awsError('AccountNotFoundException'))
    expect((await run()).started).toEqual([])
  })

  test('under Control Tower an account counts as missed after a day', async () => {
    there([account(1, { JoinedTimestamp: ago(23) }), account(2, { JoinedTimestamp: ago(25) })])
    expect((await run({ automatic: 'control-tower' })).started).toEqual(['700000000002'])
  })

  test('does not include an account that is on record as vended', async () => {
    there([account(1)], { '700000000001': aVendedRecord() })
    expect(await run()).toMatchObject({ ...nothing, batches: [{}], toLookAt: 1 })
    expect(sfn.calls()).toEqual([])
  })

  test('two sweeps on a day start an account once', async () => {
    there([account(1)])
    sfn.on(StartExecutionCommand).rejects(awsError('ExecutionAlreadyExists'))
    expect((await run()).started).toEqual([])
  })

  test('an account that departed and joined again is started; a closed account that was reopened is not', async () => {
    there([account(1), account(2), account(3)], {
      '700000000001': aGone('DEPARTED'),
      '700000000002': aGone('CLOSED'),
      '700000000003': { ...aGone('CLOSED'), vendedAt: undefined as unknown as string },
    })
    expect((await run()).started).toEqual(['700000000001', '700000000003'])
  })

  test('an account whose administrators were removed stays as it is, open or closed', async () => {
    const { vendedAt: _, ...removed } = aVendedRecord({ status: 'REMOVED', groups: {}, admins: {}, passwords: {} })
    there([account(1), account(2, { State: 'CLOSED' })], { '700000000001': removed, '700000000002': removed })
    expect(await run()).toEqual({ ...nothing, accounts: 2 })
    expect([started(), mails(), deleted(), ledgerIs.changes()]).toEqual([[], [], [], []])
  })
})

describe('failed', () => {
  test('all failures are reported in one mail, with the words and the command of the failure notice, and nothing is started', async () => {
    there([account(1), account(2, { Name: 'Two\nOf them' })], {
      '700000000001': aFailed(),
      '700000000002': aFailed({ executionArn: `${aVend().executionArn}-2` }),
    })
    expect(await run()).toMatchObject({ failed: ['700000000001', '700000000002'], started: [] })
    expect(started()).toEqual([])
    expect(mails()).toHaveLength(1)
    expect(mails()[0]).toMatchObject({
      Source: 'vending@example.com',
      Destination: { ToAddresses: ['platform@example.com'] },
      Message: { Subject: { Data: 'The vends of 2 accounts have failed' } },
    })
    expect(mailText()).toContain('700000000001 (a1): DeniedByPolicyError')
    expect(mailText()).toContain('700000000002 (Two Of them): DeniedByPolicyError')
    expect(mailText()).toContain('A service control policy or a permissions boundary that forbids IAM users or groups')
    expect(mailText()).toContain('    npx vend redrive 700000000001 --stage dev --region us-east-1')
    expect(ledgerIs.changes()).toEqual([])
  })

  test('a removal that failed is not told as a vend', async () => {
    const removal = `${aVend().executionArn}-removal`
    const failing = (accountId: string, executionArn: string, input: object) =>
      sfn.on(DescribeExecutionCommand, { executionArn }).resolves({
        ...{ executionArn, stateMachineArn, status: 'FAILED', startDate: ago(3), error: 'LeaseLostError', cause: '' },
        input: JSON.stringify({ accountId, ...input }),
      })
    const records = { '700000000001': aFailed({ executionArn: removal }), '700000000002': aFailed() }
    failing('700000000001', removal, { remove: { what: 'everything' } })
    failing('700000000002', aVend().executionArn, {})
    there([account(1)], records)
    await run()
    there([account(1), account(2)], records)
    await run()
    expect(mails().map(({ Message }) => Message?.Subject?.Data)).toEqual([
      'Removing administrators from 1 account has failed',
      'The vends and removals of 2 accounts have failed',
    ])
    const text = mails().map(({ Message }) => Message?.Body?.Text?.Data ?? '')
    expect(text[0]).not.toMatch(/\bvends?\b(?! (redrive|remove|status))/)
    expect(text[1]).toContain('700000000001 (a1), removal of administrators: LeaseLostError')
    expect(text[1]).toContain('700000000002 (a2): LeaseLostError')
  })

  test('a failure that was never reported is reported and recorded', async () => {
    there([account(1)], { '700000000001': aRecord() })
    expect((await run()).failed).toEqual(['700000000001'])
    expect(ledgerIs.changes()).toMatchObject([
      { set: { status: 'FAILED', failure: { error: 'DeniedByPolicyError', cause: 'IAM refused' } } },
    ])
  })

  test.each(['RUNNING', 'PENDING_REDRIVE', 'SUCCEEDED'])('not one whose execution is %s', async (status) => {
    there([account(1), account(2)], { '700000000001': aRecord(), '700000000002': aFailed() })
    execution(status)
    expect(await run()).toMatchObject(nothing)
    expect(mails()).toEqual([])
  })

  test('a lease that an execution took after its end is given back', async () => {
    there([account(1)], { '700000000001': aRecord() })
    execution('SUCCEEDED')
    await run()
    expect(ledgerIs.changes()).toMatchObject([{ set: { status: 'VENDED' }, remove: ['lease', 'failure'] }])
  })

  test('an execution that can no longer be redriven gets the command that starts a new vend', async () => {
    there([account(1)], { '700000000001': aFailed() })
    execution('FAILED', { error: 'DeniedByPolicyError', redriveStatus: 'NOT_REDRIVABLE' })
    await run()
    expect(mailText()).not.toContain('vend redrive')
    expect(mailText()).toContain('    npx vend start 700000000001 --stage dev --region us-east-1')
  })

  test('so does an execution whose workflow was changed since, with the request that it had', async () => {
    there([account(1)], { '700000000001': aFailed() })
    const request = { accountId: '700000000001', admins: [{ userName: 'ada', tags: { Team: 'red' } }] }
    execution('FAILED', { error: 'DeniedByPolicyError', input: JSON.stringify(request) })
    sfn.on(DescribeStateMachineForExecutionCommand).resolves({ definition: 'old' })
    sfn.on(DescribeStateMachineCommand).resolves({ definition: 'new' })
    await run()
    expect(mailText()).not.toContain('vend redrive')
    expect(mailText()).toContain('The workflow was changed after this execution started')
    expect(mailText()).toContain('    npx vend start 700000000001 --file request.json --stage dev --region us-east-1')
    const [, line] = /Save this line as request\.json: (.*)/.exec(mailText() ?? '') ?? []
    expect(JSON.parse(line ?? '{}')).toMatchObject({ admins: request.admins })
  })

  test('so does an execution that Step Functions has forgotten, from the record', async () => {
    there([account(1)], { '700000000001': aFailed() })
    sfn.on(DescribeExecutionCommand).rejects(awsError('ExecutionDoesNotExist'))
    await run()
    expect(mailText()).toContain('700000000001 (a1): DeniedByPolicyError')
    expect(mailText()).toContain('    npx vend start 700000000001 --stage dev --region us-east-1')
  })

  test('a refused request leaves no record: the note of its notice makes the sweep report it again, and start nothing', async () => {
    const arn = aVend().executionArn
    there([account(1)], {}, { [`failure#${arn}#1793525000000#FAILED`]: { accountId: '700000000001' } })
    execution('FAILED', { error: 'RecipientNotAllowedError' })
    expect(await run()).toMatchObject({ failed: ['700000000001'], started: [] })
    expect(mailText()).toContain('RecipientNotAllowedError')
  })

  test('does not include an account that vending.yml protects by now', async () => {
    there([account(1, { Name: 'Audit' })], { '700000000001': aFailed() })
    expect(await run()).toMatchObject(nothing)
  })

  test('the same failure is reported once a day', async () => {
    there([account(1)], { '700000000001': aFailed() })
    await run()
    const [note] = dynamodb.calls().flatMap(({ args: [{ input }] }) => {
      const { Item } = input as { Item?: Record<string, never> }
      return Item ? [String(unmarshall(Item)['pk'])] : []
    })
    expect(note).toMatch(/^sweep#2026-11-20#/)
    notes = { [note ?? '']: { messageId: 'message-1' } }
    await run()
    expect(mails()).toHaveLength(1)
    vi.setSystemTime(now + 24 * 60 * 60 * 1000)
    await run()
    expect(mails()).toHaveLength(2)
  })

  test('of many failures, 50 are reported and the others are counted', async () => {
    const ids = Array.from({ length: 53 }, (_, n) => account(n))
    there(ids, Object.fromEntries(ids.map(({ Id }) => [Id, aFailed()])))
    await run()
    expect(mailText().match(/DeniedByPolicyError/g)).toHaveLength(50)
    expect(mailText()).toContain('And 3 more: npx vend list --status FAILED')
  })

  test('if SES refuses, the sweep does everything else and then fails', async () => {
    there([account(1), account(2), account(3, { State: 'CLOSED' })], {
      '700000000001': aFailed(),
      '700000000003': aVendedRecord(),
    })
    ses.on(SendEmailCommand).rejects(awsError('MessageRejected'))
    await expect(run()).rejects.toMatchObject({ name: 'MessageRejected' })
    expect(started()).toHaveLength(1)
    expect(deleted()).toHaveLength(1)
  })
})

describe('departed and closed', () => {
  const gone = '700000000009'

  test('a departed account’s secrets are scheduled for deletion, its lease removed, its record marked', async () => {
    there([], {
      [gone]: aVendedRecord({
        passwords: { ada: { vendId: 'v', at: '' }, administrator: { vendId: 'v', at: '' } },
        admins: {
          administrator: { ...anAdmin(), kept: false },
          grace: { ...anAdmin({ userName: 'Grace' }), kept: false },
          linus: { ...anAdmin({ userName: 'Linus' }), kept: true },
        },
        lease: { holder: aVend().executionArn, ask: 'ask', renewedAt: now - 91_000 },
      }),
    })
    expect(await run()).toMatchObject({ ...nothing, departed: [gone] })
    expect(deleted()).toEqual(
      ['ada', 'administrator', 'grace'].map((user) => ({
        SecretId: `account-vending/${gone}/${user}`,
        RecoveryWindowInDays: 7,
      })),
    )
    expect(ledgerIs.changes()).toMatchObject([{ set: { status: 'DEPARTED' }, remove: ['lease'] }])
  })

  test.each(['CLOSED', 'PENDING_CLOSURE'])('an account whose State is %s is closed', async (State) => {
    there([account(1, { State })], { '700000000001': aVendedRecord() })
    expect(await run()).toMatchObject({ ...nothing, closed: ['700000000001'] })
    expect(deleted()).toHaveLength(1)
    expect(ledgerIs.changes()).toMatchObject([{ set: { status: 'CLOSED' } }])
  })

  test('what a round found in an account that is closed or has left is deleted, unless a round looked again', async () => {
    const states = { 1: 'CLOSED', 2: 'PENDING_CLOSURE', 3: 'SUSPENDED', 4: 'ACTIVE' }
    const looks = [...Object.keys(states).map((n) => String(700000000000 + Number(n))), gone].map((accountId) => [
      `look#${accountId}`,
      aLook([], { accountId }),
    ])
    there(
      Object.entries(states).map(([n, State]) => account(Number(n), { State, JoinedTimestamp: ago(9e4) })),
      {},
      Object.fromEntries(looks) as Record<string, object>,
    )
    dynamodb.on(DeleteItemCommand).resolvesOnce({}).rejects(awsError('ConditionalCheckFailedException'))
    await run()
    const ends = dynamodb.commandCalls(DeleteItemCommand).map(({ args }) => args[0].input)
    expect(ends.map(({ Key }) => unmarshall(Key ?? {})['pk'] as string)).toEqual([
      'look#700000000001',
      'look#700000000002',
      `look#${gone}`,
    ])
    for (const { ExpressionAttributeValues } of ends)
      expect(Object.values(unmarshall(ExpressionAttributeValues ?? {}))).toEqual([aLook().at])
  })

  describe('an account that AWS has suspended is left alone', () => {
    const id = '700000000001'
    const sent = () => secrets.calls().length + sfn.calls().length + ledgerIs.changes().length

    test.each<[what: string, record: AccountRecord]>([
      ['is vended', aVendedRecord({ lease: { holder: 'other', ask: 'ask', renewedAt: 0 } })],
      ['has a failed vend', aFailed()],
      ['has a vend whose end is not on record', aRecord()],
    ])('and told, where it %s', async (_, record) => {
      there([account(1, { State: 'SUSPENDED' })], { [id]: record })
      expect(await run()).toEqual({ ...nothing, accounts: 1, suspended: [id] })
      expect(sent()).toBe(0)
      expect(mails()[0]?.Message?.Subject?.Data).toBe('AWS has suspended 1 account')
      expect(mailText()).toContain(`\n  ${id} (a1): ${record.status}\n`)
      expect(mailText()).not.toContain('found these failures')
    })

    test('and not told, where it is not on record', async () => {
      there([account(1, { State: 'SUSPENDED' })])
      expect(await run()).toMatchObject(nothing)
      expect(sent() + mails().length).toBe(0)
    })

    test('in a mail that comes once while the suspended accounts are the same, and daily beside failures', async () => {
      const noteOf = () =>
        unmarshall(dynamodb.commandCalls(PutItemCommand).at(-1)?.args[0].input.Item ?? {})['pk'] as string
      there([account(1, { State: 'SUSPENDED' })], { [id]: aVendedRecord() })
      await run()
      const note = noteOf()
      notes = { [note]: { messageId: 'message-1' } }
      vi.setSystemTime(now + 24 * 3600_000)
      await run()
      expect(mails()).toHaveLength(1)

      there([account(1, { State: 'SUSPENDED' }), account(2)], { [id]: aVendedRecord(), '700000000002': aFailed() })
      await run()
      expect(mails()).toHaveLength(2)
      expect(mails()[1]?.Message?.Subject?.Data).toBe('The vend of 1 account has failed')
      expect(mails()[1]?.Message?.Body?.Text?.Data).toContain(`\n  ${id} (a1): VENDED\n`)
      expect(noteOf()).toContain('sweep#2026-11-21#')
    })

    test('as a list of at most 50', async () => {
      const all = Array.from({ length: 53 }, (_, n) => account(n, { State: 'SUSPENDED' }))
      there(all, Object.fromEntries(all.map(({ Id = '' }) => [Id, aVendedRecord()])))
      await run()
      expect(mailText().match(/: VENDED\n/g)).toHaveLength(50)
      expect(mailText()).toContain('And 3 more: npx vend list')
    })
  })

  test('an account that was cleaned up is not cleaned up again', async () => {
    there([account(1, { State: 'CLOSED' })], { '700000000001': aGone('CLOSED'), [gone]: aGone('DEPARTED') })
    expect(await run()).toMatchObject(nothing)
    expect(deleted()).toEqual([])
  })

  test.each(['ResourceNotFoundException', 'InvalidRequestException'])(
    'a secret that is deleted or scheduled for deletion (%s) does not stop the clean-up',
    async (name) => {
      there([], { [gone]: aVendedRecord() })
      secrets.on(DeleteSecretCommand).rejects(awsError(name))
      expect((await run()).departed).toEqual([gone])
    },
  )

  test('a secret that cannot be deleted fails the sweep, and its account is not marked', async () => {
    there([], { [gone]: aVendedRecord() })
    secrets.on(DeleteSecretCommand).rejects(awsError('AccessDeniedException'))
    await expect(run()).rejects.toMatchObject({ name: 'AccessDeniedException' })
    expect(ledgerIs.changes()).toEqual([])
  })

  test.each<[why: string, status: string, seconds: number]>([
    ['is running', 'RUNNING', 1000],
    ['ended a moment ago, and a function of it may still run', 'FAILED', 89],
  ])('an account is not cleaned up while the lease’s holder %s', async (_, status, seconds) => {
    const lease = { holder: aVend().executionArn, ask: 'ask', renewedAt: now - seconds * 1000 }
    there([], { [gone]: aRecord({ lease, passwords: { ada: { vendId: 'v', at: '' } } }) })
    execution(status)
    expect(await run()).toMatchObject(nothing)
    expect(deleted()).toEqual([])
    expect(ledgerIs.changes()).toEqual([])
  })

  test('an account that is vended again meanwhile is not marked', async () => {
    there([], { [gone]: aVendedRecord() })
    ledgerIs.loses()
    expect((await run()).departed).toEqual([])
  })

  test('a failed page of the list cleans up nothing and starts nothing', async () => {
    there(
      Array.from({ length: 45 }, (_, n) => account(n)),
      { [gone]: aVendedRecord() },
    )
    organizations.on(ListAccountsCommand, { NextToken: '20' }).rejects(awsError('ServiceException'))
    await expect(run()).rejects.toMatchObject({ name: 'ServiceException' })
    expect(deleted()).toEqual([])
    expect(operationsOf(sfn)).toEqual([])
    expect(ledgerIs.changes()).toEqual([])
  })

  test.each<[what: string, accounts: object[]]>([
    ['an empty list', []],
    ['a list without the management account', [account(1)]],
  ])('%s cleans up nothing', async (_, Accounts) => {
    there([], { [gone]: aVendedRecord() })
    organizations.on(ListAccountsCommand).resolves({ Accounts })
    await expect(run()).rejects.toMatchObject({
      name: 'ListIncompleteError',
      message: expect.stringContaining('The list of accounts is incomplete') as string,
    })
    expect(deleted()).toEqual([])
  })

  test('an account that the list left out is not cleaned up if Organizations knows it', async () => {
    there([account(9)], { [gone]: aVendedRecord() })
    organizations.on(ListAccountsCommand).resolves({ Accounts: [management] })
    expect(await run()).toMatchObject(nothing)
    expect(deleted()).toEqual([])
  })
})

describe('an account that a request opens', () => {
  const anIntent = (overrides: object = {}) => ({
    requestId: 'a'.repeat(32),
    requestedAt: ago(3).toISOString(),
    updatedAt: ago(3).toISOString(),
    status: 'opening',
    holder: aVend().executionArn,
    ...overrides,
  })
  const opened = account(1, { Email: 'New@example.com' })
  const opening = JSON.stringify({ account: { name: 'New one', email: 'new@example.com' } })

  test('is not vended by the sweep, unless the address belonged to somebody else', async () => {
    execution('RUNNING', { input: opening })
    there([opened], {}, { 'intent#new@example.com': anIntent() })
    expect(await run()).toEqual({ accounts: 1, ...nothing })
    const failure = { error: 'EmailAlreadyExistsError', cause: '', at: ago(2).toISOString(), status: 'FAILED' }
    there([opened], {}, { 'intent#new@example.com': anIntent({ status: 'failed', failure }) })
    expect(await run()).toMatchObject({ started: ['700000000001'] })
  })

  test('is told in the daily mail as long as its execution can be redriven, and nothing is started', async () => {
    execution('FAILED', { input: opening, error: 'OpeningWaitedTooLongError' })
    there([], {}, { 'intent#new@example.com': anIntent() })
    expect(await run()).toEqual({ accounts: 0, ...nothing, failedRequests: ['a'.repeat(32)] })
    expect(mailText()).toContain('new@example.com (New one): OpeningWaitedTooLongError')
    expect(mailText()).toContain(`npx vend redrive ${aVend().executionArn}`)
    expect(started()).toEqual([])
    const failure = { error: 'X', cause: '', at: ago(15 * 24).toISOString(), status: 'FAILED' }
    there([], {}, { 'intent#new@example.com': anIntent({ status: 'failed', failure }) })
    expect(await run()).toEqual({ accounts: 0, ...nothing })
  })

  test('is told for 2 days if a person must correct the request: the corrected request is a new one', async () => {
    execution('FAILED', { input: opening, error: 'EmailAlreadyExistsError', cause: 'The address is taken' })
    const failedAt = (hours: number) => {
      const failure = { error: 'EmailAlreadyExistsError', cause: '', at: ago(hours).toISOString(), status: 'FAILED' }
      there([], {}, { 'intent#new@example.com': anIntent({ status: 'failed', failure }) })
    }
    failedAt(47)
    expect(await run()).toEqual({ accounts: 0, ...nothing, failedRequests: ['a'.repeat(32)] })
    expect(mails().at(-1)?.Message?.Subject?.Data).toBe('The opening of 1 account has failed')
    expect(mailText()).toContain('Cause: The address is taken. The input was: {"account"')
    failedAt(49)
    expect(await run()).toEqual({ accounts: 0, ...nothing })
  })

  test('is told by its record as soon as its id is known', async () => {
    execution('FAILED', { input: opening, error: 'DeniedByPolicyError' })
    const id = '700000000001'
    there([opened], { [id]: aFailed() }, { 'intent#new@example.com': anIntent({ accountId: id, status: 'placing' }) })
    expect(await run()).toEqual({ accounts: 1, ...nothing, failed: [id] })
  })
})
