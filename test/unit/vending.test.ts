import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import { parse, stringify } from 'yaml'
import { senderIdentities } from '../../functions/shared/vending.ts'
import { loadVending } from '../../infra/build/check-vending.ts'
import { firstSignInDoubts } from '../../infra/build/default-request.ts'
import { warningsAbout } from '../../infra/build/package.ts'
import { adoptersVending, vendingFile } from '../support/organization.ts'

const folder = mkdtempSync(join(tmpdir(), 'vending-'))
afterAll(() => {
  rmSync(folder, { recursive: true })
})

const shipped = parse(readFileSync('vending.yml', 'utf8')) as Record<string, unknown>

const loadText = (text: string) => {
  const file = join(folder, 'my-vending.yml')
  writeFileSync(file, text)
  return loadVending(file)
}
/** Loads the shipped vending.yml with some keys changed. The value undefined removes a key. */
const load = (changes: Record<string, unknown>) => {
  const changed = Object.entries({ ...shipped, ...changes }).filter(([, value]) => value !== undefined)
  return loadText(stringify(Object.fromEntries(changed)))
}
const denyingIam = (Condition?: object) => ({
  name: 'NoIam',
  inline: {
    Deny: {
      Version: '2012-10-17',
      Statement: { Effect: 'Deny', Action: 'iam:*', Resource: '*', ...(Condition && { Condition }) },
    },
  },
})
const refusal = (run: () => unknown) => {
  try {
    run()
  } catch (error) {
    return (error as Error).message
  }
  return 'not refused'
}

test('the file of this repository can be packaged', () => {
  expect(Object.keys(loadVending('vending.yml'))).toEqual(
    expect.arrayContaining(['sender', 'groups', 'admins', 'accessRole']),
  )
})

describe('the example', () => {
  test('loads, completed', () => {
    expect(loadVending('test/support/vending.yml')).toMatchObject({
      automatic: 'organizations',
      accessRole: 'OrganizationAccountAccessRole',
      groups: [{ name: 'Administrators', policies: ['AdministratorAccess'], inline: {} }],
      admins: [{ userName: 'Administrator', policies: [], tags: {} }],
      passwordLength: 32,
      passwordResetRequired: true,
      protected: { accounts: ['Log Archive', 'Audit'], organizationalUnits: [] },
    })
  })

  test('loads twice the same', () => {
    expect(loadVending('test/support/vending.yml')).toEqual(loadVending('test/support/vending.yml'))
  })
})

test.each([
  ['organizations', undefined, 'OrganizationAccountAccessRole'],
  ['control-tower', undefined, 'AWSControlTowerExecution'],
  ['organizations', 'Mine', 'Mine'],
  ['control-tower', 'Mine', 'Mine'],
])('with `automatic: %s` and `accessRole: %s` the access role is %s', (automatic, accessRole, expected) => {
  expect(load({ automatic, accessRole }).accessRole).toBe(expected)
})

test('the sender’s identities in SES are the address and its domains; only the domain is the same in lower case', () => {
  expect(senderIdentities({ sender: 'Vending <Account-Vending@Mail.Example.com>' })).toEqual([
    'Account-Vending@mail.example.com',
    'mail.example.com',
    'example.com',
  ])
})

test('accepts 50 addresses under notify, and addresses with any character that RFC 5322 allows', () => {
  const notify = ["o'brien@example.com", ...Array.from({ length: 49 }, (_, i) => `r&d${i}@example.com`)]
  expect(load({ notify, allowedRecipients: ["o'brien@example.com", 'example.com'] }).notify).toEqual(notify)
})

describe('delivery', () => {
  test('is by link, for seven days, unless the file says otherwise; then nobody has to read secrets', () => {
    expect(load({ delivery: undefined, secretReaders: undefined, handover: undefined })).toMatchObject({
      delivery: 'link',
      linkDays: 7,
      linkConcurrency: 5,
      secretReaders: [],
    })
  })

  test('by secret needs somebody who may read the secrets, and words for the mail', () => {
    const message = refusal(() => load({ delivery: 'secret', secretReaders: [], handover: undefined }))
    expect(message).toContain('secretReaders: must name at least one role or user with delivery: secret')
    expect(message).toContain(
      'handover: is missing; must say how an administrator gets the password with delivery: secret',
    )
    const secret = { delivery: 'secret', handover: 'Ask us.' }
    expect(load(secret)).toMatchObject(secret)
  })
})

