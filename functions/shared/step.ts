import { Logger } from '@aws-lambda-powertools/logger'
import middy from '@middy/core'
import type * as z from 'zod/mini'
import { nameConnectionFailure } from './aws-errors.ts'
import { parseInput } from './parse.ts'

const logger = new Logger()

/** Logs identifiers only: inputs hold personal data, and a log is kept longer than a vend takes. */
const logOutcome = (): middy.MiddlewareObj => ({
  before: ({ event }) => {
    const { vend, account, admin, detail, executionArn } = (event ?? {}) as Record<string, Record<string, string>> & {
      executionArn?: string
    }
    logger.resetKeys()
    logger.appendKeys({
      execution: vend?.['executionArn'] ?? executionArn ?? detail?.['executionArn'],
      accountId: account?.['id'],
      userName: admin?.['userName'],
    })
  },
  after: ({ response }) => {
    const { outcome, account, accountId } = (response ?? {}) as Record<string, string> & { account?: { id: string } }
    logger.info('done', { outcome, ...((accountId ?? account) && { accountId: accountId ?? account?.id }) })
  },
  onError: ({ error }) => logger.error('failed', { error: error?.name, reason: error?.message }),
})

/**
 * Options for middy: middy must not answer early when the function's time runs out. An early answer would freeze the
 * unfinished work in the sandbox, and the next invocation would continue that work minutes later, when another try may
 * have finished the step and a person may have chosen a password. Lambda's own time-out ends the sandbox instead.
 */
export const lambdaEndsIt = { timeoutEarlyInMillis: 0 }

/** Turns a core function into a Lambda handler: checks the input, runs the function, keeps the name of every error. */
export const step = <S extends z.ZodMiniType, Out>(schema: S, run: (input: z.output<S>) => Promise<Out>) =>
  middy<unknown, Out>(lambdaEndsIt)
    .use(logOutcome())
    .handler(async (event: unknown) => {
      try {
        return await run(parseInput(schema, event))
      } catch (error) {
        throw nameConnectionFailure(error)
      }
    })
