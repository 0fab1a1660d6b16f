import { describe, expect, test } from 'vitest'
import { rootFindings } from '../../functions/audit-root-credentials/audit-root-credentials.ts'
import {
  compare,
  type CompareConfig,
  type GroupThere,
  judgedFindings,
  type Known,
  type There,
  type UserThere,
} from '../../functions/look-at-accounts/compare.ts'
import { AccessRoleMissingError, AwsUnreachableError, DeniedByPolicyError } from '../../functions/shared/errors.ts'
import type { FactsOnRecord } from '../../functions/shared/follow.ts'
import type { Handover } from '../../functions/shared/handover.ts'
import type { FindingKind, Found } from '../../functions/shared/look.ts'
import { mfaPolicy, mfaPolicyName } from '../../functions/shared/mfa-policy.ts'
import {
  accountId,
  adminAccess,
  aDocument,
  aGroup,
  anAdmin,
  awsError,
  ourPath,
  readOnlyAccess,
  followConfig,
} from '../support/builders.ts'

// The truth table of the look: what each kind of finding is, and what looks like it and is none.

const now = Date.parse('2026-11-20T06:10:00.000Z')
const daysAgo = (days: number) => new Date(now - days * 24 * 60 * 60 * 1000).toISOString()

/** An account, as it was vended, and everything that is known about it. */
type Case = {
  group: GroupThere
  user: UserThere
  there: There
  known: Known
  config: CompareConfig
  /** Why the account could not be looked at. */
  refusal?: Error
}

const aClaim = { linkId: 'a', nonce: 'n', at: daysAgo(4), network: '203.0.113.0', browser: 'Firefox' }
const aHandover = (expiresAt: string, more: Partial<Handover> = {}): Handover => ({
  accountId,
  userName: 'Administrator',
  secretVersion: 'v1',
  links: { a: { publicKey: '', email: '', madeAt: daysAgo(9), expiresAt, box: {} as never } },
  updatedAt: daysAgo(9),
  ...more,
})
/** What the ledger knows about the administrator: the link ends at this time. */
const facts = (expiresAt: string, more: Partial<Handover> = {}): FactsOnRecord => {
  const mail = { at: daysAgo(10), secretVersion: 'v1' }
  const { email, userName } = anAdmin()
  return {
    accountId,
    accountName: 'Payments',
    admin: { ...anAdmin(), kept: false },
    mail,
    mailStatus: 'delivered',
    handover: aHandover(expiresAt, more),
    followUp: {
      accountId,
      userName,
      email,
      secretVersion: 'v1',
      since: mail.at,
      isRenewed: false,
      done: {},
      doneBefore: {},
    },
  }
}
const people = (...given: Parameters<typeof facts>) => new Map([['administrator', facts(...given)]])
const about = (one: Case) => one.known.people.get('administrator')!
/** The sign-in mail was sent so many days ago. */
const mailedDaysAgo =
  (days: number): Change =>
  (one) => {
    about(one).mail.at = about(one).followUp.since = daysAgo(days)
  }

const ofManagement = (resource: string) => `arn:aws:iam::111122223333:${resource}`
const letIn = (Principal: unknown, more: object = {}) => ({
  Effect: 'Allow',
  Principal,
  Action: 'sts:AssumeRole',
  ...more,
})
/** Somebody added statements to the trust policy of the access role. */
const trusting =
  (...statements: object[]): Change =>
  ({ there }) =>
    void (there.accessRole.trust.Statement as object[]).push(...statements)

const follow = followConfig

const clean = (): Case => {
  const group: GroupThere = { name: 'Administrators', path: ourPath, policies: [adminAccess], inline: {} }
  const user: UserThere = {
    name: 'Administrator',
    path: ourPath,
    policies: [],
    inline: {},
    groups: ['Administrators'],
    tags: { ManagedBy: 'account-vending', Team: 'added in the account' },
    hasLoginProfile: true,
    hasSignedIn: true,
    mustChangePassword: false,
    hasMfa: true,
    accessKeys: 0,
  }
  return {
    group,
    user,
    there: {
      users: new Map([['administrator', user]]),
      groups: new Map([['administrators', group]]),
      passwordPolicy: { MinimumPasswordLength: 14, RequireSymbols: true, ExpirePasswords: false },
      accessRole: {
        name: 'OrganizationAccountAccessRole',
        trust: { Statement: [letIn({ AWS: ofManagement('root') })] },
      },
    },
    known: {
      accountId,
      partition: 'aws',
      managementAccountId: '111122223333',
      path: 'o-exam/r-exam/ou-exam-workload/',
      formerPath: 'o-exam/r-exam/ou-exam-workload/',
      record: {
        groups: { administrators: aGroup() },
        admins: { administrator: { ...anAdmin(), kept: false } },
      },
      people: people(daysAgo(3), { claim: aClaim }),
      options: ' --region us-east-1',
    },
    config: { ...follow, mfa: 'required', passwordPolicy: { minimumPasswordLength: 14, requireSymbols: true } },
  }
}

