import { defineConfig } from 'vitest/config'

export default defineConfig({
  test: {
    include: ['test/e2e/*.test.ts'],
    // One machine's AWS, one deployment: the tests follow each other.
    fileParallelism: false,
    // CloudFormation itself takes minutes.
    testTimeout: 600_000,
    hookTimeout: 600_000,
    reporters: ['verbose'],
    disableConsoleIntercept: true,
  },
})
