import { readFileSync } from 'node:fs'
import {
  DynamoDBClient,
  GetItemCommand,
  PutItemCommand,
  UpdateItemCommand,
  type UpdateItemCommandInput,
  type GetItemCommandInput,
} from '@aws-sdk/client-dynamodb'
import { marshall, unmarshall } from '@aws-sdk/util-dynamodb'
import { mockClient } from 'aws-sdk-client-mock'
import type { Account } from '../../functions/shared/account.ts'
import { InvalidInputError } from '../../functions/shared/errors.ts'
import type { FollowConfig } from '../../functions/shared/follow.ts'
import type { AdminSeen } from '../../functions/shared/look.ts'
import type { AccountRecord } from '../../functions/shared/record-and-lease.ts'
import type { Ledger } from '../../functions/shared/ledger.ts'
import type { Admin, Defaults, Group, PolicyDocument } from '../../functions/shared/request.ts'
import type { Vend } from '../../functions/shared/vend.ts'

export const managementAccountId = '111122223333'
export const accountId = '444455556666'
export const adminAccess = 'arn:aws:iam::aws:policy/AdministratorAccess'
export const readOnlyAccess = 'arn:aws:iam::aws:policy/ReadOnlyAccess'
export const ourPath = '/account-vending/'

/** What a look sees of an administrator who has not signed in. */
export const hasNotSignedIn = (userName: string): AdminSeen => ({
  userName,
  isThere: true,
  hasLoginProfile: true,
  hasSignedIn: false,
  mustChangePassword: true,
  hasMfa: false,
  accessKeys: 0,
})

/** The part of vending.yml that says what the daily round does for administrators. */
export const followConfig: FollowConfig = {
  delivery: 'link',
  linkDays: 7,
  allowedRecipients: ['example.com'],
  reminders: [2, 5],
  secretAfterSignIn: 'delete',
}

export const aVend = (overrides: Partial<Vend> = {}): Vend => ({
  id: '0123456789abcdef0123456789abcdef',
  executionArn: `arn:aws:states:us-east-1:${managementAccountId}:execution:account-vending-dev:first`,
  ...overrides,
})

/** Another execution of the same workflow. */
export const anotherVend = (overrides: Partial<Vend> = {}) =>
  aVend({
    id: 'fedcba9876543210fedcba9876543210',
    executionArn: `arn:aws:states:us-east-1:${managementAccountId}:execution:account-vending-dev:second`,
    ...overrides,
  })

export const anAccount = (overrides: Partial<Account> = {}): Account => ({
  id: accountId,
  name: 'Payments',
  email: 'payments@example.com',
  joinedMethod: 'CREATED',
  joinedAt: '2026-11-01T09:20:53.000Z',
  ...overrides,
})

/** The account as Organizations describes it. */
export const anOrganizationsAccount = (overrides: object = {}) => ({
  Id: accountId,
  Name: 'Payments',
  Email: 'payments@example.com',
  State: 'ACTIVE' as const,
  JoinedMethod: 'CREATED' as const,
  JoinedTimestamp: new Date('2026-11-01T09:20:53.000Z'),
  ...overrides,
})

export const aDocument = (overrides: Partial<PolicyDocument> = {}): PolicyDocument => ({
  Version: '2012-10-17',
  Statement: [{ Effect: 'Allow', Action: 's3:*', Resource: '*' }],
  ...overrides,
})

export const aGroup = (overrides: Partial<Group> = {}): Group => ({
  name: 'Administrators',
  policies: [adminAccess],
  inline: {},
  ...overrides,
})

export const anAdmin = (overrides: Partial<Admin> = {}): Admin => ({
  userName: 'Administrator',
  email: 'payments@example.com',
  groups: ['Administrators'],
  policies: [],
  tags: { ManagedBy: 'account-vending' },
  passwordResetRequired: true,
  ...overrides,
})

export const theDefaults = (overrides: Partial<Defaults> = {}): Defaults => ({
  groups: [{ name: 'Administrators', policies: ['AdministratorAccess'], inline: {} }],
  admins: [{ userName: 'Administrator', policies: [], tags: {} }],
  tags: { ManagedBy: 'account-vending' },
  passwordResetRequired: true,
  allowedRecipients: ['example.com'],
  delivery: 'link',
  ...overrides,
})

/** The account's ledger record while the vend of `aVend` is under way. */
export const aRecord = (overrides: Partial<AccountRecord> = {}): AccountRecord => ({
  accountName: 'Payments',
  status: 'VENDING',
  updatedAt: '2026-11-01T09:21:00.000Z',
  executionArn: aVend().executionArn,
  requestedBy: 'event',
  lease: { holder: aVend().executionArn, ask: 'ask', renewedAt: Date.parse('2026-11-01T09:21:00.000Z') },
  asked: { groups: ['Administrators'], users: ['Administrator'] },
  steps: { AcceptRequest: { state: 'AcceptRequest', at: '2026-11-01T09:21:00.000Z' } },
  passwords: {},
  mails: {},
  groups: {},
  admins: {},
  ...overrides,
})

