/**
 * Does several things side by side and waits for every one, then throws the first failure in the order given: the lease
 * comes first, because who lost it has to stop whatever else failed.
 *
 * `Promise.all` would answer at the first failure: Lambda then freezes what still runs, and lets it go on minutes later,
 * when another try has finished the step and a person may have chosen a password.
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
