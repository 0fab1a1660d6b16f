import { createHash } from 'node:crypto'
import type * as IAM from '@aws-sdk/client-iam'
import { checkName, noSuchEntity } from './iam-common.ts'
import { encodeDocument } from './iam-policies.ts'
import type { Account, World } from './world.ts'

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

export const getRole = (_world: World, account: Account, { RoleName }: IAM.GetRoleRequest) => {
  const name = checkName('roleName', RoleName, 64)
  const other = account.roles.get(name.toLowerCase())
  const role =
    account.roleName === name ? { name, path: '/', createdAt: account.joinedAt } : other?.name === name && other
  if (!role) throw noSuchEntity(`The role with name ${name} cannot be found.`)
  const Arn = `arn:aws:iam::${account.id}:role${role.path}${role.name}`
  return {
    Role: {
      Path: role.path,
      RoleName: role.name,
      RoleId: `AROA${createHash('sha256').update(Arn).digest('hex').slice(0, 17).toUpperCase()}`,
      Arn,
      CreateDate: new Date(role.createdAt),
      AssumeRolePolicyDocument: encodeDocument(JSON.stringify(trustOf(account))),
      MaxSessionDuration: 3600,
    },
  }
}
