import { type Account, paginateListAccounts } from '@aws-sdk/client-organizations'
import { type DescribeExecutionOutput, StartExecutionCommand } from '@aws-sdk/client-sfn'
import { GetCallerIdentityCommand } from '@aws-sdk/client-sts'
import { setTimeout } from 'node:timers/promises'
import { protectorOf, unitsAbove } from '../functions/shared/account.ts'
import { isNamed } from '../functions/shared/aws-errors.ts'
import { mayChange, readExecution } from '../functions/shared/execution.ts'
import { errorOf } from '../functions/shared/failure.ts'
import { ledgerMadeAt, scan } from '../functions/shared/ledger.ts'
import { toldFailures } from '../functions/shared/notes.ts'
import { allIntents, isOpenedByRequest } from '../functions/shared/opening.ts'
import { findUnit } from '../functions/shared/organizational-units.ts'
import { forEach, pace } from '../functions/shared/pace.ts'
import { allAccounts } from '../functions/shared/record-and-lease.ts'
import type { Vending } from '../functions/shared/vending.ts'
import { isSignedOut, sayError } from './command-errors.ts'
import { type Plan, type planClients, planner } from './plan.ts'
import { executionArnOf, type Service } from './service.ts'

/**
 * What the backfill takes of the limits that it shares with everything else in the organization: at most half.
 * Organizations answers ListAccounts 8 times a second and DescribeAccount 20 times (Organizations User Guide,
 * orgs_reference_limits). A plan and a vend make one DescribeAccount each.
 */
export const budget = {
  /** Accounts that are planned or vended at a time. */
  atOnce: 10,
  /** Calls of ListAccounts a second. Each lists 20 accounts. */
  pagesPerSecond: 4,
  plansPerSecond: 5,
  startsPerSecond: 2,
}

/** What became of an account, or would become of it. */
export type Backfilled = {
  accountId: string
  name: string
  outcome: 'would be vended' | 'vended' | 'running' | 'nothing to do' | 'refused' | 'failed'
  /** What the vend makes, or why it does not. */
  what: string
  executionArn?: string
}
/** An account on record in which the service has no administrator. */
export type WithoutAdministrator = { accountId: string; name: string; status: string; error?: string }

export type Backfill = {
  accounts: Backfilled[]
  withoutAdministrator: WithoutAdministrator[]
  /** How many accounts were left alone, by the reason. */
  leftAlone: Record<'has an administrator' | 'being vended' | 'new' | 'protected' | 'not active', number>
  /** What may turn out differently, or could not be checked: each sentence once. */
  notes: string[]
}

type Clients = ReturnType<typeof planClients>
type Input = {
  stage: string
  vending: Vending
  /** An organizational unit, as `findUnit` takes it: the accounts below it, at any depth. */
  ou?: string | undefined
  /** Starts the vends. Otherwise nothing is written. */
  apply: boolean
}
type Watch = {
  onRead?: (count: number) => void
  onAccount?: (account: Backfilled, done: number, of: number) => void
}

/**
 * Plans, and with `apply` starts, a vend of the defaults for each old account: active, not protected, not on record,
 * and in the organization since before this service. The plan of each account decides by the workflow's own code, and
 * only reads. With `apply` a vend is started where its plan says that the vend would succeed, and is followed to its
 * end. The execution's name is made from the account's id. So a backfill that was stopped, or that runs twice at once,
 * starts nothing twice.
 *
 * An account whose plan or vend fails does not stop the others. Throws `NotDeployedError`, `InvalidInputError` for a
 * unit that is not there, what the lists throw, and the error of a sign-in that has expired.
 */
