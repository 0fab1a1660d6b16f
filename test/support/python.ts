import { execFile, spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { createInterface } from 'node:readline'
import { promisify } from 'node:util'

const run = promisify(execFile)
const startMilliseconds = 60_000

/** Something this machine lacks: its message is all that a person needs. */
export class MissingError extends Error {
  override readonly name = 'MissingError'
}

/** A program from PyPI, pinned whole in a file of requirements, in a folder of its own. */
export type PythonProgram = { name: string; version: string; requirements: string; folder: string }

export const pythonProgram = (name: string, requirements: string, folder: string): PythonProgram => {
  const version = new RegExp(`^${name}==(\\S+)`, 'm').exec(readFileSync(requirements, 'utf8'))?.[1] ?? ''
  return { name, version, requirements, folder }
}

const pythonOf = ({ folder }: PythonProgram) => path.join(folder, 'bin/python')

type Failed = { code?: string | number; stdout?: string; stderr?: string; message: string }
const reasonOf = ({ stdout = '', stderr = '', message }: Failed) =>
  (stderr.match(/ERROR: .*/)?.[0] ?? (stderr.trim() || stdout.trim()).split('\n').at(-1) ?? '').trim() || message

const findPython = async (command: string) => {
  const version = await run('python3', ['-c', 'import sys; print("%d.%d" % sys.version_info[:2])']).catch(() => {
    throw new MissingError(`${command} needs Python 3.11 or newer (python3 was not found): install it and try again`)
  })
  const [major = 0, minor = 0] = version.stdout.trim().split('.').map(Number)
  if (major < 3 || (major === 3 && minor < 11))
    throw new MissingError(`${command} needs Python 3.11 or newer (python3 is ${version.stdout.trim()})`)
  return version.stdout.trim()
}

/**
 * Makes the program's virtual environment, unless one of these requirements and this Python is there. `command` is the
 * one that needs it, as a person calls it.
 * Throws `MissingError`.
 */
export const makeEnvironment = async (command: string, program: PythonProgram, say: (line: string) => void) => {
  const { name, requirements, folder } = program
  const version = await findPython(command)
  const wanted = createHash('sha256')
    .update(`${version}\n${readFileSync(requirements, 'utf8')}`)
    .digest('hex')
  const mark = path.join(folder, 'made-from')
  try {
    if (readFileSync(mark, 'utf8') === wanted) return
  } catch {
    // There is none, or it was not finished.
  }
  say(`Installing ${name} ${program.version} into ${path.basename(folder)}/ (once)`)
  rmSync(folder, { recursive: true, force: true })
  mkdirSync(folder)
  await run('python3', ['-m', 'venv', folder]).catch((error: Failed) => {
    throw new MissingError(
      `${command} needs Python's venv module (on Debian and Ubuntu: apt-get install python3-venv). Python says: ${reasonOf(error)}`,
    )
  })
  const options = ['--require-hashes', '--no-input', '--disable-pip-version-check', '--retries', '2', '-q']
  await run(pythonOf(program), ['-m', 'pip', 'install', ...options, '-r', requirements]).catch((error: Failed) => {
    throw new MissingError(
      `${command} needs PyPI to install ${name} ${program.version}, and pip could not (PIP_INDEX_URL names a mirror). pip says: ${reasonOf(error)}`,
    )
  })
  writeFileSync(mark, wanted)
}

/**
 * Starts a server, by what `python` is given, from the environment that is there, and waits until it says its address
 * on 127.0.0.1. It must end when its standard input does: so it ends with the process that started it, however that
 * ends.
 */
export const startServer = async (program: PythonProgram, given: string[], env: NodeJS.ProcessEnv) => {
  const { name } = program
  const server = spawn(pythonOf(program), given, { stdio: ['pipe', 'ignore', 'pipe'], env })
  const ended = new Promise<void>((resolve) => server.once('exit', () => resolve()))
  const said: string[] = []
  const url = await new Promise<string>((resolve, reject) => {
    const timer = setTimeout(() => {
      server.kill()
      reject(new Error(`${name} did not start within ${startMilliseconds / 1000} seconds:\n${said.join('\n')}`))
    }, startMilliseconds)
    // Read to the end: a full pipe would stop it.
    createInterface(server.stderr).on('line', (line) => {
      if (said.length < 50) said.push(line)
      const address = /Running on (http:\/\/127\.0\.0\.1:\d+)/.exec(line)?.[1]
      if (!address) return
      clearTimeout(timer)
      resolve(address)
    })
    void ended.then(() => {
      clearTimeout(timer)
      reject(new Error(`${name} ended while it started:\n${said.join('\n')}`))
    })
  })
  return {
    url,
    /** Writes a line to its standard input. */
    tell: (line: string) => void server.stdin.write(`${line}\n`),
    stop: () => {
      server.stdin.end()
      return ended
    },
  }
}

/**
 * Runs the vitest suite of a folder, for which a program from PyPI is needed; says in a sentence if it cannot be had.
 * Further arguments of the command are vitest's.
 */
export const runSuite = async (command: string, program: PythonProgram, folder: string) => {
  try {
    await makeEnvironment(command, program, (line) => console.log(line))
    const vitest = spawn(
      path.join(import.meta.dirname, '../../node_modules/.bin/vitest'),
      ['run', '--config', path.join(folder, 'vitest.config.ts'), ...process.argv.slice(2)],
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
}
