import { expect, test } from 'vitest'
import { together } from '../../functions/shared/together.ts'

test('returns all results, in order', async () => {
  expect(await together([Promise.resolve(1), Promise.resolve('two'), Promise.resolve([3])])).toEqual([1, 'two', [3]])
})

test('throws the first failure, but only after everything has ended', async () => {
  let finished = false
  const slow = new Promise((resolve) => setTimeout(resolve, 20)).then(() => (finished = true))
  const failing = Promise.reject(new Error('first'))
  await expect(together([failing, slow, Promise.reject(new Error('second'))])).rejects.toThrow('first')
  expect(finished).toBe(true)
})
