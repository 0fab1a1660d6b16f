import * as SM from '@aws-sdk/client-secrets-manager'
import { afterAll, expect, test } from 'vitest'
import { startEndpoint } from '../../local/aws/endpoint.ts'
import { createWorld } from '../../local/aws/world.ts'
import { manualClock } from '../support/manual-clock.ts'

const clock = manualClock()
const world = createWorld(clock)
const endpoint = await startEndpoint(world)
afterAll(() => endpoint.close())

const secrets = new SM.SecretsManagerClient({
  endpoint: endpoint.url,
  region: 'us-east-1',
  credentials: { accessKeyId: world.managementAccountId, secretAccessKey: 'local' },
  maxAttempts: 1,
})

const first = 'a'.repeat(32)
const second = 'b'.repeat(32)
const create = (Name: string, more: Partial<SM.CreateSecretRequest> = {}) =>
  secrets.send(new SM.CreateSecretCommand({ Name, SecretString: 'one', ClientRequestToken: first, ...more }))
const put = (SecretId: string, ClientRequestToken: string, SecretString: string) =>
  secrets.send(new SM.PutSecretValueCommand({ SecretId, ClientRequestToken, SecretString }))
const get = (SecretId: string, more: Partial<SM.GetSecretValueRequest> = {}) =>
  secrets.send(new SM.GetSecretValueCommand({ SecretId, ...more }))

test('a secret is made once; the same request again changes nothing', async () => {
  const made = await create('vending/1', { KmsKeyId: 'alias/ours', Tags: [{ Key: 'vend', Value: 'x' }] })
  expect(made.ARN).toMatch(/^arn:aws:secretsmanager:us-east-1:111122223333:secret:vending\/1-\w{6}$/)
  expect(await create('vending/1')).toMatchObject({ ARN: made.ARN, VersionId: first })
  await expect(create('vending/1', { SecretString: 'two' })).rejects.toMatchObject({ name: 'ResourceExistsException' })
  await expect(create('vending/1', { ClientRequestToken: second })).rejects.toMatchObject({
    name: 'ResourceExistsException',
  })
  expect(await secrets.send(new SM.DescribeSecretCommand({ SecretId: made.ARN }))).toMatchObject({
    Name: 'vending/1',
    KmsKeyId: 'alias/ours',
    Tags: [{ Key: 'vend', Value: 'x' }],
    CreatedDate: new Date(clock.now()),
    VersionIdsToStages: { [first]: ['AWSCURRENT'] },
  })
})

test('versions are named by their token', async () => {
  await create('versions')
  await put('versions', second, 'two')
  await put('versions', second, 'two')
  await expect(put('versions', second, 'three')).rejects.toMatchObject({ name: 'ResourceExistsException' })
  expect(await get('versions')).toMatchObject({ SecretString: 'two', VersionId: second, VersionStages: ['AWSCURRENT'] })
  expect(await get('versions', { VersionId: first })).toMatchObject({ SecretString: 'one' })
  expect(await get('versions', { VersionStage: 'AWSPREVIOUS' })).toMatchObject({ SecretString: 'one' })
  await expect(get('versions', { VersionId: 'c'.repeat(32) })).rejects.toMatchObject({
    name: 'ResourceNotFoundException',
  })
  await expect(get('versions', { VersionId: first, VersionStage: 'AWSCURRENT' })).rejects.toMatchObject({
    name: 'InvalidRequestException',
  })
  await expect(get('nowhere')).rejects.toMatchObject({ name: 'ResourceNotFoundException' })
})

test('a secret that is scheduled for deletion can be restored, until it is gone', async () => {
  await create('deleted')
  await secrets.send(new SM.DeleteSecretCommand({ SecretId: 'deleted', RecoveryWindowInDays: 7 }))
  await expect(create('deleted')).rejects.toMatchObject({ name: 'InvalidRequestException' })
  await expect(get('deleted')).rejects.toMatchObject({ name: 'InvalidRequestException' })
  await secrets.send(new SM.RestoreSecretCommand({ SecretId: 'deleted' }))
  expect((await get('deleted')).SecretString).toBe('one')
  await secrets.send(new SM.DeleteSecretCommand({ SecretId: 'deleted', RecoveryWindowInDays: 7 }))
  clock.advance(7 * 24 * 60 * 60)
  await create('deleted', { ClientRequestToken: second })
})

test('a forced deletion deletes a secret at once, and may name a secret that does not exist', async () => {
  const force = (more: Partial<SM.DeleteSecretRequest> = {}) =>
    secrets.send(new SM.DeleteSecretCommand({ SecretId: 'forced', ForceDeleteWithoutRecovery: true, ...more }))
  await create('forced')
  await expect(force({ RecoveryWindowInDays: 7 })).rejects.toMatchObject({ name: 'InvalidParameterException' })
  await secrets.send(new SM.DeleteSecretCommand({ SecretId: 'forced' }))
  expect(await force()).toMatchObject({ Name: 'forced', DeletionDate: new Date(clock.now()) })
  expect(await force()).toMatchObject({ Name: 'forced' })
  await create('forced', { ClientRequestToken: second })
})

test('secrets are listed, without the deleted ones', async () => {
  await create('listed')
  await create('hidden')
  await secrets.send(new SM.DeleteSecretCommand({ SecretId: 'hidden' }))
  const { SecretList } = await secrets.send(new SM.ListSecretsCommand({}))
  const names = SecretList?.map(({ Name }) => Name)
  expect(SecretList?.find(({ Name }) => Name === 'listed')).toMatchObject({
    SecretVersionsToStages: { [first]: ['AWSCURRENT'] },
  })
  expect(names).toContain('listed')
  expect(names).not.toContain('hidden')
})

test.each([{ Name: 'a b' }, { ClientRequestToken: 'short' }])('%j is refused', async (more) => {
  await expect(create('fine', more)).rejects.toMatchObject({ name: 'InvalidParameterException' })
})

test('a random password has every type of character that is not excluded, and no other', async () => {
  const random = async (more: SM.GetRandomPasswordRequest = {}) =>
    (await secrets.send(new SM.GetRandomPasswordCommand(more))).RandomPassword ?? ''
  expect(await random()).toHaveLength(32)
  for (let i = 0; i < 20; i++) {
    const password = await random({ PasswordLength: 4, ExcludeCharacters: 'abc!"\'', RequireEachIncludedType: true })
    expect(password).toMatch(/^(?=.*[d-z])(?=.*[A-Z])(?=.*\d)(?=.*[^\w!"']|.*_).{4}$/)
  }
  expect(
    await random({ PasswordLength: 100, ExcludePunctuation: true, ExcludeUppercase: true, ExcludeLowercase: true }),
  ).toMatch(/^\d{100}$/)
  expect(await random({ IncludeSpace: true })).toContain(' ')
  await expect(random({ PasswordLength: 3 })).rejects.toMatchObject({ name: 'InvalidParameterException' })
})
