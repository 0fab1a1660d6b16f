import * as z from 'zod/mini'

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
