import type { Distribution } from './random.ts'

/**
 * How long things take in a simulated world, in milliseconds. All are assumptions: AWS publishes no such figures.
 * `from` says what each one rests on. A call is one request and its answer on a connection that is open, within the
 * Region.
 */
export const latencies: Record<string, Distribution & { from: string }> = {
  iam: { median: 70, p99: 400, from: 'a global service that writes in its own place; slower than Regional ones' },
  sts: { median: 40, p99: 250, from: 'Regional endpoint' },
  organizations: { median: 90, p99: 500, from: 'a global service with low request quotas' },
  dynamodb: { median: 6, p99: 40, from: '“single-digit milliseconds” (AWS), with a tail' },
  secretsmanager: { median: 40, p99: 250, from: 'a Regional service that calls KMS' },
  ses: { median: 100, p99: 600, from: 'accepts the whole mail before it answers' },
  events: { median: 25, p99: 150, from: 'Regional endpoint' },
  states: { median: 25, p99: 150, from: 'Regional endpoint' },
  coldStart: {
    median: 400,
    p99: 1200,
    from: '≈ 250 ms to load a bundled v3 function and 125 ms for its first HTTPS call (speedrun.nobackspacecrew.com, July 2025), with a tail',
  },
  invocation: {
    median: 15,
    p99: 80,
    from: 'a warm Lambda: overhead of the invocation and the handler’s own computing',
  },
  transition: { median: 40, p99: 200, from: 'Step Functions, from the end of one function to the call of the next' },
}

/** How the worlds differ besides. Seconds. */
export const accounts = {
  /** From CreateAccount until Organizations’ SUCCEEDED. */
  creation: {
    median: 90,
    p99: 300,
    least: 30,
    most: 300,
    from: 'minutes, says AWS (Organizations User Guide); the limits and the median are assumptions',
  },
  /** From Organizations’ SUCCEEDED, and the event, until the access role can be assumed. */
  roleDelay: {
    median: 20,
    p99: 420,
    most: 420,
    from: 'peers wait 60 to 300 s, and report trouble within the first 7 minutes',
  },
  /** From then until the policies of the access role take effect. */
  policyDelay: {
    median: 4,
    p99: 60,
    most: 60,
    from: 'IAM is eventually consistent; users report AccessDenied for seconds after a role can be assumed, seldom for a minute',
  },
  /** How likely a call does not see a user or group that was made within the last 2 seconds. */
  staleness: { chance: 0.1, from: 'IAM is eventually consistent (IAM User Guide); AWS gives no figure' },
}
