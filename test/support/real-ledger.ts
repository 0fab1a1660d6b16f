import { DynamoDBClient } from '@aws-sdk/client-dynamodb'
import { afterAll, beforeAll } from 'vitest'
import type { Ledger } from '../../functions/shared/ledger.ts'
import { startEndpoint } from '../../local/aws/endpoint.ts'
import { createWorld } from '../../local/aws/world.ts'
import { createLedger } from '../../local/create-ledger.ts'

/** A ledger in a DynamoDB that evaluates the conditions of writes. Call this at the top of a test file. */
export const realLedger = () => {
  const tableName = 'ledger'
  let ledger: Ledger | undefined
  let close: () => Promise<unknown>
  beforeAll(async () => {
    const world = createWorld()
    const endpoint = await startEndpoint(world)
    close = endpoint.close
    const credentials = { accessKeyId: world.managementAccountId, secretAccessKey: 'local' }
    const dynamodb = new DynamoDBClient({ endpoint: endpoint.url, region: world.region, credentials })
    await createLedger(dynamodb, tableName)
    ledger = { dynamodb, tableName }
  })
  afterAll(() => close())
  return () => {
    if (!ledger) throw new Error('The ledger is made before the first test')
    return ledger
  }
}
