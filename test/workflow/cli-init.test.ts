import { spawn, spawnSync } from 'node:child_process'
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { PassThrough } from 'node:stream'
import { stripVTControlCharacters } from 'node:util'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { parse } from 'yaml'
import { asker } from '../../cli/ask.ts'
import { type Given, init } from '../../cli/init.ts'
import { showInitialized } from '../../cli/show-init.ts'
import { loadVending } from '../../infra/build/check-vending.ts'
import { exampleKeys } from '../../infra/build/example-values.ts'
import { AwsError } from '../../local/aws/aws-error.ts'
import type { Interception } from '../../local/aws/endpoint.ts'
import { addRole, type Account } from '../../local/aws/world.ts'
import type { LocalOrganization } from '../../local/start-organization.ts'
import { makeClients } from '../support/clients.ts'
import { temporaryFolder } from '../support/folder.ts'
import { adoptersAccountId as accountId, adoptersOrganization, exampleVending } from '../support/organization.ts'

const root = path.join(import.meta.dirname, '..', '..')
const folder = temporaryFolder()
const example = readFileSync(exampleVending, 'utf8')
/** An access key of somebody who has signed in through Identity Center. */
const accessKeyId = 'ASIAADMINISTRATOR000'
const stem = `arn:aws:iam::${accountId}:role/aws-reserved/sso.amazonaws.com/eu-central-1/AWSReservedSSO_`
const administrators = `${stem}AdministratorAccess_*`
const developers = `${stem}Developers_*`

let organization: LocalOrganization
let intercept: (interception: Interception) => void = () => undefined
beforeAll(async () => {
  organization = await adoptersOrganization((call) => intercept(call))
  const { world } = organization
  const account = world.accounts.get(accountId) as Account
  const suffix = '0123456789abcdef'
  for (const name of ['Developers', 'AdministratorAccess', 'Approvers', 'Team', 'Team_Readers'])
    addRole(world, account, {
      name: `AWSReservedSSO_${name}_${suffix}`,
      path: '/aws-reserved/sso.amazonaws.com/eu-central-1/',
    })
  world.sessions.set(accessKeyId, {
    accessKeyId,
    accountId,
    roleName: `AWSReservedSSO_AdministratorAccess_${suffix}`,
    sessionName: 'ada',
    assumedRoleId: 'AROA0123456789ABCDEFG:ada',
    policy: null,
    function: null,
    expiresAt: Infinity,
  })
})
afterAll(() => organization.close())
beforeEach(() => {
  intercept = () => undefined
  const { world } = organization
  world.sesIdentities = new Set(['our-company.org'])
  world.pendingAddresses = new Set()
  world.sesAccount.isInSandbox = false
  world.trustedServices.delete('controltower.amazonaws.com')
})

let files = 0
const newFolder = () => {
  const made = path.join(folder, String((files += 1)))
  mkdirSync(made)
  return made
}
const fileWith = (text = example) => {
  const file = path.join(newFolder(), 'vending.yml')
  writeFileSync(file, text)
  return file
}
const read = (file: string) => readFileSync(file, 'utf8')

type More = { given?: Given; verifySender?: boolean; force?: boolean; region?: string; key?: string }

/** Runs the core of the command. With `answers`, a person types them, and ends the input at the next question. */
const run = async (file: string, answers: string[] | undefined, more: More = {}) => {
  const { given = {}, verifySender = false, force = false, region = 'us-east-1', key = accessKeyId } = more
  const [input, output] = [new PassThrough(), new PassThrough()]
  let said = ''
  const left = [...(answers ?? [])]
  output.on('data', (chunk: Buffer) => {
    said += String(chunk)
    if (!/(?:: |\[y\/N\] )$/.test(String(chunk))) return
    const answer = left.shift()
    if (answer === undefined) input.end()
    else input.write(`${answer}\n`)
  })
  const done = await init(
    makeClients({
      endpoint: organization.endpointUrl,
      region,
      credentials: { accessKeyId: key, secretAccessKey: 'local' },
      maxAttempts: 1,
    }),
    {
      file,
      example: () => example,
      given,
      verifySender,
      force,
      person: answers && asker({ input, output }),
      say: (text) => void output.write(`${text}\n`),
    },
  ).catch((error: unknown) => error as Error)
  const where = { stage: 'prod', region, options: '', config: undefined, isLocal: false }
  return {
    done,
    left,
    said: stripVTControlCharacters(said),
    error: done instanceof Error ? `${done.name}: ${done.message}` : undefined,
    next: done instanceof Error ? '' : stripVTControlCharacters(showInitialized(done, where)),
  }
}

