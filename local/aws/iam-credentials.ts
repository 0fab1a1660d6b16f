import type * as IAM from '@aws-sdk/client-iam'
import {
  alreadyExists,
  checkName,
  checkQuota,
  deleteConflict,
  invalid,
  noSuchEntity,
  onePage,
  quotas,
  userOf,
} from './iam-common.ts'
import { type Account, type MfaDevice, type OtherCredential, randomText, type User, type World } from './world.ts'

// What a user can sign in with besides the password: access keys, MFA devices, and the rest.

const upperCaseAndDigits = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567'

/** The user that a call names. IAM takes no other caller's user here: every caller has the session of a role. */
const named = (world: World, account: Account, UserName: string | undefined) => {
  if (!UserName) throw invalid('Must specify userName when calling with non-User credentials')
  return userOf(world, account, UserName)
}

export const createAccessKey = (world: World, account: Account, { UserName }: IAM.CreateAccessKeyRequest) => {
  const user = named(world, account, UserName)
  checkQuota(user.accessKeys.size >= quotas.accessKeys, 'AccessKeysPerUser', quotas.accessKeys)
  const id = `AKIA${randomText(world, upperCaseAndDigits, 16)}`
  user.accessKeys.set(id, { createdAt: world.now() })
  return { AccessKey: { ...describeKey(user, id), SecretAccessKey: randomText(world, upperCaseAndDigits, 40) } }
}

const describeKey = ({ name, accessKeys }: User, id: string) => ({
  UserName: name,
  AccessKeyId: id,
  Status: 'Active',
  CreateDate: new Date(accessKeys.get(id)?.createdAt ?? 0),
})

export const listAccessKeys = (world: World, account: Account, input: IAM.ListAccessKeysRequest) => {
  const user = named(world, account, input.UserName)
  const keys = [...user.accessKeys.keys()].map((id) => describeKey(user, id))
  return onePage('AccessKeyMetadata', keys, input)
}

export const deleteAccessKey = (
  world: World,
  account: Account,
  { UserName, AccessKeyId = '' }: IAM.DeleteAccessKeyRequest,
) => {
  if (!named(world, account, UserName).accessKeys.delete(AccessKeyId))
    throw noSuchEntity(`The Access Key with id ${AccessKeyId} cannot be found.`)
}

// MFA devices

export const createVirtualMFADevice = (
  world: World,
  account: Account,
  { VirtualMFADeviceName, Path = '/' }: IAM.CreateVirtualMFADeviceRequest,
) => {
  const serialNumber = `arn:aws:iam::${account.id}:mfa${Path}${checkName('virtualMFADeviceName', VirtualMFADeviceName, 226)}`
  if (account.mfaDevices.has(serialNumber))
    throw alreadyExists('MFADevice entity at the same path and name already exists.')
  account.mfaDevices.set(serialNumber, { serialNumber, createdAt: world.now() })
  return { VirtualMFADevice: { SerialNumber: serialNumber } }
}

const deviceOf = ({ mfaDevices }: Account, serialNumber = '') => {
  const device = mfaDevices.get(serialNumber)
  if (!device) throw noSuchEntity(`VirtualMFADevice with serial number ${serialNumber} doesn't exist.`)
  return device
}
const devicesOf = ({ mfaDevices }: Account, user: User) =>
  [...mfaDevices.values()].filter((device) => device.user === user)
const isVirtual = ({ serialNumber }: MfaDevice) => /^arn:aws:iam::\d{12}:mfa\//.test(serialNumber)

export const enableMFADevice = (
  world: World,
  account: Account,
  { UserName, SerialNumber, AuthenticationCode1, AuthenticationCode2 }: IAM.EnableMFADeviceRequest,
) => {
  const user = named(world, account, UserName)
  const device = deviceOf(account, SerialNumber)
  if (![AuthenticationCode1, AuthenticationCode2].every((code = '') => /^\d{6}$/.test(code)))
    throw invalid('The specified value for authenticationCode is invalid. It must be six digits.')
  if (device.user) throw alreadyExists('MFA Device is already in use.')
  checkQuota(devicesOf(account, user).length >= quotas.mfaDevices, 'MFADevicesPerUser', quotas.mfaDevices)
  Object.assign(device, { user, enabledAt: world.now() })
}

