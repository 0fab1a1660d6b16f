import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { parse, stringify } from 'yaml'
import { startOrganization } from '../../local/start-organization.ts'
import { temporaryFolder } from './folder.ts'

/** The example, apart from the repository's own: that one is the adopter's to change. */
export const exampleVending = path.join(import.meta.dirname, 'vending.yml')
const folder = temporaryFolder()
let files = 0

/** Writes the example vending.yml with some keys changed. Answers the file's path. */
export const vendingFile = (overrides: Record<string, unknown> = {}) => {
  const vending = parse(readFileSync(exampleVending, 'utf8')) as object
  const file = path.join(folder, `${(files += 1)}`, 'vending.yml')
  mkdirSync(path.dirname(file))
  writeFileSync(file, stringify({ ...vending, ...overrides }))
  return file
}

/** A local organization for tests: its clock runs fast, and what its functions log is kept. */
export const anOrganization = async (overrides: Record<string, unknown> = {}) => {
  const logs: string[] = []
  const organization = await startOrganization({
    vendingFile: vendingFile(overrides),
    speed: 300,
    onLog: (line) => logs.push(line),
  })
  return { ...organization, logs }
}
export type TestOrganization = Awaited<ReturnType<typeof anOrganization>>
