import { answering, type Interception } from '../../local/aws/endpoint.ts'
import { busEvent, rulesFor } from '../../local/aws/eventbridge.ts'
import { signIn } from '../../local/aws/iam.ts'
import type { Execution } from '../../local/aws/step-functions-execution.ts'
import { startStepFunctions, statusEvent } from '../../local/aws/step-functions.ts'
import { accountOfExecution } from '../../local/read-execution.ts'
import { type Account, addAccount, addGroup, addUser, createWorld, type World } from '../../local/aws/world.ts'
import { mailOperations } from '../support/mail-operations.ts'
import { claimDisowned, disownedIn, linkClaimed } from '../../functions/shared/event-shape.ts'
import { explanations, unforeseen } from '../../functions/shared/explanations.ts'
import { ourPath } from '../../functions/shared/iam-client.ts'
import { secretName } from '../../functions/shared/secret-name.ts'
import { accountCreated, accountJoined, managedAccount } from '../support/events.ts'
import { inMemoryDynamoDB } from './dynamodb.ts'
import { faultsOf } from './faults.ts'
import { invariantsOf, Violation } from './invariants.ts'
import { livenessOf } from './liveness.ts'
import { mailEventsOf } from './mail-events.ts'
import { type Arrival, type Door, drawPlan, type Plan } from './plan.ts'
import { oneOf, randomFrom } from './random.ts'
import { outcomeOf, runningIn, uuidsOf } from './running.ts'
import type { Service } from './service.ts'
import { checkSchedule, listing, nextSweepDay, sweepInput, sweepAt } from './sweeps.ts'
import { inVirtualTime, sleep } from './virtual-time.ts'
import { visitsOf } from './visits.ts'
import { type Result, resultOf } from './world-result.ts'

const day = 24 * 60 * 60
/**
 * Control Tower creates accounts through Organizations: both send an event, and the rules match only one of the two.
 */
const alsoTold: Partial<Record<Door, Door>> = { created: 'managed-create', 'managed-create': 'created' }
/** CloudTrail delivers most events within minutes. An event after this time counts as late. */
const lateSeconds = 60 * 60
/** How often an operator redrives or restarts at most, after everything has healed. */
const mostRounds = 6

/** Is called for every AWS call before the call takes effect. */
export type OnCall = (interception: Interception, world: World) => void

/** `isLive`: all faults end at a random moment, and then everything ends as promised. */
type Options = { onCall?: OnCall; isLive?: boolean }

/** Runs the world of a seed from beginning to end, and checks the invariants in it. */
export const runWorld = (
  services: Record<Plan['config'], Service>,
  seed: number,
  { onCall, isLive = false }: Options = {},
): Promise<Result> => {
  const random = randomFrom(`world ${seed}`)
  const plan = drawPlan(seed, random)
  return inVirtualTime(random, () => live(services[plan.config], plan, random, { onCall, isLive }))
}

