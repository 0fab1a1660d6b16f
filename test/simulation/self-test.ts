import { readFileSync, writeFileSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import path from 'node:path'
import { Worker } from 'node:worker_threads'
import { type Bundle, bundleAll } from './load-services.ts'
import type { Mistake } from './mistake.ts'
import { mistakes } from './mistakes.ts'

/**
 * A mistake must be found within so many worlds, by the median of the starts. If only some
 * worlds can show the mistake, only these count.
 */
export const mostWorlds = 500
/** The first seed of each start. */
export const firstSeeds = [1, 1_000_001, 2_000_001]

/** A start ends when the mistake is found, or after `mostWorlds`. Without `worlds` the mistake was not found. */
export type Start = { worlds?: number; seed?: number; invariant?: string }
/** Without `isMeasured`, the world `known` is run first, and the first start that finds the mistake is enough. */
export type Task = { number: number; bundle: Bundle; known?: number; isMeasured: boolean } & Pick<
  Mistake,
  'onlyIn' | 'isLive'
>
/** `unsound` are the seeds of worlds that break a promise even without the mistake. */
export type Done = { number: number; starts: Start[]; ran: number; unsound: number[] }
export type Message = { ran: number } | Done | 'idle'

/** The median of the three starts, in worlds; undefined if two starts did not find the mistake. */
export const medianWorlds = (starts: Start[]) => {
  const [, median = Infinity] = starts.map(({ worlds = Infinity }) => worlds).sort((a, b) => a - b)
  return median === Infinity ? undefined : median
}

/** The world that has shown each mistake, by the mistake's name. */
const foundFile = path.join(import.meta.dirname, 'found-in.json')

const shown = (starts: Start[]) =>
  firstSeeds
    .map((_, nth) => {
      const start = starts[nth]
      return start ? String(start.worlds ?? `> ${mostWorlds}`) : 'not needed'
    })
    .map((text) => text.padStart(5))
    .join(' ')

/**
 * Makes the mistakes that have `text` in their name, one at a time. Each must be found: in the world that found-in.json
 * names, or else in the worlds of three starts. With `isMeasured`, each is searched for from all three starts, and
 * found-in.json is written. Each worker takes one mistake after another. `say` is called with a line for each mistake,
 * and with the progress.
 */
export const selfTest = async (
  files: Bundle['files'],
  { text, isMeasured }: { text: string; isMeasured: boolean },
  say: (line: string) => void,
) => {
  const begun = performance.now()
  const known = JSON.parse(readFileSync(foundFile, 'utf8')) as Record<string, number>
  const wanted = mistakes.filter(({ name }) => name.includes(text))
  const right = await bundleAll(files)
  const queue = wanted.map((_, number) => number)
  const done: Done[] = []
  let worlds = 0

  const isFound = (starts: Start[]) =>
    isMeasured ? medianWorlds(starts) !== undefined : starts.some(({ seed }) => seed !== undefined)
  const tell = ({ number, starts, unsound }: Done) => {
    const { name = '' } = wanted[number] ?? {}
    const median = medianWorlds(starts)
    const seed = starts.find((start) => start.seed !== undefined)?.seed
    const by = [...new Set(starts.flatMap(({ invariant }) => invariant ?? []))].map((one) => `“${one}”`).join(', ')
    const how = isMeasured
      ? `${shown(starts)}  median ${String(median ?? `> ${mostWorlds}`).padStart(5)}`
      : `in world ${String(seed ?? 'none').padStart(7)}`
    say(`${isFound(starts) ? '✔' : '✘'} ${how}  ${name}${by && `, by ${by}`}`)
    if (!isMeasured && seed !== undefined && seed !== known[name])
      say(`  found-in.json names another world. To make the next run fast, write there: "${name}": ${seed}`)
    for (const seed of unsound)
      say(`✘ seed ${seed} breaks a promise without any mistake: npm run simulate -- --seed ${seed}`)
  }

  const what = isMeasured
    ? `Worlds until each is found, from the seeds ${firstSeeds.join(', ')}`
    : 'A world that shows each'
  say(`${wanted.length} mistakes. ${what}:`)
  const seconds = () => Math.round((performance.now() - begun) / 1000)
  const progress = setInterval(
    () => say(`  ${done.length} of ${wanted.length} mistakes, ${worlds} worlds, ${seconds()} s`),
    30_000,
  )
  const runWorker = () =>
    new Promise<void>((resolve, reject) => {
      const worker = new Worker(new URL('self-test-worker.ts', import.meta.url), { workerData: right })
      const give = async () => {
        const number = queue.shift()
        const mistake = number === undefined ? undefined : wanted[number]
        if (number === undefined || !mistake) return void (await worker.terminate(), resolve())
        const { name, onlyIn, isLive } = mistake
        worker.postMessage({
          number,
          isMeasured,
          ...(known[name] !== undefined && { known: known[name] }),
          ...(onlyIn && { onlyIn }),
          ...(isLive && { isLive }),
          bundle: await bundleAll(files, mistake),
        } satisfies Task)
      }
      worker.once('error', reject)
      worker.on('message', (message: Message) => {
        if (message === 'idle') return void give().catch(reject)
        worlds += message.ran
        if (!('starts' in message)) return
        done.push(message)
        tell(message)
      })
    })
  try {
    await Promise.all(Array.from({ length: Math.min(availableParallelism(), wanted.length) }, runWorker))
  } finally {
    clearInterval(progress)
  }
  const medians = done.map(({ starts }) => medianWorlds(starts))
  if (isMeasured) {
    const seeds = done.map(({ number, starts }) => [wanted[number]?.name, starts.find(({ seed }) => seed)?.seed])
    writeFileSync(foundFile, `${JSON.stringify({ ...known, ...Object.fromEntries(seeds) }, undefined, 2)}\n`)
  }
  const found = medians.filter((median) => median !== undefined)
  return {
    mistakes: wanted.length,
    found: done.filter(({ starts }) => isFound(starts)).length,
    ...(isMeasured && { largestMedian: found.length ? Math.max(...found) : null }),
    unsound: done.flatMap(({ unsound }) => unsound),
    worlds,
    wallSeconds: seconds(),
  }
}
