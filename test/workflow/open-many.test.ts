import { beforeAll, expect, test } from 'vitest'
import { historyEvents } from '../bench/openings.ts'
import type { Opened } from '../simulation/open-many.ts'
import { loadSimulation } from '../simulation/simulation.ts'
import { exampleVending } from '../support/organization.ts'

type Simulation = Awaited<ReturnType<typeof loadSimulation>>
let simulation: Simulation
let ten: Opened
beforeAll(async () => {
  simulation = await loadSimulation(exampleVending)
  ten = await simulation.openMany({ seed: 'ten', openings: 10, vends: 2, secondsBetweenVends: 60 })
})

test('ten openings at the same moment: each gets one account, though AWS refuses some of the calls', () => {
  expect([...ten.opened, ...ten.vended].map(({ status, error }) => error ?? status)).toEqual(
    Array(12).fill('SUCCEEDED'),
  )
  const called = ten.calls.filter(({ operation }) => operation === 'CreateAccount')
  expect(called.filter(({ error }) => !error)).toHaveLength(10)
  expect(called.filter(({ error }) => error).length).toBeGreaterThan(0)
  expect(ten.creationTimes).toHaveLength(10)
  // One mail for each account that was opened, and one for each vend.
  expect(ten.mails).toHaveLength(12)
})

test('the events about the new accounts vend nothing', () => {
  // 10 openings, 2 vends, 10 events.
  expect(ten.executions).toBe(22)
})

test('openings wait for one another, and CreateAccount is called every 10 seconds after a burst of three', () => {
  const at = ten.calls.filter(({ operation }) => operation === 'CreateAccount').map(({ at }) => (at - ten.start) / 1000)
  expect(at.filter((second) => second < 9)).toHaveLength(3)
  for (const [i, second] of at.slice(3).entries()) expect(second - (at[i] ?? NaN)).toBeGreaterThan(9)
})

test('an opening that AWS refuses for 7 days ends by name, with a history that Step Functions allows', async () => {
  const { opened, calls } = await simulation.openMany({ seed: 'stuck', openings: 1, endlessCreations: 5 })
  expect(opened.map(({ error }) => error)).toEqual(['OpeningWaitedTooLongError'])
  const [{ startDate = NaN, stopDate = NaN } = {}] = opened
  const days = (stopDate - startDate) / (24 * 60 * 60 * 1000)
  expect(days).toBeGreaterThan(7)
  expect(days).toBeLessThan(7.1)
  const events = historyEvents(opened[0]!, simulation.deployed.definition)
  expect(events).toBeLessThan(5000)
  // Each refused try is a task of five events, a Choice of two and a Wait of two.
  const tries = calls.filter(({ operation }) => operation === 'CreateAccount').length
  expect(events).toBeGreaterThan(9 * (tries - 1))
})
