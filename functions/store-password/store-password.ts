import {
  CreateSecretCommand,
  DescribeSecretCommand,
  GetRandomPasswordCommand,
  PutSecretValueCommand,
  RestoreSecretCommand,
  type SecretsManagerClient,
} from '@aws-sdk/client-secrets-manager'
import * as z from 'zod/mini'
import { accountSchema } from '../shared/account.ts'
import { isNamed, nameMissingSecret } from '../shared/aws-errors.ts'
import { SecretNotOursError } from '../shared/errors.ts'
import { type AccountRecord, beginStep, entryOf, updateWhileHeld } from '../shared/record-and-lease.ts'
import { entries, type Ledger } from '../shared/ledger.ts'
import { isOfKey, secretName } from '../shared/secret-name.ts'
import { type Vend, vendSchema } from '../shared/vend.ts'
import { together } from '../shared/together.ts'

export const storePasswordInput = z.object({
  vend: vendSchema,
  account: accountSchema,
  admin: z.object({ userName: z.string(), hasProfile: z.boolean(), signsIn: z.boolean() }),
  minimumPasswordLength: z.number(),
})

// Characters that look alike, quotes, characters that begin a formula in a spreadsheet, and punctuation that IAM does
// not count as symbols (IAM User Guide, id_credentials_passwords_account-policy). ! # $ % ^ & * ( ) _ [ ] { } remain.
const excluded = '0O1lI|' + '"\'`' + '=+-@' + ',./:;<>?\\~'

/**
 * Creates or finds the secret that holds the user's first password. Answers only the name, ARN and version of the
 * secret.
 *
 * Safe to run twice: the version is named after the vend, and an existing secret is kept, because the user's login
 * profile may have its password already. A secret that is scheduled for deletion, or whose vended user is gone, gets a
 * new password. A user who signs in already has a password of their own, and gets none.
 * Throws `LeaseLostError`, `SecretNotFoundError` while Secrets Manager does not show what was written a moment ago, and
 * `SecretNotOursError` if an existing secret is not encrypted with the password key: only this step may encrypt with
 * that key.
 */
export async function storePassword(
  { secrets, ledger }: { secrets: SecretsManagerClient; ledger: Ledger },
  {
    vend,
    account,
    admin: { userName, hasProfile, signsIn },
    minimumPasswordLength,
  }: z.output<typeof storePasswordInput>,
  { keyArn, passwordLength, tags }: { keyArn: string; passwordLength: number; tags: Record<string, string> },
) {
  if (signsIn) return { secretName: null, secretArn: null, secretVersion: null }
  // Recorded before the secret exists: after a crash below this line, the ledger says that the user's password is ours.
  const [record, { RandomPassword }] = await together([
    beginStep(ledger, { accountId: account.id, vend, state: 'StorePassword', userName, storesPassword: true }),
    secrets.send(
      new GetRandomPasswordCommand({
        PasswordLength: Math.max(passwordLength, minimumPasswordLength),
        ExcludeCharacters: excluded,
        RequireEachIncludedType: true,
      }),
    ),
  ])
  const name = secretName(account.id, userName)
  const password = { ClientRequestToken: vend.id, SecretString: RandomPassword }
  const stored = ({ ARN = '', VersionId = '' }) => ({ secretName: name, secretArn: ARN, secretVersion: VersionId })

  try {
    return stored(
      await secrets.send(
        new CreateSecretCommand({
          Name: name,
          Description: `First console password of ${userName} in account ${account.id}`,
          KmsKeyId: keyArn,
          Tags: Object.entries({ ...tags, accountId: account.id, userName, vend: vend.id }).map(([Key, Value]) => ({
            Key,
            Value,
          })),
          ...password,
        }),
      ),
    )
  } catch (error) {
    if (!isNamed(error, 'ResourceExistsException', 'InvalidRequestException')) throw error
    const { ARN, KmsKeyId, VersionIdsToStages } = await secrets
      .send(new DescribeSecretCommand({ SecretId: name }))
      .catch(nameMissingSecret)
    refuseForeignSecret({ name, KmsKeyId }, keyArn, error)
    // Recorded first: a crash before the new password exists must not leave the old password in use.
    const renew = () => recordRenewal(ledger, { accountId: account.id, vend, userName })
    const putNew = () => putPassword(secrets, { name, ARN, ...password }).then(stored)
    if (isNamed(error, 'InvalidRequestException')) {
      await renew()
      await secrets.send(new RestoreSecretCommand({ SecretId: name })).catch(nameMissingSecret)
      return putNew()
    }
    const version = currentVersion(VersionIdsToStages)
    if (isRenewed(record, { userName, hasProfile, version, vendId: vend.id })) {
      await renew()
      return putNew()
    }
    return stored({ ...(ARN && { ARN }), ...(version && { VersionId: version }) })
  }
}

/**
 * Records that a user's secret is about to get a new password, so that a try after a crash knows about it.
 * Throws `LeaseLostError`.
 */
export const recordRenewal = (
  ledger: Ledger,
  { accountId, vend, userName }: { accountId: string; vend: Vend; userName: string },
) =>
  updateWhileHeld(ledger, accountId, vend, {
    set: {
      passwords: entries({
        [userName.toLowerCase()]: { vendId: vend.id, at: new Date().toISOString(), renewing: true },
      }),
    },
  })

/**
 * Writes the vend's version of a secret. A version that an earlier try of the same vend wrote is kept: DescribeSecret
 * does not show such a version at once. Throws `SecretNotFoundError`.
 */
const putPassword = async (
  secrets: SecretsManagerClient,
  {
    name,
    ARN,
    ...password
  }: { name: string; ARN: string | undefined; ClientRequestToken: string; SecretString: string | undefined },
) => {
  try {
    return await secrets.send(new PutSecretValueCommand({ SecretId: name, ...password }))
  } catch (error) {
    if (!isNamed(error, 'ResourceExistsException')) return nameMissingSecret(error)
    return { ...(ARN && { ARN }), VersionId: password.ClientRequestToken }
  }
}

/**
 * Refuses a secret that is not encrypted with the password key. Only this step may encrypt with that key.
 * Throws `SecretNotOursError`.
 */
export const refuseForeignSecret = (
  { name, KmsKeyId }: { name: string; KmsKeyId: string | undefined },
  keyArn: string,
  cause?: unknown,
) => {
  if (isOfKey(KmsKeyId, keyArn)) return
  throw new SecretNotOursError(
    `The secret ${name} already exists and is not encrypted with the password key of this installation. ` +
      'Whoever created the secret may know its content. The secret is left unchanged',
    { cause },
  )
}

/** The version of a secret that GetSecretValue reads by default. */
export const currentVersion = (versions: Record<string, string[]> = {}) =>
  Object.entries(versions).find(([, stages]) => stages.includes('AWSCURRENT'))?.[0]

/** Whether an existing secret gets a new password. */
export const isRenewed = (
  record: Pick<AccountRecord, 'passwords' | 'admins'> | undefined,
  {
    userName,
    hasProfile,
    version,
    vendId,
  }: { userName: string; hasProfile: boolean; version: string | undefined; vendId: string },
) => {
  const renewal = entryOf(record?.passwords, userName.toLowerCase())
  const unfinished = renewal?.renewing === true && version !== renewal.vendId
  // The account no longer has this login profile: whoever knows the old password must not know the new user's password.
  const isUserGone = !hasProfile && version !== vendId && entryOf(record?.admins, userName.toLowerCase()) !== undefined
  return unfinished || isUserGone
}
