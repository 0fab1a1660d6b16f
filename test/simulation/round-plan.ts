import { faultKinds, type Plan } from './plan.ts'
import { oneOf, type Rng, someOf } from './random.ts'
import { sweepAt } from './sweeps.ts'

// A world with virtual days: each day the daily round runs. Times are seconds from the world's beginning.

/** The configurations of these worlds, each as often as it is drawn. */
export const roundConfigs: Plan['config'][] = ['rounds', 'rounds', 'plain', 'groups', 'groups']

const driftKinds = [
  'group-gone',
  'policy-detached',
  'policy-added',
  'member-added',
  'user-gone',
  'mfa-off',
  'password-policy-weaker',
  'tags-changed',
  'access-role-missing',
  'account-refuses',
  'root-credentials',
] as const
export type DriftKind = (typeof driftKinds)[number]

/** What somebody changes by hand in an account, and when somebody mends it. */
export type Drift = { at: number; mendedAt?: number; accountId: string; kind: DriftKind }
/** What an operator asks to take out of an account. */
export type RemovalAsk = {
  at: number
  accountId: string
  remove: { what: 'sign-in' | 'everything'; userName?: string; lastWayIn?: boolean }
}

export type RoundPlan = Plan & {
  /** How many days the world has. `sweeps` says how often the schedule fires on each. */
  days: number
  drifts: Drift[]
  removals: RemovalAsk[]
  /** When an operator starts a round besides the schedule. */
  extraRounds: number[]
  /** When somebody repeats the first request of an account, so that what is missing is made again. */
  repairs: { at: number; accountId: string }[]
  /** How likely it is that somebody signs in just when FollowUp has started the removal of their sign-in. */
  lateComers: number
  /** How likely it is that the operator redrives a failed round soon after its notice. */
  redrivesRounds: number
}

const day = 24 * 3600
const userNames = ['ada', 'grace']

/** Within minutes of the round of the nth day. */
const besideRound = (random: Rng, nth: number) => sweepAt(nth) + (random() - 0.3) * 180

/** The drifts that keep this service out of an account. They are mended before everything heals. */
export const keepsOut: DriftKind[] = ['access-role-missing', 'account-refuses']

export const drawRoundPlan = (seed: number, random: Rng): RoundPlan => {
  const chance = (probability: number) => random() < probability
  const config = oneOf(random, roundConfigs)
  const days = (config === 'rounds' ? 6 : 4) + Math.floor(random() * 4)
  // The last rounds meet no fault: then every promise must hold.
  const heals = (1 + Math.floor(random() * (days - 2))) * day
  const isQuiet = chance(0.3)
  const accounts = Array.from({ length: oneOf(random, [1, 1, 2]) }, (_, i) => ({
    id: `${500 + i}000000000`.slice(0, 11) + String(Math.floor(random() * 10)),
    name: `Account ${i}`,
    joinedMethod: 'CREATED' as const,
    roleUsableAfter: 0,
    refusal: '',
    policiesAfter: 0,
    joinSeenAfter: 0,
    foreign: {
      ...(chance(0.4) && {
        user: { name: 'grace', path: oneOf(random, ['/', '/account-vending/']), signsIn: chance(0.7) },
      }),
    },
  }))
  const someAccount = () => oneOf(random, accounts).id
  const someTime = () => oneOf(random, [random() * days * day, besideRound(random, Math.floor(random() * days))])
  const drifts = Array.from({ length: oneOf(random, [0, 1, 1, 2]) }, (): Drift => {
    const kind = oneOf(random, driftKinds)
    const at = someTime()
    const mendedAt = keepsOut.includes(kind) ? Math.min(heals, at + random() * 3 * day) : at + random() * 4 * day
    const lasts = !keepsOut.includes(kind) && chance(0.5)
    return { at, ...(!lasts && { mendedAt }), accountId: someAccount(), kind }
  }).filter(({ at, kind }) => at < heals || !keepsOut.includes(kind))
  const removals = Array.from({ length: oneOf(random, [0, 0, 1, 1, 2]) }, (): RemovalAsk => ({
    at: someTime(),
    accountId: someAccount(),
    remove: {
      what: oneOf(random, ['sign-in', 'everything']),
      ...(chance(0.5) && { userName: oneOf(random, userNames) }),
      ...(chance(0.7) && { lastWayIn: true }),
    },
  }))
  // While a round is at work, beside a round, or while a removal is at work.
  const stops = [
    ...(chance(0.5) ? [sweepAt(Math.floor(random() * (heals / day))) + random() * oneOf(random, [2, 2, 180])] : []),
    ...removals.flatMap(({ at }) => (chance(0.4) ? [at + random() * 1.5] : [])),
  ].filter((at) => !isQuiet && at < heals)
  return {
    seed,
    config,
    days,
    accounts,
    arrivals: accounts.flatMap(({ id }) => {
      // The event of an account may be lost: then the first sweep starts the vend.
      if (chance(0.1)) return []
      const admins = someOf(random, userNames).map((userName) => ({ userName, email: `${userName}@example.com` }))
      return [{ at: random() * 60, door: 'manual' as const, accountId: id, request: { admins } }]
    }),
    drifts,
    removals,
    extraRounds: chance(0.2) ? [random() * days * day] : [],
    repairs: chance(0.2) ? [{ at: someTime(), accountId: someAccount() }] : [],
    lateComers: oneOf(random, [0.3, 0.9]),
    redrivesRounds: oneOf(random, [0.3, 0.9]),
    faults: {
      kinds: isQuiet
        ? []
        : someOf(
            random,
            faultKinds.filter((kind) => !kind.startsWith('ses-')),
          ),
      rate: oneOf(random, [0.01, 0.03, 0.06]),
      ses: 'well',
    },
    staleness: isQuiet ? 0 : oneOf(random, [0, 0, 0.1]),
    stops,
    redrives: [],
    heals,
    isPrompt: false,
    isImpatient: false,
    people: oneOf(random, [0, 0.3, 0.7]),
    deletions: 0,
    probes: false,
    sweeps: Array.from({ length: days }, (_, nth) => (nth * day < heals && !isQuiet ? oneOf(random, [1, 1, 1, 2]) : 1)),
    visits: {
      scanner: 0,
      owner: oneOf(random, [0, 0, 0.5]),
      thief: oneOf(random, [0, 0, 0.3]),
      guesser: 0,
      renewal: oneOf(random, [0, 0, 0.3]),
      lost: isQuiet ? 0 : oneOf(random, [0, 0.1]),
    },
    fates: {
      delayed: 0,
      bounced: oneOf(random, [0, 0, 0.3]),
      complained: oneOf(random, [0, 0, 0.2]),
      late: 0,
      twice: 0,
    },
  }
}
