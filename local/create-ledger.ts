import { CreateTableCommand, DescribeTableCommand, type DynamoDBClient } from '@aws-sdk/client-dynamodb'
import { setTimeout } from 'node:timers/promises'

/**
 * Creates the ledger's table as infra/ledger.yml does, and waits until the table is ACTIVE: CreateTable returns before.
 * Throws an Error if that takes too long.
 */
export const createLedger = async (dynamodb: DynamoDBClient, TableName: string) => {
  await dynamodb.send(
    new CreateTableCommand({
      TableName,
      BillingMode: 'PAY_PER_REQUEST',
      AttributeDefinitions: ['pk', 'status', 'accountName'].map((AttributeName) => ({
        AttributeName,
        AttributeType: 'S',
      })),
      KeySchema: [{ AttributeName: 'pk', KeyType: 'HASH' }],
      GlobalSecondaryIndexes: [
        {
          IndexName: 'byStatus',
          KeySchema: [
            { AttributeName: 'status', KeyType: 'HASH' },
            { AttributeName: 'accountName', KeyType: 'RANGE' },
          ],
          Projection: { ProjectionType: 'INCLUDE', NonKeyAttributes: ['updatedAt', 'vendedAt', 'executionArn'] },
        },
      ],
    }),
  )
  for (let tries = 0; tries < 500; tries++) {
    const { Table } = await dynamodb.send(new DescribeTableCommand({ TableName }))
    if (Table?.TableStatus === 'ACTIVE') return
    await setTimeout(5)
  }
  throw new Error(`The table ${TableName} did not become ACTIVE`)
}
