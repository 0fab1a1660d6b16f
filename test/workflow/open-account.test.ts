import { RedriveExecutionCommand, SFNClient } from '@aws-sdk/client-sfn'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { AwsError } from '../../local/aws/aws-error.ts'
import { limitRates } from '../../local/aws/rates.ts'
import { addAccount, addOrganizationalUnit } from '../../local/aws/world.ts'
import { getRequest } from '../../functions/get-request/get-request.ts'
import { readAccount } from '../../functions/shared/record-and-lease.ts'
import { createRequest, decideApproval, readIntent, readRequest } from '../../functions/shared/opening.ts'
import { inputOf, openRequest, type OpenRequest, requestTag } from '../../functions/shared/new-account.ts'
import { anOrganization, ledgerOf, type TestOrganization } from '../support/organization.ts'

let count = 0
const newEmail = () => `sandbox-${(count += 1)}@example.com`

const open = (organization: TestOrganization, account: object, more: object = {}) => {
  const execution = organization.startExecution(`open-${(count += 1)}`, JSON.stringify({ account, ...more }))
  if (execution === 'ExecutionAlreadyExists') throw new Error(execution)
  return execution
}
const sfnOf = ({ world, endpointUrl }: TestOrganization) =>
  new SFNClient({
    endpoint: endpointUrl,
    region: world.region,
    credentials: { accessKeyId: world.managementAccountId, secretAccessKey: 'local' },
  })
const accountsWith = ({ world }: TestOrganization, email: string) =>
  [...world.accounts.values()].filter((account) => account.email.toLowerCase() === email.toLowerCase())

describe('a manual execution opens an account', () => {
  let organization: TestOrganization
  beforeAll(async () => void (organization = await anOrganization()))
  afterAll(() => organization.close())

  test('which is placed, tagged, has its contacts, and gets its administrators', async () => {
    const { world } = organization
    world.trustedServices.add('account.amazonaws.com')
    const workloads = addOrganizationalUnit(world, { name: 'Workloads of tests' })
    const sandbox = addOrganizationalUnit(world, { name: 'Sandbox', parentId: workloads.id })
    const email = newEmail()
    const security = { name: 'Ada', title: 'CISO', email: 'security@example.com', phone: '+49 30 1234' }
    const execution = open(organization, {
      name: 'Sandbox one',
      email,
      ou: 'Workloads of tests/Sandbox',
      tags: { CostCenter: '42' },
      alternateContacts: { security },
    })
    await organization.settled()

    expect(execution).toMatchObject({ status: 'SUCCEEDED', output: { outcome: 'Vended', accountName: 'Sandbox one' } })
    const [account, ...others] = accountsWith(organization, email)
    expect(others).toEqual([])
    const intent = await readIntent(ledgerOf(organization), email)
    expect(account).toMatchObject({
      parentId: sandbox.id,
      iamUserAccessToBilling: 'ALLOW',
      tags: { CostCenter: '42', [requestTag]: intent?.requestId },
    })
    expect(account?.alternateContacts.get('SECURITY')).toMatchObject({ Name: 'Ada', PhoneNumber: '+49 30 1234' })
    expect(account?.alternateContacts.size).toBe(1)
    expect(intent).toMatchObject({ accountId: account?.id, status: 'placing' })
    expect(intent?.steps).toHaveProperty('PlaceAccount')
    // The steps are those of this execution, in its order.
    const opened = { requestId: intent?.requestId ?? '' }
    const { timeline } = await getRequest({ ledger: ledgerOf(organization) }, opened)
    expect(timeline.slice(0, 4).map(({ state }) => state)).toEqual([
      'AcceptRequest',
      'OpenAccount',
      'AwaitAccount',
      'PlaceAccount',
    ])
    const record = await readAccount(ledgerOf(organization), account?.id ?? '')
    expect(record?.steps).not.toHaveProperty('AcceptRequest')
    const request = await readRequest(ledgerOf(organization), intent?.requestId ?? '')
    expect(request).toMatchObject({ body: { name: 'Sandbox one', email }, requestedBy: 'manual execution' })
    // The event about the new account came during the opening, and made nothing.
    const ends = [...organization.executions.values()].flatMap(({ name, states }) =>
      name === execution.name ? [] : [states.at(-1)?.name],
    )
    expect(ends).toEqual(['AlreadyInProgress'])
    const mails = (await organization.mails()).filter(({ to }) => to.includes(email))
    expect(mails).toHaveLength(1)
  })
})

