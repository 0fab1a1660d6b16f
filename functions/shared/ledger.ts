import {
  type AttributeValue,
  DescribeTableCommand,
  type DynamoDBClient,
  GetItemCommand,
  paginateScan,
  PutItemCommand,
  UpdateItemCommand,
} from '@aws-sdk/client-dynamodb'
import { marshall, unmarshall } from '@aws-sdk/util-dynamodb'
import { isNamed } from './aws-errors.ts'
import { FailedJustNowError, LeaseLostError } from './errors.ts'
import type { Admin, Ask, Group } from './request.ts'
import type { Vend } from './vend.ts'

// One table, one module. An account is one item, so that one conditional write checks the lease and records a step.

export type Ledger = { dynamodb: DynamoDBClient; tableName: string }

export type Lease = {
  /** ARN of the execution that may write into the account. */
  holder: string
  /** Hash of what that execution makes, to tell the same request from a different one. */
  ask: string
  /** Milliseconds since 1970. */
  renewedAt: number
}

export type AccountRecord = {
  accountName: string
  /** DEPARTED from the organization, or CLOSED: the sweep found it so, and ended its secrets. */
  status: 'VENDING' | 'VENDED' | 'FAILED' | 'DEPARTED' | 'CLOSED'
  /** ISO 8601, as all times but the lease's. */
  updatedAt: string
  /** The last execution that worked on the account. */
  executionArn: string
  requestedBy?: string
  /** Held while an execution works, and after a failure for its redrive. */
  lease?: Lease
  /** What the last execution was asked to make. */
  asked: { groups: string[]; users: string[]; kept?: string[]; signingIn?: string[] }
  /** The steps begun by the last execution, by state and user. */
  steps: Record<string, { state: string; userName?: string; at: string }>
  /**
   * Users for whom a password was stored, or was about to be: a login profile of any other user is not ours. Keys are in
   * lower case.
   */
  passwords: Record<string, { vendId: string; at: string; renewing?: boolean }>
  /** Mails sent, by user (in lower case) and address. */
  mails: Record<string, { messageId: string; secretVersion: string; at: string }>
  /** What finished vends made. Keys are in lower case, as IAM ignores case. */
  groups: Record<string, Group>
  admins: Record<string, Admin & { kept: boolean }>
  vendedAt?: string
  vendedBy?: string
  failure?: { error: string; cause: string; at: string }
}

/** An entry of a record by its key: one that was written, never what every object has. */
export const entryOf = <Entry>(entries: Record<string, Entry> | undefined, key: string): Entry | undefined =>
  entries && Object.hasOwn(entries, key) ? entries[key] : undefined

/** An execution ended or aborted may have left a function running: its lease is taken over only this much later. */
export const leaseRestSeconds = 90

const key = (accountId: string) => marshall({ pk: `account#${accountId}` })

/** Reads what is on record of an account; undefined if nothing is. */
export const readAccount = async ({ dynamodb, tableName }: Ledger, accountId: string) => {
  const { Item } = await dynamodb.send(
    new GetItemCommand({ TableName: tableName, Key: key(accountId), ConsistentRead: true }),
  )
  return Item && (unmarshall(Item) as AccountRecord)
}

/** When the service was installed: its ledger was made then. */
export const ledgerMadeAt = async ({ dynamodb, tableName }: Ledger) =>
  (await dynamodb.send(new DescribeTableCommand({ TableName: tableName }))).Table?.CreationDateTime

/** Reads these attributes of all items whose key begins with `prefix`, by the rest of their keys. */
const scan = async <Item>({ dynamodb, tableName }: Ledger, prefix: string, attributes: (keyof Item & string)[]) => {
  const found = new Map<string, Item>()
  const pages = paginateScan(
    { client: dynamodb },
    {
      TableName: tableName,
      FilterExpression: 'begins_with(pk, :prefix)',
      ProjectionExpression: ['pk', ...attributes.map((_, i) => `#a${i}`)].join(', '),
      ExpressionAttributeNames: Object.fromEntries(attributes.map((name, i) => [`#a${i}`, name])),
      ExpressionAttributeValues: marshall({ ':prefix': prefix }),
    },
  )
  for await (const { Items = [] } of pages)
    for (const item of Items) {
      const { pk, ...rest } = unmarshall(item) as { pk: string }
      found.set(pk.slice(prefix.length), rest as Item)
    }
  return found
}

type Standing = Pick<AccountRecord, 'accountName' | 'status' | 'updatedAt' | 'executionArn' | 'vendedAt' | 'failure'>

/** Reads how the vends of all accounts stand, by account id. */
export const scanAccounts = (ledger: Ledger) =>
  scan<Standing>(ledger, 'account#', ['accountName', 'status', 'updatedAt', 'executionArn', 'vendedAt', 'failure'])

