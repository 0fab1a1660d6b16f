import { AssumeRoleCommand, STSClient } from '@aws-sdk/client-sts'
import { mockClient } from 'aws-sdk-client-mock'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import type { Account } from '../../functions/shared/account.ts'
import { assumeAccountRole, iamArn } from '../../functions/shared/account-role.ts'
import { AccessRoleMissingError, AccountNotReadyError } from '../../functions/shared/errors.ts'
import { accountId, adminAccess, anAccount, aVend, awsError } from '../support/builders.ts'

const sts = mockClient(STSClient)

type Options = Parameters<typeof assumeAccountRole>[1]
const assume = (overrides: Partial<Options> = {}) =>
  assumeAccountRole(new STSClient({}), {
    account: anAccount(),
    roleName: 'OrganizationAccountAccessRole',
    vend: aVend(),
    permissions: [{ actions: ['iam:ListUsers'], resources: ['*'] }],
    ...overrides,
  })
const sent = () => sts.commandCalls(AssumeRoleCommand)[0]?.args[0].input
const sentPolicy = () => JSON.parse(sent()?.Policy ?? '') as unknown

const joined = '2026-11-01T09:20:53.000Z'
const minutesAfter = (minutes: number) => vi.setSystemTime(Date.parse(joined) + minutes * 60_000)

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['Date'] })
  minutesAfter(5)
  sts.reset()
  sts.onAnyCommand().resolves({})
  sts.on(AssumeRoleCommand).resolves({
    Credentials: { AccessKeyId: 'key', SecretAccessKey: 'secret', SessionToken: 'token', Expiration: new Date() },
  })
})
afterEach(() => {
  vi.useRealTimers()
})

test('signs in through the access role for 15 minutes', async () => {
  expect(await assume()).toEqual({ accessKeyId: 'key', secretAccessKey: 'secret', sessionToken: 'token' })
  expect(sts.calls()).toHaveLength(1)
  expect(sent()).toEqual({
    RoleArn: `arn:aws:iam::${accountId}:role/OrganizationAccountAccessRole`,
    RoleSessionName: `vend-${aVend().id}`,
    DurationSeconds: 900,
    Policy: expect.any(String) as string,
  })
})

test('running twice signs in under the same name', async () => {
  await assume()
  await assume()
  const [first, second] = sts.commandCalls(AssumeRoleCommand).map(({ args }) => args[0].input)
  expect(second).toEqual(first)
})

test('the session’s name is one that STS takes', async () => {
  await assume()
  expect(sent()?.RoleSessionName).toMatch(/^vend-[\da-f]{32}$/)
})

test('the role is in the partition of the execution', async () => {
  const vend = aVend({ executionArn: 'arn:aws-us-gov:states:us-gov-west-1:111122223333:execution:vend:first' })
  await assume({ vend })
  expect(sent()?.RoleArn).toBe(`arn:aws-us-gov:iam::${accountId}:role/OrganizationAccountAccessRole`)
})

test('the session may do what was asked for, and attach only the policies named', async () => {
  const users = iamArn(aVend(), accountId, 'user/account-vending/*')
  await assume({
    permissions: [
      { actions: ['iam:GetUser', 'iam:ListUsers'], resources: ['*'] },
      { actions: ['iam:AttachUserPolicy'], resources: [users], policyArns: [adminAccess] },
    ],
  })
  expect(sentPolicy()).toEqual({
    Version: '2012-10-17',
    Statement: [
      { Effect: 'Allow', Action: ['iam:GetUser', 'iam:ListUsers'], Resource: ['*'] },
      {
        Effect: 'Allow',
        Action: ['iam:AttachUserPolicy'],
        Resource: [`arn:aws:iam::${accountId}:user/account-vending/*`],
        Condition: { ArnEquals: { 'iam:PolicyARN': [adminAccess] } },
      },
    ],
  })
})

test('a permission on nothing is left out: IAM takes no empty list, and it must not mean everything', async () => {
  await assume({
    permissions: [
      { actions: ['iam:GetUser'], resources: ['*'] },
      { actions: ['iam:AttachUserPolicy'], resources: ['*'], policyArns: [] },
      { actions: ['iam:AddUserToGroup'], resources: [] },
    ],
  })
  expect(sentPolicy()).toMatchObject({ Statement: [{ Action: ['iam:GetUser'] }] })
  expect(sent()?.Policy).not.toMatch(/AttachUserPolicy|AddUserToGroup/)
})

const refusals = [
  'AccessDenied',
  'RegionDisabledException',
  'OptInRequired',
  'SubscriptionRequiredException',
  'InvalidClientTokenId',
]
const whenRefusedBy = async (name: string, account: Partial<Account>) => {
  sts.on(AssumeRoleCommand).rejects(awsError(name, 'not you'))
  return assume({ account: anAccount(account) }).then(
    () => undefined,
    (error: unknown) => error,
  )
}

describe.each(refusals)('%s', (name) => {
  test.each([0, 5, 59])('leaves as AccountNotReadyError %d minutes after the account was created', async (minutes) => {
    minutesAfter(minutes)
    const error = await whenRefusedBy(name, { joinedMethod: 'CREATED' })
    expect(error).toBeInstanceOf(AccountNotReadyError)
    expect(error).toMatchObject({
      message: `Account ${accountId} does not let OrganizationAccountAccessRole be assumed yet: not you`,
      cause: { name },
    })
  })

  test.each([60, 24 * 60])('leaves as AccessRoleMissingError %d minutes after', async (minutes) => {
    minutesAfter(minutes)
    const error = await whenRefusedBy(name, { joinedMethod: 'CREATED' })
    expect(error).toBeInstanceOf(AccessRoleMissingError)
    expect(error).toMatchObject({ cause: { name } })
    expect((error as Error).message).toContain('It is missing, or its trust policy was changed')
  })

  test('leaves as AccessRoleMissingError at once if the account was invited, with the template named', async () => {
    const error = await whenRefusedBy(name, { joinedMethod: 'INVITED' })
    expect(error).toBeInstanceOf(AccessRoleMissingError)
    expect((error as Error).message).toContain(
      `The role arn:aws:iam::${accountId}:role/OrganizationAccountAccessRole cannot be assumed. ` +
        'Organizations does not make it in invited accounts: ' +
        `create it in account ${accountId} from infra/access-role.yml, with RoleName=OrganizationAccountAccessRole. AWS says: not you`,
    )
  })
})

test.each(['MalformedPolicyDocumentException', 'PackedPolicyTooLargeException', 'ExpiredTokenException', 'Throttling'])(
  '%s leaves under its name, even minutes after the account was created',
  async (name) => {
    expect(await whenRefusedBy(name, { joinedMethod: 'CREATED' })).toMatchObject({ name, message: 'not you' })
  },
)

test('iamArn names what is AWS’s own, too', () => {
  expect(iamArn(aVend(), 'aws', 'policy/ReadOnlyAccess')).toBe('arn:aws:iam::aws:policy/ReadOnlyAccess')
})