export async function backfill(
  clients: Clients,
  { stage, vending, ou, apply }: Input,
  { onRead, onAccount }: Watch = {},
  { atOnce, ...rates }: typeof budget = budget,
): Promise<Backfill> {
  const { service, planOf } = await planner(clients, { stage, vending })
  const { candidates, ...found } = await findCandidates(clients, service, {
    vending,
    unit: ou === undefined ? undefined : await findUnit(clients.organizations, ou),
    nextPage: pace(rates.pagesPerSecond),
    onRead,
  })
  const { Arn: requestedBy } = apply ? await clients.sts.send(new GetCallerIdentityCommand({})) : {}
  const nextPlan = pace(rates.plansPerSecond)
  const nextStart = pace(rates.startsPerSecond)
  const notes = new Set<string>()

  const backfillOne = async ({ accountId, name, units }: Candidate): Promise<Backfilled> => {
    const account = { accountId, name }
    try {
      await nextPlan()
      const planned = await planOf({ accountId, request: { accountId }, units })
      for (const note of planned.notes) notes.add(note)
      const outcome = outcomeOf(planned)
      if (outcome !== 'would be vended') return { ...account, outcome, what: `${planned.outcome}: ${planned.reason}` }
      const what = makesOf(planned)
      if (!apply) return { ...account, outcome, what }
      await nextStart()
      const { executionArn, isNew } = await startOnce(clients, service, { accountId, requestedBy })
      return { ...account, ...endOf(await untilEnd(clients, executionArn), { what, isNew }), executionArn }
    } catch (error) {
      if (isSignedOut(error)) throw error
      return { ...account, outcome: 'failed', what: sayError(error) }
    }
  }

  const accounts: Backfilled[] = []
  await forEach(candidates, atOnce, async (candidate) => {
    const account = await backfillOne(candidate)
    accounts.push(account)
    onAccount?.(account, accounts.length, candidates.length)
  })
  return { accounts, ...found, notes: [...notes] }
}

type Candidate = { accountId: string; name: string; units: () => Promise<string[]> }

/** The units above an account. Without `Paths`, Organizations tells them one by one. */
const unitsOf = async ({ organizations }: Clients, { Id = '', Paths }: Account) => {
  const [path] = Paths ?? []
  // o-organization/r-root/ou-unit/…/account/
  return path ? path.split('/').filter((part) => /^(r|ou)-/.test(part)) : unitsAbove(organizations, Id)
}

/** Sorts all accounts of the organization into those that may need a vend, and those that are left alone. */
const findCandidates = async (
  clients: Clients,
  { ledger, managementAccountId }: Service,
  asked: Pick<Input, 'vending'> & {
    unit: string | undefined
    nextPage: () => Promise<void>
    onRead: Watch['onRead']
  },
) => {
  const protectedPlaces = asked.vending.protected
  const [{ records, told, intents }, installedAt] = await Promise.all([
    scan(ledger, { records: allAccounts(['admins']), told: toldFailures, intents: allIntents }),
    ledgerMadeAt(ledger),
  ])
  const candidates: Candidate[] = []
  const withoutAdministrator: WithoutAdministrator[] = []
  const leftAlone = { 'has an administrator': 0, 'being vended': 0, new: 0, protected: 0, 'not active': 0 }
  const needsUnits = asked.unit !== undefined || protectedPlaces.organizationalUnits.length > 0

  const sort = async (account: Account) => {
    const { Id: accountId = '', Name: name = '', Email = '', State, JoinedTimestamp = new Date(0) } = account
    const above = needsUnits ? await unitsOf(clients, account) : []
    if (accountId === managementAccountId || (asked.unit && !above.includes(asked.unit))) return
    const recorded = records.get(accountId)
    // An account that departed and came back has nothing of what is on record.
    const { status, failure, admins = {} } = (recorded?.status !== 'DEPARTED' && recorded) || {}
    const opening = isOpenedByRequest(intents.get(Email.toLowerCase()), accountId, recorded)
    const isProtected = protectorOf({ accountId, name, units: above }, protectedPlaces) !== undefined
    const isNew = installedAt !== undefined && JoinedTimestamp >= installedAt
    if (State !== 'ACTIVE') leftAlone['not active']++
    else if (isProtected) leftAlone.protected++
    else if (status === 'VENDING' || (!status && opening)) leftAlone['being vended']++
    else if (Object.values(admins).some(({ kept }) => !kept)) leftAlone['has an administrator']++
    else if (status) withoutAdministrator.push({ accountId, name, status, ...(failure && { error: failure.error }) })
    // A vend that was refused at once left only the note that its failure was told.
    else if (isNew && told.has(accountId)) withoutAdministrator.push({ accountId, name, status: 'FAILED' })
    else if (isNew) leftAlone.new++
    else candidates.push({ accountId, name, units: () => unitsOf(clients, account) })
  }

  let count = 0
  await asked.nextPage()
  for await (const { Accounts = [] } of paginateListAccounts({ client: clients.organizations, pageSize: 20 }, {})) {
    for (const account of Accounts) await sort(account)
    asked.onRead?.((count += Accounts.length))
    await asked.nextPage()
  }
  return { candidates, withoutAdministrator, leftAlone }
}

