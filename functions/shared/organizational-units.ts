import {
  DescribeOrganizationalUnitCommand,
  type OrganizationalUnit,
  type OrganizationsClient,
  paginateListOrganizationalUnitsForParent,
  paginateListRoots,
} from '@aws-sdk/client-organizations'
import { isNamed } from './aws-errors.ts'
import { InvalidInputError } from './errors.ts'

/** The id of the organization's root: `r-…`. An organization has one root. */
export const rootOf = async (organizations: OrganizationsClient) => {
  // Like every list of Organizations, this one may begin with an empty page.
  for await (const { Roots = [] } of paginateListRoots({ client: organizations }, {}))
    if (Roots[0]?.Id) return Roots[0].Id
  throw new Error('Organizations does not show the root of the organization')
}

/** The organizational units directly in the root or in a unit. */
export const unitsIn = async (organizations: OrganizationsClient, ParentId: string) => {
  const units: OrganizationalUnit[] = []
  for await (const page of paginateListOrganizationalUnitsForParent({ client: organizations }, { ParentId }))
    units.push(...(page.OrganizationalUnits ?? []))
  return units
}

const notThere = (message: string) => new InvalidInputError([{ field: 'ou', message }])

/**
 * Finds an organizational unit by its id, or by the names on the way from the root to the unit. Answers the unit's id.
 * Throws `InvalidInputError` if there is no such unit. The error names the units that are there.
 */
export const findUnit = async (organizations: OrganizationsClient, ou: string) => {
  if (/^ou-[a-z\d]+-[a-z\d]+$/.test(ou)) {
    try {
      await organizations.send(new DescribeOrganizationalUnitCommand({ OrganizationalUnitId: ou }))
      return ou
    } catch (error) {
      if (isNamed(error, 'OrganizationalUnitNotFoundException'))
        throw notThere(`${ou} is not an organizational unit of this organization`)
      throw error
    }
  }
  let parent = { id: await rootOf(organizations), name: 'the root' }
  for (const name of ou.split('/')) {
    const units = await unitsIn(organizations, parent.id)
    const unit = units.find(({ Name }) => Name === name)
    if (!unit?.Id) {
      const names = units.flatMap(({ Name }) => Name ?? []).join(', ')
      throw notThere(`there is no ${name} in ${parent.name}; the units there are ${names || 'none'}`)
    }
    parent = { id: unit.Id, name }
  }
  return parent.id
}