export const listMFADevices = (world: World, account: Account, input: IAM.ListMFADevicesRequest) => {
  const user = named(world, account, input.UserName)
  const devices = devicesOf(account, user).map(({ serialNumber, enabledAt = 0 }) => ({
    UserName: user.name,
    SerialNumber: serialNumber,
    EnableDate: new Date(enabledAt),
  }))
  return onePage('MFADevices', devices, input)
}

/** A virtual device stays in the account, without a user. Any other device is gone. */
export const deactivateMFADevice = (
  world: World,
  account: Account,
  { UserName, SerialNumber = '' }: IAM.DeactivateMFADeviceRequest,
) => {
  const user = named(world, account, UserName)
  const device = devicesOf(account, user).find(({ serialNumber }) => serialNumber === SerialNumber)
  if (!device)
    throw noSuchEntity(`MFADevice with serial number ${SerialNumber} is not associated with user ${user.name}.`)
  if (isVirtual(device))
    account.mfaDevices.set(SerialNumber, { serialNumber: SerialNumber, createdAt: device.createdAt })
  else account.mfaDevices.delete(SerialNumber)
}

export const deleteVirtualMFADevice = (
  _world: World,
  account: Account,
  { SerialNumber }: IAM.DeleteVirtualMFADeviceRequest,
) => {
  const { serialNumber, user } = deviceOf(account, SerialNumber)
  if (user) throw deleteConflict('MFA VirtualDevice in use. Must be deactivated first.')
  account.mfaDevices.delete(serialNumber)
}

// The rest. Nobody can create these here: a test puts them into the world.

const listOthers =
  <Key extends string>(kind: OtherCredential, key: Key, idName: string) =>
  (world: World, account: Account, input: IAM.ListSigningCertificatesRequest) => {
    const { name, otherCredentials } = named(world, account, input.UserName)
    const found = [...otherCredentials[kind]].map((id) => ({ UserName: name, [idName]: id, Status: 'Active' }))
    return onePage(key, found, input)
  }
const deleteOther =
  (kind: OtherCredential, idName: string) =>
  (world: World, account: Account, input: { UserName?: string | undefined }) => {
    const id = (input as Record<string, string>)[idName] ?? ''
    if (!named(world, account, input.UserName).otherCredentials[kind].delete(id))
      throw noSuchEntity(`The ${kind} with id ${id} cannot be found.`)
  }

export const listSigningCertificates = listOthers('signing certificate', 'Certificates', 'CertificateId')
export const deleteSigningCertificate = deleteOther('signing certificate', 'CertificateId')
export const listSSHPublicKeys = listOthers('SSH public key', 'SSHPublicKeys', 'SSHPublicKeyId')
export const deleteSSHPublicKey = deleteOther('SSH public key', 'SSHPublicKeyId')
export const listServiceSpecificCredentials = listOthers(
  'service-specific credential',
  'ServiceSpecificCredentials',
  'ServiceSpecificCredentialId',
)
export const deleteServiceSpecificCredential = deleteOther('service-specific credential', 'ServiceSpecificCredentialId')

/** Why a user cannot be deleted yet, in IAM's words; undefined if the user can be deleted. */
export const whyUserStays = (account: Account, user: User) => {
  const first = Object.entries({
    'must remove users from group': user.groups.size,
    'must delete login profile': user.login ? 1 : 0,
    'must delete access keys': user.accessKeys.size,
    'must delete MFA device': devicesOf(account, user).length,
    'must delete signing certificates': user.otherCredentials['signing certificate'].size,
    'must delete SSH public keys': user.otherCredentials['SSH public key'].size,
    'must delete service specific credentials': user.otherCredentials['service-specific credential'].size,
    'must detach all policies': user.policies.size,
    'must delete policies': user.inline.size,
  }).find(([, count]) => count)
  return first && `Cannot delete entity, ${first[0]} first.`
}
