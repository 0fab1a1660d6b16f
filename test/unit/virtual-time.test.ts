import { expect, test } from 'vitest'
import { draw, randomFrom } from '../simulation/random.ts'
import { epoch, inVirtualTime, sleep } from '../simulation/virtual-time.ts'

test('an hour passes at once, and timers come in their order', async () => {
  const began = performance.now()
  const seen = await inVirtualTime(Math.random, async () => {
    const order: [string, number][] = []
    const wait = async (name: string, seconds: number) => {
      await sleep(seconds * 1000)
      order.push([name, (Date.now() - epoch) / 1000])
    }
    await Promise.all([wait('last', 3600), wait('first', 1), wait('second', 2).then(() => wait('third', 10))])
    return order
  })
  expect(seen).toEqual([
    ['first', 1],
    ['second', 2],
    ['third', 12],
    ['last', 3600],
  ])
  expect(performance.now() - began).toBeLessThan(5000)
})

test('afterwards the process has its own time and Math.random again, even after a failure', async () => {
  const before = { setTimeout, Date, random: Math.random }
  const failing = inVirtualTime(randomFrom('a'), async () => {
    await sleep(1000)
    throw new Error('It failed')
  })
  await expect(failing).rejects.toThrow('It failed')
  expect({ setTimeout, Date, random: Math.random }).toEqual(before)
})

test('a timer of less than a millisecond takes a whole millisecond, as in Node, so that waiting code continues', async () => {
  const waited = await inVirtualTime(Math.random, async () => {
    const start = Date.now()
    await sleep(0.001)
    return Date.now() - start
  })
  expect(waited).toBe(1)
})

test('code that waits for something that never comes is reported', async () => {
  await expect(inVirtualTime(Math.random, () => new Promise(() => undefined))).rejects.toThrow('never comes')
})

test('a seed decides Math.random', async () => {
  const numbers = (seed: string) => inVirtualTime(randomFrom(seed), async () => [Math.random(), Math.random()])
  expect(await numbers('a')).toEqual(await numbers('a'))
  expect(await numbers('a')).not.toEqual(await numbers('b'))
})

test('a distribution has the given median and 99th percentile, and is cut off', () => {
  const random = randomFrom('distribution')
  const drawn = Array.from({ length: 20_000 }, () => draw({ median: 20, p99: 420, most: 420 }, random)).sort(
    (a, b) => a - b,
  )
  expect(drawn[10_000]).toBeGreaterThan(19)
  expect(drawn[10_000]).toBeLessThan(21)
  expect(drawn.filter((seconds) => seconds === 420).length / drawn.length).toBeCloseTo(0.01, 2)
  expect(drawn.at(-1)).toBe(420)
})