/** The lines of a file, without those of the keys and of their lists. */
const without = (text: string, keys: string[]) =>
  text
    .split('\n')
    .filter((line) => !/^ {2}- arn:/.test(line) && !keys.some((key) => new RegExp(`^(# )?${key}:`).test(line)))

const notify = 'platform-team@our-company.org'
/** The answers that a person types who takes every suggestion. Only `notify` has none. */
const enter = ['', '', notify, '', '', '', '', '', '', '']
const suggested = {
  sender: 'Account Vending <account-vending@our-company.org>',
  organizationName: 'Ours',
  contact: notify,
  allowedRecipients: ['our-company.org'],
  notify: [notify],
  automatic: 'organizations',
  delivery: 'link',
  operators: [administrators],
  secretReaders: [],
  requesters: [],
}

describe('a person at the terminal', () => {
  test('takes every suggestion: the file has them, all its comments, and no value of the example', async () => {
    const file = fileWith()
    const { done, left, said, next } = await run(file, enter)
    expect(left).toEqual([])
    const keys = Object.keys(suggested)
    expect(done).toMatchObject({ file, written: true, missing: [] })
    expect(parse(read(file))).toEqual({ ...(parse(example) as object), ...suggested })
    expect(without(read(file), keys)).toEqual(without(example, keys))
    expect(exampleKeys(loadVending(file))).toEqual([])
    expect(readdirSync(path.dirname(file))).toEqual(['vending.yml'])
    for (const words of [
      `management account  ${accountId} (Ours)`,
      'verified: our-company.org',
      'Control Tower       does not govern this organization',
      'Enter takes the answer in brackets.',
      `  1  AdministratorAccess  ${administrators}\n  2  Approvers  ${stem}Approvers_*\n`,
      `Written: ${file}`,
    ])
      expect(said).toContain(words)
    expect(next).toContain(
      '  npx vend doctor --region us-east-1\nAbout ten seconds, without AWS:\n  npm run package -- --stage prod\n',
    )
  })

  test('gets the words of the schema for each wrong answer, and is asked again', async () => {
    const file = fileWith()
    const long = 'x'.repeat(1001)
    const wrong: [answer: string, words: string, right: string][] = [
      [long, 'organizationName: must be one line of text', ''],
      ['nobody', 'sender: must be an address, alone or as Name <address>', 'vending@our-company.org'],
      ['', 'notify: must have at least one entry', notify],
      [long, 'contact: must be one line of text', ''],
      ['our company', 'allowedRecipients[0]: must be a domain like example.com, or an e-mail address', ''],
      ['control tower', 'automatic: must be organizations or control-tower', '1'],
      ['mail', 'delivery: must be link or secret', 'secret'],
      ['x'.repeat(2001), 'handover: must be 1 to 2000 characters of text', ''],
      ['9', 'operators[0]: must be the ARN of a role or user', '1'],
      ['none', 'secretReaders: must name at least one role or user with delivery: secret', ''],
      ['ada', 'requesters[0]: must be the ARN of a role or user', '3, Team'],
      ['yes', 'approval: must be required, or be left out', '1'],
      ['Developers', 'approvers[0]: must not name anybody whom', '2'],
    ]
    const { done, said } = await run(
      file,
      wrong.flatMap(([answer, , right]) => [answer, right]),
    )
    expect(done).toMatchObject({ written: true })
    for (const [, words] of wrong) expect(said.replace(/\s+/g, ' ')).toContain(`✘ ${words}`)
    expect(loadVending(file)).toMatchObject({
      delivery: 'secret',
      handover: `Ask ${notify} for your password. They check who you are and hand it over in person or by phone.`,
      secretReaders: [administrators],
      // Team_* would also match the role of Team_Readers.
      requesters: [developers, `${stem}Team_????????????????`],
      approval: 'required',
      approvers: [`${stem}Approvers_*`],
    })
    const keys = Object.keys(loadVending(file))
    const comments = (text: string) => without(text, keys).filter((line) => line.startsWith('#'))
    expect(comments(read(file))).toEqual(comments(example))
  })

  test('cannot leave out a recipient that the file names', async () => {
    const file = fileWith(example.replace('- userName: Administrator', '$&\n    email: ada@example.com'))
    const answers = ['', '', notify, '', '', 'our-company.org, example.com', '', '', '', '', '']
    const { done, said } = await run(file, answers)
    expect(said.replace(/\s+/g, ' ')).toMatch(/✘ allowedRecipients: admins\[0\]\.email .*ada@example\.com/)
    expect(done).toMatchObject({ written: true })
    expect(loadVending(file).allowedRecipients).toEqual(['our-company.org', 'example.com'])
  })

  test('presses Ctrl-D, and nothing has changed', async () => {
    const file = fileWith()
    expect((await run(file, enter.slice(0, -1))).error).toBe('InterruptedError: Nothing was changed.')
    expect(read(file)).toBe(example)
    expect(readdirSync(path.dirname(file))).toEqual(['vending.yml'])
  })
})

