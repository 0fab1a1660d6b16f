import { readFileSync, readdirSync } from 'node:fs'
import path from 'node:path'
import * as fc from 'fast-check'

// The inputs of the doors: real events and requests with some parts changed, and JSON of any kind.

const folder = path.join(import.meta.dirname, '..', 'samples')
const samples = readdirSync(folder).map(
  (file) => JSON.parse(readFileSync(path.join(folder, file), 'utf8')) as Record<string, unknown>,
)
export const accountId = '444455556666'
const ofThisOrganization = (text: string) =>
  text.replaceAll(/(?<!\d)\d{12}(?!\d)/g, (id) => (id === '111122223333' ? id : accountId))
const events = samples
  .filter((sample) => 'detail-type' in sample)
  .map((sample) => JSON.parse(ofThisOrganization(JSON.stringify(sample))) as object)

/** Text that reveals a mail or a page that does not escape it. */
export const markup = '<fuzz>'

const nasty = fc.constantFrom(
  markup,
  `"><img src=x onerror=fuzz()>${markup}`,
  `javascript:fuzz()//${markup}`,
  `{{userName}}${markup}`,
  '$& $1 {{{advice}}}',
  'ada@example.com\r\nBcc: eve@example.net',
  '=cmd|"/c calc"!A0',
  '__proto__',
  'constructor',
  'toString',
  '\u0000',
  '\u202egnp.exe',
  '👩‍👩‍👧‍👦'.repeat(3),
  'İstanbul ß ﬁ',
  '\ud800',
  '%00%0a',
  "'; DROP TABLE accounts; --",
  '${jndi:ldap://x}',
  '-rf',
  '../..',
  '',
  ' ',
  'arn:aws:iam::aws:policy/AdministratorAccess',
  '111122223333',
  '999999999999',
  '333333333333',
  '222222222222',
  '44445555666',
  'ada'.repeat(200),
)
const anyText = fc.oneof(nasty, fc.string({ unit: 'binary', maxLength: 40 }), fc.string({ maxLength: 20 }))
const anyJson = fc.oneof(
  { weight: 4, arbitrary: anyText },
  { weight: 2, arbitrary: fc.oneof(fc.integer(), fc.double({ noNaN: true, noDefaultInfinity: true }), fc.boolean()) },
  { weight: 2, arbitrary: fc.jsonValue({ maxDepth: 3 }) },
  { weight: 1, arbitrary: fc.constant(null) },
  { weight: 1, arbitrary: fc.array(anyText, { minLength: 20, maxLength: 60 }) },
  { weight: 1, arbitrary: fc.dictionary(anyText, anyText, { maxKeys: 5, noNullPrototype: true }) },
)

type Json = unknown
const isObject = (value: Json): value is Record<string, Json> => typeof value === 'object' && value !== null

/** The paths to all places in a JSON value. */
const placesIn = (value: Json, place: string[] = []): string[][] => [
  place,
  ...(isObject(value) ? Object.entries(value).flatMap(([key, member]) => placesIn(member, [...place, key])) : []),
]

/** Sets `__proto__` as an ordinary key, as parsed JSON has it. A list has no keys. */
const set = (target: Record<string, Json> | Json[], key: string, value: Json) =>
  Array.isArray(target)
    ? (target.push(value), target)
    : Object.defineProperty(target, key, { value, enumerable: true, configurable: true, writable: true })

type Change = { at: number; what: 'replace' | 'remove' | 'add' | 'wrap' | 'copy'; key: string; value: Json }
const change: fc.Arbitrary<Change> = fc.record({
  at: fc.nat(),
  what: fc.constantFrom('replace', 'replace', 'replace', 'remove', 'add', 'wrap', 'copy'),
  key: anyText,
  value: anyJson,
})

const changed = (original: Json, { at, what, key, value }: Change): Json => {
  const copy = structuredClone(original)
  const places = placesIn(copy)
  const place = places[at % places.length] ?? []
  const name = place.at(-1)
  if (name === undefined)
    return what === 'add' && isObject(copy) ? set(copy, key, value) : what === 'wrap' ? [copy] : copy
  let parent = copy as Record<string, Json>
  for (const step of place.slice(0, -1)) parent = parent[step] as Record<string, Json>
  const there = parent[name]
  if (what === 'remove') delete parent[name]
  else if (what === 'add' && isObject(there)) set(there, key, value)
  else if (what === 'wrap') parent[name] = [there]
  else if (what === 'copy') set(parent, key, there)
  else parent[name] = value
  return copy
}

const mutated = (original: fc.Arbitrary<Json>) =>
  fc.tuple(original, fc.array(change, { maxLength: 4 })).map(([value, changes]) => changes.reduce<Json>(changed, value))