const found = ({ known, there, config, refusal }: Case) =>
  compare(known, refusal ? { refusal } : { there }, config, now)
type Change = (one: Case) => void
type FoundRow = [what: string, change: Change, subject: string]
/** `instead` names findings of other kinds, with their subjects. */
type OtherRow = [what: string, change: Change, ...instead: string[]]

const stranger =
  (more: Partial<UserThere>): Change =>
  (one) =>
    void one.there.users.set('eve', { ...one.user, name: 'eve', ...more })
const notSignedIn = (one: Case) => void Object.assign(one.user, { hasSignedIn: false, hasMfa: false })
const record = (one: Case) => one.known.record!
const refuse =
  (refusal: Error): Change =>
  (one) =>
    void (one.refusal = refusal)

/** AuditRootCredentials finds root credentials, below. */
type Kind = Exclude<FindingKind, 'root-credentials'>
const table: Record<Kind, { found: FoundRow[]; not: OtherRow[] }> = {
  'group-gone': {
    found: [['the group is not there', ({ there }) => there.groups.clear(), 'Administrators']],
    not: [['the group has another case', ({ group }) => void (group.name = 'ADMINISTRATORS')]],
  },
  'policy-detached': {
    found: [
      [
        'a policy of the group',
        ({ group }) => void (group.policies = []),
        'AdministratorAccess of group Administrators',
      ],
      [
        'an inline policy of the group',
        (one) => void (record(one).groups['administrators']!.inline = { own: aDocument() }),
        'own of group Administrators',
      ],
      [
        'a policy of the user',
        (one) => void (record(one).admins['administrator']!.policies = [readOnlyAccess]),
        'ReadOnlyAccess of user Administrator',
      ],
      ['the user in the group', ({ user }) => void (user.groups = []), 'group Administrators of user Administrator'],
    ],
    not: [
      ['the user has the group under another case', ({ user }) => void (user.groups = ['administrators'])],
      [
        'the policy is there beside another one that was asked for',
        (one) => {
          one.group.policies.unshift(readOnlyAccess)
          record(one).groups['administrators']!.policies.push(readOnlyAccess)
        },
      ],
    ],
  },
  'policy-added': {
    found: [
      [
        'to the group',
        ({ group }) => void group.policies.push(readOnlyAccess),
        'ReadOnlyAccess of group Administrators',
      ],
      ['an inline policy', ({ group }) => void (group.inline = { own: aDocument() }), 'own of group Administrators'],
      [
        'a changed inline policy',
        (one) => {
          record(one).groups['administrators']!.inline = { own: aDocument() }
          one.group.inline = { own: aDocument({ Statement: [] }) }
        },
        'own of group Administrators',
      ],
      ['to the user', ({ user }) => void user.policies.push(adminAccess), 'AdministratorAccess of user Administrator'],
      ['a group of others', ({ user }) => void user.groups.push('Others'), 'group Others of user Administrator'],
      [
        'a policy with the name of the policy for MFA',
        ({ group }) => void (group.inline = { [mfaPolicyName]: aDocument() }),
        `${mfaPolicyName} of group Administrators`,
      ],
    ],
    not: [
      [
        'the policy for MFA, of an earlier vend',
        ({ group }) => void (group.inline = { [mfaPolicyName]: mfaPolicy('aws') }),
      ],
      [
        'the policy with which a user changes a password',
        ({ user }) => void user.policies.push('arn:aws:iam::aws:policy/IAMUserChangePassword'),
      ],
      [
        'an inline policy that was asked for, with its keys in another order',
        (one) => {
          record(one).groups['administrators']!.inline = { own: { Version: '2012-10-17', Statement: [] } }
          one.group.inline = { own: { Statement: [], Version: '2012-10-17' } }
        },
      ],
    ],
  },
  'member-added': {
    found: [
      ['a user who is not ours', stranger({ path: '/' }), 'eve in Administrators'],
      ['a user on our path whom nobody asked for', stranger({}), 'eve in Administrators'],
      [
        'a user who was kept',
        (one) => {
          record(one).admins['eve'] = { ...anAdmin({ userName: 'eve' }), kept: true }
          stranger({ path: '/' })(one)
        },
        'eve in Administrators',
      ],
      [
        'an administrator of ours who was asked for in another group',
        (one) => {
          const groups = ['Auditors']
          record(one).groups['auditors'] = aGroup({ name: 'Auditors' })
          one.there.groups.set('auditors', { ...one.group, name: 'Auditors' })
          record(one).admins['eve'] = { ...anAdmin({ userName: 'eve', groups }), kept: false }
          stranger({ groups: ['Auditors', 'Administrators'] })(one)
        },
        'eve in Administrators',
      ],
    ],
    not: [
      ['a member of another group', stranger({ groups: ['Others'] })],
      [
        'a member of a group that is not ours, and that was used because it has the wanted policies',
        (one) => {
          one.group.path = '/'
          stranger({ path: '/' })(one)
        },
      ],
      [
        'another administrator of ours',
        (one) => {
          record(one).admins['eve'] = { ...anAdmin({ userName: 'Eve' }), kept: false }
          stranger({})(one)
        },
      ],
    ],
  },
  'user-gone': {
    found: [
      ['the user is not there', ({ there }) => there.users.clear(), 'Administrator'],
      ['a user of that name is somebody else’s', ({ user }) => void (user.path = '/'), 'Administrator'],
    ],
    not: [
      [
        'a user who was kept, and is gone',
        (one) => void (record(one).admins['eve'] = { ...anAdmin({ userName: 'eve' }), kept: true }),
      ],
    ],
  },
  'mfa-off': {
    found: [['the user signs in without', ({ user }) => void (user.hasMfa = false), 'Administrator']],
    not: [
      [
        'vending.yml does not ask for MFA',
        ({ user, config }) => {
          user.hasMfa = false
          delete config.mfa
        },
      ],
      ['nobody has signed in yet', notSignedIn, 'never-signed-in Administrator'],
    ],
  },
  'never-signed-in': {
    found: [
      ['the password was shown, and never used', notSignedIn, 'Administrator'],
      [
        'the password was handed over by a person',
        (one) => {
          notSignedIn(one)
          about(one).handover = undefined
        },
        'Administrator',
      ],
    ],
    not: [
      [
        'the password is new',
        (one) => {
          notSignedIn(one)
          mailedDaysAgo(6)(one)
        },
      ],
      [
        'a link can still be opened',
        (one) => {
          notSignedIn(one)
          one.known.people = people(daysAgo(-1))
        },
      ],
      [
        'the console sign-in was taken away',
        (one) => {
          notSignedIn(one)
          one.user.hasLoginProfile = false
        },
      ],
    ],
  },
  'password-policy-weaker': {
    found: [
      ['shorter passwords', ({ there }) => void (there.passwordPolicy!.MinimumPasswordLength = 8), ''],
      ['no symbols', ({ there }) => void (there.passwordPolicy!.RequireSymbols = false), ''],
      ['no policy', ({ there }) => void (there.passwordPolicy = undefined), ''],
    ],
    not: [
      ['a stronger policy', ({ there }) => void (there.passwordPolicy!.MinimumPasswordLength = 20)],
      [
        'vending.yml asks for nothing',
        ({ there, config }) => {
          there.passwordPolicy = undefined
          delete config.passwordPolicy
        },
      ],
    ],
  },
  'tags-changed': {
    found: [
      ['another value', ({ user }) => void (user.tags = { ManagedBy: 'us' }), 'Administrator'],
      ['no tag', ({ user }) => void (user.tags = {}), 'Administrator'],
    ],
    not: [['the key in another case', ({ user }) => void (user.tags = { MANAGEDBY: 'account-vending' })]],
  },
  'mail-bounced': {
    found: (['bounced', 'complained', 'rejected'] as const).map((status) => [
      status,
      (one: Case) => {
        notSignedIn(one)
        Object.assign(about(one), { mailStatus: status, mailReason: 'no such mailbox' })
        mailedDaysAgo(1)(one)
      },
      'Administrator',
    ]),
    not: [
      ['the user has signed in all the same', (one) => void (about(one).mailStatus = 'bounced')],
      [
        'the mail is only late',
        (one) => {
          notSignedIn(one)
          one.known.people = people(daysAgo(-1))
          about(one).mailStatus = 'delayed'
        },
      ],
    ],
  },
  'link-unclaimed': {
    found: [
      [
        'the link has ended',
        (one) => {
          notSignedIn(one)
          one.known.people = people(daysAgo(1))
        },
        'Administrator',
      ],
    ],
    not: [
      [
        'the link can still be opened',
        (one) => {
          notSignedIn(one)
          one.known.people = people(daysAgo(-1))
        },
      ],
      ['the user has signed in all the same', ({ known }) => void (known.people = people(daysAgo(1)))],
    ],
  },
  'access-role-trusts-others': {
    found: [
      ['another account', trusting(letIn({ AWS: 'arn:aws:iam::999999999999:root' })), 'arn:aws:iam::999999999999:root'],
      ['another account by its number', trusting(letIn({ AWS: ['111122223333', '999999999999'] })), '999999999999'],
      [
        'a policy of one statement, for a role of the account itself',
        ({ there }) =>
          void (there.accessRole.trust = { Statement: letIn({ AWS: `arn:aws:iam::${accountId}:role/dev` }) }),
        `arn:aws:iam::${accountId}:role/dev`,
      ],
      [
        'an identity provider',
        trusting(
          letIn({ Federated: `arn:aws:iam::${accountId}:saml-provider/idp` }, { Action: 'sts:AssumeRoleWithSAML' }),
        ),
        `arn:aws:iam::${accountId}:saml-provider/idp`,
      ],
      ['everybody', trusting(letIn('*')), '*'],
      ['everybody, as AWS', trusting(letIn({ AWS: '*' }, { Action: ['sts:TagSession', 'STS:assume*'] })), '*'],
      ['everybody but one', trusting(letIn(undefined, { NotPrincipal: { AWS: '999999999999' } })), '*'],
      [
        'on a condition that another account can meet',
        trusting(
          letIn('*', { Condition: { StringEquals: { 'aws:PrincipalAccount': ['111122223333', '999999999999'] } } }),
        ),
        '*',
      ],
    ],
    not: [
      [
        'a role and a session of the management account',
        trusting(
          letIn({ AWS: ofManagement('role/dev') }),
          letIn({ AWS: 'arn:aws:sts::111122223333:assumed-role/dev/ada' }),
        ),
      ],
      ['an AWS service', trusting(letIn({ Service: 'ec2.amazonaws.com' }))],
      ['a role that was deleted', trusting(letIn({ AWS: ['AROAEXAMPLE0123456789', 'AIDAEXAMPLE0123456789'] }))],
      ['a denial', trusting(letIn('*', { Effect: 'Deny' }))],
      ['an action that lets nobody in', trusting(letIn({ AWS: '999999999999' }, { Action: 'sts:TagSession' }))],
      [
        'everybody of the management account',
        trusting(letIn('*', { Condition: { StringEquals: { 'AWS:principalaccount': '111122223333' } } })),
      ],
    ],
  },
  'access-role-missing': {
    found: [['the role cannot be assumed', refuse(new AccessRoleMissingError('The role cannot be assumed: …')), '']],
    not: [['a policy denies a call', refuse(new DeniedByPolicyError('denied')), 'account-refuses ']],
  },
  'account-refuses': {
    found: [
      ['a policy denies a call', refuse(new DeniedByPolicyError('denied')), ''],
      ['AWS throttles', refuse(awsError('ThrottlingException')), ''],
      ['AWS does not answer', refuse(new AwsUnreachableError('ECONNRESET')), ''],
    ],
    not: [
      [
        'the role cannot be assumed',
        refuse(new AccessRoleMissingError('The role cannot be assumed: …')),
        'access-role-missing ',
      ],
    ],
  },
  'unit-changed': {
    found: [['the path is another one', ({ known }) => void (known.path = 'o-exam/r-exam/ou-exam-other/'), '']],
    not: [
      ['Organizations does not tell', ({ known }) => void (known.path = '')],
      ['this is the first look', ({ known }) => void (known.formerPath = '')],
    ],
  },
}

