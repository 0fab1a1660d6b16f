import { execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmodSync, cpSync, existsSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { createServer, request } from 'node:http'
import { createServer as createTlsServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import path from 'node:path'
import { promisify, stripVTControlCharacters } from 'node:util'
import { CloudFormationClient, DescribeStacksCommand } from '@aws-sdk/client-cloudformation'
import { DynamoDBClient, BatchWriteItemCommand } from '@aws-sdk/client-dynamodb'
import { marshall } from '@aws-sdk/util-dynamodb'
import { mockClient } from 'aws-sdk-client-mock'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { makeClients } from '../support/clients.ts'
import { list, type Listed, showList } from '../../cli/list.ts'
import { findService } from '../../cli/service.ts'
import { status } from '../../cli/status.ts'
import { vend as vendThrough } from '../../local/vend-input.ts'
import { AwsError } from '../../local/aws/aws-error.ts'
import type { Interception } from '../../local/aws/endpoint.ts'
import { addAccount, addGroup, addUser } from '../../local/aws/world.ts'
import { temporaryFolder } from '../support/folder.ts'
import { anOrganization, exampleVending, type TestOrganization } from '../support/organization.ts'

// Runs the command as a person does: in its own process, against a local organization over HTTP.

const root = path.join(import.meta.dirname, '..', '..')
const folder = temporaryFolder()
let organization: TestOrganization
let intercept: (interception: Interception) => void = () => undefined
beforeAll(async () => void (organization = await anOrganization({}, (call) => intercept(call))))
afterAll(() => organization.close())

const run = async (args: string[], environment: Record<string, string> = {}) => {
  type Failure = { code: number; stdout: string; stderr: string }
  // Keeps the profile and the keys of a person's AWS configuration away.
  const env = {
    PATH: process.env['PATH'] ?? '',
    HOME: folder,
    AWS_EC2_METADATA_DISABLED: 'true',
    AWS_MAX_ATTEMPTS: '1',
    ...environment,
  }
  const { code, stdout, stderr } = await promisify(execFile)(
    process.execPath,
    [path.join(root, 'dist', 'vend.cjs'), ...args],
    {
      cwd: folder,
      env,
    },
  ).then(
    (ended) => ({ code: 0, ...ended }),
    (failure: Failure) => failure,
  )
  for (const line of `${stdout}${stderr}`.split('\n'))
    // Completion scripts are for a shell, so their lines may be longer.
    // So may the lines of a list: each is an account, whole.
    if (!/^(complet|list$)/.test(args[0] ?? '') && !/^ |arn:|\.csv|^{|^}/.test(line))
      expect(line.length, line).toBeLessThanOrEqual(100)
  expect(`${stdout}${stderr}`).not.toMatch(/\u001b\[| at .*\.ts:\d/)
  return { code, stdout, stderr }
}
const configFile = path.join(folder, 'aws-config')
writeFileSync(configFile, '[default]\nregion=eu-west-1\n[profile platform]\n[sso-session ours]\n')
const local = () => ['--local', new URL(organization.endpointUrl).port]
const vend = (...args: string[]) => run([...args, ...local(), '--config', exampleVending])
const vendJson = async (...args: string[]) => {
  const { code, stdout } = await vend(...args, '--json')
  return { ...(JSON.parse(stdout) as object), code } as Record<string, unknown>
}
let accounts = 0
const newAccount = (name = 'Example') =>
  addAccount(organization.world, { id: String(330000000000 + (accounts += 1)), name })
const vended = async (...userNames: string[]) => {
  const account = newAccount()
  const admins = userNames.map((userName) => ({ userName, email: `${userName}@example.com` }))
  await vendThrough(organization, { door: 'manual', input: JSON.stringify({ accountId: account.id, admins }) })
  return account
}
const passwords = () =>
  [...organization.world.secrets.values()].flatMap(({ versions }) => [...versions.values()].map(({ value }) => value))
let files = 0
const file = (content: unknown) => {
  const name = path.join(folder, `${(files += 1)}.json`)
  writeFileSync(name, typeof content === 'string' ? content : JSON.stringify(content))
  return name
}

describe('vend', () => {
  test('--help names the commands and the exit codes, and each command has its own --help', async () => {
    const { code, stdout } = await run(['--help'])
    expect(code).toBe(0)
    const commands = [
      'init',
      'doctor',
      'plan',
      'start',
      'status',
      'list',
      'backfill',
      'link',
      'links',
      'drift',
      'redrive',
      'verify',
      'csv',
    ]
    for (const word of [...commands, 'Exit codes:', '--local', '--endpoint-url', '--stage'])
      expect(stdout).toContain(word)
    const helps = await Promise.all(commands.map((command) => run([command, '--help'])))
    for (const help of helps)
      expect(help).toMatchObject({ code: 0, stdout: expect.stringContaining('Exit codes: 0') as string })
  })

  test.each([
    [['frobnicate'], "unknown command 'frobnicate'"],
    [['plan'], "missing required argument 'account'"],
    [['plan', '4444'], 'An account ID has 12 digits.'],
    [['frobnicate'], '(see npx vend --help)'],
    [['list', '--frobnicate'], "unknown option '--frobnicate' (see npx vend list --help)"],
    [['completion'], '(see npx vend completion --help)'],
    [['list', '--local', '99999'], 'a port is a number from 1 to 65535'],
    [['list', '--endpoint-url', 'nowhere'], 'must be a URL'],
    [['list', '--local', '--endpoint-url', 'http://127.0.0.1:1'], 'Choose one of --local and --endpoint-url'],
    [['plan', '444455556666', '--local', '--config', 'nowhere.yml'], '--config nowhere.yml: there is no such file'],
    [['list', '--status', 'gone', '--local'], 'must be one of NOT_VENDED, VENDING, VENDED, FAILED'],
    [['--local', 'abc', 'list'], '--local abc: abc is neither a port nor a command'],
    [['list'], 'No Region is set. Add --region us-east-1'],
    [['redrive', 'arn:aws:s3:::x'], 'an e-mail address, the ARN of an execution'],
    [['start', '444455556666', '--admin', 'ada=x=ada@example.com'], 'ada=x=ada@example.com: has more than one ='],
    [['start', '444455556666', '--file', 'nowhere.json'], '--file nowhere.json: there is no such file'],
  ])('%j is a mistake: exit code 2, and an explanation', async (args, sentence) => {
    const { code, stdout, stderr } = await run(args)
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' })
    expect(stderr.replace(/\s+/g, ' ')).toContain(sentence)
  })

  const keys = { AWS_ACCESS_KEY_ID: '111122223333', AWS_SECRET_ACCESS_KEY: 'x' }
  test.each<[string, string[], Record<string, string>, string]>([
    [
      'no credentials',
      ['list', '--region', 'us-east-1'],
      {},
      'There are no AWS credentials. Sign in to the management account (aws sso login',
    ],
    [
      'unknown credentials',
      ['list', '--stage', 'local'],
      { ...keys, AWS_ACCESS_KEY_ID: 'AKIAUNKNOWN', AWS_REGION: 'us-east-1' },
      'AWS does not know these credentials.',
    ],
    [
      'a missing permission',
      ['list', '--stage', 'local'],
      { ...keys, AWS_ACCESS_KEY_ID: '555555555555', AWS_REGION: 'us-east-1' },
      'You do not have the permission cloudformation:DescribeStacks.',
    ],
    [
      'no such stage',
      ['list', '--stage', 'nowhere'],
      { ...keys, AWS_REGION: 'us-east-1' },
      'There is no stack account-vending-nowhere',
    ],
    [
      'a profile that does not exist',
      ['list', '--region', 'us-east-1'],
      { AWS_PROFILE: 'nowhere', AWS_CONFIG_FILE: configFile },
      `AWS_PROFILE names the profile nowhere, which is in neither ${configFile} nor`,
    ],
    [
      'a profile that has no credentials',
      ['list', '--region', 'us-east-1'],
      { AWS_PROFILE: 'platform', AWS_CONFIG_FILE: configFile },
      'There are no AWS credentials.',
    ],
  ])('%s: exit code 1, and an explanation with the next step', async (_, args, environment, sentence) => {
    const isOffline = environment['AWS_REGION'] === undefined
    const { code, stdout, stderr } = await run(args, {
      ...environment,
      ...(!isOffline && { AWS_ENDPOINT_URL: organization.endpointUrl }),
    })
    expect({ code, stdout }).toEqual({ code: 1, stdout: '' })
    expect(stderr.replace(/\s+/g, ' ')).toContain(sentence)
  })

  test('a profile that does not exist is named before the Region that it would have', async () => {
    expect(await run(['list'], { AWS_PROFILE: 'nowhere', AWS_CONFIG_FILE: configFile })).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('The profiles there are: default, platform.') as string,
    })
  })

  test('advice about a stack elsewhere than in the real AWS never deploys', async () => {
    const none = Object.assign(new Error('Stack with id account-vending-local does not exist'), {
      name: 'ValidationError',
    })
    const cloudFormation = new CloudFormationClient({ region: 'us-east-1' })
    const mocked = mockClient(cloudFormation).on(DescribeStacksCommand).rejects(none)
    const find = (stage: string) => findService({ cloudFormation, dynamodb: new DynamoDBClient() }, stage)
    await expect(find('prod')).rejects.toThrow('or deploy first:\n  npm run deploy -- --stage prod')
    await expect(find('local')).rejects.toThrow(/^((?!npm run deploy)[^])*add --local/)
    mocked.restore()
    const elsewhere = await Promise.all([
      vend('list', '--stage', 'prod'),
      vend('status', '444455556666', '--stage', 'x'),
    ])
    for (const { code, stderr } of elsewhere) {
      expect(code).toBe(1)
      expect(stderr.replace(/\s+/g, ' ')).toContain('npm start has only the stage local')
      expect(stderr).not.toMatch(/npm run deploy|osls/)
    }
  })

  test('an endpoint that does not answer gets an explanation too', async () => {
    const { code, stderr } = await run(['csv', '444455556666', 'ada', '--local', '1'])
    expect(code).toBe(1)
    expect(stderr).toMatch(/^Nothing answers at http:\/\/127.0.0.1:1. Is npm start running\?/)
  })

  test('without a vending.yml, a sentence says where it was looked for', async () => {
    const copy = path.join(folder, 'copy', 'dist', 'vend.cjs')
    cpSync(path.join(root, 'dist', 'vend.cjs'), copy)
    const ended = await promisify(execFile)(process.execPath, [copy, 'list', ...local()]).catch(
      (failure: { code: number; stderr: string }) => failure,
    )
    expect(ended).toMatchObject({
      code: 2,
      stderr: expect.stringMatching(/^The project’s vending\.yml \(\S+\): there is no such file\.\n$/) as string,
    })
  })

  test('an endpoint with TLS is called like any other', async () => {
    const ssl = path.join(root, 'node_modules', 'dynalite', 'ssl')
    const pem = (name: string) => readFileSync(path.join(ssl, name))
    const { hostname, port: behind } = new URL(organization.endpointUrl)
    const front = createTlsServer({ key: pem('server-key.pem'), cert: pem('server-crt.pem') }, (asked, answer) => {
      const { method, url, headers } = asked
      const forwarded = request({ hostname, port: behind, method, path: url, headers }, (got) => {
        answer.writeHead(got.statusCode ?? 500, got.headers)
        got.pipe(answer)
      })
      asked.pipe(forwarded)
    })
    await new Promise<void>((resolve) => front.listen(0, '127.0.0.1', resolve))
    const endpoint = `https://127.0.0.1:${(front.address() as AddressInfo).port}`
    const { code, stdout } = await run(
      ['list', '--stage', 'local', '--region', 'us-east-1', '--endpoint-url', endpoint, '--config', exampleVending],
      { ...keys, NODE_TLS_REJECT_UNAUTHORIZED: '0', NODE_NO_WARNINGS: '1' },
    )
    front.close()
    expect(code).toBe(0)
    expect(stdout).toContain('111122223333')
  })

  test.each([200, 404])('what is not AWS at the endpoint is a sentence too: a page, %i', async (status) => {
    const page = createServer((_, response) => {
      response.writeHead(status, { 'content-type': 'text/html' }).end('<!doctype html><p>Hello<br>')
    })
    await new Promise<void>((resolve) => page.listen(0, '127.0.0.1', resolve))
    const { port } = page.address() as AddressInfo
    for (const args of [['list'], ['csv', '444455556666', 'ada']]) {
      const { code, stderr } = await run([...args, '--local', String(port)])
      expect(code).toBe(1)
      expect(stderr).toContain(`The server at http://127.0.0.1:${port} is not AWS`)
    }
    page.close()
  })

  test.each(['bash', 'zsh', 'fish'])('completion prints a script for %s', async (shell) => {
    const { code, stdout } = await run(['completion', shell])
    expect(code).toBe(0)
    expect(stdout).toContain('vend complete')
  })

  test('completion knows the commands, their options and the values of the options', async () => {
    const completed = async (...words: string[]) =>
      (await run(['complete', '--', ...words])).stdout.split('\n').map((line) => line.split('\t')[0])
    expect(await completed('')).toEqual(expect.arrayContaining(['doctor', 'plan', 'start', 'status', 'list', 'csv']))
    expect(await completed('list', '--st')).toContain('--status')
    expect(await completed('list', '--status', '')).toEqual(expect.arrayContaining(['FAILED', 'NOT_VENDED']))
  })

  test('--version prints the version of package.json', async () => {
    expect((await run(['--version'])).stdout).toMatch(/^\d+\.\d+\.\d+\n$/)
  })

  test('an expired session says so', async () => {
    const { accountId, world } = { accountId: '111122223333', world: organization.world }
    const session = {
      accountId,
      roleName: 'me',
      assumedRoleId: 'AROAME',
      sessionName: 'me',
      policy: null,
      function: null,
      expiresAt: 0,
    }
    world.sessions.set('ASIAEXPIRED', { ...session, accessKeyId: 'ASIAEXPIRED' })
    const { stderr } = await run(
      ['list', '--stage', 'local', '--region', 'us-east-1', '--endpoint-url', organization.endpointUrl],
      {
        ...keys,
        AWS_ACCESS_KEY_ID: 'ASIAEXPIRED',
      },
    )
    expect(stderr).toContain('Your AWS session has expired. Sign in to the management account (aws sso login')
  })
})

describe('doctor', () => {
  test('lists each check, and the exit code says whether the service may be deployed', async () => {
    const { code, stdout } = await vend('doctor')
    expect(code).toBe(1)
    expect(stdout).toContain('✔ trail')
    expect(stdout).toContain('✘ vending.yml')
    expect(stdout).toContain('You cannot deploy the service yet: 1 of 20 checks failed.')
    const { findings, ...diagnosis } = await vendJson('doctor')
    expect(diagnosis).toEqual({ code: 1, mayDeploy: false })
    expect(findings).toHaveLength(20)
  })
})

describe('plan', () => {
  test('shows what would be made and mailed, and exits with 1 for a refusal', async () => {
    const { id } = newAccount('Payments')
    const planned = await vend('plan', id, '--admin', 'ada=ada@example.com', '--admin', 'bob=bob@example.com')
    expect(planned.code).toBe(0)
    for (const words of [
      'Payments',
      'Accepted',
      'user ada',
      `account-vending/${id}/bob`,
      'bob@example.com',
      'Nothing was changed.',
    ])
      expect(planned.stdout).toContain(words)
    expect(planned.stdout).toMatch(/^ +what happens/m)
    expect(planned.stdout.replace(/\s+/g, ' ')).toContain('; is a member of Administrators')
    expect(await vendJson('plan', '222222222222')).toMatchObject({
      code: 1,
      outcome: 'ProtectedAccountError',
      wouldSucceed: false,
    })
    expect(organization.world.accounts.get(id)?.users.size).toBe(0)
  })

  test('names the wrong field of a request before any call', async () => {
    const before = organization.world.calls.length
    const { code, stderr } = await vend(
      'plan',
      '444455556666',
      '--file',
      file({ admins: [{ userName: 'a b' }], grups: [] }),
    )
    expect(code).toBe(2)
    expect(stderr).toContain('  admins[0].userName: must be 1 to 64 letters')
    expect(stderr).toContain('  grups: is not a known field')
    expect((await vend('plan', '444455556666', '--file', file('{'))).stderr).toContain('must be JSON')
    expect((await vend('plan', '444455556666', '--file', file({ accountId: '444455556667' }))).stderr).toContain(
      'is for account 444455556667',
    )
    expect((await vend('plan', '444455556666', '--file', file({ admins: [] }), '--admin', 'ada')).stderr).toContain(
      'already has admins',
    )
    expect(organization.world.calls.length).toBe(before)
  })
})

describe('start', () => {
  test('starts a vend and records the caller; --wait follows the vend', async () => {
    const { id, users } = newAccount()
    const { code, stdout } = await vend(
      'start',
      id,
      '--file',
      file({ admins: [{ userName: 'ada', email: 'ada@example.com', tags: { Team: 'core' } }] }),
      '--wait',
    )
    expect(code).toBe(0)
    for (const words of [
      'AcceptRequest',
      'CreateAdminUser ada',
      'RecordVended',
      'VENDED',
      'arn:aws:iam::111122223333:root',
      'ada@example.com',
    ])
      expect(stdout).toContain(words)
    expect(users.get('ada')?.tags.get('Team')).toBe('core')
    // The same request again has nothing to do, and that is not a failure.
    expect(await vendJson('start', id, '--admin', 'ada=ada@example.com', '--wait')).toMatchObject({
      code: 0,
      status: 'AlreadyVended',
    })
    const again = await vendJson('start', id, '--admin', 'ada=ada@example.com', '--again')
    expect(again).toMatchObject({
      code: 0,
      accountId: id,
      executionArn: expect.stringContaining(':execution:') as string,
    })
    await organization.settled()
    expect(organization.executions.get(String(again['executionArn']))?.output).toMatchObject({ outcome: 'Vended' })
  })

  test('names the execution in the command that continues, if a vend fails without a record', async () => {
    const { execution } = await vendThrough(organization, {
      door: 'manual',
      input: JSON.stringify({ accountId: '333333333333' }),
    })
    const executionArn = `${organization.deployed.stateMachineArn.replace(':stateMachine:', ':execution:')}:${execution?.name}`
    const clients = makeClients({
      endpoint: organization.endpointUrl,
      region: 'us-east-1',
      credentials: { accessKeyId: '111122223333', secretAccessKey: 'local' },
    })
    const asked = { accountId: '333333333333', executionArn, stage: 'local', options: ' --local' }
    const { failure } = await status(clients, asked)
    expect(failure).toMatchObject({
      error: 'AccountNotActiveError',
      cause: expect.stringMatching(/^333333333333 .*has the state SUSPENDED/) as string,
      command: `npx vend redrive ${executionArn} --local`,
    })
  })

  test('records the caller as the requester, whatever a file says', async () => {
    const { id } = newAccount()
    const started = await vendJson('start', id, '--file', file({ requestedBy: 'arn:aws:iam::111122223333:user/boss' }))
    const input = organization.executions.get(String(started['executionArn']))?.input ?? ''
    expect(JSON.parse(input)).toEqual({ accountId: id, requestedBy: 'arn:aws:iam::111122223333:root' })
    await organization.settled()
  })

  test('with --again says that a mail was not sent again', async () => {
    const { id } = await vended('ada')
    const first = organization.world.accounts.get(id)!.users.size
    const { stdout } = await vend('start', id, '--admin', 'ada=ada@example.com', '--again', '--wait')
    expect(first).toBe(1)
    expect(stdout).toMatch(
      /The sign-in mail for ada was not sent again: mailed to ada@example\.com at \d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC\./,
    )
    // The first mail was sent.
    const { id: other } = await vended('bob')
    expect((await vend('status', other)).stdout).not.toContain('not sent again')
  })

  test('of an account whose users were all kept says so, and so does list', async () => {
    const account = newAccount()
    addUser(organization.world, account, { name: 'Administrator' })
    const { stdout } = await vend('start', account.id, '--wait')
    expect(stdout).toContain('VENDED (every user was kept, none was created)')
    expect((await vend('list')).stdout).toMatch(
      new RegExp(`${account.id} .* VENDED .*UTC  every user was kept, none was created`),
    )
    const listed = JSON.parse((await vend('list', '--json')).stdout) as Listed[]
    expect(listed.filter(({ everybodyKept }) => everybodyKept).map(({ accountId }) => accountId)).toContain(account.id)
    const { id } = await vended('ada')
    expect((await vend('status', id)).stdout).not.toContain('none was created')
  })

  test('is not told as vended while the execution is running', async () => {
    const { id } = await vended('ada')
    const execution = [...organization.executions.values()].find(({ input }) => input.includes(id))!
    execution.status = 'RUNNING'
    const running = await vendJson('status', id)
    const { stdout } = await vend('status', id)
    execution.status = 'SUCCEEDED'
    expect(running).toMatchObject({ status: 'VENDING', execution: { status: 'RUNNING' } })
    expect(stdout).not.toContain('VENDED')
    expect(await vendJson('status', id)).toMatchObject({ status: 'VENDED', execution: { status: 'SUCCEEDED' } })
  })

  test.each([
    ['999999999999', 'is not an account of this organization'],
    ['111122223333', 'is the management account'],
    ['222222222222', 'is protected by vending.yml'],
    ['333333333333', 'has the state SUSPENDED'],
    ['555555555555', 'is not within allowedRecipients', '--admin', 'eve=eve@elsewhere.org'],
  ])('starts nothing that the workflow would refuse: %s %s', async (id, sentence, ...more) => {
    const before = organization.executions.size
    const { code, stdout, stderr } = await vend('start', id, ...more)
    expect({ code, stdout }).toEqual({ code: 1, stdout: '' })
    expect(stderr.replace(/\s+/g, ' ')).toContain(sentence)
    expect(stderr.replace(/\s+/g, ' ')).toContain('Nothing was started.')
    expect(organization.executions.size).toBe(before)
  })
})

describe('status', () => {
  test('of a vended account, an account that was never vended, and an account that does not exist', async () => {
    const { id } = await vended('ada')
    const told = await vend('status', id)
    expect(told.code).toBe(0)
    for (const words of ['VENDED', 'RecordVended', 'manual execution', 'ada@example.com', 'SUCCEEDED'])
      expect(told.stdout).toContain(words)
    expect(await vendJson('status', id)).toMatchObject({
      code: 0,
      status: 'VENDED',
      execution: { status: 'SUCCEEDED', redriveCount: 0 },
    })
    expect(await vendJson('status', newAccount().id)).toMatchObject({ code: 0, status: 'NOT_VENDED' })
    expect(await vend('status', newAccount().id, '--watch')).toMatchObject({ code: 1 })
    expect(await vend('status', '999999999999')).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('is not an account of this organization') as string,
    })
  })

  test('--watch follows a running vend, step by step', async () => {
    const account = newAccount()
    account.roleUsableFrom = organization.clock.now() + 300_000
    organization.startExecution(`watched-${account.id}`, JSON.stringify({ accountId: account.id }))
    const { code, stdout } = await vend('status', account.id, '--watch')
    expect(code).toBe(0)
    expect(stdout).toMatch(/CreateAdminGroup[^]*RecordVended[^]*VENDED/)
  })
})

