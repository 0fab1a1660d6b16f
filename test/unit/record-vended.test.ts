import { EventBridgeClient, PutEventsCommand } from '@aws-sdk/client-eventbridge'
import { mockClient } from 'aws-sdk-client-mock'
import { beforeEach, describe, expect, test } from 'vitest'
import { recordVended, recordVendedInput } from '../../functions/record-vended/record-vended.ts'
import { LeaseLostError } from '../../functions/shared/errors.ts'
import { parseInput } from '../../functions/shared/parse.ts'
import {
  accountId,
  aGroup,
  anAccount,
  anAdmin,
  anotherVend,
  aRecord,
  aVend,
  aVendedRecord,
  awsError,
  issuesOf,
  ledgerMock,
  operationsOf,
} from '../support/builders.ts'

const events = mockClient(EventBridgeClient)
const { dynamodb, ledger, ...onRecord } = ledgerMock()

const secretName = `account-vending/${accountId}/administrator`
const secretArn = `arn:aws:secretsmanager:us-east-1:111122223333:secret:${secretName}-AbCdEf`
const vended = {
  vend: aVend(),
  account: anAccount(),
  groups: [aGroup()],
  admins: [
    {
      admin: { ...anAdmin(), kept: false },
      secret: { secretName, secretArn },
      mail: { mailedTo: 'payments@example.com' },
    },
    { admin: { ...anAdmin({ userName: 'Kept' }), kept: true } },
    {
      admin: { ...anAdmin({ userName: 'SignsIn' }), kept: false },
      secret: { secretName: null, secretArn: null },
      mail: { mailedTo: null },
    },
  ],
}
const record = () => recordVended({ ledger, events: new EventBridgeClient({}) }, vended)
const entries = () => events.commandCalls(PutEventsCommand).map(({ args }) => args[0].input.Entries)

const answer = {
  outcome: 'Vended',
  accountId,
  accountName: 'Payments',
  vendId: aVend().id,
  executionArn: aVend().executionArn,
  groups: ['Administrators'],
  admins: [
    { userName: 'Administrator', kept: false, secretArn, mailedTo: 'payments@example.com' },
    { userName: 'Kept', kept: true, secretArn: null, mailedTo: null },
    { userName: 'SignsIn', kept: false, secretArn: null, mailedTo: null },
  ],
}

beforeEach(() => {
  onRecord.holds(aRecord())
  events.reset()
  events.onAnyCommand().resolves({})
  events.on(PutEventsCommand).resolves({ FailedEntryCount: 0, Entries: [{ EventId: '1' }] })
})

test('records the vend, gives the lease back, and puts the event', async () => {
  expect(await record()).toEqual(answer)
  expect(operationsOf(dynamodb)).toEqual(['UpdateItem'])
  expect(onRecord.changes()[0]).toMatchObject({
    set: {
      status: 'VENDED',
      vendedBy: aVend().executionArn,
      'groups/administrators': aGroup(),
      'admins/administrator': { ...anAdmin(), kept: false },
      'admins/kept': { ...anAdmin({ userName: 'Kept' }), kept: true },
    },
    remove: ['lease', 'failure'],
  })
  const [[entry, ...more] = []] = entries()
  expect(more).toEqual([])
  expect(entry).toMatchObject({
    Source: 'account-vending',
    DetailType: 'Account Vended',
    Resources: [aVend().executionArn],
  })
  expect(JSON.parse(entry?.Detail ?? '')).toEqual(answer)
})

test('puts no event before the vend is on record', async () => {
  onRecord.loses()
  await expect(record()).rejects.toThrow(LeaseLostError)
  expect(events.calls()).toEqual([])
})

test('running twice changes nothing on record, and puts the event again with the same vendId', async () => {
  onRecord.holds(aVendedRecord())
  onRecord.loses()
  expect(await record()).toEqual(answer)
  expect(await record()).toEqual(answer)
  const [first, second] = entries()
  expect(second).toEqual(first)
})

describe('the error leaves under its name:', () => {
  test('LeaseLostError if another execution vended the account', async () => {
    onRecord.holds(aVendedRecord({ vendedBy: anotherVend().executionArn }))
    onRecord.loses()
    await expect(record()).rejects.toThrow(LeaseLostError)
  })

  test.each(['ThrottlingException', 'InternalFailure'])(
    '%s of a refused entry, which is in PutEvents’ answer',
    async (name) => {
      events
        .on(PutEventsCommand)
        .resolves({ FailedEntryCount: 1, Entries: [{ ErrorCode: name, ErrorMessage: 'refused' }] })
      await expect(record()).rejects.toMatchObject({ name, message: 'refused' })
    },
  )

  test('InternalException for a refused entry without a name', async () => {
    events.on(PutEventsCommand).resolves({ FailedEntryCount: 1 })
    await expect(record()).rejects.toMatchObject({ name: 'InternalException' })
  })

  test('what PutEvents throws', async () => {
    events.on(PutEventsCommand).rejects(awsError('AccessDeniedException'))
    await expect(record()).rejects.toMatchObject({ name: 'AccessDeniedException' })
  })
})

test('the input accepts the output of the Map, where a kept user has neither secret nor mail', () => {
  const [first, kept] = vended.admins
  const input = {
    ...vended,
    admins: [
      {
        ...first,
        minimumPasswordLength: 8,
        admin: { ...first?.admin, signsIn: false },
        secret: { ...first?.secret, secretVersion: 'v' },
      },
      { ...kept, minimumPasswordLength: 8, admin: { ...kept?.admin, signsIn: false } },
    ],
  }
  expect(parseInput(recordVendedInput, input)).toEqual({ ...vended, admins: [first, kept] })
  expect(issuesOf(() => parseInput(recordVendedInput, { ...vended, admins: [{}] })).length).toBeGreaterThan(0)
})
