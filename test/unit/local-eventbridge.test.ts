import { EventBridgeClient, PutEventsCommand, type PutEventsRequestEntry } from '@aws-sdk/client-eventbridge'
import { afterAll, beforeEach, expect, test } from 'vitest'
import { startEndpoint } from '../../local/aws/endpoint.ts'
import { eventBridge } from '../../local/aws/eventbridge.ts'
import { createWorld } from '../../local/aws/world.ts'
import { manualClock } from '../support/manual-clock.ts'

const world = createWorld(manualClock())
const { managementAccountId, region } = world
let events: unknown[] = []
const bus = {
  putEvent: (event: unknown) => events.push(event),
  rules: () => [],
}
const endpoint = await startEndpoint(world, { operations: { events: eventBridge(bus) } })
afterAll(() => endpoint.close())
beforeEach(() => {
  events = []
})

const client = new EventBridgeClient({
  endpoint: endpoint.url,
  region,
  credentials: { accessKeyId: managementAccountId, secretAccessKey: 'local' },
  maxAttempts: 1,
})
const entry = (more: Partial<PutEventsRequestEntry> = {}) => ({
  Source: 'ours',
  DetailType: 'Done',
  Detail: '{}',
  ...more,
})
const put = (...Entries: PutEventsRequestEntry[]) => client.send(new PutEventsCommand({ Entries }))

test('an entry becomes an event', async () => {
  const { Entries, FailedEntryCount } = await put(entry({ Detail: '{"a":1}', Resources: ['arn'] }))
  expect(FailedEntryCount).toBe(0)
  expect(events).toEqual([
    {
      version: '0',
      id: Entries?.[0]?.EventId,
      source: 'ours',
      'detail-type': 'Done',
      account: managementAccountId,
      time: '2026-11-01T09:20:50.000Z',
      region,
      resources: ['arn'],
      detail: { a: 1 },
    },
  ])
})

test.each([
  [{ Source: '' }, 'InvalidArgument'],
  [{ Detail: 'nonsense' }, 'MalformedDetail'],
  [{ Detail: '[]' }, 'MalformedDetail'],
  [{ Source: 'aws.organizations' }, 'NotAuthorizedForSourceException'],
])('%j fails alone, as %s', async (more, ErrorCode) => {
  const { Entries, FailedEntryCount } = await put(entry(), entry(more))
  expect(FailedEntryCount).toBe(1)
  expect(Entries).toMatchObject([{ EventId: expect.any(String) as string }, { ErrorCode }])
  expect(events).toHaveLength(1)
})

test.each([
  ['no entry', []],
  ['eleven', Array.from({ length: 11 }, () => entry())],
  ['none that is whole', [entry({ Source: '' })]],
  ['more than 1 MB', [entry({ Detail: JSON.stringify('x'.repeat(1024 * 1024)) })]],
])('a request with %s fails', async (_, entries) => {
  await expect(put(...entries)).rejects.toMatchObject({ name: 'ValidationException' })
  expect(events).toEqual([])
})
