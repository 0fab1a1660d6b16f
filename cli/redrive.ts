import { RedriveExecutionCommand, SFNClient } from '@aws-sdk/client-sfn'
import { setTimeout } from 'node:timers/promises'
import { isNamed } from '../functions/shared/aws-errors.ts'
import { accountAskedFor } from '../functions/shared/event.ts'
import { openedBy } from '../functions/shared/event-shape.ts'
import { mayChange, readExecution } from '../functions/shared/execution.ts'
import { hasFailed } from '../functions/shared/failure.ts'
import { type Ledger, scan } from '../functions/shared/ledger.ts'
import { inputOf } from '../functions/shared/new-account.ts'
import { toldFailures } from '../functions/shared/notes.ts'
import { readIntent } from '../functions/shared/opening.ts'
import { type AccountRecord, leaseRestSeconds, readAccount } from '../functions/shared/record-and-lease.ts'
import { parseJson } from '../functions/shared/parse.ts'
import { isRound, nextOfRound } from '../functions/shared/round-failure.ts'
import type { Make } from './clients.ts'
import { RefusedError } from './command-errors.ts'
import { isTooOld, nextCommand, renewedIn, sameRequest, showCommand } from '../functions/shared/next-command.ts'
import { findService, serviceClients } from './service.ts'

export const redriveClients = (make: Make) => ({ ...serviceClients(make), sfn: make(SFNClient) })

/** What the ledger still knows of a request that Step Functions has forgotten. */
const namesIn = (record: AccountRecord | undefined) => {
  const { users = [], groups = [] } = record?.asked ?? {}
  const names = [users.length && `users ${users.join(', ')}`, groups.length && `groups ${groups.join(', ')}`]
  return users.length ? `The ledger has only these names from the request: ${names.filter(Boolean).join('; ')}. ` : ''
}

type Found = {
  executionArn: string
  /** The account, or its address while its id is not known; undefined if only the execution's input says. */
  accountId?: string
  record?: AccountRecord | undefined
  /** The input of the execution, as far as the ledger knows it. */
  input?: string
}

/** Finds the execution that a person means. Throws `RefusedError`. */
const findExecution = async (
  ledger: Ledger,
  { target, options }: { target: string; options: string },
): Promise<Found> => {
  if (target.startsWith('arn:')) return { executionArn: target }
  if (/^\d{12}$/.test(target)) {
    const record = await readAccount(ledger, target)
    // A vend that was refused at once left only the note that its failure was told.
    const executionArn = record?.executionArn ?? (await scan(ledger, { told: toldFailures })).told.get(target)
    if (executionArn === undefined)
      throw new RefusedError(
        `The ledger knows no vend of account ${target}, so there is nothing to redrive. Start a vend:\n` +
          `  npx vend start ${target}${options}`,
      )
    return { executionArn, accountId: target, record }
  }
  const { findRequest } = await import('./openings.ts')
  const { requestId, body, intent, later } = await findRequest(ledger, { target, options })
  if (later !== undefined)
    throw new RefusedError(
      `A later request for ${body.email} has taken the place of this request. Look at the later request:\n  npx vend status ${later}${options}`,
    )
  // The account's record knows which execution worked on the account last.
  if (intent?.accountId !== undefined) return findExecution(ledger, { target: intent.accountId, options })
  if (intent?.holder === undefined)
    throw new RefusedError(
      `No execution has begun to open the account. Look at the request:\n  npx vend status ${requestId}${options}`,
    )
  return { executionArn: intent.holder, accountId: body.email, input: JSON.stringify(inputOf(body)) }
}

/**
 * Redrives a failed execution, which then continues at the step that failed. `target` is the ARN of an execution, an
 * account id for the last execution of the account, or the id of a request or the address for the execution that
 * opens the account. `onWait` hears why and how long the command waits.
 * Throws `NotDeployedError`, and `RefusedError` where a redrive cannot help, with the command that can.
 */
export async function redrive(
  { sfn, ...clients }: ReturnType<typeof redriveClients>,
  { target, stage, options }: { target: string; stage: string; options: string },
  onWait: (text: string) => void = () => undefined,
) {
  const { ledger, managementAccountId } = await findService(clients, stage)
  const { executionArn, record, ...found } = await findExecution(ledger, { target, options })
  const execution = await readExecution(sfn, executionArn)
  if (!execution)
    throw new RefusedError(
      `Step Functions does not know ${executionArn}. Step Functions keeps an execution for 90 days after its end. ` +
        (found.input === undefined
          ? `${namesIn(record)}Write the request into request.json, and start it again:\n` +
            `  npx vend start ${found.accountId ?? 'ACCOUNT'} --file request.json${options}`
          : `Ask for the account again:\n${showCommand(sameRequest({ accountId: '', input: found.input, options }))}`),
    )
  const input = parseJson(execution.input)
  const opened = openedBy(input)
  const accountId =
    found.accountId ??
    (opened && (await readIntent(ledger, opened.email))?.accountId) ??
    opened?.email ??
    accountAskedFor(input, managementAccountId) ??
    'ACCOUNT'
  const asked = { accountId, input: execution.input, options }
  const ofRound = isRound(executionArn)
  const newRound = { command: `npx vend round${options}` }
  const cannotRedrive = (why: string, cause?: unknown) =>
    new RefusedError(
      ofRound
        ? `${why} Start a new round:\n${showCommand(newRound)}`
        : `${why} Start the same request again:\n${showCommand(sameRequest(asked))}`,
      { cause },
    )
  if (mayChange(execution.status))
    throw new RefusedError(
      `${executionArn} is running. Follow it:\n  npx vend ${ofRound ? 'round --wait' : `status ${accountId} --watch`}${options}`,
    )
  if (execution.status === 'SUCCEEDED' && ofRound)
    throw cannotRedrive(`${executionArn} has succeeded, so nothing is left to redrive.`)
  if (execution.status === 'SUCCEEDED')
    throw new RefusedError(
      `${executionArn} has succeeded, so nothing is left to redrive. ` +
        `${renewedIn(execution.input) === undefined ? 'To create again what is missing in the account' : 'To mail another new link'}:\n` +
        showCommand(sameRequest(asked, { again: /^\d+$/.test(accountId) })),
    )
  const { error, what, advice, goOn, ...next } =
    ofRound && hasFailed(execution.status)
      ? nextOfRound(execution, { status: execution.status, options })
      : nextCommand(execution, { accountId, execution, options, target: executionArn })
  if (goOn !== 'redrive')
    throw new RefusedError(
      `${isTooOld(execution) ? `The execution failed with` : 'A redrive would fail again with'} ${error}. ${what} ${advice}\n${showCommand({ ...next, goOn })}`,
    )
  // A function that the execution left running may still write until then. Only the local organization's clock can show
  // an end in the future.
  const since = Date.now() - (execution.stopDate?.getTime() ?? 0)
  const rest = leaseRestSeconds * 1000 - since
  if (since >= 0 && rest > 0) {
    onWait(
      `The execution ended less than ${leaseRestSeconds} seconds ago, and one of its functions may still be running. ` +
        `Waiting ${Math.ceil(rest / 1000)} seconds. Ctrl-C ends the command before anything is redriven.`,
    )
    await setTimeout(rest)
  }
  try {
    await sfn.send(new RedriveExecutionCommand({ executionArn }))
  } catch (refused) {
    if (!isNamed(refused, 'ExecutionNotRedrivable')) throw refused
    throw cannotRedrive(`Step Functions cannot redrive this execution: ${refused.message}.`, refused)
  }
  return { accountId, executionArn, error, isRound: ofRound }
}
