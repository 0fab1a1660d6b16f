import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { ensureAccount } from '../../local/make-account.ts'
import { vend } from '../../local/vend-input.ts'
import {
  accountCreated,
  accountCreationFailed,
  accountJoined,
  baselineEnabled,
  managedAccount,
} from '../support/events.ts'
import { anOrganization, type TestOrganization } from '../support/organization.ts'

const vended = (organization: TestOrganization, accountId: string, event: unknown) => {
  ensureAccount(organization, accountId, undefined, event)
  return vend(organization, { door: 'event', event })
}

describe('with automatic: organizations', () => {
  let organization: TestOrganization
  beforeAll(async () => void (organization = await anOrganization()))
  afterAll(() => organization.close())

  test('an account that Organizations created gets group, user, password and mail', async () => {
    const { matched, execution, groups, users, secrets, mails } = await vended(
      organization,
      '100000000001',
      accountCreated('100000000001'),
    )
    expect(matched).toBe(true)
    expect(execution).toMatchObject({ status: 'SUCCEEDED', output: { outcome: 'Vended' } })
    expect(execution?.name).toHaveLength(73)
    expect(execution?.states.map(({ name }) => name)).toEqual([
      'AcceptRequest',
      'IsThereAnythingToDo',
      'CreateAdminGroup',
      'ForEachAdministrator',
      'IsKept',
      'StorePassword',
      'CreateAdminUser',
      'SendLoginEmail',
      'SealPassword',
      'RecordVended',
    ])
    expect(groups).toEqual([
      {
        name: 'Administrators',
        policies: ['arn:aws:iam::aws:policy/AdministratorAccess'],
        inline: {},
        users: ['Administrator'],
      },
    ])
    expect(users).toEqual([
      {
        name: 'Administrator',
        path: '/account-vending/',
        tags: { ManagedBy: 'account-vending' },
        groups: ['Administrators'],
        policies: [],
        inline: {},
        kept: false,
        loginProfile: { passwordResetRequired: true },
      },
    ])
    expect(secrets.map(({ name }) => name)).toEqual(['account-vending/100000000001/administrator'])
    expect(mails).toHaveLength(1)
    expect(mails[0]?.to).toEqual(['sandbox@example.com'])
    expect(mails[0]?.text).toContain('https://100000000001.signin.aws.amazon.com/console')
  })

  test('an account that joined the organization is vended', async () => {
    const { execution } = await vended(organization, '100000000002', accountJoined('100000000002'))
    expect(execution?.output).toMatchObject({ outcome: 'Vended' })
    // AWS sees the account in the organization after 10 minutes.
    expect(organization.world.accounts.get('100000000002')).toMatchObject({ joinedMethod: 'INVITED' })
    const refused = organization.world.calls.filter(({ operation, error }) => operation === 'AssumeRole' && error)
    expect(refused.length).toBeGreaterThan(15)
  })

  test('an account that was moved fails, and the notice says which trust policy its role needs', async () => {
    const joined = accountJoined('100000000012')
    const previousOrganization = { managementAccountId: '999988887777' }
    const event = { ...joined, detail: { ...joined.detail, previousOrganization } }
    const { execution, notices } = await vended(organization, '100000000012', event)
    expect(execution).toMatchObject({ status: 'FAILED', error: 'AccountJustJoinedError' })
    expect(notices[0]?.text).toContain('does not trust the management account (as in accounts that were moved')
    expect(notices[0]?.text).toContain('let its trust policy allow sts:AssumeRole to arn:aws:iam::111122223333:root')
  })

  test.each(['Create', 'Update'] as const)('a %sManagedAccount event is left to nobody', async (what) => {
    const { matched, execution } = await vended(organization, '100000000003', managedAccount('100000000003', what))
    expect({ matched, execution }).toEqual({ matched: false, execution: null })
  })

  test('an event of another management account matches no rule', async () => {
    const event = { ...accountCreated('100000000004'), account: '999999999999' }
    expect(await vended(organization, '100000000004', event)).toMatchObject({ matched: false, execution: null })
  })

  test('a creation that failed starts nothing and is reported once, with the quota in words', async () => {
    const failed = { door: 'event', event: accountCreationFailed('ACCOUNT_LIMIT_EXCEEDED') } as const
    const first = await vend(organization, failed)
    expect(first).toMatchObject({ matched: true, execution: null })
    expect(first.notices.map(({ to }) => to)).toEqual([['platform-team@example.com']])
    expect(first.notices[0]?.text).toContain('Default maximum number of accounts')
    expect((await vend(organization, failed)).notices).toEqual([])
  })

  test('an account id is enough for a manual execution', async () => {
    ensureAccount(organization, '100000000005')
    const { execution, users } = await vend(organization, { door: 'manual', input: '{"accountId":"100000000005"}' })
    expect(execution?.status).toBe('SUCCEEDED')
    expect(users.map(({ name }) => name)).toEqual(['Administrator'])
  })

  test('a vend puts an event that the account is ready', async () => {
    await vended(organization, '100000000006', accountCreated('100000000006'))
    const told = organization.events.filter(
      (event) => JSON.stringify(event).includes('"Account Vended"') && JSON.stringify(event).includes('100000000006'),
    )
    expect(told).toHaveLength(1)
    expect(told[0]).toMatchObject({
      source: 'account-vending',
      detail: { admins: [{ userName: 'Administrator', kept: false }] },
    })
  })

  describe('the API', () => {
    const post = (accountId: string, body: object, headers: Record<string, string> = {}) => ({
      method: 'POST',
      path: `/accounts/${accountId}/admins`,
      headers,
      body: JSON.stringify(body),
    })
    const get = (accountId: string) => ({ method: 'GET', path: `/accounts/${accountId}`, headers: {}, body: '' })

    test('an operator’s request is accepted and vended, and Location leads to its status', async () => {
      ensureAccount(organization, '100000000010')
      const admins = [
        { userName: 'ada', email: 'ada@example.com' },
        { userName: 'grace', email: 'grace@example.com' },
      ]
      const { response, users, mails } = await vend(organization, {
        door: 'api',
        request: post('100000000010', { admins }, { 'idempotency-key': 'one' }),
      })
      expect(response).toMatchObject({ status: 202, headers: { location: '/accounts/100000000010' } })
      expect(users.map(({ name }) => name).sort()).toEqual(['ada', 'grace'])
      expect(mails.flatMap(({ to }) => to).sort()).toEqual(['ada@example.com', 'grace@example.com'])
      const status = await organization.requestApi(get('100000000010'), 'requester')
      const body = JSON.parse(status.body) as { status: string; requestedBy: string; timeline: { state: string }[] }
      expect(body.status).toBe('VENDED')
      expect(body.requestedBy).toMatch(/:assumed-role\/[\w-]+-OperatorRole-\w+\/local$/)
      expect(body.timeline.map(({ state }) => state)).toEqual(
        expect.arrayContaining([
          'AcceptRequest',
          'CreateAdminGroup',
          'StorePassword',
          'CreateAdminUser',
          'SendLoginEmail',
          'SealPassword',
        ]),
      )
    })

    test('the same key and body start one execution; the key with another body is refused with 422', async () => {
      ensureAccount(organization, '100000000011')
      const admins = [{ userName: 'ada', email: 'ada@example.com' }]
      const key = { 'idempotency-key': 'two' }
      const answers = [
        await organization.requestApi(post('100000000011', { admins }, key)),
        await organization.requestApi(post('100000000011', { admins }, key)),
      ]
      await organization.settled()
      const again = await organization.requestApi(post('100000000011', { admins }, key))
      const names = [...answers, again].map(({ body }) => (JSON.parse(body) as { execution: string }).execution)
      expect(new Set(names).size).toBe(1)
      expect(names[0]).toMatch(/^api-/)
      expect([...organization.executions.values()].filter(({ name }) => name === names[0])).toHaveLength(1)
      const reused = await organization.requestApi(post('100000000011', {}, key))
      expect(reused.status).toBe(422)
      expect(reused.headers['content-type']).toBe('application/problem+json')
      expect(JSON.parse(reused.body)).toMatchObject({ field: 'Idempotency-Key' })
    })

    test('a requester may only read; an unsigned request may do nothing', async () => {
      ensureAccount(organization, '100000000012')
      expect((await organization.requestApi(get('100000000012'), 'requester')).status).toBe(200)
      expect((await organization.requestApi(post('100000000012', {}), 'requester')).status).toBe(403)
      expect((await fetch(`${organization.apiUrl}/accounts/100000000012`)).status).toBe(403)
    })

    test('a body that differs from the signed body is refused', async () => {
      const signed = post('100000000012', {})
      const forged = JSON.stringify({ admins: [{ userName: 'mallory', email: 'mallory@example.com' }] })
      expect((await organization.requestApi(signed, 'operator', forged)).status).toBe(403)
    })
  })
})

