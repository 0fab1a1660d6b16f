import * as DynamoDB from '@aws-sdk/client-dynamodb'
import * as IAM from '@aws-sdk/client-iam'
import type { Run } from './scenarios.ts'

type Given = Parameters<Run>[0]

const policy = 'arn:aws:iam::aws:policy/ReadOnlyAccess'
const document = JSON.stringify({
  Version: '2012-10-17',
  Statement: [{ Effect: 'Allow', Action: 's3:*', Resource: '*' }],
})
const createUser = (UserName: string) => new IAM.CreateUserCommand({ UserName })
const createGroup = (GroupName: string) => new IAM.CreateGroupCommand({ GroupName })
const deleteUser = (UserName: string) => new IAM.DeleteUserCommand({ UserName })
const deleteGroup = (GroupName: string) => new IAM.DeleteGroupCommand({ GroupName })
const join = (name: string) => new IAM.AddUserToGroupCommand({ UserName: name, GroupName: name })
const leave = (name: string) => new IAM.RemoveUserFromGroupCommand({ UserName: name, GroupName: name })

/** A user, then whatever the case does first, then the case's own call. */
export const ofUser =
  (first: (aws: Given) => Promise<unknown>, run: Run): Run =>
  async (aws) => {
    await aws.iam(createUser(aws.name))
    await first(aws)
    return run(aws)
  }
const ofGroup =
  (first: (aws: Given) => Promise<unknown>, run: Run): Run =>
  async (aws) => {
    await aws.iam(createGroup(aws.name))
    await first(aws)
    return run(aws)
  }
const nothing = async () => {}

// Access keys

const createKey = ({ iam, name }: Given) => iam(new IAM.CreateAccessKeyCommand({ UserName: name }))
const listKeys: Run = ({ iam, name }) => iam(new IAM.ListAccessKeysCommand({ UserName: name }))
const deleteKey = ({ iam, name }: Given, AccessKeyId: string) =>
  iam(new IAM.DeleteAccessKeyCommand({ UserName: name, AccessKeyId }))
const unknownKey = 'AKIAAAAAAAAAAAAAAAAA'

// MFA devices

const codes = { AuthenticationCode1: '123456', AuthenticationCode2: '654321' }
const createDevice = ({ iam, name }: Given) =>
  iam(new IAM.CreateVirtualMFADeviceCommand({ VirtualMFADeviceName: name }))
const serialOf = ({ accountId, name }: Given) => `arn:aws:iam::${accountId}:mfa/${name}`
const enableDevice = (aws: Given) =>
  aws.iam(new IAM.EnableMFADeviceCommand({ UserName: aws.name, SerialNumber: serialOf(aws), ...codes }))
const deactivateDevice = (aws: Given) =>
  aws.iam(new IAM.DeactivateMFADeviceCommand({ UserName: aws.name, SerialNumber: serialOf(aws) }))
const deleteDevice = (aws: Given) => aws.iam(new IAM.DeleteVirtualMFADeviceCommand({ SerialNumber: serialOf(aws) }))
export const listDevices: Run = ({ iam, name }) => iam(new IAM.ListMFADevicesCommand({ UserName: name }))
export const withDevice = async (aws: Given) => {
  await createDevice(aws)
  await enableDevice(aws)
}
/** The serial number alone: the local organization draws no QR code. */
const serialIn = (answer: { VirtualMFADevice?: IAM.VirtualMFADevice | undefined }) =>
  answer.VirtualMFADevice ? { SerialNumber: answer.VirtualMFADevice.SerialNumber } : answer

// The rest

/** A list of what a user can have, and the end of one that is not there. */
const others = {
  ListSigningCertificates: (UserName: string) => new IAM.ListSigningCertificatesCommand({ UserName }),
  DeleteSigningCertificate: (UserName: string) =>
    new IAM.DeleteSigningCertificateCommand({ UserName, CertificateId: 'A'.repeat(24) }),
  ListSSHPublicKeys: (UserName: string) => new IAM.ListSSHPublicKeysCommand({ UserName }),
  DeleteSSHPublicKey: (UserName: string) =>
    new IAM.DeleteSSHPublicKeyCommand({ UserName, SSHPublicKeyId: `APKA${'A'.repeat(16)}` }),
  ListServiceSpecificCredentials: (UserName: string) => new IAM.ListServiceSpecificCredentialsCommand({ UserName }),
  DeleteServiceSpecificCredential: (UserName: string) =>
    new IAM.DeleteServiceSpecificCredentialCommand({ UserName, ServiceSpecificCredentialId: `ACCA${'A'.repeat(16)}` }),
}
const casesOfOthers = Object.fromEntries(
  Object.entries(others).map(([operation, command]): [string, Record<string, Run>] => {
    const run: Run = ({ iam, name }) => iam(command(name) as IAM.ListSigningCertificatesCommand)
    return [operation, { 'of a user without one': ofUser(nothing, run), 'of a user that does not exist': run }]
  }),
)