const name = fc.constantFrom('ada', 'Ada', 'grace.h', 'Administrator', 'a+b=c', 'x'.repeat(64))
const someOf = (...choices: string[]) => fc.subarray(choices)
const document = {
  Version: '2012-10-17',
  Statement: [{ Effect: 'Allow', Action: 's3:ListAllMyBuckets', Resource: '*' }],
}
const anAdmin = fc.record(
  {
    userName: name,
    email: fc.constantFrom('ada@example.com', 'Grace@Example.com', 'a.b+c@example.com'),
    groups: someOf('Administrators', 'Readers'),
    policies: someOf('ReadOnlyAccess', 'arn:aws:iam::aws:policy/SecurityAudit'),
    tags: fc.dictionary(fc.constantFrom('Team', 'Cost Center', 'Größe'), fc.constantFrom('red', 'ü é', '')),
    passwordResetRequired: fc.boolean(),
  },
  { requiredKeys: ['userName', 'email'] },
)
const aGroup = fc.record(
  {
    name: fc.constantFrom('Readers', 'Auditors'),
    policies: someOf('ReadOnlyAccess', 'SecurityAudit'),
    inline: fc.constantFrom({}, { list: document }),
  },
  { requiredKeys: ['name'] },
)
const aRequest = fc.record(
  {
    admins: fc.uniqueArray(anAdmin, { minLength: 1, maxLength: 3, selector: ({ userName }) => userName.toLowerCase() }),
    groups: fc.uniqueArray(aGroup, { maxLength: 2, selector: ({ name }) => name }),
    again: fc.boolean(),
  },
  { requiredKeys: [] },
)

/** Usually the account to vend; sometimes the management account, a protected, a suspended or an unknown account. */
const anId = fc.oneof(
  { weight: 8, arbitrary: fc.constant(accountId) },
  { weight: 2, arbitrary: fc.constantFrom('111122223333', '222222222222', '333333333333', '999999999999') },
)

/** So deep that recursive code could overflow the stack. The API takes the shorter texts, and reads no longer ones. */
const deepText = fc.constantFrom(
  `${'['.repeat(100_000)}${']'.repeat(100_000)}`,
  `${'{"a":'.repeat(50_000)}1${'}'.repeat(50_000)}`,
  `${'['.repeat(32_000)}${']'.repeat(32_000)}`,
  `${'{"a":'.repeat(10_000)}1${'}'.repeat(10_000)}`,
)
export const manyUnknown = JSON.stringify(Object.fromEntries(Array.from({ length: 5000 }, (_, i) => [`${i}`, i])))
const hugeText = fc.constantFrom(
  JSON.stringify({ admins: Array.from({ length: 5000 }, (_, i) => ({ userName: `u${i}`, email: 'ada@example.com' })) }),
  JSON.stringify({ again: 'x'.repeat(300_000) }),
  manyUnknown,
)

/** An event as EventBridge would deliver it. */
export const event = mutated(fc.constantFrom<object[]>(...events))

/** The input of an execution: a request, an event, or anything. */
export const executionInput = fc
  .oneof(
    {
      weight: 6,
      arbitrary: mutated(fc.tuple(anId, aRequest).map(([accountId, request]) => ({ accountId, ...request }))),
    },
    {
      weight: 1,
      arbitrary: mutated(fc.record({ accountId: anId, renew: fc.constantFrom('ada', 'Administrator', 'constructor') })),
    },
    { weight: 2, arbitrary: event },
    { weight: 2, arbitrary: anyJson },
  )
  // The local engine treats these values as a missing input; Step Functions passes them on.
  .filter((input) => ![null, '', 0, false].includes(input as null))

/** The input of a step, as text, because it is too deep for the code that would copy it on its way. */
export const deepInput = fc
  .tuple(
    deepText,
    fc.constantFrom(
      '{"accountId":"444455556666","admins":@}',
      '@',
      '{"detail-type":"x","source":"aws.organizations","detail":{"eventName":"AccountJoinedOrganization","x":@}}',
    ),
  )
  .map(([deep, frame]) => frame.replace('@', deep))

const bodyOf = (request: fc.Arbitrary<Json>) =>
  fc.oneof(
    {
      weight: 300,
      arbitrary: fc.oneof(
        { weight: 6, arbitrary: mutated(request).map((request) => JSON.stringify(request) ?? '') },
        { weight: 4, arbitrary: request.map((request) => JSON.stringify(request)) },
        { weight: 1, arbitrary: anyJson.map((json) => JSON.stringify(json)) },
        { weight: 1, arbitrary: anyText },
      ),
    },
    { weight: 1, arbitrary: deepText },
    { weight: 1, arbitrary: hugeText },
  )
