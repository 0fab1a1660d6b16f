import { UpdateItemCommand } from '@aws-sdk/client-dynamodb'
import {
  CreateSecretCommand,
  DescribeSecretCommand,
  GetRandomPasswordCommand,
  PutSecretValueCommand,
  RestoreSecretCommand,
  SecretsManagerClient,
} from '@aws-sdk/client-secrets-manager'
import { mockClient } from 'aws-sdk-client-mock'
import { beforeEach, describe, expect, test } from 'vitest'
import { LeaseLostError, SecretNotOursError } from '../../functions/shared/errors.ts'
import { storePassword } from '../../functions/store-password/store-password.ts'
import {
  accountId,
  anAccount,
  anotherVend,
  aRecord,
  aVend,
  awsError,
  ledgerMock,
  operationsOf,
  sentTo,
} from '../support/builders.ts'

const secrets = mockClient(SecretsManagerClient)
const { ledger, ...onRecord } = ledgerMock()

const password = 'Kx9#mQ2$vT7&nB4*wZ6^hJ3(rF5)gD8_'
const keyArn = 'arn:aws:kms:us-east-1:111122223333:key/1'
const secretName = `account-vending/${accountId}/administrator`
const secretArn = `arn:aws:secretsmanager:us-east-1:111122223333:secret:${secretName}-AbCdEf`
const stored = { secretName, secretArn, secretVersion: aVend().id }

type Input = Parameters<typeof storePassword>[1]
const store = (input: Partial<Input> = {}, passwordLength = 32) =>
  storePassword(
    { secrets: new SecretsManagerClient({}), ledger },
    {
      vend: aVend(),
      account: anAccount(),
      admin: { userName: 'Administrator', hasProfile: false, signsIn: false },
      minimumPasswordLength: 8,
      ...input,
    },
    { keyArn, passwordLength, tags: { ManagedBy: 'account-vending' } },
  )
const asked = () => secrets.commandCalls(GetRandomPasswordCommand)[0]?.args[0].input

beforeEach(() => {
  onRecord.holds(aRecord())
  secrets.reset()
  secrets.onAnyCommand().resolves({})
  secrets.on(GetRandomPasswordCommand).resolves({ RandomPassword: password })
  secrets.on(CreateSecretCommand).resolves({ ARN: secretArn, Name: secretName, VersionId: aVend().id })
  secrets.on(PutSecretValueCommand).resolves({ ARN: secretArn, Name: secretName, VersionId: aVend().id })
})

describe('for a new user', () => {
  test('makes a secret whose version is the vend’s id, and returns its ARN', async () => {
    expect(await store()).toEqual(stored)
    expect(operationsOf(secrets)).toEqual(['CreateSecret', 'GetRandomPassword'])
    expect(secrets.commandCalls(CreateSecretCommand)[0]?.args[0].input).toEqual({
      Name: secretName,
      Description: `First console password of Administrator in account ${accountId}`,
      KmsKeyId: keyArn,
      Tags: [
        { Key: 'ManagedBy', Value: 'account-vending' },
        { Key: 'accountId', Value: accountId },
        { Key: 'userName', Value: 'Administrator' },
        { Key: 'vend', Value: aVend().id },
      ],
      ClientRequestToken: aVend().id,
      SecretString: password,
    })
  })

  test('records that the password is ours', async () => {
    await store()
    expect(onRecord.begun()).toEqual(['StorePassword Administrator'])
    expect(onRecord.changes()[0]?.set['passwords/administrator']).toMatchObject({ vendId: aVend().id })
  })

  test('gives the password to nobody except Secrets Manager', async () => {
    expect(JSON.stringify(await store())).not.toContain(password)
    expect(JSON.stringify(onRecord.changes())).not.toContain(password)
    const elsewhere = sentTo(secrets).map(([, { SecretString: _, ...input }]) =>
      _ === undefined ? input : { ...input },
    )
    expect(JSON.stringify(elsewhere)).not.toContain(password)
  })

  test('names the secret after the user in lower case: IAM ignores case', async () => {
    expect((await store({ admin: { userName: 'ADMINISTRATOR', hasProfile: false, signsIn: false } })).secretName).toBe(
      secretName,
    )
  })
})

