import { randomUUID } from 'node:crypto'
import { setTimeout } from 'node:timers/promises'
import { DynamoDBClient } from '@aws-sdk/client-dynamodb'
import { loadVending } from '../infra/build/check-vending.ts'
import { routeThrottle } from '../infra/build/routes.ts'
import { allFollowUps } from '../functions/shared/follow.ts'
import { allHandovers } from '../functions/shared/handover.ts'
import { type Ledger, scan } from '../functions/shared/ledger.ts'
import { allLooks } from '../functions/shared/look.ts'
import { lastMails } from '../functions/shared/mail-events.ts'
import { allAccounts } from '../functions/shared/record-and-lease.ts'
import type { Vending } from '../functions/shared/vending.ts'
import { type ApiRole, startApi } from './aws/api-gateway.ts'
import { cloudFormation } from './aws/cloudformation.ts'
import { type Intercept, startEndpoint } from './aws/endpoint.ts'
import { eventBridge, rulesFor, scheduledEvent, undelivered } from './aws/eventbridge.ts'
import { concurrencyOperation, invokeOperation } from './aws/lambda.ts'
import { limitRates } from './aws/rates.ts'
import { startQueue } from './aws/sqs.ts'
import { startStepFunctions, statusEvent, withMachines } from './aws/step-functions.ts'
import type { Execution, Progress } from './aws/step-functions-execution.ts'
import { type Account, addRole, addUser, createWorld, type World } from './aws/world.ts'
import { type Clock, startClock } from './clock.ts'
import { createLedger } from './create-ledger.ts'
import { type Deployed, readDeployed } from './deployed.ts'
import { createEventBus } from './event-bus.ts'
import { createFunctions } from './deployed-functions.ts'
import { bundleFunctions } from './run-function.ts'
import { shownRequests } from './shown-requests.ts'

/** How many times faster than real time the organization's clock runs. */
export const defaultSpeed = 60

type Options = {
  vendingFile: string
  /** The ports of the AWS endpoint and the API. Without this option, both use any free port. */
  ports?: { endpoint: number; api: number }
  speed?: number
  /** The probability that IAM does not see, for two seconds, what was just created: from 0 to 1. */
  staleness?: number
  onProgress?: (progress: Progress) => void
  /** Gets the lines that the functions log. */
  onLog?: (line: string) => void
  /** Gets each event that goes to the dead-letter queue because its function failed. AWS retries twice before. */
  onDeadLetter?: (event: unknown, error: unknown) => void
  /** Runs before every AWS call. It may throw an `AwsError`, which becomes the answer. */
  intercept?: Intercept
  bundles?: Map<string, string>
}

/** Endpoints of another AWS (moto, MiniStack …) by service, from environment variables that the SDK also reads. */
const upstreams = () => {
  const services = ['iam', 'sts', 'organizations', 'secretsmanager', 'ses', 'dynamodb', 'states', 'events']
  const named: Record<string, string> = { secretsmanager: 'SECRETS_MANAGER', states: 'SFN', events: 'EVENTBRIDGE' }
  return Object.fromEntries(
    services.flatMap((service): [string, string][] => {
      const own = process.env[`AWS_ENDPOINT_URL_${named[service] ?? service.toUpperCase()}`]
      // Rules and workflow stay here unless a variable names exactly these services.
      const url = own ?? (service === 'states' || service === 'events' ? undefined : process.env['AWS_ENDPOINT_URL'])
      return url ? [[service, url]] : []
    }),
  )
}

