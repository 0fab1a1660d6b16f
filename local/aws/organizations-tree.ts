import type * as Organizations from '@aws-sdk/client-organizations'
import { AwsError } from './aws-error.ts'
import { enrolIfGoverned } from './control-tower.ts'
import { arnOf, invalid, onePage, pathOf } from './organizations-common.ts'
import type { OrganizationalUnit, World } from './world.ts'

const parentPattern = /^(?:r-[0-9a-z]{4,32}|ou-[0-9a-z]{4,32}-[a-z0-9]{8,32})$/
const isParent = (world: World, id: string) => id === world.rootId || world.organizationalUnits.has(id)

export const listRoots = (world: World, asked: Organizations.ListRootsRequest) => {
  const root = {
    Id: world.rootId,
    Arn: arnOf(world, `root/${world.rootId}`),
    Name: 'Root',
    PolicyTypes: [{ Type: 'SERVICE_CONTROL_POLICY', Status: 'ENABLED' }],
  }
  const { items, NextToken } = onePage(world, [root], asked)
  return { Roots: items, NextToken }
}

export const listParents = (world: World, { ChildId = '' }: Organizations.ListParentsRequest) => {
  if (!/^(?:\d{12}|ou-[0-9a-z]{4,32}-[a-z0-9]{8,32})$/.test(ChildId))
    throw invalid('INVALID_PATTERN', 'ChildId is not the id of an account or organizational unit.')
  const child = world.accounts.get(ChildId) ?? world.organizationalUnits.get(ChildId)
  if (!child)
    throw new AwsError('ChildNotFoundException', "You specified an account or organizational unit that doesn't exist.")
  return { Parents: [{ Id: child.parentId, Type: child.parentId === world.rootId ? 'ROOT' : 'ORGANIZATIONAL_UNIT' }] }
}

const describe = (world: World, { id, name }: OrganizationalUnit) => ({
  Id: id,
  Arn: arnOf(world, `ou/${id}`),
  Name: name,
  Path: pathOf(world, id),
})

export const listOrganizationalUnitsForParent = (
  world: World,
  { ParentId = '', ...asked }: Organizations.ListOrganizationalUnitsForParentRequest,
) => {
  if (!parentPattern.test(ParentId))
    throw invalid('INVALID_PATTERN', 'ParentId is not the id of a root or organizational unit.')
  if (!isParent(world, ParentId))
    throw new AwsError('ParentNotFoundException', "You specified a parent that doesn't exist.")
  const below = [...world.organizationalUnits.values()].filter(({ parentId }) => parentId === ParentId)
  const { items, NextToken } = onePage(world, below, asked)
  return { OrganizationalUnits: items.map((unit) => describe(world, unit)), NextToken }
}

export const describeOrganizationalUnit = (
  world: World,
  { OrganizationalUnitId = '' }: Organizations.DescribeOrganizationalUnitRequest,
) => {
  if (!/^ou-[0-9a-z]{4,32}-[a-z0-9]{8,32}$/.test(OrganizationalUnitId))
    throw invalid('INVALID_PATTERN', 'OrganizationalUnitId is not the id of an organizational unit.')
  const unit = world.organizationalUnits.get(OrganizationalUnitId)
  if (!unit)
    throw new AwsError(
      'OrganizationalUnitNotFoundException',
      "You specified an organizational unit that doesn't exist.",
    )
  return { OrganizationalUnit: describe(world, unit) }
}

/**
 * Moves an account. The documentation names the errors, but not their order: an account that is already in the
 * destination is a duplicate, whatever the source.
 */
export const moveAccount = (
  world: World,
  { AccountId = '', SourceParentId = '', DestinationParentId = '' }: Organizations.MoveAccountRequest,
) => {
  if (!/^\d{12}$/.test(AccountId)) throw invalid('INVALID_PATTERN', 'AccountId is not 12 digits.')
  if (![SourceParentId, DestinationParentId].every((id) => parentPattern.test(id)))
    throw invalid('INVALID_PATTERN', 'A parent is not the id of a root or organizational unit.')
  const account = world.accounts.get(AccountId)
  if (!account) throw new AwsError('AccountNotFoundException', "You specified an account that doesn't exist.")
  if (!isParent(world, DestinationParentId))
    throw new AwsError('DestinationParentNotFoundException', "You specified a destination parent that doesn't exist.")
  if (account.parentId === DestinationParentId)
    throw new AwsError('DuplicateAccountException', 'The account is already in the destination.')
  if (account.parentId !== SourceParentId)
    throw new AwsError('SourceParentNotFoundException', 'The account is not in the source parent.')
  account.parentId = DestinationParentId
  enrolIfGoverned(world, account)
}
