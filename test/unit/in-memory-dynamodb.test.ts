import {
  DeleteItemCommand,
  DescribeTableCommand,
  DynamoDBClient,
  GetItemCommand,
  PutItemCommand,
  QueryCommand,
  type QueryCommandInput,
  ScanCommand,
  type ScanCommandInput,
  UpdateItemCommand,
} from '@aws-sdk/client-dynamodb'
import { marshall } from '@aws-sdk/util-dynamodb'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { createLedger } from '../../local/create-ledger.ts'
import { startEndpoint } from '../../local/aws/endpoint.ts'
import { createWorld } from '../../local/aws/world.ts'
import { inMemoryDynamoDB } from '../simulation/dynamodb.ts'

// Runs the same operations on dynalite and on the in-memory DynamoDB of the simulation.

const TableName = 'ledger'
const memory = inMemoryDynamoDB(TableName, Date.now)
const open = async (operations = {}) => {
  const world = createWorld()
  const endpoint = await startEndpoint(world, { operations })
  const dynamodb = new DynamoDBClient({
    endpoint: endpoint.url,
    region: world.region,
    credentials: { accessKeyId: world.managementAccountId, secretAccessKey: 'local' },
    maxAttempts: 1,
  })
  return { dynamodb, close: endpoint.close }
}
let both: Awaited<ReturnType<typeof open>>[]
beforeAll(async () => {
  both = await Promise.all([open(), open({ dynamodb: memory.operations })])
  await createLedger(both[0]!.dynamodb, TableName)
})
afterAll(async () => void (await Promise.all(both.map(({ close }) => close()))))

const Key = marshall({ pk: 'account#1' })
const get = new GetItemCommand({ TableName, Key, ConsistentRead: true })
const item = { pk: 'account#1', name: 'Sandbox', tries: 3, lease: { holder: 'a', renewedAt: 1.5 }, mails: {} }
const put = new PutItemCommand({ TableName, Item: marshall(item) })
const update = (
  UpdateExpression: string,
  {
    condition,
    names,
    values,
  }: { condition?: string; names?: Record<string, string>; values?: Record<string, unknown> } = {},
) =>
  new UpdateItemCommand({
    TableName,
    Key,
    UpdateExpression,
    ReturnValues: 'ALL_NEW',
    ...(condition && { ConditionExpression: condition }),
    ...(names && { ExpressionAttributeNames: names }),
    ...(values && { ExpressionAttributeValues: marshall(values) }),
  })

