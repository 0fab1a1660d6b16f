import { AssumeRoleCommand, STSClient } from '@aws-sdk/client-sts'
import type { Context } from 'aws-lambda'
import { mockClient } from 'aws-sdk-client-mock'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import type { Account } from '../../functions/shared/account.ts'
import { assumeAccountRole, explainDenial, iamArn } from '../../functions/shared/iam-client.ts'
import {
  AccessRoleMissingError,
  AccountJustJoinedError,
  AccountNotReadyError,
  DeniedByPolicyError,
  InvalidInputError,
} from '../../functions/shared/errors.ts'
import { type AdminsRequest, completeRequest } from '../../functions/shared/request.ts'
import {
  accountId,
  adminAccess,
  anAccount,
  aRecord,
  aVend,
  awsError,
  issuesOf,
  ledgerMock,
  ourPath,
  theDefaults,
} from '../support/builders.ts'

const sts = mockClient(STSClient)

type Handler = (input: object, context: Context) => Promise<unknown>
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
  vi.unstubAllEnvs()
  vi.restoreAllMocks()
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

describe('a session policy that is too long for STS', () => {
  const group = (path: string) => iamArn(aVend(), accountId, `group${path}Administrators`)
  const withGroups = (count: number, path: string) =>
    assume({
      permissions: [{ actions: ['iam:AddUserToGroup'], resources: Array.from({ length: count }, () => group(path)) }],
    })

  test('is refused before the call, with field and limit: existing groups may have long paths', async () => {
    const refused = withGroups(4, `/${'p'.repeat(510)}/`)
    await expect(refused).rejects.toBeInstanceOf(InvalidInputError)
    await expect(refused).rejects.toThrow(
      /^groups: the session policy with the ARNs of all groups and policies has 2\d{3} characters; the limit is 1800: /,
    )
    expect(sts.calls()).toHaveLength(0)
  })

  test('is not refused below the limit', async () => {
    await withGroups(3, `/${'p'.repeat(500)}/`)
    expect(sent()?.Policy?.length).toBeGreaterThan(1700)
  })
})

describe.each(['aws', 'aws-us-gov', 'aws-cn', 'aws-iso-b', 'aws-eusc'])(
  'the session policies of the largest accepted requests stay within 1,800 characters in %s:',
  (partition) => {
    const place = { accountId, accountEmail: 'payments@example.com', partition }
    const vend = aVend({ executionArn: aVend().executionArn.replace('arn:aws:', `arn:${partition}:`) })
    const policies = (amount: number) =>
      [...'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz']
        .slice(0, amount)
        .map((name) => `arn:${partition}:iam::aws:policy/${name}`)
    const lengthOf = (texts: string[]) => texts.join('').length
    const complete = (request: Partial<AdminsRequest>) =>
      completeRequest({ groups: [], ...request }, theDefaults({ groups: [] }), place)
    /** The length of the session policy that a step uses in the account. */
    const lengthIn = async (step: 'create-admin-group' | 'create-admin-user', input: object) => {
      vi.stubEnv('LEDGER_TABLE', 'ledger')
      vi.stubEnv('ACCESS_ROLE_NAME', 'OrganizationAccountAccessRole')
      vi.stubEnv('AWS_REGION', 'us-east-1')
      vi.spyOn(process.stderr, 'write').mockReturnValue(true)
      ledgerMock().holds(aRecord())
      const signIn = awsError('Throttling')
      sts.on(AssumeRoleCommand).rejects(signIn)
      const { handler } = (await import(`../../functions/${step}/handler.ts`)) as { handler: Handler }
      await expect(handler({ vend, account: anAccount(), ...input }, {} as Context)).rejects.toBe(signIn)
      return sent()?.Policy?.length
    }

    test('of groups', async () => {
      const [first = '', ...others] = policies(Math.floor(1000 / `arn:${partition}:iam::aws:policy/A`.length))
      const filled = first.padEnd(1000 - lengthOf(others), 'x')
      const groupsOf = (all: string[]) =>
        [0, 1, 2, 3].map((i) => ({ name: `g${i}`, policies: all.slice(10 * i, 10 * i + 10), inline: {} }))
      expect(issuesOf(() => complete({ groups: groupsOf([`${filled}x`, ...others]) }))).toHaveLength(1)
      const length = await lengthIn('create-admin-group', complete({ groups: groupsOf([filled, ...others]) }))
      expect(length).toBeGreaterThan(1500)
      expect(length).toBeLessThanOrEqual(1800)
    })

    test('of an administrator', async () => {
      const arns = policies(9)
      const names = Array.from({ length: 10 }, (_, i) => `${i}`)
      const groupsOf = (most: number) =>
        [(names[0] ?? '').padEnd(128, 'x'), ...names.slice(1)].map((name, i) =>
          i === 1 ? name.padEnd(most, 'x') : name,
        )
      const left = 480 - lengthOf(arns) - 128 - 8
      const asked = (most: number) => ({
        groups: groupsOf(most).map((name) => ({ name, policies: [], inline: {} })),
        admins: [{ userName: 'a'.repeat(64), groups: groupsOf(most), policies: arns, tags: {} }],
      })
      expect(issuesOf(() => complete(asked(left + 1)))).toHaveLength(1)
      const { admins } = complete(asked(left))
      const [admin] = admins
      const length = await lengthIn('create-admin-user', {
        // The admin as CreateAdminGroup returns it.
        admin: { ...admin, policies: [...arns, `arn:${partition}:iam::aws:policy/IAMUserChangePassword`] },
        groups: groupsOf(left).map((name) => ({ name, arn: iamArn(vend, accountId, `group${ourPath}${name}`) })),
        secret: { secretArn: null, secretVersion: null },
      })
      expect(length).toBeGreaterThan(1600)
      expect(length).toBeLessThanOrEqual(1800)
    })
  },
)

