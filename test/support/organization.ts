import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { parse, stringify } from 'yaml'
import type { Interception } from '../../local/aws/endpoint.ts'
import { startOrganization } from '../../local/start-organization.ts'
import { temporaryFolder } from './folder.ts'

/** The example vending.yml. The tests do not use the repository's own vending.yml, because adopters edit it. */
export const exampleVending = path.join(import.meta.dirname, 'vending.yml')
const folder = temporaryFolder()
let files = 0

/** Writes the example vending.yml with some keys changed. Returns the file's path. */
export const vendingFile = (overrides: Record<string, unknown> = {}) => {
  const vending = parse(readFileSync(exampleVending, 'utf8')) as object
  const file = path.join(folder, `${(files += 1)}`, 'vending.yml')
  mkdirSync(path.dirname(file))
  writeFileSync(file, stringify({ ...vending, ...overrides }))
  return file
}

/** A local organization for tests: its clock runs fast, and it keeps what its functions log. */
export const anOrganization = async (
  overrides: Record<string, unknown> = {},
  intercept?: (interception: Interception) => void,
) => {
  const logs: string[] = []
  const organization = await startOrganization({
    vendingFile: vendingFile(overrides),
    speed: 300,
    onLog: (line) => logs.push(line),
    ...(intercept && { intercept }),
  })
  return { ...organization, logs }
}
export type TestOrganization = Awaited<ReturnType<typeof anOrganization>>
