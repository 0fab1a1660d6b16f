import { describe, expect, test } from 'vitest'
import { deniesChange, findDenials, sayDenial } from '../../functions/shared/change-password.ts'
import { mfaPolicy } from '../../functions/shared/mfa-policy.ts'
import { policyDocument, type PolicyDocument } from '../../functions/shared/request.ts'
import { accountId, aDocument, aGroup, anAdmin, readOnlyAccess } from '../support/builders.ts'
import { type Document, isAllowed } from '../support/iam-evaluator.ts'

// The evaluator of IAM policies asks whether ada, who may do everything else, gets past the password change.

const place = { accountId, partition: 'aws' }
const ada = `arn:aws:iam::${accountId}:user/account-vending/ada`

type Statement = {
  Effect?: 'Allow' | 'Deny'
  Action?: string | string[]
  NotAction?: string | string[]
  Resource?: string | string[]
  NotResource?: string | string[]
  Condition?: Record<string, Record<string, unknown>>
}
const statement = (given: Statement) => ({
  Effect: 'Deny' as const,
  ...(given.NotResource === undefined && { Resource: '*' }),
  ...given,
})
const policy = (...statements: Statement[]) =>
  ({ Version: '2012-10-17', Statement: statements.map(statement) }) as PolicyDocument
/** The first version of the policy language has no variables. */
const old = (...statements: Statement[]) => ({ ...policy(...statements), Version: '2008-10-17' }) as PolicyDocument
const on = (Resource: string | string[]) => policy({ Action: 'iam:ChangePassword', Resource })
const exceptOn = (NotResource: string | string[]) => policy({ Action: 'iam:ChangePassword', NotResource })
const onlyIf = (Condition: Statement['Condition'] & object) => policy({ Action: 'iam:*', Condition })

const both = ['iam:ChangePassword', 'iam:GetAccountPasswordPolicy']
const setUp = [
  'iam:CreateVirtualMFADevice',
  'iam:EnableMFADevice',
  'iam:GetUser',
  'iam:ListMFADevices',
  'iam:ListVirtualMFADevices',
  'iam:ResyncMFADevice',
  'sts:GetSessionToken',
]
const noMfa = { BoolIfExists: { 'aws:MultiFactorAuthPresent': 'false' } }

