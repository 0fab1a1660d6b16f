import { GetSecretValueCommand, SecretsManagerClient } from '@aws-sdk/client-secrets-manager'
import { isNamed } from '../functions/shared/aws-errors.ts'
import { credentialsFile } from '../functions/shared/credentials-file.ts'
import { type AccountRecord, entryOf, readAccount } from '../functions/shared/record-and-lease.ts'
import { secretName } from '../functions/shared/secret-name.ts'
import { signInUrl } from '../functions/shared/sign-in-url.ts'
import type { Make } from './clients.ts'
import { RefusedError } from './command-errors.ts'
import { sameRequest, showCommand } from '../functions/shared/next-command.ts'
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

type Asked = { accountId: string; userName: string | undefined; stage: string; options: string }

/**
 * Makes the credentials file of the IAM console: `User name,Password,Console sign-in URL`.
 *
 * For one user the command needs only secretsmanager:GetSecretValue and kms:Decrypt. If the caller may also read the
 * ledger, the name is written as IAM has it. Without `userName` the file has all users on the account's record.
 * Throws `NotDeployedError`, and `RefusedError` if there is no password.
 */
export async function csv(clients: Clients, { accountId, userName, stage, options }: Asked): Promise<Credentials> {
  const asked = { accountId, options }
  const reading = readRecord(clients, { accountId, stage })
  // Whoever may only read the secret gets the password without the record.
  const record = userName ? await reading.catch(() => undefined) : await reading
  if (userName && record) refuseUnlessOurs(record, { accountId, userName })
  const userNames = userName ? [nameOnRecord(record, userName)] : usersOnRecord(record, asked)
  const found = await Promise.all(
    userNames.map((name) => passwordOf(clients.secrets, record, { ...asked, userName: name })),
  )
  const rows = found.flatMap((one) => (one.signInUrl ? [one] : []))
  const missing = found.flatMap(({ userName, reason }) => (reason ? [{ userName, reason }] : []))
  if (!rows.length && record === null)
    throw new RefusedError(
      `Account vending has no record of account ${accountId}, so no vend has created users there. Check the status of the account:\n  npx vend status ${accountId}${options}`,
    )
  if (!rows.length) throw new RefusedError(missing.map(({ reason }) => reason).join('\n'))
  const text = credentialsFile(rows)
  return { text, userNames: rows.map(({ userName }) => userName), missing }
}

/** The record of an account; null if there is none. */
const readRecord = async (clients: Clients, { accountId, stage }: { accountId: string; stage: string }) => {
  const { ledger } = await findService(clients, stage)
  return (await readAccount(ledger, accountId)) ?? null
}

const isSame = (name: string) => (other: string) => other.toLowerCase() === name.toLowerCase()

const keptOn = ({ admins = {}, asked }: AccountRecord) => [
  ...new Set([
    ...Object.values(admins).flatMap(({ userName, kept }) => (kept ? [userName] : [])),
    ...(asked.kept ?? []),
  ]),
]

/** The users for whom this service stored a password and whom no vend has kept, as IAM or the request names them. */
const oursOn = (record: AccountRecord) => {
  const { admins = {}, passwords = {}, asked } = record
  const names = [...Object.values(admins).map(({ userName }) => userName), ...asked.users]
  return Object.keys(passwords)
    .filter((key) => !keptOn(record).some(isSame(key)))
    .map((key) => names.find(isSame(key)) ?? key)
}
const keptWords = (names: string[]) =>
  `${names.join(', ')} (kept unchanged: somebody else created ${names.length > 1 ? 'these users' : 'this user'}, and knows the password)`

/**
 * Refuses a user for whom this service made no password. Nothing may be advised that changes such a user.
 * Throws `RefusedError`.
 */
const refuseUnlessOurs = (record: AccountRecord, { accountId, userName }: { accountId: string; userName: string }) => {
  const ours = oursOn(record)
  if (ours.some(isSame(userName))) return
  const kept = keptOn(record)
  if (kept.some(isSame(userName)))
    throw new RefusedError(
      `Account vending created no password for ${userName} in account ${accountId}: ${keptWords([kept.find(isSame(userName)) ?? userName])}. ` +
        'Ask the person who created the user. Nothing is missing, and nothing has to be deleted.',
    )
  const there = [
    ours.length && `${ours.join(', ')} (created by account vending)`,
    kept.length && keptWords(kept),
  ].filter(Boolean)
  throw new RefusedError(
    `Account vending knows no user ${userName} in account ${accountId}. Users on record: ${there.join('; ') || 'none'}.`,
  )
}

const nameOnRecord = (record: AccountRecord | null | undefined, userName: string) =>
  (record ? oursOn(record).find(isSame(userName)) : undefined) ?? userName

const usersOnRecord = (
  record: AccountRecord | null | undefined,
  { accountId, options }: { accountId: string; options: string },
) => {
  const users = record ? oursOn(record) : []
  if (users.length) return users
  const kept = record ? keptOn(record) : []
  throw new RefusedError(
    `Account vending created no password for account ${accountId}. ` +
      (kept.length
        ? `Users on record: ${keptWords(kept)}.`
        : `Check its status:\n  npx vend status ${accountId}${options}`),
  )
}

/** The request that gives a vended user a new password, and changes nothing else. */
const renewalOf = (record: AccountRecord, userName: string) => {
  const entry = entryOf(record.admins, userName.toLowerCase())
  if (!entry) return undefined
  const { kept: _, ...admin } = entry
  return { admins: [admin], groups: Object.values(record.groups).filter(({ name }) => admin.groups.some(isSame(name))) }
}

const passwordOf = async (
  secrets: SecretsManagerClient,
  record: AccountRecord | null | undefined,
  { accountId, userName, options }: { accountId: string; userName: string; options: string },
) => {
  const name = secretName(accountId, userName)
  try {
    const { SecretString = '', ARN = '' } = await secrets.send(new GetSecretValueCommand({ SecretId: name }))
    // arn:PARTITION:secretsmanager:…
    return { userName, password: SecretString, signInUrl: signInUrl(ARN.split(':')[1] ?? 'aws', accountId) }
  } catch (error) {
    if (isNamed(error, 'ResourceNotFoundException')) {
      const renewal = record && renewalOf(record, userName)
      const unused = `${userName}: there is no secret ${name}. If ${userName} has signed in, nobody needs the secret any more. If not, `
      const reason = renewal
        ? `${unused}disable the console access of ${userName} in the account, and start again to get a new password:\n` +
          showCommand(sameRequest({ accountId, input: JSON.stringify(renewal), options }, { again: true }))
        : `${unused}the status of the account shows what to do:\n  npx vend status ${accountId}${options}`
      return { userName, reason }
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
