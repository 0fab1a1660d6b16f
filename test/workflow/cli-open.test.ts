import { execFile } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import path from 'node:path'
import { promisify, stripVTControlCharacters } from 'node:util'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { AwsError } from '../../local/aws/aws-error.ts'
import { addAccount } from '../../local/aws/world.ts'
import { type LocalOrganization, startOrganization } from '../../local/start-organization.ts'
import { temporaryFolder } from '../support/folder.ts'
import { exampleVending, vendingFile } from '../support/organization.ts'

// The bundled command opens accounts in the local organization.

const folder = temporaryFolder()
const root = path.join(import.meta.dirname, '..', '..')

type Ran = { code: number; out: string; err: string }
const runner = (organization: () => LocalOrganization, config: string) => {
  const run = async (...args: string[]): Promise<Ran> => {
    const where = ['--local', new URL(organization().endpointUrl).port, '--config', config]
    const ran = await promisify(execFile)(process.execPath, [path.join(root, 'dist', 'vend.cjs'), ...args, ...where], {
      cwd: folder,
      env: { PATH: process.env['PATH'], HOME: folder, INIT_CWD: folder },
    }).catch((error: unknown) => error as { code: number; stdout: string; stderr: string })
    const { stdout, stderr } = ran
    return {
      code: 'code' in ran ? ran.code : 0,
      out: stripVTControlCharacters(stdout),
      err: stripVTControlCharacters(stderr).replace(/\s+/g, ' '),
    }
  }
  const json = async <Data>(...args: string[]) => {
    const ran = await run(...args, '--json')
    return { ...ran, data: JSON.parse(ran.out || 'null') as Data }
  }
  return { run, json }
}

type Opening = {
  requestId: string
  status: string
  accountId?: string
  timeline: { state: string }[]
  failure?: { error: string; command: string }
}