type Command = DeleteItemCommand | GetItemCommand | PutItemCommand | UpdateItemCommand | ScanCommand | QueryCommand
const cases: [name: string, before: Command[], command: Command][] = [
  ['an item that is not there', [], get],
  ['an item that is there', [put], get],
  ['the end of an item that is there', [put], new DeleteItemCommand({ TableName, Key })],
  ['the end of an item that is not there', [], new DeleteItemCommand({ TableName, Key })],
  ...(['a', 'b'] as const).map((holder): [string, Command[], Command] => [
    `the end of an item on a condition: ${holder}`,
    [put],
    new DeleteItemCommand({
      TableName,
      Key,
      ConditionExpression: 'lease.holder = :holder',
      ExpressionAttributeValues: { ':holder': { S: holder } },
    }),
  ]),
  ['an item whose end has come', [put, new DeleteItemCommand({ TableName, Key })], get],
  ['an update that makes the item', [], update('SET #a = :a', { names: { '#a': 'name' }, values: { ':a': 'x' } })],
  ['a new attribute', [put], update('SET fresh = :a', { values: { ':a': [1, null, true, { b: 'c' }] } })],
  ['a path into a map', [put], update('SET lease.holder = :a', { values: { ':a': 'b' } })],
  [
    'a name with spaces in a path',
    [put],
    update('SET #m.#k = :a', { names: { '#m': 'mails', '#k': 'ada ada@example.com' }, values: { ':a': { at: 'x' } } }),
  ],
  ['a path into what is not there', [put], update('SET nothing.there = :a', { values: { ':a': 1 } })],
  ['a path into a string', [put], update('SET pk2 = :a, lease.holder.x = :a', { values: { ':a': 1 } })],
  ['if_not_exists of what is there', [put], update('SET tries = if_not_exists(tries, :a)', { values: { ':a': 9 } })],
  [
    'if_not_exists of what is not, beside others',
    [put],
    update('SET lease.renewedAt = :b, #n = if_not_exists(#n, :a), mails = if_not_exists(mails, :a)', {
      names: { '#n': 'fresh' },
      values: { ':a': { x: 1 }, ':b': 7 },
    }),
  ],
  [
    'REMOVE of what is there and what is not',
    [put],
    update('SET x = :a REMOVE lease, failure', { values: { ':a': 1 } }),
  ],
  [
    'a condition that holds',
    [put],
    update('SET x = :a', {
      condition: 'lease.holder = :h AND lease.renewedAt = :r',
      values: { ':a': 1, ':h': 'a', ':r': 1.5 },
    }),
  ],
  [
    'a condition of which one half holds',
    [put],
    update('SET x = :a', {
      condition: 'lease.holder = :h AND lease.renewedAt = :r',
      values: { ':a': 1, ':h': 'a', ':r': 2 },
    }),
  ],
  ...['a', 'b', 'B', ''].map((holder): (typeof cases)[number] => [
    `either of two conditions, the second by the order of a and ${holder || 'nothing'}`,
    [put, update('SET failure = :a', { values: { ':a': 1 } })],
    update('SET x = :a', {
      condition: 'tries = :t AND (attribute_not_exists(failure) OR lease.holder < :h)',
      values: { ':a': 1, ':t': 3, ':h': holder },
    }),
  ]),
  [
    'the first of two conditions',
    [put],
    update('SET x = :a', {
      condition: '(attribute_not_exists(failure) OR failure.#at < :h)',
      names: { '#at': 'at' },
      values: { ':a': 1, ':h': 'x' },
    }),
  ],
  [
    'an order of what is not there',
    [put],
    update('SET x = :a', {
      condition: '(attribute_exists(failure) OR failure.#at < :h)',
      names: { '#at': 'at' },
      values: { ':a': 1, ':h': 'x' },
    }),
  ],
  [
    'a condition on what is not there',
    [],
    update('SET x = :a', { condition: 'lease.holder = :a', values: { ':a': 1 } }),
  ],
  [
    'attribute_exists of what is not there',
    [],
    update('SET x = :a', { condition: 'attribute_exists(pk)', values: { ':a': 1 } }),
  ],
  [
    'attribute_exists of what is',
    [put],
    update('SET x = :a', { condition: 'attribute_exists(pk)', values: { ':a': 1 } }),
  ],
  [
    'attribute_not_exists',
    [put],
    update('SET x = :a', { condition: 'attribute_not_exists(lease)', values: { ':a': 1 } }),
  ],
  [
    'a number that is equal however it is written',
    [put],
    update('SET x = :a', { condition: 'tries = :a', values: { ':a': 3.0 } }),
  ],
  [
    'a string that only looks like the number',
    [put],
    update('SET x = :a', { condition: 'tries = :a', values: { ':a': '3' } }),
  ],
  ['a put over an item', [put], new PutItemCommand({ TableName, Item: marshall({ pk: 'account#1', other: 1 }) })],
  [
    'a put on condition',
    [put],
    new PutItemCommand({ TableName, Item: Key, ConditionExpression: 'attribute_not_exists(pk)' }),
  ],
  ['a value that is not given', [put], update('SET x = :a, y = :b', { values: { ':a': 1 } })],
  ['another table', [], new GetItemCommand({ TableName: 'other', Key })],
  ...[2, 3, 4].flatMap((number) =>
    ['<', '<=', '>'].map((order): (typeof cases)[number] => [
      `the number 3 ${order} ${number}`,
      [put],
      update('SET x = :a', { condition: `tries ${order} :a`, values: { ':a': number } }),
    ]),
  ),
  [
    'either of two conditions without parentheses',
    [put],
    update('SET x = :a', { condition: 'attribute_not_exists(tries) OR tries <= :a', values: { ':a': 3 } }),
  ],
  ['a sum', [put], update('SET #t = #t + :a', { names: { '#t': 'tries' }, values: { ':a': 1.5 } })],
  ['a sum with what is not there', [put], update('SET x = x + :a', { values: { ':a': 1 } })],
  ['a sum with a string', [put], update('SET x = #n + :a', { names: { '#n': 'name' }, values: { ':a': 1 } })],
]

