import { randomUUID } from 'node:crypto'
import { forward, type HttpRequest, type HttpResponse, serve } from '../http.ts'
import { accountManagement } from './account.ts'
import { AwsError, unsupported } from './aws-error.ts'
import { cloudTrail } from './cloudtrail.ts'
import { controlTower } from './control-tower.ts'
import { startDynamoDB } from './dynamodb.ts'
import { iam } from './iam.ts'
import { lambda } from './lambda.ts'
import type { Caller, Operation, Operations } from './operation.ts'
import { organizations } from './organizations.ts'
import { checkRate } from './rates.ts'
import { secretsManager } from './secrets-manager.ts'
import { type MailCatcher, ses, startMailCatcher } from './ses.ts'
import { sns } from './sns.ts'
import { sts } from './sts.ts'
import { type AwsRequest, errorCodeIn, functionIn, type Input, readRequest } from './wire-formats.ts'
import type { Call, World } from './world.ts'

/**
 * Runs before a call. It may throw an `AwsError`, which becomes the answer, or an ECONNRESET, which breaks the
 * connection. It may return a function, which runs after the call took effect and gets the error's code, if any.
 */
export type Intercept = (interception: Interception) => AfterCall | void | Promise<AfterCall | void>
type AfterCall = (error: string | undefined) => void | Promise<void>
export type Interception = { service: string; operation: string; input: Input; caller: Caller; record: Call }

/** The operations that need only the world's state, by the name that the requests of a service are signed for. */
export const builtInOperations: Record<string, Operations> = {
  iam,
  sts,
  organizations,
  secretsmanager: secretsManager,
  ses,
  sns,
  cloudtrail: cloudTrail,
  lambda,
  account: accountManagement,
  controltower: controlTower,
}

type Options = {
  /** URLs of other AWS endpoints, by service: the calls of these services are forwarded unchanged. */
  upstreams?: Record<string, string>
  /** More operations, by service. They come before the built-in ones. */
  operations?: Record<string, Operations>
  intercept?: Intercept
}
/** What answers the calls that other packages implement. */
type Backends = { database?: { url: string } | undefined; mailCatcher?: MailCatcher | undefined }

/** Returns a function that answers one request of an AWS SDK, and puts every call on record in `world.calls`. */
export const answering = (
  world: World,
  { upstreams = {}, operations = {}, intercept }: Options,
  { database, mailCatcher }: Backends = {},
) => {
  const perform = async (request: AwsRequest, caller: Caller): Promise<HttpResponse> => {
    const { http, service, operation, input, format } = request
    const upstream = upstreams[service]
    if (upstream) return forward(upstream, http)
    checkRate(world, service, operation)
    const run: Operation | undefined = operations[service]?.[operation] ?? builtInOperations[service]?.[operation]
    if (run) return format.respond(operation, await run(world, input as never, caller))
    if (service === 'ses' && (operation === 'SendEmail' || operation === 'SendRawEmail') && mailCatcher)
      return mailCatcher.send(http, input, caller)
    if (service === 'dynamodb' && database) return forward(database.url, http)
    throw unsupported(`${service} ${operation}`)
  }

  const performIntercepted = async (request: AwsRequest, record: Call, caller: Caller): Promise<HttpResponse> => {
    const { service, operation, input } = request
    const after = (await intercept?.({ service, operation, input, caller, record })) ?? undefined
    const response = await perform(request, caller).catch((error: unknown) => {
      if (error instanceof AwsError) return error
      throw error
    })
    const refused = response instanceof AwsError
    await after?.(refused ? response.code : response.status >= 300 ? errorCodeIn(response.body) : undefined)
    if (refused) throw response
    return response
  }

  return async (http: HttpRequest): Promise<HttpResponse> => {
    const request = readRequest(http)
    const { service, operation, format } = request
    const callingFunction = functionIn(http.headers['user-agent'])
    const record: Call = { service, operation, accountId: '', function: callingFunction, at: world.now() }
    world.calls.push(record)
    try {
      const isForwarded = upstreams[service] !== undefined
      // The other AWS checks the credentials of a forwarded call itself.
      const caller = isForwarded
        ? unchecked(world, request, callingFunction)
        : callerOf(world, request, callingFunction)
      record.accountId = caller.accountId
      if (!isForwarded) checkAccount(world, request, caller)
      const response = await performIntercepted(request, record, caller)
      if (response.status >= 300) record.error = errorCodeIn(response.body)
      return response
    } catch (error) {
      if (isReset(error)) throw error
      const refusal = error instanceof AwsError ? error : localFailure(error)
      record.error = refusal.code
      return refusal.code ? format.refuse(refusal) : ofProxy(refusal)
    } finally {
      record.end = world.now()
    }
  }
}

