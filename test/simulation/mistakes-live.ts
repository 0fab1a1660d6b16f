import type { Mistake } from './mistake.ts'

/** Mistakes that break a promise only because something does not go on, or goes on too late. */
export const mistakesInLiveness: Mistake[] = [
  {
    name: 'the sweep forgets an accepted request that has no execution',
    onlyIn: 'openings',
    isLive: true,
    file: 'sweep/settle-requests.ts',
    changes: [["status === 'accepted' && holder === undefined && age > hour", "status === 'accepted' && age < 0"]],
  },
  {
    name: 'an opening that was refused waits for days',
    onlyIn: 'openings',
    isLive: true,
    file: 'open-account/open-account.ts',
    changes: [['now + refusals * createAccountLimit.seconds * 1000', 'now + refusals * 86_400_000']],
  },
  {
    name: 'SealPassword waits for days before a retry',
    isLive: true,
    change: (states) => {
      for (const retrier of states['SealPassword']?.Retry ?? [])
        if (retrier.ErrorEquals.includes('Sandbox.Timedout'))
          Object.assign(retrier, { IntervalSeconds: 200_000, MaxDelaySeconds: 200_000, JitterStrategy: 'NONE' })
    },
  },
]
