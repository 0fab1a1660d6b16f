import { createRequire } from 'node:module'
import type { GetIdentityVerificationAttributesRequest } from '@aws-sdk/client-ses'
import { addressIdentity } from '../../functions/shared/address.ts'
import { close, forward, type HttpRequest, urlOf } from '../http.ts'
import { AwsError } from './aws-error.ts'
import type { Caller, Operations } from './operation.ts'
import type { World } from './world.ts'

/** A mail that SES accepted. `at` is in milliseconds since 1970, on the organization's clock. */
export type Mail = {
  messageId: string
  from: string
  to: string[]
  subject: string
  text?: string
  html?: string
  at: number
  /** The function that sent the mail. */
  function: string | null
}

/** Leaves identities that SES does not know out of the answer, as AWS does. */
const getIdentityVerificationAttributes = (
  { sesIdentities }: World,
  { Identities = [] }: GetIdentityVerificationAttributesRequest,
) => ({
  VerificationAttributes: new Map(
    Identities.filter((identity) => sesIdentities.has(identity)).map((identity) => [
      identity,
      {
        VerificationStatus: 'Success',
        // A domain is verified by a token, an address is not.
        ...(!identity.includes('@') && { VerificationToken: Buffer.from(identity).toString('base64') }),
      },
    ]),
  ),
})

/** An operation of SES's API version 2. */
const getAccount = ({ sesAccount }: World) => ({
  ProductionAccessEnabled: !sesAccount.isInSandbox,
  SendingEnabled: sesAccount.isSendingEnabled,
  EnforcementStatus: 'HEALTHY',
  SendQuota: {
    Max24HourSend: sesAccount.max24HourSend,
    MaxSendRate: 14,
    SentLast24Hours: sesAccount.sentLast24Hours,
  },
})

/** SES's operations, except SendEmail: the mail catcher below takes the mails. */
export const ses: Operations = {
  GetIdentityVerificationAttributes: getIdentityVerificationAttributes,
  GetAccount: getAccount,
}

// The mail catcher is CommonJS, and is loaded only where mails are sent.
const require = createRequire(import.meta.url)

/** A mail as aws-ses-v2-local returns it at /store. */
type StoredMail = { messageId: string; from: string; subject: string; body: { text?: string; html?: string } }

const checkSender = ({ sesIdentities, region }: World, sender: string) => {
  // Only the domain of an identity is the same whatever its case.
  const address = addressIdentity(/<(.*)>/.exec(sender)?.[1] ?? sender)
  const domain = address.slice(address.lastIndexOf('@') + 1)
  if (![address, domain].some((identity) => sesIdentities.has(identity)))
    throw new AwsError(
      'MessageRejected',
      `Email address is not verified. The following identities failed the check in region ${region.toUpperCase()}: ${address}`,
    )
}

// SES API Reference, SendEmail: 1 to 50 recipients; SES refuses the whole mail if one address is invalid.
const checkRecipients = (to: string[]) => {
  if (to.length > 50) throw new AwsError('MessageRejected', 'Recipient count exceeds 50.')
  if (!to.length || !to.every((recipient) => /^(?:[^<>]*<)?[^\s<>@]+@[^\s<>@]+\.[^\s<>@]+>?$/.test(recipient)))
    throw new AwsError('InvalidParameterValue', 'Missing or illegal address in To.')
}

export type MailCatcher = Awaited<ReturnType<typeof startMailCatcher>>

/** Starts SES's SendEmail, which is the package aws-ses-v2-local behind the checks that the package lacks. */
export const startMailCatcher = async (world: World) => {
  const catcher = require('aws-ses-v2-local') as typeof import('aws-ses-v2-local')
  const server = await catcher.default({ host: '127.0.0.1', port: 0 })
  const url = urlOf(server)
  // The catcher has one store for the whole process, uses the real time, and keeps one recipient for each mail.
  const sent = new Map<string, { to: string[]; at: number; function: string | null }>()

  const send = async (request: HttpRequest, input: Record<string, unknown>, caller: Caller) => {
    checkSender(world, String(input['Source']))
    const { ToAddresses: to = [] } = (input['Destination'] ?? {}) as { ToAddresses?: string[] }
    checkRecipients(to)
    const form = new URLSearchParams(request.body)
    form.set('Destination.ToAddresses.member.1', to.join(', '))
    const response = await forward(url, { ...request, body: form.toString() })
    const messageId = /<MessageId>(.*)<\/MessageId>/.exec(response.body)?.[1]
    if (!messageId)
      throw new AwsError('InvalidParameterValue', `The mail catcher does not accept this mail: ${response.body}`)
    sent.set(messageId, { to, at: world.now(), function: caller.function })
    return response
  }

  const mails = async (): Promise<Mail[]> => {
    const { emails } = (await (await fetch(`${url}/store`)).json()) as { emails: StoredMail[] }
    return emails.flatMap(({ messageId, from, subject, body }) => {
      const mail = sent.get(messageId)
      return mail ? [{ messageId, from, subject, ...body, ...mail }] : []
    })
  }
  return { url, send, mails, close: () => close(server) }
}
