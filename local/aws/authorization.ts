import { matchesAction, matchesAny } from '../../functions/shared/policy.ts'
import { AwsError, unsupported } from './aws-error.ts'
import type { Caller } from './operation.ts'
import { policiesOf } from './service-control-policies.ts'
import type { World } from './world.ts'

type OneOrMany = string | string[]
type Statement = {
  Effect?: string
  Principal?: unknown
  NotPrincipal?: unknown
  Action?: OneOrMany
  NotAction?: OneOrMany
  Resource?: OneOrMany
  NotResource?: OneOrMany
  Condition?: Record<string, Record<string, OneOrMany>>
}

/** Reads a policy document. Throws MalformedPolicyDocument if IAM would refuse the document. */
export const parsePolicy = (document: string): Statement[] => {
  const malformed = (message: string) => new AwsError('MalformedPolicyDocument', message)
  let policy: { Statement?: Statement | Statement[] } | null
  try {
    policy = JSON.parse(document) as typeof policy
  } catch {
    throw malformed('The policy is not in the valid JSON format.')
  }
  const statements = [policy?.Statement ?? []].flat()
  if (!statements.length) throw malformed('Syntax errors in policy.')
  for (const { Effect, Principal, NotPrincipal, Action, NotAction, Resource, NotResource } of statements) {
    if (Effect !== 'Allow' && Effect !== 'Deny') throw malformed('Policy statement must contain a valid Effect.')
    if (Principal !== undefined || NotPrincipal !== undefined)
      throw malformed('Policy document should not specify a principal.')
    const actions = [Action ?? NotAction ?? []].flat()
    if (!actions.length) throw malformed('Policy statement must contain actions.')
    if (!actions.every((action) => /^(?:\*|[\w-]+:.+)$/.test(action)))
      throw malformed('Actions/Conditions must be prefaced by a vendor, e.g., iam, sdb, ec2, etc.')
    const resources = [Resource ?? NotResource ?? []].flat()
    if (!resources.length) throw malformed('Policy statement must contain resources.')
    if (!resources.every((resource) => /^(?:\*|arn:.+)$/.test(resource)))
      throw malformed('Resource must be in ARN format or "*".')
  }
  return statements
}

const conditionHolds = ({ Condition = {} }: Statement, policyArn: string | undefined) =>
  Object.entries(Condition).every(([operator, keys]) =>
    Object.entries(keys).every(([key, values]) => {
      if (!['ArnEquals', 'ArnLike', 'StringEquals'].includes(operator) || key.toLowerCase() !== 'iam:policyarn')
        throw unsupported(`the condition ${operator} on ${key} in a session policy`)
      if (policyArn === undefined) return false
      return operator === 'StringEquals' ? [values].flat().includes(policyArn) : matchesAny(values, policyArn)
    }),
  )

const sessionAllows = (document: string, action: string, resource: string, policyArn: string | undefined) => {
  const applying = parsePolicy(document).filter((statement) => {
    if (!statement.Action || !statement.Resource) throw unsupported('NotAction or NotResource in a session policy')
    return (
      matchesAction(statement.Action, action) &&
      matchesAny(statement.Resource, resource) &&
      conditionHolds(statement, policyArn)
    )
  })
  return applying.length > 0 && applying.every(({ Effect }) => Effect === 'Allow')
}

export const arnOfCaller = ({ accountId, session, function: name }: Caller) =>
  session && !session.isRoot
    ? `arn:aws:sts::${accountId}:assumed-role/${session.roleName}/${session.sessionName}`
    : name && !session
      ? `arn:aws:sts::${accountId}:assumed-role/${name}/${name}`
      : `arn:aws:iam::${accountId}:root`

export const denied = (caller: Caller, action: string, resource: string, why = '') =>
  new AwsError(
    'AccessDenied',
    `User: ${arnOfCaller(caller)} is not authorized to perform: ${action} on resource: ${resource}${why}`,
    403,
  )

const conditionOfServiceControlPolicyHolds = ({ Condition = {} }: Statement, principalArn: string) =>
  Object.entries(Condition).every(([operator, keys]) =>
    Object.entries(keys).every(([key, values]) => {
      if (!/^(Arn|String)(Not)?(Like|Equals)$/.test(operator) || key.toLowerCase() !== 'aws:principalarn')
        throw unsupported(`the condition ${operator} on ${key} in a service control policy`)
      return matchesAny(values, principalArn) !== operator.includes('Not')
    }),
  )

/** The ids of an account, the organizational units above it, and the root. */
const levelsAbove = (world: World, id: string): string[] => {
  const above = (world.accounts.get(id) ?? world.organizationalUnits.get(id))?.parentId
  return [id, ...(above ? levelsAbove(world, above) : [])]
}

/**
 * Why the service control policies do not let a member account's caller do this, as AWS says it; undefined if they do.
 * Some policy must allow an action at each level from the root to the account, and no policy may deny it.
 */
const whyForbidden = (world: World, caller: Caller, action: string, resource: string) => {
  const { accountId, session } = caller
  const account = world.accounts.get(accountId)
  if (!account || accountId === world.managementAccountId) return undefined
  const principalArn = `arn:aws:iam::${accountId}:role/${session?.roleName}`
  const policies = policiesOf(world)
  const applying = levelsAbove(world, accountId).map((level) =>
    policies
      .filter(({ targets }) => targets.includes(level))
      .flatMap(({ document }) => parsePolicy(JSON.stringify(document)))
      .filter(
        ({ Action, NotAction, Resource, NotResource, ...rest }) =>
          (NotAction ? !matchesAction(NotAction, action) : matchesAction(Action, action)) &&
          (NotResource ? !matchesAny(NotResource, resource) : matchesAny(Resource, resource)) &&
          conditionOfServiceControlPolicyHolds(rest, principalArn),
      ),
  )
  if (applying.flat().some(({ Effect }) => Effect === 'Deny'))
    return 'with an explicit deny in a service control policy'
  return applying.every((statements) => statements.length)
    ? undefined
    : `because no service control policy allows the ${action} action`
}

/**
 * Throws AccessDenied if a service control policy or the session policy denies the action to the caller, or if the
 * policies of the caller's role are not in effect yet.
 */
export const checkAllowed = (
  world: World,
  caller: Caller,
  { action, resource, policyArn }: { action: string; resource: string; policyArn?: string | undefined },
) => {
  const account = world.accounts.get(caller.accountId)
  if (matchesAction(account?.deniedActions, action))
    throw denied(caller, action, resource, ' with an explicit deny in a service control policy')
  // Most worlds have only FullAWSAccess.
  if (world.serviceControlPolicies.length || world.withoutFullAccess.size) {
    const why = whyForbidden(world, caller, action, resource)
    if (why) throw denied(caller, action, resource, ` ${why}`)
  }
  if (caller.session && account && account.policiesInEffectFrom > world.now())
    throw denied(caller, action, resource, ` because no identity-based policy allows the ${action} action`)
  const policy = caller.session?.policy
  if (policy && !sessionAllows(policy, action, resource, policyArn))
    throw denied(caller, action, resource, ` because no session policy allows the ${action} action`)
}