test('the session may do what the step needs, and attach only the named policies', async () => {
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
      { Effect: 'Allow', Action: ['iam:GetUser', 'iam:ListUsers'], Resource: '*' },
      {
        Effect: 'Allow',
        Action: 'iam:AttachUserPolicy',
        Resource: `arn:aws:iam::${accountId}:user/account-vending/*`,
        Condition: { ArnEquals: { 'iam:PolicyARN': [adminAccess] } },
      },
    ],
  })
})

test('a permission on no resource is left out: IAM refuses an empty list, and the list must not become everything', async () => {
  await assume({
    permissions: [
      { actions: ['iam:GetUser'], resources: ['*'] },
      { actions: ['iam:AttachUserPolicy'], resources: ['*'], policyArns: [] },
      { actions: ['iam:AddUserToGroup'], resources: [] },
    ],
  })
  expect(sentPolicy()).toMatchObject({ Statement: [{ Action: 'iam:GetUser' }] })
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
      message: `The role OrganizationAccountAccessRole in account ${accountId} cannot be assumed yet: not you`,
      cause: { name },
    })
  })

  test.each([60, 24 * 60])('leaves as AccessRoleMissingError %d minutes after', async (minutes) => {
    minutesAfter(minutes)
    const error = await whenRefusedBy(name, { joinedMethod: 'CREATED' })
    expect(error).toBeInstanceOf(AccessRoleMissingError)
    expect(error).toMatchObject({ message, cause: { name } })
  })

  const message =
    `The role is arn:aws:iam::${accountId}:role/OrganizationAccountAccessRole. If the role exists in account ${accountId}, let its trust policy allow sts:AssumeRole to ` +
    'arn:aws:iam::111122223333:root. Otherwise create the role there from infra/member-account/access-role.yml, with ' +
    'ManagementAccountId=111122223333 and RoleName=OrganizationAccountAccessRole. AWS says: not you'

  test.each([0, 5, 59])(
    'leaves as AccountJustJoinedError %d minutes after the account was invited',
    async (minutes) => {
      minutesAfter(minutes)
      const error = await whenRefusedBy(name, { joinedMethod: 'INVITED' })
      expect(error).toBeInstanceOf(AccountJustJoinedError)
      expect(error).toMatchObject({ message, cause: { name } })
    },
  )

  test.each([60, 24 * 60])('leaves as AccessRoleMissingError %d minutes after it was invited', async (minutes) => {
    minutesAfter(minutes)
    const error = await whenRefusedBy(name, { joinedMethod: 'INVITED' })
    expect(error).toBeInstanceOf(AccessRoleMissingError)
    expect(error).toMatchObject({ message, cause: { name } })
  })
})

