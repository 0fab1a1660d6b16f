import { stripVTControlCharacters } from 'node:util'
import * as z from 'zod/mini'
import { requestId } from '../functions/shared/new-account.ts'
import { parseInput } from '../functions/shared/parse.ts'
import { accountId, fields, userName } from '../functions/shared/request.ts'
import type { Vending } from '../functions/shared/vending.ts'
import type { Make } from './clients.ts'
import { decide, openingClients, openingStatus, showOpening } from './openings.ts'
import { plan, planClients, showPlan } from './plan.ts'
import { redrive, redriveClients } from './redrive.ts'
import { start, startClients } from './start.ts'
import { status, statusClients } from './status.ts'

const action = z.discriminatedUnion('do', [
  fields({ do: z.literal('start'), accountId }),
  fields({ do: z.literal('link'), accountId, userName }),
  fields({ do: z.literal('redrive'), accountId }),
  fields({ do: z.enum(['approve', 'decline']), requestId }),
])
/** What an operator does on the page of `vend ui --operate`. Each has a command that does the same. */
export type Action = z.output<typeof action>

type Context = { make: Make; stage: string; vending: Vending; options: string }

const requestOf = (asked: Extract<Action, { do: 'start' | 'link' }>) => ({
  accountId: asked.accountId,
  ...(asked.do === 'link' && { renew: asked.userName }),
})

/**
 * Answers what an action would do, without doing anything: the text of `vend plan` for a vend, and the failure or the
 * request for the others. `body` is the page's message.
 * Throws `InvalidInputError`, and what the commands throw.
 */
export async function preview({ make, stage, vending, options }: Context, body: unknown) {
  const asked = parseInput(action, body)
  const text = async () => {
    if (asked.do === 'start' || asked.do === 'link')
      return showPlan(
        await plan(planClients(make), { accountId: asked.accountId, request: requestOf(asked), stage, vending }),
      )
    if (asked.do === 'redrive') {
      const { accountId } = asked
      const { failure, executionArn = '' } = await status(statusClients(make), { accountId, stage, options })
      const name = executionArn.split(':').at(-1)
      return `The execution ${name} goes on at the step that failed.\n\n${failure?.what ?? ''} ${failure?.advice ?? ''}`.trim()
    }
    const { requestId: target } = asked
    return showOpening(await openingStatus(openingClients(make), { target, stage, options }), { withSteps: false })
  }
  return { text: stripVTControlCharacters(await text()) }
}

/**
 * Does what a command would do: starts a vend, mails a new link, redrives, approves or declines. Answers what was done.
 * Throws `InvalidInputError`, `RefusedError`, and what the commands throw.
 */
export async function act({ make, stage, vending, options }: Context, body: unknown) {
  const asked = parseInput(action, body)
  if (asked.do === 'start' || asked.do === 'link') {
    const { accountId } = asked
    const { executionArn } = await start(startClients(make), { accountId, request: requestOf(asked), stage, vending })
    return { done: `Started ${executionArn.split(':').at(-1)}.` }
  }
  if (asked.do === 'redrive') {
    const { executionArn } = await redrive(redriveClients(make), { target: asked.accountId, stage, options })
    return { done: `Redriven ${executionArn.split(':').at(-1)}.` }
  }
  const { requestId, do: decision } = asked
  await decide(openingClients(make), { requestId, stage, decision })
  return { done: decision === 'approve' ? 'Approved. The account is being opened.' : 'Declined.' }
}
