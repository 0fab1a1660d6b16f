import {
  DescribePolicyCommand,
  type OrganizationsClient,
  paginateListPolicies,
  paginateListPoliciesForTarget,
  paginateListTargetsForPolicy,
  type PolicyTargetSummary,
} from '@aws-sdk/client-organizations'
import { createAdminGroupPermissions } from '../create-admin-group/create-admin-group.ts'
import { createAdminUserPermissions } from '../create-admin-user/create-admin-user.ts'
import { ourPath } from './iam-client.ts'
import { matchesAction, matchesAny } from './policy.ts'
import type { Vending } from './vending.ts'

const anyAccount = '000000000000'

type Settings = Pick<Vending, 'accessRole' | 'mfa' | 'passwordPolicy'>

/** The IAM actions that the workflow calls in an account with these settings, as its steps declare them. */
export const vendActions = (settings: Settings) => {
  const input = {
    vend: { id: '', executionArn: '' },
    account: { id: anyAccount },
    groups: [],
    admin: { userName: 'Administrator', groups: [], policies: [], ...(settings.mfa && { inline: {} }) },
  }
  return [...createAdminGroupPermissions(input, settings), ...createAdminUserPermissions(input)].flatMap(
    ({ actions }) => actions,
  )
}

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
/** What stops a vend at some targets, and so in every account below them. */
export type Obstacle = {
  /** In words, without the targets. */
  finding: string
  /** The policies deny the actions, or do not allow them. */
  how: 'deny' | 'do not allow'
  /** False where a condition decides. */
  certain: boolean
  targets: PolicyTargetSummary[]
}

/**
 * Reads the organization's service control policies, each with all of its targets. The answer is empty where these
 * policies are disabled: AWS then detaches all of them.
 */
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
      policies.push({ name, statements: await statementsOf(organizations, PolicyId), targets })
    }
  return policies
}

/** Reads the service control policies that are attached to these targets, each with those of the targets it has. */
export const readPoliciesOf = async (organizations: OrganizationsClient, targets: PolicyTargetSummary[]) => {
  const policies = new Map<string, ServiceControlPolicy>()
  for (const target of targets)
    for await (const { Policies = [] } of paginateListPoliciesForTarget(
      { client: organizations },
      { TargetId: target.TargetId, Filter: 'SERVICE_CONTROL_POLICY' },
    ))
      for (const { Id = '', Name: name = '', AwsManaged } of Policies) {
        const known = policies.get(Id)
        if (known) known.targets.push(target)
        else {
          const statements = AwsManaged ? fullAccess : await statementsOf(organizations, Id)
          policies.set(Id, { name, statements, targets: [target] })
        }
      }
  return [...policies.values()]
}

/** FullAWSAccess is AWS's only service control policy (Organizations User Guide, "SCP evaluation"). */
const fullAccess: Statement[] = [{ Effect: 'Allow', Action: '*', Resource: '*' }]

const statementsOf = async (organizations: OrganizationsClient, PolicyId: string | undefined) => {
  const { Policy } = await organizations.send(new DescribePolicyCommand({ PolicyId }))
  const { Statement = [] } = JSON.parse(Policy?.Content ?? '{}') as { Statement?: Statement | Statement[] }
  return [Statement].flat()
}

const kindOf = (action: string) => (/Group/.test(action) ? 'group' : 'user')
const touches = ({ Resource, NotResource }: Statement, action: string) => {
  const arn = `arn:any:iam::${anyAccount}:${kindOf(action)}${ourPath}Administrator`
  const ofAnyAccount = (patterns: OneOrMany) =>
    [patterns].flat().map((pattern) => pattern.replace(/^arn:[\w*-]+:iam::(\d{12})?/, `arn:any:iam::${anyAccount}`))
  return NotResource ? !matchesAny(ofAnyAccount(NotResource), arn) : matchesAny(ofAnyAccount(Resource ?? '*'), arn)
}
const isAbout = (statement: Statement, action: string) =>
  (statement.NotAction ? !matchesAction(statement.NotAction, action) : matchesAction(statement.Action, action)) &&
  touches(statement, action)

/** The operators that compare with an ARN or a text, with `Not` or without. */
const comparing = (not: '' | 'Not') =>
  new RegExp(`^(ForAnyValue:|ForAllValues:)?(Arn|String)${not}(Like|Equals)(IfExists)?$`)

