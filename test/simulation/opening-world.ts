import { AwsError } from '../../local/aws/aws-error.ts'
import { answering } from '../../local/aws/endpoint.ts'
import { busEvent } from '../../local/aws/eventbridge.ts'
import { limitRates } from '../../local/aws/rates.ts'
import type { Execution } from '../../local/aws/step-functions-execution.ts'
import { startStepFunctions, statusEvent } from '../../local/aws/step-functions.ts'
import { addAccount, createWorld } from '../../local/aws/world.ts'
import { mailOperations } from '../support/mail-operations.ts'
import { accountOfExecution } from '../../local/read-execution.ts'
import { explanations, unforeseen } from '../../functions/shared/explanations.ts'
import { openedBy } from '../../functions/shared/event-shape.ts'
import { inMemoryDynamoDB } from './dynamodb.ts'
import { faultsOf } from './faults.ts'
import { invariantsOf } from './invariants.ts'
import { livenessOf } from './liveness.ts'
import { openingInvariantsOf } from './opening-invariants.ts'
import { type Body, drawOpeningPlan, type OpeningPlan, otherBody } from './opening-plan.ts'
import type { Arrival, Plan } from './plan.ts'
import { oneOf, randomFrom } from './random.ts'
import { type Result, resultOf } from './world-result.ts'
import { outcomeOf, runningIn, uuidsOf } from './running.ts'
import { never, type Service } from './service.ts'
import { listing, nextSweepDay, sweepInput, sweepAt } from './sweeps.ts'
import { inVirtualTime, sleep } from './virtual-time.ts'

const day = 24 * 60 * 60
/** How often an operator redrives or asks anew at most, after everything has healed. */
const mostRounds = 6
/** What the plan of a world says of each account that is created in this world. */
const newAccount = {
  joinedMethod: 'CREATED',
  roleUsableAfter: 0,
  refusal: '',
  policiesAfter: 0,
  joinSeenAfter: 0,
  foreign: {},
} as const

/** Runs the world of a seed in which accounts are opened, from beginning to end, and checks the invariants in it. */
export const runOpeningWorld = (
  services: Record<Plan['config'], Service>,
  seed: number,
  { isLive = false } = {},
): Promise<Result> => {
  const random = randomFrom(`opening world ${seed}`)
  const plan = drawOpeningPlan(seed, random)
  return inVirtualTime(random, () => live(services[plan.config], plan, random, isLive))
}

