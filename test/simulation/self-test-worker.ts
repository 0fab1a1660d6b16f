import { parentPort, workerData } from 'node:worker_threads'
import { type Bundle, isOpeningWorld, isRoundWorld, loadWarm, runSeed, type Services } from './load-services.ts'
import { type Done, firstSeeds, type Message, mostWorlds, type Start, type Task } from './self-test.ts'

// Faults are thousands of errors, and nobody reads their stack traces.
Error.stackTraceLimit = 0
const post = (message: Message) => parentPort?.postMessage(message)
const right = await loadWarm(workerData as Bundle)

type Range = { first: number; most: number; unsound: number[] } & Pick<Task, 'onlyIn' | 'isLive'>

/** Runs worlds from a seed on until one breaks a promise, and breaks none without the mistake. */
const search = async (wrong: Services, { first, most, onlyIn, isLive, unsound }: Range): Promise<Start> => {
  let seed = first - 1
  for (let worlds = 1; worlds <= most; worlds++) {
    do seed++
    while ((onlyIn === 'rounds' && !isRoundWorld(seed)) || (onlyIn === 'openings' && !isOpeningWorld(seed)))
    const { violation } = await runSeed(wrong, seed, isLive)
    if (worlds % 10 === 0) post({ ran: 10 })
    if (!violation) continue
    if (!(await runSeed(right, seed, isLive)).violation) return { worlds, seed, invariant: violation.invariant }
    unsound.push(seed)
  }
  return {}
}

parentPort?.on('message', ({ number, bundle, known, isMeasured, ...only }: Task) => {
  void (async () => {
    const wrong = await loadWarm(bundle)
    const done: Done = { number, starts: [], ran: 0, unsound: [] }
    const all = firstSeeds.map((first) => ({ first, most: mostWorlds }))
    for (const range of isMeasured || known === undefined ? all : [{ first: known, most: 1 }, ...all]) {
      // Two starts that did not find the mistake decide the median.
      if (isMeasured && done.starts.filter(({ worlds }) => worlds === undefined).length === 2) break
      done.starts.push(await search(wrong, { ...range, ...only, unsound: done.unsound }))
      if (!isMeasured && done.starts.at(-1)?.seed !== undefined) break
    }
    done.ran = done.starts.reduce((sum, { worlds = 0 }) => sum + (worlds % 10), 0)
    post(done)
    post('idle')
  })()
})
post('idle')