const table: [name: string, document: PolicyDocument, expected: 'yes' | 'maybe' | 'no'][] = [
  // Action
  ['iam:ChangePassword', policy({ Action: 'iam:ChangePassword' }), 'yes'],
  ['in small letters', policy({ Action: 'iam:changepassword' }), 'yes'],
  ['the service in capitals', policy({ Action: 'IAM:ChangePassword' }), 'yes'],
  ['iam:*', policy({ Action: 'iam:*' }), 'yes'],
  ['*', policy({ Action: '*' }), 'yes'],
  ['iam:Change*', policy({ Action: 'iam:Change*' }), 'yes'],
  ['iam:*Password', policy({ Action: 'iam:*Password' }), 'yes'],
  ['iam:ChangePasswor?', policy({ Action: 'iam:ChangePasswor?' }), 'yes'],
  ['iam:?hange????word', policy({ Action: 'iam:?hange????word' }), 'yes'],
  ['in a list', policy({ Action: ['s3:*', 'iam:C*'] }), 'yes'],
  ['in the second statement', policy({ Action: 's3:*' }, { Action: 'iam:ChangePassword' }), 'yes'],
  ['although another statement allows it', policy({ Action: 'iam:*' }, { Effect: 'Allow', Action: 'iam:*' }), 'yes'],
  ['another action', policy({ Action: 'iam:CreateUser' }), 'no'],
  ['a shorter pattern', policy({ Action: 'iam:ChangePasswo?' }), 'no'],
  ['a longer name', policy({ Action: 'iam:ChangePasswords' }), 'no'],
  ['another service', policy({ Action: 's3:*' }), 'no'],
  ['writes by name', policy({ Action: ['iam:Create*', 'iam:Delete*', 'iam:Put*', 'iam:Attach*'] }), 'no'],
  ['only an Allow', policy({ Effect: 'Allow', Action: 'iam:*' }), 'no'],
  ['an Allow of everything else', policy({ Effect: 'Allow', NotAction: 'iam:*' }), 'no'],
  // NotAction
  ['everything but S3', policy({ NotAction: 's3:*' }), 'yes'],
  ['everything but reads', policy({ NotAction: ['iam:Get*', 'iam:List*'] }), 'yes'],
  ['everything but IAM', policy({ NotAction: 'iam:*' }), 'no'],
  ['nothing, by NotAction', policy({ NotAction: '*' }), 'no'],
  ['everything but both', policy({ NotAction: both }), 'no'],
  ['everything but both, by wildcards', policy({ NotAction: ['iam:Change*', 'iam:GetAccount*'] }), 'no'],
  ['everything but the change alone', policy({ NotAction: 'iam:ChangePassword' }), 'maybe'],
  // iam:GetAccountPasswordPolicy
  ['iam:GetAccountPasswordPolicy', policy({ Action: 'iam:GetAccountPasswordPolicy' }), 'maybe'],
  ['iam:Get*', policy({ Action: 'iam:Get*' }), 'maybe'],
  ['iam:Get* on users, which that action is not about', policy({ Action: 'iam:Get*', Resource: ada }), 'no'],
  ['iam:Get* except on users', policy({ Action: 'iam:Get*', NotResource: 'arn:aws:iam::*:user/*' }), 'maybe'],
  ['iam:Get* except on everything', policy({ Action: 'iam:Get*', NotResource: '*' }), 'no'],
  // Resource
  ['on the user', on(ada), 'yes'],
  ['on all users', on('arn:aws:iam::*:user/*'), 'yes'],
  ['on all users of our path', on('arn:aws:iam::*:user/account-vending/*'), 'yes'],
  ['on all users of the account', on(`arn:aws:iam::${accountId}:user/*`), 'yes'],
  ['on everything in the account', on(`arn:aws:iam::${accountId}:*`), 'yes'],
  ['in every partition', on('arn:*:iam::*:user/*'), 'yes'],
  ['on a pattern of the name', on('arn:aws:iam::*:user/*/a?a'), 'yes'],
  ['on the own user', on('arn:aws:iam::*:user/account-vending/${aws:username}'), 'yes'],
  ['on the own user, in capitals', on('arn:aws:iam::*:user/account-vending/${AWS:UserName}'), 'yes'],
  ['on the own user on any path', on('arn:aws:iam::*:user/*/${aws:username}'), 'yes'],
  ['on the own user with a default', on("arn:aws:iam::*:user/account-vending/${aws:username, 'nobody'}"), 'yes'],
  ['on one of several', on(['arn:aws:s3:::bucket', 'arn:aws:iam::*:user/*']), 'yes'],
  ['on the own user without our path', on('arn:aws:iam::*:user/${aws:username}'), 'no'],
  ['on a user without a path', on('arn:aws:iam::*:user/ada'), 'no'],
  ['on another user', on('arn:aws:iam::*:user/account-vending/bob'), 'no'],
  ['on users of another path', on('arn:aws:iam::*:user/developers/*'), 'no'],
  ['on users of another account', on('arn:aws:iam::999999999999:user/*'), 'no'],
  ['on users of another partition', on('arn:aws-us-gov:iam::*:user/*'), 'no'],
  ['on roles', on('arn:aws:iam::*:role/*'), 'no'],
  ['on a bucket', on('arn:aws:s3:::bucket/*'), 'no'],
  ['everything, in the old language', old({ Action: 'iam:*' }), 'yes'],
  ['on the user of a tag', on('arn:aws:iam::*:user/account-vending/${aws:PrincipalTag/login}'), 'maybe'],
  ['on users of the path of a tag', on('arn:aws:iam::*:user/${aws:PrincipalTag/team}/*'), 'maybe'],
  ['on another user, after a tag', on('arn:aws:iam::*:user/${aws:PrincipalTag/team}/bob'), 'no'],
  // NotResource
  ['except on a bucket', exceptOn('arn:aws:s3:::bucket/*'), 'yes'],
  ['except on the own user without our path', exceptOn('arn:aws:iam::*:user/${aws:username}'), 'yes'],
  ['except on another user', exceptOn('arn:aws:iam::*:user/account-vending/bob'), 'yes'],
  ['except on the own user', exceptOn('arn:aws:iam::*:user/account-vending/${aws:username}'), 'no'],
  ['except on all users', exceptOn(['arn:aws:s3:::bucket', 'arn:aws:iam::*:user/*']), 'no'],
  ['except on the user of a tag', exceptOn('arn:aws:iam::*:user/account-vending/${aws:PrincipalTag/login}'), 'maybe'],
  // Condition
  ['an empty condition', onlyIf({}), 'yes'],
  ['a condition whose operator compares nothing', onlyIf({ StringEquals: {} }), 'yes'],
  ['without MFA', onlyIf(noMfa), 'maybe'],
  ['without MFA, by Null', onlyIf({ Null: { 'aws:MultiFactorAuthPresent': 'true' } }), 'maybe'],
  ['from elsewhere', onlyIf({ NotIpAddress: { 'aws:SourceIp': '192.0.2.0/24' } }), 'maybe'],
  ['for a team', onlyIf({ StringEquals: { 'aws:PrincipalTag/team': 'account-vending' } }), 'maybe'],
  [
    'on another user, with a condition',
    policy({ Action: 'iam:*', Resource: 'arn:aws:iam::*:user/bob', Condition: noMfa }),
    'no',
  ],
  ['another action, with a condition', policy({ Action: 's3:*', Condition: noMfa }), 'no'],
  ['with a condition and without', policy({ Action: 'iam:*', Condition: noMfa }, { Action: 'iam:Change*' }), 'yes'],
  ['S3 without a condition, IAM with one', policy({ Action: 's3:*' }, { Action: 'iam:*', Condition: noMfa }), 'maybe'],
  // As people copy it
  ['AWS’s sample for MFA', policy({ NotAction: setUp, Condition: noMfa }), 'maybe'],
  ['that sample with the change', policy({ NotAction: [...setUp, 'iam:ChangePassword'], Condition: noMfa }), 'maybe'],
  ['that sample with both', policy({ NotAction: [...setUp, ...both], Condition: noMfa }), 'no'],
  ['that sample without its condition', policy({ NotAction: setUp }), 'yes'],
]

