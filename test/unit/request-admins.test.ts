import { GetItemCommand, PutItemCommand } from '@aws-sdk/client-dynamodb'
import { unmarshall } from '@aws-sdk/util-dynamodb'
import { DescribeAccountCommand, OrganizationsClient } from '@aws-sdk/client-organizations'
import { SFNClient, StartExecutionCommand } from '@aws-sdk/client-sfn'
import { mockClient } from 'aws-sdk-client-mock'
import { beforeEach, describe, expect, test } from 'vitest'
import { requestAdmins } from '../../functions/request-admins/request-admins.ts'
import {
  AccountNotActiveError,
  AccountNotFoundError,
  IdempotencyKeyReusedError,
  InvalidInputError,
  ManagementAccountError,
  ProtectedAccountError,
  RecipientNotAllowedError,
} from '../../functions/shared/errors.ts'
import {
  accountId,
  anOrganizationsAccount,
  awsError,
  ledgerMock,
  managementAccountId,
  operationsOf,
  theDefaults,
} from '../support/builders.ts'

const organizations = mockClient(OrganizationsClient)
const sfn = mockClient(SFNClient)
const { dynamodb, ledger, ...onRecord } = ledgerMock()

const stateMachineArn = `arn:aws:states:us-east-1:${managementAccountId}:stateMachine:account-vending-dev`
const callerArn = `arn:aws:sts::${managementAccountId}:assumed-role/operator/ada`
const body = JSON.stringify({ admins: [{ userName: 'ada', email: 'ada@example.com' }] })

type Input = Parameters<typeof requestAdmins>[1]
const request = (input: Partial<Input> = {}) =>
  requestAdmins(
    { organizations: new OrganizationsClient({}), sfn: new SFNClient({}), ledger },
    { accountId, body, idempotencyKey: undefined, callerArn, stateMachineArn, ...input },
    { ...theDefaults(), protected: { accounts: ['Audit'], organizationalUnits: [] } },
  )
const started = () => sfn.commandCalls(StartExecutionCommand).map(({ args }) => args[0].input)

/** Makes the mocked ledger remember the first note that is written under each name. */
const remembersNotes = () => {
  const notes = new Map<string, Record<string, unknown>>()
  dynamodb.on(PutItemCommand).callsFake(({ Item }: { Item: Record<string, never> }) => {
    const name = String(unmarshall(Item)['pk'])
    if (notes.has(name)) throw awsError('ConditionalCheckFailedException')
    notes.set(name, Item)
    return {}
  })
  dynamodb.on(GetItemCommand).callsFake(({ Key }: { Key: Record<string, never> }) => {
    const Item = notes.get(String(unmarshall(Key)['pk']))
    return Item ? { Item } : {}
  })
}

beforeEach(() => {
  onRecord.holds(undefined)
  organizations.reset()
  organizations.onAnyCommand().resolves({})
  organizations.on(DescribeAccountCommand).resolves({ Account: anOrganizationsAccount() })
  sfn.reset()
  sfn.onAnyCommand().resolves({})
})

test('starts the workflow with the checked request and who asked', async () => {
  const accepted = await request()
  expect(accepted).toEqual({
    accountId,
    execution: expect.stringMatching(/^api-[\da-f-]{36}$/) as string,
    status: 'Accepted',
  })
  expect(operationsOf(organizations)).toEqual(['DescribeAccount'])
  expect(operationsOf(dynamodb)).toEqual([])
  expect(started()).toHaveLength(1)
  expect(started()[0]).toMatchObject({ stateMachineArn, name: accepted.execution })
  expect(JSON.parse(started()[0]?.input ?? '')).toEqual({
    accountId,
    admins: [{ userName: 'ada', email: 'ada@example.com', policies: [], tags: {} }],
    groups: [],
    requestedBy: callerArn,
  })
})

test.each(['', ' \n', '{}'])('takes the empty body %o for the defaults of vending.yml', async (empty) => {
  await request({ body: empty })
  expect(JSON.parse(started()[0]?.input ?? '')).toEqual({ accountId, groups: [], requestedBy: callerArn })
})