describe('Ctrl-C while a command follows a vend', () => {
  /** Runs a command, presses Ctrl-C when it has told a step, and returns what it said. */
  const interrupted = async (...args: string[]) => {
    const env = { PATH: process.env['PATH'] ?? '', HOME: folder }
    const all = [path.join(root, 'dist', 'vend.cjs'), ...args, ...local(), '--config', exampleVending]
    const child = spawn(process.execPath, all, { cwd: folder, env })
    let stderr = ''
    child.stderr.on('data', (chunk: Buffer) => (stderr += chunk.toString()))
    child.stdout.once('data', () => child.kill('SIGINT'))
    const [code] = (await once(child, 'exit')) as [number]
    return { code, stderr }
  }
  const waiting = () => {
    const account = newAccount()
    account.roleUsableFrom = organization.clock.now() + 3_600_000
    return account
  }
  const executionOf = (id: string) => [...organization.executions.values()].find(({ input }) => input.includes(id))!

  test.each([
    ['start', '--wait'],
    ['status', '--watch'],
  ])('%s %s: the vend goes on, and how to follow it', async (name, option) => {
    const account = waiting()
    if (name === 'status') organization.startExecution(`for-${account.id}`, JSON.stringify({ accountId: account.id }))
    const { code, stderr } = await interrupted(name, account.id, option)
    const execution = executionOf(account.id)
    expect(code).toBe(130)
    expect(stderr).toContain(`The vend goes on: execution ${execution.name}\n`)
    expect(stderr).toContain(`Follow it: npx vend status ${account.id} --watch --local`)
    expect(execution.status).toBe('RUNNING')
    account.roleUsableFrom = 0
    await organization.settled()
    expect(execution.status).toBe('SUCCEEDED')
  })

  test('redrive --wait, too', async () => {
    const account = newAccount()
    account.deniedActions = ['iam:CreateUser']
    await vendThrough(organization, { door: 'manual', input: JSON.stringify({ accountId: account.id }) })
    account.deniedActions = []
    account.roleUsableFrom = organization.clock.now() + 3_600_000
    const { code, stderr } = await interrupted('redrive', account.id, '--wait')
    expect({ code, stderr }).toEqual({
      code: 130,
      stderr: expect.stringContaining(`The vend goes on: execution ${executionOf(account.id).name}\n`) as string,
    })
    account.roleUsableFrom = 0
    await organization.settled()
  })
})