/** The name of the note that a failure was told. */
export const failureNote = (executionArn: string, stopDate: number, status: string) =>
  `failure#${executionArn}#${stopDate}#${status}`

/**
 * Reads the executions whose failure was told within 90 days, by account id: of each account the last.
 * A request that was refused left nothing else on record.
 */
export const scanToldFailures = async (ledger: Ledger) => {
  const notes = await scan<{ accountId?: string }>(ledger, 'failure#', ['accountId'])
  const told = [...notes].map(([name, { accountId }]) => {
    const [executionArn = '', stopDate] = name.split('#')
    return { accountId, executionArn, stopDate: Number(stopDate) }
  })
  return new Map(
    told
      .sort((a, b) => a.stopDate - b.stopDate)
      .flatMap(({ accountId, executionArn }): [string, string][] => (accountId ? [[accountId, executionArn]] : [])),
  )
}

type Change = {
  /** Attribute path → value; a path is a list of attribute names. */
  set: [path: string[], value: unknown][]
  /** The same for what has no value yet. */
  ensure?: [path: string[], value: unknown][]
  remove?: string[]
  condition: (value: (value: unknown) => string, name: (attribute: string) => string) => string
}

const updateAccount = async ({ dynamodb, tableName }: Ledger, accountId: string, change: Change) => {
  const names: Record<string, string> = {}
  const values: Record<string, unknown> = {}
  const name = (attribute: string) => {
    const placeholder = `#n${Object.keys(names).length}`
    names[placeholder] = attribute
    return placeholder
  }
  const value = (content: unknown) => {
    const placeholder = `:v${Object.keys(values).length}`
    values[placeholder] = content
    return placeholder
  }
  const set = [
    ...change.set.map(([path, content]) => `${path.map(name).join('.')} = ${value(content)}`),
    ...(change.ensure ?? []).map(([path, content]) => {
      const placeholder = path.map(name).join('.')
      return `${placeholder} = if_not_exists(${placeholder}, ${value(content)})`
    }),
  ]
  const { Attributes } = await dynamodb.send(
    new UpdateItemCommand({
      TableName: tableName,
      Key: key(accountId),
      UpdateExpression: `SET ${set.join(', ')}${change.remove ? ` REMOVE ${change.remove.map(name).join(', ')}` : ''}`,
      ConditionExpression: change.condition(value, name),
      ExpressionAttributeNames: names,
      // To the marshaller an object with a key named constructor, as a tag may be, is an instance of some class.
      ExpressionAttributeValues: marshall(values, { removeUndefinedValues: true, convertClassInstanceToMap: true }),
      ReturnValues: 'ALL_NEW',
    }),
  )
  return unmarshall(Attributes as Record<string, AttributeValue>) as AccountRecord
}

const leaseIs = (lease: Lease | undefined, value: (value: unknown) => string) =>
  lease
    ? `lease.holder = ${value(lease.holder)} AND lease.renewedAt = ${value(lease.renewedAt)}`
    : 'attribute_not_exists(lease)'

const made = ['groups', 'admins']

/**
 * Takes the account's lease for an execution, if the record still is as it was `seen`: without a lease, with an ended holder's,
 * or with one's own, which is taken again. Answers whether it could.
 */
export const takeLease = async (
  ledger: Ledger,
  {
    vend,
    account,
    ask,
    askHash,
    requestedBy,
    seen,
    returned = false,
  }: {
    vend: Vend
    account: { id: string; name: string }
    ask: Ask
    askHash: string
    requestedBy: string
    seen: Pick<AccountRecord, 'lease' | 'updatedAt'> | undefined
    /** The account is back: what was made before is not relied on. Whose passwords are ours stays known. */
    returned?: boolean
  },
) => {
  const now = new Date()
  const own = seen?.lease?.holder === vend.executionArn
  const first = { AcceptRequest: { state: 'AcceptRequest', at: now.toISOString() } }
  try {
    await updateAccount(ledger, account.id, {
      set: [
        [['accountName'], account.name],
        [['status'], 'VENDING'],
        [['updatedAt'], now.toISOString()],
        [['executionArn'], vend.executionArn],
        [['requestedBy'], requestedBy],
        [['asked'], { groups: ask.groups.map(({ name }) => name), users: ask.admins.map(({ userName }) => userName) }],
        [['lease'], { holder: vend.executionArn, ask: askHash, renewedAt: now.getTime() } satisfies Lease],
        ...(own ? [] : ([[['steps'], first]] as [string[], unknown][])),
        ...(returned ? made.map((attribute): [string[], unknown] => [[attribute], {}]) : []),
      ],
      ensure: ['passwords', 'mails', ...(returned ? [] : made)].map((attribute) => [[attribute], {}]),
      remove: ['failure', ...(returned ? ['vendedAt', 'vendedBy'] : [])],
      // Not the lease alone: a try that was stopped may come late, after the same execution was redriven and gave it back.
      condition: (value) =>
        seen ? `updatedAt = ${value(seen.updatedAt)} AND ${leaseIs(seen.lease, value)}` : 'attribute_not_exists(pk)',
    })
    return true
  } catch (error) {
    if (isNamed(error, 'ConditionalCheckFailedException')) return false
    throw error
  }
}