const kinds = Object.entries(table) as [Kind, (typeof table)[Kind]][]

test('an account as it was vended has no findings', () => {
  expect(found(clean())).toEqual([])
})

test('an account that was never vended has no findings', () => {
  const one = clean()
  const never = { ...one.known, record: undefined, people: new Map() }
  expect(compare(never, { there: one.there }, one.config, now)).toEqual([])
})

test('every kind has a row that is found and a row that is not', () => {
  for (const [kind, rows] of kinds)
    expect([kind, rows.found.length > 0, rows.not.length > 0]).toEqual([kind, true, true])
})

describe.each(kinds)('%s', (kind, rows) => {
  test.each(rows.found)('is found: %s', (_, change, subject) => {
    const one = clean()
    change(one)
    const all = found(one)
    expect(all.map((finding) => `${finding.kind} ${finding.subject}`)).toEqual([`${kind} ${subject}`])
    // A sentence, with what to do next.
    expect(all[0]!.text).toMatch(/^[A-Z].{20,}/)
  })

  test.each(rows.not)('is not found: %s', (_, change, ...instead) => {
    const one = clean()
    change(one)
    expect(found(one).map((finding) => `${finding.kind} ${finding.subject}`)).toEqual(instead)
  })
})

test('a throttled look is passing, a denial is not', () => {
  const of = (refusal: Error) => found({ ...clean(), refusal }).map(({ passing }) => passing)
  expect([of(awsError('Throttling')), of(new DeniedByPolicyError('denied'))]).toEqual([[true], [undefined]])
})

