import { createHash } from 'node:crypto'
import { type Account, type OrganizationsClient, paginateListAccounts } from '@aws-sdk/client-organizations'
import { DeleteSecretCommand, type SecretsManagerClient } from '@aws-sdk/client-secrets-manager'
import { SendEmailCommand, type SESClient } from '@aws-sdk/client-ses'
import { type DescribeExecutionOutput, type SFNClient, StartExecutionCommand } from '@aws-sdk/client-sfn'
import { findMemberAccount, type ProtectedPlaces } from '../shared/account.ts'
import { isNamed } from '../shared/aws-errors.ts'
import { eventOfSweep } from '../shared/event-shape.ts'
import { isRunning, readExecution } from '../shared/execution.ts'
import { type EndedBadly, explainFailure } from '../shared/failure.ts'
import {
  giveLeaseBack,
  type Ledger,
  ledgerMadeAt,
  leaseRestSeconds,
  noteOnce,
  readAccount,
  readNote,
  recordFailure,
  recordGone,
  scanAccounts,
  scanToldFailures,
} from '../shared/ledger.ts'
import { fillText, oneLine } from '../shared/mail.ts'
import { secretName } from '../shared/secret-name.ts'
import { placeOf } from '../shared/vend.ts'
import { together } from '../shared/together.ts'
import text from './sweep-notice.txt'

type Clients = {
  organizations: OrganizationsClient
  sfn: SFNClient
  secrets: SecretsManagerClient
  ses: SESClient
  ledger: Ledger
}
type Config = {
  stateMachineArn: string
  protected: ProtectedPlaces
  automatic: 'organizations' | 'control-tower'
  sender: string
  configurationSet?: string | undefined
  notify: string[]
  runbook?: string | undefined
}

const hour = 60 * 60 * 1000
/** How long an account's event has to come. Control Tower takes its time, and only it knows when an account is ready. */
const patience = { organizations: hour, 'control-tower': 24 * hour }
const recoveryDays = 7
/** A mail that tells of more is not read. */
const mostTold = 50

/**
 * Compares the organization's accounts with the ledger, and starts, tells or ends what events should have.
 *
 * An account that nobody vended is started as by the event that did not come. A failed vend is told again, all in one mail,
 * and not started. Of an account that left or is closed, lease and secrets are ended. Safe to run twice, and beside events.
 * Throws AWS's own errors; nothing is ended then by a list that is not whole.
 */
export async function sweep(clients: Clients, config: Config) {
  const [accounts, records, toldFailures, installedAt] = await Promise.all([
    listAccounts(clients, config),
    scanAccounts(clients.ledger),
    scanToldFailures(clients.ledger),
    ledgerMadeAt(clients.ledger),
  ])
  const sorted = [...accounts.values()].flatMap((account) => {
    const place = placeFor(account, {
      record: records.get(account.Id ?? ''),
      toldFailure: toldFailures.get(account.Id ?? ''),
      installedAt,
      patience: patience[config.automatic],
    })
    return place ? [{ accountId: account.Id ?? '', name: account.Name ?? '', ...place }] : []
  })
  const closed = sorted.filter(({ is }) => is === 'closed')
  const departed = [...records]
    .filter(([accountId, { status }]) => !accounts.has(accountId) && status !== 'DEPARTED')
    .map(([accountId]) => ({ accountId }))
  const missed = sorted.filter(({ is }) => is === 'missed')
  const unsettled = sorted.flatMap(({ accountId, name, executionArn }) =>
    executionArn ? [{ accountId, name, executionArn, failure: records.get(accountId)?.failure }] : [],
  )
  // One that fails must not keep the others from their turn.
  const [started, ended, failed] = await together([
    startMissed(clients, config, missed),
    endGone(clients, config, { closed, departed }),
    tellFailed(clients, config, unsettled),
  ])
  return { accounts: accounts.size, started, ...ended, failed }
}

/** All accounts of the organization by id. Throws where the list cannot be whole: the management account is in every one. */
const listAccounts = async ({ organizations }: Clients, { stateMachineArn }: Config) => {
  const accounts = new Map<string, Account>()
  for await (const { Accounts = [] } of paginateListAccounts({ client: organizations, pageSize: 20 }, {}))
    for (const account of Accounts) accounts.set(account.Id ?? '', account)
  const { managementAccountId } = placeOf(stateMachineArn)
  if (!accounts.delete(managementAccountId))
    throw new Error(`ListAccounts does not name the management account ${managementAccountId}: it is not whole`)
  return accounts
}