describe('what the daily round does for administrators', () => {
  test('is to remind on day 2 and day 5, and to delete secrets that have served, unless the file says otherwise', () => {
    expect(load({})).toMatchObject({ reminders: [2, 5], secretAfterSignIn: 'delete' })
    expect(load({}).unclaimed).toBeUndefined()
    const said = { reminders: [], secretAfterSignIn: 'keep', unclaimed: { removeAfterDays: 7 } }
    expect(load(said)).toMatchObject(said)
  })

  test('can be to remove a sign-in early only if no link promises more time', () => {
    const secret = { delivery: 'secret', handover: 'Ask us.', unclaimed: { removeAfterDays: 1 } }
    expect(load(secret)).toMatchObject(secret)
  })
})

test('accepts a file without optional keys, and a file with all keys', () => {
  expect(load({ tags: undefined }).tags).toEqual({})
  expect(load({ operators: [], requesters: [] })).toMatchObject({ operators: [], requesters: [] })
  const said = {
    sender: 'vending@mail.example.com',
    senderIdentity: 'arn:aws:ses:us-east-1:444455556666:identity/example.com',
    configurationSet: 'account-vending',
    runbook: 'https://wiki.example.com/vending',
    handover: 'Ask us.\nIn person.',
    passwordLength: 128,
    mfa: 'required',
    passwordPolicy: {
      minimumPasswordLength: 14,
      requireSymbols: true,
      requireNumbers: true,
      requireUppercaseCharacters: false,
      requireLowercaseCharacters: true,
      maxPasswordAge: 365,
      passwordReusePrevention: 24,
    },
    protected: { accounts: ['777788889999'], organizationalUnits: ['ou-abcd-l3zc8b3h'] },
    allowedRecipients: ['example.com', 'ada@other.example'],
    secretReaders: ['arn:aws-us-gov:iam::111122223333:role/teams/*'],
  }
  expect(load(said)).toMatchObject(said)
})

const line = 'must be one line of text'
const principal = 'must be the ARN of a role or user'
const userNameRule = 'must be 1 to 64 letters, digits or _+=.@-'

