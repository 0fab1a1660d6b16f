import type { AdvancedEventSelector, EventSelector } from '@aws-sdk/client-cloudtrail'
import type { PasswordPolicy } from '@aws-sdk/client-iam'
import type { EventDestination, VdmAttributes, VdmOptions } from '@aws-sdk/client-sesv2'

// The state of an AWS organization in memory. Times are milliseconds since 1970, on the organization's own clock.

export type User = {
  name: string
  path: string
  arn: string
  id: string
  createdAt: number
  passwordLastUsed?: number
  tags: Map<string, string>
  /** ARNs of the attached policies. */
  policies: Set<string>
  /** Documents of the inline policies, by name. */
  inline: Map<string, string>
  groups: Set<Group>
  login?: { password: string; resetRequired: boolean; createdAt: number }
}

export type Group = {
  name: string
  path: string
  arn: string
  id: string
  createdAt: number
  policies: Set<string>
  /** Documents of the inline policies, by name. */
  inline: Map<string, string>
}

export type Account = {
  id: string
  name: string
  email: string
  state: 'ACTIVE' | 'SUSPENDED' | 'PENDING_ACTIVATION' | 'PENDING_CLOSURE' | 'CLOSED'
  joinedMethod: 'CREATED' | 'INVITED'
  joinedAt: number
  parentId: string
  /** The role that trusts the management account, if the account has one, and when it can first be assumed. */
  roleName: string | null
  roleUsableFrom: number
  /** When the policies of that role take effect: until then the role can be assumed, and its sessions are refused. */
  policiesInEffectFrom: number
  /** The management account that the role trusts: another organization's, in an account that was moved from there. */
  roleTrusts: string
  /** When conditions on the organization begin to hold for the account. They lag behind a join. */
  joinSeenFrom: number
  tags: Record<string, string>
  /** IAM actions that a service control policy denies, such as `iam:CreateUser` or `iam:*`. */
  deniedActions: string[]
  /** By name in lower case: IAM's names are unique whatever their case. */
  users: Map<string, User>
  groups: Map<string, Group>
  /** Customer-managed policies by ARN. */
  policies: Map<string, { name: string; document: string }>
  passwordPolicy: PasswordPolicy | null
}

export type CreateRequest = {
  id: string
  state: 'IN_PROGRESS' | 'SUCCEEDED' | 'FAILED'
  accountName: string
  email: string
  requestedAt: number
  completedAt?: number
  accountId?: string
  failureReason?: 'EMAIL_ALREADY_EXISTS'
}

export type Secret = {
  name: string
  arn: string
  description?: string | undefined
  kmsKeyId?: string | undefined
  tags: { Key?: string | undefined; Value?: string | undefined }[]
  createdAt: number
  changedAt: number
  /** When the secret is deleted, if it is scheduled for deletion. */
  deletionAt?: number
  restoredAt?: number
  versions: Map<string, { value: string; stages: string[]; createdAt: number }>
}

export type Session = {
  accessKeyId: string
  accountId: string
  roleName: string
  sessionName: string
  /** Of the form ROLE-ID:SESSION-NAME. */
  assumedRoleId: string
  /** The document of the session policy, if the call had one. */
  policy: string | null
  /** The function that assumed the role. */
  function: string | null
  /** Real time, in milliseconds since 1970: functions run in real time, and a busy machine may need seconds for one. */
  expiresAt: number
}

/** A CloudTrail trail, with selectors in the format of CloudTrail's API. */
export type Trail = {
  name: string
  homeRegion: string
  isMultiRegion: boolean
  isOrganization: boolean
  isLogging: boolean
  eventSelectors?: EventSelector[]
  advancedEventSelectors?: AdvancedEventSelector[]
}

/** A service control policy; `targets` are ids of accounts, organizational units, or the root. */
export type ServiceControlPolicy = { id: string; name: string; document: object; targets: string[] }

/** A configuration set of SES, in the format of SES's API. */
export type ConfigurationSet = {
  eventDestinations: EventDestination[]
  /** The domain of the addresses with which SES replaces links to count clicks. */
  trackingDomain?: string
  vdmOptions?: VdmOptions
}

export type Call = {
  service: string
  operation: string
  /** The account that the credentials belong to. */
  accountId: string
  function: string | null
  /** The error's code, if the call failed. */
  error?: string
  at: number
  /** When the call was answered. */
  end?: number
  tag?: unknown
}

