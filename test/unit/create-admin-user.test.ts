import {
  AddUserToGroupCommand,
  AttachUserPolicyCommand,
  CreateLoginProfileCommand,
  CreateUserCommand,
  GetLoginProfileCommand,
  GetUserCommand,
  IAMClient,
  PutUserPolicyCommand,
  UpdateLoginProfileCommand,
} from '@aws-sdk/client-iam'
import { GetSecretValueCommand, SecretsManagerClient } from '@aws-sdk/client-secrets-manager'
import { mockClient } from 'aws-sdk-client-mock'
import { beforeEach, describe, expect, test } from 'vitest'
import { createAdminUser, createAdminUserPermissions } from '../../functions/create-admin-user/create-admin-user.ts'
import { mfaPolicy, mfaPolicyName } from '../../functions/shared/mfa-policy.ts'
import type { Admin } from '../../functions/shared/request.ts'
import {
  AccountNotReadyError,
  DeniedByPolicyError,
  LeaseLostError,
  UserNotOursError,
} from '../../functions/shared/errors.ts'
import {
  accountId,
  anAccount,
  anAdmin,
  aRecord,
  aVend,
  awsError,
  ledgerMock,
  operationsOf,
  ourPath,
  readOnlyAccess,
  sentTo,
} from '../support/builders.ts'

const iam = mockClient(IAMClient)
const secrets = mockClient(SecretsManagerClient)
const { ledger, ...onRecord } = ledgerMock()

const password = 'Kx9#mQ2$vT7&nB4*wZ6^hJ3(rF5)gD8_'
const secret = { secretArn: 'arn:aws:secretsmanager:us-east-1:111122223333:secret:s-AbCdEf', secretVersion: aVend().id }
const groups = [{ name: 'Administrators', arn: `arn:aws:iam::${accountId}:group${ourPath}Administrators` }]
const profile = { UserName: 'Administrator', Password: password, PasswordResetRequired: true }

type Input = Parameters<typeof createAdminUser>[1]
const create = (input: Partial<Input> = {}, signIn = async () => new IAMClient({})) =>
  createAdminUser(
    { secrets: new SecretsManagerClient({}), ledger, signIn },
    { vend: aVend(), account: anAccount(), admin: anAdmin(), groups, secret, ...input },
  )
const isThere = (user: object) =>
  iam.on(GetUserCommand).resolves({
    User: { UserName: 'Administrator', Path: ourPath, UserId: '1', Arn: 'arn', CreateDate: new Date(0), ...user },
  })
const thrownBy = (run: Promise<unknown>) =>
  run.then(
    () => undefined,
    (error: unknown) => error as Error,
  )

beforeEach(() => {
  onRecord.holds(aRecord())
  iam.reset()
  iam.onAnyCommand().resolves({})
  secrets.reset()
  secrets.onAnyCommand().resolves({})
  secrets.on(GetSecretValueCommand).resolves({ SecretString: password })
})

describe('a new user', () => {
  test('is made on our path with tags, group, policies and the stored password', async () => {
    expect(await create({ admin: anAdmin({ policies: [readOnlyAccess] }) })).toEqual({ userName: 'Administrator' })
    expect(sentTo(iam)).toEqual([
      [
        'CreateUser',
        { UserName: 'Administrator', Path: ourPath, Tags: [{ Key: 'ManagedBy', Value: 'account-vending' }] },
      ],
      ['AddUserToGroup', { UserName: 'Administrator', GroupName: 'Administrators' }],
      ['AttachUserPolicy', { UserName: 'Administrator', PolicyArn: readOnlyAccess }],
      ['CreateLoginProfile', profile],
    ])
    expect(sentTo(secrets)).toEqual([
      ['GetSecretValue', { SecretId: secret.secretArn, VersionId: secret.secretVersion }],
    ])
    expect(onRecord.begun()).toEqual(['CreateAdminUser Administrator'])
  })

  test('need not change the password if the request does not ask for that', async () => {
    await create({ admin: anAdmin({ passwordResetRequired: false }) })
    expect(iam.commandCalls(CreateLoginProfileCommand)[0]?.args[0].input.PasswordResetRequired).toBe(false)
  })

  test('joins each group by its name in the account', async () => {
    await create({
      admin: anAdmin({ groups: ['administrators', 'Readers'] }),
      groups: [
        { name: 'ADMINISTRATORS', arn: 'a' },
        { name: 'Readers', arn: 'b' },
      ],
    })
    expect(iam.commandCalls(AddUserToGroupCommand).map(({ args }) => args[0].input.GroupName)).toEqual([
      'ADMINISTRATORS',
      'Readers',
    ])
  })

  test.each([AddUserToGroupCommand, AttachUserPolicyCommand])(
    'gets a login profile only after %o: a profile that is new cannot be changed for seconds, when the step is tried again',
    async (command) => {
      iam.on(command as typeof AddUserToGroupCommand).rejects(awsError('NoSuchEntityException'))
      await expect(create({ admin: anAdmin({ policies: [readOnlyAccess] }) })).rejects.toMatchObject({
        name: 'NoSuchEntityException',
      })
      expect(iam.commandCalls(CreateLoginProfileCommand)).toHaveLength(0)
    },
  )

  test('gets the password only from the secret, and the password goes only into the login profile', async () => {
    expect(JSON.stringify(await create())).not.toContain(password)
    expect(JSON.stringify(onRecord.changes())).not.toContain(password)
    const elsewhere = sentTo(iam).filter(([operation]) => operation !== 'CreateLoginProfile')
    expect(JSON.stringify(elsewhere)).not.toContain(password)
  })
})

