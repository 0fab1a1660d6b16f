import { together } from './together.ts'

/**
 * Spreads calls evenly, so that there are at most so many in a second, and others have room below a limit that all
 * share. Answers a function that waits for the turn of the next call.
 */
export const pace = (perSecond: number) => {
  let next = 0
  return async () => {
    const turn = Math.max(Date.now(), next)
    next = turn + 1000 / perSecond
    const wait = turn - Date.now()
    if (wait > 0) await new Promise((resolve) => setTimeout(resolve, wait))
  }
}

/**
 * Does something for each item, for at most `atOnce` items at a time. Answers the results in the order of the items.
 * After a failure, the other items are done before the failure is thrown.
 */
export const forEach = async <Item, Result>(
  items: readonly Item[],
  atOnce: number,
  run: (item: Item) => Promise<Result>,
): Promise<Result[]> => {
  const results: Result[] = []
  let next = 0
  const worker = async () => {
    while (next < items.length) {
      const i = next++
      results[i] = await run(items[i]!)
    }
  }
  await together(Array.from({ length: Math.min(atOnce, items.length) }, worker))
  return results
}
