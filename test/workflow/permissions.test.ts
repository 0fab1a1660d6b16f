import { PutItemCommand } from '@aws-sdk/client-dynamodb'
import { RedriveExecutionCommand, SFNClient } from '@aws-sdk/client-sfn'
import { marshall } from '@aws-sdk/util-dynamodb'
import { beforeAll, expect, test, vi } from 'vitest'
import { type LocalOrganization, startOrganization } from '../../local/start-organization.ts'
import { ensureAccount } from '../../local/make-account.ts'
import { vend } from '../../local/vend-input.ts'
import { addAccount, addGroup, addOrganizationalUnit, addUser, createWorld } from '../../local/aws/world.ts'
import { AwsError } from '../../local/aws/aws-error.ts'
import { bundleTogether } from '../simulation/bundle.ts'
import { configs, type Plan } from '../simulation/plan.ts'
import { loadTogether } from '../simulation/service.ts'
import { runWorld } from '../simulation/run-world.ts'
import { accountCreated, accountCreationFailed, managedAccount } from '../support/events.ts'
import { type Document, isAllowed, referenceOf, type Statement } from '../support/iam-evaluator.ts'
import { type Asked, dependentOn, requestsOf } from '../support/iam-requests.ts'
import { readMemberAccountTemplate } from '../support/member-account.ts'
import { claimOf, postLink, scalarIn } from '../support/link.ts'
import { aFinding, aGoneFinding, aLook, putLook } from '../support/looks.ts'
import { ledgerOf, vendingFile } from '../support/organization.ts'
import { lookKey } from '../../functions/shared/look.ts'
import { createRequest, readIntent } from '../../functions/shared/opening.ts'
import { openRequest, requestTag } from '../../functions/shared/new-account.ts'
import { parseInput } from '../../functions/shared/parse.ts'
import { arnIn, packagedTemplate, type Packaged, resolveIn } from '../support/packaged.ts'

// Compares every role, session policy and resource policy with the recorded calls: the policies must allow every
// call, must allow nothing else, and must deny what is dangerous. An evaluator of IAM policies decides.

// The scenarios below make every call already. The worlds make the calls with more values.
const worlds = 30
// All worlds have these two optional settings, so one packaged template fits all worlds.
const vending = { accessRole: 'OrganizationAccountAccessRole', configurationSet: 'account-vending' }
const here = createWorld()
const { managementAccountId, organizationId } = here

const asked = new Map<string, Asked>()
const ask = (...requests: Asked[]) => requests.forEach((request) => asked.set(JSON.stringify(request), request))
let service: Packaged

/** Policies of the packaged template: `identity` by the names of the roles in it, `resource` by ARN. */
type Deployed = { identity: Record<string, Document>; resource: Record<string, Document> }
let deployed: Deployed
/** The roles of the functions, by the names of the functions. */
let roles: Map<string, string>
const roleOf = (by: string) => roles.get(by) ?? by

const administratorAccess: Document = {
  Version: '2012-10-17',
  Statement: [{ Effect: 'Allow', Action: '*', Resource: '*' }],
}
const person = `arn:aws:iam::${managementAccountId}:role/platform-team`

// The calls

const scenarios = async () => {
  const refusing = new Set<string>()
  /** Names of new accounts for which CreateAccount's answer is lost. */
  const losing = new Set(['Lost'])
  let failingRound: string | undefined
  const organization = await startOrganization({
    vendingFile: vendingFile({
      ...vending,
      protected: { accounts: [], organizationalUnits: ['ou-exam-security'] },
      mfa: 'required',
      rootCredentials: 'audit',
      passwordPolicy: { minimumPasswordLength: 14 },
      groups: [
        {
          name: 'Administrators',
          policies: ['AdministratorAccess'],
          inline: {
            'no-keys': {
              Version: '2012-10-17',
              Statement: [{ Effect: 'Deny', Action: 'iam:CreateAccessKey', Resource: '*' }],
            },
          },
        },
      ],
    }),
    speed: 300,
    intercept: (interception) => {
      const { operation, caller } = interception
      // A call without a function is the local organization's own: it creates the ledger.
      if (!caller.function) return
      ask(...requestsOf(interception, organization.world))
      if (operation === 'UpdateItem' && refusing.delete(caller.function))
        throw new AwsError('ConditionalCheckFailedException', 'The conditional request failed')
      if (operation === failingRound) throw new AwsError('ValidationException', 'The service has changed')
      if (operation === 'CreateAccount' && losing.delete(String(interception.input['AccountName'])))
        return () => {
          throw new AwsError('InternalFailure', 'The answer is lost', 500)
        }
    },
  })
  const { world } = organization
  const account = (id: string) => {
    ensureAccount(organization, id, `a${id}`)
    return world.accounts.get(id)!
  }
  const manual = (accountId: string, more: object = {}) =>
    vend(organization, { door: 'manual', input: JSON.stringify({ accountId, ...more }) })

  // Nobody sends this account's event. After an hour, the sweep finds the account.
  const missed = world.now()
  Object.assign(account('700000000006'), { joinedAt: missed, parentId: 'ou-exam-workload' })

  account('700000000001')
  await vend(organization, { door: 'event', event: accountCreated('700000000001') })
  await vend(organization, { door: 'event', event: accountCreationFailed('EMAIL_ALREADY_EXISTS') })
  // A vend that fails in the middle, the same vend again, and a secret that was scheduled for deletion.
  const failing = account('700000000002')
  failing.parentId = 'ou-exam-workload'
  // The rules of Control Tower are disabled here, and the function is the same.
  for (const rule of organization.deployed.rules) if (rule.name.endsWith('UpdateFailedRule')) rule.enabled = true
  await vend(organization, { door: 'event', event: managedAccount('700000000002', 'Update', 'FAILED') })
  failing.deniedActions = ['iam:CreateUser']
  await manual('700000000002')
  const failed = [...organization.executions.values()].at(-1)
  // The same failure again is a mail in the thread of the first mail.
  const credentials = { accessKeyId: managementAccountId, secretAccessKey: 'local' }
  const sfn = new SFNClient({ endpoint: organization.endpointUrl, region: 'us-east-1', credentials })
  await sfn.send(new RedriveExecutionCommand({ executionArn: failed?.executionArn }))
  await organization.settled()
  failing.deniedActions = []
  await manual('700000000002')
  const secret = world.secrets.get('account-vending/700000000002/administrator')
  if (secret) secret.deletionAt = world.now() + 7 * 24 * 60 * 60 * 1000
  await manual('700000000002', { again: true })
  // A customer-managed policy of the account, for a user, by its ARN.
  const own = 'arn:aws:iam::700000000002:policy/own'
  failing.policies.set(own, { name: 'own', document: JSON.stringify(administratorAccess) })
  // SES tells of a mail that bounced, and of others that were delivered.
  world.refusingAddresses.add('ada@example.com')
  await manual('700000000002', { admins: [{ userName: 'ada', email: 'ada@example.com', policies: [own] }] })
  await handover(organization)
  // For each step, the condition of one write fails, so that the step reads the record to find out why.
  for (const { name } of organization.deployed.functions) refusing.add(name)
  account('700000000008')
  await manual('700000000008')
  for (const name of ['open-account', 'await-account', 'place-account']) {
    refusing.clear()
    refusing.add(name)
    await open(organization, { name: `Refused to ${name}`, email: `${name}@example.com` })
  }
  refusing.clear()
  // A user who is kept, and the API with an idempotency key.
  const kept = account('700000000003')
  kept.parentId = 'ou-exam-workload'
  addUser(world, kept, { name: 'Administrator' })
  for (let times = 0; times < 2; times++)
    await vend(organization, {
      door: 'api',
      request: {
        method: 'POST',
        path: '/accounts/700000000003/admins',
        headers: { 'idempotency-key': 'k' },
        body: '{}',
      },
    })
  account('700000000004')
  for (const id of ['700000000004', '700000000002'])
    await vend(organization, {
      door: 'api',
      request: { method: 'GET', path: `/accounts/${id}`, headers: {}, body: '' },
    })
  await vend(organization, {
    door: 'api',
    request: { method: 'POST', path: '/accounts/700000000002/admins/grace/link', headers: {}, body: '' },
  })
  const body = '{"name":"Asked for","email":"asked-for@example.com"}'
  await vend(organization, { door: 'api', request: { method: 'POST', path: '/accounts', headers: {}, body } })
  await openings(organization)
  await removals(organization)
  // The condition of one write fails, so that the step reads the record to find out why.
  refusing.add('remove-administrators')
  await manual('700000000003', { remove: { what: 'sign-in' } })
  // Two events at the same moment. One execution asks whether the other execution is still running.
  account('700000000005')
  organization.putEvent(accountCreated('700000000005'))
  organization.putEvent(accountCreated('700000000005'))
  await organization.settled()

  // An account whose failure is reported again, and an account that is closed.
  account('700000000007').deniedActions = ['iam:CreateUser']
  await manual('700000000007')
  world.accounts.get('700000000001')!.state = 'CLOSED'
  await forgottenRequests(organization)
  const wait = missed + 61 * 60 * 1000 - world.now()
  await new Promise((resolve) => setTimeout(resolve, wait / organization.clock.speed))
  const found = aLook([aFinding()], { accountId: '700000000002', gone: { 'group-gone#old': aGoneFinding() } })
  await putLook(ledgerOf(organization), found)
  // The account that is closed.
  await putLook(ledgerOf(organization), aLook([], { accountId: '700000000001' }))
  await organization.round()
  // A round that fails.
  failingRound = 'Scan'
  await organization.round()
  failingRound = undefined
  await organization.settled()
  await followUps(organization)
  await organization.close()
}