test('inline policies are put before the user can sign in', async () => {
  const inline = { [mfaPolicyName]: mfaPolicy('aws') }
  await create({ admin: anAdmin({ groups: [], inline }) })
  expect(iam.commandCalls(PutUserPolicyCommand).map(({ args }) => args[0].input)).toEqual([
    {
      UserName: 'Administrator',
      PolicyName: mfaPolicyName,
      PolicyDocument: JSON.stringify(mfaPolicy('aws')),
    },
  ])
  const operations = sentTo(iam).map(([operation]) => operation)
  expect(operations.indexOf('PutUserPolicy')).toBeLessThan(operations.indexOf('CreateLoginProfile'))
})

test('without inline policies, the session may not put one', () => {
  const actions = (admin: Admin) =>
    createAdminUserPermissions({ vend: aVend(), account: anAccount(), admin, groups }).flatMap(({ actions }) => actions)
  expect(actions(anAdmin())).not.toContain('iam:PutUserPolicy')
  expect(actions(anAdmin({ inline: {} }))).toContain('iam:PutUserPolicy')
})

describe('running twice', () => {
  beforeEach(() => {
    iam.on(CreateUserCommand).rejects(awsError('EntityAlreadyExistsException'))
    iam.on(CreateLoginProfileCommand).rejects(awsError('EntityAlreadyExistsException'))
  })

  test('continues with a user of ours and sets the stored password again', async () => {
    isThere({})
    expect(await create()).toEqual({ userName: 'Administrator' })
    expect(operationsOf(iam)).toEqual([
      'AddUserToGroup',
      'CreateLoginProfile',
      'CreateUser',
      'GetLoginProfile',
      'GetUser',
      'GetUser',
      'TagUser',
      'UpdateLoginProfile',
    ])
    expect(iam.commandCalls(UpdateLoginProfileCommand)[0]?.args[0].input).toEqual(profile)
  })

  test('never replaces a password that a person has used', async () => {
    isThere({ PasswordLastUsed: new Date(1) })
    iam.on(GetLoginProfileCommand).resolves({ LoginProfile: { UserName: 'Administrator', CreateDate: new Date(0) } })
    expect(await create()).toEqual({ userName: 'Administrator' })
    expect(iam.commandCalls(UpdateLoginProfileCommand)).toEqual([])
  })

  test('sets the password of a login profile that is newer than the last use of any password', async () => {
    isThere({ PasswordLastUsed: new Date(1000) })
    iam.on(GetLoginProfileCommand).resolves({ LoginProfile: { UserName: 'Administrator', CreateDate: new Date(2000) } })
    await create()
    expect(iam.commandCalls(UpdateLoginProfileCommand)[0]?.args[0].input).toEqual(profile)
  })

  test('gives a user of ours the tags that a later request adds', async () => {
    isThere({})
    await create({ admin: anAdmin({ tags: { Team: 'core' } }) })
    expect(operationsOf(iam)).toContain('TagUser')
  })

  test.each(['/', '/people/', '/account-vending/more/', undefined])(
    'leaves as UserNotOursError if somebody else made the user meanwhile, on the path %s, and changes nothing',
    async (Path) => {
      isThere({ Path })
      const thrown = await thrownBy(create())
      expect(thrown).toBeInstanceOf(UserNotOursError)
      expect(thrown?.message).toContain('Somebody else created the user Administrator during this vend')
      expect(thrown?.cause).toMatchObject({ name: 'EntityAlreadyExistsException' })
      expect(operationsOf(iam)).toEqual(['CreateUser', 'GetUser'])
    },
  )
})

test.each(['ResourceNotFoundException', 'InvalidRequestException'])(
  '%s of Secrets Manager leaves as SecretNotFoundError, which the workflow retries, and nothing is made',
  async (name) => {
    secrets.on(GetSecretValueCommand).rejects(awsError(name, 'not there'))
    expect(await thrownBy(create())).toMatchObject({
      name: 'SecretNotFoundError',
      message: expect.stringContaining('AWS says: not there') as string,
    })
    expect(operationsOf(iam)).toEqual([])
  },
)

