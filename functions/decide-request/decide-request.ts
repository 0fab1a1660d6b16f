import type { SFNClient } from '@aws-sdk/client-sfn'
import * as z from 'zod/mini'
import { RequestDecidedError, RequestNotFoundError } from '../shared/errors.ts'
import type { Ledger } from '../shared/ledger.ts'
import { requestId as anId } from '../shared/new-account.ts'
import { decideApproval, readRequest } from '../shared/opening.ts'
import { parseInput } from '../shared/parse.ts'
import { fields, text } from '../shared/request.ts'
import { startOpening } from '../shared/start-opening.ts'

/** The body of a decision about a request. */
export const decision = fields({
  decision: z.enum(['approve', 'decline'], 'must be approve or decline'),
  reason: z.optional(text(/^[^\r\n]{1,1000}$/, 'must be one line of 1 to 1000 characters')),
})

type Input = {
  requestId: string
  body: unknown
  callerArn: string
  stateMachineArn: string
  /** The time of the decision, ISO 8601. Default: this computer's time. */
  at?: string
}

/**
 * Records who approved or declined a request to open an account, and starts the execution of an approved one.
 *
 * Safe to run twice: the first decision counts, and the same decision again has the same answer.
 * Throws `InvalidInputError`, `RequestNotFoundError`, and `RequestDecidedError` if the request needs no approval, or if
 * somebody has decided otherwise before.
 */
export async function decideRequest(
  { sfn, ledger }: { sfn: SFNClient; ledger: Ledger },
  { requestId, body, callerArn, stateMachineArn, at: decidedAt }: Input,
) {
  const { decision: asked, reason } = parseInput(decision, body)
  const wanted = asked === 'approve' ? 'approved' : 'declined'
  const notThere = () => new RequestNotFoundError('requestId: there is no request with this id')
  if (!anId.safeParse(requestId).success) throw notThere()
  const approval = { decision: wanted, by: callerArn, ...(reason !== undefined && { reason }) } as const
  const request = await decideApproval(ledger, requestId, approval, decidedAt)
  if (!request) {
    if (!(await readRequest(ledger, requestId))) throw notThere()
    throw new RequestDecidedError('The request needs no approval, so nobody can approve or decline the request')
  }
  const { decision: decided, by, at } = request.approval
  if (decided !== wanted)
    throw new RequestDecidedError(
      decided === 'expired'
        ? `The request ended at ${at}, because nobody had decided about it in time. Ask for the account again`
        : `The request was ${decided} by ${by} at ${at}. A decision cannot be changed`,
    )
  if (decided === 'approved') await startOpening(sfn, stateMachineArn, request)
  return { requestId, decision: decided, by, at }
}
