import { DynamoDBClient, UpdateItemCommand } from '@aws-sdk/client-dynamodb'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { plan, showPlan } from '../../cli/plan.ts'
import { mfaPolicy, mfaPolicyName } from '../../functions/shared/mfa-policy.ts'
import type { Interception } from '../../local/aws/endpoint.ts'
import { signIn } from '../../local/aws/iam.ts'
import { type Account, addAccount, addGroup } from '../../local/aws/world.ts'
import { clientConfig } from '../../local/start-organization.ts'
import { vend } from '../../local/vend-input.ts'
import { makeClients } from '../support/clients.ts'
import { anOrganization, type TestOrganization } from '../support/organization.ts'

// Accounts are vended with `mfa: required` and a passwordPolicy, and accounts that were vended without.

const passwordPolicy = { minimumPasswordLength: 40, requireSymbols: true, passwordReusePrevention: 24 }
const guarded = { mfa: 'required', passwordPolicy }
const policy = JSON.stringify(mfaPolicy('aws'))
const ofAda = { admins: [{ userName: 'ada', email: 'ada@example.com', policies: ['ReadOnlyAccess'] }] }

let organization: TestOrganization
let intercept: (interception: Interception) => void = () => undefined
beforeAll(async () => {
  organization = await anOrganization(guarded, (interception) => intercept(interception))
})
afterAll(() => organization.close())

let accounts = 0
const newAccount = () => addAccount(organization.world, { id: String(340000000000 + (accounts += 1)), name: 'Guarded' })
const request = async ({ id }: Account, more: object = {}) => {
  const { execution } = await vend(organization, { door: 'manual', input: JSON.stringify({ accountId: id, ...more }) })
  return execution
}
const planFor = ({ id }: Account, more: object = {}) => {
  const clients = makeClients({
    region: 'us-east-1',
    endpoint: organization.endpointUrl,
    credentials: { accessKeyId: '111122223333', secretAccessKey: 'local' },
  })
  const { vending } = organization
  return plan(clients, { accountId: id, request: { accountId: id, ...more }, stage: 'local', vending })
}
const passwordOf = ({ id }: Account, userName: string) => {
  const secret = organization.world.secrets.get(`account-vending/${id}/${userName}`)
  const current = [...(secret?.versions.values() ?? [])].find(({ stages }) => stages.includes('AWSCURRENT'))
  return current?.value ?? ''
}

describe('a new account', () => {
  test('has the policy on its group, and a password as long as its password policy requires', async () => {
    const account = newAccount()
    expect((await request(account))?.status).toBe('SUCCEEDED')
    expect([...account.groups.get('administrators')!.inline]).toEqual([[mfaPolicyName, policy]])
    expect(account.users.get('administrator')?.inline.size).toBe(0)
    expect(account.passwordPolicy).toMatchObject({
      MinimumPasswordLength: 40,
      RequireSymbols: true,
      RequireNumbers: false,
      PasswordReusePrevention: 24,
    })
    const password = passwordOf(account, 'administrator')
    expect(password.length).toBeGreaterThanOrEqual(40)
    expect(signIn(organization.world, account.id, 'Administrator', password)).toBe('must-change-password')
  })

  test('has the policy on a user who is in no group', async () => {
    const account = newAccount()
    expect((await request(account, ofAda))?.status).toBe('SUCCEEDED')
    const user = account.users.get('ada')!
    expect([...user.inline]).toEqual([[mfaPolicyName, policy]])
    // The policy for MFA allows no password change.
    expect([...user.policies].sort()).toEqual([
      'arn:aws:iam::aws:policy/IAMUserChangePassword',
      'arn:aws:iam::aws:policy/ReadOnlyAccess',
    ])
  })

  test('is vended once: the same request again has nothing to do', async () => {
    const account = newAccount()
    await request(account)
    const writes: string[] = []
    intercept = ({ operation, service }) => {
      if (service === 'iam' && !/^(Get|List)/.test(operation)) writes.push(operation)
    }
    expect((await request(account))?.output).toMatchObject({ outcome: 'AlreadyVended' })
    expect(writes).toEqual([])
    await request(account, { again: true })
    expect(writes).not.toContain('UpdateAccountPasswordPolicy')
    intercept = () => undefined
  })

  test('whose password policy is stronger keeps it', async () => {
    const account = newAccount()
    const there = { MinimumPasswordLength: 50, RequireSymbols: true, PasswordReusePrevention: 24, MaxPasswordAge: 30 }
    account.passwordPolicy = { ...there }
    await request(account)
    expect(account.passwordPolicy).toEqual(there)
    expect(passwordOf(account, 'administrator').length).toBeGreaterThanOrEqual(50)
  })

  test('with a group that somebody else made is refused, unless the group has the policy', async () => {
    const account = newAccount()
    const group = addGroup(organization.world, account, { name: 'Administrators' })
    group.policies.add('arn:aws:iam::aws:policy/AdministratorAccess')
    expect(await request(account)).toMatchObject({
      status: 'FAILED',
      error: 'GroupNotOursError',
      cause: expect.stringContaining(mfaPolicyName) as string,
    })
    expect([group.inline.size, account.passwordPolicy, account.users.size]).toEqual([0, null, 0])
  })

  test('where the password policy may not be set is refused', async () => {
    const account = newAccount()
    account.deniedActions = ['iam:UpdateAccountPasswordPolicy']
    expect(await request(account)).toMatchObject({ status: 'FAILED', error: 'DeniedByPolicyError' })
    expect(account.users.size).toBe(0)
  })
})

