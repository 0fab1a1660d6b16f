import { createHash } from 'node:crypto'
import * as z from 'zod/mini'

/** What every step knows about the vend that it belongs to. */
export const vendSchema = z.object({
  /** 32 hexadecimal digits, derived from the execution ARN. */
  id: z.string(),
  executionArn: z.string(),
})
export type Vend = z.output<typeof vendSchema>

/** The vend of an execution. */
export const vendOf = (executionArn: string): Vend => ({
  id: createHash('sha256').update(executionArn).digest('hex').slice(0, 32),
  executionArn,
})

/**
 * Reads from the ARN of an execution, or of its state machine, where it runs. The service runs in the management
 * account, so the ARN's account is the management account.
 */
export const placeOf = (arn: string) => {
  // arn:PARTITION:states:REGION:ACCOUNT:execution:MACHINE:NAME
  const [, partition = '', , region = '', managementAccountId = ''] = arn.split(':')
  return { partition, region, managementAccountId }
}