test('there are policies of each kind, and no name appears twice', () => {
  const having = (answer: string) => table.filter(([, , expected]) => expected === answer).length
  expect(table.length).toBeGreaterThanOrEqual(50)
  expect(['yes', 'maybe', 'no'].map((answer) => having(answer) >= 12)).toEqual([true, true, true])
  expect(new Set(table.map(([name]) => name)).size).toBe(table.length)
})

const contexts = [
  { 'aws:MultiFactorAuthPresent': 'false' },
  { 'aws:MultiFactorAuthPresent': 'true', 'aws:SourceIp': '192.0.2.7' },
  { 'aws:PrincipalTag/team': 'account-vending', 'aws:PrincipalTag/login': 'ada' },
  { 'aws:MultiFactorAuthPresent': 'true', 'aws:PrincipalTag/team': 'sales', 'aws:PrincipalTag/login': 'bob' },
].map((context) => ({
  'aws:SourceIp': '203.0.113.9',
  'aws:username': 'ada',
  ...context,
}))

/** What the evaluator says of a policy, over all contexts. */
const evaluated = async (document: PolicyDocument) => {
  const everything = { Version: '2012-10-17', Statement: [{ Effect: 'Allow', Action: '*', Resource: '*' }] }
  const inEach = async (action: string, resource: string) =>
    Promise.all(
      contexts.map((context) =>
        isAllowed(
          { principal: ada, action, resource, accountId, context },
          { identity: [everything, document as Document] },
        ),
      ),
    )
  const changes = await inEach('iam:ChangePassword', ada)
  const reads = await inEach('iam:GetAccountPasswordPolicy', '*')
  if (!changes.includes(true)) return 'yes'
  return [...changes, ...reads].includes(false) ? 'maybe' : 'no'
}

describe('whether a policy denies the password change', () => {
  test.each(table)('%s', async (_, document, expected) => {
    expect(policyDocument.safeParse(document).error).toBeUndefined()
    expect(deniesChange(document, { ...place, userName: 'ada' })).toBe(expected)
    expect(await evaluated(document)).toBe(expected)
  })
})

describe('where the evaluator differs', () => {
  const user = { ...place, userName: 'ada' }

  // IAM User Guide, "Version": in the version 2008-10-17, a variable is literal text. The evaluator ignores it.
  test('a variable of the old language is none', () => {
    expect(deniesChange(old({ Action: 'iam:*', Resource: 'arn:aws:iam::*:user/*/${aws:username}' }), user)).toBe('no')
    const { Version: _, ...without } = on('arn:aws:iam::*:user/*/${aws:username}')
    expect(deniesChange(without as PolicyDocument, user)).toBe('no')
  })

  // IAM User Guide, "Where you can use policy variables": only after the fifth colon.
  test('a variable in the place of the account, where IAM has none, is doubted', () => {
    expect(deniesChange(on('arn:aws:iam::${aws:PrincipalAccount}:user/*'), user)).toBe('maybe')
  })
})

