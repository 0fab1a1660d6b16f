import { readFileSync, rmSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { build } from 'esbuild'
import { afterAll, beforeEach, expect, test } from 'vitest'
import { loadVending } from '../../infra/build/check-vending.ts'
import { bundling, functionNames } from '../../infra/build/esbuild.ts'
import { keptBuild } from '../../local/kept-build.ts'
import { bundleFunctions } from '../../local/run-function.ts'
import { temporaryFolder } from '../support/folder.ts'
import { exampleVending } from '../support/organization.ts'

const root = path.join(import.meta.dirname, '..', '..')
const folder = temporaryFolder()
const name = path.basename(folder)
const kept = path.join(root, 'dist', 'bundles', `${name}.json`)
afterAll(() => rmSync(kept, { force: true }))

const [entry = '', imported = '', source = ''] = ['entry.ts', 'imported.ts', 'source.ts'].map((file) =>
  path.join(folder, file),
)
const run = async () => {
  const { entry: text } = await keptBuild(
    name,
    { entryPoints: [entry], bundle: true, outdir: folder, format: 'esm', logLevel: 'silent' },
    [source],
  )
  return text
}
beforeEach(async () => {
  writeFileSync(entry, "import { said } from './imported.ts'\nconsole.log(said)")
  writeFileSync(imported, "export const said = 'first'")
  writeFileSync(source, 'of the options')
  await run()
  // What is kept is changed, so that a build and what is kept differ.
  writeFileSync(kept, readFileSync(kept, 'utf8').replace('first', 'kept'))
})

test('nothing is built while nothing changes', async () => {
  expect(await run()).toContain('kept')
})

test.each<[what: string, change: () => void]>([
  ['an imported file is another', () => writeFileSync(imported, "export const said = 'second'")],
  ['a source of the options is another', () => writeFileSync(source, 'of other options')],
  ['an imported file is gone', () => rmSync(imported)],
  ['what is kept is cut off', () => writeFileSync(kept, readFileSync(kept, 'utf8').slice(0, -9))],
])('it is built again: %s', async (_, change) => {
  change()
  await expect(run().catch(() => 'failed')).resolves.not.toContain('kept')
})

test('the values of vending.yml are in the same functions as in the deployment', async () => {
  const vending = loadVending(exampleVending)
  const { outputFiles } = await build({
    ...bundling(exampleVending),
    entryPoints: functionNames().map((name) => path.join(root, 'functions', name, 'handler.ts')),
    outdir: 'bundles',
    write: false,
  })
  const deployed = outputFiles.filter(({ text }) => text.includes(vending.sender))
  expect(deployed.length).toBeGreaterThan(5)
  const local = [...(await bundleFunctions(exampleVending))]
  const withValues = local.filter(([, text]) => text.includes(JSON.stringify(vending)))
  expect(withValues.map(([name]) => name).sort()).toEqual(
    deployed.map(({ path: file }) => path.basename(path.dirname(file))).sort(),
  )
  for (const [name, text] of local) expect(text, name).not.toContain('the values of vending.yml')
})
