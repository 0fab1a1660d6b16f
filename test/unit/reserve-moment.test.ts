import { expect, test } from 'vitest'
import { createAccountLimit, type Limit, postponeCalls, reserveMoment } from '../../functions/shared/reserve-moment.ts'
import { realLedger } from '../support/real-ledger.ts'

const ledgerIn = realLedger()
let apis = 0
const aLimit = (): Limit => ({ ...createAccountLimit, api: `Api${(apis += 1)}` })
const now = Date.parse('2026-11-27T12:00:00Z')
/** The reserved moments in seconds from now. */
const seconds = (moments: number[]) => moments.map((at) => Math.max(0, (at - now) / 1000))

test('after a pause, as many calls as the burst may be made at once, and then one in each interval', async () => {
  const limit = aLimit()
  const moments: number[] = []
  for (let i = 0; i < 6; i++) moments.push(await reserveMoment(ledgerIn(), limit, now))
  expect(seconds(moments)).toEqual([0, 0, 0, 10, 20, 30])
})

test('of 40 reservations at the same moment, no two get the same moment', async () => {
  const limit = { ...aLimit(), burst: 1 }
  const moments = await Promise.all(Array.from({ length: 40 }, () => reserveMoment(ledgerIn(), limit, now)))
  expect(seconds(moments).sort((a, b) => a - b)).toEqual(Array.from({ length: 40 }, (_, i) => i * 10))
})

test('moments that nobody used do not add up', async () => {
  const limit = aLimit()
  await reserveMoment(ledgerIn(), limit, now)
  const later = now + 3_600_000
  const moments: number[] = []
  for (let i = 0; i < 5; i++) moments.push(await reserveMoment(ledgerIn(), limit, later))
  expect(moments.map((at) => Math.max(0, (at - later) / 1000))).toEqual([0, 0, 0, 10, 20])
})

test('after a refusal, nobody calls before the time that was put off, and an earlier time changes nothing', async () => {
  const limit = aLimit()
  await postponeCalls(ledgerIn(), limit, now + 3_600_000)
  await postponeCalls(ledgerIn(), limit, now + 60_000)
  const moments = [await reserveMoment(ledgerIn(), limit, now), await reserveMoment(ledgerIn(), limit, now)]
  expect(seconds(moments)).toEqual([3600, 3610])
})