test('a user who signs in already gets groups and policies, and keeps the password', async () => {
  await create({ admin: anAdmin({ policies: [readOnlyAccess] }), secret: { secretArn: null, secretVersion: null } })
  expect(operationsOf(iam)).toEqual(['AddUserToGroup', 'AttachUserPolicy', 'CreateUser'])
  expect(secrets.calls()).toEqual([])
})

describe('the password is scrubbed from', () => {
  const quoting = (name: string) => awsError(name, `Password ${password} is too weak: '${password}'`)

  test('a message that quotes it, and the error leaves under its name', async () => {
    iam.on(CreateLoginProfileCommand).rejects(quoting('PasswordPolicyViolationException'))
    const thrown = await thrownBy(create())
    expect(thrown?.name).toBe('PasswordPolicyViolationException')
    expect(thrown?.message).toBe("Password (password) is too weak: '(password)'")
    expect(thrown?.stack).not.toContain(password)
    expect(thrown?.cause).toBeUndefined()
  })

  test('a denial and its cause', async () => {
    iam.on(CreateLoginProfileCommand).rejects(quoting('AccessDenied'))
    const thrown = await thrownBy(create({ account: anAccount({ joinedAt: '2020-01-01T00:00:00Z' }) }))
    expect(thrown).toBeInstanceOf(DeniedByPolicyError)
    const { message, stack, cause } = thrown as Error & { cause: Error }
    expect([message, stack, cause.message, cause.stack].join()).not.toContain(password)
    expect(cause.name).toBe('AccessDenied')
  })

  test('the message of a second try to set it', async () => {
    iam.on(CreateLoginProfileCommand).rejects(awsError('EntityAlreadyExistsException'))
    iam.on(UpdateLoginProfileCommand).rejects(quoting('EntityTemporarilyUnmodifiableException'))
    isThere({})
    const thrown = await thrownBy(create())
    expect(thrown?.name).toBe('EntityTemporarilyUnmodifiableException')
    expect(thrown?.message).not.toContain(password)
  })
})

describe('the error leaves under its name:', () => {
  test('LeaseLostError, and nothing is changed', async () => {
    onRecord.losesLease()
    await expect(create()).rejects.toThrow(LeaseLostError)
    expect(iam.calls()).toEqual([])
  })

  test('what signing in to the account throws', async () => {
    await expect(create({}, () => Promise.reject(new AccountNotReadyError('not yet')))).rejects.toThrow(
      AccountNotReadyError,
    )
    expect(iam.calls()).toEqual([])
  })

  test('what reading the secret throws, and nothing is changed: such a denial does not come from the account', async () => {
    secrets.on(GetSecretValueCommand).rejects(awsError('AccessDeniedException'))
    await expect(create()).rejects.toMatchObject({ name: 'AccessDeniedException' })
    expect(iam.calls()).toEqual([])
  })

  test.each([CreateUserCommand, AddUserToGroupCommand, AttachUserPolicyCommand, CreateLoginProfileCommand])(
    'DeniedByPolicyError for AccessDenied of %o',
    async (command) => {
      const admin = anAdmin({ policies: [readOnlyAccess] })
      iam.on(command as typeof CreateUserCommand).rejects(awsError('AccessDenied'))
      await expect(create({ admin, account: anAccount({ joinedAt: '2020-01-01T00:00:00Z' }) })).rejects.toThrow(
        DeniedByPolicyError,
      )
    },
  )

  test.each([CreateUserCommand, AddUserToGroupCommand, AttachUserPolicyCommand, CreateLoginProfileCommand])(
    'AccountNotReadyError for AccessDenied of %o minutes after the account was created, unless a policy is named',
    async (command) => {
      const input = {
        admin: anAdmin({ policies: [readOnlyAccess] }),
        account: anAccount({ joinedAt: new Date(Date.now() - 300_000).toISOString() }),
      }
      const refuse = (why: string) => iam.on(command as typeof CreateUserCommand).rejects(awsError('AccessDenied', why))
      refuse('because no identity-based policy allows the action')
      await expect(create(input)).rejects.toThrow(AccountNotReadyError)
      refuse('because no service control policy allows the action')
      await expect(create(input)).rejects.toThrow(DeniedByPolicyError)
    },
  )

  test.each(['LimitExceededException', 'ConcurrentModificationException'])(
    '%s of CreateUser, and nothing else is called',
    async (name) => {
      iam.on(CreateUserCommand).rejects(awsError(name))
      await expect(create()).rejects.toMatchObject({ name })
      expect(operationsOf(iam)).toEqual(['CreateUser'])
    },
  )

  test('NoSuchEntityException of a group that IAM does not show yet', async () => {
    iam.on(AddUserToGroupCommand).rejects(awsError('NoSuchEntityException'))
    await expect(create()).rejects.toMatchObject({ name: 'NoSuchEntityException' })
  })
})
