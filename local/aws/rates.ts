import { AwsError } from './aws-error.ts'
import type { World } from './world.ts'

/**
 * How often AWS lets an organization call the operations that open accounts. CreateAccount's rate is that of the
 * Organizations User Guide, orgs_reference_limits. The copies of the Account Management Reference, quotas, differ about
 * PutAlternateContact, and this is the lowest rate.
 */
const published = {
  'organizations CreateAccount': { perSecond: 0.1, burst: 3 },
  'account PutAlternateContact': { perSecond: 1, burst: 6 },
}

/** Limits the rates of the operations that open accounts as AWS does. Without this call, a world has no such limits. */
export const limitRates = (world: World) => {
  for (const [operation, rate] of Object.entries(published))
    world.rates.set(operation, { ...rate, tokens: rate.burst, at: world.now() })
}

/** Throws TooManyRequestsException if the operation is called more often than its token bucket allows. */
export const checkRate = (world: World, service: string, operation: string) => {
  const bucket = world.rates.get(`${service} ${operation}`)
  if (!bucket) return
  const { perSecond, burst } = bucket
  bucket.tokens = Math.min(burst, bucket.tokens + ((world.now() - bucket.at) / 1000) * perSecond)
  bucket.at = world.now()
  // Fractions of a token do not add up exactly.
  if (bucket.tokens < 1 - 1e-9)
    throw new AwsError(
      'TooManyRequestsException',
      'You have sent too many requests.',
      service === 'account' ? 429 : 400,
    )
  bucket.tokens--
}