/** The account's ledger record after that vend. */
export const aVendedRecord = (overrides: Partial<AccountRecord> = {}): AccountRecord => {
  const record = {
    ...aRecord(),
    status: 'VENDED',
    vendedAt: '2026-11-01T09:21:30.000Z',
    vendedBy: aVend().executionArn,
    passwords: { administrator: { vendId: aVend().id, at: '2026-11-01T09:21:10.000Z' } },
    mails: {
      'administrator payments@example.com': {
        messageId: 'message-1',
        secretVersion: aVend().id,
        at: '2026-11-01T09:21:20.000Z',
      },
    },
    groups: { administrators: aGroup() },
    admins: { administrator: { ...anAdmin(), kept: false } },
    ...overrides,
  } satisfies AccountRecord
  if (!overrides.lease) delete (record as AccountRecord).lease
  return record
}

/** An error as the SDK's clients throw it. */
export const awsError = (name: string, message = `${name} from AWS`) =>
  Object.assign(new Error(message), { name, $fault: 'client', $metadata: {} })

/** An event of test/samples. */
export const aSample = (name: string) =>
  JSON.parse(readFileSync(new URL(`../samples/${name}.json`, import.meta.url), 'utf8')) as Record<string, unknown> & {
    detail: Record<string, unknown>
  }

/** The names of the fields that `run` refuses. */
export const issuesOf = (run: () => unknown) => {
  try {
    run()
  } catch (error) {
    if (error instanceof InvalidInputError) return error.issues
    throw error
  }
  return []
}

type Calls = { calls: () => { args: unknown[] }[] }
type Sent = [operation: string, input: Record<string, unknown>]

/** The operations that were sent to a mocked client, with their inputs, in order. */
export const sentTo = (mock: Calls) =>
  mock.calls().map(({ args: [command] }): Sent => {
    const { constructor, input } = command as { constructor: { name: string }; input: Record<string, unknown> }
    return [constructor.name.replace(/Command$/, ''), input]
  })

/** The names of the operations sent to a mocked client, sorted: concurrent calls have no fixed order. */
export const operationsOf = (mock: Calls) =>
  sentTo(mock)
    .map(([operation]) => operation)
    .sort()

/** The paths that an update sets, with their values, and the paths that it removes. */
export const changeOf = ({
  UpdateExpression = '',
  ExpressionAttributeNames: names = {},
  ExpressionAttributeValues: values = {},
}: UpdateItemCommandInput) => {
  const plain = unmarshall(values) as Record<string, unknown>
  const pathOf = (path: string) =>
    path
      .split('.')
      .map((name) => names[name] ?? name)
      .join('/')
  const [, sets = '', removes = ''] = /^SET (.*?)(?: REMOVE (.*))?$/.exec(UpdateExpression) ?? []
  return {
    set: Object.fromEntries(
      [...sets.matchAll(/(#[\w.#]+) = (?:if_not_exists\([\w#.]+, )?(:\w+)/g)].map(([, path = '', value = '']) => [
        pathOf(path),
        plain[value],
      ]),
    ),
    remove: removes ? removes.split(', ').map(pathOf) : [],
  }
}

/** A ledger with a mocked DynamoDB client. `holds` sets the account's record, `begun` the steps that have begun. */
export const ledgerMock = () => {
  const dynamodb = mockClient(DynamoDBClient)
  const ledger: Ledger = { dynamodb: new DynamoDBClient({}), tableName: 'ledger' }
  return {
    dynamodb,
    ledger,
    holds(record: AccountRecord | undefined) {
      const item = record && marshall(record, { removeUndefinedValues: true })
      dynamodb.reset()
      dynamodb.onAnyCommand().resolves({})
      // Nobody has asked for the account to be opened, and no round has looked at the account or followed it up.
      dynamodb
        .on(GetItemCommand)
        .callsFake(({ Key }: GetItemCommandInput) =>
          item && !/^(intent|look|follow)#/.test(Key?.['pk']?.S ?? '') ? { Item: item } : {},
        )
      dynamodb.on(PutItemCommand).resolves({})
      dynamodb.on(UpdateItemCommand).resolves({ Attributes: item ?? marshall(aRecord()) })
    },
    /** The condition of a write fails, because the record has changed. */
    loses() {
      dynamodb.on(UpdateItemCommand).rejects(awsError('ConditionalCheckFailedException'))
    },
    /** Another execution holds the lease. */
    losesLease() {
      this.holds(aRecord({ lease: { holder: anotherVend().executionArn, ask: 'ask', renewedAt: 0 } }))
      this.loses()
    },
    changes: () => dynamodb.commandCalls(UpdateItemCommand).map(({ args: [{ input }] }) => changeOf(input)),
    begun() {
      return this.changes().flatMap(({ set }) =>
        Object.keys(set).flatMap((path) => (path.startsWith('steps/') ? [path.slice('steps/'.length)] : [])),
      )
    },
  }
}
