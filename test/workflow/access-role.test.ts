import { expect, test } from 'vitest'
import { type Document, isAllowed } from '../support/iam-evaluator.ts'
import { readMemberAccountTemplate } from '../support/member-account.ts'

// The template of the access role for accounts that were invited: an evaluator of IAM policies decides who may assume
// the role.

const management = '111122223333'
const account = '444455556666'
const another = '999999999999'
const template = readMemberAccountTemplate({ ManagementAccountId: management, RoleName: 'TheRole' })
const { Properties } = template.Resources.AccessRole

const may = (action: string, on: string): Document => ({
  Version: '2012-10-17',
  Statement: [{ Effect: 'Allow', Action: action, Resource: on }],
})
const assumes = (principal: string, permissions: Document[], action = 'sts:AssumeRole') => {
  const resource = `arn:aws:iam::${account}:role/TheRole`
  return isAllowed(
    {
      principal,
      action,
      resource,
      accountId: account,
      context: { 'aws:PrincipalArn': principal.replace(/:sts:(.*):assumed-role\/([^/]+)\/.*/, ':iam:$1:role/$2') },
    },
    { identity: permissions, resource: Properties.AssumeRolePolicyDocument },
  )
}
const aFunction = (accountId: string) => `arn:aws:sts::${accountId}:assumed-role/CreateAdminUserRole/create-admin-user`
const all = [may('*', '*')]

test('a function of the management account assumes the role, if its own policy allows it', async () => {
  expect(await assumes(aFunction(management), [may('sts:AssumeRole', '*')])).toBe(true)
  expect(await assumes(aFunction(management), [])).toBe(false)
})

test.each([
  ['a role of another account', aFunction(another)],
  ['a role of the account itself', aFunction(account)],
  ['a user of another account', `arn:aws:iam::${another}:user/somebody`],
  ['the root user of another account', `arn:aws:iam::${another}:root`],
  ['Lambda', 'lambda.amazonaws.com'],
  ['EC2', 'ec2.amazonaws.com'],
])('%s does not assume the role, whatever it is allowed', async (_, principal) => {
  expect(await assumes(principal, all)).toBe(false)
})

test.each(['sts:TagSession', 'sts:SetSourceIdentity'])(
  'the role trusts the management account with sts:AssumeRole only, as the role that Organizations creates: not %s',
  async (action) => {
    expect(await assumes(aFunction(management), all, action)).toBe(false)
  },
)

test('the role has its name from the parameter, and the permissions of the role that Organizations creates', () => {
  const { AssumeRolePolicyDocument: _, ...rest } = Properties
  expect(template.Resources).toEqual({ AccessRole: { Type: 'AWS::IAM::Role', Properties } })
  expect(rest).toEqual({ RoleName: 'TheRole', ManagedPolicyArns: ['arn:aws:iam::aws:policy/AdministratorAccess'] })
})

test('the parameters: an account id without a default, and the name that Organizations gives the role', () => {
  const { ManagementAccountId, RoleName, ...more } = template.Parameters
  expect(more).toEqual({})
  expect(ManagementAccountId).toEqual({ Type: 'String', AllowedPattern: '\\d{12}' })
  expect(RoleName).toEqual({ Type: 'String', Default: 'OrganizationAccountAccessRole' })
})

test('the role exists in each partition', () => {
  const gov = readMemberAccountTemplate({
    'AWS::Partition': 'aws-us-gov',
    ManagementAccountId: management,
    RoleName: 'any',
  })
  const text = JSON.stringify(gov.Resources)
  expect(text.match(/arn:aws-us-gov:/g)).toHaveLength(2)
  expect(text).not.toContain('arn:aws:')
})
