import type { IAMClient } from '@aws-sdk/client-iam'
import * as z from 'zod/mini'
import { nameConnectionFailure } from '../shared/aws-errors.ts'
import { AwsUnreachableError } from '../shared/errors.ts'
import { type FactsOnRecord, nextActs, readFacts } from '../shared/follow.ts'
import { explainDenial, type Permission } from '../shared/iam-client.ts'
import type { Ledger } from '../shared/ledger.ts'
import { type AdminSeen, findingKey, type Found, joinFindings, type Look, updateLook } from '../shared/look.ts'
import { reach } from '../shared/next-command.ts'
import { forEach, pace } from '../shared/pace.ts'
import { type AccountRecord, readAccount } from '../shared/record-and-lease.ts'
import { batchInput, readBatch, type RoundAccount } from '../shared/round.ts'
import { placeOf } from '../shared/vend.ts'
import { compare, type CompareConfig, judgedFindings, type Known, type Seen, type There } from './compare.ts'
import { lookPermissions, readThere } from './read-account.ts'

export const lookAtAccountsInput = z.extend(batchInput, {
  /** How many accounts this batch may sign in to in a second. */
  signInsPerSecond: z.number(),
})
type Input = z.output<typeof lookAtAccountsInput>

type Clients = {
  ledger: Ledger
  /** Signs in to an account, with no more than these permissions. */
  signIn: (account: RoundAccount, permissions: Permission[]) => Promise<IAMClient>
}
type Config = CompareConfig & {
  /** The workflow that vends. */
  stateMachineArn: string
  /** The name of the role through which `signIn` comes in. */
  accessRole: string
  /** The endpoint of an AWS that is not the real one: the commands in findings must not reach the real AWS. */
  endpointUrl?: string | undefined
}

const accountsAtOnce = 25
/** An account whose calls hang must not hold up the others. */
const mostSeconds = 60
// A refusal that lasts as long is no passing one.
const longestPassing = 20 * 60 * 60 * 1000

/**
 * Looks at the accounts of a batch, and writes what it found into the ledger. In the accounts, it only reads. Answers
 * how many accounts there are, how many of them refused, how many findings they have together, and the ids of the
 * accounts for whose administrators FollowUp has something to do.
 *
 * An account that refuses is a finding, and not a failure. Safe to run twice: findings that go on keep their times.
 * Throws `BatchGoneError` and DynamoDB's own errors.
 */
export async function lookAtAccounts(clients: Clients, { executionArn, key, signInsPerSecond }: Input, config: Config) {
  const accounts = await readBatch(clients.ledger, key)
  const turn = pace(signInsPerSecond)
  const looks = await forEach(accounts, accountsAtOnce, async (account) => {
    await turn()
    return lookAt(clients, { account, executionArn }, config)
  })
  return {
    accounts: accounts.length,
    refused: looks.filter(({ isRefused }) => isRefused).length,
    findings: looks.reduce((sum, { findings }) => sum + findings, 0),
    due: accounts.flatMap(({ accountId }, i) => (looks[i]?.isDue ? [accountId] : [])),
  }
}

type Asked = { account: RoundAccount; executionArn: string }

const lookAt = async (clients: Clients, { account, executionArn }: Asked, config: Config) => {
  const { ledger } = clients
  const { accountId } = account
  const record = await readAccount(ledger, accountId)
  const [seen, people] = await Promise.all([
    see(clients, account, { record, accessRole: config.accessRole }),
    readPeople(ledger, { accountId, record }, config),
  ])
  // A vend that works on the account changes it before its record.
  const later = await readAccount(ledger, accountId)
  const isAtWork = later?.lease !== undefined || later?.updatedAt !== record?.updatedAt
  const { partition, managementAccountId } = placeOf(executionArn)
  const { options } = reach(executionArn, config.endpointUrl)
  const known = { accountId, partition, managementAccountId, path: account.path, record, people, options }
  const look = await updateLook(ledger, accountId, (before) =>
    lookFrom({ account, known, seen, isAtWork, before }, config),
  )
  const isDue = Object.entries(look?.admins ?? {}).some(([userName, seen]) => {
    const facts = people.get(userName)
    return facts !== undefined && nextActs({ ...facts, seen }, config).length > 0
  })
  return { isRefused: 'refusal' in seen, findings: Object.keys(look?.findings ?? {}).length, isDue }
}

