import { setTimeout } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { addOrganizationalUnit } from '../../local/aws/world.ts'
import { anOrganization, type TestOrganization } from '../support/organization.ts'

// Accounts that somebody asks the API for, from the request to the administrators.

type Role = 'operator' | 'requester' | 'approver'
type Answer = {
  requestId: string
  status: string
  warnings?: string[]
  accountId?: string
  waiting?: object
  timeline: { state: string }[]
  failure?: { error: string; what: string; advice: string; cause: string }
  links: { self: string; account?: string }
}

type Problem = { field?: string; type?: string; errors?: { field: string; message: string }[] }

const send = async (
  organization: TestOrganization,
  [method = '', path = '']: string[],
  { body, headers = {}, as = 'operator' }: { body?: object; headers?: Record<string, string>; as?: Role } = {},
) => {
  const request = { method, path, headers, body: body ? JSON.stringify(body) : '' }
  const answer = await organization.requestApi(request, as)
  return { ...answer, content: JSON.parse(answer.body) as Answer & Problem }
}

let count = 0
const anAccount = (more: object = {}) => ({
  name: `Sandbox ${++count}`,
  email: `sandbox-${count}@example.com`,
  ...more,
})

describe('the API opens accounts', () => {
  let organization: TestOrganization
  beforeAll(async () => {
    organization = await anOrganization({ requests: { organizationalUnits: ['Self-service/Sandbox'], maxPerDay: 120 } })
    const selfService = addOrganizationalUnit(organization.world, { name: 'Self-service' })
    addOrganizationalUnit(organization.world, { name: 'Sandbox', parentId: selfService.id })
    addOrganizationalUnit(organization.world, { name: 'Production', parentId: selfService.id })
  })
  afterAll(() => organization.close())

  const post = (body: object, as: Role = 'requester', headers?: Record<string, string>) =>
    send(organization, ['POST', '/accounts'], { body, as, ...(headers && { headers }) })
  const get = (path: string, as: Role = 'requester') => send(organization, ['GET', path], { as })
  const accountsNamed = (name: string) => [...organization.world.accounts.values()].filter((one) => one.name === name)

  test('from the request to the first administrator, and a requester sees how it goes', async () => {
    const body = anAccount({ ou: 'Self-service/Sandbox', tags: { CostCenter: '42' } })
    const { status, headers, content } = await post(body)
    expect(status).toBe(202)
    expect(headers).toMatchObject({ location: `/requests/${content.requestId}`, 'retry-after': '30' })
    const location = headers['location'] ?? ''
    expect((await get(location)).content.status).toMatch(/^(accepted|opening)$/)
    await organization.settled()

    const { content: ready } = await get(location)
    expect(ready).toMatchObject({ requestId: content.requestId, status: 'vended', links: { self: location } })
    expect(ready.timeline.map(({ state }) => state)).toEqual(
      expect.arrayContaining(['AcceptRequest', 'OpenAccount', 'AwaitAccount', 'PlaceAccount', 'SendLoginEmail']),
    )
    const [account, ...others] = accountsNamed(body.name)
    expect(others).toEqual([])
    expect(account).toMatchObject({ id: ready.accountId, email: body.email, tags: { CostCenter: '42' } })
    expect((await get(ready.links.account ?? '')).content).toMatchObject({ status: 'VENDED' })
    // The same request again is this request.
    expect(await post(body)).toMatchObject({ status: 202, headers: { location } })
    expect((await post({ ...body, tags: {} })).status).toBe(409)
  })

  test('100 requests at the same moment are all answered, and each gets one account', async () => {
    const bodies = Array.from({ length: 100 }, () => anAccount())
    const answers = await Promise.all(bodies.map((body) => post(body)))
    expect(answers.map(({ status }) => status)).toEqual(bodies.map(() => 202))
    expect(new Set(answers.map(({ content }) => content.requestId)).size).toBe(100)
    await organization.settled()
    const requests = await Promise.all(answers.map(({ headers }) => get(headers['location'] ?? '')))
    expect(requests.map(({ content }) => content.status)).toEqual(bodies.map(() => 'vended'))
    expect(new Set(requests.map(({ content }) => content.accountId)).size).toBe(100)
    for (const { name } of bodies) expect(accountsNamed(name)).toHaveLength(1)
  })

  test.each<[what: string, body: object, field: string]>([
    ['a unit that is not there', { ou: 'Self-service/Nowhere' }, 'ou'],
    ['a unit that requesters may not ask for', { ou: 'Self-service/Production' }, 'ou'],
    ['a group of their own', { groups: [{ name: 'Own', policies: ['ReadOnlyAccess'] }] }, 'groups[0]'],
    ['another policy', { admins: [{ userName: 'ada', policies: ['ReadOnlyAccess'] }] }, 'admins[0].policies[0]'],
    ['a recipient outside', { admins: [{ userName: 'ada', email: 'ada@evil.test' }] }, 'admins[0].email'],
    ['a tag of ours', { tags: { 'account-vending:request': 'x' } }, 'tags'],
  ])('refuses requesters %s, and creates nothing', async (_, more, field) => {
    const body = anAccount(more)
    const { status, content } = await post(body)
    expect(status).toBeGreaterThanOrEqual(400)
    expect(status).toBeLessThan(500)
    expect(content.field).toBe(field)
    await organization.settled()
    expect(accountsNamed(body.name)).toEqual([])
  })

  const fieldsOf = ({ errors = [] }: { errors?: { field: string }[] }) => errors.map(({ field }) => field)

  test('all faults of a request are named at once, whatever check finds them', async () => {
    const { content } = await post(
      {
        email: 'wrong',
        ou: 'Nowhere',
        colour: 'red',
        admins: [
          { userName: 'a b', groups: ['Nobody'] },
          { userName: 'eve', email: 'eve@evil.test' },
        ],
      },
      'operator',
    )
    expect(content.type).toBe('urn:account-vending:InvalidInputError')
    expect(fieldsOf(content).sort()).toEqual(
      ['name', 'email', 'ou', 'colour', 'admins[0].userName', 'admins[0].groups[0]', 'admins[1].email'].sort(),
    )
    // Both have the right form: nobody outside gets mail, and there is no such unit.
    const outside = await post(anAccount({ email: 'sandbox@evil.test', ou: 'Nowhere' }), 'operator')
    expect(outside.status).toBe(400)
    expect(fieldsOf(outside.content)).toEqual(['vending.yml admins[0].email', 'ou'])
    const unlike = await post(anAccount({ ou: 'Workloads', groups: [{ name: 'Own' }], tags: { 'aws:a': '' } }))
    expect(fieldsOf(unlike.content)).toEqual(['tags.aws:a', 'ou', 'groups[0]'])
  })

  test('a policy that may deny the first sign-in is warned of, and the request is carried out', async () => {
    const Statement = { Effect: 'Deny', Action: 'iam:*', Resource: '*' }
    const Condition = { BoolIfExists: { 'aws:MultiFactorAuthPresent': 'false' } }
    const guarded = (statement: object) =>
      anAccount({
        groups: [{ name: 'Guarded', inline: { Guard: { Version: '2012-10-17', Statement: [statement] } } }],
        admins: [{ userName: 'ada', email: 'ada@example.com', groups: ['Guarded'] }],
      })
    const { status, content } = await post(guarded({ ...Statement, Condition }), 'operator')
    expect(status).toBe(202)
    expect(content.warnings).toEqual([
      expect.stringMatching(/^The policy Guard of the group Guarded may deny ada the password change .*\.$/) as string,
    ])
    const { content: refused } = await post(guarded(Statement), 'operator')
    expect(fieldsOf(refused)).toEqual(['groups[0].inline.Guard'])
    await organization.settled()
  })

  test('a unit in which a service control policy would stop the vend is refused with the policy and its place', async () => {
    const { world } = organization
    const parent = [...world.organizationalUnits.values()].find(({ name }) => name === 'Self-service')
    const Statement = [{ Effect: 'Deny' as const, Action: ['iam:CreateUser'], Resource: ['*'] }]
    world.serviceControlPolicies = [
      {
        id: 'p-nousers001',
        name: 'NoUsers',
        document: { Version: '2012-10-17', Statement },
        targets: [parent?.id ?? ''],
      },
    ]
    try {
      const { status, content } = await post(anAccount({ ou: 'Self-service/Sandbox' }))
      expect({ status, content }).toMatchObject({
        status: 409,
        content: { type: 'urn:account-vending:DeniedByPolicyError', field: 'ou' },
      })
      expect(JSON.stringify(content)).toContain(`NoUsers denies iam:CreateUser in ${parent?.id}`)
      expect((await post(anAccount())).status).toBe(202)
    } finally {
      world.serviceControlPolicies = []
    }
    await organization.settled()
  })

  test('a failure is told with what to do, and the corrected request is a new one', async () => {
    const taken = [...organization.world.accounts.values()][0]!.email
    const body = anAccount({ email: taken })
    const first = await post(body, 'operator')
    await organization.settled()
    const { content } = await get(first.headers['location'] ?? '')
    expect(content).toMatchObject({ status: 'failed', failure: { error: 'EmailAlreadyExistsError' } })
    expect(content.failure?.advice).toMatch(/Send (a corrected|the) request/)
    // What the requester sent belongs to the mail for the platform team, and not to the cause.
    expect(content.failure?.cause).toMatch(/^[^{}]+$/)
    // Functions of the failed execution may be at work for 90 seconds.
    await setTimeout(91_000 / organization.clock.speed)
    const corrected = await post({ ...body, name: 'Other' }, 'operator')
    expect(corrected.status).toBe(202)
    expect(corrected.content.requestId).not.toBe(first.content.requestId)
    await organization.settled()
  })

  test('only operators list the accounts, page by page', async () => {
    expect((await get('/accounts', 'requester')).status).toBe(403)
    expect((await get('/accounts', 'approver')).status).toBe(403)
    const listed: string[] = []
    let cursor: string | undefined
    let pages = 0
    do {
      const path = `/accounts?status=VENDED${cursor ? `&cursor=${cursor}` : ''}`
      const { status, body } = await get(path, 'operator')
      expect(status).toBe(200)
      const page = JSON.parse(body) as { accounts: { accountId: string; status: string }[]; cursor?: string }
      expect(page.accounts.length).toBeGreaterThan(0)
      listed.push(...page.accounts.map(({ accountId }) => accountId))
      cursor = page.cursor
      pages += 1
    } while (cursor)
    expect(listed.length).toBeGreaterThan(100)
    expect(pages).toBe(Math.ceil(listed.length / 50))
    expect(new Set(listed).size).toBe(listed.length)
    expect((await get('/accounts?cursor=bm90IG91cnM', 'operator')).status).toBe(400)
  })
})

