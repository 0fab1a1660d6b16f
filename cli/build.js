import { build, transform } from 'esbuild'
import { chmodSync, mkdirSync, writeFileSync } from 'node:fs'
import path from 'node:path'

// Bundles the command into dist/vend.js, one file that every Node from 20 on runs. npm runs this script when it installs
// the project. The script is JavaScript, so that any Node can run it.

const folder = import.meta.dirname
const options = { minify: true, platform: 'node', target: 'node20', legalComments: 'none' }

const { outputFiles } = await build({
  ...options,
  entryPoints: [path.join(folder, 'commands.ts')],
  outdir: folder,
  bundle: true,
  // A chunk for each command, and for what several commands share.
  splitting: true,
  format: 'esm',
  mainFields: ['module', 'main'],
  define: { 'import.meta.dirname': '__dirname' },
  write: false,
})
const chunks = await Promise.all(
  outputFiles.map(async ({ path: file, text }) => {
    const { code } = await transform(text, { ...options, format: 'cjs', supported: { 'dynamic-import': false } })
    return [`./${path.basename(file)}`, code]
  }),
)

/**
 * The file: all chunks as texts, each of which is compiled when it is first needed. Node parses a whole file before it runs
 * the first line, and 1.5 MB of code would take longer than everything else that most commands do.
 */
const program = `#!/usr/bin/env node
const chunks = ${JSON.stringify(Object.fromEntries(chunks))}
const loaded = {}
const load = (name) => {
  if (!Object.hasOwn(chunks, name)) return require(name)
  if (loaded[name]) return loaded[name].exports
  const module = (loaded[name] = { exports: {} })
  const names = ['module', 'exports', 'require', '__dirname']
  require('node:vm').compileFunction(chunks[name], names, { filename: name })(module, module.exports, load, __dirname)
  return module.exports
}
load('./commands.js')
`
const file = path.join(folder, '..', 'dist', 'vend.cjs')
mkdirSync(path.dirname(file), { recursive: true })
writeFileSync(file, program)
chmodSync(file, 0o755)