describe('a failure', () => {
  test('is shown with the command that continues, and redrive is that command', async () => {
    const account = newAccount()
    account.deniedActions = ['iam:CreateUser']
    await vendThrough(organization, { door: 'manual', input: JSON.stringify({ accountId: account.id }) })
    const told = await vend('status', account.id)
    expect(told.code).toBe(1)
    for (const words of ['DeniedByPolicyError', 'explicit deny', `npx vend redrive ${account.id} --local`])
      expect(told.stdout.replace(/\s+/g, ' ')).toContain(words)

    account.deniedActions = []
    const redriven = await vend('redrive', account.id, '--wait')
    expect(redriven).toMatchObject({ code: 0, stdout: expect.stringContaining('redriven 1×') as string })
    expect([...account.users.keys()]).toEqual(['administrator'])
    const once = await vend('redrive', account.id)
    expect(once).toMatchObject({ code: 1, stderr: expect.stringContaining('has succeeded') as string })
    expect(once.stderr).toContain(`  npx vend start ${account.id} --again --local`)
  })

  test('can be redriven by the execution’s ARN', async () => {
    const account = newAccount()
    account.deniedActions = ['iam:CreateUser']
    const { execution } = await vendThrough(organization, {
      door: 'manual',
      input: JSON.stringify({ accountId: account.id }),
    })
    account.deniedActions = []
    const executionArn = `${organization.deployed.stateMachineArn.replace(':stateMachine:', ':execution:')}:${execution?.name}`
    expect(await vendJson('redrive', executionArn)).toMatchObject({ code: 0, accountId: account.id, executionArn })
    await organization.settled()
    expect([...account.users.keys()]).toEqual(['administrator'])
    expect((await vend('redrive', `${executionArn}-gone`)).stderr).toContain('does not know')
  })

  test('of a request with its own administrators is shown with the same request again', async () => {
    const account = newAccount()
    const { id } = account
    addGroup(organization.world, account, { name: 'Administrators' })
    const { stdout } = await vend('start', id, '--admin', 'eve=eve@example.com', '--wait')
    expect(stdout).toContain(`    npx vend start ${id} --admin eve=eve@example.com --local`)
    const request = { admins: [{ userName: 'eve', email: 'eve@example.com', policies: ['NoSuchPolicy'] }] }
    const { failure } = await vendJson('start', id, '--file', file(request), '--wait')
    expect(failure).toMatchObject({
      request: { accountId: id, ...request },
      command: expect.stringContaining(`npx vend start ${id} --file request.json`) as string,
    })
  })

  test.each([
    ['options', { admins: [{ userName: 'eve', email: 'eve@example.com' }] }, '--admin eve=eve@example.com --local'],
    ['the default administrators', {}, '--local'],
    ['a repair', { again: true }, '--again --local'],
    ['a file', { admins: [{ userName: 'eve', email: 'eve@example.com', tags: { Team: 'core team' } }] }, undefined],
  ])('that is too old for a redrive is shown with the same request: %s', async (_, more, words) => {
    const account = newAccount()
    const { id } = account
    account.deniedActions = ['iam:CreateUser']
    const request = { accountId: id, ...more, requestedBy: 'arn:aws:iam::111122223333:user/ada' }
    await vendThrough(organization, { door: 'manual', input: JSON.stringify(request) })
    const execution = [...organization.executions.values()].find(({ input }) => input === JSON.stringify(request))!
    execution.stopDate! -= 15 * 24 * 60 * 60 * 1000
    const told = await vend('status', id)
    const refused = await vend('redrive', id)
    expect(refused.code).toBe(1)
    for (const text of [told.stdout, refused.stderr]) {
      expect(text.replace(/\s+/g, ' ')).toContain('redrives an execution only within 14 days after its end')
      expect(text).toContain(`  npx vend start ${id} ${words ?? '--file request.json --local'}`)
      // The file is one line, so that it can be copied whole.
      if (!words)
        expect(text).toContain(`\n  ${told.stdout === text ? '  ' : ''}${JSON.stringify({ accountId: id, ...more })}\n`)
    }
  })

  test('of an execution that Step Functions has forgotten is shown with what the ledger knows', async () => {
    const account = newAccount()
    account.deniedActions = ['iam:CreateUser']
    const admins = [{ userName: 'eve', email: 'eve@example.com' }]
    const input = JSON.stringify({ accountId: account.id, admins })
    await vendThrough(organization, { door: 'manual', input })
    for (const [arn, execution] of organization.executions)
      if (execution.input === input) organization.executions.delete(arn)
    const { stderr } = await vend('redrive', account.id)
    expect(stderr.replace(/\s+/g, ' ')).toContain(
      'The ledger has only these names from the request: users eve; groups Administrators.',
    )
    expect(stderr).toContain(`  npx vend start ${account.id} --file request.json --local`)
  })

  test('is shown with another command if a redrive does not help', async () => {
    const account = newAccount()
    const admins = [{ userName: 'eve', email: 'eve@elsewhere.org' }]
    const { execution } = await vendThrough(organization, {
      door: 'manual',
      input: JSON.stringify({ accountId: account.id, admins }),
    })
    const executionArn = `${organization.deployed.stateMachineArn.replace(':stateMachine:', ':execution:')}:${execution?.name}`
    const { code, stderr } = await vend('redrive', executionArn)
    expect(code).toBe(1)
    expect(stderr).toContain('A redrive would fail again with RecipientNotAllowedError.')
    expect(stderr).toContain(`  npx vend start ${account.id} --admin eve=eve@elsewhere.org --local`)
    // The account id finds the execution too, as in status.
    expect((await vend('redrive', account.id)).stderr).toContain(
      'A redrive would fail again with RecipientNotAllowedError.',
    )
    expect((await vend('redrive', newAccount().id)).stderr).toContain('so there is nothing to redrive')
    expect(await vendJson('status', account.id)).toMatchObject({
      code: 1,
      status: 'FAILED',
      executionArn,
      failure: { error: 'RecipientNotAllowedError' },
    })
    expect((await vend('list', '--status', 'failed')).stdout).toMatch(new RegExp(`${account.id} .* ACTIVE +FAILED`))
  })
})

