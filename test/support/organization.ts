import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { DynamoDBClient } from '@aws-sdk/client-dynamodb'
import { parse, stringify } from 'yaml'
import type { Intercept, Interception } from '../../local/aws/endpoint.ts'
import { addAccount, addRole } from '../../local/aws/world.ts'
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
export const anOrganization = async (overrides: Record<string, unknown> = {}, intercept?: Intercept) => {
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

/** The ledger of a local organization. */
export const ledgerOf = ({
  world,
  endpointUrl,
  deployed,
}: Pick<TestOrganization, 'world' | 'endpointUrl' | 'deployed'>) => ({
  dynamodb: new DynamoDBClient({
    endpoint: endpointUrl,
    region: world.region,
    credentials: { accessKeyId: world.managementAccountId, secretAccessKey: 'local' },
  }),
  tableName: deployed.ledgerTable,
})

/** The values of an adopter, without any value of the example. */
export const adoptersVending = {
  sender: 'Account Vending <account-vending@mail.our-company.org>',
  organizationName: 'Our Company',
  contact: 'platform-team@our-company.org',
  allowedRecipients: ['our-company.org'],
  notify: ['platform-team@our-company.org'],
  secretReaders: ['arn:aws:iam::999988887777:role/platform-team'],
  operators: ['arn:aws:iam::999988887777:role/platform-team'],
}
export const adoptersAccountId = '999988887777'

/** A local organization of an adopter, in which every check of the doctor is ok. */
export const adoptersOrganization = async (intercept: (interception: Interception) => void = () => undefined) => {
  const organization = await startOrganization({ vendingFile: vendingFile(adoptersVending), intercept })
  // If a domain is verified, so are the domains below it.
  organization.world.sesIdentities = new Set(['our-company.org'])
  organization.world.trustedServices.add('account.amazonaws.com')
  organization.world.landingZone = { version: '4.0', status: 'ACTIVE', isEnrolling: true }
  // The local organization's management account is the example's, which doctor and deploy refuse in vending.yml.
  const account = addAccount(organization.world, { id: adoptersAccountId, name: 'Ours', joinedMethod: 'INVITED' })
  addRole(organization.world, account, { name: 'platform-team' })
  organization.world.managementAccountId = adoptersAccountId
  for (const account of organization.world.accounts.values()) account.roleTrusts = adoptersAccountId
  return organization
}
