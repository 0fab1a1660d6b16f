import { chmodSync, writeFileSync } from 'node:fs'
import { GetSecretValueCommand, type SecretsManagerClient } from '@aws-sdk/client-secrets-manager'
import { stringify } from 'csv-stringify/sync'
import { isNamed } from '../functions/shared/aws-errors.ts'
import { readAccount } from '../functions/shared/ledger.ts'
import { secretName } from '../functions/shared/secret-name.ts'
import { signInUrl } from '../functions/shared/sign-in-url.ts'
import type { Clients } from './clients.ts'
import { RefusedError, UsageError } from './command-errors.ts'
import { findService } from './service.ts'

export type Credentials = {
  /** The file's whole text, passwords included. */
  text: string
  userNames: string[]
  /** Users without a password to hand over, and what to do. */
  missing: { userName: string; reason: string }[]
}

/**
 * Makes the guide's credentials file, in the form of IAM's console: `User name,Password,Console sign-in URL`.
 *
 * For one user it takes secretsmanager:GetSecretValue alone; without `userName` all users on the account's record.
 * Throws `NotDeployedError`, and `RefusedError` if nobody's password is there.
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

/** Says that no password was ever made for a user; empty if one was, or if this person may not look. */
const notOnRecord = async (
  clients: Clients,
  { accountId, userName, stage }: { accountId: string; userName: string; stage: string },
) => {
  const names = await usersOnRecord(clients, { accountId, stage, options: '' }).catch((error: unknown) => {
    if (error instanceof RefusedError) return []
    return undefined
  })
  if (!names || names.some((name) => name.toLowerCase() === userName.toLowerCase())) return ''
  return `There is no user ${userName} on record of account ${accountId}; on record: ${names.join(', ') || 'nobody'}.`
}

const usersOnRecord = async (
  clients: Clients,
  { accountId, stage, options }: { accountId: string; stage: string; options: string },
) => {
  const { ledger } = await findService(clients, stage)
  const record = await readAccount(ledger, accountId)
  // By the name that IAM knows; a vend that did not finish has put down what was asked for.
  const names = [...Object.values(record?.admins ?? {}).map(({ userName }) => userName), ...(record?.asked.users ?? [])]
  const users = Object.keys(record?.passwords ?? {}).map(
    (key) => names.find((name) => name.toLowerCase() === key) ?? key,
  )
  if (!users.length)
    throw new RefusedError(
      `No password was made for account ${accountId}. See how it stands:\n  npx vend status ${accountId}${options}`,
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
          `${userName}: there is no secret ${name}. If ${userName} has signed in, it was rightly deleted. If not, ` +
          `have a new password made: delete the user's console sign-in in the account, then:\n  npx vend start ${accountId} --again${options}`,
      }
    if (isNamed(error, 'InvalidRequestException'))
      return {
        userName,
        reason:
          `${userName}: the secret ${name} is scheduled for deletion. If ${userName} has not signed in yet, take it back:\n` +
          `  aws secretsmanager restore-secret --secret-id ${name}${await placeOf(secrets)}`,
      }
    throw error
  }
}

/** Where a client goes, as options of the `aws` command. */
const placeOf = async ({ config }: SecretsManagerClient) => {
  const at = await config.endpoint?.()
  return ` --region ${await config.region()}${at ? ` --endpoint-url ${at.protocol}//${at.hostname}:${at.port}` : ''}`
}

/** Writes a file that its owner alone can read. Throws `UsageError` if it is there already, unless `force`. */
export const writePrivately = (file: string, text: string, { force }: { force: boolean }) => {
  try {
    // A file that is there keeps its mode when it is written to: it is made private before the passwords are in it.
    if (force) {
      writeFileSync(file, '', { mode: 0o600 })
      chmodSync(file, 0o600)
    }
    writeFileSync(file, text, { mode: 0o600, flag: force ? 'r+' : 'wx' })
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? error.code : undefined
    if (code === 'EEXIST')
      throw new UsageError(`${file} is there already. Name another with --output, or replace it with --force.`)
    throw new UsageError(`${file} cannot be written: ${error instanceof Error ? error.message : String(error)}`)
  }
}
