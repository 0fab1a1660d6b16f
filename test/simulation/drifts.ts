import { ourPath } from '../../functions/shared/iam-client.ts'
import { type Account, addUser, type User, type World } from '../../local/aws/world.ts'
import type { DriftKind } from './round-plan.ts'

// What somebody changes by hand in an account that was vended.

const administratorAccess = 'arn:aws:iam::aws:policy/AdministratorAccess'
const readOnlyAccess = 'arn:aws:iam::aws:policy/ReadOnlyAccess'

/** A change that was made: what the finding about it is about, and how to mend the change if it can be mended. */
type Made = { subject: string; mend?: () => void }

/** Makes the change in an account. Answers undefined if there is nothing in the account that could change so. */
export const makeDrift = (
  world: World,
  account: Account,
  { kind, user }: { kind: DriftKind; user: User },
): Made | undefined => {
  const group = [...user.groups].find(({ path }) => path === ourPath)
  const devices = [...account.mfaDevices.values()].filter((device) => device.user === user)
  const makers: Record<DriftKind, () => Made | undefined> = {
    'group-gone': () => {
      if (!group) return undefined
      for (const { groups } of account.users.values()) groups.delete(group)
      account.groups.delete(group.name.toLowerCase())
      return { subject: group.name }
    },
    'policy-detached': () => {
      if (!group?.policies.delete(administratorAccess)) return undefined
      return {
        subject: `AdministratorAccess of group ${group.name}`,
        mend: () => group.policies.add(administratorAccess),
      }
    },
    'policy-added': () => {
      user.policies.add(readOnlyAccess)
      return { subject: `ReadOnlyAccess of user ${user.name}`, mend: () => user.policies.delete(readOnlyAccess) }
    },
    'member-added': () => {
      if (!group) return undefined
      const eve = addUser(world, account, { name: 'eve', path: '/' })
      eve.groups.add(group)
      return { subject: `eve in ${group.name}`, mend: () => eve.groups.delete(group) }
    },
    'user-gone': () => {
      account.users.delete(user.name.toLowerCase())
      for (const device of devices) account.mfaDevices.delete(device.serialNumber)
      return { subject: user.name }
    },
    'mfa-off': () => {
      for (const device of devices) account.mfaDevices.delete(device.serialNumber)
      if (!devices.length) return undefined
      return { subject: user.name, mend: () => devices.forEach((one) => account.mfaDevices.set(one.serialNumber, one)) }
    },
    'password-policy-weaker': () => {
      const before = account.passwordPolicy
      if (!before) return undefined
      account.passwordPolicy = { ...before, MinimumPasswordLength: 8 }
      return { subject: '', mend: () => (account.passwordPolicy = before) }
    },
    'tags-changed': () => {
      const before = user.tags.get('ManagedBy')
      if (before === undefined) return undefined
      user.tags.set('ManagedBy', 'somebody')
      return { subject: user.name, mend: () => user.tags.set('ManagedBy', before) }
    },
    'access-role-missing': () => {
      const before = account.roleTrusts
      account.roleTrusts = '999999999999'
      return { subject: '', mend: () => (account.roleTrusts = before) }
    },
    'account-refuses': () => {
      account.deniedActions = ['iam:GetAccountAuthorizationDetails', 'iam:ListUsers']
      return { subject: '', mend: () => (account.deniedActions = []) }
    },
    'root-credentials': () => {
      account.rootUser.accessKeys.push('AKIAROOT')
      return { subject: '', mend: () => account.rootUser.accessKeys.splice(0) }
    },
  }
  return makers[kind]()
}
