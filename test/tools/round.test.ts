import { expect, test } from 'vitest'
import { measureRounds } from '../bench/round.ts'
import { exampleVending } from '../support/organization.ts'

test('a round over 200 accounts drops nothing, takes half of each limit at most, and costs little', async () => {
  const options = { vendingFile: exampleVending, sizes: [200], audited: [], slowFrom: Infinity }
  const { figures, details } = await measureRounds({ ...options, onProgress: () => undefined })
  const above = Object.entries(figures).filter(([, { value, bound = Infinity }]) => value > bound)
  expect(above).toEqual([])
  const [row] = details.rows
  expect(row?.findings).toEqual({ 'access-role-missing': 1, 'account-refuses': 2, 'policy-detached': 2 })
  expect(row?.requests['sts']).toBe(1)
  // FollowUp reads nothing about the accounts for which there is nothing to do.
  expect(row?.requests['dynamodb']).toBeLessThan(7.5)
})