describe('list', () => {
  test('shows all accounts with their status; --status selects some of them', async () => {
    const { id } = await vended('ada')
    const { code, stdout } = await vend('list')
    expect(code).toBe(0)
    expect(stdout).toMatch(new RegExp(`${id} +Example +ACTIVE +VENDED +open +\\d{4}-`))
    expect(stdout).toMatch(/555555555555 +Legacy +ACTIVE +NOT_VENDED/)
    expect(stdout.replace(/\s+/g, ' ')).toContain('never vended: management account')
    const { stdout: some } = await vend('list', '--status', 'vended', '--json')
    const listed = JSON.parse(some) as { accountId: string; status: string }[]
    expect(listed.every(({ status }) => status === 'VENDED')).toBe(true)
    expect(listed.map(({ accountId }) => accountId)).toContain(id)
  })

  test('gives a file each account on one line, and a terminal lines of 100 columns', async () => {
    const name = 'The platform team’s own account for experiments'
    const { id } = newAccount(name)
    const lines = (text: string) => text.split('\n').filter((line) => line.includes(id))
    expect(lines((await vend('list')).stdout)).toEqual([expect.stringContaining(name)])
    const listed = JSON.parse((await vend('list', '--json')).stdout) as Listed[]
    for (const line of stripVTControlCharacters(showList(listed)).split('\n'))
      expect(line.length, line).toBeLessThanOrEqual(100)
  })

  test('takes 10,000 accounts, page by page', async () => {
    const many = await anOrganization()
    for (let i = 0; i < 10_000; i++) addAccount(many.world, { id: String(700000000000 + i), name: `Account ${i}` })
    const place = {
      endpoint: many.endpointUrl,
      region: 'us-east-1',
      credentials: { accessKeyId: '111122223333', secretAccessKey: 'local' },
    }
    const dynamodb = new DynamoDBClient(place)
    // 1.5 MB of items, which is more than one page of a Scan.
    const items = Array.from({ length: 150 }, (_, i) =>
      marshall({
        pk: `account#${700000000000 + i}`,
        status: 'FAILED',
        updatedAt: '2026-11-01T00:00:00.000Z',
        padding: 'x'.repeat(10_000),
      }),
    )
    for (let i = 0; i < items.length; i += 25)
      await dynamodb.send(
        new BatchWriteItemCommand({
          RequestItems: {
            [many.deployed.ledgerTable]: items.slice(i, i + 25).map((Item) => ({ PutRequest: { Item } })),
          },
        }),
      )
    const since = many.world.calls.length
    const listed = await list(makeClients(place), { stage: 'local', status: [] })
    expect(listed).toHaveLength(many.world.accounts.size)
    expect(listed.filter(({ status }) => status === 'FAILED')).toHaveLength(150)
    expect(many.world.calls.slice(since).filter(({ operation }) => operation === 'Scan').length).toBeGreaterThan(1)
    await many.close()
  })
})

