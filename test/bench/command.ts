import { execFile, execFileSync } from 'node:child_process'
import path from 'node:path'
import { promisify } from 'node:util'
import { ensureAccount } from '../../local/make-account.ts'
import { startOrganization } from '../../local/start-organization.ts'
import { vend } from '../../local/vend-input.ts'
import { type Figures, median, quantile, round } from './figures.ts'

const root = path.join(import.meta.dirname, '..', '..')
const accountId = '444455556666'

/** Each measured command, with its goal as a multiple of an empty Node process. */
const goals = { '--help': 2, list: 5, status: 5, plan: 5 }
type Measured = keyof typeof goals

type Options = { vendingFile: string; processes: number; onProgress: (line: string) => void }

/**
 * How long the command takes, as a multiple of an empty Node process, with a local organization that has a vended
 * account.
 */
export const measureCommand = async ({ vendingFile, processes, onProgress }: Options) => {
  execFileSync(process.execPath, [path.join(root, 'cli', 'build.ts')])
  const organization = await startOrganization({ vendingFile, speed: 300 })
  try {
    ensureAccount(organization, accountId)
    await vend(organization, { door: 'manual', input: JSON.stringify({ accountId }) })
    const at = ['--local', new URL(organization.endpointUrl).port, '--config', vendingFile]
    const vendFile = path.join(root, 'dist', 'vend.cjs')
    const commands: Record<Measured | 'empty', string[]> = {
      empty: ['-e', ''],
      '--help': [vendFile, '--help'],
      list: [vendFile, 'list', ...at],
      status: [vendFile, 'status', accountId, ...at],
      plan: [vendFile, 'plan', accountId, ...at],
    }
    const times: Record<string, number[]> = {}
    // In turns: what else the machine does then meets all of them alike. The first turn fills the caches.
    for (let turn = -1; turn < processes; turn++) {
      if (turn % 10 === 0) onProgress(`command: turn ${turn} of ${processes}`)
      for (const [name, args] of Object.entries(commands)) {
        const begun = performance.now()
        await promisify(execFile)(process.execPath, args)
        if (turn >= 0) (times[name] ??= []).push(performance.now() - begun)
      }
    }
    const empty = median(times['empty'] ?? [])
    const ratioOf = (name: string) => round(median(times[name] ?? []) / empty)
    const figures: Figures = Object.fromEntries(
      Object.entries(goals).map(([name, bound]) => [
        `command: vend ${name} ÷ empty Node`,
        { value: ratioOf(name), rule: 'ratio', bound },
      ]),
    )
    const commandTimes = Object.keys(commands).map((name) => ({
      name,
      median: round(median(times[name] ?? []), 0),
      quartiles: [0.25, 0.75].map((share) => round(quantile(times[name] ?? [], share), 0)),
    }))
    return { figures, details: { processes, commands: commandTimes } }
  } finally {
    await organization.close()
  }
}
