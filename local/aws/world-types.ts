import type { AlternateContact } from '@aws-sdk/client-account'
import type { AdvancedEventSelector, EventSelector } from '@aws-sdk/client-cloudtrail'
import type { PasswordPolicy } from '@aws-sdk/client-iam'
import type { CreateAccountFailureReason, IAMUserAccessToBilling } from '@aws-sdk/client-organizations'
import type { EventDestination, VdmAttributes, VdmOptions } from '@aws-sdk/client-sesv2'
import type { Notice } from './sns.ts'

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
  /** Access keys, by id. */
  accessKeys: Map<string, { createdAt: number }>
  /** By the kind, the ids of what the user can sign in with besides the password, access keys and MFA devices. */
  otherCredentials: Record<OtherCredential, Set<string>>
}

export type OtherCredential = 'signing certificate' | 'SSH public key' | 'service-specific credential'

/** An MFA device. A virtual device without a user belongs to the account. */
export type MfaDevice = { serialNumber: string; createdAt: number; user?: User; enabledAt?: number }

/** A role besides the access role, which `Account.roleName` names. */
export type Role = { name: string; path: string; createdAt: number }

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
  /** ARNs of others that somebody let in by the role's trust policy. */
  roleAlsoTrusts: string[]
  /** When conditions on the organization begin to hold for the account. They lag behind a join. */
  joinSeenFrom: number
  tags: Record<string, string>
  iamUserAccessToBilling: IAMUserAccessToBilling
  /** By type: BILLING, OPERATIONS or SECURITY. */
  alternateContacts: Map<string, AlternateContact>
  /** The state of Control Tower's baseline in the account; null if the account is not enrolled. */
  baseline: EnabledBaseline | null
  /** IAM actions that a service control policy denies, such as `iam:CreateUser` or `iam:*`. */
  deniedActions: string[]
  /** By name in lower case: IAM's names are unique whatever their case. */
  users: Map<string, User>
  groups: Map<string, Group>
  roles: Map<string, Role>
  /** Customer-managed policies by ARN. */
  policies: Map<string, { name: string; document: string }>
  /** By serial number. */
  mfaDevices: Map<string, MfaDevice>
  passwordPolicy: PasswordPolicy | null
  /** What the root user can sign in with. */
  rootUser: { passwordCreatedAt?: number; accessKeys: string[]; certificates: string[]; mfaDevices: string[] }
}

export type CreateRequest = {
  id: string
  state: 'IN_PROGRESS' | 'SUCCEEDED' | 'FAILED'
  accountName: string
  email: string
  requestedAt: number
  completedAt?: number
  accountId?: string
  failureReason?: CreateAccountFailureReason
}

export type OrganizationalUnit = {
  id: string
  name: string
  parentId: string
  /** Whether Control Tower governs the unit. */
  isRegistered: boolean
}

/** A baseline of Control Tower that is enabled for one account. */
export type EnabledBaseline = { id: string; status: 'UNDER_CHANGE' | 'SUCCEEDED' | 'FAILED'; unitId: string }

export type LandingZone = {
  version: string
  status: 'ACTIVE' | 'PROCESSING' | 'FAILED'
  /** Whether Control Tower enrols each account that is moved into a registered unit. */
  isEnrolling: boolean
}

/** The token bucket that limits how often an operation is called. */
export type Bucket = { perSecond: number; burst: number; tokens: number; at: number }

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
  /** A session of AssumeRoot. */
  isRoot?: boolean
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
  organizationalUnits: Map<string, OrganizationalUnit>
  createRequests: Map<string, CreateRequest>
  /** How long Organizations needs to create an account: called for each account. */
  creationSeconds: () => number
  /** Why the next creation with an e-mail address fails, by the address in lower case. */
  failingCreations: Map<string, CreateAccountFailureReason>
  /** How many accounts the organization may have. */
  accountQuota: number
  /** How many lists of Organizations still begin with an empty page. */
  emptyPages: number
  /** Null if the organization does not use Control Tower. */
  landingZone: LandingZone | null
  /** The operations whose rate is limited, as `service operation`. `limitRates` adds them. */
  rates: Map<string, Bucket>
  /** By name. All of them are in the management account. */
  secrets: Map<string, Secret>
  /** By access key id. */
  sessions: Map<string, Session>
  /** The verified addresses and domains of SES. */
  sesIdentities: Set<string>
  /** The addresses that SES has mailed a verification link that nobody has opened. */
  pendingAddresses: Set<string>
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
  /** The messages of each topic of SNS, by the topic's ARN. */
  topics: Map<string, Notice[]>
  lambdaLimits: { concurrentExecutions: number; unreservedConcurrentExecutions: number }
  trails: Trail[]
  /** Policies besides FullAWSAccess and those that the accounts' `deniedActions` stand for. */
  serviceControlPolicies: ServiceControlPolicy[]
  /** The ids of the accounts, organizational units or root from which somebody has detached FullAWSAccess. */
  withoutFullAccess: Set<string>
  /** Whether the organization manages the root credentials of its accounts centrally. */
  managesRootCredentials: boolean
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
