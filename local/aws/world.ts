import type { Account, Group, OrganizationalUnit, Trail, User, World } from './world-types.ts'

export type * from './world-types.ts'

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
  topics = [],
  accessRole = 'OrganizationAccountAccessRole',
  staleness = 0,
}: {
  now?: World['now']
  random?: World['random']
  setTimer?: World['setTimer']
  emit?: World['emit']
  sesIdentities?: string[]
  /** ARNs. */
  topics?: string[]
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
    creationSeconds: () => 20,
    failingCreations: new Map(),
    accountQuota: Infinity,
    emptyPages: 0,
    landingZone: null,
    managesRootCredentials: false,
    rates: new Map(),
    secrets: new Map(),
    sessions: new Map(),
    sesIdentities: new Set(sesIdentities),
    pendingAddresses: new Set(),
    sesGrants: new Set(),
    sesAccount: { isInSandbox: false, isSendingEnabled: true, max24HourSend: 50_000, sentLast24Hours: 12 },
    configurationSets: new Map(),
    refusingAddresses: new Set(),
    topics: new Map(topics.map((arn) => [arn, []])),
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
  addTree(world)
  return world
}

/** Adds the units and accounts that every world begins with. */
const addTree = (world: World) => {
  const security = 'ou-exam-security'
  addOrganizationalUnit(world, { id: security, name: 'Security' })
  const workloads = 'ou-exam-workload'
  addOrganizationalUnit(world, { id: workloads, name: 'Workloads' })
  addOrganizationalUnit(world, { id: 'ou-exam-sandbox0', name: 'Sandbox', parentId: workloads })
  addOrganizationalUnit(world, { id: 'ou-exam-production', name: 'Production', parentId: workloads })

  const longAgo = world.now() - 4 * secondsPerYear * 1000
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
}

export const newAccountId = (world: World): string => {
  const id = randomText(world, '123456789', 1) + randomText(world, '0123456789', 11)
  return world.accounts.has(id) ? newAccountId(world) : id
}

/** Adds an organizational unit, by default below the root. */
export const addOrganizationalUnit = (
  world: World,
  {
    name,
    id = `ou-exam-${randomText(world, 'abcdefghijklmnopqrstuvwxyz0123456789', 8)}`,
    parentId = world.rootId,
    isRegistered = false,
  }: Partial<OrganizationalUnit> & { name: string },
) => {
  const unit: OrganizationalUnit = { id, name, parentId, isRegistered }
  world.organizationalUnits.set(id, unit)
  return unit
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
    iamUserAccessToBilling = 'ALLOW',
  }: Partial<
    Pick<
      Account,
      | 'id'
      | 'name'
      | 'email'
      | 'state'
      | 'joinedMethod'
      | 'joinedAt'
      | 'roleName'
      | 'parentId'
      | 'tags'
      | 'iamUserAccessToBilling'
    >
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
    roleAlsoTrusts: [],
    joinSeenFrom: world.now() + joinSeenAfter * 1000,
    tags,
    iamUserAccessToBilling,
    alternateContacts: new Map(),
    baseline: null,
    deniedActions: [],
    users: new Map(),
    groups: new Map(),
    roles: new Map(),
    policies: new Map(),
    mfaDevices: new Map(),
    passwordPolicy: null,
    // Organizations creates an account whose root user has no password (IAM User Guide, id_root-enable-root-access).
    rootUser: { accessKeys: [], certificates: [], mfaDevices: [] },
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
    accessKeys: new Map(),
    otherCredentials: {
      'signing certificate': new Set(),
      'SSH public key': new Set(),
      'service-specific credential': new Set(),
    },
  }
  account.users.set(name.toLowerCase(), user)
  return user
}

export const addRole = (world: World, account: Account, { name, path = '/', createdAt = world.now() }: Entity) =>
  void account.roles.set(name.toLowerCase(), { name, path, createdAt })

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
