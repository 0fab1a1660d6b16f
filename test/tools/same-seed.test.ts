import { beforeAll, expect, test } from 'vitest'
import type { Opened } from '../simulation/open-many.ts'
import { loadSimulation, type Simulated } from '../simulation/simulation.ts'
import { exampleVending } from '../support/organization.ts'

type Simulation = Awaited<ReturnType<typeof loadSimulation>>
let simulation: Simulation
beforeAll(async () => void (simulation = await loadSimulation(exampleVending)))

test('the same seed gives the same world, call for call and millisecond for millisecond', async () => {
  const shown = ({ execution, calls, invocations, transitions, logBytes, units }: Simulated) => ({
    status: execution.status,
    calls: calls.map(({ service, operation, at, end, error }) => ({ service, operation, at, end, error })),
    invocations,
    transitions,
    logBytes,
    units,
  })
  const run = async () => {
    const worlds = []
    for (let i = 0; i < 10; i++)
      worlds.push(shown(await simulation.vend({ seed: `${i}`, account: { roleUsableAfter: i * 10 }, staleness: 0.5 })))
    return worlds
  }
  const first = await run()
  expect(await run()).toEqual(first)
  expect(first.map(({ status }) => status)).toEqual(Array(10).fill('SUCCEEDED'))
  expect(new Set(first.map((world) => JSON.stringify(world.calls))).size).toBe(10)
})

test('the same seed gives the same openings, millisecond for millisecond', async () => {
  const run = () => simulation.openMany({ seed: 'ten', openings: 10, vends: 2, secondsBetweenVends: 60 })
  const shown = ({ opened, vended, calls }: Opened) => [
    [...opened, ...vended].map(({ history }) => history),
    calls.map(({ operation, at, end, error }) => ({ operation, at, end, error })),
  ]
  expect(shown(await run())).toEqual(shown(await run()))
})
