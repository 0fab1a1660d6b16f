/**
 * Waits for all of several promises, then answers their results, or throws the first failure in the order of the list.
 * The lease comes first in the list, because an execution that lost its lease must stop whatever else failed.
 *
 * `Promise.all` would answer at the first failure. Lambda would then freeze the unfinished work and continue it minutes
 * later, when another try may have finished the step and a person may have chosen a password.
 */
export const together = async <Results extends unknown[]>(
  work: [...{ [Key in keyof Results]: Promise<Results[Key]> }],
): Promise<Results> => {
  const results: PromiseSettledResult<unknown>[] = await Promise.allSettled(work as Promise<unknown>[])
  return results.map((result) => {
    if (result.status === 'rejected') throw result.reason
    return result.value
  }) as Results
}