describe('a second run', () => {
  const before = async () => {
    const file = fileWith()
    await run(file, enter)
    return { file, text: read(file), written: statSync(file).mtimeMs }
  }
  const again = ['', '', '', '', '', '', '', '', '', '']
  const changing = ['Our New Name', ...again.slice(1)]

  test('suggests the values of the file, and does not write what is there already', async () => {
    const { file, text, written } = await before()
    organization.world.trustedServices.add('controltower.amazonaws.com')
    const { done, said, next } = await run(file, again)
    expect(done).toMatchObject({ written: false, changed: [] })
    expect(said).toContain('[AdministratorAccess]')
    expect(next).toContain('says all this already')
    expect({ text: read(file), written: statSync(file).mtimeMs }).toEqual({ text, written })
  })

  test('shows what would change, and asks', async () => {
    const { file, text } = await before()
    const refused = await run(file, [...changing, ''])
    expect(refused.said).toContain(
      `This changes in ${file}:\n- organizationName: Ours\n+ organizationName: Our New Name\n`,
    )
    expect(refused.done).toMatchObject({ written: false, changed: ['organizationName'] })
    expect(refused.next).toBe('Nothing was changed.')
    expect(read(file)).toBe(text)
    expect((await run(file, [...changing, 'y'])).done).toMatchObject({ written: true })
    expect(read(file)).toBe(text.replace('organizationName: Ours', 'organizationName: Our New Name'))
  })

  test('with --force does not ask, and without a terminal needs --force', async () => {
    const { file, text } = await before()
    const given = { organizationName: ['Our New Name'] }
    expect((await run(file, undefined, { given })).error).toBe(
      `RefusedError: ${file} has values of your own. To change them, add --force. Nothing was written.`,
    )
    expect(read(file)).toBe(text)
    expect((await run(file, undefined, { given, force: true })).done).toMatchObject({ written: true })
    expect((await run(file, again, { given: { contact: ['#platform'] }, force: true })).done).toMatchObject({
      changed: ['contact'],
    })
    expect(loadVending(file)).toMatchObject({ organizationName: 'Our New Name', contact: '#platform' })
  })

  test('removes the approval again', async () => {
    const file = fileWith()
    const given = { notify: [notify], requesters: ['Developers'], approval: ['required'], approvers: ['Team'] }
    await run(file, undefined, { given })
    expect(loadVending(file)).toMatchObject({ approval: 'required' })
    await run(file, undefined, { given: { approval: ['none'] }, force: true })
    expect(loadVending(file).approval).toBeUndefined()
    expect(read(file)).toContain('\n# approval: required\n')
  })
})

