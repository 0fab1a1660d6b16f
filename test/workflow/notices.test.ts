import { afterAll, beforeAll, expect, test } from 'vitest'
import type { LocalOrganization } from '../../local/start-organization.ts'
import { startOrganization } from '../../local/start-organization.ts'
import { ensureAccount } from '../../local/make-account.ts'
import { vend } from '../../local/vend-input.ts'
import { accountCreated } from '../support/events.ts'
import { vendingFile } from '../support/organization.ts'

// What the subscribers of the topic hear, with the deployed rules.

let organization: LocalOrganization
beforeAll(async () => {
  organization = await startOrganization({ vendingFile: vendingFile({}), speed: 300 })
})
afterAll(() => organization.close())

const heard = () =>
  organization.world.topics.get(organization.deployed.noticesTopicArn)!.map(({ subject, attributes }) => ({
    subject,
    ...attributes,
  }))

test('a vend by an event and a vend that fails are told', async () => {
  ensureAccount(organization, '700000000001', 'Payments')
  await vend(organization, { door: 'event', event: accountCreated('700000000001') })
  await vend(organization, { door: 'manual', input: JSON.stringify({ accountId: '799999999999' }) })
  await expect.poll(heard).toHaveLength(2)
  expect(heard()).toEqual([
    { subject: 'Account 700000000001 is ready', accountId: '700000000001', status: 'READY', requestedBy: 'event' },
    {
      subject: 'The vend of account 799999999999 has failed',
      accountId: '799999999999',
      status: 'FAILED',
      requestedBy: 'manual',
    },
  ])
})
