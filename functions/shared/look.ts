import { deleteItem, type Kind, type Ledger, readItem, updateItem } from './ledger.ts'

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
  | 'access-role-trusts-others'
  | 'account-refuses'
  | 'unit-changed'
  | 'root-credentials'

/** What a look has found, before anybody knows since when. */
export type Found = {
  kind: FindingKind
  /** What the finding is about: a user, a group, a policy. Empty if the finding is about the account. */
  subject: string
  /** A sentence for people, with the next step in it. */
  text: string
  /** The next round will probably not find this again, as when AWS throttles. Nobody is told. */
  passing?: true
}

export type Finding = Found & {
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
  /** When the present login profile was last used to sign in. IAM does not tell when a password was changed. */
  lastSignInAt?: string
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
  /** The place before, until people were told that the account was moved. */
  formerPath?: string
  /** By user name in lower case. */
  admins: Record<string, AdminSeen>
  /** By kind and subject: `mfa-off#ada`. */
  findings: Record<string, Finding>
  /** Findings that were told, and that this look did not find any more. They stay until a person was told that. */
  gone: Record<string, Finding & { goneAt: string }>
  /** When ReportRound wrote last what it told. */
  reportedAt?: string
}

/** The subject of the finding that AuditRootCredentials was refused. No other function judges that finding. */
export const rootUser = 'root user'

/** The key of a finding in `Look.findings`. */
export const findingKey = ({ kind, subject }: Pick<Finding, 'kind' | 'subject'>) => `${kind}#${subject.toLowerCase()}`

/** Whether a finding of the look goes on, or is gone and nobody was told so. */
export const findingsOpen = ({ findings, gone }: Pick<Look, 'findings' | 'gone'>) =>
  Object.keys(findings).length + Object.keys(gone).length > 0

/**
 * Joins what a look found with what the look before had found. A finding that goes on keeps since when it goes on and
 * when people were told. A finding that people were told and that is not found any more is gone. A finding that this
 * look could not judge goes on.
 */
export const joinFindings = (
  before: Pick<Look, 'findings' | 'gone'> | undefined,
  found: Found[],
  { judged, at }: { judged: (finding: Pick<Found, 'kind' | 'subject'>) => boolean; at: string },
): Pick<Look, 'findings' | 'gone'> => {
  const findings: Look['findings'] = {}
  const gone = { ...before?.gone }
  for (const one of found) {
    const key = findingKey(one)
    // Nobody was told yet that this was gone.
    const known = before?.findings[key] ?? (gone[key]?.report === undefined ? gone[key] : undefined)
    delete gone[key]
    const { toldAt, report } = known ?? {}
    findings[key] = { ...one, since: known?.since ?? at, ...(toldAt && { toldAt }), ...(report && { report }) }
  }
  for (const [key, finding] of Object.entries(before?.findings ?? {})) {
    if (key in findings) continue
    const { report: _, ...told } = finding
    if (!judged(finding)) findings[key] = finding
    // That somebody moved an account is told once. From then on, the new place counts.
    else if (finding.toldAt !== undefined && finding.kind !== 'unit-changed') gone[key] = { ...told, goneAt: at }
  }
  return { findings, gone }
}

export const lookKey = (accountId: string) => `look#${accountId}`

/**
 * Writes a look in the place of the look before. Answers whether it was written: another round may have looked at the
 * account meanwhile, or a report may have told the findings.
 */
const writeLook = async (ledger: Ledger, look: Look, before: Look | undefined) => {
  const { accountId, accountName, at, path, formerPath, admins, findings, gone } = look
  const written = await updateItem<Look>(ledger, lookKey(accountId), {
    set: { accountId, accountName, at, path, admins, findings, gone, ...(formerPath && { formerPath }) },
    ...(!formerPath && { remove: ['formerPath'] }),
    condition: ({ name, value }) =>
      before
        ? `${name('at')} = ${value(before.at)} AND ` +
          (before.reportedAt ? `reportedAt = ${value(before.reportedAt)}` : 'attribute_not_exists(reportedAt)')
        : 'attribute_not_exists(pk)',
  })
  return written !== undefined
}

/** A report may tell the findings of a look while the look is made again. */
const mostTries = 3

/**
 * Makes a look from the look before, and writes it. Answers the look that was made, undefined if `make` makes none.
 * If a report writes the look again and again meanwhile, the next round makes the look.
 */
export const updateLook = async (
  ledger: Ledger,
  accountId: string,
  make: (before: Look | undefined) => Look | undefined,
): Promise<Look | undefined> => {
  for (let tries = 1; ; tries++) {
    const before = await readLook(ledger, accountId)
    const look = make(before)
    if (!look || (await writeLook(ledger, look, before)) || tries === mostTries) return look
  }
}

/** Reads what the last look found in an account; undefined if the round has not looked at the account yet. */
export const readLook = (ledger: Ledger, accountId: string) => readItem<Look>(ledger, lookKey(accountId))

/** Deletes a look, unless a round has looked again since the look was read. */
export const deleteLook = (ledger: Ledger, { accountId, at }: Pick<Look, 'accountId' | 'at'>) =>
  deleteItem(ledger, lookKey(accountId), ({ name, value }) => `${name('at')} = ${value(at)}`)

/** What the last look found in every account, by account id. */
export const allLooks: Kind<Look, Map<string, Look>> = {
  prefix: 'look#',
  attributes: ['accountId', 'accountName', 'at', 'path', 'admins', 'findings', 'gone'],
  collect: (looks) => looks,
}
