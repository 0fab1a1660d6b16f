import { execFile } from 'node:child_process'
import path from 'node:path'
import { expect, test } from 'vitest'
import { temporaryFolder } from '../support/folder.ts'

test('without Python, the suite reports the missing Python in one sentence', async () => {
  const PATH = temporaryFolder()
  const { code, stdout, stderr } = await new Promise<{ code: unknown; stdout: string; stderr: string }>((resolve) =>
    execFile(
      process.execPath,
      [path.join(import.meta.dirname, 'run.ts')],
      { env: { ...process.env, PATH } },
      (error, stdout, stderr) => resolve({ code: error?.code ?? 0, stdout, stderr }),
    ),
  )
  expect({ code, stdout }).toEqual({ code: 1, stdout: '' })
  expect(stderr).toBe('test:e2e needs Python 3.11 or newer (python3 was not found): install it and try again\n')
})
