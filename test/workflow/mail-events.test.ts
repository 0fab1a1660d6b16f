import type { SendEmailRequest } from '@aws-sdk/client-ses'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { list, showList } from '../../cli/list.ts'
import { showStatus, status } from '../../cli/status.ts'
import { addAccount } from '../../local/aws/world.ts'
import { enter, vend } from '../../local/vend-input.ts'
import { makeClients } from '../support/clients.ts'
import { scalarIn } from '../support/link.ts'
import { anOrganization, type TestOrganization } from '../support/organization.ts'

// What SES tells of sign-in mails, from the mail to the people who read about it.

const sent: SendEmailRequest[] = []
let organization: TestOrganization
beforeAll(async () => {
  organization = await anOrganization({ notify: ['platform@example.com'] }, ({ operation, input }) => {
    if (operation === 'SendEmail') sent.push(input as unknown as SendEmailRequest)
  })
})
afterAll(async () => {
  await organization.settled()
  await organization.close()
})

let accounts = 370000000000
/** Vends an administrator with this address in a new account, and waits until SES has told what became of the mail. */
const mailed = async (email: string, accountId = String((accounts += 1))) => {
  if (!organization.world.accounts.has(accountId))
    addAccount(organization.world, { id: accountId, name: `a${accountId}` })
  const input = JSON.stringify({ accountId, admins: [{ userName: 'ada', email }] })
  const { mails, execution } = await vend(organization, { door: 'manual', input })
  expect(execution?.status).toBe('SUCCEEDED')
  await organization.settled()
  return { accountId, mail: mails.find(({ to }) => to[0] === email)! }
}
const refuse = (email: string) => organization.world.refusingAddresses.add(email)
const noticesAbout = async (accountId: string) =>
  (await organization.mails()).filter(
    ({ subject, to }) => subject.includes(accountId) && to[0] === 'platform@example.com',
  )
const clients = () =>
  makeClients({
    endpoint: organization.endpointUrl,
    region: 'us-east-1',
    credentials: { accessKeyId: '111122223333', secretAccessKey: 'local' },
  })
const asked = (accountId: string) => status(clients(), { accountId, stage: 'local', options: '' })
const byApi = async (accountId: string) => {
  const { response } = await enter(organization, {
    door: 'api',
    request: { method: 'GET', path: `/accounts/${accountId}`, headers: {}, body: '' },
  })
  return response?.body as { admins: { mail?: { status: string; at: string; reason?: string } }[] }
}
const plain = (text: string) => text.replaceAll(/\u001b\[\d+m/g, '')
const listed = async (accountId: string) =>
  plain(showList((await list(clients(), { stage: 'local', status: [] })).filter((one) => one.accountId === accountId)))

describe('a mail that is delivered', () => {
  test('is shown by the API, by status and by list, and tells nobody', async () => {
    const { accountId } = await mailed('ada@example.com')
    const at = expect.stringMatching(/^2.*Z$/) as string
    expect((await byApi(accountId)).admins).toMatchObject([{ mail: { status: 'delivered', at } }])
    expect(plain(showStatus(await asked(accountId), { withSteps: true }))).toMatch(/^ *ada .* delivered\b/m)
    expect(await listed(accountId)).toContain('mail delivered')
    expect(await noticesAbout(accountId)).toEqual([])
  })

  test('has, byte for byte, the link that was sent: nothing on the way counts clicks', async () => {
    const { mail } = await mailed('ada@example.com')
    const { Message } = sent.find(({ Destination, Message }) => Destination && Message?.Subject?.Data === mail.subject)!
    const { Text, Html } = Message!.Body!
    expect(mail.text).toBe(Text?.Data)
    expect(mail.html).toBe(Html?.Data)
    const link = `${organization.apiUrl}/link#${scalarIn(Text?.Data ?? '')}`
    expect(mail.text?.split('\n').map((line) => line.trim())).toContain(link)
    expect(mail.html).toContain(`href="${link}"`)
    const { set } = organization.deployed.configurationSet
    expect(set.vdmOptions).toEqual({ DashboardOptions: { EngagementMetrics: 'DISABLED' } })
    expect(set.eventDestinations.flatMap(({ MatchingEventTypes }) => MatchingEventTypes)).toEqual([
      'DELIVERY',
      'DELIVERY_DELAY',
      'BOUNCE',
      'COMPLAINT',
      'REJECT',
    ])
  })
})

describe('a mail that bounces', () => {
  test('tells the platform team once, and is shown everywhere with SES’s reason', async () => {
    refuse('adda@example.com')
    const { accountId } = await mailed('adda@example.com')
    const [notice, ...more] = await noticesAbout(accountId)
    expect(more).toEqual([])
    expect(notice?.subject).toBe(`The sign-in mail for ada in a${accountId} (${accountId}) bounced`)
    expect(notice?.function).toBe('record-mail-event')
    const reason = 'Permanent, General: smtp; 550 5.1.1 user unknown'
    for (const needed of [
      'adda@example.com',
      reason,
      `npx vend start ${accountId} --admin ada=CORRECT-ADDRESS --local `,
    ])
      expect(notice?.text).toContain(needed)

    expect((await byApi(accountId)).admins).toMatchObject([{ mail: { status: 'bounced', reason } }])
    const shown = plain(showStatus(await asked(accountId), { withSteps: false })).replaceAll(/\s+/g, ' ')
    expect(shown).toContain('The sign-in mail for ada to adda@example.com bounced at ')
    expect(shown).toContain(reason)
    expect((await listed(accountId)).replaceAll(/\s+/g, ' ')).toContain('mail bounced: ada')
  })

  test('is followed by a new mail after the request with the correct address', async () => {
    refuse('wrong@example.com')
    const { accountId } = await mailed('wrong@example.com')
    await organization.round()
    const found = async () => plain(showStatus(await asked(accountId), { withSteps: false })).replaceAll(/\s+/g, ' ')
    expect(await found()).toMatch(/looked at .* see below .* Request the administrator with the correct address/)
    const { mail } = await mailed('right@example.com', accountId)
    expect(scalarIn(mail.text ?? '')).toMatch(/^[\w-]{43}$/)
    expect((await byApi(accountId)).admins).toMatchObject([
      { email: 'right@example.com', mail: { status: 'delivered' } },
    ])
    expect(await noticesAbout(accountId)).toHaveLength(1)
    // Nobody does again what was just done.
    expect(await found()).toContain('what was found has changed since then')
    expect(await found()).not.toContain('The daily round found')
  })
})

test('the notice itself starts no event of its own, even if it bounces', async () => {
  refuse('grace@example.com')
  refuse('platform@example.com')
  const { accountId } = await mailed('grace@example.com')
  organization.world.refusingAddresses.delete('platform@example.com')
  expect(await noticesAbout(accountId)).toHaveLength(1)
  expect(organization.deadLetters).toEqual([])
})

test('without an event destination nothing is told, and the mail stays sent', async () => {
  const { set } = organization.deployed.configurationSet
  const before = set.eventDestinations.splice(0)
  const { accountId } = await mailed('ada@example.com')
  set.eventDestinations.push(...before)
  expect((await byApi(accountId)).admins).toMatchObject([{ mail: { status: 'sent' } }])
})