describe('--yes', () => {
  test('without an answer for which there is no suggestion names the option, and writes nothing', async () => {
    const file = fileWith()
    expect((await run(file, undefined)).error).toMatch(/^UsageError: There is no suggestion for notify .*Add --notify/)
    organization.world.sesIdentities = new Set()
    expect((await run(file, undefined, { given: { notify: [notify] } })).error).toMatch(/Add --sender <ADDRESS>\.$/)
    expect(read(file)).toBe(example)
  })

  test('takes the suggestions, and the options before them', async () => {
    const file = fileWith()
    const given = { notify: [`${notify},ops@our-company.org`, 'alarms@other.org'], operators: ['Developers'] }
    await run(file, undefined, { given })
    expect(parse(read(file))).toMatchObject({
      ...suggested,
      notify: [notify, 'ops@our-company.org', 'alarms@other.org'],
      allowedRecipients: ['our-company.org', 'other.org'],
      operators: [developers],
    })
  })

  test('refuses a wrong option, with the words of the schema, before any question', async () => {
    const file = fileWith()
    const given = { notify: [notify], approvers: ['ada'] }
    const { error, said } = await run(file, [], { given })
    expect(error).toMatch(/^UsageError: --approvers: approvers\[0\] must be the ARN of a role or user/)
    expect(said).not.toContain('organizationName')
    // A number belongs to a list that the person sees.
    expect((await run(file, undefined, { given: { notify: [notify], operators: ['1'] } })).error).toContain(
      '--operators',
    )
    expect(read(file)).toBe(example)
  })

  test('writes a new file, and refuses one that is not YAML, or that has other mistakes', async () => {
    const file = path.join(newFolder(), 'new.yml')
    expect((await run(file, undefined, { given: { notify: [notify] } })).done).toMatchObject({ written: true })
    expect(loadVending(file)).toMatchObject(suggested)
    expect((await run(path.join(folder, 'nowhere', 'vending.yml'), undefined)).error).toContain('There is no folder')
    const broken = fileWith(`${example}\nsender: twice\n`)
    expect((await run(broken, undefined)).error).toContain('is not valid YAML. Correct the file first')
    const mistaken = fileWith(example.replace('passwordLength: 32', 'passwordLength: 3'))
    expect((await run(mistaken, enter)).error).toBe(
      'RefusedError: vending.yml is not valid:\n  passwordLength: must be at least 24\nNothing was written.',
    )
    expect(readdirSync(path.dirname(mistaken))).toEqual(['vending.yml'])
    expect(read(mistaken)).toContain('Example Organization')
  })
})