describe('a plan', () => {
  test('shows both guard rails, and changes nothing', async () => {
    const account = newAccount()
    const before = structuredClone(account)
    const writes: string[] = []
    intercept = ({ service, operation }) => {
      if (['iam', 'dynamodb', 'secretsmanager'].includes(service) && !/^(Get|List|Describe)/.test(operation))
        writes.push(operation)
    }
    const made = await planFor(account)
    const alone = await planFor(account, ofAda)
    intercept = () => undefined
    expect(made).toMatchObject({
      outcome: 'Accepted',
      groups: [{ what: 'created', why: `AdministratorAccess, ${mfaPolicyName}` }],
      passwordPolicy: [
        {
          name: 'password policy',
          what: 'set',
          why: 'MinimumPasswordLength 40, RequireSymbols, PasswordReusePrevention 24',
        },
      ],
    })
    expect(alone.users[0]?.policies).toEqual(['ReadOnlyAccess', 'IAMUserChangePassword', mfaPolicyName])
    expect(showPlan(made)).toMatch(/password policy +set +MinimumPasswordLength 40, RequireSymbols/)
    expect(writes).toEqual([])
    expect(account).toEqual(before)
  })

  test('shows no password policy where nothing would change', async () => {
    const account = newAccount()
    await request(account)
    expect((await planFor(account, { again: true })).passwordPolicy).toEqual([])
  })
})

/** Brings an account and its record back to what a vend without `mfa: required` leaves. */
const asBefore = async (account: Account) => {
  account.groups.get('administrators')!.inline.clear()
  const dynamodb = new DynamoDBClient(clientConfig(organization, organization.world.managementAccountId))
  await dynamodb.send(
    new UpdateItemCommand({
      TableName: organization.deployed.ledgerTable,
      Key: { pk: { S: `account#${account.id}` } },
      UpdateExpression: 'REMOVE groups.administrators.#inline.#mfa',
      ConditionExpression: 'attribute_exists(groups.administrators.#inline.#mfa)',
      ExpressionAttributeNames: { '#inline': 'inline', '#mfa': mfaPolicyName },
    }),
  )
  dynamodb.destroy()
}

test('an account that was vended without MFA gets the policy with the next vend, and nobody a second mail', async () => {
  const account = newAccount()
  await request(account)
  await asBefore(account)
  const mails = (await organization.mails()).length
  expect((await request(account))?.output).toMatchObject({ outcome: 'Vended' })
  expect([...account.groups.get('administrators')!.inline]).toEqual([[mfaPolicyName, policy]])
  expect((await organization.mails()).length).toBe(mails)
  expect((await request(account))?.output).toMatchObject({ outcome: 'AlreadyVended' })
})

test('an account that was vended without MFA gets the policy when another administrator joins its group', async () => {
  const account = newAccount()
  await request(account)
  await asBefore(account)
  await request(account, { admins: [{ userName: 'grace', email: 'grace@example.com' }] })
  expect([...account.groups.get('administrators')!.inline]).toEqual([[mfaPolicyName, policy]])
  expect([...account.users.get('grace')!.groups].map(({ name }) => name)).toEqual(['Administrators'])
})
