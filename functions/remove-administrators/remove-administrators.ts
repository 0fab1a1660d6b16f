import {
  DeactivateMFADeviceCommand,
  DeleteAccessKeyCommand,
  DeleteGroupCommand,
  DeleteGroupPolicyCommand,
  DeleteLoginProfileCommand,
  DeleteServiceSpecificCredentialCommand,
  DeleteSigningCertificateCommand,
  DeleteSSHPublicKeyCommand,
  DeleteUserCommand,
  DeleteUserPolicyCommand,
  DeleteVirtualMFADeviceCommand,
  DetachGroupPolicyCommand,
  DetachUserPolicyCommand,
  type IAMClient,
  RemoveUserFromGroupCommand,
} from '@aws-sdk/client-iam'
import { DeleteSecretCommand, DescribeSecretCommand, type SecretsManagerClient } from '@aws-sdk/client-secrets-manager'
import * as z from 'zod/mini'
import { accountSchema } from '../shared/account.ts'
import { isNamed } from '../shared/aws-errors.ts'
import { LastWayInError } from '../shared/errors.ts'
import { deleteHandover } from '../shared/handover.ts'
import { explainDenial, iamArn, ourPath, type Permission } from '../shared/iam-client.ts'
import { ifFound } from '../shared/iam-reads.ts'
import { deleteItem, type Ledger } from '../shared/ledger.ts'
import { lookKey } from '../shared/look.ts'
import { beginStep } from '../shared/record-and-lease.ts'
import {
  endRefused,
  recordDevices,
  recordRemoval,
  type Removal,
  type Remove,
  remove,
  type Stays,
  unlessRemoved,
} from '../shared/removal.ts'
import { isOfKey, secretName } from '../shared/secret-name.ts'
import { together } from '../shared/together.ts'
import { type Vend, vendSchema } from '../shared/vend.ts'
import {
  credentialsOf,
  inspectRemoval,
  inspectRemovalPermissions,
  type OurGroup,
  type OurUser,
} from './inspect-removal.ts'

export const removeAdministratorsInput = z.object({ vend: vendSchema, account: accountSchema, remove })
type Input = z.output<typeof removeAdministratorsInput>

type Clients = {
  ledger: Ledger
  secrets: SecretsManagerClient
  /** Opens a session in the account with no more than these permissions. */
  signIn: (permissions: Permission[]) => Promise<IAMClient>
}

const recoveryDays = 7

/** What the removal itself needs to be allowed in the account: only on our path. */
const removePermissions = ({ vend, account }: { vend: Vend; account: { id: string } }, what: Remove['what']) => {
  const users = [iamArn(vend, account.id, `user${ourPath}*`)]
  const groups = [iamArn(vend, account.id, `group${ourPath}*`)]
  const signIn = { actions: ['iam:DeleteLoginProfile'], resources: users }
  const ofUsers = [
    'iam:DeleteAccessKey',
    'iam:DeactivateMFADevice',
    'iam:DeleteSigningCertificate',
    'iam:DeleteSSHPublicKey',
    'iam:DeleteServiceSpecificCredential',
    'iam:DetachUserPolicy',
    'iam:DeleteUserPolicy',
    'iam:DeleteUser',
  ]
  const ofGroups = ['iam:RemoveUserFromGroup', 'iam:DetachGroupPolicy', 'iam:DeleteGroupPolicy', 'iam:DeleteGroup']
  return what === 'sign-in'
    ? [signIn]
    : [
        { actions: [...signIn.actions, ...ofUsers], resources: users },
        { actions: ofGroups, resources: groups },
      ]
}

// What is outside of our path gets a session of its own, each for this group or this device.
const leavePermissions = (groupArn: string) => [{ actions: ['iam:RemoveUserFromGroup'], resources: [groupArn] }]
const devicePermissions = (device: string) => [{ actions: ['iam:DeleteVirtualMFADevice'], resources: [device] }]

/** What the sessions of `removeAdministrators` need to be allowed in the account, all together. */
export const removeAdministratorsPermissions = (place: { vend: Vend; account: { id: string } }): Permission[] => [
  ...inspectRemovalPermissions({ what: 'everything' }),
  ...removePermissions(place, 'everything'),
  ...leavePermissions('a group'),
  ...devicePermissions('a device'),
]