describe('is refused with file, key and what is allowed:', () => {
  test.each<[key: string, value: unknown, allowed: string, at?: string]>([
    ['sender', undefined, 'is missing; must be an address'],
    ['sender', 'Account Vending', 'must be an address'],
    ['sender', 'Zoë <zoe@example.com>', 'in ASCII'],
    ['sender', 'A <a@example.com>\nBcc: b@example.com', 'must be an address'],
    ['sender', 7, 'must be text: write it in quotes'],
    ['contact', 7, 'must be text: write it in quotes'],
    ['secretReaders', [7], 'must be text: write it in quotes', 'secretReaders[0]'],
    ['allowedRecipients', [7], 'must be text: write it in quotes', 'allowedRecipients[0]'],
    ['protected', { accounts: [444455556666], organizationalUnits: [] }, 'write it in quotes', 'protected.accounts[0]'],
    ['senderIdentity', 'example.com', 'must be the ARN of an SES identity'],
    ...['ample.com', 'other@example.com', 'mail.example.com'].map((identity): [string, string, string] => [
      'senderIdentity',
      `arn:aws:ses:us-east-1:444455556666:identity/${identity}`,
      'must be an identity for the address of the sender',
    ]),
    ['configurationSet', 'two words', 'must be the name of an SES configuration set'],
    ['configurationSet', 'a'.repeat(65), '1 to 64 letters'],
    ['mfa', 'optional', 'must be required, or be left out'],
    ['mfa', true, 'must be required, or be left out'],
    ['passwordPolicy', 14, 'must be an object'],
    ...(
      [
        ['minimumPasswordLength', undefined, 'is missing; must be a whole number of characters from 8 to 128'],
        ['minimumPasswordLength', 7, 'must be a whole number of characters from 8 to 128'],
        ['minimumPasswordLength', 129, 'must be a whole number of characters from 8 to 128'],
        ['minimumPasswordLength', 8.5, 'must be a whole number of characters from 8 to 128'],
        ['minimumPasswordLength', '14', 'must be a whole number of characters from 8 to 128, without quotes'],
        ['requireSymbols', 'yes', 'must be true or false, without quotes'],
        ['requireNumbers', 1, 'must be true or false'],
        ['requireUppercaseCharacters', 1, 'must be true or false'],
        ['requireLowercaseCharacters', 1, 'must be true or false'],
        ['maxPasswordAge', 0, 'must be a whole number of days from 1 to 1095'],
        ['maxPasswordAge', 1096, 'must be a whole number of days from 1 to 1095'],
        ['passwordReusePrevention', 0, 'must be a whole number of passwords from 1 to 24'],
        ['passwordReusePrevention', 25, 'must be a whole number of passwords from 1 to 24'],
        ['hardExpiry', true, 'is not a known field; allowed fields are minimumPasswordLength, requireSymbols'],
      ] as const
    ).map(
      ([key, value, allowed]) =>
        ['passwordPolicy', { minimumPasswordLength: 14, [key]: value }, allowed, `passwordPolicy.${key}`] as [
          string,
          unknown,
          string,
          string,
        ],
    ),
    ['organizationName', undefined, `is missing; ${line}`],
    ['organizationName', null, `organizationName: ${line}`],
    ['organizationName', '', line],
    ['organizationName', 'two\nlines', line],
    ['organizationName', 'a'.repeat(1001), line],
    ['contact', ['a'], line],
    ['handover', '', 'must be 1 to 2000 characters of text'],
    ['handover', 'a'.repeat(2001), 'must be 1 to 2000 characters of text'],
    ['delivery', 'mail', 'must be link or secret'],
    ['linkDays', 0, 'must be a whole number of days from 1 to 30'],
    ['linkDays', 31, 'must be a whole number of days from 1 to 30'],
    ['linkDays', '7', 'must be a whole number of days from 1 to 30, without quotes'],
    ['reminders', 2, 'must be a list of numbers of days'],
    ['reminders', [0], 'must be a whole number of days from 1 to 30', 'reminders[0]'],
    ['reminders', [2, 31], 'must be a whole number of days from 1 to 30', 'reminders[1]'],
    ['reminders', ['2'], 'must be a whole number of days from 1 to 30, without quotes', 'reminders[0]'],
    ['reminders', [1, 2, 3, 4, 5, 6], 'must have at most 5 numbers of days'],
    ['reminders', [2, 2], 'must name each number of days once'],
    ['unclaimed', 14, 'must be an object'],
    ['unclaimed', {}, 'is missing; must be a whole number of days from 1 to 365', 'unclaimed.removeAfterDays'],
    ['unclaimed', { removeAfterDays: 366 }, 'a whole number of days from 1 to 365', 'unclaimed.removeAfterDays'],
    ['unclaimed', { removeAfterDays: 6 }, 'must be at least linkDays with delivery: link', 'unclaimed.removeAfterDays'],
    ['unclaimed', { days: 14 }, 'is not a known field; allowed fields are removeAfterDays', 'unclaimed'],
    ['secretAfterSignIn', 'remove', 'must be delete or keep'],
    ['linkConcurrency', 0, 'must be a whole number of executions at a time from 1 to 100'],
    ['linkDomain', { name: 'https://access.example.com' }, 'must be a domain like example.com', 'linkDomain.name'],
    [
      'linkDomain',
      { name: 'access.example.com' },
      'is missing; must be the ARN of a certificate',
      'linkDomain.certificate',
    ],
    ['runbook', 'http://wiki.example.com', 'must be a URL that begins with https://'],
    ['runbook', 'https://wiki.example.com/two words', 'must be a URL'],
    ['runbook', 'javascript:alert(1)', 'must be a URL'],
    ['automatic', 'always', 'must be organizations or control-tower'],
    ['automatic', undefined, 'is missing; must be organizations or control-tower'],
    ['accessRole', 'a/b', 'must be the name of a role'],
    ['accessRole', 'a'.repeat(65), '1 to 64 letters'],
    ['groups', [], 'must have at least one entry'],
    ['groups', undefined, 'is missing; must be a list of groups'],
    ['groups', [{ name: 'two words' }], 'must be 1 to 128 letters', 'groups[0].name'],
    ['groups', [{ name: 'a', policies: ['*'] }], 'must be the name of an AWS managed policy', 'groups[0].policies[0]'],
    ['groups', [{ name: 'a', policy: 'b' }], 'name, policies, inline', 'groups[0]'],
    ['groups', [{ name: 'a', inline: { b: {} } }], 'is missing; must be "2012-10-17"', 'groups[0].inline.b.Version'],
    ['admins', [], 'must have at least one entry'],
    ['admins', [{ userName: 'ada lovelace' }], userNameRule, 'admins[0].userName'],
    ['admins', [{}], `is missing; ${userNameRule}`, 'admins[0].userName'],
    ['admins', [{ userName: 'ada', email: 'ada' }], 'must be an e-mail address', 'admins[0].email'],
    ['admins', [{ userName: 'ada', groups: ['Nobody'] }], 'defined groups are Administrators', 'admins[0].groups[0]'],
    ['admins', [{ userName: 'ada' }, { userName: 'ADA' }], 'is given twice', 'admins[1].userName'],
    ['admins', [{ userName: 'ada', email: 'ada@evil.test' }], 'allowedRecipients', 'admins[0].email'],
    ['tags', ['a'], 'must be an object of tag keys and values'],
    ['tags', { 'aws:a': 'b' }, '', 'tags'],
    ['tags', { a: 'b'.repeat(257) }, 'a tag value must be at most 256', 'tags.a'],
    ['passwordLength', 23, 'must be at least 24'],
    ['passwordLength', 129, 'must be at most 128'],
    ['passwordLength', 32.5, 'must be a whole number from 24 to 128'],
    ['passwordLength', '32', 'must be a number from 24 to 128, without quotes'],
    ['passwordLength', undefined, 'is missing; must be a number from 24 to 128'],
    ['passwordResetRequired', 'no', 'must be true or false'],
    ['protected', undefined, 'is missing; must be an object'],
    [
      'protected',
      { accounts: [] },
      'is missing; must be a list of organizational unit ids',
      'protected.organizationalUnits',
    ],
    [
      'protected',
      { accounts: [1], organizationalUnits: [] },
      'must be text: write it in quotes',
      'protected.accounts[0]',
    ],
    [
      'protected',
      { accounts: [], organizationalUnits: ['r-abcd'] },
      'like ou-abcd-11111111',
      'protected.organizationalUnits[0]',
    ],
    ['allowedRecipients', [], 'must have at least one entry'],
    ['allowedRecipients', ['*'], 'must be a domain like example.com, or an e-mail address', 'allowedRecipients[0]'],
    ['allowedRecipients', ['@example.com'], 'must be a domain', 'allowedRecipients[0]'],
    ['allowedRecipients', ['com'], 'must be a domain', 'allowedRecipients[0]'],
    ['notify', [], 'must have at least one entry'],
    ['notify', Array.from({ length: 51 }, (_, i) => `a${i}@example.com`), 'must have at most 50 addresses'],
    ['tags', { 'AWS:Team': 'x' }, 'not begin with aws: in upper or lower case', 'tags.AWS:Team'],
    ['notify', ['platform'], 'must be an e-mail address', 'notify[0]'],
    ['secretReaders', ['*'], principal, 'secretReaders[0]'],
    ['secretReaders', ['arn:aws:iam::111122223333:root'], principal, 'secretReaders[0]'],
    ['operators', ['111122223333'], principal, 'operators[0]'],
    ['operators', undefined, 'is missing; must be a list of ARNs'],
    ['requesters', ['arn:aws:iam::*:role/a'], principal, 'requesters[0]'],
  ])('%s: %j', (key, value, allowed, at = key) => {
    const message = refusal(() => load({ [key]: value }))
    expect(message).toMatch(/^my-vending\.yml is not valid:\n/)
    expect(message).toContain(`\n  ${at}`)
    expect(message).toContain(allowed)
  })

  test('two senders', () => {
    const message = refusal(() => load({ sender: 'A <a@example.com>, B <b@example.com>' }))
    expect(message).toContain('sender: must be an address')
  })

  test('an unknown key, with the known keys', () => {
    const message = refusal(() => load({ pasword: 1 }))
    expect(message).toMatch(/^my-vending\.yml is not valid:\n/)
    expect(message).toContain('pasword')
    expect(message).toContain('allowed fields are sender, senderIdentity, configurationSet, organizationName')
  })

  test('all mistakes, a line each', () => {
    const message = refusal(() => load({ sender: 'nobody', passwordLength: 8, notify: ['x'] }))
    expect(
      message
        .split('\n')
        .slice(1)
        .map((text) => text.split(':')[0]?.trim()),
    ).toEqual(['sender', 'passwordLength', 'notify[0]'])
  })

  test('settings with which no account could be vended, even if each line is valid', () => {
    const inline = Array.from({ length: 3 }, (_, i) => `${'p'.repeat(450)}${i}`)
    expect(refusal(() => load({ groups: [{ name: 'Long', policies: inline }] }))).toContain(
      'the total length of all groups’ policy ARNs in characters must be at most 1000',
    )
  })

  test('a policy that denies every first sign-in', () => {
    expect(refusal(() => load({ groups: [denyingIam()] }))).toBe(
      'my-vending.yml is not valid:\n  groups[0].inline.Deny: The policy Deny of the group NoIam denies Administrator the ' +
        'password change at the first sign-in. Exempt both iam:ChangePassword and iam:GetAccountPasswordPolicy from the ' +
        'Deny, or set passwordResetRequired to false',
    )
    expect(load({ groups: [denyingIam()], passwordResetRequired: false }).groups).toHaveLength(1)
  })

  test.each(['', 'text', '[]'])('a file that holds %o', (text) => {
    expect(refusal(() => loadText(text))).toMatch(/^my-vending\.yml is not valid:\n {2}input: must be an object$/)
  })

  test.each(['a: [', 'a: 1\na: 2', '\ta: 1'])('what is no YAML, with its line: %o', (text) => {
    const message = refusal(() => loadText(text))
    expect(message).toMatch(/^my-vending\.yml is not valid YAML: line \d, column \d\.\nThe mistake is /)
    // The words of the library come last.
    expect(message).toMatch(/then run the command again\. The YAML parser says:\n\n.* at line \d/)
  })

  test('what is no YAML, by the place of the mistake', () => {
    expect(refusal(() => loadText('sender: a@example.com\ncontact: ask: us\n'))).toContain('YAML: line 2, column 10.')
  })
})

