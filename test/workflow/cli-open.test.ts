import { execFile } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import path from 'node:path'
import { promisify, stripVTControlCharacters } from 'node:util'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { updateItem } from '../../functions/shared/ledger.ts'
import { openRequest } from '../../functions/shared/new-account.ts'
import { createRequest, type Intent, recordOpeningFailure } from '../../functions/shared/opening.ts'
import { parseInput } from '../../functions/shared/parse.ts'
import { AwsError } from '../../local/aws/aws-error.ts'
import { addAccount } from '../../local/aws/world.ts'
import { type LocalOrganization, startOrganization } from '../../local/start-organization.ts'
import { temporaryFolder } from '../support/folder.ts'
import { exampleVending, ledgerOf, vendingFile } from '../support/organization.ts'

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
  timeline: { state: string; at: string }[]
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
    expect((await run(...sandbox)).out.replace(/\s+/g, ' ')).toMatch(
      new RegExp(
        `^The same request was made before, and its account is vended: ${data.accountId}\\. Nothing was started\\. .* npx vend status ${data.accountId} --local`,
      ),
    )
    const account = organization.world.accounts.get(data.accountId ?? '')
    expect(account).toMatchObject({ name: 'Sandbox', email: 'sandbox@example.com', tags: { team: 'a=b' } })
    expect(account?.users.has('administrator')).toBe(true)
    expect((await run('requests')).out).toBe('0 requests\n')
    // What became of the administrators, as in the status of the account.
    expect((await run('status', requestId)).out).toMatch(
      /Administrator +Administrators +sandbox@example\.com .* (sent|delivered) +open\n +The link of Administrator can be opened until/,
    )

    const other = await run('open', 'Another', 'sandbox@example.com')
    expect(other).toMatchObject({ code: 1, err: expect.stringContaining(`npx vend status ${requestId}`) as string })
  })

  test('the address of an account of the organization is refused before anything is on record', async () => {
    addAccount(organization.world, { id: '360000000001', name: 'Here', email: 'Here@example.com' })
    expect(await run('open', 'New one', 'here@example.com')).toMatchObject({
      code: 1,
      err: 'Account 360000000001 has the address here@example.com already. Nothing was started. ',
    })
    expect((await run('status', 'here@example.com')).err).toContain('Nobody has requested')
    // A request that failed before the ledger had the account's id has opened this account, and goes on with it.
    const ledger = ledgerOf(organization)
    const body = parseInput(openRequest, { name: 'Lost', email: 'lost@example.com' })
    const { requestId } = await createRequest(ledger, { body, requestedBy: 'ada', needsApproval: false })
    const executionArn = `${organization.deployed.stateMachineArn.replace(':stateMachine:', ':execution:')}:open-${requestId}`
    const failure = { status: 'FAILED', error: 'States.Timeout', cause: '' } as const
    await recordOpeningFailure(ledger, { email: 'lost@example.com', executionArn, ...failure })
    addAccount(organization.world, {
      id: '360000000002',
      name: 'Lost',
      email: 'lost@example.com',
      tags: { 'account-vending:request': requestId },
    })
    organization.clock.pass(120_000)
    expect(await run('open', 'Lost', 'lost@example.com', '--wait')).toMatchObject({
      code: 0,
      out: expect.stringContaining('360000000002') as string,
    })
  })

  test('an account whose opening failed is told with the command that goes on', async () => {
    organization.world.failingCreations.set('taken@example.com', 'EMAIL_ALREADY_EXISTS')
    const taken = ['open', 'New one', 'taken@example.com', '--admin', 'ada=ada@example.com']
    const ended = await run(...taken, '--wait')
    expect(ended.code).toBe(1)
    expect(ended.out).toContain('EmailAlreadyExistsError')
    expect(ended.out).toContain('\n  Cause: email: an account outside')
    // The line that is shown is the request that failed, so the words beside it say what to change.
    expect(ended.out).toMatch(/replace the value of “email” [^]*Correct this line, and save it as request\.json:/)
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
    // Who corrects only the address in the mail's command for the AWS CLI gets an account.
    const notice = (await organization.mails()).find(({ subject }) => subject.includes('taken@example.com'))
    const input = / --input '(\{.*\})'/.exec(notice?.text ?? '')?.[1] ?? ''
    const corrected = organization.startExecution('corrected', input.replace('taken@example.com', 'free@example.com'))
    await organization.settled()
    expect(corrected).toMatchObject({ status: 'SUCCEEDED', output: { outcome: 'Vended' } })
    // The functions of the failed execution may be at work for 90 seconds of AWS's time.
    organization.clock.pass(120_000)
    const again = await json<Opening>(...taken)
    expect(again).toMatchObject({ code: 0, data: { status: 'accepted' } })
    expect(again.data.requestId).not.toBe(data.requestId)
  })

  test('an opening that failed before the account’s id is known is redriven by its request or its address', async () => {
    const address = 'unlucky@example.com'
    organization.world.failingCreations.set(address, 'INVALID_EMAIL')
    const failed = await json<Opening>('open', 'Unlucky', address, '--wait')
    expect(failed).toMatchObject({ code: 1, data: { status: 'failed' } })
    const { requestId, failure } = failed.data
    expect(failure?.error).toBe('AccountCreationFailedError')
    expect(failure?.command).toMatch(new RegExp(`^npx vend redrive ${requestId} --local`))
    organization.clock.pass(120_000)
    organization.world.failingCreations.set(address, 'INVALID_EMAIL')
    expect(await run('redrive', address, '--wait')).toMatchObject({
      code: 1,
      out: expect.stringContaining('Unlucky: failed') as string,
    })
    organization.clock.pass(120_000)
    const redriven = await json<Opening>('redrive', requestId, '--wait')
    expect(redriven).toMatchObject({ code: 0, data: { requestId, status: 'vended' } })
    const { accountId = '' } = redriven.data
    // Nothing is left to redrive; what is missing in the account is made by a vend of the account.
    const arn = `${organization.deployed.stateMachineArn.replace(':stateMachine:', ':execution:')}:open-${requestId}`
    for (const target of [requestId, address, accountId, arn])
      expect(await run('redrive', target), target).toMatchObject({
        code: 1,
        err: expect.stringContaining(`npx vend start ${accountId} --again --local`) as string,
      })
  })

  test('a request that cannot be redriven is told with what can be done', async () => {
    expect((await run('redrive', 'nobody@example.com')).err).toContain('npx vend open NAME nobody@example.com')
    expect((await run('redrive', 'a'.repeat(32))).err).toContain('There is no request with this id')
    const ledger = ledgerOf(organization)
    const body = parseInput(openRequest, { name: 'Waiting', email: 'waiting@example.com' })
    const request = { body, requestedBy: 'ada', needsApproval: false }
    const { requestId } = await createRequest(ledger, request)
    expect((await run('redrive', requestId)).err).toContain(`npx vend status ${requestId} --local`)
    const executionArn = `${organization.deployed.stateMachineArn.replace(':stateMachine:', ':execution:')}:open-${requestId}`
    const failure = { status: 'FAILED', error: 'States.Timeout', cause: '' } as const
    await recordOpeningFailure(ledger, { email: body.email, executionArn, ...failure })
    expect((await run('redrive', requestId)).err).toMatch(
      /does not know .* Ask for the account again: npx vend open Waiting waiting@example\.com --local/,
    )
    const at = new Date(Date.now() + 120_000).toISOString()
    const { requestId: later } = await createRequest(ledger, { ...request, at })
    expect((await run('redrive', requestId)).err).toContain(`npx vend status ${later} --local`)
    expect((await json<Opening>('status', requestId)).data.failure?.command).toMatch(`npx vend status ${later} --local`)
  })

  test('a request right after a failure waits', async () => {
    const ledger = ledgerOf(organization)
    const body = parseInput(openRequest, { name: 'Just failed', email: 'just-failed@example.com' })
    const { requestId } = await createRequest(ledger, { body, requestedBy: 'ada', needsApproval: false })
    await updateItem<Intent>(ledger, 'intent#just-failed@example.com', {
      set: {
        requestId,
        failure: {
          status: 'FAILED',
          error: 'InvalidInputError',
          cause: '',
          // Late enough to be less than 90 seconds ago when the command looks.
          at: new Date(organization.clock.now() + 3_600_000).toISOString(),
        },
      },
      condition: () => 'attribute_exists(pk)',
    })
    expect(await run('open', 'Just failed', 'just-failed@example.com')).toMatchObject({
      code: 1,
      err: expect.stringContaining('Try again in two minutes') as string,
    })
  })

  test('every time that is shown is AWS’s, also where the clock of this computer says something else', async () => {
    organization.clock.pass(3 * 86_400_000)
    const before = organization.clock.now()
    const { data: opened } = await json<Opening & { requestedAt: string }>('open', 'Late', 'late@example.com', '--wait')
    const requestedAt = Date.parse(opened.requestedAt)
    // HTTP's Date has whole seconds.
    expect(requestedAt).toBeGreaterThan(before - 1000)
    expect(requestedAt).toBeLessThan(Date.parse(opened.timeline[0]?.at ?? ''))
    expect((await run('links')).out).toMatch(new RegExp(`${opened.accountId} .* open `))
    organization.clock.pass(8 * 86_400_000)
    expect((await run('links')).out).toMatch(new RegExp(`${opened.accountId} .* expired `))
    expect((await run('list')).out).toMatch(new RegExp(`${opened.accountId} .* expired `))
    expect((await run('status', opened.accountId ?? '')).out).toContain('Nobody opened the link')
  })

  test('an opening that failed in the account is continued by the same command, with the same account', async () => {
    refusesUsers = true
    const denied = ['open', 'Denied', 'denied@example.com']
    const failed = await json<Opening>(...denied, '--wait')
    expect(failed).toMatchObject({ code: 1, data: { status: 'failed', failure: { error: 'DeniedByPolicyError' } } })
    const { accountId = '', failure, requestId } = failed.data
    expect(failure?.command).toMatch(new RegExp(`^npx vend redrive ${requestId} --local`))
    expect((await run('status', requestId)).out).toContain('✘ failed')
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
    expect((await run('list', '--status', 'awaiting-approval')).out).toContain('0 accounts, 1 requested')
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

  test('the deployed service decides whether approval is needed, whatever the vending.yml at hand says', async () => {
    const stale = runner(() => organization, exampleVending)
    const asked = await stale.run('open', 'Stale', 'stale@example.com')
    expect(asked).toMatchObject({ code: 0, out: expect.stringContaining('waits for approval') as string })
    const [, requestId = ''] = /npx vend decline ([\da-f]{32})/.exec(asked.out) ?? []
    organization.clock.pass(3 * 86_400_000)
    expect((await run('requests')).out).toMatch(/stale@example\.com .* 3 days /)
    const { data: declined } = await json<{ at: string }>('decline', requestId)
    expect(Math.abs(Date.parse(declined.at) - organization.clock.now())).toBeLessThan(86_400_000)
    const free = await startOrganization({ vendingFile: exampleVending, speed: 300 })
    const asksTooMuch = runner(() => free, config)
    const { data } = await asksTooMuch.json<Opening>('open', 'Free', 'free@example.com', '--wait')
    expect(data.status).toBe('vended')
    await free.close()
  })

  test('a request that was declined ends, and says why', async () => {
    const { data } = await json<Opening>('open', 'Two', 'two@example.com')
    expect((await run('decline', data.requestId, '--reason', 'Use the shared account')).code).toBe(0)
    expect((await run('status', data.requestId)).out).toContain('Use the shared account')
    expect((await run('approve', data.requestId)).code).toBe(1)
    expect((await run('requests')).out).toBe('0 requests\n')
  })
})
