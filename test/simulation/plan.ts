import { type Rng, oneOf, someOf } from './random.ts'

// What happens in one small world, decided by its seed before it begins. Times are seconds from its beginning.

export const faultKinds = [
  'throttled',
  'server-error',
  'reset-before-effect',
  'reset-after-effect',
  'slow',
  'slower-than-timeout',
  'killed-before-effect',
  'killed-after-effect',
  'boundary-before',
  'boundary-after',
  'created-but-refused',
  'iam-not-ready',
  'ses-throttled',
  'ses-refused',
  'ses-quota',
] as const
export type FaultKind = (typeof faultKinds)[number]

export type Door = 'created' | 'joined' | 'managed-create' | 'managed-update' | 'manual' | 'api'
export type Arrival = {
  at: number
  door: Door
  accountId: string
  /** For the manual door and the API: the request. */
  request: { admins?: AdminAsked[]; again?: boolean }
}
type AdminAsked = {
  userName: string
  email: string
  groups?: string[]
  policies?: string[]
  tags?: Record<string, string>
}

export type AccountPlan = {
  id: string
  name: string
  joinedMethod: 'CREATED' | 'INVITED'
  /** Until when the access role refuses, and under which name. */
  roleUsableAfter: number
  refusal: string
  /** The account has a password policy that asks for so many characters. */
  minimumPasswordLength?: number
  foreign: { user?: { name: string; path: string; signsIn: boolean }; group?: { name: string; policy: string } }
  /** A secret of this user's name is there already, scheduled for deletion. */
  scheduledSecretOf?: string
  /** A service control policy that forbids users: lifted when the world heals, or never. */
  denied?: 'for-a-while' | 'for-good'
  /** The account is suspended at this time, for good. */
  suspendedAt?: number
}

export type Plan = {
  seed: number
  config: 'plain' | 'groups' | 'control-tower'
  accounts: AccountPlan[]
  arrivals: Arrival[]
  /** Which faults this world knows, and how likely one is at each call or boundary. */
  faults: { kinds: FaultKind[]; rate: number; ses: 'well' | FaultKind }
  staleness: number
  /** When an operator stops whatever runs. */
  stops: number[]
  /** When failed executions are redriven while faults go on, and how long after that everything heals. */
  redrives: number[]
  heals: number
  /** How likely a person signs in after a mail, chooses a password, and has the secret deleted. */
  people: number
  /** Whether each account is vended once more at the end, for somebody else. */
  probes: boolean
  /** When somebody makes a user in an account by hand. */
  intrusion?: { at: number; accountId: string; userName: string }
}

/** What each config's vending.yml has beside the example's. */
export const configs: Record<Plan['config'], object> = {
  plain: { automatic: 'organizations' },
  groups: {
    automatic: 'organizations',
    passwordResetRequired: false,
    groups: [
      { name: 'Administrators', policies: ['AdministratorAccess'] },
      { name: 'Readers', policies: ['ReadOnlyAccess'] },
    ],
  },
  'control-tower': { automatic: 'control-tower' },
}

const refusals = [
  'AccessDenied',
  'RegionDisabledException',
  'OptInRequired',
  'SubscriptionRequiredException',
  'InvalidClientTokenId',
]
const userNames = ['ada', 'grace', 'Administrator']

const drawAccount = (random: Rng, i: number): AccountPlan => {
  const joinedMethod = random() < 0.85 ? 'CREATED' : 'INVITED'
  const chance = (probability: number) => random() < probability
  const longest = joinedMethod === 'CREATED' ? 600 : 200
  return {
    id: `${400 + i}000000000`.slice(0, 11) + String(Math.floor(random() * 10)),
    name: `Account ${i}`,
    joinedMethod,
    // An invited account's role is made by a person: soon, or the vend waits for it by a redrive.
    roleUsableAfter: oneOf(random, [0, 0, 0, 0, 0, 0, 0, 10, 60, chance(0.2) ? longest : 30]) * random(),
    refusal: oneOf(random, refusals),
    ...(chance(0.1) && { minimumPasswordLength: 40 }),
    foreign: {
      ...(chance(0.2) && {
        user: {
          name: oneOf(random, ['Ada', 'administrator', 'grace']),
          path: oneOf(random, ['/', '/account-vending/']),
          signsIn: chance(0.5),
        },
      }),
      ...(chance(0.15) && {
        group: {
          name: oneOf(random, ['Administrators', 'administrators']),
          policy: oneOf(random, ['AdministratorAccess', 'AdministratorAccess', 'ReadOnlyAccess']),
        },
      }),
    },
    ...(chance(0.1) && { scheduledSecretOf: oneOf(random, ['administrator', 'ada']) }),
    ...(chance(0.06) && { denied: oneOf(random, ['for-a-while', 'for-good'] as const) }),
    ...(chance(0.03) && { suspendedAt: random() * 120 }),
  }
}

