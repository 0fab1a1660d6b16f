import type { SESClient } from '@aws-sdk/client-ses'
import type { Ledger } from '../shared/ledger.ts'
import { fillHtml, fillText, utcTime } from '../shared/mail.ts'
import { reach } from '../shared/next-command.ts'
import type { RequestItem } from '../shared/opening.ts'
import { inNote, type Mail, type SenderConfig, tellOnce } from '../shared/send-mail.ts'
import html from './approval.mjml'
import text from './approval.txt'

export type ApprovalMailConfig = SenderConfig & {
  organizationName: string
  notify: string[]
  approvalMails?: string[] | undefined
  admins: RequestItem['body']['admins']
  stateMachineArn: string
  /** The endpoint of an AWS that is not the real one: the mail's commands must not reach the real AWS. */
  endpointUrl?: string | undefined
}

/** The mail that asks the approvers to decide about a request. */
export const approvalMail = (
  { requestId, body, requestedBy, requestedAt }: RequestItem,
  { organizationName, notify, approvalMails = notify, admins, stateMachineArn, endpointUrl }: ApprovalMailConfig,
): Mail => {
  const { options } = reach(stateMachineArn, endpointUrl)
  const values = {
    organizationName,
    name: body.name,
    email: body.email,
    ou: body.ou ?? 'the root of the organization',
    tags: Object.entries(body.tags)
      .map(([key, value]) => `${key} = ${value}`)
      .join('\n'),
    contacts: Object.entries(body.alternateContacts)
      .map(([kind, contact]) => [kind, contact?.name, contact?.title, contact?.email, contact?.phone].join(', '))
      .join('\n'),
    admins: (body.admins ?? admins ?? []).map((admin) => adminInWords(admin, body.email)).join('\n'),
    groups: body.groups
      .map(({ name, policies, inline }) => `${name}: ${[...policies, ...Object.keys(inline)].join(', ')}`)
      .join('\n'),
    requestedBy,
    requestedAt: utcTime(requestedAt),
    approve: `npx vend approve ${requestId}${options}`,
    decline: `npx vend decline ${requestId}${options}`,
  }
  return {
    to: approvalMails,
    subject: `Approve the AWS account ${body.name}?`,
    html: fillHtml(html, values),
    text: fillText(text, values),
  }
}

const adminInWords = (
  { userName, email, groups, policies }: NonNullable<RequestItem['body']['admins']>[number],
  accountEmail: string,
) => {
  const what = [
    ...(groups?.length ? [`groups ${groups.join(', ')}`] : []),
    ...(policies.length ? [`policies ${policies.join(', ')}`] : []),
  ]
  return `${userName}, ${email ?? accountEmail}${what.length ? `: ${what.join('; ')}` : ''}`
}

/** Asks the approvers to decide about a request, once. Throws what `sendMail` throws. */
export const mailApprovers = (
  { ses, ledger }: { ses: SESClient; ledger: Ledger },
  request: RequestItem,
  config: ApprovalMailConfig,
) => tellOnce(ses, approvalMail(request, config), inNote(ledger, `approval#${request.requestId}`), config)
