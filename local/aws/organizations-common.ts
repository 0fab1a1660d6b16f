import { AwsError } from './aws-error.ts'
import type { World } from './world.ts'

export const arnOf = (world: World, resource: string) =>
  `arn:aws:organizations::${world.managementAccountId}:${resource.replace('/', `/${world.organizationId}/`)}`

/** The path of an account or organizational unit, from the organization down (Organizations API model, Path). */
export const pathOf = (world: World, id: string): string => {
  const place = world.accounts.get(id) ?? world.organizationalUnits.get(id)
  return `${place ? pathOf(world, place.parentId) : `${world.organizationId}/`}${id}/`
}

export const invalid = (Reason: string, message: string) =>
  new AwsError('InvalidInputException', message, 400, { Reason })

/**
 * One page of a list, in Organizations' way: NextToken, and at most 20 items. A page may be empty although more items
 * follow (Organizations API Reference, each List operation).
 */
export const onePage = <Item>(
  world: World,
  items: Item[],
  { NextToken = '0', MaxResults = 20 }: { NextToken?: string | undefined; MaxResults?: number | undefined },
) => {
  if (!/^\d+$/.test(NextToken))
    throw invalid('INVALID_NEXT_TOKEN', 'NextToken is not from an answer of this operation.')
  if (world.emptyPages) {
    world.emptyPages--
    return { items: [], NextToken }
  }
  const end = Number(NextToken) + Math.min(MaxResults, 20)
  return { items: items.slice(Number(NextToken), end), NextToken: end < items.length ? String(end) : undefined }
}

export const checkText = (text: string, [shortest, longest]: [number, number], pattern: RegExp, name: string) => {
  if (text.length < shortest) throw invalid('MIN_LENGTH_EXCEEDED', `${name} is shorter than ${shortest} characters.`)
  if (text.length > longest) throw invalid('MAX_LENGTH_EXCEEDED', `${name} is longer than ${longest} characters.`)
  if (!pattern.test(text)) throw invalid('INVALID_PATTERN', `${name} is not valid.`)
}
