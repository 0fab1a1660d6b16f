import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, onTestFinished, test } from 'vitest'
import { fillHtml, fillText, oneLine } from '../../functions/shared/mail.ts'
import { compileMail } from '../../infra/build/compile-mail.ts'

describe.each([
  ['fillHtml', fillHtml],
  ['fillText', fillText],
])('%s', (_, fill) => {
  test('puts a value in each place of its name', () => {
    expect(fill('{{name}} and {{name}}', { name: 'Ada' })).toBe('Ada and Ada')
  })

  test('inserts a value unchanged: a placeholder or a replacement pattern in a value has no effect', () => {
    expect(fill('{{a}} {{b}}', { a: '{{b}} $1 {{#b}}', b: 'x' })).toBe('{{b}} $1 {{#b}} x')
  })

  test.each(['{{b}}', '{{ a }}', '{{#b}}x{{/b}}', '{{#a}}x', 'x{{/a}}', '{{#a}}{{b}}{{/a}}', '{{toString}}'])(
    'throws for the unknown or malformed placeholder in %s',
    (template) => {
      expect(() => fill(template, { a: '1' })).toThrow(ReferenceError)
    },
  )

  test('keeps a block only if its value is not empty', () => {
    const template = 'a{{#b}} ({{b}}, {{c}}){{/b}}'
    expect(fill(template, { b: '1', c: '2' })).toBe('a (1, 2)')
    expect(fill(template, { b: '', c: '2' })).toBe('a')
  })

  test('removes what could hide or reorder text', () => {
    expect(fill('{{a}}', { a: 'x\u0000\u001b\u007f\u202e\u2066y' })).toBe('xy')
  })
})

test('half of a surrogate pair, which no SDK can send, is replaced', () => {
  expect(fillText('{{a}}', { a: 'cut \ud83d' })).toBe('cut \ufffd')
  expect(fillHtml('{{a}}', { a: '\udc00' })).toBe('\ufffd')
})

test('fillHtml escapes every value, in text and in attributes', () => {
  expect(fillHtml('<a title="{{a}}">{{a}}</a>', { a: `<b> & "c" 'd'` })).toBe(
    '<a title="&lt;b&gt; &amp; &quot;c&quot; &#39;d&#39;">&lt;b&gt; &amp; &quot;c&quot; &#39;d&#39;</a>',
  )
})

test('fillHtml leaves line breaks to the style sheet', () => {
  expect(fillHtml('<pre>{{a}}</pre>', { a: 'x\r\ny' })).toBe('<pre>x\ny</pre>')
})

test('fillText makes a value one line, unless the placeholder is alone on an indented line', () => {
  const template = 'Name: {{a}}\n\n  {{a}}\n\n{{a}}\n  {{a}}.\n'
  expect(fillText(template, { a: 'x\r\ny' })).toBe('Name: x y\n\n  x\n  y\n\nx y\n  x y.\n')
})

test('fillText lets no value forge a line', () => {
  const forged = fillText('{{a}}\n  {{a}}\nSign-in URL: {{a}}', { a: 'x\u2028Error: \u0085Error:\vError:\rError:' })
  expect(forged).not.toMatch(/^Error/m)
})

test('a block can be in another block', () => {
  const template = '{{#a}}({{#b}}{{b}}{{/b}}){{/a}}'
  expect(fillText(template, { a: '1', b: '2' })).toBe('(2)')
  expect(fillText(template, { a: '1', b: '' })).toBe('()')
  expect(fillText(template, { a: '', b: '2' })).toBe('')
})

test('a URL breaks after dots and slashes, and its text stays the same', () => {
  const url = 'https://a.example.com/link#k-y?<x>'
  const html = fillHtml('<a href="{{u}}">{{wbr:u}}</a>', { u: url })
  expect(html).toBe(
    '<a href="https://a.example.com/link#k-y?&lt;x&gt;">https://<wbr>a.<wbr>example.<wbr>com/<wbr>link#<wbr>k-y?&lt;x&gt;</a>',
  )
  expect(fillText('{{u}}', { u: url })).toBe(url)
})

