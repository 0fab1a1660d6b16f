import { DynamoDBClient, PutItemCommand } from '@aws-sdk/client-dynamodb'
import { marshall } from '@aws-sdk/util-dynamodb'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { readItem } from '../../functions/shared/ledger.ts'
import { startEndpoint } from '../../local/aws/endpoint.ts'
import { createWorld } from '../../local/aws/world.ts'
import { inMemoryDynamoDB } from '../simulation/dynamodb.ts'

const tableName = 'ledger'
const { operations } = inMemoryDynamoDB(tableName, () => 0, { lag: 1000 })
let dynamodb: DynamoDBClient
let close: () => Promise<unknown>
beforeAll(async () => {
  const world = createWorld()
  const endpoint = await startEndpoint(world, { operations: { dynamodb: operations } })
  close = endpoint.close
  dynamodb = new DynamoDBClient({
    endpoint: endpoint.url,
    region: world.region,
    credentials: { accessKeyId: world.managementAccountId, secretAccessKey: 'local' },
  })
})
afterAll(() => close())

test('an item is read as the last write left it, although the table’s other reads lag behind', async () => {
  const Item = marshall({ pk: 'account#1', status: 'VENDING' })
  await dynamodb.send(new PutItemCommand({ TableName: tableName, Item }))
  expect(await readItem({ dynamodb, tableName }, 'account#1')).toMatchObject({ status: 'VENDING' })
})
