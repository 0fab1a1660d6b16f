import type { MailFates } from './mail-events.ts'
import { type Rng, oneOf, someOf } from './random.ts'
import { nextSweepDay, sweepAt } from './sweeps.ts'

// Everything that happens in one small world. The seed decides it before the world begins. Times are seconds from
// that beginning.

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

const steps = [
  'accept-request',
  'create-admin-group',
  'store-password',
  'create-admin-user',
  'send-login-email',
  // Drawn twice as often: the other steps check the lease in one way, and only this step in another.
  'record-vended',
  'record-vended',
] as const
type Step = (typeof steps)[number]

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
  /** Until this time the access role cannot be assumed, and AssumeRole fails with the error `refusal`. */
  roleUsableAfter: number
  refusal: string
  /** For so many seconds after that, the role's policies are not in effect: IAM refuses what the role does. */
  policiesAfter: number
  /** For so many seconds AWS does not see that the account has joined: the functions may not assume its role. */
  joinSeenAfter: number
  /** The account has a password policy. */
  passwordPolicy?: { MinimumPasswordLength: number; MaxPasswordAge: number }
  foreign: { user?: { name: string; path: string; signsIn: boolean }; group?: { name: string; policy: string } }
  /** A secret for this user exists already, and is scheduled for deletion. */
  scheduledSecretOf?: string
  /** A service control policy forbids to create users: until the world heals, or for good. */
  denied?: 'for-a-while' | 'for-good'
  /** When that policy is attached, if it is not there from the beginning. */
  deniedAt?: number
  /** AWS suspends the account at this time: for good, or until `liftedAt`. */
  suspendedAt?: number
  liftedAt?: number | undefined
  /** The account is closed at this time, for good. */
  closedAt?: number
  /** The account is removed from the organization at this time, for good. */
  departsAt?: number
  /** The account joined before this service was installed: only a request vends it. */
  isOld?: boolean
}

/** How likely it is for each sign-in mail that somebody comes to the page of its link. */
export type Visits = {
  scanner: number
  /** The administrator, who may say that an earlier visit was not theirs. */
  owner: number
  /** Somebody else who has the mail. */
  thief: number
  /** Somebody with wrong digits. */
  guesser: number
  /** An operator mails a new link later. */
  renewal: number
  /** How likely it is that an answer of the page is lost on its way. */
  lost: number
}

export type Plan = {
  seed: number
  config: 'plain' | 'groups' | 'control-tower' | 'approval' | 'rounds'
  accounts: AccountPlan[]
  arrivals: Arrival[]
  /** Which faults happen in this world, and how likely one is at each call or invocation. */
  faults: { kinds: FaultKind[]; rate: number; ses: 'well' | FaultKind }
  staleness: number
  /** When an operator stops every execution that runs. */
  stops: number[]
  /** When an operator redrives failed executions while faults still happen. At `heals` all faults end. */
  redrives: number[]
  heals: number
  /** The operator redrives at once after the first two failure notices. */
  isPrompt: boolean
  /** The operator stops an execution with a slow call, and makes a new request. */
  isImpatient: boolean
  /**
   * The step `failing` fails at its first try, and the operator stops the execution before the retry. Then somebody
   * requests the account, and the operator redrives the stopped execution while the step `beside` of that request is
   * at work.
   */
  collision?: { failing: Step; request: Arrival['request']; beside: Step }
  /** How likely it is that a person signs in after a mail, chooses a password, and has the secret deleted. */
  people: number
  /** How likely it is that somebody deletes a person's console sign-in later, and requests a new one. */
  deletions: number
  /** Whether each account is vended once more at the end, for another administrator. */
  probes: boolean
  /**
   * How often the sweep's schedule fires on each day until everything heals. After that it fires once a day, until
   * the end. An empty list: this world has no sweep.
   */
  sweeps: number[]
  visits: Visits
  fates: MailFates
  /** When somebody creates a user in an account by hand. */
  intrusion?: { at: number; accountId: string; userName: string }
}

