import { execFile } from 'node:child_process'
import { existsSync, mkdtempSync, realpathSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { promisify } from 'node:util'
import { copyService, serviceFiles } from '../infra/build/copy-service.ts'
import { RefusedError } from './command-errors.ts'

const run = promisify(execFile)
/** The project, as npm installed it: the command is in its folder `dist`. */
const root = path.join(import.meta.dirname, '..')

/** The files of the package that a commit decides. vending.yml is the deployer's own. */
const committed = [...serviceFiles.filter((file) => file !== 'vending.yml'), 'package-lock.json']

/** The commit of the sources, and the files that differ from it. */
export type Commit = { id: string; changed: string[] }

/**
 * Packages the service as `npm run package` does, in a copy of the sources. Answers the folder of the package, which is
 * removed when the command exits.
 * Throws `RefusedError` if there are no sources, or if they cannot be packaged.
 */
export const rebuild = async ({
  stage,
  region,
  vendingFile,
}: {
  stage: string
  region: string
  vendingFile: string
}) => {
  if (!existsSync(path.join(root, 'infra', 'build', 'package.ts')) || !existsSync(path.join(root, 'node_modules')))
    throw new RefusedError(
      'vend verify builds the service from its sources, and they are not here. Run npx vend verify in a clone of the project, after npm ci.',
    )
  const copy = mkdtempSync(path.join(tmpdir(), 'account-vending-'))
  process.once('exit', () => rmSync(copy, { recursive: true, force: true }))
  copyService(root, copy)
  try {
    await run('node', [path.join(copy, 'infra', 'build', 'package.ts'), '--stage', stage, '--region', region], {
      cwd: copy,
      // As npm does: the project brings its own Node.js for some platforms.
      env: {
        ...process.env,
        PATH: [path.join(root, 'node_modules', '.bin'), process.env['PATH']].join(path.delimiter),
        VENDING_FILE: vendingFile,
      },
      maxBuffer: 100 * 1024 * 1024,
    })
  } catch (error) {
    const { stdout = '', stderr = '', message } = error as { stdout?: string; stderr?: string; message: string }
    throw new RefusedError(`The service cannot be packaged:\n${`${stdout}${stderr}`.trim() || message}`, {
      cause: error,
    })
  }
  return path.join(copy, '.serverless')
}

/** Finds the commit of the sources; undefined if they are not in a clone, or if there is no git. */
export const commitOf = async (): Promise<Commit | undefined> => {
  const git = async (...args: string[]) => (await run('git', ['-C', root, ...args])).stdout.trimEnd()
  try {
    const [folder = '', id = ''] = (await git('rev-parse', '--show-toplevel', 'HEAD')).split('\n')
    if (realpathSync(folder) !== realpathSync(root)) return undefined
    const changes = await git('status', '--porcelain', '--', ...committed)
    return { id, changed: changes.split('\n').flatMap((line) => line.slice(3) || []) }
  } catch {
    return undefined
  }
}
