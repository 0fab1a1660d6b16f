import { DescribeAccountCommand, type OrganizationsClient, paginateListParents } from '@aws-sdk/client-organizations'
import * as z from 'zod/mini'
import { isNamed } from './aws-errors.ts'
import {
  AccountNotActiveError,
  AccountNotFoundError,
  AccountPendingError,
  ManagementAccountError,
  ProtectedAccountError,
} from './errors.ts'

export const accountSchema = z.object({
  id: z.string(),
  name: z.string(),
  email: z.string(),
  /** CREATED by Organizations, or INVITED. */
  joinedMethod: z.string(),
  /** ISO 8601. */
  joinedAt: z.string(),
})
export type Account = z.output<typeof accountSchema>

export type ProtectedPlaces = {
  /** Names or ids. */
  accounts: string[]
  /** Ids (`ou-…`). An organizational unit protects every account below it. */
  organizationalUnits: string[]
}

/** The entry of `protected` in vending.yml that protects an account below these units; undefined if none does. */
export const protectorOf = (
  { accountId, name, units }: { accountId: string; name: string; units: string[] },
  { accounts, organizationalUnits }: ProtectedPlaces,
) => [accountId, name, ...units].find((place) => accounts.includes(place) || organizationalUnits.includes(place))

/** The id of the unit or root that an account or unit is in. Organizations answers one, on any page of the list. */
export const parentOf = async (organizations: OrganizationsClient, ChildId: string) => {
  for await (const { Parents } of paginateListParents({ client: organizations }, { ChildId }))
    if (Parents?.[0]?.Id) return Parents[0].Id
  return undefined
}

/** The organizational units above an account and the root, in this order. */
export const unitsAbove = async (organizations: OrganizationsClient, accountId: string) => {
  const units: string[] = []
  // Organizations nests units at most five levels deep, and the root ends the walk.
  for (let child: string | undefined = accountId; child && !child.startsWith('r-');) {
    child = await parentOf(organizations, child)
    if (child) units.push(child)
  }
  return units
}

/**
 * Finds a member account that may be vended.
 *
 * Reads `State` and not `Status`, which Organizations retires.
 * Throws `ManagementAccountError`, `AccountNotFoundError`, `ProtectedAccountError`, `AccountPendingError` and
 * `AccountNotActiveError`.
 */
export const findMemberAccount = async (
  organizations: OrganizationsClient,
  {
    accountId,
    managementAccountId,
    protectedPlaces,
  }: {
    accountId: string
    managementAccountId: string
    protectedPlaces: ProtectedPlaces
  },
): Promise<Account> => {
  if (accountId === managementAccountId)
    throw new ManagementAccountError(`accountId: ${accountId} is the management account, which is never vended`)
  const [{ Account }, units] = await Promise.all([
    organizations.send(new DescribeAccountCommand({ AccountId: accountId })),
    protectedPlaces.organizationalUnits.length ? unitsAbove(organizations, accountId) : [],
  ]).catch((error: unknown) => {
    if (isNamed(error, 'AccountNotFoundException', 'ChildNotFoundException'))
      throw new AccountNotFoundError(`accountId: ${accountId} is not an account of this organization`, { cause: error })
    throw error
  })
  const { Name: name = accountId, Email: email = '', State, JoinedMethod, JoinedTimestamp } = Account ?? {}
  const protector = protectorOf({ accountId, name, units }, protectedPlaces)
  if (protector)
    throw new ProtectedAccountError(
      `accountId: ${accountId} (${name}) is protected by vending.yml, which lists ${protector} under protected`,
    )
  if (State === 'PENDING_ACTIVATION')
    throw new AccountPendingError(`accountId: ${accountId} (${name}) is not activated yet`)
  if (State !== 'ACTIVE')
    throw new AccountNotActiveError(
      `accountId: ${accountId} (${name}) has the state ${State ?? 'unknown'}; only an ACTIVE account can be vended`,
    )
  return {
    id: accountId,
    name,
    email,
    joinedMethod: JoinedMethod ?? 'CREATED',
    joinedAt: (JoinedTimestamp ?? new Date(0)).toISOString(),
  }
}