type Place = { is: 'missed' | 'closed'; executionArn?: undefined } | { is: 'unsettled'; executionArn: string }

/** What is to be done about an account, as far as list and ledger say; undefined if nothing is. */
const placeFor = (
  { State, JoinedTimestamp }: Account,
  {
    record,
    toldFailure,
    installedAt,
    patience,
  }: {
    record: { status: string; executionArn: string; vendedAt?: string } | undefined
    /** The execution of a request that was refused, and left no record. */
    toldFailure: string | undefined
    installedAt: Date | undefined
    patience: number
  },
): Place | undefined => {
  const { status } = record ?? {}
  if (State === 'CLOSED' || State === 'PENDING_CLOSURE' || State === 'SUSPENDED')
    return record && status !== 'CLOSED' ? { is: 'closed' } : undefined
  if (State !== 'ACTIVE') return undefined
  if (record && (status === 'FAILED' || status === 'VENDING'))
    return { is: 'unsettled', executionArn: record.executionArn }
  // One that was closed and is open again still has whom it had; one that departed comes as a new one.
  const isVended = status === 'VENDED' || (status === 'CLOSED' && record?.vendedAt)
  const joinedAt = JoinedTimestamp ?? new Date(0)
  if (isVended || !installedAt || joinedAt < installedAt || Date.now() - joinedAt.getTime() < patience) return undefined
  return !record && toldFailure ? { is: 'unsettled', executionArn: toldFailure } : { is: 'missed' }
}

/** Whether an account may be vended by what is so now: the list is minutes old, and does not know what is protected. */
const mayBeVended = async ({ organizations }: Clients, config: Config, accountId: string) => {
  const { managementAccountId } = placeOf(config.stateMachineArn)
  try {
    await findMemberAccount(organizations, { accountId, managementAccountId, protectedPlaces: config.protected })
    return true
  } catch (error) {
    if (isNamed(error, 'ProtectedAccountError', 'AccountNotFoundError', 'AccountPendingError', 'AccountNotActiveError'))
      return false
    throw error
  }
}

const startMissed = async (clients: Clients, config: Config, missed: { accountId: string }[]) => {
  const started: string[] = []
  for (const { accountId } of missed) {
    if (!(await mayBeVended(clients, config, accountId))) continue
    try {
      await clients.sfn.send(
        new StartExecutionCommand({
          stateMachineArn: config.stateMachineArn,
          // Of one day there is one, however often the sweep runs.
          name: `sweep-${accountId}-${today()}`,
          input: JSON.stringify(eventOfSweep(accountId)),
        }),
      )
      started.push(accountId)
    } catch (error) {
      if (!isNamed(error, 'ExecutionAlreadyExists')) throw error
    }
  }
  return started
}

const today = () => new Date().toISOString().slice(0, 10)

const endGone = async (
  clients: Clients,
  config: Config,
  { closed, departed }: { closed: { accountId: string }[]; departed: { accountId: string }[] },
) => {
  const ended = { closed: [] as string[], departed: [] as string[] }
  for (const { accountId } of closed) if (await end(clients, accountId, 'CLOSED')) ended.closed.push(accountId)
  for (const { accountId } of departed)
    // Organizations is asked once more, by the account's id: what is ended is not had back.
    if (await isDeparted(clients, config, accountId))
      if (await end(clients, accountId, 'DEPARTED')) ended.departed.push(accountId)
  return ended
}

const isDeparted = async ({ organizations }: Clients, { stateMachineArn }: Config, accountId: string) => {
  const { managementAccountId } = placeOf(stateMachineArn)
  const protectedPlaces = { accounts: [], organizationalUnits: [] }
  try {
    await findMemberAccount(organizations, { accountId, managementAccountId, protectedPlaces })
    return false
  } catch (error) {
    if (isNamed(error, 'AccountNotFoundError')) return true
    if (isNamed(error, 'AccountPendingError', 'AccountNotActiveError', 'ManagementAccountError')) return false
    throw error
  }
}

