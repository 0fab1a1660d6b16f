import { createHash, randomUUID } from 'node:crypto'
import { isDeepStrictEqual } from 'node:util'
import type { OrganizationsClient } from '@aws-sdk/client-organizations'
import { type SFNClient, StartExecutionCommand } from '@aws-sdk/client-sfn'
import * as z from 'zod/mini'
import { renewalOf } from '../accept-request/asked.ts'
import { type Account, findMemberAccount, type ProtectedPlaces } from '../shared/account.ts'
import { isNamed } from '../shared/aws-errors.ts'
import { IdempotencyKeyReusedError, InvalidInputError } from '../shared/errors.ts'
import type { Ledger } from '../shared/ledger.ts'
import { noteOnce } from '../shared/notes.ts'
import { readAccount } from '../shared/record-and-lease.ts'
import { accountId, adminsRequest, completeRequest, type Defaults, inPath, userName } from '../shared/request.ts'
import { parseInput, readJson } from '../shared/parse.ts'
import { placeOf } from '../shared/vend.ts'

type Clients = { organizations: OrganizationsClient; sfn: SFNClient; ledger: Ledger }
type Input = {
  accountId: string
  /** JSON text. An empty text asks for the defaults of `vending.yml`. */
  body: string
  idempotencyKey: string | undefined
  callerArn: string
  stateMachineArn: string
}

type Config = Defaults & { protected: ProtectedPlaces }

const inLinkPath = z.object({ accountId, userName })

const hash = (text: string) => createHash('sha256').update(text).digest('hex').slice(0, 40)

const parseBody = (body: string): unknown => {
  if (!body.trim()) return {}
  try {
    return readJson(body)
  } catch (error) {
    // The parser's message may quote the body, and messages are logged. So only the position is told.
    const place = /at position .*/.exec(error instanceof Error ? error.message : '')?.[0]
    throw new InvalidInputError([{ field: 'body', message: `must be JSON${place ? `; the mistake is ${place}` : ''}` }])
  }
}

/**
 * Starts the vend of administrators into an existing account, after it has checked everything that can be checked.
 *
 * With an `idempotencyKey`, the same request starts one execution, however often it is repeated.
 * Throws what `findMemberAccount` and `completeRequest` throw, and `IdempotencyKeyReusedError`.
 */
export async function requestAdmins(clients: Clients, input: Input, config: Config) {
  const { accountId } = parseInput(inPath, input)
  const request = parseInput(adminsRequest, parseBody(input.body))
  const { partition } = placeOf(input.stateMachineArn)
  return startOnce(clients, { ...input, accountId, request }, config, ({ email: accountEmail }) =>
    completeRequest(request, config, { accountId, accountEmail, partition }),
  )
}

/**
 * Starts the vend that gives an administrator on record a new password and a new link, after it has checked everything
 * that can be checked. The workflow finds out whether a person uses the account.
 *
 * With an `idempotencyKey`, the same request starts one execution, however often it is repeated.
 * Throws what `findMemberAccount` and `renewalOf` throw, and `IdempotencyKeyReusedError`.
 */
export async function requestLink(clients: Clients, input: Input & { userName: string }, config: Config) {
  const { accountId, userName: renew } = parseInput(inLinkPath, input)
  if (!isDeepStrictEqual(parseBody(input.body), {}))
    throw new InvalidInputError([{ field: 'body', message: 'must be empty: the path names the account and the user' }])
  return startOnce(clients, { ...input, accountId, request: { renew } }, config, async () =>
    renewalOf(await readAccount(clients.ledger, accountId), { renew }, config),
  )
}

/** Starts the execution of a request that `check` accepts, once per `idempotencyKey`. */
const startOnce = async (
  { organizations, sfn, ledger }: Clients,
  { accountId, request, idempotencyKey, callerArn, stateMachineArn }: Omit<Input, 'body'> & { request: object },
  config: Config,
  check: (account: Account) => unknown,
) => {
  if (idempotencyKey !== undefined && !/^[\x21-\x7e]{1,255}$/.test(idempotencyKey))
    throw new InvalidInputError([
      { field: 'Idempotency-Key', message: 'must be 1 to 255 printable ASCII characters without spaces' },
    ])
  const { managementAccountId } = placeOf(stateMachineArn)
  const protectedPlaces = config.protected
  await check(await findMemberAccount(organizations, { accountId, managementAccountId, protectedPlaces }))

  const name = `api-${idempotencyKey === undefined ? randomUUID() : hash(idempotencyKey)}`
  if (idempotencyKey !== undefined) {
    const note = { request: hash(JSON.stringify([accountId, request])) }
    const before = await noteOnce(ledger, `idempotency#${hash(idempotencyKey)}`, note)
    if (before && before.request !== note.request)
      throw new IdempotencyKeyReusedError(
        'Idempotency-Key: was used before with another account, path or body; use a new key for a new request',
      )
  }
  try {
    await sfn.send(
      new StartExecutionCommand({
        stateMachineArn,
        name,
        input: JSON.stringify({ accountId, ...request, requestedBy: callerArn }),
      }),
    )
  } catch (error) {
    // The same key and request came from another session, or after the execution ended. The execution was started then.
    if (!isNamed(error, 'ExecutionAlreadyExists')) throw error
  }
  return { accountId, execution: name, status: 'Accepted' }
}
