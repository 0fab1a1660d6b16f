import { randomUUID } from 'node:crypto'
import { isDeepStrictEqual } from 'node:util'
import type { OrganizationsClient } from '@aws-sdk/client-organizations'
import { type SFNClient, StartExecutionCommand } from '@aws-sdk/client-sfn'
import * as z from 'zod/mini'
import { renewalOf } from '../accept-request/asked.ts'
import { findMemberAccount, type ProtectedPlaces } from '../shared/account.ts'
import { isNamed } from '../shared/aws-errors.ts'
import { firstSignInWarnings } from '../shared/change-password.ts'
import { InvalidInputError } from '../shared/errors.ts'
import { checkIdempotencyKey, hashOfKey, useIdempotencyKey } from '../shared/idempotency-key.ts'
import type { Ledger } from '../shared/ledger.ts'
import { readAccount } from '../shared/record-and-lease.ts'
import { accountId, adminsRequest, completeRequest, type Defaults, inPath, userName } from '../shared/request.ts'
import { parseAndCheck, parseInput, readBody } from '../shared/parse.ts'
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

/**
 * Starts the vend of administrators into an existing account, after it has checked everything that can be checked.
 *
 * With an `idempotencyKey`, the same request starts one execution, however often it is repeated. `warnings` names the
 * policies of the request that may make a first sign-in impossible.
 * Throws what `findMemberAccount` and `completeRequest` throw, and `IdempotencyKeyReusedError`.
 */
export async function requestAdmins(clients: Clients, input: Input, config: Config) {
  checkIdempotencyKey(input.idempotencyKey)
  const { partition } = placeOf(input.stateMachineArn)
  const { parsed: request, checked } = await parseAndCheck(adminsRequest, readBody(input.body), async (request) => {
    const { accountId } = parseInput(inPath, input)
    const { email: accountEmail } = await accountOf(clients, { ...input, accountId }, config)
    const place = { accountId, partition }
    const ask = completeRequest(request, config, { ...place, accountEmail })
    return { accountId, warnings: firstSignInWarnings(ask, request.groups, place) }
  })
  const { accountId, warnings } = checked
  const started = await startOnce(clients, { ...input, accountId, request })
  return { ...started, ...(warnings.length && { warnings }) }
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
  checkIdempotencyKey(input.idempotencyKey)
  if (!isDeepStrictEqual(readBody(input.body), {}))
    throw new InvalidInputError([{ field: 'body', message: 'must be empty: the path names the account and the user' }])
  await accountOf(clients, { ...input, accountId }, config)
  renewalOf(await readAccount(clients.ledger, accountId), { renew }, config)
  return startOnce(clients, { ...input, accountId, request: { renew } })
}

const accountOf = (
  { organizations }: Pick<Clients, 'organizations'>,
  { accountId, stateMachineArn }: Pick<Input, 'accountId' | 'stateMachineArn'>,
  { protected: protectedPlaces }: Config,
) => {
  const { managementAccountId } = placeOf(stateMachineArn)
  return findMemberAccount(organizations, { accountId, managementAccountId, protectedPlaces })
}

/** Starts the execution of a request, once per `idempotencyKey`. */
const startOnce = async (
  { sfn, ledger }: Clients,
  { accountId, request, idempotencyKey, callerArn, stateMachineArn }: Omit<Input, 'body'> & { request: object },
) => {
  const name = `api-${idempotencyKey === undefined ? randomUUID() : hashOfKey(idempotencyKey)}`
  if (idempotencyKey !== undefined) await useIdempotencyKey(ledger, idempotencyKey, [accountId, request])
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
