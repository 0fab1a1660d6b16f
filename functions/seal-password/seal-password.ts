import { GetSecretValueCommand, type SecretsManagerClient } from '@aws-sdk/client-secrets-manager'
import * as z from 'zod/mini'
import { accountSchema } from '../shared/account.ts'
import { nameMissingSecret } from '../shared/aws-errors.ts'
import { openLinks, readHandover, recordBox } from '../shared/handover.ts'
import type { Ledger } from '../shared/ledger.ts'
import { beginStep } from '../shared/record-and-lease.ts'
import { sealBox } from '../shared/sealed-box.ts'
import { signInUrl } from '../shared/sign-in-url.ts'
import { together } from '../shared/together.ts'
import { placeOf, vendSchema } from '../shared/vend.ts'

export const sealPasswordInput = z.object({
  vend: vendSchema,
  account: accountSchema,
  admin: z.object({ userName: z.string(), passwordResetRequired: z.boolean() }),
  /** Null if the user signs in already: there is no password to hand over. */
  secretArn: z.nullable(z.string()),
  secretVersion: z.nullable(z.string()),
})

/**
 * Seals the password for each open link of the administrator. Whoever holds the link can open the box, and nobody else,
 * this service included. Answers how many links can be opened now.
 *
 * Safe to run twice: a link that has its box keeps it.
 * Throws `LeaseLostError`, `SecretNotFoundError`, and Secrets Manager's own errors.
 */
export async function sealPassword(
  { secrets, ledger }: { secrets: SecretsManagerClient; ledger: Ledger },
  { vend, account, admin, secretArn, secretVersion }: z.output<typeof sealPasswordInput>,
) {
  const { userName, passwordResetRequired } = admin
  const administrator = { accountId: account.id, userName }
  const [, handover] = await together([
    beginStep(ledger, { accountId: account.id, vend, state: 'SealPassword', userName }),
    readHandover(ledger, administrator),
  ])
  const links = openLinks(handover, secretVersion).filter(([, { box }]) => !box)
  if (!secretArn || !secretVersion || !links.length) return { sealed: 0 }

  const { SecretString } = await secrets
    .send(new GetSecretValueCommand({ SecretId: secretArn, VersionId: secretVersion }))
    .catch(nameMissingSecret)
  const text = JSON.stringify({
    accountId: account.id,
    accountName: account.name,
    signInUrl: signInUrl(placeOf(vend.executionArn).partition, account.id),
    userName,
    password: SecretString,
    mustChangePassword: passwordResetRequired,
  })
  const sealed = await Promise.all(
    links.map(async ([id, link]) => {
      const box = await sealBox({ publicKey: link.publicKey, id, text })
      return recordBox(ledger, administrator, { id, link, box, secretVersion })
    }),
  )
  return { sealed: sealed.filter(Boolean).length }
}
