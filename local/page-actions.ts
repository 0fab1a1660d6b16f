import { setTimeout } from 'node:timers/promises'
import { RedriveExecutionCommand, SFNClient } from '@aws-sdk/client-sfn'
import { inputOf, type OpenRequest } from '../functions/shared/new-account.ts'
import { openingName, type RequestStatus } from '../functions/shared/opening.ts'
import { parseJson } from '../functions/shared/parse.ts'
import { newAccountId } from './aws/world.ts'
import { type Breakage, breakages, type breaker, type OpenBreakage, openBreakages } from './break.ts'
import { accountNamed, type Input, readInput } from './input.ts'
import { ensureAccount, unusedName } from './make-account.ts'
import { type Obstacle, removeObstacle } from './obstacles.ts'
import { clientConfig, type LocalOrganization } from './start-organization.ts'
import { enter } from './vend-input.ts'

/** What a button of the page does. */
export type Action =
  | { do: 'enter'; input: string; expects?: 'event' | 'opening' }
  | { do: 'new-account'; breakage: Breakage }
  | { do: 'open'; breakage: OpenBreakage }
  | { do: 'remove-obstacle'; accountId: string; obstacle: Obstacle }
  | { do: 'redrive'; executionArn: string }
  | { do: 'decide'; requestId: string; decision: 'approve' | 'decline' }
  | { do: 'pass-days'; days: number }

/** A request for an account that was made before. */
export type RepeatedRequest = { requestId: string; requestedAt: string; status: RequestStatus }

export type Breaker = Pick<ReturnType<typeof breaker>, 'newAccount' | 'planOpening'>

const post = (path: string, body: object) => ({
  method: 'POST',
  path,
  headers: { 'content-type': 'application/json' },
  body: JSON.stringify(body),
})

/**
 * The request that the API's answer is about, if that request was made before `askedAt`: then sending it again has
 * started nothing.
 */
const requestFromBefore = async (
  { requestApi }: LocalOrganization,
  response: { headers: Record<string, string> } | null,
  askedAt: number,
): Promise<RepeatedRequest | undefined> => {
  const path = response?.headers['location']
  if (!path?.startsWith('/requests/')) return undefined
  const { body } = await requestApi({ method: 'GET', path, headers: {}, body: '' })
  const { requestId, requestedAt, status } = parseJson(body) as RepeatedRequest
  return Date.parse(requestedAt) < askedAt ? { requestId, requestedAt, status } : undefined
}

const mostDays = 31
const day = 24 * 60 * 60 * 1000
const mostDayMilliseconds = 60_000

/**
 * Lets days pass. On each of them a daily round runs, and the executions that the round starts. Answers the ARN of the
 * last round.
 */
const passDays = async (organization: LocalOrganization, days: number) => {
  const { clock, executions } = organization
  let last = ''
  for (let passed = 0; passed < days; passed++) {
    clock.pass(day)
    const before = new Set(executions.keys())
    last = (await organization.round()).executionArn
    const isStillRunning = () => [...executions].some(([arn, { status }]) => status === 'RUNNING' && !before.has(arn))
    // The next day must not wait for ever for an execution that is retried.
    for (const end = Date.now() + mostDayMilliseconds; isStillRunning() && Date.now() < end;) await setTimeout(20)
  }
  return last
}

/** The input of the execution that opens an account, made of what `npx vend open --file` takes. */
const openingInput = (text: string) => {
  const request = parseJson(text)
  return typeof request === 'object' && request ? JSON.stringify(inputOf(request as OpenRequest)) : text
}

/** What the buttons of the page do, and the account that the page offers as a new one. */
export const pageActions = (organization: LocalOrganization, { newAccount, planOpening }: Breaker) => {
  const { world, vending } = organization
  let offeredId = newAccountId(world)

  /** The new account that the doors offer. It exists once an input names it; then another one is offered. */
  const offered = async () => {
    if (world.accounts.has(offeredId)) offeredId = newAccountId(world)
    return { id: offeredId, name: await nameToOffer() }
  }
  /** A request that waits for an approval has no account yet, and its name is taken. */
  const nameToOffer = async () =>
    unusedName(
      world,
      (await organization.requests()).map(({ name }) => name),
    )

  const enterInput = async (input: Input) => {
    if (accountNamed(input, world.managementAccountId) === offeredId)
      ensureAccount(organization, offeredId, await nameToOffer())
    const askedAt = world.now()
    const { executions, response, matched } = await enter(organization, input)
    const repeated = await requestFromBefore(organization, response, askedAt)
    const earlier = [...organization.executions.values()].filter(
      ({ name }) => repeated && name === openingName(repeated.requestId),
    )
    return {
      executions: [...executions, ...earlier].map(({ executionArn }) => executionArn),
      response: response && { ...response, repeated },
      matched,
    }
  }

  /** Performs an action and returns what the page shows about it. Throws an Error whose message the page shows. */
  const perform = async (action: Action): Promise<object> => {
    if (action.do === 'new-account') {
      if (!breakages.includes(action.breakage)) throw new Error(`There is no breakage named ${action.breakage}`)
      return { accountId: await newAccount(await nameToOffer(), action.breakage) }
    }
    if (action.do === 'open') {
      if (!openBreakages.includes(action.breakage)) throw new Error(`There is no breakage named ${action.breakage}`)
      const name = await nameToOffer()
      const body = { name, email: planOpening(name, action.breakage) }
      return enterInput({ door: 'api', request: post('/accounts', body) })
    }
    if (action.do === 'remove-obstacle') {
      const account = world.accounts.get(action.accountId)
      if (account) removeObstacle(account, action.obstacle, vending)
      return {}
    }
    if (action.do === 'pass-days') {
      if (!Number.isInteger(action.days) || action.days < 1 || action.days > mostDays)
        throw new Error(`days must be a whole number from 1 to ${mostDays}`)
      return { executions: [await passDays(organization, action.days)] }
    }
    if (action.do === 'redrive') {
      const sfn = new SFNClient(clientConfig(organization, world.managementAccountId))
      const { executionArn } = action
      await sfn.send(new RedriveExecutionCommand({ executionArn })).finally(() => sfn.destroy())
      return { executions: [executionArn] }
    }
    if (action.do === 'decide') {
      const { requestId, decision } = action
      return enterInput({
        door: 'api',
        request: post(`/requests/${requestId}/approval`, { decision }),
        role: 'approver',
      })
    }
    const input = readInput(action.expects === 'opening' ? openingInput(action.input) : action.input)
    if (action.expects === 'event' && input.door !== 'event')
      throw new Error('This is not an event: an event is a JSON object with source and detail-type')
    return enterInput(input)
  }

  return { offered, perform }
}