/** Whether a condition compares the access role's name, as policies with a condition usually do. */
const namesRole = (operators: RegExp, { Condition = {} }: Statement, roleName: string) =>
  Object.entries(Condition).some(
    ([operator, keys]) =>
      operators.test(operator) &&
      Object.entries(keys).some(
        ([key, values]) =>
          key.toLowerCase() === 'aws:principalarn' &&
          [values].flat().some((value) =>
            matchesAny(
              value.replace(
                /^arn:[\w*-]+:iam::(\d{12}:)?/,
                (_, account?: string) => `arn:any:iam::${account ? '*:' : ''}`,
              ),
              `arn:any:iam::*:role/${roleName}`,
            ),
          ),
      ),
  )

const conditionsOf = ({ Condition = {} }: Statement) => Object.values(Condition).flatMap((keys) => Object.keys(keys))

type Answer = 'yes' | 'maybe' | 'no'
const answerOf = (statements: Statement[], isCertain: (statement: Statement) => boolean): Answer =>
  statements.some(isCertain) ? 'yes' : statements.length ? 'maybe' : 'no'

const denies = ({ statements }: ServiceControlPolicy, action: string, roleName: string) =>
  answerOf(
    statements.filter(
      (statement) =>
        statement.Effect === 'Deny' &&
        isAbout(statement, action) &&
        // All conditions must hold, so one that exempts the role is enough.
        !namesRole(comparing('Not'), statement, roleName),
    ),
    (statement) => !conditionsOf(statement).length,
  )

const allow = (policies: ServiceControlPolicy[], action: string, roleName: string) =>
  answerOf(
    policies
      .flatMap(({ statements }) => statements)
      .filter((statement) => statement.Effect === 'Allow' && isAbout(statement, action)),
    (statement) => conditionsOf(statement).length <= (namesRole(comparing(''), statement, roleName) ? 1 : 0),
  )

const obstaclesAt = (
  policies: ServiceControlPolicy[],
  { roleName, actions: wanted }: { roleName: string; actions: string[] },
): Omit<Obstacle, 'targets'>[] => {
  const denied = policies.flatMap((policy) =>
    (['yes', 'maybe'] as const).map((answer) => ({
      how: 'deny' as const,
      certain: answer === 'yes',
      words: answer === 'yes' ? `${policy.name} denies` : `${policy.name} may deny (depending on a condition)`,
      actions: wanted.filter((action) => denies(policy, action, roleName) === answer),
    })),
  )
  const names = firstOf(policies.map(({ name }) => name))
  const isOne = policies.length === 1
  const lacking = {
    no: `${names} ${isOne ? 'does' : 'do'} not allow`,
    maybe: `${names} ${isOne ? 'allows' : 'allow'} only on a condition`,
  }
  const notAllowed = (['no', 'maybe'] as const).map((answer) => ({
    how: 'do not allow' as const,
    certain: answer === 'no',
    words: lacking[answer],
    actions: wanted.filter((action) => allow(policies, action, roleName) === answer),
  }))
  return [...denied, ...notAllowed].flatMap(({ words, actions, ...obstacle }) =>
    actions.length ? [{ ...obstacle, finding: `${words} ${firstOf([...new Set(actions)])}` }] : [],
  )
}

/**
 * Finds what the policies forbid the access role of the actions of a vend with these settings, and where. At each
 * target, some attached policy must allow an action, and no attached policy may deny it. What is forbidden at a target
 * is forbidden in every account below the target. Source: AWS Organizations User Guide, "SCP evaluation".
 */
export const findObstacles = (policies: ServiceControlPolicy[], settings: Settings): Obstacle[] => {
  const role = { roleName: settings.accessRole, actions: vendActions(settings) }
  const targets = new Map(policies.flatMap(({ targets }) => targets.map((target) => [target.TargetId, target])))
  const found = new Map<string, Obstacle>()
  for (const target of targets.values()) {
    const attached = policies.filter(({ targets }) => targets.some(({ TargetId }) => TargetId === target.TargetId))
    for (const obstacle of obstaclesAt(attached, role)) {
      const known = found.get(obstacle.finding)
      if (known) known.targets.push(target)
      else found.set(obstacle.finding, { ...obstacle, targets: [target] })
    }
  }
  return [...found.values()]
}

/** A target by its name and id. */
export const placeOfTarget = ({ Name, TargetId }: PolicyTargetSummary) => `${Name} (${TargetId})`

/** The first few names, and how many more there are. */
export const firstOf = (all: string[], most = 3) =>
  all.length > most ? `${all.slice(0, most).join(', ')} and ${all.length - most} more` : all.join(', ')
