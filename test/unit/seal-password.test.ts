import { GetSecretValueCommand, SecretsManagerClient } from '@aws-sdk/client-secrets-manager'
import { mockClient } from 'aws-sdk-client-mock'
import { beforeEach, expect, test } from 'vitest'
import { sealPassword } from '../../functions/seal-password/seal-password.ts'
import { createLink, readHandover } from '../../functions/shared/handover.ts'
import { takeLease } from '../../functions/shared/record-and-lease.ts'
import { makeLinkKey, openBox } from '../../functions/shared/sealed-box.ts'
import { anAccount, anotherVend, aVend, awsError } from '../support/builders.ts'
import { realLedger } from '../support/real-ledger.ts'

const ledger = realLedger()
const secrets = mockClient(SecretsManagerClient)
const secretArn = 'arn:aws:secretsmanager:us-east-1:111122223333:secret:account-vending/a/ada-a1B2c3'
const secretVersion = 'version-1'

let account: ReturnType<typeof anAccount>
let accounts = 100000000000
beforeEach(async () => {
  account = anAccount({ id: String((accounts += 1)) })
  secrets.reset()
  secrets.on(GetSecretValueCommand, { SecretId: secretArn, VersionId: secretVersion }).resolves({ SecretString: 'p&w' })
  await holdLease(aVend())
})
const holdLease = (vend: ReturnType<typeof aVend>) =>
  takeLease(ledger(), {
    vend,
    account,
    ask: { groups: [], admins: [] },
    askHash: 'ask',
    requestedBy: 'a test',
    record: undefined,
  })

const administrator = () => ({ accountId: account.id, userName: 'ada' })
const mail = async (version = secretVersion) => {
  const key = await makeLinkKey()
  const link = { ...administrator(), email: 'ada@example.com', secretVersion: version, days: 7 }
  await createLink(ledger(), { ...link, id: key.id, publicKey: key.publicKey })
  return key
}
const seal = (input: object = {}) =>
  sealPassword(
    { secrets: new SecretsManagerClient({}), ledger: ledger() },
    {
      vend: aVend(),
      account,
      admin: { userName: 'ada', passwordResetRequired: true },
      secretArn,
      secretVersion,
      ...input,
    },
  )
const boxOf = async (id: string) => (await readHandover(ledger(), administrator()))?.links[id]?.box

test('each open link gets a box, which holds what the page shows', async () => {
  const links = [await mail(), await mail()]
  expect(await seal()).toEqual({ sealed: 2 })
  for (const { id, scalar, publicKey } of links)
    expect(JSON.parse(await openBox({ scalar, publicKey, box: (await boxOf(id))! }))).toEqual({
      accountId: account.id,
      accountName: account.name,
      signInUrl: `https://${account.id}.signin.aws.amazon.com/console`,
      userName: 'ada',
      password: 'p&w',
      mustChangePassword: true,
    })
})

test('the answer, which goes into the execution’s history, has neither password nor box', async () => {
  await mail()
  expect(Object.keys(await seal())).toEqual(['sealed'])
})

test('a link that has its box keeps the box, and no secret is read', async () => {
  const { id } = await mail()
  await seal()
  const box = await boxOf(id)
  secrets.resetHistory()
  expect(await seal()).toEqual({ sealed: 0 })
  expect(await boxOf(id)).toEqual(box)
  expect(secrets.calls()).toEqual([])
})

test.each([
  ['there is no link', async () => undefined, {}],
  ['the links are for an earlier version of the password', () => mail('version-0'), {}],
  ['the user signs in already', () => mail(), { secretArn: null, secretVersion: null }],
])('no secret is read if %s', async (_, before, input) => {
  await before()
  expect(await seal(input)).toEqual({ sealed: 0 })
  expect(secrets.calls()).toEqual([])
})

test('a secret that Secrets Manager does not show yet is worth a retry', async () => {
  await mail()
  secrets.on(GetSecretValueCommand).rejects(awsError('ResourceNotFoundException'))
  await expect(seal()).rejects.toThrow(expect.objectContaining({ name: 'SecretNotFoundError' }) as Error)
})

test('an execution that has lost the lease seals nothing', async () => {
  const { id } = await mail()
  await expect(seal({ vend: anotherVend() })).rejects.toThrow(
    expect.objectContaining({ name: 'LeaseLostError' }) as Error,
  )
  expect(await boxOf(id)).toBeUndefined()
})
