import { describe, expect, test } from 'vitest'
import { RecipientNotAllowedError } from '../../functions/shared/errors.ts'
import { mfaPolicy, mfaPolicyName } from '../../functions/shared/mfa-policy.ts'
import {
  admin,
  adminsRequest,
  completeRequest,
  type Defaults,
  email,
  group,
  groupName,
  manualRequest,
  policy,
  policyDocument,
  tags,
  userName,
} from '../../functions/shared/request.ts'
import { parseInput } from '../../functions/shared/parse.ts'
import { accountId, adminAccess, aDocument, issuesOf, readOnlyAccess, theDefaults } from '../support/builders.ts'

const place = { accountId, accountEmail: 'payments@example.com', partition: 'aws' }

/** Checks a request as the API does and completes it. */
const complete = (request: unknown, defaults: Partial<Defaults> = {}, where: Partial<typeof place> = {}) =>
  completeRequest(parseInput(adminsRequest, request), theDefaults(defaults), { ...place, ...where })

describe('a request without administrators', () => {
  test('asks for the default administrators and all groups of vending.yml', () => {
    const groups = [
      { name: 'Administrators', policies: ['AdministratorAccess'], inline: {} },
      { name: 'Auditors', policies: ['SecurityAudit'], inline: {} },
    ]
    expect(complete({}, { groups })).toEqual({
      groups: [
        { name: 'Administrators', policies: [adminAccess], inline: {} },
        { name: 'Auditors', policies: ['arn:aws:iam::aws:policy/SecurityAudit'], inline: {} },
      ],
      admins: [
        {
          userName: 'Administrator',
          email: 'payments@example.com',
          groups: ['Administrators'],
          policies: [],
          tags: { ManagedBy: 'account-vending' },
          passwordResetRequired: true,
        },
      ],
    })
  })

  test('also gets the groups that it defines', () => {
    const { groups } = complete({ groups: [{ name: 'Readers', policies: ['ReadOnlyAccess'] }] })
    expect(groups.map(({ name }) => name)).toEqual(['Administrators', 'Readers'])
  })
})

describe('a request with administrators', () => {
  test('asks only for the groups that the administrators need and the groups that it defines', () => {
    const groups = [
      { name: 'Administrators', policies: ['AdministratorAccess'], inline: {} },
      { name: 'Auditors', policies: ['SecurityAudit'], inline: {} },
    ]
    const asked = complete(
      { admins: [{ userName: 'ada' }], groups: [{ name: 'Readers', policies: ['ReadOnlyAccess'] }] },
      { groups },
    )
    expect(asked.groups.map(({ name }) => name)).toEqual(['Administrators', 'Readers'])
  })

  test('keeps everything that it says itself', () => {
    const asked = {
      userName: 'ada',
      email: 'ada@example.com',
      groups: ['Readers'],
      policies: ['ReadOnlyAccess'],
      tags: { Team: 'core' },
      passwordResetRequired: false,
    }
    const { admins } = complete({ admins: [asked], groups: [{ name: 'Readers' }] })
    expect(admins).toEqual([
      { ...asked, policies: [readOnlyAccess], tags: { ManagedBy: 'account-vending', Team: 'core' } },
    ])
  })

  test('lets an administrator’s tag win over that of vending.yml', () => {
    const { admins } = complete({ admins: [{ userName: 'ada', tags: { ManagedBy: 'ada' } }] })
    expect(admins[0]?.tags).toEqual({ ManagedBy: 'ada' })
  })

  test('lets an administrator be in no group at all', () => {
    expect(complete({ admins: [{ userName: 'ada', groups: [] }] })).toMatchObject({
      groups: [],
      admins: [{ groups: [] }],
    })
  })

  test('takes a group only once, whatever the case of its name, under the name of its definition', () => {
    const { admins, groups } = complete({ admins: [{ userName: 'ada', groups: ['administrators', 'ADMINISTRATORS'] }] })
    expect(admins[0]?.groups).toEqual(['Administrators'])
    expect(groups.map(({ name }) => name)).toEqual(['Administrators'])
  })

  test('puts an administrator without groups into no group if vending.yml defines none', () => {
    expect(complete({ admins: [{ userName: 'ada' }] }, { groups: [] }).admins[0]?.groups).toEqual([])
  })

  test('takes the password reset from vending.yml', () => {
    const { admins } = complete({ admins: [{ userName: 'ada' }] }, { passwordResetRequired: false })
    expect(admins[0]?.passwordResetRequired).toBe(false)
  })
})

