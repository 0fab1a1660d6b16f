import { afterAll, beforeAll, expect, test } from 'vitest'
import { vend } from '../../local/vend.ts'
import { addAccount } from '../../local/world.ts'
import { anOrganization, type TestOrganization } from '../support/organization.ts'

let organization: TestOrganization
beforeAll(async () => void (organization = await anOrganization()))
afterAll(() => organization.close())

test('a vend of one administrator, first try, makes these calls and no other', async () => {
  addAccount(organization.world, { id: '600000000001' })
  const { execution, calls } = await vend(organization, { door: 'manual', input: '{"accountId":"600000000001"}' })
  expect(execution?.status).toBe('SUCCEEDED')
  const of = (name: string) =>
    calls.filter((call) => call.function === name).map(({ service, operation }) => `${service}:${operation}`)
  // Within a line there is no order: these calls do not wait for each other.
  const steps: Record<string, string[][]> = {
    'accept-request': [['organizations:DescribeAccount', 'dynamodb:GetItem'], ['dynamodb:UpdateItem']],
    'create-admin-group': [
      ['sts:AssumeRole', 'dynamodb:UpdateItem'],
      ['iam:ListUsers', 'iam:ListGroups', 'iam:GetAccountPasswordPolicy', 'iam:GetPolicy'],
      ['iam:CreateGroup'],
      ['iam:AttachGroupPolicy'],
    ],
    'store-password': [['secretsmanager:GetRandomPassword', 'dynamodb:UpdateItem'], ['secretsmanager:CreateSecret']],
    'create-admin-user': [
      ['sts:AssumeRole', 'secretsmanager:GetSecretValue', 'dynamodb:UpdateItem'],
      ['iam:CreateUser'],
      ['iam:AddUserToGroup', 'iam:CreateLoginProfile'],
    ],
    'send-login-email': [['dynamodb:UpdateItem'], ['ses:SendEmail'], ['dynamodb:UpdateItem']],
    'record-vended': [['dynamodb:UpdateItem'], ['events:PutEvents']],
  }
  for (const [name, chain] of Object.entries(steps)) {
    let made = of(name)
    for (const together of chain) {
      expect(made.slice(0, together.length).sort(), name).toEqual(together.sort())
      made = made.slice(together.length)
    }
    expect(made, name).toEqual([])
  }
  expect(calls).toHaveLength(25)
  expect(Object.values(steps).flat()).toHaveLength(16)
})

test('IAM is called in the account, everything else in the management account', async () => {
  addAccount(organization.world, { id: '600000000002' })
  const { calls } = await vend(organization, { door: 'manual', input: '{"accountId":"600000000002"}' })
  for (const { service, accountId } of calls)
    expect(accountId).toBe(service === 'iam' ? '600000000002' : '111122223333')
})
