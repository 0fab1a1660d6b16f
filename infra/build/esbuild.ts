import { existsSync, readdirSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import type { BuildOptions, Plugin } from 'esbuild'
import { compileMail } from './compile-mail.ts'
import { compilePage } from './compile-page.ts'
import { loadVending, packagedVendingFile } from './check-vending.ts'
import { slimSdk } from './slim-sdk.ts'

const functions = path.join(import.meta.dirname, '..', '..', 'functions')

/** The names of the functions' folders. */
export const functionNames = () =>
  readdirSync(functions).filter((name) => existsSync(path.join(functions, name, 'handler.ts')))

/** The text of what is built into the functions and is not code: mails, a page, and the checked `vending.yml`. */
export const builtIn = async (file: string, vendingFile = file): Promise<string | undefined> => {
  if (file.endsWith('.mjml')) return compileMail(file)
  if (file.endsWith('.txt')) return readFile(file, 'utf8')
  if (file.endsWith('.html')) return JSON.stringify(await compilePage(file))
  if (file.endsWith('/vending.yml')) return JSON.stringify(loadVending(vendingFile))
  return undefined
}

const builtInPlugin = (vendingFile?: string): Plugin => ({
  name: 'built-in',
  setup(build) {
    // Each client reads its version for the user agent from its package.json, which is 2 KB.
    build.onLoad({ filter: /\/@aws-sdk\/client-[\w-]+\/package\.json$/ }, async ({ path: file }) => {
      const { version } = JSON.parse(await readFile(file, 'utf8')) as { version: string }
      return { contents: JSON.stringify({ version }), loader: 'json' }
    })
    build.onLoad({ filter: /\.(mjml|txt|html|yml)$/ }, async ({ path }) => {
      const contents = await builtIn(path, vendingFile)
      return contents === undefined ? undefined : { contents, loader: /\.(html|yml)$/.test(path) ? 'json' : 'text' }
    })
  },
})

/** How a function is bundled, for deployment and for the local organization alike. */
export const bundling = (vendingFile?: string): BuildOptions => ({
  bundle: true,
  minify: true,
  sourcemap: false,
  platform: 'node',
  target: 'node24',
  // CommonJS starts faster where the SDK is inside (docs/decisions/0003-bundles.md).
  format: 'cjs',
  mainFields: ['module', 'main'],
  legalComments: 'none',
  // What the SDK imports when it needs it is inside the bundle, or Node's own.
  supported: { 'dynamic-import': false },
  alias: {
    // On Lambda the credentials are in the environment; the full chain is 130 KB.
    '@aws-sdk/credential-provider-node': fileURLToPath(new URL('lambda-credentials.ts', import.meta.url)),
    '@aws-sdk/endpoint-cache': fileURLToPath(new URL('no-endpoint-cache.ts', import.meta.url)),
  },
  plugins: [builtInPlugin(vendingFile), slimSdk],
})

/** What serverless-esbuild asks for. */
const forServerless = () => ({
  ...bundling(packagedVendingFile),
  exclude: [],
  concurrency: 2,
})

// serverless-esbuild calls what `require` gives it.
export { forServerless as 'module.exports' }
