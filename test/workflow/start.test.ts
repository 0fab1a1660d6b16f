import { execFile } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import path from 'node:path'
import { createServer } from 'node:net'
import { promisify } from 'node:util'
import { IAMClient, ListUsersCommand } from '@aws-sdk/client-iam'
import { describe, expect, test } from 'vitest'
import type { VendReport } from '../../local/report-vend.ts'
import { accountCreated } from '../support/events.ts'
import { temporaryFolder } from '../support/folder.ts'
import { npmStart } from '../support/npm-start.ts'
import { exampleVending, vendingFile } from '../support/organization.ts'

// Runs `npm start` as a person or a program does.

const root = path.join(import.meta.dirname, '..', '..')
const folder = temporaryFolder()

const start = async (...args: string[]) => {
  type Failure = { code: number; stdout: string; stderr: string }
  const { code, stdout, stderr } = await promisify(execFile)(
    process.execPath,
    ['local/main.ts', '--once', ...(args.includes('--config') ? [] : ['--config', exampleVending]), ...args],
    {
      cwd: root,
    },
  ).then(
    (ended) => ({ code: 0, ...ended }),
    (failure: Failure) => failure,
  )
  return { code, stdout, stderr }
}
const startJson = async (...args: string[]) => {
  const ended = await start('--json', ...args)
  return { ...ended, ...(JSON.parse(ended.stdout) as { vends: VendReport[]; notices: VendReport['notices'] }) }
}
let files = 0
const file = (content: unknown) => {
  const name = path.join(folder, `${(files += 1)}.json`)
  writeFileSync(name, typeof content === 'string' ? content : JSON.stringify(content))
  return ['--event', name]
}

test.each([
  [['start', '--port', '5690'], 'npm start -- --port 5690'],
  [['start', '--port=5690', '--once'], 'npm start -- --port 5690 --once'],
  [['start', '--event', 'a.json', '--event', 'b.json'], 'npm start -- --event a.json --event b.json'],
  [['run', 'deploy', '--stage', 'dev'], 'npm run deploy -- --stage dev'],
  [['run', 'package', '--region', 'us-gov-west-1'], 'npm run package -- --region us-gov-west-1'],
])('npm %j is told with the -- that npm needs', async (args, command) => {
  const ended = await promisify(execFile)('npm', args, { cwd: root }).then(
    () => ({ code: 0, stderr: '' }),
    (failure: { code: number; stderr: string }) => failure,
  )
  expect(ended.code).not.toBe(0)
  expect(ended.stderr).toContain(`npm keeps options for itself unless they follow --. Write: ${command}\n`)
})

test('each of the three doors vends, and a table shows the vends', async () => {
  const { code, stdout, stderr } = await start()
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
  expect(stdout).toContain('Time runs 60 times faster here')
  for (const said of [
    '✔ RecordVended',
    'Administrators',
    'By an event: Organizations creates an account',
    'Manually: somebody starts an execution',
    'Through the API: a signed request',
    'by an event',
    'manually',
    'through the',
    'payments@example.com',
    'account-vending/',
  ])
    expect(stdout).toContain(said)
})

describe('with --json', () => {
  test('stdout is one document with an entry for each door', async () => {
    const { code, vends, notices } = await startJson()
    expect(code).toBe(0)
    expect(notices).toEqual([])
    expect(vends.map(({ door }) => door)).toEqual(['event', 'manual', 'api'])
    for (const vend of vends) {
      expect(Object.keys(vend)).toEqual([
        'door',
        'matched',
        'accountId',
        'response',
        'execution',
        'groups',
        'users',
        'secrets',
        'mails',
        'calls',
      ])
      expect(vend.matched).toBe(true)
      expect(Object.keys(vend.execution ?? {})).toEqual(['name', 'status', 'error', 'cause', 'output', 'states'])
      expect(vend.execution?.status).toBe('SUCCEEDED')
      expect(vend.calls.length).toBeGreaterThan(20)
      for (const call of vend.calls)
        expect(Object.keys(call)).toEqual(['service', 'operation', 'accountId', 'function'])
      expect(
        vend.calls.filter(({ service }) => service === 'iam').every(({ accountId }) => accountId === vend.accountId),
      ).toBe(true)
    }
    expect(vends[2]?.response).toMatchObject({ status: 202 })
  })

  test('files are vended in order in one organization; an event without a matching rule is no failure', async () => {
    const { code, vends } = await startJson(
      ...file(accountCreated('444455556666')),
      ...file({ accountId: '444455556666' }),
      ...file({ method: 'GET', path: '/accounts/444455556666', headers: {} }),
      ...file({ ...accountCreated('444455556667'), account: '999999999999' }),
    )
    expect(code).toBe(0)
    expect(vends.map(({ execution }) => (execution?.output as { outcome: string } | null)?.outcome)).toEqual([
      'Vended',
      'AlreadyVended',
      undefined,
      undefined,
    ])
    expect(vends[2]?.response?.body).toMatchObject({ status: 'VENDED' })
    expect(vends[3]).toMatchObject({ matched: false, execution: null })
  })

  test('a failed execution gives exit code 1 and a notice; an API status of 400 or more gives exit code 1 too', async () => {
    const failed = await startJson(...file({ accountId: '111122223333' }))
    expect(failed.code).toBe(1)
    expect(failed.vends[0]?.execution).toMatchObject({ status: 'FAILED', error: 'ManagementAccountError' })
    expect(failed.notices[0]?.subject).toContain('ManagementAccountError')
    const refused = await startJson(...file({ method: 'POST', path: '/accounts/1/admins', headers: {}, body: {} }))
    expect(refused.code).toBe(1)
    expect(refused.vends[0]?.response?.status).toBe(400)
  })

  test('a request for an account opens it, and the report has its id and its name', async () => {
    const body = { name: 'Robotics', email: 'robotics@example.com', ou: 'Workloads/Sandbox' }
    const headers = { 'content-type': 'application/json' }
    const { code, vends } = await startJson(...file({ method: 'POST', path: '/accounts', headers, body }))
    expect(code).toBe(0)
    expect(vends).toMatchObject([
      {
        door: 'api',
        opened: 'Robotics',
        response: { status: 202 },
        execution: { status: 'SUCCEEDED', output: { outcome: 'Vended' } },
        users: [{ name: 'Administrator' }],
        mails: [{ to: ['robotics@example.com'] }],
      },
    ])
    expect(vends[0]?.accountId).toMatch(/^\d{12}$/)
  })

  test('--strict adds no account', async () => {
    const { code, vends } = await startJson('--strict', ...file(accountCreated('444455556666')))
    expect(code).toBe(1)
    expect(vends[0]?.execution?.error).toBe('AccountNotFoundError')
  })

  test('--config runs with another vending.yml', async () => {
    const other = vendingFile({
      groups: [{ name: 'Owners', policies: ['PowerUserAccess'] }],
      admins: [{ userName: 'root-user', email: 'root@example.com' }],
      passwordResetRequired: false,
    })
    const { code, vends } = await startJson('--config', other, ...file(accountCreated('444455556666')))
    expect(code).toBe(0)
    expect(vends[0]?.groups).toMatchObject([{ name: 'Owners', users: ['root-user'] }])
    expect(vends[0]?.users).toMatchObject([{ policies: [], loginProfile: { passwordResetRequired: false } }])
  })
})

