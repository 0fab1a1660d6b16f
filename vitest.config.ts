import { defineConfig } from 'vitest/config'
import { builtIn } from './infra/build/esbuild.ts'

export default defineConfig({
  plugins: [
    {
      // The same texts that the bundles get.
      name: 'built-in',
      enforce: 'pre',
      async load(id) {
        const text = await builtIn(id)
        if (text === undefined) return undefined
        return `export default ${id.endsWith('.yml') ? text : JSON.stringify(text)}`
      },
    },
  ],
  test: {
    include: ['test/{unit,workflow}/**/*.test.ts'],
    globalSetup: 'test/support/build-command.ts',
    // Enough for a busy machine: no test is about time.
    testTimeout: 60_000,
    hookTimeout: 120_000,
  },
})