/** Days pass: an administrator is reminded and gets a new link, and the secret of another one has served. */
const followUps = async (organization: LocalOrganization) => {
  const { world, clock } = organization
  const accountId = '700000000009'
  ensureAccount(organization, accountId, 'Followed up')
  const admins = ['late', 'settled'].map((userName) => ({ userName, email: `${userName}@example.com` }))
  await vend(organization, { door: 'manual', input: JSON.stringify({ accountId, admins }) })
  const { users } = world.accounts.get(accountId)!
  const { login } = users.get('settled')!
  Object.assign(users.get('settled')!, { passwordLastUsed: world.now(), login: { ...login, resetRequired: false } })
  for (const days of [2, 6]) {
    clock.pass(days * 24 * 60 * 60 * 1000)
    const seen = { isThere: true, hasLoginProfile: true, hasSignedIn: false, mustChangePassword: true, hasMfa: false }
    const Item = marshall({
      pk: lookKey(accountId),
      at: new Date(world.now()).toISOString(),
      admins: { late: seen, settled: { ...seen, hasSignedIn: true, mustChangePassword: false } },
      findings: {},
      gone: {},
    })
    const { dynamodb, tableName } = ledgerOf(organization)
    await dynamodb.send(new PutItemCommand({ TableName: tableName, Item }))
    await organization.round()
    await organization.settled()
  }
}

const open = (organization: LocalOrganization, account: { name: string; email: string }, more: object = {}) =>
  vend(organization, { door: 'manual', input: JSON.stringify({ account: { ...account, ...more } }) })

/** Accounts that are opened: one in a unit that is named by its path, and one in a unit that is named by its id. */
const openings = async (organization: LocalOrganization) => {
  const { world } = organization
  const unit = addOrganizationalUnit(world, { name: 'Workload' })
  const sandbox = addOrganizationalUnit(world, { name: 'Sandbox', parentId: unit.id })
  world.trustedServices.add('account.amazonaws.com')
  const contact = { name: 'Ada', title: 'CFO', email: 'ada@example.com', phone: '1' }
  await open(
    organization,
    { name: 'Named by its path', email: 'path@example.com' },
    { ou: 'Workload/Sandbox', tags: { a: 'b' }, alternateContacts: { billing: contact } },
  )
  // The answer of CreateAccount is lost, and the address belongs to an account that nobody has asked for.
  await open(organization, { name: 'Lost', email: 'lost@example.com' }, { ou: sandbox.id })
  addAccount(world, { id: '700000000011', email: 'taken@example.com' })
  await open(organization, { name: 'Taken', email: 'taken@example.com' })
  // An earlier request for the address has opened an account whose vend has failed.
  const refused = { name: 'Refused', email: 'refused@example.com' }
  world.failingCreations.set(refused.email, 'GOVCLOUD_ACCOUNT_ALREADY_EXISTS')
  await open(organization, refused)
  const intent = await readIntent(ledgerOf(organization), refused.email)
  const earlier = addAccount(world, { id: '700000000012', ...refused })
  earlier.tags[requestTag] = intent?.requestId ?? ''
  earlier.deniedActions = ['iam:CreateUser']
  await vend(organization, { door: 'manual', input: '{"accountId":"700000000012"}' })
  earlier.deniedActions = []
  // Functions of the failed execution may be at work for 90 seconds.
  await new Promise((resolve) => setTimeout(resolve, 91_000 / organization.clock.speed))
  const opened = await open(organization, refused)
  expect(opened.execution?.output).toMatchObject({ outcome: 'Vended', accountId: '700000000012' })
}

/**
 * A request that nobody has decided about for 8 days, an accepted request that no execution carries out, and a request
 * about which no approver was mailed.
 */
const forgottenRequests = async (organization: LocalOrganization) => {
  const forgotten = [
    { name: 'Undecided', needsApproval: true, days: 8 },
    { name: 'Unstarted', needsApproval: false, days: 8 },
    { name: 'Unmailed', needsApproval: true, days: 1 },
  ]
  // The organization's clock would run on the time that is set here.
  const now = organization.world.now()
  for (const { name, needsApproval, days } of forgotten) {
    vi.useFakeTimers({ now: now - days * 24 * 60 * 60 * 1000, toFake: ['Date'] })
    const body = parseInput(openRequest, { name, email: `${name}@example.com` })
    await createRequest(ledgerOf(organization), { body, requestedBy: person, needsApproval })
  }
  vi.useRealTimers()
}

/** Administrators who are removed: all that they can have, in groups of ours and of others. */
const removals = async (organization: LocalOrganization) => {
  const { world } = organization
  const accountId = '700000000013'
  ensureAccount(organization, accountId, `a${accountId}`)
  const account = world.accounts.get(accountId)!
  const manual = (input: object) =>
    vend(organization, { door: 'manual', input: JSON.stringify({ accountId, ...input }) })
  const inline = { own: { Version: '2012-10-17', Statement: { Effect: 'Allow', Action: 's3:*', Resource: '*' } } }
  await manual({
    admins: ['ada', 'grace'].map((userName) => ({
      userName,
      email: `${userName}@example.com`,
      policies: ['ReadOnlyAccess'],
    })),
    groups: [{ name: 'Readers', policies: ['ReadOnlyAccess'], inline }],
  })
  await manual({ admins: [{ userName: 'ada', email: 'ada@example.com', groups: ['Administrators'] }] })
  const ada = account.users.get('ada')!
  ada.groups.add(addGroup(world, account, { name: 'Auditors' }))
  ada.inline.set('own', JSON.stringify(inline.own))
  ada.accessKeys.set('AKIAADA', { createdAt: 0 })
  for (const kind of ['signing certificate', 'SSH public key', 'service-specific credential'] as const)
    ada.otherCredentials[kind].add('own')
  const serialNumber = `arn:aws:iam::${accountId}:mfa/ada`
  account.mfaDevices.set(serialNumber, { serialNumber, createdAt: 0, user: ada, enabledAt: 0 })
  await manual({ remove: { what: 'sign-in', userName: 'grace' } })
  const { execution } = await manual({ remove: { what: 'everything', lastWayIn: true } })
  expect(execution?.output).toMatchObject({
    outcome: 'Removed',
    groups: expect.arrayContaining(['Administrators', 'Readers']) as unknown,
  })
}

