import type { Plugin } from 'vitest/config'
import { builtIn } from '../../infra/build/esbuild.ts'

const builtInFile = /\.(mjml|html|txt|yml)$/

/** Gives tests the same texts that the bundles get: mails, the page of a link, and `vending.yml`. */
export const builtInTexts: Plugin = {
  name: 'built-in',
  enforce: 'pre',
  // Vitest would keep a page whose script or style has changed since: it knows only the HTML file.
  configureVitest: ({ defineCacheKeyGenerator }) =>
    defineCacheKeyGenerator(({ id }) => (builtInFile.test(id) ? false : undefined)),
  async load(id) {
    const text = await builtIn(id)
    if (text === undefined) return undefined
    return `export default ${/\.(html|yml)$/.test(id) ? text : JSON.stringify(text)}`
  },
}
