import type { Context } from 'aws-lambda'
import { describe, expect, test } from 'vitest'
import { api, type ApiEvent } from '../../functions/shared/api.ts'
import * as errors from '../../functions/shared/errors.ts'
import { awsError } from '../support/builders.ts'
import { capturedOutput } from '../support/captured-output.ts'

const context = { functionName: 'api', awsRequestId: '1', getRemainingTimeInMillis: () => 25_000 } as Context
const event = {
  routeKey: 'POST /accounts/{accountId}/admins',
  pathParameters: { accountId: '444455556666' },
  headers: { 'idempotency-key': 'hidden-key' },
  body: 'hidden-body',
} as unknown as ApiEvent

type Run = Parameters<typeof api>[0]
const answerOf = async (run: Run) => {
  const { statusCode, headers = {}, body = '' } = await api(run)(event, context)
  return { statusCode, headers, body, content: JSON.parse(body) as Record<string, unknown> }
}
const failing = (error: unknown) =>
  // eslint-disable-next-line @typescript-eslint/prefer-promise-reject-errors -- A library may reject with any value.
  answerOf(() => Promise.reject(error))

const logged = capturedOutput()

const words = 'hidden-words of arn:aws:iam::444455556666:role/hidden'
const unforeseen: [what: string, error: unknown][] = [
  ['a fault in our code', new TypeError(words)],
  ['a field of the fault looks like one of a request', new Error(`hidden: ${words}`)],
  ['AWS denies a call', awsError('AccessDeniedException', words)],
  ['AWS fails', awsError('InternalServerError', words)],
  ['AWS does not answer', Object.assign(new Error(words), { code: 'ECONNRESET' })],
  ['a name that every object inherits', awsError('constructor', words)],
  ['what is thrown is text', words],
  ['what is thrown is nothing', undefined],
  // Errors of ours that no request can cause.
  ...Object.entries(errors)
    .filter(
      ([name]) =>
        !/^(InvalidInput|ManagementAccount|ProtectedAccount|RecipientNotAllowed|Account(NotFound|NotActive|Pending|Busy)|IdempotencyKey|UserNotOnRecord|UserKept|Request(NotFound|Open|Decided)|DeniedByPolicy|AutoEnrolmentOff|TooManyAccounts)/.test(
          name,
        ),
    )
    .map(([name, Type]): [string, unknown] => [name, new (Type as new (message: string) => Error)(words)]),
]

describe('an unforeseen error', () => {
  test.each(unforeseen)('never repeats its words: %s', async (_, error) => {
    const { statusCode, headers, body, content } = await failing(error)
    expect(body).not.toContain('hidden')
    expect(headers).toEqual({ 'content-type': 'application/problem+json', 'cache-control': 'no-store' })
    expect(statusCode).toBe(500)
    expect(content).toEqual({
      type: 'urn:account-vending:InternalError',
      title: 'The service failed; its log has the reason',
      status: 500,
    })
  })

  test.each(['TooManyRequestsException', 'ThrottlingException'])(
    'never repeats its words: AWS throttles with %s',
    async (name) => {
      const { statusCode, headers, body } = await failing(awsError(name, words))
      expect({ statusCode, headers }).toMatchObject({ statusCode: 503, headers: { 'retry-after': '5' } })
      expect(body).not.toContain('hidden')
    },
  )

  test('says when to send the request again, if it was refused for a time only', async () => {
    const retryAfter = async (error: Error) => Number((await failing(error)).headers['retry-after'])
    expect(await retryAfter(new errors.AccountBusyError('email: failed just now'))).toBe(90)
    const seconds = await retryAfter(new errors.TooManyAccountsTodayError('too many'))
    // The limit is one of a day (UTC).
    expect(new Date(Date.now() + seconds * 1000).toISOString()).toMatch(/T00:00:0\d/)
  })

  test('is in the log as an error, with its name and its words', async () => {
    await failing(awsError('AccessDeniedException', words))
    expect(logged.map((line) => JSON.parse(line) as object)).toMatchObject([
      { level: 'ERROR', error: 'AccessDeniedException', reason: words, accountId: '444455556666' },
    ])
  })
})

// No answer may be kept by a browser or a proxy: it is about people and permissions.
test.each<[what: string, run: Run]>([
  ['a result', () => Promise.resolve({ status: 200, body: {} })],
  ['a result with headers', () => Promise.resolve({ status: 202, headers: { location: '/accounts/1' }, body: {} })],
  ['a refusal', () => Promise.reject(new errors.AccountNotFoundError('accountId: is not there'))],
  ['a refusal to try later', () => Promise.reject(awsError('TooManyRequestsException'))],
  ['a failure', () => Promise.reject(new Error('any'))],
])('%s is not stored', async (_, run) => {
  expect((await answerOf(run)).headers).toMatchObject({ 'cache-control': 'no-store' })
})

test('the log has neither the body nor a header of a request, whatever the answer is', async () => {
  await answerOf(() => Promise.resolve({ status: 200, body: { admins: ['hidden-answer'] } }))
  await failing(new Error('any'))
  await failing(new errors.AccountNotFoundError('accountId: is not there'))
  expect(logged).toHaveLength(3)
  expect(logged.join()).not.toContain('hidden')
})
