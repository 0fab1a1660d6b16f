import { chmodSync, writeFileSync } from 'node:fs'
import { GetSecretValueCommand, SecretsManagerClient } from '@aws-sdk/client-secrets-manager'
import { stringify } from 'csv-stringify/sync'
import { isNamed } from '../functions/shared/aws-errors.ts'
import { readAccount } from '../functions/shared/account-record.ts'
import { secretName } from '../functions/shared/secret-name.ts'
import { signInUrl } from '../functions/shared/sign-in-url.ts'
import type { Make } from './clients.ts'
import { RefusedError, UsageError } from './command-errors.ts'
import { findService, serviceClients } from './service.ts'

export const csvClients = (make: Make) => ({ ...serviceClients(make), secrets: make(SecretsManagerClient) })
type Clients = ReturnType<typeof csvClients>

export type Credentials = {
  /** The whole text of the file, with the passwords. */
  text: string
  userNames: string[]
  /** Users who have no stored password, and what to do about each. */
  missing: { userName: string; reason: string }[]
}

/**
 * Makes the credentials file of the IAM console: `User name,Password,Console sign-in URL`.
 *
 * For one user the command needs only secretsmanager:GetSecretValue and kms:Decrypt. Without `userName` the file has
 * all users on the account's record.
 * Throws `NotDeployedError`, and `RefusedError` if there is no password.
 */
export async function csv(
  clients: Clients,
  {
    accountId,
    userName,
    stage,
    options,
  }: { accountId: string; userName: string | undefined; stage: string; options: string },
): Promise<Credentials> {
  const userNames = userName ? [userName] : await usersOnRecord(clients, { accountId, stage, options })
  const found = await Promise.all(
    userNames.map((name) => passwordOf(clients.secrets, { accountId, userName: name, options })),
  )
  const rows = found.flatMap((one) => (one.url ? [one] : []))
  const missing = found.flatMap(({ userName, reason }) => (reason ? [{ userName, reason }] : []))
  if (!rows.length) {
    const unknown = userName && (await notOnRecord(clients, { accountId, userName, stage }))
    throw new RefusedError([unknown, ...missing.map(({ reason }) => reason)].filter(Boolean).join('\n'))
  }
  const text = stringify(
    rows.map(({ userName, password, url }) => [userName, password, url]),
    { header: true, columns: ['User name', 'Password', 'Console sign-in URL'], record_delimiter: '\r\n' },
  )
  return { text, userNames: rows.map(({ userName }) => userName), missing }
}

/** Says that the record has no such user; empty if it has, or if the caller may not read the record. */
const notOnRecord = async (
  clients: Clients,
  { accountId, userName, stage }: { accountId: string; userName: string; stage: string },
) => {
  const names = await usersOnRecord(clients, { accountId, stage, options: '' }).catch((error: unknown) => {
    if (error instanceof RefusedError) return []
    return undefined
  })
  if (!names || names.some((name) => name.toLowerCase() === userName.toLowerCase())) return ''
  return `The record of account ${accountId} has no user ${userName}. Users on record: ${names.join(', ') || 'none'}.`
}

const usersOnRecord = async (
  clients: Clients,
  { accountId, stage, options }: { accountId: string; stage: string; options: string },
) => {
  const { ledger } = await findService(clients, stage)
  const record = await readAccount(ledger, accountId)
  // The names as IAM has them, or as they were requested if the vend did not finish.
  const names = [...Object.values(record?.admins ?? {}).map(({ userName }) => userName), ...(record?.asked.users ?? [])]
  const users = Object.keys(record?.passwords ?? {}).map(
    (key) => names.find((name) => name.toLowerCase() === key) ?? key,
  )
  if (!users.length)
    throw new RefusedError(
      `No password was made for account ${accountId}. Check its status:\n  npx vend status ${accountId}${options}`,
    )
  return users
}

const passwordOf = async (
  secrets: SecretsManagerClient,
  { accountId, userName, options }: { accountId: string; userName: string; options: string },
) => {
  const name = secretName(accountId, userName)
  try {
    const { SecretString = '', ARN = '' } = await secrets.send(new GetSecretValueCommand({ SecretId: name }))
    // arn:PARTITION:secretsmanager:…
    return { userName, password: SecretString, url: signInUrl(ARN.split(':')[1] ?? 'aws', accountId) }
  } catch (error) {
    if (isNamed(error, 'ResourceNotFoundException'))
      return {
        userName,
        reason:
          `${userName}: there is no secret ${name}. If ${userName} has signed in, the secret is no longer needed. If not, ` +
          `disable the user's console access in the account, and start again to get a new password:\n  npx vend start ${accountId} --again${options}`,
      }
    if (isNamed(error, 'InvalidRequestException'))
      return {
        userName,
        reason:
          `${userName}: the secret ${name} is scheduled for deletion. If ${userName} has not signed in yet, restore the secret:\n` +
          `  aws secretsmanager restore-secret --secret-id ${name}${await awsOptionsOf(secrets)}`,
      }
    throw error
  }
}

/** Where a client sends its calls, as options of the `aws` command. */
const awsOptionsOf = async ({ config }: SecretsManagerClient) => {
  const at = await config.endpoint?.()
  return ` --region ${await config.region()}${at ? ` --endpoint-url ${at.protocol}//${at.hostname}:${at.port}` : ''}`
}

/** Writes a file that only its owner can read. Throws `UsageError` if the file exists, unless `force`. */
export const writePrivately = (file: string, text: string, { force }: { force: boolean }) => {
  try {
    // An existing file keeps its mode when it is written. So the file is made private before the passwords are written.
    if (force) {
      writeFileSync(file, '', { mode: 0o600 })
      chmodSync(file, 0o600)
    }
    writeFileSync(file, text, { mode: 0o600, flag: force ? 'r+' : 'wx' })
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? error.code : undefined
    if (code === 'EEXIST')
      throw new UsageError(
        `${file} already exists. Name another file with --output, or replace this file with --force.`,
      )
    throw new UsageError(`${file} cannot be written: ${error instanceof Error ? error.message : String(error)}`)
  }
}
