import {
  DescribePolicyCommand,
  type OrganizationsClient,
  paginateListPolicies,
  paginateListTargetsForPolicy,
  type PolicyTargetSummary,
} from '@aws-sdk/client-organizations'
import { createAdminGroupPermissions } from '../functions/create-admin-group/create-admin-group.ts'
import { createAdminUserPermissions } from '../functions/create-admin-user/create-admin-user.ts'
import { ourPath } from '../functions/shared/assume-role.ts'
import { matchesAction, matchesAny } from '../functions/shared/policy.ts'

const anyAccount = '000000000000'

/** The IAM actions that the workflow calls in an account, as its steps declare them. */
export const vendActions = [createAdminGroupPermissions, createAdminUserPermissions].flatMap((permissionsFor) =>
  permissionsFor({
    vend: { id: '', executionArn: '' },
    account: { id: anyAccount },
    groups: [],
    admin: { userName: 'Administrator', groups: [], policies: [] },
  }).flatMap(({ actions }) => actions),
)

type OneOrMany = string | string[]
type Statement = {
  Effect?: string
  Action?: OneOrMany
  NotAction?: OneOrMany
  Resource?: OneOrMany
  NotResource?: OneOrMany
  Condition?: Record<string, Record<string, OneOrMany>>
}
export type ServiceControlPolicy = { name: string; statements: Statement[]; targets: PolicyTargetSummary[] }
/** `certain` is false where a condition decides. */
export type Denial = { policy: string; actions: string[]; certain: boolean; targets: PolicyTargetSummary[] }

/** Reads the organization's service control policies, each with what it is attached to. */
export const readPolicies = async (organizations: OrganizationsClient): Promise<ServiceControlPolicy[]> => {
  const policies: ServiceControlPolicy[] = []
  for await (const { Policies = [] } of paginateListPolicies(
    { client: organizations },
    { Filter: 'SERVICE_CONTROL_POLICY' },
  ))
    for (const { Id: PolicyId, Name: name = '' } of Policies) {
      const targets: PolicyTargetSummary[] = []
      for await (const { Targets = [] } of paginateListTargetsForPolicy({ client: organizations }, { PolicyId }))
        targets.push(...Targets)
      if (!targets.length) continue
      const { Policy } = await organizations.send(new DescribePolicyCommand({ PolicyId }))
      const { Statement = [] } = JSON.parse(Policy?.Content ?? '{}') as { Statement?: Statement | Statement[] }
      policies.push({ name, statements: [Statement].flat(), targets })
    }
  return policies
}

const names = (action: string) => (/Group/.test(action) ? 'group' : 'user')
const touches = ({ Resource, NotResource }: Statement, action: string) => {
  const arn = `arn:aws:iam::${anyAccount}:${names(action)}${ourPath}Administrator`
  const ofAnyAccount = (patterns: OneOrMany) =>
    [patterns].flat().map((pattern) => pattern.replace(/^arn:[\w*-]+:iam::(\d{12})?/, `arn:aws:iam::${anyAccount}`))
  return NotResource ? !matchesAny(ofAnyAccount(NotResource), arn) : matchesAny(ofAnyAccount(Resource ?? '*'), arn)
}

/** Whether a condition exempts the access role by its name, as such policies usually do. */
const excepts = ({ Condition = {} }: Statement, roleName: string) =>
  Object.entries(Condition).some(
    ([operator, keys]) =>
      /^(ForAnyValue:|ForAllValues:)?(ArnNot(Like|Equals)|StringNot(Like|Equals))(IfExists)?$/.test(operator) &&
      Object.entries(keys).some(
        ([key, values]) =>
          key.toLowerCase() === 'aws:principalarn' &&
          [values]
            .flat()
            .some((value) => matchesAny(value.replace(/::\d{12}:/, '::*:'), `arn:aws:iam::*:role/${roleName}`)),
      ),
  )

/** Finds the policies that deny the access role an action of a vend, and where they do. */
export const findDenials = (policies: ServiceControlPolicy[], roleName: string): Denial[] =>
  policies.flatMap(({ name, statements, targets }) => {
    const denying = statements
      .filter((statement) => statement.Effect === 'Deny' && !excepts(statement, roleName))
      .map((statement) => ({
        certain: !statement.Condition || !Object.keys(statement.Condition).length,
        actions: vendActions.filter(
          (action) =>
            (statement.NotAction
              ? !matchesAction(statement.NotAction, action)
              : matchesAction(statement.Action, action)) && touches(statement, action),
        ),
      }))
    return [true, false].flatMap((certain) => {
      const actions = [...new Set(denying.filter((one) => one.certain === certain).flatMap(({ actions }) => actions))]
      return actions.length ? [{ policy: name, actions, certain, targets }] : []
    })
  })

/** The first few names, and how many more there are. */
export const firstOf = (all: string[], most = 3) =>
  all.length > most ? `${all.slice(0, most).join(', ')} and ${all.length - most} more` : all.join(', ')