export type World = {
  now: () => number
  random: () => number
  /** Runs a function after a number of seconds on the organization's clock. */
  setTimer: (seconds: number, run: () => void) => void
  region: 'us-east-1'
  partition: 'aws'
  managementAccountId: string
  organizationId: string
  rootId: string
  /** By id, with the management account. */
  accounts: Map<string, Account>
  organizationalUnits: Map<string, { id: string; name: string; parentId: string }>
  createRequests: Map<string, CreateRequest>
  /** By name. All of them are in the management account. */
  secrets: Map<string, Secret>
  /** By access key id. */
  sessions: Map<string, Session>
  /** The verified addresses and domains of SES. */
  sesIdentities: Set<string>
  /** ARNs of the identities of other accounts that let the management account send. */
  sesGrants: Set<string>
  sesAccount: {
    isInSandbox: boolean
    isSendingEnabled: boolean
    max24HourSend: number
    sentLast24Hours: number
    vdmAttributes?: VdmAttributes
  }
  configurationSets: Map<string, ConfigurationSet>
  /** The addresses whose mail servers refuse every mail. */
  refusingAddresses: Set<string>
  lambdaLimits: { concurrentExecutions: number; unreservedConcurrentExecutions: number }
  trails: Trail[]
  /** Policies besides FullAWSAccess and those that the accounts' `deniedActions` stand for. */
  serviceControlPolicies: ServiceControlPolicy[]
  /** The ids of the accounts, organizational units or root from which somebody has detached FullAWSAccess. */
  withoutFullAccess: Set<string>
  /** Service principals with trusted access to the organization. */
  trustedServices: Set<string>
  /** Roles of the management account, by ARN, with the access key that a session of the role gets. */
  managementRoles: Map<string, { accessKeyId: string; secretAccessKey: string }>
  /** Rules on the event bus besides those of this service. */
  otherRules: { name: string; enabled: boolean; pattern: object }[]
  /** The access role of an account that is added without a role of its own. */
  accessRole: string
  /**
   * The probability that a call does not see a user, group or secret that was created, or a secret that was restored,
   * within the last `forgetfulSeconds`.
   */
  staleness: number
  forgetfulSeconds: number
  /** How many answers of SQS are still empty though messages are waiting: SQS asks only some of its servers. */
  emptyAnswers: number
  calls: Call[]
  /** Sends an event of an AWS service to EventBridge. */
  emit: (event: object) => void
}

export const lettersAndDigits = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567'

export const randomText = ({ random }: World, alphabet: string, length: number) =>
  Array.from({ length }, () => alphabet[Math.floor(random() * alphabet.length)]).join('')

/** IAM and Secrets Manager are eventually consistent: a call does not always see what was made a moment ago. */
export const isSeen = (world: World, { createdAt }: { createdAt: number }) =>
  world.now() - createdAt >= world.forgetfulSeconds * 1000 || world.random() >= world.staleness

const organizationTrail = (): Trail => ({
  name: 'organization-trail',
  homeRegion: 'us-east-1',
  isMultiRegion: true,
  isOrganization: true,
  isLogging: true,
  eventSelectors: [{ ReadWriteType: 'All', IncludeManagementEvents: true }],
})

const secondsPerYear = 365 * 24 * 60 * 60