test('a list has an item for each line, and no item is markup', () => {
  expect(fillHtml('<ul>{{li:a}}</ul>', { a: 'x\n<li>y' })).toBe('<ul><li>x</li><li>&lt;li&gt;y</li></ul>')
  expect(fillText('  {{li:a}}\n', { a: 'x\ny' })).toBe('  – x\n  – y\n')
})

test('fillText leaves no empty line where a block was', () => {
  expect(fillText('a\n{{#b}}\n{{b}}\n{{/b}}\nc', { b: '' })).toBe('a\nc')
  expect(fillText('a\n{{#b}}\n{{b}}\n{{/b}}\nc', { b: 'b' })).toBe('a\nb\nc')
})

test('oneLine makes a value fit for a subject', () => {
  expect(oneLine(' a\r\nBcc: b@example.com\t\u0000c\u2028d ')).toBe('a Bcc: b@example.com c d')
  expect(oneLine('Zoë & Söhne 👩‍💻')).toBe('Zoë & Söhne 👩‍💻')
})

/** What the group of a pattern matches in a text, sorted and without repetitions. */
const found = (pattern: RegExp, text: string) =>
  [...new Set(Array.from(text.matchAll(pattern), ([, name]) => name))].sort()

const loginEmail = [
  ...['accountId', 'accountName', 'contact', 'contactText', 'contactUrl', 'credentialsUrl', 'handover', 'linkDays'],
  ...['linkUntil', 'linkUrl', 'mfa', 'mustChangePassword', 'organizationName', 'reference', 'requestedBy'],
  ...['secretName', 'signInUrl', 'userName', 'whyYou'],
]
/** In text, the contact is a word, and no link. */
const inHtmlOnly = ['contactText', 'contactUrl']
const approval = [
  ...['admins', 'approve', 'contacts', 'decline', 'email', 'groups', 'name', 'organizationName', 'ou'],
  ...['requestedAt', 'requestedBy', 'tags'],
]
const reminder = [
  ...['accountId', 'accountName', 'choosePassword', 'contact', 'handover', 'linkUntil', 'mailSubject', 'mailedAt'],
  ...['organizationName', 'shownAt', 'signInUrl', 'title', 'turnOnMfa', 'userName'],
]
const failureNotice = [
  ...[
    'advice',
    'awsCommand',
    'awsWords',
    'cause',
    'command',
    'done',
    'error',
    'execution',
    'notDone',
    'request',
    'runbook',
    'save',
    'title',
    'verbatim',
    'what',
  ],
]

