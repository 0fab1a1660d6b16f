import { defineConfig } from 'vitest/config'

export default defineConfig({
  test: {
    include: ['test/browser/*.test.ts'],
    // The tests run the commands that the page shows.
    globalSetup: ['test/support/build-command.ts'],
    testTimeout: 60_000,
    hookTimeout: 60_000,
  },
})
