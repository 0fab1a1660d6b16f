import { execFile, spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { createInterface } from 'node:readline'
import { promisify } from 'node:util'

const run = promisify(execFile)
const requirements = path.join(import.meta.dirname, 'requirements.txt')
const folder = process.env['CONFORMANCE_FOLDER'] ?? path.join(import.meta.dirname, '../../.conformance')
const python = path.join(folder, 'bin/python')
const startMilliseconds = 60_000

/** Something this machine lacks: its message is all that a person needs. */
export class MissingError extends Error {
  override readonly name = 'MissingError'
}

const pinned = readFileSync(requirements, 'utf8')
export const motoVersion = /^moto==(\S+)/m.exec(pinned)?.[1] ?? ''

type Failed = { code?: string | number; stdout?: string; stderr?: string; message: string }
const reasonOf = ({ stdout = '', stderr = '', message }: Failed) =>
  (stderr.match(/ERROR: .*/)?.[0] ?? (stderr.trim() || stdout.trim()).split('\n').at(-1) ?? '').trim() || message

const findPython = async () => {
  const version = await run('python3', ['-c', 'import sys; print("%d.%d" % sys.version_info[:2])']).catch(() => {
    throw new MissingError(
      'test:conformance needs Python 3.11 or newer (python3 was not found): install it and try again',
    )
  })
  const [major = 0, minor = 0] = version.stdout.trim().split('.').map(Number)
  if (major < 3 || (major === 3 && minor < 11))
    throw new MissingError(`test:conformance needs Python 3.11 or newer (python3 is ${version.stdout.trim()})`)
  return version.stdout.trim()
}

/**
 * Makes moto's virtual environment, unless one of these requirements and this Python is there.
 * Throws `MissingError`.
 */
export const makeEnvironment = async (say: (line: string) => void) => {
  const version = await findPython()
  const wanted = createHash('sha256').update(`${version}\n${pinned}`).digest('hex')
  const mark = path.join(folder, 'made-from')
  try {
    if (readFileSync(mark, 'utf8') === wanted) return
  } catch {
    // There is none, or it was not finished.
  }
  say(`Installing moto ${motoVersion} into .conformance/ (once)`)
  rmSync(folder, { recursive: true, force: true })
  mkdirSync(folder)
  await run('python3', ['-m', 'venv', folder]).catch((error: Failed) => {
    throw new MissingError(
      `test:conformance needs Python's venv module (on Debian and Ubuntu: apt-get install python3-venv). Python says: ${reasonOf(error)}`,
    )
  })
  const options = ['--require-hashes', '--no-input', '--disable-pip-version-check', '--retries', '2', '-q']
  await run(python, ['-m', 'pip', 'install', ...options, '-r', requirements]).catch((error: Failed) => {
    throw new MissingError(
      `test:conformance needs PyPI to install moto ${motoVersion}, and pip could not (PIP_INDEX_URL names a mirror). pip says: ${reasonOf(error)}`,
    )
  })
  writeFileSync(mark, wanted)
}

// moto's server on a free port. A line on its standard input stops the loading of AWS's managed policies; when the
// input closes it ends, so that it ends with the process that started it, however that ends.
const server = `
import os, sys, threading
from moto.core.config import default_user_config
from moto.server import main
settings = default_user_config["iam"]
settings["load_aws_managed_policies"] = True
def follow():
    for line in sys.stdin:
        settings["load_aws_managed_policies"] = False
    os._exit(0)
threading.Thread(target=follow, daemon=True).start()
main(["-H", "127.0.0.1", "-p", "0"])
`

/** Starts moto on 127.0.0.1, from the environment that is there. */
export const startMoto = async () => {
  // The variable would put every call into one account.
  const { MOTO_ACCOUNT_ID: _, ...env } = process.env
  const moto = spawn(python, ['-c', server], { stdio: ['pipe', 'ignore', 'pipe'], env })
  const ended = new Promise<void>((resolve) => moto.once('exit', () => resolve()))
  const said: string[] = []
  const url = await new Promise<string>((resolve, reject) => {
    const timer = setTimeout(() => {
      moto.kill()
      reject(new Error(`moto did not start within ${startMilliseconds / 1000} seconds:\n${said.join('\n')}`))
    }, startMilliseconds)
    // Read to the end: a full pipe would stop it.
    createInterface(moto.stderr).on('line', (line) => {
      if (said.length < 50) said.push(line)
      const address = /Running on (http:\/\/127\.0\.0\.1:\d+)/.exec(line)?.[1]
      if (!address) return
      clearTimeout(timer)
      resolve(address)
    })
    void ended.then(() => {
      clearTimeout(timer)
      reject(new Error(`moto ended while it started:\n${said.join('\n')}`))
    })
  })
  return {
    url,
    /** Accounts that come later have no managed policies: each costs a second. */
    loadNoMorePolicies: () => void moto.stdin.write('\n'),
    stop: () => {
      moto.stdin.end()
      return ended
    },
  }
}
export type Moto = Awaited<ReturnType<typeof startMoto>>