/** What each configuration's vending.yml changes in the example's. */
export const configs: Record<Plan['config'], object> = {
  plain: { automatic: 'organizations' },
  groups: {
    automatic: 'organizations',
    passwordResetRequired: false,
    linkDays: 1,
    groups: [
      { name: 'Administrators', policies: ['AdministratorAccess'] },
      { name: 'Readers', policies: ['ReadOnlyAccess'] },
    ],
  },
  'control-tower': {
    automatic: 'control-tower',
    mfa: 'required',
    passwordPolicy: { minimumPasswordLength: 14, requireSymbols: true, maxPasswordAge: 90 },
  },
  approval: {
    automatic: 'organizations',
    approval: 'required',
    approvers: ['arn:aws:iam::111122223333:role/account-approvers'],
  },
  rounds: {
    automatic: 'organizations',
    round: 'all',
    rootCredentials: 'audit',
    mfa: 'required',
    passwordPolicy: { minimumPasswordLength: 14 },
    linkDays: 2,
    reminders: [1, 3],
    unclaimed: { removeAfterDays: 5 },
  },
}

/** Whether a group that somebody made stands in the way: a vend uses such a group only if nothing must be added. */
export const isGroupInTheWay = ({ config }: Pick<Plan, 'config'>, { foreign: { group } }: AccountPlan) =>
  group !== undefined && (group.policy !== 'AdministratorAccess' || 'mfa' in configs[config])

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
    // A person creates the role of an invited account: soon, or the vend fails and is redriven later.
    roleUsableAfter: oneOf(random, [0, 0, 0, 0, 0, 0, 0, 10, 60, chance(0.2) ? longest : 30]) * random(),
    refusal: oneOf(random, refusals),
    policiesAfter: joinedMethod === 'CREATED' && chance(0.3) ? oneOf(random, [10, 120]) * random() : 0,
    joinSeenAfter: joinedMethod === 'INVITED' && chance(0.3) ? 20 * 60 * random() : 0,
    ...(chance(0.1) && { passwordPolicy: { MinimumPasswordLength: 40, MaxPasswordAge: 30 } }),
    foreign: {
      ...(chance(0.2) && {
        user: {
          name: oneOf(random, ['Ada', 'administrator', 'grace']),
          path: oneOf(random, ['/', '/account-vending/']),
          signsIn: chance(0.5),
        },
      }),
      ...(chance(0.2) && {
        group: {
          name: oneOf(random, ['Administrators', 'administrators']),
          policy: oneOf(random, ['AdministratorAccess', 'AdministratorAccess', 'ReadOnlyAccess']),
        },
      }),
    },
    ...(chance(0.1) && { scheduledSecretOf: oneOf(random, ['administrator', 'ada']) }),
    ...(chance(0.06) && { denied: oneOf(random, ['for-a-while', 'for-good'] as const) }),
    ...(chance(0.03) && drawSuspension(random, random() * 120)),
  }
}

/** A suspension that AWS lifts within two days; seldom one that stays. */
const drawSuspension = (random: Rng, suspendedAt: number) => ({
  suspendedAt,
  // Takes the place of the end of an earlier suspension.
  liftedAt: random() < 0.8 ? suspendedAt + random() * oneOf(random, [hour, 48 * hour]) : undefined,
})

/** Sometimes another address, and sometimes the same address in another case, which may belong to another person. */
const addressName = (userName: string, draw: number) => {
  const name = userName.toLowerCase()
  if (draw < 0.1) return `${name}-new`
  return draw < 0.15 ? name.toUpperCase() : name
}

