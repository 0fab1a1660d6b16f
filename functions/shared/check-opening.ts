import type { OrganizationsClient } from '@aws-sdk/client-organizations'
import { unitsAbove, type ProtectedPlaces } from './account.ts'
import { InvalidInputError, ProtectedAccountError } from './errors.ts'
import type { OpenRequest } from './new-account.ts'
import { findUnit } from './organizational-units.ts'
import { arnOfPolicy, completeRequest, type Defaults } from './request.ts'

export type OpeningConfig = Defaults & {
  protected: ProtectedPlaces
  requests: { organizationalUnits: string[] }
}
type Clients = { organizations: OrganizationsClient }

/**
 * Checks a request to open an account, by reading only: everything that can be refused before an account is created.
 *
 * Answers the id of the organizational unit, if the request names one, and what the vend must make in the account.
 * `limits` says that the request must keep to what `vending.yml` lets requesters ask for.
 * Throws `InvalidInputError`, `ProtectedAccountError` and `RecipientNotAllowedError`.
 */
export const checkOpening = async (
  { organizations }: Clients,
  body: OpenRequest,
  config: OpeningConfig,
  { partition, limits }: { partition: string; limits: boolean },
) => {
  if (limits) {
    const issues = limitIssues(body, config)
    if (issues.length) throw new InvalidInputError(issues)
  }
  if (config.protected.accounts.includes(body.name))
    throw new ProtectedAccountError(`name: ${body.name} is protected by vending.yml; use another name`)
  const ask = completeRequest({ ...body, again: undefined }, config, { accountEmail: body.email, partition })
  const ou = body.ou === undefined ? undefined : await findUnit(organizations, body.ou)
  if (ou !== undefined) {
    const above = [ou, ...(await unitsAbove(organizations, ou))]
    const protector = above.find((unit) => config.protected.organizationalUnits.includes(unit))
    if (protector)
      throw new ProtectedAccountError(
        `ou: ${body.ou ?? ou} is protected by vending.yml, which lists ${protector} under protected`,
      )
    if (limits) await checkUnit(organizations, { ou, named: body.ou ?? ou }, config)
  }
  return { ou, ask }
}

const checkUnit = async (
  organizations: OrganizationsClient,
  { ou, named }: { ou: string; named: string },
  { requests }: OpeningConfig,
) => {
  const allowed = requests.organizationalUnits
  if (allowed.includes(named) || allowed.includes(ou)) return
  // The same unit can be named by its id and by its path.
  for (const unit of allowed) if (!unit.startsWith('ou-') && (await findUnit(organizations, unit)) === ou) return
  throw new InvalidInputError([{ field: 'ou', message: `must be one of ${allowed.join(', ')}` }])
}

/** What requesters may not ask for, whatever the organization looks like. */
const limitIssues = (body: OpenRequest, { requests, groups, admins }: OpeningConfig) => {
  const issues: { field: string; message: string }[] = []
  if (body.ou !== undefined && !requests.organizationalUnits.length)
    issues.push({
      field: 'ou',
      message: 'cannot be asked for: vending.yml lists no unit under requests.organizationalUnits',
    })
  for (const i of body.groups.keys())
    issues.push({ field: `groups[${i}]`, message: 'cannot be defined: use the groups that vending.yml defines' })
  const known = new Set(
    [...groups, ...admins].flatMap(({ policies }) => policies.map((name) => arnOfPolicy(name, 'aws'))),
  )
  for (const [i, { policies }] of (body.admins ?? []).entries())
    for (const [j, policy] of policies.entries())
      if (!known.has(arnOfPolicy(policy, 'aws')))
        issues.push({
          field: `admins[${i}].policies[${j}]`,
          message: `${policy} cannot be asked for: use the policies that vending.yml names`,
        })
  return issues
}
