import {
  type AttributeValue,
  DeleteItemCommand,
  DescribeTableCommand,
  type DynamoDBClient,
  GetItemCommand,
  paginateScan,
  UpdateItemCommand,
} from '@aws-sdk/client-dynamodb'
import { marshall, unmarshall } from '@aws-sdk/util-dynamodb'
import { isNamed } from './aws-errors.ts'
import { pace } from './pace.ts'

// How the items of the ledger's one table are read and written. What the items mean is in record-and-lease.ts and
// notes.ts.

/** The DynamoDB table of the ledger, and the client that reaches it. */
export type Ledger = { dynamodb: DynamoDBClient; tableName: string }

/** Reads an item; undefined if there is none. */
export const readItem = async <Item>({ dynamodb, tableName }: Ledger, pk: string) => {
  const { Item } = await dynamodb.send(
    new GetItemCommand({ TableName: tableName, Key: marshall({ pk }), ConsistentRead: true }),
  )
  return Item && (unmarshall(Item) as Item)
}

/** Deletes an item, if it is as the condition says. An item that is not there is no error. */
export const deleteItem = async ({ dynamodb, tableName }: Ledger, pk: string, condition?: Condition) => {
  const { names, values, ...placeholders } = expression()
  await ifConditionHolds(
    dynamodb.send(
      new DeleteItemCommand({
        TableName: tableName,
        Key: marshall({ pk }),
        ...(condition && {
          ConditionExpression: condition(placeholders),
          ExpressionAttributeNames: names,
          ExpressionAttributeValues: marshall(values),
        }),
      }),
    ),
  )
}

/** Reads when the service was installed, which is when its ledger was created. */
export const ledgerMadeAt = async ({ dynamodb, tableName }: Ledger) =>
  (await dynamodb.send(new DescribeTableCommand({ TableName: tableName }))).Table?.CreationDateTime

/** Which items of the table are of one kind, and what a scan makes of them. */
export type Kind<Item, Found> = {
  /** The keys of these items begin with the prefix. */
  prefix: string
  /** What to read of each item. */
  attributes: (keyof Item & string)[]
  /** What the scan answers, from the items by the rest of their keys. */
  collect: (items: Map<string, Item>) => Found
}

// A scan reads one partition of the table after the other. A partition answers 3,000 read units a second (DynamoDB
// Developer Guide, bp-partition-key-design), and a page of 1 MB takes 128 units, or 256 if the scan is consistent. So
// many pages leave the vends half of that, also when some of them come late.
const pagesPerSecond = { eventual: 10, consistent: 4 }

/**
 * Reads all items of these kinds in one pass over the table. Answers what each kind makes of its items. A `consistent`
 * scan sees every write that came before, and costs twice as much.
 */
export const scan = async <Kinds extends Record<string, Kind<never, unknown>>>(
  { dynamodb, tableName }: Ledger,
  kinds: Kinds,
  { consistent = false } = {},
) => {
  const all = Object.entries<Kind<never, unknown>>(kinds).map(([name, kind]) => ({
    name,
    ...kind,
    items: new Map<string, never>(),
  }))
  const attributes = [...new Set(all.flatMap((kind): string[] => kind.attributes))]
  const pages = paginateScan(
    { client: dynamodb },
    {
      TableName: tableName,
      ...(consistent && { ConsistentRead: true }),
      FilterExpression: all.map((_, i) => `begins_with(pk, :p${i})`).join(' OR '),
      ProjectionExpression: ['pk', ...attributes.map((_, i) => `#a${i}`)].join(', '),
      ExpressionAttributeNames: Object.fromEntries(attributes.map((name, i) => [`#a${i}`, name])),
      ExpressionAttributeValues: marshall(Object.fromEntries(all.map(({ prefix }, i) => [`:p${i}`, prefix]))),
    },
  )
  const turn = pace(pagesPerSecond[consistent ? 'consistent' : 'eventual'])
  await turn()
  for await (const { Items = [], LastEvaluatedKey } of pages) {
    for (const item of Items) {
      const { pk, ...rest } = unmarshall(item) as { pk: string }
      const kind = all.find(({ prefix }) => pk.startsWith(prefix))
      kind?.items.set(pk.slice(kind.prefix.length), rest as never)
    }
    if (LastEvaluatedKey) await turn()
  }
  return Object.fromEntries(all.map(({ name, collect, items }) => [name, collect(items)])) as {
    [Name in keyof Kinds]: ReturnType<Kinds[Name]['collect']>
  }
}

