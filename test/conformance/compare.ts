import type { Aws } from './aws.ts'

export type Differing = { at: string; local: string; moto: string }

// Each side generates these values itself. Within a case, the same value must appear in the same places on both sides.
const ownIds = new Set([
  'UserId',
  'GroupId',
  'PolicyId',
  'AccessKeyId',
  'SecretAccessKey',
  'SessionToken',
  'MessageId',
  'EventId',
  'RandomPassword',
  'VerificationToken',
])
const patterns: [kind: string, pattern: RegExp][] = [
  ['account', /(?<!\d)\d{12}(?!\d)/g],
  ['role id', /AROA[A-Z0-9]+/g],
  ['creation', /\bcar-[a-z0-9]+/g],
  ['organization', /\bo-[a-z0-9]{10,32}/g],
  ['root', /\br-[a-z0-9]{4,32}/g],
  ['unit', /\bou-[a-z0-9]{4,32}-[a-z0-9]{8,32}/g],
  ['policy', /\bp-(?!FullAWSAccess)\w{8,128}/g],
  ['suffix', /(?<=:secret:.*-)\w{6}$/g],
]

/** Replaces the generated values of an answer: ids by names in the order of their appearance, dates by `<date>`. */
export const masked = ({ managementAccountId, accountId }: Aws, name: string, answer: unknown) => {
  const mine = new RegExp(name, 'gi')
  const names = new Map([
    [managementAccountId, '<management account>'],
    [accountId, '<member account>'],
  ])
  const nameOf = (kind: string, id: string) => {
    if (!names.has(id))
      names.set(id, `<${kind} ${[...names.values()].filter((name) => name.startsWith(`<${kind} `)).length + 1}>`)
    return names.get(id)!
  }
  const mask = (value: unknown, key: string): unknown => {
    if (value instanceof Date) return '<date>'
    if (Array.isArray(value)) return value.map((member) => mask(member, key))
    if (typeof value === 'object' && value)
      return Object.fromEntries(
        Object.entries(value)
          .filter(([, member]) => member !== undefined)
          .sort(([a], [b]) => (a < b ? -1 : 1))
          .map(([name, member]) => [name, mask(member, name)]),
      )
    if (typeof value !== 'string') return value
    if (ownIds.has(key)) return nameOf(key, value)
    return patterns.reduce(
      (text, [kind, pattern]) => text.replace(pattern, (id) => nameOf(kind, id)),
      value.replace(mine, '<name>'),
    )
  }
  return mask(answer, '')
}

const isObject = (value: unknown): value is Record<string, unknown> => typeof value === 'object' && value !== null

const show = (value: unknown) => {
  if (value === undefined) return 'nothing'
  if (isObject(value) && 'refused' in value) return Object.values(value).reverse().join(', ')
  return JSON.stringify(value)
}

/** Finds where two answers differ, with both values. If only one of them is a refusal, they differ as a whole. */
export const differences = (local: unknown, moto: unknown, at = ''): Differing[] => {
  if (isObject(local) && isObject(moto)) {
    const refused = ['refused' in local, 'refused' in moto]
    const isWhole = refused.includes(true) || (Array.isArray(local) && local.length !== Object.keys(moto).length)
    if (refused[0] !== refused[1])
      return [{ at, local: refused[0] ? show(local) : 'answers', moto: refused[1] ? show(moto) : 'answers' }]
    if (!isWhole)
      return [...new Set([...Object.keys(local), ...Object.keys(moto)])].flatMap((key) =>
        differences(local[key], moto[key], at ? `${at}.${key}` : key),
      )
  }
  const [here, there] = [show(local), show(moto)]
  return here === there ? [] : [{ at, local: here, moto: there }]
}
