import { defineConfig } from 'vitest/config'
import { builtInTexts } from '../support/built-in.ts'

export default defineConfig({
  plugins: [builtInTexts],
  test: {
    include: ['test/browser/*.test.ts'],
    // The tests run the commands that the page shows.
    globalSetup: ['test/support/build-command.ts'],
    testTimeout: 60_000,
    hookTimeout: 60_000,
    // A busy machine needs longer than the second that vitest waits.
    expect: { poll: { timeout: 20_000 } },
  },
})
