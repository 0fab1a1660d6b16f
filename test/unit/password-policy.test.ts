import type { PasswordPolicy } from '@aws-sdk/client-iam'
import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import {
  passwordPolicyAfter,
  stronger,
  type WantedPasswordPolicy,
} from '../../functions/create-admin-group/password-policy.ts'

const least = { minimumPasswordLength: 8 }
/** What `stronger` answers if nobody requires anything. */
const weakest = {
  MinimumPasswordLength: 8,
  RequireSymbols: false,
  RequireNumbers: false,
  RequireUppercaseCharacters: false,
  RequireLowercaseCharacters: false,
  AllowUsersToChangePassword: false,
  HardExpiry: false,
}

test.each<[existing: PasswordPolicy | undefined, wanted: Partial<WantedPasswordPolicy>, more: object]>([
  // An account without a policy has IAM's own minimum of 8. An account with a policy may have a minimum of 6.
  [undefined, {}, {}],
  [{ MinimumPasswordLength: 6 }, {}, {}],
  [{ MinimumPasswordLength: 6 }, { minimumPasswordLength: 14 }, { MinimumPasswordLength: 14 }],
  [undefined, { minimumPasswordLength: 14 }, { MinimumPasswordLength: 14 }],
  [{ MinimumPasswordLength: 20 }, { minimumPasswordLength: 14 }, { MinimumPasswordLength: 20 }],
  ...['Symbols', 'Numbers', 'UppercaseCharacters', 'LowercaseCharacters'].flatMap(
    (kind) =>
      [
        [{ [`Require${kind}`]: false }, { [`require${kind}`]: false }, {}],
        [{ [`Require${kind}`]: false }, { [`require${kind}`]: true }, { [`Require${kind}`]: true }],
        [{ [`Require${kind}`]: true }, { [`require${kind}`]: false }, { [`Require${kind}`]: true }],
        [{ [`Require${kind}`]: true }, {}, { [`Require${kind}`]: true }],
        [{}, { [`require${kind}`]: true }, { [`Require${kind}`]: true }],
      ] as [PasswordPolicy, Partial<WantedPasswordPolicy>, object][],
  ),
  // The shorter age is the stronger, and no age, or 0, is the weakest.
  [{ MaxPasswordAge: 90 }, { maxPasswordAge: 60 }, { MaxPasswordAge: 60 }],
  [{ MaxPasswordAge: 60 }, { maxPasswordAge: 90 }, { MaxPasswordAge: 60 }],
  [{ MaxPasswordAge: 60 }, {}, { MaxPasswordAge: 60 }],
  [{ MaxPasswordAge: 0 }, { maxPasswordAge: 90 }, { MaxPasswordAge: 90 }],
  [{ MaxPasswordAge: 0 }, {}, {}],
  [{}, { maxPasswordAge: 90 }, { MaxPasswordAge: 90 }],
  [{ PasswordReusePrevention: 5 }, { passwordReusePrevention: 24 }, { PasswordReusePrevention: 24 }],
  [{ PasswordReusePrevention: 24 }, { passwordReusePrevention: 5 }, { PasswordReusePrevention: 24 }],
  [{ PasswordReusePrevention: 0 }, {}, {}],
  [{}, { passwordReusePrevention: 1 }, { PasswordReusePrevention: 1 }],
  // Not ours to decide.
  [{ AllowUsersToChangePassword: true }, {}, { AllowUsersToChangePassword: true }],
  [{ HardExpiry: true }, {}, { HardExpiry: true }],
  // What IAM answers and does not take.
  [{ ExpirePasswords: true, MaxPasswordAge: 30 }, {}, { MaxPasswordAge: 30 }],
])('the stronger of %j and %j is the weakest with %j', (existing, wanted, more) => {
  expect(stronger(existing, { ...least, ...wanted })).toEqual({ ...weakest, ...more })
})

const flag = fc.boolean()
const existingPolicy = fc.record(
  {
    MinimumPasswordLength: fc.integer({ min: 6, max: 128 }),
    RequireSymbols: flag,
    RequireNumbers: flag,
    RequireUppercaseCharacters: flag,
    RequireLowercaseCharacters: flag,
    AllowUsersToChangePassword: flag,
    HardExpiry: flag,
    MaxPasswordAge: fc.integer({ min: 0, max: 1095 }),
    PasswordReusePrevention: fc.integer({ min: 0, max: 24 }),
  },
  { requiredKeys: ['MinimumPasswordLength'] },
)
const wantedPolicy = fc.record(
  {
    minimumPasswordLength: fc.integer({ min: 8, max: 128 }),
    requireSymbols: flag,
    requireNumbers: flag,
    requireUppercaseCharacters: flag,
    requireLowercaseCharacters: flag,
    maxPasswordAge: fc.integer({ min: 1, max: 1095 }),
    passwordReusePrevention: fc.integer({ min: 1, max: 24 }),
  },
  { requiredKeys: ['minimumPasswordLength'] },
)

test('a policy that was set is strong enough: nothing is set twice, and nothing is ever weaker', () => {
  fc.assert(
    fc.property(fc.option(existingPolicy, { nil: undefined }), wantedPolicy, (existing, wanted) => {
      const set = stronger(existing, wanted)
      expect(passwordPolicyAfter(set, wanted)).toEqual({
        passwordPolicy: undefined,
        minimumPasswordLength: set.MinimumPasswordLength,
      })
      expect(set.MinimumPasswordLength).toBeGreaterThanOrEqual(existing?.MinimumPasswordLength ?? 8)
      expect(set.MaxPasswordAge ?? Infinity).toBeLessThanOrEqual(existing?.MaxPasswordAge || Infinity)
      expect(set.PasswordReusePrevention ?? 0).toBeGreaterThanOrEqual(existing?.PasswordReusePrevention ?? 0)
      for (const key of ['RequireSymbols', 'RequireNumbers', 'HardExpiry', 'AllowUsersToChangePassword'] as const)
        if (existing?.[key]) expect(set[key]).toBe(true)
    }),
  )
})

test.each<[string, PasswordPolicy | undefined, WantedPasswordPolicy | undefined, isSet: boolean, length: number]>([
  ['no policy and none wanted', undefined, undefined, false, 8],
  ['a policy and none wanted', { MinimumPasswordLength: 40 }, undefined, false, 40],
  ['no policy, and IAM’s own minimum wanted', undefined, { minimumPasswordLength: 8 }, true, 8],
  ['a weaker policy', { MinimumPasswordLength: 6 }, { minimumPasswordLength: 14 }, true, 14],
  ['the same policy', { MinimumPasswordLength: 14 }, { minimumPasswordLength: 14 }, false, 14],
  ['a stronger policy', { MinimumPasswordLength: 40, RequireSymbols: true }, { minimumPasswordLength: 14 }, false, 40],
])('with %s, the policy is set or not, and the minimum length follows', (_, existing, wanted, isSet, length) => {
  const { passwordPolicy, minimumPasswordLength } = passwordPolicyAfter(existing, wanted)
  expect([passwordPolicy !== undefined, minimumPasswordLength]).toEqual([isSet, length])
})
