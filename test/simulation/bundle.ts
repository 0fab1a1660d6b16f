import { readFile } from 'node:fs/promises'
import path from 'node:path'
import type { Plugin } from 'esbuild'
import { loadVending } from '../../infra/build/check-vending.ts'
import { bundling, functionNames } from '../../infra/build/esbuild.ts'
import { buildTexts, keptBuild } from '../../local/kept-build.ts'
import { placeholder } from '../../local/run-function.ts'

const functions = path.join(import.meta.dirname, '..', '..', 'functions')

/**
 * Gives each function a namespace for its modules, so that two functions share none: on AWS each is a Lambda of its
 * own.
 */
const apart: Plugin = {
  name: 'apart',
  setup(build) {
    const found = new Map<string, ReturnType<typeof build.resolve>>()
    build.onResolve({ filter: /^function:/ }, ({ path: asked }) => {
      const namespace = asked.slice('function:'.length)
      return { path: path.join(functions, path.basename(namespace), 'handler.ts'), namespace }
    })
    build.onResolve({ filter: /./ }, ({ path: asked, importer, namespace, kind }) => {
      if (namespace === 'file') return undefined
      if (!asked.startsWith('.')) {
        const library = found.get(asked) ?? build.resolve(asked, { kind, resolveDir: functions, namespace: 'file' })
        found.set(asked, library)
        return library
      }
      const file = path.join(path.dirname(importer), asked)
      // Mails and the page are the same in every function, and slow to compile.
      return /\.(mjml|txt|html)$/.test(file) ? { path: file } : { path: file, namespace }
    })
    build.onLoad({ filter: /\.(ts|yml)$/ }, async ({ path: file, namespace }) => {
      if (namespace === 'file') return undefined
      return file.endsWith('.ts')
        ? { contents: await readFile(file, 'utf8'), loader: 'ts' }
        : { contents: placeholder(path.dirname(namespace)), loader: 'json' }
    })
  },
}

/** Replaces the SDK's signer: nobody here checks a signature, and signing takes a tenth of a world's time. */
const unsigned: Plugin = {
  name: 'unsigned',
  setup(build) {
    build.onResolve({ filter: /^\.\/SignatureV4$/ }, ({ importer }) =>
      importer.includes('/@smithy/signature-v4/') ? { path: path.join(import.meta.dirname, 'unsigned.ts') } : undefined,
    )
  },
}

/**
 * Bundles every function under every configuration into one text. The options are the deployment's, but the text
 * holds the libraries once: V8 would compile and optimise each of 33 copies of the SDK by itself. The text exports a
 * loader for each configuration/function. Without `plugins`, the text is kept until a source changes.
 */
export const bundleTogether = async (vendingFiles: Record<string, string>, plugins: Plugin[] = []): Promise<string> => {
  const own = bundling()
  const configs = Object.keys(vendingFiles)
  const all = configs.flatMap((config) => functionNames().map((name) => `${config}/${name}`))
  const options = {
    ...own,
    plugins: [...plugins, apart, unsigned, ...(own.plugins ?? [])],
    stdin: {
      contents: all.map((name) => `exports['${name}'] = () => require('function:${name}')`).join('\n'),
      resolveDir: functions,
    },
  }
  const sources = ['bundle.ts', 'unsigned.ts'].map((file) => path.join(import.meta.dirname, file))
  const texts = plugins.length
    ? (await buildTexts(options)).texts
    : await keptBuild(`together-${configs.join('-')}`, options, sources)
  return configs.reduce(
    (text, config) =>
      text.replaceAll(placeholder(config), () => JSON.stringify(loadVending(vendingFiles[config] ?? ''))),
    Object.values(texts)[0] ?? '',
  )
}