/** Answers undefined if the condition of a write does not hold. */
export const ifConditionHolds = async <T>(write: Promise<T>): Promise<T | undefined> => {
  try {
    return await write
  } catch (error) {
    if (isNamed(error, 'ConditionalCheckFailedException')) return undefined
    throw error
  }
}

const entriesOf = Symbol('entries')
type Entries<Map> = { [entriesOf]: Partial<Map> }
/** Names entries of a map: only these are written, and the other entries of the map stay. */
export const entries = <Map extends object>(some: Partial<Map>): Entries<Map> => ({ [entriesOf]: some })

/** What to write: whole attributes, or entries of an attribute that is a map. */
type Fields<Item> = { [Name in keyof Item]?: Item[Name] | Entries<NonNullable<Item[Name]>> }

type Placeholders = {
  /** Puts a value into an expression. */
  value: (content: unknown) => string
  /** Puts the name of an attribute into an expression. */
  name: (attribute: string) => string
}
/** A DynamoDB condition expression. */
export type Condition = (placeholders: Placeholders) => string

/** The names and values of an expression, which grow with its placeholders. */
const expression = () => {
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
  return { names, values, name, value }
}

export type Change<Item> = {
  set: Fields<Item>
  /** Written only where nothing is yet. */
  setIfMissing?: Fields<Item>
  /** Added to numbers that are there. */
  add?: { [Name in keyof Item]?: number }
  remove?: (keyof Item)[]
  condition: Condition
}

/** Each path in an item with the value to write there. */
const pathsIn = (fields: object) =>
  Object.entries(fields as Record<string, unknown>).flatMap(
    ([attribute, content]): [path: string[], content: unknown][] =>
      typeof content === 'object' && content !== null && entriesOf in content
        ? Object.entries(content[entriesOf] as object).map(([entry, value]) => [[attribute, entry], value])
        : [[[attribute], content]],
  )

/** Changes an item. Answers the item as it is after the change; undefined if the condition does not hold. */
export const updateItem = async <Item>({ dynamodb, tableName }: Ledger, pk: string, change: Change<Item>) => {
  const { names, values, name, value } = expression()
  const set = [
    ...pathsIn(change.set).map(([path, content]) => `${path.map(name).join('.')} = ${value(content)}`),
    ...pathsIn(change.setIfMissing ?? {}).map(([path, content]) => {
      const placeholder = path.map(name).join('.')
      return `${placeholder} = if_not_exists(${placeholder}, ${value(content)})`
    }),
    ...Object.entries(change.add ?? {}).map(([attribute, amount]) => {
      const placeholder = name(attribute)
      return `${placeholder} = ${placeholder} + ${value(amount)}`
    }),
  ]
  const updated = await ifConditionHolds(
    dynamodb.send(
      new UpdateItemCommand({
        TableName: tableName,
        Key: marshall({ pk }),
        UpdateExpression: `SET ${set.join(', ')}${change.remove?.length ? ` REMOVE ${change.remove.map((attribute) => name(String(attribute))).join(', ')}` : ''}`,
        ConditionExpression: change.condition({ value, name }),
        ExpressionAttributeNames: names,
        // The marshaller takes an object with a key named constructor, as a tag may be, for an instance of a class.
        ExpressionAttributeValues: marshall(values, { removeUndefinedValues: true, convertClassInstanceToMap: true }),
        ReturnValues: 'ALL_NEW',
      }),
    ),
  )
  return updated && (unmarshall(updated.Attributes as Record<string, AttributeValue>) as Item)
}
