import { createHash } from 'node:crypto'
import { unmarshall } from '@aws-sdk/util-dynamodb'
import { ourPath } from '../../functions/shared/iam-client.ts'
import { mfaPolicy, mfaPolicyName } from '../../functions/shared/mfa-policy.ts'
import { type AccountRecord, mailKey } from '../../functions/shared/record-and-lease.ts'
import { type Admin, adminsRequest, type Ask, completeRequest } from '../../functions/shared/request.ts'
import { secretName } from '../../functions/shared/secret-name.ts'
import { parseInput } from '../../functions/shared/parse.ts'
import type { Vending } from '../../functions/shared/vending.ts'
import type { Interception } from '../../local/aws/endpoint.ts'
import type { Execution } from '../../local/aws/step-functions-execution.ts'
import { accountOfExecution } from '../../local/read-execution.ts'
import type { Account, World } from '../../local/aws/world.ts'
import type { inMemoryDynamoDB } from './dynamodb.ts'
import { handoverInvariantsOf, type MailedLink } from './handover-invariants.ts'
import { passingFaultsOf } from './passing-faults.ts'
import { type AccountPlan, type Arrival, isGroupInTheWay, type Plan } from './plan.ts'
import type { Invocation } from './service.ts'
import { sweepInvariantsOf } from './sweep-invariants.ts'

/** A promise of the service is broken. */
export class Violation extends Error {
  override readonly name = 'Violation'
  readonly invariant: string
  constructor(invariant: string, what: string) {
    super(what)
    this.invariant = invariant
  }
}

export const mutating =
  /^(Create|Put|Attach|Add|Update|Delete|Tag|Untag|Remove|Detach|Deactivate|Enable|Upload|Reset|Set)/
const vendId = (executionArn: string) => createHash('sha256').update(executionArn).digest('hex').slice(0, 32)
const lower = (text: string) => text.toLowerCase()
const changePassword = 'arn:aws:iam::aws:policy/IAMUserChangePassword'

type Ended = Pick<Execution, 'executionArn' | 'stopDate' | 'status'>
const endKey = ({ executionArn, stopDate, status }: Ended) => `${executionArn}#${stopDate}#${status}`

type Given = {
  plan: Plan
  world: World
  vending: Vending
  ledger: ReturnType<typeof inMemoryDynamoDB>
  /** Step Functions' limit for an execution, in seconds. */
  executionSeconds: number
  executions: () => Execution[]
  /** Whether the world has another reason for the failure of an execution. */
  hasReason?: (execution: Execution) => boolean
}
type Acceptance = 'accepted' | 'unknown' | 'refused'
type Mail = { Destination: { ToAddresses: string[] }; Message: { Body: { Text: { Data: string } } } }
type Send = { invocation: Invocation; recorded: boolean }

/**
 * Checks the promises of the service in one world: some at every call, the others when the world ends. The first
 * violation is kept. docs/decisions/0008-fault-simulation.md explains the numbers.
 */