const live = async (service: Service, plan: OpeningPlan, random: () => number, isLive: boolean): Promise<Result> => {
  const { deployed, vending, clock } = service
  const { start, result, trace, count, conclude } = resultOf(plan.seed, clock.now)
  const chance = (probability: number) => random() < probability
  let isHealed = false

  // The organization
  const world = createWorld({
    now: clock.now,
    setTimer: clock.setTimer,
    random,
    staleness: plan.staleness,
    accessRole: vending.accessRole,
    topics: [deployed.noticesTopicArn],
    emit: (event) => track(carry(event)),
  })
  limitRates(world)
  world.trustedServices.add('account.amazonaws.com')
  world.creationSeconds = () => 30 + random() * 270
  world.emptyPages = oneOf(random, [0, 0, 2])
  if (plan.config === 'control-tower') {
    world.landingZone = { version: '4.0', status: 'ACTIVE', isEnrolling: true }
    for (const unit of world.organizationalUnits.values()) unit.isRegistered = true
  }
  // The organization's other accounts joined before the service was installed.
  for (const one of world.accounts.values()) one.joinedAt = start - 100 * day * 1000
  for (const email of plan.taken) {
    count({ kind: 'address-taken', what: email })
    addAccount(world, { name: 'Sandbox', email, joinedAt: start - 50 * day * 1000 })
  }
  for (const [email, reason] of Object.entries(plan.failures)) world.failingCreations.set(email, reason)
  const uuid = uuidsOf(random)
  const ledger = inMemoryDynamoDB(deployed.ledgerTable, clock.now, { lag: 1000 })
  const faults = faultsOf(plan, { random, start, accounts: new Map(), current: service.current, note: count })
  const toldAt = new Map<string, number>()
  const endOf = ({ executionArn, stopDate }: Pick<Execution, 'executionArn' | 'stopDate'>) =>
    `${executionArn} ${stopDate}`
  const invariants = invariantsOf({
    plan,
    world,
    vending,
    ledger,
    executionSeconds: (deployed.definition as { TimeoutSeconds?: number }).TimeoutSeconds ?? 0,
    executions: () => executions(),
    hasReason: (execution) => opening.hasReason(execution),
  })
  const opening = openingInvariantsOf({
    plan,
    world,
    ledger,
    executions: () => executions(),
    toldAt: (execution) => toldAt.get(endOf(execution)),
    broken: invariants.broken,
  })

  const liveness = livenessOf({
    now: clock.now,
    // Organizations fails a creation of the plan, whatever happened before. A redrive asks for another one.
    isExcused: ({ error }) => error === 'AccountCreationFailedError',
    broken: invariants.broken,
  })
  const vendedOnce = new Set<string>()
  const vended = (accountId: string) => {
    const { email = '' } = world.accounts.get(accountId) ?? {}
    // With approval, a person decides when a request goes on.
    if (vendedOnce.has(accountId) || plan.config === 'approval') return
    vendedOnce.add(accountId)
    // A caller who got no answer asks again, whenever that is.
    const request = opening.intentOf(email)
    if (!request) return
    const { at = 0, seconds = 0 } = plan.quota ?? {}
    liveness.vended(accountId, Math.max(Date.parse(request.requestedAt), start + (at + seconds) * 1000))
  }

  // The service
  let promptly = plan.isPrompt ? 2 : 0
  const sendEmail = (_: unknown, input: object) => {
    const mail = input as Parameters<typeof invariants.mailed>[1] & { Message: { Subject: { Data: string } } }
    const invocation = service.current()
    invariants.mailed(invocation, mail)
    trace(`    mail to ${mail.Destination.ToAddresses.join()}: ${mail.Message.Subject.Data}`)
    const { detail } = (invocation?.input ?? {}) as { detail?: { executionArn?: string; stopDate?: number } }
    const failed = stepFunctions.executions.get(detail?.executionArn ?? '')
    if (invocation?.name === 'report-failure' && failed) {
      toldAt.set(`${detail?.executionArn} ${detail?.stopDate}`, clock.now())
      if (promptly-- > 0) track(redrive(random() * 20))
      else if (isLive && isHealed) track(followNotices())
      track(askAnew(failed))
    }
    return { MessageId: uuid() }
  }
  const putEvents = (_: unknown, input: object) => {
    const { Entries } = input as { Entries: { Source: string; DetailType: string; Detail: string }[] }
    invariants.told(Entries.map(({ Detail }) => Detail))
    for (const { Source: source, DetailType: detailType, Detail } of Entries)
      deliver({ ...busEvent(world, { source, detailType, detail: JSON.parse(Detail) as object }), id: uuid() })
    return { FailedEntryCount: 0, Entries: Entries.map(() => ({ EventId: uuid() })) }
  }
  const logs: string[] = []
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
      trace(`execution ${execution.name} ${execution.status} ${execution.error ?? outcomeOf(execution) ?? ''}`)
      invariants.ended(execution)
      liveness.ended(execution)
      const id = accountOfExecution(execution) ?? ''
      if (outcomeOf(execution) === 'Vended') vended(id)
      const asked = JSON.parse(execution.input) as Asked
      // A request whose place another request has taken stays refused.
      if (execution.error === 'RequestOpenError' && !asked.requestId) opening.refused(asked.account?.email ?? '')
      running.ended(execution)
      deliver({ ...statusEvent(world, execution), id: uuid() })
    },
  })
  /** Another program may call Organizations too often, and then Organizations throttles everybody. */
  const isBusy = (at: number) =>
    !isHealed && plan.busy.some((one) => at >= start + one.at * 1000 && at < start + (one.at + one.seconds) * 1000)
  endpoint.handle = answering(world, {
    operations: {
      ...listing(ledger, (accountId) => count({ kind: 'list-not-whole', what: accountId })),
      ses: mailOperations(sendEmail),
      events: { PutEvents: putEvents },
      states: { ...stepFunctions.operations, StartExecution: running.startFromOutside },
    },
    intercept: async (interception) => {
      const { service: of, operation, record } = interception
      const invocation = service.current()
      const after = await faults.intercept(interception)
      // A request is then on record, and nobody has started its execution.
      if (
        isLive &&
        !isHealed &&
        invocation?.name === 'request-account' &&
        operation === 'StartExecution' &&
        chance(0.3)
      ) {
        count({ kind: 'start-lost', what: String(interception.input['name']) })
        invocation.kill('Runtime.ExitError')
        return never()
      }
      if (of === 'organizations' && isBusy(clock.now())) {
        count({ kind: 'organization-busy', what: operation })
        record.tag = 'organization-busy'
        throw new AwsError('TooManyRequestsException', 'You have sent too many requests.')
      }
      return async (error) => {
        trace(`    ${record.function} ${of}:${operation}${error ? ` ${error}` : ''}`)
        if (error === 'ConditionalCheckFailedException') count({ kind: 'conditional-check-failed', what: operation })
        invariants.called(interception, error, invocation)
        opening.called(interception, error, invocation)
        await after?.(error)
        if (operation !== 'CreateAccount' || isHealed || error || !invocation || !chance(plan.lostCreations)) return
        count({ kind: 'creation-answer-lost', what: String(interception.input['Email']) })
        if (chance(0.5)) throw Object.assign(new Error('socket hang up'), { code: 'ECONNRESET' })
        invocation.kill('Sandbox.Timedout')
        await never()
      }
    },
  })

  /** Carries an event of Organizations or Control Tower: at once, late, twice, or not at all. */
  const carry = async (event: object) => {
    const named = { ...event, id: uuid() }
    // An account is the world's from the moment of its creation on.
    for (const { id, name } of world.accounts.values())
      if (!before.has(id) && !plan.accounts.some((one) => one.id === id)) {
        plan.accounts.push({ ...newAccount, id, name })
        invariants.accountMade(id)
      }
    const what = (event as { source: string }).source
    if (chance(plan.events.lost)) return count({ kind: 'event-lost', what })
    if (chance(plan.events.late)) {
      count({ kind: 'event-late', what })
      await sleep(random() * oneOf(random, [60, 600, 4 * 3600]) * 1000)
    }
    deliver(named)
    if (!chance(plan.events.twice)) return
    count({ kind: 'event-twice', what })
    await sleep(random() * 60_000)
    deliver(named)
  }
  const before = new Set(world.accounts.keys())
  const sweepOn = async (nth: number, times: number) => {
    await sleep(start + sweepAt(nth) * 1000 - clock.now())
    for (let fired = 0; fired < times; fired++) track(invokeAsync('sweep', sweepInput(uuid())))
  }

  // People
  const caller = (role: string) => ({
    authorizer: { iam: { userArn: `arn:aws:sts::${world.managementAccountId}:assumed-role/${role}/local` } },
  })
  const operator =
    deployed.functions.find(({ name }) => name === 'request-account')?.environment['OPERATOR_ROLE'] ?? 'operator'
  type Answer = { statusCode: number; body: string }
  const callApi = async (name: string, event: object): Promise<Answer | undefined> => {
    // Whoever gets no answer may give up. The request may be on record all the same.
    for (let tries = 0; tries < (isLive && chance(0.5) ? 1 : 6); tries++) {
      const answer = (await invoke(name, { version: '2.0', isBase64Encoded: false, ...event }).catch(
        () => undefined,
      )) as Answer | undefined
      trace(`API answers ${answer?.statusCode ?? 'nothing'}`)
      if (answer && answer.statusCode < 500 && !answer.body.includes('AccountBusyError')) return answer
      await sleep(30_000)
    }
    return undefined
  }
  /** Asks for an account, again with the same key until an answer comes. */
  const post = async (body: Body) => {
    const answer = await callApi('request-account', {
      routeKey: 'POST /accounts',
      headers: { 'idempotency-key': uuid() },
      requestContext: caller(operator),
      body: JSON.stringify(body),
    })
    if (answer?.body.includes('RequestOpenError')) opening.refused(body.email)
    if (answer?.statusCode !== 202) return
    const { requestId } = JSON.parse(answer.body) as { requestId: string }
    if (plan.config === 'approval') await decide(requestId)
  }
  const decide = async (requestId: string) => {
    const request = opening.requestOf(requestId)
    if (!request || request.approval) return
    if (chance(plan.goesAround)) {
      count({ kind: 'approval-gone-around', what: requestId })
      execute(request.body as Body, { requestId })
    }
    const draw = random()
    await sleep(random() * oneOf(random, [600, day]) * 1000)
    const { approves, declines } = plan.approval
    if (draw > approves + declines) return
    await callApi('decide-request', {
      routeKey: 'POST /requests/{requestId}/approval',
      headers: {},
      requestContext: caller('approver'),
      pathParameters: { requestId },
      body: JSON.stringify({ decision: draw < approves ? 'approve' : 'decline' }),
    })
  }
  const execute = ({ name, email, ou, tags, alternateContacts, ...people }: Body, more: object = {}) => {
    const input = { account: { name, email, ou, tags, alternateContacts }, ...people, ...more }
    startExecution(`manual-${uuid()}`, JSON.stringify(input))
  }
  const ask = async (door: 'manual' | 'api', body: Body, at: number) => {
    await sleep(at * 1000)
    trace(`${door} ${JSON.stringify(body)}`)
    if (door === 'api') await post(body)
    else execute(body)
  }
  /** Somebody who was told of a failure asks for the account once more. */
  const askAnew = async ({ input }: Execution) => {
    const { email } = openedBy(JSON.parse(input)) ?? {}
    const body = plan.asks.find((one) => one.body.email === email)?.body
    if (isHealed || !body || !chance(plan.anew)) return
    count({ kind: 'asked-anew', what: body.email })
    await ask(
      oneOf(random, ['manual', 'api']),
      chance(0.5) ? body : otherBody(body),
      90 + random() * oneOf(random, [600, 3600]),
    )
  }

  // The operator
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
    } else if (goOn === 'start') {
      superseded.add(executionArn)
      count({ kind: 'started-again', what: executionArn.slice(-8) })
      const { account, requestId: _, requestedBy: __, ...people } = JSON.parse(input) as Asked
      // The notice says to ask anew, so this is a new request. An event asks for nothing that could be opened.
      if (account?.name === undefined) startExecution(`again-${uuid()}`, input)
      else if (plan.config === 'approval') track(post({ ...account, ...people }))
      else execute({ ...account, ...people })
    }
  }
  const redrive = async (at: number) => {
    await sleep(at * 1000)
    for (const execution of failed()) if (invariants.wasTold(execution)) goOn(execution)
  }
  /** Within minutes of a notice, the operator does what the notice says, once. */
  const followNotices = async () => {
    await sleep(liveness.untilRead(random()))
    for (const execution of liveness.unread(failed().filter(invariants.wasTold))) goOn(execution)
  }
  const limitAccounts = async ({ at, seconds }: NonNullable<OpeningPlan['quota']>) => {
    await sleep(at * 1000)
    if (liveness.isHealed()) return
    count({ kind: 'quota-reached', what: `for ${Math.round(seconds / 3600)} hours` })
    world.accountQuota = world.accounts.size
    await sleep(seconds * 1000)
    world.accountQuota = Infinity
  }
  /** What was asked for at each address that has no account, where no execution waits for its redrive. */
  const withoutAccount = () => {
    const bodies = new Map(plan.asks.map(({ body }) => [body.email.toLowerCase(), body]))
    for (const { email } of world.accounts.values()) bodies.delete(email.toLowerCase())
    for (const { input, executionArn, error = '' } of failed()) {
      const { email = '' } = openedBy(JSON.parse(input)) ?? {}
      const isHeld = opening.intentOf(email)?.holder === executionArn
      if (isHeld && explanations[error]?.goOn === 'redrive') bodies.delete(email.toLowerCase())
    }
    // The sweep starts the execution of an accepted request that has none.
    if (isLive)
      for (const email of bodies.keys()) {
        const { status, holder } = opening.intentOf(email) ?? {}
        if (status === 'accepted' && holder === undefined) bodies.delete(email)
      }
    return bodies.values()
  }
  const run = async () => {
    for (const { door, body, at } of plan.asks) track(ask(door, body, at))
    const healsAt = isLive ? random() * plan.heals : plan.heals
    for (const at of plan.stops) if (!isLive || at < healsAt) track(stop(at))
    for (const at of plan.redrives) track(redrive(at))
    plan.sweeps.forEach((times, nth) => track(sweepOn(nth, times)))
    if (plan.quota) track(limitAccounts(plan.quota))
    await sleep(healsAt * 1000)
    if (isLive) liveness.healed()
    else await settled()

    trace('everything heals')
    isHealed = true
    faults.heal()
    world.staleness = 0
    if (isLive) world.accountQuota = Infinity
    if (isLive) track(followNotices())
    await settled()
    const sweepAgain = async () => {
      if (!isLive && !plan.sweeps.length && !invariants.needsSweep(executions())) return
      await sweepOn(nextSweepDay((clock.now() - start) / 1000), 1)
      await settled()
    }
    await sweepAgain()
    for (let round = 0; round < mostRounds; round++) {
      await sleep(100_000 + random() * 20_000)
      for (const execution of failed()) goOn(execution)
      await settled()
      for (const { name, event } of deadLetters.splice(0)) await invokeAsync(name, event)
      await settled()
      // Whoever has no account asks for it once more, unless an execution that can be redriven holds the request.
      for (const body of plan.config === 'approval' ? [] : withoutAccount()) {
        await sleep(100_000)
        execute(body)
        await settled()
      }
    }
    await sweepAgain()
    for (const { id } of plan.accounts) {
      const request = opening.requestFor(id)
      if (!request) continue
      const { admins, groups } = request.body
      const asked = { ...(admins && { admins }), ...(groups.length && { groups }) } as Arrival['request']
      invariants.asked({ at: 0, door: 'manual', accountId: id, request: asked }, 'accepted')
    }
    opening.atEnd()
    await invariants.atEnd(executions(), { logs, deadLetters, trace: result.trace })
  }
  return conclude(run, { executions, crash: running.crash, invariants })
}

/** The input of an execution that opens an account. The field `account` of an event has no name. */
type Asked = { account?: Body; requestId?: string; requestedBy?: string } & Pick<Body, 'admins'>
