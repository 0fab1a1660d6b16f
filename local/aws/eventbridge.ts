import type { ListRulesRequest } from '@aws-sdk/client-eventbridge'
import { randomUUID } from 'node:crypto'
import type { Rule } from '../deployed.ts'
import { AwsError } from './world.ts'

/**
 * Whether an event pattern takes an event.
 * Knows what the deployed rules use: objects, and lists of exact values. Anything else in a pattern is refused.
 */
export const matchesPattern = (pattern: unknown, event: unknown): boolean => {
  if (typeof pattern !== 'object' || pattern === null || Array.isArray(pattern))
    throw new Error(`The local EventBridge does not know the pattern ${JSON.stringify(pattern)}`)
  return Object.entries(pattern).every(([key, wanted]) => {
    if (key.startsWith('$')) throw new Error(`The local EventBridge does not know ${key} in a pattern`)
    const there: unknown =
      typeof event === 'object' && event && Object.hasOwn(event, key)
        ? (event as Record<string, unknown>)[key]
        : undefined
    if (!Array.isArray(wanted)) return matchesPattern(wanted, there)
    if (wanted.some((value) => typeof value === 'object'))
      throw new Error(`The local EventBridge knows exact values only, not ${JSON.stringify(wanted)}`)
    return [there].flat().some((value) => wanted.includes(value))
  })
}

/** The enabled rules that take an event. */
export const rulesFor = (rules: Rule[], event: unknown) =>
  rules.filter(({ enabled, pattern }) => enabled && pattern && matchesPattern(pattern, event))

type Bus = {
  managementAccountId: string
  region: string
  isoTime: () => string
  putEvent: (event: unknown) => unknown
  rules: () => { name: string; enabled: boolean; pattern?: object; schedule?: string }[]
}
type Entry = { Source?: string; DetailType?: string; Detail?: string; Resources?: string[] }

const mostEntries = 10
const mostBytes = 1024 * 1024

const isJsonObject = (text: string) => {
  try {
    const value: unknown = JSON.parse(text)
    return typeof value === 'object' && value !== null && !Array.isArray(value)
  } catch {
    return false
  }
}

const isWhole = ({ Source, DetailType, Detail }: Entry) => !!(Source && DetailType && Detail)

/** Why an entry is refused, as PutEvents says it in its answer. */
const refusalOf = (entry: Entry) => {
  if (!isWhole(entry))
    return { ErrorCode: 'InvalidArgument', ErrorMessage: 'Source, DetailType and Detail are required.' }
  if (!isJsonObject(entry.Detail!)) return { ErrorCode: 'MalformedDetail', ErrorMessage: 'Detail is malformed.' }
  if (entry.Source!.startsWith('aws.'))
    return { ErrorCode: 'NotAuthorizedForSourceException', ErrorMessage: 'Not authorized for the source.' }
  return undefined
}

const checkEntries = (entries: Entry[]) => {
  const refuse = (message: string) => new AwsError('ValidationException', message)
  if (!entries.length || entries.length > mostEntries)
    throw refuse(`1 validation error detected: 'entries' must have 1 to ${mostEntries} members`)
  if (!entries.some(isWhole)) throw refuse('No entry has a Source, a DetailType and a Detail')
  const size = entries.reduce(
    (sum, { Source, DetailType, Detail, Resources = [] }) =>
      sum +
      [Source, DetailType, Detail, ...Resources].reduce((bytes, text) => bytes + Buffer.byteLength(text ?? ''), 0),
    0,
  )
  if (size > mostBytes) throw refuse('Total size of the entries in the request is over the limit.')
}

/** EventBridge's operations, for the endpoint. */
export const eventBridge = ({ managementAccountId, region, isoTime, putEvent, rules }: Bus) => ({
  ListRules: (_: unknown, { NamePrefix = '', NextToken = '0', Limit = 100 }: ListRulesRequest) => {
    const named = rules().filter(({ name }) => name.startsWith(NamePrefix))
    const end = Number(NextToken) + Limit
    return {
      Rules: named.slice(Number(NextToken), end).map(({ name, enabled, pattern, schedule }) => ({
        Name: name,
        Arn: `arn:aws:events:${region}:${managementAccountId}:rule/${name}`,
        State: enabled ? 'ENABLED' : 'DISABLED',
        ...(pattern && { EventPattern: JSON.stringify(pattern) }),
        ...(schedule && { ScheduleExpression: schedule }),
        EventBusName: 'default',
      })),
      ...(end < named.length && { NextToken: String(end) }),
    }
  },
  PutEvents: (_: unknown, { Entries = [] }: { Entries?: Entry[] }) => {
    checkEntries(Entries)
    const answers = Entries.map((entry) => {
      const refusal = refusalOf(entry)
      if (refusal) return refusal
      const id = randomUUID()
      putEvent({
        version: '0',
        id,
        source: entry.Source,
        'detail-type': entry.DetailType,
        account: managementAccountId,
        time: isoTime(),
        region,
        resources: entry.Resources ?? [],
        detail: JSON.parse(entry.Detail!) as unknown,
      })
      return { EventId: id }
    })
    return { FailedEntryCount: answers.filter((answer) => 'ErrorCode' in answer).length, Entries: answers }
  },
})
