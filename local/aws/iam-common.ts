import { AwsError } from './aws-error.ts'
import { type Account, type Group, isSeen, type User, type World } from './world.ts'

// The query protocol sends every value as a string, whatever its type says.

export const quotas = {
  users: 5000,
  groups: 300,
  groupsPerUser: 10,
  policies: 10,
  tags: 50,
  accessKeys: 2,
  mfaDevices: 8,
  inlineOfGroup: 5120,
  inlineOfUser: 2048,
}

export const noSuchEntity = (message: string) => new AwsError('NoSuchEntity', message, 404)
export const alreadyExists = (message: string) => new AwsError('EntityAlreadyExists', message, 409)
export const deleteConflict = (message: string) => new AwsError('DeleteConflict', message, 409)
export const invalid = (message: string) => new AwsError('ValidationError', message)

export const checkQuota = (isExceeded: boolean, name: string, limit: number) => {
  if (isExceeded) throw new AwsError('LimitExceeded', `Cannot exceed quota for ${name}: ${limit}`, 409)
}

export const checkName = (field: string, name = '', longest: number) => {
  if (name.length < 1 || name.length > longest)
    throw invalid(
      `1 validation error detected: Value at '${field}' failed to satisfy constraint: Member must have length between 1 and ${longest}`,
    )
  if (!/^[\w+=,.@-]+$/.test(name))
    throw invalid(
      `The specified value for ${field} is invalid. It must contain only alphanumeric characters and/or the following: +=,.@_-`,
    )
  return name
}

export const checkPath = (path = '/') => {
  if (path.length > 512 || !/^\/(?:[\x21-\x7e]+\/)?$/.test(path))
    throw invalid(
      'The specified value for path is invalid. It must begin and end with / and contain only alphanumeric characters and/or / characters.',
    )
  return path
}

export const userOf = (world: World, account: Account, name: string | undefined): User => {
  const user = account.users.get(checkName('userName', name, 128).toLowerCase())
  if (!user || user.name !== name || !isSeen(world, user))
    throw noSuchEntity(`The user with name ${name} cannot be found.`)
  return user
}

export const groupOf = (world: World, account: Account, name: string | undefined): Group => {
  const group = account.groups.get(checkName('groupName', name, 128).toLowerCase())
  if (!group || group.name !== name || !isSeen(world, group))
    throw noSuchEntity(`The group with name ${name} cannot be found.`)
  return group
}

type Paging = { Marker?: string | undefined; MaxItems?: number | undefined; PathPrefix?: string | undefined }

/** One page of a list, in IAM's way: Marker and IsTruncated. */
export const onePage = <Key extends string, Item>(
  key: Key,
  items: Item[],
  { Marker = '0', MaxItems = 100 }: Paging,
) => {
  const end = Number(Marker) + Number(MaxItems)
  const isTruncated = end < items.length
  return {
    [key]: items.slice(Number(Marker), end),
    IsTruncated: isTruncated,
    ...(isTruncated && { Marker: String(end) }),
  }
}

/** The entities below a path that the call sees, by name. */
export const below = <Entity extends { name: string; path: string; createdAt: number }>(
  world: World,
  entities: Iterable<Entity>,
  { PathPrefix = '/' }: Paging,
) =>
  [...entities]
    .filter((entity) => entity.path.startsWith(PathPrefix) && isSeen(world, entity))
    .sort((a, b) => (a.name < b.name ? -1 : 1))
