import { busEvent } from './eventbridge.ts'
import type { World } from './world.ts'

/** The event CreateManagedAccount of a succeeded enrollment (Control Tower User Guide, lifecycle-events). */
export const managedAccountEvent = (world: World, accountId: string, accountName: string) =>
  busEvent(world, {
    source: 'aws.controltower',
    detailType: 'AWS Service Event via CloudTrail',
    detail: {
      eventName: 'CreateManagedAccount',
      serviceEventDetails: {
        createManagedAccountStatus: { account: { accountName, accountId }, state: 'SUCCEEDED' },
      },
    },
  })
