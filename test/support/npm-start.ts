import { spawn } from 'node:child_process'
import { once } from 'node:events'
import path from 'node:path'
import { exampleVending } from './organization.ts'

const root = path.join(import.meta.dirname, '..', '..')

/** Runs `npm start` until `interrupt` ends it. `port` is the first of three consecutive ports. */
export const npmStart = async (port: number, ...args: string[]) => {
  const child = spawn(
    process.execPath,
    ['local/main.ts', '--port', String(port), '--config', exampleVending, ...args],
    { cwd: root, stdio: ['ignore', 'pipe', 'pipe'] },
  )
  let output = ''
  const told = async (words: string) => {
    while (!output.includes(words)) {
      if (child.exitCode !== null) throw new Error(`It ended with ${child.exitCode}:\n${output}`)
      await new Promise((resolve) => setTimeout(resolve, 50))
    }
  }
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk: Buffer) => (output += chunk.toString()))
  const ended = once(child, 'exit') as Promise<[code: number | null]>
  return {
    url: `http://127.0.0.1:${port}`,
    output: () => output,
    told,
    /** Presses Ctrl-C. Returns the exit code. */
    interrupt: async () => {
      child.kill('SIGINT')
      const [code] = await ended
      return code
    },
    ended: ended.then(([code]) => code),
  }
}
