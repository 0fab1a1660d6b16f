import { OrganizationsClient } from '@aws-sdk/client-organizations'
import { type DescribeExecutionOutput, SFNClient } from '@aws-sdk/client-sfn'
import { GetCallerIdentityCommand, STSClient } from '@aws-sdk/client-sts'
import { setTimeout } from 'node:timers/promises'
import { styleText } from 'node:util'
import { decideRequest } from '../functions/decide-request/decide-request.ts'
import { findByAddress } from '../functions/open-account/open-account.ts'
import { getAccount } from '../functions/get-account/get-account.ts'
import { getRequest } from '../functions/get-request/get-request.ts'
import { isNamed } from '../functions/shared/aws-errors.ts'
import { checkOpening } from '../functions/shared/check-opening.ts'
import { isRunning, mayChange, readExecution } from '../functions/shared/execution.ts'
import { sentenceOf } from '../functions/shared/failure.ts'
import { inputOf, type OpenRequest } from '../functions/shared/new-account.ts'
import { nextCommand, type NextCommand } from '../functions/shared/next-command.ts'
import {
  allIntents,
  allRequests,
  askOf,
  createRequest,
  readIntent,
  readRequest,
  type RequestStatus,
  statusOfRequest,
} from '../functions/shared/opening.ts'
import { type Ledger, scan } from '../functions/shared/ledger.ts'
import { allAccounts, readAccount } from '../functions/shared/record-and-lease.ts'
import { startOpening } from '../functions/shared/start-opening.ts'
import type { Vending } from '../functions/shared/vending.ts'
import { keepingToTheRate, type Make } from './clients.ts'
import { isRefusal, RefusedError, sayError, withoutField } from './command-errors.ts'
import { controlTowerOf, findService, serviceClients } from './service.ts'
import { showTime, table, width, wrap } from './show.ts'
import { showAdministrators, showFailure, showStep, showSteps, type Status } from './status.ts'

export const openingClients = (make: Make) => ({
  ...serviceClients(make),
  organizations: make(OrganizationsClient, keepingToTheRate),
  sfn: make(SFNClient),
  sts: make(STSClient),
})
type Clients = ReturnType<typeof openingClients>

const callerArn = async ({ sts }: Pick<Clients, 'sts'>) => (await sts.send(new GetCallerIdentityCommand({}))).Arn ?? ''

const timeOf = ({ now }: Pick<Clients, 'now'>) => new Date(now()).toISOString()

/** Runs a check of the service, and says to a person why the request is refused. */
const orRefuse = async <Answer>(check: Promise<Answer>): Promise<Answer> => {
  try {
    return await check
  } catch (error) {
    if (isNamed(error, 'AccountBusyError'))
      throw new RefusedError(`${withoutField(error.message)}. Nothing was started. Try again in two minutes.`)
    if (!isRefusal(error)) throw error
    throw new RefusedError(`${sayError(error)} Nothing was started.`, { cause: error })
  }
}

/** A request that was just made, or that was made before. */
export type Asked = {
  requestId: string
  status: RequestStatus
  /** Whether nobody had made this request before. */
  isNew: boolean
  /** Missing as long as the account's id is not known. */
  accountId?: string
  /** The execution that continues a request that had failed. */
  executionArn?: string
}

/**
 * Asks for an account, as the API does for an operator, and starts the execution that opens the account unless somebody
 * must approve the request first. An open request for the same account is the same request. If its execution has
 * failed, another execution continues.
 * Throws `NotDeployedError`, `InvalidInputError` and `RefusedError`.
 */