describe.each(['aws', 'aws-us-gov', 'aws-cn'])('in the partition %s', (partition) => {
  test('a policy’s name becomes an ARN of the partition', () => {
    const { groups } = complete({}, {}, { partition })
    expect(groups[0]?.policies).toEqual([`arn:${partition}:iam::aws:policy/AdministratorAccess`])
  })

  test('an ARN of AWS or of the account stays as it is', () => {
    const policies = [
      `arn:${partition}:iam::aws:policy/job-function/Billing`,
      `arn:${partition}:iam::${accountId}:policy/a`,
    ]
    const { admins } = complete({ admins: [{ userName: 'ada', policies }] }, {}, { partition })
    expect(admins[0]?.policies).toEqual(policies)
  })

  test('an ARN of another partition is refused', () => {
    const other = `arn:${partition === 'aws' ? 'aws-us-gov' : 'aws'}:iam::aws:policy/ReadOnlyAccess`
    expect(issuesOf(() => complete({ admins: [{ userName: 'ada', policies: [other] }] }, {}, { partition }))).toEqual([
      {
        field: 'admins[0].policies[0]',
        message: `${other} must be in the partition ${partition} and belong to AWS or to account ${accountId}`,
      },
    ])
  })
})

describe('refused, with the field and what is allowed:', () => {
  test('a policy of another account', () => {
    const policies = ['ReadOnlyAccess', 'arn:aws:iam::777788889999:policy/theirs']
    expect(issuesOf(() => complete({ groups: [{ name: 'Readers', policies }] }))).toEqual([
      {
        field: 'groups[0].policies[1]',
        message: `arn:aws:iam::777788889999:policy/theirs must be in the partition aws and belong to AWS or to account ${accountId}`,
      },
    ])
  })

  test('two administrators whose names differ only in case', () => {
    expect(issuesOf(() => complete({ admins: [{ userName: 'ada' }, { userName: 'Ada' }] }))).toEqual([
      { field: 'admins[1].userName', message: 'Ada is given twice (IAM ignores case)' },
    ])
  })

  describe('a policy that denies the password change at the first sign-in', () => {
    const denyIam = aDocument({ Statement: [{ Effect: 'Deny', Action: 'iam:*', Resource: '*' }] })
    const group = { name: 'NoIam', inline: { Fine: aDocument(), DenyIam: denyIam } }
    const bob = { userName: 'bob', groups: ['NoIam'] }
    const message =
      'The policy DenyIam of the group NoIam denies bob the password change at the first sign-in. ' +
      'Exempt both iam:ChangePassword and iam:GetAccountPasswordPolicy from the Deny, or set passwordResetRequired to false'

    test('of a group of the request, as filed in the field', () => {
      expect(issuesOf(() => complete({ admins: [bob], groups: [{ name: 'Readers' }, group] }))).toEqual([
        { field: 'groups[1].inline.DenyIam', message },
      ])
    })

    test('of a group of vending.yml', () => {
      const groups = [
        { name: 'Administrators', policies: [], inline: {} },
        { policies: [], ...group },
      ]
      expect(issuesOf(() => complete({ admins: [bob] }, { groups }))).toEqual([
        { field: 'vending.yml groups[1].inline.DenyIam', message },
      ])
    })

    test('AWS’s own, of the user or of the group', () => {
      const policies = ['ReadOnlyAccess', 'AWSDenyAll']
      const fieldsOf = (asked: Parameters<typeof complete>[0]) =>
        issuesOf(() => complete(asked)).map(({ field }) => field)
      expect(fieldsOf({ admins: [{ userName: 'ada' }, { userName: 'bob', policies }] })).toEqual(['admins[1].policies'])
      expect(fieldsOf({ admins: [bob], groups: [{ name: 'NoIam', policies }] })).toEqual(['groups[0].policies'])
    })

    test('is no issue without a reset, with a condition, or in a group of nobody', () => {
      complete({ admins: [{ ...bob, passwordResetRequired: false }], groups: [group] })
      complete({ admins: [{ userName: 'bob', groups: [] }], groups: [group] })
      const condition = { BoolIfExists: { 'aws:MultiFactorAuthPresent': 'false' } }
      const ifNoMfa = aDocument({
        Statement: [{ Effect: 'Deny', Action: 'iam:*', Resource: '*', Condition: condition }],
      })
      complete({ admins: [bob], groups: [{ name: 'NoIam', inline: { RequireMfa: ifNoMfa } }] })
    })
  })

  test('a group that nobody defined', () => {
    expect(
      issuesOf(() =>
        complete({
          admins: [{ userName: 'ada', groups: ['Administrators', 'Nobody'] }],
          groups: [{ name: 'Readers' }],
        }),
      ),
    ).toEqual([
      {
        field: 'admins[0].groups[1]',
        message: 'the group Nobody is not defined; defined groups are Administrators, Readers',
      },
    ])
  })

  test.each([
    [{ name: 'Administrators', policies: ['ReadOnlyAccess'] }, 'Administrators'],
    [{ name: 'administrators', policies: ['AdministratorAccess'] }, 'administrators'],
    [{ name: 'Administrators', policies: ['AdministratorAccess'], inline: { more: aDocument() } }, 'Administrators'],
  ])('a group of vending.yml that is defined differently: %o', (redefined, name) => {
    expect(issuesOf(() => complete({ groups: [redefined] }))).toEqual([
      { field: 'groups[0].name', message: `the group ${name} is defined twice, with different policies` },
    ])
  })

  test('a group that the request defines twice, differently', () => {
    const groups = [{ name: 'Readers' }, { name: 'Readers', policies: ['ReadOnlyAccess'] }]
    expect(issuesOf(() => complete({ groups })).map(({ field }) => field)).toEqual(['groups[1].name'])
  })

  test('policy ARNs that are too long for a session’s policy', () => {
    const groups = [{ name: 'Long', policies: [1, 2, 3].map((n) => `${'p'.repeat(500)}${n}`) }]
    expect(issuesOf(() => complete({ groups }))).toEqual([
      { field: 'groups', message: 'the total length of all groups’ policy ARNs in characters must be at most 1000' },
    ])
  })

  test('names of groups and policies that are too long for an administrator’s session, together', () => {
    const groups = [120, 121, 122].map((length) => ({ name: 'g'.repeat(length), policies: [], inline: {} }))
    const ask = (more: number) =>
      complete({
        groups,
        admins: [
          {
            userName: 'ada',
            groups: groups.map(({ name }) => name),
            policies: ['p'.repeat(480 - 363 - 25 + 1 + more)],
          },
        ],
      })
    expect(issuesOf(() => ask(0))).toEqual([])
    expect(issuesOf(() => ask(1))).toEqual([
      {
        field: 'admins[0]',
        message: 'the total length of all group names and policy ARNs in characters must be at most 480',
      },
    ])
  })

  test('a policy under the name of this service’s policy for MFA', () => {
    const inline = { [mfaPolicyName]: aDocument() }
    expect(issuesOf(() => complete({ groups: [{ name: 'Readers', inline }] }))).toEqual([
      {
        field: 'groups[0].inline',
        message: 'must not name a policy account-vending-mfa: this service gives that name to its own policy',
      },
    ])
  })

  test('inline policies that leave no room for the policy for MFA', () => {
    const room = 5120 - JSON.stringify(mfaPolicy('aws')).length
    const ofLength = (length: number) => {
      const document = aDocument({ Id: '' })
      return aDocument({ Id: 'x'.repeat(length - JSON.stringify(document).length) })
    }
    const ask = (length: number, mfa?: 'required') => () =>
      complete({ groups: [{ name: 'Readers', inline: { mine: ofLength(length) } }] }, { mfa })
    expect(issuesOf(ask(room, 'required'))).toEqual([])
    expect(issuesOf(ask(room + 1))).toEqual([])
    expect(issuesOf(ask(room + 1, 'required'))).toEqual([
      {
        field: 'groups[1].inline',
        message:
          'the total length of all inline policies in characters, including the policy account-vending-mfa, must be at most 5120',
      },
    ])
  })

  test('more than 45 tags, those of vending.yml included', () => {
    const fifty = Object.fromEntries(Array.from({ length: 45 }, (_, i) => [`tag${i}`, '']))
    expect(issuesOf(() => complete({ admins: [{ userName: 'ada', tags: fifty }] }))).toEqual([
      { field: 'admins[0].tags', message: 'the number of tags, including those of vending.yml, must be at most 45' },
    ])
    expect(issuesOf(() => complete({ admins: [{ userName: 'ada', tags: fifty }] }, { tags: {} }))).toEqual([])
  })

  test('a default of vending.yml, under the name of the file', () => {
    const admins = [{ userName: 'ada', groups: ['Nobody'], policies: [], tags: {} }]
    expect(issuesOf(() => complete({}, { admins }))[0]?.field).toBe('vending.yml admins[0].groups[0]')
  })

  test('all mistakes at once', () => {
    const admins = [
      { userName: 'ada', groups: ['Nobody'] },
      { userName: 'ADA', policies: ['arn:aws:iam::777788889999:policy/theirs'] },
    ]
    expect(issuesOf(() => complete({ admins })).map(({ field }) => field)).toEqual([
      'admins[0].groups[0]',
      'admins[1].userName',
      'admins[1].policies[0]',
    ])
  })
})

