import { spawn } from 'node:child_process'
import { once } from 'node:events'
import path from 'node:path'
import { makeEnvironment, MissingError } from '../support/python.ts'
import { moto } from './moto.ts'

try {
  await makeEnvironment('test:conformance', moto, (line) => console.log(line))
  const vitest = spawn(
    path.join(import.meta.dirname, '../../node_modules/.bin/vitest'),
    ['run', '--config', path.join(import.meta.dirname, 'vitest.config.ts'), ...process.argv.slice(2)],
    { stdio: 'inherit' },
  )
  // Ctrl-C reaches vitest as well, which ends first.
  process.on('SIGINT', () => {})
  const [code] = (await once(vitest, 'exit')) as [number | null]
  process.exitCode = code ?? 1
} catch (error) {
  if (!(error instanceof MissingError)) throw error
  console.error(error.message)
  process.exitCode = 1
}