type Given = {
  account: RoundAccount
  known: Omit<Known, 'formerPath'>
  seen: Seen
  isAtWork: boolean
  before: Look | undefined
}

/** The look from what was seen, and from the look before. */
const lookFrom = ({ account, known, seen, isAtWork, before }: Given, config: Config): Look => {
  const at = new Date().toISOString()
  const former = formerPath(before)
  const judged = judgedFindings(seen, { isAtWork })
  const found = compare({ ...known, formerPath: former }, seen, config, Date.parse(at))
    .filter(judged)
    .map((one) => lasting(one, before, at))
  return {
    accountId: account.accountId,
    accountName: account.name,
    at,
    path: account.path || (before?.path ?? ''),
    ...(found.some(({ kind }) => kind === 'unit-changed') && { formerPath: former }),
    // FollowUp acts on what was seen now, and never on what was seen before.
    admins: 'refusal' in seen ? {} : adminsSeen(known.record, seen.there),
    ...joinFindings(before, found, { judged, at }),
  }
}

/** The place of an account that people know of. */
const formerPath = (before: Look | undefined) => {
  const moved = before?.findings[findingKey({ kind: 'unit-changed', subject: '' })]
  const isUntold = moved !== undefined && (moved.toldAt === undefined || moved.report !== undefined)
  return (isUntold ? before?.formerPath : undefined) ?? before?.path ?? ''
}

/** A refusal that has lasted since the last round is no passing one. */
const lasting = ({ passing, ...found }: Found, before: Look | undefined, at: string): Found => {
  const since = before?.findings[findingKey(found)]?.since ?? at
  return { ...found, ...(passing && Date.parse(at) - Date.parse(since) < longestPassing && { passing }) }
}

/** Looks into an account. Whatever the account refuses, is what was seen. */
const see = async (
  { signIn }: Clients,
  account: RoundAccount,
  expected: Parameters<typeof readThere>[1],
): Promise<Seen> => {
  const { accountId, joinedMethod, joinedAt } = account
  const look = async () => {
    const iam = await signIn(account, lookPermissions)
    return readThere(iam, expected).catch((error: unknown) => explainDenial(error, { joinedMethod, joinedAt }))
  }
  try {
    return { there: await inTime(look(), accountId) }
  } catch (error) {
    const refusal = nameConnectionFailure(error)
    return { refusal: refusal instanceof Error ? refusal : new Error(String(refusal)) }
  }
}

const inTime = async <T>(work: Promise<T>, accountId: string): Promise<T> => {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(
      () => reject(new AwsUnreachableError(`No answer about account ${accountId} within ${mostSeconds} seconds`)),
      mostSeconds * 1000,
    )
  })
  try {
    return await Promise.race([work, late])
  } finally {
    clearTimeout(timer)
  }
}

/** Reads what the ledger knows about each administrator, by user name in lower case. */
const readPeople = async (
  ledger: Ledger,
  { accountId, record }: { accountId: string; record: AccountRecord | undefined },
  { stateMachineArn }: Config,
) => {
  if (!record) return new Map<string, FactsOnRecord>()
  const people = await Promise.all(
    Object.values(record.admins).map((admin) => readFacts(ledger, { accountId, record, admin }, stateMachineArn)),
  )
  return new Map(people.flatMap((facts) => (facts ? [[facts.admin.userName.toLowerCase(), facts] as const] : [])))
}

const adminsSeen = (record: Known['record'], { users }: There) =>
  Object.fromEntries(
    Object.entries(record?.admins ?? {}).flatMap(([key, { userName, kept }]): [string, AdminSeen][] => {
      const user = users.get(key)
      if (kept) return []
      const { hasLoginProfile = false, hasSignedIn = false, mustChangePassword = false } = user ?? {}
      const { lastSignInAt, hasMfa = false, accessKeys = 0 } = user ?? {}
      const signIn = { hasLoginProfile, hasSignedIn, ...(lastSignInAt && { lastSignInAt }), mustChangePassword }
      return [[key, { userName, isThere: user !== undefined, ...signIn, hasMfa, accessKeys }]]
    }),
  )
