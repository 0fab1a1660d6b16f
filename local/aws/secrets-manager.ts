import { randomInt } from 'node:crypto'
import type * as SecretsManager from '@aws-sdk/client-secrets-manager'
import { AwsError, unsupported } from './aws-error.ts'
import type { Operations } from './operation.ts'
import { isSeen, randomText, type Secret, type World } from './world.ts'

const invalidParameter = (message: string) => new AwsError('InvalidParameterException', message)
const notFound = (message: string) => new AwsError('ResourceNotFoundException', message)
const markedForDeletion = (message: string) => new AwsError('InvalidRequestException', message)

/** Returns the secrets whose scheduled deletion has not come, and removes the others. */
const secretsIn = (world: World) => {
  for (const { name, deletionAt } of world.secrets.values())
    if (deletionAt && deletionAt <= world.now()) world.secrets.delete(name)
  return [...world.secrets.values()]
}

const isNamed = ({ name, arn }: Secret, id: string) => [name, arn, arn.slice(0, -7)].includes(id)

/** Finds a secret by its name or ARN. */
const secretOf = (world: World, id = '') => {
  const secret = secretsIn(world).find((candidate) => isNamed(candidate, id))
  if (!secret || !isSeen(world, secret)) throw notFound("Secrets Manager can't find the specified secret.")
  return secret
}

const usableSecretOf = (world: World, id: string | undefined) => {
  const secret = secretOf(world, id)
  if (isMarked(world, secret))
    throw markedForDeletion("You can't perform this operation on the secret because it was marked for deletion.")
  return secret
}

/** Whether the secret is scheduled for deletion, or was restored so recently that this call does not see that yet. */
const isMarked = (world: World, { deletionAt, restoredAt }: Secret) =>
  deletionAt !== undefined || (restoredAt !== undefined && !isSeen(world, { createdAt: restoredAt }))

/** Adds a version under the request's token. The same token with the same value changes nothing. */
const putVersion = (world: World, secret: Secret, token: string | undefined, value: string | undefined) => {
  if (!token || token.length < 32 || token.length > 64)
    throw invalidParameter('ClientRequestToken must be 32-64 characters long.')
  if (!value || value.length > 65_536) throw invalidParameter('SecretString must be 1-65536 characters long.')
  const there = secret.versions.get(token)
  if (there && there.value !== value)
    throw new AwsError('ResourceExistsException', `A version with the token ${token} exists with another value.`)
  if (there) return token
  for (const version of secret.versions.values()) {
    const wasCurrent = version.stages.includes('AWSCURRENT')
    version.stages = wasCurrent ? ['AWSPREVIOUS'] : []
  }
  secret.versions.set(token, { value, stages: ['AWSCURRENT'], createdAt: world.now() })
  secret.changedAt = world.now()
  return token
}

const createSecret = (world: World, input: SecretsManager.CreateSecretRequest) => {
  const { Name = '', Description, KmsKeyId, Tags = [], ClientRequestToken = '', SecretString } = input
  if (!/^[\w/+=.@-]{1,512}$/.test(Name))
    throw invalidParameter(
      'Invalid name. Must be a valid name containing alphanumeric characters, or any of the following: -/_+=.@!',
    )
  const there = secretsIn(world).find(({ name }) => name === Name)
  if (there && isMarked(world, there))
    throw markedForDeletion(
      "You can't create this secret because a secret with this name is already scheduled for deletion.",
    )
  if (there && there.versions.get(ClientRequestToken)?.value !== SecretString)
    throw new AwsError('ResourceExistsException', `The operation failed because the secret ${Name} already exists.`)
  if (there) return { ARN: there.arn, Name, VersionId: ClientRequestToken }

  const suffix = randomText(world, 'abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789', 6)
  const secret: Secret = {
    name: Name,
    arn: `arn:aws:secretsmanager:${world.region}:${world.managementAccountId}:secret:${Name}-${suffix}`,
    description: Description,
    kmsKeyId: KmsKeyId,
    tags: Tags,
    createdAt: world.now(),
    changedAt: world.now(),
    versions: new Map(),
  }
  const VersionId = putVersion(world, secret, ClientRequestToken, SecretString)
  world.secrets.set(Name, secret)
  return { ARN: secret.arn, Name, VersionId }
}

const putSecretValue = (world: World, input: SecretsManager.PutSecretValueRequest) => {
  if (input.VersionStages) throw unsupported('VersionStages of secretsmanager PutSecretValue')
  const secret = usableSecretOf(world, input.SecretId)
  const VersionId = putVersion(world, secret, input.ClientRequestToken, input.SecretString)
  return { ARN: secret.arn, Name: secret.name, VersionId, VersionStages: secret.versions.get(VersionId)?.stages }
}

/** The versions with a stage. AWS may delete a version without a stage at any time. */
const stagesOf = ({ versions }: Secret) =>
  Object.fromEntries([...versions].filter(([, { stages }]) => stages.length).map(([id, { stages }]) => [id, stages]))

const describe = (secret: Secret) => ({
  ARN: secret.arn,
  Name: secret.name,
  Description: secret.description,
  KmsKeyId: secret.kmsKeyId,
  ...(secret.tags.length && { Tags: secret.tags }),
  CreatedDate: new Date(secret.createdAt),
  LastChangedDate: new Date(secret.changedAt),
  ...(secret.deletionAt && { DeletedDate: new Date(secret.deletionAt) }),
})