export async function open(
  clients: Clients,
  { body, stage, vending, options }: { body: OpenRequest; stage: string; vending: Vending; options: string },
): Promise<Asked> {
  const [service, requestedBy] = await Promise.all([findService(clients, stage), callerArn(clients)])
  const { ledger, partition, stateMachineArn } = service
  const controlTower = controlTowerOf(clients.organizations)
  await orRefuse(checkOpening({ ...clients, controlTower }, body, vending, { partition, limits: false }))
  const { requestId, intent, isNew } = await orRefuse(
    createRequest(ledger, { body, requestedBy, needsApproval: service.needsApproval, at: timeOf(clients) }, () =>
      findByAddress({ ...clients, ledger }, body),
    ),
  )
  if (intent.ask !== askOf(body))
    throw new RefusedError(
      `There is another request for an account with the address ${body.email}, and the two requests differ. Nothing was started. ` +
        `Use another address, or look at the other request:\n  npx vend status ${intent.requestId}${options}`,
    )
  const [request, record] = await Promise.all([
    readRequest(ledger, requestId),
    intent.accountId === undefined ? undefined : readAccount(ledger, intent.accountId),
  ])
  if (!request) throw new Error(`The request ${requestId} is not on record`)
  const status = statusOfRequest(request, intent, record)
  const { accountId } = intent
  const asked = { requestId, status, isNew, ...(accountId !== undefined && { accountId }) }
  if (status === 'failed') {
    const executionArn = await startOpening(clients.sfn, stateMachineArn, request, { again: true })
    return { ...asked, status: 'accepted', ...(executionArn !== undefined && { executionArn }) }
  }
  if (status !== 'awaiting-approval') await startOpening(clients.sfn, stateMachineArn, request)
  return asked
}

/**
 * Approves or declines a request, as the API does for an approver.
 * Throws `NotDeployedError`, `InvalidInputError` and `RefusedError`.
 */
export async function decide(
  clients: Clients,
  { requestId, stage, ...body }: { requestId: string; stage: string; decision: 'approve' | 'decline'; reason?: string },
) {
  const [{ ledger, stateMachineArn }, by] = await Promise.all([findService(clients, stage), callerArn(clients)])
  try {
    return await decideRequest(
      { sfn: clients.sfn, ledger },
      { requestId, body, callerArn: by, stateMachineArn, at: timeOf(clients) },
    )
  } catch (error) {
    if (!isRefusal(error)) throw error
    throw new RefusedError(sayError(error), { cause: error })
  }
}

export type OpenRequests = {
  requestId: string
  status: RequestStatus
  name: string
  email: string
  accountId?: string
  requestedBy: string
  requestedAt: string
  error?: string
}[]

/** Lists the requests for accounts that are not vended yet, the oldest first. Throws `NotDeployedError`. */
export async function requests(
  clients: ReturnType<typeof serviceClients>,
  { stage }: { stage: string },
): Promise<OpenRequests> {
  const { ledger } = await findService(clients, stage)
  const { asked, opening, records } = await scan(ledger, {
    asked: allRequests,
    opening: allIntents,
    records: allAccounts(['steps', 'vendedBy', 'vendedEarlier']),
  })
  const all = [...opening.values()].flatMap((intent) => {
    const request = asked.get(intent.requestId)
    if (!request) return []
    const record = intent.accountId === undefined ? undefined : records.get(intent.accountId)
    const { requestId, requestedBy, requestedAt, body } = request
    const failure = intent.failure ?? record?.failure
    const status = statusOfRequest(request, intent, record)
    return [
      {
        requestId,
        status,
        name: body.name,
        email: body.email,
        ...(intent.accountId !== undefined && { accountId: intent.accountId }),
        requestedBy,
        requestedAt,
        ...(status === 'failed' && failure && { error: failure.error }),
      },
    ]
  })
  return all
    .filter(({ status }) => status !== 'vended' && status !== 'declined')
    .sort((a, b) => a.requestedAt.localeCompare(b.requestedAt))
}

/** 26 hours become `1 day`. */
const ageOf = (requestedAt: string, now: number) => {
  const minutes = Math.max(0, Math.floor((now - Date.parse(requestedAt)) / 60_000))
  const [count, unit] =
    minutes < 60
      ? [minutes, 'minute']
      : minutes < 24 * 60
        ? [Math.floor(minutes / 60), 'hour']
        : [Math.floor(minutes / (24 * 60)), 'day']
  return `${count} ${unit}${count === 1 ? '' : 's'}`
}