const live = async (
  service: Service,
  plan: Plan,
  random: () => number,
  { onCall, isLive }: { onCall: OnCall | undefined; isLive: boolean },
): Promise<Result> => {
  const { deployed, vending, clock } = service
  checkSchedule(deployed)
  const { start, result, trace, count: note, conclude } = resultOf(plan.seed, clock.now)
  const count = ({ kind, what }: { kind: string; what: string }) => {
    note({ kind, what })
    if (kind === 'slow' && plan.isImpatient && (result.faults[kind] ?? 0) < 3) track(stopAndAskAnew())
  }
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
  world.forgetfulSeconds = 30
  const uuid = uuidsOf(random)
  const ledger = inMemoryDynamoDB(deployed.ledgerTable, clock.now, { lag: 1000 })
  // The organization's other accounts joined before the service was installed.
  for (const account of world.accounts.values()) account.joinedAt = start - 100 * day * 1000
  const forbid = (account: Account) => {
    count({ kind: 'forbidden-by-policy', what: account.id })
    account.deniedActions = ['iam:CreateUser']
  }
  const byId = new Map(plan.accounts.map((account) => [account.id, account]))
  for (const planned of plan.accounts) {
    const account = addAccount(world, {
      id: planned.id,
      name: planned.name,
      email: `root-${planned.id}@example.com`,
      joinedMethod: planned.joinedMethod,
      roleName: vending.accessRole,
      // The ledger was made when the service was installed.
      joinedAt: planned.isOld ? start - 30 * day * 1000 : start + 1,
    })
    if (planned.passwordPolicy) account.passwordPolicy = { ...planned.passwordPolicy }
    const { user, group } = planned.foreign
    if (group) count({ kind: 'group-there-before', what: group.name })
    if (user) count({ kind: 'user-there-before', what: user.name })
    // A user who may only create and join groups waits in a group of our path, to become an administrator by it.
    const squats = user?.path === ourPath && group?.policy !== 'AdministratorAccess'
    const groupThere =
      group &&
      addGroup(world, account, {
        name: group.name,
        createdAt: start - day * 1000,
        ...(squats && { path: ourPath }),
      })
    if (groupThere && !squats) groupThere.policies.add(`arn:aws:iam::aws:policy/${group.policy}`)
    if (user) {
      const there = addUser(world, account, { ...user, createdAt: start - day * 1000 })
      if (user.signsIn)
        there.login = { password: 'Somebody-elses-1', resetRequired: false, createdAt: start - day * 1000 }
      if (groupThere && squats) there.groups.add(groupThere)
    }
    if (planned.denied && !planned.deniedAt) forbid(account)
    if (planned.scheduledSecretOf) {
      const name = secretName(planned.id, planned.scheduledSecretOf)
      count({ kind: 'secret-scheduled-for-deletion', what: name })
      world.secrets.set(name, {
        name,
        arn: `arn:aws:secretsmanager:us-east-1:${world.managementAccountId}:secret:${name}-abcdef`,
        kmsKeyId: deployed.passwordKeyArn,
        tags: [],
        createdAt: start - day * 1000,
        changedAt: start - day * 1000,
        deletionAt: start + 20 * day * 1000,
        versions: new Map([
          [
            'an-earlier-installation-made-this',
            { value: 'An-old-password-123', stages: ['AWSCURRENT'], createdAt: start },
          ],
        ]),
      })
    }
  }
  const faults = faultsOf(plan, { random, start, accounts: byId, current: service.current, note: count })
  const invariants = invariantsOf({
    plan,
    world,
    vending,
    ledger,
    executionSeconds: (deployed.definition as { TimeoutSeconds?: number }).TimeoutSeconds ?? 0,
    executions: () => executions(),
  })

  const isExcused = (execution: Execution) =>
    plan.accounts.some(({ id, suspendedAt }) => id === accountOfExecution(execution) && suspendedAt !== undefined) ||
    invariants.isHopeless(execution)
  const liveness = livenessOf({ now: clock.now, isExcused, broken: invariants.broken })
  const vendedOnce = new Set<string>()
  const vended = (accountId: string) => {
    const { suspendedAt, isOld } = byId.get(accountId) ?? {}
    // If the notice of a failure was not delivered, a person replays the notice before a redrive, whenever that is.
    if (vendedOnce.has(accountId) || suspendedAt !== undefined || result.faults['dead-letter']) return
    vendedOnce.add(accountId)
    // An event of an account from before the installation asks for nothing.
    const isAsk = ({ accountId: id, door }: Arrival) =>
      id === accountId && (!isOld || door === 'manual' || door === 'api')
    const first = Math.min(...plan.arrivals.filter(isAsk).map(({ at }) => at))
    if (Number.isFinite(first)) liveness.vended(accountId, start + first * 1000)
  }
  const mailEvents = mailEventsOf({
    fates: plan.fates,
    random,
    world,
    ledger,
    uuid,
    deliver: (event) => deliver(event),
    notify: vending.notify,
    count,
    broken: invariants.broken,
  })

  // The service
  let promptly = plan.isPrompt ? 2 : 0
  type Mail = Parameters<typeof invariants.mailed>[1] & { Message: { Subject: { Data: string } } }
  const sendEmail = (_: unknown, input: object) => {
    const mail = input as Mail
    const invocation = service.current()
    invariants.mailed(invocation, mail)
    if (invocation?.name === 'record-mail-event') mailEvents.noticed(invocation, mail.Destination.ToAddresses)
    track(mailEvents.accepted(mail))
    if (invocation?.name === 'report-failure' && promptly-- > 0) track(redrive(random() * 20))
    else if (invocation?.name === 'report-failure' && isLive && liveness.isHealed()) track(followNotices())
    trace(`    mail to ${mail.Destination.ToAddresses.join()}: ${mail.Message.Subject.Data}`)
    return { MessageId: uuid() }
  }
  const putEvents = (_: unknown, input: object) => {
    const { Entries } = input as { Entries: { Source: string; DetailType: string; Detail: string }[] }
    invariants.told(Entries.map(({ Detail }) => Detail))
    for (const { Source: source, DetailType: detailType, Detail } of Entries)
      track(carry({ ...busEvent(world, { source, detailType, detail: JSON.parse(Detail) as object }), id: uuid() }))
    return { FailedEntryCount: 0, Entries: Entries.map(() => ({ EventId: uuid() })) }
  }
  const endpoint: Parameters<Service['invoke']>[2] = {
    log: (line) => logs.push(line),
    handle: async () => Promise.reject(new Error('not there yet')),
  }
  let { collision } = plan
  /** The execution that the operator stopped in the collision. */
  let collided: string | undefined
  const invoke = async (name: string, input: unknown) => {
    trace(`  > ${name}`)
    try {
      collide(name, input)
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
    stepFunctions: () => stepFunctions,
    invoke,
    uuid,
    trace,
    count,
    broken: invariants.broken,
  })
  const { track, deadLetters, invokeAsync, follow, startExecution, executions, failed, deliver, settled, stop } =
    running
  const stepFunctions = startStepFunctions({
    definition: deployed.definition as never,
    stateMachineArn: deployed.stateMachineArn,
    clock,
    invoke: (arn, input) => invoke(service.functionOf(arn), input),
    onProgress: () => undefined,
    onEnd: (execution) => {
      trace(
        `execution ${execution.name.slice(0, 8)} ${execution.status} ${execution.error ?? outcomeOf(execution) ?? ''}`,
      )
      invariants.ended(execution)
      liveness.ended(execution)
      if (outcomeOf(execution) === 'Vended') vended(accountOfExecution(execution) ?? '')
      running.ended(execution)
      deliver({ ...statusEvent(world, execution), id: uuid() })
    },
  })
  endpoint.handle = answering(world, {
    operations: {
      ...listing(ledger, (accountId) => count({ kind: 'list-not-whole', what: accountId })),
      ses: mailOperations(sendEmail),
      events: { PutEvents: putEvents },
      states: { ...stepFunctions.operations, StartExecution: running.startFromOutside },
    },
    intercept: async (interception) => {
      onCall?.(interception, world)
      const after = await faults.intercept(interception)
      return async (error) => {
        const { service: of, operation, record } = interception
        trace(`    ${record.function} ${of}:${operation}${error ? ` ${error}` : ''}`)
        if (error === 'ConditionalCheckFailedException') count({ kind: 'conditional-check-failed', what: operation })
        const by = service.current()
        invariants.called(interception, error, by)
        if (by && !error) mailEvents.called(interception, by)
        await after?.(error)
      }
    },
  })

  /** Carries an event of the service itself, which may come late or twice. EventBridge seldom loses one. */
  const carry = async (event: Omit<ReturnType<typeof busEvent>, 'id'> & { id: string }) => {
    const { 'detail-type': what } = event
    if (!rulesFor(deployed.rules, event).length) return
    if (random() < plan.visits.lost / 10) {
      count({ kind: 'event-lost', what })
      if (what === linkClaimed || what === claimDisowned)
        invariants.handover.lost(what, event.detail as Parameters<typeof invariants.handover.lost>[1])
      return
    }
    if (random() < plan.visits.lost) {
      count({ kind: 'event-late', what })
      await sleep(random() * oneOf(random, [60, 4 * 3600]) * 1000)
    }
    deliver(event)
    if (random() >= plan.visits.lost) return
    count({ kind: 'event-twice', what })
    await sleep(random() * 60_000)
    deliver(event)
  }
  /** Fires the schedule on a day, `times` times: EventBridge delivers at least once. */
  const sweepOn = async (nth: number, times: number) => {
    await sleep(start + sweepAt(nth) * 1000 - clock.now())
    for (let fired = 0; fired < times; fired++) {
      track(invokeAsync('sweep', sweepInput(uuid())))
      if (fired + 1 === times) return
      count({ kind: 'schedule-twice', what: `day ${nth}` })
      await sleep(oneOf(random, [0, random() * 300_000]))
    }
  }

  // Events and requests
  const eventOf = ({ door, accountId }: Arrival) =>
    ({
      created: () => accountCreated(accountId),
      joined: () => accountJoined(accountId),
      'managed-create': () => managedAccount(accountId, 'Create'),
      'managed-update': () => managedAccount(accountId, 'Update'),
    })[door as 'created']()
  /** Sends an API request, again with the same key until an answer comes. */
  const ask = async ({ accountId, request }: Arrival) => {
    const key = uuid()
    for (let tries = 0; tries < 4; tries++) {
      const answer = (await invoke('request-admins', {
        version: '2.0',
        routeKey: 'POST /accounts/{accountId}/admins',
        headers: { 'idempotency-key': key },
        pathParameters: { accountId },
        requestContext: { authorizer: { iam: { userArn: 'arn:aws:sts::111122223333:assumed-role/operator/local' } } },
        body: JSON.stringify(request),
        isBase64Encoded: false,
      }).catch(() => ({ statusCode: 500 }))) as { statusCode: number }
      trace(`API answers ${answer.statusCode}`)
      if (answer.statusCode === 202) return 'accepted'
      // An earlier try, whose answer was lost, may have started an execution before there was a reason to refuse.
      if (answer.statusCode < 500) return tries ? 'unknown' : 'refused'
      await sleep(5000)
    }
    return 'unknown'
  }
  const bring = (arrival: Arrival) => {
    const { door, at, isTwice } = arrival
    if (isTwice) count({ kind: 'event-twice', what: door })
    if (at > lateSeconds) count({ kind: 'event-late', what: door })
    deliver(eventOf(arrival))
    const other = alsoTold[door]
    if (!other) return
    count({ kind: 'event-of-both', what: `${door} and ${other}` })
    deliver(eventOf({ ...arrival, door: other }))
  }
  const arrive = async (arrival: Arrival) => {
    await sleep(arrival.at * 1000)
    trace(`${arrival.door} ${arrival.accountId} ${JSON.stringify(arrival.request)}`)
    if (arrival.door === 'api') {
      invariants.asked(arrival, await ask(arrival))
    } else if (arrival.door === 'manual') {
      startExecution(`manual-${uuid()}`, JSON.stringify({ accountId: arrival.accountId, ...arrival.request }))
      invariants.asked(arrival, 'accepted')
    } else {
      if (arrival.isLost) count({ kind: 'event-lost', what: arrival.door })
      else bring(arrival)
      invariants.asked(arrival, 'accepted')
    }
  }

  // People
  type Person = { accountId: string; userName: string; email: string }
  /** Deletes the console sign-in of a user, and requests a new one: once more, if the operator stops the first vend. */
  const renewSignIn = async (accountId: string, userName: string, email: string) => {
    await sleep(random() * day * 1000)
    const account = world.accounts.get(accountId)
    const user = account?.users.get(userName.toLowerCase())
    if (account?.state !== 'ACTIVE' || !user?.login || isRunning(accountId)) return
    count({ kind: 'sign-in-deleted', what: `of ${userName} of ${accountId}` })
    delete user.login
    invariants.signInDeleted(accountId, userName)
    const repair: Arrival = {
      at: 0,
      door: 'manual',
      accountId,
      request: { again: true, admins: [{ userName, email }] },
    }
    await arrive(repair)
    if (random() < 0.5) return
    await stop(random() * 10)
    await arrive({ ...repair, at: random() * 100 })
  }
  const personSignsIn = async (accountId: string, userName: string, email: string) => {
    await sleep(random() * oneOf(random, [600, day, day]) * 1000)
    const { secret, password } = storedPassword(accountId, userName)
    if (password && !secret?.deletionAt) signInFirst({ accountId, userName, email }, password)
  }
  const storedPassword = (accountId: string, userName: string) => {
    const secret = world.secrets.get(secretName(accountId, userName))
    const password = [...(secret?.versions.values() ?? [])].find(({ stages }) => stages.includes('AWSCURRENT'))?.value
    return { secret, password }
  }
  /** Signs in with the first password, and chooses an own one. */
  const signInFirst = ({ accountId, userName, email }: Person, password: string) => {
    const user = world.accounts.get(accountId)?.users.get(userName.toLowerCase())
    // Nobody can sign in between the storing of a new password and its setting. The person tries again later.
    if (!user?.login || invariants.hasChosen(accountId, userName) || isRunning(accountId)) return
    if (signIn(world, accountId, userName, password) === 'refused') {
      // An execution that was stopped between the two is redriven later.
      if (failed().some((execution) => accountOfExecution(execution) === accountId)) return
      throw new Violation('2 stored password', `${userName} of ${accountId} cannot sign in with the stored password`)
    }
    count({ kind: 'password-chosen', what: `by ${userName} of ${accountId}` })
    const chosen = `Chosen-by-${userName}-1`
    user.login = { ...user.login, password: chosen, resetRequired: false }
    invariants.choseOwn(accountId, userName, chosen)
    invariants.handover.used(accountId, userName, password)
    const { secret } = storedPassword(accountId, userName)
    if (secret && random() < 0.5) secret.deletionAt = clock.now() + 30 * day * 1000
    if (random() < plan.deletions) track(renewSignIn(accountId, user.name, email))
  }
  const visits = visitsOf({
    visits: plan.visits,
    random,
    invoke,
    invariants: invariants.handover,
    count,
    trace,
    use: (person, password) => {
      // Meanwhile the password may have been replaced.
      if (storedPassword(person.accountId, person.userName).password === password) signInFirst(person, password)
    },
    renew: ({ accountId, userName }) => {
      const { kept = true } = invariants.record(accountId)?.admins[userName.toLowerCase()] ?? {}
      if (kept || world.accounts.get(accountId)?.state !== 'ACTIVE') return
      count({ kind: 'link-renewed', what: `of ${userName} of ${accountId}` })
      startExecution(`renew-${uuid()}`, JSON.stringify({ accountId, renew: userName, requestedBy: 'operator' }))
    },
  })
  invariants.onMail((accountId, userName, email, link) => {
    if (random() < plan.people) track(personSignsIn(accountId, userName, email))
    if (link) for (const visit of visits.mailed(link)) track(visit)
  })
  const isRunning = (accountId: string) =>
    executions().some(({ status, input }) => status === 'RUNNING' && input.includes(accountId))
  const intrude = async ({ at, accountId, userName }: NonNullable<Plan['intrusion']>) => {
    await sleep(at * 1000)
    const account = world.accounts.get(accountId)
    if (!account || account.users.has(userName.toLowerCase())) return
    count({ kind: 'user-made-by-hand', what: userName })
    addUser(world, account, { name: userName })
    invariants.foreignMade(accountId, userName)
  }
  const forbidLater = async (accountId: string, at: number) => {
    await sleep(at * 1000)
    const account = world.accounts.get(accountId)
    if (account && !liveness.isHealed()) forbid(account)
  }
  const setState = async (accountId: string, at: number, state: Account['state']) => {
    await sleep(at * 1000)
    const account = world.accounts.get(accountId)
    if (!account || account.state === 'CLOSED') return
    count({ kind: `account-${state.toLowerCase()}`, what: accountId })
    account.state = state
  }
  const depart = async (accountId: string, at: number) => {
    await sleep(at * 1000)
    count({ kind: 'account-departed', what: accountId })
    world.accounts.delete(accountId)
  }

  // The operator
  const stopAndAskAnew = async () => {
    await stop(random() * 10)
    await sleep(random() * 10_000)
    const { id: accountId } = oneOf(random, plan.accounts)
    await arrive({ at: 0, door: 'manual', accountId, request: {} })
  }
  /** What the operator does in a collision. To be called when a function begins. */
  const collide = (name: string, input: unknown) => {
    const { executionArn, vend } = input as { executionArn?: string; vend?: { executionArn: string } }
    const execution = vend?.executionArn ?? executionArn
    if (!collision) return
    if (name === collision.failing && !collided) {
      collided = execution
      count({ kind: 'stopped-before-retry', what: name })
      track(stop(random() * 0.5))
      const { id: accountId } = oneOf(random, plan.accounts)
      track(arrive({ at: random() * 30, door: 'manual', accountId, request: collision.request }))
      throw Object.assign(new Error('Lambda failed'), { name: 'Lambda.ServiceException' })
    }
    if (name !== collision.beside || !collided || execution === collided) return
    collision = undefined
    count({ kind: 'redriven-beside-another', what: name })
    track(redrive(0))
  }
  const superseded = new Set<string>()
  /** Redrives or starts again, as the failure notice says. */
  const goOn = (execution: Execution) => {
    const { executionArn, input, status, error = '' } = execution
    if (superseded.has(executionArn)) return
    const { goOn } = explanations[status === 'ABORTED' ? 'Aborted' : error] ?? unforeseen
    if (goOn === 'redrive') {
      liveness.redriven(execution)
      count({ kind: 'redriven', what: executionArn.slice(-8) })
      stepFunctions.operations.RedriveExecution(undefined, { executionArn })
      follow(executionArn)
    } else {
      superseded.add(executionArn)
      const asked = JSON.parse(input) as { accountId?: string }
      const renew = disownedIn(asked)?.userName
      const again = asked.accountId ? input : JSON.stringify({ accountId: accountOfExecution(execution), renew })
      count({ kind: 'started-again', what: executionArn.slice(-8) })
      startExecution(`again-${uuid()}`, again)
    }
  }
  /** Redrives what failed, where the notice was sent. Functions of the failed try may still be at work. */
  const redrive = async (at: number) => {
    await sleep(at * 1000)
    for (const execution of failed()) if (invariants.wasTold(execution)) goOn(execution)
  }
  /** Within minutes of a notice, the operator does what the notice says, once. */
  const followNotices = async () => {
    await sleep(liveness.untilRead(random()))
    const told = failed().filter((execution) => invariants.wasTold(execution) && !isExcused(execution))
    for (const execution of liveness.unread(told)) goOn(execution)
  }

  const run = async () => {
    for (const arrival of plan.arrivals) track(arrive(arrival))
    const healsAt = isLive ? random() * plan.heals : plan.heals
    for (const at of plan.stops) if (!isLive || at < healsAt) track(stop(at))
    for (const at of plan.redrives) track(redrive(at))
    for (const { id, suspendedAt, liftedAt, closedAt, departsAt, deniedAt } of plan.accounts) {
      if (suspendedAt) track(setState(id, suspendedAt, 'SUSPENDED'))
      if (liftedAt) track(setState(id, liftedAt, 'ACTIVE'))
      if (closedAt) track(setState(id, closedAt, 'CLOSED'))
      if (departsAt) track(depart(id, departsAt))
      if (deniedAt) track(forbidLater(id, deniedAt))
    }
    plan.sweeps.forEach((times, nth) => track(sweepOn(nth, times)))
    if (plan.intrusion) track(intrude(plan.intrusion))
    await sleep(healsAt * 1000)
    if (isLive) liveness.healed()
    else await settled()

    trace('everything heals')
    faults.heal()
    collision = undefined
    world.staleness = 0
    for (const { id, denied } of plan.accounts) {
      const account = world.accounts.get(id)
      if (account && denied === 'for-a-while') account.deniedActions = []
    }
    if (isLive) track(followNotices())
    await settled()
    /** Runs the next day's sweep, and waits for everything that it starts. */
    const sweepAgain = async () => {
      if (!isLive && !plan.sweeps.length && !invariants.needsSweep(executions())) return
      await sweepOn(nextSweepDay((clock.now() - start) / 1000), 1)
      await settled()
    }
    await sweepAgain()
    for (let round = 0; round < mostRounds; round++) {
      await sleep(random() * 120_000)
      for (const execution of failed()) if (!invariants.isHopeless(execution)) goOn(execution)
      await settled()
    }
    for (const { name, event } of deadLetters.splice(0)) {
      trace('a dead letter is replayed')
      await invokeAsync(name, event)
    }
    await settled()
    await sweepAgain()
    mailEvents.atEnd()
    await invariants.atEnd(executions(), { logs, deadLetters, trace: result.trace })

    // After all that, an account can be vended again.
    for (const { id } of plan.probes ? plan.accounts : []) {
      if (invariants.isImpossible(id)) continue
      const probe = startExecution(
        `probe-${uuid()}`,
        JSON.stringify({ accountId: id, admins: [{ userName: 'probe', email: 'probe@example.com' }] }),
      )
      await settled()
      invariants.probed(id, probe as Execution)
    }
  }
  return conclude(run, { executions, crash: running.crash, invariants })
}