/** Ends the secrets of an account, its lease, and its record. Answers whether it could: not while somebody is at work there. */
const end = async ({ secrets, sfn, ledger }: Clients, accountId: string, status: 'CLOSED' | 'DEPARTED') => {
  const record = await readAccount(ledger, accountId)
  if (!record) return false
  const { lease } = record
  // A function of an ended execution may still run, and store a password.
  const isHeld = lease && Date.now() - lease.renewedAt < leaseRestSeconds * 1000
  if (isHeld || (lease && (await isRunning(sfn, lease.holder)))) return false
  const vended = Object.values(record.admins).flatMap(({ userName, kept }) => (kept ? [] : [userName.toLowerCase()]))
  for (const userName of new Set([...Object.keys(record.passwords), ...vended]))
    try {
      await secrets.send(
        new DeleteSecretCommand({ SecretId: secretName(accountId, userName), RecoveryWindowInDays: recoveryDays }),
      )
    } catch (error) {
      // Gone, or on its way out.
      if (!isNamed(error, 'ResourceNotFoundException', 'InvalidRequestException')) throw error
    }
  // Last: what fails before it is done again by the next sweep.
  return recordGone(ledger, { accountId, status, record })
}

type Unsettled = {
  accountId: string
  name: string
  executionArn: string
  failure: { error: string; cause: string } | undefined
}

const endedBadly = (status: string | undefined): status is EndedBadly =>
  status === 'FAILED' || status === 'TIMED_OUT' || status === 'ABORTED'

/** Tells of all failed vends in one mail, once a day. Marks as failed whose failure was never told. */
const tellFailed = async (clients: Clients, config: Config, unsettled: Unsettled[]) => {
  const failed: (Unsettled & ReturnType<typeof explainFailure>)[] = []
  for (const one of unsettled) {
    const { accountId, executionArn, failure } = one
    const execution =
      (await readExecution(clients.sfn, executionArn)) ??
      forgotten({ executionArn, failure, stateMachineArn: config.stateMachineArn })
    // A try that was stopped took the lease late, when its execution had finished: nobody else would give it back.
    if (execution.status === 'SUCCEEDED') await giveLeaseBack(clients.ledger, { accountId, executionArn })
    if (!endedBadly(execution.status) || !(await mayBeVended(clients, config, accountId))) continue
    const explained = explainFailure(execution, execution.status, accountId)
    if (!failure) await recordFailure(clients.ledger, { accountId, executionArn, ...explained })
    failed.push({ ...one, ...explained })
  }
  if (failed.length) await tellOnce(clients, config, failed)
  return failed.map(({ accountId }) => accountId)
}

/** What is known of an execution that Step Functions has forgotten. */
const forgotten = ({
  failure,
  ...execution
}: Pick<Unsettled, 'executionArn' | 'failure'> & { stateMachineArn: string }): DescribeExecutionOutput => ({
  ...execution,
  ...failure,
  startDate: undefined,
  status: 'FAILED',
  redriveStatus: 'NOT_REDRIVABLE',
})

const tellOnce = async (
  { ses, ledger }: Clients,
  { sender, notify, configurationSet, runbook = '' }: Config,
  failed: (Unsettled & ReturnType<typeof explainFailure>)[],
) => {
  const paragraphs = failed.slice(0, mostTold).map(({ accountId, name, error, what, cause, advice, command }) =>
    // A name or a cause is somebody else's text: it gets no line of its own to command on.
    [
      `${accountId} (${oneLine(name)}): ${error}`,
      `  ${what}`,
      cause && `  Cause: ${oneLine(cause)}`,
      `  ${advice}`,
      `    ${command}`,
    ]
      .filter(Boolean)
      .join('\n'),
  )
  const title =
    failed.length === 1
      ? 'The vend of 1 account has failed and waits'
      : `The vends of ${failed.length} accounts have failed and wait`
  const accounts = paragraphs.join('\n\n')
  const note = `sweep#${today()}#${createHash('sha256').update(accounts).digest('hex').slice(0, 32)}`
  // A sweep that was tried again does not tell the same again.
  if (await readNote(ledger, note)) return
  const { MessageId = '' } = await ses.send(
    new SendEmailCommand({
      Source: sender,
      Destination: { ToAddresses: notify },
      Message: {
        Subject: { Charset: 'UTF-8', Data: title },
        Body: {
          Text: {
            Charset: 'UTF-8',
            Data: fillText(text, { title, accounts, more: String(failed.length - paragraphs.length || ''), runbook }),
          },
        },
      },
      ConfigurationSetName: configurationSet,
    }),
  )
  // After the mail: one that came twice is better than one that never came.
  await noteOnce(ledger, note, { messageId: MessageId })
}