const drawRequest = (random: Rng, config: Plan['config']): Arrival['request'] => {
  if (random() < 0.3) return random() < 0.2 ? { again: true } : {}
  const admin = (userName: string): AdminAsked => ({
    userName,
    email: `${userName.toLowerCase()}${random() < 0.1 ? '-new' : ''}@example.com`,
    ...(config === 'groups' && random() < 0.4 && { groups: ['Readers'] }),
    ...(random() < 0.2 && { policies: ['ReadOnlyAccess'] }),
    ...(random() < 0.2 && { tags: { Team: oneOf(random, ['red', 'blue']) } }),
  })
  return { admins: someOf(random, userNames).map(admin), ...(random() < 0.15 && { again: true }) }
}

const drawArrivals = (random: Rng, config: Plan['config'], accounts: AccountPlan[]) => {
  const events: Door[] = config === 'control-tower' ? ['managed-create', 'managed-update'] : ['created', 'joined']
  return accounts.flatMap(({ id, joinedMethod }) => {
    const count = oneOf(random, [1, 1, 1, 1, 1, 1, 1, 2, 2, 3])
    const first = random() * 30
    return Array.from({ length: count }, (): Arrival => {
      const door =
        random() < 0.45
          ? oneOf(random, joinedMethod === 'INVITED' && config !== 'control-tower' ? ['joined' as const] : events)
          : oneOf(random, ['manual', 'api'] as const)
      // At one moment, soon after, or late.
      const after = oneOf(random, [0, 0, random() * 10, random() * 120, 3600 + random() * 86_400])
      return {
        at: first + after,
        door,
        accountId: id,
        request: door === 'manual' || door === 'api' ? drawRequest(random, config) : {},
      }
    }).flatMap((arrival) => {
      const isEvent = arrival.door !== 'manual' && arrival.door !== 'api'
      return isEvent && random() < 0.3
        ? [arrival, { ...arrival, at: arrival.at + oneOf(random, [0, 0, random() * 60]) }]
        : [arrival]
    })
  })
}

export const drawPlan = (seed: number, random: Rng): Plan => {
  const config = oneOf(random, ['plain', 'plain', 'groups', 'control-tower'] as const)
  const accounts = Array.from({ length: random() < 0.92 ? 1 : 2 }, (_, i) => drawAccount(random, i))
  const isQuiet = random() < 0.2
  const hour = 3600
  return {
    seed,
    config,
    accounts,
    arrivals: drawArrivals(random, config, accounts),
    faults: {
      kinds: isQuiet ? [] : someOf(random, [...faultKinds]),
      rate: random() < 0.04 ? 0.15 : oneOf(random, [0.02, 0.03, 0.05, 0.08]),
      ses: random() < 0.04 ? oneOf(random, ['ses-refused', 'ses-quota'] as const) : 'well',
    },
    staleness: oneOf(random, [0, 0, 0.1, 0.5]),
    stops: random() < 0.2 ? [random() * 60] : [],
    redrives: Array.from(
      { length: oneOf(random, [0, 0, 0, 1, 2]) },
      () => oneOf(random, [5 * 60, 5 * hour, 50 * hour]) * (0.5 + random()),
    ).sort((a, b) => a - b),
    heals: oneOf(random, [hour, 30 * hour, 200 * hour]),
    people: oneOf(random, [0, 0.3, 0.8]),
    probes: random() < 0.1,
    ...(random() < 0.05 && {
      intrusion: { at: random() * 60, accountId: oneOf(random, accounts).id, userName: oneOf(random, userNames) },
    }),
  }
}
