import { build, type CommonOptions, transform } from 'esbuild'
import { chmodSync, mkdirSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { slimSchemas } from '../infra/build/slim-sdk.ts'

// Bundles the command into dist/vend.cjs, one file that every Node from 20 on runs. npm runs this when it installs the
// project.

const folder = import.meta.dirname
const options: CommonOptions = { minify: true, platform: 'node', target: 'node20', legalComments: 'none' }

const { outputFiles } = await build({
  ...options,
  entryPoints: [path.join(folder, 'commands.ts')],
  outdir: folder,
  bundle: true,
  // A chunk for each command, and for what several commands share.
  splitting: true,
  format: 'esm',
  mainFields: ['module', 'main'],
  define: { 'import.meta.dirname': '__dirname', 'import.meta.main': 'false' },
  plugins: [slimSchemas],
  write: false,
})
const chunks = await Promise.all(
  outputFiles.map(async ({ path: file, text }) => {
    const { code } = await transform(text, { ...options, format: 'cjs', supported: { 'dynamic-import': false } })
    return [`./${path.basename(file)}`, code]
  }),
)
// The chunks are in a comment, which Node skips: Node would parse code, and even a text, before it runs the first line.
// `*/` would end the comment.
const comment = JSON.stringify(Object.fromEntries(chunks)).replaceAll('*/', '*\\/')

/**
 * Compiles each chunk when a command first needs the chunk, so a command takes the time of its own chunks only. Node 22
 * and later keep what they compiled, beside this file: whoever may write there may change this file as well.
 */
const program = `#!/usr/bin/env node
// The SDK's warning about Node 20 is about later versions of the SDK, and the SDK is inside this file.
process.env.AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED ??= 'true'
const { readFileSync } = require('node:fs')
const Module = require('node:module')
Module.enableCompileCache?.(__dirname + '/cache')
const text = readFileSync(__filename, 'latin1')
const chunks = JSON.parse(text.slice(text.lastIndexOf('\\n/*') + 3, -3))
const loaded = {}
const load = (name) => {
  if (!Object.hasOwn(chunks, name)) return require(name)
  if (loaded[name]) return loaded[name].exports
  const module = (loaded[name] = new Module(name))
  module.require = load
  module._compile(chunks[name], __dirname + name.slice(1))
  return module.exports
}
load('./commands.js')
/*${comment}*/
`
const file = path.join(folder, '..', 'dist', 'vend.cjs')
mkdirSync(path.dirname(file), { recursive: true })
writeFileSync(file, program)
chmodSync(file, 0o755)
