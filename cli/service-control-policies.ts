import {
  DescribePolicyCommand,
  type OrganizationsClient,
  paginateListPolicies,
  paginateListTargetsForPolicy,
  type PolicyTargetSummary,
} from '@aws-sdk/client-organizations'
import { inspectActions } from '../functions/create-admin-group/create-admin-group.ts'
import { ourPath } from '../functions/shared/account-role.ts'

/** What the workflow calls of IAM in an account. */
export const vendActions = [
  ...inspectActions,
  'iam:CreateGroup',
  'iam:PutGroupPolicy',
  'iam:AttachGroupPolicy',
  'iam:GetUser',
  'iam:CreateUser',
  'iam:TagUser',
  'iam:CreateLoginProfile',
  'iam:UpdateLoginProfile',
  'iam:AttachUserPolicy',
  'iam:AddUserToGroup',
]

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

const matches = (patterns: OneOrMany | undefined, text: string) =>
  [patterns ?? []].flat().some((pattern) => {
    const literal = pattern.replace(/[.+^${}()|[\]\\]/g, '\\$&')
    return new RegExp(`^${literal.replaceAll('*', '.*').replaceAll('?', '.')}$`, 'i').test(text)
  })

const anyAccount = '000000000000'
const names = (action: string) => (/Group/.test(action) ? 'group' : 'user')
const touches = ({ Resource, NotResource }: Statement, action: string) => {
  const arn = `arn:aws:iam::${anyAccount}:${names(action)}${ourPath}Administrator`
  const ofAnyAccount = (patterns: OneOrMany) =>
    [patterns].flat().map((pattern) => pattern.replace(/^arn:[\w*-]+:iam::(\d{12})?/, `arn:aws:iam::${anyAccount}`))
  return NotResource ? !matches(ofAnyAccount(NotResource), arn) : matches(ofAnyAccount(Resource ?? '*'), arn)
}

/** Whether a condition excepts the access role by its name, which is how such policies are usually opened for it. */
const excepts = ({ Condition = {} }: Statement, roleName: string) =>
  Object.entries(Condition).some(
    ([operator, keys]) =>
      /^(ForAnyValue:|ForAllValues:)?(ArnNot(Like|Equals)|StringNot(Like|Equals))(IfExists)?$/.test(operator) &&
      Object.entries(keys).some(
        ([key, values]) =>
          key.toLowerCase() === 'aws:principalarn' &&
          [values]
            .flat()
            .some((value) => matches(value.replace(/::\d{12}:/, '::*:'), `arn:aws:iam::*:role/${roleName}`)),
      ),
  )

/** Which policies deny the access role something that a vend does, and where. */
export const findDenials = (policies: ServiceControlPolicy[], roleName: string): Denial[] =>
  policies.flatMap(({ name, statements, targets }) => {
    const denying = statements
      .filter((statement) => statement.Effect === 'Deny' && !excepts(statement, roleName))
      .map((statement) => ({
        certain: !statement.Condition || !Object.keys(statement.Condition).length,
        actions: vendActions.filter(
          (action) =>
            (statement.NotAction ? !matches(statement.NotAction, action) : matches(statement.Action, action)) &&
            touches(statement, action),
        ),
      }))
    return [true, false].flatMap((certain) => {
      const actions = [...new Set(denying.filter((one) => one.certain === certain).flatMap(({ actions }) => actions))]
      return actions.length ? [{ policy: name, actions, certain, targets }] : []
    })
  })

/** A few names, and how many more. */
export const some = (all: string[], most = 3) =>
  all.length > most ? `${all.slice(0, most).join(', ')} and ${all.length - most} more` : all.join(', ')
