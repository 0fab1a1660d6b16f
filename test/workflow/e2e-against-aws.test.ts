import { CreateGroupCommand, CreateUserCommand } from '@aws-sdk/client-iam'
import { afterAll, beforeAll, beforeEach, expect, test, vi } from 'vitest'
import { type Account, addAccount } from '../../local/aws/world.ts'
import { anOrganization, type TestOrganization } from '../support/organization.ts'

// Tests how `npm run test:e2e -- --against-aws` looks at the accounts that a person named, before it deploys anything.

const managementAccountId = '111122223333'
let organization: TestOrganization
let lookAt: (accountId: string, protectedPlaces?: object) => Promise<string[]>
beforeAll(async () => {
  organization = await anOrganization()
  vi.stubEnv('AWS_ENDPOINT_URL', organization.endpointUrl)
  vi.stubEnv('AWS_REGION', 'us-east-1')
  vi.stubEnv('AWS_ACCESS_KEY_ID', managementAccountId)
  vi.stubEnv('AWS_SECRET_ACCESS_KEY', 'local')
  const { lookAtAccount } = await import('../e2e/account-issues.ts')
  lookAt = async (accountId, changes = {}) => {
    const vending = { ...organization.vending, ...changes }
    return (await lookAtAccount(accountId, { vending, managementAccountId, partition: 'aws' })).issues
  }
})
afterAll(async () => {
  vi.unstubAllEnvs()
  await organization.close()
})

let account: Account
let made = 0
beforeEach(() => {
  made += 1
  account = addAccount(organization.world, { id: String(380000000000 + made), name: `Test ${made}` })
})
const inAccount = async () =>
  (await import('../e2e/target.ts')).iamThroughRole(account.id, 'OrganizationAccountAccessRole')

test('an account that the tests can use has no issues', async () => {
  expect(await lookAt(account.id)).toEqual([])
})

test.each<[string, RegExp, () => object | undefined]>([
  ['is suspended', /has the state SUSPENDED/, () => void (account.state = 'SUSPENDED')],
  [
    'is protected',
    /protected by vending\.yml/,
    () => ({ protected: { accounts: [account.id], organizationalUnits: [] } }),
  ],
  ['may get no mail', /allowedRecipients/, () => ({ allowedRecipients: ['elsewhere.org'] })],
  ['has no access role', /cannot be entered by the role/, () => ({ accessRole: 'NoSuchRole' })],
])('an account is refused before anything is deployed if it %s', async (_, issue, change) => {
  const changes = change()
  expect(await lookAt(account.id, changes)).toEqual([expect.stringMatching(issue)])
})

test('an account that is no member, and the management account, are refused', async () => {
  expect(await lookAt('999999999999')).toEqual([expect.stringMatching(/is not an account of this organization/)])
  expect(await lookAt(managementAccountId)).toEqual([expect.stringMatching(/management account/)])
})

test('an account is refused if it has a user or a group that the clean-up would delete', async () => {
  const iam = await inAccount()
  await iam.send(new CreateUserCommand({ UserName: 'e2e-of-somebody', Path: '/account-vending/' }))
  await iam.send(new CreateGroupCommand({ GroupName: 'e2e-readers' }))
  expect(await lookAt(account.id)).toEqual([
    expect.stringMatching(/has a user e2e-of-somebody already/),
    expect.stringMatching(/has a group e2e-readers already/),
  ])
})
