import { accounts, latencies } from '../simulation/latencies.ts'
import { draw, randomFrom } from '../simulation/random.ts'
import type { Definition, loadSimulation, Simulated } from '../simulation/simulation.ts'
import { meanPrice } from './cost.ts'
import { type Figures, quantile, round } from './figures.ts'

type Simulation = Awaited<ReturnType<typeof loadSimulation>>
type Retry = { ErrorEquals: string[] }
type State = { Default?: string; Retry?: Retry[]; ItemProcessor?: { States: Record<string, State> } }

/** How long other projects wait before they enter a new account. docs/decisions/0006-simulated-time.md names them. */
export const peersWaits = [
  { who: 'Account Factory for Terraform', seconds: 65 },
  { who: 'AWS Deployment Framework', seconds: 60 },
  { who: 'JimmyDqv/AWS-Account-Vending-Machine', seconds: 180 },
  { who: 'DavidFerreira21/api-account-factory', seconds: 300 },
]

/** The same workflow with a fixed wait before it enters the account, and without retries for a missing role. */
export const withFixedWait = (definition: Definition, seconds: number): Definition => {
  const states = definition.States as Record<string, State>
  const entry = 'CreateAdminGroup'
  const { [entry]: group, IsThereAnythingToDo: choice } = states
  const isRetried = ({ ErrorEquals }: { ErrorEquals: string[] }) => ErrorEquals.includes('AccountNotReadyError')
  if (choice?.Default !== entry || !group?.Retry?.some(isRetried))
    throw new Error('The workflow does not enter the account as this benchmark thinks')
  return {
    ...definition,
    States: {
      ...states,
      IsThereAnythingToDo: { ...choice, Default: 'WaitForTheAccount' },
      WaitForTheAccount: { Type: 'Wait', Seconds: seconds, Next: entry },
      [entry]: { ...group, Retry: group.Retry.filter((retry) => !isRetried(retry)) },
    },
  }
}

// As the definition was until docs/decisions/0010-waiting.md.
const formerPauses: Record<string, object> = {
  AccountNotReadyError: { IntervalSeconds: 2, BackoffRate: 1.5, MaxDelaySeconds: 15, MaxAttempts: 124 },
  NoSuchEntityException: { IntervalSeconds: 2, BackoffRate: 1.5, MaxDelaySeconds: 15, MaxAttempts: 12 },
}

/** The same workflow with its former pauses while an account is not ready, and while IAM catches up. */
export const withFormerPauses = (definition: Definition): Definition => {
  let changed = 0
  const former = (retry: Retry): Retry => {
    const pauses = Object.entries(formerPauses).find(([name]) => retry.ErrorEquals.includes(name))?.[1]
    if (!pauses) return retry
    changed += 1
    return { ErrorEquals: retry.ErrorEquals, ...pauses, JitterStrategy: 'FULL' } as Retry
  }
  const statesOf = (states: Record<string, State>): Record<string, State> =>
    Object.fromEntries(
      Object.entries(states).map(([name, state]) => [
        name,
        {
          ...state,
          ...(state.Retry && { Retry: state.Retry.map(former) }),
          ...(state.ItemProcessor && {
            ItemProcessor: { ...state.ItemProcessor, States: statesOf(state.ItemProcessor.States) },
          }),
        },
      ]),
    )
  const States = statesOf(definition.States as Record<string, State>)
  // Two retries in each of the two steps that enter the account.
  if (changed !== 4) throw new Error('The workflow does not wait where this benchmark thinks')
  return { ...definition, States }
}

/** The nth world, which is the same for every workflow that is tried in it. */
export const worldOf = (i: number) => ({
  seed: `account-${i}`,
  account: {
    roleUsableAfter: draw(accounts.roleDelay, randomFrom(`account-${i} role`)),
    policiesAfter: draw(accounts.policyDelay, randomFrom(`account-${i} policies`)),
  },
  staleness: accounts.staleness.chance,
})

/** Seconds from when the role's policies took effect until SES accepted the mail; undefined without a mail. */
export const secondsToMail = ({ calls, account }: Simulated) => {
  const sent = calls.find(({ operation, error }) => operation === 'SendEmail' && !error)
  return sent?.end === undefined ? undefined : (sent.end - account.policiesInEffectFrom) / 1000
}

type Options = {
  worlds: number
  /** With peers, the same accounts are vended with their waits and with the former pauses. No figure is theirs. */
  peers: typeof peersWaits
  onProgress: (line: string) => void
}

export const measureTime = async ({ deployed, vend }: Simulation, { worlds, peers: waits, onProgress }: Options) => {
  const run = async (what: string, definition: Definition) => {
    const simulated: Simulated[] = []
    for (let i = 0; i < worlds; i++) {
      if (i % 100 === 0) onProgress(`time: ${what}, account ${i} of ${worlds}`)
      simulated.push(await vend({ ...worldOf(i), definition }))
    }
    const times = simulated.flatMap((world) => secondsToMail(world) ?? [])
    const errors = simulated.flatMap(({ execution }) => execution.error ?? [])
    const at = (share: number) => round(quantile(times, share), 1)
    return {
      simulated,
      told: {
        mailed: times.length,
        failed: errors.length,
        usd: round(meanPrice(simulated), 7),
        errors: [...new Set(errors)],
        ...(times.length && { p50: at(0.5), p95: at(0.95), max: at(1) }),
      },
    }
  }
  const ours = await run('with the definition’s retries', deployed.definition)
  const former = waits.length
    ? (await run('with the former pauses', withFormerPauses(deployed.definition))).told
    : undefined
  const peers = []
  for (const { who, seconds } of waits) {
    const { told } = await run(`waiting ${seconds} s`, withFixedWait(deployed.definition, seconds))
    peers.push({ who, seconds, ...told })
  }
  const { p50 = NaN, p95 = NaN, max = NaN, failed } = ours.told
  const delays = Array.from({ length: worlds }, (_, i) => {
    const { roleUsableAfter, policiesAfter } = worldOf(i).account
    return roleUsableAfter + policiesAfter
  })
  const figures: Figures = {
    'time: account usable to mail sent, p50 in seconds': { value: p50, rule: 'count' },
    'time: account usable to mail sent, p95 in seconds': { value: p95, rule: 'count', bound: 8 },
    'time: account usable to mail sent, longest in seconds': { value: max, rule: 'count', bound: 12 },
    'time: accounts that failed': { value: failed, rule: 'count', bound: 0 },
  }
  const details = {
    worlds,
    assumptions: { latenciesInMilliseconds: latencies, accountsInSeconds: accounts },
    /** Seconds until the accounts could be used. */
    delays: {
      p50: round(quantile(delays, 0.5), 1),
      p95: round(quantile(delays, 0.95), 1),
      max: round(quantile(delays, 1), 1),
    },
    ours: ours.told,
    ...(former && { former }),
    peers,
  }
  return { figures, details, simulated: ours.simulated }
}
