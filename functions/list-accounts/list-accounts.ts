import { type AttributeValue, QueryCommand } from '@aws-sdk/client-dynamodb'
import { marshall, unmarshall } from '@aws-sdk/util-dynamodb'
import * as z from 'zod/mini'
import { InvalidInputError } from '../shared/errors.ts'
import type { Ledger } from '../shared/ledger.ts'
import { parseInput, parseJson } from '../shared/parse.ts'
import type { AccountRecord } from '../shared/record-and-lease.ts'
import { fields } from '../shared/request.ts'

const statuses = [
  'VENDING',
  'VENDED',
  'FAILED',
  'DEPARTED',
  'CLOSED',
  'REMOVED',
] as const satisfies AccountRecord['status'][]
type Status = (typeof statuses)[number]
export const accountStatus = z.enum(statuses, `must be one of ${statuses.join(', ')}`)

/** The query string of a list. */
export const listQuery = fields({
  status: z.optional(accountStatus),
  cursor: z.optional(z.string()),
})

/** Where a page ended: the keys of its last account in the index. */
const place = z.strictObject({
  pk: z.string().check(z.regex(/^account#\d{12}$/)),
  status: accountStatus,
  accountName: z.string().check(z.minLength(1), z.maxLength(256)),
})
type Place = z.output<typeof place>

type Listed = Place & Pick<AccountRecord, 'updatedAt' | 'vendedAt' | 'executionArn'>

const pageSize = 50

/**
 * Lists the accounts on record, by status and name, 50 a page. `cursor` in the answer asks for the next page, and is
 * there only if this page has at least one account after it. The index is eventually consistent, so an account that has
 * just changed can be missing or listed twice.
 * Throws `InvalidInputError`.
 */
export async function listAccounts({ ledger }: { ledger: Ledger }, query: object) {
  const { status, cursor } = parseInput(listQuery, query)
  const from = cursor === undefined ? undefined : readCursor(cursor, status)
  const wanted = status ? [status] : statuses.slice(from && statuses.indexOf(from.status))
  const found: Listed[] = []
  // One account more than a page says whether there is a next page.
  for (const next of wanted)
    for (let start = from?.status === next ? from : undefined; found.length <= pageSize;) {
      const { items, last } = await queryStatus(ledger, next, { start, limit: pageSize + 1 - found.length })
      found.push(...items)
      if (!last) break
      start = last
    }
  const page = found.slice(0, pageSize)
  const end = page.at(-1)
  return {
    accounts: page.map(({ pk, accountName, status, updatedAt, vendedAt, executionArn }) => ({
      accountId: pk.replace('account#', ''),
      accountName,
      status,
      updatedAt,
      vendedAt,
      executionArn,
    })),
    ...(end && found.length > pageSize && { cursor: cursorAt(end) }),
  }
}

const queryStatus = async (
  { dynamodb, tableName }: Ledger,
  status: Status,
  { start, limit }: { start: Place | undefined; limit: number },
) => {
  const { Items = [], LastEvaluatedKey } = await dynamodb.send(
    new QueryCommand({
      TableName: tableName,
      IndexName: 'byStatus',
      KeyConditionExpression: '#status = :status',
      ExpressionAttributeNames: { '#status': 'status' },
      ExpressionAttributeValues: marshall({ ':status': status }),
      Limit: limit,
      ...(start && { ExclusiveStartKey: marshall(start) }),
    }),
  )
  const read = <Item>(item: Record<string, AttributeValue>) => unmarshall(item) as Item
  return { items: Items.map(read<Listed>), last: LastEvaluatedKey && read<Place>(LastEvaluatedKey) }
}

const cursorAt = ({ pk, status, accountName }: Place) =>
  Buffer.from(JSON.stringify({ pk, status, accountName })).toString('base64url')

const readCursor = (cursor: string, status: Status | undefined) => {
  const read = place.safeParse(parseJson(Buffer.from(cursor, 'base64url').toString()))
  if (read.success && (status === undefined || read.data.status === status)) return read.data
  throw new InvalidInputError([
    { field: 'cursor', message: 'must be the cursor of an earlier answer to a list with the same status' },
  ])
}
