import { answering } from '../../local/aws/endpoint.ts'
import { busEvent, rulesFor } from '../../local/aws/eventbridge.ts'
import { signIn } from '../../local/aws/iam.ts'
import type { Execution } from '../../local/aws/step-functions-execution.ts'
import { startStepFunctions, statusEvent, withMachines } from '../../local/aws/step-functions.ts'
import { addAccount, addUser, createWorld } from '../../local/aws/world.ts'
import { mailOperations } from '../support/mail-operations.ts'
import { accountOfExecution } from '../../local/read-execution.ts'
import { isRemoval } from '../../functions/shared/event-shape.ts'
import { explanations, unforeseen } from '../../functions/shared/explanations.ts'
import { ourPath } from '../../functions/shared/iam-client.ts'
import { secretName } from '../../functions/shared/secret-name.ts'
import { makeDrift } from './drifts.ts'
import { inMemoryDynamoDB } from './dynamodb.ts'
import { faultsOf } from './faults.ts'
import { invariantsOf } from './invariants.ts'
import { livenessOf } from './liveness.ts'
import { mailEventsOf } from './mail-events.ts'
import type { Plan } from './plan.ts'
import { oneOf, randomFrom } from './random.ts'
import { roundInvariantsOf } from './round-invariants.ts'
import { type Drift, drawRoundPlan, keepsOut, type RemovalAsk, type RoundPlan } from './round-plan.ts'
import { outcomeOf, runningIn, uuidsOf } from './running.ts'
import { never, type Service } from './service.ts'
import { checkSchedule, listing, sweepAt } from './sweeps.ts'
import { inVirtualTime, sleep } from './virtual-time.ts'
import { visitsOf } from './visits.ts'
import { type Result, resultOf } from './world-result.ts'

const day = 24 * 60 * 60
/** The functions of a round that send mails to people. */
const roundMailers = ['follow-up', 'report-round']
/** How often an operator redrives or starts again at most, after everything has healed. */
const mostRounds = 4

/** Runs the world of a seed in which the daily round runs for days, and checks the invariants in it. */
export const runRoundWorld = (
  services: Record<Plan['config'], Service>,
  seed: number,
  { isLive = false } = {},
): Promise<Result> => {
  const random = randomFrom(`round world ${seed}`)
  const plan = drawRoundPlan(seed, random)
  return inVirtualTime(random, () => live(services[plan.config], plan, random, isLive))
}

type Asked = { remove?: RemovalAsk['remove']; renew?: string }

