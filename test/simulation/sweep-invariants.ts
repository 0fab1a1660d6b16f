import type { Interception } from '../../local/aws/endpoint.ts'
import type { Execution } from '../../local/aws/step-functions-execution.ts'
import type { World } from '../../local/aws/world.ts'
import type { AccountRecord } from '../../functions/shared/record-and-lease.ts'
import type { Plan } from './plan.ts'
import type { Invocation } from './service.ts'

type Called = Pick<Interception, 'service' | 'operation' | 'input'>
type Given = {
  plan: Plan
  world: World
  record: (accountId: string) => AccountRecord | undefined
  broken: (invariant: string, what: string) => void
}

/** No sweep runs longer: what was on record so long ago, the sweep has seen. */
const longestSweep = 15 * 60 * 1000
const day = 24 * 60 * 60 * 1000

/** Checks the promises of the sweep in one world. `broken` is called for each promise that is broken. */
export const sweepInvariantsOf = ({ plan, world, record, broken }: Given) => {
  const isMember = (accountId: string) => world.accounts.get(accountId)?.state === 'ACTIVE'
  /** Only an account that left or was closed may be ended. AWS may lift a suspension at any time. */
  const isGone = (accountId: string) => {
    const { state } = world.accounts.get(accountId) ?? { state: undefined }
    return state === undefined || state === 'PENDING_CLOSURE' || state === 'CLOSED'
  }
  const isOld = (accountId: string) => plan.accounts.some(({ id, isOld }) => id === accountId && isOld)
  /** When a person was told that a request for an account failed, by account. */
  const told = new Map<string, number>()
  const begun = new Map<Invocation, number>()
  const mailOf = new Map<Invocation, string>()
  const notedAt = new Map<string, number>()
  const lastTold = new Map<string, number>()

  /** Checks after every call of a function that reached AWS. */
  const called = ({ service, operation, input }: Called, error: string | undefined, by: Invocation) => {
    const now = world.now()
    const { pk } = (input['Item'] ?? {}) as { pk?: { S?: string } }
    if (by.name === 'report-failure' && operation === 'PutItem' && !error) {
      const { accountId } = input['Item'] as { accountId?: { S: string } }
      if (accountId && !told.has(accountId.S)) told.set(accountId.S, now)
    }
    if (by.name !== 'sweep') return
    if (!begun.has(by)) begun.set(by, now)
    if (operation === 'PutItem' && pk?.S?.startsWith('sweep#')) {
      const mail = mailOf.get(by) ?? ''
      if (!notedAt.has(mail)) notedAt.set(mail, now)
    }
    if (error) return
    if (service === 'secretsmanager' && operation === 'DeleteSecret') {
      const [, accountId = '', userName] = String(input['SecretId']).split('/')
      if (!isGone(accountId)) broken('8 sweep', `the secret of ${userName} of the member ${accountId} was ended`)
    }
    if (operation === 'UpdateItem')
      for (const { id } of plan.accounts)
        if (!isGone(id) && ['CLOSED', 'DEPARTED'].includes(record(id)?.status ?? ''))
          broken('8 sweep', `the record of the member ${id} was ended`)
    if (operation === 'StartExecution') {
      const [, accountId = ''] = String(input['name']).split('-')
      if (isOld(accountId)) broken('8 sweep', `${accountId}, which was there before, was started`)
      const { status, failure } = record(accountId) ?? {}
      const failedAt = status === undefined ? told.get(accountId) : status === 'FAILED' && Date.parse(failure?.at ?? '')
      if (failedAt && now - failedAt > longestSweep)
        broken('8 sweep', `the vend of ${accountId} that failed was started again`)
    }
  }

  const mailed = (by: Invocation, text: string) => {
    if (by.name !== 'sweep') return
    const now = world.now()
    const mail = `${Math.floor(now / day)} ${text}`
    mailOf.set(by, mail)
    if ((notedAt.get(mail) ?? Infinity) < (begun.get(by) ?? 0))
      broken('8 sweep', 'failed vends were told again on the same day, though that was on record')
    for (const [accountId = ''] of text.matchAll(/\b\d{12}\b(?= \()/g)) lastTold.set(accountId, now)
  }

  /** Checks after the last sweep, during which no fault happens. */
  const atEnd = (executions: Execution[]) => {
    if (!plan.sweeps.length) return
    for (const { id } of plan.accounts) {
      const there = record(id)
      if (isMember(id)) {
        const last = executions.find(({ executionArn }) => executionArn === there?.executionArn)
        const isTold = world.now() - (lastTold.get(id) ?? 0) < day / 2
        if (there?.status === 'FAILED' && last?.status !== 'SUCCEEDED' && !isTold)
          broken('8 sweep', `the last sweep did not tell that the vend of ${id} failed`)
        continue
      }
      if (!isGone(id)) continue
      const gone = world.accounts.has(id) ? 'CLOSED' : 'DEPARTED'
      if (there && there.status !== gone) broken('8 sweep', `the record of ${id} is ${there.status}, not ${gone}`)
      if (there?.lease) broken('8 sweep', `the lease of ${id} outlives the account`)
      for (const { name, deletionAt } of world.secrets.values())
        if (name.startsWith(`account-vending/${id}/`) && !deletionAt) broken('8 sweep', `${name} outlives the account`)
    }
  }

  return { called, mailed, atEnd }
}