describe('the password', () => {
  const punctuation = '!"#$%&\'()*+,-./:;<=>?@[\\]^_`{|}~'

  test('has the length in vending.yml, and every kind of character', async () => {
    await store()
    expect(asked()).toMatchObject({ PasswordLength: 32, RequireEachIncludedType: true })
    expect(asked()).not.toHaveProperty('ExcludePunctuation')
    expect(asked()?.IncludeSpace ?? false).toBe(false)
  })

  test('is longer if the account’s password policy requires that', async () => {
    await store({ minimumPasswordLength: 64 })
    expect(asked()?.PasswordLength).toBe(64)
  })

  test('has no look-alikes, no quotes, no start of a formula, and only symbols that IAM counts', async () => {
    await store()
    const excluded = asked()?.ExcludeCharacters ?? ''
    for (const character of '0O1lI|"\'`=+-@') expect(excluded).toContain(character)
    const left = [...punctuation].filter((character) => !excluded.includes(character))
    expect(left.join('')).toBe('!#$%&()*[]^_{}')
    for (const character of left) expect("!@#$%^&*()_+-=[]{}|'").toContain(character)
  })

  test('can still have letters of both cases and digits', async () => {
    await store()
    const allowed = (characters: string) =>
      [...characters].filter((c) => !asked()?.ExcludeCharacters?.includes(c)).length
    expect(allowed('ABCDEFGHIJKLMNOPQRSTUVWXYZ')).toBe(24)
    expect(allowed('abcdefghijklmnopqrstuvwxyz')).toBe(25)
    expect(allowed('0123456789')).toBe(8)
  })
})

describe('running twice', () => {
  beforeEach(() => {
    secrets.on(CreateSecretCommand).rejects(awsError('ResourceExistsException'))
  })

  test('uses the existing secret’s current version, and writes nothing', async () => {
    const VersionIdsToStages = { [anotherVend().id]: ['AWSPREVIOUS'], [aVend().id]: ['AWSCURRENT'] }
    secrets.on(DescribeSecretCommand).resolves({ ARN: secretArn, KmsKeyId: keyArn, VersionIdsToStages })
    expect(await store()).toEqual(stored)
    expect(operationsOf(secrets)).toEqual(['CreateSecret', 'DescribeSecret', 'GetRandomPassword'])
  })

  test('uses the secret of an earlier vend: the user’s login profile may hold its password', async () => {
    secrets
      .on(DescribeSecretCommand)
      .resolves({ ARN: secretArn, KmsKeyId: keyArn, VersionIdsToStages: { [anotherVend().id]: ['AWSCURRENT'] } })
    expect(await store()).toEqual({ ...stored, secretVersion: anotherVend().id })
    expect(secrets.commandCalls(PutSecretValueCommand)).toEqual([])
  })

  test('makes nothing again for the same token, because Secrets Manager gives the same answer', async () => {
    secrets.on(CreateSecretCommand).resolves({ ARN: secretArn, VersionId: aVend().id })
    expect(await store()).toEqual(await store())
    const tokens = secrets.commandCalls(CreateSecretCommand).map(({ args }) => args[0].input.ClientRequestToken)
    expect(tokens).toEqual([aVend().id, aVend().id])
  })
})

describe('a secret that is scheduled for deletion', () => {
  beforeEach(() => {
    secrets.on(CreateSecretCommand).rejects(awsError('InvalidRequestException'))
    secrets.on(DescribeSecretCommand).resolves({ ARN: secretArn, KmsKeyId: keyArn, DeletedDate: new Date(0) })
  })

  test('is restored and given a new password', async () => {
    expect(await store()).toEqual(stored)
    expect(sentTo(secrets).slice(3)).toEqual([
      ['RestoreSecret', { SecretId: secretName }],
      ['PutSecretValue', { SecretId: secretName, ClientRequestToken: aVend().id, SecretString: password }],
    ])
  })

  test('gets the new password from the next try after a crash between restoring and writing', async () => {
    secrets.on(CreateSecretCommand).rejects(awsError('ResourceExistsException'))
    secrets
      .on(DescribeSecretCommand)
      .resolves({ ARN: secretArn, KmsKeyId: keyArn, VersionIdsToStages: { [anotherVend().id]: ['AWSCURRENT'] } })
    const renewal = { vendId: aVend().id, at: '2026-11-01T09:20:59.000Z', renewing: true }
    onRecord.holds(aRecord({ passwords: { administrator: renewal } }))
    await store()
    expect(secrets.commandCalls(PutSecretValueCommand)).toHaveLength(1)
  })

  test('keeps a new password that is already written', async () => {
    secrets.on(CreateSecretCommand).rejects(awsError('ResourceExistsException'))
    secrets
      .on(DescribeSecretCommand)
      .resolves({ ARN: secretArn, KmsKeyId: keyArn, VersionIdsToStages: { [aVend().id]: ['AWSCURRENT'] } })
    const renewal = { vendId: aVend().id, at: '2026-11-01T09:20:59.000Z', renewing: true }
    onRecord.holds(aRecord({ passwords: { administrator: renewal } }))
    expect(await store()).toEqual(stored)
    expect(secrets.commandCalls(PutSecretValueCommand)).toEqual([])
  })

  test('lets an error of the restoration leave under its name', async () => {
    secrets.on(RestoreSecretCommand).rejects(awsError('InternalServiceError'))
    await expect(store()).rejects.toMatchObject({ name: 'InternalServiceError' })
    expect(secrets.commandCalls(PutSecretValueCommand)).toEqual([])
  })
})