describe('without approval', () => {
  let organization: LocalOrganization
  let refusesUsers = false
  beforeAll(async () => {
    organization = await startOrganization({
      vendingFile: exampleVending,
      speed: 300,
      intercept: ({ operation }) => {
        if (refusesUsers && operation === 'CreateUser')
          throw new AwsError('AccessDenied', 'with an explicit deny in a service control policy', 403)
      },
    })
  })
  afterAll(async () => {
    await organization.settled()
    await organization.close()
  })
  const { run, json } = runner(() => organization, exampleVending)

  test('an account is opened, placed and vended; the same command again is the same request', async () => {
    const sandbox = ['open', 'Sandbox', 'sandbox@example.com', '--ou', 'Workloads/Sandbox', '--tag', 'team=a=b']
    const asked = await json<Opening>(...sandbox)
    expect(asked).toMatchObject({ code: 0, data: { status: 'accepted' } })
    const { requestId } = asked.data
    expect((await run('requests')).out).toContain(requestId)

    const ended = await run('status', 'sandbox@example.com', '--watch')
    expect(ended.code).toBe(0)
    for (const state of ['AcceptRequest', 'OpenAccount', 'AwaitAccount', 'PlaceAccount', 'RecordVended'])
      expect(ended.out.match(new RegExp(state, 'g')), state).toHaveLength(1)
    expect(ended.out).toContain('Sandbox: vended')

    expect((await json<Opening>(...sandbox, '--wait')).data).toMatchObject({ requestId, status: 'vended' })
    const { data } = await json<Opening>('status', requestId)
    const account = organization.world.accounts.get(data.accountId ?? '')
    expect(account).toMatchObject({ name: 'Sandbox', email: 'sandbox@example.com', tags: { team: 'a=b' } })
    expect(account?.users.has('administrator')).toBe(true)
    expect((await run('requests')).out).toBe('0 requests\n')

    const other = await run('open', 'Another', 'sandbox@example.com')
    expect(other).toMatchObject({ code: 1, err: expect.stringContaining(`npx vend status ${requestId}`) as string })
  })

  test('an account whose opening failed is told with the command that goes on, which starts no second request', async () => {
    addAccount(organization.world, { id: '360000000001', name: 'Taken', email: 'taken@example.com' })
    const taken = ['open', 'New one', 'taken@example.com', '--admin', 'ada=ada@example.com']
    const ended = await run(...taken, '--wait')
    expect(ended.code).toBe(1)
    expect(ended.out).toContain('EmailAlreadyExistsError')
    const { code, data } = await json<Opening>('status', 'Taken@example.com')
    expect(code).toBe(1)
    expect(data).toMatchObject({ status: 'failed', failure: { error: 'EmailAlreadyExistsError' } })
    expect(data.failure?.command).toMatch(/^npx vend open --file request\.json --local \d+$/)
    const { data: open } = await json<{ requestId: string; status: string; error: string }[]>('requests')
    expect(open).toEqual([
      expect.objectContaining({ requestId: data.requestId, status: 'failed', error: 'EmailAlreadyExistsError' }),
    ])
    expect((await json<object[]>('list', '--status', 'FAILED')).data).toEqual([
      expect.objectContaining({ accountId: '–', name: 'New one', error: 'EmailAlreadyExistsError' }),
    ])
    // The execution tells its failure, and Organizations' event about the same failure is told to nobody.
    await organization.settled()
    const mails = (await organization.mails()).map(({ subject }) => subject)
    expect(mails.filter((subject) => /could not be created|New one/.test(subject))).toEqual([
      'Opening account New one (taken@example.com) failed: EmailAlreadyExistsError',
    ])
    const again = await run(...taken)
    expect(again).toMatchObject({ code: 1, err: expect.stringContaining('Try again in two minutes') as string })
  })

  test('an opening that failed in the account is continued by the same command, with the same account', async () => {
    refusesUsers = true
    const denied = ['open', 'Denied', 'denied@example.com']
    const failed = await json<Opening>(...denied, '--wait')
    expect(failed).toMatchObject({ code: 1, data: { status: 'failed', failure: { error: 'DeniedByPolicyError' } } })
    const { accountId = '', failure, requestId } = failed.data
    expect(failure?.command).toMatch(/^npx vend redrive arn:aws:states:.*:open-[\da-f]{32} --local/)
    expect((await run('status', accountId)).out).toContain(`npx vend redrive ${accountId}`)
    refusesUsers = false
    const again = await json<Opening>(...denied, '--wait')
    expect(again).toMatchObject({ code: 0, data: { requestId, accountId, status: 'vended' } })
    const creations = [...organization.world.createRequests.values()]
    expect(creations.filter(({ email }) => email === 'denied@example.com')).toHaveLength(1)
  })

  test('a mistake is told before anything is called, and a wrong unit before anything is started', async () => {
    for (const args of [
      ['open', 'Two', 'two'],
      ['open', 'Two', 'two@example.com', '--tag', 'no-value'],
      ['open', 'Two', 'two@example.com', '--ou', 'Nowhere'],
      ['open'],
      ['approve', '7'],
      ['status', 'seven'],
    ])
      expect((await run(...args)).code, args.join(' ')).toBe(2)
    expect((await run('open', 'Two', 'two@example.com', '--ou', 'Nowhere')).err).toContain('Security, Workloads')
    expect((await run('status', 'two@example.com')).err).toContain('npx vend open NAME two@example.com')
    expect((await run('status', 'a'.repeat(32))).err).toContain('There is no request with this id')
  })

  test('a file holds a request as the API takes it, and must not say twice what the command says', async () => {
    const request = { name: 'Filed', email: 'filed@example.com', tags: { a: 'b' } }
    writeFileSync(path.join(folder, 'request.json'), JSON.stringify(request))
    expect(await run('open', 'Filed', '--file', 'request.json')).toMatchObject({
      code: 2,
      err: expect.stringContaining('already has name') as string,
    })
    const { code, data } = await json<Opening>('open', '--file', 'request.json', '--wait')
    expect(code).toBe(0)
    expect(organization.world.accounts.get(data.accountId ?? '')).toMatchObject({ tags: { a: 'b' } })
  })
})

describe('with approval', () => {
  const config = vendingFile({ approval: 'required', approvers: ['arn:aws:iam::111122223333:role/approvers'] })
  let organization: LocalOrganization
  beforeAll(async () => {
    organization = await startOrganization({ vendingFile: config, speed: 300 })
  })
  afterAll(async () => {
    await organization.settled()
    await organization.close()
  })
  const { run, json } = runner(() => organization, config)

  test('an account is opened after somebody has approved the request', async () => {
    const asked = await run('open', 'Sandbox', 'sandbox@example.com')
    const [, requestId = ''] = /npx vend approve ([\da-f]{32})/.exec(asked.out) ?? []
    expect((await json<Opening>('status', requestId)).data).toMatchObject({ status: 'awaiting-approval' })
    expect(organization.world.createRequests.size).toBe(0)
    expect((await run('list', '--status', 'awaiting-approval')).out).toContain('0 accounts, 1 asked for')
    expect(await run('approve', requestId)).toMatchObject({
      code: 0,
      out: expect.stringContaining('Approved') as string,
    })
    expect((await run('status', requestId, '--watch')).code).toBe(0)
    expect(await run('decline', requestId)).toMatchObject({
      code: 1,
      err: expect.stringContaining('approved by') as string,
    })
  })

  test('a request that was declined ends, and says why', async () => {
    const { data } = await json<Opening>('open', 'Two', 'two@example.com')
    expect((await run('decline', data.requestId, '--reason', 'Use the shared account')).code).toBe(0)
    expect((await run('status', data.requestId)).out).toContain('Use the shared account')
    expect((await run('approve', data.requestId)).code).toBe(1)
    expect((await run('requests')).out).toBe('0 requests\n')
  })
})
