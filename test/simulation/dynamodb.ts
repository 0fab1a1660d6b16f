import { isDeepStrictEqual } from 'node:util'
import type { AttributeValue } from '@aws-sdk/client-dynamodb'
import { AwsError } from '../../local/aws/aws-error.ts'
import type { Operation } from '../../local/aws/operation.ts'

type Item = Record<string, AttributeValue>
type Input = {
  TableName: string
  Key: Item
  Item: Item
  UpdateExpression: string
  ConditionExpression?: string
  FilterExpression?: string
  IndexName?: string
  KeyConditionExpression?: string
  ProjectionExpression?: string
  ExclusiveStartKey?: Item
  Limit?: number
  ExpressionAttributeNames?: Record<string, string>
  ExpressionAttributeValues?: Item
  ReturnValues?: string
} & Record<string, unknown>

const unsupported = (what: string) => new Error(`The in-memory DynamoDB does not know ${what}`)
const invalid = (message: string) => new AwsError('ValidationException', message)
const badPath = () => invalid('The document path provided in the update expression is invalid for update')

/**
 * The size of a value as DynamoDB counts it: UTF-8 bytes; a list or a map has 3 bytes more, and 1 more for each
 * member.
 */
const sizeOf = (value: AttributeValue): number => {
  const { S, N, BOOL, NULL, L, M, ...more } = value as object as Record<string, unknown>
  if (typeof S === 'string') return Buffer.byteLength(S)
  if (typeof N === 'string') return Math.ceil(N.replace(/[-.]/g, '').length / 2) + 1
  if (typeof BOOL === 'boolean' || NULL) return 1
  if (Array.isArray(L)) return 3 + (L as AttributeValue[]).reduce((sum, member) => sum + 1 + sizeOf(member), 0)
  if (M) return 3 + itemSize(M as Item) + Object.keys(M).length
  throw unsupported(`a value of the type ${Object.keys(more).join()}`)
}
const itemSize = (item: Item | undefined): number =>
  Object.entries(item ?? {}).reduce((sum, [name, value]) => sum + Buffer.byteLength(name) + sizeOf(value), 0)

/** Does what `structuredClone` does, for values that came as JSON. It is faster, since it does not serialise. */
const clone = <T>(value: T): T => {
  if (Array.isArray(value)) return value.map(clone) as T
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(Object.entries(value).map(([name, member]) => [name, clone<unknown>(member)])) as T
}

/** How two strings or two numbers are ordered; undefined for anything else. */
const orderOf = (a: AttributeValue | undefined, b: AttributeValue | undefined) => {
  if (a?.S !== undefined && b?.S !== undefined) return Buffer.compare(Buffer.from(a.S), Buffer.from(b.S))
  return a?.N !== undefined && b?.N !== undefined ? Number(a.N) - Number(b.N) : undefined
}

const sumOf = (there: AttributeValue | undefined, amount: AttributeValue): AttributeValue => {
  if (!there) throw invalid('The provided expression refers to an attribute that does not exist in the item')
  if (there.N === undefined || amount.N === undefined)
    throw invalid('An operand in the update expression has an incorrect data type')
  return { N: String(Number(there.N) + Number(amount.N)) }
}

/** A scan answers at most 1 MB at once (DynamoDB Developer Guide, Scan). */
const scanPageBytes = 1_048_576

const indexKeys = ['pk', 'status', 'accountName']
const indexAttributes = [...indexKeys, 'updatedAt', 'vendedAt', 'executionArn']

/** The entry of an item in the index `byStatus`; undefined if the item lacks one of the keys. */
const indexed = (item: Item | undefined): Item | undefined =>
  item?.['status']?.S !== undefined && item['accountName']?.S !== undefined
    ? Object.fromEntries(indexAttributes.flatMap((name) => (item[name] ? [[name, item[name]]] : [])))
    : undefined

const orderInIndex = (a: Item, b: Item) => orderOf(a['accountName'], b['accountName']) || orderOf(a['pk'], b['pk']) || 0

/**
 * The units of a write in the index: one entry is written, or deleted, and both if its key changes (DynamoDB Developer
 * Guide, GSI, provisioned throughput considerations).
 */
const indexUnits = (old: Item | undefined, after: Item | undefined) => {
  const [before, now] = [indexed(old), indexed(after)]
  if (isDeepStrictEqual(before, now)) return 0
  const blocks = (entry: Item | undefined) => (entry ? Math.ceil(itemSize(entry) / 1024) : 0)
  const isMoved = indexKeys.some((name) => !isDeepStrictEqual(before?.[name], now?.[name]))
  return isMoved ? blocks(before) + blocks(now) : Math.max(blocks(before), blocks(now))
}