/**
 * Takes out of an account what this service has put in: the console sign-in of its users with their secrets and links,
 * or everything. What is not ours stays, and the answer names it.
 *
 * The account is inspected before anything is removed. Safe to run twice: the step goes on with what is still there.
 * Answers and records what was removed, and gives the lease back.
 * Throws `LastWayInError`, `LeaseLostError`, `FailedJustNowError`, `DeniedByPolicyError`, `AccountNotReadyError`, and
 * IAM's DeleteConflictException if somebody gives a user or a group something new meanwhile.
 */
export async function removeAdministrators(clients: Clients, input: Input, config: { keyArn: string }) {
  const { vend, account, remove } = input
  const removal = await removeOnce(clients, input, config).catch(
    unlessRemoved(clients.ledger, { accountId: account.id, vend }),
  )
  return {
    outcome: 'Removed' as const,
    accountId: account.id,
    accountName: account.name,
    vendId: vend.id,
    executionArn: vend.executionArn,
    what: remove.what,
    users: removal.users,
    groups: removal.groups,
    stays: removal.stays,
  }
}

const removeOnce = async (
  { ledger, secrets, signIn }: Clients,
  { vend, account, remove }: Input,
  { keyArn }: { keyArn: string },
): Promise<Removal> => {
  const [record, reader] = await together([
    beginStep(ledger, { accountId: account.id, vend, state: 'RemoveAdministrators' }),
    signIn(inspectRemovalPermissions(remove)),
  ])
  const denied = (error: unknown) => explainDenial(error, account)
  const found = await inspectRemoval(reader, { remove, record }).catch(denied)
  if (found.lastWayIn.length && !remove.lastWayIn) {
    // The account is as it was, so its record must not say that something has failed.
    await endRefused(ledger, { accountId: account.id, vend, record })
    throw lastWayIn(account.id, found.lastWayIn)
  }

  const isWhole = remove.what === 'everything'
  const devices = isWhole ? [...new Set([...(record.devices ?? []), ...found.users.flatMap(virtualDevices)])] : []
  // A device that was deactivated belongs to no user, so nothing in the account says any more that it was ours.
  if (devices.length) await recordDevices(ledger, { accountId: account.id, vend, devices })
  const iam = await signIn(removePermissions({ vend, account }, remove.what))
  await together(found.users.map((user) => endSignIn(iam, user))).catch(denied)
  if (isWhole) {
    await together(found.users.map((user) => emptyUser(iam, user, { signIn }))).catch(denied)
    await together(found.users.map(({ userName }) => deleteUser(iam, userName))).catch(denied)
    await together(found.groups.map((group) => deleteGroup(iam, group))).catch(denied)
  }
  const deviceStays = await together(
    devices.map((device) =>
      deleteDevice(device, { signIn, isFresh: found.users.some((user) => virtualDevices(user).includes(device)) }),
    ),
  ).catch(denied)

  const names = [...found.users.map(({ userName }) => userName), ...found.gone]
  const secretStays = await together(
    names.map((name) => endSecret(secrets, { name: secretName(account.id, name), keyArn })),
  )
  await together(names.map((userName) => deleteHandover(ledger, { accountId: account.id, userName })))
  if (isWhole) await together(itemsOfRound(account.id, names, remove).map((key) => deleteItem(ledger, key)))
  return recordRemoval(ledger, {
    accountId: account.id,
    vend,
    remove,
    record,
    result: {
      users: [
        ...found.users.map((user) => resultOf(user, remove)),
        ...found.gone.map((userName) => ({ userName, is: 'gone' as const })),
      ],
      groups: found.groups.map(({ name }) => name),
      stays: [...found.stays, ...deviceStays.flat(), ...secretStays.flat()],
    },
  })
}

const lastWayIn = (accountId: string, userNames: string[]) =>
  new LastWayInError(
    `Nobody could sign in to the console of account ${accountId} with a password any more: no other user has a login ` +
      `profile besides ${userNames.join(', ')}. The access role stays, and the root user is not looked at`,
  )

const resultOf = (user: OurUser, { what }: Input['remove']): Removal['users'][number] => {
  if (what === 'everything') return { userName: user.userName, is: 'deleted' }
  const left = credentialsOf(user)
  return { userName: user.userName, is: 'without sign-in', ...(Object.keys(left).length && { left }) }
}

/** The ledger's items in which the daily round keeps what it saw of the users, and of the account if all users go. */
const itemsOfRound = (accountId: string, userNames: string[], { userName }: Input['remove']) => [
  ...userNames.map((name) => `follow#${accountId}#${name.toLowerCase()}`),
  ...(userName === undefined ? [lookKey(accountId)] : []),
]