const whileHeld = async (ledger: Ledger, accountId: string, vend: Vend, change: Omit<Change, 'condition'>) => {
  try {
    return await updateAccount(ledger, accountId, {
      ...change,
      condition: (value) => `lease.holder = ${value(vend.executionArn)}`,
    })
  } catch (error) {
    if (isNamed(error, 'ConditionalCheckFailedException')) throw leaseLost(accountId, error)
    throw error
  }
}

const leaseLost = (accountId: string, cause: unknown) =>
  new LeaseLostError(
    `Another execution has taken over account ${accountId}; this one makes no further change. Start a new one if something is missing`,
    { cause },
  )

/**
 * Records that a step begins, on condition that this execution still holds the account's lease, and did not fail just now.
 * Gives back the record. `storesPassword` notes as well that the user's password is ours from now on.
 * Throws `LeaseLostError`, and `FailedJustNowError` while a function from before the failure may still be at work.
 */
export const beginStep = async (
  ledger: Ledger,
  {
    accountId,
    vend,
    state,
    userName,
    storesPassword = false,
  }: {
    accountId: string
    vend: Vend
    state: string
    userName?: string
    storesPassword?: boolean
  },
) => {
  const now = Date.now()
  const at = new Date(now).toISOString()
  const rested = new Date(now - leaseRestSeconds * 1000).toISOString()
  try {
    return await updateAccount(ledger, accountId, {
      set: [
        [['updatedAt'], at],
        [['status'], 'VENDING'],
        [['lease', 'renewedAt'], now],
        [['steps', userName ? `${state} ${userName}` : state], { state, userName, at }],
      ],
      ...(storesPassword &&
        userName && {
          ensure: [[['passwords', userName.toLowerCase()], { vendId: vend.id, at }]] as [string[], unknown][],
        }),
      remove: ['failure'],
      condition: (value, name) =>
        `lease.holder = ${value(vend.executionArn)} AND ` +
        `(attribute_not_exists(failure) OR failure.${name('at')} < ${value(rested)})`,
    })
  } catch (error) {
    if (!isNamed(error, 'ConditionalCheckFailedException')) throw error
    if ((await readAccount(ledger, accountId))?.lease?.holder !== vend.executionArn) throw leaseLost(accountId, error)
    throw new FailedJustNowError(
      `The vend of account ${accountId} failed within the last ${leaseRestSeconds} seconds, and one of its functions may still be at work`,
      { cause: error },
    )
  }
}

/** The name under which a mail is on record. */
export const mailKey = (userName: string, email: string) => `${userName.toLowerCase()} ${email.toLowerCase()}`

/** Whether the user was mailed at this address about this version of the password. */
export const isMailed = (
  record: Pick<AccountRecord, 'mails'> | undefined,
  { userName, email, secretVersion }: { userName: string; email: string; secretVersion: string },
) => entryOf(record?.mails, mailKey(userName, email))?.secretVersion === secretVersion

/** Records that a sign-in mail was sent. That is so whoever holds the lease by now. */
export const recordMail = (
  ledger: Ledger,
  {
    accountId,
    userName,
    email,
    secretVersion,
    messageId,
  }: { accountId: string; userName: string; email: string; secretVersion: string; messageId: string },
) =>
  updateAccount(ledger, accountId, {
    set: [[['mails', mailKey(userName, email)], { messageId, secretVersion, at: new Date().toISOString() }]],
    condition: () => 'attribute_exists(pk)',
  })

/** Records which users are not ours and stay as they are, and which sign in already. Throws `LeaseLostError`. */
export const recordKept = (
  ledger: Ledger,
  { accountId, vend, kept, signingIn }: { accountId: string; vend: Vend; kept: string[]; signingIn: string[] },
) =>
  whileHeld(ledger, accountId, vend, {
    set: [
      [['asked', 'kept'], kept],
      [['asked', 'signingIn'], signingIn],
    ],
  })

/**
 * Records that a user's secret is about to get a new password, so that a try after a crash still knows.
 * Throws `LeaseLostError`.
 */
export const recordRenewal = (
  ledger: Ledger,
  { accountId, vend, userName }: { accountId: string; vend: Vend; userName: string },
) =>
  whileHeld(ledger, accountId, vend, {
    set: [[['passwords', userName.toLowerCase()], { vendId: vend.id, at: new Date().toISOString(), renewing: true }]],
  })

