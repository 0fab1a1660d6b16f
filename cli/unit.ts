import type { OrganizationsClient } from '@aws-sdk/client-organizations'
import { isNamed } from '../functions/shared/aws-errors.ts'
import type { InvalidInputError } from '../functions/shared/errors.ts'
import { findUnit } from '../functions/shared/organizational-units.ts'
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
