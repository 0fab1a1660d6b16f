import { DescribeAccountCommand, type OrganizationsClient } from '@aws-sdk/client-organizations'
import type { SESClient } from '@aws-sdk/client-ses'
import * as z from 'zod/mini'
import { addressIdentity, isAllowedRecipient } from '../shared/address.ts'
import { isNamed } from '../shared/aws-errors.ts'
import { claimDisowned, linkClaimed } from '../shared/event-shape.ts'
import { type Claim, type Handover, readHandover } from '../shared/handover.ts'
import type { Ledger } from '../shared/ledger.ts'
import { fillText, utcTime } from '../shared/mail.ts'
import { reach } from '../shared/next-command.ts'
import { inNote, type Mail, type SenderConfig, tellOnce } from '../shared/send-mail.ts'
import claimText from './claim-notice.txt'
import disownText from './disown-notice.txt'

export const reportClaimInput = z.object({
  'detail-type': z.enum([linkClaimed, claimDisowned]),
  detail: z.object({ accountId: z.string(), userName: z.string() }),
})

type Clients = { ses: SESClient; organizations: OrganizationsClient; ledger: Ledger }
type Config = SenderConfig & {
  organizationName: string
  contact: string
  notify: string[]
  allowedRecipients: string[]
  stateMachineArn: string
  /** The endpoint of an AWS that is not the real one: the notice's commands must not reach the real AWS. */
  endpointUrl?: string | undefined
}

/**
 * Tells people that a password was shown, and that somebody said the visitor was not they. A claim is told to the
 * address that the link went to, and to the account's own address if mails may go there. A disowned claim is told to
 * the platform team only: somebody else may read the administrator's mail.
 *
 * Believes the ledger and not the event. Tells each claim once, so the function is safe to run twice. Answers whom the
 * notice went to.
 * Throws what `sendMail` throws, and Organizations' own errors. Lambda then retries the event, and in the end keeps the
 * event in the dead-letter queue.
 */
export async function reportClaim(
  { ses, organizations, ledger }: Clients,
  { 'detail-type': detailType, detail }: z.output<typeof reportClaimInput>,
  config: Config,
) {
  const handover = await readHandover(ledger, detail)
  const isDisowned = detailType === claimDisowned
  const claim = isDisowned ? handover?.lastDisowned : handover?.lastClaim
  if (!handover || !claim) return { told: [] }
  const { Account } = await organizations
    .send(new DescribeAccountCommand({ AccountId: handover.accountId }))
    .catch((error: unknown) => {
      // The account has left the organization. People are told all the same.
      if (isNamed(error, 'AccountNotFoundException')) return { Account: undefined }
      throw error
    })
  const account = { name: Account?.Name ?? handover.accountId, email: Account?.Email ?? '' }
  const mail = isDisowned
    ? disownNotice({ handover, claim, account }, config)
    : claimNotice({ handover, claim, account }, config)
  const note = `claim#${handover.accountId}#${handover.userName.toLowerCase()}#${claim.at}#${isDisowned ? 'disowned' : 'claimed'}`
  const told = await tellOnce(ses, mail, inNote(ledger, note), config)
  return { told: told ? mail.to : [] }
}

type Told = { handover: Handover; claim: Claim; account: { name: string; email: string } }

const valuesOf = ({ handover: { accountId, userName }, claim, account }: Told) => ({
  accountId,
  accountName: account.name,
  userName,
  at: utcTime(claim.at),
  network: claim.network,
  browser: claim.browser,
})

const claimNotice = (told: Told, { organizationName, contact, allowedRecipients }: Config): Mail => {
  const { email = '' } = told.handover.lastClaim ?? {}
  const own = told.account.email
  const isOther = addressIdentity(own) !== addressIdentity(email)
  return {
    to: [email, ...(own && isOther && isAllowedRecipient(allowedRecipients, own) ? [own] : [])],
    subject: `The password of ${told.handover.userName} in ${told.account.name} (${told.handover.accountId}) was shown`,
    text: fillText(claimText, { ...valuesOf(told), organizationName, contact }),
  }
}

const disownNotice = (told: Told, { notify, stateMachineArn, endpointUrl }: Config): Mail => {
  const { accountId, userName } = told.handover
  const { options } = reach(stateMachineArn, endpointUrl)
  return {
    to: notify,
    subject: `Somebody else may have the password of ${userName} in ${told.account.name} (${accountId})`,
    text: fillText(disownText, {
      ...valuesOf(told),
      // Only a round looks into the account.
      round: `npx vend round --wait${options}`,
      status: `npx vend status ${accountId}${options}`,
      link: `npx vend link ${accountId} ${userName}${options}`,
    }),
  }
}
