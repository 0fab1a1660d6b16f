import { unmarshall } from '@aws-sdk/util-dynamodb'
import type { Interception } from '../../local/aws/endpoint.ts'
import type { Execution } from '../../local/aws/step-functions-execution.ts'
import type { CreateRequest, World } from '../../local/aws/world.ts'
import { openedBy } from '../../functions/shared/event-shape.ts'
import { requestTag } from '../../functions/shared/new-account.ts'
import type { Intent, RequestItem } from '../../functions/shared/opening.ts'
import type { AccountRecord } from '../../functions/shared/record-and-lease.ts'
import { alternateContactLimit, createAccountLimit } from '../../functions/shared/reserve-moment.ts'
import type { inMemoryDynamoDB } from './dynamodb.ts'
import { isPassing, type OpeningPlan } from './opening-plan.ts'
import type { Invocation } from './service.ts'

type Given = {
  plan: OpeningPlan
  world: World
  ledger: ReturnType<typeof inMemoryDynamoDB>
  executions: () => Execution[]
  /** When a person was told of the latest end of an execution. */
  toldAt: (execution: Execution) => number | undefined
  broken: (invariant: string, what: string) => void
}

const one = '13 one account'
const none = '14 none abandoned'
const budget = '15 budget'
/** A decision that is older than this was not made beside a failure notice. */
const longestDecision = 5 * 60 * 1000
/** From one sweep to the end of the next. */
const longestSweep = 25 * 60 * 60 * 1000
/** The longest that a call is on its way without a fault, in seconds. */
const longestWay = 0.5