test('the commands in a text name the account, and reach this service', () => {
  const one = clean()
  one.there.groups.clear()
  expect(found(one)[0]?.text).toContain(
    `npx vend start ${accountId} --admin Administrator=payments@example.com --again --region us-east-1`,
  )
})

describe('what a look can judge', () => {
  const kindsJudged = (seen: Parameters<typeof judgedFindings>[0], isAtWork = false) => {
    const judged = judgedFindings(seen, { isAtWork })
    return kinds.map(([kind]) => kind).filter((kind) => judged({ kind, subject: '' }))
  }
  const one = clean()

  test('everything but root credentials', () => {
    expect(kindsJudged({ there: one.there })).toEqual(kinds.map(([kind]) => kind))
    const judged = judgedFindings({ there: one.there }, { isAtWork: false })
    expect(judged({ kind: 'root-credentials', subject: '' })).toBe(false)
    expect(judged({ kind: 'account-refuses', subject: 'root user' })).toBe(false)
  })

  test('nothing inside an account that refuses', () => {
    expect(kindsJudged({ refusal: new Error() })).toEqual(['access-role-missing', 'account-refuses', 'unit-changed'])
  })

  test('nothing that a vend at work may be changing', () => {
    expect(kindsJudged({ there: one.there }, true)).toEqual([
      'mfa-off',
      'never-signed-in',
      'password-policy-weaker',
      'mail-bounced',
      'link-unclaimed',
      'access-role-trusts-others',
      'access-role-missing',
      'account-refuses',
      'unit-changed',
    ])
  })
})