test('warns of a policy of the request that may deny the first sign-in, and starts the vend', async () => {
  const guard = {
    Version: '2012-10-17',
    Statement: {
      Effect: 'Deny',
      NotAction: 's3:*',
      Resource: '*',
      Condition: { Bool: { 'aws:SecureTransport': 'x' } },
    },
  }
  const groups = [{ name: 'Guarded', inline: { Guard: guard } }]
  const asking = (more: object) =>
    request({ body: JSON.stringify({ groups, admins: [{ userName: 'ada', groups: ['guarded'], ...more }] }) })
  expect((await asking({})).warnings).toEqual([
    'The policy Guard of the group Guarded may deny ada the password change at the first sign-in: the policy has a Deny of ' +
      'iam:ChangePassword with a condition, or a Deny of iam:GetAccountPasswordPolicy. Exempt both iam:ChangePassword and ' +
      'iam:GetAccountPasswordPolicy from the Deny, or set passwordResetRequired to false.',
  ])
  expect(await asking({ passwordResetRequired: false })).not.toHaveProperty('warnings')
  expect(started()).toHaveLength(2)
})

test('names the faults of the path, of the form and of what the request refers to in one error', async () => {
  const wrong = {
    admins: [
      { userName: 'a b', groups: ['Nobody'] },
      { userName: 'eve', email: 'eve@evil.test' },
    ],
    x: 1,
  }
  const error = await request({ body: JSON.stringify(wrong) }).catch((error: unknown) => error)
  expect(error).toBeInstanceOf(InvalidInputError)
  expect((error as InvalidInputError).issues.map(({ field }) => field)).toEqual([
    'admins[0].userName',
    'x',
    'admins[0].groups[0]',
    'admins[1].email',
  ])
  await expect(request({ body: '{"x":1}', accountId: '4444' })).rejects.toThrow(/^x: .*; accountId: must be/)
  await expect(request({ body: '{"x":1}', accountId: managementAccountId })).rejects.toThrow(
    /^x: .*; accountId: .* never vended$/,
  )
  expect(started()).toEqual([])
})

test('a body that begins with a byte order mark is read', async () => {
  await request({ body: '\ufeff{"again":true}' })
  expect(JSON.parse(started()[0]?.input ?? '')).toMatchObject({ accountId, again: true })
})

test('a request without Idempotency-Key counts as a new request each time', async () => {
  await request()
  await request()
  const [first, second] = started()
  expect(second?.name).not.toBe(first?.name)
})

describe('with an Idempotency-Key', () => {
  beforeEach(remembersNotes)

  test('running twice starts the same execution, which Step Functions starts only once', async () => {
    const first = await request({ idempotencyKey: 'key-1' })
    sfn.on(StartExecutionCommand).rejects(awsError('ExecutionAlreadyExists'))
    expect(await request({ idempotencyKey: 'key-1' })).toEqual(first)
    expect(first.execution).toMatch(/^api-[\da-f]{40}$/)
    expect(started().map(({ name }) => name)).toEqual([first.execution, first.execution])
  })

  test('a start that failed is tried again under the same name', async () => {
    sfn.on(StartExecutionCommand).rejectsOnce(awsError('ThrottlingException')).resolves({})
    await expect(request({ idempotencyKey: 'key-1' })).rejects.toMatchObject({ name: 'ThrottlingException' })
    await request({ idempotencyKey: 'key-1' })
    expect(new Set(started().map(({ name }) => name)).size).toBe(1)
  })

  test('the same request written in another way is the same request', async () => {
    const first = await request({ idempotencyKey: 'key-1' })
    const sameBody = '{ "groups": [], "admins": [{ "email": "ada@example.com", "userName": "ada", "policies": [] }] }'
    expect(await request({ idempotencyKey: 'key-1', body: sameBody })).toEqual(first)
  })

  test('another key is another execution', async () => {
    const first = await request({ idempotencyKey: 'key-1' })
    expect((await request({ idempotencyKey: 'key-2' })).execution).not.toBe(first.execution)
  })

  test.each([
    ['body', { body: '{}' }],
    ['account', { accountId: '777788889999' }],
  ])('another %s leaves as IdempotencyKeyReusedError, and nothing is started', async (_, other) => {
    await request({ idempotencyKey: 'key-1' })
    await expect(request({ idempotencyKey: 'key-1', ...other })).rejects.toThrow(IdempotencyKeyReusedError)
    expect(started()).toHaveLength(1)
  })

  test.each(['', 'two words', 'zoë', 'a\n', 'a'.repeat(256)])('the key %o is refused', async (idempotencyKey) => {
    await expect(request({ idempotencyKey })).rejects.toThrow(InvalidInputError)
    await expect(request({ idempotencyKey })).rejects.toThrow(
      'Idempotency-Key: must be 1 to 255 printable ASCII characters without spaces',
    )
    expect(started()).toEqual([])
  })

  test('a refused request does not use up its key', async () => {
    await expect(request({ idempotencyKey: 'key-1', body: '{"admins": 1}' })).rejects.toThrow(InvalidInputError)
    await expect(request({ idempotencyKey: 'key-1' })).resolves.toMatchObject({ status: 'Accepted' })
  })
})