/** Records what a finished vend made and gives the lease back. Done before by this vend is done. Throws `LeaseLostError`. */
export const recordVend = async (
  ledger: Ledger,
  {
    accountId,
    vend,
    groups,
    admins,
  }: {
    accountId: string
    vend: Vend
    groups: Group[]
    admins: AccountRecord['admins'][string][]
  },
) => {
  const at = new Date().toISOString()
  try {
    await whileHeld(ledger, accountId, vend, {
      set: [
        [['status'], 'VENDED'],
        [['updatedAt'], at],
        [['vendedAt'], at],
        [['vendedBy'], vend.executionArn],
        [['steps', 'RecordVended'], { state: 'RecordVended', at }],
        ...groups.map((group): [string[], unknown] => [['groups', group.name.toLowerCase()], group]),
        ...admins.map((admin): [string[], unknown] => [['admins', admin.userName.toLowerCase()], admin]),
        // What was being renewed is renewed.
        ...admins
          .filter(({ kept }) => !kept)
          .map(({ userName }): [string[], unknown] => [['passwords', userName.toLowerCase()], { vendId: vend.id, at }]),
      ],
      remove: ['lease', 'failure'],
    })
  } catch (error) {
    if (isNamed(error, 'LeaseLostError') && (await readAccount(ledger, accountId))?.vendedBy === vend.executionArn)
      return
    throw error
  }
}

/** Gives back a lease under which nothing was to be done: everything is on record. Another holder's stays as it is. */
export const giveLeaseBack = async (
  ledger: Ledger,
  { accountId, executionArn }: { accountId: string; executionArn: string },
) => {
  try {
    await updateAccount(ledger, accountId, {
      set: [
        [['status'], 'VENDED'],
        [['updatedAt'], new Date().toISOString()],
      ],
      remove: ['lease', 'failure'],
      condition: (value) => `lease.holder = ${value(executionArn)}`,
    })
  } catch (error) {
    if (!isNamed(error, 'ConditionalCheckFailedException')) throw error
  }
}

/** Marks the account's vend as failed, if this execution still is the one that works on it. The lease stays, for a redrive. */
export const recordFailure = async (
  ledger: Ledger,
  { accountId, executionArn, error, cause }: { accountId: string; executionArn: string; error: string; cause: string },
) => {
  const at = new Date().toISOString()
  try {
    await updateAccount(ledger, accountId, {
      set: [
        [['status'], 'FAILED'],
        [['updatedAt'], at],
        [['failure'], { error, cause, at }],
      ],
      condition: (value) => `lease.holder = ${value(executionArn)}`,
    })
  } catch (failed) {
    if (!isNamed(failed, 'ConditionalCheckFailedException')) throw failed
  }
}

/**
 * Marks an account as gone and ends its lease, if its record is still as it was read. Answers whether it was: somebody may be
 * vending it by now.
 */
export const recordGone = async (
  ledger: Ledger,
  { accountId, status, record }: { accountId: string; status: 'DEPARTED' | 'CLOSED'; record: AccountRecord },
) => {
  try {
    await updateAccount(ledger, accountId, {
      set: [
        [['status'], status],
        [['updatedAt'], new Date().toISOString()],
      ],
      remove: ['lease'],
      condition: (value) => `updatedAt = ${value(record.updatedAt)} AND ${leaseIs(record.lease, value)}`,
    })
    return true
  } catch (error) {
    if (isNamed(error, 'ConditionalCheckFailedException')) return false
    throw error
  }
}

/**
 * Writes a note under a name of its own, once: answers undefined if it was written, else the note that was there.
 * Notes are for what must not happen twice: a request's Idempotency-Key, a failure's report, a sweep's.
 */
export const noteOnce = async <Note extends Record<string, string>>(
  { dynamodb, tableName }: Ledger,
  name: string,
  note: Note,
): Promise<Note | undefined> => {
  const day = 24 * 60 * 60
  try {
    await dynamodb.send(
      new PutItemCommand({
        TableName: tableName,
        // As long as Step Functions remembers the execution's name, 90 days.
        Item: marshall({ ...note, pk: name, expiresAt: Math.floor(Date.now() / 1000) + 90 * day }),
        ConditionExpression: 'attribute_not_exists(pk)',
      }),
    )
    return undefined
  } catch (error) {
    if (!isNamed(error, 'ConditionalCheckFailedException')) throw error
    return readNote({ dynamodb, tableName }, name)
  }
}

/** Reads a note; undefined if there is none. */
export const readNote = async <Note extends Record<string, string>>({ dynamodb, tableName }: Ledger, name: string) => {
  const { Item } = await dynamodb.send(
    new GetItemCommand({ TableName: tableName, Key: marshall({ pk: name }), ConsistentRead: true }),
  )
  return Item && (unmarshall(Item) as Note)
}
