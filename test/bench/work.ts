import { accountId, type loadSimulation } from '../simulation/simulation.ts'
import { disagreements, longestChain, matchCalls, plannedCalls } from '../support/calls.ts'
import type { Figures } from './figures.ts'

type Simulation = Awaited<ReturnType<typeof loadSimulation>>

/** Counts the work of one vend: by hand, of one administrator, in an existing account, without a retry. */
export const countWork = async ({ vend }: Simulation) => {
  // Every call takes the same time and nothing else takes any, so the calls' times show the chain.
  const perCall = 100
  const { execution, calls, start, transitions, invocations } = await vend({
    seed: 'work',
    input: { accountId },
    takes: (what) => (['coldStart', 'invocation', 'transition'].includes(what) ? 0 : perCall),
  })
  if (execution.status !== 'SUCCEEDED') throw new Error(`The vend failed: ${execution.error} ${execution.cause}`)
  const found = matchCalls(plannedCalls, calls)
  const wrong = disagreements(plannedCalls, found, start)
  if (wrong.length) throw new Error(`The calls do not go out as test/support/calls.ts says: ${wrong.join('; ')}`)

  const chain = longestChain(plannedCalls)
  const measuredChain = (Math.max(...calls.map(({ end = NaN }) => end)) - start) / perCall
  if (measuredChain !== chain.length)
    throw new Error(`The longest chain has ${chain.length} calls, and took as long as ${measuredChain}`)
  const entering = invocations
    .map(({ name }) => ({
      name,
      sessions: calls.filter(({ function: by, operation }) => by === name && operation === 'AssumeRole').length,
      callsInAccount: calls.filter(({ function: by, service }) => by === name && service === 'iam').length,
    }))
    .filter(({ callsInAccount }) => callsInAccount)

  // The calls of each moment, in the order of moments. Calls of the longest chain come first.
  const byMoment = Map.groupBy(plannedCalls, ({ id }) => found.get(id)?.at)
  const moments = [...byMoment].map(([, together]) => {
    const [link] = together.filter(({ id }) => chain.includes(id))
    const because = link?.after.filter((reason) => reason.calls.some((id) => chain.includes(id))) ?? []
    return {
      step: link?.step ?? '',
      together: [link, ...together.filter((call) => call !== link)].flatMap((call) => call?.call ?? []),
      waitsBecause: because.map((reason) => reason.because).join('; '),
    }
  })
  const figures: Figures = {
    'work: AWS calls of one vend': { value: calls.length, rule: 'count' },
    'work: calls on the longest chain': { value: chain.length, rule: 'count' },
    'work: state transitions': { value: transitions, rule: 'count' },
    'work: function invocations': { value: invocations.length, rule: 'count' },
    'work: sessions of a step that enters the account': {
      value: Math.max(...entering.map(({ sessions }) => sessions)),
      rule: 'count',
      bound: 1,
    },
  }
  return { figures, details: { moments, entering, states: execution.states.map(({ name }) => name) } }
}