const key = fc.option(fc.oneof(fc.constant('key-1'), anyText), { nil: undefined })
/** A request that API Gateway passes on. A few bodies are very deep or huge; more of them would take too long. */
export const apiRequest = fc.record({
  method: fc.constantFrom('POST', 'POST', 'POST', 'GET'),
  pathId: fc.oneof({ weight: 5, arbitrary: anId }, { weight: 1, arbitrary: anyText }),
  /** The user of a request for a new link. */
  pathUser: fc.option(fc.oneof(fc.constantFrom('ada', 'Administrator', 'constructor'), anyText), {
    freq: 3,
    nil: undefined,
  }),
  key,
  body: bodyOf(aRequest),
  isBase64Encoded: fc.boolean(),
})
export type ApiRequest = typeof apiRequest extends fc.Arbitrary<infer T> ? T : never

const aContact = fc.record({
  name: fc.constantFrom('Ada', 'Größe', 'x'.repeat(64)),
  title: fc.constantFrom('CISO', 'x'.repeat(50)),
  email: fc.constantFrom('ada@example.com', 'Grace@Example.com'),
  phone: fc.constantFrom('+49 (30) 123-4', '1'),
})
const anOpening = fc.record(
  {
    name: fc.constantFrom('Payments', 'a', `${'x'.repeat(49)}~`, `"'$\\{}[]`),
    email: fc.constantFrom('new@example.com', 'a!#$*+-/=?^_`{}~@example.com', 'New.One@EXAMPLE.com', 'x@example.com'),
    ou: fc.constantFrom(
      'Workloads',
      'Workloads/Sandbox',
      'ou-exam-workload',
      'ou-exam-security',
      'Nowhere',
      'a/b/c/d/e',
    ),
    tags: fc.dictionary(fc.constantFrom('Team', 'Größe', 'constructor', 'toString'), fc.constantFrom('red', 'ü é', '')),
    alternateContacts: fc.record({ billing: aContact, operations: aContact, security: aContact }, { requiredKeys: [] }),
    admins: fc.uniqueArray(anAdmin, { minLength: 1, maxLength: 2, selector: ({ userName }) => userName.toLowerCase() }),
    groups: fc.uniqueArray(aGroup, { maxLength: 2, selector: ({ name }) => name }),
  },
  { requiredKeys: ['name', 'email'] },
)
const aCursor = fc
  .oneof(
    fc.record({
      pk: fc.constantFrom('account#444455556666', 'account#1', 'request#0'),
      status: fc.constantFrom('VENDED', 'FAILED', 'x'),
      accountName: anyText,
    }),
    anyJson,
  )
  .map((json) => Buffer.from(JSON.stringify(json)).toString('base64url'))

const aDecision = fc.record(
  { decision: fc.constantFrom('approve', 'decline'), reason: fc.oneof(fc.constant('Use the shared one'), anyText) },
  { requiredKeys: ['decision'] },
)

/** A request to a route about new accounts. */
export const openingRequest = fc.record({
  route: fc.constantFrom(
    ...Array<string>(6).fill('POST /accounts'),
    'GET /accounts',
    'GET /requests/{requestId}',
    'POST /requests/{requestId}/approval',
  ),
  as: fc.constantFrom('operator', 'requester'),
  key,
  requestId: fc.oneof(fc.constant('0123456789abcdef'.repeat(2)), anyText),
  query: fc.record(
    { status: fc.oneof(fc.constant('VENDED'), anyText), cursor: fc.oneof(aCursor, anyText) },
    { requiredKeys: [] },
  ),
  body: fc.oneof({ weight: 9, arbitrary: bodyOf(anOpening) }, { weight: 1, arbitrary: bodyOf(aDecision) }),
  isBase64Encoded: fc.boolean(),
})
export type OpeningRequest = typeof openingRequest extends fc.Arbitrary<infer T> ? T : never

/**
 * A request for an account, and what approvers decide about it. Without an id, a decision is about this request.
 * Most requests are accepted and most decisions are valid: otherwise too few inputs get to a second, other decision.
 */
export const approvalRequest = fc.record({
  as: fc.constantFrom('operator', 'requester'),
  body: fc
    .oneof(
      {
        weight: 4,
        arbitrary: fc.record({ name: fc.constant('Payments'), email: fc.constant('new@example.com') }),
      },
      { weight: 1, arbitrary: anOpening },
    )
    .map((opening) => JSON.stringify(opening)),
  decisions: fc.array(
    fc.record({
      requestId: fc.oneof(
        { weight: 4, arbitrary: fc.constant(undefined) },
        { weight: 1, arbitrary: fc.oneof(fc.constant('0123456789abcdef'.repeat(2)), anyText) },
      ),
      body: fc.oneof(
        { weight: 4, arbitrary: fc.constantFrom('{"decision":"approve"}', '{"decision":"decline"}') },
        { weight: 1, arbitrary: bodyOf(aDecision) },
      ),
      isBase64Encoded: fc.boolean(),
    }),
    { maxLength: 4 },
  ),
})
export type ApprovalRequest = typeof approvalRequest extends fc.Arbitrary<infer T> ? T : never
