import {
  GetLoginProfileCommand,
  IAMClient,
  ListAccessKeysCommand,
  ListMFADevicesCommand,
  ListSigningCertificatesCommand,
} from '@aws-sdk/client-iam'
import { AssumeRootCommand, type STSClient } from '@aws-sdk/client-sts'
import * as z from 'zod/mini'
import { isNamed, nameConnectionFailure } from '../shared/aws-errors.ts'
import type { Ledger } from '../shared/ledger.ts'
import { type Found, joinFindings, rootUser, updateLook } from '../shared/look.ts'
import { forEach, pace } from '../shared/pace.ts'
import { batchInput, readBatch, type RoundAccount } from '../shared/round.ts'
import { placeOf } from '../shared/vend.ts'

export const auditRootCredentialsInput = z.extend(batchInput, {
  /** How many accounts this batch may sign in to in a second. */
  signInsPerSecond: z.number(),
})

type Clients = {
  ledger: Ledger
  /** Opens a session of the account's root user that may only read the root user's credentials. */
  assumeRoot: (accountId: string) => Promise<IAMClient>
}

/** What the root user of an account can sign in with. */
export type RootCredentials = {
  hasPassword: boolean
  /** Ids. */
  accessKeys: string[]
  certificates: string[]
  mfaDevices: string[]
}

const accountsAtOnce = 25

/**
 * Looks for credentials of the root users of a batch of accounts, and adds what it found to the accounts' looks. It
 * only reads in the accounts. Answers how many accounts there are, and how many of them refused.
 *
 * An account that refuses is a finding, and not a failure. Safe to run twice.
 * Throws `BatchGoneError` and DynamoDB's own errors.
 */
export async function auditRootCredentials(
  { ledger, assumeRoot }: Clients,
  { executionArn, key, signInsPerSecond }: z.output<typeof auditRootCredentialsInput>,
) {
  const accounts = await readBatch(ledger, key)
  const turn = pace(signInsPerSecond)
  const refusals = await forEach(accounts, accountsAtOnce, async ({ accountId }: RoundAccount) => {
    await turn()
    const seen = await see(assumeRoot, accountId)
    const found =
      'refusal' in seen
        ? [findingOfRefusal(seen.refusal)]
        : rootFindings(accountId, seen.credentials, placeOf(executionArn))
    const judged = ({ kind, subject }: Pick<Found, 'kind' | 'subject'>) =>
      subject === rootUser || (kind === 'root-credentials' && !('refusal' in seen))
    await updateLook(
      ledger,
      accountId,
      (before) => before && { ...before, ...joinFindings(before, found, { judged, at: new Date().toISOString() }) },
    )
    return 'refusal' in seen
  })
  return { accounts: accounts.length, refused: refusals.filter(Boolean).length }
}

const see = async (assumeRoot: Clients['assumeRoot'], accountId: string) => {
  try {
    return { credentials: await readCredentials(await assumeRoot(accountId)) }
  } catch (error) {
    const refusal = nameConnectionFailure(error)
    return { refusal: refusal instanceof Error ? refusal : new Error(String(refusal)) }
  }
}

/** Without a user name, IAM answers about the root user of the session (IAM API Reference, GetLoginProfile). */
const readCredentials = async (iam: IAMClient): Promise<RootCredentials> => {
  const [hasPassword, keys, certificates, devices] = await Promise.all([
    iam.send(new GetLoginProfileCommand({})).then(
      () => true,
      (error: unknown) => {
        if (isNamed(error, 'NoSuchEntityException')) return false
        throw error
      },
    ),
    iam.send(new ListAccessKeysCommand({})),
    iam.send(new ListSigningCertificatesCommand({})),
    iam.send(new ListMFADevicesCommand({})),
  ])
  return {
    hasPassword,
    accessKeys: (keys.AccessKeyMetadata ?? []).map(({ AccessKeyId = '' }) => AccessKeyId),
    certificates: (certificates.Certificates ?? []).map(({ CertificateId = '' }) => CertificateId),
    mfaDevices: (devices.MFADevices ?? []).map(({ SerialNumber = '' }) => SerialNumber),
  }
}

const counted = (count: number, one: string, more: string) => (count ? [`${count} ${count === 1 ? one : more}`] : [])

/**
 * Signs in as the root user of member accounts, by central root access, to read which credentials there are and no
 * more. Throws STS's own errors.
 */
export const assumeRoot =
  (sts: STSClient, { partition }: { partition: string }) =>
  async (accountId: string) => {
    const { Credentials } = await sts.send(
      new AssumeRootCommand({
        TargetPrincipal: accountId,
        TaskPolicyArn: { arn: `arn:${partition}:iam::aws:policy/root-task/IAMAuditRootUserCredentials` },
      }),
    )
    return new IAMClient({
      credentials: {
        accessKeyId: Credentials?.AccessKeyId ?? '',
        secretAccessKey: Credentials?.SecretAccessKey ?? '',
        sessionToken: Credentials?.SessionToken ?? '',
      },
    })
  }

/**
 * The finding about credentials of a root user, with AWS's own commands that remove them. An MFA device alone is no
 * finding.
 */
export const rootFindings = (
  accountId: string,
  { hasPassword, accessKeys, certificates, mfaDevices }: RootCredentials,
  { partition, region }: { partition: string; region: string },
): Found[] => {
  const has = [
    ...(hasPassword ? ['a password'] : []),
    ...counted(accessKeys.length, 'access key', 'access keys'),
    ...counted(certificates.length, 'signing certificate', 'signing certificates'),
  ]
  if (!has.length) return []
  const policy = `arn:${partition}:iam::aws:policy/root-task/IAMDeleteRootUserCredentials`
  const commands = [
    `aws sts assume-root --region ${region} --target-principal ${accountId} --task-policy-arn arn=${policy}`,
    ...(hasPassword ? ['aws iam delete-login-profile'] : []),
    ...accessKeys.map((id) => `aws iam delete-access-key --access-key-id ${id}`),
    ...certificates.map((id) => `aws iam delete-signing-certificate --certificate-id ${id}`),
    ...mfaDevices.map((id) => `aws iam deactivate-mfa-device --serial-number ${id}`),
  ]
  const text =
    `The root user has ${has.join(' and ')}. If nobody needs these credentials, remove them. The first command returns ` +
    `temporary credentials. Run the other commands with the temporary credentials: ${commands.join('; ')}`
  return [{ kind: 'root-credentials', subject: '', text }]
}

const findingOfRefusal = ({ name, message }: Error): Found => ({
  kind: 'account-refuses',
  subject: rootUser,
  text:
    `The credentials of the root user could not be audited: ${name}: ${message.replace(/\.$/, '')}. ` +
    'Let IAM manage root credentials centrally (IAM User Guide, "Centralize root access"), or remove rootCredentials from vending.yml.',
})