describe('exactly one account for each request', () => {
  let organization: TestOrganization
  /** The names of new accounts for which the answer of CreateAccount is lost, once. */
  const losing = new Set<string>()
  /** The names for which the next read of a creation is throttled. */
  const throttled = new Set<string>()
  beforeAll(async () => {
    organization = await anOrganization({}, ({ operation, input }) => {
      if (operation === 'CreateAccount' && losing.delete(String(input['AccountName'])))
        return () => {
          throw new AwsError('InternalFailure', 'The answer is lost.', 500)
        }
      if (operation === 'DescribeCreateAccountStatus' && throttled.delete('any'))
        throw new AwsError('TooManyRequestsException', 'You have sent too many requests.')
      return undefined
    })
  })
  afterAll(() => organization.close())
  const vended = { status: 'SUCCEEDED', output: { outcome: 'Vended' } }

  test('if the answer of CreateAccount is lost, its account is found', async () => {
    const email = newEmail()
    losing.add('Lost answer')
    const execution = open(organization, { name: 'Lost answer', email })
    await organization.settled()
    expect(execution).toMatchObject(vended)
    expect(accountsWith(organization, email)).toHaveLength(1)
    const creations = [...organization.world.createRequests.values()]
    expect(creations.filter(({ accountName }) => accountName === 'Lost answer')).toHaveLength(1)
  })

  test('two requests with one name at the same moment get an account each, even if both answers are lost', async () => {
    const emails = [newEmail(), newEmail()]
    losing.add('Twin')
    const executions = emails.map((email) => open(organization, { name: 'Twin', email }))
    await organization.settled()
    expect(executions).toMatchObject([vended, vended])
    for (const [i, email] of emails.entries()) {
      const [account, ...others] = accountsWith(organization, email)
      expect(others).toEqual([])
      expect(executions[i]?.output).toMatchObject({ accountId: account?.id })
      expect(account?.tags[requestTag]).toBe((await readIntent(ledgerOf(organization), email))?.requestId)
    }
  })

  test('a throttled read of the creation is no failure', async () => {
    const email = newEmail()
    throttled.add('any')
    const execution = open(organization, { name: 'Throttled', email })
    await organization.settled()
    expect(execution).toMatchObject(vended)
    expect(throttled).toEqual(new Set())
    expect(accountsWith(organization, email)).toHaveLength(1)
  })

  test('an account of somebody else with the address is never adopted', async () => {
    const email = newEmail()
    const foreign = addAccount(organization.world, { id: '900000000001', name: 'Foreign', email })
    // Even with the same name.
    const execution = open(organization, { name: 'Foreign', email })
    await organization.settled()
    expect(execution).toMatchObject({ status: 'FAILED', error: 'EmailAlreadyExistsError' })
    expect(foreign.users.size).toBe(0)
    expect(foreign.tags).toEqual({})
  })

  test('an address of an account outside the organization is said to be taken, and blocks nothing', async () => {
    const email = newEmail()
    organization.world.failingCreations.set(email, 'EMAIL_ALREADY_EXISTS')
    const execution = open(organization, { name: 'Outside', email })
    await organization.settled()
    expect(execution).toMatchObject({ status: 'FAILED', error: 'EmailAlreadyExistsError' })
    expect(execution.cause).toContain('outside the organization')
    // The other account was closed for good.
    await sfnOf(organization).send(new RedriveExecutionCommand({ executionArn: execution.executionArn }))
    await organization.settled()
    expect(execution).toMatchObject(vended)
  })

  test('the same request again ends as AlreadyInProgress, a different one as RequestOpenError', async () => {
    const email = newEmail()
    const account = { name: 'Once', email }
    const first = open(organization, account)
    const second = open(organization, account)
    const other = open(organization, { ...account, tags: { other: 'tag' } })
    await organization.settled()
    expect(first).toMatchObject(vended)
    expect(second.states.at(-1)?.name).toBe('AlreadyInProgress')
    expect(other).toMatchObject({ status: 'FAILED', error: 'RequestOpenError' })
    const third = open(organization, account)
    await organization.settled()
    expect(third.states.at(-1)?.name).toBe('AlreadyVended')
    expect(accountsWith(organization, email)).toHaveLength(1)
  })

  test.each([
    ['INTERNAL_FAILURE', 'SUCCEEDED'],
    ['GOVCLOUD_ACCOUNT_ALREADY_EXISTS', 'FAILED'],
  ] as const)('a creation that fails with %s: the opening has %s', async (reason, status) => {
    const email = newEmail()
    organization.world.failingCreations.set(email, reason)
    const execution = open(organization, { name: reason, email })
    await organization.settled()
    expect(execution.status).toBe(status)
    if (status === 'SUCCEEDED') return
    expect(execution).toMatchObject({ error: 'AccountCreationFailedError' })
    expect(execution.cause).toContain(reason)
    // Each redrive asks Organizations again.
    await sfnOf(organization).send(new RedriveExecutionCommand({ executionArn: execution.executionArn }))
    await organization.settled()
    expect(execution).toMatchObject(vended)
    expect(accountsWith(organization, email)).toHaveLength(1)
  })
})