describe('root-credentials', () => {
  const none = { hasPassword: false, accessKeys: [], certificates: [], mfaDevices: [] }
  const place = { partition: 'aws', region: 'us-east-1' }
  const of = (more: Partial<typeof none> & { accessKeys?: string[] }): Found[] =>
    rootFindings(accountId, { ...none, ...more }, place)

  test('is not found without credentials, and not for an MFA device alone', () => {
    expect([of({}), of({ mfaDevices: ['arn:aws:iam::444455556666:mfa/root'] as never })]).toEqual([[], []])
  })

  test.each([
    [{ hasPassword: true }, 'a password', ['aws iam delete-login-profile']],
    [{ accessKeys: ['AKIA1'] }, '1 access key', ['aws iam delete-access-key --access-key-id AKIA1']],
    [{ certificates: ['C1'] }, '1 signing certificate', ['aws iam delete-signing-certificate --certificate-id C1']],
    [
      { hasPassword: true, accessKeys: ['AKIA1', 'AKIA2'], mfaDevices: ['arn:aws:iam::444455556666:mfa/root'] },
      'a password and 2 access keys',
      [
        'aws iam delete-login-profile',
        'aws iam delete-access-key --access-key-id AKIA1',
        'aws iam delete-access-key --access-key-id AKIA2',
        'aws iam deactivate-mfa-device --serial-number arn:aws:iam::444455556666:mfa/root',
      ],
    ],
  ])('is found, with AWS’s own commands: %j', (credentials, has, commands) => {
    const [finding, ...others] = of(credentials as never)
    expect([finding?.kind, others]).toEqual(['root-credentials', []])
    expect(finding?.text).toContain(`has ${has}.`)
    const assume =
      'aws sts assume-root --region us-east-1 --target-principal 444455556666 --task-policy-arn ' +
      'arn=arn:aws:iam::aws:policy/root-task/IAMDeleteRootUserCredentials'
    expect(finding?.text.endsWith([assume, ...commands].join('; '))).toBe(true)
  })
})
