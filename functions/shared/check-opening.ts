import type { OrganizationsClient } from '@aws-sdk/client-organizations'
import { unitsAbove, type ProtectedPlaces } from './account.ts'
import { type ControlTower, isAutoEnrolmentOn } from './control-tower.ts'
import { AutoEnrolmentOffError, DeniedByPolicyError, InvalidInputError, ProtectedAccountError } from './errors.ts'
import type { OpenRequest } from './new-account.ts'
import { findUnit } from './organizational-units.ts'
import { arnOfPolicy, completeRequest, type Defaults } from './request.ts'
import { findObstacles, readPoliciesOf } from './service-control-policies.ts'
import type { Vending } from './vending.ts'

export type OpeningConfig = Defaults &
  Pick<Vending, 'accessRole' | 'automatic' | 'mfa' | 'passwordPolicy'> & {
    protected: ProtectedPlaces
    requests: { organizationalUnits: string[] }
  }
type Clients = { organizations: OrganizationsClient; controlTower: ControlTower }

/**
 * Checks a request to open an account, by reading only: everything that can be refused before an account is created.
 *
 * Answers the id of the organizational unit, if the request names one, and what the vend must make in the account.
 * `limits` says that the request must keep to what `vending.yml` lets requesters ask for.
 * Throws `InvalidInputError`, `ProtectedAccountError`, `RecipientNotAllowedError`, `AutoEnrolmentOffError`, and
 * `DeniedByPolicyError` if a service control policy would stop the vend in the unit.
 */
export const checkOpening = async (
  { organizations, controlTower }: Clients,
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
  if (config.automatic === 'control-tower') await checkEnrolment(controlTower, body)
  const ou = body.ou === undefined ? undefined : await findUnit(organizations, body.ou)
  if (ou !== undefined) {
    const above = [ou, ...(await unitsAbove(organizations, ou))]
    const protector = above.find((unit) => config.protected.organizationalUnits.includes(unit))
    if (protector)
      throw new ProtectedAccountError(
        `ou: ${body.ou ?? ou} is protected by vending.yml, which lists ${protector} under protected`,
      )
    await checkPolicies(organizations, { above, named: body.ou ?? ou }, config)
    if (limits) await checkUnit(organizations, { ou, named: body.ou ?? ou }, config)
  }
  return { ou, ask }
}

/** Control Tower enrols only accounts that are moved into a unit, and only with a setting of the landing zone. */
const checkEnrolment = async (controlTower: ControlTower, { ou }: OpenRequest) => {
  if (ou === undefined)
    throw new InvalidInputError([
      { field: 'ou', message: 'is missing: Control Tower enrols an account that is moved into an organizational unit' },
    ])
  if (!(await isAutoEnrolmentOn(controlTower)))
    throw new AutoEnrolmentOffError(
      'Control Tower would not enrol the account: switch on automatic account enrollment in the landing zone settings',
    )
}

/** A policy that only may deny, because a condition decides, refuses nothing. */
const checkPolicies = async (
  organizations: OrganizationsClient,
  { above, named }: { above: string[]; named: string },
  config: OpeningConfig,
) => {
  const targets = above.map((id) => ({ TargetId: id, Name: id }))
  const obstacles = findObstacles(await readPoliciesOf(organizations, targets), config)
  const words = obstacles.flatMap(({ certain, finding, targets }) =>
    certain ? [`${finding} in ${targets.map(({ TargetId }) => TargetId).join(', ')}`] : [],
  )
  if (words.length)
    throw new DeniedByPolicyError(
      `ou: a service control policy would stop the vend of an account in ${named}: ${words.join('; ')}`,
    )
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
