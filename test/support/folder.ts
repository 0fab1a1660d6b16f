import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { afterAll } from 'vitest'

/** A folder that is gone after the test file that asked for it. */
export const temporaryFolder = () => {
  const folder = mkdtempSync(path.join(tmpdir(), 'account-vending-'))
  afterAll(() => rmSync(folder, { recursive: true, force: true }))
  return folder
}