describe.each([
  [
    'send-login-email/login-email',
    loginEmail,
    ['contactText', 'contactUrl', 'linkUrl', 'mfa', 'mustChangePassword', 'secretName'],
    ['{{contactUrl}}', '{{credentialsUrl}}', '{{linkUrl}}', '{{signInUrl}}'],
  ],
  [
    'report-failure/failure-notice',
    failureNotice,
    ['awsCommand', 'cause', 'command', 'done', 'execution', 'notDone', 'request', 'runbook', 'verbatim'],
    ['{{runbook}}'],
  ],
  [
    'follow-up/reminder',
    reminder,
    ['choosePassword', 'handover', 'linkUntil', 'shownAt', 'turnOnMfa'],
    ['{{signInUrl}}'],
  ],
  ['request-account/approval', approval, ['contacts', 'groups', 'tags'], []],
])('%s', async (mail, names, optional, links) => {
  const html = await compileMail(`functions/${mail}.mjml`)
  const text = await readFile(`functions/${mail}.txt`, 'utf8')
  const values = Object.fromEntries(names.map((name) => [name, `<${name}>`]))

  test.each<[string, string, string[]]>([
    ['HTML', html, []],
    ['text', text, inHtmlOnly],
  ])('its %s asks for exactly the values we give', (_, template, left) => {
    const without = (all: string[]) => all.filter((name) => !left.includes(name))
    expect(found(/{{(?:[#/]|wbr:|li:)?(.*?)}}/g, template)).toEqual(without(names))
    expect(found(/{{#(.*?)}}/g, template)).toEqual(without(optional))
  })

  test('shows a value as text', () => {
    const filled = fillHtml(html, values)
    expect(filled).toContain(`&lt;${names[0]}&gt;`)
    expect(filled).not.toContain(`<${names[0]}>`)
    expect(filled + fillText(text, values)).not.toMatch(/{{|}}|undefined/)
  })

  test('says nothing about optional values that are missing', () => {
    const without = { ...values, ...Object.fromEntries(optional.map((name) => [name, ''])) }
    expect(fillHtml(html, without).length).toBeLessThan(fillHtml(html, values).length)
    expect(fillText(text, without)).not.toMatch(/\n\n\n\n|:\s*$/)
  })

  test('has a language and a title', () => {
    expect(html).toMatch(/<html lang="en"/)
    expect(html).toMatch(/<title>.+<\/title>/)
  })

  test('is dark for a reader who prefers dark, in spite of its own inline styles', () => {
    expect(html).toContain('<meta name="color-scheme" content="light dark">')
    expect(html).toContain('<meta name="supported-color-schemes" content="light dark">')
    const dark = /@media \(prefers-color-scheme: dark\) {([^]*?)<\/style>/.exec(html)?.[1] ?? ''
    const declarations = dark.match(/[a-z-]+: #\w+[^;}]*/g) ?? []
    expect(declarations.length).toBeGreaterThan(8)
    expect(declarations.filter((declaration) => !declaration.includes('!important'))).toEqual([])
  })

  test('loads nothing and has only the links that we give', () => {
    expect(html).not.toMatch(/<(img|link|script|iframe|object|video|form)\b|@import|@font-face|url\(|\ssrc=/i)
    const withoutNamespaces = html.replace(/ xmlns="[^"]*"/, '')
    expect(withoutNamespaces).not.toMatch(/https?:|"\/\//)
    expect(found(/href="(.*?)"/g, html)).toEqual(links)
  })

  test('is small', () => {
    expect(Buffer.byteLength(html)).toBeLessThan(12_200)
  })

  test('its own lines of text are at most 76 columns wide', () => {
    expect(text.split('\n').filter((line) => line.length > 76)).toEqual([])
  })
})

test('the login mail says that nobody mails the password, and recommends MFA', async () => {
  for (const mail of [
    await compileMail('functions/send-login-email/login-email.mjml'),
    await readFile('functions/send-login-email/login-email.txt', 'utf8'),
  ]) {
    expect(mail).toContain('Nobody will send you the password itself by mail.')
    expect(mail).toContain('Turn on MFA')
    expect(mail).not.toMatch(/{{\W*password/i)
  }
})

describe('compileMail', () => {
  const mailOf = async (body: string) => {
    const folder = await mkdtemp(join(tmpdir(), 'mail-'))
    onTestFinished(() => rm(folder, { recursive: true }))
    const file = join(folder, 'a.mjml')
    await writeFile(
      file,
      `<mjml>\n<mj-body>\n<mj-section><mj-column>\n${body}\n</mj-column></mj-section></mj-body></mjml>`,
    )
    return compileMail(file)
  }

  test.each([
    ['an element MJML does not know', '<mj-txt>a</mj-txt>'],
    ['an attribute MJML does not know', '<mj-text colour="red">a</mj-text>'],
    ['an element in the wrong place', '<mj-section></mj-section>'],
    ['an element that is closed as another', '<mj-text>a</mj-txt>'],
  ])('names file and line of %s', async (_, body) => {
    await expect(mailOf(body)).rejects.toThrow(/a\.mjml:4: /)
  })

  test('names the file that does not exist', async () => {
    await expect(compileMail('no-such.mjml')).rejects.toThrow('no-such.mjml')
  })
})