/** A failure without an error name: a proxy in front of AWS's service answered. */
const ofProxy = ({ status, message }: AwsError) => ({
  status,
  headers: { 'content-type': 'text/html' },
  body: `<html><body><h1>${status} ${message}</h1></body></html>`,
})

/**
 * Opens the organization to AWS's SDKs on 127.0.0.1, on any free port if `port` is 0.
 * Returns the endpoint's URL, `mails` and `close`.
 */
export const startEndpoint = async (world: World, { port = 0, ...options }: Options & { port?: number } = {}) => {
  const { upstreams = {} } = options
  const database = upstreams['dynamodb'] ? undefined : await startDynamoDB()
  const mailCatcher = upstreams['ses'] ? undefined : await startMailCatcher(world)
  const answer = answering(world, options, { database, mailCatcher })
  const server = await serve(async (request) => {
    const { status, headers, body } = await answer(request)
    const amazonHeaders = {
      'x-amzn-requestid': randomUUID(),
      // If this time differed from the SDK's own, the SDK would correct its clock and retry.
      date: new Date(world.now()).toUTCString(),
    }
    return { status, headers: { ...headers, ...amazonHeaders }, body }
  }, port)
  return {
    url: server.url,
    /** The mails that were sent, in order. Empty if another service sends the mails. */
    mails: async () => (mailCatcher ? mailCatcher.mails() : []),
    /** Whether SES has told what became of every mail. */
    areMailsDelivered: () => !mailCatcher || mailCatcher.isIdle(),
    close: async () => {
      await Promise.all([server.close(), database?.close(), mailCatcher?.close()])
    },
  }
}

const isReset = (error: unknown) => error instanceof Error && 'code' in error && error.code === 'ECONNRESET'

/** A bug of the local organization: the SDK gets it with its stack trace, and does not retry. */
const localFailure = (error: unknown) =>
  new AwsError('LocalOrganizationFailure', error instanceof Error ? (error.stack ?? error.message) : String(error))

/** An access key id is that of a session, or the id of the account itself. */
const accountOf = (world: World, accessKeyId: string) => world.sessions.get(accessKeyId)?.accountId ?? accessKeyId

const unchecked = (world: World, { accessKeyId }: AwsRequest, callingFunction: string | null): Caller => ({
  accountId: accountOf(world, accessKeyId),
  accessKeyId,
  function: callingFunction,
})

const callerOf = (world: World, request: AwsRequest, callingFunction: string | null): Caller => {
  const { accessKeyId, format } = request
  const { expired, unknownKey, status } = format.errors
  const session = world.sessions.get(accessKeyId)
  if (session && session.expiresAt <= Date.now())
    throw new AwsError(expired, 'The security token included in the request is expired', status)
  const caller = unchecked(world, request, callingFunction)
  if (!world.accounts.has(caller.accountId))
    throw new AwsError(unknownKey, 'The security token included in the request is invalid.', status)
  return { ...caller, ...(session && { session }) }
}

/**
 * A member account may call IAM, STS, Account Management and DescribeOrganization. Everything else belongs to the
 * management account.
 */
const checkAccount = (world: World, { service, operation, format }: AwsRequest, { accountId }: Caller) => {
  const isOpen = ['iam', 'sts', 'account'].includes(service) || operation === 'DescribeOrganization'
  if (isOpen || accountId === world.managementAccountId) return
  const { denied, status } = format.errors
  throw new AwsError(denied, `The account ${accountId} is not authorized to perform: ${service}:${operation}`, status)
}
