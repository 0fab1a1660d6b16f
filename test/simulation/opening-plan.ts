import { faultKinds, type Plan } from './plan.ts'
import { oneOf, type Rng, someOf } from './random.ts'
import { nextSweepDay } from './sweeps.ts'

// A world in which people ask for accounts that do not exist yet. Times are seconds from the world's beginning.

/** What somebody asks for: the body of POST /accounts. */
export type Body = {
  name: string
  email: string
  ou?: string
  tags?: Record<string, string>
  alternateContacts?: Record<string, { name: string; title: string; email: string; phone: string }>
  admins?: { userName: string; email: string }[]
}
export type OpeningAsk = { at: number; door: 'manual' | 'api'; body: Body }

export type OpeningPlan = Plan & {
  asks: OpeningAsk[]
  /** The addresses of accounts that somebody else made. */
  taken: string[]
  /** Why Organizations cannot create the first account with an address. */
  failures: Record<string, FailureReason>
  /** The organization may have no more accounts from `at` on, for so many seconds. */
  quota?: { at: number; seconds: number }
  /** While another program calls Organizations too often, Organizations throttles everybody. */
  busy: { at: number; seconds: number }[]
  /** How likely the answer to CreateAccount is lost, besides the other faults. */
  lostCreations: number
  /** How likely each is for the event about a new account. */
  events: { lost: number; late: number; twice: number }
  /** How likely it is that somebody asks again after a failure notice, half of them for something else. */
  anew: number
  /** With approval: how likely an approver approves, declines, or leaves a request undecided. */
  approval: { approves: number; declines: number }
  /** How likely it is that somebody starts the execution of a request that nobody has approved. */
  goesAround: number
}

type FailureReason =
  'INTERNAL_FAILURE' | 'CONCURRENT_ACCOUNT_MODIFICATION' | 'INVALID_ADDRESS' | 'UNKNOWN_BUSINESS_VALIDATION'
const passing: FailureReason[] = ['INTERNAL_FAILURE', 'CONCURRENT_ACCOUNT_MODIFICATION']
/** Whether a reason passes by itself. The others wait for a person. */
export const isPassing = (reason: FailureReason) => passing.includes(reason)

const hour = 3600
const none = { scanner: 0, owner: 0, thief: 0, guesser: 0, renewal: 0, lost: 0 }
const noFates = { delayed: 0, bounced: 0, complained: 0, late: 0, twice: 0 }
const contact = { name: 'Ada', title: 'CISO', email: 'security@example.com', phone: '+49 30 1234' }

const drawBody = (random: Rng, config: Plan['config'], i: number): Body => ({
  // Few names, so that accounts of one name are created beside each other.
  name: oneOf(random, ['Sandbox', 'Sandbox', 'Payments', `Account ${i}`]),
  email: `${oneOf(random, ['sandbox', 'Payments'])}-${i}@example.com`,
  ...((config === 'control-tower' || random() < 0.5) && {
    ou: oneOf(random, ['Workloads/Sandbox', 'ou-exam-production']),
  }),
  ...(random() < 0.4 && { tags: { CostCenter: oneOf(random, ['42', '43']) } }),
  ...(random() < 0.4 && {
    alternateContacts: Object.fromEntries(someOf(random, ['billing', 'security']).map((type) => [type, contact])),
  }),
  ...(random() < 0.3 && { admins: [{ userName: 'ada', email: 'ada@example.com' }] }),
})

/** The same address with another body. */
export const otherBody = (body: Body): Body => ({ ...body, tags: { ...body.tags, Asked: 'again' } })

const drawAsks = (random: Rng, config: Plan['config']) => {
  const count = oneOf(random, [1, 2, 2, 3, 4, 5, 6])
  const together = random() < 0.6
  return Array.from({ length: count }, (_, i) => drawBody(random, config, i)).flatMap((body): OpeningAsk[] => {
    const at = together ? random() * 2 : random() * oneOf(random, [60, hour])
    // With approval, a manual execution is refused.
    const door = () => (config === 'approval' && random() < 0.85 ? 'api' : oneOf(random, ['manual', 'api'] as const))
    const first: OpeningAsk = { at, door: door(), body }
    if (random() < 0.7) return [first]
    const after = oneOf(random, [0, random() * 60, hour + random() * 24 * hour])
    return [first, { at: at + after, door: door(), body: random() < 0.7 ? body : otherBody(body) }]
  })
}

export const drawOpeningPlan = (seed: number, random: Rng): OpeningPlan => {
  const config = oneOf(random, ['plain', 'plain', 'control-tower', 'approval'] as const)
  const asks = drawAsks(random, config)
  const emails = [...new Set(asks.map(({ body }) => body.email))]
  const chance = (probability: number) => random() < probability
  const isQuiet = chance(0.25)
  const taken = emails.filter(() => chance(0.08))
  const reasons = [
    'INTERNAL_FAILURE',
    'CONCURRENT_ACCOUNT_MODIFICATION',
    'INVALID_ADDRESS',
    'UNKNOWN_BUSINESS_VALIDATION',
  ] as const
  const failures = Object.fromEntries(
    emails.flatMap((email) =>
      !taken.includes(email) && chance(0.15) ? [[email.toLowerCase(), oneOf(random, reasons)]] : [],
    ),
  )
  const heals = oneOf(random, [3 * hour, 30 * hour, 100 * hour])
  const isLong = chance(0.3)
  return {
    seed,
    config,
    accounts: [],
    arrivals: [],
    asks,
    taken,
    failures,
    ...(chance(0.15) && {
      quota: { at: random() * 60, seconds: oneOf(random, [hour, 20 * hour, ...(isLong ? [8 * 24 * hour] : [])]) },
    }),
    busy: isQuiet
      ? []
      : Array.from({ length: oneOf(random, [0, 0, 1, 2, 4]) }, () => ({
          at: random() * oneOf(random, [60, 600]),
          seconds: 5 + random() * 40,
        })),
    lostCreations: isQuiet ? 0 : oneOf(random, [0, 0.3, 0.6]),
    events: isQuiet ? { lost: 0, late: 0, twice: 0 } : { lost: 0.15, late: 0.3, twice: 0.2 },
    anew: isQuiet ? 0 : oneOf(random, [0, 0.3, 0.7]),
    approval: oneOf(random, [
      { approves: 1, declines: 0 },
      { approves: 0.7, declines: 0.2 },
    ]),
    goesAround: oneOf(random, [0, 0.4]),
    faults: {
      kinds: isQuiet
        ? []
        : someOf(
            random,
            faultKinds.filter((kind) => !kind.startsWith('ses')),
          ),
      rate: oneOf(random, [0.01, 0.02, 0.04, 0.08]),
      ses: 'well',
    },
    staleness: isQuiet ? 0 : oneOf(random, [0, 0, 0.1, 0.5]),
    stops: !isQuiet && chance(0.4) ? [oneOf(random, asks).at + random() * oneOf(random, [6, 60, 300])] : [],
    redrives: isQuiet
      ? []
      : Array.from(
          { length: oneOf(random, [0, 0, 1, 2]) },
          () => oneOf(random, [300, 5 * hour]) * (0.5 + random()),
        ).sort((a, b) => a - b),
    heals,
    isPrompt: !isQuiet && chance(0.3),
    isImpatient: false,
    people: 0,
    deletions: 0,
    probes: false,
    sweeps: chance(0.3) ? Array.from({ length: Math.min(3, nextSweepDay(heals)) }, () => oneOf(random, [1, 1, 2])) : [],
    visits: none,
    fates: noFates,
  }
}