const drawRequest = (random: Rng, config: Plan['config']): Arrival['request'] => {
  if (random() < 0.3) return random() < 0.2 ? { again: true } : {}
  const admin = (userName: string): AdminAsked => ({
    userName,
    email: `${addressName(userName, random())}@example.com`,
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
      // At the same moment as the first, soon after, or late.
      const after = oneOf(random, [0, 0, random() * 10, random() * 120, hour + random() * 24 * hour])
      return {
        at: first + after,
        door,
        accountId: id,
        request: door === 'manual' || door === 'api' ? drawRequest(random, config) : {},
      }
    })
    // Somebody asks for a repair while the same request is at work.
    const [again] = arrivals
    if (random() < 0.1 && again && !isEvent(again))
      arrivals.push({ ...again, at: first + random() * 10, request: { ...again.request, again: true } })
    // Hours later the same request comes again. By then a policy may forbid something.
    if (random() < 0.2 && again) {
      const at = first + hour + random() * 12 * hour
      arrivals.push({ at, door: 'manual', accountId: id, request: { ...again.request, again: true } })
      if (random() < 0.7 && !account.denied) Object.assign(account, { denied: 'for-a-while', deniedAt: at - 60 })
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

type Drawn = Omit<Plan, 'visits' | 'fates'>

/**
 * Adds the sweep to a world: events are lost, accounts leave, are closed or suspended, and some joined before the
 * installation.
 */
const withSweeps = (random: Rng, plan: Drawn): Drawn => {
  const chance = (probability: number) => random() < probability
  const besideSweep = () => sweepAt(oneOf(random, [0, 0, 1])) + (random() - 0.5) * 20
  const someTime = () => oneOf(random, [random() * 120, besideSweep(), random() * 40 * hour])
  const heals = oneOf(random, [30 * hour, 30 * hour, 60 * hour, 200 * hour])
  const accounts = plan.accounts.map((account): AccountPlan => {
    const goes = chance(0.2)
      ? { departsAt: someTime() }
      : chance(0.3)
        ? oneOf(random, [{ closedAt: someTime() }, drawSuspension(random, someTime())])
        : {}
    return { ...account, ...goes, ...(chance(0.12) && { isOld: true, policiesAfter: 0, joinSeenAfter: 0 }) }
  })
  const arrivals = accounts.flatMap(({ id }) => {
    const isLost = chance(0.6)
    const isAlone = chance(0.4)
    const own = plan.arrivals
      .filter((arrival) => arrival.accountId === id && (isEvent(arrival) || !isAlone))
      .map((arrival): Arrival => ({ ...arrival, ...(isLost && isEvent(arrival) && { isLost }) }))
    // Every account has an event. A late one may come while the sweep runs.
    const door = plan.config === 'control-tower' ? 'managed-create' : 'joined'
    if (!own.some(isEvent)) own.push({ at: random() * 30, door, accountId: id, request: {}, isLost: true })
    return own.map((arrival) => (arrival.at > hour && chance(0.3) ? { ...arrival, at: besideSweep() } : arrival))
  })
  // The longest worlds have sweeps on their first three days, and at their end.
  const days = Math.min(3, nextSweepDay(heals))
  const sweeps = Array.from({ length: days }, () => oneOf(random, [1, 1, 1, 2]))
  // The sweep makes few calls of each kind, so some worlds have more faults.
  const faults = { ...plan.faults, ...(chance(0.3) && { rate: 0.15 }) }
  return { ...plan, accounts, arrivals, faults, heals, sweeps }
}

const drawVisits = (random: Rng): Visits => ({
  scanner: oneOf(random, [0, 0, 0.5]),
  owner: oneOf(random, [0, 0.6, 0.9]),
  thief: oneOf(random, [0, 0, 0.4, 0.7]),
  guesser: oneOf(random, [0, 0, 0.3]),
  renewal: oneOf(random, [0, 0, 0.4]),
  lost: oneOf(random, [0, 0, 0.2]),
})

const drawFates = (random: Rng): MailFates => ({
  delayed: oneOf(random, [0, 0, 0.4]),
  bounced: oneOf(random, [0, 0, 0.4]),
  complained: oneOf(random, [0, 0, 0.3]),
  late: oneOf(random, [0, 0.2, 0.6]),
  twice: oneOf(random, [0, 0.1, 0.4]),
})

export const drawPlan = (seed: number, random: Rng): Plan => {
  const config = oneOf(random, ['plain', 'plain', 'groups', 'control-tower'] as const)
  const accounts = Array.from({ length: random() < 0.92 ? 1 : 2 }, (_, i) => drawAccount(random, i))
  const isQuiet = random() < 0.2
  const arrivals = drawArrivals(random, config, accounts)
  const isImpatient = random() < 0.05
  const stops = random() < 0.2 ? [oneOf(random, arrivals).at + random() * oneOf(random, [6, 60])] : []
  // Somebody requests the account right after its vend was stopped.
  if (random() < 0.5)
    for (const stop of stops)
      arrivals.push({
        at: stop + random() * 30,
        door: 'manual',
        accountId: oneOf(random, accounts).id,
        request: drawRequest(random, config),
      })
  const plan: Drawn = {
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
    people: oneOf(random, [0, 0.5, 0.9]),
    deletions: oneOf(random, [0, 0, 0.4]),
    probes: random() < 0.1,
    sweeps: [],
    ...(random() < 0.15 && {
      collision: {
        failing: oneOf(random, steps),
        request: drawRequest(random, config),
        beside: oneOf(random, ['create-admin-group', 'create-admin-user'] as const),
      },
    }),
    ...(random() < 0.05 && {
      intrusion: { at: random() * 60, accountId: oneOf(random, accounts).id, userName: oneOf(random, userNames) },
    }),
  }
  const drawn = random() < 0.25 ? withSweeps(random, plan) : plan
  return { ...drawn, visits: drawVisits(random), fates: drawFates(random) }
}
