import { chmodSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { UsageError } from './command-errors.ts'

/**
 * Writes a file that only its owner can read. `option` is the option that names the file.
 * Throws `UsageError` if the file exists, unless `force`.
 */
export const writePrivately = (file: string, text: string, { force, option }: { force: boolean; option: string }) => {
  try {
    // An existing file keeps its mode when it is written. So the file is made private before the text is written.
    if (force) {
      writeFileSync(file, '', { mode: 0o600 })
      chmodSync(file, 0o600)
    }
    writeFileSync(file, text, { mode: 0o600, flag: force ? 'r+' : 'wx' })
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? error.code : undefined
    if (code === 'EEXIST')
      throw new UsageError(
        `${file} already exists. Name another file with ${option}, or replace this file with --force.`,
      )
    if (code === 'ENOENT')
      throw new UsageError(
        `${file} cannot be written: there is no folder ${path.dirname(file)}. Create the folder, or name another file with ${option}.`,
      )
    throw new UsageError(`${file} cannot be written: ${error instanceof Error ? error.message : String(error)}`)
  }
}
