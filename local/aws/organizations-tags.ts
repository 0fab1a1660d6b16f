import type * as Organizations from '@aws-sdk/client-organizations'
import { AwsError, unsupported } from './aws-error.ts'
import { checkText, invalid, onePage } from './organizations-common.ts'
import type { World } from './world.ts'

const mostTags = 50

/** Throws an error if Organizations refuses the tags. `present` are the tags that the account already has. */
export const checkTags = (tags: Organizations.Tag[], present: Record<string, string> = {}) => {
  for (const { Key = '', Value = '' } of tags) {
    checkText(Key, [1, 128], /^[\p{L}\p{Z}\p{N}_.:/=+\-@]*$/u, 'Key')
    checkText(Value, [0, 256], /^[\p{L}\p{Z}\p{N}_.:/=+\-@]*$/u, 'Value')
  }
  if (tags.some(({ Key }) => /^aws:/i.test(Key ?? '')))
    throw invalid('INVALID_SYSTEM_TAGS_PARAMETER', 'Tag keys that begin with aws: are reserved.')
  if (new Set(tags.map(({ Key }) => Key)).size < tags.length)
    throw invalid('DUPLICATE_TAG_KEY', 'Tag keys must be unique.')
  if (new Set([...Object.keys(present), ...tags.map(({ Key }) => Key)]).size > mostTags)
    throw new AwsError('ConstraintViolationException', `An account has at most ${mostTags} tags.`, 400, {
      Reason: 'MAX_TAG_LIMIT_EXCEEDED',
    })
}

export const tagsIn = (tags: Organizations.Tag[]) =>
  Object.fromEntries(tags.map(({ Key = '', Value = '' }) => [Key, Value]))

const accountOf = (world: World, ResourceId = '') => {
  if (!/^(?:r-[0-9a-z]{4,32}|\d{12}|ou-[0-9a-z]{4,32}-[a-z0-9]{8,32}|p-\w{8,128}|rp-\w{8,128})$/.test(ResourceId))
    throw invalid('INVALID_PATTERN', 'ResourceId is not the id of a resource that can have tags.')
  if (ResourceId === world.rootId || world.organizationalUnits.has(ResourceId))
    throw unsupported('tags of a root or an organizational unit')
  const account = world.accounts.get(ResourceId)
  if (!account) throw new AwsError('TargetNotFoundException', "You specified a target that doesn't exist.")
  return account
}

export const tagResource = (world: World, { ResourceId, Tags = [] }: Organizations.TagResourceRequest) => {
  const account = accountOf(world, ResourceId)
  checkTags(Tags, account.tags)
  Object.assign(account.tags, tagsIn(Tags))
}

export const untagResource = (world: World, { ResourceId, TagKeys = [] }: Organizations.UntagResourceRequest) => {
  const account = accountOf(world, ResourceId)
  for (const key of TagKeys) delete account.tags[key]
}

export const listTagsForResource = (
  world: World,
  { ResourceId, ...asked }: Organizations.ListTagsForResourceRequest,
) => {
  const { items, NextToken } = onePage(world, Object.entries(accountOf(world, ResourceId).tags), asked)
  return { Tags: items.map(([Key, Value]) => ({ Key, Value })), NextToken }
}