/**
 * DynamoDB in memory, as far as the ledger uses it: one table with a string key `pk`; GetItem, PutItem, UpdateItem
 * with SET (values, if_not_exists, a sum) and REMOVE, DeleteItem; conditions of `=`, `<>`, `<`,
 * `<=`, `>`, attribute_exists, attribute_not_exists, AND, and OR, where the one or the other is in parentheses beside
 * the other; Scan with a filter of begins_with and OR, in the order in which items were made, in pages of 1 MB; Query
 * of the index `byStatus`. It refuses any other expression. `units` are the request units by which on-demand capacity
 * is billed. For `lag` milliseconds after a write, a read that is not consistent returns what was there before the
 * write: DynamoDB may do so “usually within one second” (DynamoDB Developer Guide, HowItWorks.ReadConsistency).
 */
export const inMemoryDynamoDB = (tableName: string, now: () => number, { lag = 0 } = {}) => {
  const items = new Map<string, Item>()
  const replaced = new Map<string, { item: Item | undefined; until: number }>()
  const units = { read: 0, write: 0 }
  const madeAt = now()

  const check = (operation: string, input: Input, known: string[]) => {
    const other = Object.keys(input).filter((name) => !known.includes(name))
    if (other.length) throw unsupported(`${other.join(', ')} of ${operation}`)
    if (input.TableName !== tableName)
      throw new AwsError('ResourceNotFoundException', 'Cannot do operations on a non-existent table')
  }
  const keyOf = ({ pk }: Item) => {
    if (!pk?.S) throw invalid('The provided key element does not match the schema')
    return pk.S
  }
  const pathOf = ({ ExpressionAttributeNames: names = {} }: Input, path: string) =>
    path.split('.').map((part) => {
      if (!/^#?\w+$/.test(part)) throw unsupported(`the path ${path}`)
      const name = part.startsWith('#') ? names[part] : part
      if (name === undefined)
        throw invalid(`An expression attribute name used in the document path is not defined: ${part}`)
      return name
    })
  const valueOf = ({ ExpressionAttributeValues: values = {} }: Input, placeholder: string) => {
    const value = values[placeholder]
    if (!value) throw invalid(`An expression attribute value used in expression is not defined: ${placeholder}`)
    return value
  }
  const read = (item: Item | undefined, path: string[]): AttributeValue | undefined => {
    let node: AttributeValue | undefined = { M: item ?? {} }
    for (const name of path) node = node?.M && Object.hasOwn(node.M, name) ? node.M[name] : undefined
    return node
  }
  const write = (item: Item, path: string[], value: AttributeValue | undefined) => {
    const parent = read(item, path.slice(0, -1))?.M
    const name = path.at(-1) ?? ''
    if (!parent) throw badPath()
    if (value) parent[name] = value
    else delete parent[name]
  }
  const holds = (item: Item | undefined, input: Input, condition: string): boolean => {
    const [, negated, asked] = /^attribute_(not_)?exists\(([^()]+)\)$/.exec(condition) ?? []
    if (asked) return (read(item, pathOf(input, asked)) === undefined) === Boolean(negated)
    const [, path, comparator = '', placeholder] = /^([\w#.]+) (=|<>|<=?|>) (:\w+)$/.exec(condition) ?? []
    if (!path || !placeholder) throw unsupported(`the condition ${condition}`)
    const there = read(item, pathOf(input, path))
    const other = valueOf(input, placeholder)
    if (comparator === '=' || comparator === '<>') return isDeepStrictEqual(there, other) === (comparator === '=')
    if (other.S === undefined && other.N === undefined)
      throw unsupported(`${comparator} of anything but strings and numbers`)
    const order = orderOf(there, other)
    return order !== undefined && (comparator === '>' ? order > 0 : order < 0 || (comparator === '<=' && order === 0))
  }
  const checkCondition = (before: Item | undefined, input: Input) => {
    // One condition, or several together.
    const [, alone, together] = /^([^()]+) OR \((.+ AND .+)\)$/.exec(input.ConditionExpression ?? '') ?? []
    if (alone && together && holds(before, input, alone)) return
    const conditions = (together ?? input.ConditionExpression)?.split(' AND ') ?? []
    const isMet = (condition: string) => {
      const either = /^\((.+ OR .+)\)$/.exec(condition)?.[1] ?? (conditions.length === 1 ? condition : undefined)
      return either ? either.split(' OR ').some((one) => holds(before, input, one)) : holds(before, input, condition)
    }
    if (conditions.every(isMet)) return
    units.write += Math.max(1, Math.ceil(itemSize(before) / 1024))
    throw new AwsError('ConditionalCheckFailedException', 'The conditional request failed')
  }
  const passes = (item: Item, input: Input) => {
    if (input.FilterExpression === undefined) return true
    return input.FilterExpression.split(' OR ').some((filter) => {
      const [, path, placeholder] = /^begins_with\(([\w#.]+), (:\w+)\)$/.exec(filter) ?? []
      if (!path || !placeholder) throw unsupported(`the filter ${filter}`)
      const prefix = valueOf(input, placeholder).S
      if (prefix === undefined) throw unsupported('begins_with of what is no string')
      return read(item, pathOf(input, path))?.S?.startsWith(prefix) === true
    })
  }
  const project = (item: Item, input: Input) => {
    const shown: Item = {}
    for (const path of input.ProjectionExpression?.split(', ') ?? Object.keys(item)) {
      const [name = '', ...below] = input.ProjectionExpression ? pathOf(input, path) : [path]
      if (below.length) throw unsupported(`the projection ${path}`)
      const value = item[name]
      if (value) shown[name] = clone(value)
    }
    return shown
  }
  const put = (old: Item | undefined, after: Item) => {
    units.write += Math.ceil(Math.max(itemSize(old), itemSize(after)) / 1024) + indexUnits(old, after)
    items.set(keyOf(after), after)
    if (lag) replaced.set(keyOf(after), { item: old, until: now() + lag })
  }
  /** What a read that is not consistent may return. */
  const eventually = (pk: string) => {
    const { item, until } = replaced.get(pk) ?? { until: 0 }
    return now() < until ? item : items.get(pk)
  }
  const update = (before: Item | undefined, input: Input) => {
    const after = clone(before ?? input.Key)
    const [, sets = '', removes = ''] = /^SET (.+?)(?: REMOVE (.+))?$/.exec(input.UpdateExpression) ?? []
    if (!sets) throw unsupported(`the update ${input.UpdateExpression}`)
    // A comma inside if_not_exists( , ) does not separate two assignments.
    for (const assignment of sets.split(/, (?![^(]*\))/)) {
      const [, path = '', fallbackOf, other, own, summand, amount] =
        /^([\w#.]+) = (?:if_not_exists\(([\w#.]+), (:\w+)\)|(:\w+)|([\w#.]+) \+ (:\w+))$/.exec(assignment) ?? []
      if (!path) throw unsupported(`the assignment ${assignment}`)
      // Every expression sees the item as it was before.
      if (summand && amount) {
        write(after, pathOf(input, path), sumOf(read(before, pathOf(input, summand)), valueOf(input, amount)))
        continue
      }
      const there = fallbackOf ? read(before, pathOf(input, fallbackOf)) : undefined
      write(after, pathOf(input, path), clone(there ?? valueOf(input, other ?? own ?? '')))
    }
    for (const path of removes ? removes.split(', ') : []) write(after, pathOf(input, path), undefined)
    return after
  }

  const expressions = ['ConditionExpression', 'ExpressionAttributeNames', 'ExpressionAttributeValues']
  const operations: Record<string, (input: Input) => unknown> = {
    DescribeTable: (input) => {
      check('DescribeTable', input, ['TableName'])
      return { Table: { TableName: tableName, TableStatus: 'ACTIVE', CreationDateTime: new Date(madeAt) } }
    },
    GetItem: (input) => {
      check('GetItem', input, ['TableName', 'Key', 'ConsistentRead'])
      const pk = keyOf(input.Key)
      const item = input['ConsistentRead'] ? items.get(pk) : eventually(pk)
      const blocks = Math.max(1, Math.ceil(itemSize(item) / 4096))
      units.read += input['ConsistentRead'] ? blocks : blocks / 2
      return item ? { Item: item } : {}
    },
    Scan: (input) => {
      const paging = ['ExclusiveStartKey', 'Limit']
      const [, ...namesAndValues] = expressions
      check('Scan', input, [
        ...['TableName', 'ConsistentRead', 'FilterExpression', 'ProjectionExpression'],
        ...[...paging, ...namesAndValues],
      ])
      const { ExclusiveStartKey: after, Limit = Infinity } = input
      const keys = [...items.keys()]
      const first = after ? keys.indexOf(keyOf(after)) + 1 : 0
      const isConsistent = input['ConsistentRead'] === true
      const page: string[] = []
      const scanned: Item[] = []
      let bytes = 0
      for (let i = first; i < keys.length && page.length < Limit && bytes < scanPageBytes; i++) {
        const pk = keys[i] ?? ''
        page.push(pk)
        const item = isConsistent ? items.get(pk) : eventually(pk)
        if (!item) continue
        scanned.push(item)
        bytes += itemSize(item)
      }
      const blocks = Math.ceil(bytes / 4096)
      units.read += isConsistent ? blocks : blocks / 2
      const Items = scanned.filter((item) => passes(item, input)).map((item) => project(item, input))
      return {
        Items,
        Count: Items.length,
        ScannedCount: scanned.length,
        // As on AWS, a full page may be the last one.
        ...((page.length === Limit || bytes >= scanPageBytes) && {
          LastEvaluatedKey: { pk: { S: page.at(-1) ?? '' } },
        }),
      }
    },
    Query: (input) => {
      const paging = ['ExclusiveStartKey', 'Limit']
      const [, ...namesAndValues] = expressions
      check('Query', input, ['TableName', 'IndexName', 'KeyConditionExpression', ...paging, ...namesAndValues])
      if (input.IndexName !== 'byStatus') throw unsupported(`the index ${input.IndexName}`)
      const [, path = '', placeholder = ''] = /^([\w#]+) = (:\w+)$/.exec(input.KeyConditionExpression ?? '') ?? []
      if (pathOf(input, path).join() !== 'status') throw unsupported(`the condition ${input.KeyConditionExpression}`)
      const status = valueOf(input, placeholder).S
      const { ExclusiveStartKey: after, Limit = Infinity } = input
      const found = [...items.keys()]
        .map(eventually)
        .map(indexed)
        .filter((entry) => entry !== undefined)
        .filter((entry) => entry['status']?.S === status && (!after || orderInIndex(after, entry) < 0))
        .sort(orderInIndex)
      const page = found.slice(0, Limit)
      units.read += Math.max(1, Math.ceil(page.reduce((sum, item) => sum + itemSize(item), 0) / 4096)) / 2
      const last = page.length === Limit ? page.at(-1) : undefined
      return {
        Items: structuredClone(page),
        Count: page.length,
        ScannedCount: page.length,
        // As on AWS, a full page may be the last one.
        ...(last && { LastEvaluatedKey: Object.fromEntries(indexKeys.map((name) => [name, last[name]])) }),
      }
    },
    PutItem: (input) => {
      check('PutItem', input, ['TableName', 'Item', ...expressions])
      const before = items.get(keyOf(input.Item))
      checkCondition(before, input)
      put(before, clone(input.Item))
      return {}
    },
    DeleteItem: (input) => {
      check('DeleteItem', input, ['TableName', 'Key', ...expressions])
      const before = items.get(keyOf(input.Key))
      checkCondition(before, input)
      units.write += Math.max(1, Math.ceil(itemSize(before) / 1024)) + indexUnits(before, undefined)
      items.delete(keyOf(input.Key))
      if (lag) replaced.set(keyOf(input.Key), { item: before, until: now() + lag })
      return {}
    },
    UpdateItem: (input) => {
      check('UpdateItem', input, ['TableName', 'Key', 'UpdateExpression', 'ReturnValues', ...expressions])
      if (!['NONE', 'ALL_NEW'].includes(input.ReturnValues ?? 'NONE'))
        throw unsupported(`ReturnValues ${input.ReturnValues}`)
      const before = items.get(keyOf(input.Key))
      checkCondition(before, input)
      const after = update(before, input)
      put(before, after)
      return input.ReturnValues === 'ALL_NEW' ? { Attributes: after } : {}
    },
  }
  return {
    units,
    item: (pk: string) => items.get(pk),
    all: () => [...items.values()],
    /** Puts items there as if they had been there for long. They may share what is in them: nothing changes an item. */
    load: (loaded: Item[]) => {
      for (const item of loaded) items.set(keyOf(item), item)
    },
    /** Deletes what has expired. DynamoDB does so within a few days, and not at once. */
    expire: () => {
      for (const [pk, { expiresAt }] of items)
        if (expiresAt?.N !== undefined && Number(expiresAt.N) * 1000 <= now()) items.delete(pk)
    },
    /** The stored bytes that DynamoDB bills: the sizes of items and index entries, and 100 bytes more for each. */
    bytes: () =>
      [...items.values()]
        .flatMap((item) => [item, ...[indexed(item)].filter((entry) => entry !== undefined)])
        .reduce((sum, stored) => sum + 100 + itemSize(stored), 0),
    /** For the endpoint's `operations`. */
    operations: Object.fromEntries(
      Object.entries(operations).map(([name, run]): [string, Operation] => [name, (_, input) => run(input)]),
    ),
  }
}
