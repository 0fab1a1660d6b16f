import type { OrganizationsClient } from '@aws-sdk/client-organizations'
import { unitsAbove, type ProtectedPlaces } from './account.ts'
import { type ControlTower, isAutoEnrolmentOn } from './control-tower.ts'
import {
  AutoEnrolmentOffError,
  DeniedByPolicyError,
  InvalidInputError,
  type Issues,
  ProtectedAccountError,
} from './errors.ts'
import type { OpenRequest } from './new-account.ts'
import { findUnit } from './organizational-units.ts'
import { allChecks } from './parse.ts'
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
 * One error names the faults of all checks.
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
  const [ask, ou] = await allChecks([
    checkPeople(body, config, partition),
    checkUnit(organizations, body, config, { limits }),
    checkName(body, config),
    limits ? checkLimits(body, config) : undefined,
    config.automatic === 'control-tower' ? checkEnrolment(controlTower, body) : undefined,
  ])
  return { ou, ask }
}

const checkPeople = async (body: OpenRequest, config: OpeningConfig, partition: string) =>
  completeRequest({ ...body, again: undefined }, config, { accountEmail: body.email, partition })

const checkName = async ({ name }: OpenRequest, config: OpeningConfig) => {
  if (config.protected.accounts.includes(name))
    throw new ProtectedAccountError(`name: ${name} is protected by vending.yml; use another name`)
}

/** Finds the unit that a request names, and makes sure that an account can be vended there. Answers the unit's id. */
const checkUnit = async (
  organizations: OrganizationsClient,
  { ou: named }: OpenRequest,
  config: OpeningConfig,
  { limits }: { limits: boolean },
) => {
  // Without allowed units, the limits refuse every unit.
  if (named === undefined || (limits && !config.requests.organizationalUnits.length)) return undefined
  const ou = await findUnit(organizations, named)
  const above = [ou, ...(await unitsAbove(organizations, ou))]
  const protector = above.find((unit) => config.protected.organizationalUnits.includes(unit))
  if (protector)
    throw new ProtectedAccountError(
      `ou: ${named} is protected by vending.yml, which lists ${protector} under protected`,
    )
  await checkPolicies(organizations, { above, named }, config)
  if (limits) await checkAllowedUnit(organizations, { ou, named }, config)
  return ou
}

/** Control Tower enrolls only accounts that are moved into a unit, and only with a setting of the landing zone. */
const checkEnrolment = async (controlTower: ControlTower, { ou }: OpenRequest) => {
  if (ou === undefined)
    throw new InvalidInputError([
      {
        field: 'ou',
        message: 'is missing: Control Tower enrolls an account that is moved into an organizational unit',
      },
    ])
  if (!(await isAutoEnrolmentOn(controlTower)))
    throw new AutoEnrolmentOffError(
      'Control Tower would not enroll the account. Switch on automatic account enrollment in the landing zone settings',
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

const checkAllowedUnit = async (
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

/** Refuses what requesters may not ask for, whatever the organization looks like. */
const checkLimits = async (body: OpenRequest, { requests, groups, admins }: OpeningConfig) => {
  const issues: Issues = []
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
  if (issues.length) throw new InvalidInputError(issues)
}
