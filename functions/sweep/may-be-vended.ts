import type { OrganizationsClient } from '@aws-sdk/client-organizations'
import { findMemberAccount, type ProtectedPlaces } from '../shared/account.ts'
import { isNamed } from '../shared/aws-errors.ts'
import { placeOf } from '../shared/vend.ts'

export type VendableConfig = { protected: ProtectedPlaces; stateMachineArn: string }

/**
 * Whether an account may be vended. The list of accounts may be minutes old, and does not say which accounts are
 * protected.
 */
export const mayBeVended = async (
  { organizations }: { organizations: OrganizationsClient },
  config: VendableConfig,
  accountId: string,
) => {
  const { managementAccountId } = placeOf(config.stateMachineArn)
  try {
    await findMemberAccount(organizations, { accountId, managementAccountId, protectedPlaces: config.protected })
    return true
  } catch (error) {
    if (isNamed(error, 'ProtectedAccountError', 'AccountNotFoundError', 'AccountPendingError', 'AccountNotActiveError'))
      return false
    throw error
  }
}
