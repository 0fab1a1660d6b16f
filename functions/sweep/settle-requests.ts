import type { SESClient } from '@aws-sdk/client-ses'
import type { SFNClient } from '@aws-sdk/client-sfn'
import { type ApprovalMailConfig, mailApprovers } from '../request-account/approval-mail.ts'
import { isAllowedRecipient } from '../shared/address.ts'
import type { Ledger } from '../shared/ledger.ts'
import { fillText } from '../shared/mail.ts'
import { approvalDays, decideApproval, type Intent, readRequest, type RequestItem } from '../shared/opening.ts'
import { inNote, tellOnce } from '../shared/send-mail.ts'
import { startOpening } from '../shared/start-opening.ts'
import text from './expired-notice.txt'

type Clients = { sfn: SFNClient; ses: SESClient; ledger: Ledger }
export type RequestsConfig = ApprovalMailConfig & { contact: string; allowedRecipients: string[] }

const hour = 60 * 60 * 1000
const day = 24 * hour

/**
 * Ends the requests that nobody has decided about in time, finishes the decisions whose function ended early, and
 * starts the executions of accepted requests that have none after an hour. Answers the ids of the ended requests and of
 * the started ones. Mails the approvers of a request that nobody was mailed about: somebody made the request with the
 * command, or the API's function ended before its mail. Safe to run twice.
 * Throws what `sendMail` throws, and Step Functions' own errors.
 */
export const settleRequests = async (clients: Clients, config: RequestsConfig, intents: Iterable<Intent>) => {
  const expired: string[] = []
  const resumed: string[] = []
  for (const { status, requestId, requestedAt, updatedAt, holder } of intents) {
    const age = Date.now() - Date.parse(updatedAt)
    const isLate = Date.now() - Date.parse(requestedAt) > approvalDays * day
    if (status === 'awaiting-approval') {
      const request = await readRequest(clients.ledger, requestId)
      if (!request) continue
      if (!request.approval && !isLate) {
        await mailApprovers(clients, request, config)
        continue
      }
      // A decision on record counts. The function that recorded the decision may have ended before the intent changed.
      const decided = await decideApproval(clients.ledger, requestId, { decision: 'expired', by: 'sweep' })
      if (decided?.approval.decision === 'expired') {
        expired.push(requestId)
        await tellExpired(clients, config, decided)
      }
      if (decided?.approval.decision === 'approved') {
        await startOpening(clients.sfn, config.stateMachineArn, decided)
        resumed.push(requestId)
      }
    }
    // The sweep may have ended the request and then failed to send the mail.
    if (status === 'declined' && age < 2 * day) {
      const request = await readRequest(clients.ledger, requestId)
      if (request?.approval?.decision === 'expired') await tellExpired(clients, config, request)
    }
    if (status === 'accepted' && holder === undefined && age > hour) {
      const request = await readRequest(clients.ledger, requestId)
      if (!request || (request.needsApproval && request.approval?.decision !== 'approved')) continue
      await startOpening(clients.sfn, config.stateMachineArn, request)
      resumed.push(requestId)
    }
  }
  return { expired, resumed }
}

/** Tells the account's own address, if mails may go there, once. */
const tellExpired = async (
  { ses, ledger }: Clients,
  { allowedRecipients, organizationName, contact, ...sender }: RequestsConfig,
  { requestId, body: { name, email } }: RequestItem,
) => {
  if (!isAllowedRecipient(allowedRecipients, email)) return
  const subject = `The request for the AWS account ${name} has ended`
  const values = { title: subject, name, email, days: String(approvalDays), organizationName, contact }
  const mail = { to: [email], subject, text: fillText(text, values) }
  await tellOnce(ses, mail, inNote(ledger, `sweep#expired#${requestId}`), sender)
}
