import { findDenials, sayDenial } from '../../functions/shared/change-password.ts'
import { completeRequest } from '../../functions/shared/request.ts'
import type { Vending } from '../../functions/shared/vending.ts'

/** The address of the stand-in account. */
export const standIn = 'account@account.invalid'

type Defaults = Omit<Vending, 'accessRole'>

const standInAccount = ({ groups, admins }: Defaults) => ({
  accountId: '111122223333',
  accountEmail: standIn,
  partition: /arn:(aws[\w-]*):iam::aws:/.exec(JSON.stringify([groups, admins]))?.[1] ?? 'aws',
})

/**
 * Completes the defaults of `vending.yml` for a stand-in account.
 * Throws what `completeRequest` throws: what could not work for any account.
 */
export const defaultRequest = (vending: Defaults) =>
  completeRequest(
    { groups: [] },
    { ...vending, allowedRecipients: [...vending.allowedRecipients, standIn] },
    standInAccount(vending),
  )

/** A sentence for each policy of `vending.yml` that may deny an administrator the first sign-in. */
export const firstSignInDoubts = (vending: Defaults) =>
  findDenials(defaultRequest(vending), standInAccount(vending)).map(sayDenial)