describe('with automatic: control-tower', () => {
  let organization: TestOrganization
  beforeAll(async () => void (organization = await anOrganization({ automatic: 'control-tower' })))
  afterAll(() => organization.close())

  test('an account is vended once, for Control Tower’s event about a created or an updated account', async () => {
    const first = await vended(organization, '200000000001', managedAccount('200000000001', 'Create'))
    const second = await vended(organization, '200000000001', managedAccount('200000000001', 'Update'))
    expect(first.execution?.output).toMatchObject({ outcome: 'Vended' })
    expect(second.execution?.output).toMatchObject({ outcome: 'AlreadyVended' })
    expect(second.mails).toEqual([])
  })

  test('an account is vended when auto-enrollment has enabled its baseline, and an old account is not', async () => {
    const enrolled = (accountId: string) => baselineEnabled(`account/o-exampleorgid/${accountId}`)
    const { execution, users } = await vended(organization, '200000000004', enrolled('200000000004'))
    expect(execution?.output).toMatchObject({ outcome: 'Vended' })
    expect(users.map(({ name }) => name)).toEqual(['Administrator'])
    const old = await vend(organization, { door: 'event', event: enrolled('555555555555') })
    expect(old.execution?.output).toMatchObject({ outcome: 'NotNew' })
  })

  test.each([
    ['of a unit', baselineEnabled('ou/o-exampleorgid/ou-exam-workload')],
    ['that has failed', baselineEnabled('account/o-exampleorgid/200000000005', 'FAILED')],
    ['that is not finished', baselineEnabled('account/o-exampleorgid/200000000005', 'UNDER_CHANGE')],
  ])('a baseline %s matches no rule', async (_, event) => {
    expect(organization.putEvent(event)).toMatchObject({ matched: false, executions: [] })
  })

  test('Organizations’ own events match no rule: the account is not ready before Control Tower says so', async () => {
    const { matched } = await vended(organization, '200000000002', accountCreated('200000000002'))
    expect(matched).toBe(false)
  })

  test.each(['Create', 'Update'] as const)(
    'a failed %sManagedAccount is reported in Control Tower’s words',
    async (what) => {
      const { execution, notices } = await vended(organization, '200000000003', {
        ...managedAccount('200000000003', what, 'FAILED'),
        id: what,
      })
      expect(execution).toBeNull()
      expect(notices[0]?.text).toContain('What Control Tower says.')
    },
  )

  test('an old account that Control Tower enrols gets no administrator', async () => {
    const { execution, mails, users } = await vend(organization, {
      door: 'event',
      event: managedAccount('555555555555', 'Update'),
    })
    expect(execution?.output).toMatchObject({ outcome: 'NotNew' })
    expect(mails).toEqual([])
    expect(users.map(({ path }) => path)).toEqual(['/'])
  })
})
