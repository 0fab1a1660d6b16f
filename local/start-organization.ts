import { randomUUID } from 'node:crypto'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { DynamoDBClient } from '@aws-sdk/client-dynamodb'
import type { sweep } from '../functions/sweep/sweep.ts'
import { loadVending } from '../infra/build/load-vending.ts'
import { type ApiRequest, apiGateway, type ApiRole, readRequest, signApiRequest } from './aws/api-gateway.ts'
import { startClock } from './clock.ts'
import { cloudFormation } from './aws/cloudformation.ts'
import { createLedger } from './create-ledger.ts'
import { readDeployed } from './deployed.ts'
import { type Intercept, startEndpoint } from './aws/endpoint.ts'
import { eventBridge, rulesFor } from './aws/eventbridge.ts'
import { bundleFunctions, loadFunction } from './run-function.ts'
import { invoking } from './aws/lambda.ts'
import { startQueue } from './aws/sqs.ts'
import { type Execution, type Progress, startStepFunctions } from './aws/step-functions.ts'
import { createWorld } from './aws/world.ts'

/** Seconds of the organization that pass in one second. */
export const defaultSpeed = 60

type Options = {
  vendingFile: string
  /** Where AWS's endpoint and the API listen; any free port if left out. */
  ports?: { endpoint: number; api: number }
  speed?: number
  /** How often IAM forgets, for two seconds, what was just made: 0 never, 1 always. */
  staleness?: number
  onProgress?: (progress: Progress) => void
  /** Lines that the functions log. */
  onLog?: (line: string) => void
  /** An event whose function failed: on AWS it is tried twice more, then kept in the dead-letter queue. */
  onDeadLetter?: (event: unknown, error: unknown) => void
  /** Runs before every AWS call, and may throw an `AwsError` in its place. */
  intercept?: Intercept
  bundles?: Map<string, string>
}

/** Per-service endpoints of another AWS (moto, MiniStack …), as the SDK reads them from the environment. */
const upstreams = () => {
  const services = ['iam', 'sts', 'organizations', 'secretsmanager', 'ses', 'dynamodb', 'states', 'events']
  const named: Record<string, string> = { secretsmanager: 'SECRETS_MANAGER', states: 'SFN', events: 'EVENTBRIDGE' }
  return Object.fromEntries(
    services.flatMap((service): [string, string][] => {
      const own = process.env[`AWS_ENDPOINT_URL_${named[service] ?? service.toUpperCase()}`]
      const url = own ?? (service === 'states' || service === 'events' ? undefined : process.env['AWS_ENDPOINT_URL'])
      return url ? [[service, url]] : []
    }),
  )
}

/**
 * Brings up an AWS organization in memory with this service deployed in it: the real bundles, the real definition and
 * rules, the real SDK clients over the wire. `close` ends all of it.
 */
