import { createHash } from 'node:crypto'
import type { OrganizationsClient } from '@aws-sdk/client-organizations'
import type { SESClient } from '@aws-sdk/client-ses'
import type { SFNClient } from '@aws-sdk/client-sfn'
import { checkOpening, type OpeningConfig } from '../shared/check-opening.ts'
import { firstSignInWarnings } from '../shared/change-password.ts'
import type { ControlTower } from '../shared/control-tower.ts'
import { RequestOpenError, TooManyAccountsTodayError } from '../shared/errors.ts'
import { checkIdempotencyKey, rememberRequest, useIdempotencyKey } from '../shared/idempotency-key.ts'
import { entries, type Ledger, readItem, updateItem } from '../shared/ledger.ts'
import { openRequest } from '../shared/new-account.ts'
import { askOf, createRequest, readRequest, type RequestItem } from '../shared/opening.ts'
import { parseAndCheck, readBody } from '../shared/parse.ts'
import { unknownAccount } from '../shared/request.ts'
import { startOpening } from '../shared/start-opening.ts'
import { placeOf } from '../shared/vend.ts'
import { type ApprovalMailConfig, mailApprovers } from './approval-mail.ts'

type Clients = {
  organizations: OrganizationsClient
  controlTower: ControlTower
  sfn: SFNClient
  ses: SESClient
  ledger: Ledger
}
type Input = {
  /** JSON text. */
  body: string
  idempotencyKey: string | undefined
  callerArn: string
  stateMachineArn: string
  /** The name of the operator role. Everybody else must keep to what requesters may ask for. */
  operatorRole: string
}
type Config = OpeningConfig &
  ApprovalMailConfig & { approval?: 'required' | undefined; requests: { maxPerDay: number } }

/**
 * Puts a request to open an account on record, and starts its execution, after it has checked everything that can be
 * checked. With `approval: required`, mails the approvers instead of starting the execution.
 *
 * A request that is repeated while the first one is open, or after the first one has opened its account, is the same
 * request: the answer has the same id. With an `idempotencyKey`, this is so after a failure as well.
 * `warnings` names the policies of the request that may make a first sign-in impossible.
 * Throws what `checkOpening` throws, `RequestOpenError`, `IdempotencyKeyReusedError`, `TooManyAccountsTodayError`, and
 * `AccountBusyError` for 90 seconds after an earlier request for the same address has failed.
 */
export async function requestAccount(clients: Clients, input: Input, config: Config) {
  const { ledger } = clients
  checkIdempotencyKey(input.idempotencyKey)
  const { partition, managementAccountId } = placeOf(input.stateMachineArn)
  // The caller chooses the name of the session, and only IAM the name of the role.
  const isOperator = input.callerArn.startsWith(
    `arn:${partition}:sts::${managementAccountId}:assumed-role/${input.operatorRole}/`,
  )
  const { parsed: body, checked } = await parseAndCheck(openRequest, readBody(input.body), (body) =>
    checkOpening(clients, body, config, { partition, limits: !isOperator }),
  )

  const ask = askOf(body)
  const key = input.idempotencyKey
  const known = key === undefined ? undefined : await useIdempotencyKey(ledger, key, ['POST /accounts', ask])
  const requestId = known ?? (await putOnRecord(ledger, { ...input, body, isOperator }, config))
  if (key !== undefined && !known) await rememberRequest(ledger, key, requestId)
  const request = await readRequest(ledger, requestId)
  if (!request) throw new Error(`The request ${requestId} is not on record`)

  if (!request.needsApproval || request.approval?.decision === 'approved')
    await startOpening(clients.sfn, input.stateMachineArn, request)
  else if (!request.approval) await mailApprovers(clients, request, config)
  const place = { accountId: unknownAccount, partition }
  const warnings = firstSignInWarnings(checked.ask, body.groups, place)
  return {
    requestId,
    status: request.needsApproval ? ('awaiting-approval' as const) : ('accepted' as const),
    ...(warnings.length && { warnings }),
  }
}

/** Answers the id of the open request for the address: a new one if none is open. Throws `RequestOpenError`. */
const putOnRecord = async (
  ledger: Ledger,
  { body, callerArn, isOperator }: Pick<Input, 'callerArn'> & Pick<RequestItem, 'body'> & { isOperator: boolean },
  { approval, requests }: Config,
) => {
  const { requestId, intent } = await createRequest(
    ledger,
    { body, requestedBy: callerArn, needsApproval: approval === 'required' },
    async (replaced) => {
      if (!isOperator) await countAccount(ledger, `${body.email.toLowerCase()} ${replaced ?? ''}`, requests.maxPerDay)
    },
  )
  if (intent.ask !== askOf(body))
    throw new RequestOpenError(
      'email: another request, with another body, asked for the account with this address. ' +
        'Use another address, or wait until the other request has failed',
    )
  return requestId
}

/** How many accounts requesters have asked for on one day, and the hashes of these accounts. */
type Day = { count: number; accounts: Record<string, boolean>; expiresAt: number }

/**
 * Counts an account among those that requesters have asked for today (UTC), unless it is counted already.
 * Throws `TooManyAccountsTodayError`.
 */
const countAccount = async (ledger: Ledger, account: string, maxPerDay: number) => {
  const key = `day#${new Date().toISOString().slice(0, 10)}`
  const hash = createHash('sha256').update(account).digest('hex').slice(0, 16)
  const week = 7 * 24 * 60 * 60
  const count = () =>
    updateItem<Day>(ledger, key, {
      set: { accounts: entries({ [hash]: true }) },
      add: { count: 1 },
      condition: ({ name, value }) =>
        `${name('count')} < ${value(maxPerDay)} AND attribute_not_exists(${name('accounts')}.${name(hash)})`,
    })
  if (await count()) return
  // The first request of the day makes the item.
  await updateItem<Day>(ledger, key, {
    set: { count: 0, accounts: {}, expiresAt: Math.floor(Date.now() / 1000) + week },
    condition: () => 'attribute_not_exists(pk)',
  })
  if (await count()) return
  if ((await readItem<Day>(ledger, key))?.accounts[hash]) return
  throw new TooManyAccountsTodayError(
    `Requesters can request ${maxPerDay} accounts on one day (UTC), and have already requested so many today. ` +
      'Ask again tomorrow, or ask an operator',
  )
}