describe('explains a mistake:', () => {
  test('an unknown option', async () => {
    const { code, stderr } = await start('--frobnicate')
    expect(code).toBe(2)
    expect(stderr).toContain("Unknown option '--frobnicate'")
    expect(stderr).toContain('Usage: npm start')
  })

  test('a file that does not exist or is not JSON', async () => {
    for (const option of ['--event', '--config']) {
      const { code, stderr } = await start(option, 'nowhere')
      expect({ code, stderr }).toEqual({ code: 2, stderr: `${option} nowhere: there is no such file.\n` })
    }
    expect((await start('--event', '.')).stderr).toBe('--event .: this is a folder, not a file.\n')
    expect((await start(...file({ method: 'POST' }))).stderr).toContain('an API request needs a method')
    expect((await start(...file({ method: 'POST', path: '/accounts/444455556666/admins', bdy: {} }))).stderr).toContain(
      'not bdy',
    )
    expect((await start(...file('{"accountId":'))).stderr).toMatch(/--event .*: .*JSON/)
  })

  test('a wrong vending.yml, with the key and the allowed values', async () => {
    const { code, stderr } = await start('--config', vendingFile({ passwordLength: 8 }))
    expect(code).toBe(2)
    expect(stderr).toMatch(/vending\.yml is not valid:\n {2}passwordLength: must be at least 24/)
    expect(stderr).not.toContain('    at ')
  })
})

describe('without --once', () => {
  test('serves page, endpoint and API on 127.0.0.1 until Ctrl-C, and leaves nothing behind', async () => {
    const port = 14_780
    const running = await npmStart(port)
    await running.told(`The page is on ${running.url}`)
    await running.told('where you can start more')

    const page = await fetch(running.url)
    expect(page.headers.get('content-type')).toContain('text/html')
    for (const file of ['page.js', 'page.css', 'vend.svg', 'round.svg'])
      expect((await (await fetch(`${running.url}/${file}`)).text()).length).toBeGreaterThan(1000)
    const iam = new IAMClient({
      endpoint: `http://127.0.0.1:${port + 1}`,
      region: 'us-east-1',
      credentials: { accessKeyId: '777788889999', secretAccessKey: 'local' },
    })
    expect((await iam.send(new ListUsersCommand({}))).Users).toMatchObject([{ UserName: 'Administrator' }])
    expect((await fetch(`http://127.0.0.1:${port + 2}/accounts/777788889999`)).status).toBe(403)

    expect(await running.interrupt()).toBe(0)
    await expect(fetch(running.url)).rejects.toThrow()
  })

  test('explains a port that is in use', async () => {
    const server = createServer()
    await new Promise<void>((resolve) => server.listen(14_791, '127.0.0.1', resolve))
    const running = await npmStart(14_790)
    expect(await running.ended).toBe(2)
    expect(running.output()).toBe(
      'Port 14791 is in use, perhaps by another npm start. Choose another port: npm start -- --port 14800\n',
    )
    server.close()
    const wrong = await npmStart(0)
    expect(await wrong.ended).toBe(2)
    expect(wrong.output()).toBe('--port 0: must be a number from 1 to 65533\n')
  })
})