describe('AWS', () => {
  test('says who the person is: a role outside Identity Center is suggested with its path, the root user is not', async () => {
    const { world } = organization
    addRole(world, world.accounts.get(accountId) as Account, { name: 'admin', path: '/people/' })
    const session = world.sessions.get(accessKeyId)!
    world.sessions.set('ASIAADMIN', { ...session, accessKeyId: 'ASIAADMIN', roleName: 'admin' })
    const given = { notify: [notify] }
    const file = fileWith()
    await run(file, undefined, { given, key: 'ASIAADMIN' })
    expect(loadVending(file).operators).toEqual([`arn:aws:iam::${accountId}:role/people/admin`])
    const { error } = await run(fileWith(), undefined, { given, key: accountId })
    expect(error).toMatch(/^UsageError: There is no suggestion for operators .*Add --operators <ROLE>\.$/)
  })

  test('with Control Tower: its events start the vends', async () => {
    organization.world.trustedServices.add('controltower.amazonaws.com')
    const file = fileWith()
    const { said } = await run(file, enter)
    expect(said).toContain('Control Tower       governs this organization')
    expect(loadVending(file)).toMatchObject({
      automatic: 'control-tower',
      accessRole: 'AWSControlTowerExecution',
    })
  })

  test('has not verified the sender: SES sends the mail only after a yes', async () => {
    const { world } = organization
    world.sesIdentities = new Set()
    world.sesAccount.isInSandbox = true
    const answers = ['', 'Vending <vending@our-company.org>', ...enter.slice(2)]
    const file = fileWith()
    const no = await run(file, [...answers, ''])
    expect(no.said).toContain('SES knows neither vending@our-company.org nor our-company.org in this Region.')
    expect(no.done).toMatchObject({
      written: true,
      missing: [
        expect.stringMatching(/npx vend init --yes --verify-sender .* A domain takes up to 72 hours/),
        expect.stringMatching(/SES is in the sandbox .* usually answers within 24 hours/),
      ],
    })
    expect(world.pendingAddresses).toEqual(new Set())
    const yes = await run(file, ['', '', '', '', '', '', '', '', '', '', 'yes'])
    expect(world.pendingAddresses).toEqual(new Set(['vending@our-company.org']))
    expect(yes.done).toMatchObject({ written: false, verifying: 'vending@our-company.org' })
    expect(yes.next).toMatch(/Still missing\n• Open the link in the mail that AWS sends to vending@our-company\.org/)
    world.pendingAddresses.clear()
    await run(file, undefined)
    expect(world.pendingAddresses).toEqual(new Set())
    await run(file, undefined, { verifySender: true })
    expect(world.pendingAddresses).toEqual(new Set(['vending@our-company.org']))
  })

  test('has verified two identities: the person chooses', async () => {
    organization.world.sesIdentities = new Set(['our-company.org', 'mail@other.org'])
    const file = fileWith()
    await run(file, ['', '2', ...enter.slice(2)])
    expect(loadVending(file).sender).toBe('Account Vending <mail@other.org>')
  })

  test('refuses a member account and another Region before any question', async () => {
    const file = fileWith()
    const member = await run(file, [], { key: '555555555555' })
    expect(member.error).toMatch(/^RefusedError: 555555555555 is a member account; .* Sign in to 999988887777/)
    const elsewhere = await run(file, [], { region: 'eu-central-1' })
    expect(elsewhere.error).toMatch(/^RefusedError: The Region is eu-central-1, .* Use --region us-east-1/)
    expect(read(file)).toBe(example)
  })

  test('does not let the person read everything: the suggestions miss it, and the command says so', async () => {
    intercept = ({ service, operation }) => {
      if (['ListRoles', 'ListIdentities', 'DescribeAccount'].includes(operation) && service !== 'account')
        throw new AwsError('AccessDenied', 'You are not authorized.', 403)
    }
    const file = fileWith()
    const { done, said } = await run(file, ['Ours', suggested.sender, notify, '', '', '', '', administrators, '', ''])
    expect(said.replace(/\s+/g, ' ')).toContain(
      'You do not have these permissions, so the suggestions miss what they would tell: ' +
        'organizations:DescribeAccount, ses:ListIdentities, iam:ListRoles.',
    )
    expect(done).toMatchObject({ written: true })
    expect(parse(read(file))).toMatchObject(suggested)
  })
})

