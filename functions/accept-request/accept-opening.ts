import type { OrganizationsClient } from '@aws-sdk/client-organizations'
import type { SFNClient } from '@aws-sdk/client-sfn'
import { checkOpening, type OpeningConfig } from '../shared/check-opening.ts'
import type { ControlTower } from '../shared/control-tower.ts'
import { AccountBusyError, ApprovalRequiredError, InvalidInputError, RequestOpenError } from '../shared/errors.ts'
import { isRunning } from '../shared/execution.ts'
import type { Ledger } from '../shared/ledger.ts'
import { openExecution, type Opening, type OpenRequest } from '../shared/new-account.ts'
import {
  askOf,
  createRequest,
  hasFailedJustNow,
  type Intent,
  readIntent,
  readRequest,
  takeIntent,
} from '../shared/opening.ts'
import { parseInput } from '../shared/parse.ts'
import { hasVended, leaseRestSeconds, readAccount } from '../shared/record-and-lease.ts'
import { placeOf, vendOf } from '../shared/vend.ts'

type Clients = { organizations: OrganizationsClient; controlTower: ControlTower; sfn: SFNClient; ledger: Ledger }
type Config = OpeningConfig & { approval?: 'required' | undefined }

/**
 * Turns the input of an execution that opens an account into one checked request, and takes the intent for the
 * account's address.
 *
 * `outcome` says how the execution continues: Opening, or one of the end states AlreadyVended, AlreadyInProgress.
 * Safe to run twice: an execution can take its own intent again.
 * Throws what `checkOpening` throws, `ApprovalRequiredError`, `RequestOpenError`, and `AccountBusyError` while a
 * function of an earlier execution, or from before a redrive, may still be at work.
 */
export const acceptOpening = async (
  clients: Clients,
  { request, executionArn }: { request: unknown; executionArn: string },
  config: Config,
) => {
  const parsed = parseInput(openExecution, request)
  const { account, requestId, requestedBy = 'manual execution', ...people } = parsed
  const asked: Asked = { body: { ...account, ...people }, requestId, requestedBy, executionArn }
  const { partition } = placeOf(executionArn)
  const { ou, ask } = await checkOpening(clients, asked.body, config, { partition, limits: false })
  const intent = await (requestId === undefined
    ? intentOfExecution(clients.ledger, asked, config)
    : intentOfRequest(clients.ledger, { ...asked, requestId }, config))
  const outcome = await outcomeOf(clients, { ...asked, intent })
  if (outcome) return { outcome }
  const vend = vendOf(executionArn)
  // If another execution was faster, the next try sees which execution.
  if (!(await takeIntent(clients.ledger, { email: account.email, vend, intent }))) throw busy(account.email)
  const { name, email, tags, alternateContacts } = account
  const opening: Opening = {
    requestId: intent.requestId,
    requestedBy,
    name,
    email,
    ...(ou !== undefined && { ou }),
    tags,
    alternateContacts: Object.fromEntries(
      Object.entries(alternateContacts).flatMap(([type, contact]) => (contact ? [[type, contact]] : [])),
    ),
  }
  return { outcome: 'Opening' as const, vend, opening, groups: ask.groups, admins: ask.admins }
}

type Asked = { body: OpenRequest; requestId: string | undefined; requestedBy: string; executionArn: string }

/** The intent of an execution that somebody started without a request. */
const intentOfExecution = async (
  ledger: Ledger,
  { body, requestedBy, executionArn }: Asked,
  { approval }: Pick<Config, 'approval'>,
): Promise<Intent> => {
  if (approval === 'required')
    throw new ApprovalRequiredError(
      'vending.yml says approval: required, and a manual execution has no request that somebody could have approved',
    )
  const before = await readIntent(ledger, body.email)
  if (before?.holder === executionArn) return before
  const holder = executionArn
  const { intent } = await createRequest(ledger, { body, requestedBy, needsApproval: false, holder })
  if (intent.ask !== askOf(body)) throw otherRequest(body.email)
  return intent
}

/** The intent of the request that an execution carries out. Only the ledger's request is believed. */
const intentOfRequest = async (
  ledger: Ledger,
  { body, requestId }: Asked & { requestId: string },
  { approval }: Pick<Config, 'approval'>,
): Promise<Intent> => {
  const wrong = (message: string) => new InvalidInputError([{ field: 'requestId', message }])
  const item = await readRequest(ledger, requestId)
  if (!item) throw wrong(`the ledger has no request ${requestId}`)
  if (item.ask !== askOf(body)) throw wrong(`the ledger’s request ${requestId} differs from this input`)
  if ((approval === 'required' || item.needsApproval) && item.approval?.decision !== 'approved')
    throw new ApprovalRequiredError(`Nobody has approved the request ${requestId}`)
  const intent = await readIntent(ledger, body.email)
  if (intent?.requestId !== requestId) throw otherRequest(body.email)
  return intent
}

const otherRequest = (email: string) =>
  new RequestOpenError(`email: another request for an account with the address ${email} is open`)

/** How an execution ends at once; undefined if it must open the account. */
const outcomeOf = async (
  { ledger, sfn }: Clients,
  { intent, body, executionArn }: Asked & { intent: Intent },
): Promise<'AlreadyVended' | 'AlreadyInProgress' | undefined> => {
  const { holder, renewedAt = 0, accountId } = intent
  const record = accountId === undefined ? undefined : await readAccount(ledger, accountId)
  if (hasVended(record, executionArn) || (holder !== undefined && hasVended(record, holder))) return 'AlreadyVended'
  // This call may be left over from before the failure. It would take the failure out of the intent, and every later
  // request for the address would be refused.
  if (holder === executionArn && hasFailedJustNow(intent))
    throw new AccountBusyError(`This execution failed less than ${leaseRestSeconds} seconds ago`)
  if (holder === undefined || holder === executionArn) return undefined
  if (await isRunning(sfn, holder)) return 'AlreadyInProgress'
  if (Date.now() - renewedAt < leaseRestSeconds * 1000) throw busy(body.email)
  return undefined
}

const busy = (email: string) =>
  new AccountBusyError(`Another execution is opening the account with the address ${email}`)