describe('the error leaves under its name, and nothing is started:', () => {
  const refused = async (input: Partial<Input>) => {
    const error: unknown = await request({ idempotencyKey: 'key-1', ...input }).then(
      () => undefined,
      (thrown: unknown) => thrown,
    )
    expect(started()).toEqual([])
    expect(operationsOf(dynamodb)).toEqual([])
    return error
  }

  test.each([
    ['a body that is not JSON', { body: '{"admins":' }, 'body: must be JSON'],
    ['a body that is not an object', { body: '[]' }, 'input: must be an object'],
    ['an unknown field', { body: '{"admin": []}' }, '; allowed fields are admins, groups'],
    ['an account id in the body', { body: `{"accountId": "${accountId}"}` }, '; allowed fields are admins, groups'],
    ['somebody else’s name', { body: '{"requestedBy": "root"}' }, '; allowed fields are admins, groups'],
    ['a wrong account id', { accountId: '4444' }, 'accountId: must be an account ID: 12 digits, as a string'],
    ['an unknown group', { body: '{"admins":[{"userName":"ada","groups":["Nobody"]}]}' }, 'admins[0].groups[0]: '],
  ])('InvalidInputError for %s', async (_, input, message) => {
    const error = await refused(input)
    expect(error).toBeInstanceOf(InvalidInputError)
    expect((error as Error).message).toContain(message)
  })

  test('ManagementAccountError', async () => {
    expect(await refused({ accountId: managementAccountId })).toBeInstanceOf(ManagementAccountError)
  })

  test('AccountNotFoundError', async () => {
    organizations.on(DescribeAccountCommand).rejects(awsError('AccountNotFoundException'))
    expect(await refused({})).toBeInstanceOf(AccountNotFoundError)
  })

  test('ProtectedAccountError', async () => {
    organizations.on(DescribeAccountCommand).resolves({ Account: anOrganizationsAccount({ Name: 'Audit' }) })
    expect(await refused({})).toBeInstanceOf(ProtectedAccountError)
  })

  test('AccountNotActiveError', async () => {
    organizations.on(DescribeAccountCommand).resolves({ Account: anOrganizationsAccount({ State: 'CLOSED' }) })
    expect(await refused({})).toBeInstanceOf(AccountNotActiveError)
  })

  test('RecipientNotAllowedError', async () => {
    const elsewhere = JSON.stringify({ admins: [{ userName: 'ada', email: 'ada@evil.test' }] })
    expect(await refused({ body: elsewhere })).toBeInstanceOf(RecipientNotAllowedError)
  })
})

test.each(['StateMachineDoesNotExist', 'AccessDeniedException'])(
  '%s of Step Functions leaves under its name',
  async (name) => {
    sfn.on(StartExecutionCommand).rejects(awsError(name))
    await expect(request()).rejects.toMatchObject({ name })
  },
)
