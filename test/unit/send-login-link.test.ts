import { SendEmailCommand, SESClient } from '@aws-sdk/client-ses'
import { mockClient } from 'aws-sdk-client-mock'
import { beforeEach, expect, test } from 'vitest'
import { sendLoginEmail } from '../../functions/send-login-email/send-login-email.ts'
import { claimLink, readHandover, recordBox } from '../../functions/shared/handover.ts'
import { takeLease } from '../../functions/shared/record-and-lease.ts'
import { linkId } from '../../functions/shared/sealed-box.ts'
import { accountId, anAccount, aVend, awsError } from '../support/builders.ts'
import { scalarIn } from '../support/link.ts'
import { realLedger } from '../support/real-ledger.ts'

// The sign-in mail with `delivery: link`. send-login-email.test.ts has what is the same with both deliveries.

const real = realLedger()
const ses = mockClient(SESClient)
const sent = () => ses.commandCalls(SendEmailCommand).map(({ args }) => args[0].input)
beforeEach(() => {
  ses.reset()
  ses.on(SendEmailCommand).resolves({ MessageId: 'message-1' })
})

const secretName = `account-vending/${accountId}/administrator`
const config = {
  sender: 'Account Vending <account-vending@example.com>',
  organizationName: 'Example Organization',
  contact: 'platform-team@example.com',
  delivery: 'link' as const,
  linkDays: 7,
  linkUrl: 'https://access.example.com/link',
}
const vend = aVend()
const about = { accountId, userName: 'Administrator' }
const sendLink = (input: Partial<Parameters<typeof sendLoginEmail>[1]> = {}) =>
  sendLoginEmail(
    { ses: new SESClient({}), ledger: real() },
    {
      vend,
      account: anAccount(),
      admin: { userName: 'Administrator', email: 'payments@example.com', passwordResetRequired: true },
      secretName,
      secretVersion: 'version-1',
      ...input,
    },
    config,
  )
test('the mail has a link whose key is on record nowhere, and sends it again only with another key', async () => {
  const ask = { groups: [], admins: [] }
  const lease = { vend, account: anAccount(), ask, askHash: 'ask', requestedBy: 'a test', record: undefined }
  await takeLease(real(), lease)
  // SES accepts the mail, and its answer is lost.
  ses.on(SendEmailCommand).rejectsOnce(awsError('RequestTimeout')).resolves({ MessageId: 'message-1' })
  await expect(sendLink()).rejects.toThrow('RequestTimeout')
  expect(await sendLink()).toEqual({ mailedTo: 'payments@example.com' })
  expect(await sendLink()).toEqual({ mailedTo: 'payments@example.com' })
  const texts = sent().map(({ Message }) => Message?.Body?.Text?.Data ?? '')
  expect(texts).toHaveLength(2)
  const scalars = texts.map(scalarIn)
  const { links } = (await readHandover(real(), about))!
  expect(Object.keys(links).sort()).toEqual((await Promise.all(scalars.map(linkId))).sort())
  for (const scalar of scalars) expect(JSON.stringify(links)).not.toContain(scalar)
  for (const { Message } of sent()) {
    const { Html, Text } = Message?.Body ?? {}
    for (const text of [Html?.Data, Text?.Data]) {
      expect(text).toContain(`https://access.example.com/link#${scalarIn(Text?.Data ?? '')}`)
      expect(text).toContain('7 days')
      expect(text).not.toContain(secretName)
    }
  }
})

test('a mail whose answer was lost, and whose link was claimed since, is not sent again', async () => {
  const [id = '', link] = Object.entries((await readHandover(real(), about))!.links)[0]!
  const box = { ephemeral: 'a', iv: 'b', sealed: 'c' }
  await recordBox(real(), about, { id, link: link, box, secretVersion: 'version-1' })
  const visitor = { network: '203.0.113.0/24', browser: 'Firefox' }
  await claimLink(real(), (await readHandover(real(), about))!, { id, nonce: 'n'.repeat(22), ...visitor })
  const to = { userName: 'Administrator', email: 'second@example.com', passwordResetRequired: true }
  expect(await sendLink({ admin: to })).toEqual({ mailedTo: 'second@example.com' })
  expect(sent()).toEqual([])
})

test('nothing is mailed to an administrator whose mail somebody else may read', async () => {
  const admin = {
    userName: 'Administrator',
    email: 'payments@example.com',
    passwordResetRequired: true,
    silent: true,
  }
  expect(await sendLink({ admin, secretVersion: 'version-2' })).toEqual({ mailedTo: null })
  expect(sent()).toEqual([])
})
