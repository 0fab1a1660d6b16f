import type { ListRulesRequest } from '@aws-sdk/client-eventbridge'
import { randomUUID } from 'node:crypto'
import type { Rule } from './deployed.ts'

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
  rules.filter(({ enabled, pattern }) => enabled && matchesPattern(pattern, event))

type Bus = {
  managementAccountId: string
  region: string
  isoTime: () => string
  putEvent: (event: unknown) => unknown
  rules: () => { name: string; enabled: boolean; pattern: object }[]
}
type Entry = { Source: string; DetailType: string; Detail: string; Resources?: string[] }

/** EventBridge's operations, for the endpoint. */
export const eventBridge = ({ managementAccountId, region, isoTime, putEvent, rules }: Bus) => ({
  ListRules: (_: unknown, { NamePrefix = '', NextToken = '0', Limit = 100 }: ListRulesRequest) => {
    const named = rules().filter(({ name }) => name.startsWith(NamePrefix))
    const end = Number(NextToken) + Limit
    return {
      Rules: named.slice(Number(NextToken), end).map(({ name, enabled, pattern }) => ({
        Name: name,
        Arn: `arn:aws:events:${region}:${managementAccountId}:rule/${name}`,
        State: enabled ? 'ENABLED' : 'DISABLED',
        EventPattern: JSON.stringify(pattern),
        EventBusName: 'default',
      })),
      ...(end < named.length && { NextToken: String(end) }),
    }
  },
  PutEvents: (_: unknown, { Entries = [] }: { Entries?: Entry[] }) => ({
    FailedEntryCount: 0,
    Entries: Entries.map(({ Source, DetailType, Detail, Resources = [] }) => {
      const id = randomUUID()
      putEvent({
        version: '0',
        id,
        source: Source,
        'detail-type': DetailType,
        account: managementAccountId,
        time: isoTime(),
        region,
        resources: Resources,
        detail: JSON.parse(Detail) as unknown,
      })
      return { EventId: id }
    }),
  }),
})
