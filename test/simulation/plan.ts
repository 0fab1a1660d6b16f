import { type Rng, oneOf, someOf } from './random.ts'
import { nextSweepDay, sweepAt } from './sweeps.ts'

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
  /** An event that CloudTrail never delivers. */
  isLost?: boolean
  /** An event that EventBridge has delivered already. */
  isTwice?: boolean
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
  /** From when on it forbids, if not from the beginning. */
  deniedAt?: number
  /** The account is suspended at this time, for good. */
  suspendedAt?: number
  /** The account is removed from the organization at this time, for good. */
  departsAt?: number
  /** The account was there before this service was installed: only a request vends it. */
  isOld?: boolean
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
  /** The operator goes on at once after the first failures that he is told of. */
  isPrompt: boolean
  /** The operator stops what hangs, and asks anew. */
  isImpatient: boolean
  /** How likely a person signs in after a mail, chooses a password, and has the secret deleted. */
  people: number
  /** Whether each account is vended once more at the end, for somebody else. */
  probes: boolean
  /**
   * How often the schedule of the sweep fires on each day until everything heals. After that it fires daily, until the end.
   * No days: this world has no sweep.
   */
  sweeps: number[]
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
const hour = 3600
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
  return accounts.flatMap((account) => {
    const { id, joinedMethod } = account
    const count = oneOf(random, [1, 1, 1, 1, 1, 1, 1, 2, 2, 3])
    const first = random() * 30
    const arrivals = Array.from({ length: count }, (): Arrival => {
      const door =
        random() < 0.45
          ? oneOf(random, joinedMethod === 'INVITED' && config !== 'control-tower' ? ['joined' as const] : events)
          : oneOf(random, ['manual', 'api'] as const)
      // At one moment, soon after, or late.
      const after = oneOf(random, [0, 0, random() * 10, random() * 120, hour + random() * 24 * hour])
      return {
        at: first + after,
        door,
        accountId: id,
        request: door === 'manual' || door === 'api' ? drawRequest(random, config) : {},
      }
    })
    // The same is asked for again, hours later; by then something may be forbidden.
    const [again] = arrivals
    if (random() < 0.1 && again) {
      const at = first + hour + random() * 24 * hour
      arrivals.push({ at, door: 'manual', accountId: id, request: { ...again.request, again: true } })
      if (random() < 0.5 && !account.denied) Object.assign(account, { denied: 'for-a-while', deniedAt: at - 60 })
    }
    return arrivals.flatMap((arrival) => {
      const isEvent = arrival.door !== 'manual' && arrival.door !== 'api'
      return isEvent && random() < 0.3
        ? [arrival, { ...arrival, at: arrival.at + oneOf(random, [0, 0, random() * 60]), isTwice: true }]
        : [arrival]
    })
  })
}

const isEvent = ({ door }: Arrival) => door !== 'manual' && door !== 'api'

/** Makes a world one in which the sweep runs: events are lost, accounts go, some were there before. */
const withSweeps = (random: Rng, plan: Plan): Plan => {
  const chance = (probability: number) => random() < probability
  const besideSweep = () => sweepAt(oneOf(random, [0, 0, 1])) + (random() - 0.5) * 20
  const someTime = () => oneOf(random, [random() * 120, besideSweep(), random() * 40 * hour])
  const heals = oneOf(random, [30 * hour, 30 * hour, 60 * hour, 200 * hour])
  const accounts = plan.accounts.map((account): AccountPlan => {
    const goes = chance(0.2) ? { departsAt: someTime() } : chance(0.2) ? { suspendedAt: someTime() } : {}
    return { ...account, ...goes, ...(chance(0.12) && { isOld: true }) }
  })
  const arrivals = accounts.flatMap(({ id }) => {
    const isLost = chance(0.6)
    const isAlone = chance(0.4)
    const own = plan.arrivals
      .filter((arrival) => arrival.accountId === id && (isEvent(arrival) || !isAlone))
      .map((arrival): Arrival => ({ ...arrival, ...(isLost && isEvent(arrival) && { isLost }) }))
    // Every account has an event; what comes late may come while the sweep runs.
    const door = plan.config === 'control-tower' ? 'managed-create' : 'joined'
    if (!own.some(isEvent)) own.push({ at: random() * 30, door, accountId: id, request: {}, isLost: true })
    return own.map((arrival) => (arrival.at > hour && chance(0.3) ? { ...arrival, at: besideSweep() } : arrival))
  })
  // The longest worlds have a few sweeps at their beginning, and those at the end.
  const days = Math.min(3, nextSweepDay(heals))
  const sweeps = Array.from({ length: days }, () => oneOf(random, [1, 1, 1, 2]))
  // The sweep makes few calls of each kind: for a fault at each there are worlds with many.
  const faults = { ...plan.faults, ...(chance(0.3) && { rate: 0.15 }) }
  return { ...plan, accounts, arrivals, faults, heals, sweeps }
}

export const drawPlan = (seed: number, random: Rng): Plan => {
  const config = oneOf(random, ['plain', 'plain', 'groups', 'control-tower'] as const)
  const accounts = Array.from({ length: random() < 0.92 ? 1 : 2 }, (_, i) => drawAccount(random, i))
  const isQuiet = random() < 0.2
  const arrivals = drawArrivals(random, config, accounts)
  const isImpatient = random() < 0.05
  const stops = random() < 0.2 ? [oneOf(random, arrivals).at + random() * oneOf(random, [6, 60])] : []
  // Somebody asks for the account right after its vend was stopped.
  if (random() < 0.5)
    for (const stop of stops)
      arrivals.push({
        at: stop + random() * 30,
        door: 'manual',
        accountId: oneOf(random, accounts).id,
        request: drawRequest(random, config),
      })
  const plan: Plan = {
    seed,
    config,
    accounts,
    arrivals,
    faults: {
      kinds: isImpatient ? ['slow'] : isQuiet ? [] : someOf(random, [...faultKinds]),
      rate: isImpatient ? 0.1 : random() < 0.04 ? 0.15 : oneOf(random, [0.02, 0.03, 0.05, 0.08]),
      ses: random() < 0.04 ? oneOf(random, ['ses-refused', 'ses-quota'] as const) : 'well',
    },
    staleness: oneOf(random, [0, 0, 0.1, 0.5]),
    stops,
    isPrompt: random() < 0.2,
    isImpatient,
    redrives: Array.from(
      { length: oneOf(random, [0, 0, 0, 1, 2]) },
      () => oneOf(random, [5 * 60, 5 * hour, 50 * hour]) * (0.5 + random()),
    ).sort((a, b) => a - b),
    heals: Math.max(
      oneOf(random, [hour, 30 * hour, 200 * hour]),
      ...accounts.map(({ deniedAt = 0 }) => deniedAt + 24 * hour * random()),
    ),
    people: oneOf(random, [0, 0.3, 0.8]),
    probes: random() < 0.1,
    sweeps: [],
    ...(random() < 0.05 && {
      intrusion: { at: random() * 60, accountId: oneOf(random, accounts).id, userName: oneOf(random, userNames) },
    }),
  }
  return random() < 0.2 ? withSweeps(random, plan) : plan
}
