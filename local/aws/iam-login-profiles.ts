import type * as IAM from '@aws-sdk/client-iam'
import { AwsError } from './aws-error.ts'
import { alreadyExists, invalid, noSuchEntity, userOf } from './iam-common.ts'
import type { Account, User, World } from './world.ts'

const unmodifiableSeconds = 3

const loginOf = ({ name, login }: User) => {
  if (!login) throw noSuchEntity(`Login Profile for User ${name} cannot be found.`)
  return login
}

const describeLogin = (user: User) => ({
  UserName: user.name,
  CreateDate: new Date(loginOf(user).createdAt),
  PasswordResetRequired: loginOf(user).resetRequired,
})

const checkModifiable = (world: World, user: User) => {
  if (world.now() - loginOf(user).createdAt < unmodifiableSeconds * 1000)
    throw new AwsError(
      'EntityTemporarilyUnmodifiable',
      `Login Profile for User ${user.name} cannot be modified while login profile is being created.`,
      409,
    )
}

const symbols = "!@#$%^&*()_+-=[]{}|'"

const checkPassword = ({ passwordPolicy: policy, name, email }: Account, password = '') => {
  if (password.length > 128 || !/^[\u0020-\u00ff]+$/.test(password))
    throw invalid('The specified value for password is invalid.')
  const violation = (message: string) => new AwsError('PasswordPolicyViolation', message)
  const has = {
    'uppercase letter': /[A-Z]/.test(password),
    'lowercase letter': /[a-z]/.test(password),
    number: /[0-9]/.test(password),
    symbol: [...password].some((character) => symbols.includes(character)),
  }
  const shortest = policy ? (policy.MinimumPasswordLength ?? 6) : 8
  if (password.length < shortest) throw violation(`Password should have a minimum length of ${shortest}`)
  if (policy) {
    const wanted = {
      'uppercase letter': policy.RequireUppercaseCharacters,
      'lowercase letter': policy.RequireLowercaseCharacters,
      number: policy.RequireNumbers,
      symbol: policy.RequireSymbols,
    }
    for (const [type, isThere] of Object.entries(has))
      if (wanted[type as keyof typeof has] && !isThere) throw violation(`Password should have at least one ${type}`)
  } else {
    if (Object.values(has).filter(Boolean).length < 3)
      throw violation('Password should have at least three of: uppercase letters, lowercase letters, numbers, symbols')
    if ([name, email].includes(password))
      throw violation('Password should not be the name or e-mail address of the account')
  }
  return password
}

export const getLoginProfile = (world: World, account: Account, { UserName }: IAM.GetLoginProfileRequest) => ({
  LoginProfile: describeLogin(userOf(world, account, UserName)),
})

export const createLoginProfile = (world: World, account: Account, input: IAM.CreateLoginProfileRequest) => {
  const user = userOf(world, account, input.UserName)
  if (user.login) throw alreadyExists(`Login Profile for user ${user.name} already exists.`)
  user.login = {
    password: checkPassword(account, input.Password),
    resetRequired: String(input.PasswordResetRequired) === 'true',
    createdAt: world.now(),
  }
  return { LoginProfile: describeLogin(user) }
}

export const updateLoginProfile = (world: World, account: Account, input: IAM.UpdateLoginProfileRequest) => {
  const user = userOf(world, account, input.UserName)
  checkModifiable(world, user)
  const login = loginOf(user)
  if (input.Password !== undefined) login.password = checkPassword(account, input.Password)
  if (input.PasswordResetRequired !== undefined) login.resetRequired = String(input.PasswordResetRequired) === 'true'
}

export const deleteLoginProfile = (world: World, account: Account, { UserName }: IAM.DeleteLoginProfileRequest) => {
  const user = userOf(world, account, UserName)
  checkModifiable(world, user)
  delete user.login
}

const numbers = {
  MinimumPasswordLength: [6, 128],
  MaxPasswordAge: [1, 1095],
  PasswordReusePrevention: [1, 24],
} as const
const flags = [
  'RequireSymbols',
  'RequireNumbers',
  'RequireUppercaseCharacters',
  'RequireLowercaseCharacters',
  'AllowUsersToChangePassword',
  'HardExpiry',
] as const

/** Replaces the whole policy: what the input leaves out gets IAM's default. */
export const updateAccountPasswordPolicy = (
  _world: World,
  account: Account,
  input: IAM.UpdateAccountPasswordPolicyRequest,
) => {
  const policy: IAM.UpdateAccountPasswordPolicyRequest = {}
  for (const [key, [least, most]] of Object.entries(numbers) as [keyof typeof numbers, readonly [number, number]][]) {
    if (input[key] === undefined) continue
    const value = Number(input[key])
    if (value < least || value > most) {
      const limit = value < least ? `greater than or equal to ${least}` : `less than or equal to ${most}`
      const field = `${key[0]?.toLowerCase()}${key.slice(1)}`
      throw invalid(
        `1 validation error detected: Value '${value}' at '${field}' failed to satisfy constraint: Member must have value ${limit}`,
      )
    }
    policy[key] = value
  }
  for (const key of flags) if (input[key] !== undefined) policy[key] = String(input[key]) === 'true'
  account.passwordPolicy = policy
}

export const getAccountPasswordPolicy = (_world: World, { id, passwordPolicy }: Account) => {
  if (!passwordPolicy) throw noSuchEntity(`The Password Policy with domain name ${id} cannot be found.`)
  return {
    PasswordPolicy: {
      MinimumPasswordLength: 6,
      RequireSymbols: false,
      RequireNumbers: false,
      RequireUppercaseCharacters: false,
      RequireLowercaseCharacters: false,
      AllowUsersToChangePassword: false,
      ExpirePasswords: !!passwordPolicy.MaxPasswordAge,
      ...passwordPolicy,
    },
  }
}
