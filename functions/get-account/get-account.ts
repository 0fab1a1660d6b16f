import { DescribeAccountCommand, type OrganizationsClient } from '@aws-sdk/client-organizations'
import { isNamed } from '../shared/aws-errors.ts'
import { AccountNotFoundError } from '../shared/errors.ts'
import { openFindings } from '../shared/findings.ts'
import { handoverState, readHandover } from '../shared/handover.ts'
import { followUpState, readFollowUp } from '../shared/follow.ts'
import { followThroughOf } from '../shared/follow-through.ts'
import { type AccountRecord, mailTo, readAccount } from '../shared/record-and-lease.ts'
import type { Ledger } from '../shared/ledger.ts'
import { type Look, readLook } from '../shared/look.ts'
import { mailState, mailTags, readMail } from '../shared/mail-events.ts'
import { type Admin, inPath } from '../shared/request.ts'
import { parseInput } from '../shared/parse.ts'

type Clients = { organizations: OrganizationsClient; ledger: Ledger }

/**
 * Reads the status of an account: the last request, the steps begun with their times, what finished vends made and the
 * last removal took out, what became of each administrator's mail, how far the handover of each password is, and what
 * the daily round found and did. Never answers what opens a link, or a link's id. `now` is the time at which a link can
 * still be opened, in milliseconds since 1970.
 * Throws `InvalidInputError` and `AccountNotFoundError`.
 */
export async function getAccount(
  { organizations, ledger }: Clients,
  input: { accountId: string },
  now: number = Date.now(),
) {
  const { accountId } = parseInput(inPath, input)
  const [record, look] = await Promise.all([readAccount(ledger, accountId), readLook(ledger, accountId)])
  const account = record
    ? await recorded(ledger, { accountId, record, look }, now)
    : await unrecorded(organizations, accountId)
  return { ...account, ...(look && { lookedAt: look.at, findings: openFindings(look) }) }
}

/** A step of the vend; or, with `act`, what the daily round did for an administrator. */
type TimelineEntry = { state: string; userName?: string; at: string; act?: string }

type Known = { accountId: string; record: AccountRecord; look: Look | undefined }

const recorded = async (ledger: Ledger, { accountId, record, look }: Known, now: number) => {
  const people = await Promise.all(
    Object.values(record.admins).map(async (admin) => {
      const administrator = { accountId, userName: admin.userName }
      const [mailed, handover, followUp] = await Promise.all([
        mailOf(ledger, record, admin),
        admin.kept ? undefined : readHandover(ledger, administrator),
        admin.kept ? undefined : readFollowUp(ledger, administrator),
      ])
      return {
        ...admin,
        ...mailed,
        ...(handover && { handover: handoverState(handover, now) }),
        ...followThroughOf(admin.userName, { record, look, followUp }),
      }
    }),
  )
  const followUps = people.flatMap(({ userName, followUps = [] }) =>
    followUps.map((act) => ({ state: followUpState, userName, ...act })),
  )
  const steps = Object.values(record.steps).map(({ mail: _, ...step }) => step)
  const timeline: TimelineEntry[] = [...steps, ...followUps]
  return {
    accountId,
    accountName: record.accountName,
    status: record.status,
    updatedAt: record.updatedAt,
    vendedAt: record.vendedAt,
    executionArn: record.executionArn,
    requestedBy: record.requestedBy,
    failure: record.failure,
    removal: record.removal,
    asked: record.asked,
    timeline: timeline.sort((a, b) => a.at.localeCompare(b.at)),
    groups: Object.values(record.groups),
    admins: people,
  }
}

/** When an administrator was mailed, and what became of the mail. Older versions of this service did not record it. */
const mailOf = async (ledger: Ledger, record: AccountRecord, admin: Admin) => {
  const sent = mailTo(record, admin)
  const mail = sent?.vendId ? await readMail(ledger, mailTags(sent.vendId, admin.userName)) : undefined
  return { mailedAt: sent?.at, ...(mail && { mail: mailState(mail) }) }
}

const unrecorded = async (organizations: OrganizationsClient, accountId: string) => {
  try {
    const { Account } = await organizations.send(new DescribeAccountCommand({ AccountId: accountId }))
    return { accountId, accountName: Account?.Name, status: 'NOT_VENDED', timeline: [], groups: [], admins: [] }
  } catch (error) {
    if (!isNamed(error, 'AccountNotFoundException')) throw error
    throw new AccountNotFoundError(`accountId: ${accountId} is not an account of this organization`, { cause: error })
  }
}
