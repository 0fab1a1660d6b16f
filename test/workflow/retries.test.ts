import { describe, expect, test } from 'vitest'
import { loadVending } from '../../infra/build/check-vending.ts'
import { readDeployed } from '../../local/deployed.ts'
import * as errors from '../../functions/shared/errors.ts'
import {
  callsOf,
  commonErrors,
  fates,
  invocationErrors,
  modelledErrors,
  moreErrors,
} from '../support/aws-error-names.ts'
import { exampleVending } from '../support/organization.ts'

// Every error of AWS that a step can meet is retried, or is deliberately not retried. The definitions have the retries.

const { definition, round } = readDeployed(loadVending(exampleVending), {
  partition: 'aws',
  region: 'us-east-1',
  accountId: '111122223333',
})
type State = {
  Type: string
  Retry?: { ErrorEquals: string[] }[]
  ItemProcessor?: { States: Record<string, State> }
}
const tasksIn = (states: Record<string, State>): [string, State][] =>
  Object.entries(states).flatMap(([name, state]): [string, State][] => [
    ...(state.Type === 'Task' ? [[name, state] as [string, State]] : []),
    ...tasksIn(state.ItemProcessor?.States ?? {}),
  ])
const tasks = [definition, round.definition].flatMap(({ States }) => tasksIn(States as Record<string, State>))

/** The errors that a step can meet: `service:Name`, or the name alone if Step Functions throws it. */
const errorsOf = (step: string) => {
  const calls = callsOf(step)
  const services = new Set(calls.map((call) => call.split(':')[0] ?? ''))
  return [
    ...calls.flatMap((call) => modelledErrors(call).map((name) => `${call.split(':')[0]}:${name}`)),
    ...[...services].flatMap((service) =>
      [...commonErrors, ...(moreErrors['any'] ?? []), ...(moreErrors[service] ?? [])].map(
        (name) => `${service}:${name}`,
      ),
    ),
    ...invocationErrors,
  ]
}
const all = tasks.flatMap(([step]) => errorsOf(step))
const nameOf = (error: string) => error.slice(error.indexOf(':') + 1)
const fateOf = (error: string) => fates[error] ?? fates[nameOf(error)]

describe.each(tasks)('%s', (step, { Retry = [] }) => {
  const met = errorsOf(step)
  const retried = Retry.flatMap(({ ErrorEquals }) => ErrorEquals)

  test('the table knows what becomes of every error', () => {
    expect(callsOf(step).length).toBeGreaterThan(1)
    expect([...new Set(met.filter((error) => fateOf(error) === undefined))]).toEqual([])
  })

  test('the definition retries every error that the table says is retried', () => {
    const wanted = met.filter((error) => fateOf(error) === 'retried').map(nameOf)
    expect([...new Set(wanted)].filter((name) => !retried.includes(name))).toEqual([])
  })

  test('the definition retries no error of AWS that the table says is not retried, or that no step can meet', () => {
    const isRetried = (name: string, by: string[]) =>
      by.some((error) => nameOf(error) === name && fateOf(error) === 'retried')
    // All steps share some lists of errors, so a list may have errors that only other steps meet.
    const unwanted = retried.filter(
      (name) => !(name in errors) && !isRetried(name, met.some((error) => nameOf(error) === name) ? met : all),
    )
    expect(unwanted).toEqual([])
  })

  test('no error is in two Retry rules, because only the first one counts', () => {
    expect(retried.filter((name, i) => retried.indexOf(name) !== i)).toEqual([])
  })
})

test('every row of the table is met by a step, and says why if it is not retried', () => {
  const met = new Set(all.flatMap((error) => [error, nameOf(error)]))
  expect(Object.keys(fates).filter((error) => !met.has(error))).toEqual([])
  for (const fate of Object.values(fates)) if (fate !== 'retried') expect(fate.notRetried).toMatch(/^[A-Z].{20,}\.$/)
})
