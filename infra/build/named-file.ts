import { readFileSync } from 'node:fs'

const reasons: Record<string, string> = {
  ENOENT: 'there is no such file',
  ENOTDIR: 'there is no such file',
  EISDIR: 'this is a folder, not a file',
  EACCES: 'you are not allowed to read this file',
}

/**
 * Reads a text file that a person named. `named` says how: the option and the name of the file.
 * Throws an error that says in a sentence why the file cannot be read.
 */
export const readNamedFile = (file: string, named: string) => {
  try {
    return readFileSync(file, 'utf8')
  } catch (error) {
    const { code = '', message } = error as NodeJS.ErrnoException
    throw new Error(`${named}: ${reasons[code] ?? `the file cannot be read (${message})`}.`, { cause: error })
  }
}