export const startOrganization = async ({ vendingFile, speed = defaultSpeed, staleness = 0, ...options }: Options) => {
  const vending = loadVending(vendingFile)
  const clock = startClock(speed)
  const bundles = options.bundles ?? (await bundleFunctions(vendingFile))
  const functions = new Map<string, (event: unknown) => Promise<unknown>>()
  const underWay = new Set<Promise<unknown>>()
  const events: unknown[] = []

  const track = <T>(work: Promise<T>) => {
    underWay.add(work)
    void work.catch(() => undefined).finally(() => underWay.delete(work))
    return work
  }
  const world = createWorld({ now: clock.now, setTimer: clock.setTimer })
  world.staleness = staleness
  world.emit = (event) => void putEvent(event)
  for (const account of world.accounts.values()) account.roleName &&= vending.accessRole
  const { managementAccountId, region, partition } = world
  const deployed = readDeployed(vending, { partition, region, accountId: managementAccountId })
  world.sesIdentities.add(/@([^>]+)/.exec(vending.sender)?.[1] ?? '')

  const functionName = (arn: string) => {
    const { name } = deployed.functions.find(({ name }) => arn === deployed.lambdaArn(camelCase(name))) ?? {}
    if (!name) throw new Error(`The definition names a function that serverless.yml does not have: ${arn}`)
    return name
  }
  const invoke = (name: string, event: unknown) => {
    const run = functions.get(name)
    if (!run) throw new Error(`There is no function ${name}`)
    return run(event)
  }

  const stepFunctions = startStepFunctions({
    definition: deployed.definition as never,
    stateMachineArn: deployed.stateMachineArn,
    clock,
    invoke: (arn, input) => invoke(functionName(arn), input),
    onProgress: options.onProgress ?? (() => undefined),
    onEnd: (execution) => putEvent(statusEvent(execution)),
  })
  const { stackName } = deployed
  const isoTime = () => new Date(clock.now()).toISOString()
  const statusEvent = ({ executionArn, stateMachineArn, name, status, startDate, stopDate, input }: Execution) => ({
    version: '0',
    id: randomUUID(),
    'detail-type': 'Step Functions Execution Status Change',
    source: 'aws.states',
    account: managementAccountId,
    time: isoTime(),
    region,
    resources: [executionArn],
    detail: { executionArn, stateMachineArn, name, status, startDate, stopDate, input },
  })

  /** What the default event bus does with an event. Answers the executions started, and whether any rule took it. */
  const putEvent = (event: unknown): { matched: boolean; executions: Execution[] } => {
    events.push(event)
    const rules = rulesFor(deployed.rules, event)
    const executions = rules.flatMap(({ target }) => {
      if (target === 'VendAccount') {
        // EventBridge cannot be told a name; it makes one of 73 characters.
        const execution = stepFunctions.start(`${randomUUID()}_${randomUUID()}`, JSON.stringify(event))
        return execution === 'ExecutionAlreadyExists' ? [] : [execution]
      }
      void track(invokeAsync('report-failure', event))
      return []
    })
    return { matched: rules.length > 0, executions }
  }

  const queue = startQueue({ now: clock.now, queueName: deployed.deadLetters })
  /**
   * As EventBridge invokes a function: on AWS Lambda tries a failure twice more, then keeps what it was about as a dead letter
   * (Lambda Developer Guide, invocation-async-retain-records). Answers what the function does; undefined if it failed.
   */
  const invokeAsync = async (name: string, event: unknown) => {
    try {
      return await invoke(name, event)
    } catch (error) {
      const { name: errorType, message: errorMessage } = error as Error
      queue.send(
        JSON.stringify({
          version: '1.0',
          timestamp: isoTime(),
          requestContext: {
            requestId: randomUUID(),
            functionArn: `${deployed.lambdaArn(camelCase(name))}:$LATEST`,
            condition: 'RetriesExhausted',
            approximateInvokeCount: 3,
          },
          requestPayload: event,
          responseContext: { statusCode: 200, executedVersion: '$LATEST', functionError: 'Unhandled' },
          responsePayload: { errorType, errorMessage, trace: [] },
        }),
      )
      options.onDeadLetter?.(event, error)
      return undefined
    }
  }

  const lambda = invoking({
    find: (nameOrArn) =>
      deployed.functions.find(({ name }) =>
        [deployed.lambdaArn(camelCase(name)), `${stackName}-${camelCase(name)}`].includes(nameOrArn),
      )?.name,
    invoke: (name, event) => track(invoke(name, event)),
  })

  const handlers = {
    lambda,
    sqs: queue.operations,
    events: eventBridge({
      managementAccountId,
      region,
      isoTime,
      putEvent,
      rules: () => [
        // CloudFormation makes a rule's name of the stack's, the rule's, and 12 characters.
        ...deployed.rules.map((rule) => ({ ...rule, name: `${stackName}-${rule.name}-LOCAL0123456` })),
        ...world.otherRules,
      ],
    }),
    cloudformation: cloudFormation({
      stackName,
      stackId: `arn:${partition}:cloudformation:${region}:${managementAccountId}:stack/${stackName}/local`,
      createdAt: clock.now(),
      outputs: {
        LedgerTable: deployed.ledgerTable,
        VendAccountArn: deployed.stateMachineArn,
        PasswordKeyArn: deployed.passwordKeyArn,
        // The SDK takes the path alone from it where the endpoint is another one.
        DeadLetterQueueUrl: `https://sqs.${region}.amazonaws.com/${managementAccountId}/${deployed.deadLetters}`,
      },
    }),
    states: stepFunctions.operations,
  }
  const endpoint = await startEndpoint(world, {
    ...(options.ports && { port: options.ports.endpoint }),
    ...(options.intercept && { intercept: options.intercept }),
    upstreams: upstreams(),
    handlers,
  })

  for (const fn of deployed.functions)
    functions.set(
      fn.name,
      loadFunction(
        bundles.get(fn.name) ?? '',
        {
          ...fn,
          environment: {
            ...fn.environment,
            AWS_REGION: region,
            // By this the endpoint knows which function calls.
            AWS_SDK_UA_APP_ID: fn.name,
            AWS_ACCESS_KEY_ID: managementAccountId,
            AWS_SECRET_ACCESS_KEY: 'local',
            AWS_ENDPOINT_URL: endpoint.url,
          },
        },
        { clock, log: (line) => options.onLog?.(line) },
      ),
    )

  const dynamodb = new DynamoDBClient({
    endpoint: endpoint.url,
    region,
    credentials: { accessKeyId: managementAccountId, secretAccessKey: 'local' },
  })
  await createLedger(dynamodb, deployed.ledgerTable)

  const apiRoles: ApiRole[] = (['operator', 'requester'] as const).map((name) => ({
    name,
    accessKeyId: `AKIALOCAL${name.toUpperCase()}`,
    secretAccessKey: `local-${name}`,
    mayInvoke: deployed.apiRoles[name],
  }))
  const callApi = apiGateway({
    functions: deployed.functions,
    roles: apiRoles,
    region,
    accountId: managementAccountId,
    invoke,
  })
  const apiServer = createServer((incoming, outgoing) => {
    void readRequest(incoming)
      .then(callApi)
      .then(({ status, headers, body }) => outgoing.writeHead(status, headers).end(body))
  })
  await new Promise<void>((resolve) => apiServer.listen(options.ports?.api ?? 0, '127.0.0.1', resolve))
  const apiUrl = `http://127.0.0.1:${(apiServer.address() as AddressInfo).port}`

  return {
    world,
    vending,
    clock,
    deployed,
    events,
    endpointUrl: endpoint.url,
    /** The operations that this service brings to the endpoint, by service. */
    operations: Object.fromEntries(Object.entries(handlers).map(([name, of]) => [name, Object.keys(of)])),
    apiUrl,
    apiRoles,
    mails: endpoint.mails,
    executions: stepFunctions.executions,
    putEvent,
    startExecution: (name: string, input: string) => stepFunctions.start(name, input),
    /** Bodies and attributes of what waits in the dead-letter queue. */
    deadLetters: queue.messages,
    /** Has the schedule run the sweep, which it does not by itself here. Answers what the sweep did; undefined if it failed. */
    sweep: () =>
      track(
        invokeAsync('sweep', {
          version: '0',
          id: randomUUID(),
          'detail-type': 'Scheduled Event',
          source: 'aws.events',
          account: managementAccountId,
          time: isoTime(),
          region,
          resources: [
            `arn:${partition}:events:${region}:${managementAccountId}:rule/${stackName}-SweepRule-LOCAL0123456`,
          ],
          detail: {},
        }) as Promise<Awaited<ReturnType<typeof sweep>> | undefined>,
      ),
    /** Sends a request to the API over the wire, signed by one of its roles. `sent` replaces the signed body. */
    requestApi: async (request: ApiRequest, role: ApiRole['name'] = 'operator', sent = request.body) => {
      const signer = apiRoles.find(({ name }) => name === role)
      const signed = signer ? await signApiRequest(signer, region, new URL(apiUrl).host, request) : {}
      const response = await fetch(`${apiUrl}${request.path}`, {
        method: request.method,
        headers: signed,
        ...(sent && { body: sent }),
      })
      return { status: response.status, headers: Object.fromEntries(response.headers), body: await response.text() }
    },
    /** Waits until no execution runs and every failure is reported. */
    settled: async () => {
      while (underWay.size || [...stepFunctions.executions.values()].some(({ status }) => status === 'RUNNING'))
        await new Promise((resolve) => setTimeout(resolve, 5))
    },
    close: async () => {
      clock.stop()
      dynamodb.destroy()
      apiServer.closeAllConnections()
      await new Promise((resolve) => apiServer.close(resolve))
      await endpoint.close()
    },
  }
}
export type LocalOrganization = Awaited<ReturnType<typeof startOrganization>>

const camelCase = (name: string) => name.replace(/-(\w)/g, (_, letter: string) => letter.toUpperCase())
