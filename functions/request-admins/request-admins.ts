import { createHash, randomUUID } from 'node:crypto'
import type { OrganizationsClient } from '@aws-sdk/client-organizations'
import { type SFNClient, StartExecutionCommand } from '@aws-sdk/client-sfn'
import { findMemberAccount, type ProtectedPlaces } from '../shared/account.ts'
import { isNamed } from '../shared/aws-errors.ts'
import { IdempotencyKeyReusedError, InvalidInputError } from '../shared/errors.ts'
import type { Ledger } from '../shared/ledger.ts'
import { noteOnce } from '../shared/notes.ts'
import { adminsRequest, completeRequest, type Defaults, inPath } from '../shared/request.ts'
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
export async function requestAdmins(
  { organizations, sfn, ledger }: Clients,
  input: Input,
  config: Defaults & { protected: ProtectedPlaces },
) {
  const { accountId } = parseInput(inPath, input)
  const request = parseInput(adminsRequest, parseBody(input.body))
  const { idempotencyKey } = input
  if (idempotencyKey !== undefined && !/^[\x21-\x7e]{1,255}$/.test(idempotencyKey))
    throw new InvalidInputError([
      { field: 'Idempotency-Key', message: 'must be 1 to 255 printable ASCII characters without spaces' },
    ])

  const { partition, managementAccountId } = placeOf(input.stateMachineArn)
  const account = await findMemberAccount(organizations, {
    accountId,
    managementAccountId,
    protectedPlaces: config.protected,
  })
  completeRequest(request, config, { accountId, accountEmail: account.email, partition })

  const name = `api-${idempotencyKey === undefined ? randomUUID() : hash(idempotencyKey)}`
  if (idempotencyKey !== undefined) {
    const note = { request: hash(JSON.stringify([accountId, request])) }
    const before = await noteOnce(ledger, `idempotency#${hash(idempotencyKey)}`, note)
    if (before && before.request !== note.request)
      throw new IdempotencyKeyReusedError(
        'Idempotency-Key: was used before with another account or body; use a new key for a new request',
      )
  }
  try {
    await sfn.send(
      new StartExecutionCommand({
        stateMachineArn: input.stateMachineArn,
        name,
        input: JSON.stringify({ accountId, ...request, requestedBy: input.callerArn }),
      }),
    )
  } catch (error) {
    // The same key and request came from another session, or after the execution ended. The execution was started then.
    if (!isNamed(error, 'ExecutionAlreadyExists')) throw error
  }
  return { accountId, execution: name, status: 'Accepted' }
}
