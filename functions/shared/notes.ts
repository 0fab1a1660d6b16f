import { createHash } from 'node:crypto'
import { PutItemCommand } from '@aws-sdk/client-dynamodb'
import { marshall } from '@aws-sdk/util-dynamodb'
import { ifConditionHolds, type Kind, type Ledger, readItem } from './ledger.ts'

// A note is an item of its own for something that must not happen twice: a request with an Idempotency-Key, the report
// of a failure, the mail of a sweep.

/** Reads a note; undefined if there is none. */
export const readNote = <Note extends Record<string, string>>(ledger: Ledger, name: string) =>
  readItem<Note>(ledger, name)

/** Writes a note unless it is there already. Answers whether the note was written. */
export const writeNote = async (ledger: Ledger, name: string, note: Record<string, string>) => {
  const day = 24 * 60 * 60
  const written = await ifConditionHolds(
    ledger.dynamodb.send(
      new PutItemCommand({
        TableName: ledger.tableName,
        // Step Functions remembers the execution's name just as long: 90 days.
        Item: marshall({ ...note, pk: name, expiresAt: Math.floor(Date.now() / 1000) + 90 * day }),
        ConditionExpression: 'attribute_not_exists(pk)',
      }),
    ),
  )
  return written !== undefined
}

/** Writes a note once. Answers undefined if the note was written, and otherwise the note that was there before. */
export const noteOnce = async <Note extends Record<string, string>>(
  ledger: Ledger,
  name: string,
  note: Note,
): Promise<Note | undefined> => ((await writeNote(ledger, name, note)) ? undefined : readNote<Note>(ledger, name))

/** The name of the note that a failed result of Organizations or Control Tower was told. */
export const accountResultNote = (resultId: string) => `failure#${resultId}`

/** The name of the note that a failure was told. */
export const failureNote = (executionArn: string, stopDate: number, status: string) =>
  `failure#${executionArn}#${stopDate}#${status}`

/** The name of the note that an execution has failed with this error and cause: a redrive can fail in the same way. */
export const sameFailureNote = (executionArn: string, { error, cause }: { error: string; cause: string }) =>
  `failure#${executionArn}#${createHash('sha256').update(`${error} ${cause}`).digest('hex').slice(0, 32)}`

/**
 * The executions whose failure was told within 90 days: the last execution of each account, by account id. A request
 * that was refused left nothing else on record.
 */
export const toldFailures: Kind<{ accountId?: string }, Map<string, string>> = {
  prefix: 'failure#',
  attributes: ['accountId'],
  collect: (notes) => {
    // A note without an account is about a failure that another note tells, or about no account.
    const told = [...notes].flatMap(([name, { accountId }]) => {
      const [executionArn = '', stopDate] = name.split('#')
      return accountId ? [{ accountId, executionArn, stopDate: Number(stopDate) }] : []
    })
    return new Map(
      told
        .sort((a, b) => a.stopDate - b.stopDate)
        .map(({ accountId, executionArn }): [string, string] => [accountId, executionArn]),
    )
  },
}
