import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { parse, stringify } from 'yaml'
import { startOrganization } from '../../local/start-organization.ts'

const root = path.join(import.meta.dirname, '..', '..')

/** Writes the repository's vending.yml with some keys changed. Answers the file's path. */
export const vendingFile = (overrides: Record<string, unknown> = {}) => {
  const vending = parse(readFileSync(path.join(root, 'vending.yml'), 'utf8')) as object
  const file = path.join(mkdtempSync(path.join(tmpdir(), 'account-vending-')), 'vending.yml')
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

const mutating = /^(Create|Put|Attach|Add|Update|Delete|Tag|Restore|Send)/

/** The calls that changed anything but the ledger. */
export const writes = (calls: { service: string; operation: string; function: string }[]) =>
  calls.filter(({ service, operation }) => service !== 'dynamodb' && mutating.test(operation))
