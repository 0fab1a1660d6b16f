import type { PasswordPolicy, UpdateAccountPasswordPolicyRequest } from '@aws-sdk/client-iam'
import { isDeepStrictEqual } from 'node:util'

/** `passwordPolicy` of `vending.yml`: the least that an account's password policy must require. */
export type WantedPasswordPolicy = {
  minimumPasswordLength: number
  requireSymbols?: boolean | undefined
  requireNumbers?: boolean | undefined
  requireUppercaseCharacters?: boolean | undefined
  requireLowercaseCharacters?: boolean | undefined
  /** Days. */
  maxPasswordAge?: number | undefined
  /** How many earlier passwords a user cannot choose again. */
  passwordReusePrevention?: number | undefined
}

/** IAM User Guide, "Default password policy": applies while an account has no policy of its own. */
const defaultLength = 8

/**
 * The policy as UpdateAccountPasswordPolicy takes it. IAM refuses 0 for the age and for the number of earlier
 * passwords, which mean "no limit" when they are left out (IAM API Reference, UpdateAccountPasswordPolicy).
 */
const asRequest = (policy: PasswordPolicy): UpdateAccountPasswordPolicyRequest => ({
  MinimumPasswordLength: policy.MinimumPasswordLength,
  RequireSymbols: policy.RequireSymbols ?? false,
  RequireNumbers: policy.RequireNumbers ?? false,
  RequireUppercaseCharacters: policy.RequireUppercaseCharacters ?? false,
  RequireLowercaseCharacters: policy.RequireLowercaseCharacters ?? false,
  AllowUsersToChangePassword: policy.AllowUsersToChangePassword ?? false,
  HardExpiry: policy.HardExpiry ?? false,
  ...(policy.MaxPasswordAge && { MaxPasswordAge: policy.MaxPasswordAge }),
  ...(policy.PasswordReusePrevention && { PasswordReusePrevention: policy.PasswordReusePrevention }),
})

/** The shorter of two ages. No age, or 0, is no limit. */
const shorter = (one: number | undefined, other: number | undefined) =>
  one && other ? Math.min(one, other) : one || other

/**
 * Joins an account's password policy with the wanted one. Each setting has the stronger of both values, so that the
 * account never requires less than before. AllowUsersToChangePassword and HardExpiry stay as they are.
 */
export const stronger = (existing: PasswordPolicy = {}, wanted: WantedPasswordPolicy) =>
  asRequest({
    ...existing,
    MinimumPasswordLength: Math.max(existing.MinimumPasswordLength ?? defaultLength, wanted.minimumPasswordLength),
    RequireSymbols: existing.RequireSymbols || wanted.requireSymbols,
    RequireNumbers: existing.RequireNumbers || wanted.requireNumbers,
    RequireUppercaseCharacters: existing.RequireUppercaseCharacters || wanted.requireUppercaseCharacters,
    RequireLowercaseCharacters: existing.RequireLowercaseCharacters || wanted.requireLowercaseCharacters,
    MaxPasswordAge: shorter(existing.MaxPasswordAge, wanted.maxPasswordAge),
    PasswordReusePrevention: Math.max(existing.PasswordReusePrevention ?? 0, wanted.passwordReusePrevention ?? 0),
  })

/**
 * What to set as an account's password policy; undefined if nothing would change.
 *
 * Answers with it the minimum password length that the account has afterwards, in characters.
 */
export const passwordPolicyAfter = (existing: PasswordPolicy | undefined, wanted: WantedPasswordPolicy | undefined) => {
  const joined = wanted && stronger(existing, wanted)
  const isChanged = joined && !(existing && isDeepStrictEqual(joined, asRequest(existing)))
  const { MinimumPasswordLength = defaultLength } = joined ?? existing ?? {}
  return { passwordPolicy: isChanged ? joined : undefined, minimumPasswordLength: MinimumPasswordLength }
}

/** The settings of an account's password policy that are weaker than wanted, under IAM's names. */
export const weakerSettings = (existing: PasswordPolicy | undefined, wanted: WantedPasswordPolicy) => {
  const joined = stronger(existing, wanted)
  const present = existing ? asRequest(existing) : { MinimumPasswordLength: defaultLength }
  return (Object.keys(joined) as (keyof typeof joined)[]).filter(
    (name) => joined[name] && joined[name] !== present[name],
  )
}