/** An organization with Control Tower, which enrols accounts. What its functions call is asked about. */
const withControlTower = async (overrides: object = {}) => {
  const organization: LocalOrganization = await startOrganization({
    vendingFile: vendingFile({ ...vending, automatic: 'control-tower', ...overrides }),
    speed: 300,
    intercept: (interception) => {
      if (interception.caller.function) ask(...requestsOf(interception, organization.world))
    },
  })
  organization.world.landingZone = { version: '3.3', status: 'ACTIVE', isEnrolling: true }
  return organization
}

/** With Control Tower, an opening waits until the account is enrolled. */
const openingWithControlTower = async () => {
  const organization = await withControlTower()
  const { world } = organization
  const unit = addOrganizationalUnit(world, { name: 'Registered', isRegistered: true })
  const { execution } = await open(organization, { name: 'Enrolled', email: 'enrolled@example.com' }, { ou: unit.id })
  // Control Tower replaces the access role, and the templates of this test name the role of Organizations.
  expect(execution?.states.map(({ name }) => name)).toContain('CreateAdminGroup')
  await organization.close()
}

/** Requests for new accounts through the API. Requesters may ask for one account a day, and all need approval. */
const requestsByApi = async () => {
  const organization = await withControlTower({
    approval: 'required',
    approvers: [`arn:aws:iam::${managementAccountId}:role/approvers`],
    requests: { organizationalUnits: ['Registered/Inner'], maxPerDay: 1 },
  })
  const { world } = organization
  const unit = addOrganizationalUnit(world, { name: 'Registered', isRegistered: true })
  const inner = addOrganizationalUnit(world, { name: 'Inner', parentId: unit.id, isRegistered: true })
  const document = { Version: '2012-10-17', Statement: [{ Effect: 'Allow' as const, Action: ['*'], Resource: ['*'] }] }
  world.serviceControlPolicies = [{ id: 'p-allowall001', name: 'AllowAll', document, targets: [inner.id] }]
  type Role = Parameters<LocalOrganization['requestApi']>[1]
  const send = async (
    method: string,
    path: string,
    role: Role,
    body?: object,
    headers: Record<string, string> = {},
  ) => {
    const text = body ? JSON.stringify(body) : ''
    const answer = await organization.requestApi({ method, path, headers, body: text }, role)
    return { ...answer, path: answer.headers['location'] ?? '' }
  }
  const account = (name: string, ou: string) => ({ name, email: `${name}@example.com`, ou })
  const key = { 'idempotency-key': 'one' }
  // The service counts the requests of a day: no midnight may come between these.
  const day = 24 * 60 * 60 * 1000
  organization.clock.pass(day - (organization.clock.now() % day))
  const asked = await send('POST', '/accounts', 'requester', account('first', 'Registered/Inner'), key)
  await send('POST', '/accounts', 'requester', account('first', 'Registered/Inner'), key)
  const second = await send('POST', '/accounts', 'requester', account('second', 'Registered/Inner'))
  const byOperator = await send('POST', '/accounts', 'operator', account('third', inner.id))
  expect([asked, second, byOperator].map(({ status }) => status)).toEqual([202, 429, 202])
  for (let times = 0; times < 2; times++)
    expect((await send('POST', `${asked.path}/approval`, 'approver', { decision: 'approve' })).status).toBe(200)
  await organization.settled()
  expect((await send('GET', asked.path, 'requester')).body).toContain('"accountId":')
  expect((await send('GET', '/accounts', 'operator')).status).toBe(200)
  await organization.close()
}

/** The link of an administrator: a try with wrong digits, a claim, and a visitor who says that it was not they. */
const handover = async (organization: LocalOrganization) => {
  const link = async (admins: object[]) => {
    const input = JSON.stringify({ accountId: '700000000002', admins })
    const { mails } = await vend(organization, { door: 'manual', input })
    return claimOf(scalarIn(mails.at(-1)?.text ?? ''), '700000000002')
  }
  const claim = await link([{ userName: 'grace', email: 'grace@example.com' }])
  await postLink(organization.apiUrl, '/link/claim', { ...claim, digits: '0000' })
  await postLink(organization.apiUrl, '/link/claim', claim)
  await postLink(organization.apiUrl, '/link/disown', claim)
  await organization.settled()
  await vend(organization, {
    door: 'manual',
    input: JSON.stringify({ accountId: '700000000002', renew: 'grace' }),
  })
  await organization.settled()
}

const simulations = async () => {
  const files = Object.fromEntries(
    Object.entries(configs).map(([name, config]) => [name, vendingFile({ ...config, ...vending })]),
  ) as Record<Plan['config'], string>
  const services = loadTogether(files, await bundleTogether(files))
  for (let seed = 1; seed <= worlds; seed++)
    await runWorld(services, seed, { onCall: (interception, world) => ask(...requestsOf(interception, world)) })
}

// The deployment

const ofType = (type: string) => Object.entries(service.resources).filter(([, { Type }]) => Type === type)
const resolved = <T>(value: unknown) => resolveIn(service, value) as T
const functions = () =>
  ofType('AWS::Lambda::Function').map(([id, { Properties }]) => ({
    id,
    name: (Properties['Handler'] as string).split('/')[1] ?? '',
    log: `/aws/lambda/${Properties['FunctionName'] as string}`,
    role: (Properties['Role'] as { 'Fn::GetAtt': string[] })['Fn::GetAtt'][0] ?? '',
    arn: arnIn(service, id),
    hasDestination: `${id.replace('LambdaFunction', '')}LambdaEvConf` in service.resources,
  }))

const readDeployed = (): Deployed => {
  const roles = ofType('AWS::IAM::Role').map(([id, { Properties }]) => ({
    id,
    ...resolved<{ Policies?: { PolicyDocument: Document }[]; AssumeRolePolicyDocument: Document }>(Properties),
  }))
  const merged = (documents: Document[]) => ({
    Version: '2012-10-17',
    Statement: documents.flatMap(({ Statement }) => Statement),
  })
  // infra/member-account/access-role.yml: the default role of every member account has the same policy.
  const { Resources } = readMemberAccountTemplate({ ManagementAccountId: managementAccountId, RoleName: 'any' })
  const invoked = Map.groupBy(ofType('AWS::Lambda::Permission'), ([, { Properties }]) =>
    resolved<string>(Properties['FunctionName']),
  )
  return {
    identity: Object.fromEntries(
      roles.map(({ id, Policies = [] }) => [id, merged(Policies.map(({ PolicyDocument }) => PolicyDocument))]),
    ),
    resource: {
      ...Object.fromEntries(
        roles.map(({ id, AssumeRolePolicyDocument }) => [arnIn(service, id), AssumeRolePolicyDocument]),
      ),
      ...Object.fromEntries(
        ofType('AWS::KMS::Key').map(([id, { Properties }]) => [
          arnIn(service, id),
          resolved<Document>(Properties['KeyPolicy']),
        ]),
      ),
      [arnIn(service, 'DeadLetters')]: resolved<Document>(
        service.resources['DeadLettersPolicy']?.Properties['PolicyDocument'],
      ),
      accessRole: Resources.AccessRole.Properties.AssumeRolePolicyDocument,
      ...Object.fromEntries(
        [...invoked].map(([arn, permissions]) => [
          arn,
          merged(
            permissions.map(([, { Properties }]) => invocation(arn, resolved<Record<string, string>>(Properties))),
          ),
        ]),
      ),
    },
  }
}

/** The statement that a Lambda permission becomes. */
const invocation = (
  arn: string,
  { Action = '', Principal = '', SourceArn, SourceAccount }: Record<string, string>,
) => ({
  Version: '2012-10-17',
  Statement: [
    {
      Effect: 'Allow',
      Principal: { Service: Principal },
      Action,
      Resource: arn,
      Condition: {
        ...(SourceArn && { ArnLike: { 'AWS:SourceArn': SourceArn } }),
        ...(SourceAccount && { StringEquals: { 'AWS:SourceAccount': SourceAccount } }),
      },
    } satisfies Statement,
  ],
})