/** The login profile goes first: whatever happens afterwards, nobody comes in with the password. */
const endSignIn = async (iam: IAMClient, { userName: UserName, hasLoginProfile }: OurUser) => {
  if (hasLoginProfile) await ifFound(iam.send(new DeleteLoginProfileCommand({ UserName })))
}

const emptyUser = async (iam: IAMClient, user: OurUser, { signIn }: Pick<Clients, 'signIn'>) => {
  const UserName = user.userName
  const all: [string[], (id: string) => Promise<unknown>][] = [
    [user.accessKeys, (AccessKeyId) => iam.send(new DeleteAccessKeyCommand({ UserName, AccessKeyId }))],
    [user.mfaDevices, (SerialNumber) => iam.send(new DeactivateMFADeviceCommand({ UserName, SerialNumber }))],
    [user.certificates, (CertificateId) => iam.send(new DeleteSigningCertificateCommand({ UserName, CertificateId }))],
    [user.sshKeys, (SSHPublicKeyId) => iam.send(new DeleteSSHPublicKeyCommand({ UserName, SSHPublicKeyId }))],
    [
      user.serviceCredentials,
      (id) => iam.send(new DeleteServiceSpecificCredentialCommand({ UserName, ServiceSpecificCredentialId: id })),
    ],
    [user.policies, (PolicyArn) => iam.send(new DetachUserPolicyCommand({ UserName, PolicyArn }))],
    [user.inline, (PolicyName) => iam.send(new DeleteUserPolicyCommand({ UserName, PolicyName }))],
  ]
  await together([
    ...all.flatMap(([ids, end]) => ids.map((id) => ifFound(end(id)))),
    ...user.groups.map(async ({ GroupName, Path, Arn = '' }) => {
      // A user of ours can be a member of a group of others. The user leaves the group, in a session for this group.
      const leaving = Path === ourPath ? iam : await signIn(leavePermissions(Arn))
      return ifFound(leaving.send(new RemoveUserFromGroupCommand({ UserName, GroupName })))
    }),
  ])
}

const deleteUser = (iam: IAMClient, UserName: string) => ifFound(iam.send(new DeleteUserCommand({ UserName })))

const deleteGroup = async (iam: IAMClient, { name: GroupName, policies, inline }: OurGroup) => {
  await together([
    ...policies.map((PolicyArn) => ifFound(iam.send(new DetachGroupPolicyCommand({ GroupName, PolicyArn })))),
    ...inline.map((PolicyName) => ifFound(iam.send(new DeleteGroupPolicyCommand({ GroupName, PolicyName })))),
  ])
  await ifFound(iam.send(new DeleteGroupCommand({ GroupName })))
}

/** The virtual MFA devices of a user. Only these stay in the account when they are deactivated. */
const virtualDevices = ({ mfaDevices }: OurUser) =>
  mfaDevices.filter((serialNumber) => /^arn:[\w-]+:iam::\d{12}:mfa\//.test(serialNumber))

/**
 * Deletes a virtual MFA device that was deactivated, in a session for this device. `isFresh`: a user of ours had the
 * device until now. If not, somebody may have given the device to another user since.
 */
const deleteDevice = async (
  SerialNumber: string,
  { signIn, isFresh }: Pick<Clients, 'signIn'> & { isFresh: boolean },
): Promise<Stays[]> => {
  const iam = await signIn(devicePermissions(SerialNumber))
  try {
    await ifFound(iam.send(new DeleteVirtualMFADeviceCommand({ SerialNumber })))
    return []
  } catch (error) {
    if (isFresh || !isNamed(error, 'DeleteConflictException')) throw error
    return [{ kind: 'MFA device', name: SerialNumber, why: 'another user has this device now' }]
  }
}

/** Schedules a secret of ours for deletion. */
const endSecret = async (
  secrets: SecretsManagerClient,
  { name, keyArn }: { name: string; keyArn: string },
): Promise<Stays[]> => {
  try {
    const { KmsKeyId, DeletedDate } = await secrets.send(new DescribeSecretCommand({ SecretId: name }))
    if (!isOfKey(KmsKeyId, keyArn))
      return [{ kind: 'secret', name, why: 'is not encrypted with the password key of this installation' }]
    if (!DeletedDate)
      await secrets.send(new DeleteSecretCommand({ SecretId: name, RecoveryWindowInDays: recoveryDays }))
  } catch (error) {
    // The secret does not exist, or was scheduled for deletion a moment ago.
    if (!isNamed(error, 'ResourceNotFoundException', 'InvalidRequestException')) throw error
  }
  return []
}
