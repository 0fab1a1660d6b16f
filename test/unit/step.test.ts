import type { Context } from 'aws-lambda'
import { describe, expect, test, vi } from 'vitest'
import * as z from 'zod/mini'
import { AccountNotReadyError, AwsUnreachableError, InvalidInputError } from '../../functions/shared/errors.ts'
import { step } from '../../functions/shared/step.ts'
import { anAccount, anAdmin, aVend, awsError } from '../support/builders.ts'
import { capturedOutput } from '../support/captured-output.ts'

const context = { functionName: 'step', awsRequestId: '1', getRemainingTimeInMillis: () => 60_000 } as Context
const input = z.object({ userName: z.string('must be text') })
const invoke = <Out>(run: (input: { userName: string }) => Promise<Out>, event: unknown = { userName: 'ada' }) =>
  step(input, run)(event, context)

const logged = capturedOutput()

describe('step', () => {
  test('gives the checked input to the core function, and returns the function’s result', async () => {
    const run = vi.fn(async ({ userName }: { userName: string }) => ({ made: userName }))
    expect(await invoke(run, { userName: 'ada', unknown: 1 })).toEqual({ made: 'ada' })
    expect(run).toHaveBeenCalledExactlyOnceWith({ userName: 'ada' })
  })

  test('running twice calls the core function twice', async () => {
    const run = vi.fn(async () => 'done')
    const handler = step(input, run)
    await handler({ userName: 'ada' }, context)
    await handler({ userName: 'ada' }, context)
    expect(run).toHaveBeenCalledTimes(2)
  })

  test('leaves the timeout to Lambda: after an earlier answer, the function would be frozen and continue later', async () => {
    const end = Date.now() + 20
    const run = () => new Promise<string>((resolve) => setTimeout(() => resolve('done'), 60))
    const late = { ...context, getRemainingTimeInMillis: () => end - Date.now() }
    expect(await step(input, run)({ userName: 'ada' }, late)).toBe('done')
  })

  test('refuses an input that does not parse before anything runs', async () => {
    const run = vi.fn(async () => 'done')
    await expect(invoke(run, { userName: 7 })).rejects.toThrow(InvalidInputError)
    await expect(invoke(run, null)).rejects.toThrow(InvalidInputError)
    expect(run).not.toHaveBeenCalled()
  })

  test.each([new AccountNotReadyError('not yet'), awsError('NoSuchEntityException'), new TypeError('ours')])(
    'lets an error leave unchanged: $name',
    async (error) => {
      await expect(invoke(() => Promise.reject(error))).rejects.toBe(error)
    },
  )

  test.each(['ECONNRESET', 'ECONNREFUSED', 'ETIMEDOUT', 'EPIPE', 'ENOTFOUND', 'EAI_AGAIN'])(
    'gives the broken connection %s a name',
    async (code) => {
      const error = Object.assign(new Error('broken'), { code })
      const thrown = invoke(() => Promise.reject(error))
      await expect(thrown).rejects.toThrow(AwsUnreachableError)
      await expect(thrown).rejects.toMatchObject({ message: `No answer from AWS (${code}): broken`, cause: error })
    },
  )

  test('gives the SDK’s TimeoutError a name of ours, and no other error', async () => {
    await expect(invoke(() => Promise.reject(awsError('TimeoutError')))).rejects.toThrow(AwsUnreachableError)
    const other = Object.assign(new Error('slow'), { name: 'TimeoutError' })
    await expect(invoke(() => Promise.reject(other))).rejects.toBe(other)
  })

  test('logs only identifiers, after a success and after a failure', async () => {
    const event = { userName: 'x', vend: aVend(), account: anAccount(), admin: anAdmin(), secretArn: 'hidden-secret' }
    await invoke(async () => 'hidden-answer', event)
    await expect(invoke(() => Promise.reject(new AccountNotReadyError('the reason')), event)).rejects.toThrow()
    const [done, failed, ...more] = logged.map((line) => JSON.parse(line) as Record<string, unknown>)
    expect(more).toEqual([])
    const identifiers = { execution: aVend().executionArn, accountId: anAccount().id, userName: 'Administrator' }
    expect(done).toMatchObject({ level: 'INFO', message: 'done', ...identifiers })
    expect(failed).toMatchObject({
      level: 'ERROR',
      message: 'failed',
      error: 'AccountNotReadyError',
      reason: 'the reason',
      ...identifiers,
    })
    expect(logged.join()).not.toMatch(/hidden|payments@example\.com|Payments/)
  })

  test('does not log the identifiers of the invocation before', async () => {
    await invoke(async () => 'done', { userName: 'x', vend: aVend(), account: anAccount() })
    await invoke(async () => 'done')
    expect(JSON.parse(logged[1] ?? '')).not.toHaveProperty('accountId')
  })
})