/** Creates an organization with its management account and a few older accounts. */
export const createWorld = ({
  now = Date.now,
  random = Math.random,
  setTimer = (seconds, run) => void setTimeout(run, seconds * 1000).unref(),
  emit = () => {},
  sesIdentities = ['example.com'],
  accessRole = 'OrganizationAccountAccessRole',
  staleness = 0,
}: {
  now?: World['now']
  random?: World['random']
  setTimer?: World['setTimer']
  emit?: World['emit']
  sesIdentities?: string[]
  accessRole?: string
  staleness?: number
} = {}): World => {
  const world: World = {
    now,
    random,
    setTimer,
    region: 'us-east-1',
    partition: 'aws',
    managementAccountId: '111122223333',
    organizationId: 'o-exampleorgid',
    rootId: 'r-exam',
    accounts: new Map(),
    organizationalUnits: new Map(),
    createRequests: new Map(),
    secrets: new Map(),
    sessions: new Map(),
    sesIdentities: new Set(sesIdentities),
    sesGrants: new Set(),
    sesAccount: { isInSandbox: false, isSendingEnabled: true, max24HourSend: 50_000, sentLast24Hours: 12 },
    configurationSets: new Map(),
    refusingAddresses: new Set(),
    lambdaLimits: { concurrentExecutions: 1000, unreservedConcurrentExecutions: 1000 },
    trails: [organizationTrail()],
    serviceControlPolicies: [],
    withoutFullAccess: new Set(),
    trustedServices: new Set(['cloudtrail.amazonaws.com']),
    managementRoles: new Map(),
    otherRules: [],
    accessRole,
    staleness,
    forgetfulSeconds: 2,
    emptyAnswers: 0,
    calls: [],
    emit,
  }
  const security = 'ou-exam-security'
  world.organizationalUnits.set(security, { id: security, name: 'Security', parentId: world.rootId })
  const workloads = 'ou-exam-workload'
  world.organizationalUnits.set(workloads, { id: workloads, name: 'Workloads', parentId: world.rootId })

  const longAgo = now() - 4 * secondsPerYear * 1000
  const old = { joinedAt: longAgo }
  addAccount(world, { ...old, id: world.managementAccountId, name: 'Management', joinedMethod: 'INVITED' })
  addAccount(world, { ...old, id: '111111111111', name: 'Log Archive', parentId: security })
  addAccount(world, { ...old, id: '222222222222', name: 'Audit', parentId: security })
  addAccount(world, { ...old, id: '333333333333', name: 'Suspended', state: 'SUSPENDED' })
  addAccount(world, { ...old, id: '666666666666', name: 'Invited', joinedMethod: 'INVITED' })

  const legacy = addAccount(world, { ...old, id: '555555555555', name: 'Legacy', parentId: workloads })
  const policy = (name: string) => new Set([`arn:aws:iam::aws:policy/${name}`])
  const administrators = addGroup(world, legacy, { name: 'Administrators', createdAt: longAgo })
  administrators.policies = policy('AdministratorAccess')
  addGroup(world, legacy, { name: 'Developers', createdAt: longAgo }).policies = policy('PowerUserAccess')
  const administrator = addUser(world, legacy, { name: 'Administrator', createdAt: longAgo })
  administrator.groups.add(administrators)
  administrator.login = { password: 'Held-since-2022', resetRequired: false, createdAt: longAgo }
  return world
}

export const newAccountId = (world: World): string => {
  const id = randomText(world, '123456789', 1) + randomText(world, '0123456789', 11)
  return world.accounts.has(id) ? newAccountId(world) : id
}

/** Adds an account to the organization. By default it was created just now, and its role can be assumed. */
export const addAccount = (
  world: World,
  {
    id = newAccountId(world),
    name = 'Example',
    email = `${name.toLowerCase().replace(/[^a-z0-9]+/g, '-')}+${id}@example.com`,
    state = 'ACTIVE',
    joinedMethod = 'CREATED',
    joinedAt = world.now(),
    roleName = joinedMethod === 'CREATED' ? world.accessRole : null,
    parentId = world.rootId,
    roleUsableAfter = 0,
    policiesAfter = 0,
    roleTrusts = world.managementAccountId,
    joinSeenAfter = 0,
    tags = {},
  }: Partial<
    Pick<Account, 'id' | 'name' | 'email' | 'state' | 'joinedMethod' | 'joinedAt' | 'roleName' | 'parentId' | 'tags'>
  > & {
    /** In how many seconds the role can be assumed, and how many seconds later its policies take effect. */
    roleUsableAfter?: number
    policiesAfter?: number
    roleTrusts?: string
    /** In how many seconds conditions on the organization hold for the account. */
    joinSeenAfter?: number
  } = {},
) => {
  const account: Account = {
    id,
    name,
    email,
    state,
    joinedMethod,
    joinedAt,
    parentId,
    roleName,
    roleUsableFrom: world.now() + roleUsableAfter * 1000,
    policiesInEffectFrom: world.now() + (roleUsableAfter + policiesAfter) * 1000,
    roleTrusts,
    joinSeenFrom: world.now() + joinSeenAfter * 1000,
    tags,
    deniedActions: [],
    users: new Map(),
    groups: new Map(),
    policies: new Map(),
    passwordPolicy: null,
  }
  world.accounts.set(id, account)
  return account
}

type Entity = { name: string; path?: string | undefined; createdAt?: number }

export const addUser = (world: World, account: Account, { name, path = '/', createdAt = world.now() }: Entity) => {
  const user: User = {
    name,
    path,
    arn: `arn:aws:iam::${account.id}:user${path}${name}`,
    id: `AIDA${randomText(world, lettersAndDigits, 17)}`,
    createdAt,
    tags: new Map(),
    policies: new Set(),
    inline: new Map(),
    groups: new Set(),
  }
  account.users.set(name.toLowerCase(), user)
  return user
}

export const addGroup = (world: World, account: Account, { name, path = '/', createdAt = world.now() }: Entity) => {
  const group: Group = {
    name,
    path,
    arn: `arn:aws:iam::${account.id}:group${path}${name}`,
    id: `AGPA${randomText(world, lettersAndDigits, 17)}`,
    createdAt,
    policies: new Set(),
    inline: new Map(),
  }
  account.groups.set(name.toLowerCase(), group)
  return group
}
