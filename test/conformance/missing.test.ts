import { execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createServer } from 'node:net'
import path from 'node:path'
import { createInterface } from 'node:readline'
import { expect, test } from 'vitest'
import { temporaryFolder } from '../support/folder.ts'
import { moto } from './moto.ts'

const folder = temporaryFolder()

/** The suite's command, as npm runs it, in an environment of its own. */
const runSuite = (env: NodeJS.ProcessEnv) =>
  new Promise<{ code: unknown; stdout: string; stderr: string }>((resolve) =>
    execFile(
      process.execPath,
      [path.join(import.meta.dirname, 'run.ts')],
      { env: { ...process.env, CONFORMANCE_FOLDER: path.join(folder, 'venv'), ...env } },
      (error, stdout, stderr) => resolve({ code: error?.code ?? 0, stdout, stderr }),
    ),
  )

const closedPort = async () => {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as { port: number }
  server.close()
  return port
}

test('without Python, the suite reports the missing Python in one sentence', async () => {
  const { code, stdout, stderr } = await runSuite({ PATH: folder })
  expect({ code, stdout }).toEqual({ code: 1, stdout: '' })
  expect(stderr).toBe('test:conformance needs Python 3.11 or newer (python3 was not found): install it and try again\n')
})

test('without PyPI, the suite reports the failed installation in one sentence', { timeout: 120_000 }, async () => {
  const PIP_INDEX_URL = `http://127.0.0.1:${await closedPort()}/simple`
  const { code, stderr } = await runSuite({ PIP_INDEX_URL, PIP_EXTRA_INDEX_URL: '', PIP_FIND_LINKS: '' })
  expect(code).toBe(1)
  expect(stderr.trim().split('\n')).toHaveLength(1)
  expect(stderr).toMatch(`test:conformance needs PyPI to install moto ${moto.version}, and pip could not`)
})

test('moto ends with the process that started it, even if that process is killed', async () => {
  const script = `import { startMoto } from ${JSON.stringify(path.join(import.meta.dirname, 'moto.ts'))}
    console.log((await startMoto()).url)`
  const starter = spawn(process.execPath, ['--input-type=module', '-e', script], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const [url] = (await once(createInterface(starter.stdout), 'line')) as [string]
  expect((await fetch(`${url}/moto-api/data.json`)).status).toBe(200)
  starter.kill('SIGKILL')
  await expect
    .poll(
      () =>
        fetch(`${url}/moto-api/data.json`).then(
          () => 'answers',
          () => 'is gone',
        ),
      { timeout: 10_000 },
    )
    .toBe('is gone')
})