test('a group that is defined again in the same way is one group', () => {
  const groups = [{ name: 'Administrators', policies: ['AdministratorAccess'] }]
  expect(complete({ groups }).groups).toHaveLength(1)
})

describe('a recipient', () => {
  const mailTo = (address: string, allowedRecipients: string[]) =>
    complete({ admins: [{ userName: 'ada', email: address }] }, { allowedRecipients }).admins[0]?.email

  test.each([
    ['of an allowed domain', 'ada@example.com', ['example.com']],
    ['of an allowed domain in other case', 'ada@EXAMPLE.com', ['Example.Com']],
    ['who is allowed by address', 'ada@other.example', ['example.com', 'ada@other.example']],
    ['who is allowed by an address whose domain has another case', 'Ada@other.example', ['Ada@Other.Example']],
  ])('%s is allowed', (_, address, allowed) => {
    expect(mailTo(address, allowed)).toBe(address)
  })

  test.each([
    ['of a subdomain', 'ada@mail.example.com', ['example.com']],
    ['of a domain that ends alike', 'ada@notexample.com', ['example.com']],
    ['of a domain that begins alike', 'ada@example.com.evil.test', ['example.com']],
    ['at the domain of an allowed address', 'bob@other.example', ['ada@other.example']],
    ['who has the name of an allowed address in another case', 'Ada@other.example', ['ada@other.example']],
    ['whose name is an allowed domain', 'example.com@evil.test', ['example.com']],
  ])('%s is refused', (_, address, allowed) => {
    expect(() => mailTo(address, allowed)).toThrow(RecipientNotAllowedError)
    expect(() => mailTo(address, allowed)).toThrow(
      `admins[0].email: ${address} is not within allowedRecipients of vending.yml (${allowed.join(', ')})`,
    )
  })

  test('that comes from the default and is refused is named as the account’s own address', () => {
    expect(() => complete({}, {}, { accountEmail: 'root@evil.test' })).toThrow(
      'vending.yml admins[0].email: root@evil.test (the account’s own address) is not within allowedRecipients',
    )
  })
})