const describeSecret = (world: World, { SecretId }: SecretsManager.DescribeSecretRequest) => {
  const secret = secretOf(world, SecretId)
  return { ...describe(secret), VersionIdsToStages: stagesOf(secret) }
}

const getSecretValue = (world: World, { SecretId, VersionId, VersionStage }: SecretsManager.GetSecretValueRequest) => {
  const secret = usableSecretOf(world, SecretId)
  if (VersionId && VersionStage && secret.versions.get(VersionId)?.stages.includes(VersionStage) === false)
    throw new AwsError(
      'InvalidRequestException',
      'You provided a VersionStage that is not associated to the provided VersionId.',
    )
  const stage = VersionStage ?? (VersionId ? undefined : 'AWSCURRENT')
  const [id, version] =
    [...secret.versions].find(
      ([id, { stages }]) => (!VersionId || id === VersionId) && (!stage || stages.includes(stage)),
    ) ?? []
  if (!version || !isSeen(world, version))
    throw notFound(
      `Secrets Manager can't find the specified secret value for ${VersionId ? `VersionId: ${VersionId}` : `staging label: ${stage}`}`,
    )
  return {
    ARN: secret.arn,
    Name: secret.name,
    VersionId: id,
    SecretString: version.value,
    VersionStages: version.stages,
    CreatedDate: new Date(version.createdAt),
  }
}

const restoreSecret = (world: World, { SecretId }: SecretsManager.RestoreSecretRequest) => {
  const secret = secretOf(world, SecretId)
  if (secret.deletionAt) secret.restoredAt = world.now()
  delete secret.deletionAt
  return { ARN: secret.arn, Name: secret.name }
}

const deleteSecret = (world: World, input: SecretsManager.DeleteSecretRequest) => {
  const { SecretId = '', RecoveryWindowInDays, ForceDeleteWithoutRecovery } = input
  if (ForceDeleteWithoutRecovery) {
    if (RecoveryWindowInDays !== undefined)
      throw invalidParameter("You can't use ForceDeleteWithoutRecovery in conjunction with RecoveryWindowInDays.")
    // AWS returns no error if the secret does not exist, so that a retry succeeds.
    const secret = secretsIn(world).find((candidate) => isNamed(candidate, SecretId))
    if (secret) world.secrets.delete(secret.name)
    return { ARN: secret?.arn, Name: secret?.name ?? SecretId, DeletionDate: new Date(world.now()) }
  }
  const days = RecoveryWindowInDays ?? 30
  if (days < 7 || days > 30)
    throw invalidParameter('The RecoveryWindowInDays value must be between 7 and 30 days (inclusive).')
  const secret = usableSecretOf(world, SecretId)
  secret.deletionAt = world.now() + days * 24 * 60 * 60 * 1000
  return { ARN: secret.arn, Name: secret.name, DeletionDate: new Date(secret.deletionAt) }
}

const listSecrets = (world: World, input: SecretsManager.ListSecretsRequest) => {
  if (input.Filters) throw unsupported('Filters of secretsmanager ListSecrets')
  const { NextToken = '0', MaxResults = 100, IncludePlannedDeletion = false } = input
  const secrets = secretsIn(world).filter(({ deletionAt }) => IncludePlannedDeletion || !deletionAt)
  const end = Number(NextToken) + MaxResults
  return {
    SecretList: secrets
      .slice(Number(NextToken), end)
      .map((secret) => ({ ...describe(secret), SecretVersionsToStages: stagesOf(secret) })),
    NextToken: end < secrets.length ? String(end) : undefined,
  }
}

const getRandomPassword = (_world: World, input: SecretsManager.GetRandomPasswordRequest) => {
  const { PasswordLength = 32, ExcludeCharacters = '', RequireEachIncludedType = true } = input
  const types = [
    ...(input.ExcludeLowercase ? [] : ['abcdefghijklmnopqrstuvwxyz']),
    ...(input.ExcludeUppercase ? [] : ['ABCDEFGHIJKLMNOPQRSTUVWXYZ']),
    ...(input.ExcludeNumbers ? [] : ['0123456789']),
    ...(input.ExcludePunctuation ? [] : ['!"#$%&\'()*+,-./:;<=>?@[\\]^_`{|}~']),
    ...(input.IncludeSpace ? [' '] : []),
  ]
    .map((type) => [...type].filter((character) => !ExcludeCharacters.includes(character)))
    .filter((type) => type.length)
  const required = RequireEachIncludedType ? types : []
  if (!types.length || PasswordLength < Math.max(1, required.length) || PasswordLength > 4096)
    throw invalidParameter('The characters that are not excluded cannot make a password of that length.')
  const pick = <T>(choices: T[]) => choices[randomInt(choices.length)]!
  const password = required.map(pick)
  while (password.length < PasswordLength) password.splice(randomInt(password.length + 1), 0, pick(types.flat()))
  // The required characters are not spread evenly yet, so shuffle.
  for (let i = password.length - 1; i > 0; i--) {
    const j = randomInt(i + 1)
    ;[password[i], password[j]] = [password[j]!, password[i]!]
  }
  return { RandomPassword: password.join('') }
}

export const secretsManager: Operations = {
  GetRandomPassword: getRandomPassword,
  CreateSecret: createSecret,
  PutSecretValue: putSecretValue,
  DescribeSecret: describeSecret,
  GetSecretValue: getSecretValue,
  RestoreSecret: restoreSecret,
  DeleteSecret: deleteSecret,
  ListSecrets: listSecrets,
}