describe('while Secrets Manager does not show what was written a moment ago', () => {
  const describe = { ARN: secretArn, KmsKeyId: keyArn, VersionIdsToStages: { [anotherVend().id]: ['AWSCURRENT'] } }

  test.each([
    [DescribeSecretCommand, 'ResourceNotFoundException'],
    [RestoreSecretCommand, 'ResourceNotFoundException'],
    [PutSecretValueCommand, 'ResourceNotFoundException'],
    [PutSecretValueCommand, 'InvalidRequestException'],
  ] as const)('%o: %s leaves as SecretNotFoundError, which the workflow retries', async (Command, name) => {
    secrets.on(CreateSecretCommand).rejects(awsError('InvalidRequestException'))
    secrets.on(DescribeSecretCommand).resolves({ ...describe, DeletedDate: new Date(0) })
    secrets.on(Command).rejects(awsError(name))
    await expect(store()).rejects.toMatchObject({ name: 'SecretNotFoundError' })
  })

  test('the version that an earlier try wrote is kept, though DescribeSecret shows an older version', async () => {
    secrets.on(CreateSecretCommand).rejects(awsError('ResourceExistsException'))
    secrets.on(DescribeSecretCommand).resolves(describe)
    secrets.on(PutSecretValueCommand).rejects(awsError('ResourceExistsException'))
    const renewal = { vendId: aVend().id, at: '2026-11-01T09:20:59.000Z', renewing: true }
    onRecord.holds(aRecord({ passwords: { administrator: renewal } }))
    expect(await store()).toEqual(stored)
  })

  test('an error of another service under the same name keeps its name', async () => {
    secrets.on(CreateSecretCommand).rejects(awsError('InvalidRequestException'))
    secrets.on(DescribeSecretCommand).resolves({ ...describe, DeletedDate: new Date(0) })
    onRecord.dynamodb.on(UpdateItemCommand).rejects(awsError('ResourceNotFoundException'))
    await expect(store()).rejects.toMatchObject({ name: 'ResourceNotFoundException' })
  })
})

describe('a secret that is not under our key', () => {
  const foreign = { ARN: secretArn, VersionIdsToStages: { [anotherVend().id]: ['AWSCURRENT'] } }

  test.each([
    ['under another key', 'ResourceExistsException', 'arn:aws:kms:us-east-1:111122223333:key/2'],
    ['under AWS’s key, which is not named', 'ResourceExistsException', undefined],
    ['scheduled for deletion', 'InvalidRequestException', 'arn:aws:kms:us-east-1:111122223333:key/2'],
  ])('leaves as SecretNotOursError, and stays as it is: %s', async (_, error, KmsKeyId) => {
    secrets.on(CreateSecretCommand).rejects(awsError(error))
    secrets.on(DescribeSecretCommand).resolves({ ...foreign, KmsKeyId })
    await expect(store()).rejects.toThrow(SecretNotOursError)
    expect(operationsOf(secrets)).toEqual(['CreateSecret', 'DescribeSecret', 'GetRandomPassword'])
  })

  test('does not include a secret whose key is given only by its id', async () => {
    secrets.on(CreateSecretCommand).rejects(awsError('ResourceExistsException'))
    secrets.on(DescribeSecretCommand).resolves({ ...foreign, KmsKeyId: '1' })
    expect(await store()).toEqual({ ...stored, secretVersion: anotherVend().id })
  })
})

test('a user who signs in already gets no password, and nothing is called', async () => {
  expect(await store({ admin: { userName: 'Administrator', hasProfile: true, signsIn: true } })).toEqual({
    secretName: null,
    secretArn: null,
    secretVersion: null,
  })
  expect(secrets.calls()).toEqual([])
})

describe('the error leaves under its name:', () => {
  test('LeaseLostError, and no secret is made', async () => {
    onRecord.losesLease()
    await expect(store()).rejects.toThrow(LeaseLostError)
    expect(secrets.commandCalls(CreateSecretCommand)).toEqual([])
  })

  test.each(['LimitExceededException', 'AccessDeniedException', 'EncryptionFailure', 'InternalServiceError'])(
    '%s of Secrets Manager',
    async (name) => {
      secrets.on(CreateSecretCommand).rejects(awsError(name))
      await expect(store()).rejects.toMatchObject({ name })
    },
  )
})