const outcomeOf = ({ outcome, wouldSucceed }: Plan): Backfilled['outcome'] => {
  if (outcome === 'Accepted') return 'would be vended'
  // The list of accounts may not have told the units, and somebody may have protected or vended the account meanwhile.
  return wouldSucceed || outcome === 'ProtectedAccountError' ? 'nothing to do' : 'refused'
}

/** What a vend makes, in a line. */
const makesOf = ({ groups, passwordPolicy, users, mails }: Plan) =>
  [
    ...groups.map(({ name, what }) => `group ${name} ${what}`),
    ...passwordPolicy.map(({ name, what }) => `${name} ${what}`),
    ...users.map(({ name, what }) => `user ${name} ${what}`),
    ...mails.flatMap(({ what, why }) => (what === 'is sent' ? [`mail to ${why}`] : [])),
  ].join(', ')

/** Starts the one backfill of an account, or finds the execution that was started before. */
const startOnce = async (
  { sfn }: Clients,
  { stateMachineArn }: Service,
  input: { accountId: string; requestedBy: string | undefined },
) => {
  // Step Functions keeps the name for 90 days after the execution's end (API Reference, StartExecution).
  const name = `backfill-${input.accountId}`
  const executionArn = executionArnOf(stateMachineArn, name)
  try {
    await sfn.send(new StartExecutionCommand({ stateMachineArn, name, input: JSON.stringify(input) }))
    return { executionArn, isNew: true }
  } catch (error) {
    if (!isNamed(error, 'ExecutionAlreadyExists')) throw error
    return { executionArn, isNew: mayChange((await readExecution(sfn, executionArn))?.status) }
  }
}

/** The longest pause between two reads of an execution, and how long it is followed, in milliseconds. */
const longestPause = 4000
const longestWait = 60 * 60 * 1000

const untilEnd = async ({ sfn }: Clients, executionArn: string) => {
  const end = Date.now() + longestWait
  for (let pause = 500; ; pause = Math.min(pause * 1.5, longestPause)) {
    const execution = await readExecution(sfn, executionArn)
    // Step Functions may not know an execution that was started a moment ago.
    if ((execution && !mayChange(execution.status)) || Date.now() > end) return execution
    await setTimeout(pause)
  }
}

const endOf = (
  execution: DescribeExecutionOutput | undefined,
  { what, isNew }: { what: string; isNew: boolean },
): Pick<Backfilled, 'outcome' | 'what'> => {
  if (!execution || mayChange(execution.status)) return { outcome: 'running', what: 'still running after an hour' }
  if (execution.status !== 'SUCCEEDED') return { outcome: 'failed', what: errorOf(execution) }
  const { outcome = '' } = JSON.parse(execution.output ?? '{}') as { outcome?: string }
  if (!isNew)
    return { outcome: 'nothing to do', what: `an earlier backfill ended with ${outcome}, and nothing was started now` }
  return outcome === 'Vended' ? { outcome: 'vended', what } : { outcome: 'nothing to do', what: outcome }
}
