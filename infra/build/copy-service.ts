import { cpSync, symlinkSync } from 'node:fs'
import path from 'node:path'

/** Everything that the package is made of, besides node_modules. */
export const serviceFiles = [
  'functions',
  'infra',
  'statemachine',
  'serverless.yml',
  'vending.yml',
  'package.json',
  'tsconfig.json',
]

/**
 * Copies everything that the package is made of. osls builds in the service's folder and clears it: in a copy, osls
 * cannot overwrite a person's own build. `root` is the folder of the project, with its `node_modules`.
 */
export const copyService = (root: string, copy: string) => {
  for (const part of serviceFiles) cpSync(path.join(root, part), path.join(copy, part), { recursive: true })
  symlinkSync(path.join(root, 'node_modules'), path.join(copy, 'node_modules'), 'junction')
}