describe('manualRequest', () => {
  test('needs only an account id', () => {
    expect(parseInput(manualRequest, { accountId })).toEqual({ accountId, groups: [] })
  })

  test.each([undefined, null, 'text', 7, []])('refuses %o', (input) => {
    expect(issuesOf(() => parseInput(manualRequest, input))).toEqual([{ field: 'input', message: 'must be an object' }])
  })

  test.each(['44445555666', '4444555566667', ' 444455556666', '４４４４５５５５６６６６', null])(
    'refuses %o as account id',
    (id) => {
      expect(issuesOf(() => parseInput(manualRequest, { accountId: id }))).toEqual([
        { field: 'accountId', message: 'must be an account ID: 12 digits, as a string' },
      ])
    },
  )

  test('calls a field missing that is not there, and says what is allowed', () => {
    expect(issuesOf(() => parseInput(manualRequest, { admins: [{}] }))).toEqual([
      { field: 'accountId', message: 'is missing; must be an account ID: 12 digits, as a string' },
      { field: 'admins[0].userName', message: 'is missing; must be 1 to 64 letters, digits or _+=.@-' },
    ])
  })

  test('refuses a number as account id: YAML and JSON take 12 digits without quotes for a number', () => {
    expect(issuesOf(() => parseInput(manualRequest, { accountId: 444455556666 }))).toEqual([
      { field: 'accountId', message: 'must be text: write it in quotes' },
    ])
  })

  test('refuses each unknown field and names the known ones', () => {
    const message = 'is not a known field; allowed fields are accountId, admins, groups, again, renew, requestedBy'
    expect(issuesOf(() => parseInput(manualRequest, { accountId, administrators: [], Groups: [] }))).toEqual([
      { field: 'administrators', message },
      { field: 'Groups', message },
    ])
  })

  test('takes who asked, up to 2048 characters', () => {
    const requestedBy = 'a'.repeat(2048)
    expect(parseInput(manualRequest, { accountId, requestedBy })).toEqual({ accountId, groups: [], requestedBy })
    expect(issuesOf(() => parseInput(manualRequest, { accountId, requestedBy: `${requestedBy}a` }))).toEqual([
      { field: 'requestedBy', message: 'must have at most 2048 characters' },
    ])
  })
})

