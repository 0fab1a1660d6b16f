import { describe, expect, test } from 'vitest'
import { mfaPolicy, mfaPolicyName, withMfaPolicy, withoutMfaPolicy } from '../../functions/shared/mfa-policy.ts'
import { policyDocument } from '../../functions/shared/request.ts'
import { accountId, aDocument, aGroup, anAdmin } from '../support/builders.ts'
import { type Document, isAllowed, referenceOf } from '../support/iam-evaluator.ts'

// The evaluator of IAM policies decides what a user of ours may do under the policy.

const allow = (...Action: string[]): Document => ({
  Version: '2012-10-17',
  Statement: [{ Effect: 'Allow', Action, Resource: '*' }],
})
const administrator = allow('*')
/** What a reader has: the managed policies ReadOnlyAccess, as far as it matters here, and IAMUserChangePassword. */
const reader = allow('iam:Get*', 'iam:List*', 's3:ListAllMyBuckets', 'iam:ChangePassword')

const inPartition = (partition: string) => {
  const iam = `arn:${partition}:iam::${accountId}`
  return {
    ada: `${iam}:user/account-vending/ada`,
    grace: `${iam}:user/account-vending/grace`,
    root: `${iam}:user/ada`,
    device: `${iam}:mfa/ada-phone`,
    group: `${iam}:group/account-vending/Administrators`,
  }
}
const { ada, grace, root, device, group } = inPartition('aws')

/** How a call is authenticated: by the console or `aws login` with or without MFA, or by an access key. */
const by = {
  mfa: { 'aws:MultiFactorAuthPresent': 'true' },
  'no MFA': { 'aws:MultiFactorAuthPresent': 'false' },
  'an access key': {},
}
type By = keyof typeof by

