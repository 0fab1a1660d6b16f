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
import { isNamed } from '../shared/aws-errors.ts'
import { SecretNotOursError } from '../shared/errors.ts'
import { type AccountRecord, beginStep, entryOf, type Ledger, recordRenewal } from '../shared/ledger.ts'
import { secretName } from '../shared/secret-name.ts'
import { vendSchema } from '../shared/vend.ts'
import { together } from '../shared/together.ts'

export const storePasswordInput = z.object({
  vend: vendSchema,
  account: accountSchema,
  admin: z.object({ userName: z.string(), hasProfile: z.boolean(), signsIn: z.boolean() }),
  minimumPasswordLength: z.number(),
})

// Look-alikes, quotes, what begins a formula in a spreadsheet, and the punctuation that IAM does not count as symbols
// (IAM User Guide, id_credentials_passwords_account-policy). Left are ! # $ % ^ & * ( ) _ [ ] { }
const excluded = '0O1lI|' + '"\'`' + '=+-@' + ',./:;<>?\\~'

/**
 * Makes or finds the secret that holds the user's first password; only its ARN and version leave.
 *
 * Safe to run twice: the version is named after the vend, and a secret that is there is used as it is, because the
 * user's login profile may hold its password already. One that is scheduled for deletion, or whose vended user is gone,
 * gets a new password. A user who signs in already has a password of his or her own, and gets none.
 * Throws `LeaseLostError`, and `SecretNotOursError` if the secret that is there is not under the password key: only this step may
 * encrypt under it.
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
  // On record before the secret is there: a crash after this line leaves a user whose password is known to be ours.
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
    const { ARN, KmsKeyId, VersionIdsToStages } = await secrets.send(new DescribeSecretCommand({ SecretId: name }))
    refuseForeignSecret({ name, KmsKeyId }, keyArn, error)
    // On record first: a crash before the new password is there must not leave the old one in use.
    const renew = () => recordRenewal(ledger, { accountId: account.id, vend, userName })
    const putNew = async () => stored(await secrets.send(new PutSecretValueCommand({ SecretId: name, ...password })))
    if (isNamed(error, 'InvalidRequestException')) {
      await renew()
      await secrets.send(new RestoreSecretCommand({ SecretId: name }))
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
 * Refuses a secret that is not under the password key, under which only this step may encrypt.
 * Throws `SecretNotOursError`.
 */
export const refuseForeignSecret = (
  { name, KmsKeyId }: { name: string; KmsKeyId: string | undefined },
  keyArn: string,
  cause?: unknown,
) => {
  const id = (key = '') => key.slice(key.lastIndexOf('/') + 1)
  if (id(KmsKeyId) === id(keyArn)) return
  throw new SecretNotOursError(
    `The secret ${name} exists already, and is not under the password key of this installation: whoever made it may know ` +
      'what is in it. It is left as it is',
    { cause },
  )
}

/** The version of a secret that is read if none is named. */
export const currentVersion = (versions: Record<string, string[]> = {}) =>
  Object.entries(versions).find(([, stages]) => stages.includes('AWSCURRENT'))?.[0]

/** Whether a secret that is there gets a new password. */
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
  // The account has no such login profile any more: whoever had the old password shall not have this user's.
  const madeAnew = !hasProfile && version !== vendId && entryOf(record?.admins, userName.toLowerCase()) !== undefined
  return unfinished || madeAnew
}
