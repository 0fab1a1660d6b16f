import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { forEach, pace } from '../../functions/shared/pace.ts'

beforeEach(() => void vi.useFakeTimers({ now: 0 }))
afterEach(() => void vi.useRealTimers())

test('calls are spread evenly, whenever they are asked for', async () => {
  const turn = pace(4)
  const at: number[] = []
  const calls = Array.from({ length: 9 }, async () => {
    await turn()
    at.push(Date.now())
  })
  await vi.advanceTimersByTimeAsync(10_000)
  await Promise.all(calls)
  expect(at).toEqual([0, 250, 500, 750, 1000, 1250, 1500, 1750, 2000])
})

test('a pause is not made up for by a burst', async () => {
  const turn = pace(10)
  await turn()
  await vi.advanceTimersByTimeAsync(5000)
  const at: number[] = []
  const calls = Array.from({ length: 3 }, async () => {
    await turn()
    at.push(Date.now())
  })
  await vi.advanceTimersByTimeAsync(1000)
  await Promise.all(calls)
  expect(at).toEqual([5000, 5100, 5200])
})

test('so many items are worked on at once, and the results have the order of the items', async () => {
  let atOnce = 0
  let most = 0
  const results = forEach([30, 20, 10, 5], 2, async (milliseconds) => {
    most = Math.max(most, (atOnce += 1))
    await new Promise((resolve) => setTimeout(resolve, milliseconds))
    atOnce -= 1
    return milliseconds * 2
  })
  await vi.advanceTimersByTimeAsync(1000)
  expect([await results, most]).toEqual([[60, 40, 20, 10], 2])
})

test('a failure is thrown when the items that were begun beside it are done', async () => {
  const done: number[] = []
  const work = forEach([1, 2, 3], 2, async (n) => {
    await new Promise((resolve) => setTimeout(resolve, n * 10))
    if (n === 1) throw new Error('first')
    done.push(n)
  })
  const failed = expect(work).rejects.toThrow('first')
  await vi.advanceTimersByTimeAsync(1000)
  await failed
  expect(done).toEqual([2, 3])
})

test('nothing to do is done at once', async () => {
  expect(await forEach([], 5, () => Promise.reject(new Error()))).toEqual([])
})