const may = async (
  action: string,
  resource: string,
  how: By,
  policies: object[] = [administrator, mfaPolicy('aws')],
  principal = ada,
) =>
  isAllowed(
    {
      principal,
      action,
      resource: (await referenceOf(action)).knowsNoResource ? '*' : resource,
      accountId,
      context: { ...by[how], 'aws:username': principal.replace(/.*\//, '') },
    },
    { identity: policies as Document[] },
  )

describe.each(['aws', 'aws-us-gov', 'aws-cn'])('the steps of a first sign-in without MFA, in %s', (partition) => {
  const there = inPartition(partition)
  test.each([
    ['iam:GetAccountPasswordPolicy', '*'],
    ['iam:ChangePassword', there.ada],
    ['iam:GetUser', there.ada],
    ['iam:ListMFADevices', there.ada],
    ['iam:ListVirtualMFADevices', '*'],
    ['iam:CreateVirtualMFADevice', there.device],
    ['iam:EnableMFADevice', there.ada],
    ['iam:GetMFADevice', there.ada],
    ['iam:ResyncMFADevice', there.ada],
  ])('%s is allowed, for an administrator and for a reader', async (action, resource) => {
    for (const identity of [administrator, reader])
      expect(
        await may(action, resource, 'no MFA', [identity, mfaPolicy(partition)], there.ada),
        JSON.stringify(identity),
      ).toBe(true)
  })
})

test('an access key can get credentials with MFA: AWS asks for no permission, so only a deny could stop it', async () => {
  expect(await may('sts:GetSessionToken', '*', 'an access key')).toBe(true)
})

test.each<[action: string, resource: string]>([
  ['iam:EnableMFADevice', grace],
  ['iam:ResyncMFADevice', grace],
  ['iam:GetMFADevice', grace],
  ['iam:ListMFADevices', grace],
  ['iam:GetUser', grace],
  // A user of the same name who is not of our path is somebody else.
  ['iam:EnableMFADevice', root],
  ['iam:DeactivateMFADevice', ada],
  ['iam:DeactivateMFADevice', grace],
  ['iam:DeleteVirtualMFADevice', device],
  ['iam:CreateAccessKey', ada],
  ['iam:CreateLoginProfile', ada],
  ['iam:UpdateLoginProfile', grace],
  ['iam:DetachGroupPolicy', group],
  ['iam:DeleteGroupPolicy', group],
  ['iam:DeleteUserPolicy', ada],
  ['iam:RemoveUserFromGroup', group],
  ['iam:UpdateAccountPasswordPolicy', '*'],
  ['iam:ListUsers', '*'],
  ['s3:ListAllMyBuckets', '*'],
  ['sts:AssumeRole', `arn:aws:iam::${accountId}:role/any`],
  // `aws login`
  ['signin:CreateOAuth2Token', '*'],
  ['signin:AuthorizeOAuth2Access', '*'],
])('%s on %s is denied without MFA and by access key, and allowed with MFA', async (action, resource) => {
  expect([
    await may(action, resource, 'no MFA'),
    await may(action, resource, 'an access key'),
    await may(action, resource, 'mfa'),
  ]).toEqual([false, false, true])
})

test('a reader with MFA manages no other user’s device: the policy allows the setup of the own device only', async () => {
  for (const action of ['iam:EnableMFADevice', 'iam:ResyncMFADevice'])
    expect(await may(action, grace, 'mfa', [reader, mfaPolicy('aws')])).toBe(false)
})

// What goes wrong without each part of the policy. The first two are the traps of the policies that everybody copies.
describe('the policy without', () => {
  const withChange = (change: (text: string) => string) => [
    administrator,
    JSON.parse(change(JSON.stringify(mfaPolicy('aws')))) as object,
  ]
  const leaveOutStatement = (sid: string): object[] => {
    const { Version, Statement } = mfaPolicy('aws')
    return [administrator, { Version, Statement: [Statement].flat().filter(({ Sid }) => Sid !== sid) }]
  }

  test.each(['iam:ChangePassword', 'iam:GetAccountPasswordPolicy'])(
    'the exemption of %s stops the forced password change',
    async (action) => {
      expect(
        await may(
          action,
          ada,
          'no MFA',
          withChange((text) => text.replace(`"${action}",`, '')),
        ),
      ).toBe(false)
    },
  )

  test('our path in the own user stops the own MFA setup', async () => {
    const policies = withChange((text) => text.replaceAll('user/account-vending/', 'user/'))
    expect(await may('iam:EnableMFADevice', ada, 'no MFA', policies)).toBe(false)
  })

  test('the second deny lets a person without MFA enable a device for a colleague', async () => {
    const policies = leaveOutStatement('NoOtherUserWithoutMfa')
    expect(await may('iam:EnableMFADevice', grace, 'no MFA', policies)).toBe(true)
    expect(await may('iam:ResyncMFADevice', grace, 'no MFA', policies)).toBe(true)
  })

  test('IfExists lets access keys do everything', async () => {
    const policies = withChange((text) => text.replaceAll('BoolIfExists', 'Bool'))
    expect(await may('s3:ListAllMyBuckets', '*', 'an access key', policies)).toBe(true)
  })

  test('the first statement stops a reader’s MFA setup', async () => {
    const [, policy] = leaveOutStatement('SetUpOwnMfa')
    expect(await may('iam:EnableMFADevice', ada, 'no MFA', [reader, policy!])).toBe(false)
  })
})

test('the policy fits beside others: IAM’s limit is 2,048 characters for a user and 5,120 for a group', () => {
  const policy = mfaPolicy('aws-iso-b')
  expect(JSON.stringify(policy).length).toBeLessThan(1400)
  expect(policyDocument.parse(policy)).toEqual(policy)
})

describe('withMfaPolicy', () => {
  const ask = {
    groups: [aGroup(), aGroup({ name: 'Readers', inline: { own: aDocument() } })],
    admins: [anAdmin(), anAdmin({ userName: 'ada', groups: [] })],
  }

  test('changes nothing unless vending.yml requires MFA', () => {
    expect(withMfaPolicy(ask, { partition: 'aws' })).toBe(ask)
  })

  test('adds the policy to each group, and to administrators who are in no group', () => {
    const mfa = { [mfaPolicyName]: mfaPolicy('aws-us-gov') }
    const complete = withMfaPolicy(ask, { mfa: 'required', partition: 'aws-us-gov' })
    expect(complete).toEqual({
      groups: [aGroup({ inline: mfa }), aGroup({ name: 'Readers', inline: { own: aDocument(), ...mfa } })],
      admins: [anAdmin(), anAdmin({ userName: 'ada', groups: [], inline: mfa })],
    })
    expect(withMfaPolicy(complete, { mfa: 'required', partition: 'aws-us-gov' })).toEqual(complete)
    expect(complete.groups.map(({ inline }) => withoutMfaPolicy(inline))).toEqual([{}, { own: aDocument() }])
  })
})