describe('adminsRequest', () => {
  test.each([
    ['{"__proto__": {"admins": []}}', '__proto__'],
    ['{"constructor": {"prototype": {}}}', 'constructor'],
    ['{"admins": [{"userName": "ada", "__proto__": {"kept": true}}]}', 'admins[0].__proto__'],
    ['{"admins": [{"userName": "ada", "constructor": 1}]}', 'admins[0].constructor'],
    ['{"groups": [{"name": "Readers", "toString": 1}]}', 'groups[0].toString'],
  ])('refuses a prototype’s key: %s', (json, field) => {
    const [issue, ...more] = issuesOf(() => parseInput(adminsRequest, JSON.parse(json)))
    expect(more).toEqual([])
    expect(issue?.field).toBe(field)
    expect(issue?.message).toContain('; allowed fields are ')
    expect(({} as Record<string, unknown>)['kept']).toBeUndefined()
  })

  test('keeps a tag and a policy that are called constructor', () => {
    const inline = { constructor: aDocument() }
    const request = {
      admins: [{ userName: 'ada', policies: [], tags: { constructor: 'x' } }],
      groups: [{ name: 'Readers', policies: [], inline }],
    }
    expect(parseInput(adminsRequest, JSON.parse(JSON.stringify(request)))).toEqual(request)
  })

  test('does not lose a tag or a policy that is called __proto__', () => {
    const read = (json: string) => JSON.stringify(parseInput(adminsRequest, JSON.parse(json)))
    const document = JSON.stringify(aDocument())
    for (const json of [
      '{"admins":[{"userName":"ada","tags":{"__proto__":"x"}}]}',
      `{"groups":[{"name":"Readers","inline":{"__proto__":${document}}}]}`,
    ])
      expect(issuesOf(() => read(json)).length > 0 || read(json).includes('__proto__')).toBe(true)
  })

  test.each([
    ['admins', [], 'must name at least one administrator'],
    ['admins', {}, 'must be a list of administrators'],
    ['admins', Array.from({ length: 21 }, (_, i) => ({ userName: `a${i}` })), 'must have at most 20 administrators'],
    ['groups', Array.from({ length: 21 }, (_, i) => ({ name: `g${i}` })), 'must have at most 20 groups'],
    ['groups', 'Readers', 'must be a list of groups'],
  ])('refuses wrong %s: %o', (field, value, message) => {
    expect(issuesOf(() => parseInput(adminsRequest, { [field]: value }))).toEqual([{ field, message }])
  })
})

