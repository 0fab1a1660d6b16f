import { parentPort, workerData } from 'node:worker_threads'
import { type Bundle, isOpeningWorld, isRoundWorld, loadWarm, runSeed, type Services } from './load-services.ts'
import { type Done, firstSeeds, type Message, mostWorlds, type Start, type Task } from './self-test.ts'

// Faults are thousands of errors, and nobody reads their stack traces.
Error.stackTraceLimit = 0
const post = (message: Message) => parentPort?.postMessage(message)
const right = await loadWarm(workerData as Bundle)

/** Runs worlds from a seed on until one breaks a promise, and breaks none without the mistake. */
const search = async (
  wrong: Services,
  { first, onlyIn, isLive, unsound }: { first: number; unsound: number[] } & Pick<Task, 'onlyIn' | 'isLive'>,
): Promise<Start> => {
  let seed = first - 1
  for (let worlds = 1; worlds <= mostWorlds; worlds++) {
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

/** Whether a world shows the mistake: it breaks a promise, and breaks none without the mistake. */
const shows = async (wrong: Services, seed: number, isLive: true | undefined): Promise<Start | undefined> => {
  const { violation } = await runSeed(wrong, seed, isLive)
  if (!violation || (await runSeed(right, seed, isLive)).violation) return undefined
  return { worlds: 1, seed, invariant: violation.invariant }
}

parentPort?.on('message', ({ number, bundle, known, isMeasured, ...only }: Task) => {
  void (async () => {
    const wrong = await loadWarm(bundle)
    const done: Done = { number, starts: [], ran: 0, unsound: [] }
    const there = isMeasured || known === undefined ? undefined : await shows(wrong, known, only.isLive)
    if (there) done.starts.push(there)
    for (const first of there ? [] : firstSeeds) {
      // Two starts that did not find the mistake decide the median.
      if (isMeasured && done.starts.filter(({ worlds }) => worlds === undefined).length === 2) break
      done.starts.push(await search(wrong, { first, ...only, unsound: done.unsound }))
      if (!isMeasured && done.starts.at(-1)?.seed !== undefined) break
    }
    done.ran = done.starts.reduce((sum, { worlds = 0 }) => sum + (worlds % 10), 0)
    post(done)
    post('idle')
  })()
})
post('idle')
