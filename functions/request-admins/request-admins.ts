import { randomUUID } from 'node:crypto'
import { isDeepStrictEqual } from 'node:util'
import type { OrganizationsClient } from '@aws-sdk/client-organizations'
import { type SFNClient, StartExecutionCommand } from '@aws-sdk/client-sfn'
import * as z from 'zod/mini'
import { renewalOf } from '../accept-request/asked.ts'
import { type Account, findMemberAccount, type ProtectedPlaces } from '../shared/account.ts'
import { isNamed } from '../shared/aws-errors.ts'
import { InvalidInputError } from '../shared/errors.ts'
import { checkIdempotencyKey, hashOfKey, useIdempotencyKey } from '../shared/idempotency-key.ts'
import type { Ledger } from '../shared/ledger.ts'
import { readAccount } from '../shared/record-and-lease.ts'
import { accountId, adminsRequest, completeRequest, type Defaults, inPath, userName } from '../shared/request.ts'
import { parseInput, readBody } from '../shared/parse.ts'
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
 * With an `idempotencyKey`, the same request starts one execution, however often it is repeated.
 * Throws what `findMemberAccount` and `completeRequest` throw, and `IdempotencyKeyReusedError`.
 */
export async function requestAdmins(clients: Clients, input: Input, config: Config) {
  const { accountId } = parseInput(inPath, input)
  const request = parseInput(adminsRequest, readBody(input.body))
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
  if (!isDeepStrictEqual(readBody(input.body), {}))
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
  checkIdempotencyKey(idempotencyKey)
  const { managementAccountId } = placeOf(stateMachineArn)
  const protectedPlaces = config.protected
  await check(await findMemberAccount(organizations, { accountId, managementAccountId, protectedPlaces }))

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
