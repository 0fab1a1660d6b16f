import { defineConfig } from 'vitest/config'
import { builtInTexts } from './test/support/built-in.ts'

export default defineConfig({
  plugins: [builtInTexts],
  test: {
    include: ['test/{unit,workflow}/**/*.test.ts'],
    // Vitest leaves one processor free, which is half of a machine with two.
    maxWorkers: '100%',
    globalSetup: 'test/support/build-command.ts',
    // Enough for a busy machine: no test is about time.
    testTimeout: 900_000,
    hookTimeout: 900_000,
    expect: { poll: { timeout: 600_000 } },
  },
})