/** Checks in one world that each request gets one account, and that no request is abandoned. */
export const openingInvariantsOf = ({ plan, world, ledger, executions, toldAt, broken }: Given) => {
  const read = <Item>(pk: string) => {
    const item = ledger.item(pk)
    return item && (unmarshall(item) as Item)
  }
  const intentOf = (email: string) => read<Intent>(`intent#${email.toLowerCase()}`)
  const requestOf = (requestId: string) => read<RequestItem>(`request#${requestId}`)
  const accountsWith = (email: string) =>
    [...world.accounts.values()].filter((account) => account.email.toLowerCase() === email.toLowerCase())
  const before = new Set(world.accounts.keys())
  const foreign = () =>
    JSON.stringify(
      [...world.accounts.values()]
        .filter(({ id }) => before.has(id))
        .map(({ id, tags, parentId, alternateContacts, users }) => [
          id,
          tags,
          parentId,
          [...alternateContacts],
          users.size,
        ]),
    )
  const untouched = foreign()
  /** When Organizations took a limited call, by operation. */
  const taken: Record<string, number[]> = { CreateAccount: [], PutAlternateContact: [] }
  /** An event vends the account of an execution that was stopped. Nobody opens this account then. */
  const wasVended = (email: string) =>
    accountsWith(email).some(({ id }) => read<AccountRecord>(`account#${id}`)?.vendedAt !== undefined)
  /** What Organizations has been asked for, by request. */
  const creations = new Map<string, CreateRequest[]>()

  /** Checks a creation that Organizations has just begun. */
  const created = (input: Record<string, unknown>, by: Invocation) => {
    const tags = (input['Tags'] ?? []) as { Key: string; Value: string }[]
    const requestId = tags.find(({ Key }) => Key === requestTag)?.Value ?? ''
    const earlier = creations.get(requestId) ?? []
    const open = earlier.find(({ state }) => state !== 'FAILED')
    if (open) broken(one, `${by.name} asked again for the account of ${requestId}, which is ${open.state} already`)
    const creation = [...world.createRequests.values()].at(-1)
    creations.set(requestId, [...earlier, ...(creation ? [creation] : [])])
    const request = requestOf(requestId)
    if (!request) broken(one, `${by.name} created an account for which the ledger has no request`)
    if (plan.config === 'approval' && request?.approval?.decision !== 'approved')
      broken(one, `${by.name} created an account that nobody has approved`)
  }

  const placing = ['MoveAccount', 'TagResource', 'PutAlternateContact']
  /** Checks a call that an opening makes about an account: the account must have the request's address. */
  const placed = (operation: string, input: Record<string, unknown>, by: Invocation) => {
    const { opening } = by.input as { opening?: { email: string } }
    const accountId = String(input['AccountId'] ?? input['ResourceId'])
    const { email = '' } = world.accounts.get(accountId) ?? {}
    if (opening && email.toLowerCase() !== opening.email.toLowerCase())
      broken(one, `${operation} of ${accountId}, which has the address ${email} and not ${opening.email}`)
    if (foreign() !== untouched) broken(one, `${by.name} changed an account that nobody asked for, by ${operation}`)
  }

  return {
    intentOf,
    /** Checks after every call that reached AWS. */
    called: ({ operation, input, record }: Interception, error: string | undefined, by: Invocation | undefined) => {
      if (!by) return
      const isLimited = operation === 'CreateAccount' || operation === 'PutAlternateContact'
      const isQuiet = !plan.faults.kinds.length && !plan.busy.length && !plan.lostCreations
      // Calls that are delayed by faults may come in less than the time that they reserved.
      // A call is some time on its way, so two calls may arrive closer together than they were reserved.
      const { seconds, burst } = operation === 'CreateAccount' ? createAccountLimit : alternateContactLimit
      const isClose = world.now() - (taken[operation]?.at(-burst) ?? 0) >= (seconds - longestWay) * 1000
      if (isLimited && error === 'TooManyRequestsException' && record.tag === undefined && isQuiet && !isClose)
        broken(budget, `Organizations refused ${operation}, because it was called too often`)
      if (error !== 'TooManyRequestsException') taken[operation]?.push(world.now())
      if (error) return
      if (operation === 'CreateAccount') created(input, by)
      if (placing.includes(operation)) placed(operation, input, by)
    },
    /** Whether the world has a reason for the failure of an execution. */
    hasReason: ({ error = '', input }: Execution) => {
      const { email = '' } = openedBy(JSON.parse(input)) ?? {}
      const reason = plan.failures[email.toLowerCase()]
      const bodies = new Set(plan.asks.flatMap(({ body }) => (body.email === email ? [JSON.stringify(body)] : [])))
      return (
        {
          // While one creation was under way, another may have found the address taken, and then the first failed.
          EmailAlreadyExistsError: plan.taken.includes(email) || wasVended(email) || reason !== undefined,
          AccountCreationFailedError: reason !== undefined && !isPassing(reason),
          OpeningWaitedTooLongError: (plan.quota?.seconds ?? 0) > 7 * 24 * 60 * 60,
          ApprovalRequiredError: plan.config === 'approval',
          RequestOpenError: bodies.size > 1 || plan.anew > 0 || plan.goesAround > 0,
        }[error] ?? false
      )
    },
    /** Checks a refusal because another request for the address is open. */
    refused: (email: string) => {
      const intent = intentOf(email)
      const holder = executions().find(({ executionArn }) => executionArn === intent?.holder)
      const told = holder && holder.status !== 'RUNNING' && toldAt(holder)
      // AcceptRequest of an execution that was stopped may put the request on record later. The next sweep sees that.
      const isLate = Date.parse(intent?.requestedAt ?? '') >= (holder?.stopDate ?? Infinity)
      if (isLate && world.now() - (holder?.stopDate ?? 0) < longestSweep) return
      if (told && intent?.accountId === undefined && world.now() - told > longestDecision)
        broken(none, `a request for ${email} was refused because of an earlier one that has failed without an account`)
    },
    atEnd: () => {
      const addresses = [...new Set(plan.asks.map(({ body }) => body.email))]
      const made = [...world.accounts.keys()].filter((id) => !before.has(id))
      if (foreign() !== untouched) broken(one, 'an account that nobody asked for was changed')
      for (const email of addresses) {
        const [account, ...more] = accountsWith(email)
        if (more.length) broken(one, `${email} has ${more.length + 1} accounts`)
        const intent = intentOf(email)
        const request = intent && requestOf(intent.requestId)
        const isWanted = request && (plan.config !== 'approval' || request.approval?.decision === 'approved')
        if (plan.taken.includes(email)) continue
        if (!isWanted) {
          if (account && plan.config === 'approval' && request && !wasApproved(email))
            broken(one, `${email} has an account that nobody has approved`)
          continue
        }
        if (!account) {
          broken(none, `the request for ${email} has no account: its intent is ${intent.status}`)
          continue
        }
        if (intent.accountId === undefined && wasVended(email)) continue
        if (intent.accountId !== account.id)
          broken(none, `the intent of ${email} names ${intent.accountId}, not ${account.id}`)
        checkPlaced(account, request)
      }
      const asked = new Set(addresses.map((email) => email.toLowerCase()))
      for (const id of made)
        if (!asked.has(world.accounts.get(id)?.email.toLowerCase() ?? '')) broken(one, `nobody asked for account ${id}`)
    },
    requestOf,
    /** The request that an account was opened for. */
    requestFor: (accountId: string) => {
      const intent = intentOf(world.accounts.get(accountId)?.email ?? '')
      return intent?.accountId === accountId ? requestOf(intent.requestId) : undefined
    },
  }

  function wasApproved(email: string) {
    return ledger
      .all()
      .map((item) => unmarshall(item) as RequestItem & { pk: string })
      .some(
        ({ pk, body, approval }) =>
          pk.startsWith('request#') && body.email === email && approval?.decision === 'approved',
      )
  }

  function checkPlaced(
    {
      id,
      email,
      tags,
      parentId,
      alternateContacts,
      iamUserAccessToBilling,
      baseline,
    }: NonNullable<ReturnType<World['accounts']['get']>>,
    { requestId, body }: RequestItem,
  ) {
    const missing = (what: string) => broken(none, `the account ${id} of ${email} lacks ${what}`)
    if (tags[requestTag] !== requestId) missing(`the tag of its request: the tag is ${tags[requestTag]}`)
    for (const [key, value] of Object.entries(body.tags)) if (tags[key] !== value) missing(`the tag ${key}`)
    const name = world.organizationalUnits.get(parentId)?.name
    if (body.ou !== undefined && body.ou !== parentId && body.ou.split('/').at(-1) !== name) missing(body.ou)
    for (const type of Object.keys(body.alternateContacts))
      if (!alternateContacts.has(type.toUpperCase())) missing(`the ${type} contact`)
    if (iamUserAccessToBilling !== 'ALLOW') missing('access to billing')
    if (plan.config === 'control-tower' && baseline?.status !== 'SUCCEEDED') missing('its enrolment')
  }
}
