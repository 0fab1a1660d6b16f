import { DeleteSecretCommand, DescribeSecretCommand, type SecretsManagerClient } from '@aws-sdk/client-secrets-manager'
import type { SESClient } from '@aws-sdk/client-ses'
import { type SFNClient, StartExecutionCommand } from '@aws-sdk/client-sfn'
import * as z from 'zod/mini'
import { isNamed } from '../shared/aws-errors.ts'
import {
  type Act,
  beginFollowUp,
  type Facts,
  type FollowConfig,
  followUpExecution,
  type FactsOnRecord,
  keptSecret,
  nextActs,
  readFacts,
  recordAct,
} from '../shared/follow.ts'
import type { Ledger } from '../shared/ledger.ts'
import { type Look, readLook } from '../shared/look.ts'
import { pace } from '../shared/pace.ts'
import { type AccountRecord, entryOf, readAccount } from '../shared/record-and-lease.ts'
import { secretName } from '../shared/secret-name.ts'
import { sendMail, type SenderConfig } from '../shared/send-mail.ts'
import { type ReminderConfig, reminderOf } from './reminder.ts'

type Clients = { ses: SESClient; sfn: SFNClient; secrets: SecretsManagerClient; ledger: Ledger }
type Config = FollowConfig &
  SenderConfig &
  ReminderConfig & {
    /** The workflow that vends. */
    stateMachineArn: string
  }

const hour = 60 * 60 * 1000
/** What a look saw counts for so long. A round that is redriven later than this acts on nothing that it saw before. */
const lookHours = 6
const recoveryDays = 7
const accountsAtATime = 25
// DynamoDB answers a new table 12,000 reads a second (DynamoDB Developer Guide, on-demand-capacity-mode). An account
// with one administrator takes five. So 40 batches at once leave the vends half of the reads.
const accountsPerSecond = 25

export const followUpInput = z.object({
  executionArn: z.string(),
  /** The ids of the accounts for whose administrators LookAtAccounts saw something to do. */
  due: z.array(z.string()),
})

/**
 * Does for the administrators of accounts what is due: sends a reminder, starts the vend that mails a new
 * link or takes a sign-in away, schedules a secret for deletion. Answers how often it did what.
 *
 * Does nothing for an account while a vend works on it, and nothing for an administrator whom this round's look did not
 * see. A failure in one account does not prevent the others.
 * Safe to run twice: what was done is on record. SES takes no idempotency token, so a reminder whose answer was lost
 * can come twice.
 * Throws the first failure: what `sendMail` throws, and the own errors of Step Functions and
 * Secrets Manager.
 */
export async function followUp(clients: Clients, { due }: z.output<typeof followUpInput>, config: Config) {
  const counts: Record<Act['do'], number> = { remind: 0, renew: 0, remove: 0, 'end-secret': 0 }
  const failures: unknown[] = []
  const next = due.values()
  const turn = pace(accountsPerSecond)
  const work = async () => {
    for (const accountId of next)
      try {
        await turn()
        for (const act of await followAccount(clients, accountId, config)) counts[act.do] += 1
      } catch (error) {
        failures.push(error)
      }
  }
  await Promise.all(Array.from({ length: accountsAtATime }, work))
  if (failures.length) throw failures[0]
  return counts
}

/** Follows up the administrators of an account one after the other. Answers what was done. */
const followAccount = async (clients: Clients, accountId: string, config: Config) => {
  const [record, look] = await Promise.all([
    readAccount(clients.ledger, accountId),
    readLook(clients.ledger, accountId),
  ])
  // A vend that has failed keeps its lease, and is told apart.
  if (!record || record.status !== 'VENDED' || record.lease) return []
  if (!look || Date.now() - Date.parse(look.at) > lookHours * hour) return []
  const done: Act[] = []
  for (const admin of Object.values(record.admins)) {
    const facts = await factsOf(clients.ledger, { accountId, record, look, admin }, config)
    const acts = facts ? nextActs(facts, config) : []
    if (!facts || !acts.length) continue
    // On record before the first act: by this item, a later round knows a link that the round renewed.
    await beginFollowUp(clients.ledger, facts.followUp)
    for (const act of acts) if (await perform(clients, act, facts, config)) done.push(act)
  }
  return done
}

/** What is known about an administrator. */
type Known = Facts & FactsOnRecord

type Read = { accountId: string; record: AccountRecord; look: Look; admin: AccountRecord['admins'][string] }

/** What is known about an administrator; undefined if there is nothing to follow up. */
const factsOf = async (
  ledger: Ledger,
  { look, ...read }: Read,
  { stateMachineArn }: Config,
): Promise<Known | undefined> => {
  const seen = entryOf(look.admins, read.admin.userName.toLowerCase())
  const known = seen && (await readFacts(ledger, read, stateMachineArn))
  return known && { ...known, seen }
}

/** Does one thing, and puts it on record. Answers whether it was done now. */
const perform = async (clients: Clients, act: Act, facts: Known, config: Config) => {
  const by = await {
    remind: () => sendMail(clients.ses, reminderOf(facts, config), config),
    renew: () => start(clients, 'renew', facts, config),
    remove: () => start(clients, 'remove', facts, config),
    'end-secret': () => endSecret(clients, facts),
  }[act.do]()
  return (await recordAct(clients.ledger, facts.followUp, act, by)) !== undefined && by !== keptSecret
}

/** Starts the vend that acts on a sign-in mail. Answers the name of its execution. */
const start = async (
  { sfn }: Clients,
  what: 'renew' | 'remove',
  { accountId, admin: { userName }, followUp }: Facts,
  { stateMachineArn }: Config,
) => {
  const asked =
    what === 'renew'
      ? { renew: userName }
      : // The workflow looks once more whether the user has signed in.
        { remove: { what: 'sign-in', userName, unclaimed: true, lastWayIn: true } }
  const name = followUpExecution(what, followUp)
  try {
    const input = JSON.stringify({ accountId, ...asked, requestedBy: 'daily round' })
    await sfn.send(new StartExecutionCommand({ stateMachineArn, name, input }))
  } catch (error) {
    // An earlier try has started the execution, and was stopped before it could record that.
    if (!isNamed(error, 'ExecutionAlreadyExists')) throw error
  }
  return name
}

/**
 * Schedules the secret of an administrator for deletion, if the secret still has the password that the administrator
 * was mailed about. Answers what became of the secret.
 */
const endSecret = async ({ secrets }: Clients, { accountId, admin: { userName }, mail }: Facts) => {
  const SecretId = secretName(accountId, userName)
  try {
    const { DeletedDate, VersionIdsToStages = {} } = await secrets.send(new DescribeSecretCommand({ SecretId }))
    if (DeletedDate) return 'scheduled before'
    if (!VersionIdsToStages[mail.secretVersion]?.includes('AWSCURRENT')) return keptSecret
    await secrets.send(new DeleteSecretCommand({ SecretId, RecoveryWindowInDays: recoveryDays }))
    return 'scheduled'
  } catch (error) {
    if (isNamed(error, 'ResourceNotFoundException')) return 'deleted before'
    // Somebody else has scheduled the deletion in this moment.
    if (isNamed(error, 'InvalidRequestException')) return 'scheduled before'
    throw error
  }
}
