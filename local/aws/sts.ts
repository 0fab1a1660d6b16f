import type { AssumeRoleRequest, AssumeRootRequest } from '@aws-sdk/client-sts'
import { arnOfCaller, denied, parsePolicy } from './authorization.ts'
import { AwsError, unsupported } from './aws-error.ts'
import type { Caller, Operations } from './operation.ts'
import { lettersAndDigits, randomText, type Session, type World } from './world.ts'

const invalid = (message: string) => new AwsError('ValidationError', message)

const checkSession = ({ RoleSessionName = '', DurationSeconds = 3600, Policy }: AssumeRoleRequest) => {
  if (!/^[\w+=,.@-]{2,64}$/.test(RoleSessionName))
    throw invalid(
      `1 validation error detected: Value '${RoleSessionName}' at 'roleSessionName' failed to satisfy constraint: ` +
        'Member must have length between 2 and 64 and satisfy regular expression pattern: [\\w+=,.@-]*',
    )
  if (!(Number(DurationSeconds) >= 900))
    throw invalid(
      `1 validation error detected: Value '${DurationSeconds}' at 'durationSeconds' failed to satisfy constraint: Member must have value greater than or equal to 900`,
    )
  // The functions have the credentials of a role, so AssumeRole is role chaining.
  if (Number(DurationSeconds) > 3600)
    throw invalid('The requested DurationSeconds exceeds the 1 hour session limit for roles assumed by role chaining')
  if (Policy === undefined) return
  if (Policy.length > 2048)
    throw new AwsError('PackedPolicyTooLarge', 'The session policy is larger than 2048 characters.')
  parsePolicy(Policy)
}

/** Keeps a session, which calls can then use. Answers its credentials. */
const openSession = (world: World, session: Session, seconds: number) => {
  world.sessions.set(session.accessKeyId, session)
  return {
    AccessKeyId: session.accessKeyId,
    SecretAccessKey: randomText(world, lettersAndDigits, 40),
    SessionToken: randomText(world, lettersAndDigits, 100),
    Expiration: new Date(world.now() + seconds * 1000),
  }
}

/** The local API knows a session of its roles by the role's access key, so this session never ends. */
const assumeManagementRole = (world: World, input: AssumeRoleRequest, caller: Caller) => {
  const { RoleArn = '', RoleSessionName = '' } = input
  const key = world.managementRoles.get(RoleArn)
  if (!key || caller.accountId !== world.managementAccountId) throw denied(caller, 'sts:AssumeRole', RoleArn)
  checkSession(input)
  return {
    Credentials: {
      AccessKeyId: key.accessKeyId,
      SecretAccessKey: key.secretAccessKey,
      SessionToken: randomText(world, lettersAndDigits, 100),
      Expiration: new Date(world.now() + Number(input.DurationSeconds ?? 3600) * 1000),
    },
    AssumedRoleUser: {
      AssumedRoleId: `AROA${randomText(world, lettersAndDigits, 17)}:${RoleSessionName}`,
      Arn: `${RoleArn.replace(':iam:', ':sts:').replace(':role/', ':assumed-role/')}/${RoleSessionName}`,
    },
  }
}

const assumeRole = (world: World, input: AssumeRoleRequest, caller: Caller) => {
  const { RoleArn = '', RoleSessionName = '', Policy = null } = input
  if (world.managementRoles.has(RoleArn)) return assumeManagementRole(world, input, caller)
  const [, accountId = '', roleName = ''] = /^arn:aws:iam::(\d{12}):role\/([\w+=,.@-]{1,64})$/.exec(RoleArn) ?? []
  if (!roleName) throw invalid(`${RoleArn} is invalid`)
  checkSession(input)

  const account = world.accounts.get(accountId)
  const isThere = account?.state === 'ACTIVE' && account.roleName === roleName && account.roleUsableFrom <= world.now()
  // The functions may assume roles only in accounts of the organization, by a condition on aws:ResourceOrgID.
  if (account && caller.function && account.joinSeenFrom > world.now())
    throw denied(
      caller,
      'sts:AssumeRole',
      RoleArn,
      ' because no identity-based policy allows the sts:AssumeRole action',
    )
  // The default role allows its management account sts:AssumeRole and nothing else.
  if (!isThere || caller.accountId !== account.roleTrusts) throw denied(caller, 'sts:AssumeRole', RoleArn)
  if (input.SourceIdentity) throw denied(caller, 'sts:SetSourceIdentity', RoleArn)
  if (input.Tags?.length) throw denied(caller, 'sts:TagSession', RoleArn)

  const seconds = Number(input.DurationSeconds ?? 3600)
  const session: Session = {
    accessKeyId: `ASIA${randomText(world, lettersAndDigits, 16)}`,
    accountId,
    roleName,
    sessionName: RoleSessionName,
    assumedRoleId: `AROA${randomText(world, lettersAndDigits, 17)}:${RoleSessionName}`,
    policy: Policy,
    function: caller.function,
    expiresAt: Date.now() + seconds * 1000,
  }
  return {
    Credentials: openSession(world, session, seconds),
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

const auditPolicy = 'arn:aws:iam::aws:policy/root-task/IAMAuditRootUserCredentials'

/** A session of a member account's root user that may only read the credentials (STS API Reference, AssumeRoot). */
const assumeRoot = (world: World, input: AssumeRootRequest, caller: Caller) => {
  const { TargetPrincipal = '', TaskPolicyArn, DurationSeconds = 900 } = input
  const accountId = /^(?:arn:aws:iam::)?(\d{12})(?::root)?$/.exec(TargetPrincipal)?.[1] ?? ''
  const root = `arn:aws:iam::${accountId}:root`
  if (Number(DurationSeconds) > 900) throw invalid('The requested DurationSeconds exceeds 900 seconds')
  if (TaskPolicyArn?.arn !== auditPolicy) throw unsupported(`AssumeRoot with ${TaskPolicyArn?.arn}`)
  const account = world.accounts.get(accountId)
  const isManaged = world.managesRootCredentials && account?.state === 'ACTIVE'
  if (!isManaged || caller.accountId !== world.managementAccountId || accountId === world.managementAccountId)
    throw denied(caller, 'sts:AssumeRoot', root)
  const session: Session = {
    accessKeyId: `ASIA${randomText(world, lettersAndDigits, 16)}`,
    accountId,
    roleName: 'root',
    sessionName: 'root',
    assumedRoleId: accountId,
    policy: null,
    function: caller.function,
    isRoot: true,
    expiresAt: Date.now() + Number(DurationSeconds) * 1000,
  }
  return { Credentials: openSession(world, session, Number(DurationSeconds)) }
}

export const sts: Operations = { AssumeRole: assumeRole, AssumeRoot: assumeRoot, GetCallerIdentity: getCallerIdentity }