const clear = new DeleteItemCommand({ TableName, Key })
const outcome = async (dynamodb: DynamoDBClient, command: Command) => {
  const answer: unknown = await dynamodb.send(command as GetItemCommand).then(
    (output) => ({ ...output, $metadata: undefined }),
    (error: Error) => ({ refused: error.name }),
  )
  const { Item } = await dynamodb.send(get)
  return { answer, Item }
}

test.each(cases)('%s: as dynalite does it', async (_, before, command) => {
  const [dynalite, inMemory] = await Promise.all(
    both.map(async ({ dynamodb }) => {
      await dynamodb.send(clear)
      for (const first of before) await dynamodb.send(first as GetItemCommand)
      return outcome(dynamodb, command)
    }),
  )
  expect(inMemory).toEqual(dynalite)
})

const scanned = (dynamodb: DynamoDBClient, input: Partial<ScanCommandInput> = {}) =>
  dynamodb.send(new ScanCommand({ TableName, ...input })).then(({ Items = [], ...page }) => ({
    ...page,
    // dynalite returns items in the order of their hashes.
    Items: Items.sort((a, b) => (JSON.stringify(a) < JSON.stringify(b) ? -1 : 1)),
    $metadata: undefined,
  }))
/** All pages of a Scan with a limit for each page. */
const pagesOf = async (dynamodb: DynamoDBClient, Limit?: number) => {
  const pages: { Count: number | undefined; pks: string[] }[] = []
  let ExclusiveStartKey: ScanCommandInput['ExclusiveStartKey']
  do {
    const { Items, Count, LastEvaluatedKey } = await scanned(dynamodb, { ...(Limit && { Limit }), ExclusiveStartKey })
    pages.push({ Count, pks: Items.map(({ pk }) => pk?.S ?? '') })
    ExclusiveStartKey = LastEvaluatedKey
  } while (ExclusiveStartKey)
  return { counts: pages.map(({ Count }) => Count), pks: pages.flatMap(({ pks }) => pks).sort() }
}
const begins = {
  FilterExpression: 'begins_with(pk, :prefix)',
  ExpressionAttributeValues: marshall({ ':prefix': 'account#' }),
}
const shown = { ProjectionExpression: 'pk, #a0, #a1', ExpressionAttributeNames: { '#a0': 'name', '#a1': 'lease' } }

test.each<[string, Partial<ScanCommandInput>]>([
  ['everything', {}],
  ['keys that begin so', begins],
  [
    'keys that begin in one of two ways',
    {
      FilterExpression: 'begins_with(pk, :prefix) OR begins_with(pk, :other)',
      ExpressionAttributeValues: marshall({ ':prefix': 'account#1', ':other': 'failure#' }),
    },
  ],
  ['some attributes, where they are', { ...begins, ...shown }],
  ['one attribute that nothing has', { ProjectionExpression: '#a', ExpressionAttributeNames: { '#a': 'nobodyHasIt' } }],
  ['a filter of something else than the key', { ...begins, FilterExpression: 'begins_with(tries, :prefix)' }],
  [
    'a value that is not given',
    { FilterExpression: begins.FilterExpression, ...shown, ProjectionExpression: '#a0, #a1' },
  ],
])('a scan of %s gives the same as dynalite', async (_, input) => {
  const [dynalite, inMemory] = await Promise.all(
    both.map(async ({ dynamodb }) => {
      for (const pk of ['account#1', 'account#2', 'account#3', 'failure#1'])
        await dynamodb.send(new PutItemCommand({ TableName, Item: marshall({ ...item, pk }) }))
      await dynamodb.send(new PutItemCommand({ TableName, Item: marshall({ pk: 'account#4' }) }))
      return scanned(dynamodb, input).catch((error: Error) => ({ refused: error.name }))
    }),
  )
  expect(inMemory).toEqual(dynalite)
})

