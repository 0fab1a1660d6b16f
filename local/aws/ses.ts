import { createRequire } from 'node:module'
import type {
  GetIdentityVerificationAttributesRequest,
  ListIdentitiesRequest,
  SendEmailRequest,
  SendRawEmailRequest,
  VerifyEmailIdentityRequest,
} from '@aws-sdk/client-ses'
import type { GetConfigurationSetRequest } from '@aws-sdk/client-sesv2'
import { addressIdentity } from '../../functions/shared/address.ts'
import { close, forward, type HttpRequest, urlOf } from '../http.ts'
import { AwsError } from './aws-error.ts'
import { busEvent } from './eventbridge.ts'
import type { Caller, Operations } from './operation.ts'
import type { ConfigurationSet, World } from './world.ts'

/** A mail that SES accepted. `at` is in milliseconds since 1970, on the organization's clock. */
export type Mail = {
  messageId: string
  from: string
  to: string[]
  subject: string
  text?: string
  html?: string
  at: number
  /** The identity of another account that sent the mail. */
  sourceArn?: string
  /** The header Message-ID of the mail that this mail answers. */
  inReplyTo?: string
  /** The function that sent the mail. */
  function: string | null
}

/** Leaves identities that SES does not know out of the answer, as AWS does. */
const getIdentityVerificationAttributes = (
  { sesIdentities, pendingAddresses }: World,
  { Identities = [] }: GetIdentityVerificationAttributesRequest,
) => ({
  VerificationAttributes: new Map(
    Identities.filter((identity) => sesIdentities.has(identity) || pendingAddresses.has(identity)).map((identity) => [
      identity,
      {
        VerificationStatus: sesIdentities.has(identity) ? 'Success' : 'Pending',
        // A domain is verified by a token, an address is not.
        ...(!identity.includes('@') && { VerificationToken: Buffer.from(identity).toString('base64') }),
      },
    ]),
  ),
})

/** All identities, whether verified or not. SES API Reference, ListIdentities: at most 1,000 in an answer. */
const listIdentities = (
  { sesIdentities, pendingAddresses }: World,
  { IdentityType, NextToken = '0', MaxItems = 1000 }: ListIdentitiesRequest,
) => {
  const identities = [...new Set([...sesIdentities, ...pendingAddresses])].filter(
    (identity) => !IdentityType || identity.includes('@') === (IdentityType === 'EmailAddress'),
  )
  const end = Number(NextToken) + Number(MaxItems)
  return {
    Identities: identities.slice(Number(NextToken), end),
    ...(end < identities.length && { NextToken: String(end) }),
  }
}

/** The link in the mail of this operation is never opened, so the address stays pending. */
const verifyEmailIdentity = (
  { sesIdentities, pendingAddresses }: World,
  { EmailAddress = '' }: VerifyEmailIdentityRequest,
) => {
  if (!sesIdentities.has(EmailAddress)) pendingAddresses.add(EmailAddress)
  return {}
}

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
  ...(sesAccount.vdmAttributes && { VdmAttributes: sesAccount.vdmAttributes }),
})

const findSet = ({ configurationSets }: World, { ConfigurationSetName: name = '' }: GetConfigurationSetRequest) => {
  const set = configurationSets.get(name)
  if (!set) throw new AwsError('NotFoundException', `Configuration set <${name}> does not exist.`, 404)
  return set
}

/** An operation of SES's API version 2. */
const getConfigurationSet = (world: World, request: GetConfigurationSetRequest) => {
  const { trackingDomain, vdmOptions } = findSet(world, request)
  return {
    ConfigurationSetName: request.ConfigurationSetName,
    ...(trackingDomain && { TrackingOptions: { CustomRedirectDomain: trackingDomain } }),
    ...(vdmOptions && { VdmOptions: vdmOptions }),
    SendingOptions: { SendingEnabled: true },
  }
}

/** An operation of SES's API version 2. */
const getConfigurationSetEventDestinations = (world: World, request: GetConfigurationSetRequest) => ({
  EventDestinations: findSet(world, request).eventDestinations,
})

/** SES's operations, except SendEmail and SendRawEmail: the mail catcher below takes the mails. */
export const ses: Operations = {
  GetIdentityVerificationAttributes: getIdentityVerificationAttributes,
  ListIdentities: listIdentities,
  VerifyEmailIdentity: verifyEmailIdentity,
  GetAccount: getAccount,
  GetConfigurationSet: getConfigurationSet,
  GetConfigurationSetEventDestinations: getConfigurationSetEventDestinations,
}

// The mail catcher is CommonJS, and is loaded only where mails are sent.
const require = createRequire(import.meta.url)

/** A mail as aws-ses-v2-local returns it at /store. */
type StoredMail = { messageId: string; from: string; subject: string; body: { text?: string; html?: string } }

