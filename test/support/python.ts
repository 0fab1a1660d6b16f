import { execFile, spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { createInterface } from 'node:readline'
import { promisify } from 'node:util'

const run = promisify(execFile)
const startMilliseconds = 60_000

/** This machine lacks something. The message says everything that a person needs to know. */
export class MissingError extends Error {
  override readonly name = 'MissingError'
}

/** A program from PyPI, installed into its own folder. A requirements file pins the program and its dependencies. */
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
 * Creates the program's virtual environment, unless it already exists for these requirements and this Python.
 * `command` is the command that needs the program, as a person types it.
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
    // The environment does not exist, or its installation did not finish.
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
 * Starts a server with `given` as the arguments of `python`, and waits until the server prints its address on
 * 127.0.0.1. The server must end when its standard input closes, so that it ends with the process that started it, even
 * after a crash.
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
    // Reads all output: a full pipe would block the server.
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
    /** Writes a line to the server's standard input. */
    tell: (line: string) => void server.stdin.write(`${line}\n`),
    stop: () => {
      server.stdin.end()
      return ended
    },
  }
}

/**
 * Runs a folder's vitest suite, which needs a program from PyPI. If the program cannot be installed, prints why in one
 * sentence. Passes further arguments of the command to vitest.
 */
export const runSuite = async (command: string, program: PythonProgram, folder: string) => {
  try {
    await makeEnvironment(command, program, (line) => console.log(line))
    const vitest = spawn(
      path.join(import.meta.dirname, '../../node_modules/.bin/vitest'),
      ['run', '--config', path.join(folder, 'vitest.config.ts'), ...process.argv.slice(2)],
      { stdio: 'inherit' },
    )
    // Ctrl-C also reaches vitest, which must end first.
    process.on('SIGINT', () => {})
    const [code] = (await once(vitest, 'exit')) as [number | null]
    process.exitCode = code ?? 1
  } catch (error) {
    if (!(error instanceof MissingError)) throw error
    console.error(error.message)
    process.exitCode = 1
  }
}