test.each([1, 2, 5, 6])('a scan in pages of %d: as dynalite does it', async (limit) => {
  const [dynalite, inMemory] = await Promise.all(both.map(({ dynamodb }) => pagesOf(dynamodb, limit)))
  expect(inMemory).toEqual(dynalite)
  expect(inMemory?.pks).toHaveLength(5)
})

test('a page of a scan has 1 MB, and the item that exceeds 1 MB: as dynalite does it', async () => {
  const pks = ['big#1', 'big#2', 'big#3', 'big#4', 'big#5']
  const [dynalite, inMemory] = await Promise.all(
    both.map(async ({ dynamodb }) => {
      await dynamodb.send(clear)
      const before = await pagesOf(dynamodb)
      for (const pk of before.pks) await dynamodb.send(new DeleteItemCommand({ TableName, Key: marshall({ pk }) }))
      for (const pk of pks)
        await dynamodb.send(new PutItemCommand({ TableName, Item: marshall({ pk, text: 'x'.repeat(300_000) }) }))
      const pages = await pagesOf(dynamodb)
      for (const pk of pks) await dynamodb.send(new DeleteItemCommand({ TableName, Key: marshall({ pk }) }))
      return pages
    }),
  )
  expect(inMemory).toEqual(dynalite)
  expect(inMemory).toEqual({ counts: [4, 1], pks })
})

const ofStatus = (status: string): QueryCommandInput => ({
  TableName,
  IndexName: 'byStatus',
  KeyConditionExpression: '#status = :status',
  ExpressionAttributeNames: { '#status': 'status' },
  ExpressionAttributeValues: marshall({ ':status': status }),
})

test.each([1, 2, 3, 4])('the index byStatus is read in pages of %d as dynalite does it', async (Limit) => {
  const [dynalite, inMemory] = await Promise.all(
    both.map(async ({ dynamodb }) => {
      const records = [
        {
          pk: 'account#7',
          status: 'VENDED',
          accountName: 'Beta',
          updatedAt: 'b',
          vendedAt: 'c',
          lease: { holder: 'x' },
        },
        { pk: 'account#8', status: 'VENDED', accountName: 'Alpha', executionArn: 'arn' },
        { pk: 'account#9', status: 'VENDED', accountName: 'alpha' },
        { pk: 'account#10', status: 'FAILED', accountName: 'Alpha' },
        { pk: 'intent#a@example.com', status: 'VENDED' },
      ]
      for (const record of records) await dynamodb.send(new PutItemCommand({ TableName, Item: marshall(record) }))
      const pages: unknown[] = []
      let ExclusiveStartKey: QueryCommandInput['ExclusiveStartKey']
      do {
        const query = { ...ofStatus('VENDED'), Limit, ExclusiveStartKey }
        const { $metadata: _, ...page } = await dynamodb.send(new QueryCommand(query))
        pages.push(page)
        ExclusiveStartKey = page.LastEvaluatedKey
      } while (ExclusiveStartKey)
      return pages as { Count: number }[]
    }),
  )
  expect(inMemory).toEqual(dynalite)
  expect(inMemory?.reduce((sum, { Count }) => sum + Count, 0)).toBe(3)
})

test('the table is described with its creation date', async () => {
  const [dynalite, inMemory] = await Promise.all(
    both.map(({ dynamodb }) => dynamodb.send(new DescribeTableCommand({ TableName }))),
  )
  for (const { Table } of [dynalite!, inMemory!]) {
    expect(Table?.TableStatus).toBe('ACTIVE')
    expect(Table?.CreationDateTime).toBeInstanceOf(Date)
  }
})

