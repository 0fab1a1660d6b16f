import { execFileSync } from 'node:child_process'
import path from 'node:path'

/** For vitest: the tests run the bundled command as it is now. */
export const setup = () => {
  execFileSync(process.execPath, [path.join(import.meta.dirname, '..', '..', 'cli', 'build.ts')], { stdio: 'inherit' })
}
