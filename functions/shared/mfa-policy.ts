import { ourPath } from './iam-client.ts'
import type { Ask, PolicyDocument } from './request.ts'

/** The name of the inline policy that demands MFA. No request can give this name to another policy. */
export const mfaPolicyName = 'account-vending-mfa'

const onOwnUser = [
  'iam:EnableMFADevice',
  'iam:GetMFADevice',
  'iam:GetUser',
  'iam:ListMFADevices',
  'iam:ResyncMFADevice',
]
// A request by an access key says nothing about MFA, and IfExists counts that as a request without MFA.
const withoutMfa = { BoolIfExists: { 'aws:MultiFactorAuthPresent': 'false' } }

/**
 * Makes the policy that denies a user of ours everything without MFA, except what the user needs for the password
 * change at the first sign-in and to set up their own MFA.
 *
 * The policy allows the MFA setup, because policies like ReadOnlyAccess do not. The policy allows no password change:
 * CreateAdminGroup decides whether IAMUserChangePassword is needed for that.
 * Source: IAM User Guide, "Allows MFA-authenticated IAM users to manage their own MFA device". Different from AWS's
 * sample, iam:ChangePassword and iam:GetAccountPasswordPolicy are exempt, because a forced password change needs both.
 */
export const mfaPolicy = (partition: string): PolicyDocument => {
  // The ARN of a user contains the path, so `user/${aws:username}` would be none of our users.
  const ownUser = `arn:${partition}:iam::*:user${ourPath}\${aws:username}`
  return {
    Version: '2012-10-17',
    Statement: [
      { Sid: 'SetUpOwnMfa', Effect: 'Allow', Action: onOwnUser, Resource: ownUser },
      {
        Sid: 'CreateMfaDevice',
        Effect: 'Allow',
        Action: 'iam:CreateVirtualMFADevice',
        Resource: `arn:${partition}:iam::*:mfa/*`,
      },
      { Sid: 'ListMfaDevices', Effect: 'Allow', Action: 'iam:ListVirtualMFADevices', Resource: '*' },
      {
        Sid: 'NothingElseWithoutMfa',
        Effect: 'Deny',
        NotAction: [
          'iam:ChangePassword',
          'iam:CreateVirtualMFADevice',
          'iam:GetAccountPasswordPolicy',
          'iam:ListVirtualMFADevices',
          'sts:GetSessionToken',
          ...onOwnUser,
        ],
        Resource: '*',
        Condition: withoutMfa,
      },
      {
        Sid: 'NoOtherUserWithoutMfa',
        Effect: 'Deny',
        Action: onOwnUser,
        NotResource: ownUser,
        Condition: withoutMfa,
      },
    ],
  }
}

/**
 * Adds the policy to every group, and to every administrator who is in no group, if `vending.yml` requires MFA.
 * Otherwise answers the same request.
 */
export const withMfaPolicy = (
  ask: Ask,
  { mfa, partition }: { mfa?: 'required' | undefined; partition: string },
): Ask => {
  if (!mfa) return ask
  const add = <Holder extends { inline?: Record<string, PolicyDocument> | undefined }>(holder: Holder) => ({
    ...holder,
    inline: { ...holder.inline, [mfaPolicyName]: mfaPolicy(partition) },
  })
  return { groups: ask.groups.map(add), admins: ask.admins.map((admin) => (admin.groups.length ? admin : add(admin))) }
}

/** The inline policies of a group without the one that demands MFA. */
export const withoutMfaPolicy = (inline: Record<string, PolicyDocument> = {}) => {
  const { [mfaPolicyName]: _mfa, ...others } = inline
  return others
}