describe('several at once', () => {
  let organization: TestOrganization
  beforeAll(async () => void (organization = await anOrganization()))
  afterAll(() => organization.close())

  test('12 openings share the rates of Organizations, and each gets its account', async () => {
    limitRates(organization.world)
    const emails = Array.from({ length: 12 }, newEmail)
    const executions = emails.map((email, i) => open(organization, { name: `Of twelve ${i}`, email }))
    await organization.settled()
    for (const execution of executions)
      expect(execution).toMatchObject({ status: 'SUCCEEDED', output: { outcome: 'Vended' } })
    for (const email of emails) expect(accountsWith(organization, email)).toHaveLength(1)
  })
})

describe('approval: required', () => {
  let organization: TestOrganization
  beforeAll(async () => {
    organization = await anOrganization({
      approval: 'required',
      approvers: ['arn:aws:iam::111122223333:role/approvers'],
    })
  })
  afterAll(() => organization.close())
  const body = () => openRequest.parse({ name: 'Approved', email: newEmail() })
  const start = (asked: OpenRequest, requestId: string) => {
    const { account, ...more } = inputOf(asked)
    return open(organization, account, { ...more, requestId })
  }

  test('nobody goes around it: a manual execution, and one for a request that nobody has approved', async () => {
    const asked = body()
    const manual = open(organization, { name: asked.name, email: asked.email })
    const ledger = ledgerOf(organization)
    const { requestId } = await createRequest(ledger, { body: asked, requestedBy: 'ada', needsApproval: true })
    const unapproved = start(asked, requestId)
    await organization.settled()
    for (const execution of [manual, unapproved])
      expect(execution).toMatchObject({ status: 'FAILED', error: 'ApprovalRequiredError' })
    expect(accountsWith(organization, asked.email)).toEqual([])

    await decideApproval(ledger, requestId, { decision: 'approved', by: 'grace' })
    // The approval is for this request, and for nothing else.
    const other = start({ ...asked, tags: { other: 'tag' } }, requestId)
    const approved = start(asked, requestId)
    await organization.settled()
    expect(other).toMatchObject({ status: 'FAILED', error: 'InvalidInputError' })
    expect(approved).toMatchObject({ status: 'SUCCEEDED', output: { outcome: 'Vended' } })
  })
})

describe('with Control Tower', () => {
  let organization: TestOrganization
  beforeAll(async () => void (organization = await anOrganization({ automatic: 'control-tower' })))
  afterAll(() => organization.close())

  test('an account is moved to its unit, and vended when it is enrolled', async () => {
    const { world } = organization
    world.landingZone = { version: '3.3', status: 'ACTIVE', isEnrolling: true }
    const unit = addOrganizationalUnit(world, { name: 'Registered', isRegistered: true })
    const email = newEmail()
    const execution = open(organization, { name: 'Enrolled', email, ou: 'Registered' })
    await organization.settled()
    expect(execution).toMatchObject({ status: 'SUCCEEDED', output: { outcome: 'Vended' } })
    expect(accountsWith(organization, email)).toMatchObject([{ parentId: unit.id, baseline: { status: 'SUCCEEDED' } }])
    expect(execution.history.map(({ error }) => error)).toContain('AccountNotEnrolledError')
  })
})