export const invariantsOf = ({ plan, world, vending, ledger, executionSeconds, executions: all, hasReason }: Given) => {
  let first: Violation | undefined
  const broken = (invariant: string, what: string) => void (first ??= new Violation(invariant, what))

  const asks: (Arrival & { acceptance: Acceptance })[] = []
  const passwords = new Set<string>(['Somebody-elses-1'])
  const sends = new Map<string, Send[]>()
  const ownPasswords = new Map<string, string>()
  /** Who has ever chosen a password. An address that was requested meanwhile got no mail. */
  const choseOnce = new Set<string>()
  const ends: { key: string; execution: Execution }[] = []
  const reported = new Set<string>()
  /** What the last write to an account's record left, and which function wrote. */
  const lastWrites = new Map<string, { status: string | undefined; by: string }>()
  const events: string[] = []
  const mails: string[] = []
  let tellMail: (accountId: string, userName: string, email: string, link: MailedLink | undefined) => void = () =>
    undefined

  const record = (accountId: string) => {
    const item = ledger.item(`account#${accountId}`)
    return item && (unmarshall(item) as AccountRecord)
  }

  const passingFaults = passingFaultsOf({ plan, hasReason, broken })
  const sweep = sweepInvariantsOf({ plan, world, record, broken })
  const handover = handoverInvariantsOf({
    world,
    vending,
    ledger,
    executions: all,
    hasChosen: (accountId, userName) => ownPasswords.has(`${accountId} ${lower(userName)}`),
    isImpossible: (accountId) => isImpossible(accountId),
    broken,
  })

  // What account vending did not make
  type ThereBefore = { users: Set<string>; groups: Set<string> }
  const foreignIn = ({ users, groups, policies }: Account, there: ThereBefore) =>
    JSON.stringify([
      [...users.values()]
        .filter(({ name, path }) => path !== ourPath || there.users.has(lower(name)))
        .map(({ groups, policies, tags, login, ...user }) => ({
          ...user,
          passwordLastUsed: 0,
          groups: [...groups].map(({ name }) => name),
          policies: [...policies],
          tags: [...tags],
          login,
        })),
      [...groups.values()]
        .filter(({ name, path }) => path !== ourPath || there.groups.has(lower(name)))
        .map(({ policies, inline, ...group }) => ({ ...group, policies: [...policies], inline: [...inline] })),
      [...policies],
    ])
  // Of any path: anybody in the account may use the path /account-vending/.
  const thereBefore = new Map<string, ThereBefore>(
    [...world.accounts.values()].map(({ id, users, groups }) => [
      id,
      { users: new Set(users.keys()), groups: new Set(groups.keys()) },
    ]),
  )
  const foreign = new Map<string, string>()
  const foreignMade = (accountId: string) => {
    const account = world.accounts.get(accountId)
    if (account) foreign.set(accountId, foreignIn(account, thereBefore.get(accountId)!))
  }
  for (const { id } of world.accounts.values()) foreignMade(id)
  const isForeign = (account: Account, userName: string) => {
    const user = account.users.get(lower(userName))
    return user !== undefined && (user.path !== ourPath || thereBefore.get(account.id)!.users.has(lower(userName)))
  }

  const checkForeign = (accountId: string, by: string) => {
    const account = world.accounts.get(accountId)
    if (account && foreignIn(account, thereBefore.get(accountId)!) !== foreign.get(accountId))
      broken('3 untouched', `what was there before in ${accountId} was changed by ${by}`)
  }
  const checkOwnPasswords = (by: string) => {
    for (const [key, password] of ownPasswords) {
      const [accountId = '', userName = ''] = key.split(' ')
      const account = world.accounts.get(accountId)
      if (account && account.users.get(userName)?.login?.password !== password)
        broken('3 own password', `the password that ${userName} of ${accountId} chose was replaced by ${by}`)
    }
  }

  /** Whether an execution has ended, and a person was told of this end. */
  const isTold = (executionArn: string) => {
    const end = ends.findLast(({ execution }) => execution.executionArn === executionArn)
    return end !== undefined && end.execution.status !== 'RUNNING' && reported.has(end.key)
  }
  /**
   * After a write to an account's record: a function of a failed execution must not turn the record back to VENDING.
   */
  const recordWritten = (accountId: string, by: string) => {
    const { status, lease } = record(accountId) ?? {}
    const before = lastWrites.get(accountId)
    lastWrites.set(accountId, { status, by })
    // A try of AcceptRequest that was stopped may take the lease late. The day's sweep settles that record.
    if (by === 'accept-request' || before?.status !== 'FAILED' || status !== 'VENDING') return
    if (lease && isTold(lease.holder))
      broken(
        '6 ledger',
        `${by} turned the record of ${accountId} from FAILED to VENDING after its execution had failed`,
      )
  }
  /** When a person is told of a failure: the record says so by then. */
  const failureTold = (executionArn: string) => {
    for (const { id } of plan.accounts) {
      const { status, lease } = record(id) ?? {}
      if (lease?.holder !== executionArn || !isTold(executionArn)) continue
      if (status !== 'FAILED' && lastWrites.get(id)?.by !== 'accept-request')
        broken('6 ledger', `a person was told that the vend of ${id} failed, and its record is ${status}`)
    }
  }

  /** Checks after every call that reached AWS. */
  const called = ({ service, operation, input, caller }: Interception, error: string | undefined, by?: Invocation) => {
    if (service === 'secretsmanager' && 'SecretString' in input) passwords.add(String(input['SecretString']))
    if (by) sweep.called({ service, operation, input }, error, by)
    if (error) return
    if (by) passingFaults.called(operation, by)
    if (by) handover.called({ operation, input }, by)
    if (service === 'dynamodb' && operation === 'UpdateItem' && by?.name === 'send-login-email') {
      const names = Object.values((input['ExpressionAttributeNames'] ?? {}) as Record<string, string>)
      if (names.includes('mails'))
        for (const list of sends.values()) for (const send of list) if (send.invocation === by) send.recorded = true
    }
    if (service === 'dynamodb' && operation === 'UpdateItem' && by) {
      const { pk } = input['Key'] as { pk: { S: string } }
      if (pk.S.startsWith('account#')) recordWritten(pk.S.replace('account#', ''), by.name)
    }
    if (service !== 'iam' || !mutating.test(operation)) return
    const by_ = `${caller.function} ${operation}`
    const holder = record(caller.accountId)?.lease?.holder
    if (!plan.accounts.some(({ id }) => id === caller.accountId))
      broken('1 nothing else', `${by_} wrote into ${caller.accountId}, for which nobody asked`)
    else if (!holder || caller.session?.sessionName !== `vend-${vendId(holder)}`)
      broken(
        '7 one at a time',
        `${by_} wrote into ${caller.accountId} as ${caller.session?.sessionName}, while the lease is ${holder ? `vend-${vendId(holder)}'s` : 'nobody’s'}`,
      )
    checkForeign(caller.accountId, by_)
    checkOwnPasswords(by_)
  }

  const mailed = (by: Invocation | undefined, mail: Mail) => {
    mails.push(JSON.stringify(mail))
    if (by) sweep.mailed(by, JSON.stringify(mail))
    const link = by && handover.mailed(by, mail.Destination.ToAddresses, mail.Message.Body.Text.Data)
    if (by?.name === 'report-failure') {
      const { detail } = by.input as { detail: Ended }
      reported.add(endKey(detail))
      failureTold(detail.executionArn)
    }
    if (by?.name !== 'send-login-email') return
    const { account, admin, secretVersion } = by.input as {
      account: { id: string }
      admin: { userName: string; email: string }
      secretVersion: string
    }
    if (mail.Destination.ToAddresses.join() !== admin.email)
      broken('4 mailed', `a mail for ${admin.email} went to ${mail.Destination.ToAddresses.join()}`)
    const key = `${account.id} ${mailKey(admin.userName, admin.email)} ${secretVersion}`
    sends.set(key, [...(sends.get(key) ?? []), { invocation: by, recorded: false }])
    tellMail(account.id, admin.userName, admin.email, link)
  }

  const ended = (execution: Execution) => {
    const { executionArn, status, startDate, stopDate = 0, redriveDate, name } = execution
    if (stopDate - (redriveDate ?? startDate) > (executionSeconds + 1) * 1000)
      broken('6 bounded', `execution ${name} ran for ${(stopDate - startDate) / 1000} s`)
    const { again } = JSON.parse(execution.input) as { again?: boolean }
    const { outcome } = (execution.output ?? {}) as { outcome?: string }
    if (again && outcome === 'AlreadyInProgress')
      broken('1 complete', `the repair ${name} relied on another execution and inspected nothing`)
    passingFaults.ended(execution)
    if (status !== 'SUCCEEDED') ends.push({ key: endKey({ executionArn, stopDate, status }), execution })
  }

  // What this world makes impossible for good
  const isInactive = ({ suspendedAt, liftedAt, closedAt }: AccountPlan) =>
    (suspendedAt !== undefined && liftedAt === undefined) || closedAt !== undefined
  const hopelessIn = (planned: AccountPlan) => [
    ...(isInactive(planned) ? ['AccountNotActiveError', 'AccessRoleMissingError'] : []),
    ...(planned.denied === 'for-good' ? ['DeniedByPolicyError'] : []),
    ...(isGroupInTheWay(plan, planned) ? ['GroupNotOursError'] : []),
  ]
  const isImpossible = (accountId: string) => {
    const planned = plan.accounts.find(({ id }) => id === accountId)
    return planned !== undefined && (planned.departsAt !== undefined || hopelessIn(planned).length > 0)
  }
  const isHopeless = (execution: Execution) => {
    const accountId = accountOfExecution(execution) ?? ''
    const planned = plan.accounts.find(({ id }) => id === accountId)
    if (!planned || !isImpossible(accountId)) return false
    return !world.accounts.has(accountId) || hopelessIn(planned).includes(execution.error ?? '')
  }

  const askOf = ({ accountId, request }: Pick<Arrival, 'accountId' | 'request'>): Ask =>
    completeRequest(parseInput(adminsRequest, request), vending, {
      accountId,
      accountEmail: world.accounts.get(accountId)?.email ?? '',
      partition: 'aws',
    })
  const isEvent = ({ door }: Arrival) => door !== 'manual' && door !== 'api'

  const checkAdmin = (account: Account, asked: Admin, all: Admin[]) => {
    const what = `${asked.userName} of ${account.id}`
    if (isForeign(account, asked.userName)) return
    const user = account.users.get(lower(asked.userName))
    if (!user) return broken('1 complete', `${what} is missing`)
    const groups = [...user.groups].map(({ name }) => lower(name))
    const missing = [
      ...asked.groups.filter((name) => !groups.includes(lower(name))),
      ...asked.policies.filter((arn) => !user.policies.has(arn)),
      ...Object.keys(asked.tags).filter(
        (tag) =>
          !all.some(
            ({ userName, tags }) => lower(userName) === lower(asked.userName) && tags[tag] === user.tags.get(tag),
          ),
      ),
    ]
    if (missing.length) broken('1 complete', `${what} lacks ${missing.join(', ')}`)
    if (!user.login) broken('1 complete', `${what} has no console sign-in`)
    const mailedTo = [...sends.keys()].some((key) =>
      key.startsWith(`${account.id} ${mailKey(asked.userName, asked.email)} `),
    )
    if (!mailedTo && !choseOnce.has(`${account.id} ${lower(asked.userName)}`))
      broken('4 mailed', `${what} was never mailed at ${asked.email}`)
    return undefined
  }

  const checkNothingElse = (account: Account, all: Ask[]) => {
    const admins = all.flatMap(({ admins }) => admins)
    const groups = all.flatMap(({ groups }) => groups)
    for (const user of account.users.values()) {
      if (isForeign(account, user.name)) continue
      const asked = admins.filter(({ userName }) => lower(userName) === lower(user.name))
      const allowedGroups = asked.flatMap((admin) => admin.groups.map(lower))
      const allowedPolicies = [...asked.flatMap(({ policies }) => policies), changePassword]
      const extra = [
        ...(asked.length ? [] : ['the user']),
        ...[...user.groups].map(({ name }) => name).filter((name) => !allowedGroups.includes(lower(name))),
        ...[...user.policies].filter((arn) => !allowedPolicies.includes(arn)),
      ]
      if (extra.length) broken('1 nothing else', `${user.name} of ${account.id}: nobody asked for ${extra.join(', ')}`)
    }
    for (const group of account.groups.values()) {
      if (group.path !== ourPath || thereBefore.get(account.id)!.groups.has(lower(group.name))) continue
      const asked = groups.find(({ name }) => lower(name) === lower(group.name))
      const extra = [...group.policies].filter((arn) => !asked?.policies.includes(arn))
      const missing = asked?.policies.filter((arn) => !group.policies.has(arn)) ?? []
      if (!asked || extra.length)
        broken('1 nothing else', `the group ${group.name} of ${account.id} has ${extra.join(', ')}`)
      if (missing.length && !isImpossible(account.id))
        broken('1 complete', `the group ${group.name} of ${account.id} lacks ${missing.join(', ')}`)
    }
  }

  /** The policy for MFA is on all groups of ours, and on all users of ours without a group; and no other policy is. */
  const checkInline = (account: Account) => {
    const mfa = vending.mfa && JSON.stringify(mfaPolicy('aws'))
    const ours = [
      ...[...account.groups.values()].filter(
        ({ name, path }) => path === ourPath && !thereBefore.get(account.id)!.groups.has(lower(name)),
      ),
      ...[...account.users.values()].filter(({ name, groups }) => !isForeign(account, name) && !groups.size),
    ]
    for (const { name, inline } of ours) {
      const others = [...inline.keys()].filter((policy) => !mfa || policy !== mfaPolicyName)
      if (others.length) broken('1 nothing else', `${name} of ${account.id} has ${others.join(', ')}`)
      if (mfa && inline.get(mfaPolicyName) !== mfa && !isImpossible(account.id))
        broken('12 guard rails', `${name} of ${account.id} needs no MFA`)
    }
  }

  /** No setting of an account's password policy becomes weaker, and a vended account requires what vending.yml says. */
  const checkPasswordPolicy = ({ id, passwordPolicy }: Account, wanted: Vending['passwordPolicy']) => {
    const { MinimumPasswordLength: length = 8, MaxPasswordAge: age = Infinity } = passwordPolicy ?? {}
    const there = plan.accounts.find((account) => account.id === id)?.passwordPolicy
    const least = Math.max(there?.MinimumPasswordLength ?? 0, wanted?.minimumPasswordLength ?? 0)
    const oldest = Math.min(there?.MaxPasswordAge ?? Infinity, wanted?.maxPasswordAge ?? Infinity)
    if (length < least || age > oldest || (wanted?.requireSymbols && !passwordPolicy?.RequireSymbols))
      broken('12 guard rails', `the password policy of ${id} is ${JSON.stringify(passwordPolicy)}`)
  }

  const checkPasswords = (account: Account) => {
    // In a suspended or closed account a stored password cannot be set. The sweep deletes a closed account’s secrets.
    if (account.state !== 'ACTIVE') return
    for (const user of account.users.values()) {
      const key = `${account.id} ${lower(user.name)}`
      if (isForeign(account, user.name) || !user.login || ownPasswords.has(key)) continue
      const secret = world.secrets.get(secretName(account.id, user.name))
      const [version, current] =
        [...(secret?.versions ?? [])].find(([, { stages }]) => stages.includes('AWSCURRENT')) ?? []
      if (!secret || secret.deletionAt || current?.value !== user.login.password)
        broken('2 stored password', `${user.name} of ${account.id} cannot sign in with the stored password`)
      if (user.login.resetRequired !== vending.passwordResetRequired)
        broken(
          '2 stored password',
          `${user.name} of ${account.id} must ${vending.passwordResetRequired ? '' : 'not '}change the password, and need${vending.passwordResetRequired ? ' not' : 's to'}`,
        )
      if (
        ![...sends.keys()].some((sent) => sent.startsWith(`${key} `) && sent.endsWith(` ${version}`)) &&
        !handover.isSilent(version) &&
        !isImpossible(account.id)
      )
        broken('4 mailed', `${user.name} of ${account.id} was not mailed for the password of today`)
    }
    if (isImpossible(account.id) || plan.intrusion) return
    for (const { name, deletionAt } of world.secrets.values()) {
      const userName = name.startsWith(`account-vending/${account.id}/`)
        ? name.slice(name.lastIndexOf('/') + 1)
        : undefined
      if (userName && !deletionAt && !account.users.get(userName)?.login)
        broken('2 stored password', `${name} holds a password with which nobody can sign in`)
    }
  }

  const checkMails = () => {
    for (const [key, list] of sends)
      if (list.filter(({ recorded }) => recorded).length > 1)
        broken('4 mailed', `${key.split(' ').slice(0, 3).join(' ')} was mailed again though a mail was on record`)
  }

  const checkSecrecy = (places: Record<string, string>) => {
    handover.checkMails()
    const scalars = handover.scalars()
    for (const [place, text] of Object.entries(places)) {
      if (place !== 'a mail' && scalars.some((scalar) => text.includes(scalar)))
        broken('5 secrecy', `the key of a link is in ${place}`)
      for (const password of passwords)
        if (text.includes(password) || text.includes(JSON.stringify(password).slice(1, -1)))
          broken('5 secrecy', `a password is in ${place}`)
    }
  }

  type End = { logs: string[]; deadLetters: unknown[]; trace: string[] }
  /** Checks what holds at the end of every world. */
  const endOfEveryWorld = (executions: Execution[], { logs, deadLetters, trace }: End) => {
    if (deadLetters.length) broken('6 reported', `${deadLetters.length} dead letters cannot be replayed`)
    for (const { key, execution } of ends)
      if (!reported.has(key)) broken('6 reported', `nobody was told of the failure of ${execution.name}`)
    checkMails()
    checkOwnPasswords('the end')
    for (const { id } of plan.accounts) {
      checkForeign(id, 'somebody')
      const stillFailed = executions.some((one) => one.status !== 'SUCCEEDED' && accountOfExecution(one) === id)
      if (world.accounts.has(id) && record(id)?.lease && !stillFailed)
        broken('7 lease', `the lease of ${id} is left behind`)
    }
    checkSecrecy({
      'the history': JSON.stringify(executions),
      'a log': logs.join(''),
      'an event': events.join(),
      'a mail': mails.join(),
      'the ledger': JSON.stringify(ledger.all()),
      'the trace': trace.join('\n'),
      'an answer of the page': handover.answers(),
    })
  }

  const atEnd = async (executions: Execution[], end: End) => {
    endOfEveryWorld(executions, end)
    sweep.atEnd(executions)
    await handover.atEnd()
    for (const { id } of plan.accounts) {
      const account = world.accounts.get(id)
      if (!account) continue
      const asked = asks.filter(({ accountId, acceptance }) => accountId === id && acceptance !== 'refused')
      // If no request for a new account was surely accepted, the sweep may vend the account as without a request.
      const isSwept = executions.some(
        (execution) => accountOfExecution(execution) === id && execution.name.startsWith('sweep-'),
      )
      const isCertain = asked.some(({ acceptance }) => acceptance === 'accepted')
      const bySweep = isSwept && !isCertain ? [{ accountId: id, request: {} }] : []
      checkNothingElse(account, [...asked, ...bySweep].map(askOf))
      checkPasswords(account)
      checkInline(account)
      const here = executions.filter((execution) => accountOfExecution(execution) === id)
      const there = record(id)
      if (there && !asked.length && !bySweep.length)
        broken('1 nothing else', `${id} is on record, for which nobody asked`)
      checkPasswordPolicy(account, there?.vendedAt ? vending.passwordPolicy : undefined)
      if (isImpossible(id)) {
        const last = there && here.find(({ executionArn }) => executionArn === there.executionArn)
        if (last && last.status !== 'SUCCEEDED' && there.status !== 'FAILED' && there.status !== 'CLOSED')
          broken('6 ledger', `the record of ${id} is ${there.status}, its execution ${last.status}`)
        continue
      }
      const accepted = asked.filter(({ acceptance }) => acceptance === 'accepted')
      if (accepted.length && there?.status !== 'VENDED')
        broken('6 ledger', `the record of ${id} is ${there?.status ?? 'missing'} at the end`)
      if (accepted.length && !there?.vendedAt) broken('1 complete', `${id} was never vended`)
      // An event asks for the default administrators, unless somebody asks for others.
      const requests = accepted.filter((one) => !isEvent(one) || asked.every(isEvent)).map(askOf)
      const admins = asked.map(askOf).flatMap(({ admins }) => admins)
      for (const { admins: wanted } of requests) for (const admin of wanted) checkAdmin(account, admin, admins)
    }
  }

  return {
    broken,
    handover,
    record,
    called,
    mailed,
    ended,
    endOfEveryWorld,
    atEnd,
    /** Takes note of an account that is created in this world. */
    accountMade: (accountId: string) => {
      thereBefore.set(accountId, { users: new Set(), groups: new Set() })
      foreignMade(accountId)
    },
    /** Takes note of what somebody else has changed in an account, and of a user of any path whom they made there. */
    foreignMade: (accountId: string, userName?: string) => {
      if (userName !== undefined) thereBefore.get(accountId)?.users.add(lower(userName))
      foreignMade(accountId)
    },
    /**
     * Whether a record says VENDING though its execution has ended: a stopped try wrote late. The day's sweep settles
     * that.
     */
    needsSweep: (executions: Execution[]) =>
      plan.accounts.some(({ id }) => {
        const there = record(id)
        const last = executions.find(({ executionArn }) => executionArn === there?.executionArn)
        return there?.status === 'VENDING' && last !== undefined && last.status !== 'RUNNING'
      }),
    isHopeless,
    isImpossible,
    /** Whether a person was told of this end. */
    wasTold: (execution: Execution) => reported.has(endKey(execution)),
    asked: (arrival: Arrival, acceptance: Acceptance) => {
      // The event of an account from before the installation asks for nothing.
      const isOld = plan.accounts.some(({ id, isOld }) => id === arrival.accountId && isOld)
      if (!isOld || !isEvent(arrival)) asks.push({ ...arrival, acceptance })
    },
    told: (details: string[]) => events.push(...details),
    onMail: (listener: typeof tellMail) => (tellMail = listener),
    choseOwn: (accountId: string, userName: string, password: string) => {
      passwords.add(password)
      ownPasswords.set(`${accountId} ${lower(userName)}`, password)
      choseOnce.add(`${accountId} ${lower(userName)}`)
    },
    hasChosen: (accountId: string, userName: string) => ownPasswords.has(`${accountId} ${lower(userName)}`),
    signInDeleted: (accountId: string, userName: string) => ownPasswords.delete(`${accountId} ${lower(userName)}`),
    /** Checks the request that is made after everything else: the account can be vended again. */
    probed: (accountId: string, { status, error, output }: Execution) => {
      if (status !== 'SUCCEEDED' || (output as { outcome?: string }).outcome !== 'Vended')
        broken('7 vended again', `${accountId} could not be vended at the end: ${status} ${error ?? ''}`)
      if (record(accountId)?.lease) broken('7 lease', `the lease of ${accountId} is left behind`)
    },
    duplicateMails: () => [...sends.values()].reduce((sum, list) => sum + list.length - 1, 0),
    violation: () => first,
  }
}
