import { execFile } from 'node:child_process'
import { cpSync, mkdirSync, readFileSync, symlinkSync } from 'node:fs'
import path from 'node:path'
import { promisify } from 'node:util'
import { temporaryFolder } from './folder.ts'
import { vendingFile } from './organization.ts'

const root = path.join(import.meta.dirname, '..', '..')
const folders = temporaryFolder()
// A copy, because osls builds in the service's own folder and clears it: a person's artifact stays.
const service = path.join(folders, 'service')
const parts = ['functions', 'infra', 'statemachine', 'serverless.yml', 'vending.yml', 'package.json', 'tsconfig.json']
for (const part of parts) cpSync(path.join(root, part), path.join(service, part), { recursive: true })
symlinkSync(path.join(root, 'node_modules'), path.join(service, 'node_modules'))
export type Resource = {
  Type: string
  Properties: Record<string, unknown>
  DependsOn?: string | string[]
  DeletionPolicy?: string
}
type Template = { Resources: Record<string, Resource>; Outputs: Record<string, unknown> }

/**
 * Packages the service as `npm run package` does, offline and without credentials, with some keys of the example vending.yml
 * changed. The stage has the local organization's name. One at a time: all build in the same copy.
 */
export const packaged = async (overrides: object) => {
  const file = vendingFile(overrides as Record<string, unknown>)
  const folder = path.join(folders, path.basename(path.dirname(file)))
  mkdirSync(folder)
  await promisify(execFile)(
    path.join(root, 'node_modules', '.bin', 'osls'),
    ['package', '--stage', 'local', '--package', folder],
    {
      cwd: service,
      // Nothing of a person's AWS set-up: no profile, no keys.
      env: { PATH: process.env['PATH'], HOME: folder, TMPDIR: folder, VENDING_FILE: file },
    },
  )
  const template = JSON.parse(
    readFileSync(path.join(folder, 'cloudformation-template-update-stack.json'), 'utf8'),
  ) as Template
  return { file, folder, resources: template.Resources, outputs: template.Outputs }
}
export type Packaged = Awaited<ReturnType<typeof packaged>>