describe('npx vend init', () => {
  /** A folder as the project's, with the command and a vending.yml. */
  const project = () => {
    const made = newFolder()
    mkdirSync(path.join(made, 'dist'))
    cpSync(path.join(root, 'dist', 'vend.cjs'), path.join(made, 'dist', 'vend.cjs'))
    writeFileSync(path.join(made, 'vending.yml'), example)
    return { made, file: path.join(made, 'vending.yml'), command: path.join(made, 'dist', 'vend.cjs') }
  }
  const env = (more: Record<string, string> = {}) => ({
    PATH: process.env['PATH'],
    HOME: folder,
    AWS_EC2_METADATA_DISABLED: 'true',
    AWS_REGION: 'us-east-1',
    ...more,
  })
  const signedIn = () =>
    env({
      AWS_ENDPOINT_URL: organization.endpointUrl,
      AWS_ACCESS_KEY_ID: accessKeyId,
      AWS_SECRET_ACCESS_KEY: 'local',
      AWS_SESSION_TOKEN: 'local',
    })
  const runChild = async (command: string, args: string[], environment: NodeJS.ProcessEnv) => {
    const child = spawn(process.execPath, [command, 'init', ...args], { env: environment, stdio: 'pipe' })
    let [stdout, stderr] = ['', '']
    child.stdout.on('data', (chunk: Buffer) => (stdout += String(chunk)))
    child.stderr.on('data', (chunk: Buffer) => (stderr += String(chunk)))
    child.stdin.end()
    const code = await new Promise<number | null>((resolve) => child.on('close', resolve))
    return { code, stdout, stderr }
  }

  test('without a terminal needs --yes, and with --yes writes the project’s vending.yml', async () => {
    const { file, command } = project()
    expect(await runChild(command, [], signedIn())).toEqual({
      code: 2,
      stdout: '',
      stderr: 'There is no terminal to ask. Add --yes to take every suggestion that no option replaces.\n',
    })
    const missing = await runChild(command, ['--yes'], signedIn())
    expect(missing).toMatchObject({ code: 2, stdout: '', stderr: expect.stringContaining('Add --notify') as string })
    const { code, stdout } = await runChild(command, ['--yes', '--notify', notify, '--json'], signedIn())
    expect(code).toBe(0)
    expect(JSON.parse(stdout)).toMatchObject({ file, written: true, missing: [] })
    expect(loadVending(file)).toMatchObject(suggested)
  })

  test('without credentials says how to sign in', async () => {
    const { file, command } = project()
    const { code, stderr } = await runChild(command, ['--yes'], env())
    expect(code).toBe(1)
    expect(stderr.replace(/\s+/g, ' ')).toContain('There are no AWS credentials. Sign in to the management account')
    expect(read(file)).toBe(example)
  })

  // The program of util-linux that gives a process a terminal. Linux has it, other systems have another one.
  const script = spawnSync('script', ['--version'], { encoding: 'utf8' }).stdout as string | null
  /** Runs the command in a terminal. Types an answer after each prompt. */
  const inTerminal = async (command: string, answers: string[]) => {
    const line = `${process.execPath} ${command} init`
    const child = spawn('script', ['--quiet', '--return', '--command', line, '/dev/null'], {
      env: { ...signedIn(), TERM: 'dumb', COLUMNS: '200' },
      stdio: 'pipe',
    })
    let said = ''
    let seen = 0
    const left = [...answers]
    child.stdout.on('data', (chunk: Buffer) => {
      said += String(chunk)
      const text = stripVTControlCharacters(said.slice(seen))
      if (!/(?:Answers?|ARNs|Number or name)[^\n]*: $/.test(text)) return
      seen = said.length
      child.stdin.write(left.shift() ?? '')
    })
    const code = await new Promise<number | null>((resolve) => child.on('close', resolve))
    return { code, left, said: stripVTControlCharacters(said) }
  }

  test.skipIf(!script?.includes('util-linux'))('in a terminal asks, and Ctrl-C changes nothing', async () => {
    const { made, file, command } = project()
    const typed = enter.map((answer) => `${answer}\r`)
    const interrupted = await inTerminal(command, [...typed.slice(0, 4), '\u0003'])
    expect(interrupted.said).toContain('Nothing was changed.')
    expect(interrupted.code).toBe(130)
    expect(read(file)).toBe(example)
    const { code, left, said } = await inTerminal(command, typed)
    expect(left).toEqual([])
    expect(said).toContain(`Written: ${file}`)
    expect(code).toBe(0)
    expect(parse(read(file))).toMatchObject(suggested)
    expect(readdirSync(made).sort()).toEqual(['dist', 'vending.yml'])
    expect(existsSync(path.join(made, 'dist', 'vend.cjs'))).toBe(true)
  })
})
