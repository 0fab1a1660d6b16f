import { createHash } from 'node:crypto'
import type * as IAM from '@aws-sdk/client-iam'
import { below, checkName, noSuchEntity, onePage } from './iam-common.ts'
import { encodeDocument } from './iam-policies.ts'
import type { Account, Role, World } from './world.ts'

const letIn = (principals: string | string[]) => ({
  Effect: 'Allow',
  Principal: { AWS: principals },
  Action: 'sts:AssumeRole',
})

/** The trust policy of the access role: as Organizations makes it (orgs_manage_accounts_access), and what was added. */
const trustOf = ({ roleTrusts, roleAlsoTrusts }: Account) => ({
  Version: '2012-10-17',
  Statement: [letIn(`arn:aws:iam::${roleTrusts}:root`), ...(roleAlsoTrusts.length ? [letIn(roleAlsoTrusts)] : [])],
})

const describeRole = (account: Account, role: Role) => {
  const Arn = `arn:aws:iam::${account.id}:role${role.path}${role.name}`
  return {
    Path: role.path,
    RoleName: role.name,
    RoleId: `AROA${createHash('sha256').update(Arn).digest('hex').slice(0, 17).toUpperCase()}`,
    Arn,
    CreateDate: new Date(role.createdAt),
    AssumeRolePolicyDocument: encodeDocument(JSON.stringify(trustOf(account))),
    MaxSessionDuration: 3600,
  }
}

/** The access role, if the account has one. */
const accessRoleOf = ({ roleName, joinedAt }: Account): Role[] =>
  roleName === null ? [] : [{ name: roleName, path: '/', createdAt: joinedAt }]

export const listRoles = (world: World, account: Account, input: IAM.ListRolesRequest) => {
  const roles = below(world, [...accessRoleOf(account), ...account.roles.values()], input)
  return onePage(
    'Roles',
    roles.map((role) => describeRole(account, role)),
    input,
  )
}

export const getRole = (_world: World, account: Account, { RoleName }: IAM.GetRoleRequest) => {
  const name = checkName('roleName', RoleName, 64)
  const [accessRole] = accessRoleOf(account)
  const role = [accessRole, account.roles.get(name.toLowerCase())].find((role) => role?.name === name)
  if (!role) throw noSuchEntity(`The role with name ${name} cannot be found.`)
  return { Role: describeRole(account, role) }
}
