import { execFile } from 'node:child_process'
import { cpSync, mkdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { promisify } from 'node:util'
import { parse, stringify } from 'yaml'

const root = path.join(import.meta.dirname, '..', '..')
export const stage = 'e2e'

/**
 * Copies the service, and deploys and removes the copy with osls. osls builds in the service's folder; in the copy,
 * osls cannot overwrite a person's own build.
 */
export const copyService = (folder: string) => {
  const copy = path.join(folder, 'service')
  rmSync(copy, { recursive: true, force: true })
  const parts = ['functions', 'infra', 'statemachine', 'serverless.yml', 'vending.yml', 'package.json', 'tsconfig.json']
  for (const part of parts) cpSync(path.join(root, part), path.join(copy, part), { recursive: true })
  symlinkSync(path.join(root, 'node_modules'), path.join(copy, 'node_modules'))

  const osls = async (vendingFile: string, ...args: string[]) => {
    const answer = await promisify(execFile)(
      path.join(root, 'node_modules', '.bin', 'osls'),
      [...args, '--stage', stage, '--region', process.env['AWS_REGION'] ?? ''],
      { cwd: copy, env: { ...process.env, VENDING_FILE: vendingFile } },
    ).catch(({ stdout, stderr }: { stdout: string; stderr: string }) => {
      throw new Error(`osls ${args[0]} failed:\n${stdout}${stderr}`)
    })
    return answer.stdout + answer.stderr
  }
  const artifact = path.join(folder, 'artifact')
  return {
    osls,
    artifact,
    /** Packages the service, then deploys exactly that package. Returns the output of osls. */
    deploy: async (vendingFile: string) => {
      await osls(vendingFile, 'package', '--package', artifact)
      return osls(vendingFile, 'deploy', '--package', artifact)
    },
  }
}

/** Writes a vending.yml with some keys changed. Returns the file's path. */
export const writeVending = (folder: string, file: string, overrides: object) => {
  const written = path.join(folder, 'vending', 'vending.yml')
  mkdirSync(path.dirname(written), { recursive: true })
  writeFileSync(written, stringify({ ...(parse(readFileSync(file, 'utf8')) as object), ...overrides }))
  return written
}
