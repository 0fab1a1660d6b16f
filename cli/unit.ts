import type { OrganizationsClient } from '@aws-sdk/client-organizations'
import { isNamed } from '../functions/shared/aws-errors.ts'
import type { InvalidInputError } from '../functions/shared/errors.ts'
import { findUnit, rootOf, unitsIn } from '../functions/shared/organizational-units.ts'
import { UsageError } from './command-errors.ts'

/**
 * The id of the organizational unit that the option --ou names.
 * Throws `UsageError` if there is no such unit.
 */
export const unitOf = async (organizations: OrganizationsClient, ou: string) => {
  try {
    return await findUnit(organizations, ou)
  } catch (error) {
    if (!isNamed(error, 'InvalidInputError')) throw error
    throw new UsageError(`--ou ${ou}: ${(error as InvalidInputError).issues[0]?.message}.`)
  }
}

/** The path of each organizational unit, like `Workloads/Sandbox`, by the unit's id. */
export const unitNames = async (organizations: OrganizationsClient) => {
  const names = new Map<string, string>()
  const walk = async (parentId: string, above: string) => {
    for (const { Id = '', Name = '' } of await unitsIn(organizations, parentId)) {
      names.set(Id, above + Name)
      await walk(Id, `${above}${Name}/`)
    }
  }
  await walk(await rootOf(organizations), '')
  return names
}
