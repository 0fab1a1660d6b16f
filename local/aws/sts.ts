import type { AssumeRoleRequest } from '@aws-sdk/client-sts'
import {
  AwsError,
  type Caller,
  lettersAndDigits,
  type Operations,
  randomText,
  type Session,
  unsupported,
  type World,
} from './world.ts'

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

/** Reads a policy document; throws MalformedPolicyDocument for what IAM would not take. */
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

const matches = (patterns: OneOrMany, value: string, flags = '') =>
  [patterns].flat().some((pattern) => {
    // Most name one thing, and a simulation asks often.
    if (!flags && !/[*?]/.test(pattern)) return pattern === value
    const literal = pattern.replace(/[.+^${}()|[\]\\]/g, '\\$&')
    return new RegExp(`^${literal.replaceAll('*', '.*').replaceAll('?', '.')}$`, flags).test(value)
  })

const conditionHolds = ({ Condition = {} }: Statement, policyArn: string | undefined) =>
  Object.entries(Condition).every(([operator, keys]) =>
    Object.entries(keys).every(([key, values]) => {
      if (!['ArnEquals', 'ArnLike', 'StringEquals'].includes(operator) || key.toLowerCase() !== 'iam:policyarn')
        throw unsupported(`the condition ${operator} on ${key} in a session policy`)
      if (policyArn === undefined) return false
      return operator === 'StringEquals' ? [values].flat().includes(policyArn) : matches(values, policyArn)
    }),
  )

const sessionAllows = (document: string, action: string, resource: string, policyArn: string | undefined) => {
  const applying = parsePolicy(document).filter((statement) => {
    if (!statement.Action || !statement.Resource) throw unsupported('NotAction or NotResource in a session policy')
    return (
      matches(statement.Action, action, 'i') &&
      matches(statement.Resource, resource) &&
      conditionHolds(statement, policyArn)
    )
  })
  return applying.length > 0 && applying.every(({ Effect }) => Effect === 'Allow')
}

const arnOfCaller = ({ accountId, session, function: name }: Caller) =>
  session
    ? `arn:aws:sts::${accountId}:assumed-role/${session.roleName}/${session.sessionName}`
    : name
      ? `arn:aws:sts::${accountId}:assumed-role/${name}/${name}`
      : `arn:aws:iam::${accountId}:root`

const denied = (caller: Caller, action: string, resource: string, why = '') =>
  new AwsError(
    'AccessDenied',
    `User: ${arnOfCaller(caller)} is not authorized to perform: ${action} on resource: ${resource}${why}`,
    403,
  )

/** Throws AccessDenied if a service control policy or the session's policy does not let the caller do it. */
export const checkAllowed = (
  world: World,
  caller: Caller,
  { action, resource, policyArn }: { action: string; resource: string; policyArn?: string | undefined },
) => {
  if (matches(world.accounts.get(caller.accountId)?.deniedActions ?? [], action, 'i'))
    throw denied(caller, action, resource, ' with an explicit deny in a service control policy')
  const policy = caller.session?.policy
  if (policy && !sessionAllows(policy, action, resource, policyArn))
    throw denied(caller, action, resource, ` because no session policy allows the ${action} action`)
}

const assumeRole = (world: World, input: AssumeRoleRequest, caller: Caller) => {
  const { RoleArn = '', RoleSessionName = '', Policy = null } = input
  const seconds = Number(input.DurationSeconds ?? 3600)
  const [, accountId = '', roleName = ''] = /^arn:aws:iam::(\d{12}):role\/([\w+=,.@-]{1,64})$/.exec(RoleArn) ?? []
  if (!roleName) throw new AwsError('ValidationError', `${RoleArn} is invalid`)
  if (!/^[\w+=,.@-]{2,64}$/.test(RoleSessionName))
    throw new AwsError(
      'ValidationError',
      `1 validation error detected: Value '${RoleSessionName}' at 'roleSessionName' failed to satisfy constraint: ` +
        'Member must have length between 2 and 64 and satisfy regular expression pattern: [\\w+=,.@-]*',
    )
  if (!(seconds >= 900))
    throw new AwsError(
      'ValidationError',
      `1 validation error detected: Value '${seconds}' at 'durationSeconds' failed to satisfy constraint: Member must have value greater than or equal to 900`,
    )
  // The functions' credentials come from a role themselves.
  if (seconds > 3600)
    throw new AwsError(
      'ValidationError',
      'The requested DurationSeconds exceeds the 1 hour session limit for roles assumed by role chaining',
    )
  if (Policy !== null) {
    if (Policy.length > 2048)
      throw new AwsError('PackedPolicyTooLarge', 'The session policy is larger than 2048 characters.')
    parsePolicy(Policy)
  }

  const account = world.accounts.get(accountId)
  const isThere = account?.state === 'ACTIVE' && account.roleName === roleName && account.roleUsableFrom <= world.now()
  // The default role trusts the management account with sts:AssumeRole, and with nothing else.
  if (!isThere || caller.accountId !== world.managementAccountId) throw denied(caller, 'sts:AssumeRole', RoleArn)
  if (input.SourceIdentity) throw denied(caller, 'sts:SetSourceIdentity', RoleArn)
  if (input.Tags?.length) throw denied(caller, 'sts:TagSession', RoleArn)

  const session: Session = {
    accessKeyId: `ASIA${randomText(world, lettersAndDigits, 16)}`,
    accountId,
    roleName,
    sessionName: RoleSessionName,
    assumedRoleId: `AROA${randomText(world, lettersAndDigits, 17)}:${RoleSessionName}`,
    policy: Policy,
    function: caller.function,
    expiresAt: world.now() + seconds * 1000,
  }
  world.sessions.set(session.accessKeyId, session)
  return {
    Credentials: {
      AccessKeyId: session.accessKeyId,
      SecretAccessKey: randomText(world, lettersAndDigits, 40),
      SessionToken: randomText(world, lettersAndDigits, 100),
      Expiration: new Date(session.expiresAt),
    },
    AssumedRoleUser: {
      AssumedRoleId: session.assumedRoleId,
      Arn: arnOfCaller({ ...caller, accountId, session }),
    },
  }
}

const getCallerIdentity = (_world: World, _input: object, caller: Caller) => ({
  UserId: caller.session?.assumedRoleId ?? caller.accountId,
  Account: caller.accountId,
  Arn: arnOfCaller(caller),
})

export const sts: Operations = { AssumeRole: assumeRole, GetCallerIdentity: getCallerIdentity }