test('a default administrator without an address fits any account whose own address is allowed', () => {
  expect(load({ allowedRecipients: ['other.example'] }).allowedRecipients).toEqual(['other.example'])
})

test('a default administrator’s own address must be an allowed recipient', () => {
  const admins = [{ userName: 'ada', email: 'ada@other.example' }]
  expect(load({ admins, allowedRecipients: ['other.example'] }).admins).toMatchObject(admins)
})

describe('nobody may approve their own requests:', () => {
  const arn = (name: string) => `arn:aws:iam::111122223333:${name}`
  const loadPeople = (approver: string, people: object) =>
    refusal(() => load({ operators: [], requesters: [], ...people, approvers: [arn(approver)] }))

  test.each([
    ['role/board', 'role/board'],
    ['role/board', 'role/*'],
    ['role/*', 'role/team'],
    ['role/team-?', 'role/*-a'],
    ['role/teams/*', 'role/*/lead'],
  ])('approvers %s overlap %s', (approver, other) => {
    for (const key of ['requesters', 'operators'])
      expect(loadPeople(approver, { [key]: [arn('user/nobody'), arn(other)] })).toContain(
        `approvers[0]: must not name anybody whom ${arn(other)}, under ${key}, names as well`,
      )
  })

  test.each([
    ['role/board', 'role/team'],
    ['role/board-*', 'role/team-*'],
    ['role/ada', 'user/ada'],
    ['role/?', 'role/??'],
  ])('approvers %s do not overlap %s', (approver, other) => {
    expect(loadPeople(approver, { requesters: [arn(other)], operators: [arn(other)] })).toBe('not refused')
  })
})