describe('admin', () => {
  test.each([
    ['groups', Array.from({ length: 11 }, (_, i) => `g${i}`), 'must have at most 10 group names'],
    ['policies', Array.from({ length: 11 }, (_, i) => `p${i}`), 'must have at most 9 policies'],
    ['policies', 'ReadOnly', 'must be a list of policies'],
    ['passwordResetRequired', 'no', 'must be true or false, without quotes'],
    ['userName', 7, 'must be text: write it in quotes'],
    ['tags', ['a'], 'must be an object of tag keys and values'],
  ])('refuses wrong %s: %o', (field, value, message) => {
    expect(issuesOf(() => parseInput(admin, { userName: 'ada', [field]: value }))).toEqual([{ field, message }])
  })

  test('names the item that is wrong', () => {
    expect(issuesOf(() => parseInput(admin, { userName: 'ada', groups: ['ok', 'not ok'] }))).toEqual([
      { field: 'groups[1]', message: 'must be 1 to 128 letters, digits or _+=,.@-' },
    ])
  })
})

const accepts = (schema: Parameters<typeof parseInput>[0], value: unknown) =>
  issuesOf(() => parseInput(schema, value)).length === 0

describe('userName', () => {
  test.each(['a', 'Administrator', 'ada.lovelace+1=2_3@example.com', 'a'.repeat(64)])('takes %s', (name) => {
    expect(accepts(userName, name)).toBe(true)
  })

  test.each(['', ' ', 'ada lovelace', 'ada,lovelace', 'ada/lovelace', 'ada*', 'ada?', 'Zoë', 'ada\n', 'a'.repeat(65)])(
    'refuses %o',
    (name) => {
      expect(issuesOf(() => parseInput(userName, name))).toEqual([
        { field: 'input', message: 'must be 1 to 64 letters, digits or _+=.@-' },
      ])
    },
  )
})

describe('groupName', () => {
  test.each(['a', 'Admins,all', 'a'.repeat(128)])('takes %s', (name) => {
    expect(accepts(groupName, name)).toBe(true)
  })

  test.each(['', 'two words', 'a/b', 'a*', 'Zoë', 'a'.repeat(129)])('refuses %o', (name) => {
    expect(accepts(groupName, name)).toBe(false)
  })
})