/** The requests for a person, a line each. `now` is AWS's time. */
export const showRequests = (open: OpenRequests, now: number, most = width) => {
  const rows = open.map(({ requestId, status, name, email, requestedBy, requestedAt, error }) => [
    requestId,
    name,
    email,
    [showRequestStatus(status), error].filter(Boolean).join('  '),
    ageOf(requestedAt, now),
    requestedBy.replace(/^arn:[\w-]+:\w+::\d+:/, ''),
  ])
  const count = `${open.length} request${open.length === 1 ? '' : 's'}`
  return open.length ? `${table(['Request', 'Name', 'Address', 'Status', 'Age', 'By'], rows, most)}\n${count}` : count
}

const colours: Partial<Record<RequestStatus, 'green' | 'red' | 'dim'>> = {
  vended: 'green',
  failed: 'red',
  declined: 'dim',
}
const showRequestStatus = (status: RequestStatus) => styleText(colours[status] ?? 'yellow', status)

type Request = Awaited<ReturnType<typeof getRequest>>
export type OpeningStatus = Omit<Request, 'failure'> & {
  executionArn?: string
  /** As in the status of an account. Empty until the vend has recorded them. */
  admins: Status['admins']
  failure?: NextCommand & { cause: string }
}
export type Input = {
  /** The id of a request, or the address of the account that was asked for. */
  target: string
  stage: string
  /** The options of this command, which the next command needs too. */
  options: string
  /** A further execution for the request, which may not have begun. The status is still that of the one before then. */
  executionArn?: string | undefined
}

/**
 * Finds a request by its id, or by the address of the account that was asked for. `intent` is how far its opening is,
 * and `later` the id of a request that has taken its place.
 * Throws `RefusedError`.
 */
export const findRequest = async (ledger: Ledger, { target, options }: Pick<Input, 'target' | 'options'>) => {
  const requestId = target.includes('@') ? (await readIntent(ledger, target))?.requestId : target
  if (requestId === undefined)
    throw new RefusedError(
      `Nobody has requested an account with the address ${target}. Request the account:\n  npx vend open NAME ${target}${options}`,
    )
  const request = await readRequest(ledger, requestId)
  if (!request) throw new RefusedError('There is no request with this id.')
  const intent = await readIntent(ledger, request.body.email)
  const isLatest = intent?.requestId === requestId
  return { ...request, intent: isLatest ? intent : undefined, later: isLatest ? undefined : intent?.requestId }
}

/**
 * Reads how far the opening of an account is, and after a failure the command that continues.
 * Throws `NotDeployedError` and `RefusedError`.
 */
export async function openingStatus(clients: Clients, { target, stage, options }: Input): Promise<OpeningStatus> {
  const { ledger } = await findService(clients, stage)
  // The holder is read first: a failure that is read later is never the failure of an execution before the holder.
  const { requestId, body, intent, later } = await findRequest(ledger, { target, options })
  const { failure, ...request } = await getRequest({ ledger }, { requestId })
  const executionArn = intent?.holder
  const { accountId } = request
  const { admins } =
    accountId === undefined ? { admins: [] } : await getAccount({ ...clients, ledger }, { accountId }, clients.now())
  const opened = { ...request, admins, ...(executionArn !== undefined && { executionArn }) }
  if (!failure) return opened
  if (later !== undefined) {
    const { error, what, cause } = failure
    const command = `npx vend status ${later}${options}`
    return {
      ...opened,
      failure: {
        error,
        what,
        cause,
        goOn: 'start',
        command,
        advice: 'A later request has taken the place of this one:',
      },
    }
  }
  const execution = executionArn === undefined ? undefined : await readExecution(clients.sfn, executionArn)
  // After a redrive, the ledger keeps the failure until the next step begins.
  if (mayChange(execution?.status)) {
    const isVending = opened.timeline.some(({ state }) => state === 'CreateAdminGroup')
    return { ...opened, status: isVending ? 'vending' : accountId === undefined ? 'opening' : 'placing' }
  }
  const next = nextCommand(failure, {
    accountId: accountId ?? request.email,
    execution: { ...execution, input: execution?.input ?? JSON.stringify(inputOf(body)) } as DescribeExecutionOutput,
    target: requestId,
    options,
  })
  return { ...opened, failure: { ...next, cause: sentenceOf(failure.cause) } }
}