describe('csv', () => {
  const header = 'User name,Password,Console sign-in URL\r\n'
  const passwordOf = (accountId: string, userName: string) =>
    [...(organization.world.secrets.get(`account-vending/${accountId}/${userName}`)?.versions.values() ?? [])][0]
      ?.value ?? ''

  test('writes the console’s file for all users, readable only by its owner, and never overwrites a file', async () => {
    const { id } = await vended('Ada', 'bob')
    const { code, stdout } = await vend('csv', id)
    const name = path.join(folder, `${id}_credentials.csv`)
    expect(code).toBe(0)
    expect(stdout).toContain('Written for Ada, bob: ')
    expect(readFileSync(name, 'utf8')).toBe(
      header +
        ['Ada', 'bob']
          .map(
            (user) => `${user},${passwordOf(id, user.toLowerCase())},https://${id}.signin.aws.amazon.com/console\r\n`,
          )
          .join(''),
    )
    expect(statSync(name).mode & 0o777).toBe(0o600)

    // Writing an existing file leaves its mode as it is.
    writeFileSync(name, 'mine')
    chmodSync(name, 0o644)
    expect(await vend('csv', id)).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('already exists') as string,
    })
    expect(readFileSync(name, 'utf8')).toBe('mine')
    const nowhere = path.join(folder, 'nowhere')
    expect(await vend('csv', id, '--output', path.join(nowhere, 'a.csv'))).toMatchObject({
      code: 2,
      stderr: expect.stringMatching(/there is no folder\s\S+nowhere\. Create/) as string,
    })
    expect((await vend('csv', id, '--force')).code).toBe(0)
    expect(readFileSync(name, 'utf8')).toContain(header)
    expect(statSync(name).mode & 0o777).toBe(0o600)
  })

  test('quotes as RFC 4180 says', async () => {
    const { id } = await vended('ada')
    const [version] = [...organization.world.secrets.get(`account-vending/${id}/ada`)!.versions.values()]
    version!.value = 'a,"b'
    expect((await vend('csv', id, 'ada', '--stdout')).stdout).toBe(
      `${header}ada,"a,""b",https://${id}.signin.aws.amazon.com/console\r\n`,
    )
  })

  test('needs only GetSecretValue for one user', async () => {
    const { id } = await vended('Ada')
    intercept = ({ service, operation }) => {
      if (`${service}:${operation}` !== 'secretsmanager:GetSecretValue')
        throw new AwsError('AccessDenied', 'You may not', 403)
    }
    const written = await vend('csv', id, 'Ada', '--stdout')
    const gone = await vend('csv', id, 'zoe')
    intercept = () => undefined
    expect(written).toMatchObject({
      code: 0,
      stdout: `${header}Ada,${passwordOf(id, 'ada')},https://${id}.signin.aws.amazon.com/console\r\n`,
    })
    expect(gone).toMatchObject({ code: 1, stderr: expect.stringContaining(`npx vend status ${id} --local`) as string })
    expect(gone.stderr).not.toContain('vend start')
  })

  test('writes the name as IAM has it', async () => {
    const { id } = await vended('Ada')
    expect((await vend('csv', id, 'aDA', '--stdout')).stdout).toContain(`\r\nAda,${passwordOf(id, 'ada')},`)
  })

  test('writes no formula', async () => {
    const names = ['=1+1', '-x', '@SUM', '+2']
    const { id } = newAccount()
    const admins = names.map((userName) => ({ userName, email: 'ada@example.com' }))
    await vendThrough(organization, { door: 'manual', input: JSON.stringify({ accountId: id, admins }) })
    const { stdout, stderr } = await vend('csv', id, '--stdout')
    const cells = stdout.split('\r\n').flatMap((line) => line.split(','))
    expect(cells.filter((cell) => /^"?[=+@\t\r-]/.test(cell))).toEqual([])
    for (const name of names) expect(cells).toContain(`'${name}`)
    expect(stderr.replace(/\s+/g, ' ')).toContain('The apostrophe is not part of the name.')
  })

  test('says who made the users, and advises nothing that changes a user of somebody else', async () => {
    const account = newAccount()
    addUser(organization.world, account, { name: 'Administrator' })
    const request = {
      accountId: account.id,
      admins: ['Administrator', 'ada'].map((userName) => ({ userName, email: 'ada@example.com' })),
    }
    await vendThrough(organization, { door: 'manual', input: JSON.stringify(request) })
    const { id } = account
    const kept = await vend('csv', id, 'administrator')
    const nobody = await vend('csv', id, 'nobody')
    for (const { code, stderr } of [kept, nobody]) {
      expect(code).toBe(1)
      expect(stderr).not.toMatch(/vend start|disable|delete the/)
    }
    const words = 'Administrator (kept unchanged: somebody else created this user, and knows the password)'
    expect(kept.stderr.replace(/\s+/g, ' ')).toContain(
      `created no password for administrator in account ${id}: ${words}`,
    )
    expect(nobody.stderr.replace(/\s+/g, ' ')).toContain(
      `knows no user nobody in account ${id}. Users on record: ada (created by account vending); ${words}.`,
    )
    expect((await vend('csv', id, '--stdout')).stdout).not.toContain('dministrator')
    const everybody = newAccount()
    addUser(organization.world, everybody, { name: 'Administrator' })
    await vendThrough(organization, { door: 'manual', input: JSON.stringify({ accountId: everybody.id }) })
    expect((await vend('csv', everybody.id)).stderr.replace(/\s+/g, ' ')).toContain(words)
  })

  test('gives a request for a new password that changes nothing else', async () => {
    const account = newAccount()
    const { id } = account
    const request = {
      accountId: id,
      admins: [{ userName: 'eve', email: 'eve@example.com', groups: ['Auditors'], tags: { Team: 'core team' } }],
      groups: [{ name: 'Auditors', policies: ['SecurityAudit'] }],
    }
    await vendThrough(organization, { door: 'manual', input: JSON.stringify(request) })
    organization.world.secrets.delete(`account-vending/${id}/eve`)
    const { stderr } = await vend('csv', id, 'eve')
    const again = JSON.parse(/^ +({.*})$/m.exec(stderr)?.[1] ?? '') as object
    expect(again).toMatchObject({ accountId: id, again: true, admins: [{ userName: 'eve', groups: ['Auditors'] }] })
    delete account.users.get('eve')!.login
    expect((await vend('start', id, '--file', file(again), '--wait')).code).toBe(0)
    expect([...account.groups.keys()]).toEqual(['auditors'])
    expect((await vend('csv', id, 'eve', '--stdout')).stdout).toContain(`eve,${passwordOf(id, 'eve')},`)
  })

  test('names the users whose secret is deleted or scheduled for deletion, and what to do', async () => {
    const { id } = await vended('ada', 'bob', 'eve')
    organization.world.secrets.delete(`account-vending/${id}/ada`)
    organization.world.secrets.get(`account-vending/${id}/bob`)!.deletionAt = organization.clock.now() + 1e10
    const { code, stdout, stderr } = await vend('csv', id)
    expect(code).toBe(1)
    expect(stdout).toContain('Written for eve: ')
    expect(stderr).toContain(`there is no secret account-vending/${id}/ada`)
    expect(stderr).toContain(
      `aws secretsmanager restore-secret --secret-id account-vending/${id}/bob --region us-east-1 --endpoint-url http://127.0.0.1:`,
    )
    const nobody = await vend('csv', id, 'ada', '--output', path.join(folder, 'nobody.csv'))
    expect(nobody.code).toBe(1)
    expect(existsSync(path.join(folder, 'nobody.csv'))).toBe(false)
    expect((await vend('csv', newAccount().id)).stderr).toContain('created no password for account')
    const unknown = newAccount()
    const { stderr: untouched } = await vend('csv', unknown.id, 'zoe')
    expect(untouched).toContain(`no record of account ${unknown.id}, so no vend has created users there.`)
    expect(untouched).toContain(`  npx vend status ${unknown.id} --local`)
  })

  test('writes passwords only where the command was told to', async () => {
    const { id } = await vended('ada')
    const password = passwordOf(id, 'ada')
    expect(password).toHaveLength(32)
    const output = path.join(folder, 'quiet.csv')
    const { stdout } = await vend('csv', id, '--output', output, '--json')
    expect(JSON.parse(stdout)).toEqual({ accountId: id, file: output, userNames: ['ada'], missing: [] })
    const said = await Promise.all([vend('status', id, '--json'), vend('plan', id, '--json'), vend('list', '--json')])
    for (const text of [stdout, ...said.map(({ stdout, stderr }) => stdout + stderr)])
      for (const one of passwords()) expect(text).not.toContain(one)
    expect((await vend('csv', id, '--output', '-')).stdout).toContain(password)
    expect(await vend('csv', id, '--stdout', '--json')).toMatchObject({ code: 2, stdout: '' })
  })

  test('does not print passwords in a terminal unless asked', async () => {
    const { id } = await vended('ada')
    const onTerminal = (...args: string[]) =>
      run(['csv', id, 'ada', ...args, ...local()], {
        NODE_OPTIONS: '--import=data:text/javascript,process.stdout.isTTY=true',
      })
    const refused = await onTerminal('--output', '-')
    expect(refused).toMatchObject({
      code: 2,
      stdout: '',
      stderr: expect.stringContaining('The passwords would stay visible in the terminal') as string,
    })
    expect((await onTerminal('--stdout')).stdout).toContain(passwordOf(id, 'ada'))
  })
})