test('a file that cannot be read is named, in a sentence', () => {
  const missing = join(folder, 'no-such.yml')
  expect(refusal(() => loadVending(missing))).toBe(`${missing}: there is no such file.`)
  expect(refusal(() => loadVending(missing, '--config no-such.yml'))).toBe(
    '--config no-such.yml: there is no such file.',
  )
  expect(refusal(() => loadVending(folder))).toBe(`${folder}: this is a folder, not a file.`)
})

test('a policy that may deny a first sign-in is doubted, and not refused', () => {
  const doubtful = load({ groups: [denyingIam({ BoolIfExists: { 'aws:MultiFactorAuthPresent': 'false' } })] })
  expect(firstSignInDoubts(doubtful)).toEqual([
    expect.stringMatching(/^The policy Deny of the group NoIam may deny Administrator the password change/),
  ])
  expect(firstSignInDoubts(load({}))).toEqual([])
})

test('packaging names the keys that still have the example’s values', () => {
  expect(warningsAbout(loadVending('test/support/vending.yml'))).toEqual([
    'These keys still have the example’s values, which npm run deploy refuses: ' +
      'sender, organizationName, contact, allowedRecipients, notify, secretReaders, operators',
  ])
  expect(warningsAbout(loadVending(vendingFile(adoptersVending)))).toEqual([])
})
