import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { afterAll } from 'vitest'

/** Creates a folder that is deleted after the tests of the file that called this function. */
export const temporaryFolder = () => {
  const folder = mkdtempSync(path.join(tmpdir(), 'account-vending-'))
  afterAll(() => rmSync(folder, { recursive: true, force: true }))
  return folder
}