/** The longest pause between two reads, in milliseconds. */
const longestPause = 5000
/** Some openings wait for days, and nobody watches them for that long. In milliseconds. */
const longestWatch = 60 * 60 * 1000

export const hasEnded = ({ status }: Pick<OpeningStatus, 'status'>) => ['vended', 'failed', 'declined'].includes(status)

/**
 * Follows the opening of an account until it ends, for an hour at most. `onLine` hears each step as it begins, and what
 * the opening waits for.
 * Throws what `openingStatus` does.
 */
export async function watchOpening(
  clients: Clients,
  input: Input,
  onLine: (line: string) => void,
): Promise<OpeningStatus> {
  const end = Date.now() + longestWatch
  const told = new Set<string>()
  const tell = (key: string, line: string) => {
    if (!told.has(key)) onLine(line)
    told.add(key)
  }
  for (let pause = 250; ; pause = Math.min(pause * 1.5, longestPause)) {
    const now = await openingStatus(clients, input)
    for (const step of now.timeline) tell(`${step.state} ${step.userName ?? ''} ${step.at}`, showStep(step))
    const { waiting } = now
    if (waiting) tell(`${waiting.for} ${waiting.until}`, showWaiting(waiting))
    const { executionArn } = input
    const hasBegun =
      executionArn === undefined || now.executionArn === executionArn || !(await isRunning(clients.sfn, executionArn))
    if ((hasBegun && hasEnded(now)) || Date.now() > end) return now
    await setTimeout(pause)
  }
}

const showWaiting = ({ for: what, until }: NonNullable<OpeningStatus['waiting']>) =>
  `  ${styleText('dim', what === 'approval' ? `waits for ${what}, until ${showTime(until)} at most` : `waits for ${what}; tries again at ${showTime(until)} at the latest`)}`

/** How far the opening of an account is, for a person. */
export const showOpening = (opening: OpeningStatus, { withSteps }: { withSteps: boolean }) => {
  const { requestId, status, name, email, ou, accountId, requestedBy, requestedAt } = opening
  const { approval, waiting, timeline, failure } = opening
  const facts = [
    `address       ${email}`,
    ou !== undefined && `unit          ${ou}`,
    accountId !== undefined && `account       ${accountId}`,
    `request       ${requestId}`,
    `requested by  ${requestedBy}, ${showTime(requestedAt)}`,
    approval && `${approval.decision.padEnd(12)}  by ${approval.by}, ${showTime(approval.at)}`,
    approval?.reason !== undefined && `reason        ${approval.reason}`,
    opening.executionArn && `execution     ${opening.executionArn.split(':').at(-1)}`,
  ].filter((fact) => typeof fact === 'string')
  return [
    `${styleText('bold', name)}: ${showRequestStatus(status)}`,
    ...facts.map((fact) => `  ${fact}`),
    ...(withSteps && timeline.length ? ['', ...showSteps(opening)] : []),
    ...showAdministrators(opening),
    ...(waiting ? ['', showWaiting(waiting)] : []),
    ...(failure ? ['', showFailure(failure)] : []),
  ].join('\n')
}

/** What became of a request that a person asked for, and what the person does next. */
export const showAsked = ({ requestId, status, isNew, accountId, executionArn }: Asked, options: string) => {
  if (status === 'awaiting-approval')
    return wrap(
      `The request ${requestId} waits for approval. An approver approves or declines it:\n` +
        `  npx vend approve ${requestId}${options}\n  npx vend decline ${requestId}${options}`,
    )
  if (status === 'vended')
    return wrap(
      `The same request was made before, and its account is vended: ${accountId}. Nothing was started. Look at the account:\n` +
        `  npx vend status ${accountId}${options}`,
    )
  const made = isNew
    ? `Asked for the account: request ${requestId}`
    : executionArn === undefined
      ? `The same request was made before, and is under way: request ${requestId}`
      : `The same request was made before, and had failed. Now the opening continues: request ${requestId}`
  return `${made}\nFollow it: npx vend status ${requestId} --watch${options}`
}
