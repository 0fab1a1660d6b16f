import { afterAll, beforeAll, expect, test } from 'vitest'
import { vend } from '../../local/vend-input.ts'
import { addAccount } from '../../local/aws/world.ts'
import { randomFrom } from '../simulation/random.ts'
import { accountId, loadSimulation } from '../simulation/simulation.ts'
import { disagreements, longestChain, matchCalls, plannedCalls } from '../support/calls.ts'
import { anOrganization, exampleVending, type TestOrganization } from '../support/organization.ts'

let organization: TestOrganization
beforeAll(async () => void (organization = await anOrganization()))
afterAll(() => organization.close())

test('a vend of one administrator without retries makes exactly the planned calls', async () => {
  addAccount(organization.world, { id: '600000000001' })
  const callsBefore = organization.world.calls.length
  const { execution } = await vend(organization, { door: 'manual', input: '{"accountId":"600000000001"}' })
  expect(execution?.status).toBe('SUCCEEDED')
  // Calls without a function are this test's own. SES's event comes after the mail, and subscribers hear of the end.
  const others = ['get-account', 'record-mail-event', 'tell-subscribers']
  const calls = organization.world.calls.slice(callsBefore).filter(({ function: by }) => by && !others.includes(by))
  expect(matchCalls(plannedCalls, calls).size).toBe(32)
  expect(longestChain(plannedCalls)).toHaveLength(22)
})

test('a call begins as soon as the calls that it depends on are answered, so independent calls begin together', async () => {
  const simulation = await loadSimulation(exampleVending)
  // The chain must not depend on how long the calls take.
  for (const seed of ['a', 'b', 'c', 'd', 'e']) {
    const random = randomFrom(seed)
    const onlyCalls = (what: string) =>
      ['transition', 'invocation', 'coldStart'].includes(what) ? 0 : 1 + Math.floor(random() * 1000)
    const { calls, start } = await simulation.vend({ seed, input: { accountId }, takes: onlyCalls })
    expect(disagreements(plannedCalls, matchCalls(plannedCalls, calls), start)).toEqual([])
  }
})

test('a step enters the account once: its session serves all calls of the step', async () => {
  addAccount(organization.world, { id: '600000000003' })
  const { calls } = await vend(organization, { door: 'manual', input: '{"accountId":"600000000003"}' })
  const by = (service: string) => calls.filter((call) => call.service === service).map((call) => call.function)
  expect(by('sts').sort()).toEqual(['create-admin-group', 'create-admin-user'])
  expect(new Set(by('iam'))).toEqual(new Set(by('sts')))
})

test('IAM is called in the account, everything else in the management account', async () => {
  addAccount(organization.world, { id: '600000000002' })
  const { calls } = await vend(organization, { door: 'manual', input: '{"accountId":"600000000002"}' })
  for (const { service, accountId } of calls)
    expect(accountId).toBe(service === 'iam' ? '600000000002' : '111122223333')
})
