import type { LoginProfile, User } from '@aws-sdk/client-iam'

/**
 * Whether a person has signed in with the user's present login profile.
 *
 * `PasswordLastUsed` stays when a login profile is deleted, so a use from before the present profile does not count.
 * `CreateDate` is when the profile got its first password, and a change of the password does not move it (IAM API
 * Reference, GetLoginProfile).
 */
export const hasSignedIn = (
  user: Pick<User, 'PasswordLastUsed'> | undefined,
  profile: Pick<LoginProfile, 'CreateDate'> | undefined,
) => {
  const { PasswordLastUsed } = user ?? {}
  if (!PasswordLastUsed || !profile) return false
  // IAM's times are full seconds. A use in the same second counts: it may be a use of this profile.
  return PasswordLastUsed >= (profile.CreateDate ?? new Date(0))
}
