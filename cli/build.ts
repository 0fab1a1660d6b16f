import { build, type CommonOptions, type Plugin, transform } from 'esbuild'
import { chmodSync, mkdirSync, rmSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { compilePage } from '../infra/build/compile-page.ts'
import { slimSchemas } from '../infra/build/slim-sdk.ts'

// Bundles the command into dist/vend.cjs, one file that every Node from 20 on runs. npm runs this when it installs the
// project.

const folder = import.meta.dirname
const options: CommonOptions = { minify: true, platform: 'node', target: 'node20', legalComments: 'none' }

/** Replaces what takes long to load and is not needed, or not by every command. */
const quickModules: Plugin = {
  name: 'quick-modules',
  setup(build) {
    build.onResolve({ filter: /^\.\/node-https$/ }, () => ({ path: path.join(folder, 'lazy-https.ts') }))
    // commander needs this module for commands that are separate programs. We have none.
    build.onResolve({ filter: /^node:child_process$/ }, ({ importer }) =>
      importer.includes('/node_modules/commander/') ? { path: 'nothing', namespace: 'quick' } : undefined,
    )
    // The SDK needs this module to read two small files.
    build.onResolve({ filter: /^node:fs\/promises$/ }, ({ importer }) =>
      importer.includes('/config/shared-ini-file-loader/') ? { path: 'read-file', namespace: 'quick' } : undefined,
    )
    build.onLoad({ filter: /^nothing$/, namespace: 'quick' }, () => ({ contents: '' }))
    build.onLoad({ filter: /^read-file$/, namespace: 'quick' }, () => ({
      contents:
        "import { readFileSync } from 'node:fs'; export const readFile = async (...file) => readFileSync(...file)",
    }))
  },
}

/** The console's page, as one HTML text. */
const consolePage: Plugin = {
  name: 'console-page',
  setup: (build) =>
    build.onLoad({ filter: /\/ui\/page\.html$/ }, async ({ path: file }) => ({
      contents: JSON.stringify(await compilePage(file)),
      loader: 'json',
    })),
}

const { outputFiles } = await build({
  ...options,
  entryPoints: [path.join(folder, 'commands.ts')],
  outdir: folder,
  bundle: true,
  // A chunk for each command, and for what several commands share.
  splitting: true,
  format: 'esm',
  mainFields: ['module', 'main'],
  // The SDK asks whether an answer is a ReadableStream, which Node's HTTP never returns. Only the question loads it.
  define: { 'import.meta.dirname': '__dirname', 'import.meta.main': 'false', ReadableStream: 'undefined' },
  plugins: [slimSchemas, quickModules, consolePage],
  write: false,
})
// The chunks are in a comment, which Node skips: Node would parse code, and even a text, before it runs the first line.
let comment = ''
const places: Record<string, [start: number, length: number]> = {}
for (const { path: file, text } of outputFiles) {
  const { code } = await transform(text, { ...options, format: 'cjs', supported: { 'dynamic-import': false } })
  // `*/` would end the comment.
  const escaped = JSON.stringify(code).replaceAll('*/', '*\\/')
  places[`./${path.basename(file)}`] = [comment.length, escaped.length]
  comment += escaped
}

/**
 * Reads and compiles each chunk when a command first needs the chunk, so a command takes the time of its own chunks
 * only. Node 22 and later keep what they compiled, beside this file: whoever may write there may change this file as
 * well.
 */
const program = (begin: number) => `#!/usr/bin/env node
// The SDK's warning about Node 20 is about later versions of the SDK, and the SDK is inside this file.
process.env.AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED ??= 'true'
const { openSync, readSync } = require('node:fs')
const Module = require('node:module')
Module.enableCompileCache?.(__dirname + '/cache')
const begin = ${String(begin).padStart(6)}
const places = ${JSON.stringify(places)}
const file = openSync(__filename)
const read = ([start, length]) => {
  const bytes = Buffer.allocUnsafe(length)
  readSync(file, bytes, 0, length, begin + start)
  return JSON.parse(bytes.latin1Slice())
}
const loaded = {}
const load = (name) => {
  if (!Object.hasOwn(places, name)) return require(name)
  if (loaded[name]) return loaded[name].exports
  const module = (loaded[name] = new Module(name))
  module.require = load
  module._compile(read(places[name]), __dirname + name.slice(1))
  return module.exports
}
load('./commands.js')
/*`
const dist = path.join(folder, '..', 'dist')
mkdirSync(dist, { recursive: true })
rmSync(path.join(dist, 'cache'), { recursive: true, force: true })
const file = path.join(dist, 'vend.cjs')
writeFileSync(file, `${program(program(0).length)}${comment}*/\n`)
chmodSync(file, 0o755)