const live = async (service: Service, plan: RoundPlan, random: () => number, isLive: boolean): Promise<Result> => {
  const { deployed, vending, clock } = service
  checkSchedule(deployed)
  const { start, result, trace, count: note, conclude } = resultOf(plan.seed, clock.now)
  let faultsUntilNow = 0
  const count = (what: { kind: string; what: string }) => {
    faultsUntilNow++
    note(what)
  }
  const chance = (probability: number) => random() < probability
  const isStriking = (probability: number) => !isHealed && plan.faults.kinds.length > 0 && chance(probability)
  const logs: string[] = []

  // The organization
  const world = createWorld({
    now: clock.now,
    setTimer: clock.setTimer,
    random,
    staleness: plan.staleness,
    accessRole: vending.accessRole,
    topics: [deployed.noticesTopicArn],
  })
  world.managesRootCredentials = true
  // The organization's other accounts joined before the service was installed.
  for (const account of world.accounts.values()) account.joinedAt = start - 100 * day * 1000
  for (const { id, name, foreign } of plan.accounts) {
    const account = addAccount(world, {
      id,
      name,
      email: `root-${id}@example.com`,
      roleName: vending.accessRole,
      joinedAt: start + 1,
    })
    if (!foreign.user) continue
    const there = addUser(world, account, { ...foreign.user, createdAt: start - day * 1000 })
    if (foreign.user.signsIn)
      there.login = { password: 'Somebody-elses-1', resetRequired: false, createdAt: start - day * 1000 }
  }
  const uuid = uuidsOf(random)
  const ledger = inMemoryDynamoDB(deployed.ledgerTable, clock.now, { lag: 1000 })
  const faults = faultsOf(plan, { random, start, accounts: new Map(), current: service.current, note: count })
  const foreignUsers = new Map(plan.accounts.map(({ id }) => [id, new Set(world.accounts.get(id)?.users.keys())]))
  /** What somebody has changed by hand in an account: the kinds, and since when until when. */
  const drifts: { accountId: string; kind: Drift['kind']; at: number; mendedAt?: number }[] = []
  const isDrifted = ({ startDate, stopDate = Infinity, ...execution }: Execution, ...kinds: Drift['kind'][]) =>
    drifts.some(
      ({ accountId, kind, at, mendedAt = Infinity }) =>
        kinds.includes(kind) &&
        accountId === accountOfExecution(execution as Execution) &&
        at <= stopDate &&
        mendedAt >= startDate,
    )
  const invariants = invariantsOf({
    plan,
    world,
    vending,
    ledger,
    executionSeconds: (deployed.definition as { TimeoutSeconds?: number }).TimeoutSeconds ?? 0,
    executions: () => executions(),
    hasReason: (execution) => {
      const { remove, renew } = JSON.parse(execution.input) as Asked
      const { error } = execution
      if (error === 'LastWayInError') return remove !== undefined && !remove.lastWayIn
      // Somebody may have removed the administrator, or have been asked about one who was never there.
      if (error === 'UserNotOnRecordError' || error === 'UserKeptError')
        return renew !== undefined || remove?.userName !== undefined
      if (error === 'GroupNotOursError') return isDrifted(execution, 'member-added', 'group-gone')
      if (error === 'DeleteConflictException') return isDrifted(execution, 'member-added')
      return (
        ['AccessRoleMissingError', 'DeniedByPolicyError'].includes(error ?? '') && isDrifted(execution, ...keepsOut)
      )
    },
  })
  const rounds = roundInvariantsOf({
    plan,
    world,
    vending,
    ledger,
    record: invariants.record,
    executions: () => executions().filter((one) => !isRound(one)),
    faults: () => faultsUntilNow,
    isForeign: (accountId, userName) => foreignUsers.get(accountId)?.has(userName.toLowerCase()) ?? false,
    broken: invariants.broken,
  })
  const liveness = livenessOf({ now: clock.now, isExcused: () => false, broken: invariants.broken })
  const mailEvents = mailEventsOf({
    fates: plan.fates,
    random,
    world,
    ledger,
    uuid,
    deliver: (event) => deliver(event),
    notify: vending.notify,
    count: note,
    broken: invariants.broken,
  })

  // The service
  const isRound = ({ stateMachineArn }: Pick<Execution, 'stateMachineArn'>) =>
    stateMachineArn === deployed.round.stateMachineArn
  type Mail = Parameters<typeof invariants.mailed>[1] & {
    Message: { Subject: { Data: string } }
    Tags?: { Name: string; Value: string }[]
  }
  const sendEmail = (_: unknown, input: object) => {
    const mail = input as Mail
    const by = service.current()
    invariants.mailed(by, mail)
    rounds.mailed(by, mail, mail.Message.Body.Text.Data)
    if (by?.name === 'record-mail-event') mailEvents.noticed(by, mail.Destination.ToAddresses)
    // A reminder that arrives says nothing about the sign-in mail.
    if (by?.name !== 'follow-up') track(mailEvents.accepted(mail))
    trace(`    mail to ${mail.Destination.ToAddresses.join()}: ${mail.Message.Subject.Data}`)
    const { detail } = (by?.input ?? {}) as { detail?: { executionArn?: string } }
    const failedOne = both.executions.get(detail?.executionArn ?? '')
    if (by?.name === 'report-failure' && failedOne && isRound(failedOne) && chance(plan.redrivesRounds))
      track(sleep(random() * 3600_000).then(() => (failedOne.status === 'RUNNING' ? undefined : goOn(failedOne))))
    return { MessageId: uuid() }
  }
  type Entry = { Source: string; DetailType: string; Detail: string }
  const putEvents = (_: unknown, { Entries }: { Entries: Entry[] }) => {
    const by = service.current()
    // EventBridge can refuse one event of a call, and take the others.
    const refused = isStriking(0.1) ? Math.floor(random() * Entries.length) : -1
    if (refused >= 0) count({ kind: 'event-refused', what: Entries[refused]?.DetailType ?? '' })
    const taken = Entries.filter((_, i) => i !== refused)
    invariants.told(taken.map(({ Detail }) => Detail))
    rounds.told(
      by,
      taken.flatMap(({ DetailType, Detail }) => (DetailType === 'Finding' ? [Detail] : [])),
    )
    for (const { Source: source, DetailType: detailType, Detail } of taken) {
      const event = busEvent(world, { source, detailType, detail: JSON.parse(Detail) as object })
      if (rulesFor(deployed.rules, event).length) deliver({ ...event, id: uuid() })
    }
    return {
      FailedEntryCount: refused >= 0 ? 1 : 0,
      Entries: Entries.map((_, i) =>
        i === refused ? { ErrorCode: 'ThrottlingException', ErrorMessage: 'Rate exceeded' } : { EventId: uuid() },
      ),
    }
  }
  const endpoint: Parameters<Service['invoke']>[2] = {
    log: (line) => logs.push(line),
    handle: async () => Promise.reject(new Error('not there yet')),
  }
  const invoke = async (name: string, input: unknown) => {
    trace(`  > ${name}`)
    try {
      const output = await faults.boundary(name, () => service.invoke(name, input, endpoint))
      trace(`  < ${name}`)
      return output
    } catch (error) {
      trace(`  x ${name} ${(error as Error).name}`)
      throw error
    }
  }
  const running = runningIn({
    service,
    stepFunctions: () => both,
    invoke,
    uuid,
    trace,
    count: note,
    broken: invariants.broken,
  })
  const { track, deadLetters, invokeAsync, follow, startExecution, executions, failed, deliver, settled, stop } =
    running
  const onEnd = (execution: Execution) => {
    const { name, status, error } = execution
    trace(
      `${isRound(execution) ? 'round' : 'execution'} ${name.slice(0, 24)} ${status} ${error ?? outcomeOf(execution) ?? ''}`,
    )
    invariants.ended(execution)
    liveness.ended(execution)
    if (isRound(execution)) rounds.roundEnded(execution)
    else rounds.removed(execution)
    running.ended(execution)
    deliver({ ...statusEvent(world, execution), id: uuid() })
  }
  const machine = ({ definition, stateMachineArn }: { definition: unknown; stateMachineArn: string }) =>
    startStepFunctions({
      definition: definition as never,
      stateMachineArn,
      clock,
      invoke: (arn, input) => invoke(service.functionOf(arn), input),
      onProgress: () => undefined,
      onEnd,
    })
  const vendMachine = machine(deployed)
  const roundMachine = machine(deployed.round)
  const both = {
    ...vendMachine,
    get executions() {
      return new Map([...vendMachine.executions, ...roundMachine.executions])
    },
    operations: withMachines(vendMachine, roundMachine),
  }
  endpoint.handle = answering(world, {
    operations: {
      ...listing(ledger, (accountId) => count({ kind: 'list-not-whole', what: accountId }), { pageSize: 25 }),
      ses: mailOperations(sendEmail),
      events: { PutEvents: putEvents },
      states: { ...both.operations, StartExecution: running.startFromOutside },
    },
    intercept: async (interception) => {
      const by = service.current()
      const after = await faults.intercept(interception)
      rounds.calling(interception, by)
      // A round sends few mails, so some worlds have more faults beside them.
      const isLost = interception.service === 'ses' && by && roundMailers.includes(by.name) && isStriking(0.25)
      if (isLost) count({ kind: 'round-mail-lost', what: by.name })
      if (isLost && chance(0.5)) {
        by.kill('Runtime.ExitError')
        return never()
      }
      return async (error) => {
        const { service: of, operation, record } = interception
        trace(`    ${record.function} ${of}:${operation}${error ? ` ${error}` : ''}`)
        invariants.called(interception, error, by)
        if (by && !error) mailEvents.called(interception, by)
        if (!error) rounds.called(interception, by)
        if (!error && by?.name === 'follow-up' && operation === 'StartExecution') lateComer(interception.input)
        await after?.(error)
        if (!isLost) return
        by.kill('Runtime.ExitError')
        await never()
      }
    },
  })
  let isHealed = false

  const startRound = () => {
    const execution = roundMachine.start(uuid(), '{}')
    if (execution === 'ExecutionAlreadyExists') return
    trace(`round ${execution.name.slice(0, 24)} starts`)
    rounds.roundBegins(execution)
    follow(execution.executionArn)
  }
  /** Fires the schedule on a day, `times` times: EventBridge delivers at least once. */
  const roundOn = async (nth: number, times: number) => {
    await sleep(start + sweepAt(nth) * 1000 - clock.now())
    for (let fired = 0; fired < times; fired++) {
      if (fired) count({ kind: 'schedule-twice', what: `day ${nth}` })
      startRound()
      if (fired + 1 < times) await sleep(oneOf(random, [0, random() * 60_000]))
    }
  }

  // People
  const isRunning = (accountId: string) =>
    executions().some((one) => one.status === 'RUNNING' && accountOfExecution(one) === accountId)
  const isHeld = (accountId: string) => isRunning(accountId) || invariants.record(accountId)?.lease !== undefined
  const userOf = (accountId: string, userName: string) =>
    world.accounts.get(accountId)?.users.get(userName.toLowerCase())
  const storedPassword = (accountId: string, userName: string) => {
    const secret = world.secrets.get(secretName(accountId, userName))
    if (!secret || secret.deletionAt) return undefined
    return [...secret.versions.values()].find(({ stages }) => stages.includes('AWSCURRENT'))?.value
  }
  type Person = { accountId: string; userName: string }
  const choosePassword = ({ accountId, userName }: Person) => {
    const user = userOf(accountId, userName)
    if (!user?.login || isHeld(accountId) || invariants.hasChosen(accountId, userName)) return
    // Somebody may have removed the sign-in since, and a vend made a new one.
    if ((user.passwordLastUsed ?? 0) < user.login.createdAt) return
    note({ kind: 'password-chosen', what: `by ${userName} of ${accountId}` })
    const chosen = `Chosen-by-${userName}-${Math.floor(random() * 1e6)}`
    user.login = { ...user.login, password: chosen, resetRequired: false }
    invariants.choseOwn(accountId, userName, chosen)
    rounds.touched(accountId)
  }
  const setUpMfa = ({ accountId, userName }: Person) => {
    const user = userOf(accountId, userName)
    const account = world.accounts.get(accountId)
    if (!user?.login || !account || isHeld(accountId)) return
    const serialNumber = `arn:aws:iam::${accountId}:mfa/${userName}-${Math.floor(random() * 1e6)}`
    account.mfaDevices.set(serialNumber, { serialNumber, createdAt: clock.now(), user, enabledAt: clock.now() })
    note({ kind: 'mfa-set-up', what: `by ${userName} of ${accountId}` })
    rounds.touched(accountId)
  }
  /** Signs in with the stored password. Most people then choose a password and set up MFA: at once, later or never. */
  const signInFirst = (person: Person, password: string | undefined) => {
    const { accountId, userName } = person
    if (isHeld(accountId) || invariants.hasChosen(accountId, userName) || !userOf(accountId, userName)?.login) return
    if (password === undefined || signIn(world, accountId, userName, password) === 'refused') return
    note({ kind: 'signed-in', what: `${userName} of ${accountId}` })
    rounds.touched(accountId)
    invariants.handover.used(accountId, userName, password)
    const soon = () => sleep(random() * oneOf(random, [0, 0, 0, 2 * day]) * 1000)
    if (!chance(0.9)) return
    const settle = async () => {
      await soon()
      choosePassword(person)
      await soon()
      if (vending.mfa && chance(0.8)) setUpMfa(person)
    }
    track(settle())
  }
  /** Somebody comes in the very moment in which the round takes their sign-in away. */
  const lateComer = ({ input = '{}' }: { input?: string }) => {
    const { accountId = '', remove } = JSON.parse(input) as Asked & { accountId?: string }
    const userName = remove?.userName
    if (userName === undefined || !chance(plan.lateComers)) return
    const come = async () => {
      await sleep(random() * oneOf(random, [200, 800]))
      const password = storedPassword(accountId, userName)
      if (
        !password ||
        !userOf(accountId, userName)?.login ||
        signIn(world, accountId, userName, password) === 'refused'
      )
        return
      note({ kind: 'signed-in-late', what: `${userName} of ${accountId}` })
      rounds.touched(accountId)
    }
    track(come())
  }
  const visits = visitsOf({
    visits: plan.visits,
    random,
    invoke,
    invariants: invariants.handover,
    count: note,
    trace,
    use: (person, password) => {
      if (storedPassword(person.accountId, person.userName) === password) signInFirst(person, password)
    },
    renew: ({ accountId, userName }) => {
      const { kept = true } = invariants.record(accountId)?.admins[userName.toLowerCase()] ?? {}
      if (kept) return
      note({ kind: 'link-renewed', what: `of ${userName} of ${accountId}` })
      startExecution(`renew-${uuid()}`, JSON.stringify({ accountId, renew: userName, requestedBy: 'operator' }))
    },
  })
  invariants.onMail((accountId, userName, email, link) => {
    rounds.signInMailed({ accountId, userName, email }, link?.version)
    const come = async () => {
      await sleep(random() * oneOf(random, [600, day, 3 * day, 6 * day]) * 1000)
      signInFirst({ accountId, userName }, storedPassword(accountId, userName))
    }
    if (chance(plan.people)) track(come())
    if (link) for (const visit of visits.mailed(link)) track(visit)
  })
  const drift = async ({ at, mendedAt, accountId, kind }: Drift) => {
    await sleep(at * 1000)
    const account = world.accounts.get(accountId)
    const record = invariants.record(accountId)
    const ours = [...(account?.users.values() ?? [])].filter(
      ({ name, path }) => path === ourPath && !foreignUsers.get(accountId)?.has(name.toLowerCase()),
    )
    const user = ours.length ? oneOf(random, ours) : undefined
    if (!account || !user || record?.status !== 'VENDED' || isHeld(accountId)) return
    const made = makeDrift(world, account, { kind, user })
    if (!made) return
    note({ kind: `drift-${kind}`, what: accountId })
    if (kind === 'user-gone') invariants.signInDeleted(accountId, user.name)
    const found = { accountId, key: `${accountId} ${kind}#${made.subject.toLowerCase()}`, at: clock.now() }
    const seen: typeof found & { mendedAt?: number; kind: Drift['kind'] } = { ...found, kind }
    drifts.push(seen)
    // Somebody without a device who has not signed in is no finding.
    const signsIn = user.login !== undefined && (user.passwordLastUsed ?? 0) > user.login.createdAt
    if (kind !== 'mfa-off' || signsIn) rounds.drifted(seen)
    rounds.touched(accountId)
    invariants.foreignMade(accountId)
    if (mendedAt === undefined || !made.mend) return
    await sleep(Math.max(0, (mendedAt - at) * 1000))
    note({ kind: 'drift-mended', what: kind })
    made.mend()
    seen.mendedAt = clock.now()
    rounds.touched(accountId)
    invariants.foreignMade(accountId)
  }

  // The operator
  /** An operator's removal also takes the sign-in of people who have chosen a password. */
  const passwordsMayGo = (accountId: string, { userName }: RemovalAsk['remove']) => {
    const names = userName ? [userName] : Object.keys(invariants.record(accountId)?.passwords ?? {})
    for (const name of names) invariants.signInDeleted(accountId, name)
  }
  const askRemoval = async ({ at, accountId, remove }: RemovalAsk) => {
    await sleep(at * 1000)
    note({ kind: `removal-of-${remove.what}`, what: `${remove.userName ?? 'all'} of ${accountId}` })
    passwordsMayGo(accountId, remove)
    startExecution(`remove-${uuid()}`, JSON.stringify({ accountId, remove, requestedBy: 'operator' }))
  }
  const ask = async ({ at, accountId, again }: { at: number; accountId: string; again?: boolean }) => {
    await sleep(at * 1000)
    const { request } = plan.arrivals.find((one) => one.accountId === accountId) ?? {}
    startExecution(`manual-${uuid()}`, JSON.stringify({ accountId, ...request, ...(again && { again }) }))
  }
  const superseded = new Set<string>()
  /** Redrives or starts again, as the failure notice says. */
  const goOn = (execution: Execution) => {
    const { executionArn, input, status, error = '', stopDate = 0 } = execution
    if (superseded.has(executionArn)) return
    const { accountId = '', remove, requestedBy } = JSON.parse(input) as Asked & RemovalAsk & { requestedBy?: string }
    if (requestedBy === 'operator' && remove) passwordsMayGo(accountId, remove)
    const { goOn } = explanations[status === 'ABORTED' ? 'Aborted' : error] ?? unforeseen
    // The next round looks again at what an older round has left.
    const isOld = isRound(execution) && clock.now() - stopDate > (day / 2) * 1000
    if (goOn === 'redrive' && !isOld) {
      liveness.redriven(execution)
      note({ kind: isRound(execution) ? 'round-redriven' : 'redriven', what: executionArn.slice(-8) })
      both.operations.RedriveExecution(undefined, { executionArn })
      return follow(executionArn)
    }
    superseded.add(executionArn)
    if (goOn === 'correct' || isOld) return
    note({ kind: 'started-again', what: executionArn.slice(-8) })
    if (isRound(execution)) startRound()
    else if (isRemoval(JSON.parse(input))) startExecution(`remove-${uuid()}`, input)
    else startExecution(`again-${uuid()}`, input)
  }
  const extraRound = async (at: number) => {
    await sleep(at * 1000)
    note({ kind: 'round-by-hand', what: '' })
    startRound()
  }

  const run = async () => {
    for (const { accountId, at } of plan.arrivals) track(ask({ accountId, at }))
    for (const repair of plan.repairs) track(ask({ ...repair, again: true }))
    for (const one of plan.drifts) track(drift(one))
    for (const removal of plan.removals) track(askRemoval(removal))
    for (const at of plan.extraRounds) track(extraRound(at))
    const healsAt = isLive ? random() * plan.heals : plan.heals
    for (const at of plan.stops) if (at < healsAt) track(stop(at))
    plan.sweeps.forEach((times, nth) => track(roundOn(nth, times)))
    await sleep(healsAt * 1000)
    if (isLive) liveness.healed()

    trace('everything heals')
    isHealed = true
    faults.heal()
    world.staleness = 0
    for (let round = 0; round < mostRounds; round++) {
      await sleep(120_000 + random() * 600_000)
      for (const execution of failed()) if (invariants.wasTold(execution)) goOn(execution)
    }
    for (const { name, event } of deadLetters.splice(0)) await invokeAsync(name, event)
    await settled()
    for (const execution of failed()) if (!isRound(execution)) goOn(execution)
    await settled()
    for (const { name, event } of deadLetters.splice(0)) await invokeAsync(name, event)
    mailEvents.atEnd()
    invariants.endOfEveryWorld(executions(), { logs, deadLetters, trace: result.trace })
  }
  return conclude(run, { executions, crash: running.crash, invariants })
}