describe('with automatic: control-tower', () => {
  let organization: TestOrganization
  beforeAll(async () => {
    organization = await anOrganization({ automatic: 'control-tower' })
  })
  afterAll(() => organization.close())
  const post = (body: object) => send(organization, ['POST', '/accounts'], { body })

  test('a request must name a unit, and the landing zone must enrol what is moved there', async () => {
    const { world } = organization
    const [unit] = world.organizationalUnits.values()
    if (unit) unit.isRegistered = true
    world.landingZone = { version: '4.0', status: 'ACTIVE', isEnrolling: false }
    expect(await post(anAccount())).toMatchObject({ status: 400, content: { field: 'ou' } })
    const body = anAccount({ ou: unit?.id })
    expect(await post(body)).toMatchObject({
      status: 409,
      content: { type: 'urn:account-vending:AutoEnrolmentOffError' },
    })
    world.landingZone.isEnrolling = true
    const { headers } = await post(body)
    await organization.settled()
    const { content } = await send(organization, ['GET', headers['location'] ?? ''])
    expect(content).toMatchObject({ status: 'vended' })
  })
})

describe('with approval: required', () => {
  let organization: TestOrganization
  beforeAll(async () => {
    organization = await anOrganization({
      approval: 'required',
      approvers: ['arn:aws:iam::111122223333:role/account-approvers'],
    })
  })
  afterAll(() => organization.close())

  const ask = async () => {
    const body = anAccount()
    const { headers, content } = await send(organization, ['POST', '/accounts'], { body, as: 'operator' })
    return { body, location: headers['location'] ?? '', requestId: content.requestId }
  }
  const decide = (location: string, decision: string, as: Role = 'approver') =>
    send(organization, ['POST', `${location}/approval`], { body: { decision }, as })
  const statusOf = async (location: string) => (await send(organization, ['GET', location], { as: 'approver' })).content

  test('an account is opened after an approver has approved the request, and not before', async () => {
    const { body, location, requestId } = await ask()
    await organization.settled()
    expect(await statusOf(location)).toMatchObject({ status: 'awaiting-approval', waiting: { for: 'approval' } })
    expect(organization.executions.size).toBe(0)
    const [mail] = (await organization.mails()).filter(({ text }) => text?.includes(requestId))
    expect(mail?.text).toContain(`npx vend approve ${requestId}`)

    for (const as of ['operator', 'requester'] as const)
      expect((await decide(location, 'approve', as)).status).toBe(403)
    expect((await decide(location, 'approve')).status).toBe(200)
    expect((await decide(location, 'approve')).status).toBe(200)
    expect((await decide(location, 'decline')).status).toBe(409)
    await organization.settled()
    expect((await statusOf(location)).status).toBe('vended')
    expect([...organization.world.accounts.values()].filter(({ name }) => name === body.name)).toHaveLength(1)
  })

  test('a declined request opens nothing, and another request may follow', async () => {
    const { body, location, requestId } = await ask()
    expect((await decide(location, 'decline')).status).toBe(200)
    await organization.settled()
    expect((await statusOf(location)).status).toBe('declined')
    expect([...organization.world.accounts.values()].filter(({ name }) => name === body.name)).toEqual([])
    const { content } = await send(organization, ['POST', '/accounts'], { body, as: 'operator' })
    expect(content.requestId).not.toBe(requestId)
  })

  test('StartExecution does not go around the approval', async () => {
    const { body, requestId } = await ask()
    const { name, email } = body
    for (const more of [{ requestId }, {}])
      organization.startExecution(
        `around-${Object.keys(more).length}`,
        JSON.stringify({ account: { name, email }, ...more }),
      )
    await organization.settled()
    const ends = [...organization.executions.values()].filter((one) => one.name.startsWith('around-'))
    expect(ends.map(({ error }) => error)).toEqual(['ApprovalRequiredError', 'ApprovalRequiredError'])
  })

  test('approvers may ask for nothing', async () => {
    expect((await send(organization, ['POST', '/accounts'], { body: anAccount(), as: 'approver' })).status).toBe(403)
  })
})
