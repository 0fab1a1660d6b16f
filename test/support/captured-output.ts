import { afterEach, beforeEach, vi } from 'vitest'

/** Captures what each test of the file writes to stdout and stderr. Returns the texts of the running test. */
export const capturedOutput = () => {
  const written: string[] = []
  beforeEach(() => {
    written.length = 0
    for (const stream of [process.stdout, process.stderr])
      vi.spyOn(stream, 'write').mockImplementation((chunk) => written.push(String(chunk)) > 0)
  })
  afterEach(() => {
    vi.restoreAllMocks()
  })
  return written
}