test.each(['aws', 'aws-us-gov', 'aws-cn'])(
  'this service’s own policy for MFA denies nobody the change, in %s',
  (partition) => {
    expect(deniesChange(mfaPolicy(partition), { accountId, partition, userName: 'ada' })).toBe('no')
  },
)

test('customer managed policies may have a single statement', () => {
  const document = { Version: '2012-10-17', Statement: statement({ Action: '*:*' }) } as PolicyDocument
  expect(deniesChange(document, { ...place, userName: 'ada' })).toBe('yes')
})

describe('the policies that deny administrators the change', () => {
  const denyIam = policy({ Action: 'iam:*' })
  const requireMfa = policy({ NotAction: setUp, Condition: noMfa })
  const customer = `arn:aws:iam::${accountId}:policy/team/Core`
  const ask = (group: object, ...admins: object[]) => ({
    groups: [aGroup(group)],
    admins: admins.map((admin, i) => anAdmin({ userName: `admin${i}`, ...admin })),
  })
  const bare = { isInline: true, group: 'Administrators', userNames: ['admin0'], isCertain: true }

  test('inline policies of a group are found, the certain one and the doubtful one', () => {
    expect(findDenials(ask({ inline: { DenyIam: denyIam, Mfa: requireMfa, Fine: aDocument() } }, {}), place)).toEqual([
      { ...bare, policy: 'DenyIam' },
      { ...bare, policy: 'Mfa', isCertain: false },
    ])
  })

  test('only members who must change their password count, whatever the case of the group’s name', () => {
    const admins = [{ groups: ['ADMINISTRATORS'] }, { groups: [] }, { passwordResetRequired: false }, {}]
    expect(findDenials(ask({ inline: { DenyIam: denyIam } }, ...admins), place)).toEqual([
      { ...bare, policy: 'DenyIam', userNames: ['admin0', 'admin3'] },
    ])
  })

  test('a policy can deny one user and spare another', () => {
    const inline = { DenyOne: on('arn:aws:iam::*:user/account-vending/admin1') }
    expect(findDenials(ask({ inline }, {}, {}), place)).toEqual([{ ...bare, policy: 'DenyOne', userNames: ['admin1'] }])
  })

  test.each([
    'AWSDenyAll',
    'AWSCompromisedKeyQuarantine',
    'AWSCompromisedKeyQuarantineV2',
    'AWSCompromisedKeyQuarantineV3',
  ])('the AWS managed policy %s is known, of a group and of a user', (name) => {
    const arn = `arn:aws:iam::aws:policy/${name}`
    expect(findDenials(ask({ policies: [readOnlyAccess, arn] }, {}), place)).toEqual([
      { ...bare, policy: arn, isInline: false },
    ])
    expect(findDenials(ask({}, { policies: [arn] }), place)).toEqual([
      { ...bare, policy: arn, isInline: false, group: undefined },
    ])
    expect(findDenials(ask({ policies: [arn.replace('::aws:', `::${accountId}:`)] }, {}), place)).toEqual([])
  })

  test('a customer managed policy is found by its document', () => {
    const documents = new Map([[customer, denyIam]])
    expect(findDenials(ask({ policies: [customer] }, {}), place, documents)).toMatchObject([{ policy: customer }])
    expect(findDenials(ask({}, { policies: [customer] }), place, documents)).toMatchObject([{ userNames: ['admin0'] }])
    expect(findDenials(ask({ policies: [customer] }, {}), place)).toEqual([])
  })

  test('a sentence says which policy, of which group, and what to do', () => {
    const sentences = findDenials(ask({ inline: { DenyIam: denyIam, Mfa: requireMfa } }, {}, {}), place).map(sayDenial)
    const remedy =
      'Exempt both iam:ChangePassword and iam:GetAccountPasswordPolicy from the Deny, or set passwordResetRequired to false'
    expect(sentences).toEqual([
      `The policy DenyIam of the group Administrators denies admin0, admin1 the password change at the first sign-in. ${remedy}`,
      'The policy Mfa of the group Administrators may deny admin0, admin1 the password change at the first sign-in: ' +
        `the policy has a Deny of iam:ChangePassword with a condition, or a Deny of iam:GetAccountPasswordPolicy. ${remedy}`,
    ])
  })
})