/** The roles and users that vending.yml names without wildcards are there, if they belong to the management account. */
const addPrincipals = (world: World, { secretReaders, operators, requesters, approvers }: Vending) => {
  const account = world.accounts.get(world.managementAccountId) as Account
  for (const arn of [...secretReaders, ...operators, ...requesters, ...approvers]) {
    const [, kind, path = '/', name] = /^[^:]*:[^:]*:iam::\d+:(role|user)(\/(?:[^*?]+\/)?)([^/*?]+)$/.exec(arn) ?? []
    if (!name || !arn.startsWith(`arn:${world.partition}:iam::${account.id}:`)) continue
    const add = kind === 'role' ? addRole : addUser
    add(world, account, { name, path })
  }
}

/** What Identity Center has created in the management account, so that `vend init` has roles to suggest. */
const addPermissionSets = (world: World) => {
  const account = world.accounts.get(world.managementAccountId) as Account
  for (const name of ['PlatformTeam', 'Developers'])
    addRole(world, account, {
      name: `AWSReservedSSO_${name}_0123456789abcdef`,
      path: '/aws-reserved/sso.amazonaws.com/',
    })
}

const createOrganization = (vending: Vending, clock: Clock, staleness: number) => {
  const { accessRole } = vending
  const world = createWorld({ now: clock.now, setTimer: clock.setTimer, staleness })
  for (const account of world.accounts.values()) account.roleName &&= accessRole
  world.sesIdentities.add(/@([^>]+)/.exec(vending.sender)?.[1] ?? '')
  if (vending.senderIdentity) world.sesGrants.add(vending.senderIdentity)
  world.trustedServices.add('account.amazonaws.com')
  if (vending.rootCredentials === 'audit') {
    world.trustedServices.add('iam.amazonaws.com')
    world.managesRootCredentials = true
  }
  addPrincipals(world, vending)
  addPermissionSets(world)
  limitRates(world)
  if (vending.automatic === 'control-tower') {
    world.landingZone = { version: '4.0', status: 'ACTIVE', isEnrolling: true }
    for (const unit of world.organizationalUnits.values()) unit.isRegistered = true
  }
  return world
}

/** Starts the services that depend on what is deployed. Returns them with their operations for the endpoint. */
const startServices = (
  world: World,
  deployed: Deployed,
  clock: Clock,
  options: Pick<Options, 'onProgress' | 'onDeadLetter'>,
) => {
  const queue = startQueue({ now: clock.now, queueName: deployed.deadLetters })
  const functions = createFunctions({
    world,
    deployed,
    sendDeadLetter: queue.send,
    onDeadLetter: options.onDeadLetter,
  })
  const startMachine = ({ definition, stateMachineArn }: Pick<Deployed, 'definition' | 'stateMachineArn'>) =>
    startStepFunctions({
      definition: definition as never,
      stateMachineArn,
      clock,
      invoke: async (arn, input) => {
        const name = functions.nameOf(arn)
        if (!name) throw new Error(`The definition names a function that serverless.yml does not have: ${arn}`)
        return functions.invoke(name, input)
      },
      onProgress: options.onProgress ?? (() => undefined),
      onEnd: (execution) => bus.putEvent(statusEvent(world, execution)),
    })
  const stepFunctions = startMachine(deployed)
  const rounds = startMachine(deployed.round)
  const bus = createEventBus(deployed, {
    startExecution: stepFunctions.start,
    invoke: (target, event) => functions.invokeAsync(folderOf(target), event),
  })
  world.topics.set(deployed.noticesTopicArn, [])
  world.emit = (event) => void bus.putEvent(event)
  const stack = stackOf(world, deployed)
  const operations = {
    lambda: {
      ...invokeOperation({ nameOf: functions.nameOf, invoke: functions.invokeTracked }),
      ...concurrencyOperation((name) => deployed.functions.find((fn) => fn.name === functions.nameOf(name))),
    },
    sqs: queue.operations,
    events: eventBridge({ putEvent: bus.putEvent, rules: () => [...deployedRules(deployed), ...world.otherRules] }),
    cloudformation: cloudFormation(stack),
    states: withMachines(stepFunctions, rounds),
  }
  return { queue, functions, stepFunctions, rounds, bus, stack, operations }
}

type Services = ReturnType<typeof startServices>

const isRunning = ({ stepFunctions, rounds }: Pick<Services, 'stepFunctions' | 'rounds'>) =>
  [stepFunctions, rounds].some((machine) => [...machine.executions.values()].some(({ status }) => status === 'RUNNING'))

const runRound = async (world: World, deployed: Deployed, { rounds }: Pick<Services, 'rounds'>) => {
  const event = scheduledEvent(world, ruleName(deployed, 'RoundRule'))
  const execution = rounds.start(`${randomUUID()}_${randomUUID()}`, JSON.stringify(event)) as Execution
  while (execution.status === 'RUNNING') await setTimeout(5)
  return execution
}

const failDelivery = (world: World, deployed: Deployed, { queue }: Pick<Services, 'queue'>, event: object) => {
  const [rule] = rulesFor(deployedRules(deployed), event)
  const letter = undelivered(world, event, { rule: rule?.name ?? '', target: deployed.stateMachineArn })
  queue.send(letter.body, letter.attributes)
}

/** The folder of the function that a rule names as its target: ReportFailure is report-failure. */
const folderOf = (target: string) => target.replace(/(?!^)[A-Z]/g, '-$&').toLowerCase()

// CloudFormation composes a rule's name from the stack's name, the rule's logical id, and 12 characters.
const ruleName = ({ stackName }: Deployed, logicalId: string) => `${stackName}-${logicalId}-LOCAL0123456`
const deployedRules = (deployed: Deployed) =>
  deployed.rules.map((rule) => ({ ...rule, name: ruleName(deployed, rule.name) }))

/** The service's stack. The URL of the API becomes known when the API starts. */
const stackOf = ({ partition, region, managementAccountId, now }: World, deployed: Deployed) => ({
  stackName: deployed.stackName,
  stackId: `arn:${partition}:cloudformation:${region}:${managementAccountId}:stack/${deployed.stackName}/local`,
  createdAt: now(),
  outputs: {
    LedgerTable: deployed.ledgerTable,
    VendAccountArn: deployed.stateMachineArn,
    DailyRoundArn: deployed.round.stateMachineArn,
    PasswordKeyArn: deployed.passwordKeyArn,
    NoticesTopicArn: deployed.noticesTopicArn,
    Approval: deployed.approval,
    // With an endpoint of its own, the SDK uses only the path of this URL.
    DeadLetterQueueUrl: `https://sqs.${region}.amazonaws.com/${managementAccountId}/${deployed.deadLetters}`,
    HttpApiUrl: '',
    ...Object.fromEntries(deployed.apiRoles.map(({ logicalId, arn }) => [`${logicalId}Arn`, arn])),
  },
})

const apiRolesOf = (deployed: Deployed): ApiRole[] =>
  deployed.apiRoles.map((role) => ({
    ...role,
    accessKeyId: `AKIALOCAL${role.name.toUpperCase()}`,
    secretAccessKey: `local-${role.name}`,
  }))

/** The configuration of an SDK client for this endpoint. The access key id is the account's id. */
const configOf = (endpoint: string, region: string, accountId: string) => ({
  endpoint,
  region,
  credentials: { accessKeyId: accountId, secretAccessKey: 'local' },
})

/** The configuration of an SDK client that acts in an account of the organization. */
export const clientConfig = ({ endpointUrl, world }: LocalOrganization, accountId: string) =>
  configOf(endpointUrl, world.region, accountId)

/**
 * What the ledger knows: the record of each account and what the daily round found there, by account id; the last mail
 * to each administrator, what the round did for them and what became of their link, by `accountId#userName` in lower
 * case.
 */
const readRecords = (ledger: Ledger) =>
  scan(ledger, {
    accounts: allAccounts(['admins', 'passwords']),
    mails: lastMails,
    looks: allLooks,
    followUps: allFollowUps,
    handovers: allHandovers,
  })

/**
 * Starts an AWS organization in memory and deploys this service in it: the real bundles, the real definition and rules,
 * and the real SDK clients over HTTP. `close` ends everything.
 */
export const startOrganization = async ({ vendingFile, speed = defaultSpeed, staleness = 0, ...options }: Options) => {
  const vending = loadVending(vendingFile)
  const clock = startClock(speed)
  const bundles = options.bundles ?? (await bundleFunctions(vendingFile))
  const world = createOrganization(vending, clock, staleness)
  const { managementAccountId, region, partition } = world
  const deployed = readDeployed(vending, { partition, region, accountId: managementAccountId })
  world.configurationSets.set(deployed.configurationSet.name, deployed.configurationSet.set)
  for (const { reservedConcurrency = 0 } of deployed.functions)
    world.lambdaLimits.unreservedConcurrentExecutions -= reservedConcurrency
  const services = startServices(world, deployed, clock, options)
  const { queue, functions, stepFunctions, rounds, bus, stack, operations } = services
  const endpoint = await startEndpoint(world, {
    ...(options.ports && { port: options.ports.endpoint }),
    ...(options.intercept && { intercept: options.intercept }),
    upstreams: upstreams(),
    operations,
  })
  const dynamodb = new DynamoDBClient(configOf(endpoint.url, region, managementAccountId))
  await createLedger(dynamodb, deployed.ledgerTable)
  const ledger = { dynamodb, tableName: deployed.ledgerTable }

  const apiRoles = apiRolesOf(deployed)
  const api = await startApi(
    {
      now: clock.now,
      functions: deployed.functions,
      throttle: routeThrottle(vending),
      roles: apiRoles,
      region,
      accountId: managementAccountId,
      invoke: functions.invoke,
    },
    options.ports?.api,
  )
  functions.load(bundles, { endpointUrl: endpoint.url, apiUrl: api.url, clock, onLog: options.onLog })
  stack.outputs.HttpApiUrl = api.url
  for (const role of apiRoles) world.managementRoles.set(role.arn, role)
  return {
    world,
    vending,
    clock,
    deployed,
    events: bus.events,
    endpointUrl: endpoint.url,
    /** The names of the operations that are added to the endpoint's built-in ones, by service. */
    operations: Object.fromEntries(Object.entries(operations).map(([service, of]) => [service, Object.keys(of)])),
    apiUrl: api.url,
    apiRoles,
    mails: endpoint.mails,
    onRecord: () => readRecords(ledger),
    requests: () => shownRequests(ledger),
    executions: stepFunctions.executions,
    putEvent: bus.putEvent,
    startExecution: stepFunctions.start,
    /** The messages in the dead-letter queue. */
    deadLetters: queue.messages,
    /** Puts an event into the dead-letter queue, as EventBridge does if it may not start the workflow. */
    failDelivery: (event: object) => failDelivery(world, deployed, services, event),
    /** The executions of the daily round, by ARN. */
    rounds: rounds.executions,
    /** Runs a daily round, which has no schedule here. Returns the execution when it has ended. */
    round: () => runRound(world, deployed, services),
    requestApi: api.request,
    /** Waits until no execution is running, every failure is reported, and every mail is delivered. */
    settled: async () => {
      while (!functions.isIdle() || isRunning(services) || !endpoint.areMailsDelivered()) await setTimeout(5)
    },
    close: async () => {
      clock.stop()
      dynamodb.destroy()
      await api.close()
      await endpoint.close()
    },
  }
}
export type LocalOrganization = Awaited<ReturnType<typeof startOrganization>>
