import type { EventBridgeClient } from '@aws-sdk/client-eventbridge'
import * as z from 'zod/mini'
import { accountSchema } from '../shared/account.ts'
import { recordVend } from '../shared/record-and-lease.ts'
import type { Ledger } from '../shared/ledger.ts'
import { adminSchema, groupSchema } from '../shared/request.ts'
import { sendEvent } from '../shared/send-event.ts'
import { vendSchema } from '../shared/vend.ts'

export const recordVendedInput = z.object({
  vend: vendSchema,
  account: accountSchema,
  groups: z.array(groupSchema),
  admins: z.array(
    z.object({
      admin: z.extend(adminSchema, { kept: z.boolean() }),
      secret: z.optional(z.object({ secretName: z.nullable(z.string()), secretArn: z.nullable(z.string()) })),
      mail: z.optional(z.object({ mailedTo: z.nullable(z.string()) })),
    }),
  ),
})

/**
 * Records the finished vend, gives the account's lease back, and sends the event "Account Vended" to the event bus.
 *
 * Safe to run twice: the event can then come twice, with the same `vendId`. Throws `LeaseLostError`, and EventBridge's
 * own error if it does not accept the event.
 */
export async function recordVended(
  { ledger, events }: { ledger: Ledger; events: EventBridgeClient },
  { vend, account, groups, admins }: z.output<typeof recordVendedInput>,
) {
  await recordVend(ledger, {
    accountId: account.id,
    vend,
    groups,
    admins: admins.map(({ admin }) => admin),
  })
  const vended = {
    outcome: 'Vended' as const,
    accountId: account.id,
    accountName: account.name,
    vendId: vend.id,
    executionArn: vend.executionArn,
    groups: groups.map(({ name }) => name),
    admins: admins.map(({ admin, secret, mail }) => ({
      userName: admin.userName,
      kept: admin.kept,
      secretArn: secret?.secretArn ?? null,
      mailedTo: mail?.mailedTo ?? null,
    })),
  }
  await sendEvent(events, { detailType: 'Account Vended', detail: vended, resources: [vend.executionArn] })
  return vended
}
