import { RedriveExecutionCommand, SFNClient } from '@aws-sdk/client-sfn'
import { newAccountId } from './aws/world.ts'
import { type Breakage, breakages, type breaker, type OpenBreakage, openBreakages } from './break.ts'
import { accountNamed, type Input, readInput } from './input.ts'
import { ensureAccount, unusedName } from './make-account.ts'
import { type Obstacle, removeObstacle } from './obstacles.ts'
import { clientConfig, type LocalOrganization } from './start-organization.ts'
import { enter } from './vend-input.ts'

/** What a button of the page does. */
export type Action =
  | { do: 'enter'; input: string; expects?: 'event' }
  | { do: 'new-account'; breakage: Breakage }
  | { do: 'open'; breakage: OpenBreakage }
  | { do: 'remove-obstacle'; accountId: string; obstacle: Obstacle }
  | { do: 'redrive'; executionArn: string }
  | { do: 'decide'; requestId: string; decision: 'approve' | 'decline' }
  | { do: 'pass-days'; days: number }

export type Breaker = Pick<ReturnType<typeof breaker>, 'newAccount' | 'planOpening'>

const post = (path: string, body: object) => ({
  method: 'POST',
  path,
  headers: { 'content-type': 'application/json' },
  body: JSON.stringify(body),
})

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
    const { executions, response, matched } = await enter(organization, input)
    return { executions: executions.map(({ executionArn }) => executionArn), response, matched }
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
      if (!Number.isInteger(action.days) || action.days < 1 || action.days > 366)
        throw new Error('days must be a whole number from 1 to 366')
      organization.clock.pass(action.days * 24 * 60 * 60 * 1000)
      return {}
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
    const input = readInput(action.input)
    if (action.expects === 'event' && input.door !== 'event')
      throw new Error('This is not an event: an event is a JSON object with source and detail-type')
    return enterInput(input)
  }

  return { offered, perform }
}
