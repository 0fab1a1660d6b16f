import { beforeAll, expect, test } from 'vitest'
import { loadSimulation, type Simulated } from '../simulation/simulation.ts'
import { epoch } from '../simulation/virtual-time.ts'
import { exampleVending } from '../support/organization.ts'

type Simulation = Awaited<ReturnType<typeof loadSimulation>>
let simulation: Simulation
beforeAll(async () => void (simulation = await loadSimulation(exampleVending)))

const seconds = (milliseconds: number) => milliseconds / 1000

/** The pauses before a function's retries. Pauses after other errors of the function belong to another retrier. */
const pausesOf = ({ invocations }: Simulated, name: string, other?: string) => {
  const tries = invocations.filter((invocation) => invocation.name === name)
  return tries
    .slice(1)
    .map(({ start }, i) => ({ after: tries[i]?.error, pause: seconds(start - (tries[i]?.end ?? NaN)) }))
    .flatMap(({ after, pause }) => (after === other ? [] : [pause]))
}

test('while a role cannot be assumed, and while its policies are not in effect, the pauses are 3 s long', async () => {
  const world = await simulation.vend({
    seed: 'late',
    account: { roleUsableAfter: 300, policiesAfter: 31 },
    takes: () => 0,
  })
  expect(world.execution.status).toBe('SUCCEEDED')
  expect(pausesOf(world, 'create-admin-group')).toEqual(Array(111).fill(3))
  // The second last try came too early; the last try came in time.
  const [before, last] = world.invocations.filter(({ name }) => name === 'create-admin-group').slice(-2)
  expect(before?.start).toBeLessThan(world.account.policiesInEffectFrom)
  expect(last?.start).toBeGreaterThanOrEqual(world.account.policiesInEffectFrom)
})

test('while IAM does not show what was made, the pauses are 1 s × 1.2 with full jitter', async () => {
  const shares: number[] = []
  for (let i = 0; i < 60; i++) {
    const world = await simulation.vend({ seed: `${i}`, staleness: 0.6, takes: () => 0 })
    pausesOf(world, 'create-admin-user', 'SecretNotFoundError').forEach((pause, n) => {
      expect(pause).toBeLessThanOrEqual(1.2 ** n)
      shares.push(pause / 1.2 ** n)
    })
  }
  expect(shares.length).toBeGreaterThan(50)
  const mean = shares.reduce((sum, share) => sum + share, 0) / shares.length
  expect(mean).toBeGreaterThan(0.4)
  expect(mean).toBeLessThan(0.6)
})

const invited = (account: object) =>
  simulation.vend({
    seed: 'invited',
    input: { accountId: '444455556666' },
    account: { joinedMethod: 'INVITED', ...account },
    takes: () => 0,
  })

test('an account that just joined is waited for while AWS does not see it in the organization', async () => {
  const world = await invited({ roleName: 'OrganizationAccountAccessRole', joinSeenAfter: 20 * 60 })
  expect(world.execution.status).toBe('SUCCEEDED')
  expect(pausesOf(world, 'create-admin-group')).toEqual(Array(80).fill(15))
})

test('an account that just joined, without the role, gets 100 pauses of 15 s', async () => {
  const world = await invited({})
  expect(world.execution).toMatchObject({ status: 'FAILED', error: 'AccountJustJoinedError' })
  expect(pausesOf(world, 'create-admin-group')).toEqual(Array(100).fill(15))
})

test('an account that joined more than an hour ago, without the role, gets 8 pauses of 15 s', async () => {
  const world = await invited({ joinedAt: epoch - 3_600_000 })
  expect(world.execution).toMatchObject({ status: 'FAILED', error: 'AccessRoleMissingError' })
  expect(pausesOf(world, 'create-admin-group')).toEqual(Array(8).fill(15))
})

test('a vend takes as long as its calls: computing takes no time', async () => {
  const takes = (what: string) => ({ coldStart: 0, invocation: 0, transition: 0 })[what] ?? 100
  const { calls, start } = await simulation.vend({ seed: 'a', input: { accountId: '444455556666' }, takes })
  expect(seconds((calls.at(-1)?.end ?? NaN) - start)).toBe(2.2)
})

test('each state that is entered and each retry counts as a transition', async () => {
  const { transitions } = await simulation.vend({ seed: 'a' })
  expect(transitions).toBe(10)
  const late = await simulation.vend({ seed: 'a', account: { roleUsableAfter: 60 } })
  expect(late.transitions).toBe(10 + late.invocations.length - 7)
})
