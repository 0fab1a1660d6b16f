import { type Kind, type Ledger, readItem } from './ledger.ts'

// The items about what the daily round found in each account. LookAtAccounts writes them, and ReportRound marks what it
// has told.

/** What a look can find. */
export type FindingKind =
  | 'group-gone'
  | 'policy-detached'
  | 'policy-added'
  | 'member-added'
  | 'user-gone'
  | 'mfa-off'
  | 'never-signed-in'
  | 'password-policy-weaker'
  | 'tags-changed'
  | 'mail-bounced'
  | 'link-unclaimed'
  | 'access-role-missing'
  | 'account-refuses'
  | 'unit-changed'
  | 'root-credentials'

export type Finding = {
  kind: FindingKind
  /** What the finding is about: a user, a group, a policy. Empty if the finding is about the account. */
  subject: string
  /** A sentence for people, with the next step in it. */
  text: string
  /** When a look found this first, ISO 8601, as are all times of this file. */
  since: string
  /** When a report began to tell people. */
  toldAt?: string
  /** The report that tells this, until the event is sent. Nobody is told again if the report stops in between. */
  report?: string
}

/** What a look saw of an administrator of ours. */
export type AdminSeen = {
  userName: string
  /** Whether the user is there. */
  isThere: boolean
  hasLoginProfile: boolean
  /** Whether a person has signed in with the present login profile. */
  hasSignedIn: boolean
  /** Whether the user must still choose a password of their own. */
  mustChangePassword: boolean
  hasMfa: boolean
  /** How many access keys and other ways in are left besides the login profile. */
  accessKeys: number
}

/** What the last look found in an account. */
export type Look = {
  accountId: string
  accountName: string
  at: string
  /** The place in the organization, from Account.Paths; empty if Organizations does not tell. */
  path: string
  /** By user name in lower case. */
  admins: Record<string, AdminSeen>
  /** By kind and subject: `mfa-off#ada`. */
  findings: Record<string, Finding>
  /** Findings that were told, and that this look did not find any more. They stay until a person was told that. */
  gone: Record<string, Finding & { goneAt: string }>
}

/** The key of a finding in `Look.findings`. */
export const findingKey = ({ kind, subject }: Pick<Finding, 'kind' | 'subject'>) => `${kind}#${subject.toLowerCase()}`

/** Whether a finding of the look goes on, or is gone and nobody was told so. */
export const findingsOpen = ({ findings, gone }: Pick<Look, 'findings' | 'gone'>) =>
  Object.keys(findings).length + Object.keys(gone).length > 0

export const lookKey = (accountId: string) => `look#${accountId}`

/** Reads what the last look found in an account; undefined if the round has not looked at the account yet. */
export const readLook = (ledger: Ledger, accountId: string) => readItem<Look>(ledger, lookKey(accountId))

/** What the last look found in every account, by account id. */
export const allLooks: Kind<Look, Map<string, Look>> = {
  prefix: 'look#',
  attributes: ['accountId', 'accountName', 'at', 'path', 'admins', 'findings', 'gone'],
  collect: (looks) => looks,
}