describe('email', () => {
  test.each([
    'a@b.co',
    'ada.lovelace+aws@mail.example.com',
    "o'brien@example.com",
    'r&d@example.com',
    "!#$%&'*+-/=?^_`{|}~.0aZ@example.com",
    'ADA@EXAMPLE.COM',
    'ada@xn--mnchen-3ya.example',
    `${'a'.repeat(64)}@example.com`,
  ])('takes %s', (address) => {
    expect(accepts(email, address)).toBe(true)
  })

  test.each([
    '',
    'ada',
    'ada@',
    '@example.com',
    'ada@example',
    'ada@@example.com',
    'ada@example..com',
    'ada@.example.com',
    'ada@example.com.',
    'ada@-example.com',
    'ada@example-.com',
    'ada@[127.0.0.1]',
    'ada@127.0.0.1',
    'Ada <ada@example.com>',
    'ada@example.com, bob@example.com',
    'ada@example.com\nBcc: bob@example.com',
    'ada lovelace@example.com',
    '"ada"@example.com',
    'ada,eve@example.com',
    'ada;eve@example.com',
    'a(b)@example.com',
    'a[b]@example.com',
    'a\\b@example.com',
    'a:b@example.com',
    'a\u0001b@example.com',
    // SES refuses a dot at the beginning or end, and two dots together.
    '.ada@example.com',
    'ada.@example.com',
    'ada..lovelace@example.com',
    `${'a'.repeat(65)}@example.com`,
    `a@${'b'.repeat(64)}.com`,
  ])('refuses %o', (address) => {
    expect(issuesOf(() => parseInput(email, address))).toEqual([
      { field: 'input', message: 'must be an e-mail address like ada@example.com' },
    ])
  })

  test.each([
    ['zoë@example.com', 'must have only ASCII characters: SES takes no other addresses'],
    ['ada@münchen.example', 'must have only ASCII characters: SES takes no other addresses'],
    [`a@${'b.'.repeat(127)}com`, 'must have at most 254 characters'],
    [7, 'must be text: write it in quotes'],
    [null, 'must be an e-mail address like ada@example.com'],
  ])('refuses %o by the rule that is broken', (address, message) => {
    expect(issuesOf(() => parseInput(email, address))).toEqual([{ field: 'input', message }])
  })

  test('a long text is refused at once', () => {
    const started = performance.now()
    for (const long of ['a'.repeat(1e6), `${'a.'.repeat(5e5)}@`, `a@${'b.'.repeat(5e5)}`])
      expect(accepts(email, long)).toBe(false)
    expect(performance.now() - started).toBeLessThan(1000)
  })
})

describe('policy', () => {
  test.each([
    'ReadOnlyAccess',
    'job-function/Billing',
    readOnlyAccess,
    'arn:aws-us-gov:iam::aws:policy/job-function/Billing',
    `arn:aws:iam::${accountId}:policy/team/Core`,
  ])('takes %s', (name) => {
    expect(accepts(policy, name)).toBe(true)
  })

  test.each(['', 'Read Only', 'arn:aws:iam::aws:role/Admin', 'arn:aws:s3:::bucket', 'arn:aws:iam::123:policy/a', '*'])(
    'refuses %o',
    (name) => {
      expect(issuesOf(() => parseInput(policy, name))[0]?.message).toContain(
        'must be the name of an AWS managed policy',
      )
    },
  )
})

