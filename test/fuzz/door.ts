import { createHash } from 'node:crypto'
import { unmarshall } from '@aws-sdk/util-dynamodb'
import { explanations } from '../../functions/shared/explanations.ts'
import type { AccountRecord } from '../../functions/shared/record-and-lease.ts'
import { completeRequest, manualRequest } from '../../functions/shared/request.ts'
import { isEvent } from '../../functions/shared/event-shape.ts'
import { secretName } from '../../functions/shared/secret-name.ts'
import { parseInput, readJson } from '../../functions/shared/parse.ts'
import { answering } from '../../local/aws/endpoint.ts'
import { rulesFor } from '../../local/aws/eventbridge.ts'
import { signIn } from '../../local/aws/iam.ts'
import type { Execution } from '../../local/aws/step-functions-execution.ts'
import { startStepFunctions } from '../../local/aws/step-functions.ts'
import { type Account, addAccount, createWorld, type World } from '../../local/aws/world.ts'
import { inMemoryDynamoDB } from '../simulation/dynamodb.ts'
import { randomFrom } from '../simulation/random.ts'
import { loadService } from '../simulation/service.ts'
import { inVirtualTime } from '../simulation/virtual-time.ts'
import { writes } from '../support/writes.ts'
import { accountId, type ApiRequest, type ApprovalRequest, markup, type OpeningRequest } from './inputs.ts'

type Answer = { statusCode: number; headers: Record<string, string>; body: string }

/** What every answer of the API must be. */
const checkAnswer = ({ headers, body }: Answer) => {
  if (!/^application\/(problem\+)?json$/.test(headers['content-type'] ?? '')) broken('the answer is not JSON')
  if (body.length > 65_536) broken(`the answer has ${body.length} characters`)
  if (Object.values(headers).some((value) => /[\r\n]/.test(value))) broken('a header has more than one line')
  const { type = '' } = JSON.parse(body) as { type?: string }
  return { type }
}

const refusalOf = (statusCode: number, type: string): Ending => {
  if (![400, 403, 404, 409, 422].includes(statusCode) || !type.endsWith('Error'))
    broken(`the API answered ${statusCode} ${type}`)
  return `${statusCode} ${type.split(':').at(-1)}`
}

/** An opening that the API accepted opens one account, exactly as asked. */
const openedAsAsked = (world: World, { status, error = '', input }: Execution): Ending => {
  const { account } = JSON.parse(input) as { account: { name: string; email: string; tags: Record<string, string> } }
  const [opened, ...others] = [...world.accounts.values()].filter(({ email }) => lower(email) === lower(account.email))
  if (status !== 'SUCCEEDED') broken(`an opening that the API accepted ended as ${error}`)
  if (others.length || opened?.name !== account.name)
    broken(`the account ${account.name} was opened as ${opened?.name}`)
  if (Object.entries(account.tags).some(([key, value]) => opened?.tags[key] !== value)) broken('a tag is missing')
  return 'Vended'
}

/** How one input ended: vended, the name of a refusal, or another outcome. */
export type Ending = string

const broken = (what: string): never => {
  throw new Error(what)
}
type Mail = {
  Destination: { ToAddresses: string[] }
  Message: { Subject: { Data: string }; Body: { Html?: { Data: string }; Text?: { Data: string } } }
}
const lower = (text: string) => text.toLowerCase()
const sorted = (texts: Iterable<string>) => [...texts].sort().join()

/**
 * Loads the functions once. Returns the doors: each sends one input to a new organization, and throws if the outcome
 * breaks a promise. `bundles` replaces the functions that are bundled from the sources.
 */