/** Asks for what needs no call of a function: the calls of AWS's services and of people. */
const askWithoutCalls = () => {
  const own = { accountId: managementAccountId, context: {} }
  for (const { name: by, log, hasDestination, role } of functions()) {
    ask(...dependentOn(here, 'a function', { by, log }))
    if (hasDestination) ask(...dependentOn(here, 'a function with a destination', { by }))
    ask({ ...own, by: 'lambda.amazonaws.com', action: 'sts:AssumeRole', resource: arnIn(service, role) })
  }

  // Step Functions
  for (const [machine, by] of [
    ['VendAccount', 'WorkflowRole'],
    ['DailyRound', 'RoundRole'],
  ] as const) {
    const definition = JSON.stringify(resolved(service.resources[machine]?.Properties['DefinitionString']))
    for (const { arn } of functions().filter(({ arn }) => definition.includes(`${arn}\\"`)))
      ask({ ...own, by, action: 'lambda:InvokeFunction', resource: arn })
    ask(...dependentOn(here, 'the workflow', { by }))
  }
  const ofThisAccount = { 'aws:SourceAccount': managementAccountId }
  for (const [by, role] of [
    ['states.amazonaws.com', 'WorkflowRole'],
    ['states.amazonaws.com', 'RoundRole'],
    ['events.amazonaws.com', 'StartVendRole'],
    ['events.amazonaws.com', 'StartRoundRole'],
  ] as const)
    ask({ ...own, by, action: 'sts:AssumeRole', resource: arnIn(service, role), context: ofThisAccount })

  // EventBridge
  for (const [rule, { Properties }] of ofType('AWS::Events::Rule')) {
    const from = { by: 'events.amazonaws.com', context: { ...ofThisAccount, 'aws:SourceArn': arnIn(service, rule) } }
    ask({ ...own, ...from, action: 'sqs:SendMessage', resource: arnIn(service, 'DeadLetters') })
    for (const { Arn, RoleArn } of resolved<{ Arn: string; RoleArn?: string }[]>(Properties['Targets'])) {
      if (RoleArn) ask({ ...own, by: RoleArn.replace(/.*\//, ''), action: 'states:StartExecution', resource: Arn })
      else ask({ ...own, ...from, action: 'lambda:InvokeFunction', resource: Arn })
    }
  }

  // Logs, and alarms on their way to a person
  for (const [id] of ofType('AWS::Logs::LogGroup'))
    ask(
      ...dependentOn(here, 'a log group', {
        by: logs,
        context: { [logOfKey]: arnIn(service, id).replace(/:\*$/, '') },
      }),
    )
  ask(...dependentOn(here, 'an alarm', { by: 'cloudwatch.amazonaws.com', context: ofThisAccount }))

  // The API and people
  for (const { RouteKey, Target } of ofType('AWS::ApiGatewayV2::Route').map(
    ([, { Properties }]) =>
      Properties as { RouteKey: string; Target: { 'Fn::Join': [string, [string, { Ref: string }]] } },
  )) {
    const integration = service.resources[Target['Fn::Join'][1][1].Ref]
    ask({
      by: 'apigateway.amazonaws.com',
      accountId: managementAccountId,
      action: 'lambda:InvokeFunction',
      resource: resolved<string>(integration?.Properties['IntegrationUri']),
      context: { 'aws:SourceArn': route(RouteKey) },
    })
  }
  const mayInvoke: Record<string, string[]> = {
    OperatorRole: [
      'POST /accounts/{accountId}/admins',
      'POST /accounts/{accountId}/admins/{userName}/link',
      'POST /accounts',
      'GET /accounts',
      'GET /accounts/{accountId}',
      'GET /requests/{requestId}',
    ],
    RequesterRole: ['POST /accounts', 'GET /accounts/{accountId}', 'GET /requests/{requestId}'],
    ApproverRole: ['GET /requests/{requestId}', 'POST /requests/{requestId}/approval'],
  }
  const routes = ofType('AWS::ApiGatewayV2::Route').map(
    ([, { Properties }]) => Properties as { RouteKey: string; AuthorizationType: string },
  )
  const open = routes.filter(({ AuthorizationType }) => AuthorizationType !== 'AWS_IAM').map(({ RouteKey }) => RouteKey)
  expect(open.sort()).toEqual(['GET /link', 'HEAD /link', 'POST /link/claim', 'POST /link/disown'])
  const keys = routes.map(({ RouteKey }) => RouteKey).filter((key) => !open.includes(key))
  expect(keys.sort()).toEqual([...new Set(Object.values(mayInvoke).flat())].sort())
  for (const [by, keys] of Object.entries(mayInvoke))
    for (const key of keys) ask({ ...own, by, action: 'execute-api:Invoke', resource: route(key) })
  ask({ ...own, by: person, action: 'sts:AssumeRole', resource: arnIn(service, 'OperatorRole') })
  ask(...dependentOn(here, 'secretsmanager:GetSecretValue', { by: person }))
}

const logs = `logs.${here.region}.amazonaws.com`
const logOfKey = 'kms:EncryptionContext:aws:logs:arn'
const route = (key: string, api = 'local/$default') =>
  `arn:aws:execute-api:${here.region}:${managementAccountId}:${api}/${key.replace(' /', '/').replace('{accountId}', '700000000001')}`

beforeAll(async () => {
  // Packaging runs in its own process, so this process can run the simulated worlds at the same time.
  ;[service] = await Promise.all([
    packagedTemplate({ ...vending }),
    scenarios(),
    openingWithControlTower(),
    requestsByApi(),
  ])
  await simulations()
  deployed = readDeployed()
  roles = new Map(functions().map(({ name, role }) => [name, role]))
  askWithoutCalls()
})

// The decisions of IAM

/** The access role has the same policy in every member account. */
const resourcePolicyOf = ({ action, accountId, resource }: Asked) =>
  action === 'sts:AssumeRole' && accountId !== managementAccountId ? 'accessRole' : resource

/**
 * With central root access, a member account lets the management account in, and has no policy that says so. The
 * evaluator wants a policy on both sides.
 */
const centralRootAccess: Document = {
  Version: '2012-10-17',
  Statement: [{ Effect: 'Allow', Principal: { AWS: managementAccountId }, Action: 'sts:AssumeRoot' }],
}

const allows = async (request: Asked, { identity, resource }: Deployed = deployed) => {
  const { by, action, accountId, session } = request
  const role = roleOf(by)
  const isPerson = by.startsWith('arn:')
  const principal =
    session?.principal ??
    (isPerson || by.includes('.') ? by : `arn:aws:sts::${managementAccountId}:assumed-role/${role}/${by}`)
  return isAllowed(
    {
      ...request,
      principal,
      resource: (await referenceOf(action)).knowsNoResource ? '*' : request.resource,
      context: {
        'aws:PrincipalArn': principal.replace(/:sts:(.*):assumed-role\/([^/]+)\/.*/, ':iam:$1:role/$2'),
        'aws:PrincipalOrgID': organizationId,
        'aws:ResourceOrgID': organizationId,
        'aws:ResourceAccount': accountId,
        ...request.context,
      },
    },
    {
      identity: session || isPerson ? [administratorAccess] : [identity[role] ?? []].flat(),
      session: session?.policy,
      resource: action === 'sts:AssumeRoot' ? centralRootAccess : resource[resourcePolicyOf(request)],
    },
  )
}
const told = ({ by, action, resource, context }: Asked) =>
  `${by} ${action} ${resource} ${Object.entries(context)
    .map(([key, value]) => `${key}=${[value].flat().join()}`)
    .join(' ')}`
/** The requests that IAM decides otherwise than wanted: the first request of each caller and action. */
const not = async (wanted: boolean, requests: Asked[]) => {
  const wrong = new Map<string, string>()
  for (const request of requests) {
    const of = `${request.by} ${request.action}`
    if (!wrong.has(of) && (await allows(request)) !== wanted) wrong.set(of, told(request))
  }
  return [...wrong.values()]
}

const all = () => [...asked.values()]

test('every call is allowed', async () => {
  expect(await not(true, all())).toEqual([])
})

test('roles have only their own inline policies', () => {
  const policies = Object.entries(service.resources).filter(([, { Type }]) => /^AWS::IAM::.*Policy$/.test(Type))
  expect(policies).toEqual([])
  for (const [id, { Properties }] of ofType('AWS::IAM::Role'))
    expect(Object.keys(Properties), id).not.toContain('ManagedPolicyArns')
})

/** A copy of a document in which one statement no longer allows an action, or not on one resource. */
const leaveOut = ({ Version, Statement }: Document, i: number, action: string, resource?: string): Document => ({
  Version,
  Statement: Statement.flatMap((statement, n) => {
    if (n !== i) return [statement]
    const others = [statement.Action].flat().filter((one) => one !== action)
    const resources = [statement.Resource ?? []].flat().filter((one) => one !== resource)
    return [
      ...(others.length ? [{ ...statement, Action: others }] : []),
      ...(resources.length ? [{ ...statement, Action: [action], Resource: resources }] : []),
    ]
  }),
})

/** Whether a pattern covers an action. As in AWS's guides, key policies have wildcards; the roles' policies do not. */
const covers = (pattern: string, action: string) =>
  pattern === action || (pattern.endsWith('*') && action.startsWith(pattern.slice(0, -1)))

const unneededIn = async (document: Document, changed: (document: Document) => Deployed, requests: Asked[]) => {
  const unneeded: string[] = []
  for (const [i, { Sid, Action, Resource }] of document.Statement.entries()) {
    // Those who administer keys do not belong to this service.
    if (Sid === 'Administration') continue
    for (const action of [Action].flat())
      for (const resource of Resource ? [Resource].flat() : [undefined]) {
        const without = changed(leaveOut(document, i, action, resource))
        let isNeeded = false
        for (const request of requests)
          if (!isNeeded && covers(action, request.action)) isNeeded = !(await allows(request, without))
        if (!isNeeded) unneeded.push(`${Sid ?? i}: ${action} on ${resource ?? 'itself'}`)
      }
  }
  return unneeded
}

test('nothing unnecessary is allowed: without any one action on a resource, some call is denied', async () => {
  const unneeded: Record<string, string[]> = {}
  const { identity, resource } = deployed
  for (const [role, document] of Object.entries(identity))
    unneeded[role] = await unneededIn(
      document,
      (changed) => ({ resource, identity: { ...identity, [role]: changed } }),
      all().filter(({ by, session }) => !session && roleOf(by) === role),
    )
  for (const [arn, document] of Object.entries(resource)) {
    // Nobody may assume these roles until vending.yml names somebody.
    if (/\/(Requester|Approver)Role$/.test(arn)) continue
    unneeded[arn] = await unneededIn(
      document,
      (changed) => ({ identity, resource: { ...resource, [arn]: changed } }),
      all().filter((request) => !request.session && resourcePolicyOf(request) === arn),
    )
  }
  expect(Object.entries(unneeded).filter(([, parts]) => parts.length)).toEqual([])
})

test('a session policy allows only what its function calls in some session', () => {
  const inSessions = all().filter(({ session }) => session)
  for (const by of entering) {
    const own = inSessions.filter((request) => request.by === by)
    const called = new Set(own.map(({ action }) => action))
    const allowed = new Set(
      own.flatMap(({ session }) => session!.policy.Statement.flatMap(({ Action }) => [Action].flat())),
    )
    expect([...allowed].sort()).toEqual([...called].sort())
  }
})

test('a session of the daily round may only read: the evaluator knows each of its actions as reading', async () => {
  const policies = all().flatMap(({ by, session }) => (by === 'look-at-accounts' && session ? [session.policy] : []))
  expect(policies.length).toBeGreaterThan(0)
  const actions = new Set(
    policies.flatMap(({ Statement }) =>
      Statement.flatMap(({ Effect, Action }) => {
        expect(Effect).toBe('Allow')
        return Action
      }),
    ),
  )
  const changing: string[] = []
  for (const action of actions) if (!(await referenceOf(action)).onlyReads) changing.push(action)
  expect(changing).toEqual([])
})

test('every action names its resource if AWS supports that; in a session policy, actions that only read need not', async () => {
  const wide = async (where: string, { Statement }: Document, mayReadAll: boolean) => {
    const found: string[] = []
    for (const { Action, Resource } of Statement)
      for (const action of [Action].flat()) {
        expect(action, where).not.toContain('*')
        const { knowsNoResource, onlyReads } = await referenceOf(action)
        if ([Resource].flat().includes('*') && !knowsNoResource && !(mayReadAll && onlyReads))
          found.push(`${where} ${action}`)
      }
    return found
  }
  const found: string[] = []
  for (const [role, document] of Object.entries(deployed.identity)) found.push(...(await wide(role, document, false)))
  // A session policy has at most 2,048 characters, which is too few to list each read.
  for (const { by, session } of all()) if (session) found.push(...(await wide(by, session.policy, true)))
  expect([...new Set(found)]).toEqual([])
})

const elsewhere = '999999999999'
const ofAnotherName = ({ resource }: Asked) => resource.replace(/^(?:[^:]*:){5}(?:[\w-]+[:/])?/, '$&another-')

test('the same call for a resource with another name or in another account is denied', async () => {
  const others: Asked[] = []
  for (const request of all()) {
    const { by, action, resource, session } = request
    const { knowsNoResource, onlyReads } = await referenceOf(action)
    // This service does not decide what people may do elsewhere.
    if (knowsNoResource || (session && onlyReads) || by === person) continue
    // A root user has no other name. The table below denies the root users of other accounts.
    if (action === 'sts:AssumeRoot') continue
    // The service may vend any account of the organization. Conditions and the table below limit these calls.
    if (!/^(organizations|account|controltower):/.test(action))
      others.push({ ...request, resource: ofAnotherName(request) })
    if (action !== 'sts:AssumeRole')
      others.push({ ...request, resource: resource.replace(/:\d{12}:/, `:${elsewhere}:`), accountId: elsewhere })
  }
  expect(await not(false, others)).toEqual([])
})

// Requests that must be denied: allowed requests with one thing wrong.

const own = (service: string, resource: string) =>
  `arn:aws:${service}:${here.region}:${managementAccountId}:${resource}`
type Wrong = { [Part in keyof Asked]?: Asked[Part] | undefined }
/** Changes a request's resource in one place. */
const at = (pattern: RegExp, text: string) => (request: Asked) => {
  const resource = request.resource.replace(pattern, text)
  expect(resource).not.toBe(request.resource)
  return { resource }
}
const itself = (wrong: Wrong) => () => wrong
const under = (context: Asked['context']) => (request: Asked) => ({ context: { ...request.context, ...context } })

const secrets: [string, string][] = [
  ['store-password', 'secretsmanager:CreateSecret'],
  ['store-password', 'secretsmanager:DescribeSecret'],
  ['store-password', 'secretsmanager:PutSecretValue'],
  ['store-password', 'secretsmanager:RestoreSecret'],
  ['store-password', 'secretsmanager:TagResource'],
  ['create-admin-user', 'secretsmanager:GetSecretValue'],
  ['sweep', 'secretsmanager:DeleteSecret'],
  ['seal-password', 'secretsmanager:GetSecretValue'],
  ['follow-up', 'secretsmanager:DescribeSecret'],
  ['follow-up', 'secretsmanager:DeleteSecret'],
  ['remove-administrators', 'secretsmanager:DescribeSecret'],
  ['remove-administrators', 'secretsmanager:DeleteSecret'],
]
const mailing = [
  ...['request-account', 'send-login-email', 'report-failure', 'report-claim', 'record-mail-event', 'sweep'],
  ...['follow-up', 'report-round'],
]
const entering = ['create-admin-group', 'create-admin-user', 'look-at-accounts', 'remove-administrators']
const writingLedger = [
  'accept-request',
  'store-password',
  'record-vended',
  'remove-administrators',
  'report-failure',
  'sweep',
  'report-round',
]
const noting = ['request-admins', 'report-failure', 'report-claim', 'tell-subscribers', 'sweep', 'report-round']
/** Every function that reads or writes single items, with its own kinds of items. */
const itemsOf: Record<string, string[]> = {
  'accept-request': ['account', 'handover', 'intent', 'request'],
  'open-account': ['account', 'request', 'intent', 'budget', 'failure'],
  'await-account': ['account', 'intent'],
  'place-account': ['account', 'intent', 'budget'],
  'create-admin-group': ['account'],
  'store-password': ['account'],
  'create-admin-user': ['account'],
  'send-login-email': ['account', 'handover', 'link', 'mail'],
  'seal-password': ['account', 'handover'],
  'record-vended': ['account'],
  'remove-administrators': ['account', 'handover'],
  'claim-link': ['handover', 'link'],
  'report-claim': ['handover', 'claim'],
  'tell-subscribers': ['account', 'intent', 'notice'],
  'report-failure': ['account', 'failure', 'handover', 'intent'],
  'request-admins': ['account', 'idempotency'],
  'request-account': ['request', 'intent', 'idempotency', 'day', 'approval'],
  'get-request': ['request', 'intent', 'account'],
  'decide-request': ['request', 'intent'],
  'record-mail-event': ['mail'],
  'get-account': ['account', 'mail', 'handover', 'look', 'follow'],
  sweep: ['account', 'sweep', 'request', 'approval', 'look'],
  'look-at-accounts': ['round', 'account', 'handover', 'mail', 'follow', 'look'],
  'audit-root-credentials': ['round', 'look'],
  'follow-up': ['account', 'look', 'handover', 'mail', 'follow'],
  'report-round': ['report'],
}
const kindsOfItems = [...new Set(Object.values(itemsOf).flat())]
/** What ClaimLink, which everybody can call, must never be able to do. */
const tooMuchForClaimLink: [by: string, action: string][] = [
  ['seal-password', 'secretsmanager:GetSecretValue'],
  ['seal-password', 'kms:Decrypt'],
  ['send-login-email', 'ses:SendEmail'],
  ['create-admin-user', 'sts:AssumeRole'],
  ['sweep', 'states:StartExecution'],
  ['sweep', 'dynamodb:Scan'],
  ['send-login-email', 'dynamodb:PutItem'],
  ['sweep', 'organizations:DescribeAccount'],
]
const noteOfAnother = (by: string) => (by === 'report-failure' ? 'sweep#2026-11-25#a' : 'failure#a#1#FAILED')
const starting = ['sweep', 'follow-up', 'request-admins', 'request-account', 'decide-request', 'StartVendRole']
const onUser = [
  'CreateUser',
  'TagUser',
  'CreateLoginProfile',
  'UpdateLoginProfile',
  'AttachUserPolicy',
  'PutUserPolicy',
]
const onGroup = ['CreateGroup', 'AttachGroupPolicy', 'PutGroupPolicy']
/** What a removal does to users and groups on our path. */
const removing = [
  'DeleteLoginProfile',
  'DeleteAccessKey',
  'DeactivateMFADevice',
  'DeleteSigningCertificate',
  'DeleteSSHPublicKey',
  'DeleteServiceSpecificCredential',
  'DetachUserPolicy',
  'DeleteUserPolicy',
  'DeleteUser',
  'DetachGroupPolicy',
  'DeleteGroupPolicy',
  'DeleteGroup',
].map((action): [string, string] => ['remove-administrators', `iam:${action}`])
const removal: [string, string] = ['remove-administrators', 'iam:DeleteUser']
const member = (action: string): [string, string] => [
  onGroup.includes(action) ? 'create-admin-group' : 'create-admin-user',
  `iam:${action}`,
]

/** What a session that may only read must not do with a user. */
const whatChanges = [
  ...onUser,
  ...['DeleteUser', 'CreateAccessKey', 'DeleteLoginProfile', 'DetachUserPolicy', 'DeleteUserPolicy', 'UntagUser'],
  ...['DeactivateMFADevice', 'DeleteAccessKey', 'UpdateUser', 'PutUserPermissionsBoundary'],
]
/** A resource of each action. */
const elsewhereOf: Record<string, string> = {
  's3:GetObject': 'arn:aws:s3:::bucket/key',
  'secretsmanager:GetSecretValue': 'arn:aws:secretsmanager:us-east-1:700000000001:secret:own-a1B2c3',
  'sts:AssumeRole': 'arn:aws:iam::700000000001:role/own',
}

const denied: [what: string, of: [by: string, action: string], wrong: (request: Asked) => Wrong][] = [
  ...secrets.flatMap(([by, action]): typeof denied => [
    ['a secret of another prefix', [by, action], at(/:account-vending\//, ':another/')],
  ]),
  ...tooMuchForClaimLink.map((of): (typeof denied)[number] => [
    'too much for ClaimLink',
    of,
    itself({ by: 'claim-link' }),
  ]),
  ...Object.entries(itemsOf).flatMap(([by, kinds]): typeof denied =>
    kindsOfItems
      .filter((kind) => !kinds.includes(kind))
      .map((kind) => [
        `an item of ${kind}#`,
        [by, 'dynamodb:GetItem'],
        under({ 'dynamodb:LeadingKeys': [`${kind}#700000000001`] }),
      ]),
  ),
  ...['accept-request', 'get-account', 'report-claim', 'store-password'].map((by): (typeof denied)[number] => [
    'writing a handover, for who does not hand over',
    ['seal-password', 'dynamodb:UpdateItem'],
    (request) => ({ ...under({ 'dynamodb:LeadingKeys': ['handover#700000000001#ada'] })(request), by }),
  ]),
  [
    'making a link, for who knows the password',
    ['send-login-email', 'dynamodb:PutItem'],
    itself({ by: 'seal-password' }),
  ],
  ['an account, for who seals', ['create-admin-user', 'sts:AssumeRole'], itself({ by: 'seal-password' })],
  ['a mail, for who seals', ['send-login-email', 'ses:SendEmail'], itself({ by: 'seal-password' })],
  [
    'another event, for everybody',
    ['claim-link', 'events:PutEvents'],
    under({ 'events:detail-type': 'Account Vended' }),
  ],
  [
    'another event, for who reports',
    ['report-round', 'events:PutEvents'],
    under({ 'events:detail-type': 'Account Vended' }),
  ],
  ['a password, for who tells of claims', secrets[7]!, itself({ by: 'report-claim' })],
  ['a password, for who makes it', secrets[5]!, itself({ by: 'store-password' })],
  ['a password, for who mails', secrets[5]!, itself({ by: 'send-login-email' })],
  ['a password, for who writes groups', secrets[5]!, itself({ by: 'create-admin-group' })],
  ['a secret’s end, for who makes it', secrets[6]!, itself({ by: 'store-password' })],
  ['a secret’s end, for who reads it', secrets[6]!, itself({ by: 'create-admin-user' })],
  [
    'a secret’s end without recovery',
    secrets[6]!,
    itself({ context: { 'secretsmanager:ForceDeleteWithoutRecovery': 'true' } }),
  ],
  [
    'a secret’s end before seven days',
    ['follow-up', 'secretsmanager:DeleteSecret'],
    under({ 'secretsmanager:RecoveryWindowInDays': '6' }),
  ],
  ['a password, for who reminds', secrets[5]!, itself({ by: 'follow-up' })],
  ['an account, for who reminds', ['create-admin-user', 'sts:AssumeRole'], itself({ by: 'follow-up' })],
  [
    'writing a record, for who reminds',
    ['follow-up', 'dynamodb:UpdateItem'],
    under({ 'dynamodb:LeadingKeys': ['account#700000000001'] }),
  ],
  ['a secret’s end before seven days', secrets[6]!, under({ 'secretsmanager:RecoveryWindowInDays': '6' })],
  ['a secret’s policy', secrets[0]!, itself({ action: 'secretsmanager:PutResourcePolicy' })],

  ['decrypting, for who mails', ['create-admin-user', 'kms:Decrypt'], itself({ by: 'send-login-email' })],
  ['decrypting, for who ends secrets', ['create-admin-user', 'kms:Decrypt'], itself({ by: 'sweep' })],
  ['decrypting without Secrets Manager', ['create-admin-user', 'kms:Decrypt'], under({ 'kms:ViaService': 'none' })],
  ['decrypting without Secrets Manager', ['store-password', 'kms:Decrypt'], under({ 'kms:ViaService': 'none' })],
  ['encrypting, for who reads', ['store-password', 'kms:GenerateDataKey'], itself({ by: 'create-admin-user' })],
  [
    'decrypting, for an administrator who is not one of secretReaders',
    [person, 'kms:Decrypt'],
    itself({ by: `arn:aws:iam::${managementAccountId}:role/administrator` }),
  ],
  ['decrypting with a reader’s own hands', [person, 'kms:Decrypt'], under({ 'kms:ViaService': 'none' })],

  [
    'the logs’ key, for another service’s log group',
    [logs, 'kms:Decrypt'],
    under({ [logOfKey]: own('logs', 'log-group:/aws/lambda/another') }),
  ],
  [
    'the logs’ key, for another account’s log group',
    [logs, 'kms:GenerateDataKey'],
    under({ [logOfKey]: `arn:aws:logs:${here.region}:${elsewhere}:log-group:/aws/lambda/account-vending-local-sweep` }),
  ],
  ['the passwords’ key, for logs', [logs, 'kms:Decrypt'], () => ({ resource: arnIn(service, 'PasswordKey') })],
  [
    'the logs’ key, for another account’s alarm',
    ['cloudwatch.amazonaws.com', 'kms:Decrypt'],
    under({ 'aws:SourceAccount': elsewhere }),
  ],

  ...entering.flatMap((by): typeof denied => [
    ['another role', [by, 'sts:AssumeRole'], at(/role\/.*/, 'role/Another')],
    ['an account of another organization', [by, 'sts:AssumeRole'], under({ 'aws:ResourceOrgID': 'o-another' })],
    [
      'a role of that name in the management account',
      [by, 'sts:AssumeRole'],
      (request) => ({ ...at(/::\d{12}:/, `::${managementAccountId}:`)(request), accountId: managementAccountId }),
    ],
  ]),
  ...['audit-root-credentials'].flatMap((by): typeof denied => [
    [
      'deleting root credentials, for who audits them',
      [by, 'sts:AssumeRoot'],
      under({ 'sts:TaskPolicyArn': 'arn:aws:iam::aws:policy/root-task/IAMDeleteRootUserCredentials' }),
    ],
    ['the root user of another organization', [by, 'sts:AssumeRoot'], under({ 'aws:ResourceOrgID': 'o-another' })],
    [
      'the root user of the management account',
      [by, 'sts:AssumeRoot'],
      (request) => ({ ...at(/::\d{12}:/, `::${managementAccountId}:`)(request), accountId: managementAccountId }),
    ],
    ['root credentials, for who looks at accounts', [by, 'sts:AssumeRoot'], itself({ by: 'look-at-accounts' })],
    ['an account, for who audits root credentials', ['look-at-accounts', 'sts:AssumeRole'], itself({ by })],
  ]),
  ...['follow-up', 'report-round', 'sweep'].map((by): (typeof denied)[number] => [
    'an account, for the rest of the round',
    ['look-at-accounts', 'sts:AssumeRole'],
    itself({ by }),
  ]),
  ...whatChanges.map((action): (typeof denied)[number] => [
    'a change by a look',
    ['look-at-accounts', 'iam:GetLoginProfile'],
    itself({ action: `iam:${action}` }),
  ]),
  ...['iam:UpdateAccountPasswordPolicy', 's3:GetObject', 'secretsmanager:GetSecretValue', 'sts:AssumeRole'].map(
    (action): (typeof denied)[number] => [
      'anything else in a session of a look',
      ['look-at-accounts', 'iam:GetLoginProfile'],
      itself({ action, resource: elsewhereOf[action] ?? '*' }),
    ],
  ),
  [
    'writing a record, for who looks',
    ['look-at-accounts', 'dynamodb:UpdateItem'],
    under({ 'dynamodb:LeadingKeys': ['account#700000000001'] }),
  ],
  ['an account, for who makes passwords', ['create-admin-user', 'sts:AssumeRole'], itself({ by: 'store-password' })],
  ['an account, for who mails', ['create-admin-user', 'sts:AssumeRole'], itself({ by: 'send-login-email' })],

  ...[...onUser, ...onGroup].flatMap((action): typeof denied => [
    ['IAM outside of our path', member(action), at(/\/account-vending\//, '/')],
    ['IAM without a session', member(action), itself({ session: undefined })],
    [
      'IAM of the management account',
      member(action),
      (request) => ({
        ...at(/::\d{12}:/, `::${managementAccountId}:`)(request),
        accountId: managementAccountId,
        session: undefined,
      }),
    ],
  ]),
  ...removing.flatMap((of): typeof denied => [
    ['IAM outside of our path', of, at(/\/account-vending\//, '/')],
    ['IAM without a session', of, itself({ session: undefined })],
  ]),
  ...['CreateUser', 'CreateLoginProfile', 'CreateAccessKey', 'AttachUserPolicy', 'PutUserPolicy'].map(
    (action): (typeof denied)[number] => [
      'making something, for who removes',
      removal,
      itself({ action: `iam:${action}` }),
    ],
  ),
  [
    'a user’s end, if only the sign-in goes',
    ['remove-administrators', 'iam:DeleteLoginProfile'],
    itself({ action: 'iam:DeleteUser' }),
  ],
  ['another user’s MFA device', ['remove-administrators', 'iam:DeleteVirtualMFADevice'], at(/mfa\/.*/, 'mfa/another')],
  ['decrypting, for who removes', ['create-admin-user', 'kms:Decrypt'], itself({ by: 'remove-administrators' })],
  ['a password, for who removes', secrets[5]!, itself({ by: 'remove-administrators' })],
  ['a secret’s end without recovery, for who removes', secrets[11]!, itself({ context: {} })],
  ...['account#700000000013', 'mail#a#b', 'intent#a', 'round#a', 'failure#a'].map((key): (typeof denied)[number] => [
    `the end of ${key}`,
    ['remove-administrators', 'dynamodb:DeleteItem'],
    under({ 'dynamodb:LeadingKeys': [key] }),
  ]),
  ...onUser.map((action): (typeof denied)[number] => ['another user', member(action), at(/[^/]+$/, 'another')]),
  ...['AttachUserPolicy', 'AttachGroupPolicy'].map((action): (typeof denied)[number] => [
    'a policy that is not configured',
    member(action),
    under({ 'iam:PolicyARN': 'arn:aws:iam::aws:policy/PowerUserAccess' }),
  ]),
  ['another group', ['create-admin-user', 'iam:AddUserToGroup'], at(/[^/]+$/, 'another')],
  ...['DeleteUser', 'CreateAccessKey', 'DeleteLoginProfile', 'PutUserPolicy'].map((action): (typeof denied)[number] => [
    'what nobody asked for',
    member('CreateUser'),
    itself({ action: `iam:${action}` }),
  ]),
  [
    'the password policy, for who makes users',
    member('CreateUser'),
    itself({ action: 'iam:UpdateAccountPasswordPolicy', resource: '*' }),
  ],
  ...['DeleteGroup', 'DetachGroupPolicy', 'DeleteGroupPolicy', 'DeleteAccountPasswordPolicy'].map(
    (action): (typeof denied)[number] => [
      'what nobody asked for',
      member('CreateGroup'),
      itself({ action: `iam:${action}` }),
    ],
  ),

  ...mailing.flatMap((by): typeof denied => [
    ['another sender', [by, 'ses:SendEmail'], under({ 'ses:FromAddress': 'somebody@example.com' })],
    ['another identity', [by, 'ses:SendEmail'], at(/identity\/.*/, 'identity/example.org')],
  ]),
  [
    'another sender of an answer',
    ['report-failure', 'ses:SendRawEmail'],
    under({ 'ses:FromAddress': 'somebody@example.com' }),
  ],
  ['an answer to a mail, for who reminds', ['report-failure', 'ses:SendRawEmail'], itself({ by: 'follow-up' })],
  ['a mail, for who knows the password', ['send-login-email', 'ses:SendEmail'], itself({ by: 'create-admin-user' })],

  ...writingLedger.flatMap((by): typeof denied => [
    ['the ledger of another stage', [by, 'dynamodb:UpdateItem'], at(/vending-local/, 'vending-another')],
    ['the end of a record', [by, 'dynamodb:UpdateItem'], itself({ action: 'dynamodb:DeleteItem' })],
  ]),
  ...noting.flatMap((by): typeof denied => [
    ['an account’s record', [by, 'dynamodb:PutItem'], under({ 'dynamodb:LeadingKeys': ['account#700000000001'] })],
    ['a note that another writes', [by, 'dynamodb:PutItem'], under({ 'dynamodb:LeadingKeys': [noteOfAnother(by)] })],
    ['an item without a name', [by, 'dynamodb:PutItem'], itself({ context: {} })],
  ]),
  [
    'an account’s record, for who hears of mails',
    ['record-mail-event', 'dynamodb:UpdateItem'],
    under({ 'dynamodb:LeadingKeys': ['account#700000000001'] }),
  ],
  [
    'the record of a mail that nobody sent',
    ['send-login-email', 'dynamodb:PutItem'],
    (request) => ({ ...under({ 'dynamodb:LeadingKeys': ['mail#a#b'] })(request), by: 'record-mail-event' }),
  ],
  ['writing a record, for who only tells', ['sweep', 'dynamodb:UpdateItem'], itself({ by: 'get-account' })],
  ['writing a record, for the API', ['sweep', 'dynamodb:UpdateItem'], itself({ by: 'request-admins' })],
  ['the end of the ledger', ['sweep', 'dynamodb:DescribeTable'], itself({ action: 'dynamodb:DeleteTable' })],

  ...starting.flatMap((by): typeof denied => [
    ['another workflow', [by, 'states:StartExecution'], at(/vending-local/, 'vending-another')],
  ]),
  ['starting a vend, for a step', ['sweep', 'states:StartExecution'], itself({ by: 'accept-request' })],
  ['another workflow’s execution', ['accept-request', 'states:DescribeExecution'], at(/vending-local/, 'another')],

  ['another event bus', ['record-vended', 'events:PutEvents'], at(/default$/, 'another')],
  ['an event in AWS’s name', ['record-vended', 'events:PutEvents'], under({ 'events:source': 'aws.organizations' })],
  ['an event, for who asks', ['record-vended', 'events:PutEvents'], itself({ by: 'request-admins' })],

  ['an account’s end', ['sweep', 'organizations:DescribeAccount'], itself({ action: 'organizations:CloseAccount' })],
  ['an account’s move', ['sweep', 'organizations:DescribeAccount'], itself({ action: 'organizations:MoveAccount' })],
  ['all accounts, for who needs one', ['sweep', 'organizations:ListAccounts'], itself({ by: 'accept-request' })],

  ['another function’s log', ['sweep', 'logs:PutLogEvents'], at(/-sweep/, '-getAccount')],
  ['another queue', ['report-failure', 'sqs:SendMessage'], at(/DeadLetters$/, 'another')],

  ['a function that is no step', ['WorkflowRole', 'lambda:InvokeFunction'], at(/-local-.*/, '-local-reportFailure')],
  ['another service’s function', ['WorkflowRole', 'lambda:InvokeFunction'], at(/account-vending/, 'another')],
  ['a step, for the rules', ['WorkflowRole', 'lambda:InvokeFunction'], itself({ by: 'StartVendRole' })],
  [
    'what becomes of mails, for another rule',
    ['events.amazonaws.com', 'lambda:InvokeFunction'],
    () => ({
      resource: arnIn(service, 'RecordMailEventLambdaFunction'),
      context: { 'aws:SourceAccount': managementAccountId, 'aws:SourceArn': own('events', 'rule/another') },
    }),
  ],
  [
    'the sweep, for a rule',
    ['events.amazonaws.com', 'lambda:InvokeFunction'],
    () => ({
      resource: arnIn(service, 'SweepLambdaFunction'),
      context: { 'aws:SourceAccount': managementAccountId, 'aws:SourceArn': own('events', 'rule/another') },
    }),
  ],
  [
    'a function, for another account’s rule',
    ['events.amazonaws.com', 'lambda:InvokeFunction'],
    under({ 'aws:SourceAccount': elsewhere }),
  ],
  [
    'a dead letter of another rule',
    ['events.amazonaws.com', 'sqs:SendMessage'],
    under({ 'aws:SourceArn': own('events', 'rule/another') }),
  ],
  [
    'the rules’ role, for another account’s rule',
    ['events.amazonaws.com', 'sts:AssumeRole'],
    under({ 'aws:SourceAccount': elsewhere }),
  ],
  [
    'the workflow’s role, for another account’s workflow',
    ['states.amazonaws.com', 'sts:AssumeRole'],
    under({ 'aws:SourceAccount': elsewhere }),
  ],
  [
    'the workflow’s role, for a function',
    ['states.amazonaws.com', 'sts:AssumeRole'],
    itself({ by: 'lambda.amazonaws.com' }),
  ],

  [
    'vending an existing account by the API, for requesters',
    ['OperatorRole', 'execute-api:Invoke'],
    itself({ by: 'RequesterRole', resource: route('POST /accounts/{accountId}/admins') }),
  ],
  [
    'the list of all accounts, for requesters',
    ['OperatorRole', 'execute-api:Invoke'],
    itself({ by: 'RequesterRole', resource: route('GET /accounts') }),
  ],
  ...['OperatorRole', 'RequesterRole'].map((by): (typeof denied)[number] => [
    'approving a request, for who may ask',
    ['ApproverRole', 'execute-api:Invoke'],
    itself({ by, resource: route('POST /requests/{requestId}/approval') }),
  ]),
  ...['POST /accounts', 'GET /accounts', 'POST /accounts/{accountId}/admins'].map((key): (typeof denied)[number] => [
    'asking for something, for approvers',
    ['ApproverRole', 'execute-api:Invoke'],
    itself({ resource: route(key) }),
  ]),
  [
    'the approvers’ role, which nobody was given',
    [person, 'sts:AssumeRole'],
    () => ({ resource: arnIn(service, 'ApproverRole') }),
  ],
  ['the table itself, for who lists accounts', ['list-accounts', 'dynamodb:Query'], at(/\/index\/.*/, '')],
  ['another index, for who lists accounts', ['list-accounts', 'dynamodb:Query'], at(/byStatus/, 'another')],
  ['an item, for who lists accounts', ['get-account', 'dynamodb:GetItem'], itself({ by: 'list-accounts' })],
  ['writing a request, for who only reads', ['decide-request', 'dynamodb:UpdateItem'], itself({ by: 'get-request' })],
  ['making a request, for who decides', ['request-account', 'dynamodb:PutItem'], itself({ by: 'decide-request' })],
  [
    'another route',
    ['OperatorRole', 'execute-api:Invoke'],
    itself({ resource: route('DELETE /accounts/{accountId}') }),
  ],
  ['another stage', ['OperatorRole', 'execute-api:Invoke'], at(/\$default/, 'another')],
  ['another API', ['OperatorRole', 'execute-api:Invoke'], at(/:local\//, ':another/')],
  [
    'the operators’ role, for somebody else',
    [person, 'sts:AssumeRole'],
    itself({ by: `arn:aws:iam::${managementAccountId}:role/somebody` }),
  ],
  [
    'the requesters’ role, which nobody was given',
    [person, 'sts:AssumeRole'],
    () => ({ resource: arnIn(service, 'RequesterRole') }),
  ],
]

test.each(denied)('%s is denied, although %j is otherwise allowed', async (_, [by, action], wrong) => {
  const right = all().find((request) => request.by === by && request.action === action)
  expect(right, `${by} ${action} is not called`).toBeDefined()
  expect(await allows(right!)).toBe(true)
  expect(await allows({ ...right!, ...wrong(right!) } as Asked)).toBe(false)
})