const checkSender = ({ sesIdentities, sesGrants, region }: World, sender: string, identityArn: string | undefined) => {
  // Only the domain of an identity is the same whatever its case.
  const address = addressIdentity(/<(.*)>/.exec(sender)?.[1] ?? sender)
  const domain = address.slice(address.lastIndexOf('@') + 1)
  if (identityArn !== undefined) {
    const identity = identityArn.slice(identityArn.indexOf('/') + 1)
    if (sesGrants.has(identityArn) && [address, domain].includes(identity)) return
    throw new AwsError(
      'AccessDenied',
      `You are not authorized to perform ses:SendEmail on resource ${identityArn}`,
      403,
    )
  }
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

type Sent = { messageId: string; from: string; to: string[]; tags: Record<string, string[]>; at: number }

/** How long a mail is under way, in seconds. */
const deliverySeconds = 1.5

/**
 * The event that tells what became of a mail. Source: SES Developer Guide, event-publishing-retrieving-sns-contents and
 * monitoring-eventbridge.
 */
const mailEvent = (world: World, { messageId, from, to, tags, at }: Sent) => {
  const mail = {
    timestamp: new Date(at).toISOString(),
    source: from,
    sendingAccountId: world.managementAccountId,
    messageId,
    destination: to,
    headersTruncated: false,
    tags,
  }
  const timestamp = new Date(world.now()).toISOString()
  const refused = to.filter((address) => world.refusingAddresses.has(addressIdentity(address)))
  return refused.length
    ? {
        type: 'BOUNCE' as const,
        event: busEvent(world, {
          source: 'aws.ses',
          detailType: 'Email Bounced',
          detail: {
            eventType: 'Bounce',
            bounce: {
              feedbackId: `${messageId}-1`,
              bounceType: 'Permanent',
              bounceSubType: 'General',
              bouncedRecipients: refused.map((emailAddress) => ({
                emailAddress,
                action: 'failed',
                status: '5.1.1',
                diagnosticCode: 'smtp; 550 5.1.1 user unknown',
              })),
              timestamp,
              reportingMTA: 'dns; local',
            },
            mail,
          },
        }),
      }
    : {
        type: 'DELIVERY' as const,
        event: busEvent(world, {
          source: 'aws.ses',
          detailType: 'Email Delivered',
          detail: {
            eventType: 'Delivery',
            mail,
            delivery: {
              timestamp,
              processingTimeMillis: deliverySeconds * 1000,
              recipients: to,
              smtpResponse: '250 2.0.0 OK',
              reportingMTA: 'local',
            },
          },
        }),
      }
}

/** Finds the configuration set of a mail; undefined if the mail names none. */
const setOf = ({ configurationSets }: World, name: string | undefined) => {
  if (name === undefined) return undefined
  const set = configurationSets.get(name)
  if (!set) throw new AwsError('ConfigurationSetDoesNotExist', `Configuration set <${name}> does not exist.`)
  return set
}

export type MailCatcher = Awaited<ReturnType<typeof startMailCatcher>>

/** Starts SES's SendEmail and SendRawEmail: the package aws-ses-v2-local behind the checks that the package lacks. */
export const startMailCatcher = async (world: World) => {
  const catcher = require('aws-ses-v2-local') as typeof import('aws-ses-v2-local')
  const server = await catcher.default({ host: '127.0.0.1', port: 0 })
  const url = urlOf(server)
  // The catcher has one store for the whole process, uses the real time, and keeps one recipient for each mail.
  const sent = new Map<string, Pick<Mail, 'to' | 'at' | 'sourceArn' | 'inReplyTo' | 'function'>>()
  let underWay = 0

  /** Tells the event bus what became of a mail, if the mail's configuration set has an event destination for that. */
  const deliver = (set: ConfigurationSet, mail: Sent) => {
    underWay += 1
    world.setTimer(deliverySeconds, () => {
      underWay -= 1
      const { type, event } = mailEvent(world, mail)
      const isWanted = set.eventDestinations.some(
        ({ Enabled, EventBridgeDestination, MatchingEventTypes = [] }) =>
          Enabled && EventBridgeDestination && MatchingEventTypes.includes(type),
      )
      if (isWanted) world.emit(event)
    })
  }

  /** Takes the input of SendEmail, or of SendRawEmail with the sender and the recipients as parameters. */
  const send = async (
    request: HttpRequest,
    input: Partial<SendEmailRequest> &
      Partial<Omit<SendRawEmailRequest, 'RawMessage'>> & { RawMessage?: { Data?: string } },
    caller: Caller,
  ) => {
    const { Source: from = '', SourceArn, ConfigurationSetName, Tags = [], RawMessage } = input
    const { ToAddresses: to = input.Destinations ?? [] } = input.Destination ?? {}
    const raw = Buffer.from(RawMessage?.Data ?? '', 'base64').toString()
    const [, inReplyTo] = /^In-Reply-To: (\S+)\r$/m.exec(raw) ?? []
    checkSender(world, from, SourceArn)
    checkRecipients(to)
    const set = setOf(world, ConfigurationSetName)
    const form = new URLSearchParams(request.body)
    if (!RawMessage) form.set('Destination.ToAddresses.member.1', to.join(', '))
    const response = await forward(url, { ...request, body: form.toString() })
    const messageId = /<MessageId>(.*)<\/MessageId>/.exec(response.body)?.[1]
    if (!messageId)
      throw new AwsError('InvalidParameterValue', `The mail catcher does not accept this mail: ${response.body}`)
    const at = world.now()
    sent.set(messageId, {
      to,
      at,
      ...(SourceArn && { sourceArn: SourceArn }),
      ...(inReplyTo && { inReplyTo }),
      function: caller.function,
    })
    const tags = Object.fromEntries(Tags.map(({ Name = '', Value = '' }) => [Name, [Value]]))
    if (set)
      deliver(set, {
        messageId,
        from,
        to,
        tags: { 'ses:configuration-set': [ConfigurationSetName ?? ''], ...tags },
        at,
      })
    return response
  }

  const mails = async (): Promise<Mail[]> => {
    const { emails } = (await (await fetch(`${url}/store`)).json()) as { emails: StoredMail[] }
    return emails.flatMap(({ messageId, from, subject, body }) => {
      const mail = sent.get(messageId)
      return mail ? [{ messageId, from, subject, ...body, ...mail }] : []
    })
  }
  return { url, send, mails, isIdle: () => underWay === 0, close: () => close(server) }
}