test.each<[string, Command]>([
  ['a condition', update('SET x = :a', { condition: 'tries >= :a', values: { ':a': 1 } })],
  ['an order of booleans', update('SET x = :a', { condition: 'tries < :a', values: { ':a': true } })],
  ['an assignment', update('SET x = tries - :a', { values: { ':a': 1 } })],
  ['an index', new QueryCommand({ ...ofStatus('VENDED'), IndexName: 'other' })],
  ['a key condition', new QueryCommand({ ...ofStatus('VENDED'), KeyConditionExpression: 'accountName = :status' })],
  ['an update', update('ADD x :a', { values: { ':a': 1 } })],
  ['a filter', new ScanCommand({ TableName, FilterExpression: 'attribute_exists(pk)' })],
  ['a projection', new ScanCommand({ TableName, ProjectionExpression: 'lease.holder' })],
  ['an operation', new PutItemCommand({ TableName, Item: Key, ReturnValues: 'ALL_OLD' })],
])('%s that the in-memory DynamoDB does not know is refused with an error', async (_, command) => {
  await expect(both[1]!.dynamodb.send(command as GetItemCommand)).rejects.toMatchObject({
    name: 'LocalOrganizationFailure',
    message: expect.stringContaining('The in-memory DynamoDB does not know') as string,
  })
})

test('request units are counted as AWS bills them: one for 1 KB of a write, one for 4 KB of a consistent read', () => {
  const { operations, units } = inMemoryDynamoDB(TableName, Date.now)
  const run = (name: string, input: object) =>
    operations[name]?.(undefined as never, input as never, undefined as never)
  const Item = marshall({ pk: 'account#1', text: 'x'.repeat(5000) })
  run('PutItem', { TableName, Item })
  expect(units).toEqual({ read: 0, write: 5 })
  run('GetItem', { TableName, Key, ConsistentRead: true })
  expect(units).toEqual({ read: 2, write: 5 })
  // The larger of the old and the new item counts.
  run('PutItem', { TableName, Item: Key })
  expect(units).toEqual({ read: 2, write: 10 })
  // An entry of the index is written, changed, and deleted with the new one written where its key changes.
  const record = (status: string, updatedAt: string) =>
    marshall({ pk: 'account#1', accountName: 'A', status, updatedAt })
  run('PutItem', { TableName, Item: record('VENDING', 'a') })
  expect(units.write).toBe(12)
  run('PutItem', { TableName, Item: record('VENDING', 'b') })
  expect(units.write).toBe(14)
  run('PutItem', { TableName, Item: record('VENDED', 'b') })
  expect(units.write).toBe(17)
  run('PutItem', { TableName, Item: Key })
  expect(units.write).toBe(19)
  const refused = { TableName, Item: Key, ConditionExpression: 'attribute_not_exists(pk)' }
  expect(() => run('PutItem', refused)).toThrow('The conditional request failed')
  expect(units).toEqual({ read: 2, write: 20 })
})

test('a read that is not consistent may lag behind a write, and a consistent read never does', () => {
  let now = 0
  const { operations } = inMemoryDynamoDB(TableName, () => now, { lag: 1000 })
  const run = (name: string, input: object) =>
    operations[name]?.(undefined as never, input as never, undefined as never) as { Item?: object; Items?: object[] }
  const [first, second] = ['first', 'second'].map((text) => marshall({ pk: 'account#1', text }))
  run('PutItem', { TableName, Item: first })
  expect(run('GetItem', { TableName, Key })).toEqual({})
  expect(run('Scan', { TableName }).Items).toEqual([])
  expect(run('Scan', { TableName, ConsistentRead: true }).Items).toEqual([first])
  now = 1000
  expect(run('GetItem', { TableName, Key }).Item).toEqual(first)
  run('PutItem', { TableName, Item: second })
  expect(run('GetItem', { TableName, Key }).Item).toEqual(first)
  expect(run('Scan', { TableName }).Items).toEqual([first])
  expect(run('GetItem', { TableName, Key, ConsistentRead: true }).Item).toEqual(second)
  now = 2000
  expect(run('GetItem', { TableName, Key }).Item).toEqual(second)
  const vended = marshall({ pk: 'account#1', accountName: 'A', status: 'VENDED' })
  run('PutItem', { TableName, Item: vended })
  expect(run('Query', ofStatus('VENDED')).Items).toEqual([])
  now = 3000
  expect(run('Query', ofStatus('VENDED')).Items).toEqual([vended])
})
