import { randomUUID } from 'node:crypto'
import type { Input } from './input.ts'
import { parseJson } from '../functions/shared/parse.ts'
import { report } from './report-vend.ts'
import type { LocalOrganization } from './start-organization.ts'

/**
 * Puts an input through its door.
 * Returns the executions that the input started, whether any rule matched an event, and the API's response.
 */
export const enter = async (organization: LocalOrganization, input: Input) => {
  if (input.door === 'event') return { ...organization.putEvent(input.event), response: null }
  if (input.door === 'manual') {
    if (parseJson(input.input) === undefined)
      throw new Error(`StartExecution refuses an input that is not JSON: ${input.input.slice(0, 60)}`)
    const execution = organization.startExecution(randomUUID(), input.input)
    return { executions: execution === 'ExecutionAlreadyExists' ? [] : [execution], matched: true, response: null }
  }
  const before = new Set(organization.executions.keys())
  const response = await organization.requestApi(input.request, input.role)
  const body = parseJson(response.body)
  const requestId = /^\/requests\/(\w+)/.exec(response.headers['location'] ?? input.request.path)?.[1]
  const started = typeof body === 'object' && body && 'execution' in body ? body.execution : `open-${requestId}`
  // A repeated request starts nothing: the API returns the execution of the first one.
  const executions = [...organization.executions.values()].filter(
    ({ name, executionArn }) => name === started && !before.has(executionArn),
  )
  return { executions, matched: true, response: { ...response, body: body ?? response.body } }
}

/** Puts an input through its door, waits until everything that it started has ended, and reports the result. */
export const vend = async (organization: LocalOrganization, input: Input) => {
  const { world } = organization
  const callsBefore = world.calls.length
  const mailsBefore = (await organization.mails()).length
  const { executions, matched, response } = await enter(organization, input)
  await organization.settled()
  return report(organization, {
    input,
    matched,
    response,
    execution: executions[0] ?? null,
    calls: world.calls.slice(callsBefore),
    mails: (await organization.mails()).slice(mailsBefore),
  })
}
