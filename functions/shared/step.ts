import { Logger } from '@aws-lambda-powertools/logger'
import middy from '@middy/core'
import * as z from 'zod/mini'
import { nameConnectionFailure } from './aws-errors.ts'
import { InvalidInputError } from './errors.ts'

/** What every step knows of the vend that it belongs to. */
export const vendSchema = z.object({
  /** 32 hexadecimal digits, made from the execution ARN. */
  id: z.string(),
  executionArn: z.string(),
})
export type Vend = z.output<typeof vendSchema>

/** Where an execution runs, read from its ARN: the service runs in the management account. */
export const placeOf = (executionArn: string) => {
  // arn:PARTITION:states:REGION:ACCOUNT:execution:MACHINE:NAME
  const [, partition = '', , region = '', managementAccountId = ''] = executionArn.split(':')
  return { partition, region, managementAccountId }
}

// A key that JSON can hold and an object cannot: it would be lost without a word.
const hasProto = (value: unknown): boolean =>
  typeof value === 'object' &&
  value !== null &&
  (Object.hasOwn(value, '__proto__') || Object.values(value).some(hasProto))

const mostLevels = 64

/** Whether JSON is nested so deep that code which walks it step into step could end by that. */
export const isTooDeep = (value: unknown, levels = mostLevels): boolean =>
  typeof value === 'object' &&
  value !== null &&
  (levels === 0 || Object.values(value).some((member) => isTooDeep(member, levels - 1)))

const fieldName = (path: PropertyKey[]) => {
  const name = path.map((key, i) => (typeof key === 'number' ? `[${key}]` : `${i ? '.' : ''}${String(key)}`)).join('')
  return name.length > 200 ? `${name.slice(0, 200)}…` : name || 'input'
}

/**
 * Checks `value` against `schema`.
 * Throws `InvalidInputError`, which names the wrong fields and what is allowed there.
 */
export const parseInput = <S extends z.ZodMiniType>(schema: S, value: unknown): z.output<S> => {
  if (isTooDeep(value))
    throw new InvalidInputError([{ field: 'input', message: `must not be nested deeper than ${mostLevels} levels` }])
  const result = schema.safeParse(value)
  if (result.success) {
    if (hasProto(value))
      throw new InvalidInputError([{ field: '__proto__', message: 'cannot be the name of anything' }])
    return result.data
  }
  const issues = result.error.issues.flatMap(({ path, message, ...issue }) =>
    (issue.code === 'unrecognized_keys' ? issue.keys.map((key) => [...path, key]) : [path]).map((where) => ({
      field: fieldName(where),
      message,
    })),
  )
  const seen = new Set<string>()
  // The first thing that is wrong with a field is the one to mend.
  throw new InvalidInputError(issues.filter(({ field }) => !seen.has(field) && seen.add(field)))
}

const logger = new Logger()

/** Logs identifiers only: inputs hold personal data, and a log outlives the vend. */
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
 * For middy: no answer of its own when time runs out. It would leave what is under way frozen in the sandbox, to go on with
 * the next invocation, minutes later, when another try has finished the step and a person may have chosen a password.
 * Lambda's own time-out ends the sandbox.
 */
export const lambdaEndsIt = { timeoutEarlyInMillis: 0 }

/** Turns a core function into a Lambda handler: check the input, run, let errors leave under their own name. */
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