test('a session policy that STS refuses leaves as SessionPolicyRefusedError, not as a policy document of the request', async () => {
  expect(await whenRefusedBy('MalformedPolicyDocumentException', { joinedMethod: 'CREATED' })).toMatchObject({
    name: 'SessionPolicyRefusedError',
    message: 'STS refused the policy of the session. AWS says: not you',
  })
})

test.each(['PackedPolicyTooLargeException', 'ExpiredTokenException', 'Throttling'])(
  '%s leaves under its name, even minutes after the account was created',
  async (name) => {
    expect(await whenRefusedBy(name, { joinedMethod: 'CREATED' })).toMatchObject({ name, message: 'not you' })
  },
)

test('iamArn also names AWS’s own policies', () => {
  expect(iamArn(aVend(), 'aws', 'policy/ReadOnlyAccess')).toBe('arn:aws:iam::aws:policy/ReadOnlyAccess')
})

describe('AccessDenied inside the account', () => {
  const action = 'iam:CreateUser'
  const user = `arn:aws:sts::${accountId}:assumed-role/OrganizationAccountAccessRole/vend-1`
  // The forms of AWS's message (IAM User Guide, troubleshoot_access-denied).
  const denial = (why: string, resource = `arn:aws:iam::${accountId}:user/account-vending/ada`) =>
    `User: ${user} is not authorized to perform: ${action} on resource: ${resource}${why}`
  const explained = (message: string, account: Partial<Account> = {}, name = 'AccessDenied') => {
    try {
      return explainDenial(awsError(name, message), anAccount(account))
    } catch (error) {
      return error as Error & { cause: Error }
    }
  }
  const undecided = [
    denial(''),
    denial(` because no identity-based policy allows the ${action} action`),
    denial(` because no session policy allows the ${action} action`),
    // Names that look like a reason.
    denial('', `arn:aws:iam::${accountId}:group/account-vending/permissions_boundary`),
    denial('', `arn:aws:iam::${accountId}:group/service-control-policy/boundary`),
  ]
  const byPolicy = [
    denial(' with an explicit deny in a service control policy'),
    denial(
      ' with an explicit deny in a service control policy: arn:aws:organizations::111122223333:policy/o-a/service_control_policy/p-a',
    ),
    denial(` because no service control policy allows the ${action} action`),
    denial(' with an explicit deny in a permissions boundary'),
    denial(` because no permissions boundary allows the ${action} action`),
  ]

  test.each(undecided)('is “not ready” in the first hour after the account was created: %s', (message) => {
    for (const minutes of [0, 5, 59])
      for (const name of ['AccessDenied', 'AccessDeniedException']) {
        minutesAfter(minutes)
        const error = explained(message, { joinedMethod: 'CREATED' }, name)
        expect(error).toBeInstanceOf(AccountNotReadyError)
        expect(error).toMatchObject({ cause: { name, message } })
        expect(error.message).toContain(`AWS says: ${message}`)
      }
  })

  test.each(undecided)('is a denial by a policy later, and in an account that was invited: %s', (message) => {
    minutesAfter(60)
    expect(explained(message, { joinedMethod: 'CREATED' })).toBeInstanceOf(DeniedByPolicyError)
    minutesAfter(5)
    expect(explained(message, { joinedMethod: 'INVITED' })).toBeInstanceOf(DeniedByPolicyError)
  })

  test.each(byPolicy)('is a denial by a policy at any time, if AWS names the policy: %s', (message) => {
    for (const minutes of [0, 59, 600]) {
      minutesAfter(minutes)
      expect(explained(message)).toBeInstanceOf(DeniedByPolicyError)
      // The explanation of the error says the rest.
      expect(explained(message).message).toBe(`AWS says: ${message}`)
    }
  })

  test('any other error leaves unchanged', () => {
    const error = awsError('NoSuchEntityException')
    expect(() => explainDenial(error, anAccount())).toThrow(error)
  })
})
