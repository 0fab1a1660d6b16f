import type { GetIdentityVerificationAttributesRequest } from '@aws-sdk/client-ses'
import type { Operations, World } from './world.ts'

/** An identity that SES does not know is not in the answer. */
const getIdentityVerificationAttributes = (
  { sesIdentities }: World,
  { Identities = [] }: GetIdentityVerificationAttributesRequest,
) => ({
  VerificationAttributes: new Map(
    Identities.filter((identity) => sesIdentities.has(identity)).map((identity) => [
      identity,
      {
        VerificationStatus: 'Success',
        // Only a domain is verified by a token.
        ...(!identity.includes('@') && { VerificationToken: Buffer.from(identity).toString('base64') }),
      },
    ]),
  ),
})

/** Of the API's version 2. */
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

/** What SES tells; the mail catcher takes the mails. */
export const ses: Operations = {
  GetIdentityVerificationAttributes: getIdentityVerificationAttributes,
  GetAccount: getAccount,
}