/** The cases of taking away again what a vend makes in an account. */
export const removing: Record<string, Record<string, Run>> = {
  DeleteUser: {
    'that has nothing': ofUser(nothing, async ({ iam, name }) => ({
      deleted: await iam(deleteUser(name)),
      there: await iam(new IAM.GetUserCommand({ UserName: name })),
    })),
    'of a user that does not exist': ({ iam, name }) => iam(deleteUser(name)),
    'with a login profile': ofUser(
      ({ iam, name }) =>
        iam(new IAM.CreateLoginProfileCommand({ UserName: name, Password: 'Correct-horse-battery-9' })),
      ({ iam, name }) => iam(deleteUser(name)),
    ),
    'with an access key': ofUser(createKey, ({ iam, name }) => iam(deleteUser(name))),
    'with an MFA device': ofUser(withDevice, ({ iam, name }) => iam(deleteUser(name))),
    'with a policy': ofUser(
      ({ iam, name }) => iam(new IAM.AttachUserPolicyCommand({ UserName: name, PolicyArn: policy })),
      ({ iam, name }) => iam(deleteUser(name)),
    ),
    'with an inline policy': ofUser(
      ({ iam, name }) =>
        iam(new IAM.PutUserPolicyCommand({ UserName: name, PolicyName: 'inline', PolicyDocument: document })),
      ({ iam, name }) => iam(deleteUser(name)),
    ),
    'in a group': ofUser(
      async ({ iam, name }) => {
        await iam(createGroup(name))
        await iam(join(name))
      },
      ({ iam, name }) => iam(deleteUser(name)),
    ),
  },
  DetachUserPolicy: {
    'that is attached': ofUser(
      ({ iam, name }) => iam(new IAM.AttachUserPolicyCommand({ UserName: name, PolicyArn: policy })),
      async ({ iam, name }) => ({
        detached: await iam(new IAM.DetachUserPolicyCommand({ UserName: name, PolicyArn: policy })),
        left: await iam(new IAM.ListAttachedUserPoliciesCommand({ UserName: name })),
      }),
    ),
    'that is not attached': ofUser(nothing, ({ iam, name }) =>
      iam(new IAM.DetachUserPolicyCommand({ UserName: name, PolicyArn: policy })),
    ),
    'of a user that does not exist': ({ iam, name }) =>
      iam(new IAM.DetachUserPolicyCommand({ UserName: name, PolicyArn: policy })),
  },
  DeleteUserPolicy: {
    'of a policy that exists': ofUser(
      ({ iam, name }) =>
        iam(new IAM.PutUserPolicyCommand({ UserName: name, PolicyName: 'inline', PolicyDocument: document })),
      async ({ iam, name }) => ({
        deleted: await iam(new IAM.DeleteUserPolicyCommand({ UserName: name, PolicyName: 'inline' })),
        left: await iam(new IAM.ListUserPoliciesCommand({ UserName: name })),
      }),
    ),
    'of a policy that does not exist': ofUser(nothing, ({ iam, name }) =>
      iam(new IAM.DeleteUserPolicyCommand({ UserName: name, PolicyName: 'inline' })),
    ),
  },
  CreateAccessKey: {
    'of a user': ofUser(nothing, createKey),
    'of a user that does not exist': createKey,
    'the third': ofUser(async (aws) => {
      await createKey(aws)
      await createKey(aws)
    }, createKey),
  },
  ListAccessKeys: { 'of a user with one': ofUser(createKey, listKeys), 'of a user that does not exist': listKeys },
  DeleteAccessKey: {
    'of a key that exists': ofUser(nothing, async (aws) => {
      const { AccessKey } = await createKey(aws)
      return { deleted: await deleteKey(aws, AccessKey?.AccessKeyId ?? ''), left: await listKeys(aws) }
    }),
    'of a key that does not exist': ofUser(nothing, (aws) => deleteKey(aws, unknownKey)),
    'of a user that does not exist': (aws) => deleteKey(aws, unknownKey),
  },
  CreateVirtualMFADevice: {
    'of a new name': async (aws) => serialIn(await createDevice(aws)),
    twice: async (aws) => {
      await createDevice(aws)
      return createDevice(aws)
    },
  },
  EnableMFADevice: {
    'of a user': ofUser(createDevice, async (aws) => ({
      enabled: await enableDevice(aws),
      there: await listDevices(aws),
    })),
    'of a device that is not there': ofUser(nothing, enableDevice),
  },
  DeactivateMFADevice: {
    'of a device that exists': ofUser(withDevice, async (aws) => ({
      done: await deactivateDevice(aws),
      left: await listDevices(aws),
    })),
    'of a device that does not exist': ofUser(nothing, deactivateDevice),
    'of a user that does not exist': deactivateDevice,
  },
  DeleteVirtualMFADevice: {
    'without a user': async (aws) => {
      await createDevice(aws)
      return deleteDevice(aws)
    },
    'that a user had': ofUser(withDevice, async (aws) => {
      await deactivateDevice(aws)
      return deleteDevice(aws)
    }),
    'of a device that a user has': ofUser(withDevice, deleteDevice),
    'of a device that does not exist': deleteDevice,
  },
  ...casesOfOthers,
  RemoveUserFromGroup: {
    'of a member': ofGroup(
      async ({ iam, name }) => {
        await iam(createUser(name))
        await iam(join(name))
      },
      async ({ iam, name }) => ({
        removed: await iam(leave(name)),
        left: await iam(new IAM.ListGroupsForUserCommand({ UserName: name })),
      }),
    ),
    'of no member': ofGroup(
      ({ iam, name }) => iam(createUser(name)),
      ({ iam, name }) => iam(leave(name)),
    ),
    'of a user that does not exist': ofGroup(nothing, ({ iam, name }) => iam(leave(name))),
    'from a group that is not there': ofUser(nothing, ({ iam, name }) => iam(leave(name))),
  },
  DetachGroupPolicy: {
    'that is attached': ofGroup(
      ({ iam, name }) => iam(new IAM.AttachGroupPolicyCommand({ GroupName: name, PolicyArn: policy })),
      async ({ iam, name }) => ({
        detached: await iam(new IAM.DetachGroupPolicyCommand({ GroupName: name, PolicyArn: policy })),
        left: await iam(new IAM.ListAttachedGroupPoliciesCommand({ GroupName: name })),
      }),
    ),
    'that is not attached': ofGroup(nothing, ({ iam, name }) =>
      iam(new IAM.DetachGroupPolicyCommand({ GroupName: name, PolicyArn: policy })),
    ),
  },
  DeleteGroupPolicy: {
    'of a policy that exists': ofGroup(
      ({ iam, name }) =>
        iam(new IAM.PutGroupPolicyCommand({ GroupName: name, PolicyName: 'inline', PolicyDocument: document })),
      async ({ iam, name }) => ({
        deleted: await iam(new IAM.DeleteGroupPolicyCommand({ GroupName: name, PolicyName: 'inline' })),
        left: await iam(new IAM.ListGroupPoliciesCommand({ GroupName: name })),
      }),
    ),
    'of a policy that does not exist': ofGroup(nothing, ({ iam, name }) =>
      iam(new IAM.DeleteGroupPolicyCommand({ GroupName: name, PolicyName: 'inline' })),
    ),
  },
  DeleteGroup: {
    'that has nothing': ofGroup(nothing, async ({ iam, name }) => ({
      deleted: await iam(deleteGroup(name)),
      there: await iam(new IAM.GetGroupCommand({ GroupName: name })),
    })),
    'of a group that does not exist': ({ iam, name }) => iam(deleteGroup(name)),
    'with a member': ofGroup(
      async ({ iam, name }) => {
        await iam(createUser(name))
        await iam(join(name))
      },
      ({ iam, name }) => iam(deleteGroup(name)),
    ),
    'with a policy': ofGroup(
      ({ iam, name }) => iam(new IAM.AttachGroupPolicyCommand({ GroupName: name, PolicyArn: policy })),
      ({ iam, name }) => iam(deleteGroup(name)),
    ),
    'with an inline policy': ofGroup(
      ({ iam, name }) =>
        iam(new IAM.PutGroupPolicyCommand({ GroupName: name, PolicyName: 'inline', PolicyDocument: document })),
      ({ iam, name }) => iam(deleteGroup(name)),
    ),
  },
}

/** The end of an item of the ledger. */
export const deletingItems: Record<string, Run> = {
  'of an item that exists': async ({ dynamodb, name }) => {
    const Key = { pk: { S: name } }
    await dynamodb(new DynamoDB.PutItemCommand({ TableName: 'ledger', Item: Key }))
    const deleted = await dynamodb(new DynamoDB.DeleteItemCommand({ TableName: 'ledger', Key }))
    return { deleted, there: await dynamodb(new DynamoDB.GetItemCommand({ TableName: 'ledger', Key })) }
  },
  'of an item that does not exist': ({ dynamodb, name }) =>
    dynamodb(new DynamoDB.DeleteItemCommand({ TableName: 'ledger', Key: { pk: { S: name } } })),
}
