import type { ListRulesRequest } from '@aws-sdk/client-eventbridge'
import { randomUUID } from 'node:crypto'
import type { Rule } from '../deployed.ts'
import { parseJson } from '../../functions/shared/parse.ts'
import { AwsError } from './aws-error.ts'
import type { World } from './world.ts'

/** Whether a value in a pattern's list matches: an exact value, `{ prefix }`, or `{ exists: true }`. */
const matchesValue = (wanted: unknown, there: unknown) => {
  if (typeof wanted !== 'object' || wanted === null) return wanted === there
  const [[name, content] = [], more] = Object.entries(wanted)
  if (name === 'exists' && content === true && !more) return there !== undefined
  if (name !== 'prefix' || typeof content !== 'string' || more)
    throw new Error(`The local EventBridge knows only exact values, prefixes and exists, not ${JSON.stringify(wanted)}`)
  return typeof there === 'string' && there.startsWith(content)
}

/**
 * Whether an event pattern matches an event. Supports what the deployed rules use: objects, and lists of exact values,
 * prefixes and `exists`.
 * Throws an error for anything else in a pattern.
 */
const matchesPattern = (pattern: unknown, event: unknown): boolean => {
  if (typeof pattern !== 'object' || pattern === null || Array.isArray(pattern))
    throw new Error(`The local EventBridge does not know the pattern ${JSON.stringify(pattern)}`)
  return Object.entries(pattern).every(([key, wanted]) => {
    if (key.startsWith('$')) throw new Error(`The local EventBridge does not know ${key} in a pattern`)
    const there: unknown =
      typeof event === 'object' && event && Object.hasOwn(event, key)
        ? (event as Record<string, unknown>)[key]
        : undefined
    if (!Array.isArray(wanted)) return matchesPattern(wanted, there)
    return wanted.some((value) => [there].flat().some((one) => matchesValue(value, one)))
  })
}

/** The enabled rules whose pattern matches an event. */
export const rulesFor = (rules: Rule[], event: unknown) =>
  rules.filter(({ enabled, pattern }) => enabled && pattern && matchesPattern(pattern, event))

/** An event as EventBridge delivers it, at the present time of the organization. */
export const busEvent = (
  { managementAccountId, region, now }: Pick<World, 'managementAccountId' | 'region' | 'now'>,
  {
    source,
    detailType,
    resources = [],
    detail,
  }: { source: string; detailType: string; resources?: string[]; detail: object },
) => ({
  version: '0',
  id: randomUUID(),
  'detail-type': detailType,
  source,
  account: managementAccountId,
  time: new Date(now()).toISOString(),
  region,
  resources,
  detail,
})

const ruleArn = ({ partition, region, managementAccountId }: World, name: string) =>
  `arn:${partition}:events:${region}:${managementAccountId}:rule/${name}`

/**
 * The message that an event leaves in the dead-letter queue if EventBridge has no permission to start the rule's target
 * (EventBridge User Guide, eb-rule-dlq).
 */
export const undelivered = (world: World, event: object, { rule, target }: { rule: string; target: string }) => {
  const attributes = {
    RULE_ARN: ruleArn(world, rule),
    TARGET_ARN: target,
    ERROR_CODE: 'NO_PERMISSIONS',
    ERROR_MESSAGE: `EventBridge is not authorized to start ${target}.`,
  }
  return {
    body: JSON.stringify(event),
    attributes: Object.fromEntries(
      Object.entries(attributes).map(([name, StringValue]) => [name, { DataType: 'String', StringValue }]),
    ),
  }
}

/** The event with which a schedule rule starts its target. */
export const scheduledEvent = (world: World, ruleName: string) => {
  return busEvent(world, {
    source: 'aws.events',
    detailType: 'Scheduled Event',
    resources: [ruleArn(world, ruleName)],
    detail: {},
  })
}

type Entry = { Source?: string; DetailType?: string; Detail?: string; Resources?: string[] }

const mostEntries = 10
const mostBytes = 1024 * 1024

const isJsonObject = (text: string) => {
  const value = parseJson(text)
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

const isWhole = ({ Source, DetailType, Detail }: Entry) => !!(Source && DetailType && Detail)

/** Why PutEvents refuses an entry, in the words of its response; undefined for a valid entry. */
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

type Bus = {
  putEvent: (event: object) => unknown
  rules: () => { name: string; enabled: boolean; pattern?: object; schedule?: string }[]
}

/** EventBridge's operations, for the endpoint, with the default event bus. */
export const eventBridge = ({ putEvent, rules }: Bus) => ({
  ListRules: (world: World, { NamePrefix = '', NextToken = '0', Limit = 100 }: ListRulesRequest) => {
    const named = rules().filter(({ name }) => name.startsWith(NamePrefix))
    const end = Number(NextToken) + Limit
    return {
      Rules: named.slice(Number(NextToken), end).map(({ name, enabled, pattern, schedule }) => ({
        Name: name,
        Arn: `arn:aws:events:${world.region}:${world.managementAccountId}:rule/${name}`,
        State: enabled ? 'ENABLED' : 'DISABLED',
        ...(pattern && { EventPattern: JSON.stringify(pattern) }),
        ...(schedule && { ScheduleExpression: schedule }),
        EventBusName: 'default',
      })),
      ...(end < named.length && { NextToken: String(end) }),
    }
  },
  PutEvents: (world: World, { Entries = [] }: { Entries?: Entry[] }) => {
    checkEntries(Entries)
    const answers = Entries.map((entry) => {
      const refusal = refusalOf(entry)
      if (refusal) return refusal
      const { Source = '', DetailType = '', Detail = '', Resources = [] } = entry
      const detail = JSON.parse(Detail) as object
      const event = busEvent(world, { source: Source, detailType: DetailType, resources: Resources, detail })
      putEvent(event)
      return { EventId: event.id }
    })
    return { FailedEntryCount: answers.filter((answer) => 'ErrorCode' in answer).length, Entries: answers }
  },
})
