import type { FindingKind, Look } from './look.ts'

/** What the daily round can find, in words for a heading. The worst comes first, and every list keeps this order. */
export const findingWords: Record<FindingKind, string> = {
  'root-credentials': 'The root user has credentials',
  'access-role-trusts-others': 'The access role trusts others',
  'access-role-missing': 'The access role is missing, or cannot be assumed',
  'policy-added': 'A policy was added',
  'member-added': 'A user was added to a group of this service',
  'mfa-off': 'MFA is off',
  'password-policy-weaker': 'The password policy is weaker than configured',
  'policy-detached': 'A policy was removed',
  'group-gone': 'A group is gone',
  'user-gone': 'A user is gone',
  'mail-bounced': 'A sign-in mail did not arrive',
  'link-unclaimed': 'A link was not opened in time',
  'never-signed-in': 'An administrator has never signed in',
  'tags-changed': 'Tags were changed',
  'unit-changed': 'The account was moved',
  'account-refuses': 'The account could not be looked at',
}

const kinds = Object.keys(findingWords)

type Comparable = { accountId?: string; accountName?: string; kind: FindingKind; subject: string }

/** Sorts findings: the worst kind first, then by account and by what the finding is about. */
export const byWorst = (a: Comparable, b: Comparable) =>
  kinds.indexOf(a.kind) - kinds.indexOf(b.kind) ||
  (a.accountName ?? '').localeCompare(b.accountName ?? '') ||
  (a.accountId ?? '').localeCompare(b.accountId ?? '') ||
  a.subject.localeCompare(b.subject)

/** The open findings of a look for people, the worst first. */
export const openFindings = ({ findings }: Pick<Look, 'findings'>) =>
  Object.values(findings)
    .map(({ kind, subject, text, since }) => ({ kind, subject, text, since }))
    .sort(byWorst)
