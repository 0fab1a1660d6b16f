import { CloudFormationClient, DescribeStacksCommand } from '@aws-sdk/client-cloudformation'
import {
  DeleteGroupCommand,
  DeleteLoginProfileCommand,
  DeleteUserCommand,
  DetachGroupPolicyCommand,
  GetGroupCommand,
  IAMClient,
  ListAttachedGroupPoliciesCommand,
  ListAttachedUserPoliciesCommand,
  ListUsersCommand,
  NoSuchEntityException,
  RemoveUserFromGroupCommand,
} from '@aws-sdk/client-iam'
import { DeleteSecretCommand, ResourceNotFoundException, SecretsManagerClient } from '@aws-sdk/client-secrets-manager'
import { AssumeRoleCommand, GetCallerIdentityCommand, STSClient } from '@aws-sdk/client-sts'
import { mockClient } from 'aws-sdk-client-mock'
import { beforeEach, expect, test } from 'vitest'
import { cleanUp, noteLeft } from '../e2e/clean-up.ts'
import type { Target } from '../e2e/target.ts'
import { temporaryFolder } from '../support/folder.ts'

// Tests the clean-up of `npm run test:e2e -- --against-aws`, which nobody may try in a real organization.

const accountId = '444455556666'
const [iam, sts, secrets, cloudFormation] = [
  mockClient(IAMClient),
  mockClient(STSClient),
  mockClient(SecretsManagerClient),
  mockClient(CloudFormationClient),
]
const gone = new NoSuchEntityException({ message: 'gone', $metadata: {} })
const policy = (name: string) => ({ PolicyName: name, PolicyArn: `arn:aws-us-gov:iam::aws:policy/${name}` })

beforeEach(() => {
  for (const mock of [iam, sts, secrets, cloudFormation]) mock.reset()
  sts.on(GetCallerIdentityCommand).resolves({ Arn: 'arn:aws-us-gov:sts::111122223333:assumed-role/admin/me' })
  sts.on(AssumeRoleCommand).resolves({ Credentials: { AccessKeyId: 'a', SecretAccessKey: 's' } as never })
  cloudFormation
    .on(DescribeStacksCommand)
    .rejects(Object.assign(new Error('Stack with id account-vending-e2e does not exist'), { name: 'ValidationError' }))
  iam.onAnyCommand().resolves({})
  iam
    .on(ListUsersCommand)
    .resolves({ Users: [{ UserName: 'e2e-by-hand' }, { UserName: 'ada' }], IsTruncated: true, Marker: '2' } as never)
  iam.on(ListUsersCommand, { Marker: '2' }).resolves({ Users: [{ UserName: 'e2e-by-api' }] } as never)
  iam.on(ListAttachedUserPoliciesCommand).resolves({ AttachedPolicies: [] })
  iam.on(RemoveUserFromGroupCommand).rejects(gone)
  iam.on(DeleteLoginProfileCommand).rejects(gone)
  iam.on(GetGroupCommand).resolves({ Group: { Path: '/account-vending/' } } as never)
  iam
    .on(ListAttachedGroupPoliciesCommand)
    .resolves({ AttachedPolicies: [policy('First')], IsTruncated: true, Marker: '2' })
    .on(ListAttachedGroupPoliciesCommand, { Marker: '2' })
    .resolves({ AttachedPolicies: [policy('Second')] })
  secrets.on(DeleteSecretCommand).rejects(new ResourceNotFoundException({ message: 'gone', $metadata: {} }))
})

const run = () => {
  const account = { accountId, email: 'a@example.com' }
  const target: Target = { folder: temporaryFolder(), vendingFile: '', accounts: [account, account] }
  noteLeft(target, { vendingFile: '', accessRole: 'Access', accountIds: [accountId] })
  return cleanUp(target)
}
const inputsOf = (command: Parameters<typeof iam.commandCalls>[0]) =>
  iam.commandCalls(command).map((call): unknown => call.args[0].input)

test('it follows every page, deletes only the tests’ users, asks for secrets by name, and keeps to the partition', async () => {
  await run()
  expect(sts.commandCalls(AssumeRoleCommand)[0]?.args[0].input.RoleArn).toBe(
    `arn:aws-us-gov:iam::${accountId}:role/Access`,
  )
  expect(inputsOf(DeleteUserCommand)).toEqual([{ UserName: 'e2e-by-hand' }, { UserName: 'e2e-by-api' }])
  expect(inputsOf(DetachGroupPolicyCommand)).toMatchObject(
    [policy('First'), policy('Second')].map(({ PolicyArn }) => ({ PolicyArn })),
  )
  expect(inputsOf(DeleteGroupCommand)).toHaveLength(1)
  const deleted = secrets.commandCalls(DeleteSecretCommand).map((call) => call.args[0].input.SecretId)
  expect(deleted).toEqual(
    ['by-hand', 'by-api', 'after-update'].map((name) => `account-vending/${accountId}/e2e-${name}`),
  )
})

test('a group of the same name on another path stays', async () => {
  iam.on(GetGroupCommand).resolves({ Group: { Path: '/theirs/' } } as never)
  await run()
  expect(inputsOf(DeleteGroupCommand)).toEqual([])
})

test('it goes on after a refusal, and names what is left behind', async () => {
  const denied = Object.assign(new Error('not authorized'), { name: 'AccessDeniedException' })
  iam.on(DeleteUserCommand, { UserName: 'e2e-by-hand' }).rejects(denied)
  secrets.on(DeleteSecretCommand, { SecretId: `account-vending/${accountId}/e2e-by-api` }).rejects(denied)
  await expect(run()).rejects.toThrow(
    `These are left behind. Remove them by hand:\n` +
      `  the user e2e-by-hand in account ${accountId}: not authorized\n` +
      `  the secret account-vending/${accountId}/e2e-by-api: not authorized`,
  )
  expect(inputsOf(DeleteUserCommand)).toContainEqual({ UserName: 'e2e-by-api' })
  expect(inputsOf(DeleteGroupCommand)).toHaveLength(1)
})