describe('tags', () => {
  test('take what AWS takes', () => {
    const ok = { 'Kosten stelle': 'Zürich 1_.:/=+-@', [`k${'e'.repeat(127)}`]: 'v'.repeat(256), empty: '' }
    expect(parseInput(tags, ok)).toEqual(ok)
  })

  test.each([
    [{ '': 'a' }, ''],
    [{ 'aws:team': 'a' }, 'aws:team'],
    [{ 'AWS:Team': 'a' }, 'AWS:Team'],
    [{ 'aWs:team': 'a' }, 'aWs:team'],
    [{ ['k'.repeat(129)]: 'a' }, 'k'.repeat(129)],
    [{ 'a*b': 'a' }, 'a*b'],
  ])('refuse a wrong key: %o', (wrong, field) => {
    const [issue] = issuesOf(() => parseInput(tags, wrong))
    expect(issue?.field).toBe(field || 'input')
    expect(issue?.message).not.toBe('')
  })

  test.each(['v'.repeat(257), 'a\nb', '<b>', 'AWS:a', null])('refuse the value %o', (value) => {
    expect(issuesOf(() => parseInput(tags, { Team: value }))).toEqual([
      {
        field: 'Team',
        message:
          'a tag value must be at most 256 letters, digits, spaces or _.:/=+-@, and not begin with aws: in upper or lower case',
      },
    ])
  })

  test.each([1234, true])('refuse the value %o, because it is not text', (value) => {
    expect(issuesOf(() => parseInput(tags, { CostCenter: value }))).toEqual([
      { field: 'CostCenter', message: 'must be text: write it in quotes' },
    ])
  })

  test('say what a key may be', () => {
    expect(issuesOf(() => parseInput(tags, { 'a*b': 'x' }))[0]?.message).toBe(
      'a tag key must be 1 to 128 letters, digits, spaces or _.:/=+-@, and not begin with aws: in upper or lower case',
    )
  })
})

describe('policyDocument', () => {
  test.each([
    aDocument(),
    aDocument({ Statement: { Effect: 'Deny', NotAction: ['iam:*'], NotResource: ['*'] } }),
    aDocument({ Version: '2008-10-17', Id: 'a' }),
    aDocument({
      Statement: [
        { Sid: 'a', Effect: 'Allow', Action: '*', Resource: '*', Condition: { Bool: { 'aws:SecureTransport': true } } },
      ],
    }),
  ])('takes %o', (document) => {
    expect(parseInput(policyDocument, document)).toEqual(document)
  })

  const allow = { Effect: 'Allow', Action: '*', Resource: '*' }
  test.each([
    ['Version', { Version: '2020-01-01', Statement: [allow] }],
    ['Statement', { Version: '2012-10-17', Statement: [] }],
    ['Statement', { Version: '2012-10-17' }],
    ['Statement', { Version: '2012-10-17', Statement: [{ ...allow, Effect: 'allow' }] }],
    ['Statement', { Version: '2012-10-17', Statement: [{ ...allow, Principal: '*' }] }],
    ['Statement', { Version: '2012-10-17', Statement: [{ ...allow, NotAction: '*' }] }],
    ['Statement', { Version: '2012-10-17', Statement: [{ Effect: 'Allow', Resource: '*' }] }],
    ['Statement', { Version: '2012-10-17', Statement: [{ Effect: 'Allow', Action: '*' }] }],
    ['Statement', { Version: '2012-10-17', Statement: [{ ...allow, Action: [] }] }],
    ['Statement', { Version: '2012-10-17', Statement: [{ ...allow, Action: 'GetObject' }] }],
    ['Statement', { Version: '2012-10-17', Statement: [{ ...allow, Action: ['s3:*', 's3:Get Object'] }] }],
    ['Statement', { Version: '2012-10-17', Statement: [{ ...allow, Resource: 'bucket' }] }],
    ['Statement', { Version: '2012-10-17', Statement: [{ ...allow, Sid: 'with spaces' }] }],
    ['input', { Version: '2012-10-17', Statement: [{ ...allow, Resource: 'arn:aws:s3:::größe-€' }] }],
  ])('refuses a wrong %s: %j', (field, document) => {
    const fields = issuesOf(() => parseInput(policyDocument, document)).map((issue) => issue.field)
    expect(fields.length).toBeGreaterThan(0)
    for (const one of fields) expect(one).toMatch(new RegExp(`^${field}`))
  })

  test('names its place in a group', () => {
    const inline = { mine: { Version: '2012-10-17', Statement: 'all' } }
    expect(issuesOf(() => parseInput(group, { name: 'Readers', inline }))).toEqual([
      { field: 'inline.mine.Statement', message: expect.stringContaining('must be IAM policy statements') as string },
    ])
  })
})
