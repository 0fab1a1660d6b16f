import { accountAskedFor } from '../functions/shared/event.ts'
import { parseJson, withoutMark } from '../functions/shared/parse.ts'
import type { ApiRequest, ApiRole } from './aws/api-gateway.ts'

/** An input for the workflow, and the door that it goes through. */
export type Input =
  | { door: 'event'; event: unknown }
  | { door: 'manual'; input: string }
  /** The operator signs the request, unless another role is named. */
  | { door: 'api'; request: ApiRequest; role?: ApiRole['name'] }

const readApiRequest = (content: object): ApiRequest => {
  const { method, path, headers = {}, body = '', ...more } = content as Record<string, unknown>
  if (typeof method !== 'string' || typeof path !== 'string' || !path.startsWith('/'))
    throw new Error('an API request needs a method, like "POST", and a path that begins with /')
  if (Object.keys(more).length)
    throw new Error(`an API request has only method, path, headers and body, not ${Object.keys(more).join(', ')}`)
  return {
    method: method.toUpperCase(),
    path,
    headers: Object.fromEntries(
      Object.entries(headers as object).map(([name, value]) => [name.toLowerCase(), String(value)]),
    ),
    body: typeof body === 'string' ? body : JSON.stringify(body),
  }
}

/**
 * Recognizes an API request, an EventBridge event, or a manual input by its keys.
 * Throws an Error that says what is wrong with an API request.
 */
export const readInput = (written: string): Input => {
  const text = withoutMark(written)
  const content = parseJson(text)
  if (typeof content === 'object' && content !== null && !Array.isArray(content)) {
    if ('method' in content || 'path' in content) return { door: 'api', request: readApiRequest(content) }
    if ('detail-type' in content || 'source' in content) return { door: 'event', event: content }
  }
  // Step Functions refuses an input that is not JSON. The workflow checks any other input.
  return { door: 'manual', input: text }
}

/** The id of the member account that an input names; null if the input names none. */
export const accountNamed = (input: Input, managementAccountId: string): string | null => {
  if (input.door === 'api') return /^\/accounts\/(\d{12})([/?]|$)/.exec(input.request.path)?.[1] ?? null
  const asked = input.door === 'event' ? input.event : parseJson(input.input)
  return accountAskedFor(asked, managementAccountId) ?? null
}