export const openDoors = async (vendingFile: string, bundles?: Map<string, string>) => {
  const service = await loadService(vendingFile, bundles)
  const { vending, deployed, clock, functionOf } = service

  const inNewWorld = (run: (door: ReturnType<typeof build>) => Promise<Ending>) => {
    const random = randomFrom('fuzz')
    return inVirtualTime(random, async () => {
      const door = build(random)
      const ending = await run(door)
      door.checkMails()
      const polluted = Object.keys(Object.prototype)
      if (polluted.length) broken(`Object.prototype got ${polluted.join()}`)
      return ending
    })
  }

  const build = (random: () => number) => {
    const world = createWorld({ now: clock.now, setTimer: clock.setTimer, random, accessRole: vending.accessRole })
    const ledger = inMemoryDynamoDB(deployed.ledgerTable, clock.now)
    const account = addAccount(world, {
      id: accountId,
      name: `Sandbox ${markup}`,
      roleName: vending.accessRole,
      joinedAt: clock.now() + 1,
    })
    addAccount(world, { id: '333333333333', name: 'Suspended' }).state = 'SUSPENDED'
    addAccount(world, { id: '222222222222', name: 'Audit' })
    world.trustedServices.add('account.amazonaws.com')
    world.landingZone = { version: '4.0', status: 'ACTIVE', isEnrolling: true }
    for (const unit of world.organizationalUnits.values()) unit.isRegistered = true
    const before = contentOf([...world.accounts.values()])
    const mails: Mail[] = []
    let events = 0
    const executions: Execution[] = []
    const ends: Promise<unknown>[] = []
    const report = (event: unknown) =>
      ends.push(
        service.invoke('report-failure', event, endpoint).catch((error: Error) => {
          if (error.name !== 'InvalidInputError') broken(`report-failure ended as ${error.name}: ${error.message}`)
        }),
      )
    const onEnd = (execution: Execution) => {
      const { executionArn, stateMachineArn, name, status, startDate, stopDate, input } = execution
      const event = {
        source: 'aws.states',
        'detail-type': 'Step Functions Execution Status Change',
        account: world.managementAccountId,
        detail: { executionArn, stateMachineArn, name, status, startDate, stopDate, input },
      }
      for (const { target } of rulesFor(deployed.rules, event)) if (target === 'ReportFailure') report(event)
      ended.get(executionArn)?.()
    }
    const ended = new Map<string, () => void>()
    const follow = (execution: Execution) => {
      executions.push(execution)
      ends.push(new Promise<void>((resolve) => ended.set(execution.executionArn, resolve)))
    }
    const stepFunctions = startStepFunctions({
      definition: deployed.definition as never,
      stateMachineArn: deployed.stateMachineArn,
      clock,
      invoke: (arn, input) => service.invoke(functionOf(arn), input, endpoint),
      onProgress: () => undefined,
      onEnd,
    })
    const endpoint: Parameters<typeof service.invoke>[2] = {
      log: () => undefined,
      handle: answering(world, {
        operations: {
          dynamodb: ledger.operations,
          ses: { SendEmail: (_: unknown, mail: object) => ({ MessageId: `mail-${mails.push(mail as Mail)}` }) },
          events: { PutEvents: () => ({ FailedEntryCount: 0, Entries: [{ EventId: `event-${++events}` }] }) },
          states: {
            ...stepFunctions.operations,
            StartExecution: (_, asked) => {
              const answer = stepFunctions.operations.StartExecution(_, asked)
              const execution = stepFunctions.executions.get(answer.executionArn)
              if (execution && !executions.includes(execution)) follow(execution)
              return answer
            },
          },
        },
      }),
    }
    const start = (input: string) => {
      const execution = stepFunctions.start(`fuzz-${executions.length}`, input)
      if (execution !== 'ExecutionAlreadyExists') follow(execution)
    }
    const settled = async () => {
      for (let seen = -1; seen < ends.length;) {
        seen = ends.length
        await Promise.all(ends)
      }
    }

    const checkNothingMade = (why: string) => {
      // A failed vend may only report its failure: it must not have made anything.
      const made = writes(world.calls).filter(
        (call) => call.function !== 'report-failure' && call.operation !== 'StartExecution',
      )
      if (made.length) broken(`${why}, and yet there was ${made[0]?.function} ${made[0]?.operation}`)
      if (contentOf([...world.accounts.values()]) !== before) broken(`${why}, and yet an account has changed`)
      if (world.secrets.size) broken(`${why}, and yet there is a secret`)
    }
    const checkMails = () => {
      for (const {
        Message: { Subject, Body },
      } of mails) {
        if (/[\r\n]/.test(Subject.Data)) broken(`a subject has more than one line: ${JSON.stringify(Subject.Data)}`)
        if (lower(Body.Html?.Data ?? '').includes(markup)) broken('a mail holds markup of its input')
        if (/<img|(href|src)=["']?\s*javascript:/i.test(Body.Html?.Data ?? ''))
          broken('a mail holds a script or picture of its input')
      }
    }
    const checkExecution = (execution: Execution): Ending => {
      const { status, error = '', output, states } = execution
      if (status === 'SUCCEEDED') {
        const { outcome } = output as { outcome?: string }
        if (outcome === 'Vended') checkVended(execution)
        else if (['AlreadyVended', 'AlreadyInProgress', 'NotNew'].includes(outcome ?? ''))
          checkNothingMade(`the execution ended as ${outcome}`)
        else broken(`an execution ended with ${JSON.stringify(output)}`)
        return outcome ?? ''
      }
      if (status !== 'FAILED' || !explanations[error])
        broken(`an execution ended as ${status} ${error}, which nobody explains`)
      if (!['AcceptRequest', 'CreateAdminGroup'].includes(states.at(-1)?.name ?? ''))
        broken(`${error} comes only in ${states.at(-1)?.name}`)
      checkNothingMade(`the execution ended as ${error}`)
      if (mails.length !== 1) broken(`${error} was told ${mails.length} times`)
      return error
    }
    /** The account has exactly what the input asks for. */
    const checkVended = ({ input, executionArn }: Execution) => {
      const parsed = JSON.parse(input) as object
      const request = isEvent(parsed) ? { accountId } : parsed
      const ask = completeRequest(parseInput(manualRequest, request), vending, {
        accountId,
        accountEmail: account.email,
        partition: 'aws',
      })
      if (sorted(account.users.keys()) !== sorted(ask.admins.map(({ userName }) => lower(userName))))
        broken(`there are the users ${sorted(account.users.keys())}`)
      for (const admin of ask.admins) {
        const user = account.users.get(lower(admin.userName)) ?? broken(`${admin.userName} is missing`)
        const policies = [...user.policies].filter((arn) => !arn.endsWith(':policy/IAMUserChangePassword'))
        if (sorted([...user.groups].map(({ name }) => lower(name))) !== sorted(new Set(admin.groups.map(lower))))
          broken(`${admin.userName} is in ${[...user.groups].map(({ name }) => name).join()}`)
        if (
          sorted(policies) !==
          sorted(new Set(admin.policies.filter((arn) => !arn.endsWith(':policy/IAMUserChangePassword'))))
        )
          broken(`${admin.userName} has ${policies.join()}`)
        if (Object.entries(admin.tags).some(([key, value]) => user.tags.get(key) !== value))
          broken(`${admin.userName} lacks a tag`)
        const versions = [...(world.secrets.get(secretName(accountId, admin.userName))?.versions.values() ?? [])]
        const password = versions.find(({ stages }) => stages.includes('AWSCURRENT'))?.value ?? ''
        const answer = signIn(world, accountId, admin.userName, password)
        if (answer === 'refused') broken(`${admin.userName} cannot sign in`)
        if (user.login?.resetRequired !== admin.passwordResetRequired)
          broken(`${admin.userName}: passwordResetRequired is ${user.login?.resetRequired}`)
      }
      for (const group of account.groups.values()) {
        const asked =
          ask.groups.find(({ name }) => lower(name) === lower(group.name)) ??
          broken(`nobody asked for the group ${group.name}`)
        if (sorted(group.policies) !== sorted(new Set(asked.policies)))
          broken(`${group.name} has ${[...group.policies].join()}`)
        if (sorted(group.inline.keys()) !== sorted(Object.keys(asked.inline)))
          broken(`${group.name} has ${[...group.inline.keys()].join()}`)
      }
      if (world.secrets.size !== ask.admins.length) broken(`there are ${world.secrets.size} secrets`)
      const to = mails.flatMap(({ Destination }) => Destination.ToAddresses)
      if (sorted(to) !== sorted(ask.admins.map(({ email }) => email))) broken(`mails went to ${to.join()}`)
      const item = ledger.item(`account#${accountId}`)
      const record = item && (unmarshall(item) as AccountRecord)
      if (record?.status !== 'VENDED' || record.lease || record.vendedBy !== executionArn)
        broken(`the record says ${record?.status}`)
    }
    const accounts = world.accounts.size
    const checkNotOpened = (why: string) => {
      if (executions.length) broken(`${why}, and yet an execution was started`)
      if (world.accounts.size !== accounts) broken(`${why}, and yet an account was opened`)
    }
    const checkOpened = () => openedAsAsked(world, executions[0] ?? broken('nothing was started'))
    /** A request that the API accepted is carried out, or waits for an approver. */
    const checkAsked = () => {
      if (vending.approval !== 'required') return checkOpened()
      checkNotOpened('nobody has approved the request')
      const to = mails.flatMap(({ Destination }) => Destination.ToAddresses)
      if (sorted(to) !== sorted(vending.approvalMails ?? vending.notify)) broken(`mails went to ${to.join()}`)
      return 'awaits approval'
    }
    return {
      ...{ world, ledger, executions, start, report, settled, endpoint, checkExecution, checkNothingMade, checkMails },
      ...{ checkNotOpened, checkOpened, checkAsked },
    }
  }

  type Call = { route: string; as: string; body: string; key?: string | undefined; isBase64Encoded?: boolean }
  type More = { pathParameters?: object; queryStringParameters?: object }
  /** API Gateway passes a request to the function of its route, by a role's session. */
  const call = async (
    { endpoint }: ReturnType<typeof build>,
    { route, as, key, body, isBase64Encoded = false, ...more }: Call & More,
  ) => {
    const isOfRoute = ({ method, path }: { method: string; path: string }) => `${method} ${path}` === route
    const { name = broken(`nothing answers ${route}`) } =
      deployed.functions.find(({ routes }) => routes.some(isOfRoute)) ?? {}
    const userArn = deployed.apiRoles.find(({ name }) => name === as)?.sessionArn
    const answer = (await service.invoke(
      name,
      {
        version: '2.0',
        routeKey: route,
        headers: key === undefined ? {} : { 'idempotency-key': key },
        ...more,
        requestContext: { authorizer: { iam: { userArn } } },
        body: isBase64Encoded ? Buffer.from(body).toString('base64') : body,
        isBase64Encoded,
      },
      endpoint,
    )) as Answer
    return { ...answer, ...checkAnswer(answer) }
  }

  return {
    /** EventBridge delivers an event to the targets of the matching rules. */
    event: (event: unknown) =>
      inNewWorld(async (door) => {
        for (const { target } of rulesFor(deployed.rules, event))
          if (target === 'VendAccount') door.start(JSON.stringify(event))
          else door.report(event)
        await door.settled()
        const [execution] = door.executions
        if (execution) return door.checkExecution(execution)
        door.checkNothingMade('no rule takes the event')
        return 'no rule takes it'
      }),
    /** A person starts an execution by hand. */
    execution: (input: unknown) =>
      inNewWorld(async (door) => {
        door.start(JSON.stringify(input))
        await door.settled()
        const [execution = broken('nothing was started')] = door.executions
        return door.checkExecution(execution)
      }),
    /** Step Functions passes an input to the first step. */
    step: (input: string) =>
      inNewWorld(async (door) => {
        const request: unknown = JSON.parse(input)
        const executionArn = `${deployed.stateMachineArn.replace(':stateMachine:', ':execution:')}:fuzz`
        const error = await service.invoke('accept-request', { request, executionArn }, door.endpoint).then(
          () => broken('it was accepted'),
          (error: Error) => error.name,
        )
        if (!explanations[error]) broken(`accept-request ended as ${error}`)
        door.checkNothingMade(`accept-request ended as ${error}`)
        return error
      }),
    /** API Gateway passes a request to its function. */
    api: ({ method, pathId, pathUser, key, body, isBase64Encoded }: ApiRequest) =>
      inNewWorld(async (door) => {
        const asksForLink = method === 'POST' && pathUser !== undefined
        const path = `/accounts/{accountId}${method === 'POST' ? '/admins' : ''}${asksForLink ? '/{userName}/link' : ''}`
        const { statusCode, type } = await call(door, {
          route: `${method} ${path}`,
          pathParameters: { accountId: pathId, ...(asksForLink && { userName: pathUser }) },
          ...{ as: 'operator', key, body, isBase64Encoded },
        })
        await door.settled()
        const [execution] = door.executions
        if (statusCode === 202) return `202 ${door.checkExecution(execution ?? broken('nothing was started'))}`
        if (execution) broken(`the API answered ${statusCode} and started an execution`)
        door.checkNothingMade(`the API answered ${statusCode}`)
        if (door.ledger.all().length) broken(`the API answered ${statusCode}, and yet something is on record`)
        if (method === 'GET' && statusCode === 200) return '200'
        return refusalOf(statusCode, type)
      }),
    /** API Gateway passes a request about a new account to its function. */
    opening: ({ route, as, key, requestId, query, body, isBase64Encoded }: OpeningRequest) =>
      inNewWorld(async (door) => {
        const { statusCode, type } = await call(door, {
          route,
          ...(route.includes('{') && { pathParameters: { requestId } }),
          ...(Object.keys(query).length && { queryStringParameters: query }),
          ...{ as: route.endsWith('/approval') ? 'approver' : as, key, body, isBase64Encoded },
        })
        if (route.startsWith('POST') && Buffer.byteLength(body) > 65_536 && statusCode !== 400)
          broken('a body over 64 KB was read')
        const onRecord = door.ledger.all().length
        await door.settled()
        if (statusCode === 202) return `202 ${door.checkAsked()}`
        door.checkNotOpened(`the API answered ${statusCode}`)
        if (onRecord) broken(`the API answered ${statusCode}, and yet something is on record`)
        if (route === 'GET /accounts' && statusCode === 200) {
          const { cursor } = query
          const from = cursor && (JSON.parse(Buffer.from(cursor, 'base64url').toString()) as { pk: string })
          if (from && !/^account#\d{12}$/.test(from.pk)) broken('the list took a cursor that is not its own')
          return '200'
        }
        return refusalOf(statusCode, type)
      }),
    /** Somebody asks for an account, and approvers decide about the request, one after the other. */
    approval: ({ as, body, decisions }: ApprovalRequest) =>
      inNewWorld(async (door) => {
        const asked = await call(door, { route: 'POST /accounts', as, body })
        if (asked.statusCode !== 202) return refusalOf(asked.statusCode, asked.type)
        await door.settled()
        const waits = door.checkAsked()
        const { requestId: own } = JSON.parse(asked.body) as { requestId: string }
        let first: string | undefined
        for (const { requestId = own, ...decision } of decisions) {
          const { statusCode, type, body } = await call(door, {
            route: 'POST /requests/{requestId}/approval',
            ...{ as: 'approver', pathParameters: { requestId }, ...decision },
          })
          if (statusCode !== 200) {
            refusalOf(statusCode, type)
            continue
          }
          const { decision: decided } = JSON.parse(body) as { decision: string }
          const { decision: wanted } = readJson(decision.body) as { decision: string }
          if (decided !== { approve: 'approved', decline: 'declined' }[wanted]) broken(`${wanted} made it ${decided}`)
          if (requestId !== own || waits !== 'awaits approval') broken('a request was decided that needs no decision')
          if (decided !== (first ?? decided)) broken(`a request was ${first}, and then ${decided}`)
          first = decided
        }
        await door.settled()
        if (waits !== 'awaits approval') return waits
        if (first === 'approved') return `approved: ${door.checkOpened()}`
        door.checkNotOpened(`nobody approved the request`)
        return first ?? 'undecided'
      }),
  }
}
export type Doors = Awaited<ReturnType<typeof openDoors>>

const contentOf = (accounts: Account[]) =>
  createHash('sha256')
    .update(
      JSON.stringify(
        accounts.map(({ id, users, groups, policies }) => [id, [...users.keys()], [...groups.keys()], [...policies]]),
      ),
    )
    .digest('hex')
