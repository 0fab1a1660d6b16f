import { defineConfig } from 'vitest/config'
import { builtInTexts } from '../support/built-in.ts'

export default defineConfig({
  plugins: [builtInTexts],
  test: {
    include: ['test/tools/*.test.ts'],
    maxWorkers: '100%',
    // Enough for a busy machine: no test is about time.
    testTimeout: 300_000,
    hookTimeout: 300_000,
  },
})
